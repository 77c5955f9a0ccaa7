"""The set of Moré, Garbow & Hillstrom against its residuals, written a second time, and the values of its paper."""

from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from numpy import arctan, cos, exp, log, pi, sin, sqrt
from scipy.optimize import least_squares

import momentumlab as ml
from momentumlab.objective import EPS
from momentumlab.problems.more_garbow_hillstrom import NUMBERS, UNCONSTRAINED

# ------------------------------------------------------------------ the residuals, for real and complex x

BARD = "0.14 0.18 0.22 0.25 0.29 0.32 0.35 0.39 0.37 0.58 0.73 0.96 1.34 2.10 4.39"
GAUSSIAN = "0.0009 0.0044 0.0175 0.0540 0.1295 0.2420 0.3521"
MEYER = "34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872"
KOWALIK = "4 2 1 0.5 0.25 0.167 0.125 0.1 0.0833 0.0714 0.0625"
OSBORNE = "0.1957 0.1947 0.1735 0.1600 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246"
OSBORNE1 = """0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 0.718 0.685 0.658 0.628 0.603 0.580
    0.558 0.538 0.522 0.506 0.490 0.478 0.467 0.457 0.448 0.438 0.431 0.424 0.420 0.414 0.411 0.406"""
OSBORNE2 = """1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655 0.616 0.606 0.602
    0.626 0.651 0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 0.500 0.423 0.395 0.375 0.372 0.391
    0.396 0.405 0.428 0.429 0.523 0.562 0.607 0.653 0.672 0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739
    0.710 0.729 0.720 0.636 0.581 0.428 0.292 0.162 0.098 0.054"""


def data(text):
    return np.array(text.split(), dtype=float)


def steps(m):
    return np.arange(1, m + 1)


def gulf(x):
    t = steps(99) / 100
    distance = sqrt((25 + (-50 * log(t)) ** (2 / 3) - x[1]) ** 2)
    return exp(-(distance ** x[2]) / x[0]) - t


def extended_powell_singular(x):
    a, b, c, d = x.reshape(-1, 4).T
    return np.r_[a + 10 * b, sqrt(5) * (c - d), (b - 2 * c) ** 2, sqrt(10) * (a - d) ** 2]


def watson(x):
    t = (steps(29) / 29)[:, None]
    j = np.arange(x.size)
    slope = t ** (j[1:] - 1) @ (j[1:] * x[1:])
    return np.r_[slope - (t**j @ x) ** 2 - 1, x[0], x[1] - x[0] ** 2 - 1]


def penalty2(x):
    n, e, y = x.size, exp(x / 10), exp(np.arange(x.size + 1) / 10)
    pairs, singles = e[1:] + e[:-1] - (y[2:] + y[1:-1]), e[1:] - exp(-0.1)
    return np.r_[x[0] - 0.2, sqrt(1e-5) * np.r_[pairs, singles], np.arange(n, 0, -1) @ x**2 - 1]


def discrete_boundary_value(x):
    h = 1 / (x.size + 1)
    padded = np.r_[0, x, 0]
    return 2 * x - padded[:-2] - padded[2:] + h**2 / 2 * (x + steps(x.size) * h + 1) ** 3


def discrete_integral_equation(x):
    t = steps(x.size) / (x.size + 1)
    kernel = np.where(t <= t[:, None], (1 - t[:, None]) * t, t[:, None] * (1 - t))
    return x + kernel @ (x + t + 1) ** 3 / (2 * (x.size + 1))


def broyden_tridiagonal(x):
    padded = np.r_[0, x, 0]
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def broyden_banded(x):
    i = np.arange(x.size)
    band = (i >= i[:, None] - 5) & (i <= i[:, None] + 1) & (i != i[:, None])
    return x * (2 + 5 * x**2) + 1 - band @ (x * (1 + x))


def chebyquad(x, m=None):
    i = steps(m or x.size)
    means = [np.polynomial.chebyshev.Chebyshev.basis(k)(2 * x - 1).mean() for k in i]
    return means + np.where(i % 2 == 0, 1 / np.maximum(i**2 - 1, 1), 0)


def linear_full_rank(x, m=None):
    m = m or 2 * x.size
    return np.r_[x, np.zeros(m - x.size)] - 2 / m * x.sum() - 1


def linear_rank_one(x, m=None):
    return steps(m or 2 * x.size) * (steps(x.size) @ x) - 1


def linear_rank_one_zeros(x, m=None):
    i = steps(m or 2 * x.size) - 1
    i[-1] = 0
    return i * (steps(x.size)[1:-1] @ x[1:-1]) - 1


RESIDUALS = {
    "rosenbrock": lambda x: [10 * (x[1] - x[0] ** 2), 1 - x[0]],
    "freudenstein_roth": lambda x: [
        -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
        -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
    ],
    "powell_badly_scaled": lambda x: [1e4 * x[0] * x[1] - 1, exp(-x[0]) + exp(-x[1]) - 1.0001],
    "brown_badly_scaled": lambda x: [x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2],
    "beale": lambda x: data("1.5 2.25 2.625") - x[0] * (1 - x[1] ** steps(3)),
    "jennrich_sampson": lambda x: 2 + 2 * steps(10) - exp(steps(10) * x[0]) - exp(steps(10) * x[1]),
    "helical_valley": lambda x: [
        10 * (x[2] - 10 * (arctan(x[1] / x[0]) / (2 * pi) + (x[0].real < 0) / 2)),
        10 * (sqrt(x[0] ** 2 + x[1] ** 2) - 1),
        x[2],
    ],
    "bard": lambda x: data(BARD) - x[0] - steps(15) / (steps(15)[::-1] * x[1] + (8 - abs(steps(15) - 8)) * x[2]),
    "gaussian": lambda x: (
        x[0] * exp(-x[1] * ((8 - steps(15)) / 2 - x[2]) ** 2 / 2) - np.r_[data(GAUSSIAN), 0.3989, data(GAUSSIAN)[::-1]]
    ),
    "meyer": lambda x: x[0] * exp(x[1] / (45 + 5 * steps(16) + x[2])) - data(MEYER),
    "gulf": gulf,
    "box3d": lambda x: (
        exp(-steps(10) / 10 * x[0]) - exp(-steps(10) / 10 * x[1]) - x[2] * (exp(-steps(10) / 10) - exp(-steps(10)))
    ),
    "powell_singular": extended_powell_singular,
    "wood": lambda x: [
        10 * (x[1] - x[0] ** 2),
        1 - x[0],
        sqrt(90) * (x[3] - x[2] ** 2),
        1 - x[2],
        sqrt(10) * (x[1] + x[3] - 2),
        (x[1] - x[3]) / sqrt(10),
    ],
    "kowalik_osborne": lambda x: (
        data(OSBORNE)
        - x[0] * (data(KOWALIK) ** 2 + data(KOWALIK) * x[1]) / (data(KOWALIK) ** 2 + data(KOWALIK) * x[2] + x[3])
    ),
    "brown_dennis": lambda x: (
        (x[0] + steps(20) / 5 * x[1] - exp(steps(20) / 5)) ** 2
        + (x[2] + x[3] * sin(steps(20) / 5) - cos(steps(20) / 5)) ** 2
    ),
    "osborne1": lambda x: (
        data(OSBORNE1) - (x[0] + x[1] * exp(-10 * np.arange(33) * x[3]) + x[2] * exp(-10 * np.arange(33) * x[4]))
    ),
    "biggs_exp6": lambda x: (
        exp(-np.outer(steps(13), x[[0, 1, 4]]) / 10) @ (x[[2, 3, 5]] * [1, -1, 1])
        - exp(-np.outer(steps(13), [1, 10, 4]) / 10) @ [1, -5, 3]
    ),
    "osborne2": lambda x: (
        data(OSBORNE2)
        - x[0] * exp(-np.arange(65) / 10 * x[4])
        - exp(-x[5:8] * (np.arange(65)[:, None] / 10 - x[8:11]) ** 2) @ x[1:4]
    ),
    "watson": watson,
    "extended_rosenbrock": lambda x: np.r_[10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]],
    "extended_powell_singular": extended_powell_singular,
    "penalty1": lambda x: np.r_[sqrt(1e-5) * (x - 1), x @ x - 0.25],
    "penalty2": penalty2,
    "variably_dimensioned": lambda x: np.r_[x - 1, steps(x.size) @ (x - 1), (steps(x.size) @ (x - 1)) ** 2],
    "trigonometric": lambda x: x.size - cos(x).sum() + steps(x.size) * (1 - cos(x)) - sin(x),
    "brown_almost_linear": lambda x: np.r_[(x + x.sum() - (x.size + 1))[:-1], x.prod() - 1],
    "discrete_boundary_value": discrete_boundary_value,
    "discrete_integral_equation": discrete_integral_equation,
    "broyden_tridiagonal": broyden_tridiagonal,
    "broyden_banded": broyden_banded,
    "linear_full_rank": linear_full_rank,
    "linear_rank_one": linear_rank_one,
    "linear_rank_one_zeros": linear_rank_one_zeros,
    "chebyquad": chebyquad,
}


def residuals(p, x):
    m = p.recipe[1].get("m")
    return np.array(RESIDUALS[p.name](x, **({"m": m} if m else {})))


def jacobian(p, x):
    """By complex steps, exact to rounding."""
    return np.array([residuals(p, x + 1e-30j * e).imag / 1e-30 for e in np.eye(x.size)]).T


# ------------------------------------------------------------------ cases

SIZES = [
    *[("watson", {"n": n}) for n in (2, 9, 12)],
    ("extended_rosenbrock", {"n": 2}),
    ("extended_powell_singular", {"n": 4}),
    *[(name, {"n": n}) for name in ("penalty1", "penalty2") for n in (1, 10)],
    *[(NUMBERS[k], {"n": n}) for k in range(25, 32) for n in (1, 7)],
    ("linear_full_rank", {"n": 3, "m": 3}),
    ("linear_rank_one", {"n": 1, "m": 1}),
    ("linear_rank_one_zeros", {"n": 3, "m": 4}),
    *[("chebyquad", {"n": n}) for n in (*range(1, 8), 9, 10)],
    ("chebyquad", {"n": 3, "m": 5}),
]
CASES = [(name, {}) for name in NUMBERS.values()] + SIZES


def case_id(value):
    return value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items()) or "default"


every_case = pytest.mark.parametrize(("name", "options"), CASES, ids=case_id)


@cache
def _problem(name, options):
    return ml.problem(name, **dict(options))


def made(name, options):
    return _problem(name, tuple(options.items()))


def points(p):
    rng = np.random.default_rng(p.dim)
    return [p.x0, *(p.x0 + 0.2 * rng.uniform(-1, 1, (3, p.dim)) * np.maximum(1, abs(p.x0)))]


def agrees(value, text):
    """Within one unit of the last digit listed: some values are cut, others rounded."""
    listed = Decimal(text)
    return abs(Decimal(float(value)) - listed) < Decimal(1).scaleb(listed.as_tuple().exponent)


# ------------------------------------------------------------------ functions


@every_case
def test_values_and_gradients_are_those_of_the_residuals(name, options):
    p = made(name, options)
    for x in points(p):
        r, J = residuals(p, x), jacobian(p, x)
        assert p.fun(x) == pytest.approx(r @ r, rel=1e-12)
        assert (abs(p.grad(x) - 2 * r @ J) <= 1e-12 * 2 * np.linalg.norm(r) * np.linalg.norm(J, axis=0)).all()


@every_case
def test_python_gives_the_bits_of_compiled_code(name, options):
    p, g = made(name, options), np.empty(made(name, options).dim)
    for x in points(p):
        assert p.f(x, g) == p.fun(x)
        assert np.array_equal(g, p.grad(x))


@pytest.mark.parametrize("name", NUMBERS.values())
def test_python_raises_no_more_than_compiled_code(name):
    p = made(name, {})
    for far in (-1e5, 1e5):
        x, g = np.full(p.dim, far), np.empty(p.dim)
        with np.errstate(all="ignore"):
            assert np.array_equal(p.f(x, g), p.fun(x), equal_nan=True)
            assert np.array_equal(g, p.grad(x), equal_nan=True)


T10 = np.arange(1, 11) / 11
X0 = {
    **{1: [-1.2, 1], 2: [0.5, -2], 3: [0, 1], 4: [1, 1], 5: [1, 1], 6: [0.3, 0.4], 7: [-1, 0, 0], 8: [1, 1, 1]},
    **{9: [0.4, 1, 0], 10: [0.02, 4000, 250], 11: [5, 2.5, 0.15], 12: [0, 10, 20], 13: [3, -1, 0, 1]},
    **{14: [-3, -1, -3, -1], 15: [0.25, 0.39, 0.415, 0.39], 16: [25, 5, -5, -1], 17: [0.5, 1.5, -1, 0.01, 0.02]},
    **{18: [1, 2, 1, 1, 1, 1], 19: [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], 20: 6 * [0]},
    **{21: 5 * [-1.2, 1], 22: 3 * [3, -1, 0, 1], 23: [1, 2, 3, 4], 24: 4 * [0.5], 25: 1 - np.arange(1, 11) / 10},
    **{26: 10 * [0.1], 27: 10 * [0.5], 28: T10 * (T10 - 1), 29: T10 * (T10 - 1), 30: 10 * [-1], 31: 10 * [-1]},
    **{32: 10 * [1], 33: 10 * [1], 34: 10 * [1], 35: np.arange(1, 9) / 9},
}


@pytest.mark.parametrize("number", NUMBERS)
def test_starts_are_those_of_the_paper(number):
    assert made(NUMBERS[number], {}).x0 == pytest.approx(X0[number], rel=1e-14, abs=1e-16)


STARTS = {
    **{1: "24.2", 2: "400.5", 3: "1.13526", 5: "14.2031", 6: "4171.31", 7: "2500", 8: "41.6817", 9: "3.88811e-6"},
    **{10: "1.69361e9", 11: "12.1107", 12: "1031.15", 13: "215", 14: "19192", 15: "5.31317e-3", 16: "7.92669e6"},
    **{17: "0.879026", 18: "0.77907", 19: "2.09342", 20: "30", 23: "885.063", 24: "2.34001", 25: "2.19855e6"},
    **{26: "7.07576e-3", 27: "273.248", 28: "7.88519e-4", 29: "0.0634168", 30: "21", 31: "360"},
}


@pytest.mark.parametrize(("number", "value"), STARTS.items())
def test_starts_have_the_values_of_reference(number, value):
    p = made(NUMBERS[number], {})
    assert agrees(p.fun(p.x0), value)


@pytest.mark.parametrize(("n", "value"), [(7, "0.0337706"), (8, "0.0386177"), (9, "0.028883"), (10, "0.0337633")])
def test_chebyquad_starts_at_the_values_of_reference(n, value):
    p = made("chebyquad", {"n": n})
    assert agrees(p.fun(p.x0), value)


# ------------------------------------------------------------------ minima

ZERO = 1e-25  # a sum of squared rounding errors is less
MINIMA = [
    ("freudenstein_roth", {}, "48.98425"),
    ("powell_badly_scaled", {}, "0"),
    ("brown_badly_scaled", {}, "0"),
    ("jennrich_sampson", {}, "124.362"),
    ("helical_valley", {}, "0"),
    ("bard", {}, "8.21488e-3"),
    ("gaussian", {}, "1.12793e-8"),
    ("meyer", {}, "87.9459"),
    ("gulf", {}, "0"),
    ("box3d", {}, "0"),
    ("powell_singular", {}, "0"),
    ("wood", {}, "0"),
    ("kowalik_osborne", {}, "3.07506e-4"),
    ("brown_dennis", {}, "85822.2"),
    ("osborne1", {}, "5.46489e-5"),
    ("osborne2", {}, "4.01377e-2"),
    ("watson", {"n": 6}, "2.28767e-3"),
    ("watson", {"n": 9}, "1.39976e-6"),
    ("watson", {"n": 12}, "4.72238e-10"),
    ("extended_rosenbrock", {}, "0"),
    ("extended_powell_singular", {}, "0"),
    ("penalty1", {"n": 4}, "2.24997e-5"),
    ("penalty1", {"n": 10}, "7.08765e-5"),
    ("penalty2", {"n": 4}, "9.37629e-6"),
    ("penalty2", {"n": 10}, "2.93660e-4"),
    ("variably_dimensioned", {}, "0"),
    ("trigonometric", {}, "2.79506e-5"),
    ("brown_almost_linear", {}, "0"),
    ("discrete_boundary_value", {}, "0"),
    ("discrete_integral_equation", {}, "0"),
    ("broyden_tridiagonal", {}, "0"),
    ("broyden_banded", {}, "0"),
    *[("chebyquad", {"n": n}, "0") for n in (1, 2, 3, 4, 5, 6, 7, 9)],
    ("chebyquad", {"n": 8}, "3.51687e-3"),
    ("chebyquad", {"n": 10}, "6.50395e-3"),
]
"""The listed values that nonlinear least squares reach from the start."""


@pytest.mark.parametrize(("name", "options", "value"), MINIMA)
def test_least_squares_reach_the_listed_value_from_the_start(name, options, value):
    p = made(name, options)
    x = least_squares(
        lambda x: residuals(p, x),
        p.x0,
        lambda x: jacobian(p, x),
        method="lm",
        x_scale="jac",
        **dict.fromkeys(("xtol", "ftol", "gtol"), 1e-15),
    ).x
    for f in (p.fun(x), p.floor(x)):
        assert f < ZERO if value == "0" else agrees(f, value)
    assert p.fstar == 0 or p.fstar == p.floor(x) or (name, p.dim) == ("chebyquad", 10)


@every_case
def test_minimisers_are_minimisers_to_the_last_digit(name, options):
    """Their gradient is what remains where coordinates and residuals are rounded; no curvature is negative."""
    p = made(name, options)
    for m in p.minimizers:
        r, J = residuals(p, m), jacobian(p, m)
        rounding = EPS * 2 * abs(J).T @ (abs(J) @ abs(m) + abs(r))
        assert (abs(p.grad(m)) <= 10 * rounding).all()
        scales = np.where(m == 0, 1, abs(m))
        curvature = [scales * (p.grad(m + h) - p.grad(m - h)) / 2e-5 for h in 1e-5 * np.diag(scales)]
        eigenvalues = np.linalg.eigvalsh(curvature)
        assert eigenvalues[0] > -10 * EPS / 1e-5 * eigenvalues[-1]
        assert p.error(m) == 0
    if p.minimizers:
        assert min(map(p.fun, p.minimizers)) == pytest.approx(p.fstar, rel=1e-14, abs=ZERO)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("freudenstein_roth", "11.41278 -0.89681"),
        ("powell_badly_scaled", "0.000010982 9.1061"),
        ("jennrich_sampson", "0.257825 0.257825"),
        ("meyer", "0.0056096 6181.346 345.2236"),
    ],
)
def test_listed_minimisers_are_found_in_their_digits(name, point):
    assert any(all(map(agrees, m, point.split())) for m in made(name, {}).minimizers)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("freudenstein_roth", (5, 4)),
        ("brown_badly_scaled", (1e6, 2e-6)),
        ("helical_valley", (1, 0, 0)),
        ("gulf", (50, 25, 1.5)),
        ("box3d", (1, 10, 1)),
        ("box3d", (10, 1, -1)),
        ("powell_singular", np.zeros(4)),
        ("wood", np.ones(4)),
        ("biggs_exp6", (1, 10, 1, 5, 4, 3)),
        ("extended_rosenbrock", np.ones(10)),
        ("extended_powell_singular", np.zeros(12)),
        ("variably_dimensioned", np.ones(10)),
        ("trigonometric", np.zeros(10)),
        ("brown_almost_linear", np.ones(10)),
    ],
)
def test_listed_zeros_are_zeros(name, point):
    p = made(name, {})
    assert p.fun(point) < ZERO
    assert any(np.array_equal(m, point) for m in p.minimizers)


@pytest.mark.parametrize("k", [32, 33, 34])
@pytest.mark.parametrize("options", [{}, {"n": 4, "m": 4}, {"n": 5, "m": 9}, {"n": 4}])
def test_linear_problems_have_the_listed_minimum_and_the_curvature_of_their_squares(k, options):
    p = ml.problem(NUMBERS[k], **options)
    n, J = p.dim, jacobian(p, p.x0)
    m = len(J)
    assert m == options.get("m", 2 * n)
    listed = {32: m - n, 33: m * (m - 1) / (2 * (2 * m + 1)), 34: (m**2 + 3 * m - 6) / (2 * (2 * m - 3))}[k]
    shortest = p.x0 - np.linalg.pinv(J) @ residuals(p, p.x0) if k == 32 else -np.linalg.pinv(J) @ residuals(p, 0 * p.x0)
    assert p.minimizers[0] == pytest.approx(shortest, rel=1e-12, abs=1e-13)
    largest, least = (2 * np.linalg.norm(J, order) ** 2 for order in (2, -2))
    assert (p.fstar, p.fun(shortest), p.L) == pytest.approx((listed, listed, largest), rel=1e-13, abs=ZERO)
    assert p.mu == (pytest.approx(least, rel=1e-13) if k == 32 else None)


def test_what_is_known_depends_on_n():
    assert np.isnan(ml.problem("watson", n=7).fstar) and not ml.problem("watson", n=7).minimizers
    assert np.isnan(ml.problem("chebyquad", n=8, m=9).fstar) and not ml.problem("chebyquad", n=8, m=9).minimizers
    assert np.isnan(ml.problem("chebyquad", n=11).fstar)
    assert ml.problem("broyden_banded", n=50).fstar == 0 and not ml.problem("broyden_banded", n=50).minimizers


# ------------------------------------------------------------------ particular problems


def test_the_boundary_value_problem_and_the_integral_equation_have_one_solution():
    """Both say u″ = (u + t + 1)³/2 with u(0) = u(1) = 0, to the same order in h."""
    p, q = made("discrete_boundary_value", {}), made("discrete_integral_equation", {})
    assert p.minimizers[0] == pytest.approx(q.minimizers[0], abs=1e-15)
    assert np.abs(q.grad(p.minimizers[0])).max() < 1e-15 < np.abs(p.minimizers[0]).max()


def test_helical_valley_where_the_first_variable_is_zero():
    p, g = made("helical_valley", {}), np.empty(3)
    for x2 in (0.5, -0.5):
        assert p.fun([0, x2, 0.3]) == p.fun([-0.0, x2, 0.3]) == pytest.approx(p.fun([1e-300, x2, 0.3]), rel=1e-15)
        assert p.f(np.array([0, x2, 0.3]), g) == p.fun([0, x2, 0.3])
        assert p.grad([0, x2, 0.3]) == pytest.approx(p.grad([1e-300, x2, 0.3]), rel=1e-14)
    assert p.fun([-1e-300, 0.5, 0.3]) == pytest.approx(p.fun([0, 0.5, 0.3]), rel=1e-15)
    assert p.fun([-1e-300, -0.5, 0.3]) != pytest.approx(p.fun([0, -0.5, 0.3]), rel=0.1)  # the cut


def test_gulf_where_a_distance_is_zero():
    p = made("gulf", {})
    x = np.array([50, 25 + (-50 * log(0.5)) ** (2 / 3), 1.5])
    assert np.isfinite(p.fun(x)) and np.isfinite(p.grad(x)).all()


def test_bard_at_infinity():
    p = made("bard", {})
    assert agrees(p.fun([data(BARD).mean(), -1e9, -1e9]), "17.4286")


def test_box3d_vanishes_on_a_line():
    p = made("box3d", {})
    for a in (-1, 0, 2.5):
        assert p.fun([a, a, 0]) == 0 and not p.grad([a, a, 0]).any()


def test_the_start_of_biggs_leads_to_a_saddle():
    """Listed as a local minimum: it is one only along x₁ = x₅, x₃ = x₆, where the start lies and gradients stay."""
    p = made("biggs_exp6", {})
    listed = np.array([1.711416, 17.683198, 1.163144, 5.186562, 1.711416, 1.163144])
    r = ml.minimize(p, method=ml.heavy_ball(beta=0.99), tol=1e-8, maxiter=10**6)
    assert r.success and agrees(r.fun, "5.65565e-3")
    assert r.x[0] == r.x[4] and r.x[2] == r.x[5]
    assert agrees(p.fun(listed), "5.65565e-3")
    assert r.x == pytest.approx(listed, rel=1e-4)
    apart = np.array([1, 0, 0, 0, -1, 0])
    assert p.fun(r.x + 0.1 * apart) < r.fun and p.fun(r.x - 0.1 * apart) < r.fun
    assert not any(p.fun(m) > ZERO for m in p.minimizers)


def test_a_listed_minimum_of_brown_almost_linear_is_none():
    p = made("brown_almost_linear", {})
    x, down = np.r_[np.zeros(9), 11.0], np.r_[np.ones(9), -10.0]
    assert p.fun(x) == 1 and not p.grad(x).any()
    assert p.fun(x + 0.5 * down) < 0.99 < p.fun(x + 0.1 * down) < 1


def test_chebyquad_of_ten_has_a_lower_minimum_than_the_one_listed():
    p = made("chebyquad", {"n": 10})
    assert p.fstar == pytest.approx(4.772713696375349e-3, rel=1e-14)
    assert sorted(agrees(p.fun(m), "6.50395e-3") for m in p.minimizers) == [False, False, True]
    one, other, _ = p.minimizers
    assert other == pytest.approx(1 - one[::-1], rel=1e-15)


def test_extended_functions_are_sums_of_the_small_ones():
    x = np.linspace(-1, 2, 12)
    for extended, small in [("extended_rosenbrock", "rosenbrock"), ("extended_powell_singular", "powell_singular")]:
        p, q = ml.problem(extended, n=12), ml.problem(small)
        parts = x.reshape(-1, q.dim)
        assert p.fun(x) == pytest.approx(sum(map(q.fun, parts)), rel=1e-14)
        assert p.grad(x) == pytest.approx(np.concatenate([q.grad(part) for part in parts]), rel=1e-14)
        assert np.array_equal(p.x0, np.tile(q.x0, 12 // q.dim))
    assert ml.problem("extended_rosenbrock", n=12).fun(x) != pytest.approx(ml.problem("rosenbrock", n=12).fun(x))


def test_linear_full_rank_is_a_sphere():
    p = ml.problem("linear_full_rank", n=5, m=8)
    for x in points(p):
        assert p.fun(x) == pytest.approx(np.sum((x + 1) ** 2) + 3, rel=1e-14)
        assert p.grad(x) == pytest.approx(2 * (x + 1), rel=1e-13)


# ------------------------------------------------------------------ names and options


def test_numbers_and_the_collection():
    assert list(NUMBERS) == list(range(1, 36))
    assert set(NUMBERS.values()) <= set(ml.problems())
    for number, name in NUMBERS.items():
        p = made(name, {})
        assert p.name == name
        assert p.source.endswith(f"(1981) 17, problem {number}") or number in (1, 5)
    assert UNCONSTRAINED == (7, 18, 9, 3, 12, 25, 20, 23, 24, 4, 16, 11, 26, 21, 22, 5, 14, 35)
    assert list(ml.problems("more_garbow_hillstrom_unconstrained")) == [NUMBERS[k] for k in UNCONSTRAINED]


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("watson", {"n": 32}, "watson: n = 32; it must be a whole number, from 2 to 31"),
        ("watson", {"n": 1}, "from 2 to 31"),
        ("extended_rosenbrock", {"n": 3}, "extended_rosenbrock: n = 3; it must be a multiple of 2, 2 or larger"),
        ("extended_powell_singular", {"n": 6}, "n = 6; it must be a multiple of 4, 4 or larger"),
        ("broyden_tridiagonal", {"n": 2.5}, "broyden_tridiagonal: n = 2.5; it must be a whole number, 1 or larger"),
        ("broyden_banded", {"n": 0}, "n = 0; it must be a whole number, 1 or larger"),
        ("linear_full_rank", {"n": 4, "m": 3}, "linear_full_rank: m = 3; it must be a whole number, 4 or larger"),
        ("linear_rank_one", {"m": "20"}, "linear_rank_one: m = '20'; it must be a whole number, 10 or larger"),
        ("linear_rank_one_zeros", {"n": 2}, "linear_rank_one_zeros: n = 2; it must be a whole number, 3 or larger"),
        ("chebyquad", {"n": 8, "m": 7}, "chebyquad: m = 7; it must be a whole number, 8 or larger"),
        ("bard", {"n": 3}, "there is no option 'n'"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(name, options, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        ml.problem(name, **options)
    assert says in str(caught.value)
