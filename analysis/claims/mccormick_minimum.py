"""McCormick's function has no least value, and the source's start leads to a lower well than the usual minimum.

In u = x₁ + x₂ and v = x₁ − x₂ McCormick's function is sin u + u/2 + (v − 1)². Along v = 1 it is a staircase: a well
at every u = −2π/3 + 2πn, lower by π for each step down, without an end. The minimum −1.9132 at (−0.5472, −1.5472)
is that of n = 0. It is the lowest on [−1.5, 4] × [−3, 4], the box to which the function is usually confined.

The source starts outside that box, at (−10, 2), where u = −8. From there gradient descent and four momentum methods
arrive at n = −1, whose value is −5.0548. Who takes the usual minimum for f* finds f − f* negative.

Nor is a lower value a better method here. From starts in the box heavy ball with β = 0.95 often ends in a lower
well than gradient descent does: it flew past the first.
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates.evidence import problem

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

BOX = np.array([[-1.5, 4.0], [-3.0, 4.0]])
LEAST = -np.sqrt(3) / 2 - np.pi / 3
LR, FLYING = 0.25, ml.heavy_ball(lr=0.25, beta=0.95)
METHODS = {
    "gradient descent": ml.gradient_descent(lr=LR),
    "heavy ball": ml.heavy_ball(lr=LR, beta=0.9),
    "Nesterov": ml.nesterov(lr=LR, beta=0.9),
    "PID": ml.pid(lr=LR, beta=0.9),
    "PMG by BFGS": ml.pmg(lr=LR, beta=0.9),
}


def experiment(start: tuple = (-10.0, 2.0)) -> Evidence:
    p = problem("mccormick")
    run = lambda method, x0, tol=1e-8: ml.minimize(p, x0, method, tol=tol, maxiter=3000)
    grid = np.stack(np.meshgrid(*(np.linspace(*side, 121) for side in BOX)), axis=-1).reshape(-1, 2)
    values = np.array([p.fun(x) for x in grid])
    lowest = run(METHODS["gradient descent"], grid[values.argmin()])
    inside = ((BOX[:, 0] <= lowest.x) & (lowest.x <= BOX[:, 1])).all()
    runs = {label: run(method, start) for label, method in METHODS.items()}
    starts = np.random.default_rng(0).uniform(*BOX.T, (24, 2))
    ends = np.array([[run(m, x0, 1e-3).fun for m in (METHODS["gradient descent"], FLYING)] for x0 in starts])
    well = lambda n: p.fun(np.array([-2 * np.pi / 3 + 2 * np.pi * n + 1, -2 * np.pi / 3 + 2 * np.pi * n - 1]) / 2)
    return Evidence(
        facts=[
            Fact("least f on the box, by a grid and gradient descent from its lowest point", lowest.fun, "=", LEAST),
            Fact("its point is in the box (1: yes)", float(inside), "=", 1),
            Fact(
                "its distance to (½ − π/3, −½ − π/3)",
                np.linalg.norm(lowest.x - (0.5 - np.pi / 3, -0.5 - np.pi / 3)),
                "≤",
                1e-7,
            ),
        ],
        beyond=[
            Fact(f"f where {label} ends, from ({start[0]:g}, {start[1]:g})", r.fun, "=", LEAST)
            for label, r in runs.items()
        ],
        found=[
            *(
                Fact(f"f where {label} ends, and that less π", r.fun, "=", LEAST - np.pi)
                for label, r in runs.items()
                if start == (-10.0, 2.0)
            ),
            Fact("f at the well of n = −1000", well(-1000), "=", LEAST - 1000 * np.pi),
            Fact(
                "‖∇f‖ there",
                np.linalg.norm(
                    p.grad(np.array([-2 * np.pi / 3 - 2000 * np.pi + 1, -2 * np.pi / 3 - 2000 * np.pi - 1]) / 2)
                ),
                "≤",
                1e-9,
            ),
            Fact(
                "share of 24 starts in the box from which heavy ball with β = 0.95 ends lower than gradient descent",
                (ends[:, 1] < ends[:, 0] - 1).mean(),
                ">",
                0.1,
            ),
        ],
        curves={"paths": {label: r.history.x for label, r in runs.items()}, "ends": ends},
    )


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    p, u = problem("mccormick"), np.linspace(-16, 9, 400)
    valley = lambda u: np.array([p.fun(np.array([each + 1, each - 1]) / 2) for each in u])
    left.plot(u, valley(u), color="0.5", linewidth=1)
    for j, (label, x) in enumerate(evidence.curves["paths"].items()):
        left.plot(x[-1].sum(), p.fun(x[-1]) + 0.9 * j + 0.6, "v", markersize=4, color=style(j)["color"], label=label)
    left.plot(0.0 - 2 * np.pi / 3, LEAST, "k*", markersize=8, label="the usual minimum")
    left.set(xlabel="$u = x_1 + x_2$", ylabel="$f$ at $v = 1$")
    left.legend(fontsize=6, loc="upper left")
    side = np.linspace(-11, 4, 150), np.linspace(-11, 4, 150)
    f = np.array([[p.fun(np.array([x, y])) for x in side[0]] for y in side[1]])
    right.contour(*side, np.arcsinh(f - f.min()), levels=16, colors="0.8", linewidths=0.5)
    for j, x in enumerate(evidence.curves["paths"].values()):
        right.plot(*x[:60].T, linewidth=0.9, color=style(j)["color"])
    (x0, x1), (y0, y1) = BOX
    right.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="0.2", linewidth=1)
    right.plot(0.5 - np.pi / 3, -0.5 - np.pi / 3, "k*", markersize=8)
    right.plot(-10, 2, "ko", markersize=4)
    right.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-11, 4.5), ylim=(-11, 4.5))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods, of their f₄; McCormick, Math. Program. 10 (1976) 147",
    statement="The minimum of McCormick's function is −1.9132, at (−0.5472, −1.5472).",
    verdict=UNDER,
    because="On the box [−1.5, 4] × [−3, 4]; from the source's start, outside it, methods arrive π lower.",
    experiment=experiment,
    figure=figure,
    flip={"start": (0.0, -1.0)},
)
