"""The register: each row holds where it is shown, elsewhere, and on random functions; and could be contradicted."""

from dataclasses import replace

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import rates
from momentumlab.rates import THEOREMS
from momentumlab.rates.evidence import observe

ROUNDING = 1e-9
SHARP = {"T1", "T2", "T3", "T7", "T10", "T11"}


@pytest.mark.parametrize("name", THEOREMS)
def test_it_holds_where_it_is_shown(name):
    """Nothing measured contradicts it; and where it is sharp, something attains it."""
    row = THEOREMS[name]
    evidence = row.evidence()
    ratio = row.ratio(evidence)
    assert ratio <= 1 + ROUNDING
    assert max(np.isfinite(values).sum() for values in evidence.measured.values()) >= min(8, len(evidence.x))
    if name in SHARP:
        assert ratio == pytest.approx(1, abs=1e-6)


OF_RUNS = [name for name, row in THEOREMS.items() if row.axis == "k" and name != "T5"]


@pytest.mark.parametrize("name", OF_RUNS)
@pytest.mark.parametrize("seed", [1, 2])
def test_it_holds_at_other_constants(name, seed):
    row = THEOREMS[name]
    mu, L = (row.mu, row.L) if row.mu == 0 else (0.5, [2.0, 300.0][seed - 1])
    short = replace(row, steps=80)
    assert short.ratio(short.evidence(mu, L, seed)) <= 1 + ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_RUNS)
def test_it_holds_on_hundreds_of_random_functions(name):
    row, worst = replace(THEOREMS[name], steps=60), 0.0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        mu, L = (row.mu, row.L) if row.mu == 0 else (1.0, float(10 ** rng.uniform(0.1, 3)))
        worst = max(worst, row.ratio(row.evidence(mu, L, seed)))
    assert worst <= 1 + ROUNDING


@pytest.mark.parametrize("name", [name for name, row in THEOREMS.items() if row.on == "strongly convex"])
@pytest.mark.parametrize("kappa", [2, 10, 100])
def test_what_is_certified_is_no_more_than_what_is_stated(name, kappa):
    """Where both exist; a certificate covers linear methods, which PMG is not."""
    row = THEOREMS[name]
    stated, covered = row.rate(1.0, kappa), 0
    for method in row.methods(1.0, kappa).values():
        if not method.rule.inputs and method.preconditioner is None:
            assert rates.certified(method, mu=1, L=kappa) <= stated + 1e-7
            covered += 1
    assert covered


@pytest.mark.parametrize("name", [name for name, row in THEOREMS.items() if row.on == "quadratics"])
@pytest.mark.parametrize("kappa", [2, 10, 100])
def test_what_is_stated_on_quadratics_is_exact(name, kappa):
    row = THEOREMS[name]
    for method in row.methods(1.0, kappa).values():
        assert rates.exact(method, mu=1, L=kappa) == pytest.approx(row.rate(1.0, kappa), abs=1e-7)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("T1", lambda mu, L: {"": ml.gradient_descent(lr=2.02 / (L + mu))}),
        ("T3", lambda mu, L: {"": ml.heavy_ball(lr=1.01 * ml.heavy_ball.tuned(mu=mu, L=L).row(1)["lr"], beta=0.67)}),
        ("T6", lambda mu, L: {"": ml.nesterov(lr=1 / L, beta=0.5)}),
        ("T7", lambda mu, L: {"": ml.nesterov(lr=1 / L, beta=0.85)}),
        ("TM", lambda mu, L: {"": ml.triple_momentum.tuned(mu=mu, L=1.5 * L)}),
        ("A", lambda mu, L: {"": ml.heavy_ball(lr=0.1 / (L + mu), beta=0.0)}),
        ("B", lambda mu, L: {"": ml.heavy_ball(lr=0.05 / L, beta=0.0)}),
        ("C2", lambda mu, L: {"": ml.heavy_ball(lr=0.002 / L, beta=0.0)}),
    ],
)
def test_another_method_would_contradict_it(name, wrong):
    """The same functions, the same bound, a method that the theorem does not cover: the test can fail."""
    from momentumlab.rates import evidence

    row = THEOREMS[name]
    functions = evidence.quadratics if row.on == "quadratics" else evidence.strongly_convex
    quantity = {"T6": evidence.gap_by_both, "B": evidence.gap, "C2": evidence.gap}.get(name, evidence.distance)
    contradicted = replace(row, measure=evidence.runs(functions, wrong, quantity))
    assert contradicted.ratio(contradicted.evidence()) > 1.01


@pytest.mark.parametrize("name", THEOREMS)
def test_it_says_what_it_is(name):
    row = THEOREMS[name]
    for text in (row.statement, row.hypotheses, row.source, row.rule, row.quantity):
        assert text
    assert repr(row) == f"<theorem {name}: {row.statement}>"


@pytest.mark.parametrize("name", THEOREMS)
def test_it_has_a_figure_with_the_stated_curve_dashed(name):
    row = replace(THEOREMS[name], steps=min(THEOREMS[name].steps, 30))
    figure = row.plot()
    (axes,) = figure.axes
    (stated,) = [line for line in axes.get_lines() if line.get_label() == f"{name}, stated"]
    assert stated.get_linestyle() == "--"
    assert axes.get_xlabel() and axes.get_ylabel() == row.quantity
    from matplotlib import pyplot as plt

    plt.close(figure)


# ------------------------------------------------------------------ what the rows rest on


def test_modes_of_heavy_ball_and_nesterov_in_closed_form():
    """ρᵏ(1 + k(1 − ρ)) at μ, (−ρ)ᵏ(1 + k(1 + ρ)) at L; Nesterov's rule dies at once at L."""
    k, rho = np.arange(60), 9 / 11
    e = rates.amplitudes(ml.heavy_ball.tuned(mu=1, L=100), [1.0, 100.0], 59)
    assert e[:, 0] == pytest.approx(rho**k * (1 + k * (1 - rho)), abs=1e-12)
    assert e[:, 1] == pytest.approx((-rho) ** k * (1 + k * (1 + rho)), abs=1e-12)
    e = rates.amplitudes(ml.nesterov.tuned(mu=1, L=100), [1.0, 100.0], 59)
    assert e[:, 0] == pytest.approx(0.9**k * (1 + k * 0.1), abs=1e-12)
    assert not e[1:, 1].any()


def test_heavy_balls_cycle_and_who_escapes_it():
    """From 3.3 on Lessard, Recht & Packard's function; PID with heavy ball's step and k_d = β/L diverges."""
    p = ml.problem("lessard_recht_packard")
    run = observe(ml.heavy_ball.tuned(mu=1, L=25), p, [3.3], 600)
    assert sorted(run.x[-3:, 0] * 1225) == pytest.approx([-2208, 792, 2592], abs=1e-6)
    for method in (
        ml.nesterov.tuned(mu=1, L=25),
        ml.triple_momentum.tuned(mu=1, L=25),
        ml.heavy_ball(lr=0.04, beta=0.4),
    ):
        assert ml.minimize(p, [3.3], method, tol=1e-10).success
    assert rates.exact(ml.pid(lr=1 / 9, beta=4 / 9, kd=4 / 9 / 25), mu=1, L=25) > 1
    assert ml.minimize(p, [3.3], ml.pid(lr=1 / 9, beta=4 / 9, kd=4 / 9 / 25)).status == ml.Status.DIVERGED


@pytest.mark.parametrize("start", [3.06, 3.47])
def test_heavy_ball_converges_from_just_outside(start):
    assert ml.minimize("lessard_recht_packard", [start], ml.heavy_ball.tuned(mu=1, L=25), tol=1e-10).success


@pytest.mark.parametrize("j", range(1, 42))
def test_the_potential_of_triple_momentum(j):
    """Both identities of its proof, at μ = 1 and ρ = j/42 (TM).

    Gram matrices are those of numbers, so numbers stand for vectors; in ρ the identities are rational, of low degree.
    """
    sp = pytest.importorskip("sympy")
    rho, mu = sp.Rational(j, 42), 1
    L, beta = 1 / (1 - rho) ** 2, rho**2 / (2 - rho)
    row = dict(lr=(1 + rho) / L, beta=beta, gamma=beta / (1 + rho), delta=rho**2 / (1 - rho**2), rho=rho)
    xi, last, g0, g1, f0, f1 = sp.symbols("xi last g0 g1 f0 f1")

    def step(xi, v, g):
        _, x, after, v_next = ml.triple_momentum.advance(xi + row["gamma"] * v, g, (0, xi, v), row)
        return xi + row["gamma"] * v, x, after, v_next

    def s(fa, ga, a, fb, gb, b):
        rest = (ga - gb) ** 2 / L + mu * (a - b) ** 2 - 2 * mu / L * (gb - ga) * (b - a)
        return fa - fb - gb * (a - b) - rest / (2 * (1 - mu / L))

    weight = (1 - mu / L) / mu
    y0, x1, *state = step(xi, xi - last, g0)
    y1, x2, *_ = step(*state, g1)
    v1, v2 = x1**2 + weight * s(f0, g0, y0, 0, 0, 0), x2**2 + weight * s(f1, g1, y1, 0, 0, 0)
    slack = rho**2 * s(f0, g0, y0, f1, g1, y1) + (1 - rho**2) * s(0, 0, 0, f1, g1, y1)
    assert sp.expand(v2 - rho**2 * v1 + weight * slack) == 0
    first = v1.subs(last, xi) + weight * s(0, 0, 0, f0, g0, xi)
    assert sp.expand(first - rho**2 * g0 * xi / mu) == 0


def test_how_heavy_ball_enters_its_cycle():
    """xₖ − cₖ = (−⅔)ᵏ(6501/2450 − 39k/70) from k = 1 on (T5)."""
    run = observe(ml.heavy_ball.tuned(mu=1, L=25), ml.problem("lessard_recht_packard"), [3.3], 40)
    k = np.arange(1, 41)
    cycle = np.array([792, -2208, 2592])[k % 3] / 1225
    assert run.x[1:, 0] - cycle == pytest.approx((-2 / 3) ** k * (6501 / 2450 - 39 * k / 70), abs=1e-12)


def test_the_family_on_quadratics_has_this_closed_form():
    """r(λ) = √q where (1 + q − s)² ≤ 4q, else half the larger root; stable iff |q| < 1 and 0 < s < 2(1 + q)."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        lr, beta, kd, lam = rng.uniform(0, 5), rng.uniform(0, 1), rng.uniform(-2, 2), rng.uniform(0.01, 1)
        q, s = beta - kd * lam, lr * lam
        radius = np.abs(np.roots([1, -(1 + q - s), q])).max()
        assert rates.exact(ml.pid(lr=lr, beta=beta, kd=kd), mu=lam, L=lam) == pytest.approx(radius, rel=1e-6, abs=1e-6)
        inside = abs(q) < 1 and 0 < s < 2 * (1 + q)
        assert inside == (radius < 1)


def test_when_the_family_is_stable():
    """(α + 2k_d)L < 2(1 + β), for k_d < 0 with β + |k_d|L < 1: on random members, no mismatch (T9)."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        L, beta = 10 ** rng.uniform(-2, 2), rng.uniform(0, 1)
        kd = rng.uniform(-0.6, 1.2) / L
        lr = rng.uniform(0.01, 5) / L
        stable = lr < rates.pid_lr_limit(beta, kd, L)
        assert stable == (rates.exact(ml.pid(lr=lr, beta=beta, kd=kd), mu=1e-3 * L, L=L) < 1)
