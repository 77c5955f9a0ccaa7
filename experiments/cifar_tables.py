"""Tables and figures of `experiments.cifar`, made of a part's runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite, nan
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.cifar_parts import GC, PAPER_LR, WATCHED
from experiments.figures import Line, curves
from experiments.report import Table
from experiments.statistics import mean_errors, paired, within
from experiments.train import Run

Runs = Mapping[str, Sequence[Run]]
"""By label, one for every seed."""

QUANTITIES = {
    "training loss": "train_loss",
    "test loss": "test_loss",
    "training accuracy, %": "train_accuracy",
    "test accuracy, %": "test_accuracy",
}


@dataclass(frozen=True)
class Shown:
    """What is made of a part: tables and figures by name, and lines by step, by panel and label."""

    tables: Mapping[str, Table]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    lines: Mapping[str, Mapping[str, Line]] = field(default_factory=dict)


# ------------------------------------------------------------------ numbers


def last(run: Run, name: str) -> float:
    """At the end; nan where a run diverged."""
    return scaled(run.last, name) if run.status == "finished" else nan


def scaled(record: Mapping[str, float], name: str) -> float:
    """A number of an epoch; accuracies in per cent."""
    return record[name] * (100 if name.endswith("accuracy") else 1)


def difference(a: Sequence[Run], b: Sequence[Run]) -> tuple[str, str]:
    """Of test accuracies, a − b on the same seeds: the mean with its interval at 95 %, and p; of two seeds both."""
    pairs = [(last(x, "test_accuracy"), last(y, "test_accuracy")) for x, y in zip(a, b, strict=True)]
    if not all(isfinite(value) for pair in pairs for value in pair):
        return "", ""
    if len(pairs) < 3:  # of which an interval says nothing
        return ", ".join(f"{x - y:+.1f}" for x, y in pairs), ""
    found = paired(*zip(*pairs, strict=True))
    p = f"{found.p:.2f}" if found.p >= 0.005 else "< 0.01"
    return f"{found.difference:+.1f} [{found.low:+.1f}, {found.high:+.1f}]", p


def by_epoch(runs: Sequence[Run], name: str) -> Line:
    """The mean of what has not diverged, and its standard error."""
    series = [[scaled(epoch, name) for epoch in run.epochs] for run in runs if run.status == "finished"]
    means, errors = mean_errors(series)
    return list(range(1, len(means) + 1)), means, errors


def by_step(runs: Sequence[Run], of: Callable[[Mapping[str, Any]], float]) -> Line:
    """The mean over seeds of a number that is logged."""
    ended = [run.steps for run in runs if run.status == "finished"]
    means = np.mean([[of(record) for record in steps] for steps in ended], axis=0).tolist() if ended else []
    return [record["step"] for record in ended[0]] if ended else [], means, None


# ------------------------------------------------------------------ tables and figures


def ends(runs: Runs) -> Table:
    """What the runs ended with."""
    rows = []
    for label, seeds in runs.items():
        cells = [
            within([last(run, name) for run in seeds], ".1f" if name.endswith("accuracy") else ".3f")
            for name in QUANTITIES.values()
        ]
        rows.append([label, *cells])
    return ["", *QUANTITIES], rows


def centralised(runs: Runs) -> Table:
    """Each setting without GC and with it."""
    rows = []
    for label, without in runs.items():
        if label.endswith(GC):
            continue
        both = (without, runs[label + GC])
        accuracies = [within([last(run, "test_accuracy") for run in seeds], ".1f") for seeds in both]
        losses = [within([last(run, "train_loss") for run in seeds], ".3f") for seeds in both]
        rows.append([label, *accuracies, *difference(both[1], both[0]), *losses])
    head = ["", "test accuracy, %", "with GC", "GC less none", "p", "training loss", "with GC"]
    return head, rows


def apart(runs: Runs) -> dict[str, Line]:
    """How far the losses of batches are from those of Nesterov's rule, by step: means over seeds."""
    lines: dict[str, Line] = {}
    for label, seeds in runs.items():
        if label != "Nesterov" and all(a.status == "finished" for a in (*seeds, *runs["Nesterov"])):
            gaps = [
                [abs(x["loss"] - y["loss"]) for x, y in zip(a.steps, b.steps, strict=True)]
                for a, b in zip(seeds, runs["Nesterov"], strict=True)
            ]
            lines[label] = [record["step"] for record in seeds[0].steps], np.mean(gaps, axis=0).tolist(), None
    return lines


def coincidence(runs: Runs, lines: Mapping[str, Line]) -> Table:
    """How far other rules are from Nesterov's, in the losses of batches and in test accuracy."""
    epochs = len(runs["Nesterov"][0].epochs)
    rows = []
    for label, (_, gaps, _) in lines.items():
        stretch = len(gaps) // epochs
        means = [float(np.mean(some)) for some in (gaps[:10], gaps[:stretch], gaps[-stretch:])]
        cells = [f"{mean:.1e}" for mean in means]
        rows.append([f"{label} less Nesterov", *cells, *difference(runs[label], runs["Nesterov"])])
    if {"RSGDM", "SGDM"} <= set(runs):
        rows.append(["RSGDM less SGDM", "", "", "", *difference(runs["RSGDM"], runs["SGDM"])])
    head = ["", "loss, first ten", "first epoch", "last epoch", "test accuracy, %", "p"]
    return head, rows


def drawn(runs: Runs, *titles: str) -> Figure:
    """Curves by epoch."""
    return curves(
        {title: {label: by_epoch(seeds, QUANTITIES[title]) for label, seeds in runs.items()} for title in titles}
    )


def show_rules(runs: Runs) -> Shown:
    tables, figures, lines = {"rsgdm": ends(runs)}, {"rsgdm": drawn(runs, *QUANTITIES)}, {}
    if "Nesterov" in runs and (lines := apart({k: v for k, v in runs.items() if f"α = {PAPER_LR}" not in k})):
        tables["coincidence"] = coincidence(runs, lines)
        title = "distance of a batch's loss from that under Nesterov's rule"
        figures["coincidence"] = curves({title: lines}, xlabel="step", log=[title])
    return Shown(tables, figures, {"distance": lines})


def show_inside(runs: Runs) -> Shown:
    lines = apart(runs)
    tables = {"inside": ends(runs)} | ({"inside_coincidence": coincidence(runs, lines)} if lines else {})
    return Shown(tables, {"inside": drawn(runs, *QUANTITIES)}, {"distance": lines})


def show_grid(name: str, runs: Runs) -> Shown:
    return Shown({name: centralised(runs)})


def show_curves(name: str, runs: Runs) -> Shown:
    return Shown({name: centralised(runs)}, {name: drawn(runs, "training loss", "test accuracy, %")})


def show_norms(runs: Runs) -> Shown:
    without, gc = runs["SGDM"], runs["SGDM" + GC]
    panels = {
        name: {
            "without GC": by_step(without, lambda record, name=name: record[name][0]),
            "with GC, before": by_step(gc, lambda record, name=name: record[name][0]),
            "with GC, after": by_step(gc, lambda record, name=name: record[name][1]),
        }
        for name in WATCHED
    }
    rows = [
        [name, label, *(f"{np.mean(part):.3f}" for part in np.array_split(np.asarray(mean), 2))]
        for name, lines in panels.items()
        for label, (_, mean, _) in lines.items()
        if len(mean) > 1
    ]
    return Shown(
        {"norms": (["layer", "", "first half", "second half"], rows)},
        {"norms": curves(panels, xlabel="step", log=list(panels))},
        panels,
    )


SHOWN: dict[str, Callable[[Runs], Shown]] = {
    "rsgdm": show_rules,
    "inside": show_inside,
    "weight_decay": partial(show_grid, "weight_decay"),
    "lr": partial(show_grid, "lr"),
    "norms": show_norms,
    "standardisation": partial(show_curves, "standardisation"),
    "groups": partial(show_curves, "groups"),
}
