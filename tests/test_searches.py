"""How step sizes are found: what each search promises, for the rules that it takes, and what it costs."""

import math
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der

import momentumlab as ml
from momentumlab import rules
from momentumlab.searches import (
    ACCEPT,
    F_HIGH,
    F_LOW,
    FAIL,
    HIGH,
    LAST,
    LOW,
    RESTART,
    SETTLED,
    SLOPE_HIGH,
    SLOPE_LOW,
    STEP,
    TRY,
    begin,
    between,
    fresh_hunt,
)

DESCENT = {
    "gradient_descent": ml.gradient_descent,
    "newton": ml.newton,
    "bfgs": lambda **o: ml.newton(preconditioner="bfgs", **o),
    "lbfgs": lambda **o: ml.newton(preconditioner="lbfgs", **o),
    "bb1": lambda **o: ml.newton(preconditioner="bb1", **o),
}
FUNCTIONS = ["beale", "rosenbrock", "cosine_wells", "mccormick", "himmelblau"]


def along(p, method, most=400):
    """The points of a run, with values and gradients."""
    found = []
    for step in ml.iterate(p, method=method):
        found.append((step.x.copy(), step.fun, step.jac.copy(), step.step))
        if step.k == most or np.abs(step.jac).max() <= 1e-6:
            break
    return found


# ------------------------------------------------------------------ Armijo

OWN = [n for n in rules.__all__ if n not in ("newton",) and "lr" in getattr(rules, n).hyper]
OWN = [n for n in OWN if not callable(getattr(rules, n).hyper["lr"])]


@pytest.mark.parametrize("name", OWN)
def test_under_armijo_every_rule_descends(name):
    """f(x⁺) ≤ f(x) + c₁gᵀ(x⁺ − x) up to rounding, where the rule takes its gradients; and it gets somewhere."""
    p, search = ml.problem("beale"), ml.Armijo(c1=0.1)
    steps = along(p, getattr(rules, name)(search=search), 200)
    assert len(steps) > 10
    for (x, f, g, _), (after, below, _, _) in pairwise(steps):
        assert below <= f + 0.1 * (g @ (after - x)) + 1e-14
    assert steps[-1][1] < 0.2 * steps[0][1]


def test_momentum_that_leads_uphill_is_forgotten():
    """From the bottom of a bowl, momentum goes up whatever α is: the step is one of gradient descent."""
    bowl = lambda x: (0.5 * float(x @ x), x)
    search = ml.Armijo(first=0.25, grow=math.inf)
    states = [
        (s.x[0], s.slots["v"][0])
        for s, _ in zip(
            ml.iterate(bowl, [1.0], ml.heavy_ball(beta=0.9, search=search), jac=True), range(30), strict=False
        )
    ]
    restarts = 0
    for (x, v), (after, _) in pairwise(states):
        plain, heavy = x - 0.25 * x, x + 0.9 * v - 0.25 * x
        if x * v < 0 and x * (0.9 * v - 0.25 * x) >= 0:  # away from the minimiser
            raise AssertionError("v points at the minimiser, and so does the step")
        if x * v > 0:
            assert after == pytest.approx(plain, rel=1e-12)
            restarts += 1
        elif after != pytest.approx(heavy, rel=1e-12):
            assert abs(after) < abs(x)
    assert restarts > 0


def test_what_a_preconditioner_learnt_survives_a_restart():
    p = ml.problem("cosine_wells")
    for by in ("diagonal", "bfgs"):
        method = ml.pmg(preconditioner=by, search=ml.Armijo(first=2.0, grow=math.inf))
        restarted = 0
        for before, after in pairwise(along_slots(p, method)):
            if np.array_equal(after["v"], -after["step"] * before["g"]) and before["k"] > 0:
                restarted += 1
                if by == "diagonal":
                    assert not np.array_equal(after["B"], [1.0, 1.0])
        assert restarted > 0


def along_slots(p, method):
    found = []
    for step in ml.iterate(p, method=method):
        found.append(
            {"k": step.k, "g": step.jac.copy(), "step": step.step, **{n: v.copy() for n, v in step.slots.items()}}
        )
        if step.k == 60:
            return found


# ------------------------------------------------------------------ strong Wolfe


@pytest.mark.parametrize("name", DESCENT)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_steps_meet_the_strong_wolfe_conditions(name, function):
    c1, c2 = 1e-3, 0.4
    steps = along(ml.problem(function), DESCENT[name](search=ml.Wolfe(c1=c1, c2=c2)), 60)
    assert len(steps) > 1
    for (x, f, g, _), (after, below, slope, _) in pairwise(steps):
        s = after - x
        assert g @ s < 0
        assert below <= f + c1 * (g @ s) + 1e-14 * max(1, abs(f))
        assert abs(slope @ s) <= -c2 * (g @ s) * (1 + 1e-9)


def test_quasi_newton_is_as_good_as_scipys():
    """Both scale the first step; where curvature grows, as in log_cosh, it pays not to scale what follows."""
    from scipy.optimize import minimize

    for p in map(ml.problem, ("rosenbrock", "beale", "log_cosh", "synthetic_logistic")):
        ours = ml.minimize(p, method=ml.quasi_newton())
        theirs = minimize(p.fun, p.x0, jac=p.grad, method="BFGS", options={"gtol": 1e-6})
        assert ours.success
        assert ours.nfev <= 1.8 * theirs.nfev


@settings(max_examples=200, deadline=None)
@given(a=st.floats(-5, 5), b=st.floats(-5, 5), c=st.floats(0.01, 5), first=st.floats(1e-6, 1e6), x0=st.floats(-20, 20))
def test_a_step_is_found_on_any_smooth_function_bounded_below(a, b, c, first, x0):
    """a sin x + b cos 2x + c x²."""

    def fg(x):
        (t,) = x.tolist()
        return a * math.sin(t) + b * math.cos(2 * t) + c * t * t, [
            a * math.cos(t) - 2 * b * math.sin(2 * t) + 2 * c * t
        ]

    for search in (ml.Wolfe(first=first), ml.Armijo(first=first), ml.Backtracking(first=first)):
        r = ml.minimize(fg, [x0], ml.gradient_descent(search=search), jac=True, maxiter=1)
        assert r.status in (ml.Status.CONVERGED, ml.Status.ITERATION_LIMIT), r.message
        assert r.fun <= fg(np.array([x0]))[0] + 1e-12 * (1 + abs(r.fun))


def test_a_line_without_a_minimum_is_given_up():
    r = ml.minimize(lambda x: (-float(x[0]), [-1.0]), [0.0], ml.gradient_descent(search="wolfe"), jac=True)
    assert r.status == ml.Status.NO_STEP
    assert "is the gradient right, the step one of descent, and f bounded below?" in r.message
    assert r.nit == 0
    assert r.nfev < 100


def test_wolfe_settles_for_the_least_value_where_no_slope_is_flat():
    """At a kink."""
    f = lambda x: (float(abs(x[0] - 0.3)), np.sign(x - 0.3))
    r = ml.minimize(f, [1.0], ml.gradient_descent(search="wolfe"), jac=True, maxiter=1)
    assert (r.status, r.nit) == (ml.Status.ITERATION_LIMIT, 1)
    assert r.fun < 1e-9


def test_a_slope_that_is_no_number_ends_a_bracket():
    def fg(x):
        return float(x @ x), 2 * x if x[0] > -0.5 else np.full(1, np.nan)

    r = ml.minimize(fg, [1.0], ml.gradient_descent(search=ml.Wolfe(first=0.8)), jac=True)
    assert r.success


@pytest.mark.parametrize("search", [ml.Armijo(), ml.Wolfe(), ml.Exact()])
def test_at_a_gradient_of_zero_there_is_nothing_to_find(search):
    bowl = ml.problem("quadratic", n=2, L=1, mu=1)
    for start in ((bowl,), (bowl.f, bowl.x0)):
        r = ml.minimize(*start, method=ml.gradient_descent(search=search), tol=0)
        assert not r.jac.any()
        assert r.success


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(ml.gradient_descent, marks=pytest.mark.slow),
        ml.heavy_ball,
        pytest.param(ml.pmg, marks=pytest.mark.slow),
    ],
    ids=lambda r: r.name,
)
def test_armijo_shortens_steps_that_a_box_cuts_alike(rule):
    """Bertsekas (1976): the first points tried all lie in one corner."""
    p = ml.problem("beale")
    method = rule.then(ml.into_box)(lower=-4, upper=4, search="armijo")
    results = [ml.minimize(*start, method=method) for start in ((p,), (p.f, p.x0))]
    assert all(r.success for r in results)
    assert np.array_equal(*(r.x for r in results))


def test_a_gradient_of_zero_seen_once_is_no_success():
    calls = iter([0.0])
    flickers = lambda x: (float(x @ x), np.full(1, next(calls, 1.0)))
    r = ml.minimize(flickers, [1.0], ml.gradient_descent(search="armijo"), jac=True, tol=0)
    assert r.status == ml.Status.UNREPRODUCIBLE


@pytest.mark.parametrize("L", [2.0**21, 2.0**24, 2.0**28])
def test_backtracking_finds_a_step_a_millionfold_shorter(L):
    """At 1/L the test is an equality, which rounding decides."""
    f = lambda x: (0.5 * L * float(x @ x), L * x)
    for start in np.random.default_rng(0).standard_normal((50, 3)):
        r = ml.minimize(f, start, ml.gradient_descent(), jac=True, maxiter=100)
        assert r.success, r.message


def test_a_rule_without_memory_tries_no_point_twice():
    tried = []
    climb = lambda x: (tried.append(tuple(x)), (rosen(x), -rosen_der(x)))[1]
    r = ml.minimize(climb, [-1.2, 1.0], ml.newton(preconditioner="bfgs"), jac=True)
    assert r.status == ml.Status.NO_STEP
    assert len(set(tried)) == len(tried) == r.nfev


# ------------------------------------------------------------------ exact


@pytest.mark.parametrize("kappa", [4, 100])
def test_exact_steps_make_cauchys_method(kappa):
    """From (κ, 1) on diag(1, κ), f falls by ((κ − 1)/(κ + 1))² at every step, the worst case of Kantorovich."""
    f = lambda x: (0.5 * float(x[0] ** 2 + kappa * x[1] ** 2), np.array([x[0], kappa * x[1]]))
    values = [
        s.fun
        for s, _ in zip(
            ml.iterate(f, [kappa, 1.0], ml.gradient_descent(search=ml.Exact()), jac=True), range(20), strict=False
        )
    ]
    for before, after in pairwise(values):
        assert after / before == pytest.approx(((kappa - 1) / (kappa + 1)) ** 2, rel=1e-9)


def test_exact_steps_end_where_the_slope_is_zero():
    for seed in range(5):
        p = ml.problem("quadratic", n=8, L=50, seed=seed)
        for method in (ml.gradient_descent(search="exact"), ml.newton(preconditioner="lbfgs", search="exact")):
            for (x, _, _, _), (after, _, g, _) in pairwise(along(p, method, 12)):
                assert abs(g @ (after - x)) <= 1e-9 * np.linalg.norm(g) * np.linalg.norm(after - x) + 1e-12


def test_another_function_gets_a_sentence():
    r = ml.minimize("rosenbrock", method=ml.gradient_descent(search="exact"))
    assert r.status == ml.Status.NO_STEP
    assert r.message == "The search is exact on convex quadratics, and along this step f is not one."


# ------------------------------------------------------------------ backtracking


@settings(max_examples=100, deadline=None)
@given(curvature=st.floats(1e-3, 1e3), first=st.floats(1e-4, 1e4))
def test_backtracking_settles_between_half_and_all_of_what_is_stable(curvature, first):
    """The first of first/2ʲ with α ≤ 1/L, on a quadratic of curvature L."""
    f = lambda x: (0.5 * curvature * float(x @ x), curvature * x)
    r = ml.minimize(f, [1.0], ml.gradient_descent(search=ml.Backtracking(first=first)), jac=True, maxiter=1, tol=0)
    expected = first
    while expected > (1 + 1e-9) / curvature:
        expected *= 0.5
    assert r.lr == pytest.approx(expected, rel=1e-9)


# ------------------------------------------------------------------ what they cost

SEARCHES = [ml.Backtracking(), ml.Armijo(), ml.Wolfe(), ml.Exact()]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("kind", ["together", "apart", "written", "compiled"])
def test_evaluations_are_counted_truthfully(search, kind):
    p, calls = ml.problem("booth"), {"f": 0, "g": 0}

    def f(x):
        calls["f"] += 1
        return p.fun(x)

    def g(x):
        calls["g"] += 1
        return p.grad(x)

    def both(x):
        return f(x), g(x)

    def written(x, g):
        calls["f"] += 1
        calls["g"] += 1
        return p.f(x, g)

    method = ml.gradient_descent(search=search)
    match kind:
        case "together":
            r = ml.minimize(both, p.x0, method, jac=True)
        case "apart":
            r = ml.minimize(f, p.x0, method, jac=g)
        case "written":
            r = ml.minimize(written, p.x0, method)
        case "compiled":
            r, reference = ml.minimize(p, method=method), ml.minimize(written, p.x0, method)
            assert (r.nit, r.nfev, r.njev) == (reference.nit, reference.nfev, reference.njev)
            assert np.array_equal(r.history.nfev, reference.history.nfev)
            calls = {"f": reference.nfev, "g": reference.njev}
    assert r.success
    assert (r.nfev, r.njev) == (calls["f"], calls["g"])
    assert r.history.nfev[-1] == r.nfev - 1  # but for that which confirms the success


def test_a_tried_point_that_is_taken_is_not_evaluated_again():
    """Armijo and Wolfe step to the point that they tried: with α = 1 accepted, one evaluation an iteration."""
    p = ml.problem("quadratic", n=3, L=2)
    for search in (ml.Armijo(), ml.Wolfe()):
        r = ml.minimize(p, method=ml.newton(search=search))
        assert (r.nit, r.nfev, r.nhev) == (1, 3, 1)  # the start, the step, and the confirmation


def test_an_exception_at_a_tried_point_says_where():
    def fails(x):
        if x[0] < 0.5:
            raise ZeroDivisionError("by design")
        return 0.5 * float(x @ x), x

    for search in (ml.Armijo(), ml.Wolfe(), ml.Backtracking(first=1.0)):
        with pytest.raises(ZeroDivisionError) as raised:
            ml.minimize(fails, [1.0], ml.gradient_descent(search=search), jac=True)
        assert raised.value.x.tolist() == [0.0]
        assert raised.value.result.x.tolist() == [1.0]


@numba.njit
def cliff(x, g):
    """A bowl whose gradient ends at 1."""
    g[:] = x
    if x[0] < 1:
        g[0] = np.inf
    return 0.5 * np.sum(x * x)


@numba.njit
def trap(x, g):
    if x[0] < 1:
        raise ZeroDivisionError("by design")
    g[:] = x
    return 0.5 * np.sum(x * x)


def test_both_loops_report_the_last_step_size_that_was_accepted():
    """Not the one on which the run ended: where the search gave up, and where the gradient is not finite."""
    p, exact, shrinking = ml.problem("rosenbrock"), ml.Exact(first=0.5), ml.Armijo(first=0.4, grow=0.5)
    for f, x0, search, nit, lr in ((p.f, p.x0, exact, 0, 0.5), (cliff, [2.0], shrinking, 1, 0.4)):
        native = p if search is exact else f
        plain = f if search is exact else f.py_func
        for g in (native, plain):
            r = ml.minimize(g, None if g is p else x0, ml.gradient_descent(search=search))
            assert not r.success
            assert (r.nit, r.lr) == (nit, lr)


def test_evaluations_are_counted_where_the_objective_raises():
    """The start, two steps and the one that raised; compiled without a search, the last point once more."""
    fixed, searched = ml.gradient_descent(lr=0.5), ml.gradient_descent(search=ml.Armijo(first=0.5))
    for f, method, nfev in (
        (trap, fixed, 5),
        (trap.py_func, fixed, 4),
        (trap, searched, 4),
        (trap.py_func, searched, 4),
    ):
        with pytest.raises(ZeroDivisionError) as raised:
            ml.minimize(f, [5.0], method)
        r = raised.value.result
        assert (r.nit, r.nfev, r.x.tolist(), raised.value.x.tolist()) == (2, nfev, [1.25], [0.625])


@pytest.mark.parametrize("search", SEARCHES[:3], ids=lambda s: type(s).__name__)
def test_where_f_is_no_number_a_shorter_step_is_taken(search):
    """log x falls to −∞ at 0 and is not defined beyond."""
    f = lambda x: (float(x[0] - np.log(x[0])), 1 - 1 / x) if x[0] > 0 else (math.nan, np.array([math.nan]))
    r = ml.minimize(f, [5.0], ml.gradient_descent(search=search), jac=True)
    assert r.success
    assert r.x == pytest.approx([1.0], abs=1e-5)


def test_a_wrong_gradient_is_not_followed_forever():
    for search in (ml.Backtracking(), ml.Armijo(), ml.Wolfe()):
        r = ml.minimize(lambda x: (0.5 * float(x @ x), -x), [1.0], ml.gradient_descent(search=search), jac=True)
        assert r.status == ml.Status.NO_STEP
        assert r.nfev < 200


# ------------------------------------------------------------------ judgements on their own


def test_judgements_are_functions_of_numbers():
    search, hunt = ml.Backtracking(first=1.0), fresh_hunt()
    begin(search.settings, hunt)
    assert hunt[STEP] == 1.0
    assert search.judge(search.settings, hunt, 1.0, 2.0, -1.0, 0.0, True) == TRY
    assert hunt[STEP] == 0.5
    assert search.judge(search.settings, hunt, 1.0, 0.7, -0.5, 0.0, True) == ACCEPT
    begin(search.settings, hunt)
    assert hunt[STEP] == 0.5  # it never grows
    hunt[2] = 1.0
    assert search.judge(search.settings, hunt, 1.0, 1.0, 0.0, 0.0, False) == FAIL  # too short to move


@pytest.mark.parametrize(
    ("search", "starts"),
    [
        (ml.Armijo(), 0.5),
        (ml.Armijo(first=0.3), 0.3),
        (ml.Armijo(grow=1), 0.25),
        (ml.Wolfe(), 1.0),
        (ml.Backtracking(), 0.25),
    ],
    ids=repr,
)
def test_an_iteration_starts_from_the_last_step_size(search, starts):
    hunt = fresh_hunt()
    hunt[STEP], hunt[SETTLED] = 0.25, 1.0
    begin(search.settings, hunt)
    assert (hunt[STEP], hunt[LAST], hunt[SETTLED]) == (starts, 0.25, 0.0)


@pytest.mark.parametrize(("least", "found"), [(0.01, 0.1), (0.3, 0.3), (0.8, 0.8), (0.99, 0.9)])
@pytest.mark.parametrize(("low", "high"), [(1.0, 3.0), (3.0, 1.0)])
def test_a_bracket_is_divided_at_its_cubics_minimiser(least, found, low, high):
    """Of a parabola here, from either side, and a tenth of the bracket away from its ends."""
    at, hunt = low + least * (high - low), fresh_hunt()
    hunt[LOW], hunt[F_LOW], hunt[SLOPE_LOW] = low, (low - at) ** 2, 2 * (low - at)
    hunt[HIGH], hunt[F_HIGH], hunt[SLOPE_HIGH] = high, (high - at) ** 2, 2 * (high - at)
    assert between(hunt) == pytest.approx(low + found * (high - low), rel=1e-12)
    hunt[F_HIGH] = math.nan
    assert between(hunt) == 2.0


def test_wolfe_turns_back_from_a_point_above_the_best():
    """Though it lies below the line of sufficient decrease, and f falls there."""
    search, hunt = ml.Wolfe(), fresh_hunt()
    begin(search.settings, hunt)
    assert search.judge(search.settings, hunt, 0.0, -1.0, -10.0, -9.5, True) == TRY
    assert hunt[STEP] == 5.0  # four times as far again: where the slopes would meet 0 is farther
    assert search.judge(search.settings, hunt, 0.0, -0.5, -50.0, -47.5, True) == TRY
    assert 1.0 < hunt[STEP] < 5.0


def test_armijo_gives_momentum_up_where_shortening_no_longer_shortens_the_step():
    """It starts afresh from the α that it began with, once; then it goes on until α moves nothing."""
    search, hunt = ml.Armijo(first=1.0), fresh_hunt()
    begin(search.settings, hunt)
    judge = lambda ahead, moved=True: search.judge(search.settings, hunt, 0.0, 1.0, ahead, 0.0, moved)
    assert (judge(1.0), hunt[STEP]) == (TRY, 0.5)  # a shorter step may descend where a longer one climbs
    assert (judge(-0.9), hunt[STEP]) == (TRY, 0.25)
    assert (judge(-0.895), hunt[STEP]) == (RESTART, 1.0)  # less than a hundredth shorter
    assert (judge(-1.0), hunt[STEP]) == (TRY, 0.5)
    assert (judge(-1.0), hunt[STEP]) == (TRY, 0.25)
    assert judge(0.0, moved=False) == FAIL
    assert ml.Armijo().settings == (1.0, 2.0, 1e-4)


@pytest.mark.parametrize(("f", "room"), [(0.0, 1.0), (1e-3, 1.0), (-50.0, 50.0)])
def test_values_within_rounding_of_the_bound_pass(f, room):
    search = ml.Backtracking()
    verdict = lambda ulps: search.judge(
        search.settings, [0.5, 0.5, 0.0, 0.0, 0.5], f, f + ulps * room * 2.0**-52, -1e-30, 0.0, True
    )
    assert verdict(9) == ACCEPT
    assert verdict(11) == TRY


def test_exact_refuses_a_slope_that_is_not_level():
    """Measured at the second point against the first, where the value is not a parabola's either."""
    search, hunt = ml.Exact(), fresh_hunt()
    for beyond, verdict in ((1e-4, ACCEPT), (-1e-4, ACCEPT), (1e-2, FAIL), (-1e-2, FAIL)):
        begin(search.settings, hunt)
        assert search.judge(search.settings, hunt, 0.0, 0.0, -1.0, 1.0, True) == TRY
        assert hunt[STEP] == 0.5
        hunt[STEP] = 1.0
        assert search.judge(search.settings, hunt, 0.0, 5.0, -1.0, beyond, True) == verdict


def test_wolfe_lengthens_a_step_too_short_to_move():
    search, hunt = ml.Wolfe(first=0.25), fresh_hunt()
    begin(search.settings, hunt)
    assert search.judge(search.settings, hunt, 0.0, 0.0, 0.0, 0.0, False) == TRY
    assert hunt[STEP] == 0.5


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: ml.Armijo(c1=1.0), ValueError, "Armijo: c1 = 1.0; it must be a number in (0, 1)"),
        (lambda: ml.Armijo(first=math.inf), ValueError, "Armijo: first = inf; it must be a number in (0, ∞)"),
        (lambda: ml.Armijo(grow=0), ValueError, "Armijo: grow = 0; it must be a number in (0, ∞]"),
        (lambda: ml.Wolfe(c1=0.5, c2=0.4), ValueError, "Wolfe: c2 = 0.4; it must be a number in (0.5, 1)"),
        (lambda: ml.Exact(first=-1), ValueError, "Exact: first = -1"),
        (lambda: ml.Backtracking(first="1"), ValueError, "Backtracking: first = '1'"),
        (lambda: ml.heavy_ball(search="wolfe"), TypeError, "Wolfe() takes rules whose step is lr times a direction"),
        (lambda: ml.nesterov_fista(search="exact"), TypeError, "take Armijo(), which tries the rule's own steps"),
        (lambda: ml.adam(search="wolfe"), TypeError, "made of the gradient alone"),
        (lambda: ml.newton.then(ml.into_box)(search="wolfe"), TypeError, "made of the gradient alone"),
        (lambda: ml.Armijo(grow=np.ones(2)), ValueError, "Armijo: grow = array([1., 1.])"),
        (lambda: ml.adam(search="backtracking"), TypeError, "take Armijo(), which tries the rule's own steps"),
        (lambda: ml.newton(search="backtracking"), TypeError, "no plain gradient step finds its lr"),
        (lambda: ml.pid(search="armjio"), ValueError, "did you mean 'armijo'"),
        (lambda: ml.pid(search=3), TypeError, "search = 3; give one of Backtracking(), Armijo(), Wolfe(), Exact()"),
        (lambda: ml.pid(lr=0.1, search="armijo"), TypeError, "lr = 0.1 fixes the step size that search finds"),
        (lambda: ml.pid(kd=lambda lr: lr**2)(), TypeError, "under a search that holds for what depends on lr too"),
    ],
)
def test_bad_input_gets_a_sentence(make, error, sentence):
    with pytest.raises(error) as raised:
        make()
    assert sentence in str(raised.value)


def test_names_classes_and_objects_are_the_same():
    assert ml.pid(search="armijo") == ml.pid(search=ml.Armijo) == ml.pid(search=ml.Armijo())
    assert repr(ml.newton()) == "newton()"
    assert ml.newton().search == ml.Armijo(grow=math.inf)
    assert ml.newton(lr=1).search is None
    assert repr(ml.newton(search="wolfe")) == "newton(search=Wolfe(first=1.0, c1=0.0001, c2=0.9, grow=inf))"
    assert ml.pmg().search == ml.Backtracking()
