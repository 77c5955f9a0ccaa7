"""The test set of Moré, Garbow & Hillstrom, ACM TOMS 7 (1981) 17: sums of squares, without a factor ½.

Each function accumulates f = Σ rᵢ² and its gradient Σ 2rᵢ∇rᵢ. Problems 1 and 5, Rosenbrock's and Beale's, are among
the classics.
"""

from collections.abc import Callable
from functools import cache
from math import atan, copysign, cos, exp, log, nan, pi, sin, sqrt
from typing import Any

import numpy as np

from .more_garbow_hillstrom_minimizers import MINIMIZERS
from .options import whole
from .problem import Problem

NUMBERS: dict[int, str] = {
    1: "rosenbrock", 2: "freudenstein_roth", 3: "powell_badly_scaled", 4: "brown_badly_scaled", 5: "beale",
    6: "jennrich_sampson", 7: "helical_valley", 8: "bard", 9: "gaussian", 10: "meyer", 11: "gulf", 12: "box3d",
    13: "powell_singular", 14: "wood", 15: "kowalik_osborne", 16: "brown_dennis", 17: "osborne1",
    18: "biggs_exp6", 19: "osborne2", 20: "watson", 21: "extended_rosenbrock", 22: "extended_powell_singular",
    23: "penalty1", 24: "penalty2", 25: "variably_dimensioned", 26: "trigonometric", 27: "brown_almost_linear",
    28: "discrete_boundary_value", 29: "discrete_integral_equation", 30: "broyden_tridiagonal",
    31: "broyden_banded", 32: "linear_full_rank", 33: "linear_rank_one", 34: "linear_rank_one_zeros",
    35: "chebyquad",
}  # fmt: skip
"""The names of all 35 problems by the numbers of the paper."""

UNCONSTRAINED: tuple[int, ...] = (7, 18, 9, 3, 12, 25, 20, 23, 24, 4, 16, 11, 26, 21, 22, 5, 14, 35)
"""The 18 problems, in the paper's order, of its collection for unconstrained minimisation."""

CUT = 709.0
"""Exponents end here: beyond, exp overflows, which Python refuses and compiled code does not."""


def _numbered(
    number: int, f: Callable, x0: Any, minimizers: Any = None, fstar: float | None = None, **known: Any
) -> Problem:
    """The problem of a number; unless given, its minimisers are those of the table, and f* the least value there."""
    if minimizers is None:
        minimizers = MINIMIZERS.get((number, len(x0)), ())
    if fstar is None:
        fstar = min((f(np.array(m), np.empty(len(m))) for m in minimizers), default=nan)
    return Problem(
        NUMBERS[number],
        f,
        x0,
        minimizers=minimizers,
        fstar=fstar,
        source=f"Moré, Garbow & Hillstrom, ACM TOMS 7 (1981) 17, problem {number}",
        compile=True,
        **known,
    )


# ------------------------------------------------------------------ two variables


def freudenstein_roth_fg(x, g):
    a = x[0] - 13.0 + ((5.0 - x[1]) * x[1] - 2.0) * x[1]
    b = x[0] - 29.0 + ((1.0 + x[1]) * x[1] - 14.0) * x[1]
    g[0] = 2.0 * (a + b)
    g[1] = 2.0 * (a * ((10.0 - 3.0 * x[1]) * x[1] - 2.0) + b * ((2.0 + 3.0 * x[1]) * x[1] - 14.0))
    return a * a + b * b


def freudenstein_roth() -> Problem:
    """(x₁ − 13 + ((5 − x₂)x₂ − 2)x₂)² + (x₁ − 29 + ((1 + x₂)x₂ − 14)x₂)²: the start leads to a local minimum."""
    return _numbered(
        2,
        freudenstein_roth_fg,
        (0.5, -2.0),
        minimizers=((5.0, 4.0), ((53.0 - 4.0 * sqrt(22.0)) / 3.0, (2.0 - sqrt(22.0)) / 3.0)),
        fstar=0.0,
        box=((-2, 16), (-4, 6)),
    )


def powell_badly_scaled_fg(x, g):
    p, q = exp(min(-x[0], CUT)), exp(min(-x[1], CUT))
    a, b = 1e4 * x[0] * x[1] - 1.0, p + q - 1.0001
    g[0] = 2e4 * a * x[1] - 2.0 * b * p
    g[1] = 2e4 * a * x[0] - 2.0 * b * q
    return a * a + b * b


def powell_badly_scaled() -> Problem:
    """(10⁴x₁x₂ − 1)² + (e^−x₁ + e^−x₂ − 1.0001)²: x₁ and x₂ may change places."""
    return _numbered(
        3,
        powell_badly_scaled_fg,
        (0.0, 1.0),
        fstar=0.0,
        box=((-1, 10), (-1, 10)),
    )


def brown_badly_scaled_fg(x, g):
    a, b, c = x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0
    g[0] = 2.0 * (a + c * x[1])
    g[1] = 2.0 * (b + c * x[0])
    return a * a + b * b + c * c


def brown_badly_scaled() -> Problem:
    """(x₁ − 10⁶)² + (x₂ − 2·10⁻⁶)² + (x₁x₂ − 2)²."""
    return _numbered(
        4,
        brown_badly_scaled_fg,
        (1.0, 1.0),
        minimizers=((1e6, 2e-6),),
        fstar=0.0,
        box=((-1e5, 1.2e6), (-0.2, 1.2)),
    )


def jennrich_sampson_fg(x, g):
    f, g[0], g[1] = 0.0, 0.0, 0.0
    for i in range(1, 11):
        p, q = exp(min(i * x[0], CUT)), exp(min(i * x[1], CUT))
        r = 2.0 + 2.0 * i - (p + q)
        f += r * r
        g[0] -= 2.0 * r * i * p
        g[1] -= 2.0 * r * i * q
    return f


def jennrich_sampson() -> Problem:
    """Σ (2 + 2i − e^ix₁ − e^ix₂)², i = 1, ..., 10."""
    return _numbered(
        6,
        jennrich_sampson_fg,
        (0.3, 0.4),
        box=((0, 0.5), (0, 0.5)),
    )


# ------------------------------------------------------------------ three variables


def helical_valley_fg(x, g):
    square = x[0] * x[0] + x[1] * x[1]
    radius = sqrt(square)
    if x[0] == 0.0:
        turn = copysign(0.25, x[1])
    else:
        turn = atan(x[1] / x[0]) / (2.0 * pi) + (0.5 if x[0] < 0.0 else 0.0)
    a, b = 10.0 * (x[2] - 10.0 * turn), 10.0 * (radius - 1.0)
    g[0] = 100.0 * a * x[1] / (pi * square) + 20.0 * b * x[0] / radius
    g[1] = -100.0 * a * x[0] / (pi * square) + 20.0 * b * x[1] / radius
    g[2] = 20.0 * a + 2.0 * x[2]
    return a * a + b * b + x[2] * x[2]


def helical_valley() -> Problem:
    """100(x₃ − 10θ)² + 100(√(x₁² + x₂²) − 1)² + x₃², θ the angle of (x₁, x₂) in turns, −¼ to ¾."""
    return _numbered(7, helical_valley_fg, (-1.0, 0.0, 0.0), minimizers=((1.0, 0.0, 0.0),), fstar=0.0)


BARD = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39])


def bard_fg(x, g):
    f, g[0], g[1], g[2] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, 16):
        v, w = 16 - i, min(i, 16 - i)
        below = v * x[1] + w * x[2]
        r = BARD[i - 1] - (x[0] + i / below)
        slope = 2.0 * r * i / (below * below)
        f += r * r
        g[0] -= 2.0 * r
        g[1] += slope * v
        g[2] += slope * w
    return f


def bard() -> Problem:
    """Σ (yᵢ − x₁ − i/(vᵢx₂ + wᵢx₃))², vᵢ = 16 − i, wᵢ = min(i, vᵢ): 15 data; 17.4286 at infinity."""
    return _numbered(8, bard_fg, (1.0, 1.0, 1.0))


GAUSSIAN = np.array([
    0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
    0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009,
])  # fmt: skip


def gaussian_fg(x, g):
    f, g[0], g[1], g[2] = 0.0, 0.0, 0.0, 0.0
    for i in range(15):
        d = (7 - i) / 2 - x[2]
        e = exp(min(-0.5 * x[1] * d * d, CUT))
        r = x[0] * e - GAUSSIAN[i]
        slope = 2.0 * r * e
        f += r * r
        g[0] += slope
        g[1] -= 0.5 * slope * x[0] * d * d
        g[2] += slope * x[0] * x[1] * d
    return f


def gaussian() -> Problem:
    """Σ (x₁ exp(−½x₂(tᵢ − x₃)²) − yᵢ)², tᵢ = (8 − i)/2: 15 data."""
    return _numbered(9, gaussian_fg, (0.4, 1.0, 0.0))


MEYER = np.array([
    34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0,
    8261.0, 7030.0, 6005.0, 5147.0, 4427.0, 3820.0, 3307.0, 2872.0,
])  # fmt: skip


def meyer_fg(x, g):
    f, g[0], g[1], g[2] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, 17):
        t = 45.0 + 5.0 * i + x[2]
        e = exp(min(x[1] / t, CUT))
        r = x[0] * e - MEYER[i - 1]
        slope = 2.0 * r * e
        f += r * r
        g[0] += slope
        g[1] += slope * x[0] / t
        g[2] -= slope * x[0] * x[1] / (t * t)
    return f


def meyer() -> Problem:
    """Σ (x₁ exp(x₂/(tᵢ + x₃)) − yᵢ)², tᵢ = 45 + 5i: 16 data; its variables differ by six orders of magnitude."""
    return _numbered(10, meyer_fg, (0.02, 4000.0, 250.0))


def gulf_fg(x, g):
    f, g[0], g[1], g[2] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, 100):
        t = i / 100
        d = 25.0 + (-50.0 * log(t)) ** (2 / 3) - x[1]
        u = max(-CUT, min(abs(d) ** x[2] / x[0], CUT))
        e = exp(-u)
        r = e - t
        f += r * r
        if d != 0.0:
            slope = 2.0 * r * e * u
            g[0] += slope / x[0]
            g[1] += slope * x[2] / d
            g[2] -= slope * log(abs(d))
    return f


def gulf() -> Problem:
    """Σ (exp(−|yᵢ − x₂|^x₃ / x₁) − i/100)², yᵢ = 25 + (−50 ln(i/100))^⅔, i = 1, ..., 99."""
    return _numbered(11, gulf_fg, (5.0, 2.5, 0.15), minimizers=((50.0, 25.0, 1.5),), fstar=0.0)


def box3d_fg(x, g):
    f, g[0], g[1], g[2] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, 11):
        t = i / 10
        p, q, w = exp(min(-t * x[0], CUT)), exp(min(-t * x[1], CUT)), exp(-t) - exp(-t * 10.0)
        r = p - q - x[2] * w
        f += r * r
        g[0] -= 2.0 * r * t * p
        g[1] += 2.0 * r * t * q
        g[2] -= 2.0 * r * w
    return f


def box3d() -> Problem:
    """Σ (e^−tᵢx₁ − e^−tᵢx₂ − x₃(e^−tᵢ − e^−10tᵢ))², tᵢ = i/10, i = 1, ..., 10: 0 also where x₁ = x₂, x₃ = 0."""
    return _numbered(
        12,
        box3d_fg,
        (0.0, 10.0, 20.0),
        minimizers=((1.0, 10.0, 1.0), (10.0, 1.0, -1.0)),
        fstar=0.0,
    )


# ------------------------------------------------------------------ four variables


def extended_powell_singular_fg(x, g):
    f = 0.0
    for k in range(0, x.size, 4):
        a, b = x[k] + 10.0 * x[k + 1], x[k + 2] - x[k + 3]
        c, d = x[k + 1] - 2.0 * x[k + 2], x[k] - x[k + 3]
        cube, fourth = c * c * c, 10.0 * d * d * d
        f += a * a + 5.0 * b * b + c * cube + d * fourth
        g[k] = 2.0 * a + 4.0 * fourth
        g[k + 1] = 20.0 * a + 4.0 * cube
        g[k + 2] = 10.0 * b - 8.0 * cube
        g[k + 3] = -10.0 * b - 4.0 * fourth
    return f


def powell_singular() -> Problem:
    """(x₁ + 10x₂)² + 5(x₃ − x₄)² + (x₂ − 2x₃)⁴ + 10(x₁ − x₄)⁴: its Hessian at 0 is singular."""
    return _numbered(
        13, extended_powell_singular_fg, (3.0, -1.0, 0.0, 1.0), minimizers=((0.0, 0.0, 0.0, 0.0),), fstar=0.0
    )


def wood_fg(x, g):
    a, b, c, d = x[1] - x[0] * x[0], 1.0 - x[0], x[3] - x[2] * x[2], 1.0 - x[2]
    p, q = x[1] + x[3] - 2.0, x[1] - x[3]
    g[0] = -400.0 * a * x[0] - 2.0 * b
    g[1] = 200.0 * a + 20.0 * p + 0.2 * q
    g[2] = -360.0 * c * x[2] - 2.0 * d
    g[3] = 180.0 * c + 20.0 * p - 0.2 * q
    return 100.0 * a * a + b * b + 90.0 * c * c + d * d + 10.0 * p * p + 0.1 * q * q


def wood() -> Problem:
    """100(x₂ − x₁²)² + (1 − x₁)² + 90(x₄ − x₃²)² + (1 − x₃)² + 10(x₂ + x₄ − 2)² + (x₂ − x₄)²/10."""
    return _numbered(14, wood_fg, (-3.0, -1.0, -3.0, -1.0), minimizers=((1.0, 1.0, 1.0, 1.0),), fstar=0.0)


KOWALIK = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
OSBORNE = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])


def kowalik_osborne_fg(x, g):
    f, g[0], g[1], g[2], g[3] = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(11):
        u = KOWALIK[i]
        below = u * (u + x[2]) + x[3]
        ratio = u * (u + x[1]) / below
        r = OSBORNE[i] - x[0] * ratio
        slope = 2.0 * r * x[0] / below
        f += r * r
        g[0] -= 2.0 * r * ratio
        g[1] -= slope * u
        g[2] += slope * ratio * u
        g[3] += slope * ratio
    return f


def kowalik_osborne() -> Problem:
    """Σ (yᵢ − x₁uᵢ(uᵢ + x₂)/(uᵢ(uᵢ + x₃) + x₄))²: 11 data."""
    return _numbered(15, kowalik_osborne_fg, (0.25, 0.39, 0.415, 0.39))


def brown_dennis_fg(x, g):
    f, g[0], g[1], g[2], g[3] = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(1, 21):
        t = i / 5
        a, b = x[0] + t * x[1] - exp(t), x[2] + sin(t) * x[3] - cos(t)
        r = a * a + b * b
        f += r * r
        g[0] += 4.0 * r * a
        g[1] += 4.0 * r * a * t
        g[2] += 4.0 * r * b
        g[3] += 4.0 * r * b * sin(t)
    return f


def brown_dennis() -> Problem:
    """Σ ((x₁ + tᵢx₂ − e^tᵢ)² + (x₃ + x₄ sin tᵢ − cos tᵢ)²)², tᵢ = i/5, i = 1, ..., 20."""
    return _numbered(16, brown_dennis_fg, (25.0, 5.0, -5.0, -1.0))


# ------------------------------------------------------------------ five, six and eleven variables

OSBORNE1 = np.array([
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
    0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
    0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
])  # fmt: skip


def osborne1_fg(x, g):
    f = 0.0
    g[:] = 0.0
    for i in range(33):
        t = 10.0 * i
        p, q = exp(min(-t * x[3], CUT)), exp(min(-t * x[4], CUT))
        r = OSBORNE1[i] - (x[0] + x[1] * p + x[2] * q)
        f += r * r
        g[0] -= 2.0 * r
        g[1] -= 2.0 * r * p
        g[2] -= 2.0 * r * q
        g[3] += 2.0 * r * t * x[1] * p
        g[4] += 2.0 * r * t * x[2] * q
    return f


def osborne1() -> Problem:
    """Σ (yᵢ − x₁ − x₂e^−tᵢx₄ − x₃e^−tᵢx₅)², tᵢ = 10(i − 1): 33 data; the two exponentials may change places."""
    return _numbered(17, osborne1_fg, (0.5, 1.5, -1.0, 0.01, 0.02))


def biggs_exp6_fg(x, g):
    f = 0.0
    g[:] = 0.0
    for i in range(1, 14):
        t = i / 10
        p, q, w = exp(min(-t * x[0], CUT)), exp(min(-t * x[1], CUT)), exp(min(-t * x[4], CUT))
        r = x[2] * p - x[3] * q + x[5] * w - (exp(-t) - 5.0 * exp(-t * 10.0) + 3.0 * exp(-t * 4.0))
        f += r * r
        g[0] -= 2.0 * r * t * x[2] * p
        g[1] += 2.0 * r * t * x[3] * q
        g[2] += 2.0 * r * p
        g[3] -= 2.0 * r * q
        g[4] -= 2.0 * r * t * x[5] * w
        g[5] += 2.0 * r * w
    return f


def biggs_exp6() -> Problem:
    """Σ (x₃e^−tᵢx₁ − x₄e^−tᵢx₂ + x₆e^−tᵢx₅ − yᵢ)², tᵢ = i/10, yᵢ = e^−tᵢ − 5e^−10tᵢ + 3e^−4tᵢ, i = 1, ..., 13.

    Gradients keep x₁ = x₅ and x₃ = x₆, as they are at the start, and so lead to a saddle where f = 5.65565·10⁻³.
    """
    return _numbered(
        18,
        biggs_exp6_fg,
        (1.0, 2.0, 1.0, 1.0, 1.0, 1.0),
        minimizers=((1.0, 10.0, 1.0, 5.0, 4.0, 3.0),),
        fstar=0.0,
    )


OSBORNE2 = np.array([
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608,
    0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661,
    0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428,
    0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559,
    0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054,
])  # fmt: skip


def osborne2_fg(x, g):
    f = 0.0
    g[:] = 0.0
    for i in range(65):
        t = i / 10
        decay = exp(min(-t * x[4], CUT))
        r = OSBORNE2[i] - x[0] * decay
        for k in range(1, 4):
            d = t - x[7 + k]
            r -= x[k] * exp(min(-x[4 + k] * d * d, CUT))
        f += r * r
        g[0] -= 2.0 * r * decay
        g[4] += 2.0 * r * t * x[0] * decay
        for k in range(1, 4):
            d = t - x[7 + k]
            slope = 2.0 * r * exp(min(-x[4 + k] * d * d, CUT))
            g[k] -= slope
            g[4 + k] += slope * x[k] * d * d
            g[7 + k] -= 2.0 * slope * x[k] * x[4 + k] * d
    return f


def osborne2() -> Problem:
    """Σ (yᵢ − x₁e^−tᵢx₅ − Σ xₖ₊₁ exp(−xₖ₊₅(tᵢ − xₖ₊₈)²))², k = 1, 2, 3, tᵢ = (i − 1)/10: 65 data."""
    return _numbered(
        19,
        osborne2_fg,
        (1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5),
    )


# ------------------------------------------------------------------ any number of variables


def watson_fg(x, g):
    a, b = x[0], x[1] - x[0] * x[0] - 1.0
    f = a * a + b * b
    g[:] = 0.0
    g[0] = 2.0 * a - 4.0 * b * x[0]
    g[1] = 2.0 * b
    for i in range(1, 30):
        t = i / 29
        slope, value, power = 0.0, 0.0, 1.0
        for j in range(x.size):
            slope += j * x[j] * power / t
            value += x[j] * power
            power *= t
        r = slope - value * value - 1.0
        f += r * r
        power = 1.0
        for j in range(x.size):
            g[j] += 2.0 * r * (j / t - 2.0 * value) * power
            power *= t
    return f


def watson(n: int = 6) -> Problem:
    """x₁² + (x₂ − x₁² − 1)² + Σ (p'(tᵢ) − p(tᵢ)² − 1)², p(t) = Σ xⱼtʲ⁻¹, tᵢ = i/29, i = 1, ..., 29."""
    n = whole("watson", "n", n, 2, most=31)
    return _numbered(20, watson_fg, np.zeros(n))


def extended_rosenbrock_fg(x, g):
    f = 0.0
    for k in range(0, x.size, 2):
        a, b = x[k + 1] - x[k] * x[k], 1.0 - x[k]
        f += 100.0 * a * a + b * b
        g[k] = -400.0 * a * x[k] - 2.0 * b
        g[k + 1] = 200.0 * a
    return f


def extended_rosenbrock(n: int = 10) -> Problem:
    """Σ 100(x₂ₖ − x₂ₖ₋₁²)² + (1 − x₂ₖ₋₁)², k = 1, ..., n/2: Rosenbrock's function of each pair."""
    n = whole("extended_rosenbrock", "n", n, 2, step=2)
    return _numbered(21, extended_rosenbrock_fg, np.resize([-1.2, 1.0], n), minimizers=(np.ones(n),), fstar=0.0)


def extended_powell_singular(n: int = 12) -> Problem:
    """Powell's singular function of each four variables."""
    n = whole("extended_powell_singular", "n", n, 4, step=4)
    return _numbered(
        22,
        extended_powell_singular_fg,
        np.resize([3.0, -1.0, 0.0, 1.0], n),
        minimizers=(np.zeros(n),),
        fstar=0.0,
    )


def penalty1_fg(x, g):
    f, excess = 0.0, -0.25
    for i in range(x.size):
        f += 1e-5 * (x[i] - 1.0) * (x[i] - 1.0)
        excess += x[i] * x[i]
    for i in range(x.size):
        g[i] = 2e-5 * (x[i] - 1.0) + 4.0 * excess * x[i]
    return f + excess * excess


def penalty1(n: int = 4) -> Problem:
    """10⁻⁵ Σ (xᵢ − 1)² + (Σ xᵢ² − ¼)²: its minimiser lies on the diagonal."""
    n = whole("penalty1", "n", n, 1)
    minimizer = np.full(n, max(np.roots([4.0 * n, 0.0, 2e-5 - 1.0, -2e-5]).real))
    return _numbered(23, penalty1_fg, np.arange(1.0, n + 1), minimizers=(minimizer,))


def penalty2_fg(x, g):
    n = x.size
    a, excess = x[0] - 0.2, -1.0
    f = a * a
    for i in range(n):
        excess += (n - i) * x[i] * x[i]
    for i in range(n):
        g[i] = 4.0 * excess * (n - i) * x[i]
    g[0] += 2.0 * a
    for i in range(1, n):
        p, q = exp(min(x[i] / 10.0, CUT)), exp(min(x[i - 1] / 10.0, CUT))
        r, s = p + q - (exp((i + 1) / 10) + exp(i / 10)), p - exp(-0.1)
        f += 1e-5 * (r * r + s * s)
        g[i] += 2e-6 * (r + s) * p
        g[i - 1] += 2e-6 * r * q
    return f + excess * excess


def penalty2(n: int = 4) -> Problem:
    """(x₁ − 0.2)² + 10⁻⁵ Σ ((pᵢ + pᵢ₋₁ − yᵢ)² + (pᵢ − e^−0.1)²) + (Σ (n − i + 1)xᵢ² − 1)², pᵢ = e^(xᵢ/10).

    yᵢ = e^(i/10) + e^((i − 1)/10).
    """
    n = whole("penalty2", "n", n, 1)
    return _numbered(24, penalty2_fg, np.full(n, 0.5))


def variably_dimensioned_fg(x, g):
    f, s = 0.0, 0.0
    for i in range(x.size):
        f += (x[i] - 1.0) * (x[i] - 1.0)
        s += (i + 1) * (x[i] - 1.0)
    for i in range(x.size):
        g[i] = 2.0 * (x[i] - 1.0) + (i + 1) * (2.0 * s + 4.0 * s * s * s)
    return f + s * s + s * s * s * s


def variably_dimensioned(n: int = 10) -> Problem:
    """Σ (xᵢ − 1)² + s² + s⁴, s = Σ i(xᵢ − 1)."""
    n = whole("variably_dimensioned", "n", n, 1)
    return _numbered(
        25,
        variably_dimensioned_fg,
        1.0 - np.arange(1, n + 1) / n,
        minimizers=(np.ones(n),),
        fstar=0.0,
    )


def trigonometric_fg(x, g):
    n = x.size
    f, lack, total = 0.0, 0.0, 0.0
    for i in range(n):
        lack += 1.0 - cos(x[i])
    for i in range(n):
        c, s = cos(x[i]), sin(x[i])
        r = lack + (i + 1) * (1.0 - c) - s
        f += r * r
        total += r
        g[i] = 2.0 * r * ((i + 1) * s - c)
    for i in range(n):
        g[i] += 2.0 * total * sin(x[i])
    return f


def trigonometric(n: int = 10) -> Problem:
    """Σ (n − Σ cos xⱼ + i(1 − cos xᵢ) − sin xᵢ)²: 0 at multiples of 2π; from n = 10's start a local minimum."""
    n = whole("trigonometric", "n", n, 1)
    minimizers = (np.zeros(n), *MINIMIZERS.get((26, n), ()))
    return _numbered(26, trigonometric_fg, np.full(n, 1.0 / n), minimizers=minimizers, fstar=0.0)


def brown_almost_linear_fg(x, g):
    n = x.size
    f, total, product, residuals = 0.0, 0.0, 1.0, 0.0
    for i in range(n):
        g[i] = product
        product *= x[i]
        total += x[i]
    for i in range(n - 1):
        r = x[i] + total - (n + 1)
        f += r * r
        residuals += r
    last, behind = product - 1.0, 1.0
    for k in range(n):
        i = n - 1 - k
        g[i] = 2.0 * (last * g[i] * behind + residuals)
        if k > 0:
            g[i] += 2.0 * (x[i] + total - (n + 1))
        behind *= x[i]
    return f + last * last


def brown_almost_linear(n: int = 10) -> Problem:
    """Σ (xᵢ + Σ xⱼ − (n + 1))² + (Π xⱼ − 1)², i = 1, ..., n − 1.

    0 also at (α, ..., α, α¹⁻ⁿ), where nαⁿ − (n + 1)αⁿ⁻¹ + 1 = 0. At (0, ..., 0, n + 1), where f = 1, the gradient
    vanishes, but f falls in the direction (1, ..., 1, −n).
    """
    n = whole("brown_almost_linear", "n", n, 1)
    minimizers = (np.ones(n), *MINIMIZERS.get((27, n), ()))
    return _numbered(27, brown_almost_linear_fg, np.full(n, 0.5), minimizers=minimizers, fstar=0.0)


def discrete_boundary_value_fg(x, g):
    n = x.size
    f, h = 0.0, 1.0 / (n + 1)
    g[:] = 0.0
    for i in range(n):
        c = x[i] + (i + 1) * h + 1.0
        r = 2.0 * x[i] + 0.5 * h * h * c * c * c
        if i > 0:
            r -= x[i - 1]
        if i < n - 1:
            r -= x[i + 1]
        f += r * r
        g[i] += 2.0 * r * (2.0 + 1.5 * h * h * c * c)
        if i > 0:
            g[i - 1] -= 2.0 * r
        if i < n - 1:
            g[i + 1] -= 2.0 * r
    return f


def _start_below_zero(n):
    t = np.arange(1, n + 1) / (n + 1)
    return t * (t - 1.0)


def discrete_boundary_value(n: int = 10) -> Problem:
    """Σ (2xᵢ − xᵢ₋₁ − xᵢ₊₁ + ½h²(xᵢ + tᵢ + 1)³)², h = 1/(n + 1), tᵢ = ih, x₀ = xₙ₊₁ = 0."""
    n = whole("discrete_boundary_value", "n", n, 1)
    return _numbered(28, discrete_boundary_value_fg, _start_below_zero(n), fstar=0.0)


def discrete_integral_equation_fg(x, g):
    n = x.size
    f, h = 0.0, 1.0 / (n + 1)
    before, after = 0.0, 0.0
    for i in range(n):
        t = (i + 1) * h
        c = x[i] + t + 1.0
        after += (1.0 - t) * c * c * c
    below, above = 0.0, 0.0
    for i in range(n):  # the residuals, kept in g
        t = (i + 1) * h
        c = x[i] + t + 1.0
        before += t * c * c * c
        after -= (1.0 - t) * c * c * c
        r = x[i] + 0.5 * h * ((1.0 - t) * before + t * after)
        f += r * r
        above += r * (1.0 - t)
        g[i] = r
    for i in range(n):
        t, r = (i + 1) * h, g[i]
        c = x[i] + t + 1.0
        g[i] = 2.0 * r + 3.0 * h * c * c * (t * above + (1.0 - t) * below)
        above -= r * (1.0 - t)
        below += r * t
    return f


def discrete_integral_equation(n: int = 10) -> Problem:
    """Σ (xᵢ + ½h((1 − tᵢ) Σ tⱼcⱼ³ + tᵢ Σ (1 − tⱼ)cⱼ³))², j ≤ i and j > i, cⱼ = xⱼ + tⱼ + 1, h = 1/(n + 1), tᵢ = ih.

    Its solution is that of `discrete_boundary_value`.
    """
    n = whole("discrete_integral_equation", "n", n, 1)
    return _numbered(29, discrete_integral_equation_fg, _start_below_zero(n), fstar=0.0)


def broyden_tridiagonal_fg(x, g):
    n = x.size
    f = 0.0
    g[:] = 0.0
    for i in range(n):
        r = (3.0 - 2.0 * x[i]) * x[i] + 1.0
        if i > 0:
            r -= x[i - 1]
        if i < n - 1:
            r -= 2.0 * x[i + 1]
        f += r * r
        g[i] += 2.0 * r * (3.0 - 4.0 * x[i])
        if i > 0:
            g[i - 1] -= 2.0 * r
        if i < n - 1:
            g[i + 1] -= 4.0 * r
    return f


def broyden_tridiagonal(n: int = 10) -> Problem:
    """Σ ((3 − 2xᵢ)xᵢ − xᵢ₋₁ − 2xᵢ₊₁ + 1)², x₀ = xₙ₊₁ = 0."""
    n = whole("broyden_tridiagonal", "n", n, 1)
    return _numbered(30, broyden_tridiagonal_fg, np.full(n, -1.0), fstar=0.0)


def broyden_banded_fg(x, g):
    n = x.size
    f = 0.0
    g[:] = 0.0
    for i in range(n):
        r = x[i] * (2.0 + 5.0 * x[i] * x[i]) + 1.0
        for j in range(max(0, i - 5), min(n, i + 2)):
            if j != i:
                r -= x[j] * (1.0 + x[j])
        f += r * r
        g[i] += 2.0 * r * (2.0 + 15.0 * x[i] * x[i])
        for j in range(max(0, i - 5), min(n, i + 2)):
            if j != i:
                g[j] -= 2.0 * r * (1.0 + 2.0 * x[j])
    return f


def broyden_banded(n: int = 10) -> Problem:
    """Σ (xᵢ(2 + 5xᵢ²) + 1 − Σ xⱼ(1 + xⱼ))², i − 5 ≤ j ≤ i + 1, j ≠ i."""
    n = whole("broyden_banded", "n", n, 1)
    return _numbered(31, broyden_banded_fg, np.full(n, -1.0), fstar=0.0)


# ------------------------------------------------------------------ any number of squares, at least n


@cache
def _full_rank(m):
    def fg(x, g):
        n = x.size
        total = 0.0
        for i in range(n):
            total += x[i]
        c = 1.0 + 2.0 * total / m
        f, slope = (m - n) * c * c, 4.0 * (total - m * c) / m
        for i in range(n):
            r = x[i] - c
            f += r * r
            g[i] = 2.0 * r - slope
        return f

    return fg


def linear_full_rank(n: int = 10, m: int | None = None) -> Problem:
    """Σ (xᵢ − c)² + (m − n)c², c = 1 + 2 Σ xⱼ/m: the same as Σ (xᵢ + 1)² + m − n. m is 2n unless given."""
    n = whole("linear_full_rank", "n", n, 1)
    m = 2 * n if m is None else m
    m = whole("linear_full_rank", "m", m, n)
    return _numbered(
        32,
        _full_rank(m),
        np.ones(n),
        minimizers=(-np.ones(n),),
        fstar=float(m - n),
        mu=2.0,
        L=2.0,
    )


@cache
def _rank_one(rows, first, idle):
    def fg(x, g):
        last = x.size + 1 - first
        s, f, slope = 0.0, float(idle), 0.0
        for j in range(first, last + 1):
            s += j * x[j - 1]
        for i in range(1, rows + 1):
            r = i * s - 1.0
            f += r * r
            slope += 2.0 * i * r
        for j in range(1, x.size + 1):
            g[j - 1] = j * slope if first <= j <= last else 0.0
        return f

    return fg


def _rank_one_problem(number, n, rows, first, idle):
    """idle + Σ (i Σ jxⱼ − 1)², i = 1, ..., rows, j = first, ..., n + 1 − first; of its minimisers the shortest."""
    a = np.arange(1.0, n + 1)
    a[: first - 1] = a[n + 1 - first :] = 0.0
    return _numbered(
        number,
        _rank_one(rows, first, idle),
        np.ones(n),
        minimizers=(3.0 / (2 * rows + 1) * a / (a @ a),),
        fstar=idle + rows * (rows - 1) / (2 * (2 * rows + 1)),
        L=rows * (rows + 1) * (2 * rows + 1) / 3 * (a @ a),
    )


def linear_rank_one(n: int = 10, m: int | None = None) -> Problem:
    """Σ (i Σ jxⱼ − 1)², i = 1, ..., m: minimal on a hyperplane. m is 2n unless given."""
    n = whole("linear_rank_one", "n", n, 1)
    m = 2 * n if m is None else m
    m = whole("linear_rank_one", "m", m, n)
    return _rank_one_problem(33, n, rows=m, first=1, idle=0)


def linear_rank_one_zeros(n: int = 10, m: int | None = None) -> Problem:
    """2 + Σ ((i − 1) Σ jxⱼ − 1)², i = 2, ..., m − 1, j = 2, ..., n − 1: minimal on a hyperplane.

    m is 2n unless given.
    """
    n = whole("linear_rank_one_zeros", "n", n, 3)
    m = 2 * n if m is None else m
    m = whole("linear_rank_one_zeros", "m", m, n)
    return _rank_one_problem(34, n, rows=m - 2, first=2, idle=2)


@cache
def _chebyquad(m):
    def fg(x, g):
        n = x.size
        f, r = 0.0, np.zeros(m)
        for j in range(n):
            twice = 4.0 * x[j] - 2.0
            before, value = 1.0, 0.5 * twice
            for i in range(m):
                r[i] += value / n
                before, value = value, twice * value - before
        for i in range(m):
            if i % 2 == 1:
                r[i] += 1.0 / (i * (i + 2))
            f += r[i] * r[i]
        for j in range(n):
            twice = 4.0 * x[j] - 2.0
            before, value = 1.0, 0.5 * twice
            slope_before, slope, total = 0.0, 2.0, 0.0
            for i in range(m):
                total += 2.0 * r[i] * slope / n
                slope_before, slope = slope, 4.0 * value + twice * slope - slope_before
                before, value = value, twice * value - before
            g[j] = total
        return f

    return fg


def chebyquad(n: int = 8, m: int | None = None) -> Problem:
    """Σ (Σ Tᵢ(xⱼ)/n − ∫ Tᵢ)², i = 1, ..., m, Chebyshev's polynomials on [0, 1]. m is n unless given.

    For n = m = 10 the start leads to the minimum that the paper lists, 6.50395·10⁻³; the least one known is
    4.77271·10⁻³.
    """
    n = whole("chebyquad", "n", n, 1)
    m = n if m is None else m
    m = whole("chebyquad", "m", m, n)
    return _numbered(
        35,
        _chebyquad(m),
        np.arange(1, n + 1) / (n + 1),
        minimizers=None if m == n else (),
        fstar=0.0 if m == n and n in (1, 2, 3, 4, 5, 6, 7, 9) else None,
    )


__all__ = [name for name in NUMBERS.values() if name not in ("rosenbrock", "beale")]
