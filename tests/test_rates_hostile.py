"""What went wrong once, or would: odd rules, hidden modes, starts that never meet, bad input."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import GRADIENT, POINT, cli, rates, rule
from momentumlab.rates import NotLinear, equivalent
from momentumlab.rates.linear import part, state_space


@rule
def resonant(x, g, a=0.0, b=0.0, /, lr=1.0, eps=2e-3, r=0.9992, c=0.5, s=0.75**0.5):
    """A gradient step, and a lightly damped oscillator that the gradient drives."""
    return x - lr * g + r * (c * a - s * b) + eps * g, r * (c * a - s * b) + eps * g, r * (s * a + c * b)


@rule
def grows(x, g, h=GRADIENT, /, lr=0.01):
    h = 2 * h
    return x - lr * g + h, h


@rule
def grows_beside(y, g, x=POINT, /, lr=0.01, b=1.01):
    return y - lr * g, b * x


@rule
def slow_mean(y, g, x=POINT, /, lr=0.01, b=0.999):
    """Gradient descent whose reported iterate is a slow average."""
    y_next = y - lr * g
    return y_next, b * x + (1 - b) * y_next


@rule
def damped(x, g, /, lr=0.01, beta=0.9):
    return x - lr * (1 - beta) * g


@rule
def halved(x, g, v=0.0, /, lr=0.01, beta=0.9):
    v = 0.5 * beta * v - lr * g
    return x + v, v


@rule
def unused(x, g, v=0.0, idle=0.0, /, lr=0.01, beta=0.9):
    """Heavy ball with a slot that nothing reads."""
    v = beta * v - lr * g
    return x + v, v, 3 * idle


@rule
def late(x, g, h=0.0, /, lr=0.01, c=1.0):
    h = 1.01 * h + c * g
    return x - lr * g + 1e-3 * h, h


# ------------------------------------------------------------------ certificates that would be false


@pytest.mark.parametrize(
    ("method", "mu", "L", "by"),
    [
        (ml.pid(lr=0.5, beta=0.9, kd=-0.09995), 1, 1.001, "frequencies"),
        (ml.pid(lr=0.5, beta=0.5, kd=-0.49998), 1, 1.0001, "lmi"),
        (resonant(lr=1.0), 0.1, 1, "frequencies"),
        (ml.gradient_descent(lr=2.5), 0.5, 1, "lmi"),  # converges at μ alone
    ],
)
def test_nothing_below_the_slowest_quadratic_is_certified(method, mu, L, by):
    if by == "lmi":
        pytest.importorskip("cvxpy")
    found, exact = rates.certified(method, mu=mu, L=L, by=by), rates.exact(method, mu=mu, L=L)
    assert found is None if exact >= 1 else found is None or found >= exact


def test_random_rules_are_certified_no_faster_than_quadratics():
    @rule
    def anything(x, g, u=0.0, v=0.0, /, lr=0.1, a=0.1, b=0.1, c=0.1, d=0.1, e=0.1, f=0.1):
        u, v = a * u + b * v + g, c * v + d * u
        return x - lr * g + e * u + f * v, u, v

    rng, seen = np.random.default_rng(0), 0
    for _ in range(60):
        numbers = [*rng.uniform(-0.9, 0.9, 4), *rng.normal(0, 0.05, 2)]
        method = anything(lr=rng.uniform(0, 1.5), **dict(zip("abcdef", numbers, strict=True)))
        L = float(10 ** rng.uniform(0.01, 1))
        found = rates.certified(method, mu=1 / L, L=1)
        if found is not None:
            seen += 1
            e = np.abs(rates.amplitudes(method, np.geomspace(1 / L, 1, 12), 400)).max(axis=1)
            assert found >= rates.exact(method, mu=1 / L, L=1) - 1e-9
            assert e[400] <= 50 * found**300 * max(1.0, e[100])
    assert seen > 20


def test_between_the_constraints_there_may_be_a_better_one():
    method = ml.pid(lr=0.0423599, beta=0.606693, kd=-0.0323538)
    found = {m: rates.certified(method, mu=1, L=10, multiplier=m) for m in ("sector", "off-by-one", "best")}
    assert found["sector"] is None
    assert found["best"] == pytest.approx(0.96449, abs=1e-4) and found["off-by-one"] == pytest.approx(0.96921, abs=1e-4)


def test_a_rule_that_does_not_rest_at_minimisers_has_no_worst_case():
    pytest.importorskip("PEPit")
    with pytest.raises(NotLinear, match="moves without a gradient, so it does not rest at minimisers"):
        rates.worst_case(ml.gradient_descent.after(ml.l2)(lr=0.1, weight_decay=1.0), mu=1, L=2, steps=2)


# ------------------------------------------------------------------ spectra


def test_a_slot_that_nothing_reads_does_not_count():
    method = unused(lr=0.1, beta=0.5)
    assert len(part(state_space(method)).L) == 2
    alone = rates.exact(ml.heavy_ball(lr=0.1, beta=0.5), mu=1, L=10)
    assert rates.exact(method, mu=1, L=10) == pytest.approx(alone, abs=1e-7)


def test_the_iterate_counts_where_the_point_does_not_show_it():
    assert rates.exact(slow_mean(lr=2 / 101), mu=1, L=100) == pytest.approx(0.999)
    assert rates.exact(grows_beside(lr=2 / 101), mu=1, L=100) == pytest.approx(1.01)


def test_what_was_reached_before_a_schedule_settled_counts():
    method = late(lr=0.01, c=lambda k: ml.ops.where(k < 5, 1.0, 0.0))
    assert rates.exact(method, mu=1, L=100) == pytest.approx(1.01)
    assert rates.certified(method, mu=1, L=100) is None


def test_growth_sees_schedules():
    method = ml.gradient_descent(lr=lambda k: ml.ops.where(k < 5, 1.0, 0.01))
    found = rates.growth(method, mu=1, L=100)
    assert (found.peak, found.k) == (pytest.approx(np.abs(rates.amplitudes(method, [100.0], 20)).max()), 4)
    corrected = ml.heavy_ball_ema_corrected(lr=0.1, beta=0.669)
    assert rates.growth(corrected, mu=1, L=100).peak > 1000


def test_slow_methods_take_no_longer():
    assert rates.growth(ml.gradient_descent(lr=1e-9), mu=1, L=100).peak == 1.0


@pytest.mark.parametrize("factor", [1e-9, 1e-4, 1.0, 1e4, 1e9])
def test_limits_of_stability_at_any_scale(factor):
    @rule
    def scaled(x, g, /, lr=0.01, c=1.0):
        return x - c * lr * g

    assert rates.stable_lr(scaled, mu=1, L=100, c=factor) == pytest.approx(0.02 / factor, rel=1e-9)


def test_a_region_marks_what_cannot_be():
    assert rates.region(ml.heavy_ball, mu=1, L=100, lr=np.array([-1, 0.01]), beta=0.5).tolist()[0] == np.inf
    with pytest.raises(TypeError, match="region: give arrays of hyperparameters of heavy_ball"):
        rates.region(ml.heavy_ball, mu=1, L=100)


def test_what_is_not_free_stays_where_theory_has_it():
    best = rates.tune(ml.heavy_ball, mu=1, L=10, free=["beta"])
    assert best.row(1)["lr"] == ml.heavy_ball.tuned(mu=1, L=10).row(1)["lr"]
    assert rates.exact(best, mu=1, L=10) == pytest.approx(0.519494, abs=1e-5)
    with pytest.raises(ValueError, match="heavy_ball: nothing is free; name some of lr, beta"):
        rates.tune(ml.heavy_ball, mu=1, L=10, free=[])


# ------------------------------------------------------------------ equality


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.9999])
def test_slow_memories_do_not_hide_equality(beta):
    verdict = equivalent(ml.rsgdm(lr=0.1, beta=beta), ml.nesterov_sgd(lr=0.1 * (1 - beta), beta=beta))
    assert verdict and verdict.start.decay[0] == pytest.approx(beta, rel=1e-3)


def test_starts_that_never_meet_are_no_starts():
    assert not equivalent(ml.gradient_descent(lr=0.1), grows(lr=0.1))
    pytest.importorskip("sympy")
    verdict = equivalent(ml.gradient_descent, grows)
    assert not verdict and "does not decay" in verdict.why


def test_a_start_may_differ_by_the_first_point():
    pytest.importorskip("sympy")
    there = ml.heavy_ball.starting(v=POINT)
    for start in (equivalent(ml.heavy_ball, there).start, equivalent(ml.heavy_ball(lr=0.1), there(lr=0.1)).start):
        assert (start.k, start.of) == (1, "x₀")


def test_what_a_solution_leaves_open_stays_as_it_is():
    pytest.importorskip("sympy")
    assert {n: str(v) for n, v in equivalent(ml.gradient_descent, damped).mapping.items()} == {"lr": "10*lr"}
    assert equivalent(damped, damped)


def test_a_solution_out_of_range_is_none():
    pytest.importorskip("sympy")
    verdict = equivalent(ml.heavy_ball(lr=0.1, beta=0.9), halved)
    assert not verdict and "halved would take beta = 1.8, which is outside [0, 1)" in verdict.why
    assert equivalent(ml.heavy_ball(lr=0.1, beta=0.3), halved).mapping["beta"] == pytest.approx(0.6)


def test_products_are_not_left_out():
    for a, b in ((ml.newton, ml.gradient_descent), (ml.pmg_outside, ml.heavy_ball)):
        with pytest.raises(NotLinear, match="beside the gradient, which preconditioners supply"):
            equivalent(a, b)
    pytest.importorskip("sympy")
    with pytest.raises(NotLinear, match="newton asks for Hg"):
        rates.transfer_function(ml.newton)


def test_searches_say_so():
    for call in (lambda: equivalent(ml.gradient_descent(), ml.heavy_ball), lambda: rates.exact(ml.pid(), mu=1, L=2)):
        with pytest.raises(NotLinear, match="finds lr on the way; give lr, or let ml"):
            call()


def test_numbers_of_methods_agree_with_symbols_of_rules():
    sp = pytest.importorskip("sympy")
    z = sp.Symbol("z")
    numeric = rates.transfer_function(ml.rsgdm(lr=0.1, beta=0.5))
    lr, beta = sp.symbols("lr beta", positive=True)
    symbolic = rates.transfer_function(ml.rsgdm).subs({lr: 0.1, beta: 0.5})
    assert complex(numeric.subs(z, 0.3 + 0.4j)) == pytest.approx(complex(symbolic.subs(z, 0.3 + 0.4j)))
    assert rates.poles(ml.rsgdm(lr=0.1, beta=0.5)) == pytest.approx([0.5, 1.0])
    assert rates.zeros(ml.pid(lr=0.1, beta=0.5, kd=0.3)) == pytest.approx([0.75])


# ------------------------------------------------------------------ cards


def test_a_theorem_does_not_cover_what_is_slower_beside_it():
    for method in (grows_beside(lr=2 / 101), slow_mean(lr=2 / 101)):
        assert not rates.card(method, mu=1, L=100, seeds=0).stated


def test_a_bound_is_drawn_only_for_the_theorems_own_iterates():
    """Heavy ball started with a velocity has T3's rate, not its constant."""
    tuned = dict(ml.heavy_ball.tuned(mu=1, L=100).bound)
    card = rates.card(ml.heavy_ball.starting(v=GRADIENT)(**tuned), mu=1, L=100, seeds=0)
    assert "T3" in card.stated and "stated, T3" not in card.lines()
    own = rates.card(ml.heavy_ball, mu=1, L=100, seeds=0)
    bound = own.lines()["stated, T3"]
    for on in ("two curvatures", "50 curvatures"):
        errors = own.errors[on][: len(bound)]
        assert (errors[errors > 1e-11] <= bound[: len(errors)][errors > 1e-11] * (1 + 1e-9)).all()


def test_lines_touch_what_they_speak_of():
    card = rates.card(ml.nesterov, mu=1, L=100, seeds=1)
    assert card.curved == ("log-cosh, seed 0",)
    for label, line in card.lines().items():
        if "propto" in label:
            seen = [e for on, e in card.errors.items() if label.startswith("exact") <= (on not in card.curved)]
            gaps = [(line[: len(e)] / e[: len(line)])[e[: len(line)] > 1e-11].min() for e in seen]
            assert min(gaps) == pytest.approx(1, rel=1e-9)


# ------------------------------------------------------------------ bad input, missing libraries, copies


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: rates.state_space(3), TypeError, "state_space: 3 is no rule"),
        (lambda: rates.poles(ml.pid(lr=0.1), beta=0.3), TypeError, "is bound; beta is for a rule"),
        (lambda: rates.zeros(ml.pid(lr=0.1), beta=0.3), TypeError, "is bound; beta is for a rule"),
        (lambda: rates.exact(None, mu=1, L=2), TypeError, "method = None"),
        (lambda: rates.amplitudes(ml.pid(lr=0.1), [], 3), ValueError, "amplitudes: curvatures"),
        (lambda: rates.amplitudes(ml.pid(lr=0.1), [1.0], -1), ValueError, "amplitudes: steps = -1"),
        (lambda: rates.amplitudes(ml.pid(lr=0.1), [1.0, np.nan], 1), ValueError, "they must be finite numbers"),
        (lambda: rates.pid_lr_limit(1.0, 0.0, 1.0), ValueError, "beta = 1.0; it must lie in"),
        (lambda: rates.pid_lr_limit(0.5, 0.0, 0.0), ValueError, "L = 0.0; it must be a finite number"),
        (lambda: rates.card(ml.nesterov, 1, 10, seeds=-1), ValueError, "card: seeds = -1"),
        (lambda: rates.worst_case(ml.nesterov, 1, 1, 1), ValueError, "mu must be smaller than L"),
        (lambda: rates.worst_case(ml.nesterov, 0, -1, 1), ValueError, "L = -1; it must be a finite number"),
        (lambda: rates.optimise(ml.nesterov(lr=0.1), 1, 10), TypeError, "is no rule; give one, or its name"),
        (lambda: rates.THEOREMS["T5"].evidence(mu=1, L=50), ValueError, "has mu = 1 and L = 25"),
        (lambda: rates.THEOREMS["T6"].evidence(mu=0), ValueError, "T6: mu = 0, L = 100; it takes 0 < mu < L"),
        (lambda: rates.THEOREMS["C1"].evidence(L=0.1), ValueError, "curvatures up to 1.002"),
    ],
)
def test_bad_input_is_named(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("command", ["list", "solve", "compare", "rates", "equivalent", "bench"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    assert left.value.code == 0 and command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("missing", "call", "says"),
    [
        ("sympy", "ml.rates.equivalent(ml.rsgdm, ml.pid)", "needs sympy: pip install"),
        ("sympy", "ml.rates.poles(ml.pid)", "needs sympy: pip install"),
        ("cvxpy", "ml.rates.certified(ml.nesterov, mu=1, L=10, by='lmi')", "needs cvxpy: pip install"),
        ("cvxpy", "ml.rates.worst_case(ml.nesterov, mu=1, L=10, steps=1)", "pip install 'momentumlab[analysis]'"),
        ("PEPit", "ml.rates.worst_case(ml.nesterov, mu=1, L=10, steps=1)", "needs PEPit: pip install"),
    ],
)
def test_a_missing_library_is_named_and_the_rest_works(missing, call, says):
    code = f"""
import sys; sys.modules[{missing!r}] = None
import momentumlab as ml
assert ml.rates.card(ml.nesterov, 1, 10, seeds=0).certified["frequencies"]
try: {call}
except ImportError as error: print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert says in out.stdout, out.stderr


def test_everything_is_copied_and_pickled():
    card = rates.card(ml.nesterov, mu=1, L=10, seeds=0)
    for thing in (card, card.exact, card.measured["two curvatures"], card.growth, rates.THEOREMS["T1"]):
        again = pickle.loads(pickle.dumps(thing))
        assert repr(again) == repr(thing) == repr(copy.deepcopy(thing))
    assert pickle.loads(pickle.dumps(rates.THEOREMS["T1"])) is rates.THEOREMS["T1"]


# ------------------------------------------------------------------ measured rates


def test_a_floor_that_is_added_does_not_bend_the_rate():
    k, rng = np.arange(300.0), np.random.default_rng(0)
    for _ in range(10):
        found = rates.measured(0.9**k + 1e-9 * (1 + 0.1 * rng.normal(size=300)))
        assert found.low - 1e-5 <= 0.9 <= found.high + 1e-5


def test_a_cycle_is_no_floor():
    errors = np.concatenate([0.8 ** np.arange(5), np.tile([0.45, 0.6, 0.8], 60)])
    with pytest.raises(ValueError, match="do not decrease"):
        rates.measured(errors)
