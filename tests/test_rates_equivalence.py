"""Which rules are the same, by transfer functions, and how they differ at first."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import rates, rule
from momentumlab.rates import NotLinear, equivalent

from .runs import close, driven

GRADIENTS = np.random.default_rng(0).standard_normal((60, 5))


@rule
def quasi_hyperbolic(x, g, m=0.0, /, lr=0.01, beta=0.9, nu=0.7):
    """Ma & Yarats (2019): m⁺ = βm + (1 − β)g, x⁺ = x − α((1 − ν)g + νm⁺)."""
    m = beta * m + (1 - beta) * g
    return x - lr * ((1 - nu) * g + nu * m), m


@rule
def two_memories(x, g, v=0.0, w=0.0, /, lr=0.01, beta=0.9, beta2=0.5):
    v, w = beta * v - lr * g, beta2 * w - lr * g
    return x + 0.5 * (v + w), v, w


# ------------------------------------------------------------------ rules, by symbols


def symbols(text):
    sp = pytest.importorskip("sympy")
    return sp.sympify(text, locals={n: sp.Symbol(n, positive=True) for n in ("lr", "beta", "nu", "kd", "gamma", "Kd")})


SAME = {
    ("heavy_ball", "pid"): {"kd": "0"},
    ("heavy_ball", "sgd"): {},
    ("heavy_ball", "heavy_ball_ema"): {"lr": "lr/(1 - beta)"},
    ("nesterov", "nesterov_sgd"): {},
    ("nesterov", "pid"): {},
    ("nesterov", "qhm"): {"lr": "lr/(1 - beta)", "nu": "beta"},
    ("rsgdm", "nesterov_sgd"): {"lr": "lr*(1 - beta)"},
    ("rsgdm", "pid"): {"lr": "lr*(1 - beta)"},
    ("rsgdm", "qhm"): {"nu": "beta"},
    ("qhm", "pid"): {"lr": "lr*(1 - beta)", "kd": "lr*beta*(1 - nu)"},
    ("pid_ema", "pid"): {"kd": "Kd*(1 - beta)"},
    ("pid", "pid_ema"): {"Kd": "kd/(1 - beta)"},
    ("triple_momentum", "pid"): {"kd": "lr*gamma"},
    ("pid", "triple_momentum"): {"gamma": "kd/lr"},
    ("gradient_descent", "heavy_ball"): {"beta": "0"},
    ("gradient_descent", "triple_momentum"): {"beta": "0", "gamma": "0"},
}


@pytest.mark.parametrize(("a", "b"), SAME)
def test_one_is_the_other(a, b):
    pytest.importorskip("sympy")
    verdict = equivalent(a, b)
    assert verdict
    assert set(verdict.mapping) == set(SAME[a, b])
    assert all((symbols(str(v)) - symbols(SAME[a, b][n])).simplify() == 0 for n, v in verdict.mapping.items())


@pytest.mark.parametrize(("a", "b"), SAME)
def test_the_mapping_makes_the_same_method(a, b):
    """The numbers that it gives, put in: equal Markov parameters."""
    pytest.importorskip("sympy")
    given = dict(lr=0.02, beta=0.7, nu=0.4, kd=0.05, gamma=0.3, Kd=0.06)
    first = getattr(ml, a)
    first = first(**{n: v for n, v in given.items() if n in first.hyper})
    second = getattr(ml, b)
    values = {str(n): float(v) for n, v in first.row(1).items()}
    verdict = equivalent(a, b)
    mapped = {
        n: float(symbols(str(v)).subs({symbols(k): w for k, w in values.items()})) for n, v in verdict.mapping.items()
    }
    kept = {n: values[n] for n in ("lr", "beta") if n in second.hyper and n in values}
    assert equivalent(first, second(**kept | mapped))


@pytest.mark.parametrize(
    ("a", "b", "converse"),
    [
        ("pid", "heavy_ball", "heavy_ball is pid with kd = 0"),
        ("qhm", "nesterov", "nesterov is qhm with lr = lr/(1 - beta) and nu = beta"),
        ("heavy_ball", "gradient_descent", "gradient_descent is heavy_ball with beta = 0"),
        ("pid_outside", "heavy_ball", "heavy_ball is pid_outside with kd = 0"),
        ("pid_outside", "pid", None),
        ("heavy_ball", "nesterov", None),
    ],
)
def test_one_is_not_the_other(a, b, converse):
    pytest.importorskip("sympy")
    verdict = equivalent(a, b)
    assert not verdict and not verdict.mapping
    assert ("but not the other way round" in verdict.why) == (converse is not None)
    assert converse is None or converse in verdict.why


STARTS = {
    ("rsgdm", "nesterov_sgd"): ("-lr*beta*(1 - beta)", ("beta",)),
    ("nesterov", "pid"): ("lr*beta", ("beta",)),
    ("pid", "triple_momentum"): ("-kd", ("beta",)),
    ("heavy_ball", "sgd"): None,
    ("pid", "pid_ema"): None,
}


@pytest.mark.parametrize(("a", "b"), STARTS)
def test_how_the_first_steps_differ(a, b):
    pytest.importorskip("sympy")
    start, stated = equivalent(a, b).start, STARTS[a, b]
    if stated is None:
        assert start is None
    else:
        assert (start.k, start.decay) == (1, tuple(map(symbols, stated[1])))
        assert (start.first - symbols(stated[0])).simplify() == 0


def test_the_first_steps_do_differ_so():
    """On any gradients, by −kd g₀βᵏ."""
    pid, triple = ml.pid(lr=0.1, beta=0.6, kd=0.07), ml.triple_momentum(lr=0.1, beta=0.6, gamma=0.7)
    apart = np.diff(driven(triple, GRADIENTS), axis=0) - np.diff(driven(pid, GRADIENTS), axis=0)
    close(apart, -0.07 * 0.6 ** np.arange(60)[:, None] * GRADIENTS[0])
    start = equivalent(pid, triple).start
    assert (start.first, start.k, *start.decay) == pytest.approx((-0.07, 1, 0.6), rel=1e-4)


def test_a_schedule_that_settles_is_judged_where_it_has():
    """torch's first buffer is not dampened: step 1 is larger by τα g₀."""
    pytest.importorskip("sympy")
    verdict = equivalent("sgd", "heavy_ball")
    assert str(verdict.mapping["lr"]) == "lr*(1 - dampening)"
    assert (verdict.start.k, str(verdict.start.first), *map(str, verdict.start.decay)) == (1, "dampening*lr", "beta")
    torch, ours = (driven(m, GRADIENTS) for m in (ml.sgd(lr=1, dampening=0.3), ml.heavy_ball(lr=0.7)))
    close((np.diff(ours, axis=0) - np.diff(torch, axis=0))[0], 0.3 * GRADIENTS[0])


# ------------------------------------------------------------------ a user's own


def test_a_rule_of_ones_own_gets_a_verdict_and_a_card():
    """Eight lines: quasi-hyperbolic momentum is PID with k_d = αβ(1 − ν)."""
    pytest.importorskip("sympy")
    verdict = equivalent(quasi_hyperbolic, ml.pid)
    assert {n: str(v) for n, v in verdict.mapping.items()} == {"lr": "lr*(1 - beta)", "kd": "beta*lr*(1 - nu)"}
    assert equivalent(quasi_hyperbolic, ml.qhm).mapping == {}
    tuned = quasi_hyperbolic(lr=1 / (100 * (1 - 9 / 11)), beta=9 / 11, nu=9 / 11)
    card = rates.card(tuned, mu=1, L=100, seeds=0)
    assert card.exact == pytest.approx(0.9, abs=1e-7)
    assert set(card.stated) == {"T6", "T7"}
    assert card.measured["50 curvatures"].low < 0.9 < card.measured["50 curvatures"].high


# ------------------------------------------------------------------ methods, by numbers


def test_methods_are_compared_as_they_are_bound():
    assert equivalent(ml.qhm(lr=0.1, beta=0.9, nu=0.9), ml.nesterov(lr=0.01, beta=0.9))
    assert not equivalent(ml.qhm(lr=0.1, beta=0.9, nu=0.89), ml.nesterov(lr=0.01, beta=0.9))
    verdict = equivalent(ml.heavy_ball(lr=0.1), ml.heavy_ball(lr=0.1 * (1 + 1e-9)))
    assert not verdict and "a gradient moves the point by -0.1 and -0.1 times it" in verdict.why


def test_a_method_is_found_among_the_methods_of_a_rule():
    pytest.importorskip("sympy")
    tuned = ml.triple_momentum.tuned(mu=1, L=100)
    found = equivalent(tuned, ml.pid).mapping
    assert found == pytest.approx(dict(lr=0.019, beta=0.736364, kd=0.00736364), rel=1e-5)
    there, back = (equivalent(*pair) for pair in ((tuned, ml.pid), (ml.pid, tuned)))
    assert back.mapping == there.mapping == found
    assert back.start.first == -there.start.first == pytest.approx(-found["kd"])
    assert not equivalent(ml.pid_outside(lr=0.1), ml.pid)


def test_order_does_not_hide_equality():
    """A rule with a hidden mode: two memories at the same β are one."""
    verdict = equivalent(two_memories(lr=0.1, beta=0.8, beta2=0.8), ml.heavy_ball(lr=0.1, beta=0.8))
    assert verdict and verdict.start is None
    assert not equivalent(two_memories(lr=0.1, beta=0.8, beta2=0.7), ml.heavy_ball(lr=0.1, beta=0.8))


def test_rules_that_are_not_linear_are_driven():
    pairs = {
        (ml.adam(), ml.adam(eps=0, eps_root=1e-8)): False,
        (ml.adam(), ml.adam(c1=1, c2=1)): True,
        (ml.adamw(lr=1e-3, weight_decay=0.1), ml.adamw_paper(alpha=1e-3, weight_decay=1e-4)): True,
        (ml.rmsprop(eps=0), ml.adam(lr=0.01, beta1=0, beta2=0.99, eps=0, c1=1, c2=1)): True,
        (ml.adagrad(), ml.rmsprop()): False,
    }
    for (a, b), same in pairs.items():
        verdict = equivalent(a, b)
        assert bool(verdict) == same and verdict.driven and "random gradients" in verdict.why
    start = equivalent(ml.adam(), ml.adam(c1=1, c2=1)).start
    assert (start.k, start.first, start.of) == (1, None, "")
    assert start.decay[0] == pytest.approx(0.999, abs=1e-3)
    assert str(start).startswith("step 1 differs, which decays by 0.99")


def test_a_schedule_that_never_settles_is_no_matter_of_the_start():
    moving = lambda k: 0.01 / k**0.5
    assert not equivalent(ml.sgd(lr=moving), ml.heavy_ball(lr=moving))
    assert equivalent(ml.sgd(lr=moving), ml.sgd(lr=moving))
    assert equivalent(ml.nesterov_convex(lr=0.1), ml.nesterov(lr=0.1, beta=lambda k: (k - 1) / (k + 2)))


@pytest.mark.parametrize(
    ("a", "b", "error", "sentence"),
    [
        (ml.pmg(lr=0.1), ml.pid(lr=0.1), NotLinear, "pmg asks for Bv beside the gradient, which precond"),
        (ml.gradient_descent, ml.newton, NotLinear, "newton asks for Hg beside the gradient"),
        (ml.pid(), ml.pid(lr=0.1), NotLinear, "finds lr on the way; give lr"),
        (3, ml.pid, TypeError, "equivalent: 3 is neither a method nor a rule"),
        ("pidd", ml.pid, ValueError, "there is no rule 'pidd'; did you mean 'pid'"),
    ],
)
def test_what_cannot_be_judged_says_why(a, b, error, sentence):
    with pytest.raises(error, match=sentence):
        equivalent(a, b)


def test_verdicts_read_as_sentences():
    pytest.importorskip("sympy")
    text = str(equivalent(ml.rsgdm, ml.nesterov_sgd))
    assert text == (
        "equivalent, with lr = lr*(1 - beta), but for the start: step 1 differs by (-beta*lr*(1 - beta))·g₀, "
        "which decays by beta a step (their transfer functions are equal)"
    )
    assert equivalent(ml.rsgdm, ml.pid).record() == {
        "equivalent": True,
        "mapping": {"lr": "lr*(1 - beta)"},
        "start": None,
        "why": "their transfer functions are equal",
    }


def test_the_conventions_of_frameworks():
    pytest.importorskip("sympy")
    rows = rates.conventions()
    others = {row.spelling.partition(":")[0].partition(",")[0] for row in rows if not row.verdict}
    assert others == {
        "torch SGD(momentum) under a schedule α/√k",
        "ε inside the root",
        "L2 decay in the gradient beside AdamW",
    }
    table = rates.conventions_table(rows)
    assert table.count("\n") == len(rows) + 1 and "lr = lr*(1 - dampening)" in table
