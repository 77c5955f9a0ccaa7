"""An exponential average forgets over 1/(1 − β) values, but averages noise like a mean of nearly twice as many.

Tutorials say that vₜ = βvₜ₋₁ + (1 − β)xₜ averages over about 1/(1 − β) values: 2, 10 and 50 for β = 0.5, 0.9 and 0.98.
The usual reason is that the weight of the value 1/(1 − β) steps back has fallen to 1/e of the newest one's. We read
the weights off the average itself, as its answer to a single one among zeros. The ratio is β^(1/(1 − β)), which tends
to 1/e as β → 1 and is a third too small at β = 0.5, where two values hold three quarters of all weight.

What an average is for is to remove noise, and there the number is another. Independent noise comes out with the
variance Σwᵢ² = (1 − β)/(1 + β), that of a plain mean of (1 + β)/(1 − β) values: 19 for β = 0.9, 99 for β = 0.98. The
mean age of what is averaged is β/(1 − β), which is also by how much the average lags behind a ramp; a plain mean with
this lag is one of (1 + β)/(1 − β) values too. (Counted from one it is 1/(1 − β), a reading that is exact at every β.)
So as a window, in both respects, the average is nearly twice as long as 1/(1 − β).
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style


def experiment(near: tuple = (0.9, 0.98), far: tuple = (0.5,), seed: int = 0) -> Evidence:
    ages = np.arange(4000)
    weights = {beta: ml.ewa((ages == 0).astype(float), beta) for beta in (*far, *near)}
    window = {beta: ml.effective_window(beta) for beta in weights}
    noise = np.random.default_rng(seed).standard_normal(1_000_000)
    ramp = ml.drift(4000, c=1.0, sigma=0.0, rng=0)[:, 0]
    as_many = {beta: 1 / ml.ewa(noise, beta)[4000:].var() for beta in weights}

    def fallen(beta: float) -> Fact:
        w = weights[beta]
        what = f"weight of the value {window[beta]:.0f} steps back / of the newest; β = {beta}"
        return Fact(what, w[round(window[beta])] / w[0], "=", 1 / np.e, within=0.06)

    equal = [
        Fact(f"plain mean that removes as much noise: of how many values; β = {beta}", many, "=", window[beta], 0.06)
        for beta, many in as_many.items()
    ]
    found = []
    for beta, many in as_many.items():
        stated = (1 + beta) / (1 - beta)
        found += [
            Fact(f"the same against (1 + β)/(1 − β); β = {beta}", many, "=", stated, within=0.02),
            Fact(
                f"lag behind a ramp, against β/(1 − β); β = {beta}",
                (ramp - ml.ewa(ramp, beta))[-1],
                "=",
                window[beta] - 1,
            ),
        ]
    curves = {"weights": {beta: (ages / window[beta], w / w[0]) for beta, w in weights.items()}, "as many": as_many}
    return Evidence([fallen(beta) for beta in near], [*map(fallen, far), *equal], found, curves)


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    for j, (beta, (age, weight)) in enumerate(evidence.curves["weights"].items()):
        shown = age <= 4
        left.plot(age[shown], weight[shown], label=rf"$\beta = {beta}$", marker=".", **style(j))
    age = np.linspace(0, 4, 100)
    left.plot(age, np.exp(-age), label=r"$e^{-a}$", **BOUND)
    left.set(xlabel=r"age $a$ in windows $1/(1 - \beta)$", ylabel="weight, of the newest one's")
    left.legend()
    betas = np.linspace(0.3, 0.985, 200)
    right.semilogy(betas, (1 + betas) / (1 - betas), label=r"$(1 + \beta)/(1 - \beta)$", **BOUND)
    right.semilogy(betas, 1 / (1 - betas), label=r"$1/(1 - \beta)$", **style(1))
    found = evidence.curves["as many"]
    right.semilogy(list(found), list(found.values()), "o", color=style(0)["color"], label="measured", zorder=6)
    right.set(xlabel=r"$\beta$", ylabel="values of an equally smooth mean")
    right.legend()
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods",
    statement="The exponentially weighted average with β averages over about the last 1/(1 − β) values: 2 for β = "
    "0.5, 10 for β = 0.9, 50 for β = 0.98.",
    verdict=UNDER,
    because="By where the weights lie, as β → 1; by the noise that it removes it is (1 + β)/(1 − β) values.",
    experiment=experiment,
    figure=figure,
    flip={"near": (0.5,)},
)
