"""Pure Newton is attracted by saddles, and Newton with a Hessian made positive definite is not.

Newton's step goes to the stationary point of the local model, which near a saddle is the saddle. From its standard
start (1, 1) on Beale's function one pure step lands on the saddle (0, 1), at the height of the start, and stays. With
negative curvatures shifted, or taken by their absolute values, a line search from the same start reaches the minimum.

How far the attraction reaches is exact for f = ½x² − ½y² + ¼y⁴. Newton's step in y is 2y³/(3y² − 1), which has the
cycle ±1/√5, and every start closer to the axis goes to the saddle; only the axis itself does so under gradient descent.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

PURE = ml.newton(lr=1, preconditioner=ml.hessian(modify=None))
SAFE = {kind: ml.newton(preconditioner=ml.hessian(modify=kind)) for kind in ("shift", "abs")}


def double_well(z):
    x, y = z
    return 0.5 * x * x - 0.5 * y * y + 0.25 * y**4, np.array([x, y**3 - y])


def curvatures(z):
    return np.diag([1.0, 3 * z[1] ** 2 - 1])


def ends(y0: float, method) -> float:
    """The y at which a run from (1, y₀) ends."""
    hess = dict(hess=curvatures) if method.takes_hessian else {}
    return ml.minimize(double_well, [1.0, y0], method, jac=True, maxiter=500, **hess).x[1]


def edge(method) -> float:
    """How far from the axis starts go to the saddle, by bisection."""
    low, high = 0.0, 0.55
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if abs(ends(middle, method)) < 1e-3 else (low, middle)
    return low


def experiment(x0: tuple = (1.0, 1.0)) -> Evidence:
    beale = ml.problem("beale")
    run = lambda method: ml.minimize(beale.f, x0, method, hess=beale.hess)
    pure, safe = run(PURE), {kind: run(method) for kind, method in SAFE.items()}
    least = lambda r: np.linalg.eigvalsh(beale.hess(r.x))[0]
    gd = ml.gradient_descent(lr=0.1)
    facts = [
        Fact(
            "distance of pure Newton's x₁ to the saddle (0, 1)", np.linalg.norm(pure.history.x[1] - (0, 1)), "≤", 1e-12
        ),
        Fact("least curvature where it ends", least(pure), "<", 0.0),
    ]
    beyond = [Fact(f'the same, negative curvatures by "{kind}"', least(r), "<", 0.0) for kind, r in safe.items()]
    found = [
        *(Fact(f'f where "{kind}" ends', r.fun, "≤", 1e-12) for kind, r in safe.items()),
        *(Fact(f'iterations of "{kind}"', r.nit, "=", 7) for kind, r in safe.items()),
        Fact("|y| up to which pure Newton goes to the double well's saddle, 1/√5", edge(PURE), "=", 1 / np.sqrt(5)),
        Fact("the same for gradient descent", edge(gd), "≤", 1e-9),
    ]
    starts = np.linspace(-1.3, 1.3, 261)
    reached = {'"abs"': SAFE["abs"], "pure": PURE}
    curves = {label: [ends(y, m) for y in starts] for label, m in reached.items()}
    paths = {"pure": pure} | {f'"{kind}"': r for kind, r in safe.items()}
    return Evidence(facts, beyond, found, {"ends": curves, "starts": starts, "paths": paths, "beale": beale})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    side = np.linspace(-1, 4, 90), np.linspace(-0.6, 1.4, 90)
    f = np.array([[evidence.curves["beale"].f(np.array([x, y]), np.empty(2)) for x in side[0]] for y in side[1]])
    left.contour(*side, np.log10(f), levels=14, colors="0.8", linewidths=0.6)
    for j, (label, run) in enumerate(evidence.curves["paths"].items()):
        left.plot(*run.history.x.T, marker="o", markersize=3, label=label, **style(j))
    left.plot(0, 1, "kx")
    left.plot(3, 0.5, "k*", markersize=9)
    left.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-1, 4), ylim=(-0.6, 1.4))
    left.legend(fontsize=7, loc="lower left", framealpha=1)
    for (label, ends), j, size in zip(evidence.curves["ends"].items(), (2, 0), (9, 3), strict=True):
        right.plot(evidence.curves["starts"], ends, ".", markersize=size, color=style(j)["color"], label=label)
    for s in (-1, 1):
        right.axvline(s / np.sqrt(5), label=r"$\pm 1/\sqrt{5}$" if s > 0 else None, **BOUND)
    right.set(xlabel="$y_0$", ylabel="$y$ at the end", ylim=(-1.3, 1.3))
    right.legend(fontsize=7, loc="upper left")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation; the same in Dauphin et al., NeurIPS 2014",
    statement="Newton's method is attracted by saddle points.",
    verdict=UNDER,
    because="Pure Newton is; with negative curvatures shifted or made positive it goes to a minimum.",
    experiment=experiment,
    figure=figure,
    flip={"x0": (3.1, 0.52)},
)
