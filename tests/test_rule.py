"""The grammar: what a signature declares, what binding takes, and the sentences that refuse the rest."""

import copy
import pickle
import re

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import GRADIENT, POINT, rule, transform
from momentumlab.hyper import RANGES, inside
from momentumlab.ops import dot, maximum, minimum, norm, sqrt, where


@rule
def signed(
    x,
    g,
    last=GRADIENT,
    total=0.5,
    origin=POINT,
    /,
    lr=0.1,
    nu=lambda lr: lr / 2,
    gate=lambda g, nu: nu * norm(g),
    decay=lambda k: 1 / k,
):
    """A rule that uses everything."""
    return x - lr * gate * decay * where(g > 0, g, last), g, total + g * g, origin


def test_a_signature_is_a_declaration():
    assert (signed.name, signed.point, signed.reports, signed.inputs) == ("signed", "x", "x", ())
    assert signed.slots == {"last": GRADIENT, "total": 0.5, "origin": POINT}
    assert signed.kinds == {"lr": "constant", "nu": "constant", "gate": "measured", "decay": "scheduled"}
    assert signed.columns == ("lr", "nu", "decay")
    assert ml.nesterov.point == "y"
    assert ml.nesterov.reports == "x"


def test_slots_start_as_declared():
    x, g = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    last, total, origin = signed.start(x, g, signed.row(1))
    assert np.array_equal(last, g)
    assert np.array_equal(total, [0.5, 0.5])
    assert np.array_equal(origin, x)
    assert origin is not x
    assert np.array_equal(ml.pid.starting(g_prev=0.0).start(x, g, {})[1], [0.0, 0.0])


def test_hyperparameters_resolve_by_the_names_they_ask_for():
    method = ml.pid(lr=lambda k, L: 1 / (L * k), beta=0.5, L=4)
    assert method.rule.row(2) == {"lr": 0.125, "beta": 0.5, "kd": 0.0625, "L": 4.0}
    x, g, rest = np.array([1.0]), np.array([3.0]), [np.array([4.0]), np.array([0.5]), np.array([0.0])]
    moved, *_ = signed.advance(x, g, rest, signed.row(2))
    assert moved[0] == pytest.approx(1 - 0.1 * (0.05 * 3) * 0.5 * 3)


def test_schedules_with_branches_work_and_agree_with_those_without():
    branches = ml.heavy_ball(lr=lambda k: 0.1 if k < 5 else 0.01).rule
    arrays = ml.heavy_ball(lr=lambda k: where(k < 5, 0.1, 0.01)).rule
    for k in (1, 4, 5, 4096, 4097, 9000):
        assert branches.row(k) == arrays.row(k)
    assert [branches.row(k)["lr"] for k in (4, 5)] == [0.1, 0.01]


@pytest.mark.parametrize(
    "schedule",
    [
        lambda k: [0.1, 0.05, 0.01][k - 1],
        lambda k: np.array([0.1, 0.05, 0.01])[k - 1],
        lambda k: {1: 0.1, 2: 0.05, 3: 0.01}[k],
        lambda k: (0.1, 0.05, 0.01, -1.0)[min(k, 4) - 1],
        lambda k: 0.1 if k == 1 else 0.05 if k == 2 else 0.01 if k == 3 else 10**400,
    ],
)
def test_schedules_may_end(schedule):
    """They are asked for as far as a run goes, and what is wrong beyond is raised there, with the run so far."""
    method = ml.heavy_ball(lr=schedule)
    assert [method.rule.row(k)["lr"] for k in (1, 2, 3)] == [0.1, 0.05, 0.01]
    p = ml.problem("stiff_quadratic")
    for problem in ((p,), (p.f, p.x0)):
        r = ml.minimize(*problem, method=method, maxiter=3)
        assert r.nit == 3
        assert r.lr == 0.01
        with pytest.raises((ValueError, LookupError, TypeError)) as caught:
            ml.minimize(*problem, method=method, maxiter=10)
        assert caught.value.result.nit == 3


@pytest.mark.parametrize(
    "schedule", [lambda k: 2**k / (2**k + 1) * 1e-4, lambda k: 1e-4 * (1 - (k - 1) ** 300 / k**300)]
)
def test_schedules_that_need_whole_numbers_get_them(schedule):
    """As a function of many k at once, in floating point, they would overflow."""
    p = ml.problem("rosenbrock")
    a, b = (ml.minimize(*start, ml.heavy_ball(lr=schedule), tol=0, maxiter=1100) for start in ((p, None), (p.f, p.x0)))
    assert a.nit == b.nit == 1100
    assert np.array_equal(a.x, b.x)


def test_schedules_that_are_not_functions_are_found_out():
    asked = []

    def fickle(k):
        k = int(k)  # of one iteration at a time
        asked.append(k)
        return -1.0 if asked.count(k) == 1 and k == 3 else 0.01 if k > 0 else 0.0

    with pytest.raises(ValueError, match="not a function of k alone, at k = 3"):
        ml.minimize("beale", method=ml.heavy_ball(lr=fickle), tol=0, maxiter=10)


def test_zeros_of_either_sign_are_the_same_in_both_loops():
    @rule
    def by_dot(x, g, s=0.0, /, lr=0.01, size=lambda s, g, lr: minimum(lr, 1 / dot(s, g))):
        return x - size * g, -size * g

    @rule
    def by_maximum(x, g, /, lr=0.1):
        return (
            x
            - lr * where(1 / maximum(-0.0 * lr, 0.0) > 0, 1.0, 2.0) * where(1 / minimum(0 * g, -0.0) > 0, 1.0, 2.0) * g
        )

    p = ml.problem("stiff_quadratic")
    for method in (by_dot(lr=1e-3), by_maximum(lr=1e-3)):
        a, b = (ml.minimize(*start, method, tol=0, maxiter=5) for start in ((p, None), (p.f, p.x0)))
        assert (a.status, a.nit) == (b.status, b.nit)
        assert np.array_equal(a.x, b.x)


def test_schedules_are_of_one_iteration_at_a_time():
    method = ml.heavy_ball(lr=lambda k: np.max(0.1 / k))
    assert [method.rule.row(k)["lr"] for k in (1, 2, 4)] == [0.1, 0.05, 0.025]
    assert ml.heavy_ball(lr=lambda k: 0.1).rule.row(5)["lr"] == 0.1


def test_a_measured_number_may_ask_for_the_iteration():
    warm = ml.gradient_descent.having(lr=lambda g, k: minimum(0.01, k / (norm(g) + 1e3)))
    p = ml.problem("rosenbrock", n=10)
    a, b = (ml.minimize(*start, method=warm(), maxiter=50, tol=0) for start in ((p,), (p.f, p.x0)))
    assert np.array_equal(a.x, b.x)


def test_dividing_by_nothing_is_the_same_in_both_loops():
    guarded = ml.heavy_ball.having(beta=lambda v, g: where(dot(v, v) > 0, minimum(0.9, dot(g, g) / dot(v, v)), 0.0))
    p = ml.problem("stiff_quadratic")
    a, b = (ml.minimize(*start, method=guarded(lr=1e-3), maxiter=50, tol=0) for start in ((p,), (p.f, p.x0)))
    assert a.nit == 50
    assert np.array_equal(a.x, b.x)


def test_recurrences_may_be_asked_from_many_threads():
    import sys
    from concurrent.futures import ThreadPoolExecutor

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            t = ml.recurrence(1.0, lambda t: t + 1.0)
            with ThreadPoolExecutor(4) as pool:
                assert set(pool.map(t, [500] * 8)) == {500.0}
    finally:
        sys.setswitchinterval(interval)


def test_a_recurrence_is_a_function_of_k():
    t = ml.recurrence(1.0, lambda t: (1 + sqrt(1 + 4 * t * t)) / 2)
    assert t(1) == 1.0
    assert t(3) == pytest.approx((1 + sqrt(1 + 4 * t(2) ** 2)) / 2)
    assert np.array_equal(t(np.array([3.0, 1.0])), [t(3), t(1)])


def test_a_recurrence_asks_a_tensor_elsewhere_for_its_largest_itself():
    class OnDevice:
        """What NumPy cannot look at."""

        __array__ = None

        def max(self):
            return self

        def __int__(self):
            return 3

    assert ml.recurrence(1.0, lambda t: t + 1.0)(OnDevice()) == 3.0


def test_a_recurrence_is_right_far_on():
    t, known = ml.recurrence(1.0, lambda t: (1 + sqrt(1 + 4 * t * t)) / 2), [np.nan, 1.0]
    for _ in range(100_010):
        known.append((1 + sqrt(1 + 4 * known[-1] ** 2)) / 2)
    k = np.arange(100_000.0, 100_008.0)
    assert t(100_000) == known[100_000]
    assert np.array_equal(t(k), known[100_000:100_008])
    assert np.array_equal(t(k[::-3]), known[100_007:100_000:-3])
    beta = (known[100_000] - 1) / known[100_001]
    assert ml.nesterov_fista().rule.row(100_000)["beta"] == pytest.approx(beta, rel=1e-15)


def test_defaults_with_values_in_a_function_are_left_alone():
    assert ml.heavy_ball(lr=lambda k, scale=0.5: scale / k).rule.row(2)["lr"] == 0.25


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (
            lambda: ml.heavy_ball(betta=0.9),
            TypeError,
            "heavy_ball: there is no hyperparameter 'betta'; did you mean 'beta'?",
        ),
        (lambda: ml.sgd(momentum=0.9), TypeError, "there is no hyperparameter 'momentum'; did you mean 'beta'?"),
        (lambda: ml.adam(betas=(1, 2)), TypeError, "adam: there is no hyperparameter 'betas'; did you mean 'beta1'?"),
        (lambda: ml.sgdw_paper(lr=0.1, alpha=0.5), TypeError, "sgdw_paper: alpha = 0.5 has no effect: as lr, which"),
        (lambda: ml.pid(kd=0.1, lr=0.1, L=3), TypeError, "there is no hyperparameter 'L'"),
        (lambda: ml.radam(threshold=0), ValueError, "radam: threshold = 0 is outside its range [4, ∞)"),
        (lambda: ml.sgd.then(ml.into_box)(lower=np.inf), ValueError, "lower = inf is outside its range [-∞, ∞)"),
        (lambda: ml.sgd.then(ml.into_box)(upper=-np.inf), ValueError, "upper = -inf is outside its range (-∞, ∞]"),
        (lambda: ml.heavy_ball(beta=1.0), ValueError, "heavy_ball: beta = 1.0 is outside its range [0, 1)"),
        (lambda: ml.heavy_ball(lr=-1), ValueError, "heavy_ball: lr = -1 is outside its range [0, ∞)"),
        (lambda: ml.heavy_ball(lr=float("nan")), ValueError, "outside its range"),
        (
            lambda: ml.heavy_ball(lr="fast"),
            TypeError,
            "lr = 'fast' is not a number; give a number in [0, ∞) or a function of k",
        ),
        (lambda: ml.heavy_ball(lr=True), TypeError, "not a number"),
        (lambda: ml.heavy_ball(lr=[0.1, 0.2]), TypeError, "not a number"),
        (lambda: ml.heavy_ball(lr=1j), TypeError, "not a number"),
        (lambda: ml.heavy_ball(lr=lambda v: 0.1 / v), TypeError, "asks for 'v', which is a vector of the rule"),
        (lambda: ml.nesterov(lr=lambda x: 0.1), TypeError, "nesterov.having(lr=...)"),
        (
            lambda: ml.heavy_ball(lr=lambda t: 0.1 / t),
            TypeError,
            "asks for 't', which heavy_ball does not have; it may ask for k",
        ),
        (lambda: ml.pid(lr=lambda kd: kd), TypeError, "functions of each other"),
        (
            lambda: ml.heavy_ball(beta=lambda k: 1 - 2 / k),
            ValueError,
            "heavy_ball, iteration k = 1: beta = -1.0 is outside its range [0, 1)",
        ),
        (lambda: ml.heavy_ball(lr=0.1, search=ml.Backtracking()), TypeError, "lr = 0.1 fixes the step size"),
        (lambda: ml.heavy_ball(0.1), TypeError, "bind by name: heavy_ball(lr=0.1)"),
        (lambda: ml.pid.starting(prev=0.0), TypeError, "there is no slot 'prev'"),
        (lambda: ml.pid.starting(g_prev="g"), TypeError, "a number, POINT or GRADIENT"),
        (lambda: ml.adam.tuned(mu=1, L=2), TypeError, "adam has no tuning from theory"),
        (lambda: ml.nesterov.tuned(L=2), TypeError, "nesterov.tuned needs mu"),
        (lambda: ml.nesterov.tuned(mu=3, L=2), ValueError, "mu = 3 is larger than L = 2"),
        (lambda: ml.nesterov.tuned(mu=0, L=2), ValueError, "outside its range (0, ∞)"),
        (lambda: ml.heavy_ball.having(betta=1.0), TypeError, "did you mean 'beta'"),
        (lambda: ml.heavy_ball.after(ml.decoupled), TypeError, "it takes a transform of (x, g)"),
        (lambda: ml.heavy_ball.then(ml.l2), TypeError, "it takes a transform of (x, x_next)"),
        (lambda: ml.heavy_ball.after(ml.l2).then(ml.decoupled), TypeError, "both have 'weight_decay'"),
        (lambda: ml.heavy_ball(v=1.0), TypeError, "v is a vector, not a hyperparameter"),
        (lambda: ml.sgd(k=5), TypeError, "k is the iteration, not a hyperparameter"),
        (lambda: ml.heavy_ball.having(x=1.0), TypeError, "x is a vector, not a hyperparameter"),
        (lambda: ml.heavy_ball(lr=10**400), TypeError, "is not a number"),
        (lambda: ml.heavy_ball(lr=np.linspace(0, 1, 1000)), TypeError, "... is not a number"),
        (lambda: ml.heavy_ball(lr=max), TypeError, "does not name its arguments"),
        (lambda: ml.heavy_ball(lr=lambda *, k: k), TypeError, "does not name its arguments"),
        (lambda: ml.heavy_ball(lr=lambda k: [0.1, 0.2]), TypeError, "lr = [0.1, 0.2] is not a number"),
        (lambda: ml.heavy_ball(lr=lambda k: 1j), TypeError, "lr = 1j is not a number"),
        (lambda: ml.heavy_ball(lr=lambda k: "0.1"), TypeError, "lr = '0.1' is not a number"),
        (
            lambda: ml.heavy_ball(search=5),
            TypeError,
            "search = 5; give one of Backtracking(), Armijo(), Wolfe(), Exact(), or lr for a fixed step size",
        ),
        (lambda: ml.adam(search=ml.Backtracking()), TypeError, "no plain gradient step finds its lr; take Armijo()"),
        (
            lambda: ml.heavy_ball(lr=0.1).after(ml.l2),
            AttributeError,
            "after belongs to the rule: heavy_ball.after(...)",
        ),
        (lambda: rule(tuned=3), TypeError, "rule: tuned = 3; give a mapping"),
        (lambda: ml.heavy_ball.named("n", None), TypeError, "give a name and a sentence"),
        (lambda: ml.heavy_ball.starting(v=10**400), TypeError, "a slot starts as a number"),
        (lambda: ml.heavy_ball(lr=np.vectorize(lambda k: k)), TypeError, "does not name its arguments"),
        (lambda: ml.heavy_ball.having(dampening=0.5), TypeError, "there is no hyperparameter 'dampening'"),
        (lambda: ml.sgd.having(dampening=0.5).tuned(1, 100), TypeError, "has no tuning from theory"),
        (lambda: rule(5), TypeError, "rule takes a function"),
        (lambda: rule(ml.pid), TypeError, "rule takes a function"),
        (lambda: rule(tuned=dict(lr=lambda Q: Q))(lambda x, g, /, lr=0.1: x - lr * g), TypeError, "asks for 'Q'"),
        (lambda: ml.Backtracking(first="a"), ValueError, "it must be a number in (0, ∞)"),
        (lambda: ml.Backtracking(first=0), ValueError, "it must be a number in (0, ∞)"),
    ],
)
def test_a_wrong_name_or_value_is_refused_with_a_sentence(make, error, says):
    with pytest.raises(error) as caught:
        make()
    assert says in str(caught.value)


def hides_an_if(x, g, v=0.0, /, lr=0.1):
    return (x - lr * g, v) if v > 0 else (x, v)


def hides_a_max(x, g, /, lr=0.1):
    return x - lr * max(g, 0.0)


def takes_a_flag(x, g, /, lr=0.1, nu=1.0):
    if nu:
        g = -g
    return x - lr * g


def changes_in_place(x, g, v=0.0, /, lr=0.1):
    v *= 0.9
    return x - lr * g, v


def calls_numpy(x, g, /, lr=0.1):
    return x - lr * np.sqrt(g)


def raises_to_a_power(x, g, /, lr=0.1):
    return x - lr * g**3


def sees_a_whole_vector(x, g, /, lr=0.1):
    return x - lr * g / g.sum()


def calls_a_rule(x, g, v=0.0, /, lr=0.1):
    return ml.heavy_ball(x, g, v)


def forgets_a_slot(x, g, v=0.0, /, lr=0.1):
    return x - lr * g


def has_no_slash(x, g, lr=0.1):
    return x - lr * g


def has_no_gradient(x, y, /, lr=0.1):
    return x


def has_no_x(y, g, /, lr=0.1):
    return y - lr * g


def has_no_default(x, g, /, lr):
    return x - lr * g


def has_a_bare_slot(x, g, v, /, lr=0.1):
    return x - lr * v


def starts_oddly(x, g, v="zero", /, lr=0.1):
    return x, v


def sees_k(x, g, /, lr=0.1, k=1):
    return x


def has_a_wild_default(x, g, /, beta=1.5):
    return x


def asks_for_nothing_known(x, g, /, lr=lambda q: q):
    return x - lr * g


def takes_everything(x, g, /, *rest):
    return x


def has_a_star(x, g, /, *, lr=0.1):
    return x - lr * g


def takes_x_next(x, g, /, x_next=0.1):
    return x


def takes_step(x, g, /, step=0.1):
    return x


def takes_none(x, g, /, lr=0.1):
    return maximum(None, x)


def takes_a_norm(x, g, /, lr=0.1):
    return x - lr * g / norm(g)


def computes_with_a_condition(x, g, /, lr=0.1):
    return x - lr * ((g > 0) - (g < 0))


def chooses_by_a_number(x, g, /, lr=0.1):
    return x - where(g, lr, 0.0)


def joins_a_number(x, g, /, lr=0.1):
    return x - where((g > 0) & True, lr, 0.0)


def returns_a_condition(x, g, /):
    return g > 0


def returns_a_constant(x, g, v=0.0, /, lr=0.1):
    return x - lr * g, 1.0


def returns_a_number(x, g, v=0.0, /, lr=0.1):
    return x - lr * g, lr


def uses_dot_of_numpy(x, g, /, lr=0.1):
    return x - lr * np.dot(g, g)


def squares_in_place(x, g, /, lr=0.1):
    g **= 2
    return x - lr * g


def looks_itself_up(x, g, /, lr=0.1):
    return x - {lr: 2.0}.get(0.1, 1.0) * g


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (hides_an_if, "hides a branch"),
        (hides_a_max, "use where, maximum or minimum"),
        (takes_a_flag, "hides a branch"),
        (changes_in_place, "write v = beta * v"),
        (calls_numpy, "cannot be written down"),
        (raises_to_a_power, "it raises to a power: write products and sqrt"),
        (sees_a_whole_vector, "cannot be written down"),
        (calls_a_rule, "cannot be written down"),
        (forgets_a_slot, "it must return 2: the new x, the new v"),
        (has_no_slash, "a slash after the slots"),
        (has_no_gradient, "its gradient g"),
        (has_no_x, "no argument is named x"),
        (has_no_default, "lr has no default"),
        (has_a_bare_slot, "'v' has no default and is not B or H"),
        (starts_oddly, "a number, POINT or GRADIENT"),
        (sees_k, "k is the iteration, not a hyperparameter or a slot; a hyperparameter's function may ask for it"),
        (has_a_wild_default, "beta = 1.5 is outside its range [0, 1)"),
        (asks_for_nothing_known, "asks for 'q'"),
        (takes_everything, "name every argument"),
        (has_a_star, "a star declares nothing"),
        (takes_x_next, "x_next is where a rule went, not a hyperparameter or a slot; choose another name"),
        (takes_step, "step is what a search finds"),
        (takes_none, "None is not a number"),
        (takes_a_norm, "belongs to a measured hyperparameter"),
        (computes_with_a_condition, "it computes with a condition"),
        (chooses_by_a_number, "where takes a condition first"),
        (joins_a_number, "joins conditions"),
        (returns_a_condition, "is not a vector of numbers"),
        (returns_a_constant, "it returns 1.0, which is not a vector"),
        (returns_a_number, "it returns h_lr, which is not a vector"),
        (uses_dot_of_numpy, "it calls numpy.dot"),
        (squares_in_place, "write v = beta * v"),
        (looks_itself_up, "unhashable"),
    ],
)
def test_what_leaves_the_grammar_is_refused_at_declaration(step, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        rule(step)
    assert says in str(caught.value)
    assert step.__name__ in str(caught.value)


def test_conditions_and_absolute_values_may_be_written():
    @rule
    def guarded(x, g, /, lr=0.1):
        return x - lr * where((g > 0) & (x < 2) | (g <= -3), abs(g), -2)

    @rule
    def positive(x, g, /, lr=0.1):
        return +x - lr * where(np.float64(0.5) < g, np.float64(2.0) * g, g)

    assert positive.advance(np.zeros(2), np.array([1.0, 0.1]), [], positive.row(1))[0] == pytest.approx([-0.2, -0.01])
    p = ml.problem("rosenbrock", n=10)
    x, g = np.array([1.0, 2.0, 3.0]), np.array([1.5, 0.5, -3.0])
    assert np.array_equal(guarded.advance(x, g, [], guarded.row(1))[0], x - 0.1 * np.array([1.5, -2, 3]))
    a, b = (ml.minimize(*start, method=guarded(lr=1e-6), maxiter=50, tol=0) for start in ((p,), (p.f, p.x0)))
    assert np.array_equal(a.x, b.x)


def test_ranges_hold_their_ends():
    assert inside("beta", 0) and not inside("beta", 1)
    assert inside("dampening", 1) and not inside("dampening", 1.1)
    assert not inside("mu", 0) and inside("lr", 0)
    assert inside("lr", np.array([0.1, np.nan])).tolist() == [True, False]
    assert inside("kd", -3) and not inside("kd", np.inf) and inside("max_norm", np.inf)
    assert all(text[0] in "[(" and text[-1] in ")]" for text in RANGES.values())


# ------------------------------------------------------------------ composition


def test_transforms_compose_in_the_order_they_read():
    """heavy_ball.after(clip).after(l2): first l2, then clip, then the rule; the clip measures what it is given."""
    x, g, v = np.array([3.0, -1.0]), np.array([0.5, 2.0]), np.array([0.1, 0.2])
    composed = ml.heavy_ball.after(ml.clip_norm).after(ml.l2)
    row = composed(lr=0.1, beta=0.5, weight_decay=0.2, max_norm=1.0).rule.row(1)
    seen = g + 0.2 * x
    seen = min(1.0, 1.0 / (np.linalg.norm(seen) + 1e-6)) * seen
    expected = 0.5 * v - 0.1 * seen
    moved, memory = composed.advance(x, g, [v], row)
    assert memory == pytest.approx(expected, rel=1e-14)
    assert moved == pytest.approx(x + expected, rel=1e-14)


def test_a_slot_that_starts_as_the_gradient_starts_as_the_one_the_rule_sees():
    decayed = ml.pid.after(ml.l2)
    x, g = np.array([2.0]), np.array([1.0])
    method = decayed(lr=0.1, weight_decay=0.5)
    assert method.rule.start(x, g, method.rule.row(1))[1] == 2.0


def test_decoupled_decay_acts_beside_the_step_at_the_old_point():
    adamw = ml.adam.then(ml.decoupled)
    x, g, rest = np.array([2.0]), np.array([1.0]), [np.zeros(1), np.zeros(1)]
    row = adamw(lr=0.1, weight_decay=0.5).rule.row(1)
    plain = ml.adam.advance(x, g, rest, ml.adam(lr=0.1).rule.row(1))[0]
    assert adamw.advance(x, g, rest, row)[0] == pytest.approx(plain - 0.1 * 0.5 * 2.0)


@pytest.mark.parametrize(
    ("bind", "why"),
    [
        (lambda: ml.adagrad(lr=0.1, rate=0.3), "as rate, which would ask for it"),
        (lambda: ml.sgd(dampening=0.1, gain=1.0), "as gain, which"),
        (lambda: ml.heavy_ball.after(ml.clip_norm)(lr=0.1, shorten=0.5, max_norm=3), "as shorten, which"),
        (lambda: ml.sgd.after(ml.centralize)(mean=0.0, axis=1), "as mean, which"),
        (lambda: ml.sgd.having(gain=1.0)(dampening=0.1), "nothing reads it"),
    ],
)
def test_a_number_that_another_one_replaces_is_refused(bind, why):
    with pytest.raises(TypeError, match=f"has no effect: {why}"):
        bind()


@pytest.mark.parametrize(
    ("tuned", "says"),
    [
        ({"lr": lambda Q: 1 / Q}, "asks for 'Q'; it may ask for mu, L, lr, beta"),
        ({"lrr": lambda L: 1 / L}, "the tuning of lrr is of no hyperparameter; there are lr, beta"),
        (3, "tuned = 3; give a mapping"),
    ],
)
def test_a_tuning_is_checked_where_it_is_given(tuned, says):
    with pytest.raises(TypeError, match=re.escape(says)):
        ml.heavy_ball.named("mine", "A sentence.", tuned=tuned)


def test_a_transform_of_lr_cannot_see_what_a_search_has_yet_to_find():
    scaled = transform(lambda x, g, lr: g * (1 + lr))
    with pytest.raises(TypeError, match="a transform of the gradient asks for lr, which the search finds after"):
        ml.newton.after(scaled)(preconditioner="lbfgs")
    for method in (ml.newton.after(scaled)(preconditioner="diagonal"), ml.newton.after(scaled)(lr=0.5)):
        assert ml.minimize("booth", method=method, maxiter=3).nit == 3


def test_what_a_transform_takes_reaches_a_product_with_the_gradient():
    decays = [ml.newton.after(ml.l2)(lr=0.1, weight_decay=decay, preconditioner="identity") for decay in (0.0, 1.0)]
    x = [ml.minimize("sphere", [1.0, 1.0], method=method, maxiter=1).x[0] for method in decays]
    assert x[1] == pytest.approx(x[0] - 0.1)


def test_a_box_may_be_open_on_a_side():
    positive = ml.gradient_descent.then(ml.into_box)(lr=0.1, lower=0.0, upper=np.inf)
    for start in ((ml.problem("sphere"),), (ml.problem("sphere").f, [1.0, 1.0])):
        assert ml.minimize(*start, method=positive).success
    moved = positive.advance(np.array([1.0, 1.0]), np.array([-1e9, 1e9]), [], 1)[0]
    assert moved.tolist() == [1 + 1e8, 0.0]


def test_a_transform_says_what_it_must_look_like():
    for bad, says in [
        (ml.l2, "transform takes a function"),
        (lambda x, g, k=2.0: g, "k=2.0 is not a hyperparameter that it may have"),
        (lambda x, g, step=2.0: g, "step=2.0 is not a hyperparameter that it may have"),
        (lambda x, g, *, c=2.0: g, "is not a hyperparameter that it may have"),
        (lambda x, g, lr=-1.0: g, "lr = -1.0 is outside its range"),
    ]:
        with pytest.raises((TypeError, ValueError), match=says):
            transform(bad)
    with pytest.raises(TypeError, match="both have 'v'"):
        ml.heavy_ball.after(transform(lambda x, g, v=2.0: g))
    with pytest.raises(TypeError, match="they must be x, g or x, x_next"):

        @transform
        def odd(g, x):
            return g


# ------------------------------------------------------------------ records


def test_methods_are_immutable_records():
    a, b = ml.heavy_ball(lr=0.1), ml.heavy_ball(lr=0.1)
    assert a == b
    assert hash(a) == hash(b)
    assert a != ml.heavy_ball(lr=0.2)
    with pytest.raises(AttributeError):
        a.search = None
    with pytest.raises(TypeError):
        ml.heavy_ball.hyper["lr"] = 5.0
    with pytest.raises(TypeError):
        ml.heavy_ball.slots["v"] = 5.0
    assert repr(ml.heavy_ball(lr=lambda k: 1 / k, beta=0.5)) == "heavy_ball(lr=f(k), beta=0.5)"
    assert "lr=0.01" in repr(ml.heavy_ball)


def test_the_step_size_is_searched_where_it_is_not_given_and_means_something():
    assert ml.heavy_ball().search == ml.Backtracking()
    assert ml.heavy_ball(lr=0.1).search is None
    assert ml.heavy_ball.having(lr=0.1)().search is None
    assert ml.heavy_ball(search=ml.Backtracking(first=8.0)).search.first == 8.0
    assert ml.heavy_ball(search=ml.Backtracking(np.int64(1))).search.first == 1.0
    assert ml.pid.starting(g_prev=np.int64(1)).slots["g_prev"] == 1
    assert ml.adam().search is None  # its step does not scale with the gradient
    assert ml.nesterov.after(ml.clip_norm)().search == ml.Backtracking()  # the rule's does


def test_a_searched_rule_starts_with_the_step_that_was_tested():
    """An averaging rule's lr is larger, so that its first step is the gradient step of the search."""
    assert ml.heavy_ball().lr(1, 0.25) == 0.25
    assert ml.rsgdm(beta=0.75).lr(1, 0.25) == 1.0
    assert ml.heavy_ball.after(ml.clip_value)(max_value=0.5).lr(1, 0.25) == 0.25  # whatever transforms do
    p = ml.problem("beale")
    a, b = (ml.minimize(p, method=m(), maxiter=1).iterate for m in (ml.gradient_descent, ml.rsgdm))
    assert a == pytest.approx(b, rel=1e-14)


def test_what_a_search_learns_of_a_rule_needs_no_more_than_its_first_row():
    @rule
    def delayed(x, g, last=0.0, /, lr=0.1):
        return x - lr * last, g

    @rule
    def barzilai_borwein(x, g, s=0.0, last=0.0, /, lr=0.1, size=lambda s, g, last, lr: dot(s, s) / dot(s, g - last)):
        return x - size * g, -size * g, g

    assert delayed().lr(1, 0.25) == 0.25  # its first step is none
    assert barzilai_borwein().lr(1, 0.25) == 0.25  # and this one's is 0/0
    assert ml.heavy_ball.having(beta=lambda k: [0.5][k - 1])().search == ml.Backtracking()


def test_tunings_are_numbers_from_theory():
    assert ml.nesterov.tuned(mu=1, L=100) == ml.nesterov(lr=0.01, beta=9 / 11)
    assert ml.gradient_descent.tuned(mu=1, L=3) == ml.gradient_descent(lr=0.5)
    hb = dict(ml.heavy_ball.tuned(mu=1, L=25).bound)
    assert hb == pytest.approx({"lr": 1 / 9, "beta": 4 / 9})
    tmm = dict(ml.pid.tuned(mu=1, L=100).bound)
    assert tmm == pytest.approx({"lr": 0.019, "beta": 0.736364, "kd": 0.00736364}, rel=1e-6)
    assert dict(ml.nesterov_convex.tuned(L=4).bound) == {"lr": 0.25}
    assert dict(ml.rsgdm.tuned(mu=1, L=100).bound)["lr"] == pytest.approx(0.01 / (2 / 11))


def written(x, g, /, lr=0.1):
    return x - lr * g


under_another_name = rule(written)


def test_rules_and_methods_travel():
    derived = [ml.pid.starting(g_prev=0.0), ml.adam.then(ml.decoupled), ml.heavy_ball.having(beta=0.5)]
    for thing in (ml.heavy_ball, ml.nesterov_fista, under_another_name, *derived, ml.heavy_ball.named("mine", "Mine.")):
        again = pickle.loads(pickle.dumps(thing))
        assert (again.text, again.name) == (thing.text, thing.name)
        assert (again.hyper, again.slots) == (thing.hyper, thing.slots)
        assert copy.deepcopy(thing) is copy.copy(thing) is thing
    for method in (ml.pid(lr=0.1), ml.nesterov_convex(), ml.heavy_ball(search=ml.Backtracking(2.0))):
        assert pickle.loads(pickle.dumps(method)) == copy.deepcopy(method) == method
    local = rule(lambda x, g, /, lr=0.1: x - lr * g)
    assert copy.deepcopy(local) is local
    with pytest.raises(pickle.PicklingError, match="declare it at the top of a file"):
        pickle.dumps(local)


def test_a_rule_of_a_file_travels_by_its_text(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from momentumlab import rule\n@rule\ndef mine(x, g, /, lr=0.5):\n    return x - lr * g\n")
    loaded = ml.load(f"{file}:mine")
    packed = pickle.dumps(loaded)
    file.unlink()
    assert pickle.loads(packed).text == loaded.text


def test_loading_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        ml.load(str(tmp_path / "none.py:mine"))
    file = tmp_path / "two.py"
    file.write_text(
        "from momentumlab import rule\n@rule\ndef first(x, g, /, lr=1.0):\n    return x - lr * g\n"
        "@rule\ndef second(x, g, /):\n    return x - g\n"
    )
    with pytest.raises(ValueError, match="there is no rule 'firts'; did you mean 'first'"):
        ml.load(f"{file}:firts")
    assert ml.load(f"{file}:second").name == "second"


def test_pages_are_made_from_the_rule():
    assert "Polyak (1964)" in ml.heavy_ball.__doc__
    assert "beta : 0.9, constant, in [0, 1)" in ml.heavy_ball.__doc__
    assert "g_prev : starts as the first gradient" in ml.pid.__doc__
    assert str(ml.heavy_ball.__signature__) == "(*, lr=0.01, beta=0.9, search=None)"
