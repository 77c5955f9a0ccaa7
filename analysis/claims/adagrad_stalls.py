"""AdaGrad's step size falls like 1/√t under noise; without noise it settles, and the repair is what fails to converge.

AdaGrad divides by the root of the sum of all squared gradients. While gradients keep their size, as those of
mini-batches do, the sum grows like t and the step size falls like 1/√t: on a line of constant slope AdaGrad covers 2α√T
in T steps, RMSProp, whose average forgets, αT. That sum of steps has no bound, so learning slows and does not end. We
watch the length of the step over that of the gradient on a bowl, under gradient noise, and fit its power of t.

Without noise gradients vanish as the minimiser comes near. Their squares then have a finite sum, the step size settles
on a positive number, and AdaGrad converges linearly with no schedule. RMSProp comes along at first. Once its average
has forgotten the large gradients of the start, it divides by what is left of them, is thrown out to a distance of the
order of α, and stays there: its steps are of size α however small the gradient. What stalls AdaGrad is what lets it
converge; one that forgets needs a schedule.
"""

from itertools import islice, pairwise

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

N, T = 50, 4000
RULES = {"AdaGrad": ml.adagrad(lr=0.1), "RMSProp": ml.rmsprop(lr=0.01), "AdaDelta": ml.adadelta(eps=1e-6)}


def experiment(sigma: float = 1.0, seed: int = 0) -> Evidence:
    curvature = np.geomspace(1, 10, N)
    bowl = ml.Problem("bowl", lambda x: (0.5 * x @ (curvature * x), curvature * x), np.full(N, 0.3), jac=True)

    def run(name: str, noise: float) -> tuple[np.ndarray, np.ndarray]:
        """Over t: the length of the step over that of the gradient, if that is not nearly 0; and the distance."""
        p = ml.noisy(bowl, sigma=noise, rng=seed) if noise else bowl
        steps = pairwise(islice(ml.iterate(p, method=RULES[name]), T + 1))
        ends = [(np.linalg.norm(a.jac), np.linalg.norm(b.x - a.x), np.linalg.norm(b.x)) for a, b in steps]
        g, way, distance = np.array(ends).T
        return np.divide(way, g, out=np.full(T, np.nan), where=g > 1e-100), distance

    def power(factors: np.ndarray) -> float:
        t = np.arange(1, T + 1)
        late = (t >= T // 10) & np.isfinite(factors)
        return float(np.polyfit(np.log(t[late]), np.log(factors[late]), 1)[0])

    noisy, still = {name: run(name, sigma) for name in RULES}, {name: run(name, 0.0) for name in ("AdaGrad", "RMSProp")}
    facts = [
        Fact("AdaGrad under noise: power of t in its step size", power(noisy["AdaGrad"][0]), "=", -0.5, within=0.03)
    ]
    for name in ("RMSProp", "AdaDelta"):
        facts.append(Fact(f"{name} under noise: the same", power(noisy[name][0]), "≥", -0.05))
    beyond = [
        Fact("AdaGrad without noise: power of t in its step size", power(still["AdaGrad"][0]), "=", -0.5, within=0.03)
    ]
    slope = ml.Problem("slope", lambda x: (x.sum(), np.ones(1)), [0.0], jac=True)
    covered = {
        name: -list(islice(ml.iterate(slope, method=RULES[name]), T + 1))[-1].x[0] for name in ("AdaGrad", "RMSProp")
    }
    lrs = {name: float(RULES[name].row(1)["lr"]) for name in covered}
    found = [
        Fact(
            f"way of AdaGrad down a constant slope in {T} steps, over 2α√T",
            covered["AdaGrad"] / (2 * lrs["AdaGrad"] * T**0.5),
            "=",
            1,
            within=0.02,
        ),
        Fact(
            f"way of RMSProp down a constant slope in {T} steps, over αT",
            covered["RMSProp"] / (lrs["RMSProp"] * T),
            "=",
            1,
            within=0.1,
        ),
        Fact("AdaGrad without noise: ‖x‖ at the end", still["AdaGrad"][1][-1], "≤", 1e-12),
        Fact(
            "RMSProp without noise: largest ‖x‖ of the second half, over α√n",
            still["RMSProp"][1][T // 2 :].max() / (lrs["RMSProp"] * N**0.5),
            ">",
            0.1,
        ),
    ]
    return Evidence(facts, beyond, found, {"noisy": noisy, "still": still})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    t, few = np.arange(1, T + 1), np.unique(np.geomspace(1, T, 300).astype(int)) - 1
    for j, (name, (factors, _)) in enumerate(evidence.curves["noisy"].items()):
        left.loglog(t[few], factors[few], label=f"{name}, noise", **style(j))
    for j, (name, (factors, distance)) in enumerate(evidence.curves["still"].items()):
        look = dict(label=f"{name}, no noise", color=style(j)["color"], linestyle=":")
        if name == "AdaGrad":
            left.loglog(t[few], factors[few], **look)
        right.loglog(t[few], distance[few], **look)
    right.loglog(t[few], evidence.curves["noisy"]["AdaGrad"][1][few], label="AdaGrad, noise", **style(0))
    left.set(xlabel="$t$", ylabel=r"$\|x_{t+1} - x_t\|/\|g_t\|$", ylim=(1e-3, 3))
    right.set(xlabel="$t$", ylabel=r"$\|x_t - x^\star\|$", ylim=(1e-16, 30))
    left.legend(fontsize=7, loc="upper right")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods; Zeiler, Adadelta, 2012",
    statement="AdaGrad's step size falls until learning stops; RMSProp and AdaDelta, which forget, repair that.",
    verdict=UNDER,
    because="While gradients keep their size, as under noise; where they vanish AdaGrad converges, and RMSProp does "
    "not.",
    experiment=experiment,
    figure=figure,
    flip={"sigma": 0.0},
)
