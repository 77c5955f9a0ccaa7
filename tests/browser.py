"""A page, looked at in a browser: on a desktop and on a phone, by day and by night."""

import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync")
SCREENS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}
CONTRAST = 4.5  # of text, at least, by the accessibility guidelines

FAULTS = (Path(__file__).parent / "browser.js").read_text(encoding="utf-8")
"""A function of the screen's width and the least contrast: sentences on what is wrong with the page."""


def look(path, shots=None):
    """Fail where a page errs, asks for anything but itself, runs over the screen, or cannot be read.

    Screenshots of the whole page are written into the folder `shots`.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"there is no browser: none of {', '.join(BROWSERS)}")
    address, faults = Path(path).resolve().as_uri(), []
    with api.sync_playwright() as playwright:
        arguments = [f"--{name}" for name in (*QUIET, "no-first-run")]
        running = playwright.chromium.launch(executable_path=browser, args=arguments)
        for screen, options in SCREENS.items():
            for scheme in ("light", "dark"):
                found = []
                page = running.new_page(color_scheme=scheme, offline=True, **options)
                page.on("console", lambda message, found=found: found.append(f"the console says {message.text!r}"))
                page.on("pageerror", lambda error, found=found: found.append(f"a script fails: {error}"))
                page.on("request", lambda asked, found=found: asked.url == address or found.append(f"asks {asked.url}"))
                page.goto(address)
                found += page.evaluate(FAULTS, [options["viewport"]["width"], CONTRAST])
                if shots is not None:
                    page.screenshot(path=Path(shots) / f"{Path(path).stem}-{screen}-{scheme}.png", full_page=True)
                faults += [f"{screen}, {scheme}: {fault}" for fault in found]
                page.close()
        running.close()
    if faults:
        raise AssertionError("\n".join([f"{Path(path).name} has {len(faults)} faults", *faults]))
