"""Families on which theory is exact: worst cases and cycles of methods, and generators with known curvature."""

from math import cos, log, log1p, pi, sin, sinh, sqrt, tanh

import numpy as np

from .classics import lattice
from .options import curvature, nonnegative, positive, whole
from .problem import Problem
from .quadratics import haar

NESTEROV = "Nesterov, Lectures on Convex Optimization (2018) §2.1"


# ------------------------------------------------------------------ Nesterov's worst functions


def worst_convex(n: int = 21, k: int | None = None, L: float = 1.0) -> Problem:
    """¼L(½xᵀTx − x₁) with T = tridiag(−1, 2, −1) on the first k coordinates: Nesterov's worst convex function.

    After j < k gradients from 0 the span of the gradients holds only the first j coordinates. Where n = k = 2j + 1,
    the best point there is L/(16(j + 1)) above f*, a little more than `lower_bound(j, L, ‖x*‖)`.

    Parameters
    ----------
    n : int
        The number of variables.
    k : int, optional
        How many of them f depends on; all of them where it is left out.
    L : float
        A bound on the curvature, sharp as k grows.
    """
    n, L = whole("worst_convex", "n", n), positive("worst_convex", "L", L)
    k = n if k is None else whole("worst_convex", "k", k)
    if k > n:
        raise ValueError(f"worst_convex: k = {k}; it must be at most n = {n}")
    f, hess = _chain(n, k, L / 4, 2.0, 0.0)
    return Problem(
        "worst_convex",
        f,
        np.zeros(n),
        hess=hess,
        minimizers=(np.maximum(1 - np.arange(1, n + 1) / (k + 1), 0.0),),
        fstar=L / 8 * (1 / (k + 1) - 1),
        mu=L * sin(pi / (2 * (n + 1))) ** 2 if k == n else 0.0,
        L=L,
        box=((-0.5, 1.5), (-0.5, 1.5)),
        source=NESTEROV,
        compile=True,
    )


def worst_strongly_convex(n: int = 50, mu: float = 1.0, L: float = 100.0) -> Problem:
    """¼(L − μ)(½xᵀTx − x₁) + ½μ‖x‖²: Nesterov's worst strongly convex function, cut to n so that still xᵢ* = qⁱ.

    T = tridiag(−1, 2, −1) with (√κ + 3)/(√κ + 1) in its last corner, and q = (√κ − 1)/(√κ + 1).
    The distance to x* after k gradients from 0 is bounded by `lower_bound_strongly_convex` as n grows.

    Parameters
    ----------
    n : int
        The number of variables.
    mu, L : float
        Bounds on the curvature, sharp as n grows.
    """
    n, (mu, L) = whole("worst_strongly_convex", "n", n), curvature("worst_strongly_convex", mu, L)
    root = sqrt(L / mu)
    q = (root - 1) / (root + 1)
    f, hess = _chain(n, n, (L - mu) / 4, (root + 3) / (root + 1), mu)
    return Problem(
        "worst_strongly_convex",
        f,
        np.zeros(n),
        hess=hess,
        minimizers=(q ** np.arange(1, n + 1),),
        fstar=-(L - mu) / 8 * q,
        mu=mu,
        L=L,
        box=((-0.5, 1.5), (-0.5, 1.5)),
        source=NESTEROV,
        compile=True,
    )


def lower_bound(k: int, L: float, distance: float) -> float:
    """What no first-order method can beat on L-smooth convex functions: 3L‖x₀ − x*‖²/(32(k + 1)²) ≤ f(xₖ) − f*.

    It holds for methods with xₖ in x₀ + span of the gradients at x₀, ..., xₖ₋₁, on some function of 2k + 1 variables.

    Parameters
    ----------
    k : int
        How many gradients were taken.
    L : float
        Smoothness.
    distance : float
        ‖x₀ − x*‖.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where a number is out of its range.

    References
    ----------
    Nesterov, Lectures on Convex Optimization (2018) §2.1.

    Examples
    --------
    >>> lower_bound(1, L=8.0, distance=2.0)
    0.75
    """
    k, L = whole("lower_bound", "k", k, 0), positive("lower_bound", "L", L)
    distance = nonnegative("lower_bound", "distance", distance)
    return 3 * L * distance**2 / (32 * (k + 1) ** 2)


def lower_bound_strongly_convex(k: int, mu: float, L: float, distance: float) -> float:
    """What no first-order method can beat on μ-strongly convex functions: q²ᵏ‖x₀ − x*‖² ≤ ‖xₖ − x*‖².

    q = (√κ − 1)/(√κ + 1), and xₖ is in x₀ + span of the gradients at x₀, ..., xₖ₋₁, in infinitely many variables.

    Parameters
    ----------
    k : int
        How many gradients were taken.
    mu, L : float
        Strong convexity and smoothness.
    distance : float
        ‖x₀ − x*‖.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where a number is out of its range.

    References
    ----------
    Nesterov, Lectures on Convex Optimization (2018) §2.1.

    Examples
    --------
    >>> lower_bound_strongly_convex(1, mu=1, L=9, distance=2.0)
    1.0
    """
    k = whole("lower_bound_strongly_convex", "k", k, 0)
    mu, L = curvature("lower_bound_strongly_convex", mu, L)
    distance = nonnegative("lower_bound_strongly_convex", "distance", distance)
    q = (sqrt(L / mu) - 1) / (sqrt(L / mu) + 1)
    return q ** (2 * k) * distance**2


def _chain(n, k, scale, corner, mu):
    """½xᵀHx − scale·x₁ with H = scale·T + μI; T is tridiag(−1, 2, ..., 2, corner, −1) on the first k coordinates."""

    def fg(x, g):
        f = -0.5 * scale * x[0]
        for i in range(n):
            slope = 0.0
            if i < k - 1:
                slope += 2.0 * x[i] - x[i + 1]
            elif i == k - 1:
                slope += corner * x[i]
            if 0 < i < k:
                slope -= x[i - 1]
            if i == 0:
                slope -= 1.0
            g[i] = scale * slope + mu * x[i]
            f += 0.5 * x[i] * g[i]
        return f

    def hess(x):
        t = np.zeros((n, n))
        t[:k, :k] = 2 * np.eye(k) - np.eye(k, k=1) - np.eye(k, k=-1)
        t[k - 1, k - 1] = corner
        return scale * t + mu * np.eye(n)

    return fg, hess


# ------------------------------------------------------------------ one variable: where a tuned method cycles


def lessard_recht_packard_fg(x, g):
    if x[0] < 1.0:
        g[0] = 25.0 * x[0]
        return 12.5 * x[0] * x[0]
    if x[0] < 2.0:
        g[0] = x[0] + 24.0
        return 0.5 * x[0] * x[0] + 24.0 * x[0] - 12.0
    g[0] = 25.0 * x[0] - 24.0
    return 12.5 * x[0] * x[0] - 24.0 * x[0] + 36.0


def lessard_recht_packard() -> Problem:
    """f′ = 25x below 1, x + 24 up to 2, 25x − 24 beyond; heavy ball as tuned for quadratics cycles."""
    return Problem(
        "lessard_recht_packard",
        lessard_recht_packard_fg,
        (3.3,),
        hess=lambda x: np.array([[1.0 if 1 <= x[0] < 2 else 25.0]]),
        minimizers=((0,),),
        fstar=0.0,
        mu=1.0,
        L=25.0,
        source="Lessard, Recht & Packard, SIAM J. Optim. 26 (2016) 57",
        compile=True,
    )


# ------------------------------------------------------------------ families with known curvature


def huber(n: int = 1, L: float = 1.0, tau: float = 1 / 21) -> Problem:
    """Σ ½Lxᵢ² where |xᵢ| ≤ τ, Lτ|xᵢ| − ½Lτ² beyond: quadratic, then of constant slope.

    With n = 1 and τ = R/(2N + 1) it is the worst function for N gradient steps of 1/L from distance R
    (Drori & Teboulle 2014): they end at LR²/(4N + 2). The default is so for N = 10, R = 1.

    Parameters
    ----------
    n : int
        The number of variables.
    L : float
        The curvature within τ.
    tau : float
        Where the slope becomes constant.
    """
    n, L, tau = whole("huber", "n", n), positive("huber", "L", L), positive("huber", "tau", tau)

    def fg(x, g):
        f = 0.0
        for i in range(n):
            inner = min(max(x[i], -tau), tau)
            g[i] = L * inner
            f += g[i] * (x[i] - 0.5 * inner)
        return f

    return Problem(
        "huber",
        fg,
        np.ones(n),
        hess=lambda x: np.diag(np.where(np.abs(x) <= tau, L, 0.0)),
        minimizers=(np.zeros(n),),
        fstar=0.0,
        mu=0.0,
        L=L,
        box=((-1.2, 1.2), (-1.2, 1.2)),
        source="Huber (1964); Drori & Teboulle, Math. Program. 145 (2014) 451",
        compile=True,
    )


def log_cosh(n: int = 10, mu: float = 1.0, L: float = 100.0, seed: int | None = None) -> Problem:
    """½μ‖x‖² + Σ (aᵢ/sᵢ²) log cosh sᵢxᵢ, of curvature μ far out and up to L at 0; turned where a seed is given.

    At 0 the eigenvalues μ + aᵢ lie on [μ, L] geometrically; sᵢ goes from 1 to 2.

    Parameters
    ----------
    n : int
        The number of variables.
    mu, L : float
        The least and the largest curvature.
    seed : int, optional
        Of the rotation, uniform on the orthogonal group.
    """
    n, (mu, L) = whole("log_cosh", "n", n), curvature("log_cosh", mu, L)
    a, s = np.geomspace(L, mu, n) - mu, np.linspace(1.0, 2.0, n)
    turn = None if seed is None else np.ascontiguousarray(haar("log_cosh", n, seed))

    def fg(x, g):
        f = 0.0
        for i in range(n):
            g[i] = mu * x[i]
            f += 0.5 * x[i] * g[i]
        for i in range(n):
            z = 0.0
            if turn is None:
                z = s[i] * x[i]
            else:
                for j in range(n):
                    z += s[i] * turn[i, j] * x[j]
            far = abs(z) > 20.0  # there cosh z is ½exp|z| to the last bit
            f += a[i] / (s[i] * s[i]) * (abs(z) - log(2.0) if far else 0.5 * log1p(sinh(z) * sinh(z)))
            slope = a[i] / s[i] * tanh(z)
            if turn is None:
                g[i] += slope
            else:
                for j in range(n):
                    g[j] += slope * turn[i, j]
        return f

    def hess(x):
        q = np.eye(n) if turn is None else turn
        curved = q.T * (a * (1 - np.tanh(s * (q @ x)) ** 2)) @ q
        return mu * np.eye(n) + (curved + curved.T) / 2

    return Problem(
        "log_cosh",
        fg,
        np.ones(n),
        hess=hess,
        minimizers=(np.zeros(n),),
        fstar=0.0,
        mu=mu,
        L=L,
        box=((-3, 3), (-3, 3)),
        source="ours: smooth and strongly convex with known bounds",
        compile=True,
    )


def cosine_ripples_fg(x, g):
    f = 0.0
    for i in range(x.size):
        a = i + 1.0
        g[i] = 0.002 * x[i] - sin(a * x[i]) / a
        f += cos(a * x[i]) / (a * a) + 0.001 * x[i] * x[i]
    return f


def cosine_ripples(n: int = 2) -> Problem:
    """Σ cos(i xᵢ)/i² + 0.001‖x‖²: nonconvex with |f″| ≤ 1.002; a bowl full of ripples; the lowest wells are listed."""
    n = whole("cosine_ripples", "n", n)
    i = np.arange(1, n + 1)
    return Problem(
        "cosine_ripples",
        cosine_ripples_fg,
        np.ones(n),
        hess=lambda x: np.diag(0.002 - np.cos(i * np.asarray(x))),
        minimizers=tuple(np.array(y) / i for y in lattice((3.1353219685573121, -3.1353219685573121), n)),
        fstar=-0.99015009547251768 * float(np.sum(1.0 / i**2)),
        L=1.002,
        box=((-10, 10), (-10, 10)),
        source="ours: nonconvex with known bounds",
        compile=True,
    )


__all__ = [
    "cosine_ripples",
    "huber",
    "lessard_recht_packard",
    "log_cosh",
    "worst_convex",
    "worst_strongly_convex",
]
