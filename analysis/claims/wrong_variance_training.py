"""Heavy ball does not train a deep net from half or twice Kaiming's deviation; Adam does from half.

A net of 16 ReLU layers of width 20 is trained on 32 samples, from Kaiming's weights and from the same weights halved
and doubled. By homogeneity a factor c on the weights is one of c¹⁶ on the outputs and of c¹⁵ on what comes back to a
layer. Heavy ball has 120 steps, and for each start the best of four step sizes. From Kaiming's weights it fits at every
seed. From half of them it stays at the loss of the answer 0, a plateau whose slope is invisible. From twice them it
diverges, but for the step size 10⁻¹⁰, with which it stays thousands of times above the loss of the answer 0.

What vanishes is the gradient's size, not its direction. Adam, whose steps do not depend on that size, trains from the
halved weights too. From the doubled ones it comes down, but from so high that it is far from an answer in 120 steps.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style
from ..nets import backward, forward

DEPTH, WIDTH, SAMPLES, STEPS = 16, 20, 32, 120
LRS, ADAM = (1e-10, 0.01, 0.05, 0.25), (0.003,)


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((WIDTH, SAMPLES))
    return X, np.tanh(1.5 * rng.standard_normal((1, WIDTH)) @ X / np.sqrt(WIDTH))


X, Y = data()
PLATEAU = 0.5 * np.mean(Y**2)
"""The loss of the answer 0."""


def kaiming(seed: int) -> np.ndarray:
    """The weights of all layers, a unit a row."""
    rng = np.random.default_rng(seed)
    return np.vstack([ml.initializers.kaiming_normal((WIDTH, WIDTH), rng=rng) for _ in range(DEPTH)])


def loss(rows: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean square of what the first output unit misses, halved; and its gradient, by backpropagation."""
    layers = rows.reshape(DEPTH, WIDTH, WIDTH)
    inputs, sums = forward(layers, X)
    missed, delta = sums[-1][:1] - Y, np.zeros_like(X)
    delta[:1] = missed / SAMPLES
    return 0.5 * np.mean(missed**2), np.vstack(backward(layers, inputs, sums, delta))


def trained(method: ml.Method, rows: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """The losses of a run, infinite from where it diverges, relative to the plateau."""
    losses = np.full(steps + 1, np.inf)
    with np.errstate(all="ignore"):
        run = ml.minimize(loss, rows, method, jac=True, tol=0, maxiter=steps)
    losses[: len(run.history.fun)] = run.history.fun / PLATEAU
    return losses


def best(rule: ml.Rule, lrs: tuple, rows: np.ndarray) -> np.ndarray:
    return min((trained(rule(lr=lr), rows) for lr in lrs), key=lambda losses: losses[-1])


def experiment(off: float = 2.0, seeds: int = 3) -> Evidence:
    starts = [kaiming(seed) for seed in range(seeds)]
    runs = {
        (name, c): [best(rule, lrs, c * W) for W in starts]
        for name, rule, lrs in (("heavy ball", ml.heavy_ball, LRS), ("Adam", ml.adam, ADAM))
        for c in (1.0, 1 / off, off)
    }
    last = lambda *which: np.array([losses[-1] for losses in runs[which]])
    times = {1 / off: f"1/{off:g}", off: f"{off:g}"}
    facts = [
        Fact(
            "loss / that of the answer 0, heavy ball from Kaiming's weights, worst of 3",
            last("heavy ball", 1.0).max(),
            "≤",
            0.5,
        ),
        Fact(f"the same from {times[1 / off]} of them, best of 3", last("heavy ball", 1 / off).min(), "≥", 0.99),
        Fact(f"the same from {times[off]} times them, best of 3", last("heavy ball", off).min(), "≥", 0.99),
    ]
    beyond = [Fact(f"the same from {times[1 / off]} of them, Adam, best of 3", last("Adam", 1 / off).min(), "≥", 0.99)]
    size = lambda c: np.linalg.norm(loss(c * starts[0])[1])
    found = [
        Fact("the same, Adam, worst of 3", last("Adam", 1 / off).max(), "≤", 0.1),
        Fact(f"the same from {times[off]} times them, Adam, best of 3", last("Adam", off).min(), "≥", 1.0),
        Fact(
            f"norm of the first gradient, {times[1 / off]} of Kaiming's / Kaiming's",
            size(1 / off) / size(1.0),
            "≤",
            1e-3,
        ),
        Fact(f"the same, {times[off]} times / Kaiming's", size(off) / size(1.0), "≥", 1e3),
    ]
    return Evidence(facts, beyond, found, {"runs": runs, "labels": times})


def figure(evidence: Evidence):
    figure, axes = panels(2, sharey=True)
    for ax, name in zip(axes, ("heavy ball", "Adam"), strict=True):
        for j, c in enumerate((1.0, *evidence.curves["labels"])):
            for i, losses in enumerate(evidence.curves["runs"][name, c]):
                label = None if i else f"{evidence.curves['labels'].get(c, '1')} × Kaiming"
                ax.plot(np.where(losses < 1e200, losses, np.nan), label=label, **style(j) | {"linewidth": 1.0})
        ax.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
        ax.set(yscale="log", xlabel="iteration $k$", ylim=(1e-6, 1e12))
        ax.set_title(name, fontsize=9)
    axes[0].set_ylabel("loss / that of the answer 0")
    axes[1].legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation; He, Zhang, Ren & Sun, ICCV 2015",
    statement="If weights' variance is too small or too large, signals vanish or explode and deep nets do not train.",
    verdict=UNDER,
    because="Under rules whose steps are proportional to the gradient; Adam trains from variances that are too small.",
    experiment=experiment,
    figure=figure,
    flip={"off": 1.1},
)
