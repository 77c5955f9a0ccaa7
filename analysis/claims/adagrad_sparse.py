"""AdaGrad helps with sparse features as far as these differ in how often they occur.

AdaGrad was made for features that are rarely seen: a coordinate that has had few gradients keeps a long step, one that
has had many takes short ones. We let it learn a hundred numbers from noisy observations of one of them at a time, the
i-th with a frequency proportional to 1/i, and compare it with SGD of step size α/√k. Each has the best α of a grid, on
the mean of eight sequences. The loss is weighted by the same frequencies.

AdaGrad's is lower on each of the eight sequences, by about a third. The gain is one of fairness: SGD's one schedule
suits features of some frequency, and is too short for rarer ones and too long for the others. Where all features are
equally frequent each gradient is as sparse as before, and on average the two are within a tenth, now one and now the
other ahead: a coordinate seen k/100 times gets from AdaGrad, up to a constant, the step of the schedule. What counts is
that frequencies differ, not that gradients are sparse.
"""

from itertools import pairwise

import numpy as np
from matplotlib.ticker import NullFormatter

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

N, T, COPIES = 100, 2000, 8
METHODS = {
    "SGD": [ml.gradient_descent.having(lr=lambda k, a: a / k**0.5, a=a)() for a in (2.0, 3.5, 5.0)],
    "AdaGrad": [ml.adagrad(lr=lr) for lr in (0.3, 0.4, 0.5, 0.6)],
}


def often(power: float) -> np.ndarray:
    """Frequencies, like i^−power."""
    weights = np.arange(1.0, N + 1) ** -power
    return weights / weights.sum()


def losses(powers: tuple, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """½(xᵢ − 1 − noise)² of one i at a time, eight sequences for each power, all side by side.

    By method: the losses for each α, power and sequence, and the points.
    """
    frequencies = np.array([often(power) for power in powers])
    rows = np.arange(len(powers) * COPIES)

    def sampler():
        rng = np.random.default_rng(seed)
        seen = np.hstack([rng.choice(N, size=(T + 1, COPIES), p=p) for p in frequencies])
        drawn = iter(zip(seen, rng.standard_normal(seen.shape), strict=True))

        def loss(x):
            (i, by), g = next(drawn), np.zeros((len(rows), N))
            g[rows, i] = x[rows, i] - 1 - by
            return 0.5 * (g**2).sum(), g

        return loss

    p = ml.Problem("observations", sampler(), np.zeros((len(rows), N)), jac=True, sampler=sampler)
    run = lambda method: ml.minimize(p, method=method, tol=0, maxiter=T, history=False).x
    points = {name: np.array([run(m).reshape(len(powers), COPIES, N) for m in ms]) for name, ms in METHODS.items()}
    return {name: 0.5 * np.einsum("apsi,pi->aps", (x - 1) ** 2, frequencies) for name, x in points.items()}, points


def experiment(power: float = 1.0, seed: int = 0) -> Evidence:
    found, points = losses((power, 0.0), seed)
    best = {name: all_.mean(axis=-1).argmin(axis=0) for name, all_ in found.items()}
    inside = all(((best[name] > 0) & (best[name] < len(METHODS[name]) - 1)).all() for name in METHODS)
    end = {name: np.array([all_[a, j] for j, a in enumerate(best[name])]) for name, all_ in found.items()}
    ratios = end["AdaGrad"] / end["SGD"]
    what = "loss of AdaGrad over SGD's"
    facts = [Fact(f"{what}, frequencies i^−{power:g}, largest of {COPIES} sequences", ratios[0].max(), "<", 1)]
    beyond = [Fact(f"{what}, equal frequencies, largest of {COPIES} sequences", ratios[1].max(), "<", 1)]
    besides = [
        Fact(f"{what}, frequencies i^−{power:g}, mean", ratios[0].mean(), "<", 0.75),
        Fact(f"{what}, equal frequencies, mean", ratios[1].mean(), "=", 1, within=0.1),
        Fact("each best α is inside its grid (1: yes)", float(inside), "=", 1),
    ]
    errors = {name: ((points[name][best[name][0], 0] - 1) ** 2).mean(axis=0) for name in METHODS}
    return Evidence(facts, beyond, besides, errors)


def figure(evidence: Evidence):
    figure, [axes] = panels(width=4.2)
    edges = np.unique(np.geomspace(1, N + 1, 9).astype(int)) - 1
    for j, (name, errors) in enumerate(evidence.curves.items()):
        means = [errors[a:b].mean() for a, b in pairwise(edges)]
        axes.loglog((edges[:-1] + edges[1:] + 1) / 2, means, label=name, marker="o", **style(j))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlim=(1, N), xlabel="feature $i$, of frequency $\\propto 1/i$", ylabel=r"mean of $(x_i - x_i^\star)^2$")
    axes.legend()
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods; Duchi, Hazan & Singer, JMLR 12 (2011) 2121",
    statement="AdaGrad does better than SGD where gradients are sparse.",
    verdict=UNDER,
    because="Where features differ in frequency; where all are equally rare the two are alike.",
    experiment=experiment,
    figure=figure,
    flip={"power": 0.0},
)
