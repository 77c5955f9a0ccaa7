"""The rules against their identities, against torch.optim, and against reference counts."""

import numpy as np
import pytest

import momentumlab as ml

PROBLEM = ml.problem("rosenbrock", n=4)


def points(method, problem=PROBLEM, steps=60, what="x"):
    found = []
    for step in ml.iterate(problem, method=method):
        if step.k == steps:
            return np.array(found)
        found.append(getattr(step, what))


def close(a, b, tolerance=1e-12):
    assert np.abs(a - b).max() <= tolerance * max(1.0, np.abs(a).max())


# ------------------------------------------------------------------ reductions


@pytest.mark.parametrize("rule", [ml.heavy_ball, ml.sgd, ml.nesterov, ml.nesterov_sgd, ml.pid, ml.rsgdm])
def test_without_momentum_it_is_gradient_descent(rule):
    close(points(rule(lr=1e-3, beta=0)), points(ml.gradient_descent(lr=1e-3)))


def test_pid_without_its_difference_is_heavy_ball_to_the_bit():
    assert np.array_equal(points(ml.pid(lr=1e-3, kd=0)), points(ml.heavy_ball(lr=1e-3)))


def test_the_step_size_inside_or_outside_agrees_only_while_it_is_constant():
    close(points(ml.heavy_ball(lr=1e-3)), points(ml.sgd(lr=1e-3)))
    halved = lambda k: 1e-3 if k < 20 else 5e-4
    assert np.abs(points(ml.heavy_ball(lr=halved)) - points(ml.sgd(lr=halved))).max() > 1e-3


def test_nesterovs_gradient_points_are_torchs_parameters():
    close(points(ml.nesterov(lr=1e-3)), points(ml.nesterov_sgd(lr=1e-3)))


def test_nesterov_is_pid_that_starts_from_no_gradient():
    close(points(ml.nesterov(lr=1e-3)), points(ml.pid.starting(g_prev=0.0)(lr=1e-3)))


def test_nesterovs_iterates_recover_from_torchs_form():
    """θ = φ + αβb."""
    for a, b in zip(
        ml.iterate(PROBLEM, method=ml.nesterov(lr=1e-3)),
        ml.iterate(PROBLEM, method=ml.nesterov_sgd(lr=1e-3)),
        strict=False,
    ):
        close(a.iterate, b.x + 1e-3 * 0.9 * b.slots["b"])
        if a.k == 50:
            break


def test_rsgdm_is_pid():
    close(points(ml.rsgdm(lr=1e-2, beta=0.9)), points(ml.pid(lr=1e-3, beta=0.9, kd=0.9e-3)))


def test_rsgdm_is_one_gradient_step_then_nesterov():
    first, *rest = points(ml.rsgdm(lr=1e-2, beta=0.9))[1:]
    close(first, PROBLEM.x0 - 1e-3 * PROBLEM.grad(PROBLEM.x0))
    steps = ml.iterate(PROBLEM, first, ml.nesterov_sgd(lr=1e-3, beta=0.9))
    close(np.array(rest), np.array([next(steps).x for _ in range(len(rest) + 1)][1:]))


def test_rsgdm_weighs_gradients_as_its_identity_says():
    """n = βm + (1 − β)g − (1 − β)βᵗg₁ for any gradients."""
    rng, beta = np.random.default_rng(0), 0.9
    gradients = rng.standard_normal((40, 3))
    x, m, rest = np.zeros(3), np.zeros(3), list(ml.rsgdm.start(np.zeros(3), gradients[0], {}))
    row = ml.rsgdm(lr=1.0, beta=beta).rule.row(1)
    for t, g in enumerate(gradients, 1):
        moved, *rest = ml.rsgdm.advance(x, g, rest, row)
        m = beta * m + (1 - beta) * g
        close(x - moved, beta * m + (1 - beta) * g - (1 - beta) * beta**t * gradients[0])
        x = moved


def test_the_first_buffer_of_sgd_is_undampened():
    damped = points(ml.sgd(lr=1e-3, dampening=0.5))
    close(damped[1], PROBLEM.x0 - 1e-3 * PROBLEM.grad(PROBLEM.x0))
    assert np.abs(damped - points(ml.sgd(lr=1e-3))).max() > 1e-3


# ------------------------------------------------------------------ torch.optim


@pytest.mark.parametrize(
    ("method", "name", "options"),
    [
        (ml.gradient_descent, "SGD", {}),
        (ml.sgd, "SGD", dict(momentum=0.9)),
        (lambda lr: ml.sgd(lr=lr, dampening=0.3), "SGD", dict(momentum=0.9, dampening=0.3)),
        (ml.nesterov_sgd, "SGD", dict(momentum=0.9, nesterov=True)),
        (ml.adam, "Adam", {}),
        (lambda lr: ml.adam.after(ml.l2)(lr=lr, weight_decay=0.02), "Adam", dict(weight_decay=0.02)),
        (lambda lr: ml.adam.then(ml.decoupled)(lr=lr, weight_decay=0.02), "AdamW", dict(weight_decay=0.02)),
    ],
    ids=["gradient_descent", "sgd", "sgd dampened", "nesterov_sgd", "adam", "adam l2", "adamw"],
)
def test_it_is_torchs_under_a_schedule(method, name, options):
    torch = pytest.importorskip("torch")
    schedule = lambda k: 1e-3 * 0.5 ** (k // 20)
    x = torch.tensor(PROBLEM.x0, requires_grad=True)
    optimizer = getattr(torch.optim, name)([x], lr=1e-3, **options)
    theirs = []
    for k in range(1, 60):
        theirs.append(x.detach().numpy().copy())
        optimizer.param_groups[0]["lr"] = schedule(k)
        x.grad = torch.from_numpy(PROBLEM.grad(theirs[-1]))
        optimizer.step()
    close(points(method(lr=schedule), steps=59), np.array(theirs))


# ------------------------------------------------------------------ reference counts


@pytest.mark.parametrize(
    ("name", "L", "searched", "fixed"),
    [
        ("stiff_quadratic", 100, (312, 251), (319, 209)),
        ("beale", 200, (360, 191), (644, 585)),
        ("cosine_wells", 8, (281, 62), (274, 77)),
        ("mccormick", 4, (284, 33), (284, 33)),
    ],
)
def test_iteration_counts_are_those_of_reference(name, L, searched, fixed):
    """Heavy ball and PID with the backtracking, and with α = 1/L and k_d = 0.9/L."""
    found = [ml.minimize(name, method=m(), norm=2).nit for m in (ml.heavy_ball, ml.pid)]
    assert found == pytest.approx(searched, abs=2)
    found = [ml.minimize(name, method=m(lr=1 / L), norm=2).nit for m in (ml.heavy_ball, ml.pid)]
    assert found == pytest.approx(fixed, abs=2)


# ------------------------------------------------------------------ theory's tunings


CANONICAL = {
    "gradient_descent": (ml.gradient_descent.tuned(mu=1, L=100), 0.977354),
    "heavy_ball": (ml.heavy_ball.tuned(mu=1, L=100), 0.827603),
    "nesterov, first difference zero": (ml.pid(lr=0.01, beta=9 / 11), 0.907826),
    "triple momentum": (ml.pid.tuned(mu=1, L=100), 0.899344),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_measured_rates_are_those_of_reference(name):
    """(‖x₁₂₀‖/‖x₆₀‖)^(1/60) on the quadratic with 50 eigenvalues spaced geometrically on [1, 100]."""
    method, rate = CANONICAL[name]
    x = points(method, ml.problem("quadratic"), steps=121)
    assert (np.linalg.norm(x[120]) / np.linalg.norm(x[60])) ** (1 / 60) == pytest.approx(rate, abs=1e-6)


def test_tuned_nesterov_keeps_its_bound():
    """Φₖ ≤ (1 − κ^(−1/2))ᵏ(Φ₀ + μ‖e₀‖²/2) at the iterates x (T6)."""
    problem = ml.problem("quadratic", n=20, seed=1)
    x = points(ml.nesterov.tuned(mu=1, L=100), problem, steps=200, what="iterate")
    gap = np.array([problem.fun(v) for v in x])
    bound = 0.9 ** np.arange(200) * (gap[0] + 0.5 * np.sum(x[0] ** 2))
    assert (gap <= bound * (1 + 1e-12)).all()


def test_fista_keeps_its_bound():
    """Φₖ ≤ 2L‖e₀‖²/(k + 1)² (T8)."""
    problem = ml.problem("quadratic", n=50, mu=1e-4, L=1.0)
    x = points(ml.nesterov_fista.tuned(L=1.0), problem, steps=300, what="iterate")
    k = np.arange(1, 300)
    gap = np.array([problem.fun(v) for v in x])[1:]
    assert (gap <= 2 * np.sum(x[0] ** 2) / (k + 1) ** 2).all()
