"""Adam goes to the worst point of Reddi, Kale & Kumar's losses, on which its theorem promises vanishing regret.

Adam's paper states that the regret against the best fixed point is O(√T) on convex losses, so that the average regret
vanishes. On [−1, 1] let every third loss be Cx and the others −x. The best point is −1. Adam with β₂ = 1/(1 + C²) sees
the rare large gradient only when it comes, divides it by itself, and is carried back twice by the small ones, which it
has meanwhile learnt to enlarge: the iterates go to 1 and the average regret to (2C − 4)/3, that of the worst point. The
average regret, which O(√T) would have divided by √10 between 300 and 3000 rounds, stays what it is. The losses meet the
assumptions of the theorem (a bounded set, bounded gradients, step sizes α/√t, β₁ = 0); its proof takes √vₜ/αₜ to grow,
which it need not. We leave the bias corrections out, as Reddi, Kale & Kumar do; they soon are 1.

The example is made for its β₂. With β₂ = 0.9 Adam learns all of these losses, since it remembers the large gradient
for longer than three rounds. That is no constant that is safe: with losses of 1010x once in 101 rounds and −10x else
Adam goes to 1 at β = (0.9, 0.99) too. Reddi, Kale & Kumar show that there are such losses for every fixed pair with β₁
< √β₂; which β₂ is close enough to 1 depends on them.
"""

from itertools import islice

import numpy as np

import momentumlab as ml

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

SLOPES, T, MILD = (3, 10), 3000, 2525
ADAM = ml.adam.having(c1=1.0, c2=1.0)


def play(rule, p, rounds: int, alpha: float, **hyper: float) -> tuple[np.ndarray, np.ndarray]:
    """The average regret against −1 after each round, and the points, of step sizes α/√t on [−1, 1]."""
    method = rule.then(ml.into_box)(lr=lambda k: alpha / k**0.5, eps=0.0, **hyper)
    slopes, points = np.array([(s.jac[0], s.x[0]) for s in islice(ml.iterate(p, method=method), rounds)]).T
    return np.cumsum(slopes * (points + 1)) / np.arange(1, rounds + 1), points


def on_thirds(rule, C: float, beta2: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """On Cx, −x, −x, with the paper's β₂ or another."""
    beta2 = 1 / (1 + C * C) if beta2 is None else beta2
    return play(rule, ml.reddi(C), T, alpha=0.9 * (1 - beta2) ** 0.5, beta1=0.0, beta2=beta2)


def experiment(beta2: float | None = None) -> Evidence:
    facts, found, curves = [], [], {}
    for C in SLOPES:
        regret, points = curves[C] = on_thirds(ADAM, C, beta2)
        facts.append(
            Fact(
                f"average regret after {T} rounds over that after {T // 10}, C = {C}",
                regret[-1] / regret[T // 10 - 1],
                "≤",
                0.5,
            )
        )
        worst = (2 * C - 4) / 3
        found.append(
            Fact(f"average regret after {T} rounds against (2C − 4)/3, C = {C}", regret[-1], "=", worst, within=0.02)
        )
        found.append(Fact(f"mean of the last three points, C = {C}", points[-3:].mean(), ">", 0.98))
    longer, _ = curves["longer"] = on_thirds(ADAM, 10, 0.9)
    found.append(
        Fact(
            "β₂ = 0.9, C = 10: average regret after 3000 rounds over that after 300",
            longer[-1] / longer[T // 10 - 1],
            "≤",
            0.5,
        )
    )
    _, points = curves["mild"] = play(ml.adam, ml.reddi_mild(), MILD, alpha=1.0, beta1=0.9, beta2=0.99)
    found.append(
        Fact(
            f"β = (0.9, 0.99), 1010x once in 101: mean of the last 101 points of {MILD}", points[-101:].mean(), ">", 0.9
        )
    )
    return Evidence(facts, found=found, curves=curves)


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    few = np.unique(np.geomspace(3, T, 300).astype(int)) - 1
    for j, C in enumerate(SLOPES):
        left.loglog(few + 1, evidence.curves[C][0][few], label=f"$C = {C}$", **style(j))
        left.axhline((2 * C - 4) / 3, **BOUND | dict(linewidth=0.8))
    left.loglog(few + 1, evidence.curves["longer"][0][few], label=r"$C = 10$, $\beta_2 = 0.9$", **style(3))
    left.set(xlabel="rounds $T$", ylabel="average regret")
    left.legend(fontsize=7, loc="lower left")
    for j, (label, points, period) in enumerate(
        (("$C = 3$", evidence.curves[3][1], 3), ("1010$x$ once in 101", evidence.curves["mild"][1], 101))
    ):
        means = points[: len(points) // period * period].reshape(-1, period).mean(axis=1)
        right.plot(np.arange(1, len(means) + 1)[:25], means[:25], label=label, **style(j))
    right.set(xlabel="periods", ylabel="mean point of a period", ylim=(-1.1, 1.1))
    right.legend(fontsize=7, loc="lower right")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Kingma & Ba, Adam, ICLR 2015, Theorem 4.1; the losses are those of Reddi, Kale & Kumar, ICLR 2018",
    statement="On convex losses Adam's average regret tends to zero, like 1/√T.",
    verdict=FALSE,
    because="On Cx, −x, −x with β₂ = 1/(1 + C²) it goes to the worst point, and its average regret to (2C − 4)/3.",
    experiment=experiment,
    figure=figure,
    flip={"beta2": 0.9},
)
