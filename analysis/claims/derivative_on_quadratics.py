"""On quadratics PID's derivative helps where momentum is too large for κ, and never a tuned heavy ball.

The derivative of PID, −k_d(gₖ − gₖ₋₁), is said to make momentum converge faster: it foresees where the gradient is
going and brakes. On a quadratic gₖ − gₖ₋₁ is the Hessian times the last step, so what it does is to give each mode a
momentum of its own, β − k_dλ. With k_d = αβ, which is Nesterov's rule, and α = 1/L, it takes all momentum from the
stiffest mode and nearly none from the slowest.

At α = 1/L and β = 0.9, as momentum is used in practice, heavy ball rings at √β on every mode if κ is 10 or 100, and the
derivative makes it faster: by a twentieth at κ = 10, by half a percent at κ = 100. Where the slowest mode oscillates
under both rules, which is from β = (√κ − 1)/(√κ + 1) on, their rates are √β and √(β(1 − 1/κ)). At κ = 1000 the slowest
mode does not oscillate, the little momentum that it loses is missing, and the rate is a little larger. With β = 0.5 the
derivative helps at none of the three κ.

Where α and β may be chosen there is nothing to gain. For each of a row of k_d we find the least rate over α and β, on
finer and finer grids. It is least at k_d = 0, which is heavy ball, and there it is (√κ − 1)/(√κ + 1). What k_d buys
then is damping: a tuned heavy ball's errors on the mode L first grow 3.7-fold at κ = 100, those of Nesterov's rule not
at all, at a rate of 0.9 instead of 0.818. On smooth strongly convex functions in general the [derivative does
pay](triple_momentum_best.md).
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates.evidence import best_of_grid

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

KAPPAS = (10.0, 100.0, 1000.0)
TUNED = (10.0, 100.0)


def rate(beta: float, kappa: float, part: float) -> float:
    """The exact rate at α = 1/L and k_d = part·αβ."""
    return float(ml.rates.exact(ml.pid(lr=1 / kappa, beta=beta, kd=part * beta / kappa), 1.0, kappa))


def experiment(beta: float = 0.9) -> Evidence:
    given = {kappa: [rate(beta, kappa, part) for part in (0.0, 1.0)] for kappa in KAPPAS}
    helps = [
        Fact(f"rate with k_d = αβ less that without, α = 1/L, β = {beta:g}, κ = {kappa:g}", new - old, "<", 0)
        for kappa, (old, new) in given.items()
    ]
    facts, beyond, found, curves = helps[:2], helps[2:], [], {}
    for kappa in TUNED:
        stated = (kappa**0.5 - 1) / (kappa**0.5 + 1)
        gains, measured = best_of_grid(1.0, kappa, 0, 0)
        rates = measured["the best α and β"]
        plain = rates[np.argmin(np.abs(gains))]
        curves[kappa] = gains, rates, stated
        what = f"α, β tuned for each k_d: least rate over k_d ≠ 0 less that at k_d = 0, κ = {kappa:g}"
        beyond.append(Fact(what, rates[gains != 0].min() - plain, "<", 0))
        found.append(Fact(f"least rate at k_d = 0, (√κ − 1)/(√κ + 1), κ = {kappa:g}", plain, "=", stated, within=1e-3))
    for kappa in TUNED:
        if beta >= (kappa**0.5 - 1) / (kappa**0.5 + 1):
            found += [
                Fact(f"rate without, √β, κ = {kappa:g}", given[kappa][0], "=", beta**0.5, within=1e-6),
                Fact(
                    f"rate with k_d = αβ, √(β(1 − 1/κ)), κ = {kappa:g}",
                    given[kappa][1],
                    "=",
                    (beta * (1 - 1 / kappa)) ** 0.5,
                    within=1e-6,
                ),
            ]
    L = 100.0
    for rule, name, relation, peak in (
        (ml.heavy_ball, "heavy ball", "≥", 3.5),
        (ml.nesterov, "Nesterov's rule", "≤", 1.0),
    ):
        method = rule.tuned(mu=1, L=L)
        grown = ml.rates.growth(method, 1, L).peak
        stated = (L**0.5 - 1) / (L**0.5 + 1) if rule is ml.heavy_ball else 1 - L**-0.5
        found.append(Fact(f"{name} as tuned, κ = 100: rate", ml.rates.exact(method, 1, L), "=", stated, within=1e-6))
        found.append(Fact(f"{name} as tuned, κ = 100: largest |eₖ|/|e₀|", grown, relation, peak))
    betas = np.linspace(0.04, 0.98, 25)
    over = {kappa: [[1 - rate(b, kappa, part) for b in betas] for part in (0.0, 1.0)] for kappa in TUNED}
    return Evidence(facts, beyond, found, {"least": curves, "betas": betas, "over": over})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    for j, (kappa, both) in enumerate(evidence.curves["over"].items()):
        for values, label, dash in zip(both, ("$k_d = 0$", r"$k_d = \alpha\beta$"), ("-", "--"), strict=True):
            look = style(j) | dict(linestyle=dash)
            left.semilogy(evidence.curves["betas"], values, label=rf"{label}, $\kappa = {kappa:g}$", **look)
    left.axvline(0.9, color="0.6", linewidth=0.8)
    left.set(xlabel=r"$\beta$, $\alpha = 1/L$", ylabel=r"$1 - \rho$", ylim=(3e-3, 1))
    left.legend(fontsize=7, loc="lower center", ncols=2)
    for j, (kappa, (gains, rates, stated)) in enumerate(evidence.curves["least"].items()):
        right.plot(gains, rates, marker=".", label=rf"$\kappa = {kappa:g}$", **style(j))
        right.axhline(stated, **BOUND | dict(linewidth=0.8))
    right.set(
        xlabel=r"$k_d L/\beta$, heavy ball's $\beta$", ylabel=r"least $\rho$ over $\alpha$ and $\beta$", ylim=(0.4, 1.0)
    )
    right.legend(fontsize=7, loc="lower left", ncols=2)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="An, Wang, Sun, Xu, Dai & Zhang, A PID controller approach for stochastic optimization of deep networks, "
    "CVPR 2018; here on quadratics",
    statement="At given α and β the derivative term of PID makes momentum converge faster.",
    verdict=UNDER,
    because="On quadratics, with α = 1/L and a β with which the slowest mode oscillates; with α and β tuned it gains "
    "nothing.",
    experiment=experiment,
    figure=figure,
    flip={"beta": 0.5},
)
