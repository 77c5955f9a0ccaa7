"""Exact rates on quadratics: against runs, against closed forms, and what is not linear."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import rates, rule
from momentumlab.rates import NotLinear
from momentumlab.rates.linear import part, state_space

METHODS = {
    "gradient_descent": ml.gradient_descent(lr=0.015),
    "heavy_ball": ml.heavy_ball(lr=0.02, beta=0.6),
    "heavy_ball_ema": ml.heavy_ball_ema(lr=0.05, beta=0.6),
    "corrected": ml.heavy_ball_ema_corrected(lr=0.05, beta=0.6),
    "sgd": ml.sgd(lr=0.01, beta=0.5, dampening=0.3),
    "nesterov": ml.nesterov(lr=0.008, beta=0.7),
    "qhm": ml.qhm(lr=0.03, beta=0.8, nu=0.6),
    "pid": ml.pid(lr=0.01, beta=0.7, kd=0.004),
    "pid_ema": ml.pid_ema(lr=0.01, beta=0.7, Kd=0.01),
    "pid_outside": ml.pid_outside(lr=0.01, beta=0.7, kd=0.003),
    "rsgdm": ml.rsgdm(lr=0.03, beta=0.7),
    "triple_momentum": ml.triple_momentum(lr=0.01, beta=0.5),
    "l2": ml.heavy_ball.after(ml.l2)(lr=0.01, beta=0.5, weight_decay=0.2),
    "decoupled": ml.heavy_ball.then(ml.decoupled)(lr=0.01, beta=0.5, weight_decay=0.2),
    "newton": ml.newton(lr=0.3),
    "pmg": ml.pmg.having(shrink=1.0)(lr=0.01, beta=0.7, kd=0.004, preconditioner=ml.hessian()),
    "settles": ml.heavy_ball(lr=0.02, beta=lambda k: 0.6 if k > 5 else 0.0),
}


@pytest.mark.parametrize("name", METHODS)
def test_modes_are_what_the_method_does(name):
    """e_k on quadratics of one variable, by running them."""
    curvatures = np.array([1.0, 7.0, 100.0])
    found = rates.amplitudes(METHODS[name], curvatures, 30)
    for j, curvature in enumerate(curvatures):
        problem = ml.problem("quadratic", n=1, mu=curvature, L=curvature)
        run = ml.minimize(problem, [1.0], METHODS[name], tol=0, maxiter=30).history
        assert found[: len(run), j] == pytest.approx(run.x[:, 0], abs=1e-12 * np.abs(run.x).max())


@pytest.mark.parametrize("name", METHODS)
def test_the_rate_is_that_of_the_modes(name):
    """The slowest mode of fifty, from k = 100 to 300."""
    curvatures = np.geomspace(1, 100, 50)
    rate = rates.exact(METHODS[name], mu=1, L=100)
    e = np.abs(rates.amplitudes(METHODS[name], curvatures, 300))
    late = e[200:300].max(axis=(0, 1)) / e[100:200].max(axis=(0, 1))
    assert late ** (1 / 100) == pytest.approx(rate, rel=6e-3)
    assert 1 <= rate.worst <= 100


def test_only_what_is_reached_and_seen_counts():
    """RSGDM and PID with an averaged derivative have a mode β that no run shows."""
    for method, n in ((ml.rsgdm(lr=0.1, beta=0.99), 4), (ml.pid_ema(lr=0.001, beta=0.99), 4), (ml.pid(lr=0.1), 3)):
        space = state_space(method)
        assert (len(space.A), len(part(space).L)) == (n, 2)
    assert rates.exact(ml.rsgdm(lr=1.0, beta=0.99), mu=1, L=1) < 0.99


@pytest.mark.parametrize("lr", [1e-12, 1e-6, 1.0, 1e6])
def test_sizes_do_not_matter(lr):
    """A small step on a large curvature is a large step on a small one."""
    for make in (ml.pid, ml.rsgdm, ml.nesterov, ml.triple_momentum):
        one = rates.exact(make(lr=0.01, beta=0.8), mu=1, L=100)
        assert rates.exact(make(lr=0.01 * lr, beta=0.8), mu=1 / lr, L=100 / lr) == pytest.approx(one, rel=1e-9)


@rule
def ringing(x, g, a=0.0, b=0.0, /, lr=0.007, w=-0.0168, r=0.884, c=0.355, s=0.935):
    """A gradient step, and an oscillator that the gradient drives."""
    a, b = r * (c * a - s * b) + w * g, r * (s * a + c * b)
    return x - lr * g + a, a, b


def test_the_worst_curvature_may_lie_inside():
    """Where the loop meets the oscillator."""
    method = ringing(lr=0.007)
    rate = rates.exact(method, mu=1, L=100)
    grid = {c: rates.exact(method, mu=c, L=c) for c in np.geomspace(1, 100, 600)}
    assert 40 < rate.worst < 55 and rate > 1.001 * max(grid[min(grid)], grid[max(grid)])
    assert max(grid.values()) - 1e-12 <= rate <= max(grid.values()) + 1e-5
    assert rates.exact(method, mu=rate.worst, L=rate.worst) == pytest.approx(rate, rel=1e-9)


def test_preconditioned_momentum_with_the_hessian_is_pid():
    """On quadratics PMG with the exact B is PID, index "current"; its safeguard is left out."""
    pmg = ml.pmg.having(shrink=1.0)
    for lr, beta, kd in ((0.01, 0.7, 0.004), (0.015, 0.9, 0.001)):
        ours = rates.exact(pmg(lr=lr, beta=beta, kd=kd, preconditioner=ml.hessian()), mu=1, L=100)
        assert ours == pytest.approx(rates.exact(ml.pid(lr=lr, beta=beta, kd=kd), mu=1, L=100), abs=1e-7)
    assert rates.exact(ml.newton(lr=0.5), mu=1, L=100) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        (ml.adam(lr=0.1), "adam is not linear: it multiplies vectors"),
        (ml.pmg(lr=0.1), r"pmg: what bfgs\(\) supplies moves with the run; only hessian\(\) is exact"),
        (ml.pmg(lr=0.1, preconditioner=ml.hessian()), "pmg is not linear: it measures whole vectors"),
        (ml.nesterov_fista(lr=0.1), "beta moves with k, and has not settled by k = 131072"),
        (ml.heavy_ball(), r"heavy_ball\(\): Backtracking\(first=0.5\) finds lr on the way"),
        (ml.newton(lr=1, preconditioner=ml.bb1()), "newton is not linear"),
    ],
)
def test_what_has_no_spectrum_says_why(method, why):
    with pytest.raises(NotLinear, match=why):
        rates.exact(method, mu=1, L=10)


@pytest.mark.parametrize(
    ("mu", "L", "sentence"),
    [
        (0, 1, "exact: mu = 0, L = 1; they must be numbers that satisfy 0 < mu <= L"),
        (2, 1, "exact: mu = 2, L = 1; they must"),
        (1, float("inf"), "exact: mu = 1, L = inf; they must"),
        ("1", 2, "exact: mu = '1', L = 2; they must"),
    ],
)
def test_constants_are_checked(mu, L, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        rates.exact(ml.nesterov, mu=mu, L=L)


# ------------------------------------------------------------------ stability, growth, tuning


def test_nesterovs_stability_limit():
    """αL < 2(1 + β)/(1 + 2β), for k_d = αβ moves with α (T7)."""
    for beta in (0.0, 0.3, 0.9):
        found = rates.stable_lr(ml.nesterov, mu=1, L=10, beta=beta) * 10
        assert found == pytest.approx(2 * (1 + beta) / (1 + 2 * beta), rel=1e-9)


def test_a_rule_that_is_never_stable_and_newtons():
    @rule
    def uphill(x, g, /, lr=0.01):
        return x + lr * g

    assert rates.stable_lr(uphill, mu=1, L=10) == 0
    assert rates.stable_lr(ml.newton, mu=1, L=10) == pytest.approx(2)
    with pytest.raises(TypeError, match="stable_lr finds lr; give the others"):
        rates.stable_lr(ml.pid, mu=1, L=10, lr=0.1)


def test_a_region_is_the_rate_over_a_grid():
    lr, beta = np.array([0.005, 0.015, 0.03])[:, None], np.array([0.0, 0.5, 0.9])
    found = rates.region(ml.heavy_ball, mu=1, L=100, lr=lr, beta=beta)
    assert found.shape == (3, 3)
    assert ((found < 1) == (lr * 100 < 2 * (1 + beta))).all()
    assert found[1, 2] == pytest.approx(rates.exact(ml.heavy_ball(lr=0.015, beta=0.9), mu=1, L=100), rel=1e-12)


@pytest.mark.parametrize("name", ["gradient_descent", "nesterov", "pid", "pid_outside", "rsgdm", "qhm"])
def test_a_region_agrees_with_the_rate_of_each_cell(name):
    chosen, seed = getattr(ml, name), np.random.default_rng(3)
    hyper = {n: seed.uniform(0, 0.3 if n == "lr" else 0.99, 12) for n in chosen.hyper if n in ("lr", "beta", "nu")}
    found = rates.region(chosen, mu=0.5, L=10, **hyper)
    cells = [dict(zip(hyper, values, strict=True)) for values in zip(*hyper.values(), strict=True)]
    assert found == pytest.approx([rates.exact(chosen(**cell), mu=0.5, L=10) for cell in cells], rel=1e-6)


def test_divergence_grows_without_bound():
    found = rates.growth(ml.gradient_descent(lr=1.0), mu=1, L=10)
    assert found.peak == np.inf


@pytest.mark.parametrize(
    ("chosen", "free", "rate"),
    [
        (ml.gradient_descent, None, 9 / 11),
        (ml.heavy_ball, None, 0.5194938533),
        (ml.nesterov, None, 0.640789394),
        (ml.pid, ["lr", "beta", "kd"], 0.5194938533),
    ],
)
def test_the_best_tuning_is_found(chosen, free, rate):
    """κ = 10; with k_d free nothing is gained over heavy ball (T11)."""
    best = rates.tune(chosen, mu=1, L=10, free=free)
    assert rate - 1e-8 <= rates.exact(best, mu=1, L=10) <= rate + 2e-6


def test_fixing_the_step_fixes_the_best_rate():
    """With α = 1/L no (β, k_d) beats 1 − 1/√κ."""
    best = rates.tune(ml.pid.having(lr=0.1), mu=1, L=10, free=["beta", "kd"])
    assert rates.exact(best, mu=1, L=10) == pytest.approx(1 - 10**-0.5, abs=1e-5)


def test_what_is_free_must_be_there():
    with pytest.raises(ValueError, match="nesterov: there is no hyperparameter 'kd'"):
        rates.tune(ml.nesterov, mu=1, L=10, free=["kd"])


# ------------------------------------------------------------------ certificates: what the tables do not show


def test_certificates_are_no_less_than_exact_rates():
    for method in METHODS.values():
        if method.rule.inputs:
            with pytest.raises(NotLinear, match="beside the gradient, which preconditioners supply"):
                rates.certified(method, mu=1, L=100)
        elif (found := rates.certified(method, mu=1, L=100)) is not None:
            assert found >= rates.exact(method, mu=1, L=100) - 2e-8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(multiplier="of-by-one"), "there is no multiplier 'of-by-one'; did you mean 'off-by-one'"),
        (dict(by="sdp"), "there is no test 'sdp'"),
    ],
)
def test_certified_checks_its_arguments(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        rates.certified(ml.nesterov, mu=1, L=10, **options)


def test_worst_case_checks_its_arguments():
    pytest.importorskip("PEPit")
    with pytest.raises(ValueError, match="worst_case: steps = 0; it must be a whole number, 1 or larger"):
        rates.worst_case(ml.nesterov, mu=1, L=10, steps=0)
    with pytest.raises(ValueError, match="worst_case: end = 'value'; it must be 'distance' or 'gap'"):
        rates.worst_case(ml.nesterov, mu=1, L=10, steps=1, end="value")
    with pytest.raises(NotLinear, match="adam is not linear"):
        rates.worst_case(ml.adam(lr=0.1), mu=1, L=10, steps=1)


def test_a_schedule_may_move_in_a_worst_case():
    """A step of 1/L and one of 2/(L + μ) contract by both factors, on the mode μ."""
    pytest.importorskip("PEPit")
    moving = ml.gradient_descent(lr=lambda k: 1.0 if k == 1 else 2 / 1.1)
    found = rates.worst_case(moving, mu=0.1, L=1, steps=2)
    assert found == pytest.approx(0.81 * 0.669421, abs=1e-4)


def test_rates_say_what_they_rest_on():
    import pickle

    rate = rates.exact(ml.nesterov, mu=1, L=100)
    assert isinstance(rate, float) and repr(rate) == "0.9"
    assert rate.rests_on == "the spectrum on quadratics; worst at λ = 1"
    again = pickle.loads(pickle.dumps(rate))
    assert (again, again.rests_on, again.worst) == (rate, rate.rests_on, 1.0)
    with pytest.raises(AttributeError, match="no attribute 'best'"):
        rate.best


@rule
def leaky(x, g, w=0, /, lr=0.1, c=0.1, a=lambda lr, c: min(lr, c)):
    """Where c = 0, what w does is not seen."""
    return x - lr * g + c * w + a * g - a * g, 1.5 * w + g


def test_regions_where_a_mode_is_hidden_in_some_cells_only():
    """And where a function of hyperparameters takes no arrays."""
    c = np.array([0.1, 0.0, 0.1, 0.2])
    for chosen in (leaky, leaky.having(a=lambda lr: lr)):
        found = rates.region(chosen, 1, 10, lr=0.1, c=c)
        assert found == pytest.approx([float(rates.exact(chosen(lr=0.1, c=one), 1, 10)) for one in c], rel=1e-6)
