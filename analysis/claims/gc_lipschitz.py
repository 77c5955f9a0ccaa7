"""Centring never makes a loss steeper, but makes training faster only where the mean is the stiff direction.

The first half is a matter of projections: ‖Pg‖ ≤ ‖g‖ and ‖PHP‖ ≤ ‖H‖ for every gradient and Hessian, so neither
Lipschitz constant grows. We measure it with the P that the library's transform applies to unit vectors. "Hence faster"
is another matter: what decides the speed of gradient descent is the condition number on the plane 1ᵀw = 1ᵀw₀, and what
decides where it ends is whether the minimiser lies on that plane.

We take one unit with 12 inputs and a quadratic loss, whose Hessian has the direction 1 as an eigenvector with a
curvature λ₁ that we choose; the other curvatures go from 1 to 10. Every run has the step size 2/(L + μ) that is best
for the curvatures it meets, and counts iterations until the loss is within 10⁻⁸ of the least. With curvature 100 along
1, as where inputs have a common offset, centring makes κ = 100 into κ = 10. With curvature 3 along 1 it changes
nothing. And where 1ᵀw* ≠ 1ᵀw₀, centring converges to the best point of the plane, whose loss is larger by ½λ₁(1ᵀ(w* −
w₀))²/M.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

M = 12


def layer(along: float, miss: float = 0.0, seed: int = 0):
    """½(w − w*)ᵀH(w − w*) with H1 = along·1; w₀ = 0 and the mean of w* is `miss`. The loss, the other curvatures."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(np.column_stack([np.ones(M), rng.standard_normal((M, M - 1))]))
    others = np.geomspace(1, 10, M - 1)
    H = (Q * np.array([along, *others])) @ Q.T
    target = rng.standard_normal(M)
    target += miss - target.mean()

    def loss(W):
        away = W[0] - target
        return 0.5 * away @ H @ away, (H @ away)[None]

    return loss, others


def runs(along: float, miss: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """The losses of plain and of centralised gradient descent, each with its best step size."""
    loss, others = layer(along, miss, seed)
    best = lambda spectrum: ml.gradient_descent.tuned(mu=min(spectrum), L=max(spectrum)).row(1)["lr"]
    plain = ml.gradient_descent(lr=best([along, *others]))
    centred = ml.gradient_descent.after(ml.centralize)(lr=best(others))
    return [ml.minimize(loss, np.zeros((1, M)), m, jac=True, tol=0, maxiter=600).history.fun for m in (plain, centred)]


def centring() -> np.ndarray:
    """P: what `centralize` makes of each unit vector, off the step of size 1 that a rule takes behind it."""
    method = ml.gradient_descent.after(ml.centralize)(lr=1.0)
    step = lambda g: method.advance(np.zeros((1, M)), g[None], (), 1)[0]
    return np.column_stack([-step(g)[0] for g in np.eye(M)])


def first_below(losses: np.ndarray, level: float) -> float:
    return float(np.argmax(losses <= level)) if losses.min() <= level else np.inf


def experiment(along: float = 100.0) -> Evidence:
    rng = np.random.default_rng(1)
    P = centring()
    symmetric = [a + a.T for a in rng.standard_normal((200, M, M))]
    steep = max(np.linalg.norm(P @ H @ P, 2) / np.linalg.norm(H, 2) for H in symmetric)
    long = max(np.linalg.norm(P @ g) / np.linalg.norm(g) for g in rng.standard_normal((200, M)))
    times = lambda along: [[first_below(f, 1e-8) for f in runs(along, seed=seed)] for seed in range(5)]
    stiff, mild = np.array(times(along)), np.array(times(3.0))
    missed = runs(along, miss=0.1)
    facts = [
        Fact("largest ‖PHP‖/‖H‖ of 200 random symmetric matrices", steep, "≤", 1.0),
        Fact("largest ‖Pg‖/‖g‖ of 200 random vectors", long, "≤", 1.0),
        Fact(
            f"iterations with centring / without, curvature {along:g} along 1, worst of 5 seeds",
            max(stiff[:, 1] / stiff[:, 0]),
            "<",
            1.0,
        ),
    ]
    beyond = [
        Fact("the same, curvature 3 along 1, best of 5 seeds", min(mild[:, 1] / mild[:, 0]), "<", 1.0),
        Fact("least loss with centring where the mean of w* − w₀ is 0.1", missed[1].min(), "≤", 1e-8),
    ]
    rate = lambda losses, k: (losses[k + 20] / losses[k]) ** (1 / 40)
    found = [
        Fact("largest |P² − P|, of the library's centring", np.abs(P @ P - P).max(), "≤", 1e-12),
        Fact("‖P1‖", np.linalg.norm(P.sum(axis=1)), "≤", 1e-12),
        Fact("that least loss, and ½λ₁M·0.1²", missed[1].min(), "=", 0.5 * along * M * 0.01, within=1e-6),
        Fact(
            "‖w − w*‖ shrinks a step, without centring",
            rate(missed[0], 400),
            "=",
            (along - 1) / (along + 1),
            within=1e-3,
        ),
        Fact("the same with centring, on the plane", rate(runs(along)[1], 60), "=", 9 / 11, within=1e-3),
    ]
    curves = {"1 is stiff": runs(along), "1 is not": runs(3.0), "off the plane": missed}
    return Evidence(facts, beyond, found, curves | {"floor": 0.5 * along * M * 0.01})


def figure(evidence: Evidence):
    figure, axes = panels(3, width=2.6, sharey=True)
    titles = {
        "1 is stiff": r"$\lambda_{\mathbf{1}} = 100$, $w^\star$ on the plane",
        "1 is not": r"$\lambda_{\mathbf{1}} = 3$, $w^\star$ on the plane",
        "off the plane": r"$\lambda_{\mathbf{1}} = 100$, $w^\star$ off the plane",
    }
    for ax, (key, title) in zip(axes, titles.items(), strict=True):
        for j, (label, losses) in enumerate(zip(("plain", "centred"), evidence.curves[key], strict=True)):
            ax.plot(np.maximum(losses, 1e-14), label=label, **style(j))
        ax.set(yscale="log", xlabel="iteration $k$", ylim=(1e-12, 1e4), xlim=(0, 300))
        ax.set_title(title, fontsize=8)
    axes[2].axhline(evidence.curves["floor"], label=r"$\frac{1}{2}\lambda_{\mathbf{1}}M\bar{e}^2$", **BOUND)
    axes[0].set_ylabel("loss")
    axes[0].legend(fontsize=7)
    axes[2].legend(fontsize=7, loc="lower left")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="Centralisation reduces the Lipschitz constants of the loss and of its gradient; the landscape is "
    "smoother, hence training is faster.",
    verdict=UNDER,
    because="The constants never grow; training is faster where the mean is the stiff direction and 1ᵀw* = 1ᵀw₀.",
    experiment=experiment,
    figure=figure,
    flip={"along": 3.0},
)
