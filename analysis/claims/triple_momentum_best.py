"""Triple momentum is PID with k_d = β/L, and a search finds no PID with a better certificate.

Van Scoy, Freeman & Lynch state that on every μ-strongly convex, L-smooth function the errors of the triple momentum
method are at most √κ(1 − 1/√κ)ᵏ times what they were, a faster rate than those known of other first-order methods with
fixed numbers. It takes its gradients where PID takes them with the same α, β and k_d = αγ, for every function: the
transfer functions from gradients to points are equal, and at its tuning αγ = β/L.

So the question whether PID's derivative is good for anything has an answer on this class. We search over α and β for
heavy ball (k_d = 0) and for Nesterov's rule (k_d = αβ), and over all three for PID, from random starts. The measure is
the certified rate, which holds for all these functions. Heavy ball stays well above 1 − 1/√κ, Nesterov's rule a little,
PID comes within half a percent of it, and not below. A certificate bounds from above and a search sees only some
tunings: that no tuning of the others is faster is not proved here, only that none was certified to be. That no
first-order method has a better rate in high dimension is a theorem of Drori & Taylor (2022). [On quadratics
alone](derivative_on_quadratics.md) k_d = 0 is best. Runs come to 0.71 of the bound with its constant √κ.
"""

from functools import partial

import numpy as np

import momentumlab as ml

from ..claim import HOLDS, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

KAPPA = 10.0
FAMILIES = {
    "heavy ball": (ml.heavy_ball, ("lr", "beta")),
    "Nesterov": (ml.nesterov, ("lr", "beta")),
    "PID": (ml.pid, ("lr", "beta", "kd")),
}


CERTIFIED = partial(ml.rates.certified, multiplier="off-by-one")


def experiment(rate=CERTIFIED, seed: int = 0) -> Evidence:
    from scipy.optimize import minimize

    rng, stated = np.random.default_rng(seed), 1 - KAPPA**-0.5
    seen: dict[str, list] = {name: [] for name in FAMILIES}

    def search(name: str, most: int) -> None:
        rule, free = FAMILIES[name]

        def cost(u: np.ndarray) -> float:
            if not ((u > 0).all() and u[1] < 1):
                return 2.0
            found = rate(rule(**dict(zip(free, map(float, u), strict=True))), mu=1 / KAPPA, L=1.0)
            seen[name].append(1.0 if found is None else min(float(found), 1.0))
            return seen[name][-1]

        start = np.array([1.2, 0.5, 0.3])[: len(free)] * rng.uniform(0.6, 1.4, len(free))
        simplex = np.vstack([start, start + 0.2 * np.diag(start)])
        minimize(cost, start, method="Nelder-Mead", options=dict(initial_simplex=simplex, maxfev=most))

    for name, most in (("heavy ball", 30), ("Nesterov", 30), ("PID", 60), ("PID", 60)):
        search(name, most)
    best = {name: min(rates) for name, rates in seen.items()}
    tuned = {kappa: rate(ml.triple_momentum, mu=1, L=kappa) for kappa in (KAPPA, 100.0)}
    facts = [
        Fact(f"certified rate of triple momentum, κ = {kappa:g}", found, "=", 1 - kappa**-0.5, within=1e-5)
        for kappa, found in tuned.items()
    ]
    facts += [
        Fact(
            f"best certified rate of {name} that the search sees, less 1 − 1/√κ",
            found - stated,
            *(("≥", -1e-6) if name == "PID" else (">", 0)),
        )
        for name, found in best.items()
    ]
    same = ml.rates.equivalent(ml.triple_momentum.tuned(mu=1, L=KAPPA), ml.pid.tuned(mu=1, L=KAPPA))
    facts.append(Fact("triple momentum takes PID's gradients, k_d = β/L (1: yes)", bool(same), "=", 1))
    row = ml.rates.THEOREMS["TM"]
    facts.append(
        Fact(
            "largest ‖eₖ‖/(√κ ρᵏ‖e₀‖) on worst and random functions, κ = 100",
            max(row.ratio(row.evidence(seed=s)) for s in (0, 1)),
            "≤",
            1,
        )
    )
    found = [
        Fact("best certified rate of heavy ball over that of triple momentum", best["heavy ball"] / stated, ">", 1.05),
        Fact("best certified rate of Nesterov's rule over it", best["Nesterov"] / stated, ">", 1.02),
        Fact("best certified rate of PID over it", best["PID"] / stated, "<", 1.03),
        Fact(
            "on quadratics, exact rate of heavy ball at its best over it",
            ml.rates.exact(ml.heavy_ball, mu=1, L=KAPPA) / stated,
            "<",
            1,
        ),
    ]
    return Evidence(
        facts, found=found if rate is CERTIFIED else [], curves={"seen": seen, "stated": stated, "row": row.evidence()}
    )


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    for j, (name, rates) in enumerate(evidence.curves["seen"].items()):
        left.plot(np.minimum.accumulate(rates), label=name, **style(j))
        left.plot(rates, ".", color=style(j)["color"], markersize=3, alpha=0.6)
    left.axhline(evidence.curves["stated"], label=r"$1 - 1/\sqrt{\kappa}$", **BOUND)
    left.set(xlabel="methods tried", ylabel=r"certified rate, $\kappa = 10$", ylim=(0.66, 1.01))
    left.legend(fontsize=7)
    row = evidence.curves["row"]
    for j, (label, values) in enumerate(row.measured.items()):
        right.semilogy(row.x, values, label=label.partition(" on ")[2], **style(j))
    right.semilogy(row.x, row.stated, label=r"$\sqrt{\kappa}\, \rho^k$", **BOUND)
    right.set(xlabel="$k$", ylabel=r"$\|e_k\|/\|e_0\|$, $\kappa = 100$")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Van Scoy, Freeman & Lynch, IEEE Control Syst. Lett. 2 (2018) 49",
    statement="On μ-strongly convex, L-smooth functions the errors of triple momentum are at most √κ(1 − 1/√κ)ᵏ times "
    "what they were, a better guarantee than those of heavy ball, Nesterov's rule and other PID.",
    verdict=HOLDS,
    because="The rate is certified, and a search over α, β and k_d finds no PID with a better certificate.",
    experiment=experiment,
    figure=figure,
    flip={"rate": ml.rates.exact},
)
