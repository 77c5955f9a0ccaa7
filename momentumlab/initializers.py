"""Random weights for the layers of a network, of a variance that keeps signals in scale."""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from .errors import short, unknown
from .hyper import is_real

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "selu": 3 / 4,
}
"""Gains by name, but for that of leaky_relu, which has a slope."""

MODES = ("fan_in", "fan_out")


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs an output depends on, and how many outputs depend on an input.

    Parameters
    ----------
    shape : sequence of int
        Of the weight: (out, in, *kernel).

    Returns
    -------
    fan_in, fan_out : int
        in·R and out·R, where R is the product of the kernel's sizes.

    Raises
    ------
    ValueError
        Where the shape has fewer than two dimensions.

    Examples
    --------
    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    try:
        sizes = [int(n) for n in shape]
        if sizes != list(shape) or min(sizes, default=1) < 1:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"shape = {short(shape)}; it must be a sequence of whole numbers, 1 or larger") from None
    if len(sizes) < 2:
        raise ValueError(f"shape = {short(shape)} has no fans; it must have two dimensions or more: (out, in, *kernel)")
    return prod(sizes[1:]), sizes[0] * prod(sizes[2:])


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """What a standard deviation is multiplied by, so that a nonlinearity keeps signals in scale.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
    slope : float, optional
        Of leaky_relu where its argument is negative; the others have none.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where there is no such nonlinearity, or the slope is not a finite number.

    References
    ----------
    He, Zhang, Ren & Sun, ICCV 2015: √2 for ReLU, √(2/(1 + slope²)) for leaky ReLU.

    Examples
    --------
    >>> round(gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if not is_real(slope):
        raise ValueError(f"slope = {short(slope)}; it must be a finite number")
    if nonlinearity == "leaky_relu":
        return sqrt(2 / (1 + slope * slope))
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
        raise ValueError(unknown("nonlinearity", nonlinearity, [*GAINS, "leaky_relu"]))
    return GAINS[nonlinearity]


def xavier_uniform(shape: Sequence[int], *, gain: float = 1.0, rng: Any = None) -> np.ndarray:
    """Uniform on [−a, a], a = gain·√(6/(fan_in + fan_out)).

    Parameters
    ----------
    shape : sequence of int
        Of the weight: (out, in, *kernel).
    gain : float, optional
        Such as ``gain("tanh")``.
    rng : int, numpy.random.Generator or None
        A seed, a generator, or None for another draw each time.

    Returns
    -------
    ndarray of the shape

    Raises
    ------
    ValueError
        Where the shape has fewer than two dimensions.

    References
    ----------
    Glorot & Bengio, AISTATS 2010, eq. 16.

    Examples
    --------
    >>> bool(abs(xavier_uniform((2, 4), rng=0)).max() <= 1)
    True
    """
    return _uniform(shape, _xavier(shape, gain), rng)


def xavier_normal(shape: Sequence[int], *, gain: float = 1.0, rng: Any = None) -> np.ndarray:
    """Normal of standard deviation gain·√(2/(fan_in + fan_out)).

    Parameters
    ----------
    shape, gain, rng
        As for `xavier_uniform`.

    Returns
    -------
    ndarray of the shape

    References
    ----------
    Glorot & Bengio, AISTATS 2010, eq. 12.

    Examples
    --------
    >>> xavier_normal((4, 3, 5), rng=0).shape
    (4, 3, 5)
    """
    return _normal(shape, _xavier(shape, gain), rng)


def kaiming_uniform(
    shape: Sequence[int],
    *,
    mode: str = "fan_in",
    nonlinearity: str = "relu",
    slope: float = 0.01,
    rng: Any = None,
) -> np.ndarray:
    """Uniform on [−a, a], a = gain·√(3/fan).

    Parameters
    ----------
    shape : sequence of int
        Of the weight: (out, in, *kernel).
    mode : str, optional
        "fan_in" keeps the scale of signals going forward, "fan_out" that of gradients going backward.
    nonlinearity, slope
        As for `gain`. With leaky_relu of slope √5 the bound is 1/√fan, as that of torch's layers is.
    rng : int, numpy.random.Generator or None
        A seed, a generator, or None for another draw each time.

    Returns
    -------
    ndarray of the shape

    Raises
    ------
    ValueError
        Where the shape has fewer than two dimensions, or there is no such mode or nonlinearity.

    References
    ----------
    He, Zhang, Ren & Sun, ICCV 2015, eqs. 10 and 14.

    Examples
    --------
    >>> bool(abs(kaiming_uniform((8, 24), rng=0)).max() <= 0.5)
    True
    """
    return _uniform(shape, _kaiming(shape, mode, nonlinearity, slope), rng)


def kaiming_normal(
    shape: Sequence[int],
    *,
    mode: str = "fan_in",
    nonlinearity: str = "relu",
    slope: float = 0.01,
    rng: Any = None,
) -> np.ndarray:
    """Normal of standard deviation gain/√fan.

    Parameters
    ----------
    shape, mode, nonlinearity, slope, rng
        As for `kaiming_uniform`.

    Returns
    -------
    ndarray of the shape

    References
    ----------
    He, Zhang, Ren & Sun, ICCV 2015, eqs. 10 and 14.

    Examples
    --------
    >>> kaiming_normal((64, 32), mode="fan_out", rng=0).shape
    (64, 32)
    """
    return _normal(shape, _kaiming(shape, mode, nonlinearity, slope), rng)


def _xavier(shape: Sequence[int], gain: float) -> float:
    if not is_real(gain):
        raise ValueError(f"gain = {short(gain)}; it must be a finite number, such as gain('tanh')")
    return gain * sqrt(2 / sum(fans(shape)))


def _kaiming(shape: Sequence[int], mode: str, nonlinearity: str, slope: float) -> float:
    if mode not in MODES:
        raise ValueError(unknown("mode", mode, MODES))
    return gain(nonlinearity, slope) / sqrt(fans(shape)[MODES.index(mode)])


def _uniform(shape: Sequence[int], std: float, rng: Any) -> np.ndarray:
    return sqrt(3) * std * _generator(rng).uniform(-1, 1, [int(n) for n in shape])


def _normal(shape: Sequence[int], std: float, rng: Any) -> np.ndarray:
    return std * _generator(rng).standard_normal([int(n) for n in shape])


def _generator(rng: Any) -> "np.random.Generator":
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(
            f"rng = {short(rng)}; it must be a whole number, 0 or larger, a numpy.random.Generator or None"
        ) from None


__all__ = ["fans", "gain", "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform"]
