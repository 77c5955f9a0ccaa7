"""Measured rates against errors made with known ones, and against the exact rates of runs."""

import copy
import math
import pickle

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.rates.fit import Measured, measured, series

SEEDS = 20


def noise(rng, n):
    return np.exp(0.05 * rng.standard_normal(n))


def real(rng):
    k = np.arange(200)
    return 0.95, 0.95**k * noise(rng, 200)


def with_floor(rng):
    k = np.arange(400)
    return 0.9, np.abs(0.9**k * noise(rng, 400) + 1e-13 * rng.standard_normal(400))


def pair(rng):
    k = np.arange(200)
    return 0.9, 0.9**k * np.abs(np.cos(rng.uniform(0.2, 1.5) * k + rng.uniform(0, 6))) * noise(rng, 200)


def double(rng):
    k = np.arange(200)
    return 0.82, (1 + 0.18 * k) * 0.82**k * noise(rng, 200)


def growing_first(rng):
    k = np.arange(200)
    return 0.9, (1 + 1.9 * k) * 0.9**k * noise(rng, 200)


def two_modes(rng):
    k = np.arange(250)
    return 0.95, (0.95**k + 10 * 0.8**k) * noise(rng, 250)


def inverse(rng):
    k = np.arange(300)
    return 1.0, noise(rng, 300) / (k + 5)


def inverse_square(rng):
    k = np.arange(300)
    return 2.0, noise(rng, 300) / (k + 5) ** 2


@pytest.mark.parametrize(
    ("case", "kind", "widest"),
    [
        (real, "linear", 4e-4),
        (with_floor, "linear", 3e-4),
        (pair, "linear", 3e-3),
        (double, "linear", 2e-3),
        (growing_first, "linear", 2e-3),
        (two_modes, "linear", 8e-4),
        (inverse, "sublinear", 0.15),
        (inverse_square, "sublinear", 0.25),
    ],
)
def test_the_interval_holds_the_truth_nine_times_in_ten_and_is_narrow(case, kind, widest):
    held, widths, kinds = [], [], []
    for seed in range(SEEDS):
        truth, errors = case(np.random.default_rng(seed))
        try:
            m = measured(errors)
        except ValueError:
            continue
        held.append(m.low <= truth <= m.high)
        widths.append(m.high - m.low)
        kinds.append(m.kind)
    assert len(held) >= (0.95 if kind == "linear" else 0.7) * SEEDS
    assert set(kinds) == {kind}
    assert np.mean(held) >= 0.9
    assert np.median(widths) < widest


def test_a_lower_level_gives_a_narrower_interval():
    _, errors = real(np.random.default_rng(0))
    wide, narrow = measured(errors, level=0.99), measured(errors, level=0.5)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert float(wide) == float(narrow)


K = np.arange(200)


@pytest.mark.parametrize(
    ("errors", "rate", "degree", "constant"),
    [
        (3 * 0.9**K, 0.9, 0, 3.0),
        (0.999**K, 0.999, 0, 1.0),
        ((1 + 0.18 * K) * 0.82**K, 0.82, 1, 0.18),
        ((1 + 1.82 * K) * 0.82**K, 0.82, 1, 1.82),
        (0.95**K + 10 * 0.7**K, 0.95, 0, 1.0),
        (np.maximum(5 * 0.8**K, 1e-9), 0.8, 0, 5.0),
    ],
    ids=["pure", "slow", "double", "double, grows first", "two modes", "plateau at 1e-9"],
)
def test_errors_without_noise_give_rate_degree_and_constant(errors, rate, degree, constant):
    m = measured(errors)
    assert (m.kind, m.degree) == ("linear", degree)
    assert float(m) == pytest.approx(rate, abs=3e-5)
    assert m.constant == pytest.approx(constant, rel=1e-2)
    assert math.isnan(m.exponent)


def test_the_factor_of_a_double_root_does_not_slow_the_rate():
    """A line through log e is off by more than ten times what is allowed here."""
    errors = (1 + 0.18 * K) * 0.82**K
    line = math.exp(np.polyfit(K, np.log(errors), 1)[0])
    assert line - 0.82 > 0.005
    assert abs(measured(errors) - 0.82) < 1e-5


@pytest.mark.parametrize("angle", [0.1, 0.5, 1.3, math.pi / 2, 2.8])
def test_dips_of_an_oscillation_do_not_count(angle):
    errors = 0.9**K * np.abs(np.cos(angle * K))
    assert measured(errors) == pytest.approx(0.9, abs=2e-3)


def test_an_error_of_zero_between_others_is_a_dip_and_at_the_end_the_floor():
    errors = 0.9**K * (K % 4 != 3)
    errors[150:] = 0
    m = measured(errors)
    assert m == pytest.approx(0.9, abs=1e-3)
    assert 100 < m.window[1] < 150


def test_a_fast_first_phase_and_the_floor_are_outside_the_window():
    errors = np.maximum(0.95**K + 1e4 * 0.6**K, 1e-3)
    m = measured(errors)
    assert m.window[0] > 20
    assert errors[m.window[1]] > 10 * 1e-3
    assert m == pytest.approx(0.95, abs=1e-3)


@pytest.mark.parametrize("p", [0.5, 1, 2])
def test_powers_are_sublinear(p):
    m = measured(1 / (np.arange(300) + 5.0) ** p)
    assert (m.kind, float(m)) == ("sublinear", 1.0)
    assert m.exponent == pytest.approx(p, rel=1e-3)
    assert m.constant == pytest.approx(1, rel=2e-2)


def bent(rng):
    return np.exp(-0.01 * np.arange(100.0) ** 2) * noise(rng, 100)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([1, 0.9, 0.8], "there are 3 errors, fewer than the 20"),
        ([], "there are 0 errors"),
        (0.9 ** np.arange(19), "there are 19 errors"),
        ([1.0] * 30 + [np.nan] * 5, "k = 30 is nan"),
        ([1.0, np.inf] * 15, "k = 1 is inf"),
        ([1.0, -1.0] * 15, "k = 1 is -1"),
        ([1.0] * 50, "do not decrease"),
        (1.01**K, "do not decrease"),
        (noise(np.random.default_rng(0), 200), "do not decrease"),
        ([1, 0.1, 1e-2, 1e-3, 1e-4, *([1e-5] * 95)], "above the rounding floor"),
        ([0.0] * 40, "0 of 40 errors lie above the rounding floor"),
        ([1, 0.5, 0.2, 0.04, 1.6e-3, 2.5e-6, 6e-12, 1e-16, 0], "superlinear"),
        (bent(np.random.default_rng(0)), "superlinear"),
        (np.exp(-0.1 * K + 0.0002 * K**2.0), "neither"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
    ],
)
def test_what_tells_no_rate_is_refused_with_the_reason(errors, reason):
    with pytest.raises(ValueError, match=reason):
        measured(errors)


def test_few_noisy_errors_of_a_power_are_not_taken_for_a_rate():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        try:
            m = measured(noise(rng, 60) / (np.arange(60) + 5))
        except ValueError:
            continue
        assert m.kind == "sublinear"


def test_slow_noisy_errors_are_not_taken_for_a_power():
    """They are refused, with noise; without any they are linear."""
    for seed in range(10):
        with pytest.raises(ValueError, match=r"fit these errors alike|do not decrease"):
            measured(0.999**K * noise(np.random.default_rng(seed), 200))
    assert measured(0.999**K).kind == "linear"


@pytest.fixture(scope="module")
def quadratic():
    return ml.problem("quadratic")


RUNS = {
    "heavy_ball": (ml.heavy_ball, 400, 0.8181818, 1),
    "nesterov": (ml.nesterov, 700, 0.9, 1),
    "pid": (ml.pid, 700, 0.9, 0),
    "gradient_descent": (ml.gradient_descent, 3000, 0.9801980, 0),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("of", ["distance", "gap", "gradient"])
def test_runs_on_a_quadratic_show_their_exact_rates(quadratic, name, of):
    rule, maxiter, rate, degree = RUNS[name]
    run = ml.minimize(quadratic, method=rule.tuned(mu=1, L=100), tol=0, maxiter=maxiter)
    m = measured(run, quadratic, of=of)
    assert (m.kind, m.degree) == ("linear", degree)
    assert abs(math.log(m) - math.log(rate)) < 3e-4 * -math.log(rate) + 5e-5
    assert m.high - m.low < 2e-4
    assert m.low - 1e-6 <= rate <= m.high + 1e-6


def test_many_modes_that_have_not_parted_are_refused_not_misread(quadratic):
    run = ml.minimize(quadratic, method=ml.gradient_descent.tuned(mu=1, L=100), tol=0, maxiter=400)
    with pytest.raises(ValueError, match="neither"):
        measured(run, quadratic, of="distance")


def test_the_rate_goes_by_iterations_where_rows_are_strided():
    curvature = np.array([1.0, 10.0])
    bowl = ml.Problem(
        "bowl", lambda x: (x @ (curvature * x) / 2, curvature * x), [1, 1], jac=True, minimizers=([0, 0],)
    )
    run = ml.minimize(bowl, method=ml.gradient_descent(lr=0.002), tol=0, maxiter=9001)
    steps = np.diff(run.history.k)
    assert steps[0] > 1 and steps[-1] != steps[0]
    assert measured(run, bowl) == pytest.approx(0.998, abs=1e-6)


def test_gradients_of_the_worst_convex_function_fall_like_a_power():
    worst = ml.problem("worst_convex", n=101)
    run = ml.minimize(worst, method=ml.gradient_descent(lr=1 / worst.L), tol=0, maxiter=1000)
    m = measured(run)
    assert m.kind == "sublinear" and m.low <= 1 <= m.high
    assert m.high - m.low < 0.05


def test_the_exponent_of_a_gap_is_that_of_the_gap_itself():
    quartic = ml.Problem("quartic", lambda x: (x[0] ** 4 / 4, x**3), [1.0], jac=True, minimizers=([0.0],), fstar=0.0)
    run = ml.minimize(quartic, method=ml.gradient_descent(lr=0.1), tol=0, maxiter=3000)
    found = {of: measured(run, quartic, of=of).exponent for of in ("distance", "gap", "gradient")}
    assert found == pytest.approx({"distance": 0.5, "gap": 2.0, "gradient": 1.5}, rel=2e-2)


def test_newton_steps_are_refused_as_superlinear():
    x, errors = 3.0, []
    for _ in range(8):
        errors.append(abs(x - math.sqrt(2)))
        x = (x + 2 / x) / 2
    with pytest.raises(ValueError, match="superlinear"):
        measured(errors)


def test_series_picks_what_is_known(quadratic):
    run = ml.minimize(quadratic, method=ml.heavy_ball.tuned(mu=1, L=100), tol=0, maxiter=50)
    h = run.history
    for picked, errors in [
        (series(run), h.gnorm),
        (series(h), h.gnorm),
        (series(run, quadratic), np.linalg.norm(h.x, axis=1)),
        (series(run, "quadratic"), np.linalg.norm(h.x, axis=1)),
        (series(run, quadratic, "gap"), h.fun),
        (series(run, quadratic, "gradient"), h.gnorm),
        (series(list(h.gnorm)), h.gnorm),
    ]:
        np.testing.assert_array_equal(picked[0], h.k)
        np.testing.assert_allclose(picked[1], errors, rtol=1e-12)


def test_series_says_what_is_missing(quadratic):
    run = ml.minimize(quadratic, method=ml.gradient_descent(lr=0.01), maxiter=5)
    unknown = ml.Problem("unknown", lambda x: (float(x @ x), 2 * x), np.ones(50), jac=True)
    for args, reason in [
        ((run, None, "gap"), "needs the problem"),
        ((run, unknown, "gap"), "f\\* of unknown is not known"),
        ((run, unknown, "distance"), "no minimiser of unknown"),
        ((run, quadratic, "energy"), "'distance', 'gap' or 'gradient'"),
        (([1.0, 0.5], None, "gap"), "leave it out"),
    ]:
        with pytest.raises(ValueError, match=reason):
            series(*args)
    with pytest.raises(ValueError, match="level = 1"):
        measured(0.9**K, level=1)


def test_a_measured_rate_is_a_float_that_stays_as_it_is():
    m = Measured(0.9001, "linear", 0.8996, 0.9006, (37, 412))
    assert repr(m) == "0.9001 [0.8996, 0.9006], linear, from k = 37 to 412"
    assert m * 2 == 1.8002 and f"{m:.2f}" == "0.90" and m == 0.9001 and hash(m) == hash(0.9001)
    with pytest.raises(AttributeError):
        m.low = 0.0
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert repr(other) == repr(m) and other == m
    power = Measured(1.0, "sublinear", 0.95, 1.05, (3, 90), exponent=1.0)
    assert repr(power) == "k^-1.00 [0.95, 1.05], sublinear, from k = 3 to 90"
    assert "with a factor k" in repr(Measured(0.8, "linear", 0.7, 0.9, (0, 50), degree=1))
