"""The tables in docs/results are those that the experiments make, but for times."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"


def tables(page):
    return dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end of \1 -->", page.read_text(), re.S))


def alike(a, b, times):
    """Word for word, but for what another machine's rounding may change, and times."""
    for x, y in zip(a.split(), b.split(), strict=True):
        if x == y or set(x + y) <= {"-", ":"} or times:
            continue
        close = 2 if x.isdigit() and y.isdigit() else 2e-3
        assert abs(float(x) - float(y)) <= max(close, 0.01 * float(x)), (x, y)
    return True


@pytest.mark.slow
def test_the_tables_of_pmg_are_what_is_measured(tmp_path):
    page = tmp_path / "pmg_functions.md"
    shutil.copy(RESULTS / page.name, page)
    command = [sys.executable, "-m", "experiments.pmg_functions", "--page", str(page), "--rounds", "1"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    fresh, committed = tables(page), tables(RESULTS / page.name)
    assert set(fresh) == {"counts", "steps", "free", "fixed", "rates", "safeguard", "solved", "costs"}
    for name, text in fresh.items():
        assert alike(text, committed[name], times=name == "costs"), f"{name}\n{text}"
    assert {file.name for file in tmp_path.iterdir()} == {"pmg_functions.md", "pmg_functions.png", "pmg_profile.png"}


def test_a_page_without_a_place_for_a_table_is_refused():
    from momentumlab.files import filled

    assert (
        filled("a <!-- n -->old<!-- end of n --> b", {"n": r"new \1"}) == "a <!-- n -->\nnew \\1\n<!-- end of n --> b"
    )
    with pytest.raises(ValueError, match="0 places for m"):
        filled("nothing", {"m": "text"})
