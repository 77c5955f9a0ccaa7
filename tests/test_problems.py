"""The problems against differences, against their known minimisers, and against reference values."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.objective import Objective

CASES = [
    ("rosenbrock", {}),
    ("rosenbrock", {"n": 7}),
    ("stiff_quadratic", {}),
    ("beale", {}),
    ("cosine_wells", {}),
    ("mccormick", {}),
    ("quadratic", {"n": 6}),
    ("quadratic", {"n": 6, "seed": 3}),
    ("quadratic", {"n": 5, "spectrum": "chebyshev"}),
    ("quadratic", {"n": 1}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_derivatives_agree_with_differences(name, options):
    p = ml.problem(name, **options)
    rng = np.random.default_rng(0)
    for x in rng.uniform(-2, 2, (20, p.dim)):
        g = p.grad(x)
        by_differences = Objective(p.fun, "3-point")(x)[1]
        assert g == pytest.approx(by_differences, rel=1e-7, abs=1e-6)
        columns = [(p.grad(x + h) - p.grad(x - h)) / 2e-6 for h in 1e-6 * np.eye(p.dim)]
        assert p.hess(x) == pytest.approx(np.array(columns), rel=1e-6, abs=1e-5)
        assert np.array_equal(p.hess(x), p.hess(x).T)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_minimisers_are_minimisers(name, options):
    p = ml.problem(name, **options)
    for m in p.minimizers:
        assert np.abs(p.grad(m)).max() < 1e-12 * max(1, p.L or 1)
        assert np.linalg.eigvalsh(p.hess(m)).min() > 0
        assert p.error(m) == 0
    assert min(abs(p.fun(m) - p.fstar) for m in p.minimizers) < 1e-12


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


def test_rosenbrocks_local_minimiser():
    r = ml.minimize(ml.problem("rosenbrock", n=4), [-0.8, 0.6, 0.4, 0.1], ml.pid(), tol=1e-9)
    assert r.x == pytest.approx([-0.775659, 0.613093, 0.382063, 0.145972], abs=1e-6)
    assert r.fun == pytest.approx(3.701429, abs=1e-6)


@pytest.mark.parametrize("spectrum", ["log", "linear", "two_point", "chebyshev"])
@pytest.mark.parametrize("seed", [None, 0])
def test_quadratics_have_the_spectrum_they_were_asked_for(spectrum, seed):
    p = ml.problem("quadratic", n=20, mu=0.5, L=30, spectrum=spectrum, seed=seed)
    eigenvalues = np.linalg.eigvalsh(p.hess(p.x0))
    assert (eigenvalues.min(), eigenvalues.max()) == pytest.approx((p.mu, p.L))
    assert p.mu * (1 + 1e-12) >= 0.5 and p.L <= 30 * (1 + 1e-12)
    assert (p.mu, p.L) == pytest.approx((0.5, 30)) or spectrum == "chebyshev"


def test_known_constants_bound_the_hessian():
    rng = np.random.default_rng(0)
    for name in ("stiff_quadratic", "cosine_wells", "mccormick", "quadratic"):
        p = ml.problem(name)
        for x in rng.uniform(-5, 5, (50, p.dim)):
            assert np.linalg.norm(p.hess(x), 2) <= p.L * (1 + 1e-12)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ml.problem([]), "there is no problem []"),
        (lambda: ml.problem("rosenbrok"), "did you mean 'rosenbrock'"),
        (lambda: ml.problem("quadratic", kappa=3), "there is no option 'kappa'. There are n, mu, L, spectrum, seed"),
        (lambda: ml.problem("rosenbrock", n=1), "n = 1; it must be a whole number, 2 or larger"),
        (lambda: ml.problem("quadratic", mu=3, L=2), "they must be numbers that satisfy 0 < mu <= L"),
        (lambda: ml.problem("quadratic", spectrum="lgo"), "did you mean 'log'"),
        (lambda: ml.problem("quadratic", n=0), "n = 0"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(make, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert says in str(caught.value)


def test_problems_travel():
    import pickle

    for p in (ml.problem("quadratic", n=5, seed=1), ml.problem("beale"), ml.Problem("mine", np.sum, [1.0])):
        again = pickle.loads(pickle.dumps(p))
        assert (again.name, again.fun(p.x0)) == (p.name, p.fun(p.x0))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(f=3), "f = 3 is not callable"),
        (dict(minimizers=5), "minimizers = 5; give a tuple of points"),
        (dict(fstar=None), "fstar = None; give a number"),
        (dict(x0=[np.nan]), "x0[0] = nan"),
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
