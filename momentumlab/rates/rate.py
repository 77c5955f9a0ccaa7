"""A rate, and what it rests on; which method is meant; where a test begins to hold."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import short
from ..method import Method
from ..minimize import as_method
from ..problems.options import curvature
from ..rule import Rule


class Rate(float):
    """A rate ρ: ‖xₖ − x*‖ shrinks like ρᵏ. A float that says what it rests on.

    x* is where the method rests, which is the minimiser but for rules that add to the gradient, as decay does.

    Attributes
    ----------
    rests_on : str
        What makes it true.
    worst : float or None
        The curvature that decides it, where one does.
    """

    rests_on: str
    worst: float | None

    def __new__(cls, value: float, rests_on: str = "", worst: float | None = None) -> "Rate":
        rate = super().__new__(cls, value)
        rate.rests_on, rate.worst = rests_on, worst
        return rate

    def __repr__(self) -> str:
        return f"{float(self):.6g}"

    def __reduce__(self) -> Any:
        return Rate, (float(self), self.rests_on, self.worst)


def as_tuned(method: Method | Rule | str, mu: float, L: float) -> Method:
    """A method as it is; a rule, or the name of one, tuned for μ and L, or by default where nothing tunes it."""
    if isinstance(method, str):
        method = as_method(method).base
    if isinstance(method, Rule) and method.tuning:
        return method.tuned(mu=mu or None, L=L)
    if method is None:
        raise TypeError("method = None; give a method such as heavy_ball(lr=0.01), a rule, or the name of one")
    return as_method(method)


def as_rule(owner: str, rule: Rule | str) -> Rule:
    """A rule, or the one of a name."""
    found = as_method(rule).base if isinstance(rule, str) else rule
    if not isinstance(found, Rule):
        raise TypeError(f"{owner}: {short(rule)} is no rule; give one, or its name, and hyperparameters apart")
    return found


def spectral_radius(matrices: np.ndarray) -> np.ndarray:
    """The largest modulus of an eigenvalue, over a stack of matrices; inf where one is not finite."""
    finite = np.isfinite(matrices).all(axis=(-2, -1))
    safe = np.where(finite[..., None, None], matrices, 0.0)
    found = np.abs(np.linalg.eigvals(safe)).max(axis=-1, initial=0.0)
    return np.where(finite, found, np.inf)


def between(mu: float, L: float, count: int) -> np.ndarray:
    """So many curvatures from μ to L, evenly by their logarithms; L alone where both are the same."""
    return np.geomspace(mu, L, count) if mu < L else np.array([L])


def turn(holds: Callable[[float], bool], low: float, high: float, precision: float) -> tuple[float, float]:
    """Around where a test changes: both ends, of which `holds` is as it was given at each."""
    at_high = holds(high)
    while high - low > precision * max(abs(low), abs(high)):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) == at_high else (middle, high)
    return low, high


__all__ = ["Rate", "as_rule", "as_tuned", "between", "curvature", "spectral_radius", "turn"]
