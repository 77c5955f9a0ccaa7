"""Performance and data profiles against their published definitions, counted out."""

import math

import numpy as np
import pytest

from momentumlab.profiles import Profile, data_profile, performance_profile

INF = math.inf


def fractions_by_ratio(costs, tau):
    """Dolan & Moré's ρ_s(τ) = |{p: r_ps ≤ τ}|/|P| with r_ps = t_ps/min_s t_ps, and r_M where s failed on p."""
    problems = range(len(next(iter(costs.values()))))
    solved = dict.fromkeys(costs, 0)
    for p in problems:
        least = min(row[p] for row in costs.values())
        for s, row in costs.items():
            solved[s] += math.isfinite(row[p]) and row[p] / least <= tau
    return {s: count / len(problems) for s, count in solved.items()}


def fractions_by_budget(runs, dims, tau, alpha):
    """Moré & Wild's d_s(α) = |{p: t_ps/(n_p + 1) ≤ α}|/|P|, t_ps the evaluations until their test (2.2) holds."""
    solved = dict.fromkeys(runs, 0)
    for p, n in enumerate(dims):
        low = min(f for row in runs.values() for f in row[p][1])
        for s, row in runs.items():
            start = row[p][1][0]
            passed = [
                t
                for t, f in zip(*row[p], strict=True)
                if start - f >= (1 - tau) * (start - low) and t <= alpha * (n + 1)
            ]
            solved[s] += bool(passed)
    return {s: count / len(dims) for s, count in solved.items()}


def random_costs(rng):
    rows = {s: rng.integers(1, 9, 12).astype(float) for s in "abc"}
    for row in rows.values():
        row[rng.random(12) < 0.2] = INF
    return rows


def random_runs(rng, dims):
    def run():
        rows = rng.integers(2, 20)
        return np.cumsum(rng.integers(1, 4, rows)), np.concatenate([[100.0], rng.uniform(0, 100, rows - 1)])

    return {s: [run() for _ in dims] for s in "abc"}


def test_a_profile_is_a_step_function():
    p = Profile([5.0, 2.0, INF, 2.0])
    assert p.steps.tolist() == [2.0, 2.0, 5.0, INF]
    assert [p(x) for x in (0, 1.999, 2, 4.999, 5, INF)] == [0, 0, 0.5, 0.5, 0.75, 0.75]
    assert p(np.array([[0, 2], [5, 9]])).tolist() == [[0, 0.5], [0.75, 0.75]]


def test_a_performance_profile_by_hand():
    """Ratios: a 1, 2, 1, failed; b 2, 1, 1, failed; c failed, 4, 1, failed."""
    rho = performance_profile({"a": [10, 6, 4, INF], "b": [20, 3, 4, INF], "c": [INF, 12, 4, INF]})
    assert [rho["a"](tau) for tau in (0.99, 1, 2, 4, 1e9)] == [0, 0.5, 0.75, 0.75, 0.75]
    assert [rho["b"](tau) for tau in (0.99, 1, 2, 4, 1e9)] == [0, 0.5, 0.75, 0.75, 0.75]
    assert [rho["c"](tau) for tau in (0.99, 1, 2, 4, 1e9)] == [0, 0.25, 0.25, 0.5, 0.5]


@pytest.mark.parametrize("seed", range(10))
def test_performance_profiles_follow_the_definition(seed):
    costs = random_costs(np.random.default_rng(seed))
    rho = performance_profile(costs)
    for tau in (1.0, 1.5, 2.0, 3.0, 8.0, 1e6):
        assert {s: curve(tau) for s, curve in rho.items()} == fractions_by_ratio(costs, tau)


def test_performance_profiles_do_not_depend_on_the_unit_of_each_problem():
    costs = random_costs(np.random.default_rng(0))
    scaled = performance_profile({s: row * 2.0 ** np.arange(12) for s, row in costs.items()})
    for s, curve in performance_profile(costs).items():
        assert np.array_equal(curve.steps, scaled[s].steps)


def test_a_data_profile_by_hand():
    """f falls from 100; the least value found is 0 on the first problem, 10 on the second, of one and three variables.

    With τ = 0.1 a run has to reach 10 and 19.
    """
    runs = {
        "a": [([1, 2, 3], [100, 50, 10]), ([1, 8, 16], [100, 40, 10])],
        "b": [([1, 6], [100, 0]), ([1, 4, 9], [100, 20, 50])],
    }
    d = data_profile(runs, [1, 3], tau=0.1)
    assert d["a"].steps.tolist() == [3 / 2, 16 / 4]
    assert d["b"].steps.tolist() == [6 / 2, INF]
    assert [d["a"](alpha) for alpha in (1.4, 1.5, 4)] == [0, 0.5, 1]


@pytest.mark.parametrize("seed", range(10))
def test_data_profiles_follow_the_definition(seed):
    rng = np.random.default_rng(seed)
    dims = [1, 2, 5, 2]
    runs = random_runs(rng, dims)
    for tau in (0.3, 0.03):
        d = data_profile(runs, dims, tau)
        for alpha in (0.3, 1, 2, 5, 100):
            assert {s: curve(alpha) for s, curve in d.items()} == fractions_by_budget(runs, dims, tau, alpha)


def test_the_method_with_the_least_value_solves_at_every_tolerance():
    runs = random_runs(np.random.default_rng(0), [2])
    best = min(runs, key=lambda s: min(runs[s][0][1]))
    for tau in (1e-1, 1e-5, 1e-15):
        assert data_profile(runs, [2], tau)[best](INF) == 1


def test_where_nobody_gets_below_the_start_the_start_will_do():
    d = data_profile({"a": [([1, 2], [3.0, 4.0])], "b": [([1], [3.0])]}, [1])
    assert d["a"].steps.tolist() == d["b"].steps.tolist() == [0.5]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: performance_profile({"a": [1, 2], "b": [1]}), "one entry for each problem; there are 2 of a, 1 of b"),
        (lambda: performance_profile({}), "one entry for each problem; there are none"),
        (lambda: performance_profile({"a": []}), "there are 0 of a"),
        (lambda: performance_profile({"a": [1, 0]}), "costs['a'] holds 0.0; a cost must be positive, inf where"),
        (lambda: performance_profile({"a": [1, math.nan]}), "costs['a'] holds nan"),
        (lambda: performance_profile([[1, 2]]), "costs = [[1, 2]]; give a mapping from each method to its costs"),
        (lambda: data_profile([[1, 2]], [2]), "runs = [[1, 2]]; give a mapping from each method to its runs"),
        (lambda: data_profile({"a": [([1], [2.0])]}, [2, 3]), "there are 1 of a, 2 of dims"),
        (lambda: data_profile({"a": [([1, 2], [2.0])]}, [2]), "nfev has shape (2,) and fun (1,)"),
        (lambda: data_profile({"a": [([1], [2.0])]}, [2], tau=1), "tau = 1; it must be a number between 0 and 1"),
    ],
)
def test_mistakes_are_refused_with_a_sentence(call, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert says in str(caught.value)
