"""How a step size is found; what a rule does with it is the rule's affair."""

from collections.abc import Callable
from dataclasses import dataclass
from sys import float_info

import numpy as np

from .hyper import is_real
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
        if not is_real(self.first) or not self.first > 0:
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
    halvings = 0
    while True:
        with np.errstate(all="ignore"):
            there, decrease = x - step * g, dot(step * g, g)
        if halvings and np.array_equal(there, x):
            return None
        if halvings or not tried:
            trial = value(there)
            if accepts(trial, f, decrease):
                return step if halvings < 20 or trial <= f - 0.5 * decrease else None
        halvings, step = halvings + 1, 0.5 * step
