"""AdaDelta needs no step size for the scale of f while gradients exceed √ε, and √ε is one for the scale of x.

AdaDelta multiplies the gradient by the ratio of two running sizes, that of its own steps over that of gradients. The
argument for it is one of units: such a step is in units of x, so no step size is left to choose. We walk on
f = Σ i√(1 + xᵢ²), i = 1, ..., 8. For the units of f this is right as long as gradients are large beside √ε = 10⁻³:
multiply f by 10⁶ and the walk stays what it was. Multiply it by 10⁻⁴ and ε hides the gradients: the run hardly moves.

For the units of x it is not. Steps start from nothing, and the one number that says how long the first is is ε under
the root, which makes it √(ε/(1 − ρ)) in every coordinate, 0.003 with the usual constants, whatever the distance to the
minimiser. From there steps grow only as fast as their own average does. Stretch x, and the walk from the stretched
start is not the stretched walk: the iterations to cover half of the way multiply. With ε stretched too, by the square
as its units ask, it is. So ε is the learning rate, squared.
"""

from itertools import islice

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

RHO, EPS, N = 0.9, 1e-6, 8
STRETCHES = (1.0, 10.0, 100.0)


def experiment(power: float = 0.0, other: float = 1e-4, seed: int = 0) -> Evidence:
    start = np.random.default_rng(seed).uniform(0.5, 1.5, N)

    def walk(scale: float = 1.0, stretch: float = 1.0, steps: int = 300) -> np.ndarray:
        """x/stretch on scale·f(x/stretch), f = Σ i√(1 + xᵢ²)."""
        weights = scale * np.arange(1.0, N + 1)
        f = lambda x: (weights @ np.hypot(1, x / stretch), weights * (x / stretch) / np.hypot(1, x / stretch) / stretch)
        method = ml.adadelta(beta2=RHO, eps=EPS * stretch**power)
        return np.array([s.x / stretch for s in islice(ml.iterate(f, stretch * start, method, jac=True), steps)])

    walks = {stretch: walk(1e6, stretch, steps=8000 if stretch > 1 else 800) for stretch in STRETCHES}
    half = {c: int(np.argmax(np.linalg.norm(w, axis=1) <= 0.5 * np.linalg.norm(start))) for c, w in walks.items()}
    apart = lambda a, b: float(np.abs(a - b).max() / np.abs(a[0] - a).max())
    plain, scaled, hidden = walk(), walk(scale=1e6), walk(scale=other)
    first = np.abs(np.diff(scaled[:2], axis=0))
    return Evidence(
        [Fact("f → 10⁶f: largest difference of the walks over 300 steps, of the way", apart(plain, scaled), "≤", 1e-3)],
        [
            Fact(f"f → {other:g}f: the same", apart(plain, hidden), "≤", 1e-3),
            *(
                Fact(
                    f"x → {c:g}x: iterations to half the distance, over those without",
                    half[c] / half[1],
                    "=",
                    1,
                    within=0.05,
                )
                for c in STRETCHES[1:]
            ),
        ],
        [
            Fact("first step over √(ε/(1 − ρ)), smallest", first.min() / (EPS / (1 - RHO)) ** 0.5, "=", 1, within=1e-3),
            Fact("first step over √(ε/(1 − ρ)), largest", first.max() / (EPS / (1 - RHO)) ** 0.5, "=", 1, within=1e-3),
        ],
        {"walks": walks, "scaled": scaled},
    )


def figure(evidence: Evidence):
    figure, [axes] = panels(width=4.2)
    size = lambda walk: np.linalg.norm(walk, axis=1) / np.linalg.norm(walk[0])
    for j, (stretch, walk) in enumerate(evidence.curves["walks"].items()):
        few = np.unique(np.geomspace(1, len(walk), 250).astype(int)) - 1
        axes.semilogx(few + 1, size(walk)[few], label=f"$x$ stretched by {stretch:g}", **style(j))
    scaled = size(evidence.curves["scaled"])
    axes.semilogx(np.arange(1, len(scaled), 12), scaled[1::12], "k.", markersize=4, label="$f$ stretched by $10^6$")
    axes.set(xlabel="iteration $k$", ylabel=r"$\|x_k - x^\star\|/\|x_0 - x^\star\|$", ylim=(0, None))
    axes.legend(fontsize=7, loc="lower left")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods; Zeiler, Adadelta, 2012",
    statement="AdaDelta needs no learning rate: its steps are in units of x by themselves.",
    verdict=UNDER,
    because="As to the scale of f, while gradients exceed √ε; as to that of x the first "
    "step is √(ε/(1 − ρ)), and ε has to be chosen like a "
    "learning rate.",
    experiment=experiment,
    figure=figure,
    flip={"power": 2.0, "other": 100.0},
)
