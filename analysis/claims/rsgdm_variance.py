"""RSGDM pays for its smaller bias with variance, a third more at β = 0.9.

The source counts bias alone. The direction of RSGDM gives its newest gradient the weight 1 − β² in place of 1 − β,
and of independent noise of variance σ² it keeps (1 + 2β − 2β³) times what momentum keeps, which is σ²(1 − β)/(1 +
β). We read the weights off the rules, by the directions that a single gradient leads to, and sum their squares;
random gradients through the rules agree.

So whether the direction is more accurate depends on what the gradients do. On ḡₜ = ct the squared bias falls from
(βc/(1 − β))² to β² times that, and the variance grows. RSGDM has the smaller mean squared error if and only if

> c²/σ² > 2(1 − β)³/(β(1 + β)).

At β = 0.9 a gradient has to drift by more than 3.4 % of its noise at every step. Where it is noisier than that, as
the gradients of small batches may be, the plain average is the better estimate.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..driven import directions
from ..figures import BOUND, panels, style

BETA, STEPS, TRIALS = 0.9, 300, 2000
RULES = {"momentum": ml.heavy_ball_ema, "RSGDM": ml.rsgdm}


def weights(rule: ml.Rule, beta: float, steps: int = 3000) -> np.ndarray:
    """Of a gradient that comes after the first, in the directions from then on."""
    gradients = np.zeros((steps + 1, 1))
    gradients[1] = 1
    return directions(rule(lr=1, beta=beta), gradients)[1:, 0]


def error(rule: ml.Rule, c: float, seed: int = 0) -> tuple[float, float]:
    """Mean squared error of the direction as an estimate of the gradient's mean ct, σ = 1, and its standard error."""
    gradients = ml.drift(STEPS, c, 1.0, seed, n=TRIALS)
    late = slice(STEPS // 2, None)
    away = directions(rule(lr=1, beta=BETA), gradients)[late] - c * np.arange(1, STEPS + 1)[late, None]
    each = (away**2).mean(axis=0)
    return each.mean(), each.std() / np.sqrt(TRIALS)


def experiment(drift: float = 0.1) -> Evidence:
    found, impulse = [], {label: weights(rule, BETA, 40) for label, rule in RULES.items()}
    for beta in (0.5, 0.9, 0.99):
        plain, corrected = ((weights(rule, beta) ** 2).sum() for rule in RULES.values())
        found += [
            Fact(f"variance of momentum / σ², β = {beta}, and (1 − β)/(1 + β)", plain, "=", (1 - beta) / (1 + beta)),
            Fact(f"RSGDM's / that, β = {beta}, and 1 + 2β − 2β³", corrected / plain, "=", 1 + 2 * beta - 2 * beta**3),
        ]
    exact = {label: (weights(rule, BETA) ** 2).sum() for label, rule in RULES.items()}
    lag = {"momentum": BETA / (1 - BETA), "RSGDM": BETA**2 / (1 - BETA)}
    sampled, drifts = {label: [] for label in RULES}, np.array([0.003, 0.01, 0.02, 0.04, 0.1, 0.3])
    for label, rule in RULES.items():
        for seed, c in enumerate([0.0, *drifts]):
            mean, deviation = error(rule, c, seed)
            sampled[label].append(mean)
            if c in (0.0, 0.1):
                theory = exact[label] + (c * lag[label]) ** 2
                found.append(
                    Fact(
                        f"mean squared error of {label}, c = {c:g}σ, off theory's, in standard errors",
                        abs(mean - theory) / deviation,
                        "≤",
                        4,
                    )
                )
    limit = np.sqrt(2 * (1 - BETA) ** 3 / (BETA * (1 + BETA)))
    crossing = np.sqrt((exact["RSGDM"] - exact["momentum"]) / (lag["momentum"] ** 2 - lag["RSGDM"] ** 2))
    found.append(Fact("c/σ from which on RSGDM is more accurate, and √(2(1 − β)³/(β(1 + β)))", crossing, "=", limit))
    gain = lambda c: error(RULES["RSGDM"], c)[0] / error(RULES["momentum"], c)[0]
    return Evidence(
        facts=[Fact(f"mean squared error of RSGDM / of momentum, a drift of {drift:g}σ a step", gain(drift), "<", 1)],
        beyond=[Fact(f"the same, {c:g}σ a step", gain(c), "<", 1) for c in (0.01, 0.0)],
        found=found,
        curves={"impulse": impulse, "exact": exact, "lag": lag, "drifts": drifts, "sampled": sampled, "limit": limit},
    )


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    curves, dense = evidence.curves, np.geomspace(0.003, 0.3, 60)
    for j, label in enumerate(RULES):
        left.plot(curves["impulse"][label], marker="o", markersize=2.5, label=label, **style(j))
        right.plot(dense, curves["exact"][label] + (dense * curves["lag"][label]) ** 2, label=label, **style(j))
        right.plot(curves["drifts"], curves["sampled"][label][1:], "o", markersize=4, color=style(j)["color"])
    right.axvline(curves["limit"], **BOUND)
    left.set(xlabel="age of a gradient", ylabel=r"its weight, $\beta = 0.9$")
    left.legend(fontsize=7)
    right.set(xlabel=r"drift $c/\sigma$ a step", ylabel=r"mean squared error / $\sigma^2$", xscale="log", yscale="log")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yuan & Hu, RSGDM",
    statement="Corrected by averaged differences, the direction is a better estimate of the gradient than momentum's.",
    verdict=UNDER,
    because="Where the drift is fast beside the noise; its variance is 1 + 2β − 2β³ times momentum's.",
    experiment=experiment,
    figure=figure,
    flip={"drift": 0.02},
)
