"""SGD jitters in proportion to the step size over the batch, and not at all where the samples agree.

Each sample is a quadratic ½(x − cᵢ)ᵀH(x − cᵢ) with a centre of its own; H has curvatures 1 and 4, ten times each.
Constant step sizes do not converge to the minimiser, the mean of the centres: along a direction of curvature λ, a batch
of B draws leaves a stationary variance of αλσ²/(B(2 − αλ)), where σ² is the variance of the centres. Runs with batches
of 1, 4, 16 and 64, and with half the step size, are as this formula says; the whole sum has no variance.

The noise is the samples' disagreement at the minimiser. Where all of them have the same one, as when a model
interpolates its data, even single samples lead there at a linear rate, without jitter: here least squares whose
residuals vanish.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

N, ALPHA, STEPS, BURN = 256, 0.1, 2500, 200
H = np.repeat([1.0, 4.0], 10)


def quadratics(spread: float, batch: int | None, seed: int = 1) -> ml.Problem:
    centres = spread * np.random.default_rng(0).standard_normal((N, H.size))

    def mean(x, indices):
        away = x - centres[indices]
        return 0.5 * np.mean(away**2 @ H), H * away.mean(axis=0)

    draws = {} if batch is None else dict(batch=batch, rng=seed, replace=True)
    return ml.finite_sum(mean, np.ones(H.size), N, minimizers=(centres.mean(axis=0),), **draws)


def walk(p: ml.Problem, lr: float = ALPHA, steps: int = STEPS) -> np.ndarray:
    """Distances to the minimiser, coordinate by coordinate."""
    run = ml.minimize(p, method=ml.gradient_descent(lr=lr), tol=0, maxiter=steps)
    return run.history.x - p.minimizers[0]


def stationary(spread: float, batch: int, lr: float = ALPHA) -> np.ndarray:
    """What theory says of the variance of each coordinate."""
    centres = spread * np.random.default_rng(0).standard_normal((N, H.size))
    return lr * H * centres.var(axis=0) / (batch * (2 - lr * H))


def experiment(spread: float = 1.0) -> Evidence:
    batches = (1, 4, 16, 64)
    walks = {b: walk(quadratics(spread, b)) for b in batches} | {None: walk(quadratics(spread, None), steps=400)}
    jitter = {b: np.mean(w[BURN:] ** 2) for b, w in walks.items()}
    A = np.random.default_rng(2).standard_normal((40, 10))
    interpolating = ml.least_squares(A, A @ np.ones(10), batch=1, rng=0, replace=True)
    agreed = walk(interpolating, lr=0.02)
    facts = [
        Fact(
            "16 × variance of batches of 16 / that of single samples",
            16 * jitter[16] / jitter[1],
            "=",
            1.0,
            within=0.05,
        ),
        Fact("stationary variance of single samples", jitter[1], ">", 1e-3),
        Fact("the same of the full batch", jitter[None], "≤", 1e-12),
    ]
    beyond = [
        Fact("the same of single samples of least squares without residuals", np.mean(agreed[-500:] ** 2), ">", 1e-3)
    ]
    theory = {b: stationary(spread, b).mean() for b in batches}
    found = [
        Fact(f"variance of batches of {b} / theory's", jitter[b] / theory[b], "=", 1.0, within=0.05) for b in batches
    ]
    half = np.mean(walk(quadratics(spread, 1), lr=ALPHA / 2)[BURN:] ** 2) / stationary(spread, 1, ALPHA / 2).mean()
    found.append(Fact("the same of single samples, half the step size", half, "=", 1.0, within=0.05))
    curves = {"walks": {b: np.linalg.norm(walks[b], axis=1)[:300] for b in (1, 16, None)}}
    curves["agreed"] = np.linalg.norm(agreed, axis=1)[::4]
    return Evidence(facts, beyond, found, curves | {"jitter": {b: jitter[b] for b in batches}, "theory": theory})


def figure(evidence: Evidence):
    figure, (left, middle, right) = panels(3, width=2.7)
    for j, (batch, away) in enumerate(evidence.curves["walks"].items()):
        left.plot(away, label="full" if batch is None else f"batch {batch}", **style(j))
    left.set(yscale="log", xlabel="iteration $k$", ylabel=r"$\|x_k - x^\star\|$", ylim=(1e-6, 10))
    left.legend(fontsize=7)
    batches = list(evidence.curves["jitter"])
    middle.plot(batches, list(evidence.curves["jitter"].values()), "o", color=style(0)["color"], label="measured")
    middle.plot(batches, list(evidence.curves["theory"].values()), label="theory", **BOUND)
    middle.set(xscale="log", yscale="log", xlabel="batch", ylabel="stationary variance")
    middle.legend(fontsize=7)
    right.plot(4 * np.arange(len(evidence.curves["agreed"])), evidence.curves["agreed"], **style(0))
    right.set(yscale="log", xlabel="iteration $k$", ylabel=r"$\|x_k - x^\star\|$")
    right.set_title("single samples that agree", fontsize=8)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on optimisers and initialisation; of samples that agree, Ma, Bassily & Belkin, ICML 2018",
    statement="SGD on single samples jitters around the minimum, mini-batches less so, the full batch not at all.",
    verdict=UNDER,
    because="With constant step sizes, where the samples disagree at the minimiser; the variance is then ∝ ασ²/B.",
    experiment=experiment,
    figure=figure,
    flip={"spread": 1e-6},
)
