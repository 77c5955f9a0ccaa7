"""PMG converges linearly if what it keeps of the velocity is small; that is no acceleration.

The source's theorem survives in a form that can be proved: of the velocity V, PMG keeps w = c(βV − k_dBV), and all
that is used is ‖w‖ ≤ η‖V‖, which the safeguard c enforces whatever the matrix B. Theorems A (distances) and B
(values) need η < αμ/2, a momentum of order 1/κ. Theorem C, by an energy, needs α < 2(1 − η)/L: C2 gives a linear
rate, and C1, without convexity, that gradients tend to zero (`docs/theorems.md` has the proofs).

We run PMG by BFGS and with three hostile matrices: one that turns the velocity round, w = −ηV, one that points it
away from the minimiser, and one that draws its direction at random. On random strongly convex functions, on two
curvatures and, for C1, on cosine ripples no run exceeds a bound. The step condition of C is sharp. With w = −ηV,
along the curvature L the run shrinks just below 2(1 − η)/L and grows just above.

None of the rates is better than that of gradient descent, which is the case η = 0 of every one of them. They prove
that PMG converges, not that its momentum helps.
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates import THEOREMS
from momentumlab.rates.evidence import distance, gap, least_slope, observe, ripples, strongly_convex
from momentumlab.rates.theorems import distance_lemma, energy_rate, gd_rate, value_lemma

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

ETA, STEPS = 0.5, 100
ERRORS = {"A": distance, "B": gap, "C2": gap, "C1": least_slope}


class Hostile:
    """A matrix with which PMG, where β = η and k_d = 1, keeps w of size η‖V‖ in a direction of its choice."""

    def __init__(self, kind: str, eta: float, target: np.ndarray, seed: int = 0) -> None:
        self.kind, self.eta, self.target, self.rng = kind, eta, target, np.random.default_rng(seed)

    def start(self, problem, x):
        return Hostile(self.kind, self.eta, self.target)

    def update(self, x, s, y):
        self.x = x

    def apply(self, v):
        if not v.any():
            return v
        away = {"w turned round": lambda: -v, "w outward": lambda: self.x - self.target}
        d = away.get(self.kind, lambda: self.rng.standard_normal(v.shape))()
        return self.eta * v - self.eta * np.linalg.norm(v) / np.linalg.norm(d) * d


def hostile(lr: float, eta: float, target) -> dict[str, ml.Method]:
    """PMG with each of the hostile matrices."""
    kinds = ("w turned round", "w outward", "w at random")
    settings = dict(lr=lr, beta=eta, kd=1.0, eta_max=eta, index="current")
    return {kind: ml.pmg(preconditioner=Hostile(kind, eta, target), **settings) for kind in kinds}


def beside(name: str, seed: int) -> dict[str, np.ndarray]:
    """Errors of PMG, by BFGS and with hostile matrices, as theorem `name` measures them."""
    row, curves = THEOREMS[name], {}
    mu, L = row.mu, row.L
    functions = (ripples if name == "C1" else strongly_convex)(mu, L, seed, STEPS)
    functions.pop("Nesterov's worst", None)
    like = (row.methods or THEOREMS["C2"].methods)(mu, L)["PMG by BFGS"]
    numbers = like.row(1)
    for on, (p, x0) in functions.items():
        methods = {"by BFGS": like} | hostile(float(numbers["lr"]), float(numbers["eta_max"]), p.minimizers[0])
        for label, method in methods.items():
            found = ERRORS[name](observe(method, p, x0, STEPS), mu, L)
            found = np.append(found, np.full(STEPS + 1 - len(found), np.nan))
            curves[f"{label}, {on}, seed {seed}"] = np.where(found < 1e-9 * np.nanmax(found), np.nan, found)
    return curves


def turned(share: float) -> float:
    """|x₄₀₀|/|x₀| along the curvature L = 1, with w = −ηV and α = share·2(1 − η)/L."""
    p = ml.Problem("a curvature", lambda x: (0.5 * x @ x, x), [1.0], jac=True, minimizers=[[0.0]], fstar=0.0)
    method = hostile(share * 2 * (1 - ETA), ETA, np.zeros(1))["w turned round"]
    return abs(ml.minimize(p, method=method, tol=0, maxiter=400).history.x[-1, 0])


def experiment(share: float = 0.99) -> Evidence:
    curves, facts, k = {}, [], np.arange(STEPS + 1)
    for name in ERRORS:
        row = THEOREMS[name]
        bound = row.bound(k, row.mu, row.L)
        each = beside(name, 0) | beside(name, 1)
        worst = max(np.nanmax(error[1:] / bound[1:]) for error in each.values())
        facts.append(Fact(f"theorem {name}: largest error of {len(each)} runs / its bound", worst, "≤", 1))
        curves[name] = bound, each
    facts.append(Fact(f"|x₄₀₀|/|x₀|, w = −V/2, α = {share:g}·2(1 − η)/L", turned(share), "<", 1))
    radius = lambda share: float(ml.rates.exact(ml.pid(lr=share, beta=0.0, kd=ETA), mu=1 - 1e-12, L=1))
    mu, L = 1.0, 100.0
    rates = {"A": distance_lemma(mu, L)[0], "B": value_lemma(mu, L)[0], "C2": energy_rate(mu, L, 0.4, 1 / L)}
    plain = {"A": gd_rate(mu, L), "B": 1 - mu / L, "C2": energy_rate(mu, L, 0.0, 1 / L)}
    return Evidence(
        facts=facts,
        beyond=[Fact("the same, α = 1.01·2(1 − η)/L", turned(1.01), "<", 1)],
        found=[
            *(
                Fact(f"spectral radius there, {s}", radius(s), relation, 1)
                for s, relation in ((0.99, "<"), (1.01, ">"))
            ),
            *(Fact(f"rate of {n} at κ = 100, against η = 0", rates[n], ">", plain[n]) for n in rates),
        ],
        curves=curves,
    )


def figure(evidence: Evidence):
    figure, row = panels(4, width=2.5)
    names = {"A": r"$\|x_k - x^\star\| / \|x_0 - x^\star\|$", "C1": r"$\min \|\nabla f(x_j)\|^2 / (f(x_0) - f^\star)$"}
    kinds = ("by BFGS", "w turned round", "w outward", "w at random")
    k = np.arange(0, STEPS + 1, 4)
    for axes, (name, (bound, each)) in zip(row, evidence.curves.items(), strict=True):
        for label, error in each.items():
            j = kinds.index(label.split(",")[0])
            first = label.endswith("seed 0") and kinds[j] not in axes.get_legend_handles_labels()[1]
            axes.plot(k, error[::4], linewidth=0.8, color=style(j)["color"], label=kinds[j] if first else None)
        axes.plot(k, bound[::4], **BOUND)
        axes.set(xlabel="$k$", yscale="log", ylabel=names.get(name, r"$(f(x_k) - f^\star) / (f(x_0) - f^\star)$"))
        axes.set_title(f"theorem {name}", fontsize=9)
    row[0].legend(fontsize=6, loc="lower left")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods; the theorems are in `docs/theorems.md`",
    statement="On smooth, strongly convex functions PMG converges linearly.",
    verdict=UNDER,
    because="If ‖w‖ ≤ η‖V‖ and α < 2(1 − η)/L, or η < αμ/2; beyond 2(1 − η)/L it may diverge.",
    experiment=experiment,
    figure=figure,
    flip={"share": 1.01},
)
