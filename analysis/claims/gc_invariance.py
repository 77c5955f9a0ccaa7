"""Each unit's sum of weights stays what it was, under rules linear in the gradient with decay inside the projection.

Centred gradients sum to zero over a unit's inputs, so the sum of its weights does not move, and what the unit makes of
a constant γ added to its inputs remains γ1ᵀw₀, that of the start. This needs every step to be a sum of centred vectors.
Gradient descent, heavy ball and Nesterov's rule satisfy it, with L2 decay too if that is added before the centring.

It fails for decay added after the centring, and for Adam behind it: Adam's division by coordinate turns a centred
average into a step that is not. Centring Adam's step instead of its gradient restores it, as the authors later advise.
Decay beside the step, as in AdamW, shrinks the sums by 1 − αλ a step, whatever the gradients are.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

LR, DECAY, STEPS, OFFSET = 0.05, 0.1, 200, 0.7
LINEAR = (ml.gradient_descent, ml.heavy_ball, ml.nesterov)


def experiment(rules: tuple = LINEAR) -> Evidence:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 16))
    Y = np.tanh(X @ rng.standard_normal((16, 4)) + 1.0)
    W0 = ml.initializers.kaiming_normal((4, 16), nonlinearity="linear", rng=1)

    def loss(W):
        away = np.tanh(X @ W.T) - Y
        return 0.5 * np.sum(away**2) / 60, (away * (1 - (away + Y) ** 2)).T @ X / 60

    def weights(method):
        run = ml.minimize(loss, W0, method, jac=True, tol=0, maxiter=STEPS)
        return run.history.x

    sums = lambda walk: walk.sum(axis=2)
    drift = lambda walk: np.abs(sums(walk) - W0.sum(axis=1)).max(axis=1)
    inside = {rule: weights(rule.after(ml.centralize).after(ml.l2)(lr=LR, weight_decay=DECAY)) for rule in rules}
    outside = weights(ml.heavy_ball.after(ml.l2).after(ml.centralize)(lr=LR, weight_decay=DECAY))
    adam, by_step = ml.adam.after(ml.centralize)(lr=LR), ml.adam.then(ml.centralize_step)(lr=LR)
    beside = weights(ml.gradient_descent.after(ml.centralize).then(ml.decoupled)(lr=LR, weight_decay=DECAY))
    walks = {"decay outside": outside, "Adam, gradient": weights(adam), "Adam, step": weights(by_step)}

    name = lambda rule: rule.name.replace("_", " ").replace("nesterov", "Nesterov's rule")
    facts = [
        Fact(f"largest change of a unit's sum in 200 steps, {name(r)}", drift(w).max(), "≤", 1e-12)
        for r, w in inside.items()
    ]
    x, shift = rng.standard_normal(16), lambda W, x: W @ (x + OFFSET) - W @ x
    changes = max(np.abs(shift(w[-1], x) - shift(W0, x)).max() for w in inside.values())
    facts.append(Fact("change of what 0.7 added to the inputs adds to an output, all of these", changes, "≤", 1e-12))
    beyond = [
        Fact(
            "largest change of a unit's sum, heavy ball with decay outside the projection",
            drift(outside).max(),
            "≤",
            1e-12,
        ),
        Fact("the same, Adam behind centred gradients", drift(walks["Adam, gradient"]).max(), "≤", 1e-12),
    ]
    shrunk = sums(beside)[-1] / W0.sum(axis=1)
    found = [
        Fact("the same, Adam whose steps are centred", drift(walks["Adam, step"]).max(), "≤", 1e-12),
        Fact("1ᵀw₂₀₀/1ᵀw₀ under decay beside the step, (1 − αλ)²⁰⁰", shrunk.mean(), "=", (1 - LR * DECAY) ** STEPS),
    ]
    curves = {f"{name(r)}": drift(w) for r, w in inside.items()} | {label: drift(w) for label, w in walks.items()}
    theory = np.abs(W0.sum(axis=1)).max() * (1 - (1 - LR * DECAY) ** np.arange(STEPS + 1))
    return Evidence(facts, beyond, found, {"drift": curves, "beside": drift(beside), "theory": theory})


def figure(evidence: Evidence):
    figure, [axes] = panels(width=5.4, height=3.0)
    for j, (label, drift) in enumerate(
        (evidence.curves["drift"] | {"decay beside": evidence.curves["beside"]}).items()
    ):
        axes.plot(np.maximum(drift, 1e-17), label=label, **style(j))
    axes.plot(evidence.curves["theory"], label=r"$(1 - (1 - \alpha\lambda)^k)\,|\mathbf{1}^\top w_0|$", **BOUND)
    axes.set(yscale="log", xlabel="iteration $k$", ylabel=r"$\max_i |\mathbf{1}^\top (w_{k,i} - w_{0,i})|$")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="With centralised gradients 1ᵀwₖ = 1ᵀw₀ throughout training, and a unit is insensitive, but for 1ᵀw₀, "
    "to a constant added to the input.",
    verdict=UNDER,
    because="For rules linear in the gradient, with decay inside the projection; not for Adam or decay outside it.",
    experiment=experiment,
    figure=figure,
    flip={"rules": (ml.adam,)},
)
