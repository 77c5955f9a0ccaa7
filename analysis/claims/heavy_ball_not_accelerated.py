"""No tuning accelerates heavy ball on all smooth strongly convex functions: the fast ones go round in cycles.

That one tuning of heavy ball fails on one function leaves hope for another. Goujaud, Taylor & Dieuleveut take that hope
away: of every tuning they ask whether it can go round the K-th roots of unity. Moving from one to the next fixes which
gradients it must see there, a times the point. With c = (a − μ)/(L − μ) and C the polygon of c times the roots, ½L‖x‖²
− ½(L − μ)d(x, C)² is μ-strongly convex and L-smooth for every polygon, and has these gradients if the projection of
each root on C is its vertex. We build this function for Polyak's tuning at κ = 100, start heavy ball near the roots,
and it settles on them, as the function is a quadratic around each.

That no tuning is accelerated is their theorem. What we do is a search, and shows it only for the tunings of a grid of α
and β: which has the best rate on quadratics among those that have no such cycle, of fifty lengths up to 500. From κ =
1000 to 100 000 its 1 − ρ falls like 1/κ, with a constant better than gradient descent's, 15 against 2, but not like
1/√κ. To have no cycle is not yet to converge, so the best rate for the whole class can only be worse. Nesterov's rule
is certified to be like 1/√κ on the same functions.

At κ from 2 to 15 Polyak's tuning has no such cycle, and with these κ alone the search finds rates of its order: the
experiment would call the claim true. At κ = 15 a certificate says that it converges on the whole class, though the rate
of the certificate is far from that on quadratics.
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates.rate import spectral_radius
from momentumlab.rates.spectra import modes

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

KAPPAS = (100.0, 1e3, 1e4, 1e5)


def pull(lr, beta, K):
    """a, where a·x is the gradient that heavy ball must see at x to go round the K-th roots of unity: off the rule."""
    turn = np.exp(2j * np.pi / K)
    after = lambda g: ml.heavy_ball.advance(1.0, g, (1 - 1 / turn,), dict(lr=lr, beta=beta))[0]
    return (turn - after(0.0)) / (after(1.0) - after(0.0))


def cycles(lr, beta, mu: float, lengths: np.ndarray) -> np.ndarray:
    """Whether there is a function with 0 < μ, L = 1 on which it goes round, for any of some lengths."""
    found = np.zeros(np.shape(lr), dtype=bool)
    for K in lengths:
        c = (pull(lr, beta, K) - mu) / (1 - mu)
        sides = [np.conj(1 - c) * c * (np.exp(sign * 2j * np.pi / K) - 1) for sign in (1, -1)]
        found |= (sides[0].real < 0) & (sides[1].real < 0)
    return found


def function(lr: float, beta: float, mu: float, K: int) -> ml.Problem:
    """½‖x‖² − ½(1 − μ)d(x, C)²."""
    roots = np.exp(2j * np.pi * np.arange(K) / K)
    corners = (pull(lr, beta, K) - mu) / (1 - mu) * roots
    sides = np.roll(corners, -1) - corners

    def fun(x):
        z = complex(*x)
        along = np.clip(((z - corners) * sides.conj()).real / np.abs(sides) ** 2, 0, 1)
        nearest = min(corners + along * sides, key=lambda p: abs(z - p))
        inside = (((z - corners) * sides.conj()).imag >= 0).all()
        near = z if inside else nearest
        slope = mu * z + (1 - mu) * near
        return 0.5 * abs(z) ** 2 - 0.5 * (1 - mu) * abs(z - near) ** 2, np.array([slope.real, slope.imag])

    return ml.Problem("polygon", fun, [1.0, 0.0], jac=True, minimizers=([0.0, 0.0],), fstar=0.0, mu=mu, L=1.0)


def experiment(kappas: tuple = KAPPAS, seed: int = 0) -> Evidence:
    lengths = np.unique(np.geomspace(2, 500, 60).astype(int))
    lr, beta = np.meshgrid(
        np.append(np.geomspace(1e-3, 1, 100), np.linspace(1, 3.99, 60)[1:]), 1 - np.geomspace(1e-4, 1, 140)
    )
    best = []
    for kappa in kappas:
        M, _ = modes(ml.heavy_ball, dict(lr=lr[..., None], beta=beta[..., None]), np.array([1 / kappa, 1.0]))
        rates = spectral_radius(M).max(axis=-1)
        fast = rates < (kappa - 1) / (kappa + 1)
        free = fast.copy()
        free[fast] = ~cycles(lr[fast], beta[fast], 1 / kappa, lengths)
        best.append(float(rates[free].min()))
    power = lambda rates, kappas: float(np.polyfit(np.log(kappas), np.log(1 - np.array(rates)), 1)[0])
    what = f"power of κ in 1 − ρ, best tuning of the grid without a cycle, κ = {kappas[1]:g} to {kappas[-1]:g}"
    facts = [Fact(what, power(best[1:], kappas[1:]), "≥", -0.6)]

    mu, K = 1e-2, 4
    row = ml.heavy_ball.tuned(mu=mu, L=1.0).row(1)
    p = function(float(row["lr"]), float(row["beta"]), mu, K)
    method = ml.heavy_ball.tuned(mu=mu, L=1.0)
    x, back = np.array([1.0, 0.0]), np.array([0.0, -1.0])
    rng = np.random.default_rng(seed)
    walk, v = [x + 0.05 * rng.standard_normal(2)], x - back
    for k in range(1, 301):
        x, v = method.advance(walk[-1], p.grad(walk[-1]), (v,), k)
        walk.append(x)
    roots = np.exp(2j * np.pi * np.arange(K) / K)
    last = max(np.abs(roots - complex(*x)).min() for x in walk[-K:])
    nesterov = ml.minimize(p, walk[-1], ml.nesterov.tuned(mu=mu, L=1.0), tol=0, maxiter=300).iterate
    a, b = rng.uniform(-1.5, 1.5, (2, 500, 2))
    dx, dg = a - b, np.array([p.grad(x) - p.grad(y) for x, y in zip(a, b, strict=True)])
    polyak = [ml.rates.exact(ml.heavy_ball, 1 / kappa, 1.0) for kappa in KAPPAS]
    certified = [ml.rates.certified(ml.nesterov, 1 / kappa, 1.0) for kappa in KAPPAS[:2]]
    found = [
        Fact(
            "Polyak's tuning, κ = 100: distance of the last four of 300 iterates to the roots of unity", last, "≤", 1e-9
        ),
        Fact("Nesterov's rule from there: ‖x₃₀₀‖", np.linalg.norm(nesterov), "≤", 1e-6),
        Fact(
            "that function: least ⟨Δg − μΔx, LΔx − Δg⟩, 500 pairs",
            ((dg - mu * dx) * (dx - dg)).sum(axis=1).min(),
            "≥",
            -1e-12,
        ),
        Fact("power of κ in 1 − ρ, Polyak's tuning on quadratics", power(polyak, KAPPAS), "≥", -0.6),
        Fact(
            "power of κ in 1 − ρ, Nesterov's rule, certified, κ = 100 and 1000", power(certified, KAPPAS[:2]), "≥", -0.6
        ),
    ]
    small = {kappa: ml.heavy_ball.tuned(mu=1 / kappa, L=1.0).row(1) for kappa in (2.0, 4.0, 8.0, 15.0)}
    cyclic = sum(int(cycles(r["lr"], r["beta"], 1 / kappa, lengths).sum()) for kappa, r in small.items())
    below = ml.rates.certified(ml.heavy_ball, 1 / 15, 1.0, multiplier="off-by-one")
    found += [
        Fact("(1 − ρ)κ at that tuning, largest κ", (1 - best[-1]) * kappas[-1], "≤", 20),
        Fact("Polyak's tuning, κ = 2, 4, 8, 15: on how many it has a cycle", cyclic, "=", 0),
        Fact("Polyak's tuning, κ = 15: certified rate", below or np.inf, "<", 1),
        Fact(
            "that less the rate on quadratics", (below or np.inf) - ml.rates.exact(ml.heavy_ball, 1 / 15, 1.0), ">", 0.3
        ),
    ]
    corners = (pull(float(row["lr"]), float(row["beta"]), K) - mu) / (1 - mu) * roots
    return Evidence(facts, found=found, curves={"best": best, "walk": np.array(walk), "corners": corners})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    walk, corners = evidence.curves["walk"], evidence.curves["corners"]
    left.fill(corners.real, corners.imag, color="0.85", label="$C$")
    left.plot(*walk[:60].T, linewidth=0.5, marker=".", markersize=3, color=style(0)["color"], label="heavy ball")
    left.plot(*walk[-4:].T, "o", color=style(1)["color"], label="after 300 steps")
    left.plot([0], [0], "*", color="k", markersize=9, label=r"$x^\star$")
    left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=(-1.3, 3.4), ylim=(-1.3, 1.3))
    left.legend(fontsize=7, loc="center right")
    kappas = np.array(KAPPAS)
    right.loglog(kappas, 1 - (np.sqrt(kappas) - 1) / (np.sqrt(kappas) + 1), label="Polyak's, on quadratics", **style(0))
    right.loglog(kappas, kappas**-0.5, label="triple momentum", **style(2))
    right.loglog(
        kappas, 1 - np.array(evidence.curves["best"]), "o", color=style(1)["color"], label="best without a cycle"
    )
    right.loglog(kappas, 1e3 * (1 - evidence.curves["best"][1]) / kappas, label=r"$\propto 1/\kappa$", **BOUND)
    right.loglog(kappas, 2 / (kappas + 1), label="gradient descent", **style(3))
    right.set(xlabel=r"$\kappa$", ylabel=r"$1 - \rho$")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Heavy ball as it is often quoted; Goujaud, Taylor & Dieuleveut, Math. Program. (2025), arXiv:2307.11291",
    statement="With the right α and β heavy ball is accelerated, 1 − ρ of the order of 1/√κ, on smooth strongly convex "
    "functions.",
    verdict=FALSE,
    because="By theorem no tuning is; on a grid, every one that is so fast on quadratics has a function with a cycle.",
    experiment=experiment,
    figure=figure,
    flip={"kappas": (2.0, 4.0, 8.0, 15.0)},
)
