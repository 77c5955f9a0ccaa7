"""Classic test functions: each is a value and a gradient, a Hessian, and a function that makes the problem."""

from itertools import product
from math import cos, exp, pi, sin, sqrt

import numpy as np

from .options import whole
from .problem import Problem

PMG = "Zhang & Yu, preconditioned momentum gradient methods"
SURVEY = "Jamil & Yang, Int. J. Math. Model. Numer. Optim. 4 (2013) 150"


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
    x = np.asarray(x)
    diagonal = np.zeros(x.size)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def rosenbrock(n: int = 2) -> Problem:
    """Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², a curved valley; for n ≥ 4 there is a local minimiser near (−1, 1, ..., 1)."""
    n = whole("rosenbrock", "n", n, 2)
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


def stiff_quadratic() -> Problem:
    """½(x₁² + 100x₂²), of condition number 100.

    It stands in for the first function of Zhang & Yu's paper on preconditioned momentum, which is lost.
    """
    return Problem(
        "stiff_quadratic",
        stiff_quadratic_fg,
        (10, 1),
        hess=lambda x: np.diag(np.array([1.0, 100.0])),
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


def beale() -> Problem:
    """Σ (cᵢ − x₁(1 − x₂ⁱ))², a valley that flattens outwards.

    It stands in for the second function of Zhang & Yu's paper on preconditioned momentum, which is lost.
    """
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


def cosine_wells() -> Problem:
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


def mccormick() -> Problem:
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


# ------------------------------------------------------------------ two variables: convex quadratics


def booth_fg(x, g):
    u, w = x[0] + 2.0 * x[1] - 7.0, 2.0 * x[0] + x[1] - 5.0
    g[0] = 2.0 * u + 4.0 * w
    g[1] = 4.0 * u + 2.0 * w
    return u * u + w * w


def booth() -> Problem:
    """(x₁ + 2x₂ − 7)² + (2x₁ + x₂ − 5)²: a round bowl, κ = 9."""
    return Problem(
        "booth",
        booth_fg,
        (-5, 5),
        hess=lambda x: np.array([[10.0, 8.0], [8.0, 10.0]]),
        minimizers=((1, 3),),
        fstar=0.0,
        mu=2.0,
        L=18.0,
        box=((-10, 10), (-10, 10)),
        source=f"Booth; {SURVEY}",
        compile=True,
    )


def matyas_fg(x, g):
    g[0] = 0.52 * x[0] - 0.48 * x[1]
    g[1] = 0.52 * x[1] - 0.48 * x[0]
    return 0.26 * (x[0] * x[0] + x[1] * x[1]) - 0.48 * x[0] * x[1]


def matyas() -> Problem:
    """0.26(x₁² + x₂²) − 0.48x₁x₂: a long bowl along (1, 1), κ = 25."""
    return Problem(
        "matyas",
        matyas_fg,
        (10, -5),
        hess=lambda x: np.array([[0.52, -0.48], [-0.48, 0.52]]),
        minimizers=((0, 0),),
        fstar=0.0,
        mu=0.04,
        L=1.0,
        box=((-10, 10), (-10, 10)),
        source="Matyas, Automation and Remote Control 26 (1965) 246",
        compile=True,
    )


# ------------------------------------------------------------------ two variables: polynomials with several minima


def himmelblau_fg(x, g):
    u, w = x[0] * x[0] + x[1] - 11.0, x[0] + x[1] * x[1] - 7.0
    g[0] = 4.0 * x[0] * u + 2.0 * w
    g[1] = 2.0 * u + 4.0 * x[1] * w
    return u * u + w * w


def himmelblau_hess(x):
    mixed = 4 * (x[0] + x[1])
    return np.array([[12 * x[0] ** 2 + 4 * x[1] - 42, mixed], [mixed, 12 * x[1] ** 2 + 4 * x[0] - 26]])


def himmelblau() -> Problem:
    """(x₁² + x₂ − 11)² + (x₁ + x₂² − 7)²: four minima, all 0."""
    return Problem(
        "himmelblau",
        himmelblau_fg,
        (0, 0),
        hess=himmelblau_hess,
        minimizers=(
            (3, 2),
            (-2.8051180869527449, 3.1313125182505730),
            (-3.7793102533777469, -3.2831859912861694),
            (3.5844283403304917, -1.8481265269644036),
        ),
        fstar=0.0,
        box=((-5, 5), (-5, 5)),
        source="Himmelblau, Applied Nonlinear Programming (1972)",
        compile=True,
    )


def goldstein_price_fg(x, g):
    s, t = x[0] + x[1], 2.0 * x[0] - 3.0 * x[1]
    a = 1.0 + (s + 1.0) * (s + 1.0) * (s * (3.0 * s - 14.0) + 19.0)
    b = 3.0 + (t - 3.0) * (t - 3.0) * (t * (3.0 * t + 2.0) + 3.0)
    da = 12.0 * (s + 1.0) * (s - 1.0) * (s - 2.0)
    db = 12.0 * t * (t - 1.0) * (t - 3.0)
    g[0] = da * b + 2.0 * a * db
    g[1] = da * b - 3.0 * a * db
    return a * b


def goldstein_price_hess(x):
    s, t = x[0] + x[1], 2 * x[0] - 3 * x[1]
    e, d = np.array([1.0, 1.0]), np.array([2.0, -3.0])
    a, b = 1 + (s + 1) ** 2 * (3 * s * s - 14 * s + 19), 3 + (t - 3) ** 2 * (3 * t * t + 2 * t + 3)
    da, db = 12 * (s + 1) * (s - 1) * (s - 2), 12 * t * (t - 1) * (t - 3)
    dda, ddb = 12 * (3 * s * s - 4 * s - 1), 12 * (3 * t * t - 8 * t + 3)
    return dda * b * np.outer(e, e) + da * db * (np.outer(e, d) + np.outer(d, e)) + a * ddb * np.outer(d, d)


def goldstein_price() -> Problem:
    """(1 + (s + 1)²(3s² − 14s + 19))(3 + (t − 3)²(3t² + 2t + 3)), s = x₁ + x₂, t = 2x₁ − 3x₂: minima from 3 to 840.

    The usual 30 + t²(3t² − 16t + 18) is the same second factor; about t = 3 this form keeps more of its digits.
    """
    return Problem(
        "goldstein_price",
        goldstein_price_fg,
        (-0.5, 0.5),
        hess=goldstein_price_hess,
        minimizers=((0, -1), (-0.6, -0.4), (1.8, 0.2), (1.2, 0.8)),
        fstar=3.0,
        box=((-2, 2), (-2, 2)),
        source="Goldstein & Price, Math. Comp. 25 (1971) 569",
        compile=True,
    )


def six_hump_camel_fg(x, g):
    a, b = x[0] * x[0], x[1] * x[1]
    g[0] = x[0] * (8.0 + a * (2.0 * a - 8.4)) + x[1]
    g[1] = x[0] + x[1] * (16.0 * b - 8.0)
    return a * (4.0 + a * (a / 3.0 - 2.1)) + x[0] * x[1] + 4.0 * b * (b - 1.0)


def six_hump_camel_hess(x):
    a, b = x[0] ** 2, x[1] ** 2
    return np.array([[8 - 25.2 * a + 10 * a * a, 1], [1, 48 * b - 8]])


def six_hump_camel() -> Problem:
    """(4 − 2.1x₁² + x₁⁴/3)x₁² + x₁x₂ + (4x₂² − 4)x₂²: six minima in pairs ±x."""
    a, b = 0.089842013100318062, -0.71265640302073963
    c, d = 1.7036067149699808, -0.79608356867262512
    p, q = -1.6071047529201972, -0.56865145488413137
    return Problem(
        "six_hump_camel",
        six_hump_camel_fg,
        (1, 1),
        hess=six_hump_camel_hess,
        minimizers=((a, b), (-a, -b), (c, d), (-c, -d), (p, q), (-p, -q)),
        fstar=-1.0316284534898774,
        box=((-3, 3), (-2, 2)),
        source="Dixon & Szegő, Towards Global Optimisation 2 (1978)",
        compile=True,
    )


def three_hump_camel_fg(x, g):
    a = x[0] * x[0]
    g[0] = x[0] * (4.0 + a * (a - 4.2)) + x[1]
    g[1] = x[0] + 2.0 * x[1]
    return a * (2.0 + a * (a / 6.0 - 1.05)) + x[0] * x[1] + x[1] * x[1]


def three_hump_camel_hess(x):
    a = x[0] ** 2
    return np.array([[4 - 12.6 * a + 5 * a * a, 1.0], [1.0, 2.0]])


def three_hump_camel() -> Problem:
    """2x₁² − 1.05x₁⁴ + x₁⁶/6 + x₁x₂ + x₂²: three minima; beside 0 they have x₁² = 2.1 + √0.91, x₂ = −x₁/2."""
    c = sqrt(2.1 + sqrt(0.91))
    return Problem(
        "three_hump_camel",
        three_hump_camel_fg,
        (4, -4),
        hess=three_hump_camel_hess,
        minimizers=((0, 0), (c, -c / 2), (-c, c / 2)),
        fstar=0.0,
        box=((-5, 5), (-5, 5)),
        source="Dixon & Szegő, Towards Global Optimisation 2 (1978)",
        compile=True,
    )


# ------------------------------------------------------------------ two variables: with cosines

BRANIN_B, BRANIN_C, BRANIN_R = 5.1 / (4 * pi * pi), 5 / pi, 10 * (1 - 1 / (8 * pi))


def branin_fg(x, g):
    u = x[1] - BRANIN_B * x[0] * x[0] + BRANIN_C * x[0] - 6.0
    g[0] = 2.0 * u * (BRANIN_C - 2.0 * BRANIN_B * x[0]) - BRANIN_R * sin(x[0])
    g[1] = 2.0 * u
    return u * u + BRANIN_R * cos(x[0]) + 10.0


def branin_hess(x):
    u, slope = x[1] - BRANIN_B * x[0] ** 2 + BRANIN_C * x[0] - 6, BRANIN_C - 2 * BRANIN_B * x[0]
    return np.array([[2 * slope**2 - 4 * BRANIN_B * u - BRANIN_R * cos(x[0]), 2 * slope], [2 * slope, 2]])


def branin() -> Problem:
    """(x₂ − bx₁² + cx₁ − 6)² + 10(1 − 1/8π) cos x₁ + 10 with b = 5.1/4π², c = 5/π: three equal minima, 5/4π."""
    return Problem(
        "branin",
        branin_fg,
        (2.5, 7.5),
        hess=branin_hess,
        minimizers=((-pi, 12.275), (pi, 2.275), (3 * pi, 2.475)),
        fstar=5 / (4 * pi),
        box=((-5, 10), (0, 15)),
        source="Branin, IBM J. Res. Dev. 16 (1972) 504",
        compile=True,
    )


def easom_fg(x, g):
    u, w = x[0] - pi, x[1] - pi
    a, b = exp(-u * u), exp(-w * w)
    first, second = cos(x[0]) * a, cos(x[1]) * b
    g[0] = a * (sin(x[0]) + 2.0 * u * cos(x[0])) * second
    g[1] = b * (sin(x[1]) + 2.0 * w * cos(x[1])) * first
    return -first * second


def easom_hess(x):
    c, s, u = np.cos(x), np.sin(x), np.asarray(x) - pi
    bell = np.exp(-(u**2))
    phi, slope, curve = bell * c, -bell * (s + 2 * u * c), bell * ((4 * u**2 - 3) * c + 4 * u * s)
    mixed = -slope[0] * slope[1]
    return np.array([[-curve[0] * phi[1], mixed], [mixed, -phi[0] * curve[1]]])


def easom() -> Problem:
    """−cos x₁ cos x₂ exp(−(x₁ − π)² − (x₂ − π)²): a hole at (π, π), flat elsewhere."""
    return Problem(
        "easom",
        easom_fg,
        (2, 2),
        hess=easom_hess,
        minimizers=((pi, pi),),
        fstar=-1.0,
        box=((0, 2 * pi), (0, 2 * pi)),
        source="Easom, thesis, University of Louisville (1990)",
        compile=True,
    )


# ------------------------------------------------------------------ any number of variables: convex


def sphere_fg(x, g):
    f = 0.0
    for i in range(x.size):
        g[i] = x[i]
        f += 0.5 * x[i] * x[i]
    return f


def sphere(n: int = 2) -> Problem:
    """½‖x‖²."""
    n = whole("sphere", "n", n)
    return Problem(
        "sphere",
        sphere_fg,
        np.ones(n),
        hess=lambda x: np.eye(n),
        minimizers=(np.zeros(n),),
        fstar=0.0,
        mu=1.0,
        L=1.0,
        box=((-1.5, 1.5), (-1.5, 1.5)),
        source="De Jong (1975)",
        compile=True,
    )


def zakharov_fg(x, g):
    f, s = 0.0, 0.0
    for i in range(x.size):
        f += x[i] * x[i]
        s += 0.5 * (i + 1) * x[i]
    for i in range(x.size):
        g[i] = 2.0 * x[i] + (2.0 * s + 4.0 * s * s * s) * 0.5 * (i + 1)
    return f + s * s + s * s * s * s


def zakharov_hess(x):
    a = np.arange(1, np.size(x) + 1) / 2
    return 2 * np.eye(a.size) + (2 + 12 * (a @ x) ** 2) * np.outer(a, a)


def zakharov(n: int = 2) -> Problem:
    """‖x‖² + S² + S⁴ with S = ½Σ i xᵢ: convex, and ever steeper along one direction."""
    n = whole("zakharov", "n", n)
    return Problem(
        "zakharov",
        zakharov_fg,
        np.ones(n),
        hess=zakharov_hess,
        minimizers=(np.zeros(n),),
        fstar=0.0,
        mu=2.0,
        box=((-5, 10), (-5, 10)),
        source=f"Zakharov; {SURVEY}",
        compile=True,
    )


# ------------------------------------------------------------------ any number of variables: many minima


def lattice(coordinates, n):
    """The points with these coordinates, the first of them first; beyond four variables only those on the diagonal."""
    return tuple(product(coordinates, repeat=n)) if n <= 4 else tuple(np.full(n, c) for c in coordinates)


def styblinski_tang_fg(x, g):
    f = 0.0
    for i in range(x.size):
        a = x[i] * x[i]
        g[i] = x[i] * (2.0 * a - 16.0) + 2.5
        f += 0.5 * (a * (a - 16.0) + 5.0 * x[i])
    return f


def styblinski_tang(n: int = 2) -> Problem:
    """½Σ (xᵢ⁴ − 16xᵢ² + 5xᵢ): two wells in each coordinate."""
    n = whole("styblinski_tang", "n", n)
    return Problem(
        "styblinski_tang",
        styblinski_tang_fg,
        np.ones(n),
        hess=lambda x: np.diag(6 * np.square(x) - 16),
        minimizers=lattice((-2.9035340277711771, 2.7468027709908370), n),
        fstar=-39.166165703771415 * n,
        box=((-5, 5), (-5, 5)),
        source="Styblinski & Tang, Neural Networks 3 (1990) 467",
        compile=True,
    )


def rastrigin_fg(x, g):
    f = 0.0
    for i in range(x.size):
        g[i] = 2.0 * x[i] + 20.0 * pi * sin(2.0 * pi * x[i])
        f += x[i] * x[i] + 10.0 * (1.0 - cos(2.0 * pi * x[i]))
    return f


def rastrigin(n: int = 2) -> Problem:
    """10n + Σ (xᵢ² − 10 cos 2πxᵢ): a bowl full of wells; those next to 0 are listed."""
    n = whole("rastrigin", "n", n)
    return Problem(
        "rastrigin",
        rastrigin_fg,
        np.ones(n),
        hess=lambda x: np.diag(2 + 40 * pi**2 * np.cos(2 * pi * np.asarray(x))),
        minimizers=lattice((0.0, 0.99495863765233480, -0.99495863765233480), n),
        fstar=0.0,
        L=2 + 40 * pi**2,
        box=((-5.12, 5.12), (-5.12, 5.12)),
        source="Rastrigin, Systems of Extremal Control (1974)",
        compile=True,
    )


def dixon_price_fg(x, g):
    g[0] = 2.0 * (x[0] - 1.0)
    f = (x[0] - 1.0) * (x[0] - 1.0)
    for i in range(1, x.size):
        r = 2.0 * x[i] * x[i] - x[i - 1]
        f += (i + 1) * r * r
        g[i - 1] -= 2.0 * (i + 1) * r
        g[i] = 8.0 * (i + 1) * r * x[i]
    return f


def dixon_price_hess(x):
    x = np.asarray(x)
    i = np.arange(2, x.size + 1)
    diagonal = np.zeros(x.size)
    diagonal[0] = 2
    diagonal[:-1] += 2 * i
    diagonal[1:] += 8 * i * (6 * x[1:] ** 2 - x[:-1])
    beside = -8 * i * x[1:]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def dixon_price(n: int = 2) -> Problem:
    """(x₁ − 1)² + Σ i(2xᵢ² − xᵢ₋₁)²: two minima at xᵢ = 2^−(1 − 2/2ⁱ) where the last coordinate has either sign."""
    n = whole("dixon_price", "n", n)
    best = 2.0 ** (2.0 ** (1 - np.arange(1, n + 1)) - 1)
    mirrored = np.append(best[:-1], -best[-1])
    return Problem(
        "dixon_price",
        dixon_price_fg,
        np.ones(n),
        hess=dixon_price_hess,
        minimizers=(best, mirrored) if n > 1 else (best,),
        fstar=0.0,
        box=((-1, 2), (-1.5, 1.5)),
        source="Dixon & Price, J. Optim. Theory Appl. 60 (1989) 261",
        compile=True,
    )


__all__ = [
    "beale",
    "booth",
    "branin",
    "cosine_wells",
    "dixon_price",
    "easom",
    "goldstein_price",
    "himmelblau",
    "matyas",
    "mccormick",
    "rastrigin",
    "rosenbrock",
    "six_hump_camel",
    "sphere",
    "stiff_quadratic",
    "styblinski_tang",
    "three_hump_camel",
    "zakharov",
]
