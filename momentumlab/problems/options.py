"""Checks of what a problem lets one choose: each passes in silence or says what would be right."""

import math
from numbers import Integral, Real

from ..errors import short


def whole(owner: str, name: str, value: object, least: int = 1) -> None:
    """Refuse what is not a whole number, `least` or larger."""
    if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a whole number, {least} or larger")


def positive(owner: str, name: str, value: object) -> None:
    """Refuse what is not a finite number above 0."""
    if not (_is_real(value) and value > 0):  # type: ignore[operator]
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a finite number larger than 0")


def curvature(owner: str, mu: object, L: object) -> None:
    """Refuse what is not a pair of finite numbers with 0 < μ ≤ L."""
    if not (_is_real(mu) and _is_real(L) and 0 < mu <= L):  # type: ignore[operator]
        raise ValueError(f"{owner}: mu = {short(mu)}, L = {short(L)}; they must be numbers that satisfy 0 < mu <= L")


def seeded(owner: str, seed: object) -> None:
    """Refuse what is neither a whole number, 0 or larger, nor None."""
    if seed is not None and (isinstance(seed, bool) or not (isinstance(seed, Integral) and int(seed) >= 0)):
        raise ValueError(f"{owner}: seed = {short(seed)}; it must be a whole number, 0 or larger, or None")


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
