"""Exponentially weighted averages: their recurrence, their weights, and what follows from them."""

import math

import numpy as np
import pytest

from momentumlab.averages import effective_window, ewa

BETAS = [0.0, 0.5, 0.9, 0.98, 0.999]
T = 40


def weights(beta, steps=T, **options):
    """Row t − 1 holds the weights of x₁, x₂, ... in vₜ: the averages of unit impulses."""
    return ewa(np.eye(steps), beta, **options)


@pytest.mark.parametrize("beta", BETAS)
def test_the_recurrence(beta):
    x = np.random.default_rng(0).standard_normal((T, 2, 3))
    v, t = np.zeros((2, 3)), 0
    for plain, corrected in zip(ewa(x, beta), ewa(x, beta, bias_correction=True), strict=True):
        v, t = beta * v + (1 - beta) * x[t], t + 1
        assert plain == pytest.approx(v, rel=1e-12, abs=1e-15)
        assert corrected == pytest.approx(v / (1 - beta**t), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_weights_are_geometric_and_their_sum_is_known(beta):
    t, i = np.arange(1, T + 1)[:, None], np.arange(1, T + 1)
    assert weights(beta) == pytest.approx(np.where(i <= t, (1 - beta) * beta ** np.maximum(t - i, 0.0), 0.0), rel=1e-12)
    assert weights(beta).sum(axis=1) == pytest.approx(1 - beta ** t[:, 0], rel=1e-11)
    assert weights(beta, bias_correction=True).sum(axis=1) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("beta", [*BETAS, 1 - 1e-9])
def test_the_corrected_average_of_a_constant_is_the_constant_and_starts_with_the_first_term(beta):
    assert ewa(np.full(T, 3.7), beta, bias_correction=True) == pytest.approx(3.7, rel=1e-14)
    assert ewa([-2.3, 5.0], beta, bias_correction=True)[0] == pytest.approx(-2.3, rel=1e-15)


@pytest.mark.parametrize(("beta", "window", "left"), [(0.5, 2, 0.25), (0.9, 10, 0.349), (0.98, 50, 0.364)])
def test_windows(beta, window, left):
    """A weight that is one window old has β^(1/(1 − β)) of the newest one's, which tends to 1/e."""
    assert effective_window(beta) == pytest.approx(window, rel=1e-13)
    newest = weights(beta, window + 1)[-1]
    assert newest[0] / newest[-1] == pytest.approx(left, abs=5e-4)


def test_a_window_ends_near_one_over_e():
    left = [beta ** effective_window(beta) for beta in (0.5, 0.9, 0.98, 0.999, 1 - 1e-6)]
    assert left == sorted(left)
    assert left[-1] == pytest.approx(1 / math.e, rel=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_the_variance_of_the_average_of_independent_terms(beta):
    """σ²Σw² = σ²(1 − β)/(1 + β)·(1 − β²ᵗ), by the weights themselves."""
    t = np.arange(1, T + 1)
    expected = (1 - beta) / (1 + beta) * (1 - beta ** (2 * t))
    assert (weights(beta) ** 2).sum(axis=1) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("beta", "lag"), [(0.0, 0), (0.5, 1), (0.9, 9), (0.98, 49)])
def test_a_ramp_is_followed_with_a_lag(beta, lag):
    ramp = np.arange(1.0, 3001.0)
    behind = ramp - ewa(ramp, beta)
    assert behind == pytest.approx(lag * (1 - beta**ramp), rel=1e-9, abs=1e-12)
    assert behind[-1] == pytest.approx(lag, rel=1e-10)


def test_what_is_left_alone():
    x = [1, 2, 3]
    assert np.array_equal(ewa(np.array(x), 0.0), x)
    assert x == [1, 2, 3]
    assert ewa(np.empty((0, 2)), 0.9, bias_correction=True).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ewa([1.0], 1.0), "beta = 1.0; it must be a number in [0, 1)"),
        (lambda: ewa([1.0], "high"), "beta = 'high'; it must be a number in [0, 1)"),
        (lambda: effective_window(-0.1), "beta = -0.1; it must be a number in [0, 1)"),
        (lambda: effective_window(math.nan), "beta = nan"),
        (lambda: ewa(3.0, 0.9), "x = 3.0; it must be a sequence, with time along its first axis"),
    ],
)
def test_mistakes_are_refused_with_a_sentence(call, says):
    with pytest.raises(ValueError) as caught:
        call()
    assert says in str(caught.value)
