"""Noise: exact gradients made noisy, and a gradient that drifts."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import short
from ..hyper import is_real
from .draws import generator
from .options import nonnegative, whole
from .problem import Problem


def noisy(problem: Problem | str, sigma: float, rng: Any) -> Problem:
    """A problem whose runs see ∇f + σξ, ξ ~ N(0, I), and f itself.

    Parameters
    ----------
    problem : Problem or str
    sigma : float
        The standard deviation in each component.
    rng : int or numpy.random.Generator
        From a number every run sees the same noise, a generator goes on from run to run.

    Returns
    -------
    Problem
        Its `fun`, `grad` and `error` are exact.

    Raises
    ------
    TypeError, ValueError
        Where `problem` is none, `sigma` is negative, or `rng` is neither.

    Examples
    --------
    >>> from momentumlab import heavy_ball, minimize
    >>> p = noisy("stiff_quadratic", sigma=0.1, rng=0)
    >>> r = minimize(p, method=heavy_ball(lr=0.001), tol=0, maxiter=2000)
    >>> p.error(r.x) < 1e-2
    True
    """
    from . import as_problem

    p, sigma = as_problem(problem), nonnegative("noisy", "sigma", sigma)
    generator("noisy", rng)
    if getattr(p.objective(), "scheme", None):
        raise TypeError(
            f"noisy: {p.name} has no gradient of its own, and noise would drown its differences; give it a jac"
        )

    def sampler():
        objective, stream = p.objective(), generator("noisy", rng)

        def sampled(x):
            f, g = objective(x)
            return f, g + sigma * stream.standard_normal(g.shape)

        return sampled

    return replace(p, name=f"noisy_{p.name}", sampler=sampler)


def drift(steps: int, c: float, sigma: float, rng: Any, n: int = 1) -> np.ndarray:
    """Gradients gₜ = ct + σξₜ, t = 1, 2, ..., that no method moves: what an average makes of a drift and of noise.

    Parameters
    ----------
    steps : int
    c : float
        The drift from one gradient to the next.
    sigma : float
        The standard deviation of the noise.
    rng : int or numpy.random.Generator
        Of the noise.
    n : int
        The number of components, whose noises are independent.

    Returns
    -------
    array of shape (steps, n)

    Examples
    --------
    An average whose weights fall off by β lags βc/(1 − β) behind.

    >>> from momentumlab import ewa
    >>> g = drift(500, c=1.0, sigma=0.0, rng=0)
    >>> (g - ewa(g, 0.9))[-1].round(6)
    array([9.])
    """
    sigma = nonnegative("drift", "sigma", sigma)
    if not is_real(c):
        raise ValueError(f"drift: c = {short(c)}; it must be a finite number")
    shape = whole("drift", "steps", steps), whole("drift", "n", n)
    return c * np.arange(1.0, steps + 1)[:, None] + sigma * generator("drift", rng).standard_normal(shape)
