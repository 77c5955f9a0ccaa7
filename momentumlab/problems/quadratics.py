"""Quadratics with a chosen spectrum."""

from typing import Any

import numpy as np

from ..errors import unknown
from ..objective import start
from .options import curvature, whole
from .problem import Problem


def clustered(n, mu, L):
    """Five clusters, geometric between μ and L like `log`; each is a five-hundredth of the gap to the next wide."""
    i = np.arange(n)
    place = 5 * i // n + i / (100 * n)
    t = place / place[-1]
    return mu ** (1 - t) * L**t


SPECTRA = {
    "log": lambda n, mu, L: np.geomspace(mu, L, n),
    "linear": lambda n, mu, L: np.linspace(mu, L, n),
    "two_point": lambda n, mu, L: np.where(np.arange(n) < (n + 1) // 2, mu, L),
    "clusters": clustered,
    "chebyshev": lambda n, mu, L: (L + mu) / 2 - (L - mu) / 2 * np.cos((2 * np.arange(1, n + 1) - 1) * np.pi / (2 * n)),
}
"""Eigenvalues on [μ, L], by name; two_point is the worst case of stationary methods."""


def quadratic(
    n: int = 50,
    mu: float = 1.0,
    L: float = 100.0,
    spectrum: str = "log",
    seed: int | None = None,
    x_star: Any = 0.0,
) -> Problem:
    """½(x − x*)ᵀH(x − x*), eigenvalues on [μ, L]: diagonal, or turned by a random rotation where a seed is given.

    Parameters
    ----------
    n : int
        The number of variables.
    mu, L : float
        The least and the largest eigenvalue.
    spectrum : str
        How the eigenvalues lie between them: a key of `SPECTRA`.
    seed : int, optional
        Of the rotation, uniform on the orthogonal group.
    x_star : float or array_like of shape (n,)
        The minimiser.
    """
    n, (mu, L) = whole("quadratic", "n", n), curvature("quadratic", mu, L)
    x_star = start(x_star, "quadratic: x_star")
    if x_star.shape not in ((1,), (n,)):
        raise ValueError(f"quadratic: x_star has shape {x_star.shape}; it must be a number or have shape ({n},)")
    x_star = np.resize(x_star, n)
    if not isinstance(spectrum, str) or spectrum not in SPECTRA:
        raise ValueError(f"quadratic: {unknown('spectrum', spectrum, SPECTRA)}")
    eigenvalues = SPECTRA[spectrum](n, mu, L) if n > 1 else np.array([L])
    f, hess = (
        _diagonal(eigenvalues, x_star) if seed is None else _dense(eigenvalues, haar("quadratic", n, seed), x_star)
    )
    return Problem(
        "quadratic",
        f,
        np.ones(n),
        hess=hess,
        minimizers=(x_star,),
        fstar=0.0,
        mu=float(eigenvalues.min()),
        L=float(eigenvalues.max()),
        box=_box(x_star) if n == 2 else None,
        source="Polyak (1964): what heavy ball was tuned on",
        compile=True,
    )


def _box(x_star):
    """What shows the minimiser and the start."""
    low, high = np.minimum(x_star, 1.0), np.maximum(x_star, 1.0)
    margin = 1.2 * np.maximum(high - low, 1.0)
    (left, bottom), (right, top) = (high - margin).tolist(), (low + margin).tolist()
    return (left, right), (bottom, top)


def _diagonal(eigenvalues, x_star):
    def fg(x, g):
        f = 0.0
        for i in range(x.size):
            away = x[i] - x_star[i]
            g[i] = eigenvalues[i] * away
            f += 0.5 * away * g[i]
        return f

    return fg, lambda x: np.diag(eigenvalues)


def haar(owner, n, seed):
    """A random rotation, uniform on the orthogonal group: QR of a Gaussian matrix, R's diagonal made positive."""
    rng = np.random.default_rng(whole(owner, "seed", seed, 0))
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))


def _dense(eigenvalues, q, x_star):
    h = (q * eigenvalues) @ q.T
    h = (h + h.T) / 2

    def fg(x, g):
        f = 0.0
        for i in range(x.size):
            slope = 0.0
            for j in range(x.size):
                slope += h[i, j] * (x[j] - x_star[j])
            g[i] = slope
            f += 0.5 * (x[i] - x_star[i]) * slope
        return f

    return fg, lambda x: h.copy()


__all__ = ["quadratic"]
