"""Heavy ball contracts quadratics by (√κ − 1)/(√κ + 1) in the end, after errors have grown about √κ/e-fold.

Polyak's tuning makes every root of every mode between μ and L of modulus √β = (√κ − 1)/(√κ + 1), and no first-order
method does better on quadratics of high dimension. We read the rate off the spectrum of the rule that runs, and
measure it on runs.

"Contracts by ρ in each step" is another matter. At both ends of the spectrum the root is double, which puts a
polynomial before ρᵏ. At μ errors are ρᵏ(1 + k(1 − ρ)); at L they are (−ρ)ᵏ(1 + k(1 + ρ)) and first grow, the more the
worse the conditioning: 3.7-fold at κ = 100, 11.6-fold at κ = 1000, about √κ/e. At κ = 1000 it takes about eighty steps
to come back to where it started. The growth is a property of the start from rest on the stiffest mode, not of rounding:
the runs meet the closed forms to twelve digits.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

KAPPAS = (10.0, 100.0, 1000.0)


def experiment(stretch: float = 1.0) -> Evidence:
    facts, beyond, found, curves = [], [], [], {}
    for kappa in KAPPAS:
        constants = dict(mu=1.0, L=kappa)
        rho = (kappa**0.5 - 1) / (kappa**0.5 + 1)
        row = ml.heavy_ball.tuned(**constants).row(1)
        method = ml.heavy_ball(lr=stretch * float(row["lr"]), beta=float(row["beta"]))
        H, steps = np.array([1.0, kappa]), int(12 * kappa**0.5)
        bowl = ml.Problem(
            "bowl", lambda x, H=H: (0.5 * x @ (H * x), H * x), [1.0, 1.0], jac=True, minimizers=([0.0, 0.0],)
        )
        modes = ml.minimize(bowl, method=method, tol=0, maxiter=steps).history.x
        k = np.arange(len(modes))
        facts.append(Fact(f"exact rate, κ = {kappa:g}", ml.rates.exact(method, **constants), "=", rho, within=1e-6))
        seen = ml.rates.measured(np.linalg.norm(modes, axis=1))
        facts.append(Fact(f"rate measured on a run, κ = {kappa:g}", seen, "=", rho, within=2e-3))
        peak = np.abs(modes).max()
        beyond.append(
            Fact(f"largest |eₖ|/(ρᵏ|e₀|) of that run, κ = {kappa:g}", (np.abs(modes) / rho ** k[:, None]).max(), "≤", 1)
        )
        found.append(
            Fact(f"largest |eₖ|/|e₀| of the mode L, κ = {kappa:g}", peak, "=", (rho**k * (1 + k * (1 + rho))).max())
        )
        found.append(Fact(f"that over √κ/e, κ = {kappa:g}", peak / (kappa**0.5 / np.e), "=", 1, within=0.15))
        stated = rho ** k[:, None] * np.array([1, -1]) ** k[:, None] * (1 + k[:, None] * np.array([1 - rho, 1 + rho]))
        if stretch == 1:
            found.append(
                Fact(f"largest |eₖ − closed form|, both modes, κ = {kappa:g}", np.abs(modes - stated).max(), "≤", 1e-11)
            )
        curves[kappa] = k, modes, rho
    return Evidence(facts, beyond, found, curves)


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    for j, (kappa, (k, modes, _)) in enumerate(evidence.curves.items()):
        left.plot(k / kappa**0.5, np.abs(modes[:, 1]), label=rf"$\kappa = {kappa:g}$", **style(j))
    left.set(xlabel=r"$k/\sqrt{\kappa}$", ylabel=r"$|e_k|/|e_0|$, mode $L$", xlim=(0, 6))
    left.legend()
    k, modes, rho = evidence.curves[100.0]
    right.semilogy(k, np.abs(modes[:, 1]), label="mode $L$", **style(0))
    right.semilogy(k, np.abs(modes[:, 0]), label=r"mode $\mu$", **style(2))
    right.semilogy(k, rho**k * (1 + k * (1 + rho)), label=r"$\rho^k(1 + k(1 + \rho))$", **BOUND)
    right.semilogy(k, rho**k, ":", color="0.3", label=r"$\rho^k$")
    right.set(xlabel="$k$", ylabel=r"$|e_k|/|e_0|$, $\kappa = 100$", ylim=(1e-11, 20))
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Polyak, USSR Comput. Math. Math. Phys. 4 (1964) 1, whose theorem is on the limit, as it is often quoted",
    statement="On quadratics with curvatures in [μ, L] the tuned heavy ball contracts the error by (√κ − 1)/(√κ + 1) "
    "a step.",
    verdict=UNDER,
    because="Asymptotically, exactly; errors first grow about √κ/e-fold, since the roots at both ends are double.",
    experiment=experiment,
    figure=figure,
    flip={"stretch": 0.9},
)
