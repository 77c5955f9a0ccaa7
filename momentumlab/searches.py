"""How a step size is found; what a rule does with it is the rule's affair."""

from collections.abc import Callable
from dataclasses import dataclass
from sys import float_info

import numpy as np

from .ops import dot

EPS = 2.220446049250313e-16


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
    """

    first: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.first <= float_info.max:
            raise ValueError(f"Backtracking: first = {self.first!r} is outside its range (0, ∞)")


def backtrack(value: Callable[[np.ndarray], float], x: np.ndarray, f: float, g: np.ndarray, lr: float) -> float | None:
    """The first of lr, lr/2, lr/4, ... that passes the test, or None once the step is too short to move x."""
    while True:
        if accepts(value(x - lr * g), f, dot(lr * g, g)):
            return lr
        lr *= 0.5
        if np.array_equal(x - lr * g, x):
            return None
