"""Momentum is of the order of √κ times faster on quadratics free of noise, with β chosen for κ.

The usual picture is a long ravine: gradient descent zigzags across it and creeps along it, momentum averages the zigzag
away and adds up what is left. On quadratics with curvatures between μ and L this is exact. The best step of gradient
descent contracts by (κ − 1)/(κ + 1), heavy ball at its best by (√κ − 1)/(√κ + 1), and the iterations that it takes on
the two extreme curvatures are fewer at κ = 10, 100 and 1000.

Three conditions are left out of the picture. With β = 0.9, the usual value, no step size gives a rate below √β ≈ 0.949,
which at κ = 10 is worse than gradient descent's. If gradients are noisy and the step size is small, momentum of step
size α is nearly gradient descent of step size α/(1 − β): it travels faster and settles on a floor ten times as high. At
α(1 − β), which is what an average βv + (1 − β)g makes of α, both walks are alike, as fast and as far down. And the
zigzag is that of a step size near 2/L: at 1/L gradient descent has none, while momentum swings through the minimiser.
What an average of gradients does give is room: its stable step sizes reach (1 + β)/(1 − β) times as far.
"""

from itertools import islice

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

KAPPAS, ALPHA, BETA = (10.0, 100.0, 1000.0), 0.004, 0.9


def on_two(method, kappa: float, steps: int) -> np.ndarray:
    """The iterates on ½(x₁² + κx₂²) from (1, 1)."""
    H = np.array([1.0, kappa])
    return ml.minimize(
        lambda x: 0.5 * x @ (H * x), [1.0, 1.0], method, jac=lambda x: H * x, tol=0, maxiter=steps
    ).history.x


def experiment(beta: float | None = None, seed: int = 0) -> Evidence:
    facts, found, walks = [], [], {}
    for kappa in KAPPAS:
        constants = dict(mu=1.0, L=kappa)
        fixed = ml.heavy_ball(lr=(1 + (beta or 0) ** 0.5) ** 2 / kappa, beta=beta or 0)
        momentum = fixed if beta else ml.heavy_ball.tuned(**constants)
        plain = ml.gradient_descent(lr=2 / (1 + kappa))
        walks[kappa] = [np.linalg.norm(on_two(m, kappa, 3900), axis=1) / 2**0.5 for m in (plain, momentum)]
        needed = [np.argmax(e <= 1e-3) for e in walks[kappa]]
        facts.append(
            Fact(
                f"iterations to ‖eₖ‖ ≤ 10⁻³‖e₀‖, over gradient descent's; κ = {kappa:g}", needed[1] / needed[0], "<", 1
            )
        )
        for name, method, root in (("gradient descent", plain, kappa), ("heavy ball", momentum, kappa**0.5)):
            what = f"exact rate of {name}, κ = {kappa:g}"
            found.append(Fact(what, ml.rates.exact(method, **constants), "=", (root - 1) / (root + 1), 1e-6))
    if beta:
        found = []
    turns = lambda method: np.count_nonzero(np.diff(np.sign(on_two(method, 100.0, 100)[:, 1])))
    near, at = 1.98 / 100, 1 / 100
    zigzag = [
        turns(m(lr=lr, **extra))
        for lr in (near, at)
        for m, extra in ((ml.gradient_descent, {}), (ml.heavy_ball, {"beta": BETA}))
    ]
    facts.append(
        Fact(
            "times that x₂ changes its sign in 100 steps of 1.98/L, β = 0.9, over gradient descent's",
            zigzag[1] / zigzag[0],
            "<",
            1,
        )
    )

    noisy = ml.noisy(ml.Problem("bowl", lambda x: (0.5 * x @ x, x), np.full(200, 2.0), jac=True), sigma=1.0, rng=seed)
    losses = lambda method: np.array([s.fun / 200 for s in islice(ml.iterate(noisy, method=method), 6000)])
    noise = {
        r"gradient descent, $\alpha$": losses(ml.gradient_descent(lr=ALPHA)),
        r"momentum, $\alpha$": losses(ml.heavy_ball(lr=ALPHA, beta=BETA)),
        r"momentum, $(1 - \beta)\alpha$": losses(ml.heavy_ball(lr=(1 - BETA) * ALPHA, beta=BETA)),
    }
    floors = [f[3000:].mean() for f in noise.values()]
    sooner = [np.argmax(f <= 2 * floor) for f, floor in zip(noise.values(), floors, strict=True)]
    rates = [ml.rates.exact(m, mu=1, L=10) for m in (ml.gradient_descent(lr=2 / 11), ml.heavy_ball(lr=0.3, beta=BETA))]
    beyond = [
        Fact("rate at β = 0.9 less gradient descent's best, κ = 10", rates[1] - rates[0], "<", 0),
        Fact("under noise, floor of f at the same step size, over gradient descent's", floors[1] / floors[0], "≤", 1.1),
        Fact("under noise, iterations to twice the floor, at equal floors", sooner[2] / sooner[0], "<", 0.9),
        Fact(
            "times that x₂ changes its sign in 100 steps of 1/L, β = 0.9, less gradient descent's",
            zigzag[3] - zigzag[2],
            "<",
            1,
        ),
    ]
    stated = (1 + BETA) / (1 - BETA) * (2 - ALPHA) / (2 * (1 + BETA) - ALPHA)
    limit = ml.rates.stable_lr(ml.heavy_ball_ema, mu=1, L=100, beta=BETA) * 100 / 2
    found += [
        Fact(
            "the ratio of floors at the same step size, near 1/(1 − β)", floors[1] / floors[0], "=", stated, within=0.1
        ),
        Fact("floors at α(1 − β) over gradient descent's at α", floors[2] / floors[0], "=", 1, within=0.05),
        Fact(
            "largest stable step size of the average over gradient descent's", limit, "=", (1 + BETA) / (1 - BETA), 1e-6
        ),
    ]
    return Evidence(facts, beyond, found, {"walks": walks, "noise": noise})


def figure(evidence: Evidence):
    figure, [left, right] = panels(2)
    for j, (kappa, (plain, momentum)) in enumerate(evidence.curves["walks"].items()):
        colour = style(j)["color"]
        left.loglog(plain, "--", color=colour)
        left.loglog(momentum, color=colour, label=rf"$\kappa = {kappa:g}$")
    left.plot([], [], "--", color="0.4", label="gradient descent")
    left.set(xlabel="iteration $k$", ylabel=r"$\|e_k\|/\|e_0\|$", ylim=(1e-6, 3e3), xlim=(1, None))
    left.legend(fontsize=7, loc="upper center", ncols=2)
    for j, (label, losses) in enumerate(evidence.curves["noise"].items()):
        right.semilogy(losses[:1200:4], label=label, **style(j))
    right.set_xticks([0, 100, 200, 300], ["0", "400", "800", "1200"])
    right.set(xlabel="iteration $k$", ylabel="$f$ a coordinate, under noise")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods; for the rate Polyak, USSR Comput. Math. Math. Phys. 4 "
    "(1964) 1",
    statement="Momentum damps the oscillation of gradient descent and is almost always faster.",
    verdict=UNDER,
    because="On quadratics without noise, with β chosen for κ; not at β = 0.9 for small κ, nor at equal noise floors.",
    experiment=experiment,
    figure=figure,
    flip={"beta": 0.9},
)
