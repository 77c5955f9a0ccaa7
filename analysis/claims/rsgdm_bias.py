"""RSGDM's bias is β times momentum's, once the first gradient is forgotten.

RSGDM adds to the average of gradients β times an average of their differences. Let ḡₜ be the mean of the gradient
at step t, ξₜ what the average's mean lacks of (1 − βᵗ)ḡₜ, and ζₜ the same for RSGDM; the source finds ζₜ ≈ βξₜ.
Both rules are linear, so their means are what they do on the means, and driving the very rules with these shows

> ζₜ = βξₜ + (1 − β)βᵗ(ḡₜ − ḡ₁)

to rounding. When βᵗ is gone the bias is smaller by the factor β, whatever the gradients do: they climb, swing, or
walk at random here. At β = 0.9 that takes a tenth off it. Before that the last term may outweigh the first, and on
random walks there are steps where RSGDM's bias is many times momentum's.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..driven import biases, directions
from ..figures import panels, style

BETA, STEPS, WALKS = 0.9, 600, 64
AVERAGE, RSGDM = ml.heavy_ball_ema(lr=1, beta=BETA), ml.rsgdm(lr=1, beta=BETA)


def experiment(since: int = 300) -> Evidence:
    rng, t = np.random.default_rng(0), np.arange(1, STEPS + 1)[:, None]
    means = {
        "a ramp": 0.01 * t,
        "a swing": np.sin(t / 20),
        f"{WALKS} random walks": np.cumsum(rng.standard_normal((STEPS, WALKS)), axis=0),
    }
    bias = {label: (biases(AVERAGE, g, BETA), biases(RSGDM, g, BETA)) for label, g in means.items()}
    worst = lambda label, rows: np.abs(bias[label][1][rows] / bias[label][0][rows]).max()
    left = lambda label: np.abs(
        bias[label][1] - BETA * bias[label][0] - (1 - BETA) * BETA**t * (means[label] - means[label][0])
    ).max()

    trials, short = 4000, means["a swing"][:60]
    noise = 0.5 * rng.standard_normal((len(short), trials))
    away = directions(RSGDM, short + noise) - directions(RSGDM, short)
    errors = np.abs(away.mean(axis=1)) / (away.std(axis=1) / np.sqrt(trials))

    walks = f"{WALKS} random walks"
    ratio = lambda label: np.abs(bias[label][1][300:]).sum() / np.abs(bias[label][0][300:]).sum()
    return Evidence(
        facts=[
            Fact(f"largest |ζₜ|/|ξₜ|, t > {since}, {label}", worst(label, slice(since, None)), "<", 1)
            for label in means
        ],
        beyond=[Fact(f"the same, 3 ≤ t ≤ 300, {walks}", worst(walks, slice(2, 300)), "<", 1)],
        found=[
            *(Fact(f"mean |ζₜ| / mean |ξₜ|, t > 300, {n}, and β", ratio(n), "=", BETA) for n in means),
            *(Fact(f"largest error of the identity, {n}", left(n), "≤", 1e-12) for n in means),
            Fact(
                f"largest difference of the mean over {trials} noisy sequences, in standard errors",
                errors.max(),
                "≤",
                4,
            ),
        ],
        curves={"swing": bias["a swing"], "walks": bias[walks]},
    )


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    for j, (label, values) in enumerate(
        zip((r"momentum, $\xi_t$", r"RSGDM, $\zeta_t$"), evidence.curves["swing"], strict=True)
    ):
        left.plot(np.arange(1, 261), values[:260, 0], label=label, **style(j))
    left.set(xlabel="$t$", ylabel=r"bias, $\bar g_t = \sin(t/20)$", ylim=(-0.45, 0.62))
    left.legend(fontsize=7, ncols=2, loc="upper center")
    xi, zeta = evidence.curves["walks"]
    ratios = np.abs(zeta / np.where(xi == 0, np.nan, xi))[2:300]
    for share, j in ((50, 2), (90, 0), (100, 1)):
        label = {50: "median", 90: "90th percentile", 100: "largest"}[share]
        right.plot(np.arange(3, 301), np.nanpercentile(ratios, share, axis=1), label=label, **style(j))
    right.axhline(BETA, color="0.6", linewidth=0.8, zorder=0)
    right.annotate(r"$\beta$", (151, BETA), fontsize=8, va="center", annotation_clip=False)
    right.set(xlabel="$t$", ylabel=r"$|\zeta_t| / |\xi_t|$ of 64 random walks", yscale="log", xlim=(0, 150))
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yuan & Hu, RSGDM",
    statement="The bias of RSGDM's direction is smaller than that of momentum's.",
    verdict=UNDER,
    because="By the factor β, when βᵗ is gone; in the first steps it may be larger.",
    experiment=experiment,
    figure=figure,
    flip={"since": 2},
)
