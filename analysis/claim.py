"""A claim of the literature: what it says, the experiment that asks, what came out, and the verdict that follows.

An experiment returns facts, each a measured number beside the one that the claim gives it. The verdict is read off the
facts; the file of a claim states it, and a test compares. So is a change of the experiment with which it is another.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import TYPE_CHECKING, Any

from momentumlab.compare import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOLDS, UNDER, FALSE = "holds", "holds under a condition", "false"
RELATIONS = {"<": operator.lt, "≤": operator.le, "≥": operator.ge, ">": operator.gt}


@dataclass(frozen=True)
class Fact:
    """A number that was measured, and what the claim says of it.

    Attributes
    ----------
    what : str
        What was measured, and where.
    measured : float
    relation : str
        "<", "≤", "=", "≥" or ">".
    claimed : float
    within : float
        How near counts as equal, relative to the larger; absolute where 0 is claimed.
    """

    what: str
    measured: float
    relation: str
    claimed: float
    within: float = 1e-9

    @property
    def true(self) -> bool:
        if self.relation == "=":
            return isclose(self.measured, self.claimed, rel_tol=self.within, abs_tol=0 if self.claimed else self.within)
        return bool(RELATIONS[self.relation](self.measured, self.claimed))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an experiment found.

    Attributes
    ----------
    facts : sequence of Fact
        Of the claim as it stands; of one that has a condition, where that is met.
    beyond : sequence of Fact
        The same where it is not.
    found : sequence of Fact
        What theory says instead, or besides; no part of the verdict.
    curves : mapping
        What the figure draws.
    """

    facts: Sequence[Fact]
    beyond: Sequence[Fact] = ()
    found: Sequence[Fact] = ()
    curves: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if not self.facts or not all(fact.true for fact in self.facts):
            return FALSE
        return HOLDS if all(fact.true for fact in self.beyond) else UNDER


@dataclass(frozen=True, eq=False)
class Claim:
    """A claim and its experiment.

    Attributes
    ----------
    text : str
        The docstring of its file: a title, then what is to be said.
    source, statement : str
        Who says it, and what.
    verdict : str
        HOLDS, UNDER or FALSE.
    because : str
        One line: the condition, the counterexample, or why it holds.
    experiment : callable
        ``experiment(**changes) -> Evidence``; without changes it is the one on the page.
    figure : callable
        ``figure(evidence) -> Figure``.
    flip : mapping
        Changes of the experiment with which the verdict is another.
    """

    text: str
    source: str
    statement: str
    verdict: str
    because: str
    experiment: Callable[..., Evidence]
    figure: "Callable[[Evidence], Figure]"
    flip: Mapping[str, Any]

    @property
    def title(self) -> str:
        return self.text.partition("\n")[0].rstrip(".")

    def page(self, name: str, evidence: Evidence) -> str:
        """What is found, as Markdown."""
        discussion = self.text.partition("\n")[2].strip()
        parts = [
            f"# {self.title}",
            f"> {self.statement}",
            f"{self.source}.",
            f"**Verdict: {self.verdict}.** {self.because}",
            discussion,
            f"![{self.title}]({name}.svg)",
            _table(evidence),
            f"`python -m analysis {name}` writes this page; the experiment is `analysis/claims/{name}.py`.",
        ]
        return "\n\n".join(part for part in parts if part) + "\n"


def _table(evidence: Evidence) -> str:
    rows = [_row(fact) for fact in evidence.facts]
    for title, facts in (("where the condition is not met", evidence.beyond), ("besides", evidence.found)):
        if facts:
            rows += [[f"*{title}*", "", "", ""], *(_row(fact) for fact in facts)]
    return markdown(["measured", "", "stated", ""], rows, numbers={1})


def _row(fact: Fact) -> list[str]:
    within = f" ± {100 * fact.within:.2g} %" if fact.relation == "=" and fact.claimed and fact.within > 1e-6 else ""
    stated = f"{fact.relation} {fact.claimed:.5g}{within}"
    return [fact.what.replace("|", r"\|"), f"{fact.measured:.5g}", stated, "✓" if fact.true else "✗"]
