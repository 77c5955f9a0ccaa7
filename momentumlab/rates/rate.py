"""A rate, and what it rests on; and which method is meant."""

from typing import Any

import numpy as np

from ..errors import short
from ..hyper import number
from ..method import Method
from ..minimize import as_method
from ..rule import Rule


class Rate(float):
    """A rate ρ: ‖xₖ − x*‖ shrinks like ρᵏ. A float that says what it rests on.

    Attributes
    ----------
    rests_on : str
        What makes it true.
    facts : dict
        What else was found; each is an attribute too.
    """

    rests_on: str
    facts: dict[str, Any]

    def __new__(cls, value: float, rests_on: str = "", **facts: Any) -> "Rate":
        rate = super().__new__(cls, value)
        rate.rests_on, rate.facts = rests_on, facts
        return rate

    def __getattr__(self, name: str) -> Any:
        if name in ("facts", "rests_on") or name not in self.facts:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return self.facts[name]

    def __repr__(self) -> str:
        return f"{float(self):.6g}"

    def __reduce__(self) -> Any:
        return _again, (float(self), self.rests_on, self.facts)


def _again(value: float, rests_on: str, facts: dict[str, Any]) -> Rate:
    return Rate(value, rests_on, **facts)


def constants(owner: str, mu: Any, L: Any) -> tuple[float, float]:
    """μ and L as numbers, 0 < μ ≤ L."""
    mu, L = number(owner, "mu", mu), number(owner, "L", L)
    if mu > L:
        raise ValueError(f"{owner}: mu = {short(mu)} is larger than L = {short(L)}")
    return mu, L


def whole(owner: str, name: str, value: Any) -> int:
    """A whole number, at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a whole number, at least 1")
    return int(value)


def as_tuned(method: Method | Rule | str, mu: float, L: float) -> Method:
    """A method as it is; a rule, or the name of one, tuned for μ and L, or by default where nothing tunes it."""
    if isinstance(method, str):
        method = as_method(method).base
    if isinstance(method, Rule):
        return method.tuned(mu=mu or None, L=L) if method.tuning else as_method(method)
    return as_method(method)


def spectral_radius(matrices: np.ndarray) -> np.ndarray:
    """The largest modulus of an eigenvalue, over a stack of matrices; inf where one is not finite."""
    finite = np.isfinite(matrices).all(axis=(-2, -1))
    safe = np.where(finite[..., None, None], matrices, 0.0)
    found = np.abs(np.linalg.eigvals(safe)).max(axis=-1, initial=0.0)
    return np.where(finite, found, np.inf)


def as_rule(owner: str, rule: Rule | str) -> Rule:
    """A rule, or the one of a name."""
    found = as_method(rule).base if isinstance(rule, str) else rule
    if not isinstance(found, Rule):
        raise TypeError(f"{owner}: {short(rule)} is bound; give a rule and its hyperparameters apart")
    return found
