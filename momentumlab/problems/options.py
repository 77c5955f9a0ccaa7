"""What a problem lets one choose: each option comes back as a plain number, or a sentence says what would be right."""

from math import inf
from numbers import Integral

from ..errors import short
from ..hyper import is_real


def whole(owner: str, name: str, value: object, least: int = 1, *, most: float = inf, step: int = 1) -> int:
    """A whole number from `least` to `most`, a multiple of `step`."""
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or not least <= number <= most or number % step:
        kind = "a whole number" if step == 1 else f"a multiple of {step}"
        bounds = f"{least} or larger" if most == inf else f"from {least} to {most}"
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be {kind}, {bounds}")
    return number


def positive(owner: str, name: str, value: object) -> float:
    """A finite number larger than 0."""
    if not _is_positive(value):
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a finite number larger than 0")
    return float(value)  # type: ignore[arg-type]


def nonnegative(owner: str, name: str, value: object) -> float:
    """A finite number, 0 or larger."""
    if not (_is_positive(value) or (is_real(value) and value == 0)):
        raise ValueError(f"{owner}: {name} = {short(value)}; it must be a finite number, 0 or larger")
    return float(value)  # type: ignore[arg-type]


def curvature(owner: str, mu: object, L: object) -> tuple[float, float]:
    """μ and L with 0 < μ ≤ L."""
    if not (_is_positive(mu) and _is_positive(L) and mu <= L):  # type: ignore[operator]
        raise ValueError(f"{owner}: mu = {short(mu)}, L = {short(L)}; they must be numbers that satisfy 0 < mu <= L")
    return float(mu), float(L)  # type: ignore[arg-type]


def _is_positive(value: object) -> bool:
    return is_real(value) and value > 0  # type: ignore[operator]
