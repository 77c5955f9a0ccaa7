"""The lemma behind PMG's rate lacks its first case, and is true with it.

From Fₖ₊₁ ≤ a₁Fₖ + a₂Fₖ₋₁ for k ≥ 1, where a₁ + a₂ < 1, the source concludes Fₖ ≤ qᵏ(1 + δ)F₀, with 2q = a₁ + √(a₁²
+ 4a₂) and δ = q − a₁. The recursion says nothing of F₁, so no bound by F₀ alone can follow: with a₁ = 0.5, a₂ = 0.3
and F₁ = 5F₀ the sequence exceeds it more than fourfold.

What is missing is the case k = 1 itself, F₁ ≤ q(1 + δ)F₀. As q² = a₁q + a₂, the bound then passes from k − 1 and k
to k + 1; and no weaker condition will do, as the bound says this much. F₁ ≤ (a₁ + a₂)F₀ is enough: it is what the
recursion says at k = 0 if F₋₁ = F₀, and it holds for momentum that starts from rest. So the theorems that rest on
the lemma stand. Without any condition Fₖ ≤ qᵏ⁻¹(F₁ + δF₀).
"""

import numpy as np

from momentumlab.rates.theorems import lemma

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

A1, A2, STEPS = 0.5, 0.3, 40


def sequence(a1: float, a2: float, first: float, slack=1.0, steps: int = STEPS) -> np.ndarray:
    """F with F₀ = 1, and of what the recursion allows the share `slack`."""
    slack, F = np.broadcast_to(slack, steps), [1.0, first]
    for share in slack[1:]:
        F.append(share * (a1 * F[-1] + a2 * F[-2]))
    return np.array(F)


def ratio(a1: float, a2: float, first: float, slack=1.0) -> float:
    """The largest Fₖ over the bound."""
    (q, delta), F = lemma(a1, a2), sequence(a1, a2, first, slack)
    return (F / (q ** np.arange(len(F)) * (1 + delta))).max()


def experiment(first: float = 5.0) -> Evidence:
    (q, delta), rng = lemma(A1, A2), np.random.default_rng(0)
    worst = {"F₁ = (a₁ + a₂)F₀": 0.0, "F₁ = q(1 + δ)F₀": 0.0, "any F₁, against qᵏ⁻¹(F₁ + δF₀)": 0.0}
    for _ in range(500):
        total, share, F1 = rng.uniform(0.01, 0.999), rng.uniform(), 10 ** rng.uniform(-2, 2)
        a1, a2, slack = total * share, total * (1 - share), rng.uniform(0, 1, STEPS) ** rng.choice([0, 0.1, 1])
        r, d = lemma(a1, a2)
        loose = sequence(a1, a2, F1, slack)[1:] / (r ** np.arange(STEPS) * (F1 + d))
        each = ratio(a1, a2, a1 + a2, slack), ratio(a1, a2, r * (1 + d), slack), loose.max()
        worst = {label: max(old, new) for (label, old), new in zip(worst.items(), each, strict=True)}
    edge = q * (1 + delta)
    starts = np.linspace(0, 5, 101)
    return Evidence(
        facts=[Fact(f"largest Fₖ/(qᵏ(1 + δ)F₀), a₁ = 0.5, a₂ = 0.3, F₁ = {first:g}F₀", ratio(A1, A2, first), "≤", 1)],
        found=[
            *(Fact(f"the same, {label}, 500 random sequences", most, "≤", 1 + 1e-12) for label, most in worst.items()),
            Fact(f"the same, a₁ = 0.5, a₂ = 0.3, F₁ = {edge:.4f}F₀, which is q(1 + δ)F₀", ratio(A1, A2, edge), "=", 1),
            Fact("the same, F₁ larger by 1 %", ratio(A1, A2, 1.01 * edge), ">", 1),
        ],
        curves={
            "bound": q ** np.arange(STEPS) * (1 + delta),
            "sequences": {F1: sequence(A1, A2, F1)[:STEPS] for F1 in (5.0, edge, A1 + A2)},
            "starts": starts,
            "ratios": [ratio(A1, A2, F1) for F1 in starts],
            "edge": edge,
        },
    )


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    labels = ("$F_1 = 5 F_0$", r"$F_1 = q(1 + \delta) F_0$", "$F_1 = (a_1 + a_2) F_0$")
    for j, (label, F) in enumerate(zip(labels, evidence.curves["sequences"].values(), strict=True)):
        left.plot(F[:16], marker="o", markersize=2.5, label=label, **style(j))
    left.plot(evidence.curves["bound"][:16], label=r"$q^k(1 + \delta) F_0$", **BOUND)
    left.set(xlabel="$k$", ylabel="$F_k$", yscale="log", xticks=range(0, 16, 5))
    left.legend(fontsize=7)
    right.plot(evidence.curves["starts"], evidence.curves["ratios"], **style(0))
    right.axhline(1, **BOUND)
    for at, label in ((evidence.curves["edge"], r"$q(1 + \delta)$"), (A1 + A2, "$a_1 + a_2$  ")):
        right.axvline(at, color="0.6", linewidth=0.8, zorder=0)
        right.annotate(
            label, (at, 4.2), fontsize=7, ha="left" if at > 1 else "right", xytext=(3, 0), textcoords="offset points"
        )
    right.set(xlabel="$F_1 / F_0$", ylabel="largest $F_k$ / bound", xlim=(0, 5), ylim=(0, None))
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods, after Ghadimi, Feyzmahdavian & Johansson, ECC 2015",
    statement="If F ≥ 0 and Fₖ₊₁ ≤ a₁Fₖ + a₂Fₖ₋₁ for k ≥ 1 with a₁ + a₂ < 1, then Fₖ ≤ qᵏ(1 + δ)F₀.",
    verdict=FALSE,
    because="Nothing bounds F₁; with F₁ ≤ q(1 + δ)F₀, the case k = 1, it is true.",
    experiment=experiment,
    figure=figure,
    flip={"first": 0.8},
)
