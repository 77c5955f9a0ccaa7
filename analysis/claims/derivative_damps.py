"""The derivative damps heavy ball's oscillation where the step size leaves room for it.

On the source's cosine wells and on McCormick's function, with β = 0.9 and α = 1/L, heavy ball swings far beyond the
minimiser and back, many times. The term −k_d(gₖ − gₖ₋₁), with k_d = β/L, opposes motion where the slope changes:
along a curvature λ it leaves the momentum β − k_dλ, none at L. From every start PID overshoots less and arrives in
less than half of the iterations.

Two things are beside that. Nesterov's rule is no example of what the term would cure: it has the term, with k_d =
αβ, which with these numbers is PID's, and arrives after as many iterations but for a few in a hundred. And the term
takes room from the step size, as the two are stable on quadratics only if (α + 2k_d)L < 2(1 + β). Heavy ball tuned
for quadratics leaves k_d < (1 − √β)²/(2L), at κ = 100 a fortieth of β/L; with k_d = β/L it diverges. Nor would a
smaller step help there: no α, β and k_d have a better rate on quadratics than heavy ball's own tuning. What the
term buys is damping where β is larger than it should be.
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates.evidence import observe, problem

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

BETA, KAPPA, STARTS = 0.9, 100, 8
WELLS = {"cosine_wells": 8.0, "mccormick": 4.0}


def run(method: ml.Method, p: ml.Problem, x0) -> tuple[int, float, np.ndarray]:
    """Iterations, by how much of the first distance it overshoots, and the distances to where it arrives."""
    r = ml.minimize(p, x0, method, norm=2, maxiter=600)
    e = r.history.x - p.nearest(r.x)
    return r.nit if r.success else np.inf, (-(e @ e[0])).max() / (e[0] @ e[0]), np.linalg.norm(e, axis=1)


def experiment(gain: float = BETA) -> Evidence:
    facts, beyond, found, curves = [], [], [], {}
    for name, L in WELLS.items():
        p, rng = problem(name), np.random.default_rng(0)
        starts = [p.x0, *(p.x0 + 0.2 * rng.standard_normal((STARTS, 2)))]
        rules = {
            "heavy ball": ml.heavy_ball(lr=1 / L, beta=BETA),
            "PID": ml.pid(lr=1 / L, beta=BETA, kd=gain / L),
            "Nesterov": ml.nesterov(lr=1 / L, beta=BETA),
        }
        runs = {label: [run(method, p, x0) for x0 in starts] for label, method in rules.items()}
        curves[name] = {label: each[0][2] for label, each in runs.items()}
        plain, pid, nesterov = (np.array([each[:2] for each in runs[label]]) for label in rules)
        facts += [
            Fact(
                f"iterations of PID / of heavy ball, {name}, largest of {len(starts)} starts",
                (pid / plain)[:, 0].max(),
                "<",
                0.5,
            ),
            Fact(f"overshoot of PID / of heavy ball, {name}, largest", (pid / plain)[:, 1].max(), "<", 1),
        ]
        alike = nesterov[:, 0].mean() / pid[:, 0].mean()
        found.append(Fact(f"mean iterations of Nesterov's rule / of PID, {name}", alike, "=", 1, within=0.05))
        found.append(
            Fact(f"overshoot of heavy ball over the first distance, {name}, least", plain[:, 1].min(), ">", 0.1)
        )

    tuned = ml.heavy_ball.tuned(mu=1, L=KAPPA).row(1)
    hyper = dict(lr=float(tuned["lr"]), beta=float(tuned["beta"]))
    limit = (1 - np.sqrt(hyper["beta"])) ** 2 / 2
    rate = lambda gain: float(ml.rates.exact(ml.pid(**hyper, kd=gain / KAPPA), mu=1, L=KAPPA))
    bowl = problem("quadratic", n=20, mu=1, L=KAPPA)
    last = lambda gain: observe(ml.pid(**hyper, kd=gain / KAPPA), bowl, None, 300).distance[[0, -1]]
    left = lambda gain: np.divide(*last(gain)[::-1])
    beyond.append(
        Fact(
            "distance after at most 300 steps / the first, heavy ball as tuned with k_d = β/L",
            left(hyper["beta"]),
            "<",
            1,
        )
    )
    lrs, betas = hyper["lr"] * np.linspace(0.5, 1.5, 15), hyper["beta"] * np.linspace(0.7, 1.3, 15)
    gains = np.linspace(-0.2, 0.2, 9) / KAPPA
    grid = ml.rates.region(ml.pid, mu=1, L=KAPPA, lr=lrs[:, None, None], beta=betas[:, None], kd=gains)
    found += [
        Fact("rate of heavy ball as tuned with k_d L = 0.99·(1 − √β)²/2", rate(0.99 * limit), "<", 1),
        Fact("the same with 1.01·(1 − √β)²/2", rate(1.01 * limit), ">", 1),
        Fact("the same with β", rate(hyper["beta"]), ">", 1),
        Fact("least rate over a grid of α, β and k_d, and heavy ball's as tuned", grid.min(), "≥", rate(0.0) - 1e-12),
    ]
    gains = np.geomspace(1e-3, 0.1, 40)
    return Evidence(facts, beyond, found, curves | {"rates": (gains, [rate(g) for g in gains], limit)})


def figure(evidence: Evidence):
    figure, (left, middle, right) = panels(3, width=2.9)
    for axes, name in ((left, "cosine_wells"), (middle, "mccormick")):
        for j, (label, distance) in enumerate(evidence.curves[name].items()):
            axes.plot(distance, label=label, **style(j))
        axes.set(xlabel="$k$", ylabel=r"$\|x_k - x^\star\|$", yscale="log", xlim=(0, 150), ylim=(1e-7, 30))
        axes.set_title(name.replace("_", " "), fontsize=9)
    left.legend(fontsize=7, loc="lower right")
    gains, rates, limit = evidence.curves["rates"]
    right.plot(gains, rates, **style(0))
    right.axhline(1, color="0.6", linewidth=0.8)
    right.axvline(limit, **BOUND)
    right.annotate(
        r"$(1 - \sqrt{\beta})^2/2$", (limit, 1.25), xytext=(-4, 0), textcoords="offset points", fontsize=8, ha="right"
    )
    right.set(xlabel="$k_d L$", ylabel="rate on quadratics", xscale="log")
    right.set_title(r"heavy ball as tuned, $\kappa = 100$, with $k_d$", fontsize=9)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods; An et al., CVPR 2018",
    statement="Heavy ball and Nesterov's rule oscillate about the minimum, and PID's derivative term damps that.",
    verdict=UNDER,
    because="Of heavy ball with much momentum; Nesterov's rule has the term, and a tuned heavy ball diverges by it.",
    experiment=experiment,
    figure=figure,
    flip={"gain": 1.6},
)
