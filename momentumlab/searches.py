"""How a step size is found; what a rule does with it is the rule's affair."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from sys import float_info

import numpy as np

from .ops import dot

EPS = float_info.epsilon


def accepts(trial: float, f: float, decrease: float) -> bool:
    """The test of `Backtracking`: f(x − αg) ≤ f(x) − ½α‖g‖² + 10 ε max(1, |f(x)|), where decrease = α‖g‖²."""
    return trial <= f - 0.5 * decrease + 10.0 * EPS * max(1.0, abs(f))


@dataclass(frozen=True)
class Backtracking:
    """A step size that never grows: halve α until a plain gradient step of that size decreases f by ½α‖g‖².

    The test holds for every α ≤ 1/L on an L-smooth function, so that α settles above 1/(2L). Its last
    term allows for rounding: near a minimum ½α‖g‖² falls below what f resolves, and α would collapse.

    Parameters
    ----------
    first : float
        The step size tried first.

    Raises
    ------
    ValueError
        Where it is not a positive number.

    Examples
    --------
    >>> from momentumlab import heavy_ball
    >>> heavy_ball(search=Backtracking(first=8.0))
    heavy_ball(search=Backtracking(first=8.0))
    """

    first: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.first, bool) or not isinstance(self.first, Real) or not 0 < self.first <= float_info.max:
            raise ValueError(f"Backtracking: first = {self.first!r}; it must be a number in (0, ∞)")
        object.__setattr__(self, "first", float(self.first))


def backtrack(
    value: Callable[[np.ndarray], float], x: np.ndarray, f: float, g: np.ndarray, step: float, tried: bool = False
) -> float | None:
    """The first of step, step/2, step/4, ... that passes the test; `tried`: the first of them did not.

    None where there is none: the gradient is not finite; the step has become too short to move x; or it
    was shortened a millionfold at once and still passes only within rounding, as where the gradient is wrong.
    """
    if not np.isfinite(g).all():
        return None
    for halvings in itertools.count():
        if halvings or not tried:
            with np.errstate(all="ignore"):
                there, decrease = x - step * g, dot(step * g, g)
            trial = value(there)
            if accepts(trial, f, decrease):
                return step if halvings < 20 or trial <= f - 0.5 * decrease else None
        step *= 0.5
        with np.errstate(all="ignore"):
            if np.array_equal(x - step * g, x):
                return None
    return None
