"""Who is whom: every identity between rules, on Rosenbrock's function or on arbitrary gradients."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import GRADIENT, POINT, rule

from .runs import PROBLEM, apart, close, driven, points

LR, BETA = 1e-3, 0.9
GRADIENTS = np.random.default_rng(0).standard_normal((60, 5))
halved = lambda k: LR if k < 20 else LR / 2
FROM_ZERO = ml.pid.starting(g_prev=0.0)


# ------------------------------------------------------------------ special values


@pytest.mark.parametrize(
    ("special", "general"),
    [
        (ml.gradient_descent(lr=LR), ml.heavy_ball(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.sgd(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.heavy_ball_ema(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.heavy_ball_ema_corrected(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.nesterov(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.nesterov_sgd(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.qhm(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.qhm(lr=LR, nu=0)),
        (ml.gradient_descent(lr=LR), ml.triple_momentum(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.pid(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.pid_ema(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.pid_outside(lr=LR, beta=0)),
        (ml.gradient_descent(lr=LR), ml.rsgdm(lr=LR, beta=0)),
        (ml.heavy_ball(lr=LR), ml.pid(lr=LR, kd=0)),
        (ml.heavy_ball(lr=LR), ml.pid_ema(lr=LR, Kd=0)),
        (ml.heavy_ball(lr=LR), ml.pid_outside(lr=LR, kd=0)),
        (ml.heavy_ball(lr=LR), ml.sgd(lr=LR)),
        (ml.heavy_ball(lr=LR), ml.heavy_ball_ema(lr=10 * LR)),
        (ml.heavy_ball_ema(lr=LR), ml.qhm(lr=LR, nu=1)),
        (ml.nesterov(lr=LR), ml.qhm(lr=10 * LR, nu=BETA)),
        (ml.heavy_ball(lr=LR), ml.triple_momentum(lr=LR, gamma=0)),
        (ml.nesterov(lr=LR), ml.triple_momentum(lr=LR, gamma=BETA)),
        (ml.nesterov(lr=LR), ml.nesterov_sgd(lr=LR)),
        (ml.nesterov(lr=LR), FROM_ZERO(lr=LR)),
        (ml.pid(lr=LR, kd=0.5 * LR), ml.pid_ema(lr=LR, Kd=0.5 * LR / (1 - BETA))),
        (ml.pid(lr=LR), ml.pid_ema(lr=LR)),
        (FROM_ZERO(lr=LR, kd=0.5 * LR), ml.pid_ema.starting(g_prev=0.0)(lr=LR, Kd=0.5 * LR / (1 - BETA))),
        (ml.pid(lr=LR, kd=BETA * LR), ml.rsgdm(lr=10 * LR)),
        (FROM_ZERO(lr=0.4 * LR, kd=4 * LR * BETA * 0.3), ml.qhm(lr=4 * LR, nu=0.7)),
        (FROM_ZERO(lr=LR, kd=0.4 * LR), ml.triple_momentum(lr=LR, gamma=0.4)),
        (ml.rmsprop(), ml.rmsprop_momentum(beta=0)),
        (ml.rmsprop_centered(), ml.rmsprop_centered_momentum(beta=0)),
        (ml.rmsprop(eps=0), ml.adam(lr=0.01, beta1=0, beta2=0.99, eps=0, c1=1, c2=1)),
        (ml.adam_eps_inside(), ml.adam(eps=0, eps_root=1e-8)),
        (ml.amsgrad_paper(), ml.amsgrad(c1=1, c2=1)),
        (ml.adam(), ml.adamw(weight_decay=0)),
        (ml.sgd(lr=LR), ml.sgdw(lr=LR, weight_decay=0)),
        (ml.adamw(lr=LR, weight_decay=0.1), ml.adamw_paper(alpha=LR, weight_decay=0.1 * LR)),
        (ml.sgdw(lr=LR, weight_decay=0.1), ml.sgdw_paper(alpha=LR, weight_decay=0.1 * LR)),
    ],
    ids=lambda method: str(method),
)
def test_one_is_the_other(special, general):
    close(points(special), points(general))


def test_pid_without_its_difference_is_heavy_ball_to_the_bit():
    assert np.array_equal(points(ml.pid(lr=LR, kd=0)), points(ml.heavy_ball(lr=LR)))


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        (ml.sgd, ml.heavy_ball),
        (ml.heavy_ball_ema, ml.heavy_ball),
        (ml.nesterov_sgd, ml.nesterov),
        (ml.qhm, ml.nesterov),
    ],
    ids=lambda rule: rule.name,
)
def test_what_is_one_rule_is_tuned_alike(rule, first):
    quadratic = ml.problem("quadratic")
    close(points(rule.tuned(mu=1, L=100), quadratic), points(first.tuned(mu=1, L=100), quadratic))


def test_rsgdms_defaults_are_those_of_its_paper():
    assert ml.rsgdm.hyper == dict(lr=0.01, beta=0.9)


# ------------------------------------------------------------------ heavy ball


def test_the_step_size_inside_or_outside_agrees_only_while_it_is_constant():
    apart(points(ml.heavy_ball(lr=halved)), points(ml.sgd(lr=halved)), at_least=0.1)


def test_an_average_of_gradients_is_a_smaller_step_under_any_schedule():
    close(points(ml.heavy_ball_ema(lr=halved)), points(ml.sgd(lr=lambda k: 0.1 * halved(k))))


def test_heavy_ball_remembers_where_it_was():
    """x⁺ = x − αg + β(x − x₋) with x₋₁ = x₀."""
    x = driven(ml.heavy_ball(lr=LR), GRADIENTS)
    before = np.vstack([x[:1], x[:-2]])
    close(x[1:], x[:-1] - LR * GRADIENTS + BETA * (x[:-1] - before))


def test_heavy_ball_is_a_leaky_integral_of_the_gradient():
    """x⁺ = x − α Σ βᵏ⁻ⁱ gᵢ."""
    steps = np.diff(driven(ml.heavy_ball(lr=LR), GRADIENTS), axis=0)
    k = np.arange(len(GRADIENTS))
    weights = np.tril(BETA ** np.maximum(k[:, None] - k, 0))
    close(steps, -LR * weights @ GRADIENTS)


def test_the_first_buffer_of_sgd_is_undampened():
    damped = points(ml.sgd(lr=LR, dampening=0.5))
    close(damped[1], PROBLEM.x0 - LR * PROBLEM.grad(PROBLEM.x0))
    apart(damped, points(ml.sgd(lr=LR)))


def test_dampening_is_neither_average():
    """SGD(momentum=β, dampening=β) starts undampened, which neither the average nor its correction does for long."""
    damped = driven(ml.sgd(lr=LR, dampening=BETA), GRADIENTS)
    for average in (ml.heavy_ball_ema, ml.heavy_ball_ema_corrected):
        apart(damped, driven(average(lr=LR), GRADIENTS), at_least=1e-4)
    close(damped[1], driven(ml.heavy_ball_ema_corrected(lr=LR), GRADIENTS)[1])


def test_the_correction_undoes_the_zero_start():
    """Over constant gradients the corrected average is the gradient itself."""
    constant = np.ones((30, 2))
    close(driven(ml.heavy_ball_ema_corrected(lr=LR), constant), driven(ml.gradient_descent(lr=LR), constant))


# ------------------------------------------------------------------ Nesterov


def test_nesterovs_iterates_recover_from_torchs_form():
    """θ = φ + αβb."""
    for a, b in zip(
        ml.iterate(PROBLEM, method=ml.nesterov(lr=LR)),
        ml.iterate(PROBLEM, method=ml.nesterov_sgd(lr=LR)),
        strict=False,
    ):
        close(a.iterate, b.x + LR * BETA * b.slots["b"])
        if a.k == 50:
            break


def test_nesterov_is_its_difference_form():
    """φ⁺ − φ = β(φ − φ₋) − αg − αβ(g − g₋) with g₋₁ = 0 and φ₋₁ = φ₀."""
    phi, nothing = driven(ml.nesterov(lr=LR), GRADIENTS), np.zeros((1, 5))
    steps = np.diff(phi, axis=0)
    before, differences = np.vstack([nothing, steps[:-1]]), np.diff(GRADIENTS, axis=0, prepend=nothing)
    close(steps, BETA * before - LR * GRADIENTS - LR * BETA * differences)


def test_nesterov_is_its_lookahead_form():
    """V⁺ = βV − α∇f(θ + βV), θ⁺ = θ + V⁺."""
    theta, v = PROBLEM.x0, 0.0 * PROBLEM.x0
    for iterate in points(ml.nesterov(lr=LR), what="iterate"):
        close(iterate, theta)
        v = BETA * v - LR * PROBLEM.grad(theta + BETA * v)
        theta = theta + v


@pytest.mark.parametrize(("k", "beta"), [(1, 0), (2, 1 / 4), (3, 2 / 5), (100, 99 / 102)])
def test_momentum_for_convex_functions(k, beta):
    """β = (k − 1)/(k + 2)."""
    assert ml.nesterov_convex().row(k)["beta"] == pytest.approx(beta, rel=1e-15)


# ------------------------------------------------------------------ the family of PID


@rule
def lessard_recht_packard(y, g, x=POINT, before=POINT, /, lr=0.01, beta=0.9, gamma=0.5):
    """Lessard et al. (2016): ξ⁺ = ξ + β(ξ − ξ₋) − αg, where g is taken at y = ξ + γ(ξ − ξ₋)."""
    x_next = x + beta * (x - before) - lr * g
    return x_next + gamma * (x_next - x), x_next, x


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 1.2])
def test_every_rule_of_three_parameters_is_pid(gamma):
    """With k_d = αγ, from no gradient."""
    close(points(lessard_recht_packard(lr=LR, gamma=gamma)), points(FROM_ZERO(lr=LR, kd=LR * gamma)))


def test_triple_momentum_is_pid_at_its_gradient_points():
    mu, L = 1.0, 100.0
    triple, quadratic = ml.triple_momentum.tuned(mu=mu, L=L), ml.problem("quadratic", n=20, seed=1)
    close(points(triple, quadratic), points(FROM_ZERO(**dict(ml.pid.tuned(mu=mu, L=L).bound)), quadratic))


def test_triple_momentum_reports_its_output():
    """x = (1 + δ)ξ − δξ₋ with δ = ρ²/(1 − ρ²), where the gradient points are (1 + γ)ξ − γξ₋."""
    row = ml.triple_momentum.tuned(mu=1, L=100).row(1)
    before = None
    for step in ml.iterate("quadratic", method=ml.triple_momentum.tuned(mu=1, L=100)):
        xi = step.slots["xi"]
        if step.k > 0:
            close(step.iterate, xi + row["delta"] * (xi - before))
            close(step.x, xi + row["gamma"] * (xi - before))
        before = xi.copy()
        if step.k == 30:
            break


@pytest.mark.parametrize(
    ("kappa", "rho", "lr", "beta", "gamma", "delta"),
    [
        (2, 0.292893, 1.292893, 0.050253, 0.038868, 0.093836),
        (10, 0.683772, 1.683772, 0.355215, 0.210964, 0.878091),
        (100, 0.900000, 1.900000, 0.736364, 0.387560, 4.263158),
        (1000, 0.968377, 1.968377, 0.909009, 0.461806, 15.065405),
    ],
)
def test_triple_momentum_has_the_parameters_of_reference(kappa, rho, lr, beta, gamma, delta):
    row = ml.triple_momentum.tuned(mu=1 / kappa, L=1).row(1)
    assert row == pytest.approx(dict(rho=rho, lr=lr, beta=beta, gamma=gamma, delta=delta), abs=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_triple_momentum_follows_from_its_beta(beta):
    """ρ solves ρ²/(2 − ρ) = β; γ = ρ²/((1 + ρ)(2 − ρ)) and δ = ρ²/(1 − ρ²)."""
    row = ml.triple_momentum(beta=beta).row(1)
    rho = row["rho"]
    assert rho**2 / (2 - rho) == pytest.approx(beta, rel=1e-14)
    assert row["gamma"] == pytest.approx(rho**2 / ((1 + rho) * (2 - rho)), rel=1e-14)
    assert row["delta"] == pytest.approx(rho**2 / (1 - rho**2), rel=1e-14)


def test_pid_that_forgets_the_first_gradient_is_a_step_then_nesterov():
    """With k_d = αβ and a zero first difference the first gradient drops out of every later step."""
    first, *rest = points(ml.pid(lr=LR))[1:]
    close(first, PROBLEM.x0 - LR * PROBLEM.grad(PROBLEM.x0))
    close(np.array(rest), points(ml.nesterov_sgd(lr=LR), steps=len(rest) + 1, x0=first)[1:])


def test_the_velocity_of_pid_is_that_of_pid_ema():
    """U = V − K_d D."""
    averaged = ml.iterate(PROBLEM, method=ml.pid_ema(lr=LR, Kd=0.005))
    for a, b in zip(averaged, ml.iterate(PROBLEM, method=ml.pid(lr=LR, kd=0.0005)), strict=False):
        close(a.slots["v"] - 0.005 * a.slots["d"], b.slots["v"])
        if a.k == 50:
            break


def test_a_difference_outside_the_momentum_is_another_method():
    apart(points(ml.pid_outside(lr=LR)), points(ml.pid(lr=LR)))


@pytest.mark.parametrize(("given", "kd"), [({}, 0.1 * BETA), (dict(kd=0.3), 0.3)])
def test_a_difference_outside_the_momentum_is_written_out(given, kd):
    """W⁺ = βW − αg, x⁺ = x + W⁺ − k_d(g − g₋) with g₋ = g at first, and k_d = βα where it is not given."""
    x, w, last, expected = np.zeros(5), np.zeros(5), GRADIENTS[0], [np.zeros(5)]
    for g in GRADIENTS:
        w = BETA * w - 0.1 * g
        x, last = x + w - kd * (g - last), g
        expected.append(x)
    close(driven(ml.pid_outside(lr=0.1, **given), GRADIENTS), np.array(expected))


def test_a_positive_gain_opposes_motion():
    """On a stiff mode PID damps what heavy ball overshoots."""
    stiff = [ml.minimize("stiff_quadratic", method=m(lr=0.01), norm=2).nit for m in (ml.pid, ml.heavy_ball)]
    assert stiff[0] < stiff[1]


@pytest.mark.parametrize("kappa", [10, 100, 1000])
@pytest.mark.parametrize(("share", "stable"), [(0.99, True), (1.01, False)])
def test_tuned_heavy_ball_bears_little_gain(kappa, share, stable):
    """Only k_d < (1 − √β)²/(2L) is stable beside Polyak's lr and beta."""
    tuned = dict(ml.heavy_ball.tuned(mu=1, L=kappa).bound)
    limit = (1 - tuned["beta"] ** 0.5) ** 2 / (2 * kappa)
    ends = ml.problem("quadratic", n=2, mu=1, L=kappa)
    assert ml.minimize(ends, method=ml.pid(**tuned, kd=share * limit), maxiter=300_000).success is stable
    assert kappa != 100 or limit / (tuned["beta"] / kappa) == pytest.approx(0.025, abs=1e-3)


@pytest.mark.parametrize(("lr", "kd"), [(0.01, 0.014), (0.002, 0.018), (0.03, 0.004)])
@pytest.mark.parametrize(("share", "stable"), [(0.99, True), (1.01, False)])
def test_pid_is_stable_where_jury_says(lr, kd, share, stable):
    """(α + 2k_d)L < 2(1 + β), from the largest L on."""
    L = share * 2 * (1 + BETA) / (lr + 2 * kd)
    x = points(ml.pid(lr=lr, kd=kd), ml.problem("quadratic", n=1, mu=L, L=L), steps=3000)
    assert (abs(x[-1].item()) < 1e-3) is stable


def test_gain_from_damping():
    """ζ² = (1 + r)²/(4rK_d), from K_d s² + (1 + r)s + r = 0."""
    assert ml.kd_from_damping(0.01, 1.0) == pytest.approx(0.25 * 0.01 + 0.5 + 0.25 / 0.01)
    assert ml.kd_from_damping(0.01, 1.0) == pytest.approx(25.5, abs=0.01)
    assert ml.kd_from_damping(0.01, (1 + 16 / 9 * np.pi**2) ** -0.5) == pytest.approx(473, abs=1)
    for r, zeta in [(0.01, 0.5), (0.3, 1.0), (2.0, 0.7)]:
        gain = ml.kd_from_damping(r, zeta)
        assert (1 + r) / (2 * np.sqrt(r * gain)) == pytest.approx(zeta)
    assert ml.pid_ema(Kd=ml.kd_from_damping, zeta=0.5, lr=0.01).row(1)["Kd"] == ml.kd_from_damping(0.01, 0.5)


# ------------------------------------------------------------------ RSGDM


def test_rsgdm_is_one_gradient_step_then_nesterov():
    first, *rest = points(ml.rsgdm(lr=10 * LR))[1:]
    close(first, PROBLEM.x0 - LR * PROBLEM.grad(PROBLEM.x0))
    close(np.array(rest), points(ml.nesterov_sgd(lr=LR), steps=len(rest) + 1, x0=first)[1:])


def test_rsgdm_that_counts_the_first_gradient_is_nesterov():
    close(points(ml.rsgdm.starting(g_prev=0.0)(lr=10 * LR)), points(ml.nesterov_sgd(lr=LR)))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rsgdm_weighs_gradients_as_its_identities_say(decay):
    """n = m + β(m − m₋) − (1 − β)βᵗg₁ = βm + (1 − β)g − (1 − β)βᵗg₁, for any gradients, schedule and decay."""
    method = ml.rsgdm.after(ml.l2)(lr=lambda k: 0.1 / k, weight_decay=decay)
    x = driven(method, GRADIENTS, x=1.0)
    seen, m = GRADIENTS + decay * x[:-1], np.zeros(5)
    for t, g in enumerate(seen, 1):
        before, m = m, BETA * m + (1 - BETA) * g
        first = (1 - BETA) * BETA**t * seen[0]
        n = (x[t - 1] - x[t]) * t / 0.1
        close(n, m + BETA * (m - before) - first)
        close(n, BETA * m + (1 - BETA) * g - first)


def test_the_first_gradient_cancels_from_rsgdm():
    """n₁ = (1 − β)g₁; from then on, g₁ has no weight."""
    other = GRADIENTS.copy()
    other[0] += 1.0
    steps, others = (-np.diff(driven(ml.rsgdm(lr=1.0), g), axis=0) for g in (GRADIENTS, other))
    close(others[0] - steps[0], np.full(5, 1 - BETA))
    close(others[1:], steps[1:])
    t, i = np.arange(2, 61)[:, None], np.arange(2, 61)
    weights = np.where(i < t, (1 - BETA) * BETA ** (t - i + 1.0), np.where(i == t, 1 - BETA**2, 0.0))
    close(steps[1:], weights @ GRADIENTS[1:])


# ------------------------------------------------------------------ step sizes of their own


def test_adam_starts_at_its_step_size():
    """With no ε the first step is α in every coordinate, whatever the gradient."""
    close(np.abs(np.diff(driven(ml.adam(eps=0), GRADIENTS), axis=0))[0], np.full(5, 1e-3))


def test_where_epsilon_sits_matters():
    """At ε = 10⁻³ and gradients of 0.1, steps of 10⁻² part by more than 5·10⁻³ within 60."""
    outside, inside = (
        driven(ml.adam(lr=1e-2, **e), 0.1 * GRADIENTS) for e in (dict(eps=1e-3), dict(eps=0, eps_root=1e-3))
    )
    apart(outside, inside, at_least=5e-3)


def test_epsilon_inside_the_root_is_added_to_the_corrected_average():
    """The first step is −αg/√(g² + ε), as the correction makes g² of the first average."""
    g = GRADIENTS[0]
    close(driven(ml.adam_eps_inside(lr=0.1, eps_root=1e-3), GRADIENTS)[1], -0.1 * g / np.sqrt(g * g + 1e-3))


@pytest.mark.parametrize("rule", [ml.rmsprop_centered, ml.rmsprop_centered_momentum], ids=lambda rule: rule.name)
def test_a_variance_that_rounds_below_zero_is_none(rule):
    """Of a constant gradient E g² − (E g)² falls to rounding, of either sign."""
    assert np.isfinite(driven(rule(), np.full((5000, 1), 0.1))).all()


def test_corrections_of_amsgrad():
    apart(driven(ml.amsgrad(), GRADIENTS), driven(ml.amsgrad_paper(), GRADIENTS))


def test_amsgrad_never_lengthens_its_steps():
    fading = np.geomspace(1.0, 1e-2, 500)[:, None]
    scale = lambda method: np.diff(driven(method, fading), axis=0) / fading
    assert (np.diff(np.abs(scale(ml.amsgrad_paper(beta1=0))), axis=0) <= 1e-12).all()
    apart(scale(ml.adam(beta1=0, c1=1, c2=1)), scale(ml.amsgrad_paper(beta1=0)), at_least=1e-4)


@pytest.mark.parametrize(("threshold", "first"), [(5.0, 6), (4.0, 5)])
def test_radam_adapts_from_the_step_of_reference(threshold, first):
    rule = ml.radam(threshold=threshold).rule
    assert [k for k in range(1, 20) if rule.row(k)["rect"] > 0][0] == first


@pytest.mark.parametrize(("k", "r"), [(10, 0.04900), (100, 0.21534), (1000, 0.64533)])
def test_radam_rectifies_as_reference_says(k, r):
    assert ml.radam().rule.row(k)["rect"] / np.sqrt(1 - 0.999**k) == pytest.approx(r, abs=1e-5)


def test_radam_of_short_memory_never_adapts():
    """ρ∞ ≤ 4, so it is momentum whose zero start is undone."""
    close(points(ml.radam(beta2=0.6)), points(ml.heavy_ball_ema_corrected(lr=1e-3)))


def test_adadelta_uses_its_old_steps():
    """The first step is √ε/√((1 − ρ)g² + ε)·g, as no step came before."""
    g = GRADIENTS[0]
    first = driven(ml.adadelta(), GRADIENTS)[1]
    close(first, -np.sqrt(1e-6) / np.sqrt(0.1 * g * g + 1e-6) * g)


def test_adagrad_starts_where_it_is_told():
    g = GRADIENTS[0]
    close(driven(ml.adagrad.starting(s=0.5)(eps=0), GRADIENTS)[1], -0.01 * g / np.sqrt(0.5 + g * g))


# ------------------------------------------------------------------ decay


def test_decay_inside_the_gradient_is_not_decay_beside_the_step():
    close(points(ml.gradient_descent.after(ml.l2)(lr=LR)), points(ml.gradient_descent.then(ml.decoupled)(lr=LR)))
    apart(points(ml.adam.after(ml.l2)(lr=0.01)), points(ml.adamw(lr=0.01)))


def test_decay_beside_the_step_is_evaluated_at_the_old_point():
    """x⁺ = (1 − αλ)x + Adam's step at x."""
    x = points(ml.adamw(lr=0.01, weight_decay=0.5))
    close(x[1], (1 - 0.005) * x[0] - 0.01 * np.sign(PROBLEM.grad(x[0])), 1e-9)


@pytest.mark.parametrize(("rule", "alpha"), [(ml.sgdw_paper, 1e-3), (ml.adamw_paper, 1e-2)])
def test_as_printed_the_schedule_alone_scales_the_decay(rule, alpha):
    """Without gradients what is left is Π(1 − ηλ), whatever α is."""
    eta = lambda k: 1.0 / k
    x = driven(rule(alpha=alpha, eta=eta, weight_decay=0.1), np.zeros((20, 1)), x=1.0)
    close(x[-1], np.prod([1 - 0.1 / k for k in range(1, 21)]) * np.ones(1))


def sgdw_as_printed(alpha, eta, decay):
    """m⁺ = βm + ηαg, x⁺ = x − m⁺ − ηλx."""
    x, m = np.ones(5), 0.0
    for k, g in enumerate(GRADIENTS, 1):
        yield x
        m = BETA * m + eta(k) * alpha * g
        x = x - m - eta(k) * decay * x


def adamw_as_printed(alpha, eta, decay):
    """x⁺ = x − η(αm̂/(√v̂ + ε) + λx)."""
    x, m, v = np.ones(5), 0.0, 0.0
    for k, g in enumerate(GRADIENTS, 1):
        yield x
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = alpha * m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
        x = x - eta(k) * (step + decay * x)


@pytest.mark.parametrize(("rule", "printed"), [(ml.sgdw_paper, sgdw_as_printed), (ml.adamw_paper, adamw_as_printed)])
def test_decay_as_printed_is_written_out(rule, printed):
    """The schedule multiplies gradients as they enter the momentum, and the decay."""
    eta = lambda k: 1 / k
    found = driven(rule(alpha=0.02, eta=eta, weight_decay=0.1), GRADIENTS, x=1.0)
    close(found[:-1], np.array([*printed(0.02, eta, 0.1)]))


def test_as_torch_has_it_the_step_size_scales_the_decay():
    x = driven(ml.sgdw(lr=lambda k: 0.5 / k, weight_decay=0.1), np.zeros((20, 1)), x=1.0)
    close(x[-1], np.prod([1 - 0.05 / k for k in range(1, 21)]) * np.ones(1))


# ------------------------------------------------------------------ published faults


def after_first(k):
    return np.where(np.asarray(k) == 1, 0.0, 1.0)


@rule
def published_pid(x, g, i=0.0, d=0.0, /, lr=0.01, beta=0.9, I=5.0, D=10.0, counted=after_first):
    """The code published with An et al. (2018): the previous gradient is never stored, so d sums lr·g from step 2."""
    i = beta * i + g
    d = beta * d + lr * counted * g
    return x - lr * (g + I * i + D * d), i, d


@rule
def intended_pid(x, g, i=0.0, d=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, I=5.0, D=10.0):
    """What that code means: d sums lr times differences of gradients."""
    i = beta * i + g
    d = beta * d + lr * (g - g_prev)
    return x - lr * (g + I * i + D * d), i, d, g


@rule
def late_pid(x, g, i=0.0, d=0.0, g_prev=0.0, /, lr=0.01, beta=0.9, I=5.0, D=10.0, counted=after_first):
    """Another public PID optimizer: it takes no gradient for the first one in the second step's difference."""
    i = beta * i + g
    d = beta * d + (1 - beta) * counted * (g - g_prev)
    return x - lr * (g + I * i + D * d), i, d, counted * g


@rule
def late_pid_mended(x, g, i=0.0, d=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, I=5.0, D=10.0):
    """The same with the first gradient stored."""
    i = beta * i + g
    d = beta * d + (1 - beta) * (g - g_prev)
    return x - lr * (g + I * i + D * d), i, d, g


PUBLISHED, INTENDED, LATE, MENDED = (r(lr=0.01) for r in (published_pid, intended_pid, late_pid, late_pid_mended))


def continued(method, x, gradients, v, g_prev):
    """PID from the middle of a run."""
    found, rest = [], [v, g_prev]
    for k, g in enumerate(gradients, 1):
        x, *rest = method.advance(x, g, rest, k)
        found.append(x)
    return np.array(found)


def in_the_family(coded, lr, kd):
    """Whether a code, from its second step on, is PID with this step size and gain."""
    x = driven(coded, GRADIENTS)
    theirs = continued(ml.pid(lr=lr, kd=kd), x[1], GRADIENTS[1:], x[1] - x[0], GRADIENTS[0])
    return np.abs(theirs - x[2:]).max() < 1e-12


@pytest.mark.parametrize(("I", "D"), [(5, 10), (1, 200)])
def test_the_intended_code_is_in_the_family(I, D):
    """α = lr(1 + I − β), k_d = lr(β + lr·D), with the code's defaults and those of its script for MNIST."""
    assert in_the_family(intended_pid(lr=0.01, I=I, D=D), 0.01 * (1 + I - 0.9), 0.01 * (0.9 + 0.01 * D))
    assert in_the_family(late_pid_mended(lr=0.01, I=I, D=D), 0.01 * (1 + I - 0.9), 0.01 * (0.9 + 0.1 * D))


def test_the_published_code_is_not():
    assert not in_the_family(PUBLISHED, 0.01 * (1 + 5 - 0.9), 0.01 * (0.9 + 0.01 * 10))
    apart(driven(PUBLISHED, GRADIENTS), driven(INTENDED, GRADIENTS), at_least=1e-2)


def test_the_published_difference_is_another_integral():
    """Its d is lr times the sum that its i is, but for the first gradient: no difference anywhere."""
    x, rest = np.zeros(5), list(PUBLISHED.start(np.zeros(5), GRADIENTS[0]))
    for k, g in enumerate(GRADIENTS, 1):
        x, *rest = PUBLISHED.advance(x, g, rest, k)
        i, d = rest
        close(d, 0.01 * (i - BETA ** (k - 1) * GRADIENTS[0]))


def test_the_late_difference_kicks_once():
    """Its second difference is the whole second gradient: the two runs part by D(1 − β)·lr·g₁ there."""
    late, mended = driven(LATE, GRADIENTS), driven(MENDED, GRADIENTS)
    close(late[:2], mended[:2])
    close(late[2] - mended[2], -0.01 * 10 * (1 - BETA) * GRADIENTS[0])
    assert not in_the_family(LATE, 0.01 * (1 + 5 - 0.9), 0.01 * (0.9 + 0.1 * 10))


def test_the_sign_as_printed_adds_momentum():
    """An et al. (2018) print + K_d D: read literally k_d = −(1 − β)K_d, which diverges where ours converges."""
    printed, ours = ml.pid_ema(lr=0.005, Kd=-0.02), ml.pid_ema(lr=0.005, Kd=0.02)
    close(
        points(printed, ml.problem("stiff_quadratic")),
        points(ml.pid(lr=0.005, kd=-0.002), ml.problem("stiff_quadratic")),
    )
    assert ml.minimize("stiff_quadratic", method=ours).success
    assert not ml.minimize("stiff_quadratic", method=printed).success
