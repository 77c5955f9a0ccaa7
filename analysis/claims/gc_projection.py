"""Centralised SGD is projected gradient descent on the plane of the start.

Φ takes from each unit's gradient its mean, Φ(g) = Pg with P = I − 11ᵀ/M. We apply the operator to the unit vectors of a
layer and read P off: it is idempotent and symmetric, and on the gradients of a run it never lengthens one. Then we
train one layer on mini-batches twice: with SGD after Φ, and with SGD whose every step is followed by the projection
onto {w : 1ᵀ(w − w₀) = 0}, on the same batches. The weights are the same to rounding.

For a rule that is not linear in its gradients they are not: Adam divides each coordinate by its own scale, so that a
centred gradient no longer gives a centred step, and Adam after Φ is not projected Adam.
"""

import numpy as np

import momentumlab as ml

from ..claim import HOLDS, Claim, Evidence, Fact
from ..figures import panels, style

UNITS, INPUTS, STEPS = 4, 12, 200
CENTRED = ml.gradient_descent.after(ml.centralize)(lr=1.0)


def centred(g: np.ndarray) -> np.ndarray:
    """Φ(g), read off the first step of the library's centralised gradient descent from 0."""
    return -CENTRED.advance(0 * g, g, (), 1)[0]


def layer(seed: int):
    """The loss of a layer on a mini-batch of eight, tanh(Wx) against targets; every call draws another."""
    rng, draws = np.random.default_rng(100), np.random.default_rng(seed)
    X = rng.standard_normal((400, INPUTS)) + 0.5
    Y = np.tanh(X @ rng.standard_normal((INPUTS, UNITS)))

    def loss(W):
        rows = draws.integers(400, size=8)
        out = np.tanh(X[rows] @ W.T)
        away = out - Y[rows]
        return 0.5 * np.mean(np.sum(away**2, axis=1)), (away * (1 - out**2)).T @ X[rows] / 8

    return loss


def apart(rule: ml.Rule, lr: float, W0: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How far the rule after Φ is from the projected rule, step by step; and ‖Φ(g)‖/‖g‖ on the way."""
    run = ml.minimize(layer(seed), W0, rule.after(ml.centralize)(lr=lr), jac=True, tol=0, maxiter=STEPS)
    loss, method, W = layer(seed), rule(lr=lr), W0
    away, ratio, slots = [], [], method.start(W0, 0 * W0)
    for k, theirs in enumerate(run.history.x):
        away.append(np.abs(W - theirs).max())
        g = loss(W)[1]
        ratio.append(np.linalg.norm(centred(g)) / np.linalg.norm(g))
        moved, *slots = method.advance(W, g, slots, k + 1)
        W = moved - (moved - W0).mean(axis=1, keepdims=True)
    return np.array(away), np.array(ratio)


def experiment(rule: ml.Rule = ml.gradient_descent) -> Evidence:
    W0 = ml.initializers.kaiming_normal((UNITS, INPUTS), rng=0)
    units = np.eye(W0.size).reshape(-1, *W0.shape)
    P = np.array([centred(e).ravel() for e in units])
    runs = [apart(rule, 0.05, W0, seed) for seed in range(3)]
    adam = apart(ml.adam, 0.05, W0, 0)
    facts = [
        Fact("largest entry of |P² − P|", np.abs(P @ P - P).max(), "≤", 1e-14),
        Fact("largest entry of |P − Pᵀ|", np.abs(P - P.T).max(), "≤", 1e-14),
        Fact(
            "largest ‖Φ(g)‖/‖g‖ along the projected runs, three seeds", max(ratio.max() for _, ratio in runs), "≤", 1.0
        ),
        Fact(
            "largest distance of SGD after Φ to projected SGD in 200 steps, three seeds",
            max(a.max() for a, _ in runs),
            "≤",
            1e-12,
        ),
    ]
    found = [
        Fact("rank of P, 4 units of 12 inputs", np.linalg.matrix_rank(P), "=", UNITS * (INPUTS - 1)),
        Fact("largest distance of Adam after Φ to projected Adam", adam[0].max(), "≥", 0.01),
    ]
    return Evidence(facts, found=found, curves={"SGD": runs[0], "Adam": adam})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    for j, (label, (away, _)) in enumerate(evidence.curves.items()):
        left.plot(np.maximum(away, 1e-18), label=label, **style(j))
    left.set(yscale="log", xlabel="iteration $k$", ylabel="distance to the projected rule", ylim=(1e-18, 10))
    left.legend(loc="center right", fontsize=7)
    right.plot(evidence.curves["SGD"][1], ".", color=style(0)["color"], markersize=3)
    right.axhline(1.0, color="0.1", linestyle=(0, (5, 2)), linewidth=1.6)
    right.set(xlabel="iteration $k$", ylabel=r"$\|\Phi(g_k)\| / \|g_k\|$", ylim=(0, 1.05))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="Φ(g) = Pg is an orthogonal projection and never lengthens the gradient; SGD with centralised gradients "
    "is projected gradient descent with the constraint 1ᵀ(w − w₀) = 0.",
    verdict=HOLDS,
    because="P² = P = Pᵀ, and SGD is linear in its gradients, so that it may as well be projected afterwards.",
    experiment=experiment,
    figure=figure,
    flip={"rule": ml.adam},
)
