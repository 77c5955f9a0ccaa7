"""What centring costs is negligible beside a pass over a batch, not beside the optimiser's step.

Nothing is timed here. The step of each rule is written down once, and what compiles is that text; we count in it, for
every weight, the operations and the numbers that are read and written. Centring reads every gradient once more and
takes two operations, an addition for the mean and a subtraction. Forward and backward passes of a dense layer take six
operations for every weight and sample (a convolution more, as each weight meets many positions), so at a batch of 128
centring adds a quarter of a percent to the arithmetic, at a batch of one a fifth.

Beside the optimiser alone it shows: a step of SGD with momentum moves five numbers a weight and a sixth with centring,
Adam seven and an eighth. The time of steps with and without centring is among the [benchmarks](../benchmarks.md); what
is read a second time is one unit's gradient, just read, which may come from a cache. Centring Adam's step instead goes
over all of its inputs twice.
"""

import numpy as np

import momentumlab as ml
from momentumlab.steps import plan

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

PASSES = 6  # operations for a weight and a sample: a multiplication and an addition, forward and twice backward


def counted(rule: ml.Rule) -> dict[str, int]:
    """Of a step, for every weight: operations, numbers read, numbers written."""
    p = plan(rule)
    values = list(p.puts.values())
    lines, reads, _ = p.lines(values)
    found = {"operations": len(lines), "read": len(reads), "written": len(p.puts)}
    for _, means in p.slices(values):
        lines, reads, _ = p.lines([p.means[means][0]])
        found["operations"] += len(lines) + 1
        found["read"] += len(reads)
    return found


def experiment(batch: int = 128) -> Evidence:
    rules = {
        "SGD": ml.sgd,
        "SGD, centred": ml.sgd.after(ml.centralize),
        "Adam": ml.adam,
        "Adam, centred": ml.adam.after(ml.centralize),
        "Adam, step centred": ml.adam.then(ml.centralize_step),
    }
    counts = {label: counted(rule) for label, rule in rules.items()}
    moved = {label: c["read"] + c["written"] for label, c in counts.items()}
    extra = {n: counts[f"{n}, centred"]["operations"] - counts[n]["operations"] for n in ("SGD", "Adam")}
    share = lambda n, batch: extra[n] / (PASSES * batch + counts[n]["operations"])
    facts = [
        Fact(
            f"share of operations that centring adds to a training step of a dense layer, batch {batch}, {n}",
            s,
            "≤",
            0.01,
        )
        for n, s in ((n, share(n, batch)) for n in extra)
    ]
    beyond = [Fact("the same at a batch of one, SGD", share("SGD", 1), "≤", 0.01)]
    beyond += [
        Fact(
            f"numbers moved that it adds to a step of {n}, as a share", moved[f"{n}, centred"] / moved[n] - 1, "≤", 0.01
        )
        for n in extra
    ]
    found = [
        *(Fact(f"operations that it adds for every weight, {n}", extra[n], "=", 2) for n in extra),
        Fact(
            "numbers moved for every weight, SGD, with centring / without",
            moved["SGD, centred"] / moved["SGD"],
            "=",
            6 / 5,
        ),
        Fact("the same, Adam", moved["Adam, centred"] / moved["Adam"], "=", 8 / 7),
        Fact("the same, Adam whose step is centred", moved["Adam, step centred"] / moved["Adam"], "=", 11 / 7),
    ]
    batches = np.geomspace(1, 1024, 60)
    return Evidence(facts, beyond, found, {"counts": counts, "batch": batches, "share": share("SGD", batches)})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    counts = evidence.curves["counts"]
    bottom = np.zeros(len(counts))
    for j, what in enumerate(("read", "written")):
        heights = np.array([c[what] for c in counts.values()])
        left.barh(list(counts), heights, left=bottom, color=style(j)["color"], label=what)
        bottom += heights
    left.invert_yaxis()
    left.set(xlabel="numbers a weight and step", xlim=(0, 16))
    left.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1, 0.45))
    right.plot(evidence.curves["batch"], 100 * evidence.curves["share"], label="a dense layer, SGD", **style(0))
    right.axhline(1.0, color="0.1", linestyle=(0, (5, 2)), linewidth=1.6)
    right.set(xscale="log", yscale="log", xlabel="batch", ylabel="arithmetic added, %")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yong, Huang, Hua & Zhang, gradient centralization, ECCV 2020, and an article on it",
    statement="The additional cost of centralisation is negligible.",
    verdict=UNDER,
    because="Beside the passes over a batch; a step of the optimiser alone moves a seventh or a fifth more.",
    experiment=experiment,
    figure=figure,
    flip={"batch": 1},
)
