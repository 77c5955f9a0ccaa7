"""Convergence rates measured from the errors of a run."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import short
from ..hyper import is_real
from ..problems import Problem, as_problem
from ..profiles import values_along
from ..result import History, Result
from .windows import FLAT, SUBLINEAR, SUPERLINEAR, Windows, later_highest

LEAST = 20  # rows that a fit needs
NEAR = 1e-4  # of the largest error: a floor that lies higher is no matter of rounding
ABOVE = math.log(100)  # the floor, and what lies nearer is left out


@dataclass(frozen=True, eq=False, repr=False)
class Measured(float):
    """A measured rate: the float ρ, with its interval and where it was seen.

    Attributes
    ----------
    kind : str
        "linear", e_k ~ C k^degree ρᵏ, or "sublinear", e_k ~ C k⁻ᵖ, where the float is 1.
    low, high : float
        The interval of confidence: of ρ, or of p where the convergence is sublinear.
    window : tuple of (int, int)
        The first and the last iteration of the fit.
    degree : int
        1 with a factor k in front, which a double root brings; else 0.
    constant : float
        C, of the root mean square where the errors oscillate.
    exponent : float
        p; nan where the convergence is linear.
    level : float
        The level of confidence.
    """

    value: float
    kind: str
    low: float
    high: float
    window: tuple[int, int]
    degree: int = 0
    constant: float = math.nan
    exponent: float = math.nan
    level: float = 0.95

    def __new__(cls, value: float, *_: Any, **__: Any) -> "Measured":
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        middle = float(self) if self.kind == "linear" else self.exponent
        digits = max(0, 2 - math.ceil(math.log10(max(self.high - self.low, 1e-10))))
        shown, low, high = (f"{v:.{digits}f}" for v in (middle, self.low, self.high))
        shown = shown if self.kind == "linear" else f"k^-{shown}"
        factor = " with a factor k" * self.degree
        return f"{shown} [{low}, {high}], {self.kind}{factor}, from k = {self.window[0]} to {self.window[1]}"


def measured(run: Any, problem: Problem | str | None = None, *, of: str | None = None, level: float = 0.95) -> Measured:
    """The rate at which a run converged, as its errors show it.

    Three models are fitted to log e_k by least squares: ρᵏ, (1 + uk)ρᵏ and (1 + uk)⁻ᵖ, on windows that end at the
    rounding floor. Of each model the widest window counts whose rate agrees with those of its own later parts
    (Lepski's principle); an information criterion chooses among the models. Where errors dip as complex roots make
    them, blocks of rows are replaced by their root mean square. The standard error is a jackknife's that leaves out
    tenths of the window, and the spread over windows up to 30 % shorter is added in quadrature.

    The interval is that of the data: a mode that is slower but still hidden below the one seen shows in none, and one
    whose rate is so near that the two do not part within the run shifts it. A drift of the rate by less than 3e-4 of
    log ρ within the window passes; the spread holds it. A power is only told from errors over which k grows fourfold.

    Parameters
    ----------
    run : Result, History or sequence of float
        A sequence holds the errors e_0, e_1, …
    problem : Problem or str, optional
        What was minimised.
    of : {"distance", "gap", "gradient"}, optional
        As in `series`. Of a gap, ρ is the rate of its square root, which distances share, and p that of the gap itself.
    level : float, optional
        Of confidence, in (0, 1).

    Returns
    -------
    Measured

    Raises
    ------
    ValueError
        Where the errors tell no rate: too few, not finite, not decreasing, at the rounding floor, superlinear, or
        fitted by no model, or by two equally well.

    References
    ----------
    Lepski, "On a problem of adaptive estimation in Gaussian white noise", Theory Probab. Appl. 35 (1991) 454; Künsch,
    "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17 (1989) 1217.

    Examples
    --------
    >>> rate = measured([(1 + k / 5) * 0.8**k for k in range(100)])
    >>> rate.kind, rate.degree, round(rate, 4)
    ('linear', 1, 0.8)
    """
    if not (is_real(level) and 0 < level < 1):
        raise ValueError(f"level = {short(level)}; it must be a number between 0 and 1")
    of, k, errors = _picked(run, problem, of)
    unit = 0.5 if of == "gap" else 1.0
    k, y = _usable(k, errors)
    fits = Windows(k, unit * y)
    model = fits.model()
    first, theta, low, high, front = fits.interval(model, level)
    window = int(first), int(k[-1])
    if model == SUBLINEAR:
        low, high, p = low / unit, high / unit, theta / unit
        return Measured(1.0, "sublinear", low, high, window, 0, math.exp(front / unit), p, level)
    rate, low, high = math.exp(-theta), math.exp(-high), math.exp(-low)
    return Measured(rate, "linear", low, high, window, model, math.exp(front), level=level)


def series(run: Any, problem: Problem | str | None = None, of: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The iterations and the errors from which a rate is measured.

    Parameters
    ----------
    run : Result, History or sequence of float
    problem : Problem or str, optional
        What was minimised.
    of : {"distance", "gap", "gradient"}, optional
        ‖x_k − x*‖ from the known minimiser nearest to the last iterate, f − f*, or ‖∇f‖. Left out it is the distance
        where it can be had, else the gradient; errors in a sequence are taken as they are.

    Returns
    -------
    k, errors : ndarray of shape (rows,)

    Raises
    ------
    ValueError
        Where the run, or the problem, lacks what is asked for.

    Examples
    --------
    >>> series([4.0, 2.0, 1.0])
    (array([0, 1, 2]), array([4., 2., 1.]))
    """
    return _picked(run, problem, of)[1:]


def _picked(run: Any, problem: Problem | str | None, of: str | None) -> tuple[str | None, np.ndarray, np.ndarray]:
    history = run.history if isinstance(run, Result) else run
    if history is None:
        raise ValueError("the run kept no history; let minimize keep it")
    if not isinstance(history, History):
        return None, *_plain(history, of)
    p = None if problem is None else as_problem(problem)
    known = p is not None and bool(p.minimizers) and history.x.size > 0
    of = of or ("distance" if known else "gradient")
    if of not in ("distance", "gap", "gradient"):
        raise ValueError(f"of = {short(of)}; it must be 'distance', 'gap' or 'gradient'")
    if of == "gradient":
        return of, history.k, history.gnorm
    if p is None:
        raise ValueError(f"of = {of!r} needs the problem; give it, or take of='gradient'")
    return of, history.k, _distance(p, history) if of == "distance" else _gap(p, history)


def _plain(errors: Any, of: str | None) -> tuple[np.ndarray, np.ndarray]:
    if of is not None:
        raise ValueError(f"of = {short(of)}, but errors in a sequence are taken as they are; leave it out")
    errors = np.asarray(errors, dtype=float)
    if errors.ndim != 1:
        raise ValueError(f"the errors have shape {errors.shape}; give one number for each iteration")
    return np.arange(len(errors)), errors


def _distance(p: Problem, history: History) -> np.ndarray:
    if not p.minimizers:
        raise ValueError(f"no minimiser of {p.name} is known, so no distance is; take of='gradient'")
    if not history.x.size:
        raise ValueError(f"{p.name} has {p.dim} variables, too many to keep the iterates; take of='gradient'")
    away = history.x - p.nearest(history.x[-1])
    return np.linalg.norm(away.reshape(len(away), -1), axis=1)


def _gap(p: Problem, history: History) -> np.ndarray:
    if math.isnan(p.fstar):
        raise ValueError(f"f* of {p.name} is not known, so no gap is; take of='gradient'")
    return np.maximum(values_along(p, history) - p.fstar, 0.0)


def _usable(k: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """k and log e from the largest error to the floor."""
    wrong = ~(np.isfinite(errors) & (errors >= 0))
    if wrong.any():
        raise ValueError(f"the error at k = {k[wrong][0]} is {errors[wrong][0]}; errors are finite and not negative")
    with np.errstate(divide="ignore"):
        y = np.log(errors)
    end = _above(k, y)
    begin = int(np.argmax(y[:end])) if end else 0
    if end - begin >= LEAST:
        return k[begin:end], y[begin:end]
    if _bends(y):
        raise ValueError(SUPERLINEAR)
    few = f"fewer than the {LEAST} that a fit needs"
    if len(y) < LEAST:
        raise ValueError(f"there are {len(y)} errors, {few}; run longer, with tol=0")
    if end < len(y) and errors.min() <= NEAR * errors.max():
        raise ValueError(f"{end - begin} of {len(y)} errors lie above the rounding floor, {few}; start farther away")
    raise ValueError(FLAT)


def _bends(y: np.ndarray) -> bool:
    """Whether log e takes longer and longer steps down to its least value, where the last may be cut."""
    y = y[np.isfinite(y)]
    steps = -np.diff(y[: np.argmax(y <= y.min() + ABOVE) + 1]) if len(y) else y
    threes = [steps[-3:], steps[-4:-1]]
    return any(len(s) == 3 and (np.diff(s) > 0).all() and s[-1] > 2 * s[0] > 0 for s in threes)


def _above(k: np.ndarray, y: np.ndarray) -> int:
    """How many rows come before the errors stay near the floor: a plateau, or the least error before they are zero."""
    seen = np.isfinite(y)
    if not seen.any():
        return 0
    level = max(_plateau(k[seen], y[seen]), -math.inf if seen[-1] else y[seen].min())
    return int(np.count_nonzero(later_highest(y) > level + ABOVE))


def _plateau(k: np.ndarray, y: np.ndarray) -> float:
    """The level of the longest tail that is flat, and lies far below where the rows before it were heading."""
    top = later_highest(y)
    for m in np.unique(np.geomspace(10, max(10, len(y) - 5), 40).astype(int))[::-1]:
        b = len(y) - int(m)
        if b < 5:
            continue
        a, x = max(0, b - int(m)), k[b:] - k[b:].mean()
        slope = x @ y[b:] / (x @ x)
        noise = float(np.std(y[b:] - slope * x))
        drop, due = -slope * (k[-1] - k[b]), (top[a] - top[b]) / (k[b] - k[a]) * (k[-1] - k[b])
        if drop <= 2 * noise and due > max(1.0, 5 * noise, 5 * drop):
            return float(y[b + int(m) // 3 :].max())
    return -math.inf


__all__ = ["Measured", "measured", "series"]
