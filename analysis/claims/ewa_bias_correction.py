"""Divided by 1 − βᵗ, an average estimates the mean without bias if the mean stays; on a drift it lags.

An exponential average started at zero has weights that sum to 1 − βᵗ, so it begins too small. Divided by that sum it is
a weighted mean of what was seen: exact for a constant sequence, and right in expectation for any sequence whose mean
stays where it is, from the first value on. We average 20 000 sequences of independent noise around 1 and compare their
mean, at every t, with 1, in units of its standard error.

Kingma & Ba derive the correction up to a term that is zero where the mean is stationary. On a drift the term is what
remains: the values are of different ages, so the average lags. The lag grows to β/(1 − β) times the drift per step,
corrected or not, and there the correction has long become 1. Nor is it free: the first corrected value is x₁ itself,
with all its noise. Its variance falls like (1 − β)/(1 + β)·(1 + βᵗ)/(1 − βᵗ).
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

BETA, T, COPIES = 0.9, 100, 20_000


def experiment(correct: bool = True, drift: float = 0.05, seed: int = 0) -> Evidence:
    t = np.arange(1, T + 1)
    average = lambda x: ml.ewa(x, BETA, bias_correction=correct)
    constant = average(np.full(T, 8.0))
    noise = 1 + np.random.default_rng(seed).standard_normal((T, COPIES))
    corrected, plain = average(noise), ml.ewa(noise, BETA)
    mean, spread = corrected.mean(axis=1), corrected.std(axis=1) / np.sqrt(COPIES)
    moving = 1 + ml.drift(T, c=drift, sigma=0.0, rng=0)[:, 0]
    behind = moving - average(moving)
    facts = [
        Fact("largest |average − 8| of a constant sequence of eights", np.abs(constant - 8).max(), "≤", 1e-12),
        Fact("largest |mean − 1| of noisy averages, in standard errors", np.abs((mean - 1) / spread).max(), "≤", 4.0),
    ]
    beyond = [Fact(f"|bias| at t = {T}, where the mean drifts {drift} a step", abs(behind[-1]), "≤", 1e-3)]
    sd = (1 - BETA) / (1 + BETA) * (1 + BETA**t) / (1 - BETA**t)
    found = [
        Fact("mean of the uncorrected averages at t = 1, 1 − β", plain[0].mean(), "=", 1 - BETA, within=0.01),
        Fact("mean of the uncorrected averages at t = 10, 1 − β¹⁰", plain[9].mean(), "=", 1 - BETA**10, within=0.01),
        Fact("lag on the drift over its limit, β/(1 − β) steps", behind[-1], "=", drift * BETA / (1 - BETA), 0.01),
        Fact("variance of the corrected average at t = 1, that of one value", corrected[0].var(), "=", sd[0], 0.03),
        Fact("variance at t = 10", corrected[9].var(), "=", sd[9], 0.03),
    ]
    curves = {"mean": mean, "plain": plain.mean(axis=1), "moving": moving, "averages": average(moving)}
    return Evidence(facts, beyond, found, curves | {"plain moving": ml.ewa(moving, BETA)})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    t, curves = np.arange(1, T + 1), evidence.curves
    for axes, truth, corrected, plain in (
        (left, np.ones(T), curves["mean"], curves["plain"]),
        (right, curves["moving"], curves["averages"], curves["plain moving"]),
    ):
        axes.plot(t, truth, label="mean of the sequence", **BOUND)
        axes.plot(t, corrected, label=r"divided by $1 - \beta^t$", **style(0))
        axes.plot(t, plain, label="as it starts, from 0", **style(1))
        axes.set_xlabel("$t$")
    left.plot(t, 1 - 0.9**t, ":", color="0.4", label=r"$1 - \beta^t$", zorder=6)
    left.set(ylabel="expectation of the average", ylim=(0, 1.1))
    right.set(ylabel="average of a drift")
    left.legend(loc="lower right")
    right.legend()
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods, after Kingma & Ba, Adam, ICLR 2015",
    statement="Divided by 1 − βᵗ, the average is an unbiased estimate of the current mean.",
    verdict=UNDER,
    because="Where the mean of the sequence stays where it is; on a drift it is β/(1 − β) steps behind.",
    experiment=experiment,
    figure=figure,
    flip={"correct": False},
)
