"""Centring removes an explosion of the mean of the inputs, and no other.

The gradient of a layer is δaᵀ, the signal δ that comes back times the activations a that go in, and centring makes it
δ(a − ā1)ᵀ. So it removes what is common to a unit's inputs, and passes on whatever δ and the spread of a have become.

We send a fixed signal back through twelve ReLU layers of width 64 and look at the largest gradient of a layer, relative
to that of the same net from Kaiming's weights. First the inputs get a common offset of 100: where the first layer's
rows sum to zero the offset goes nowhere but into the first gradient, which explodes, and the centred one is as if there
was no offset. (Centralised SGD keeps rows that sum to zero as they are. From other rows the offset enters the net, and
centring does not help.) Then the weights are doubled: by homogeneity every gradient grows by 2¹¹, centred or not. The
activations of a ReLU layer have a variance of 1 − 1/π of their mean square, so on hidden layers centring shortens
gradients by √(1 − 1/π) = 0.826, however deep the net: a constant, where an explosion is exponential in depth.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style
from ..nets import backward, forward
from .gc_projection import centred

DEPTH, WIDTH = 12, 64


def gradients(seed: int, scale: float = 1.0, offset: float = 0.0, zero_sum: bool = True) -> list[np.ndarray]:
    """Of the layers of a ReLU net, where one sample goes in and a signal of unit length comes back."""
    rng = np.random.default_rng(seed)
    layers = [ml.initializers.kaiming_normal((WIDTH, WIDTH), rng=rng) for _ in range(DEPTH)]
    if zero_sum:
        layers[0] = centred(layers[0])
    layers = [scale * W for W in layers]
    a, back = rng.standard_normal(WIDTH) + offset, rng.standard_normal(WIDTH)
    inputs, sums = forward(layers, a[:, None])
    return backward(layers, inputs, sums, back[:, None] / np.linalg.norm(back) * (sums[-1] > 0))


def norms(gradients: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of the gradients, and of the centred ones."""
    return tuple(np.array([np.linalg.norm(what(g)) for g in gradients]) for what in (lambda g: g, centred))


def experiment(zero_sum: bool = True) -> Evidence:
    def growth(**changes):
        pairs = [(norms(gradients(seed, **changes)), norms(gradients(seed, zero_sum=zero_sum))) for seed in range(5)]
        return np.array([[there[i].max() / here[i].max() for i in (0, 1)] for there, here in pairs])

    shifted, doubled = growth(offset=100.0, zero_sum=zero_sum), growth(scale=2.0)
    hidden = [np.divide(*norms(gradients(seed))[::-1])[1:].mean() for seed in range(5)]
    facts = [
        Fact("growth of centred gradients with inputs offset by 100, worst of 5 seeds", shifted[:, 1].max(), "≤", 1.01)
    ]
    beyond = [Fact("growth of centred gradients with doubled weights, best of 5", doubled[:, 1].min(), "≤", 1.01)]
    found = [
        Fact("growth of plain gradients with inputs offset by 100, least of 5", shifted[:, 0].min(), "≥", 10.0),
        Fact("growth with doubled weights, centred", doubled[:, 1].mean(), "=", 2.0 ** (DEPTH - 1)),
        Fact("growth with doubled weights, plain", doubled[:, 0].mean(), "=", 2.0 ** (DEPTH - 1)),
        Fact("‖Φ(g)‖/‖g‖ on hidden layers, mean of 5", np.mean(hidden), "=", np.sqrt(1 - 1 / np.pi), within=0.02),
    ]
    cases = {"as it is": {}, "inputs + 100": dict(offset=100.0, zero_sum=zero_sum), "weights doubled": dict(scale=2.0)}
    return Evidence(facts, beyond, found, {label: norms(gradients(0, **c)) for label, c in cases.items()})


def figure(evidence: Evidence):
    figure, axes = panels(2, sharey=True)
    for ax, which, title in zip(axes, (0, 1), ("plain", "centred"), strict=True):
        for j, (label, both) in enumerate(evidence.curves.items()):
            ax.plot(range(1, DEPTH + 1), both[which], marker="o", markersize=3, label=label, **style(j))
        ax.set(yscale="log", xlabel="layer", ylim=(1, 1e6))
        ax.set_title(title, fontsize=9)
    axes[0].set_ylabel("norm of the layer's gradient")
    axes[1].legend(fontsize=7, loc="upper right", bbox_to_anchor=(1, 0.66))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="Centralisation suppresses the explosion of gradients.",
    verdict=UNDER,
    because="Only where what explodes is the mean of a layer's inputs, whose rows of weights sum to zero; "
    "doubled weights explode as before.",
    experiment=experiment,
    figure=figure,
    flip={"zero_sum": False},
)
