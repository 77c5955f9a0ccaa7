"""PMG with a matrix that knows the last step is PID.

PMG puts k_d·BV, a matrix times the velocity, where PID has k_d(gₖ − gₖ₋₁). BFGS, DFP, SR1 and L-BFGS make B so that
it maps the last step to the last change of the gradient. The velocity is the last step. So if B has learnt that
pair before it is used, as the usual indexing of quasi-Newton matrices has it, the two terms are equal, whatever B
was before and however good it is. On strongly convex functions the points are the same to rounding.

PMG is a method of its own in two cases. The matrix may lag, used before it learns the pair. Or the pair may be
skipped, for a curvature that is not positive, as on the cosine wells; SR1, which skips none of these, is PID there
too. Since the source's iteration counts for PMG and PID differ, one of these or another k_d is presumably behind
that. Our safeguard is off here; with it, PMG differs wherever it shortens the velocity.
"""

import numpy as np

import momentumlab as ml
from momentumlab.rates.evidence import observe, problem

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

BETA, STEPS = 0.9, 120
MATRICES = {"BFGS": ml.bfgs(), "DFP": ml.dfp(), "SR1": ml.sr1(), "L-BFGS": ml.lbfgs()}
CONVEX = {
    "a quadratic": problem("quadratic", n=8, mu=1, L=50, seed=0),
    "log-cosh": problem("log_cosh", n=8, mu=1, L=50, seed=1),
}
WELLS = problem("cosine_wells")


def paths(p: ml.Problem, L: float, index: str, names=MATRICES) -> dict[str, np.ndarray]:
    """How far PMG by each matrix is from PID, by iteration, over PID's distance to its start at most."""
    hyper = dict(lr=1 / L, beta=BETA, kd=BETA / L)
    pid = observe(ml.pid(**hyper), p, None, STEPS).x
    far = {}
    for name in names:
        x = observe(ml.pmg(**hyper, eta_max=np.inf, preconditioner=MATRICES[name], index=index), p, None, STEPS).x
        far[name] = np.linalg.norm(x - pid, axis=1) / np.linalg.norm(pid - pid[0], axis=1).max()
    return far


def experiment(index: str = "lagged") -> Evidence:
    own = {on: paths(p, 50, index) for on, p in CONVEX.items()}
    same = {on: paths(p, 50, "current") for on, p in CONVEX.items()}
    wells = paths(WELLS, 8, "current")
    largest = lambda on: f"largest distance to PID's points, {on}"
    return Evidence(
        facts=[
            Fact(f"{largest(on)}, {n}, {index}", d.max(), ">", 1e-3) for on, far in own.items() for n, d in far.items()
        ],
        beyond=[
            Fact(f"{largest(on)}, {n}, current", d.max(), ">", 1e-3) for on, far in same.items() for n, d in far.items()
        ],
        found=[
            *(
                Fact(f"{largest('cosine wells')}, {n}, current", wells[n].max(), ">", 1e-3)
                for n in ("BFGS", "DFP", "L-BFGS")
            ),
            Fact(f"{largest('cosine wells')}, SR1, current", wells["SR1"].max(), "≤", 1e-9),
        ],
        curves={
            "log-cosh, lagged": own["log-cosh"],
            "log-cosh, current": same["log-cosh"],
            "cosine wells, current": wells,
        },
    )


def figure(evidence: Evidence):
    figure, row = panels(3, width=2.9, sharey=True)
    for axes, (title, far) in zip(row, evidence.curves.items(), strict=True):
        for j, (name, distance) in enumerate(far.items()):
            axes.plot(np.maximum(distance, 1e-18), label=name, **style(j))
        axes.set(xlabel="$k$", yscale="log", ylim=(1e-18, 10))
        axes.set_title(title, fontsize=9)
    row[0].set_ylabel("distance to PID's point")
    row[0].legend(fontsize=7, loc="lower right")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods",
    statement="PMG is a new method beside PID.",
    verdict=UNDER,
    because="With a lagged matrix or skipped pairs; with BFGS, DFP, SR1 or L-BFGS up to date it is PID.",
    experiment=experiment,
    figure=figure,
    flip={"index": "current"},
)
