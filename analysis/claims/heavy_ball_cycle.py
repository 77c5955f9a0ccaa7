"""Heavy ball's best tuning for quadratics cycles on a strongly convex function.

Polyak's tuning contracts every quadratic between μ and L by (√κ − 1)/(√κ + 1), the best rate there is, and it is often
quoted for all strongly convex functions. Lessard, Recht & Packard give one in one variable, whose curvature is 25, then
1, then 25: from a start near 3.3 the iterates settle on three points and go round. The cycle has closed form, which the
run meets to rounding. A smaller step and β = 0.4, Nesterov's rule and triple momentum at their own tunings all arrive
from the same start.
"""

import numpy as np

import momentumlab as ml

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import panels, style

CYCLE = np.array([-2208, 792, 2592]) / 1225


def experiment(x0: float = 3.3) -> Evidence:
    problem = ml.problem("lessard_recht_packard")
    run = lambda method: ml.minimize(problem, [x0], method, tol=0, maxiter=300).history.x[:, 0]
    constants = dict(mu=problem.mu, L=problem.L)
    walks = {
        "heavy ball, tuned": run(ml.heavy_ball.tuned(**constants)),
        "heavy ball, $1/L$": run(ml.heavy_ball(lr=1 / problem.L, beta=0.4)),
        "Nesterov": run(ml.nesterov.tuned(**constants)),
        "triple momentum": run(ml.triple_momentum.tuned(**constants)),
    }
    last = np.sort(walks["heavy ball, tuned"][-3:])
    facts = [Fact("|x₃₀₀| of heavy ball as tuned for quadratics", abs(walks["heavy ball, tuned"][-1]), "≤", 1e-6)]
    found = [Fact("distance of its last three iterates to the cycle", np.abs(last - CYCLE).max(), "≤", 1e-12)]
    others = [label for label in walks if label != "heavy ball, tuned"]
    found += [
        Fact(f"|x₃₀₀| of {label.replace('$1/L$', 'α = 1/L, β = 0.4')}", abs(walks[label][-1]), "≤", 1e-6)
        for label in others
    ]
    return Evidence(facts, found=found, curves=walks)


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    slope = ml.problem("lessard_recht_packard").grad
    x = np.linspace(-2.5, 3, 300)
    left.plot(x, [slope([point])[0] for point in x], color="0.3")
    left.plot(CYCLE, [slope([point])[0] for point in CYCLE], "o", color=style(0)["color"], label="the cycle")
    left.plot([0], [0], "*", color="k", markersize=9, label=r"$x^\star$")
    left.set(xlabel="$x$", ylabel="$f\\,'(x)$")
    left.legend(loc="upper left")
    for j, (label, walk) in enumerate(evidence.curves.items()):
        right.plot(walk[:40], label=label, **style(j))
    right.set(xlabel="iteration $k$", ylabel="$x_k$")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Polyak, USSR Comput. Math. Math. Phys. 4 (1964) 1, as it is often quoted; the function is that of Lessard, "
    "Recht & Packard, SIAM J. Optim. 26 (2016) 57",
    statement="With α = 4/(√L + √μ)² and β = ((√κ − 1)/(√κ + 1))² heavy ball converges linearly on μ-strongly convex, "
    "L-smooth functions.",
    verdict=FALSE,
    because="At κ = 25 it goes round a cycle of three points.",
    experiment=experiment,
    figure=figure,
    flip={"x0": 3.0},
)
