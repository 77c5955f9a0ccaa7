"""The rate card of a method: what is measured, exact, certified and stated, side by side."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compare import markdown
from ..method import Method
from ..problems.options import curvature, whole
from ..rule import Rule
from .certify import certified
from .equivalence import equivalent
from .evidence import observe, quadratics, strongly_convex
from .fit import Measured, measured
from .linear import NotLinear
from .rate import Rate, as_tuned, between
from .spectra import Growth, amplitudes, exact, growth
from .theorems import DISTANCE, THEOREMS, Theorem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 1e-13
"""Where rounding ends a run: runs are as long as the slowest rate takes to get there, within bounds."""
STEPS = (200, 4000)
CURVED = "log-cosh"
PROBES = 16
"""Curvatures and steps on which iterates are compared."""
FLOOR = 1e-11
"""Relative errors down to which lines are drawn."""


@dataclass(frozen=True, eq=False, repr=False)
class Card:
    """What `card` returns: printed as a table, drawn by `plot`.

    Attributes
    ----------
    method : Method
    mu, L : float
    exact : Rate or str
        On quadratics; or why there is none.
    certified : dict of str to Rate, None or str
        On strongly convex functions, by each test that was made; None where no rate below 1 is.
    stated : dict of str to Rate
        By the theorems that cover the method.
    measured : dict of str to Measured or str
        On each function; or why the errors tell no rate.
    errors : dict of str to ndarray
        ‖xₖ − x*‖/‖x₀ − x*‖ on each function.
    curved : tuple of str
        Those of them that are no quadratics.
    growth : Growth or None
        How far errors on quadratics grow before they shrink.
    """

    method: Method
    mu: float
    L: float
    exact: Rate | str
    certified: dict[str, Rate | str | None]
    stated: dict[str, Rate]
    measured: dict[str, Measured | str]
    errors: dict[str, np.ndarray]
    curved: tuple[str, ...]
    growth: Growth | None

    def rates(self) -> list[tuple[str, str, Any, str]]:
        """Kind, functions, the rate or the sentence that says why there is none, and what was tried."""
        found: list[tuple[str, str, Any, str]] = [("exact", "quadratics", self.exact, "")]
        found += [("certified", "strongly convex", rate, by) for by, rate in self.certified.items()]
        found += [("stated", THEOREMS[name].on, rate, "") for name, rate in self.stated.items()]
        return found + [("measured", on, rate, "") for on, rate in self.measured.items()]

    def table(self, format: str = "markdown") -> str:
        """The card as a table, "markdown" or "json"."""
        if format == "json":
            import json

            return json.dumps(self.record(), indent=2, ensure_ascii=False)
        if format != "markdown":
            raise ValueError(f"format = {format!r}; it must be 'markdown' or 'json'")
        head = f"{self.method}, μ = {self.mu:g}, L = {self.L:g}, κ = {self.L / self.mu:g}"
        rows = [[kind, on, *_cells(rate, by)] for kind, on, rate, by in self.rates()]
        body = markdown(["", "on", "rate", "rests on"], rows, numbers={2})
        if self.growth is None or not self.growth.k:
            return f"{head}\n\n{body}"
        return f"{head}\n\n{body}\nOn quadratics errors grow {self.growth.peak:.4g}-fold first, at k = {self.growth.k}."

    def record(self) -> dict[str, Any]:
        """The card as plain values."""
        found = [
            dict(kind=kind, on=on, rate=float(rate) if isinstance(rate, float) else None, rests_on=_cells(rate, by)[1])
            for kind, on, rate, by in self.rates()
        ]
        return {"method": str(self.method), "mu": self.mu, "L": self.L, "rates": found}

    __str__ = __repr__ = table

    def lines(self) -> dict[str, np.ndarray]:
        """Curves over k, by label: the bounds of theorems on distances, and each other rate below 1 as a line ∝ ρᵏ.

        A bound is drawn where the method is the theorem's from its start on. A line touches from above the errors that
        it speaks of, since the constant in front of ρᵏ is not known.
        """
        k = np.arange(int(1.2 * self.seen) + 2)
        bounds = {f"stated, {n}": THEOREMS[n].bound(k, self.mu, self.L) for n in self.stated if self._bounded(n)}
        rates = {"exact": self.exact, "certified": self.certified["frequencies"]}
        rates |= {f"stated, {n}": rate for n, rate in self.stated.items() if not self._bounded(n)}
        lines = {
            f"{label}: $\\propto {rate:.4g}^k$": self._touching(rate, label == "exact") * rate**k
            for label, rate in rates.items()
            if isinstance(rate, float) and 0 < rate < 1
        }
        return bounds | lines

    def _bounded(self, name: str) -> bool:
        return THEOREMS[name].quantity == DISTANCE and covers(THEOREMS[name], self.method, self.mu, self.L, start=True)

    def _touching(self, rate: float, quadratics: bool) -> float:
        seen = [errors for on, errors in self.errors.items() if not (quadratics and on in self.curved)]
        return float(max((errors / rate ** np.arange(len(errors)))[errors > FLOOR].max() for errors in seen))

    @property
    def seen(self) -> int:
        """The last iteration at which an error stands clear of rounding."""
        return max(int(np.flatnonzero(errors > FLOOR).max(initial=1)) for errors in self.errors.values())

    def plot(self, path: Any = None) -> "Figure":
        """Errors against k, with the rates dashed; written to a file where a path is given."""
        from ..plots import rate_card

        figure = rate_card(self)
        if path is not None:
            from ..files import save

            save(figure, path)
        return figure


def _cells(rate: Any, by: str = "") -> tuple[str, str]:
    if isinstance(rate, str):
        return "", rate
    if rate is None:
        return "none", f"no rate below 1, by {by}"
    if isinstance(rate, Measured):
        return f"{rate:.6g}" if rate.kind == "linear" else "1", repr(rate)
    return f"{rate:.6g}", rate.rests_on


def card(method: Method | Rule | str, mu: float, L: float, *, sdp: bool = False, seeds: int = 2) -> Card:
    """The rate card of a method on μ-strongly convex, L-smooth functions.

    Parameters
    ----------
    method : Method, Rule or str
        A rule, or the name of one, is tuned for μ and L, where there is such a tuning. Of one that is not linear only
        what is measured remains.
    mu, L : float
        0 < μ < L.
    sdp : bool
        Whether to certify by the matrix inequality too, which takes CVXPY.
    seeds : int
        How many random functions it runs on, beside the worst cases.

    Returns
    -------
    Card

    Raises
    ------
    ValueError
        Where μ or L is out of range.

    Examples
    --------
    >>> import momentumlab as ml
    >>> c = ml.rates.card(ml.nesterov, mu=1, L=100)
    >>> c.exact, c.certified["frequencies"], c.stated["T6"]
    (0.9, 0.927933, 0.948683)
    >>> abs(c.measured["Nesterov's worst"] - 0.9) < 0.01
    True
    """
    (mu, L), seeds = curvature("card", mu, L), whole("card", "seeds", seeds, 0)
    if mu == L:
        raise ValueError(f"card: mu = L = {L:g}; a method that knows both is done in one step")
    chosen = as_tuned(method, mu, L)
    on_quadratics = _or_why(partial(exact, chosen, mu, L))
    tests = {"frequencies": "frequencies"} | ({"matrix inequality": "lmi"} if sdp else {})
    worst = {name: _or_why(partial(certified, chosen, mu, L, by=by)) for name, by in tests.items()}
    stated = {row.name: _stated(row, mu, L) for row in THEOREMS.values() if covers(row, chosen, mu, L)}
    errors = _errors(chosen, mu, L, _steps([on_quadratics, *worst.values(), *stated.values()]), seeds)
    return Card(
        *(chosen, mu, L, on_quadratics, worst, stated),
        measured={on: _or_why(partial(measured, e)) for on, e in errors.items()},
        errors=errors,
        curved=tuple(on for on in errors if on.startswith(CURVED)),
        growth=growth(chosen, mu, L) if isinstance(on_quadratics, Rate) else None,
    )


def _or_why(find: Callable[[], Any]) -> Any:
    """What is found, or the sentence that says why not."""
    try:
        return find()
    except (NotLinear, ValueError) as error:
        return str(error)


def covers(theorem: Theorem, method: Method, mu: float, L: float, start: bool = False) -> bool:
    """Whether a theorem with a rate speaks of a method: it is one of the theorem's, or takes the same gradients.

    Nothing that it remembers or reports may be slower. With `start`, it must report the same iterates throughout.
    """
    if theorem.rate is None or theorem.methods is None:
        return False
    return any(_same(method, other, mu, L, start) for other in theorem.methods(mu, L).values())


def _same(method: Method, other: Method, mu: float, L: float, start: bool) -> bool:
    if method == other:
        return True
    try:
        slower = exact(method, mu, L) > exact(other, mu, L) + 1e-6
        if slower or not equivalent(method, other):
            return False
        if not start:
            return True
        curvatures = between(mu, L, PROBES)
        ours, theirs = (amplitudes(each, curvatures, PROBES) for each in (method, other))
        return bool(np.allclose(ours, theirs, rtol=1e-6, atol=1e-9))
    except NotLinear:
        return False


def _stated(theorem: Theorem, mu: float, L: float) -> Rate:
    assert theorem.rate is not None
    return Rate(theorem.rate(mu, L), f"{theorem.name}: {theorem.source}")


def _steps(rates: list[Any]) -> int:
    slowest = max((float(rate) for rate in rates if isinstance(rate, float)), default=1.0)
    needed = math.log(SMALL) / math.log(slowest) if 0 < slowest < 1 else STEPS[1]
    return int(np.clip(1.5 * needed, *STEPS))


def _errors(method: Method, mu: float, L: float, steps: int, seeds: int) -> dict[str, np.ndarray]:
    """On the functions of the theorems: worst cases once, random ones from each seed."""
    from tqdm import tqdm

    worst = strongly_convex(mu, L, 0, steps) | quadratics(mu, L, 0, steps)
    random = {CURVED: strongly_convex, "a rotated bowl": quadratics}
    chosen = {on: worst[on] for on in ("two curvatures", "50 curvatures", "Nesterov's worst")}
    for seed in range(seeds):
        chosen |= {f"{on}, seed {seed}": make(mu, L, seed, steps)[on] for on, make in random.items()}
    bar = tqdm(chosen.items(), desc=f"{method.name} on functions", delay=2, leave=False, disable=None)
    runs = {on: observe(method, p, x0, steps).distance for on, (p, x0) in bar}
    return {on: distance / distance[0] for on, distance in runs.items()}


__all__ = ["Card", "card"]
