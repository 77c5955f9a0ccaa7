"""The rules against reference: iteration counts, and what theory says of its tunings."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import Rule, Transform

from .runs import points

# ------------------------------------------------------------------ reference counts


@pytest.mark.parametrize(
    ("name", "L", "counts", "ends"),
    [
        ("stiff_quadratic", 100, (312, 251, 319, 209), 4 * [(0, 0)]),
        ("beale", 200, (360, 191, 644, 585), 4 * [(3, 0.5)]),
        ("cosine_wells", 8, (281, 62, 274, 77), [(2 * np.pi, -np.pi), *3 * [(0, 0)]]),
        ("mccormick", 4, (284, 33, 284, 33), 4 * [(-3.6887902048, -4.6887902048)]),
    ],
)
def test_iteration_counts_and_ends_are_those_of_reference(name, L, counts, ends):
    """Heavy ball and PID with the backtracking, then with α = 1/L and k_d = 0.9/L.

    Of the cosine's wells reference has (0, 0) for all; heavy ball with the backtracking leaves it for (2π, −π), in as
    many iterations.
    """
    methods = (ml.heavy_ball(), ml.pid(), ml.heavy_ball(lr=1 / L), ml.pid(lr=1 / L))
    runs = [ml.minimize(name, method=method, norm=2) for method in methods]
    assert [r.nit for r in runs] == pytest.approx(counts, abs=2)
    for r, end in zip(runs, ends, strict=True):
        assert r.x == pytest.approx(end, abs=1e-5)


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


@pytest.mark.parametrize("rule", [ml.nesterov_fista, ml.nesterov_convex], ids=lambda rule: rule.name)
def test_momentum_for_convex_functions_keeps_its_bound(rule):
    """Φₖ ≤ 2L‖e₀‖²/(k + 1)² (T8)."""
    problem = ml.problem("quadratic", n=50, mu=1e-4, L=1.0)
    x = points(rule.tuned(L=1.0), problem, steps=300, what="iterate")
    k = np.arange(1, 300)
    gap = np.array([problem.fun(v) for v in x])[1:]
    assert (gap <= 2 * np.sum(x[0] ** 2) / (k + 1) ** 2).all()


@pytest.mark.parametrize(
    ("module", "kind"), [(ml.rules, Rule), (ml.transforms, Transform)], ids=["rules", "transforms"]
)
def test_all_of_them_are_named(module, kind):
    """`__all__` is written out for type checkers; it lists every rule or transform of the module, in its order."""
    assert module.__all__ == [name for name, value in vars(module).items() if isinstance(value, kind)]


@pytest.mark.parametrize("name", ml.rules.__all__)
def test_ours_keep_to_the_grammar(name):
    """Which is not looked at when the package is imported, as it is when a user declares a rule."""
    from momentumlab.declare import check

    assert check(getattr(ml.rules, name)).text


def test_our_diagonals_keep_to_the_grammar():
    from momentumlab import preconditioners
    from momentumlab.preconditioner import Pointwise

    found = [p for p in vars(preconditioners).values() if isinstance(p, Pointwise)]
    assert len(found) == 5
    for by in found:
        assert ml.preconditioner(by.step).hyper == by.hyper


def test_a_page_of_a_rule_is_made_when_it_is_asked_for():
    import inspect

    assert ml.pid.__doc__.startswith("An et al. (2018)")
    assert ml.Rule.__doc__.startswith("An update rule")
    assert list(inspect.signature(ml.pid).parameters) == ["lr", "beta", "kd", "search"]
    assert list(inspect.signature(ml.newton).parameters) == ["lr", "search", "preconditioner", "index"]
    assert "Bv : by bfgs(), lagged" in ml.pmg.__doc__
    assert "Hg : by hessian(), current" in ml.newton.__doc__
    assert "lr : found by Backtracking(first=0.5), else 0.01, constant" in ml.pmg.__doc__
    assert "lr : 0.001, constant" in ml.adam.__doc__
    assert "step" in inspect.signature(ml.Rule).parameters
