"""The grammar: what a signature declares, what binding takes, and the sentences that refuse the rest."""

import copy
import pickle

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.hyper import RANGES, inside
from momentumlab.ops import norm, sqrt, where
from momentumlab.rule import GRADIENT, POINT, rule, transform


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


def test_a_recurrence_is_a_function_of_k():
    t = ml.recurrence(1.0, lambda t: (1 + sqrt(1 + 4 * t * t)) / 2)
    assert t(1) == 1.0
    assert t(3) == pytest.approx((1 + sqrt(1 + 4 * t(2) ** 2)) / 2)
    assert np.array_equal(t(np.array([3.0, 1.0])), [t(3), t(1)])


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
            "beta is -1 at iteration k = 1, outside its range [0, 1)",
        ),
        (lambda: ml.heavy_ball(lr=0.1, search=ml.Backtracking()), TypeError, "give one of them"),
        (lambda: ml.heavy_ball(0.1), TypeError, "positional"),
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
        (lambda: ml.Backtracking(first=0), ValueError, "outside its range (0, ∞)"),
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


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (hides_an_if, "hides a branch"),
        (hides_a_max, "use where, maximum or minimum"),
        (takes_a_flag, "hides a branch"),
        (changes_in_place, "write v = beta * v"),
        (calls_numpy, "cannot be written down"),
        (raises_to_a_power, "power 3"),
        (sees_a_whole_vector, "cannot be written down"),
        (calls_a_rule, "cannot be written down"),
        (forgets_a_slot, "it must return 2: the new x, the new v"),
        (has_no_slash, "a slash after the slots"),
        (has_no_gradient, "its gradient g"),
        (has_no_x, "no argument is named x"),
        (has_no_default, "lr has no default"),
        (has_a_bare_slot, "'v' has no default and is not B or H"),
        (starts_oddly, "a number, POINT or GRADIENT"),
        (sees_k, "does not see the iteration k"),
        (has_a_wild_default, "beta = 1.5 is outside its range [0, 1)"),
        (asks_for_nothing_known, "asks for 'q'"),
        (takes_everything, "name every argument"),
    ],
)
def test_what_leaves_the_grammar_is_refused_at_declaration(step, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        rule(step)
    assert says in str(caught.value)
    assert step.__name__ in str(caught.value)


def test_squares_and_absolute_values_may_be_written():
    @rule
    def short(x, g, /, lr=0.1):
        return x - lr * abs(g) * g**2

    x, g = np.array([1.0, 2.0]), np.array([-3.0, 0.5])
    assert np.array_equal(short.advance(x, g, [], short.row(1))[0], x - 0.1 * abs(g) * (g * g))


def test_ranges_hold_their_ends():
    assert inside("beta", 0) and not inside("beta", 1)
    assert inside("dampening", 1) and not inside("dampening", 1.1)
    assert not inside("mu", 0) and inside("lr", 0)
    assert not inside("lr", np.array([0.1, np.nan]))
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


def test_a_transform_says_what_it_must_look_like():
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
    assert repr(ml.heavy_ball(lr=lambda k: 1 / k, beta=0.5)) == "heavy_ball(lr=f(k), beta=0.5)"
    assert "lr=0.01" in repr(ml.heavy_ball)


def test_the_step_size_is_searched_where_it_is_not_given_and_means_something():
    assert ml.heavy_ball().search == ml.Backtracking()
    assert ml.heavy_ball(lr=0.1).search is None
    assert ml.heavy_ball.having(lr=0.1)().search is None
    assert ml.heavy_ball(search=ml.Backtracking(first=8.0)).search.first == 8.0
    assert ml.adam().search is None  # its step does not scale with the gradient


def test_tunings_are_numbers_from_theory():
    assert ml.nesterov.tuned(mu=1, L=100) == ml.nesterov(lr=0.01, beta=9 / 11)
    assert ml.gradient_descent.tuned(mu=1, L=3) == ml.gradient_descent(lr=0.5)
    hb = dict(ml.heavy_ball.tuned(mu=1, L=25).bound)
    assert hb == pytest.approx({"lr": 1 / 9, "beta": 4 / 9})
    tmm = dict(ml.pid.tuned(mu=1, L=100).bound)
    assert tmm == pytest.approx({"lr": 0.019, "beta": 0.736364, "kd": 0.00736364}, rel=1e-6)
    assert dict(ml.nesterov_convex.tuned(L=4).bound) == {"lr": 0.25}
    assert dict(ml.rsgdm.tuned(mu=1, L=100).bound)["lr"] == pytest.approx(0.01 / (2 / 11))


@pytest.mark.parametrize("how", [pickle.loads, None])
def test_rules_and_methods_travel(how):
    for thing in (
        ml.heavy_ball,
        ml.nesterov_fista,
        ml.pid.starting(g_prev=0.0),
        ml.adam.then(ml.decoupled),
        ml.heavy_ball.having(beta=0.5),
    ):
        again = how(pickle.dumps(thing)) if how else copy.deepcopy(thing)
        assert again.text == thing.text
        assert again.hyper.keys() == thing.hyper.keys()
        assert again.slots == thing.slots
    method = ml.pid(lr=0.1)
    assert (how(pickle.dumps(method)) if how else copy.deepcopy(method)) == method


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
    assert str(ml.heavy_ball.__signature__) == "(*, lr=0.01, beta=0.9)"
