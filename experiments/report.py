"""What an experiment leaves: a report, numbers, figures, and the tables of a page.

A report is one HTML file: figures inside it, tables, and how it was made.

It asks for nothing over the network and runs no script. In figures pure black and pure white follow the page, which is
light or dark as the reader's system is; every other colour stays, so what is written over a colour is best "0.05" or
"0.95".
"""

import io
import os
import platform
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

import momentumlab
from experiments.errors import Refused, sentences
from momentumlab.files import filled, replacing, save
from momentumlab.plots import RC

ROOT = Path(__file__).parent.parent
LONG = 40  # letters of a cell, beyond which its column wraps
NUMBER = re.compile(r"(\d|nan|inf|∞|[\s.,:;eE+±×·/%()\[\]<>≤≥≈~–—−⁰¹²³⁴⁵⁶⁷⁸⁹⁻-])*( (ns|µs|ms|s|min|h|kB|MB|GB))?")

Table = tuple[list[str], list[list[str]]]
"""A head and its rows, in plain text."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    The text is paragraphs with blank lines between them, in which `code` stands in backticks. A table is its head and
    its rows, in plain text. The caption is the figure's, or the table's where there is no figure.
    """

    title: str
    text: str = ""
    table: Table | None = None
    figure: Figure | None = None
    caption: str = ""


def write(
    path: str | os.PathLike, title: str, lead: str, sections: Sequence[Section], record: Mapping[str, Any]
) -> None:
    """Write a report, whole or not at all; the same input gives the same bytes.

    Parameters
    ----------
    path : path
        The file.
    title, lead : str
        What it is about, and in a few sentences what was found.
    sections : sequence of Section
        What is shown, in order; more than three have a table of contents.
    record : mapping
        How it was made: the command, seeds, config, versions, seconds. Values may be mappings in turn.
    """
    anchors = list(_anchors(section.title for section in sections))
    parts = [
        {
            "section": section,
            "anchor": anchor,
            "columns": _columns(section),
            "figure": section.figure and svg(section.figure, f"{anchor}:", section.caption or section.title),
        }
        for section, anchor in zip(sections, anchors, strict=True)
    ]
    page = PAGE.get_template("report.html").render(title=title, lead=lead, parts=parts, record=record)
    put(path, page)


def publish(
    out: Path,
    text: str,
    figures: Mapping[str, Figure],
    page: Path | None,
    tables: Mapping[str, str],
) -> None:
    """Write numbers and figures into a folder; and, where there is a page, its tables, and both beside it."""
    with sentences("the results"):
        put(out / "results.json", text)
        for name, figure in figures.items():
            save(figure, out / f"{name}.png")
        if page is None:
            return
        try:
            put(page, filled(page.read_text(encoding="utf-8"), tables))
        except ValueError as error:
            raise Refused(f"--page {page}: {error}") from None
        put(page.with_suffix(".json"), text)
        for name, figure in figures.items():
            save(figure, page.with_name(f"{page.stem}_{name}.png"))


def checked(page: Path | None) -> Path | None:
    """The page whose tables are to be written, where there is one; refused where it is named and not there."""
    if page is None or page.is_file():
        return page
    raise Refused(f"--page {page}; it must be a page with places for the tables, as those in docs/results are")


def put(path: str | os.PathLike, text: str) -> None:
    """Write a text, whole or not at all."""
    with sentences(os.path.basename(path)), replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def rounded(value: Any, digits: int = 6) -> Any:
    """Every number with so many digits, and null for what is not finite.

    >>> rounded({"loss": [1 / 3, float("nan")], "epochs": 5}, 2)
    {'loss': [0.33, None], 'epochs': 5}
    """
    if isinstance(value, Mapping):
        return {name: rounded(part, digits) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part, digits) for part in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if isfinite(value) else None
    return value


def versions() -> dict[str, str]:
    """What the numbers may depend on: the versions, the commit, the machine, and its GPU where torch has one."""
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found |= {"momentumlab": momentumlab.__version__} | _commit()
    found |= {"machine": platform.machine(), "processors": str(os.cpu_count())}
    torch = sys.modules.get("torch")  # what was not imported has computed nothing
    if torch is not None and torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
    return found


def _commit() -> dict[str, str]:
    """The commit, where this is a checkout."""
    if not (ROOT / ".git").exists():
        return {}
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return {}
    return {"commit": done.stdout.strip()} if done.returncode == 0 else {}


# ------------------------------------------------------------------ figures


def svg(figure: Figure, prefix: str, label: str) -> Markup:
    """A figure as an element of a page, where its ids begin with the prefix.

    Its text is text; what nothing refers to has no id; a hundredth of a point is its finest measure.
    """
    drawn = io.BytesIO()
    with matplotlib.rc_context({**RC, "svg.fonttype": "none", "svg.hashsalt": ""}):
        figure.savefig(drawn, format="svg", transparent=True)
    root = ElementTree.fromstring(drawn.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    names = _names(root, prefix)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = dict(_attributes(element, names))
        element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
    width = float(root.get("viewBox", "").split()[2])
    root.attrib = {
        "viewBox": root.get("viewBox", ""),
        "style": f"--width: {width:g}px",
        "role": "img",
        "aria-label": label.replace("`", ""),
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _names(root: ElementTree.Element, prefix: str) -> dict[str, str]:
    """New ids for those that something refers to."""
    values = "\n".join(value for element in root.iter() for value in element.attrib.values())
    wanted = set(re.findall(r"(?:^|url\()#([^)\n]+)", values, re.M))
    ids = [i for element in root.iter() if (i := element.get("id")) in wanted]
    return {old: f"{prefix}{j}" for j, old in enumerate(ids, 1)}


def _attributes(element: ElementTree.Element, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        key = _local(key)
        if key == "id":
            if value in names:
                yield key, names[value]
        elif key == "href" and value.startswith("#"):
            yield key, f"#{names.get(value[1:], value[1:])}"
        elif key == "d":
            fine = " ".join(value.split())
            yield key, re.sub(r"-?\d+\.\d{3,}", lambda number: f"{round(float(number[0]), 2) + 0.0:g}", fine)
        else:
            yield key, _themed(re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{names[found[1]]})", value))


def _themed(value: str) -> str:
    """Black and white that follow the page, and its font for figures."""
    value = value.replace("#000000", "currentColor").replace("#ffffff", "var(--page)")
    return re.sub(r"; font-family: 'DejaVu Sans'[^;]*", "", value)


# ------------------------------------------------------------------ the page


def _anchors(titles: Iterator[str]) -> Iterator[str]:
    """A name for each title, in letters, digits and hyphens; a title that comes again is counted."""
    seen: Counter[str] = Counter()
    for title in titles:
        words = "-".join(re.findall(r"\w+", title.lower())) or "section"
        seen[words] += 1
        yield words if seen[words] == 1 else f"{words}.{seen[words]}"


def _columns(section: Section) -> list[str]:
    """The class of each column of a table: numbers, long texts, or neither."""
    if section.table is None:
        return []
    head, rows = section.table
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"the table of {section.title!r} has {len(head)} columns, but a row of {len(row)}: {row}")
    return [_kind([row[j] for row in rows]) for j in range(len(head))]


def _kind(cells: Sequence[str]) -> str:
    if re.search(r"\d", "".join(cells)) and all(map(NUMBER.fullmatch, cells)):
        return "number"
    return "long" if max(map(len, cells), default=0) > LONG else ""


def prose(text: str) -> Markup:
    """Text in which `code` stands in backticks."""
    parts = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if j % 2 else part for j, part in enumerate(parts))


def paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text.strip()) if text.strip() else []


def words(command: str | Sequence[str]) -> list[str]:
    """A command's words, and what stands between them."""
    return re.split(r"(\s+)", command.strip() if isinstance(command, str) else shlex.join(map(str, command)))


def duration(seconds: float) -> str:
    """Seconds as a reader would say them.

    >>> duration(8.25), duration(75), duration(7384)
    ('8.2 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, past = divmod(minutes, 60)
    return f"{hours} h {past} min" if hours else f"{minutes} min {rest} s"


PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGE.filters.update(prose=prose, paragraphs=paragraphs, words=words, duration=duration)
