"""On a quadratic a small step is slow and one beyond 2/L diverges; elsewhere it may only oscillate.

Along a direction of curvature λ gradient descent multiplies the error by 1 − αλ. So it is slow for small α, as 1 − αμ;
from α = 1/L on the stiff direction changes sign at every step; 2/(L + μ) is best; at 2/L the sign change no longer
shrinks, and beyond it grows. The rates of runs are those numbers.

That it then diverges is a matter of curvature that does not end. The slope of log cosh x is at most 1, its curvature at
most L = 1. Beyond 2/L its minimum repels, but far out a step is shorter than the way back, and the run settles on a
cycle of two points ±x with α tanh x = 2x: it oscillates for ever and stays bounded.
"""

import numpy as np
from scipy.optimize import brentq

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

MU, L = 1.0, 10.0
STEPS = {"slow": 0.05 / L, "best": 2 / (L + MU), "oscillating": 1.95 / L, "beyond": 2.05 / L}


def bowl(z):
    return 0.5 * (MU * z[0] ** 2 + L * z[1] ** 2), np.array([MU * z[0], L * z[1]])


def well(x):
    return float(np.log(np.cosh(x[0]))), np.tanh(x)


def walk(f, z0, lr: float, steps: int = 200) -> np.ndarray:
    return ml.minimize(f, z0, ml.gradient_descent(lr=lr), jac=True, tol=0, maxiter=steps).history.x


def experiment(most: float = 2.05) -> Evidence:
    steps = STEPS | {"beyond": most / L}
    walks = {label: walk(bowl, [1.0, 1.0], lr) for label, lr in steps.items()}
    size = {label: np.linalg.norm(w, axis=1) for label, w in walks.items()}
    measured = {label: (size[label][200] / size[label][150]) ** (1 / 50) for label in steps}
    exact = {label: ml.rates.exact(ml.gradient_descent(lr=lr), mu=MU, L=L) for label, lr in steps.items()}
    signs = np.mean(walks["oscillating"][1:, 1] * walks["oscillating"][:-1, 1] < 0)
    bounded = walk(well, [0.1], most, 2000)[:, 0]
    cycle = brentq(lambda x: most * np.tanh(x) - 2 * x, 1e-3, 10) if most > 2 else 0.0
    facts = [
        Fact(
            "error after 200 steps, α = 0.05/L, over that at α = 2/(L + μ)",
            size["slow"][200] / size["best"][200],
            ">",
            1.0,
        ),
        Fact("share of steps that change the stiff coordinate's sign, α = 1.95/L", signs, "=", 1.0),
        Fact("error after 200 steps, α = 1.95/L", size["oscillating"][200], "<", size["oscillating"][0]),
        Fact(f"error after 200 steps, α = {most:g}/L", size["beyond"][200], ">", size["beyond"][0]),
    ]
    beyond = [Fact(f"|x₂₀₀₀| on log cosh, α = {most:g}/L from 0.1", abs(bounded[-1]), ">", 1e3)]
    found = [
        Fact(f"rate of the run, α = {a}, and max |1 − αλ|", measured[n], "=", float(exact[n]), within=1e-3)
        for n, a in zip(steps, ("0.05/L", "2/(L + μ)", "1.95/L", f"{most:g}/L"), strict=True)
    ]
    found += [
        Fact("largest stable α·L", ml.rates.stable_lr(ml.gradient_descent, mu=MU, L=L) * L, "=", 2.0),
        Fact("that |x₂₀₀₀|, and the root of α tanh x = 2x", abs(bounded[-1]), "=", cycle, within=1e-6),
    ]
    lrs = np.linspace(0.02, 2.4, 120) / L
    rates = [float(ml.rates.exact(ml.gradient_descent(lr=lr), mu=MU, L=L)) for lr in lrs]
    points = [(lr * L, measured[n]) for n, lr in steps.items()]
    curves = {"size": size, "lr": lrs * L, "rates": rates, "points": points, "well": np.abs(bounded[:400])}
    return Evidence(facts, beyond, found, curves | {"cycle": cycle})


def figure(evidence: Evidence):
    figure, (left, middle, right) = panels(3, width=2.7)
    for j, (label, size) in enumerate(evidence.curves["size"].items()):
        left.plot(np.maximum(size, 1e-12), label=rf"$\alpha L = {STEPS[label] * L:.3g}$", **style(j))
    left.set(yscale="log", xlabel="iteration $k$", ylabel=r"$\|x_k - x^\star\|$", ylim=(1e-9, 1e6), xlim=(0, 150))
    left.legend(fontsize=7, ncols=2, loc="upper center")
    middle.plot(evidence.curves["lr"], evidence.curves["rates"], label=r"$\max |1 - \alpha\lambda|$", **BOUND)
    middle.plot(*zip(*evidence.curves["points"], strict=True), "o", color=style(0)["color"], label="runs")
    middle.axhline(1.0, color="0.6", linewidth=0.8)
    middle.set(xlabel=r"$\alpha L$", ylabel="rate", ylim=(0.75, 1.45))
    middle.legend(fontsize=7, loc="upper left")
    right.plot(evidence.curves["well"], label=r"$\alpha = 2.05/L$", **style(0))
    right.axhline(evidence.curves["cycle"], label=r"$\alpha \tanh x = 2x$", **BOUND)
    right.set(xlabel="iteration $k$", ylabel=r"$|x_k|$ on $\log\,\cosh$", ylim=(0, 0.4))
    right.legend(fontsize=7, loc="lower right")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation",
    statement="A learning rate that is too small converges slowly, one that is too large oscillates and then diverges.",
    verdict=UNDER,
    because="On quadratics, with 2/L between the two; where slopes are bounded it oscillates without diverging.",
    experiment=experiment,
    figure=figure,
    flip={"most": 1.97},
)
