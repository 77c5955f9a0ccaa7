"""Each initialisation keeps the variance for its own nonlinearity and in its own direction.

Of weights with variance gain²/fan_in a layer makes pre-activations with gain² times the mean square of its inputs, and
ReLU halves that. So Kaiming's gain √2 keeps E z² = 2 through a ReLU net from inputs of unit variance, and gain 1, which
is Xavier's in a square layer, keeps 1 through a linear one. We send samples through 30 layers of width 512, and a
signal δ back from the end. What is kept is the expectation: every layer of ReLU multiplies what is there by 1 with a
variance of 5/512, so that after 30 layers a single net may be off by half, and we look at the mean factor of a layer.

Beyond that: Xavier's weights under ReLU lose a factor 2 a layer. And where layers narrow, here each to 3/4 of the one
before, forward and backward are at odds: fan_in keeps the signal and shrinks the gradient to 3/4 a layer, fan_out keeps
the gradient and lets the signal grow by 4/3.
"""

from itertools import pairwise

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

DEPTH, WIDTH, SAMPLES = 30, 512, 16
init = ml.initializers
SCHEMES = {
    "kaiming": lambda shape, rng: init.kaiming_normal(shape, nonlinearity="relu", rng=rng),
    "kaiming fan_out": lambda shape, rng: init.kaiming_normal(shape, mode="fan_out", nonlinearity="relu", rng=rng),
    "xavier": lambda shape, rng: init.xavier_normal(shape, rng=rng),
}


def forward(scheme: str, relu: bool, widths: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """E z² of each layer; and, of a signal of unit variance that comes back, E δ² of each, last layer first."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((widths[0], SAMPLES))
    layers, signs, squares = [], [], []
    for fan_in, fan_out in pairwise(widths):
        W = SCHEMES[scheme]((fan_out, fan_in), rng)
        z = W @ a
        a = np.maximum(z, 0.0) if relu else z
        layers.append(W)
        signs.append(z > 0)
        squares.append(np.mean(z**2))
    delta, back = rng.standard_normal(z.shape), []
    for W, open_ in zip(layers[::-1], signs[::-1], strict=True):
        delta = W.T @ (delta * open_ if relu else delta)
        back.append(np.mean(delta**2))
    return np.array(squares), np.array(back)


def typical(scheme: str, relu: bool, widths: list[int], nets: int = 2) -> list[np.ndarray]:
    """Of so many nets, a row each."""
    return [np.array(one) for one in zip(*(forward(scheme, relu, widths, seed) for seed in range(nets)), strict=True)]


def a_layer(squares: np.ndarray) -> float:
    """The mean factor from a layer to the next."""
    return np.mean(squares[:, 1:] / squares[:, :-1])


def experiment(relu_scheme: str = "kaiming") -> Evidence:
    square, narrowing = [WIDTH] * (DEPTH + 1), [round(WIDTH * 0.75**i) for i in range(7)]
    relu, linear = typical(relu_scheme, True, square), typical("xavier", False, square, nets=1)
    xavier = typical("xavier", True, square, nets=1)
    ins, outs = (typical(scheme, True, narrowing, nets=20) for scheme in ("kaiming", "kaiming fan_out"))
    away, deviation = np.abs(np.log(relu[0][:, -1] / 2)).max(), 2 * np.sqrt(5 * DEPTH / WIDTH)
    name = relu_scheme.capitalize()
    facts = [
        Fact(f"E z² of a layer / of the one before, ReLU, {name}", a_layer(relu[0]), "=", 1.0, within=0.04),
        Fact("the same, linear, Xavier", a_layer(linear[0]), "=", 1.0, within=0.04),
        Fact(f"E δ² of a layer / of the one behind, ReLU, {name}", a_layer(relu[1]), "=", 1.0, within=0.04),
        Fact("the same, linear, Xavier", a_layer(linear[1]), "=", 1.0, within=0.04),
    ]
    beyond = [
        Fact("E z² of a layer / of the one before, ReLU, Xavier", a_layer(xavier[0]), "=", 1.0, within=0.04),
        Fact("E δ² of a layer / of the one behind, narrowing, fan_in", a_layer(ins[1]), "=", 1.0, within=0.04),
        Fact("E z² of a layer / of the one before, narrowing, fan_out", a_layer(outs[0]), "=", 1.0, within=0.04),
    ]
    found = [
        Fact(f"E z² at layer 1, ReLU, {name}", relu[0][:, 0].mean(), "=", 2.0, within=0.04),
        Fact(f"|ln(½E z²)| at layer 30, ReLU, {name}, worse of 2 nets, and 2√(5·30/512)", away, "≤", deviation),
        Fact("E z² of a layer / of the one before, ReLU, Xavier", a_layer(xavier[0]), "=", 0.5, within=0.04),
        Fact("E z² at layer 30, ReLU, Xavier", xavier[0][:, -1].mean(), "≤", 1e-8),
        Fact("E z² of a layer / of the one before, narrowing, fan_in", a_layer(ins[0]), "=", 1.0, within=0.04),
        Fact("E δ² of a layer / of the one behind, narrowing, fan_out", a_layer(outs[1]), "=", 1.0, within=0.04),
        Fact("E δ² of a layer / of the one behind, narrowing, fan_in", a_layer(ins[1]), "=", 3 / 4, within=0.04),
        Fact("E z² of a layer / of the one before, narrowing, fan_out", a_layer(outs[0]), "=", 4 / 3, within=0.04),
    ]
    relu, linear, xavier, ins, outs = ([one.mean(axis=0) for one in both] for both in (relu, linear, xavier, ins, outs))
    curves = {"ReLU, Kaiming": relu[0], "linear, Xavier": linear[0], "ReLU, Xavier": xavier[0]}
    narrow = {"fan_in, forward": ins[0], "fan_in, back": ins[1], "fan_out, forward": outs[0], "fan_out, back": outs[1]}
    return Evidence(facts, beyond, found, {"deep": curves, "narrow": narrow})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    for ax, key, marker in ((left, "deep", ""), (right, "narrow", "o")):
        for j, (label, squares) in enumerate(evidence.curves[key].items()):
            ax.plot(range(1, len(squares) + 1), squares, marker=marker, markersize=3, label=label, **style(j))
        ax.set(yscale="log", xlabel="layer")
        ax.legend(fontsize=7, ncols=1 + (key == "narrow"), loc="lower left" if key == "deep" else "upper left")
    left.set(ylabel=r"$E\,z^2$")
    right.set(ylabel=r"$E\,z^2$, $E\,\delta^2$", ylim=(0.1, 60), xlabel="layers passed, each 3/4 as wide")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation; Glorot & Bengio, AISTATS 2010; He et al., ICCV 2015",
    statement="Xavier's and Kaiming's initialisations keep the variance of signals and gradients from layer to layer.",
    verdict=UNDER,
    because="Xavier's for linear units, Kaiming's for ReLU; both directions only where layers are equally wide.",
    experiment=experiment,
    figure=figure,
    flip={"relu_scheme": "xavier"},
)
