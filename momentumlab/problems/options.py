"""What a problem lets one choose: each option comes back as a plain number, or a sentence says what would be right."""

from numbers import Integral, Real
from sys import float_info

from ..errors import short


def whole(owner: str, name: str, value: object, least: int = 1) -> int:
    """A whole number, `least` or larger."""
    if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a whole number, {least} or larger")
    return int(value)


def positive(owner: str, name: str, value: object) -> float:
    """A finite number larger than 0."""
    if not _is_positive(value):
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a finite number larger than 0")
    return float(value)  # type: ignore[arg-type]


def curvature(owner: str, mu: object, L: object) -> tuple[float, float]:
    """μ and L with 0 < μ ≤ L."""
    if not (_is_positive(mu) and _is_positive(L) and mu <= L):  # type: ignore[operator]
        raise ValueError(f"{owner}: mu = {short(mu)}, L = {short(L)}; they must be numbers that satisfy 0 < mu <= L")
    return float(mu), float(L)  # type: ignore[arg-type]


def _is_positive(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < value <= float_info.max  # type: ignore[operator]
