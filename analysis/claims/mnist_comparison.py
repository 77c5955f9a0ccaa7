"""A comparison of rules on one network that is never set back ranks their places in the queue.

The script trains a perceptron, 784-200-10, on MNIST for five epochs with momentum, then with SGD, Adam, RMSProp and
AdaGrad, and makes the network once, before the first. Every rule but the first goes on from where the one before it
ended, and its curve begins where a trained network's does. We run the same queue, the same five the other way round,
and each from the weights that the first one had, with the same step sizes and the same images in the same order
([how](../results/mnist.md)). Nothing is trained here: the facts are read off what these runs left.

The ranking by the last epoch's training loss is nearly that of the places, last first, in the script's order, and
exactly that in the other. SGD, third in the script's order and second in the other, is last from the fresh network,
with about nine times the loss that it has in the queue. The ranking from the fresh network compares the rules at the
script's step sizes; where each has its own, found on held-out images, it is another again, and SGD is first.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from ..claim import FALSE, Claim, Evidence, Fact
from ..figures import panels, style

RESULTS = Path(__file__).parent.parent.parent / "docs" / "results" / "mnist.json"


def tau(a: dict[str, float], b: dict[str, float]) -> float:
    """Kendall's rank correlation of two losses of the same rules."""
    return float(kendalltau([*a.values()], [b[label] for label in a]).statistic)


def experiment(fresh: bool = False) -> Evidence:
    """`fresh`: every rule from the fresh network instead, in which order does not matter then."""
    data = json.loads(RESULTS.read_text(encoding="utf-8"))
    runs: dict[str, Any] = data["published"]
    five = list(runs["reversed"])[::-1]
    losses = {name: {label: rows[label]["train_loss"] for label in five} for name, rows in runs.items()}
    queue, other = ("fresh", "fresh") if fresh else ("queue", "reversed")
    first = {label: runs[queue][label]["first_loss"] for label in five}
    facts = [
        Fact(
            f"loss of the first epoch over that from the fresh network, {label}",
            first[label] / runs["fresh"][label]["first_loss"],
            "=",
            1,
            within=0.05,
        )
        for label in five[1:]
    ]
    facts.append(
        Fact(
            "Kendall's τ of the rankings by the last epoch's loss, in the script's order and in the other",
            tau(losses[queue], losses[other]),
            "=",
            1,
        )
    )
    tuned = {label: float(np.mean(data["fair"]["plain"][label]["train_loss"])) for label in five}
    place = {label: -float(j) for j, label in enumerate(five)}
    at_its_own = tau(losses["fresh"], tuned)
    beyond = [Fact("τ of the ranking from fresh networks with that at step sizes tuned for each", at_its_own, "=", 1)]
    found = [Fact(f"loss of the first epoch, {label}", first[label], "≤", 0.11) for label in five[1:]]
    found += [
        Fact(
            "τ of the ranking in the script's order with the place in the queue, last first",
            tau(losses["queue"], place),
            "≥",
            0.6,
        ),
        Fact("the same in the other order", -tau(losses["reversed"], place), "≥", 0.6),
        Fact(
            "τ of the ranking in the script's order with that from fresh networks",
            tau(losses["queue"], losses["fresh"]),
            "<",
            1,
        ),
    ]
    curves = {name: {label: rows[label]["curve"] for label in rows if label in five} for name, rows in runs.items()}
    return Evidence(
        facts, beyond if fresh else (), () if fresh else found, {"runs": curves, "epochs": data["config"]["epochs"]}
    )


def figure(evidence: Evidence):
    figure, axes = panels(3, width=2.9, sharey=True)
    runs, epochs = evidence.curves["runs"], evidence.curves["epochs"]
    titles = {"queue": "one after the other", "reversed": "the other way round", "fresh": "from the fresh network"}
    colours = {label: j for j, label in enumerate(runs["queue"])}
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        for place, (label, curve) in enumerate(runs[name].items()):
            begin = 0 if name == "fresh" else epochs * place
            x = begin + epochs * np.arange(1, len(curve) + 1) / len(curve)
            ax.semilogy(x, curve, label=label, **style(colours[label]))
        ax.set(xlabel="epoch", title=title)
    axes[0].set_ylabel("training loss")
    axes[-1].legend(fontsize=7, loc="lower left")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="A tutorial on moving averages and adaptive methods, its comparison on MNIST",
    statement="Momentum, SGD, Adam, RMSProp and AdaGrad, run one after the other on MNIST: their training losses, and "
    "the order of these, compare the five rules.",
    verdict=FALSE,
    because="Each goes on with the network that the last one trained; in reverse the ranking nearly turns round.",
    experiment=experiment,
    figure=figure,
    flip={"fresh": True},
)
