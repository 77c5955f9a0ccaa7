"""Approximations of the Hessian: what each satisfies, whatever pairs it is given, and whose place others may take."""

import math
import pickle
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy.optimize import minimize as scipy_minimize
from scipy.sparse.linalg import aslinearoperator

import momentumlab as ml
from momentumlab.ops import maximum, minimum, where

MATRICES = {
    "bfgs": ml.bfgs(),
    "bfgs, damped": ml.bfgs(curvature="damp"),
    "dfp": ml.dfp(),
    "dfp, damped": ml.dfp(curvature="damp"),
    "sr1": ml.sr1(),
    "lbfgs": ml.lbfgs(),
    "lbfgs, damped": ml.lbfgs(memory=3, curvature="damp"),
}
DIAGONALS = {
    "diagonal": ml.diagonal(),
    "quasi_cauchy": ml.quasi_cauchy(),
    "quasi_cauchy, damped": ml.quasi_cauchy(curvature="damp"),
    "bb1": ml.bb1(),
    "bb1, damped": ml.bb1(curvature="damp"),
    "bb2": ml.bb2(bounds=(1e-3, 1e3)),
    "identity": ml.identity(),
}
ALL = MATRICES | DIAGONALS
POSITIVE = {name: by for name, by in ALL.items() if name != "sr1"}
LOW, HIGH = 1e-8, 1e8


def matrix(running, n):
    return np.column_stack([running.apply(e) for e in np.eye(n)])


def taught(by, pairs):
    """A preconditioner that has seen these pairs."""
    x = np.zeros(len(pairs[0][0]))
    running = by.start(None, x)
    for s, y in pairs:
        x = x + s
        running.update(x, np.asarray(s, dtype=float), np.asarray(y, dtype=float))
    return running


# ------------------------------------------------------------------ hostile pairs

numbers = st.one_of(
    st.floats(-10, 10),
    st.sampled_from([0.0, -0.0, 1e150, -1e150, 1e-150, -1e-150, 5e-324, 1.7e308, math.nan, math.inf]),
)
vectors = nps.arrays(np.float64, 3, elements=numbers)
scales = st.sampled_from([1.0, 1e-150, 1e150, 1e-8, 1e8])


@st.composite
def pairs(draw):
    """Ordinary ones of any scale, and pairs of anything: s = 0, yᵀs ≤ 0, nan."""
    found = []
    for _ in range(draw(st.integers(1, 7))):
        s, y = draw(vectors), draw(vectors)
        if draw(st.booleans()):
            s = (
                draw(scales)
                * np.nan_to_num(s, nan=1.0, posinf=1.0, neginf=1.0)
                / max(1.0, np.abs(np.nan_to_num(s)).max())
            )
            y = draw(scales) * (s + 0.1 * s[::-1])
        found.append((s, y))
    return found


def spread(pairs):
    """The largest curvature by the least of all pairs that may have been learnt: by as much B's digits cancel."""
    curvatures = [1.0]
    for s, y in pairs:
        ss, sy, yy = s @ s, s @ y, y @ y
        if 0 < ss < math.inf and 0 < yy < math.inf and sy > 0:
            curvatures += [max(sy / ss, 1e-300), yy / sy]
    return max(curvatures) / min(curvatures)


@settings(max_examples=300, deadline=None)
@given(pairs=pairs(), name=st.sampled_from(sorted(ALL)))
@example(pairs=[(np.zeros(3), np.ones(3))], name="bfgs")
@example(pairs=[(np.eye(3)[2], np.zeros(3)), (np.eye(3)[2], np.ones(3))], name="lbfgs, damped")
@example(pairs=[(np.array([1e150, 1, 0]), np.array([1e-150, 1, 0]))] * 2, name="dfp")
@example(pairs=[(np.array([1e-150, 0, 0]), np.array([1e150, 0, 0]))] * 2, name="lbfgs")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_pair_makes_it_other_than_finite_symmetric_and_positive(pairs, name):
    running = taught(ALL[name], pairs)
    B = matrix(running, 3)
    assert np.isfinite(B).all()
    error = max(1e-9, 1e-14 * spread(pairs)) * np.abs(B).max()
    assert np.abs(B - B.T).max() <= error
    if name in POSITIVE:
        assert np.linalg.eigvalsh((B + B.T) / 2).min() >= -error
    if name in DIAGONALS and name not in ("bb2", "identity"):
        assert (np.diag(B) >= LOW).all() and (np.diag(B) <= HIGH).all()


@pytest.mark.parametrize("name", sorted(POSITIVE))
def test_pairs_whose_curvatures_lie_six_digits_apart_keep_it_positive(name):
    rng = np.random.default_rng(0)
    for _ in range(100):
        steps, sizes = rng.standard_normal((8, 3)), 10 ** rng.uniform(-3, 3, 8)
        pairs = [(s, size * (s + 0.1 * s[::-1])) for s, size in zip(steps, sizes, strict=True)]
        assert np.linalg.eigvalsh(matrix(taught(ALL[name], pairs), 3)).min() > 0


@settings(max_examples=300, deadline=None)
@given(pairs=pairs(), s=vectors, y=vectors, scale=scales, name=st.sampled_from(sorted(MATRICES)))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_matrix_that_learnt_a_pair_satisfies_the_secant_equation(pairs, s, y, scale, name):
    """Bs = y, or ȳ where it is damped; or B is what it was, or starts afresh."""
    running = taught(MATRICES[name], pairs)
    s, y = scale * s, scale * y
    before = matrix(running, 3)
    Bs = running.apply(s)
    running.update(s, s, y)
    after = matrix(running, 3)
    if np.array_equal(before, after) or (np.array_equal(after, np.eye(3)) and s @ y < 1e-14 * (s @ Bs)):
        return
    assert np.isfinite(s).all() and np.isfinite(y).all()
    wanted = y
    if "damped" in name and s @ y < 0.2 * (s @ Bs):
        phi = 0.8 * (s @ Bs) / (s @ Bs - s @ y)
        wanted = phi * y + (1 - phi) * Bs
    size = max(np.abs(before).max(), np.abs(after).max()) * np.abs(s).max()
    if wanted is not y:
        assert s @ after @ s == pytest.approx(0.2 * (s @ Bs), rel=1e-6, abs=1e-9 * size * np.abs(s).max())
    error = max(1e-9, 1e-14 * spread([*pairs, (s, y)]))
    assert np.abs(running.apply(s) - wanted).max() <= error * (size + np.abs(wanted).max())


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1.0, 1e-150, 1e150]))
def test_diagonals_satisfy_the_weak_secant_equation(seed, scale):
    """sᵀB⁺s = sᵀy where no bound is met, and σ is the quotient of its name."""
    rng = np.random.default_rng(seed)
    s = scale * rng.standard_normal(4)
    y = rng.uniform(0.5, 2, 4) * s
    for by in (ml.quasi_cauchy(), ml.bb1()):
        B = taught(by, [(s, y)]).B
        if (B > LOW).all():
            assert (s / scale) @ (B * s / scale) == pytest.approx((s / scale) @ (y / scale), rel=1e-12)
    u, w = s / scale, y / scale
    assert taught(ml.bb1(), [(s, y)]).B == pytest.approx((u @ w) / (u @ u), rel=1e-12)
    assert taught(ml.bb2(), [(s, y)]).B == pytest.approx((w @ w) / (u @ w), rel=1e-12)
    assert taught(ml.diagonal(), [(s, y)]).B == pytest.approx(y / s, rel=1e-15)


def test_bounds_clip_or_refuse():
    s, y = np.array([1.0, 2.0, 0.0]), np.array([-1.0, 8.0, 3.0])
    assert taught(ml.diagonal(bounds=(0.5, 3.0)), [(s, y)]).B.tolist() == [1.0, 1.0, 1.0]  # −1, 4 and 3/0 lie outside
    assert taught(ml.diagonal(bounds=(0.5, 5.0)), [(s, y)]).B.tolist() == [1.0, 4.0, 1.0]
    at = taught(ml.diagonal(bounds=(2.0, 4.0)), [(s, np.array([2.0, 8.0, 0.0]))])
    assert at.B.tolist() == [2.0, 4.0, 1.0]
    assert taught(ml.bb1(bounds=(0.5, 2.0)), [(s, y)]).B.tolist() == [2.0] * 3  # 15/5
    assert taught(ml.bb1(bounds=(4.0, 5.0)), [(s, y)]).B.tolist() == [4.0] * 3
    B = taught(ml.quasi_cauchy(bounds=(1.0, 2.5)), [(s, y)]).B
    assert B == pytest.approx([1 + 10 / 17, 2.5, 1.0], rel=1e-15)  # 1 + (15 − 5)/17 · 4, clipped


def test_negative_curvature_is_skipped_or_damped():
    s, y = np.array([1.0, 0.0]), np.array([-1.0, 0.5])
    for name, by in ALL.items():
        B = matrix(taught(by, [(s, y)]), 2)
        if "damped" in name:
            assert s @ B @ s == pytest.approx(0.2, rel=1e-12)
        elif name == "sr1":
            assert y == pytest.approx(B @ s)
        elif name != "diagonal":
            assert np.array_equal(B, np.eye(2))
        else:
            assert np.array_equal(B, np.eye(2))  # 0.5/0 and −1 lie outside the bounds


@pytest.mark.parametrize("name", [n for n in ALL if "damped" in n])
def test_damping_keeps_a_fifth_of_the_curvature_that_b_had(name):
    """Of B = 3I along s, not of I."""
    s = np.array([1.0, 2.0])
    B = matrix(taught(ALL[name], [(s, 3 * s), (s, -s)]), 2)
    assert s @ B @ s == pytest.approx(0.2 * 3 * (s @ s), rel=1e-12)


@pytest.mark.parametrize("name", ["bfgs", "dfp", "lbfgs", "quasi_cauchy", "bb1", "bb2", "sr1"])
def test_pairs_are_skipped_as_far_as_is_documented(name):
    """sᵀy ≤ 10⁻¹⁰‖s‖‖y‖, or for SR1 |rᵀs| < 10⁻⁸‖r‖‖s‖; and products that have lost digits."""
    s, limit = np.eye(2)[0], 1e-8 if name == "sr1" else 1e-10
    learnt = lambda s, y: not np.array_equal(matrix(taught(ALL[name], [(s, y)]), 2), np.eye(2))
    y = lambda t: np.array([t + (name == "sr1"), 1.0])
    assert not learnt(s, y(0.9 * limit))
    assert learnt(s, y(1.1 * limit))
    if name != "sr1":
        assert not learnt(1e-150 * s, 1e-155 * s)
        assert learnt(1e-150 * s, 1e-151 * s)


def test_bfgs_starts_afresh_where_no_digit_would_be_left():
    s, stiff = np.ones(2), (np.eye(2)[0], np.array([1e10, 0.0]))
    assert np.array_equal(matrix(taught(ml.bfgs(), [stiff, (s, 1e-6 * s)]), 2), np.eye(2))  # sᵀy = 2·10⁻¹⁶ sᵀBs
    assert not np.array_equal(matrix(taught(ml.bfgs(), [stiff, (s, 1e-3 * s)]), 2), np.eye(2))


def test_a_diagonal_stays_a_number_where_a_quotient_overflows():
    e = np.eye(3)[0]
    B = taught(ml.quasi_cauchy(), [(e, 1e9 * e), (2e-155 * e, 1.3e154 * e)]).B
    assert B.tolist() == [HIGH, 1.0, 1.0]


# ------------------------------------------------------------------ limited memory


def outer_bfgs(B, s, y):
    """As Broyden, Fletcher, Goldfarb and Shanno print it."""
    Bs = B @ s
    return B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (y @ s)


def outer_dfp(B, s, y):
    left = np.eye(len(s)) - np.outer(y, s) / (y @ s)
    return left @ B @ left.T + np.outer(y, y) / (y @ s)


def outer_sr1(B, s, y):
    r = y - B @ s
    return B + np.outer(r, r) / (r @ s)


def curved_pairs(seed, count, n=8):
    """Pairs of a convex function that is no quadratic."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n))
    gradient = lambda x: A.T @ np.tanh(A @ x) + x
    points = np.cumsum(rng.standard_normal((count + 1, n)), axis=0)
    return [(b - a, gradient(b) - gradient(a)) for a, b in pairwise(points)]


@pytest.mark.parametrize(
    ("by", "update"),
    [(ml.bfgs(), outer_bfgs), (ml.dfp(), outer_dfp), (ml.sr1(), outer_sr1)],
    ids=["bfgs", "dfp", "sr1"],
)
def test_updates_are_the_printed_ones(by, update):
    B, given_pairs = np.eye(8), curved_pairs(0, 12)
    for s, y in given_pairs:
        B = update(B, s, y)
    assert matrix(taught(by, given_pairs), 8) == pytest.approx(B, rel=1e-9, abs=1e-9 * np.abs(B).max())


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), memory=st.integers(1, 7), count=st.integers(1, 12))
def test_the_compact_form_equals_so_many_updates(seed, memory, count):
    all_pairs = curved_pairs(seed, count)
    s, y = all_pairs[-1]
    B = (y @ y) / (s @ y) * np.eye(8)
    for s, y in all_pairs[-memory:]:
        B = outer_bfgs(B, s, y)
    found = matrix(taught(ml.lbfgs(memory=memory), all_pairs), 8)
    assert np.abs(found - B).max() <= 1e-12 * np.abs(B).max()


@pytest.mark.parametrize("name", [n for n in ALL if n != "sr1"])
def test_solve_undoes_apply(name):
    running = taught(ALL[name], curved_pairs(3, 9))
    v = np.random.default_rng(0).standard_normal(8)
    assert running.solve(running.apply(v)) == pytest.approx(v, rel=1e-8)
    assert running.apply(running.solve(v)) == pytest.approx(v, rel=1e-8)


def test_limited_memory_starts_from_the_scale_of_the_damped_pair():
    """s = e₁, y = (−1, ½, 0) damp to ȳ = 0.4y + 0.6s: γ = ȳᵀȳ/sᵀȳ = 0.4."""
    s, damped = np.eye(3)[0], np.array([0.2, 0.2, 0.0])
    B = matrix(taught(ALL["lbfgs, damped"], [(s, np.array([-1.0, 0.5, 0.0]))]), 3)
    assert B == pytest.approx(outer_bfgs(0.4 * np.eye(3), s, damped), rel=1e-12, abs=1e-15)


def test_dependent_steps_are_forgotten():
    """Ten steps along one line, on which the change of gradient differs."""
    s, e = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0])
    running = taught(ml.lbfgs(), [((1 + 0.1 * i) * s, (2 + i) * s + i * e) for i in range(10)])
    s, y = 1.9 * s, 11 * s + 9 * e
    assert running.apply(s) == pytest.approx(y, rel=1e-9)
    assert np.linalg.eigvalsh(matrix(running, 3)).min() > 0


# ------------------------------------------------------------------ the Hessian


class Curved:
    """What a preconditioner sees of a function."""

    def __init__(self, H):
        self.H = np.array(H, dtype=float)

    def hess(self, x):
        return self.H.copy()


@pytest.mark.parametrize(
    ("H", "tau"),
    [
        ([[2, 0], [0, 3]], 0.0),
        ([[1, 2], [2, 1]], 1.024),  # from a positive diagonal: 10⁻³, doubled until Cholesky succeeds beyond 1
        ([[1, 1.3], [1.3, 1]], 0.512),  # an odd power of 2
        ([[-1, 0], [0, 2]], 1.001),
        ([[0, 1], [1, 0]], 1e-3 * 2**10),
        ([[0, 0], [0, 0]], 1e-3),
    ],
)
def test_the_hessian_is_shifted_until_cholesky_succeeds(H, tau):
    running = ml.hessian().start(Curved(H), np.zeros(2))
    assert matrix(running, 2) == pytest.approx(np.array(H) + tau * np.eye(2), rel=1e-14)


def test_eigenvalues_are_taken_by_absolute_value():
    rng = np.random.default_rng(0)
    Q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    H = (Q * [-2.0, 0.0, 5.0]) @ Q.T
    assert matrix(ml.hessian(modify="abs").start(Curved(H), np.zeros(3)), 3) == pytest.approx(
        (Q * [2.0, 5e-8, 5.0]) @ Q.T, abs=1e-14
    )
    assert matrix(ml.hessian(modify=None).start(Curved(H), np.zeros(3)), 3) == pytest.approx(H, abs=1e-15)
    small = matrix(ml.hessian(modify="abs").start(Curved(np.diag([0.0, 0.0, 0.1])), np.zeros(3)), 3)
    assert np.diag(small) == pytest.approx([1e-8, 1e-8, 0.1], rel=1e-12)  # never less than 10⁻⁸


@numba.njit
def quartic(x, g):
    g[:] = x**3
    return 0.25 * np.sum(x**4)


@numba.njit
def nowhere(x):
    return np.full((2, 2), np.nan)


@numba.njit
def flat(x):
    return np.zeros((2, 2))


@numba.njit
def raises(x):
    if x[0] < 0.5:
        raise ZeroDivisionError("by design")
    return np.diag(3 * x * x)


@numba.njit
def small(x):
    return np.ones((1, 1))


@pytest.fixture(params=["compiled", "NumPy"])
def newton(request):
    """Newton's method on x⁴/4, from a function's Hessian."""

    def run(hess, modify="shift"):
        f, h = (quartic, hess) if request.param == "compiled" else (quartic.py_func, hess.py_func)
        return ml.minimize(f, [1.0, 3.0], ml.newton(lr=1, preconditioner=ml.hessian(modify=modify)), hess=h)

    return run


@pytest.mark.parametrize(("hess", "modify"), [(nowhere, "shift"), (nowhere, "abs"), (nowhere, None), (flat, None)])
def test_a_hessian_that_is_no_number_or_singular_ends_the_run(newton, hess, modify):
    r = newton(hess, modify)
    assert (r.status, r.nit) == (ml.Status.NONFINITE, 0)
    assert r.x.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("modify", ["shift", "abs", None])
def test_no_search_goes_where_a_hessian_that_is_no_number_points(modify):
    r = ml.minimize(quartic, [1.0, 3.0], ml.newton(preconditioner=ml.hessian(modify=modify)), hess=nowhere)
    assert (r.status, r.nit) == (ml.Status.NO_STEP, 0)
    assert r.x.tolist() == [1.0, 3.0]


def test_an_exception_in_the_hessian_says_where(newton):
    """Steps are x⁺ = ⅔x, and the last one stays taken."""
    with pytest.raises(ZeroDivisionError) as raised:
        newton(raises)
    r = raised.value.result
    assert raised.value.x == pytest.approx([4 / 9, 4 / 3], rel=1e-12)
    assert np.array_equal(r.x, raised.value.x)
    assert (r.nit, r.nfev, r.nhev) == (2, 3, 3)


def test_a_hessian_of_another_shape_is_refused(newton):
    with pytest.raises(ValueError, match="hess returned"):
        newton(small)


def test_a_compiled_problems_hessian_divides_as_numpy_does():
    def pole(x):
        H = np.eye(2)
        H[0, 0] = 1.0 / x[0]
        return H

    p = ml.Problem("pole", quartic.py_func, [0.0, 1.0], compile=True, hess=pole)
    r = ml.minimize(p, method=ml.newton(lr=1, preconditioner=ml.hessian(modify=None)), maxiter=1)
    assert r.nhev == 1


@numba.njit
def tilted(x, g):
    g[:] = x**3 + x - 1
    return np.sum(x**4 / 4 + x**2 / 2 - x)


def test_a_hessian_runs_compiled_where_it_is_compiled():
    A = np.eye(2)
    step = lambda hess: ml.minimize(tilted, [1.0, 2.0], ml.newton(lr=1), hess=hess, maxiter=1)
    plain, compiled = step(lambda x: A), step(numba.njit(lambda x: np.diag(3 * x**2 + 1)))
    assert plain.x.tolist() == [0.0, -7.0]
    assert compiled.x == pytest.approx([1 - 1 / 4, 2 - 9 / 13])
    A *= 10
    assert step(lambda x: A).x == pytest.approx([0.9, 1.1])  # it is asked anew, as it is now


def test_a_compiled_hessian_may_write_to_x_and_does_not_reach_beyond_it():
    @numba.njit
    def scribbles(x):
        x[:] = 7
        return 30 * np.eye(2)

    @numba.njit
    def reaches(x):
        return np.eye(2) * x[5]

    r = ml.minimize(tilted, [1.0, 2.0], ml.newton(lr=1), hess=scribbles, maxiter=1)
    assert r.x == pytest.approx([1 - 1 / 30, 2 - 9 / 30])
    with pytest.raises(IndexError, match="reaches reaches beyond x, which has 2 components"):
        ml.minimize(tilted, [1.0, 2.0], ml.newton(), hess=reaches)


@numba.njit
def power(x, g):
    g[:] = 4 * x**3
    return np.sum(x**4)


def test_a_number_is_a_hessian_of_one_variable():
    second = numba.njit(lambda x: 12 * x**2)
    fits = [ml.minimize(f, 3.0, ml.newton(), hess=h) for f, h in ((power, second), (power.py_func, second.py_func))]
    assert [r.nit for r in fits] == [16, 16]
    r = ml.minimize(lambda x: x @ x, [3.0], ml.newton(lr=1), jac=lambda x: 2 * x, hess=lambda x: 2.0)
    assert (r.success, r.nit) == (True, 1)
    with pytest.raises(
        TypeError, match=r"hess returned None; it must return an array of real numbers of shape \(2, 2\)"
    ):
        ml.minimize(lambda x: x @ x, [3.0, 1.0], ml.newton(lr=1), jac=lambda x: 2 * x, hess=lambda x: None)


# ------------------------------------------------------------------ others' preconditioners


class Jacobi:
    """A user's object, which records what it is told."""

    def __init__(self):
        self.told = []

    def start(self, problem, x):
        self.told, self.d = [], np.diag(problem.hess(x))

    def apply(self, v):
        return self.d * v

    def solve(self, v):
        return v / self.d

    def update(self, x, s, y):
        self.told.append((x.copy(), s.copy(), y.copy()))


@pytest.mark.parametrize("index", ["lagged", "current"])
def test_an_object_of_ones_own_serves(index):
    p, by = ml.problem("quadratic", n=5, L=20), Jacobi()
    r = ml.minimize(p, method=ml.pmg(lr=0.02, preconditioner=by, index=index), maxiter=30, tol=0)
    exact = ml.minimize(p, method=ml.pmg(lr=0.02, preconditioner=ml.hessian()), maxiter=30, tol=0)
    assert r.x == pytest.approx(exact.x, rel=1e-12)  # whose Hessian is diagonal
    assert len(by.told) == 29  # one after each step but the last
    x, s, y = by.told[-1]
    assert y == pytest.approx(np.diag(p.hess(x)) * s, rel=1e-9)
    assert r.nhev == 1


def test_it_serves_newtons_rule_too():
    p = ml.problem("quadratic", n=5)
    r = ml.minimize(p, method=ml.newton(lr=1, preconditioner=Jacobi()))
    assert r.success
    assert r.nit == 1


def test_it_is_given_the_hessian_of_a_function(recwarn):
    bowl = dict(jac=lambda x: 4 * x, hess=lambda x: 4 * np.eye(2))
    method = ml.newton(lr=1, preconditioner=Jacobi())
    for door in (ml.minimize, scipy_minimize):
        r = door(lambda x: 2 * x @ x, [1.0, 2.0], method=method, **bowl)
        assert (r.success, r.nit, r.nhev) == (True, 1, 1)
    assert not recwarn
    with pytest.raises(TypeError, match="give hess="):
        ml.minimize(lambda x: 2 * x @ x, [1.0, 2.0], method, jac=bowl["jac"])


class Scribbling(Jacobi):
    """One that writes to what it is given."""

    def start(self, problem, x):
        super().start(problem, x)
        x[:] = 5

    def apply(self, v):
        found = super().apply(v)
        v[:] = 99
        return found

    def update(self, x, s, y):
        super().update(x, s, y)
        x[:], s[:], y[:] = 5, 5, 5


def test_it_may_write_to_what_it_is_given():
    results = [
        ml.minimize("rosenbrock", method=ml.pmg(lr=1e-3, preconditioner=by), maxiter=20, tol=0)
        for by in (Jacobi(), Scribbling())
    ]
    assert np.array_equal(*(r.x for r in results))
    assert np.array_equal(*(r.jac for r in results))


def test_it_is_asked_when_there_is_a_step_to_take():
    r = ml.minimize("rosenbrock", method=ml.newton(preconditioner=Jacobi()), maxiter=0)
    assert r.nhev == 0
    with pytest.raises(TypeError, match="give hess=") as raised:
        ml.minimize(lambda x: x @ x, [1.0], ml.newton(preconditioner=Jacobi()), jac=lambda x: 2 * x)
    assert raised.value.result.nit == 0


def test_a_linear_operator_is_a_constant_matrix():
    p = ml.problem("quadratic", n=6, L=30, seed=1)
    method = ml.pmg(lr=0.02, preconditioner=aslinearoperator(p.hess(p.x0)))
    r = ml.minimize(p, method=method, maxiter=40, tol=0)
    exact = ml.minimize(p, method=ml.pmg(lr=0.02, preconditioner="hessian"), maxiter=40, tol=0)
    assert r.x == pytest.approx(exact.x, rel=1e-12)
    with pytest.raises(ValueError, match=r"has shape \(6, 6\); x has 5 components"):
        ml.minimize(ml.problem("quadratic", n=5), method=method)
    with pytest.raises(TypeError, match=r"gives B·v; B⁻¹·v takes an object"):
        ml.newton(preconditioner=aslinearoperator(p.hess(p.x0)))


@ml.preconditioner
def averaged(s, y, B=2.0, /, nu=0.5):
    """Componentwise secants, averaged."""
    return where(y / s > 0, (1 - nu) * B + nu * y / s, B)


@ml.preconditioner
def secant(s, y, B=1.0, /):
    """Not a number where s is 0."""
    return maximum(minimum(y / s, 1e3), 1e-3)


class Secant:
    def start(self, problem, x):
        self.B = np.ones_like(x)

    def apply(self, v):
        return self.B * v

    def solve(self, v):
        return v / self.B

    def update(self, x, s, y):
        self.B = np.clip(y / s, 1e-3, 1e3)


@pytest.mark.parametrize("rule", [ml.newton, ml.pmg, pytest.param(ml.pmg_outside, marks=pytest.mark.slow)])
@pytest.mark.parametrize("index", ["lagged", "current"])
@pytest.mark.parametrize("search", [None, pytest.param("armijo", marks=pytest.mark.slow)])
def test_a_diagonal_learns_what_an_object_would(rule, index, search):
    """Once a step, from the second on; and where a search makes the rule start afresh, before it does."""
    p, options = ml.problem("cosine_wells"), dict(index=index, search=search)
    a, b, c = (
        ml.minimize(*start, method=rule(preconditioner=by, **options), maxiter=200)
        for start, by in (((p,), secant), ((p.f, p.x0), secant), ((p.f, p.x0), Secant()))
    )
    assert np.array_equal(a.x, b.x)
    assert a.nit == c.nit
    assert a.x == pytest.approx(c.x, rel=1e-9)


def test_what_is_supplied_may_be_written_to():
    running = ml.bfgs().start(None, np.zeros(2))
    product = running.apply(np.ones(2))
    product[:] = 7
    running.update(np.zeros(2), np.ones(2), 2 * np.ones(2))
    assert matrix(running, 2) == pytest.approx(np.array([[1.5, 0.5], [0.5, 1.5]]))


def test_a_hessian_that_is_no_plain_function_runs_in_numpy():
    class Curvature:
        __hash__ = None

        def __call__(self, x):
            return np.diag(3 * x * x + 1)

    p = ml.Problem("tilted", tilted.py_func, [1.0, 2.0], compile=True, hess=Curvature())
    assert ml.minimize(p, method=ml.newton()).success


def test_a_diagonal_of_ones_own_is_written_in_the_grammar():
    method = ml.pmg(lr=0.01, preconditioner=averaged)
    p = ml.problem("beale")
    a, b = ml.minimize(p, method=method), ml.minimize(p.f, p.x0, method)
    assert a.success
    assert np.array_equal(a.x, b.x)
    assert method.rule.slots["B"] == 2.0
    assert pickle.loads(pickle.dumps(averaged)) == averaged


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: ml.preconditioner(lambda s, y: s), r"write def <lambda>\(s, y, B=1.0, /, <hyperparameters>\)"),
        (lambda: ml.preconditioner(3), "takes a function of"),
        (lambda: ml.preconditioner(_no_default), "B and every hyperparameter need a default"),
        (lambda: ml.preconditioner(_branches), "hides a branch"),
    ],
)
def test_what_leaves_the_grammar_is_refused(declare, sentence):
    with pytest.raises(TypeError, match=sentence):
        declare()


def _no_default(s, y, B, /):
    return B


def _branches(s, y, B=1.0, /):
    return B if s > 0 else y


class Half:
    def start(self, problem, x):
        return self

    def apply(self, v):
        return v[:1]


def asks_for_k(s, y, B=1.0, /, nu=lambda k: 1 / k):
    return nu * B


def returns_two(s, y, B=1.0, /):
    return B, B


def returns_a_number(s, y, B=1.0, /):
    return 2.0


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda: ml.bfgs(curvature="dampen"), ValueError, "curvature = 'dampen'; it must be 'skip' or 'damp'"),
        (lambda: ml.lbfgs(memory=0), ValueError, "memory = 0; it must be a whole number, 1 or larger"),
        (lambda: ml.lbfgs(memory=2.0), ValueError, "memory = 2.0"),
        (lambda: ml.diagonal(bounds=(1, 0.5)), ValueError, "bounds = (1, 0.5); they must be two numbers"),
        (lambda: ml.bb1(bounds=3), ValueError, "bounds = 3"),
        (lambda: ml.hessian(modify="absolute"), ValueError, "modify = 'absolute'; it must be 'shift', 'abs' or None"),
        (lambda: ml.pmg(preconditioner="bgfs"), ValueError, "did you mean 'bfgs'"),
        (lambda: ml.pmg(preconditioner=3), TypeError, "preconditioner = 3; give bfgs(), lbfgs() or another of ours"),
        (lambda: ml.pmg(preconditioner=np.eye(2)), TypeError, "a LinearOperator"),
        (lambda: ml.pmg(preconditioner=Jacobi), TypeError, "or an object with start(problem, x)"),
        (lambda: ml.bfgs(curvature=["skip"]), ValueError, "curvature = ['skip']"),
        (lambda: ml.hessian(modify=["abs"]), ValueError, "modify = ['abs']"),
        (lambda: ml.preconditioner(asks_for_k), TypeError, "asks for 'k'; it may ask for s, y, B, nu"),
        (lambda: ml.preconditioner(returns_two), TypeError, "which is not a vector of numbers"),
        (lambda: ml.preconditioner(returns_a_number), TypeError, "it returns 2.0, which is not a vector of numbers"),
        (lambda: ml.pmg(index="late"), ValueError, "index = 'late'; it must be 'lagged' or 'current'"),
        (lambda: ml.pmg(preconditioner="hessian", index="lagged"), ValueError, "is no sum of pairs that could lag"),
        (lambda: ml.heavy_ball(preconditioner="bfgs"), TypeError, "the rule asks for no product"),
        (lambda: ml.heavy_ball(index="lagged"), TypeError, "index = 'lagged' has no effect"),
        (lambda: ml.pmg(eta_max=-1), ValueError, "outside its range [0, ∞]"),
        (lambda: ml.minimize("wood", method=ml.newton), TypeError, "which problem wood does not have"),
        (
            lambda: ml.minimize(abs, [1.0], ml.newton, jac=np.sign),
            TypeError,
            "give hess=..., a function of x, or take another preconditioner",
        ),
        (lambda: ml.minimize("beale", method=ml.pmg(preconditioner=Half())), TypeError, "has no method update"),
        (
            lambda: ml.minimize(ml.problem("quadratic", n=10_001), method=ml.pmg(lr=0.1)),
            ValueError,
            "for n = 10001 would take 1 GB; it does up to n = 10000. Take lbfgs()",
        ),
    ],
)
def test_bad_input_gets_a_sentence(ask, error, sentence):
    with pytest.raises(error) as raised:
        ask()
    assert sentence in str(raised.value)


def test_a_product_of_another_shape_is_refused():
    class Short(Half):
        def update(self, x, s, y):
            pass

    with pytest.raises(ValueError, match=r"returned shape \(1,\)"):
        ml.minimize("beale", method=ml.pmg(preconditioner=Short()))


@pytest.mark.parametrize("by", [*ALL.values(), ml.hessian(modify="abs")], ids=repr)
def test_they_pickle_and_compare(by):
    method = ml.pmg(lr=0.1, preconditioner=by)
    again = pickle.loads(pickle.dumps(method))
    assert again == method
    assert repr(again) == repr(method)
    a, b = (ml.minimize("mccormick", method=m, maxiter=20) for m in (method, again))
    assert np.array_equal(a.x, b.x)


def test_names_functions_and_objects_are_the_same():
    assert ml.pmg(preconditioner="lbfgs") == ml.pmg(preconditioner=ml.lbfgs) == ml.pmg(preconditioner=ml.lbfgs())
    assert ml.lbfgs(memory=np.int64(5)) == ml.lbfgs(memory=5)
    assert repr(ml.pmg()) == "pmg()"
    assert repr(ml.pmg(preconditioner="bfgs", index="lagged")) == "pmg()"
    assert (
        repr(ml.pmg(lr=0.1, preconditioner=ml.quasi_cauchy(bounds=(1, 2), curvature="damp"), index="current"))
        == "pmg(lr=0.1, preconditioner=quasi_cauchy(bounds=(1, 2), curvature='damp'), index='current')"
    )


@pytest.mark.parametrize("by", ["lbfgs", "diagonal", "quasi_cauchy", "bb1", "bb2"])
def test_many_variables_take_memory_in_proportion(by):
    """Half a million of them: vectors, and no matrix."""
    n = 500_000
    p = ml.problem("quadratic", n=n)
    r = ml.minimize(p, method=ml.pmg(lr=0.005, preconditioner=by), tol=0, maxiter=12)
    assert r.nit == 12
    assert r.fun < 0.5 * p.fun(p.x0)
    assert ml.lbfgs().arrays(n)[0].shape == (12, n)
