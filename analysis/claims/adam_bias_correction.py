"""Without its bias correction Adam's first step is 3.2 times α, and its twelfth may be twice as large again.

Adam's step is α m̂/√v̂. Divided by 1 − β₁ᵗ and 1 − β₂ᵗ both averages are of the size of g and g² from the first step
on, so that the first step of every coordinate is α, whatever its gradient. Left alone, v starts further below g² than
m below g: the first step is (1 − β₁)/√(1 − β₂)·α, with the usual constants √10 α.

That number is often quoted, and it is not the largest. On gradients that stay what they are the step is (1 − β₁ᵗ)/√(1
− β₂ᵗ)·α; m catches up in tens of steps, v in thousands. The step grows to 6.6 α at the twelfth and is still above α
after two thousand. With β₂ as small as 0.9 it would start below α instead: the danger is the pair of constants.
"""

import numpy as np

import momentumlab as ml

from ..claim import HOLDS, Claim, Evidence, Fact
from ..figures import BOUND, panels, style

SIZES, STEPS = np.array([1e-3, 1.0, -1e6]), 3000


def experiment(beta1: float = 0.9, beta2: float = 0.999) -> Evidence:
    def steps(**plain: float) -> np.ndarray:
        method = ml.adam(lr=1.0, beta1=beta1, beta2=beta2, eps=0.0, **plain)
        walk = ml.minimize(
            lambda x: SIZES @ x, np.zeros(3), method, jac=lambda x: SIZES, tol=0, maxiter=STEPS
        ).history.x
        return np.abs(np.diff(walk, axis=0))

    corrected, plain = steps(), steps(c1=1.0, c2=1.0)
    t = np.arange(1, STEPS + 1)
    stated = (1 - beta1**t) / np.sqrt(1 - beta2**t)
    off = lambda a, b: float(np.abs(a / b - 1).max())
    facts = [
        Fact(
            "corrected: largest |step/α − 1| of the first step, gradients of 10⁻³, 1 and 10⁶",
            off(corrected[0], 1),
            "≤",
            1e-9,
        ),
        Fact(f"corrected: the same over {STEPS} steps", off(corrected, 1), "≤", 1e-9),
        Fact("uncorrected: smallest first step over α", plain[0].min(), ">", 1.0),
    ]
    found = [
        Fact("uncorrected: first step over α, (1 − β₁)/√(1 − β₂)", plain[0, 0], "=", stated[0]),
        Fact("uncorrected: largest step over α, max (1 − β₁ᵗ)/√(1 − β₂ᵗ)", plain.max(), "=", stated.max()),
        Fact("uncorrected: at step", 1 + np.argmax(plain[:, 0]), "=", 1 + np.argmax(stated)),
        Fact("uncorrected: largest |step/stated − 1|", off(plain, stated[:, None]), "≤", 1e-9),
    ]
    return Evidence(facts, found=found, curves={"corrected": corrected[:, 0], "plain": plain[:, 0], "stated": stated})


def figure(evidence: Evidence):
    figure, [axes] = panels(width=4.2)
    t, curves = np.arange(1, STEPS + 1), evidence.curves
    few = np.unique(np.geomspace(1, STEPS, 300).astype(int)) - 1
    axes.semilogx(t[few], curves["plain"][few], label="without correction", **style(1))
    axes.semilogx(t[few], curves["stated"][few], label=r"$(1 - \beta_1^t)/\sqrt{1 - \beta_2^t}$", **BOUND)
    axes.semilogx(t[few], curves["corrected"][few], label="with correction", **style(0))
    axes.set(xlabel="step $t$", ylabel=r"step over $\alpha$", ylim=(0, 7.2))
    axes.legend(loc="upper right", fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods, after Kingma & Ba, Adam, ICLR 2015, §3",
    statement="With bias correction Adam's first steps have size α in every coordinate; without it they are too large.",
    verdict=HOLDS,
    because="Exactly α with it, while gradients stay what they are; without it √10 α "
    "at first and 6.6 α at the twelfth step.",
    experiment=experiment,
    figure=figure,
    flip={"beta2": 0.9},
)
