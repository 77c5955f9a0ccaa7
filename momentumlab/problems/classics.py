"""Classic test functions: each is a value and a gradient, a Hessian, and a function that makes the problem."""

from math import cos, pi, sin, sqrt

import numpy as np

from .problem import Problem

PMG = "Zhang & Yu, preconditioned momentum gradient methods"


# ------------------------------------------------------------------ Rosenbrock


def rosenbrock_fg(x, g):
    n = x.size
    f, carried = 0.0, 0.0
    for i in range(n - 1):
        a = x[i + 1] - x[i] * x[i]
        b = 1.0 - x[i]
        f += 100.0 * a * a + b * b
        g[i] = carried - 2.0 * b - 400.0 * x[i] * a
        carried = 200.0 * a
    g[n - 1] = carried
    return f


def rosenbrock_hess(x):
    x = np.asarray(x, dtype=float)
    diagonal = np.zeros(x.size)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def rosenbrock(n=2):
    """Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², a curved valley; for n ≥ 4 there is a local minimiser near (−1, 1, ..., 1)."""
    if not (isinstance(n, int) and n >= 2):
        raise ValueError(f"rosenbrock: n = {n!r}; it must be a whole number, 2 or larger")
    return Problem(
        "rosenbrock",
        rosenbrock_fg,
        np.resize([-1.2, 1.0], n),
        hess=rosenbrock_hess,
        minimizers=(np.ones(n),),
        fstar=0.0,
        box=((-2, 2), (-1, 3)),
        source="Rosenbrock, Computer J. 3 (1960) 175",
        compile=True,
    )


# ------------------------------------------------------------------ the four functions of the PMG paper


def stiff_quadratic_fg(x, g):
    g[0] = x[0]
    g[1] = 100.0 * x[1]
    return 0.5 * (x[0] * g[0] + x[1] * g[1])


def stiff_quadratic():
    """½(x₁² + 100x₂²): a stand-in for the first function of the PMG paper, which is lost."""
    return Problem(
        "stiff_quadratic",
        stiff_quadratic_fg,
        (10, 1),
        hess=lambda x: np.diag([1.0, 100.0]),
        minimizers=((0, 0),),
        fstar=0.0,
        mu=1.0,
        L=100.0,
        box=((-8, 11), (-1.5, 1.5)),
        source=f"ours, in place of f1 of {PMG}",
        compile=True,
    )


def beale_fg(x, g):
    f, g[0], g[1] = 0.0, 0.0, 0.0
    constants, power = (1.5, 2.25, 2.625), 1.0
    for i in range(3):
        below, power = power, power * x[1]
        r = constants[i] - x[0] * (1.0 - power)
        f += r * r
        g[0] -= 2.0 * r * (1.0 - power)
        g[1] += 2.0 * r * (i + 1) * x[0] * below
    return f


def beale_hess(x):
    h = np.zeros((2, 2))
    for i, c in enumerate((1.5, 2.25, 2.625), 1):
        r = c - x[0] * (1 - x[1] ** i)
        first = np.array([-(1 - x[1] ** i), i * x[0] * x[1] ** (i - 1)])
        mixed = i * x[1] ** (i - 1)
        second = i * (i - 1) * x[0] * x[1] ** (i - 2) if i > 1 else 0.0
        h += 2 * np.outer(first, first) + 2 * r * np.array([[0, mixed], [mixed, second]])
    return h


def beale():
    """Σ (cᵢ − x₁(1 − x₂ⁱ))²: a stand-in for the second function of the PMG paper, which is lost."""
    return Problem(
        "beale",
        beale_fg,
        (1, 1),
        hess=beale_hess,
        minimizers=((3, 0.5),),
        fstar=0.0,
        box=((0, 4.5), (-1, 1.5)),
        source=f"Beale (1958); in place of f2 of {PMG}",
        compile=True,
    )


def cosine_wells_fg(x, g):
    a, b = 1.0 + cos(x[0]), 1.0 + cos(2.0 * x[1])
    g[0] = sin(x[0]) * b
    g[1] = 2.0 * sin(2.0 * x[1]) * a
    return -a * b


def cosine_wells_hess(x):
    a, b, mixed = 1 + cos(x[0]), 1 + cos(2 * x[1]), -2 * sin(x[0]) * sin(2 * x[1])
    return np.array([[cos(x[0]) * b, mixed], [mixed, 4 * cos(2 * x[1]) * a]])


def cosine_wells():
    """−(1 + cos x₁)(1 + cos 2x₂): wells at (2πm, πn), flat maxima between them."""
    return Problem(
        "cosine_wells",
        cosine_wells_fg,
        (-2, 1),
        hess=cosine_wells_hess,
        minimizers=tuple((2 * pi * m, pi * n) for m in (-1, 0, 1) for n in (-1, 0, 1)),
        fstar=-4.0,
        L=8.0,
        box=((-3.2, 3.2), (-2.2, 2.2)),
        source=f"f3 of {PMG}",
        compile=True,
    )


def mccormick_fg(x, g):
    c, d = cos(x[0] + x[1]), x[0] - x[1]
    g[0] = c + 2.0 * d - 1.5
    g[1] = c - 2.0 * d + 2.5
    return sin(x[0] + x[1]) + d * d - 1.5 * x[0] + 2.5 * x[1] + 1.0


def mccormick_hess(x):
    s = -sin(x[0] + x[1])
    return np.array([[s + 2, s - 2], [s - 2, s + 2]])


def mccormick_value(n):
    return -sqrt(3) / 2 - pi / 3 + pi * n


def mccormick_point(n):
    u = -2 * pi / 3 + 2 * pi * n
    return (u + 1) / 2, (u - 1) / 2


def mccormick():
    """sin(x₁ + x₂) + (x₁ − x₂)² − 1.5x₁ + 2.5x₂ + 1: a staircase of minima, unbounded below.

    `fstar` is the minimum nearest to the start; a lower value found means a step overshot, not a better method.
    """
    return Problem(
        "mccormick",
        mccormick_fg,
        (-10, 2),
        hess=mccormick_hess,
        minimizers=tuple(mccormick_point(n) for n in (-3, -2, -1, 0, 1)),
        fstar=mccormick_value(-1),
        L=4.0,
        box=((-11, 1), (-8, 3)),
        source=f"McCormick; f4 of {PMG}",
        compile=True,
    )


__all__ = ["beale", "cosine_wells", "mccormick", "rosenbrock", "stiff_quadratic"]
