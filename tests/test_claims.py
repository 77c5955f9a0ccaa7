"""Every verdict of the literature's claims is what its experiment finds, and could have been another."""

import re
from pathlib import Path

import pytest

from analysis.claim import FALSE, HOLDS, UNDER, Evidence, Fact
from analysis.claims import NAMES, claim
from analysis.pages import index

DOCS = Path(__file__).parent.parent / "docs" / "claims"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?|nan|inf")


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_what_the_experiment_finds(name):
    evidence, one = claim(name).experiment(), claim(name)
    assert evidence.verdict == one.verdict
    assert all(fact.true for fact in evidence.found)
    assert (one.verdict == UNDER) == bool(evidence.beyond)
    page, made = (DOCS / f"{name}.md").read_text(), one.page(name, evidence)
    digits = lambda text: re.sub(r" +|-+:?", " ", NUMBER.sub("#", text))
    assert digits(page) == digits(made)
    assert (DOCS / f"{name}.svg").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_would_be_another_if_the_experiment_were(name):
    assert claim(name).experiment(**claim(name).flip).verdict != claim(name).verdict


def test_the_index_lists_them_all():
    assert (DOCS / "README.md").read_text() == index()
    assert {path.stem for path in DOCS.glob("*.md")} == {*NAMES, "README"}
    assert {path.stem for path in DOCS.glob("*.svg")} == set(NAMES)


def test_verdicts_are_read_off_facts():
    yes, no = Fact("", 1, "≤", 1), Fact("", 2, "<", 1)
    assert Evidence([yes]).verdict == Evidence([yes], [yes]).verdict == HOLDS
    assert Evidence([yes], [yes, no]).verdict == UNDER
    assert Evidence([no], [yes]).verdict == Evidence([yes, no]).verdict == Evidence([]).verdict == FALSE
    assert Evidence([yes], found=[no]).verdict == HOLDS
    nan = float("nan")
    assert not any(Fact("", nan, relation, 1).true for relation in "<≤=≥>")
