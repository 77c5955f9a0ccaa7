"""Finite sums: the mean of many functions, seen whole or in batches."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from ..errors import short
from .draws import batches, generator
from .options import whole
from .problem import Problem


def finite_sum(
    mean: Callable,
    x0: Any,
    N: int,
    *,
    batch: int | None = None,
    rng: Any = None,
    replace: bool = False,
    **known: Any,
) -> Problem:
    """(1/N) Σ fᵢ, of which runs see the whole or batches.

    Parameters
    ----------
    mean : callable
        ``mean(x, indices)`` returns the mean of the fᵢ over an array of indices, from 0 to N − 1, and the gradient of
        that mean.
    x0 : array_like
        The start.
    N : int
        The number of functions.
    batch : int, optional
        How many of them a run sees at a time: all if it is left out.
    rng : int or numpy.random.Generator, optional
        Of the batches: from a number every run draws the same ones, a generator goes on from run to run.
    replace : bool
        Whether draws are independent; otherwise each epoch is a random permutation cut into batches, the last of
        which may be short.
    **known
        What is known about the sum, as in `Problem`.

    Returns
    -------
    Problem
        Its `fun`, `grad` and `error` are those of the whole sum.

    Raises
    ------
    TypeError, ValueError
        Where `batch` is not between 1 and N, or is given without `rng`.

    Examples
    --------
    >>> import numpy as np
    >>> from momentumlab import gradient_descent, minimize
    >>> centres = np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
    >>> def mean(x, indices):
    ...     away = x - centres[indices]
    ...     return 0.5 * np.mean(np.sum(away**2, axis=1)), away.mean(axis=0)
    >>> p = finite_sum(mean, np.zeros(2), 3, batch=1, rng=0, minimizers=(centres.mean(axis=0),))
    >>> r = minimize(p, method=gradient_descent(lr=lambda k: 1 / k), tol=0, maxiter=300)
    >>> p.error(r.x) < 1e-3
    True
    """
    if not callable(mean):
        raise TypeError(f"finite_sum: mean = {short(mean)} is not callable")
    N = whole("finite_sum", "N", N)
    return Problem(
        **{"name": "finite_sum", **known},
        f=lambda x: mean(x, np.arange(N)),
        x0=x0,
        jac=True,
        sampler=in_batches("finite_sum", mean, N, batch, rng, replace),
    )


def in_batches(
    owner: str, mean: Callable, N: int, batch: int | None, rng: Any, replace: bool
) -> Callable[[], Callable] | None:
    """The sampler of a finite sum; None where runs see the whole."""
    if batch is None:
        if rng is not None:
            raise TypeError(f"{owner}: rng = {short(rng)} has nothing to draw; give batch too")
        return None
    size = whole(owner, "batch", batch, most=inf if replace else N)
    generator(owner, rng)

    def sampler():
        drawn = batches(N, size, generator(owner, rng), replace)
        return lambda x: mean(x, next(drawn))

    return sampler
