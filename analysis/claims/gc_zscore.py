"""Z-scoring gains nothing over centring on mini-batches, but speed where the gradient's length misleads.

A z-scored gradient is centred and divided, unit by unit, by its standard deviation: a few lines as a transform of ours.
We train a softmax layer on inputs with a common offset, with heavy ball behind the plain, the centred and the z-scored
gradient, each with the best of one grid of step sizes, within which it lies, and compare the mean loss on all data.

On mini-batches, after 120 steps, centring helps, since the offset makes the mean the stiff direction, and z-scoring
gains nothing more: its steps keep their length near the minimum, so that it needs a smaller step size from the start.
(On the full batch plain gradients end lowest, as the minimiser is off the plane 1ᵀw = 1ᵀw₀.) But where length is what
is wrong with the gradient, it helps. On the full batch, with step sizes up to 8, it comes within a percent of the
plane's minimum in fewer steps. And a deep ReLU net from half of Kaiming's weights, whose gradients vanish, leaves its
plateau with it, while with centred gradients it stays there, or diverges, at all step sizes from 0.1 to 16.
"""

import numpy as np

import momentumlab as ml
from momentumlab.ops import slice_mean, sqrt

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style
from .wrong_variance_training import kaiming, trained


@ml.transform
def zscore(
    x,
    g,
    axis=0,
    mean=lambda g, axis: slice_mean(g, axis),
    square=lambda g, axis: slice_mean(g * g, axis),
):
    """Each unit's gradient less its mean, over its standard deviation."""
    return (g - mean) / (sqrt(square - mean * mean) + 1e-30)


RULES = {
    "plain": ml.heavy_ball,
    "centred": ml.heavy_ball.after(ml.centralize),
    "z-scored": ml.heavy_ball.after(zscore),
}
LRS, WIDE = np.geomspace(1e-3, 0.3, 5), np.geomspace(4e-3, 8, 7)
DEEP = {"centred": (0.1, 1.0, 8.0, 16.0), "z-scored": (1e-3,)}
N, INPUTS, CLASSES = 400, 10, 4


def softmax(seed: int, batch: int | None) -> ml.Problem:
    """Softmax regression on 400 noisy samples, whose 10 inputs have a common offset of 3."""
    rng = np.random.default_rng(seed)
    A, W = rng.standard_normal((N, INPUTS)), 1.5 * rng.standard_normal((CLASSES, INPUTS))
    labels = np.argmax(A @ W.T + 1.5 * rng.standard_normal((N, CLASSES)), axis=1)
    A, one_hot = A + 3.0, np.eye(CLASSES)[labels]

    def mean(W, indices):
        scores = A[indices] @ W.T
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = scores / scores.sum(axis=1, keepdims=True)
        right = p[np.arange(len(indices)), labels[indices]]
        return -np.mean(np.log(np.maximum(right, 1e-300))), (p - one_hot[indices]).T @ A[indices] / len(indices)

    draws = {} if batch is None else dict(batch=batch, rng=seed)
    return ml.finite_sum(mean, 0.1 * rng.standard_normal((CLASSES, INPUTS)), N, **draws)


def experiment(batch: int | None = 16, steps: int = 120, seeds: int = 3) -> Evidence:
    run = lambda p, rule, lr, steps: ml.minimize(p, method=rule(lr=lr), tol=0, maxiter=steps)
    by_lr = {
        label: np.array([[(p := softmax(s, batch)).fun(run(p, rule, lr, steps).x) for lr in LRS] for s in range(seeds)])
        for label, rule in RULES.items()
    }
    best = {label: losses.min(axis=1) for label, losses in by_lr.items()}

    on_all = {
        (n, s): [run(softmax(s, None), rule, lr, 40).history.fun for lr in WIDE]
        for n, rule in RULES.items()
        for s in range(3 if n != "plain" else 1)
    }

    def saved(seed: int) -> float:
        """Iterations until the loss on all data is within a percent of the least on the plane, z-scored / centred."""
        goal = 1.01 * run(softmax(seed, None), RULES["centred"], 1.0, 200).fun
        first = lambda f: np.argmax(f <= goal) if f.min() <= goal else np.inf
        return min(map(first, on_all["z-scored", seed])) / min(map(first, on_all["centred", seed]))

    deep = lambda n, s: min(trained(RULES[n](lr=lr), 0.5 * kaiming(s), 120)[-1] for lr in DEEP[n])
    plateau = {n: [deep(n, s) for s in range(2)] for n in DEEP}
    gain = lambda new, old: 1 - best[new].mean() / best[old].mean()
    facts = [
        Fact(
            f"loss that z-scoring saves over centring, {steps} steps on batches of {batch or N}",
            gain("z-scored", "centred"),
            "≤",
            0.01,
        )
    ]
    ratio = max(saved(seed) for seed in range(3))
    beyond = [
        Fact("iterations with z-scoring / with centring, full batch, largest of 3 seeds", ratio, "≥", 1.0),
        Fact("loss / that of the plateau, deep net, z-scored, worse of 2 seeds", max(plateau["z-scored"]), "≥", 0.99),
    ]
    full = {n: min(run(softmax(0, None), RULES[n], lr, 200).fun for lr in LRS[-2:]) for n in ("plain", "centred")}
    found = [
        Fact("least loss on the full batch, centred / plain", full["centred"] / full["plain"], ">", 1.0),
        Fact("loss that centring saves over plain gradients", gain("centred", "plain"), "≥", 0.02),
        Fact(
            "loss / that of the plateau, deep net, centred, α from 0.1 to 16, better of 2 seeds",
            min(plateau["centred"]),
            "≥",
            0.99,
        ),
    ]
    quickest = {n: min(on_all[n, 0], key=lambda losses: losses[:30].mean()) for n in RULES}
    return Evidence(facts, beyond, found, {"by lr": by_lr, "full": quickest})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    for j, (label, losses) in enumerate(evidence.curves["by lr"].items()):
        left.plot(LRS, losses.mean(axis=0), marker="o", markersize=3, label=label, **style(j))
        right.plot(evidence.curves["full"][label], label=label, **style(j))
    left.set(xscale="log", yscale="log", xlabel=r"$\alpha$", ylabel="loss after 120 steps, batch 16", ylim=(None, 5))
    right.set(xlabel="iteration $k$", ylabel="loss, full batch")
    left.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="Normalising gradients by their standard deviation too, as in z-scores, brings nothing beyond centring.",
    verdict=UNDER,
    because="On mini-batches; on the full batch, or where gradients vanish, z-scores are faster.",
    experiment=experiment,
    figure=figure,
    flip={"batch": None, "steps": 5},
)
