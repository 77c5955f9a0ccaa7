"""Gradient descent on the full batch need not reach an extremum: it may diverge, or stop at a saddle.

Two hypotheses are missing. One is on the step size: α must be below 2/L, beyond which a quadratic's stiff direction
grows every step. The other is on the start: f = ½x² − ½y² + ¼y⁴ has a saddle at the origin, and from a point of the
axis y = 0, which is the set that gradient descent leads into it, the run stops there, a stationary point that is no
extremum.

From 100 random starts with α < 2/L every run reaches a minimum, as it does for almost every start (Lee, Simchowitz,
Jordan & Recht 2016). The time it takes to pass the saddle grows with the logarithm of the distance from the axis: near
the saddle y grows by 1 + α a step, so a start ten decades nearer to the axis waits 10·ln 10/ln(1 + α) steps longer.
"""

import numpy as np

import momentumlab as ml

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import panels, style

LR, L = 0.1, 100.0
DECADES = (-2, -4, -6, -8, -10, -12)


def saddle(z):
    x, y = z
    return 0.5 * x * x - 0.5 * y * y + 0.25 * y**4, np.array([x, y**3 - y])


def bowl(z):
    return 0.5 * (z[0] ** 2 + L * z[1] ** 2), np.array([z[0], L * z[1]])


def walk(f, z0, lr: float, **options) -> ml.Result:
    return ml.minimize(f, z0, ml.gradient_descent(lr=lr), jac=True, **options)


def experiment(step: float = 2.05, y0: float = 0.0) -> Evidence:
    far = walk(bowl, [1.0, 1e-3], step / L, maxiter=3000)
    near = walk(bowl, [1.0, 1e-3], 1.95 / L, maxiter=3000)
    stopped = walk(saddle, [1.0, y0], LR)
    curvature = lambda z: min(1.0, 3 * z[1] ** 2 - 1)
    starts = np.random.default_rng(0).uniform(-1.5, 1.5, (100, 2))
    ends = [walk(saddle, z, LR) for z in starts]
    passes = [
        np.argmax(np.abs(walk(saddle, [1.0, 10.0**d], LR, tol=0, maxiter=500).history.x[:, 1]) > 0.5) for d in DECADES
    ]
    wait = 10 * np.log(10) / np.log(1 + LR)
    facts = [
        Fact(f"‖∇f‖ at the end, α = {step:g}/L on a quadratic", np.abs(far.jac).max(), "≤", 1e-6),
        Fact(f"least curvature where the run from (1, {y0:g}) ends", curvature(stopped.x), "≥", 0.0),
    ]
    found = [
        Fact("‖∇f‖ at the end, α = 1.95/L on the quadratic", np.abs(near.jac).max(), "≤", 1e-6),
        Fact("‖∇f‖ where the run from the axis ends", np.abs(stopped.jac).max(), "≤", 1e-6),
        Fact(
            "random starts of 100 that reach a minimum", sum(r.success and curvature(r.x) > 0 for r in ends), "=", 100
        ),
        Fact(
            "steps that ten decades nearer cost / 10·ln 10/ln(1 + α)",
            (passes[-1] - passes[0]) / wait,
            "=",
            1.0,
            within=0.01,
        ),
    ]
    escapes = {d: walk(saddle, [1.0, 10.0**d], LR, tol=0, maxiter=400).history for d in (-2, -6, -10)}
    return Evidence(facts, found=found, curves={"far": far.history, "near": near.history, "escapes": escapes})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    for j, (key, label) in enumerate((("near", r"$\alpha = 1.95/L$"), ("far", r"$\alpha = 2.05/L$"))):
        left.plot(evidence.curves[key].fun[:300], label=label, **style(j))
    left.set(yscale="log", xlabel="iteration $k$", ylabel="$f(x_k)$")
    left.legend(fontsize=7)
    for j, (d, history) in enumerate(evidence.curves["escapes"].items()):
        right.plot(history.fun, label=f"$y_0 = 10^{{{d}}}$", **style(j))
    right.axhline(0.0, color="0.1", linewidth=1.0, linestyle=":")
    right.text(390, 0.012, "saddle", ha="right", fontsize=7)
    right.set(xlabel="iteration $k$", ylabel="$f(x_k)$", xlim=(0, 400), ylim=(-0.28, 0.3))
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation",
    statement="Gradient descent on the full batch is slow, but always reaches an extremum.",
    verdict=FALSE,
    because="It diverges for α > 2/L, and stops at a saddle from a start on the set that leads there.",
    experiment=experiment,
    figure=figure,
    flip={"step": 1.9, "y0": 1e-6},
)
