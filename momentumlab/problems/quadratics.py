"""Quadratics with a chosen spectrum."""

import numpy as np

from ..errors import unknown
from .problem import Problem

SPECTRA = {
    "log": lambda n, mu, L: np.geomspace(mu, L, n),
    "linear": lambda n, mu, L: np.linspace(mu, L, n),
    "two_point": lambda n, mu, L: np.where(np.arange(n) < (n + 1) // 2, mu, L),
    "chebyshev": lambda n, mu, L: (L + mu) / 2 - (L - mu) / 2 * np.cos((2 * np.arange(1, n + 1) - 1) * np.pi / (2 * n)),
}
"""Eigenvalues on [μ, L], by name; two_point is the worst case of stationary methods."""


def quadratic(n=50, mu=1.0, L=100.0, spectrum="log", seed=None):
    """½xᵀHx with eigenvalues on [μ, L]: diagonal, or turned by a Haar-random rotation where a seed is given."""
    if not (isinstance(n, int) and n >= 1):
        raise ValueError(f"quadratic: n = {n!r}; it must be a whole number, 1 or larger")
    if not 0 < mu <= L:
        raise ValueError(f"quadratic: mu = {mu!r}, L = {L!r}; they must satisfy 0 < mu <= L")
    if spectrum not in SPECTRA:
        raise ValueError(f"quadratic: {unknown('spectrum', spectrum, SPECTRA)}")
    eigenvalues = SPECTRA[spectrum](n, float(mu), float(L)) if n > 1 else np.array([float(L)])
    f, matrix = _diagonal(eigenvalues) if seed is None else _dense(eigenvalues, np.random.default_rng(seed))
    return Problem(
        "quadratic",
        f,
        np.ones(n),
        hess=lambda x: matrix.copy(),
        minimizers=(np.zeros(n),),
        fstar=0.0,
        mu=float(eigenvalues.min()),
        L=float(eigenvalues.max()),
        box=((-1.2, 1.2), (-1.2, 1.2)),
        subset=True,
    )


def _diagonal(eigenvalues):
    def fg(x, g):
        f = 0.0
        for i in range(x.size):
            g[i] = eigenvalues[i] * x[i]
            f += 0.5 * x[i] * g[i]
        return f

    return fg, np.diag(eigenvalues)


def _dense(eigenvalues, rng):
    q, r = np.linalg.qr(rng.standard_normal((eigenvalues.size, eigenvalues.size)))
    q *= np.sign(np.diag(r))
    h = (q * eigenvalues) @ q.T
    h = (h + h.T) / 2

    def fg(x, g):
        f = 0.0
        for i in range(x.size):
            slope = 0.0
            for j in range(x.size):
                slope += h[i, j] * x[j]
            g[i] = slope
            f += 0.5 * x[i] * slope
        return f

    return fg, h


__all__ = ["quadratic"]
