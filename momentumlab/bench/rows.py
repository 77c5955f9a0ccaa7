"""A row of the table, and how both of its sides are timed.

The two sides are timed in turn, A B A B ..., and the row reports the median of the ratios pair by pair, so
that a machine whose speed drifts drifts under both. A side of a pair is the best of several runs.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from ..compare import markdown, seconds


@dataclass(frozen=True)
class Row:
    """One comparison: medians of both sides in `unit`, the median of their ratios, and what must be reached.

    Without a peer, `theirs` and `ratio` are None, and the target is one of `ours`.
    """

    what: str
    peer: str
    ours: float
    theirs: float | None
    ratio: float | None
    target: float | None
    unit: str = "s"

    @property
    def reached(self) -> bool | None:
        """Whether the target is, where there is one."""
        found = self.ours if self.ratio is None else self.ratio
        return None if self.target is None else found <= self.target

    def record(self) -> dict[str, Any]:
        """The row as plain values."""
        return {**asdict(self), "reached": self.reached}


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = ["what", "peer", "ours", "peer's", "ratio", "must reach", ""]
    return markdown(head, [_cells(row) for row in rows], numbers={2, 3, 4, 5})


def _cells(row: Row) -> list[str]:
    show = seconds if row.unit == "s" else lambda value: f"{value:.0f} {row.unit}" if row.unit else f"{value:.2g}"
    alone = row.theirs is None or row.ratio is None
    return [
        row.what,
        row.peer,
        show(row.ours),
        "" if row.theirs is None else show(row.theirs),
        "" if row.ratio is None else f"{row.ratio:#.3g}",
        "" if row.target is None else f"≤ {show(row.target) if alone else f'{row.target:g}'}",
        {True: "reached", False: "missed", None: ""}[row.reached],
    ]


def pairs(
    what: str,
    peer: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    target: float | None = None,
    repeats: int = 9,
) -> Row:
    """A row of seconds that the two sides report, in turn."""
    ours(), theirs()
    found = [(ours(), theirs()) for _ in range(repeats)]
    return Row(
        what, peer, median(a for a, _ in found), median(b for _, b in found), median(a / b for a, b in found), target
    )


def best(run: Callable[[], tuple[float, int]]) -> float:
    """Seconds a run takes by what it does, iterations or one call: the best of 5 runs, and of 20 ms of runs."""
    runs, until = [run() for _ in range(5)], time.perf_counter() + 0.02
    while time.perf_counter() < until:  # longer than a peer's threads spin after its own turn
        runs.append(run())
    return min(taken / count for taken, count in runs)


def timed(run: Callable[[], Any]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def installed(*peers: str) -> bool:
    """Whether all of them can be imported."""
    return all(importlib.util.find_spec(peer) is not None for peer in peers)
