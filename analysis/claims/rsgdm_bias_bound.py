"""RSGDM's bias can be larger than momentum's, which may have none.

The source passes from ζₜ ≈ βξₜ to |ζₜ| ≤ |ξₜ| for every t. Three gradients refute it: of means 1, −β, 0. At the
third step the average's bias is (1 − β)(β² − β·β) = 0, as the first two cancel. RSGDM has forgotten the first one,
for which nothing makes up, and its bias is −(1 − β)β³. It is no rarity either: of random walks some have a larger
bias in RSGDM at any early step, fewer as t grows, for longer where β is larger.

The bound holds, with β to spare, if the means never turn: all differences ḡᵢ − ḡₜ have one sign then, and RSGDM's
bias is β times momentum's less the first of them.
"""

import numpy as np

import momentumlab as ml

from ..claim import FALSE, Claim, Evidence, Fact
from ..driven import biases
from ..figures import panels, style

BETAS = (0.5, 0.9, 0.99)


def both(means, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Momentum's bias and RSGDM's."""
    means = np.asarray(means, dtype=float)
    rules = ml.heavy_ball_ema(lr=1, beta=beta), ml.rsgdm(lr=1, beta=beta)
    xi, zeta = (biases(rule, means.reshape(len(means), -1), beta) for rule in rules)
    return xi, zeta


def experiment(turning: bool = True) -> Evidence:
    rng, facts, found, shares = np.random.default_rng(0), [], [], {}
    for beta in BETAS:
        xi, zeta = both([1, -beta, 0] if turning else [1, 1 - beta, 0], beta)
        facts.append(
            Fact(
                f"|ζ₃| of means 1, {'−β' if turning else '1 − β'}, 0, against |ξ₃|, β = {beta}",
                abs(zeta[2, 0]),
                "≤",
                abs(xi[2, 0]),
            )
        )
    for beta in BETAS:
        xi, zeta = both([1, -beta, 0], beta)
        found += [
            Fact(f"|ξ₃|, β = {beta}", abs(xi[2, 0]), "≤", 1e-15),
            Fact(f"ζ₃ and −(1 − β)β³, β = {beta}", zeta[2, 0], "=", -(1 - beta) * beta**3),
        ]
        walks = np.cumsum(rng.standard_normal((100, 4000)), axis=0)
        xi, zeta = both(walks, beta)
        shares[beta] = (np.abs(zeta) > np.abs(xi))[2:].mean(axis=1)
        found.append(Fact(f"share of random walks with |ζ₁₀| > |ξ₁₀|, β = {beta}", shares[beta][7], ">", 0))
        climbs = np.cumsum(rng.exponential(size=(100, 500)), axis=0)
        xi, zeta = both(climbs, beta)
        more = (np.abs(zeta) - beta * np.abs(xi)).max()
        found.append(Fact(f"largest |ζₜ| − β|ξₜ|, 500 climbing sequences, t ≤ 100, β = {beta}", more, "≤", 1e-12))
    curves = {"biases": both([1, -0.9, *[0] * 20], 0.9), "shares": shares}
    return Evidence(facts, found=found, curves=curves)


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    xi, zeta = evidence.curves["biases"]
    for j, (label, values) in enumerate(((r"momentum, $|\xi_t|$", xi), (r"RSGDM, $|\zeta_t|$", zeta))):
        left.plot(
            np.arange(1, len(values) + 1), np.abs(values[:, 0]), marker="o", markersize=3, label=label, **style(j)
        )
    left.set(xlabel="$t$", ylabel=r"bias, $\bar g = (1, -\beta, 0, 0, \ldots)$")
    left.legend(fontsize=7)
    for j, (beta, share) in enumerate(evidence.curves["shares"].items()):
        right.plot(np.arange(3, len(share) + 3), share, label=rf"$\beta = {beta}$", **style(j))
    right.set(xlabel="$t$", ylabel=r"share of walks with $|\zeta_t| > |\xi_t|$", ylim=(0, None))
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yuan & Hu, RSGDM",
    statement="|ζₜ| ≤ |ξₜ|: at every step RSGDM's bias is at most momentum's.",
    verdict=FALSE,
    because="On means 1, −β, 0 momentum has no bias at the third step, and RSGDM has −(1 − β)β³.",
    experiment=experiment,
    figure=figure,
    flip={"turning": False},
)
