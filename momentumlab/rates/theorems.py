"""The register: each theorem with what it says, on what it rests, and how it is seen to hold.

A row states a curve and measures others beside it: errors of runs against k, or what a spectrum gives against the
parameter that the theorem is about. Tests, figures and the page of theorems all come from the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import rules
from ..method import Method
from ..preconditioners import bb1, bfgs
from ..rules import contraction
from .evidence import (
    Curves,
    Evidence,
    Functions,
    Methods,
    Quantity,
    best_of_grid,
    certified_beta,
    convex,
    cycle,
    distance,
    gap,
    gap_by_both,
    gap_by_distance,
    hubers,
    impulse,
    interior,
    least_slope,
    limits,
    mean_gap_by_distance,
    quadratics,
    ripples,
    runs,
    strongly_convex,
)
from .spectra import pid_lr_limit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EQUAL = 1e-6
"""What is found by bisection counts as equal within."""


@dataclass(frozen=True, eq=False)
class Theorem:
    """One row of the register.

    Attributes
    ----------
    name, statement, hypotheses, source : str
    rule : str
        With which rule and tuning it is shown.
    bound : callable
        ``bound(k, mu, L)``, the stated curve: of the error over what it started as, or of what `axis` says.
    measure : callable
        ``measure(mu, L, seed, steps)`` -> (x, measured).
    on : str
        Of which functions it speaks: "strongly convex", "quadratics", or others.
    methods : callable or None
        ``methods(mu, L)`` -> dict of the methods that it covers.
    rate : callable or None
        ``rate(mu, L)``: the linear rate that it states, of distances.
    sense : str
        How the measured curves lie to the stated one: "≤", "≥" or "=".
    axis, quantity : str
        What x and the curves are.
    mu, L : float
        Where it is shown.
    steps : int
        How many iterations.
    """

    name: str
    statement: str
    hypotheses: str
    source: str
    rule: str
    bound: Callable[[np.ndarray, float, float], np.ndarray]
    measure: Callable[[float, float, int, int], Curves]
    on: str = ""
    methods: Callable[[float, float], dict[str, Method]] | None = None
    rate: Callable[[float, float], float] | None = None
    sense: str = "≤"
    axis: str = "k"
    quantity: str = ""
    mu: float = 1.0
    L: float = 100.0
    steps: int = 200

    def evidence(self, mu: float | None = None, L: float | None = None, seed: int = 0) -> Evidence:
        """What is stated and what is measured; at other constants, or on the random functions of another seed."""
        mu, L = self.mu if mu is None else mu, self.L if L is None else L
        if not (mu == 0 < L if self.mu == 0 else 0 < mu < L):
            raise ValueError(
                f"{self.name}: mu = {mu:g}, L = {L:g}; it takes {'mu = 0 < L' if self.mu == 0 else '0 < mu < L'}"
            )
        x, measured = self.measure(mu, L, seed, self.steps)
        return Evidence(x, self.bound(x, mu, L), measured)

    def ratio(self, evidence: Evidence) -> float:
        """How far the theorem is from being contradicted: at most 1 where it holds.

        The largest measured/stated for "≤", stated/measured for "≥", and by what part of 10⁻⁶ they differ for "=".
        """
        ratios = {
            "≤": lambda measured: measured / evidence.stated,
            "≥": lambda measured: evidence.stated / measured,
            "=": lambda measured: np.abs(measured / evidence.stated - 1) / EQUAL,
        }[self.sense]
        first = int(self.axis == "k")  # where all runs start alike
        return max(float(np.nanmax(ratios(measured)[first:], initial=0.0)) for measured in evidence.measured.values())

    def plot(self, evidence: Evidence | None = None) -> "Figure":
        """What is measured beside the stated curve, which is dashed; on the row's own evidence where none is given."""
        from ..plots import theorem

        return theorem(self, self.evidence() if evidence is None else evidence)

    def __reduce__(self) -> Any:
        return (_named, (self.name,)) if THEOREMS.get(self.name) is self else super().__reduce__()

    def __repr__(self) -> str:
        return f"<theorem {self.name}: {self.statement}>"


def shown(functions: Functions, methods: Methods, error: Quantity) -> dict[str, Any]:
    """A row that speaks of these methods, shown by running each on each function."""
    return {"methods": methods, "measure": runs(functions, methods, error)}


def one(rule: Any, **hyper: Any) -> Callable[[float, float], dict[str, Method]]:
    """A rule as it is tuned, or bound with functions of μ and L."""
    if not hyper:
        return lambda mu, L: {rule.name: rule.tuned(mu=mu or None, L=L)}
    return lambda mu, L: {rule.name: rule(**{n: v(mu, L) for n, v in hyper.items()})}


# ------------------------------------------------------------------ the formulas


def root_rate(mu: float, L: float) -> float:
    """1 − 1/√κ."""
    return 1 - sqrt(mu / L)


def gd_rate(mu: float, L: float) -> float:
    """(κ − 1)/(κ + 1)."""
    return (L - mu) / (L + mu)


def largest_beta(mu: float, L: float) -> float:
    """Up to which momentum heavy ball with α = 1/L converges linearly (Ghadimi et al. 2015)."""
    half = mu / L / 2
    return (half + sqrt(half**2 + 2)) / 2


def lemma(a1: float, a2: float) -> tuple[float, float]:
    """(q, δ) with F_k ≤ qᵏ(1 + δ)F₀ where F_{k+1} ≤ a₁F_k + a₂F_{k−1} from k = 0 on, F₋₁ = F₀."""
    q = (a1 + sqrt(a1**2 + 4 * a2)) / 2
    return q, q - a1


def eta_a(mu: float, L: float) -> float:
    """The momentum with which Theorem A is shown: 0.9/(κ + 1)."""
    return 0.9 * mu / (L + mu)


def eta_b(mu: float, L: float) -> float:
    """The momentum with which Theorem B is shown: 0.45/κ."""
    return 0.45 * mu / L


def distance_lemma(mu: float, L: float) -> tuple[float, float]:
    """(q, δ) of Theorem A at α = 2/(L + μ), η = 0.9/(κ + 1)."""
    eta = eta_a(mu, L)
    return lemma(gd_rate(mu, L) + eta, eta)


def value_lemma(mu: float, L: float) -> tuple[float, float]:
    """(q, δ) of Theorem B at α = 1/L, η = 0.45/κ."""
    alpha, eta = 1 / L, eta_b(mu, L)
    a2 = 2 * eta**2 / (alpha * mu)
    return lemma(1 - alpha * mu + a2, a2)


def energy_rate(mu: float, L: float, eta: float, alpha: float) -> float:
    """1 − ω of Theorem C, by which values shrink a step."""
    sigma = (1 - eta) / alpha - L / 2
    return 1 - sigma / ((1 - eta / 2) / alpha - L / 2 + (1 + eta) ** 2 / (2 * mu * alpha**2))


ETA = 0.4
"""Where Theorem C is shown."""


def bounded(alpha: Callable[[float, float], float], eta: Callable[[float, float], float]) -> Callable:
    """Methods whose momentum is bounded by η: heavy ball, PID where f is strongly convex, PMG by its safeguard."""

    def methods(mu: float, L: float) -> dict[str, Method]:
        lr, most = alpha(mu, L), eta(mu, L)
        beta = min(most * (L + mu) / (L - mu), 0.99)
        pmg = partial(rules.pmg, lr=lr, beta=0.9, eta_max=most)
        return {
            "heavy ball": rules.heavy_ball(lr=lr, beta=most),
            "PID": rules.pid(lr=lr, beta=beta, kd=2 * beta / (L + mu)),
            "PMG by BFGS": pmg(preconditioner=bfgs()),
            "PMG by BB1": pmg(preconditioner=bb1()),
        }

    return methods


def bounded_everywhere(mu: float, L: float) -> dict[str, Method]:
    """The same where f need not be convex: of PID only η ≤ β + k_dL is known."""
    lr = 1 / L
    return bounded(lambda mu, L: lr, lambda mu, L: ETA)(0.0, L) | {
        "PID": rules.pid(lr=lr, beta=ETA / 2, kd=ETA / 2 / L)
    }


def family_impulse(i: np.ndarray, mu: float, L: float) -> np.ndarray:
    """Where PID's point goes after one gradient, with α = (1 + ρ)/L, β = ρ²/(2 − ρ), k_d = β/L, in closed form."""
    rho = root_rate(mu, L)
    beta = rho**2 / (2 - rho)
    return (1 + rho) * (1 - beta ** (i + 1)) / (1 - beta) + beta ** (i + 1)


# ------------------------------------------------------------------ the register


def polynomial(rate: Callable[[float, float], float], slope: Callable[[float], float]) -> Callable:
    """ρᵏ(1 + k·slope(ρ)): what a double root leaves."""
    return lambda k, mu, L: rate(mu, L) ** k * (1 + k * slope(rate(mu, L)))


def geometric(q_and_delta: Callable[[float, float], tuple[float, float]]) -> Callable:
    """qᵏ(1 + δ)."""
    return lambda k, mu, L: q_and_delta(mu, L)[0] ** k * (1 + q_and_delta(mu, L)[1])


DISTANCE, GAP, BY_DISTANCE = "‖xₖ − x*‖ / ‖x₀ − x*‖", "(f(xₖ) − f*) / (f(x₀) − f*)", "(f(xₖ) − f*) / (L‖x₀ − x*‖²)"
STRONGLY, CONVEX = "f μ-strongly convex, L-smooth", "f convex, L-smooth"
QUADRATIC = "f quadratic, eigenvalues in [μ, L]"
MOMENTUM = "wₖ = Vₖ₊₁ + α∇f(xₖ), what is kept of the velocity Vₖ, has ‖wₖ‖ ≤ η‖Vₖ‖"

ROWS = (
    Theorem(
        "T1",
        "‖xₖ − x*‖ ≤ ((κ − 1)/(κ + 1))ᵏ ‖x₀ − x*‖",
        STRONGLY,
        "Nesterov, Lectures on Convex Optimization (2018)",
        "gradient descent, α = 2/(L + μ)",
        bound=lambda k, mu, L: gd_rate(mu, L) ** k,
        on="strongly convex",
        **shown(strongly_convex, one(rules.gradient_descent), distance),
        rate=gd_rate,
        quantity=DISTANCE,
    ),
    Theorem(
        "T2",
        "f(xₖ) − f* ≤ L‖x₀ − x*‖²/(4k + 2)",
        CONVEX,
        "Drori & Teboulle, Math. Program. 145 (2014) 451",
        "gradient descent, α = 1/L",
        bound=lambda k, mu, L: 1 / (4 * k + 2),
        measure=runs(hubers, one(rules.gradient_descent, lr=lambda mu, L: 1 / L), gap_by_distance),
        quantity=BY_DISTANCE,
        mu=0.0,
        L=1.0,
        steps=100,
    ),
    Theorem(
        "T3",
        "‖xₖ − x*‖ ≤ ρᵏ(1 + k(1 + ρ)) ‖x₀ − x*‖, ρ = (√κ − 1)/(√κ + 1)",
        QUADRATIC,
        "Polyak (1964); the polynomial factor: docs/theorems.md",
        "heavy ball, α = 4/(√L + √μ)², β = ρ²",
        bound=polynomial(contraction, lambda rho: 1 + rho),
        on="quadratics",
        **shown(quadratics, one(rules.heavy_ball), distance),
        rate=contraction,
        quantity=DISTANCE,
    ),
    Theorem(
        "T4a",
        "f(x̄ₖ) − f* ≤ ‖x₀ − x*‖²/(2(k + 1)) · (Lβ/(1 − β) + (1 − β)/α), x̄ₖ the mean of x₀, ..., xₖ",
        f"{CONVEX}; 0 < α ≤ (1 − β)/L, 0 ≤ β < 1",
        "Ghadimi, Feyzmahdavian & Johansson, ECC (2015)",
        "heavy ball, β = ½, α = (1 − β)/L",
        bound=lambda k, mu, L: 1 / (k + 1),
        measure=runs(
            convex, one(rules.heavy_ball, lr=lambda mu, L: 0.5 / L, beta=lambda mu, L: 0.5), mean_gap_by_distance
        ),
        quantity="(f(x̄ₖ) − f*) / (L‖x₀ − x*‖²)",
        mu=0.0,
        L=1.0,
    ),
    Theorem(
        "T4b",
        "f(xₖ) → f* linearly for 0 ≤ β < ½(μα/2 + √(μ²α²/4 + 4(1 − αL/2)))",
        f"{STRONGLY}; 0 < α < 2/L",
        "Ghadimi, Feyzmahdavian & Johansson, ECC (2015)",
        "heavy ball, α = 1/L",
        bound=lambda kappa, mu, L: np.array([largest_beta(1.0, each) for each in kappa]),
        measure=certified_beta,
        sense="≥",
        axis="κ",
        quantity="largest β",
    ),
    Theorem(
        "T5",
        "|xₖ − x*| ≥ 792/1225 − 3.3 ρᵏ(1 + k(1 + ρ)), ρ = ⅔: xₖ tends to the cycle 792, −2208, 2592 over 1225",
        "f′ = 25x below 1, x + 24 up to 2, 25x − 24 beyond; x₀ = 3.3; μ = 1, L = 25",
        "Lessard, Recht & Packard, SIAM J. Optim. 26 (2016) 57",
        "heavy ball as in T3",
        bound=lambda k, mu, L: 792 / 1225 - 3.3 * polynomial(contraction, lambda rho: 1 + rho)(k, mu, L),
        measure=cycle,
        sense="≥",
        quantity="|xₖ − x*|",
        L=25.0,
        steps=60,
    ),
    Theorem(
        "T6",
        "f(xₖ) − f* ≤ (1 − 1/√κ)ᵏ (f(x₀) − f* + ½μ‖x₀ − x*‖²), in distance a rate of √(1 − 1/√κ)",
        STRONGLY,
        "Nesterov, Lectures on Convex Optimization (2018) §2.2",
        "Nesterov's rule, α = 1/L, β = (√κ − 1)/(√κ + 1)",
        bound=lambda k, mu, L: root_rate(mu, L) ** k,
        on="strongly convex",
        **shown(strongly_convex, one(rules.nesterov), gap_by_both),
        rate=lambda mu, L: sqrt(root_rate(mu, L)),
        quantity="(f(xₖ) − f*)\n/ (f(x₀) − f* + ½μ‖x₀ − x*‖²)",
    ),
    Theorem(
        "T7",
        "‖xₖ − x*‖ ≤ ρᵏ(1 + k(1 − ρ)) ‖x₀ − x*‖, ρ = 1 − 1/√κ",
        QUADRATIC,
        "the mode polynomial z² − (1 + β)(1 − αλ)z + β(1 − αλ): docs/theorems.md",
        "Nesterov's rule as in T6",
        bound=polynomial(root_rate, lambda rho: 1 - rho),
        on="quadratics",
        **shown(quadratics, one(rules.nesterov), distance),
        rate=root_rate,
        quantity=DISTANCE,
    ),
    Theorem(
        "T8",
        "f(xₖ) − f* ≤ 2L‖x₀ − x*‖²/(k + 1)²",
        f"{CONVEX}; t₁ = 1, tₖ₊₁ = (1 + √(1 + 4tₖ²))/2",
        "Beck & Teboulle, SIAM J. Imaging Sci. 2 (2009) 183",
        "Nesterov's rule, α = 1/L, β = (tₖ − 1)/tₖ₊₁",
        bound=lambda k, mu, L: 2 / (k + 1) ** 2,
        measure=runs(convex, one(rules.nesterov_fista), gap_by_distance),
        quantity=BY_DISTANCE,
        mu=0.0,
        L=1.0,
    ),
    Theorem(
        "T9",
        "stable for every λ in (0, L] if and only if (α + 2k_d)L < 2(1 + β) and, where k_d < 0, β + |k_d|L < 1 too",
        "f quadratic, eigenvalues in (0, L]; α > 0, 0 ≤ β < 1",
        "Jury's criterion on z² − (1 + q − αλ)z + q, q = β − k_dλ",
        "PID, β = ½",
        bound=lambda gain, mu, L: np.array([pid_lr_limit(0.5, each, 1.0) for each in gain]),
        measure=limits,
        sense="=",
        axis="k_d L",
        quantity="largest stable αL",
    ),
    Theorem(
        "T10",
        "the rate of every mode is at most the larger of those at μ and L",
        QUADRATIC,
        "r ≤ ρ is |q| ≤ ρ² and |1 + q − αλ| ≤ ρ + q/ρ, affine in λ: docs/theorems.md",
        "PID, any α, β, k_d",
        bound=lambda curvature, mu, L: np.ones_like(curvature),
        measure=interior,
        axis="λ",
        quantity="r(λ) / max(r(μ), r(L))",
    ),
    Theorem(
        "T11",
        "no α, β, k_d has a rate below (√κ − 1)/(√κ + 1); only heavy ball's tuning, k_d = 0, has it",
        f"{QUADRATIC}, μ < L",
        "T10's inequalities at μ and L: docs/theorems.md",
        "PID, α and β the best for each k_d",
        bound=lambda gain, mu, L: np.full(len(gain), contraction(mu, L)),
        measure=best_of_grid,
        sense="≥",
        axis="k_d L / β of heavy ball",
        quantity="least rate",
    ),
    Theorem(
        "T12",
        "the gradient points of triple momentum, whatever its α, β, γ, are PID's with the same α, β and k_d = αγ",
        "any f; PID's first difference is g₀ − 0, `pid.starting(g_prev=0.0)`",
        "equal transfer functions −((α + k_d)z − k_d)/((z − 1)(z − β)): docs/theorems.md",
        "triple momentum and PID as they are tuned, where αγ = β/L",
        bound=family_impulse,
        measure=impulse,
        sense="=",
        axis="steps after a gradient of size L",
        quantity="displacement against it",
        steps=40,
    ),
    Theorem(
        "TM",
        "‖xₖ − x*‖ ≤ √κ ρᵏ ‖x₀ − x*‖, ρ = 1 − 1/√κ",
        STRONGLY,
        "Van Scoy, Freeman & Lynch, IEEE Control Syst. Lett. 2 (2018) 49; the constant: docs/theorems.md",
        "triple momentum",
        bound=lambda k, mu, L: sqrt(L / mu) * root_rate(mu, L) ** k,
        on="strongly convex",
        **shown(strongly_convex, one(rules.triple_momentum), distance),
        rate=root_rate,
        quantity=DISTANCE,
    ),
    Theorem(
        "A",
        "‖xₖ − x*‖ ≤ qᵏ(1 + δ)‖x₀ − x*‖; 2q = a₁ + √(a₁² + 4a₂), δ = q − a₁, a₁ = ρ + η, a₂ = η, ρ + 2η < 1",
        f"{STRONGLY}; {MOMENTUM}; ρ = max(|1 − αμ|, |1 − αL|)",
        "after Zhang & Yu, their lemma corrected: docs/theorems.md",
        "heavy ball, PID, PMG; α = 2/(L + μ), η = 0.9/(κ + 1)",
        bound=geometric(distance_lemma),
        on="strongly convex",
        **shown(strongly_convex, bounded(lambda mu, L: 2 / (L + mu), eta_a), distance),
        rate=lambda mu, L: distance_lemma(mu, L)[0],
        quantity=DISTANCE,
        L=10.0,
    ),
    Theorem(
        "B",
        "f(xₖ) − f* ≤ qᵏ(1 + δ)(f(x₀) − f*); q, δ as in A from a₁ = 1 − αμ + a₂, a₂ = 2η²/(αμ), η < αμ/2, α ≤ 1/L",
        f"{STRONGLY}; {MOMENTUM}",
        "after Zhang & Yu: docs/theorems.md",
        "heavy ball, PID, PMG; α = 1/L, η = 0.45/κ",
        bound=geometric(value_lemma),
        on="strongly convex",
        **shown(strongly_convex, bounded(lambda mu, L: 1 / L, eta_b), gap),
        rate=lambda mu, L: sqrt(value_lemma(mu, L)[0]),
        quantity=GAP,
        L=10.0,
    ),
    Theorem(
        "C1",
        "min(‖∇f(xⱼ)‖² : j < k) ≤ (1 + η)²(f(x₀) − inf f)/(α²σk), σ = (1 − η)/α − L/2 > 0",
        f"f L-smooth and bounded below, convex or not; {MOMENTUM}, η < 1",
        "energy f + η‖V‖²/(2α): docs/theorems.md",
        "heavy ball, PID, PMG; α = 1/L, η = 0.4",
        bound=lambda k, mu, L: (1 + ETA) ** 2 * L**2 / ((1 - ETA) * L - L / 2) / np.maximum(k, 1),
        measure=runs(ripples, bounded_everywhere, least_slope),
        quantity="min ‖∇f(xⱼ)‖² / (f(x₀) − f*)",
        mu=0.0,
        L=1.002,
    ),
    Theorem(
        "C2",
        "f(xₖ) − f* ≤ (1 − ω)ᵏ(f(x₀) − f*), ω = σ/((1 − η/2)/α − L/2 + (1 + η)²/(2μα²)), σ as in C1",
        f"f L-smooth, and μ-strongly convex or only ‖∇f‖² ≥ 2μ(f − f*); {MOMENTUM}, η < 1",
        "energy f + c‖V‖²: docs/theorems.md",
        "heavy ball, PID, PMG; α = 1/L, η = 0.4",
        bound=lambda k, mu, L: energy_rate(mu, L, ETA, 1 / L) ** k,
        on="strongly convex",
        **shown(strongly_convex, bounded(lambda mu, L: 1 / L, lambda mu, L: ETA), gap),
        rate=lambda mu, L: sqrt(energy_rate(mu, L, ETA, 1 / L)),
        quantity=GAP,
        L=10.0,
    ),
)
THEOREMS = {row.name: row for row in ROWS}
"""Every theorem, by name."""


def _named(name: str) -> Theorem:
    return THEOREMS[name]


__all__ = ["THEOREMS", "Evidence", "Theorem"]
