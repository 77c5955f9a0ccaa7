"""Known values of every rule: what theory tunes it to, what it makes of its hyperparameters, where it starts."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.rules import shrinkage

RULES = [getattr(ml.rules, name) for name in ml.rules.__all__]
named = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)

# ------------------------------------------------------------------ what theory tunes it to

POLYAK = dict(lr=4 / (10 + 2) ** 2, beta=(8 / 12) ** 2)
TRIPLE = dict(lr=(1 + 0.8) / 100, beta=0.8**2 / (2 - 0.8))
TUNED = {  # μ = 4, L = 100: √κ = 5, (√κ − 1)/(√κ + 1) = 2/3 and ρ = 1 − 1/√κ = 4/5
    "gradient_descent": dict(lr=2 / (100 + 4)),
    "heavy_ball": POLYAK,
    "sgd": POLYAK,
    "heavy_ball_ema": POLYAK | dict(lr=POLYAK["lr"] / (1 - 4 / 9)),
    "nesterov": dict(lr=1 / 100, beta=2 / 3),
    "nesterov_convex": dict(lr=1 / 100),
    "nesterov_fista": dict(lr=1 / 100),
    "nesterov_sgd": dict(lr=1 / 100, beta=2 / 3),
    "qhm": dict(lr=1 / (100 * (1 - 2 / 3)), beta=2 / 3, nu=2 / 3),
    "triple_momentum": TRIPLE | dict(rho=0.8),
    "pid": TRIPLE | dict(kd=TRIPLE["beta"] / 100),
    "rsgdm": dict(lr=1 / (100 * (1 - 2 / 3)), beta=2 / 3),
}


def test_every_tuning_is_its_formula():
    found = {rule.name: dict(rule.tuned(mu=4, L=100).bound) for rule in RULES if rule.tuning}
    assert found == {name: pytest.approx(numbers, rel=1e-14) for name, numbers in TUNED.items()}


# ------------------------------------------------------------------ what it makes of its hyperparameters

DERIVED = [  # at lr = 0.3 and beta = 0.4; the iteration; the value
    (ml.pid, "kd", 1, 0.12),
    (ml.pid_ema, "Kd", 1, 0.2),
    (ml.pid_outside, "kd", 1, 0.12),
    (ml.pmg, "kd", 1, 0.12),
    (ml.pmg, "eta_max", 1, 0.4),
    (ml.pmg_outside, "kd", 1, 0.12),
    (ml.heavy_ball_ema_corrected, "c", 3, 1 - 0.064),
    (ml.sgd.having(dampening=0.25), "gain", 1, 1.0),
    (ml.sgd.having(dampening=0.25), "gain", 2, 0.75),
    (ml.adagrad.having(lr_decay=0.5), "rate", 1, 0.3),
    (ml.adagrad.having(lr_decay=0.5), "rate", 5, 0.1),
    (ml.adam.having(beta1=0.4, beta2=0.5), "c1", 3, 1 - 0.064),
    (ml.adam.having(beta1=0.4, beta2=0.5), "c2", 3, 0.875),
    (ml.nesterov_convex, "beta", 4, 3 / 6),
]


@pytest.mark.parametrize(("rule", "name", "k", "value"), DERIVED)
def test_a_number_made_of_others_is_its_formula(rule, name, k, value):
    given = {n: v for n, v in dict(lr=0.3, beta=0.4).items() if n in rule.hyper and n != name}
    assert rule(**given).row(k)[name] == pytest.approx(value, rel=1e-14)


def test_the_momentum_of_beck_and_teboulle():
    """t₁ = 1, tₖ₊₁² − tₖ₊₁ = tₖ², and β = (tₖ − 1)/tₖ₊₁."""
    t = 1.0
    for k in range(1, 30):
        t_next = max(np.roots([1, -1, -t * t]))
        assert ml.nesterov_fista().row(k)["beta"] == pytest.approx((t - 1) / t_next, rel=1e-13)
        t = t_next


# ------------------------------------------------------------------ where it starts


@named
def test_the_first_point_is_reported_as_it_is_given(rule):
    """Whichever vector holds the iterate, before a step it is the point where the run starts."""
    x0 = np.array([0.5, -1.5])
    step = next(ml.iterate("beale", x0, rule()))
    assert step.k == 0
    assert np.array_equal(step.iterate, x0)


@named
def test_memory_starts_without_a_past(rule):
    """Every slot starts as nothing, the first point or the first gradient: where those are 0, so is all of it."""
    assert not np.any(rule().start(np.zeros(3), np.zeros(3)))


@named
def test_without_gradients_no_rule_moves(rule):
    """From fresh memory, and where nothing decays."""
    method = rule(weight_decay=0.0) if "weight_decay" in rule.hyper else rule()
    x, nothing = np.array([2.0, -3.0]), np.zeros(2)
    point, slots = x, method.start(x, nothing)
    for k in range(1, 5):
        point, *slots = method.advance(point, nothing, [*(nothing for _ in rule.inputs), *slots], k)
        assert np.array_equal(point, x)


@pytest.mark.parametrize("n", [1, 2, 100, 100_000])
def test_the_safeguard_leaves_its_edge_alone(n):
    """‖βv‖ and β‖v‖ are equal but for rounding, which may not shorten βv."""
    rng = np.random.default_rng(n)
    for beta, v in zip(rng.uniform(0.1, 1, 40), rng.standard_normal((40, n)), strict=True):
        assert shrinkage(v, v, beta, 0.0, beta) == 1


def test_pmg_without_its_term_is_heavy_ball_to_the_bit_in_many_variables():
    problem = ml.problem("rosenbrock", n=1000)
    ours, heavy = (
        ml.minimize(problem, method=method, tol=0, maxiter=200)
        for method in (ml.pmg(lr=1e-4, kd=0, preconditioner="identity"), ml.heavy_ball(lr=1e-4))
    )
    assert np.array_equal(ours.x, heavy.x)
