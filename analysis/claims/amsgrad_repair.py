"""AMSGrad learns what Adam does not, and takes long where the losses are mild.

Reddi, Kale & Kumar's repair is one line: divide by the largest v so far. The step size of a coordinate can then no
longer grow when a rare large gradient is forgotten. On the losses on which Adam goes to the worst point AMSGrad goes to
the best; its average regret falls like 1/√T, at the same β₂ and the same step sizes. On the milder losses, 1010x once
in 101 rounds and −10x else, with β = (0.9, 0.99), it parts from Adam, which goes to 1, and moves towards −1.

There it is slow. The slopes of a period nearly cancel, 1010 − 1000 = 10, and what they leave is divided by the largest
√v, which is √(1 − β₂)·1010 = 101: a period of 101 rounds moves the point by about a tenth of one α/√t. The first loss
already throws it towards −1; the way from there is what it learns. With a tenth of the α it is nearer to the middle
than to −1 when the run ends. The average regret of 6060 rounds falls like 1/√T, but on these losses that says little:
most of it is the swing of the point within a period, Adam's is hardly larger yet, and the worst point's would be only
20/101. What tells the two apart is where they are. That the average regret vanishes in the end, at every α, is a
theorem, and not what such runs can show.
"""

import numpy as np

import momentumlab as ml

from ..claim import HOLDS, Claim, Evidence, Fact
from ..figures import panels, style
from .adam_failure import ADAM, SLOPES, T, on_thirds, play

PERIODS = 60


def experiment(rules: tuple = (ml.amsgrad_paper, ml.amsgrad)) -> Evidence:
    rule, corrected = rules
    mild = lambda rule, alpha: play(rule, ml.reddi_mild(), 101 * PERIODS, alpha, beta1=0.9, beta2=0.99)
    facts, found, curves = [], [], {}
    for C in SLOPES:
        regret, points = curves[C] = on_thirds(rule, C)
        power = np.log10(regret[-1] / regret[T // 10 - 1])
        facts.append(
            Fact(f"power of T in the average regret, from {T // 10} to {T} rounds, C = {C}", power, "≤", -0.45)
        )
        facts.append(Fact(f"the last point, C = {C}", points[-1], "<", -0.99))
    regret, points = mild(corrected, 1.0)
    (adams, lost), (_, slow) = mild(ml.adam, 1.0), mild(corrected, 0.1)
    fall = lambda regret: np.log10(regret[-1] / regret[len(regret) // 10 - 1])
    last = lambda points, periods=PERIODS: points[101 * (periods - 1) : 101 * periods].mean()
    on = "1010x once in 101"
    facts += [
        Fact(
            f"{on}, α = 1: power of T in the average regret, {101 * PERIODS // 10} to {101 * PERIODS} rounds",
            fall(regret),
            "≤",
            -0.45,
        ),
        Fact(f"{on}: mean of the last 101 points", last(points), "<", -0.7),
        Fact("the same less that of the tenth period", last(points) - last(points, 10), "<", 0),
    ]
    found += [
        Fact("the mean of AMSGrad's last 101 points with a tenth of α", last(slow), ">", -0.5),
        Fact("the mean of Adam's last 101 points, α = 1", last(lost), ">", 0.9),
        Fact("Adam's average regret there over AMSGrad's", adams[-1] / regret[-1], "≤", 1.2),
        Fact("AMSGrad's average regret there over that of the worst point, 20/101", regret[-1] * 101 / 20, ">", 1),
    ]
    curves |= {"mild": points, "mild, Adam": lost}
    return Evidence(facts, found=found, curves=curves | {"slow": slow})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    few = np.unique(np.geomspace(3, T, 300).astype(int)) - 1
    for j, C in enumerate(SLOPES):
        left.loglog(few + 1, evidence.curves[C][0][few], label=f"$C = {C}$", **style(j))
    left.loglog(few + 1, 2 * few**-0.5, ":", color="0.3", label=r"$T^{-1/2}$")
    left.set(xlabel="rounds $T$", ylabel="average regret")
    left.legend(fontsize=7)
    shown = {"mild": r"AMSGrad, $1/\sqrt{t}$", "slow": r"AMSGrad, $0.1/\sqrt{t}$", "mild, Adam": r"Adam, $1/\sqrt{t}$"}
    for j, (key, label) in enumerate(shown.items()):
        right.plot(evidence.curves[key].reshape(-1, 101).mean(axis=1), label=label, **style(j))
    right.set(xlabel="periods of 101 rounds", ylabel="mean point of a period", ylim=(-1.1, 1.1))
    right.legend(fontsize=7, loc="center right", bbox_to_anchor=(1, 0.6))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Reddi, Kale & Kumar, On the convergence of Adam and beyond, ICLR 2018",
    statement="With the largest v so far below, AMSGrad's average regret tends to zero on the losses on which Adam's "
    "does not.",
    verdict=HOLDS,
    because="It falls like 1/√T in the runs; on the milder losses AMSGrad moves to the best point, slowly.",
    experiment=experiment,
    figure=figure,
    flip={"rules": (ADAM, ml.adam)},
)
