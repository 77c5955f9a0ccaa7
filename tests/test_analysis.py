"""What docs/theorems.md and docs/conventions.md say is what the analysis makes."""

import re
from pathlib import Path

import pytest

import momentumlab as ml

ROOT = Path(__file__).parent.parent
THEOREMS = (ROOT / "docs" / "theorems.md").read_text()


def part(page, name):
    (text,) = re.findall(f"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", page, re.S)
    return text


@pytest.mark.parametrize("name", ml.rates.THEOREMS)
def test_each_row_has_its_entry_and_figure(name):
    """Word for word, but for what another machine's rounding may change in the measured ratio."""
    from analysis.theorems import entry

    row, text = ml.rates.THEOREMS[name], part(THEOREMS, name)
    ratio = row.ratio(row.evidence())
    stated = re.search(r"at most (\d\.\d{3})\.\n", text)
    assert (stated is None) == (row.sense == "=")
    if stated:
        assert ratio == pytest.approx(float(stated[1]), abs=2e-3)
    assert text == entry(row, float(stated[1]) if stated else ratio)
    assert (ROOT / "docs" / "results" / "theorems" / f"{name}.png").exists()


def test_the_page_has_no_other_entries():
    assert re.findall(r"<!-- (\w+) -->", THEOREMS) == list(ml.rates.THEOREMS)


def test_the_pages_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", THEOREMS, re.S)
    exec(code)  # noqa: S102


def test_the_conventions_are_what_is_found():
    pytest.importorskip("sympy")
    text = part((ROOT / "docs" / "conventions.md").read_text(), "conventions")
    rounded = lambda table: re.sub(r"\d\.\d{3,}", lambda m: f"{float(m[0]):.3f}", table)
    assert rounded(text) == rounded(ml.rates.conventions_table())
