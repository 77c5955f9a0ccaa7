"""The problems against differences, against their known minimisers, and against reference values."""

import copy
import pickle
from dataclasses import replace
from types import FunctionType

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.objective import Objective
from momentumlab.problems import classics, quadratics

CASES = [
    ("rosenbrock", {}),
    ("rosenbrock", {"n": 7}),
    ("stiff_quadratic", {}),
    ("beale", {}),
    ("cosine_wells", {}),
    ("mccormick", {}),
    ("booth", {}),
    ("matyas", {}),
    ("himmelblau", {}),
    ("goldstein_price", {}),
    ("six_hump_camel", {}),
    ("three_hump_camel", {}),
    ("branin", {}),
    ("easom", {}),
    ("sphere", {"n": 3}),
    ("zakharov", {"n": 3}),
    ("styblinski_tang", {}),
    ("styblinski_tang", {"n": 5}),
    ("rastrigin", {}),
    ("dixon_price", {"n": 1}),
    ("dixon_price", {"n": 5}),
    ("worst_convex", {"n": 6}),
    ("worst_convex", {"n": 1}),
    ("worst_strongly_convex", {"n": 6}),
    ("lessard_recht_packard", {}),
    ("huber", {"n": 3, "L": 3.0, "tau": 1.0}),
    ("log_cosh", {"n": 6}),
    ("log_cosh", {"n": 6, "seed": 3}),
    ("log_cosh", {"n": 1}),
    ("cosine_ripples", {"n": 3}),
    ("quadratic", {"n": 6}),
    ("quadratic", {"n": 6, "seed": 3}),
    ("quadratic", {"n": 5, "spectrum": "chebyshev"}),
    ("quadratic", {"n": 1}),
    ("quadratic", {"n": 4, "x_star": [1.0, -2.0, 0.5, 3.0]}),
    ("quadratic", {"n": 4, "seed": 1, "x_star": 2.0}),
]


def of_complex_numbers(f):
    """A problem's function with NumPy's cos, sin, exp, ..., which take complex numbers, for those of math."""
    names = {n: getattr(np, n) for n in ("cos", "sin", "exp", "log", "log1p", "sinh", "tanh")}
    return FunctionType(f.__code__, {**f.__globals__, **names}, closure=f.__closure__)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_derivatives_are_exact(name, options):
    """A complex step on f gives the gradient, one on the gradient the Hessian; what is left is rounding."""
    p = ml.problem(name, **options)
    f = of_complex_numbers(p.f)
    for x in np.random.default_rng(0).uniform(-2, 2, (20, p.dim)):
        slopes, columns, g = [], [], np.empty(p.dim, dtype=complex)
        for h in 1e-30j * np.eye(p.dim):
            slopes.append(f(x + h, g).imag / 1e-30)
            columns.append(g.imag / 1e-30)
        assert np.linalg.norm(p.grad(x) - slopes) <= 1e-14 * np.linalg.norm(slopes)
        assert np.linalg.norm(p.hess(x) - columns) <= 1e-14 * np.linalg.norm(columns)
        assert np.array_equal(p.hess(x), p.hess(x).T)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_minimisers_are_minimisers(name, options):
    p = ml.problem(name, **options)
    for m in p.minimizers:
        assert np.abs(p.grad(m)).max() < 1e-15 * np.linalg.norm(p.hess(m), 2) * max(1, np.abs(m).max())
        assert np.linalg.eigvalsh(p.hess(m)).min() > 0
        assert p.error(m) == 0
    assert min(abs(p.fun(m) - p.fstar) for m in p.minimizers) < 1e-12


FORMULAS = {
    "rosenbrock": lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "stiff_quadratic": lambda x: (x[0] ** 2 + 100 * x[1] ** 2) / 2,
    "beale": lambda x: sum((c - x[0] * (1 - x[1] ** i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), 1)),
    "cosine_wells": lambda x: -(1 + np.cos(x[0])) * (1 + np.cos(2 * x[1])),
    "mccormick": lambda x: np.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1,
    "booth": lambda x: (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2,
    "matyas": lambda x: 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1],
    "himmelblau": lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
    "goldstein_price": lambda x: (
        (1 + (x[0] + x[1] + 1) ** 2 * (19 - 14 * (x[0] + x[1]) + 3 * x[0] ** 2 + 6 * x[0] * x[1] + 3 * x[1] ** 2))
        * (
            30
            + (2 * x[0] - 3 * x[1]) ** 2
            * (18 - 32 * x[0] + 12 * x[0] ** 2 + 48 * x[1] - 36 * x[0] * x[1] + 27 * x[1] ** 2)
        )
    ),
    "branin": lambda x: (
        (x[1] - 5.1 / (4 * np.pi**2) * x[0] ** 2 + 5 / np.pi * x[0] - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x[0])
        + 10
    ),
    "six_hump_camel": lambda x: (
        (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + (-4 + 4 * x[1] ** 2) * x[1] ** 2
    ),
    "three_hump_camel": lambda x: 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2,
    "easom": lambda x: -np.cos(x[0]) * np.cos(x[1]) * np.exp(-((x[0] - np.pi) ** 2) - (x[1] - np.pi) ** 2),
    "sphere": lambda x: np.sum(x**2) / 2,
    "zakharov": lambda x: np.sum(x**2) + sum((np.arange(1, x.size + 1) @ x / 2) ** p for p in (2, 4)),
    "styblinski_tang": lambda x: np.sum(x**4 - 16 * x**2 + 5 * x) / 2,
    "rastrigin": lambda x: 10 * x.size + np.sum(x**2 - 10 * np.cos(2 * np.pi * x)),
    "dixon_price": lambda x: (x[0] - 1) ** 2 + np.arange(2, x.size + 1) @ (2 * x[1:] ** 2 - x[:-1]) ** 2,
}
"""The classics as their sources write them, for real and complex x."""


ANY_SIZE = ("rosenbrock", "sphere", "zakharov", "styblinski_tang", "rastrigin", "dixon_price")


@pytest.mark.parametrize(("name", "options"), [*((n, {}) for n in FORMULAS), *((n, {"n": 5}) for n in ANY_SIZE)])
def test_classics_are_their_formulas_and_gradients_are_exact(name, options):
    """What is left is rounding, most in Goldstein and Price's polynomial."""
    p, formula = ml.problem(name, **options), FORMULAS[name]
    for x in np.random.default_rng(0).uniform(*np.resize(p.box, (p.dim, 2)).T, (50, p.dim)):
        value, g = Objective(formula, "cs")(x)
        assert p.fun(x) == pytest.approx(value, rel=1e-13)
        assert np.linalg.norm(p.grad(x) - g) < (2e-14 if name == "goldstein_price" else 2e-15) * np.linalg.norm(g)


def test_every_classic_has_its_formula_here():
    assert sorted(FORMULAS) == classics.__all__


@pytest.mark.parametrize(
    ("name", "x0"),
    [
        ("rosenbrock", (-1.2, 1)),
        ("rosenbrock", (-1.2, 1, -1.2, 1)),
        ("rosenbrock", (-1.2, 1, -1.2, 1, -1.2)),
        ("stiff_quadratic", (10, 1)),
        ("beale", (1, 1)),
        ("cosine_wells", (-2, 1)),
        ("mccormick", (-10, 2)),
        ("booth", (-5, 5)),
        ("matyas", (10, -5)),
        ("himmelblau", (0, 0)),
        ("goldstein_price", (-0.5, 0.5)),
        ("branin", (2.5, 7.5)),
        ("six_hump_camel", (1, 1)),
        ("three_hump_camel", (4, -4)),
        ("easom", (2, 2)),
        ("styblinski_tang", (1, 1)),
        ("zakharov", (1, 1)),
        ("rastrigin", (1, 1)),
        ("dixon_price", (1, 1)),
        ("sphere", (1, 1)),
    ],
)
def test_starts_are_those_of_reference(name, x0):
    assert (ml.problem(name) if len(x0) == 2 else ml.problem(name, n=len(x0))).x0.tolist() == list(x0)


MINIMA = [
    ("booth", (1, 3), 0),
    ("matyas", (0, 0), 0),
    ("himmelblau", (3, 2), 0),
    ("himmelblau", (-2.805118087, 3.131312518), 0),
    ("himmelblau", (-3.779310253, -3.283185991), 0),
    ("himmelblau", (3.584428340, -1.848126527), 0),
    ("goldstein_price", (0, -1), 3),
    ("goldstein_price", (-0.6, -0.4), 30),
    ("goldstein_price", (1.8, 0.2), 84),
    ("goldstein_price", (1.2, 0.8), 840),
    ("branin", (-np.pi, 12.275), 0.3978873577),
    ("branin", (np.pi, 2.275), 0.3978873577),
    ("branin", (3 * np.pi, 2.475), 0.3978873577),
    ("six_hump_camel", (0.089842, -0.712656), -1.0316284535),
    ("six_hump_camel", (-0.089842, 0.712656), -1.0316284535),
    ("six_hump_camel", (1.703607, -0.796083), -0.2154638),
    ("six_hump_camel", (-1.703607, 0.796083), -0.2154638),
    ("six_hump_camel", (-1.607105, -0.568652), 2.1042503),
    ("six_hump_camel", (1.607105, 0.568652), 2.1042503),
    ("three_hump_camel", (0, 0), 0),
    ("three_hump_camel", (1.747552, -0.873776), 0.2986384),
    ("three_hump_camel", (-1.747552, 0.873776), 0.2986384),
    ("easom", (np.pi, np.pi), -1),
    ("styblinski_tang", (-2.903534, -2.903534), -39.1661657 * 2),
    ("styblinski_tang", (-2.903534, -2.903534, -2.903534), -39.1661657 * 3),
    ("styblinski_tang", (2.746803,), -25.0294467),
    ("zakharov", (0, 0), 0),
    ("rastrigin", (0, 0), 0),
    ("rastrigin", (0.994959,), 0.9949591),
    ("dixon_price", (1, 0.5**0.5), 0),
    ("dixon_price", (1, 0.5**0.5, -(2**-0.75)), 0),
    ("sphere", (0, 0), 0),
]
"""Points and values of reference, to the digits printed; the local values of the last two families are our own."""


@pytest.mark.parametrize(("name", "point", "value"), MINIMA)
def test_minima_are_those_of_reference(name, point, value):
    p = ml.problem(name, n=len(point)) if len(point) != 2 else ml.problem(name)
    nearest = min(p.minimizers, key=lambda m: np.abs(m - point).max())
    assert nearest == pytest.approx(point, abs=6e-7)
    assert p.fun(nearest) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("name", sorted({name for name, _, _ in MINIMA}))
def test_nothing_in_the_box_is_lower_than_the_least_value(name):
    p = ml.problem(name)
    (left, right), (low, high) = p.box
    assert p.fstar == pytest.approx(min(map(p.fun, p.minimizers)), abs=1e-14)
    assert min(p.fun([a, b]) for a in np.linspace(left, right, 60) for b in np.linspace(low, high, 60)) > p.fstar


def test_goldstein_and_price_have_nine_critical_points():
    p = ml.problem("goldstein_price")
    minima = []
    for s in (-1, 1, 2):
        for t in (0, 1, 3):
            x = np.array([3 * s + t, 2 * s - t]) / 5
            assert np.abs(p.grad(x)).max() < 1e-15 * np.linalg.norm(p.hess(x), 2) * 2
            minima += [(s, t, round(p.fun(x), 9))] if np.linalg.eigvalsh(p.hess(x)).min() > 0 else []
    assert minima == [(-1, 0, 30), (-1, 3, 3), (2, 0, 840), (2, 3, 84)]


@pytest.mark.parametrize("n", range(1, 9))
def test_dixon_and_prices_minimisers(n):
    p = ml.problem("dixon_price", n=n)
    best = [2 ** (-(2**i - 2) / 2**i) for i in range(1, n + 1)]
    assert len(p.minimizers) == min(n, 2)
    for m, last in zip(p.minimizers, (1, -1), strict=False):
        assert m == pytest.approx([*best[:-1], last * best[-1]], rel=1e-15)


@pytest.mark.parametrize(
    ("name", "eigenvalues"),
    [("stiff_quadratic", (1, 100)), ("booth", (2, 18)), ("matyas", (0.04, 1)), ("sphere", (1, 1)), ("easom", (3, 3))],
)
def test_curvature_at_the_minimiser_is_that_of_reference(name, eigenvalues):
    p = ml.problem(name)
    assert np.linalg.eigvalsh(p.hess(p.minimizers[0])) == pytest.approx(eigenvalues, rel=1e-13)
    if name != "easom":
        assert (p.mu, p.L) == eigenvalues


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rosenbrock", 24.2),
        ("stiff_quadratic", 100.0),
        ("beale", 14.203125),
        ("cosine_wells", -0.340885),
        ("mccormick", 164.011),
    ],
)
def test_starts_have_the_values_of_reference(name, value):
    p = ml.problem(name)
    assert p.fun(p.x0) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("name", "L"), [("cosine_wells", 8), ("mccormick", 4), ("rastrigin", 2 + 40 * np.pi**2)])
def test_the_largest_curvature_is_that_of_reference(name, L):
    p = ml.problem(name)
    grid = np.linspace(-4, 4, 41)
    assert pytest.approx(L, rel=1e-14) == p.L
    assert max(np.linalg.norm(p.hess([a, b]), 2) for a in grid for b in grid) == pytest.approx(L, rel=1e-12)


def test_wells_are_alike_and_the_tops_between_them_flat():
    p = ml.problem("cosine_wells")
    for m in p.minimizers:
        assert p.hess(m) == pytest.approx(np.diag([2, 8]), abs=1e-14)
    for t in np.linspace(-3, 3, 7):
        for top in ([np.pi, t], [t, np.pi / 2]):
            assert p.fun(top) == 0
            assert p.grad(top) == pytest.approx([0, 0], abs=1e-15)


def test_beales_saddle():
    p = ml.problem("beale")
    low, high = np.linalg.eigvalsh(p.hess([0, 1]))
    assert (p.fun([0, 1]), p.grad([0, 1]).tolist()) == (14.203125, [0, 0])
    assert low < 0 < high


@pytest.mark.parametrize("n", [-1000, -3, -2, -1, 0, 1])
def test_every_stair_is_lower_than_the_last_by_pi(n):
    """At u = −2π/3 + 2πn, v = 1, where u = x₁ + x₂ and v = x₁ − x₂, f = −√3/2 − π/3 + πn: there is no least value."""
    p, u = ml.problem("mccormick"), -2 * np.pi / 3 + 2 * np.pi * n
    x = np.array([u + 1, u - 1]) / 2
    assert p.grad(x) == pytest.approx([0, 0], abs=1e-15 * max(1, abs(u)))
    assert p.fun(x) == pytest.approx(-(3**0.5) / 2 - np.pi / 3 + np.pi * n, rel=1e-14)
    assert np.linalg.eigvalsh(p.hess(x)) == pytest.approx([3**0.5, 4], rel=1e-12)
    assert n == -1000 or np.abs(p.nearest(x) - x).max() < 1e-14


def test_the_staircase_has_the_stairs_of_reference():
    p = ml.problem("mccormick")
    assert p.fstar == pytest.approx(-5.0548156086, abs=1e-9)
    nearest = min(p.minimizers, key=lambda m: np.abs(m - [-3.6887902048, -4.6887902048]).max())
    assert nearest == pytest.approx([-3.6887902048, -4.6887902048], abs=1e-9)
    assert p.fun([-0.5471975512, -1.5471975512]) == pytest.approx(-1.9132229550, abs=1e-9)


def test_errors_are_above_the_nearest_minimum():
    p = ml.problem("mccormick")
    assert p.floor([0.0, 0.0]) == pytest.approx(-1.9132229550, abs=1e-9)
    assert p.floor(p.x0) == pytest.approx(-5.0548156086, abs=1e-9)
    assert p.floor([-1e20, -1e20]) == p.fun(p.minimizers[0])
    assert p.error(p.x0) == p.fun(p.x0) - p.floor(p.x0)


def test_hessian_eigenvalues_at_beales_minimiser():
    assert np.linalg.eigvalsh(ml.problem("beale").hess([3, 0.5])) == pytest.approx([0.30146, 48.97979], abs=1e-5)


@pytest.mark.parametrize(("n", "value"), [(4, 3.701429), (6, 3.973941), (10, 3.986579)])
def test_rosenbrocks_local_minimiser(n, value):
    p = ml.problem("rosenbrock", n=n)
    r = ml.minimize(p, [-1.0, *np.ones(n - 1)], ml.heavy_ball(lr=5e-4), tol=1e-9)
    assert r.fun == pytest.approx(value, abs=1e-6)
    assert np.linalg.eigvalsh(p.hess(r.x)).min() > 0
    if n == 4:
        assert r.x == pytest.approx([-0.775659, 0.613093, 0.382063, 0.145972], abs=1e-6)


@pytest.mark.parametrize(
    ("spectrum", "formula"),
    [
        ("log", lambda j: 0.5 * 60 ** ((j - 1) / 19)),
        ("linear", lambda j: 0.5 + 29.5 * (j - 1) / 19),
        ("two_point", lambda j: np.where(j <= 10, 0.5, 30)),
        ("chebyshev", lambda j: 15.25 + 14.75 * np.cos((2 * j - 1) * np.pi / 40)),
    ],
)
@pytest.mark.parametrize("seed", [None, 0])
def test_spectra_are_their_formulas(spectrum, formula, seed):
    p = ml.problem("quadratic", n=20, mu=0.5, L=30, spectrum=spectrum, seed=seed)
    expected = np.sort(formula(np.arange(1, 21)))
    assert np.linalg.eigvalsh(p.hess(p.x0)) == pytest.approx(expected, rel=1e-12)


def test_rotations_are_uniform():
    """QR of a Gaussian matrix is unique, and Q uniform, where R's diagonal is positive."""
    q, gaussian = quadratics.haar("quadratic", 6, 3), np.random.default_rng(3).standard_normal((6, 6))
    r = q.T @ gaussian
    assert q @ q.T == pytest.approx(np.eye(6), abs=1e-14)
    assert np.abs(np.tril(r, -1)).max() < 1e-14 and (np.diag(r) > 0).all()
    turned = ml.problem("quadratic", n=6, seed=3).hess(np.ones(6))
    assert turned == pytest.approx(q @ np.diag(np.geomspace(1, 100, 6)) @ q.T, abs=1e-12)


@pytest.mark.parametrize("spectrum", ["log", "linear", "two_point", "clusters", "chebyshev"])
@pytest.mark.parametrize("seed", [None, 0])
def test_quadratics_have_the_spectrum_they_were_asked_for(spectrum, seed):
    p = ml.problem("quadratic", n=20, mu=0.5, L=30, spectrum=spectrum, seed=seed)
    eigenvalues = np.linalg.eigvalsh(p.hess(p.x0))
    assert (eigenvalues.min(), eigenvalues.max()) == pytest.approx((p.mu, p.L))
    assert p.mu * (1 + 1e-12) >= 0.5 and p.L <= 30 * (1 + 1e-12)
    assert (p.mu, p.L) == pytest.approx((0.5, 30)) or spectrum == "chebyshev"


def test_a_quadratic_is_by_default_the_instance_that_rates_are_measured_on():
    p = ml.problem("quadratic")
    assert np.diag(p.hess(p.x0)) == pytest.approx([100 ** (i / 49) for i in range(50)], rel=1e-14)
    assert p.x0.tolist() == [1.0] * 50 and not p.minimizers[0].any()


@pytest.mark.parametrize("n", [2, 3, 5, 20, 101])
def test_clusters_are_tight_and_reach_both_ends(n):
    eigenvalues = np.diag(ml.problem("quadratic", n=n, mu=0.3, L=70, spectrum="clusters").hess(np.ones(n)))
    assert (eigenvalues[0], eigenvalues[-1]) == (0.3, 70.0)
    gaps = np.diff(np.log(eigenvalues)) / np.log(70 / 0.3)
    wide = gaps[gaps > 0.2]
    assert len(wide) == min(n, 5) - 1 and gaps[gaps <= 0.2].sum() < 0.003
    assert gaps.min() > 0


def test_known_constants_bound_the_hessian():
    rng = np.random.default_rng(0)
    for name in ml.problems():
        p = ml.problem(name)
        for x in rng.uniform(-5, 5, (50 if p.hess else 0, p.dim)):
            eigenvalues = np.linalg.eigvalsh(p.hess(x))
            if p.L is not None:
                assert np.abs(eigenvalues).max() <= p.L * (1 + 1e-12)
            if p.mu is not None:
                assert eigenvalues.min() >= p.mu * (1 - 1e-12) - 1e-16 * np.abs(eigenvalues).max()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ml.problem([]), "there is no problem []"),
        (lambda: ml.problems(["classics"]), "there is no collection ['classics']"),
        (lambda: ml.problems("classic"), "there is no collection 'classic'; did you mean 'classics'?"),
        (lambda: ml.problem("rosenbrok"), "did you mean 'rosenbrock'"),
        (lambda: ml.problem("quadratic", kappa=3), "there is no option 'kappa'. There are n, mu, L, spectrum, seed"),
        (lambda: ml.problem("rosenbrock", n=1), "n = 1; it must be a whole number, 2 or larger"),
        (lambda: ml.problem("quadratic", mu=3, L=2), "they must be numbers that satisfy 0 < mu <= L"),
        (lambda: ml.problem("quadratic", spectrum="lgo"), "did you mean 'log'"),
        (lambda: ml.problem("quadratic", n=0), "n = 0"),
        (lambda: ml.problem("quadratic", n=True), "n = True; it must be a whole number, 1 or larger"),
        (lambda: ml.problem("quadratic", L=np.inf), "mu = 1.0, L = inf; they must be numbers"),
        (lambda: ml.problem("quadratic", seed=-1), "seed = -1; it must be a whole number, 0 or larger"),
        (lambda: ml.problem("quadratic", L=10**400), "they must be numbers that satisfy 0 < mu <= L"),
        (lambda: ml.problem("sphere", n=2.0), "sphere: n = 2.0; it must be a whole number, 1 or larger"),
        (lambda: ml.problem("zakharov", n="3"), "zakharov: n = '3'; it must be a whole number, 1 or larger"),
        (lambda: ml.problem("booth", n=2), "problem booth: there is no option 'n'"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(make, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "p",
    [
        ml.problem("quadratic", n=5, seed=1),
        ml.problem("beale"),
        ml.Problem("mine", np.sum, [1.0]),
        replace(ml.problem("rosenbrock", n=4), x0=[0.0] * 4),  # no longer what its name and options make
    ],
    ids=str,
)
def test_problems_travel(p):
    for again in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p)):
        assert (again.name, again.fun(p.x0)) == (p.name, p.fun(p.x0))
        assert np.array_equal(again.x0, p.x0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(f=3), "f = 3 is not callable"),
        (dict(minimizers=5), "minimizers = 5; give a tuple of points"),
        (dict(fstar=None), "fstar = None; give a number"),
        (dict(x0=[np.nan]), "x0[0] = nan"),
        (dict(minimizers=([1.0], [1.0, 2.0])), "mine has 1 variable, minimizers[1] has 2"),
        (
            dict(x0=np.ones((2, 3)), minimizers=(np.ones((3, 2)),)),
            "mine has variables of shape (2, 3), minimizers[0] has shape (3, 2)",
        ),
    ],
)
def test_a_bad_problem_is_refused_with_a_sentence(options, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        ml.Problem(**{"name": "mine", "f": np.sum, "x0": [1.0], **options})
    assert says in str(caught.value)


def test_a_problem_of_ones_own():
    p = ml.Problem("mine", lambda x: np.sum((x - 1) ** 4), [0.0, 0.5], jac=lambda x: 4 * (x - 1) ** 3)
    assert (p.dim, p.fun([1, 2])) == (2, 1.0)
    r = ml.minimize(p, method=ml.nesterov(lr=0.1), tol=1e-6)
    assert r.success
    assert np.isnan(p.error(r.x))


def rows_apart(x, g):
    f = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            g[i, j] = (1 + i) * (x[i, j] - j)
            f += 0.5 * g[i, j] * (x[i, j] - j)
    return f


BOWLS = dict(minimizers=([0, 1, 2, 0, 1, 2],), fstar=0.0)


def test_minimisers_take_the_shape_of_the_start():
    (m,) = ml.Problem("rows", rows_apart, np.ones((2, 3)), **BOWLS).minimizers
    assert m.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_a_problem_of_matrices_is_compiled_at_its_first_use():
    p = ml.Problem("rows", rows_apart, np.ones((2, 3)), compile=True, **BOWLS)
    r, by_numpy = ml.minimize(p, method=ml.nesterov()), ml.minimize(rows_apart, p.x0, ml.nesterov())
    assert p.objective().native is not None
    assert r.success and p.error(r.x) < 1e-12
    assert np.array_equal(r.x, by_numpy.x) and r.nit == by_numpy.nit


def test_a_compiled_function_may_name_its_gradient_as_it_likes():
    def bowl(x, out):
        f = 0.0
        for i in range(x.size):
            out[i] = x[i] - 1.0
            f += 0.5 * out[i] * out[i]
        return f

    p = ml.Problem("bowl", bowl, np.zeros(3), compile=True)
    assert (p.fun([0, 0, 0]), p.grad([0, 0, 0]).tolist()) == (1.5, [-1.0, -1.0, -1.0])
    with pytest.raises(TypeError, match="leave out jac"):
        ml.Problem("bowl", bowl, np.zeros(3), jac=lambda x: x - 1, compile=True)


def test_the_box_of_a_quadratic_shows_its_start_and_its_minimiser():
    for x_star in (0.0, 50.0, [-3.0, 7.0]):
        p = ml.problem("quadratic", n=2, x_star=x_star)
        for a, b, (low, high) in zip(p.x0, p.minimizers[0], p.box, strict=True):
            assert low < min(a, b) and max(a, b) < high
