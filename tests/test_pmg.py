"""Preconditioned momentum and Newton's method: what they reduce to, what they guarantee, and counts of reference."""

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import momentumlab as ml
from momentumlab.rules import shrinkage

FUNCTIONS = ["stiff_quadratic", "beale", "cosine_wells", "mccormick"]
L = [100.0, 200.0, 8.0, 4.0]  # of the tables of reference
PAIRS = ["bfgs", "dfp", "sr1", "lbfgs", "diagonal", "quasi_cauchy", "bb1", "bb2"]
SECANT = ["bfgs", "dfp", "sr1", "lbfgs"]
CONVEX = {
    "stiff": ml.problem("stiff_quadratic"),
    "quadratic": ml.problem("quadratic", n=6, L=30, seed=2),
    "log_cosh": ml.problem("log_cosh", n=5),
    "separable": ml.problem("quadratic", n=6, L=30),
    "logistic": ml.problem("synthetic_logistic", N=60, d=5, ridge=0.1),
}


def pmg(by, index, **hyper):
    return ml.pmg(preconditioner=by, index=index, eta_max=math.inf, **hyper)


def trajectory(method, problem, steps, x0=None):
    found = []
    for step in ml.iterate(problem, x0, method):
        found.append(step.x.copy())
        if step.k == steps:
            return np.array(found)


# ------------------------------------------------------------------ counts of reference

damped = ml.bfgs(curvature="damp")
TABLE = {  # first k with ‖g‖₂ ≤ 10⁻⁶, β = 0.9, without the safeguard: under the search, and with lr = 1/L, kd = 0.9/L
    "heavy_ball": (lambda **o: ml.heavy_ball(**o), [312, 360, 281, 284], [319, 644, 274, 284]),
    "pid": (lambda **o: ml.pid(**o), [251, 191, 62, 33], [209, 585, 77, 33]),
    "bfgs, current": (lambda **o: pmg("bfgs", "current", **o), [251, 191, 76, 33], [209, 585, 66, 33]),
    "bfgs, lagged": (lambda **o: pmg("bfgs", "lagged", **o), [251, 195, 70, 38], [209, 582, 72, 38]),
    "bfgs, damped, current": (lambda **o: pmg(damped, "current", **o), [251, 191, 76, 33], [209, 585, 72, 33]),
    "dfp, lagged": (lambda **o: pmg("dfp", "lagged", **o), [251, 186, 70, 38], [209, 588, None, 38]),
    "lbfgs, lagged": (lambda **o: pmg("lbfgs", "lagged", **o), [256, 248, 81, 37], [250, 608, 72, 37]),
    "bb1, current": (lambda **o: pmg("bb1", "current", **o), [254, 191, 69, 34], [246, 666, 72, 34]),
    "bb1, lagged": (lambda **o: pmg("bb1", "lagged", **o), [260, 213, 62, 19], [254, 667, 56, 19]),
    "quasi_cauchy, current": (lambda **o: pmg("quasi_cauchy", "current", **o), [251, 211, 75, 36], [209, 660, 66, 36]),
    "quasi_cauchy, lagged": (lambda **o: pmg("quasi_cauchy", "lagged", **o), [251, 193, 58, 31], [245, 661, 67, 31]),
}
MINIMA = [0.0, 0.0, -4.0, -5.0548156]
LOOPS = ["numpy", pytest.param("compiled", marks=pytest.mark.slow)]


def run(name, loop, method, **limits):
    p = ml.problem(name)
    if loop == "compiled":
        return ml.minimize(p, method=method, **limits)
    hess = {"hess": p.hess} if method.takes_hessian else {}
    with np.errstate(all="ignore"):
        return ml.minimize(p.f, p.x0, method, **hess, **limits)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("column", ["searched", "fixed"])
def test_iteration_counts_are_those_of_reference(name, column, loop):
    make, searched, fixed = TABLE[name]
    for i, function in enumerate(FUNCTIONS):
        hyper = {} if column == "searched" else {"lr": 1 / L[i]}
        if column == "fixed" and name != "heavy_ball":
            hyper["kd"] = 0.9 / L[i]
        expected = (searched if column == "searched" else fixed)[i]
        r = run(function, loop if expected else "compiled", make(beta=0.9, **hyper), norm=2)
        if expected is None:  # where Python's cosine would raise
            assert r.status in (ml.Status.DIVERGED, ml.Status.NONFINITE)
        else:
            assert r.success
            assert abs(r.nit - expected) <= 2
            assert r.fun == pytest.approx(MINIMA[i], abs=1e-7)


def test_the_safeguard_keeps_dfp_from_diverging():
    r = run("cosine_wells", "numpy", ml.pmg(lr=1 / 8, kd=0.9 / 8, preconditioner="dfp"), norm=2)
    assert r.success
    assert abs(r.nit - 67) <= 2


def test_lagged_bfgs_can_blow_up_on_rosenbrock_and_the_safeguard_holds_it():
    """rules.md: lr = 2·10⁻⁴, β = 0.95, k_d = 4·10⁻⁴."""
    numbers = dict(lr=2e-4, beta=0.95, kd=4e-4)
    assert ml.minimize("rosenbrock", method=ml.pmg(eta_max=math.inf, **numbers)).status == ml.Status.DIVERGED
    assert ml.minimize("rosenbrock", method=ml.pmg(**numbers)).success


# ------------------------------------------------------------------ reductions


KINDS = [*PAIRS, "identity", ml.hessian()]
QUICK = ("bfgs", "lbfgs", "quasi_cauchy", "bb1")


@pytest.mark.parametrize(
    "by", [by if by in QUICK else pytest.param(by, marks=pytest.mark.slow) for by in KINDS], ids=str
)
@pytest.mark.parametrize(
    "numbers",
    [pytest.param({}, id="searched", marks=pytest.mark.slow), pytest.param({"lr": 2e-3, "beta": 0.95}, id="fixed")],
)
def test_without_kd_it_is_heavy_ball_bit_for_bit(by, numbers):
    """Under the safeguard too, on whose edge β‖v‖ then lies."""
    p = ml.problem("rosenbrock", n=4)
    reference = ml.minimize(p, method=ml.heavy_ball(**numbers), tol=0, maxiter=300)
    for index in ("current",) if not isinstance(by, str) else ("lagged", "current"):
        for source in ((p,), (p.f, p.x0)):
            hess = {"hess": p.hess} if len(source) == 2 and not isinstance(by, str) else {}
            method = ml.pmg(kd=0.0, preconditioner=by, index=index, **numbers)
            r = ml.minimize(*source, method=method, tol=0, maxiter=300, **hess)
            assert np.array_equal(r.x, reference.x)
            assert r.fun == reference.fun


@pytest.mark.parametrize(
    ("name", "by"), [*((n, by) for n in CONVEX for by in SECANT), ("stiff", "diagonal"), ("separable", "diagonal")]
)
def test_current_with_the_full_secant_equation_is_pid(name, by):
    p = CONVEX[name]
    numbers = dict(lr=1 / p.L, beta=0.8, kd=0.5 / p.L)
    a, b = (trajectory(m, p, 80) for m in (pmg(by, "current", **numbers), ml.pid(**numbers)))
    assert np.abs(a - b).max() <= 1e-10 * np.abs(b).max()


@pytest.mark.parametrize("by", ["quasi_cauchy", "bb1", "bb2"])
def test_current_without_it_is_another_method(by):
    p = CONVEX["quadratic"]
    numbers = dict(lr=1 / p.L, beta=0.8, kd=0.5 / p.L)
    a, b = (trajectory(m, p, 30) for m in (pmg(by, "current", **numbers), ml.pid(**numbers)))
    assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize("by", PAIRS)
def test_lagged_is_another_method(by):
    """At the second step it knows B = I alone: V₂ = (β − k_d)V₁ − αg."""
    p, kd = CONVEX["quadratic"], 0.01
    lagged = trajectory(pmg(by, "lagged", lr=0.02, beta=0.8, kd=kd), p, 30)
    pid = trajectory(ml.pid(lr=0.02, beta=0.8, kd=kd), p, 30)
    assert np.abs(lagged[1] - pid[1]).max() == 0
    v1, g1 = lagged[1] - lagged[0], p.grad(lagged[1])
    assert lagged[2] - lagged[1] == pytest.approx((0.8 - kd) * v1 - 0.02 * g1, rel=1e-12)
    assert np.abs(lagged - pid).max() > 1e-4


@pytest.mark.parametrize("index", ["lagged", "current"])
def test_the_exact_matrix_of_a_quadratic_makes_it_pid(index):
    from scipy.sparse.linalg import aslinearoperator

    p = CONVEX["quadratic"]
    numbers = dict(lr=1 / p.L, beta=0.9, kd=0.9 / p.L)
    by = aslinearoperator(p.hess(p.x0)) if index == "lagged" else "hessian"
    a, b = (trajectory(m, p, 200) for m in (pmg(by, index, **numbers), ml.pid(**numbers)))
    assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max()


@pytest.mark.parametrize(
    ("by", "function", "leaves"),
    [
        (ml.bfgs(), "cosine_wells", lambda s, y, Bs: s @ y <= 1e-10 * np.linalg.norm(s) * np.linalg.norm(y)),
        (ml.dfp(), "cosine_wells", lambda s, y, Bs: s @ y <= 1e-10 * np.linalg.norm(s) * np.linalg.norm(y)),
        (ml.bfgs(curvature="damp"), "cosine_wells", lambda s, y, Bs: s @ y < 0.2 * (s @ Bs)),
        (ml.bfgs(curvature="damp"), "huber", lambda s, y, Bs: s @ y < 0.2 * (s @ Bs)),
        (ml.bfgs(), "beale", lambda s, y, Bs: False),
        (ml.bfgs(), "mccormick", lambda s, y, Bs: False),
    ],
    ids=["bfgs", "dfp", "damped", "damped, convex", "beale", "mccormick"],
)
def test_current_leaves_pid_exactly_where_a_pair_is_skipped_or_damped(by, function, leaves):
    """Along PID's own path: the product is the change of gradient, but where the pair is not taken as it is."""
    p, most = ml.problem(function), dict(zip(FUNCTIONS, L, strict=True)).get(function, 1.0)
    numbers = dict(lr=1 / most, beta=0.9, kd=0.9 / most)
    running, x, g, left = by.start(p, p.x0), None, None, 0
    for step in ml.iterate(p, method=ml.pid(**numbers)):
        if x is not None:
            s, y = step.x - x, step.jac - g
            Bs = running.apply(s)
            expected = leaves(s, y, Bs)
            running.update(step.x, s, y)
            apart = np.abs(running.apply(s) - y).max() > 1e-9 * np.abs(y).max()
            assert apart == expected, step.k
            left += expected
        x, g = step.x, step.jac
        if step.k == 60:
            break
    assert (left > 0) == (function in ("cosine_wells", "huber"))
    apart = np.abs(trajectory(pmg(by, "current", **numbers), p, 60) - trajectory(ml.pid(**numbers), p, 60)).max()
    assert (apart > 1e-6) == (left > 0)


def test_the_outside_form_takes_curvature_out_of_the_momentum():
    """With B = I: w⁺ = βw − αg, x⁺ = x + w⁺ − k_d s."""
    p = CONVEX["quadratic"]
    found = trajectory(ml.pmg_outside(lr=0.02, beta=0.8, kd=0.1, preconditioner="identity"), p, 20)
    x, w, s = p.x0, 0 * p.x0, 0 * p.x0
    for k in range(20):
        w = 0.8 * w - 0.02 * p.grad(x)
        s = w - 0.1 * s
        x = x + s
        assert found[k + 1] == pytest.approx(x, rel=1e-12)
    exact = ml.pmg_outside(lr=0.02, beta=0.8, kd=0.01, preconditioner="hessian")
    assert trajectory(exact, p, 60) == pytest.approx(
        trajectory(ml.pid_outside(lr=0.02, beta=0.8, kd=0.01), p, 60), rel=1e-9, abs=1e-12
    )


def test_the_first_step_is_steepest_descent():
    for by in PAIRS:
        for index in ("lagged", "current"):
            a, b = (run("beale", "numpy", m, maxiter=1) for m in (pmg(by, index), ml.gradient_descent()))
            assert np.array_equal(a.x, b.x)


# ------------------------------------------------------------------ Theorem C


@st.composite
def waves(draw):
    """Σ aᵢ cos(wᵢᵀx + bᵢ): L-smooth with L ≤ Σ |aᵢ|‖wᵢ‖², bounded, and as often concave as convex."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    m, n = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    a, w, b = rng.standard_normal(m), rng.standard_normal((m, n)), rng.uniform(0, 6, m)
    fg = lambda x: (float(a @ np.cos(w @ x + b)), -w.T @ (a * np.sin(w @ x + b)))
    return fg, float(np.abs(a) @ (w * w).sum(axis=1)), -float(np.abs(a).sum()), rng.standard_normal(n)


@settings(max_examples=150, deadline=None)
@given(
    wave=waves(),
    by=st.sampled_from([*PAIRS, "identity"]),
    index=st.sampled_from(["lagged", "current"]),
    eta=st.floats(0.0, 0.95),
    fraction=st.floats(0.05, 0.99),
    kd=st.floats(-3.0, 10.0),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_energy_decreases_as_theorem_c_says(wave, by, index, eta, fraction, kd):
    """f⁺ + p‖v⁺‖² ≤ f + p‖v‖² − σ‖v⁺‖² on nonconvex functions, whatever B is: the safeguard is all it takes."""
    fg, smoothness, least, x0 = wave
    lr = fraction * 2 * (1 - eta) / smoothness
    p, sigma = eta / (2 * lr), (1 - eta) / lr - smoothness / 2
    method = ml.pmg(lr=lr, beta=0.9, kd=kd / smoothness, eta_max=eta, preconditioner=by, index=index)
    steps, energy, slopes, f0 = 25, None, [], None
    for step in ml.iterate(fg, x0, method, jac=True):
        v = step.slots["v"]
        f0 = step.fun if f0 is None else f0
        rounding = 1e-12 * (1 + abs(step.fun) + p * (v @ v))
        if energy is not None:
            assert step.fun + p * (v @ v) <= energy - sigma * (v @ v) + rounding
        energy = step.fun + p * (v @ v)
        if step.k == steps:
            break
        slopes.append(step.jac @ step.jac)
    assert min(slopes) <= (1 + eta) ** 2 * (f0 - least) / (lr * lr * sigma * steps) + 1e-12


@pytest.mark.parametrize(
    ("excess", "kept"), [(0.0, 1.0), (6e-16, 1.0), (2e-15, 1 - 4e-15), (1e-13, 1 - 2e-13), (1e-4, 0.5 / 0.5001)]
)
def test_the_safeguard_holds_to_the_last_digits(excess, kept):
    """‖βv − k_d Bv‖ = ½ + excess, and η‖v‖ = ½."""
    v = np.array([0.6, 0.8])
    assert shrinkage(v, -excess * v, 0.5, 1.0, 0.5) == pytest.approx(kept, rel=1e-15)


def test_the_step_condition_of_theorem_c_is_sharp():
    """w = −ηv, which B = (β + η)/k_d allows, on a quadratic of curvature L: divergence beyond α = 2(1 − η)/L."""
    eta, beta, kd = 0.5, 0.9, 0.1

    @ml.preconditioner
    def constant(s, y, B=(beta + eta) / kd, /):
        return B

    for share, ends in ((0.99, ml.Status.CONVERGED), (1.01, ml.Status.DIVERGED)):
        lr = share * 2 * (1 - eta)
        method = ml.pmg(lr=lr, beta=beta, kd=kd, eta_max=eta, preconditioner=constant)
        r = ml.minimize(lambda x: (0.5 * float(x @ x), x), [1.0], method, jac=True, maxiter=20_000)
        assert r.status == ends


# ------------------------------------------------------------------ Newton


NEWTON = ["stiff_quadratic", "beale", "rosenbrock", "cosine_wells", "mccormick"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("modify", "counts"), [("shift", [1, 7, 21, 5, 3]), ("abs", [1, 7, 21, 6, 3])])
def test_newtons_counts_are_those_of_reference(modify, counts, loop):
    for function, count in zip(NEWTON, counts, strict=True):
        p, method = ml.problem(function), ml.newton(preconditioner=ml.hessian(modify=modify))
        r = run(function, loop, method, norm=2)
        assert r.success
        assert abs(r.nit - count) <= (2 if count > 1 else 0)
        assert np.linalg.eigvalsh(p.hess(r.x)).min() > 0  # no saddle
        assert r.nhev == r.nit
        if loop == "compiled":
            python = run(function, "numpy", method, norm=2)
            assert (python.nit, python.nfev, python.nhev) == (r.nit, r.nfev, r.nhev)
            assert python.x == pytest.approx(r.x, rel=1e-9, abs=1e-9)


def test_pure_newton_goes_to_any_stationary_point():
    pure = ml.newton(lr=1, preconditioner=ml.hessian(modify=None))
    saddle = run("beale", "numpy", pure, norm=2)
    assert (saddle.nit, saddle.fun) == (1, 14.203125)
    assert saddle.x == pytest.approx([0, 1], abs=1e-12)
    flat = run("cosine_wells", "numpy", pure, norm=2)
    assert flat.nit == 12
    assert flat.fun == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_one_step_solves_a_quadratic(n):
    p = ml.problem("quadratic", n=n, L=1e4, seed=0)
    r = ml.minimize(p, np.linspace(-5, 7, n), ml.newton())
    assert r.success
    assert r.nit == 1


def test_newton_is_affine_invariant():
    """On x ↦ f(Ax), steps are A⁻¹ times those on f."""
    p = ml.problem("log_cosh", n=5)
    A = np.random.default_rng(1).standard_normal((5, 5)) + 3 * np.eye(5)
    x0 = p.x0 + 0.1
    inner = ml.Problem(
        "changed",
        lambda x: (p.fun(A @ x), A.T @ p.grad(A @ x)),
        np.linalg.solve(A, x0),
        jac=True,
        hess=lambda x: A.T @ p.hess(A @ x) @ A,
    )
    method = ml.newton(preconditioner=ml.hessian(modify=None))
    for ours, theirs in zip(trajectory(method, p, 5, x0), trajectory(method, inner, 5), strict=True):
        assert A @ theirs == pytest.approx(ours, rel=1e-9, abs=1e-12)


def test_newton_converges_quadratically():
    """‖e⁺‖ ≤ M/(2μ)‖e‖² for Σ xᵢ²/2 + xᵢ³/6 near 0, where M = 1 and μ = 1 − |x| at most."""
    fg = lambda x: (float(np.sum(x * x / 2 + x**3 / 6)), x + x * x / 2)
    p = ml.Problem("cubic", fg, [0.4, -0.3], jac=True, hess=lambda x: np.diag(1 + x))
    errors = [np.linalg.norm(x) for x in trajectory(ml.newton(lr=1), p, 5)]
    for before, after in pairwise(errors):
        assert after <= before * before / (2 * (1 - errors[0])) + 1e-15
    assert errors[-1] < 1e-15


def test_newton_on_arrays_of_any_shape():
    H = np.array([[4.0, 1, 0, 0], [1, 3, 0, 0], [0, 0, 2, 1], [0, 0, 1, 5]])
    f = lambda x: (0.5 * x.ravel() @ H @ x.ravel(), (H @ x.ravel()).reshape(x.shape))
    r = ml.minimize(f, np.ones((2, 2)), ml.newton(), jac=True, hess=lambda x: H)
    assert r.success
    assert r.nit == 1
    assert r.x.shape == (2, 2)


BIG = """
import resource, sys
import numpy as np
import momentumlab as ml
from momentumlab.bench.curvature import bowl_fg
n = 10**7
p = ml.Problem("bowl", bowl_fg, np.ones(n), compile=True)
r = ml.minimize(p, method=ml.pmg(lr=5e-3, preconditioner=sys.argv[1]), tol=0, maxiter=8, history=False)
assert r.nit == 8 and r.fun < p.fun(p.x0)
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 8 / n)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("by", "kept"), [("lbfgs", 12), ("diagonal", 2), ("quasi_cauchy", 2), ("bb1", 2), ("bb2", 2)])
def test_ten_million_variables_take_memory_in_proportion(by, kept):
    """What a preconditioner keeps, and a dozen vectors for the rest: the process's peak, in vectors."""
    out = subprocess.run([sys.executable, "-c", BIG, by], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert float(out.stdout) <= kept + 14
