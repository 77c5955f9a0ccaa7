"""Exponentially weighted averages of a sequence."""

from typing import Any

import numpy as np

from .errors import short
from .hyper import inside, is_real, range_of


def ewa(x: Any, beta: float, *, bias_correction: bool = False) -> np.ndarray:
    """The exponentially weighted averages of a sequence.

    vₜ = βvₜ₋₁ + (1 − β)xₜ from v₀ = 0, so that xᵢ has the weight (1 − β)βᵗ⁻ⁱ in vₜ. These weights sum to 1 − βᵗ;
    with the correction vₜ is divided by that, and a constant sequence is its own average.

    Parameters
    ----------
    x : array_like of shape (T, ...)
        The sequence; time runs along the first axis.
    beta : float
        In [0, 1).
    bias_correction : bool, optional
        Whether to divide by the sum of the weights.

    Returns
    -------
    ndarray of shape (T, ...)

    Raises
    ------
    ValueError
        Where beta is outside its range, or x is a single number.

    References
    ----------
    Kingma & Ba, "Adam", ICLR 2015, for the correction.

    Examples
    --------
    >>> ewa([8, 8, 8], 0.5)
    array([4., 6., 7.])
    >>> ewa([8, 8, 8], 0.5, bias_correction=True)
    array([8., 8., 8.])
    """
    from scipy.signal import lfilter

    beta, x = _checked(beta), np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"x holds {x.dtype}; it must be a sequence of real numbers")
    x = x.astype(float)
    if x.ndim == 0:
        raise ValueError(f"x = {x}; it must be a sequence, with time along its first axis")
    if x.size == 0:
        return x.copy()

    def average(sequence: np.ndarray) -> np.ndarray:
        return lfilter([1 - beta], [1, -beta], sequence, axis=0)

    if not bias_correction:
        return average(x)
    return average(x) / average(np.ones((len(x), *(1,) * (x.ndim - 1))))


def effective_window(beta: float) -> float:
    """1/(1 − β): the age at which a weight has fallen to about 1/e of the newest one's.

    Parameters
    ----------
    beta : float
        In [0, 1).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where beta is outside its range.

    Examples
    --------
    >>> effective_window(0.75)
    4.0
    """
    return 1 / (1 - _checked(beta))


def _checked(beta: Any) -> float:
    if not (is_real(beta) and inside("beta", beta)):
        raise ValueError(f"beta = {short(beta)}; it must be a number in {range_of('beta')}")
    return float(beta)


__all__ = ["effective_window", "ewa"]
