"""RSGDM is one gradient step, then Nesterov's momentum.

The source presents RSGDM as a method of its own, with a better direction. But the average of the differences is mₜ
− mₜ₋₁, up to the first gradient. So the direction is mₜ + β(mₜ − mₜ₋₁), which is Nesterov's momentum written for
the point ahead: with step size α, RSGDM takes one step of gradient descent with (1 − β)α, and then those of
`SGD(lr=(1 − β)α, momentum=β, nesterov=True)` from an empty buffer.

We run both on 50 sequences of random gradients, on Rosenbrock's function, and from five seeds on it with noise;
with a constant step size, or one that is halved every 50 steps. The points are the same to rounding. Whatever is
found of the one, a bias, a lag, an accuracy in training, is found of the other. Momentum that does not look ahead
goes elsewhere.
"""

from collections.abc import Callable
from itertools import islice

import numpy as np

import momentumlab as ml

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import panels, style

BETA, STEPS = 0.9, 200
START, LR = np.array([-1.2, 1.0]), 2e-3


def halved(lr: float, later: int) -> Callable:
    """A step size that is halved every 50 steps, of a run that begins so many steps later."""
    return lambda k: lr * 0.5 ** ((k + later - 1) // 50)


def constant(lr: float, later: int) -> float:
    return lr


def walk(slope: Callable, x0: np.ndarray, method: ml.Method, noise: np.ndarray) -> np.ndarray:
    """The points of a run that sees each slope with the next noise."""
    rest = iter(noise)
    seen = lambda x: (0.0, slope(x) + next(rest))
    return np.array([step.x for step in islice(ml.iterate(seen, x0, method, jac=True), len(noise))])


def pair(slope: Callable, x0: np.ndarray, lr: float, steps: Callable, noise: np.ndarray, other: ml.Rule):
    """The points of RSGDM from the second step on, and those of a gradient step and then the other rule."""
    ours = walk(slope, x0, ml.rsgdm(lr=steps(lr, 0), beta=BETA), noise)[1:]
    x1 = walk(slope, x0, ml.gradient_descent(lr=steps((1 - BETA) * lr, 0)), noise[:2])[1]
    return ours, walk(slope, x1, other(lr=steps((1 - BETA) * lr, 1), beta=BETA), noise[1:])


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest distance of two runs' points, over how far they go."""
    return np.linalg.norm(ours - theirs, axis=1).max() / np.linalg.norm(ours - ours[0], axis=1).max()


def experiment(other: ml.Rule = ml.nesterov_sgd) -> Evidence:
    slope, draw = ml.problem("rosenbrock").grad, lambda seed, n: np.random.default_rng(seed).standard_normal((STEPS, n))
    free = lambda steps: pair(lambda x: 0 * x, np.zeros(50), 0.1, steps, draw(0, 50), other)
    runs = {
        "random gradients": [free(constant)],
        "random gradients, step size halved": [free(halved)],
        "Rosenbrock": [pair(slope, START, LR, constant, np.zeros((STEPS, 2)), other)],
        "Rosenbrock with noise, step size halved": [
            pair(slope, START, LR, halved, 3 * draw(seed, 2), other) for seed in range(5)
        ],
    }
    plain = {
        "Rosenbrock": pair(slope, START, LR, constant, np.zeros((STEPS, 2)), ml.heavy_ball),
        "Rosenbrock with noise, step size halved": pair(slope, START, LR, halved, 3 * draw(0, 2), ml.heavy_ball),
    }
    same = ml.rates.equivalent(ml.rsgdm(lr=1, beta=BETA), ml.nesterov_sgd(lr=1 - BETA, beta=BETA))
    first = "their first steps' difference, in first gradients, and −β(1 − β)"
    return Evidence(
        facts=[
            Fact(
                f"largest distance of its points to Nesterov's, {label}", max(apart(*each) for each in found), ">", 1e-6
            )
            for label, found in runs.items()
        ],
        found=[
            Fact("their transfer functions are equal (1: yes)", float(bool(same)), "=", 1),
            Fact(first, same.start.first if same.start else 0, "=", -BETA * (1 - BETA)),
            *(
                Fact(f"the same distance to momentum that does not look ahead, {label}", apart(*each), ">", 0.01)
                for label, each in plain.items()
            ),
        ],
        curves={label: (*runs[label][0], each[1]) for label, each in plain.items()},
    )


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    ours, theirs, plain = evidence.curves["Rosenbrock with noise, step size halved"]
    left.plot(*plain[:80].T, label="momentum", linewidth=0.9, color=style(1)["color"])
    left.plot(*theirs[:80].T, label="one step, then Nesterov", linewidth=3.5, color=style(5)["color"])
    left.plot(*ours[:80].T, label="RSGDM", linewidth=0.9, color=style(6)["color"])
    left.set(xlabel="$x_1$", ylabel="$x_2$")
    left.legend(fontsize=7)
    tiny = np.finfo(float).eps
    for label, line in (("Rosenbrock", "-"), ("Rosenbrock with noise, step size halved", ":")):
        ours, theirs, plain = evidence.curves[label]
        for points, j in ((plain, 1), (theirs, 5)):
            away = np.maximum(np.linalg.norm(ours - points, axis=1), tiny / 4)
            right.plot(away, color=style(j)["color"], linestyle=line, linewidth=1.1)
    right.plot([], color="0.4", label="without noise")
    right.plot([], color="0.4", linestyle=":", label="with noise, step size halved")
    right.set(xlabel="$k$", ylabel="distance to RSGDM's point", yscale="log", ylim=(1e-17, 1e2))
    right.legend(fontsize=7, loc="center right")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yuan & Hu, RSGDM",
    statement="RSGDM is a new method: its direction is neither momentum's nor Nesterov's.",
    verdict=FALSE,
    because="From the second step on it is dampened Nesterov momentum, under any gradients and step sizes.",
    experiment=experiment,
    figure=figure,
    flip={"other": ml.heavy_ball},
)
