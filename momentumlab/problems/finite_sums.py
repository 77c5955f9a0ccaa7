"""Finite sums: the mean of many functions, seen whole or in batches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import short
from .draws import batches, generator
from .options import whole
from .problem import Problem


def finite_sum(
    components: Callable,
    x0: Any,
    n: int,
    *,
    batch: int | None = None,
    rng: Any = None,
    replace: bool = False,
    **known: Any,
) -> Problem:
    """(1/n) Σ fᵢ, of which runs see the whole or batches.

    Parameters
    ----------
    components : callable
        ``components(x, indices)`` returns the mean of the fᵢ over an array of indices, from 0 to n − 1, and the
        gradient of that mean.
    x0 : array_like of shape (d,)
        The start.
    n : int
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
        Where `batch` is not between 1 and n, or is given without `rng`.

    Examples
    --------
    >>> import numpy as np
    >>> from momentumlab import gradient_descent, minimize
    >>> centres = np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
    >>> def components(x, indices):
    ...     away = x - centres[indices]
    ...     return 0.5 * np.mean(np.sum(away**2, axis=1)), away.mean(axis=0)
    >>> p = finite_sum(components, np.zeros(2), 3, batch=1, rng=0, minimizers=(centres.mean(axis=0),))
    >>> r = minimize(p, method=gradient_descent(lr=lambda k: 1 / k), tol=0, maxiter=300)
    >>> p.error(r.x) < 1e-3
    True
    """
    if not callable(components):
        raise TypeError(f"finite_sum: components = {short(components)} is not callable")
    n = whole("finite_sum", "n", n)
    return Problem(
        **{"name": "finite_sum", **known},
        f=lambda x: components(x, np.arange(n)),
        x0=x0,
        jac=True,
        sampler=in_batches("finite_sum", components, n, batch, rng, replace),
    )


def in_batches(
    owner: str, components: Callable, n: int, batch: int | None, rng: Any, replace: bool
) -> Callable[[], Callable] | None:
    """The sampler of a finite sum; None where runs see the whole."""
    if batch is None:
        if rng is not None:
            raise TypeError(f"{owner}: rng = {short(rng)} has nothing to draw; give batch too")
        return None
    if not (isinstance(batch, int) and batch >= 1 and (replace or batch <= n)):
        raise ValueError(f"{owner}: batch = {short(batch)}; it must be a whole number from 1 to {n}, or None for all")
    generator(owner, rng)

    def sampler():
        drawn = batches(n, batch, generator(owner, rng), replace)
        return lambda x: components(x, next(drawn))

    return sampler
