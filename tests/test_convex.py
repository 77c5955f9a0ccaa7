"""The convex families against the theorems that they are the sharp cases of."""

from fractions import Fraction
from math import cosh, log

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.problems import quadratics
from momentumlab.problems.convex import lower_bound, lower_bound_strongly_convex

# ------------------------------------------------------------------ Nesterov's worst functions


@pytest.mark.parametrize("n", [1, 2, 7, 21])
def test_eigenvalues_of_the_worst_convex_function(n):
    p = ml.problem("worst_convex", n=n, L=3)
    expected = 3 * np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
    assert np.linalg.eigvalsh(p.hess(p.x0)) == pytest.approx(expected, rel=1e-12)
    assert p.mu == pytest.approx(expected[0], rel=1e-15)
    assert expected[-1] < p.L == 3


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 1), (5, 3), (7, 7), (12, 11)])
def test_minimiser_of_the_worst_convex_function(n, k):
    p, x = ml.problem("worst_convex", n=n, k=k, L=3), np.random.default_rng(0).normal(size=n)
    written = 3 / 4 * ((x[0] ** 2 + np.sum((x[: k - 1] - x[1:k]) ** 2) + x[k - 1] ** 2) / 2 - x[0])
    assert p.fun(x) == pytest.approx(written, rel=1e-14)
    (m,) = p.minimizers
    assert m == pytest.approx([1 - i / (k + 1) if i <= k else 0 for i in range(1, n + 1)], abs=1e-15)
    assert np.abs(p.grad(m)).max() < 1e-15
    assert p.fun(m) == pytest.approx(p.fstar, rel=1e-14)
    assert p.fstar == pytest.approx(3 / 8 * (1 / (k + 1) - 1), rel=1e-15)
    assert m @ m <= (k + 1) / 3
    assert np.array_equal(p.grad(m + np.where(np.arange(n) < k, 0, 5.0)), p.grad(m))
    assert (p.mu > 0) == (k == n)


TABLE = [
    # k, the bound, L/(16(k + 1)), FISTA, gradient descent
    (5, 0.009151, 0.010417, 0.025890, 0.031630),
    (10, 0.005300, 0.005682, 0.015662, 0.024915),
    (20, 0.002871, 0.002976, 0.008771, 0.018985),
]
"""f(x_k) − f* on the worst convex function of dimension and index 2k + 1, L = 1, from 0."""


@pytest.mark.parametrize(("k", "bound", "krylov", "fista", "gd"), TABLE)
def test_lower_bound_and_what_methods_reach(k, bound, krylov, fista, gd):
    """FISTA is counted at the iterate x_k, which follows from k gradients, not at the point ahead of it."""
    p = ml.problem("worst_convex", n=2 * k + 1)

    def reached(method):
        return p.error(ml.minimize(p, method=method, tol=0, maxiter=k).iterate)

    assert lower_bound(k, 1.0, np.linalg.norm(p.minimizers[0])) == pytest.approx(bound, abs=6e-7)
    assert 1 / (16 * (k + 1)) == pytest.approx(krylov, abs=6e-7)
    assert reached(ml.nesterov_fista.tuned(L=1.0)) == pytest.approx(fista, abs=6e-7)
    assert reached(ml.gradient_descent(lr=1.0)) == pytest.approx(gd, abs=6e-7)


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_the_best_point_in_the_span_of_the_gradients(k):
    p = ml.problem("worst_convex", n=2 * k + 1, L=2.0)
    h, b = p.hess(p.x0), -p.grad(p.x0)
    basis = b[:, None] / np.linalg.norm(b)
    for _ in range(k - 1):
        basis, _ = np.linalg.qr(np.column_stack([basis, h @ basis[:, -1]]))
    assert np.abs(basis[k:]).max() < 1e-15
    best = basis @ np.linalg.solve(basis.T @ h @ basis, basis.T @ b)
    assert p.error(best) == pytest.approx(2.0 / (16 * (k + 1)), rel=1e-12)
    assert p.error(best) > lower_bound(k, p.L, np.linalg.norm(p.minimizers[0]))


@pytest.mark.parametrize(
    "rule", [ml.gradient_descent, ml.heavy_ball, ml.nesterov, ml.nesterov_convex, ml.pid, ml.rsgdm]
)
def test_no_method_passes_the_lower_bounds(rule):
    for k in (1, 3, 9):
        p = ml.problem("worst_convex", n=2 * k + 1)
        for lr in (0.3, 1.0, 3.0):
            r = ml.minimize(p, method=rule(lr=lr), tol=0, maxiter=k)
            assert not r.iterate[k:].any()
            assert p.error(r.iterate) > 1 / (16 * (k + 1)) - 1e-15
    p = ml.problem("worst_strongly_convex", n=200)
    m = p.minimizers[0]
    for k in (1, 3, 9, 30):
        x = ml.minimize(p, method=rule(lr=0.01), tol=0, maxiter=k).iterate
        assert np.sum((x - m) ** 2) >= lower_bound_strongly_convex(k, p.mu, p.L, np.linalg.norm(m)) * (1 - 1e-12)


@pytest.mark.parametrize(("n", "mu", "L"), [(1, 1, 100), (2, 1, 9), (50, 1, 100), (50, 0.1, 1), (8, 2, 2)])
def test_minimiser_of_the_worst_strongly_convex_function(n, mu, L):
    p, root = ml.problem("worst_strongly_convex", n=n, mu=mu, L=L), (L / mu) ** 0.5
    q, corner = (root - 1) / (root + 1), (root + 3) / (root + 1)
    (m,) = p.minimizers
    assert m == pytest.approx([q**i for i in range(1, n + 1)], rel=1e-14)
    assert np.abs(p.grad(m)).max() <= 1e-15 * L
    assert p.fun(m) == pytest.approx(p.fstar, rel=1e-14)
    h = p.hess(m)
    assert h[-1, -1] == pytest.approx((L - mu) / 4 * corner + mu)
    eigenvalues = np.linalg.eigvalsh(h)
    assert mu * (1 - 1e-13) <= eigenvalues[0] and eigenvalues[-1] <= L * (1 + 1e-13)


def test_constants_of_the_worst_strongly_convex_function_are_sharp_as_n_grows():
    p = ml.problem("worst_strongly_convex", n=400)
    eigenvalues = np.linalg.eigvalsh(p.hess(p.x0))
    assert (eigenvalues[0], eigenvalues[-1]) == pytest.approx((1, 100), rel=2e-3)


@pytest.mark.parametrize("k", [0, 1, 5, 20])
def test_strongly_convex_bound_is_the_distance_to_the_span(k):
    """The point of the first k coordinates nearest to x* is x* cut off; to be exact needs n → ∞."""
    m = ml.problem("worst_strongly_convex", n=200).minimizers[0]
    assert lower_bound_strongly_convex(k, 1, 100, np.linalg.norm(m)) == pytest.approx(m[k:] @ m[k:], rel=1e-12)


# ------------------------------------------------------------------ Lessard, Recht & Packard

CYCLE = (Fraction(792, 1225), Fraction(-2208, 1225), Fraction(2592, 1225))


def end(method, x0, maxiter=1500):
    """The last three iterates."""
    r = ml.minimize("lessard_recht_packard", [x0], method, tol=0, maxiter=maxiter)
    return r.history.x[-3:, 0]


@pytest.mark.parametrize(
    ("x", "value", "slope", "curvature"),
    [
        (-2, 50, -50, 25),
        (0.5, 3.125, 12.5, 25),
        (1, 12.5, 25, 1),
        (1.5, 25.125, 25.5, 1),
        (2, 38, 26, 25),
        (3, 76.5, 51, 25),
    ],
)
def test_the_three_pieces(x, value, slope, curvature):
    p = ml.problem("lessard_recht_packard")
    assert (p.fun([x]), p.grad([x])[0], p.hess(np.array([x]))[0, 0]) == (value, slope, curvature)


def test_the_cycle_is_exact():
    def slope(x):
        return 25 * x if x < 1 else x + 24 if x < 2 else 25 * x - 24

    p = ml.problem("lessard_recht_packard")
    for i, x in enumerate(CYCLE):
        step = -Fraction(1, 9) * slope(x) + Fraction(4, 9) * (x - CYCLE[i - 1])
        assert x + step == CYCLE[(i + 1) % 3]
        assert p.grad(float(x))[0] == pytest.approx(float(slope(x)), rel=1e-14)
    assert [float(x) for x in CYCLE] == pytest.approx([0.6465, -1.8024, 2.1159], abs=6e-5)


@pytest.mark.parametrize("x0", [*np.linspace(3.07, 3.46, 14), -4.2, 1.0, 5.5])  # an interval of reference, and others
def test_tuned_heavy_ball_cycles(x0):
    assert sorted(end(ml.heavy_ball.tuned(mu=1, L=25), x0)) == pytest.approx(sorted(map(float, CYCLE)), abs=1e-13)


@pytest.mark.parametrize("x0", [3.06, 3.47])
def test_tuned_heavy_ball_converges_next_to_that(x0):
    assert np.abs(end(ml.heavy_ball.tuned(mu=1, L=25), x0)).max() < 1e-12


def test_heavy_ball_is_tuned_as_on_quadratics():
    bound = dict(ml.heavy_ball.tuned(mu=1, L=25).bound)
    assert (bound["lr"], bound["beta"]) == pytest.approx((1 / 9, 4 / 9), rel=1e-15)


@pytest.mark.parametrize(
    "method",
    [
        ml.nesterov(lr=1 / 25, beta=2 / 3),
        ml.pid.starting(g_prev=0.0).tuned(mu=1, L=25),  # the triple momentum method
        ml.pid.tuned(mu=1, L=25),
        ml.heavy_ball(lr=1 / 25, beta=0.4),
    ],
)
def test_others_converge_where_heavy_ball_cycles(method):
    assert np.abs(end(method, 3.3)).max() < 1e-12


@pytest.mark.parametrize("rule", [ml.pid, ml.pid.starting(g_prev=0.0)])
def test_a_difference_of_gradients_with_heavy_balls_tuning_diverges(rule):
    lr, beta, kd = 1 / 9, 4 / 9, 4 / 9 / 25
    assert (lr + 2 * kd) * 25 > 2 * (1 + beta)
    r = ml.minimize("lessard_recht_packard", [3.3], rule(lr=lr, beta=beta, kd=kd), tol=0, maxiter=1500)
    assert r.status == ml.Status.DIVERGED and abs(r.x[0]) > 1e6


# ------------------------------------------------------------------ Huber


@pytest.mark.parametrize(("N", "value"), [(1, 0.166667), (5, 0.0454545), (10, 0.0238095), (50, 0.00495050)])
@pytest.mark.parametrize(("L", "R"), [(1.0, 1.0), (4.0, 3.0)])
def test_huber_is_the_worst_of_gradient_descent(N, value, L, R):
    p = ml.problem("huber", L=L, tau=R / (2 * N + 1))
    r = ml.minimize(p, [R], ml.gradient_descent(lr=1 / L), tol=0, maxiter=N)
    assert r.fun == pytest.approx(L * R * R / (4 * N + 2), rel=1e-13)
    assert r.fun == pytest.approx(L * R * R * value, rel=5e-6)


def test_hubers_default_is_the_worst_of_ten_steps():
    assert ml.minimize("huber", method=ml.gradient_descent(lr=1.0), tol=0, maxiter=10).fun == pytest.approx(1 / 42)


def test_hubers_two_pieces():
    p = ml.problem("huber", n=3, L=2.0, tau=0.5)
    assert p.fun([0.25, -0.5, 0.0]) == 0.25**2 + 0.5**2
    assert p.fun([2.0, -3.0, 0.0]) == (2 * 0.5 * 2 - 0.25) + (2 * 0.5 * 3 - 0.25)
    assert p.grad([2.0, -3.0, 0.25]).tolist() == [1.0, -1.0, 0.5]
    assert np.diag(p.hess(np.array([2.0, -3.0, 0.25]))).tolist() == [0.0, 0.0, 2.0]
    assert (p.mu, p.L) == (0.0, 2.0)


# ------------------------------------------------------------------ log cosh, cosines


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize(("n", "mu", "L"), [(1, 1, 100), (6, 0.5, 30), (4, 2, 2)])
def test_curvature_of_log_cosh(n, mu, L, seed):
    p = ml.problem("log_cosh", n=n, mu=mu, L=L, seed=seed)
    expected = np.geomspace(mu, L, n) if n > 1 else [L]
    assert np.linalg.eigvalsh(p.hess(np.zeros(n))) == pytest.approx(expected, rel=1e-13)
    rng = np.random.default_rng(0)
    for size in (0.1, 1.0, 10.0):
        eigenvalues = np.linalg.eigvalsh(p.hess(size * rng.normal(size=n)))
        assert mu * (1 - 1e-13) <= eigenvalues[0] and eigenvalues[-1] <= L * (1 + 1e-13)
    assert np.linalg.eigvalsh(p.hess(1e9 * rng.normal(size=n))) == pytest.approx([mu] * n, rel=1e-13)


def test_log_cosh_is_its_formula_near_and_far():
    p = ml.problem("log_cosh", n=3)
    a, s = np.array([99.0, 9.0, 0.0]), np.array([1.0, 1.5, 2.0])
    for x in np.random.default_rng(0).normal(size=(20, 3)) * 3:
        assert p.fun(x) == pytest.approx(x @ x / 2 + sum(a / s**2 * np.log(np.cosh(s * x))), rel=1e-14)
    far = np.array([800.0, -5000.0, 0.1])  # cosh overflows
    assert p.fun(far) == pytest.approx(far @ far / 2 + sum(a / s**2 * (np.logaddexp(s * far, -s * far) - log(2))))
    near = np.array([1e-9, -2e-9, 3e-9])  # log cosh cancels
    assert log(cosh(1e-9)) == 0
    assert p.fun(near) == pytest.approx(near @ ((1 + a) * near) / 2, rel=1e-12)


def test_log_cosh_turns_as_quadratics_do():
    still, turned = ml.problem("log_cosh", n=5), ml.problem("log_cosh", n=5, seed=2)
    q = quadratics.haar("rotation", 5, 2)
    assert q @ q.T == pytest.approx(np.eye(5), abs=1e-14)
    for x in np.random.default_rng(0).normal(size=(10, 5)):
        assert turned.fun(x) == pytest.approx(still.fun(q @ x), rel=1e-13)
        assert turned.grad(x) == pytest.approx(q.T @ still.grad(q @ x), rel=1e-12)


def test_curvature_of_the_ripples():
    p, largest = ml.problem("cosine_ripples", n=3), 0.0
    for y in np.linspace(-10, 10, 2001):
        curvatures = np.diag(p.hess(np.full(3, y)))
        largest = max(largest, np.abs(curvatures).max())
    assert p.L == 1.002 and largest == pytest.approx(1.002, abs=1e-5) and largest <= 1.002
    assert np.linalg.eigvalsh(p.hess(np.zeros(3)))[0] == pytest.approx(-0.998, rel=1e-12)


def test_ripples_are_their_formula_and_the_wells_listed_are_the_lowest():
    p, i = ml.problem("cosine_ripples", n=3), np.arange(1, 4)
    for x in np.random.default_rng(0).normal(size=(20, 3)):
        assert p.fun(x) == pytest.approx(np.sum(np.cos(i * x) / i**2) + 1e-3 * x @ x, rel=1e-14, abs=1e-15)
    alone = ml.problem("cosine_ripples", n=1)
    assert min(alone.fun(y) for y in np.linspace(-70, 70, 20001)) >= alone.fstar
    assert len(p.minimizers) == 8
    assert [p.fun(m) for m in p.minimizers] == pytest.approx([p.fstar] * 8, abs=1e-15)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ml.problem("worst_convex", n=0), "worst_convex: n = 0; it must be a whole number, 1 or larger"),
        (lambda: ml.problem("worst_convex", n=3, k=4), "worst_convex: k = 4; it must be at most n = 3"),
        (lambda: ml.problem("worst_convex", k=0), "worst_convex: k = 0; it must be a whole number, 1 or larger"),
        (lambda: ml.problem("worst_convex", L=0), "worst_convex: L = 0; it must be a finite number larger than 0"),
        (lambda: ml.problem("worst_strongly_convex", mu=0), "mu = 0, L = 100.0; they must be numbers that satisfy"),
        (lambda: ml.problem("huber", tau=-1.0), "huber: tau = -1.0; it must be a finite number larger than 0"),
        (lambda: ml.problem("huber", L=np.inf), "huber: L = inf; it must be a finite number larger than 0"),
        (lambda: ml.problem("log_cosh", mu=3, L=2), "log_cosh: mu = 3, L = 2; they must be numbers that satisfy"),
        (lambda: ml.problem("log_cosh", seed=0.5), "log_cosh: seed = 0.5; it must be a whole number, 0 or larger"),
        (lambda: ml.problem("cosine_ripples", n=None), "cosine_ripples: n = None; it must be a whole number"),
        (lambda: lower_bound(-1, 1.0, 1.0), "lower_bound: k = -1; it must be a whole number, 0 or larger"),
        (lambda: lower_bound(1, -1.0, 1.0), "lower_bound: L = -1.0; it must be a finite number larger than 0"),
        (lambda: lower_bound(1, 1.0, -1.0), "lower_bound: distance = -1.0; it must be a finite number, 0 or larger"),
        (lambda: lower_bound_strongly_convex(1, 1, 2, -1.0), "distance = -1.0; it must be a finite number"),
        (lambda: lower_bound_strongly_convex(1, 2, 1, 1.0), "mu = 2, L = 1; they must be numbers that satisfy"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(make, says):
    with pytest.raises(ValueError) as caught:
        make()
    assert says in str(caught.value)
