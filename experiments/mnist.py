"""Ten rules on MNIST: the comparison of a tutorial as published, on one network that is never set back, and a fair one.

    python -m experiments.mnist [--out DIR] [--data DIR] [--jobs N] [--scale smoke | quick | full] [--page FILE]

trains the tutorial's perceptron, 784-200-10, in batches of 64. "quick" is every rule at the tutorial's step sizes, and
one seed; "full" adds tuned step sizes, five seeds and gradient centralisation, and writes docs/results/mnist.md,
mnist.json and figures. What has ended in DIR is read from there, and what was stopped goes on.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import inf, nan
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from scipy.stats import kendalltau, spearmanr

from experiments import report
from experiments.config import Config
from experiments.data import load
from experiments.errors import Refused, command, sentences
from experiments.figures import curves
from experiments.folder import ELSE, Folder
from experiments.models import build
from experiments.report import Table, rounded
from experiments.statistics import mean_error, mean_errors, paired, within
from experiments.sweep import processes, run_all
from experiments.train import Run, train
from momentumlab.compare import markdown

PAGE = Path(__file__).parent.parent / "docs" / "results" / "mnist.md"
RUNS = Path("runs")


@dataclass(frozen=True)
class Entry:
    """A rule in the comparison: the tutorial's step size, and the middle of the grid that is searched."""

    rule: str
    lr: float
    middle: float
    options: dict[str, Any] = field(default_factory=dict)


RULES = {
    "momentum": Entry("heavy_ball", 1e-2, 0.02),
    "SGD": Entry("sgd", 1e-2, 0.2),
    "Adam": Entry("adam_eps_inside", 1e-3, 0.001),
    "RMSProp": Entry("rmsprop", 1e-3, 0.0005, {"alpha": 0.9}),
    "AdaGrad": Entry("adagrad", 1e-2, 0.02),
    "AdaDelta": Entry("adadelta", 1.0, 1.0, {"rho": 0.9}),
    "Nesterov": Entry("nesterov_sgd", 1e-2, 0.02),
    "PID": Entry("pid", 1e-2, 0.02),
    "PMG": Entry("pmg", 1e-2, 0.1),
    "RSGDM": Entry("rsgdm", 1e-2, 0.2),
}
"""In the order of the tutorial's script, whose five are the first; β = 0.9 in all that have one."""
FIVE = tuple(RULES)[:5]
LR = 0.01  # of the pairs that theory says are one method
SAME: dict[str, tuple[str, tuple[str, float, dict[str, Any]], tuple[str, float, dict[str, Any]]]] = {
    "RSGDM at α/(1 − β), PID at α": ("the same", ("rsgdm", LR / (1 - 0.9), {}), ("pid", LR, {})),
    "EMA momentum at α/(1 − β), momentum at α": (
        "the same",
        ("heavy_ball_ema", LR / (1 - 0.9), {}),
        ("heavy_ball", LR, {}),
    ),
    "PID at α with k_d = 0, momentum at α": ("the same", ("pid", LR, {"kd": 0.0}), ("heavy_ball", LR, {})),
    "RSGDM at α/(1 − β), Nesterov at α": (
        "the same but for the first step",
        ("rsgdm", LR / (1 - 0.9), {}),
        ("nesterov_sgd", LR, {}),
    ),
}
"""What theory says of two rules, and the two."""


@dataclass(frozen=True)
class Scale:
    """How much is run."""

    rules: tuple[str, ...] = tuple(RULES)
    epochs: int = 5
    seeds: int = 5
    grid: int = 2  # halvings and doublings of the middle step size; 0 where none is tuned
    tuning: int = 2  # epochs
    train_size: int | None = None
    test_size: int | None = None

    @property
    def five(self) -> tuple[str, ...]:
        return tuple(label for label in self.rules if label in FIVE)


SCALES = {
    "smoke": Scale(rules=FIVE[:2], epochs=2, seeds=1, grid=1, tuning=1, train_size=600, test_size=600),
    "quick": Scale(seeds=1, grid=0),
    "full": Scale(),
}
HELD_OUT = 10_000  # of the last training images, to tune on
TUNING_SEED = 100  # none of those that are compared
PLACE = "place in the queue"
NUMBERS = ("train_loss", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Runner:
    """Who runs, on what, and where to."""

    scale: Scale
    out: Path
    data: str | None
    jobs: int

    def config(self, label: str, **changes: Any) -> Config:
        entry, scale = RULES[label], self.scale
        settings: dict[str, Any] = {"rule": entry.rule, "lr": entry.lr, "options": entry.options}
        sizes = {"epochs": scale.epochs, "train_size": scale.train_size, "test_size": scale.test_size}
        return Config(**settings | sizes | {"log": 134} | changes)  # a seventh of an epoch

    def all(self, configs: Sequence[Config]) -> list[Run]:
        return run_all(configs, self.out / "runs", data=self.data, jobs=self.jobs)

    def queues(self, queues: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Run]]:
        """Several queues at once, each on a network of its own."""
        calls = (delayed(self.queue)(name, labels) for name, labels in queues.items())
        return dict(zip(queues, Parallel(n_jobs=self.jobs)(calls), strict=True))

    def queue(self, name: str, labels: Iterable[str]) -> dict[str, Run]:
        """One rule after the other on the same network, which goes on from where the last one left it."""
        data, runs = load("mnist", self.data), {}
        network = build("mlp", (1, 28, 28), seed=0)
        for place, label in enumerate(labels, 1):
            folder, config = self.out / name / f"{place}-{label}", self.config(label)
            runs[label] = train(config, folder, data, network, quiet=True)
            if not (kept := Folder(folder, config, writes=False).load()):
                raise Refused(f"{str(folder)!r} has no last.pt, from which the next rule goes on; {ELSE}")
            network.load_state_dict(kept["model"])
        return runs


# ------------------------------------------------------------------ what is run


def as_published(runner: Runner) -> dict[str, dict[str, Run]]:
    """The script's queue, its first five the other way round, and every rule from the fresh network."""
    queues = {"queue": runner.scale.rules, "reversed": runner.scale.five[::-1]}
    fresh = runner.all([runner.config(label) for label in runner.scale.rules])
    return runner.queues(queues) | {"fresh": dict(zip(runner.scale.rules, fresh, strict=True))}


Losses = dict[str, dict[float, float]]
"""By rule, the validation loss of every step size."""


def tuned(runner: Runner) -> tuple[Losses, list[Run]]:
    """Step sizes a factor of 2 apart; where the best is the last on a side, the grid grows there. And all the runs."""
    scale = runner.scale
    found: Losses = {label: {} for label in scale.rules}
    every: list[Run] = []
    steps = range(-scale.grid, scale.grid + 1)
    wanted = [(label, RULES[label].middle * 2.0**j) for label in scale.rules for j in steps]
    while wanted:
        held = dict(seed=TUNING_SEED, validation=HELD_OUT, epochs=scale.tuning)
        runs = runner.all([runner.config(label, lr=lr, **held) for label, lr in wanted])
        for (label, lr), run in zip(wanted, runs, strict=True):
            found[label][lr] = run.last["test_loss"] if run.status == "finished" else inf
        every += runs
        wanted = [(label, lr) for label, losses in found.items() if (lr := next_to_try(losses)) is not None]
    return {label: dict(sorted(losses.items())) for label, losses in found.items()}, every


def next_to_try(losses: Mapping[float, float]) -> float | None:
    """The step size beyond the best, where that is the smallest or the largest."""
    lr = best(losses)
    return lr / 2 if lr == min(losses) else lr * 2 if lr == max(losses) else None


def best(losses: Mapping[float, float]) -> float:
    """The step size of the smallest loss."""
    return min(losses, key=lambda lr: (losses[lr], lr))


def compared(runner: Runner, lrs: Mapping[str, float], centralize: bool) -> dict[str, list[Run]]:
    """Every rule with every seed."""
    seeds = range(runner.scale.seeds)
    pairs = [(label, seed) for label in lrs for seed in seeds]
    runs = runner.all([runner.config(label, lr=lrs[label], seed=seed, centralize=centralize) for label, seed in pairs])
    return {label: runs[j * len(seeds) : (j + 1) * len(seeds)] for j, label in enumerate(lrs)}


def same(runner: Runner) -> dict[str, dict[str, float]]:
    """By pair and precision, how far two losses are apart at most, relative to them, in an epoch."""
    types = ("float64", "float32")
    made = lambda what, dtype: Config(
        rule=what[0], lr=what[1], options=what[2], epochs=1, dtype=dtype, log=1,
        train_size=runner.scale.train_size, test_size=runner.scale.test_size,
    )  # fmt: skip
    two = {(name, dtype): [made(what, dtype) for what in pair[1:]] for name, pair in SAME.items() for dtype in types}
    configs = list({json.dumps(c.record()): c for pair in two.values() for c in pair}.values())
    losses = {json.dumps(run.config.record()): [s["loss"] for s in run.steps] for run in runner.all(configs)}
    found: dict[str, dict[str, float]] = {name: {} for name in SAME}
    for (name, dtype), pair in two.items():
        a, b = (losses[json.dumps(config.record())] for config in pair)
        found[name][dtype] = max(abs(x - y) / y for x, y in zip(a, b, strict=True))
    return found


# ------------------------------------------------------------------ what came out, as JSON has it


def gathered(runner: Runner) -> dict[str, Any]:
    """Run everything, and gather the numbers."""
    scale = runner.scale
    began = perf_counter()
    load("mnist", runner.data)
    loading = perf_counter() - began
    published = as_published(runner)
    found: dict[str, Any] = {
        "published": {name: {label: ended(run) for label, run in runs.items()} for name, runs in published.items()},
        "same": same(runner),
    }
    every = {"published": [run for runs in published.values() for run in runs.values()]}
    if scale.grid:
        found["tuning"], every["tuning"] = tuned(runner)
        found["fair"] = {}
        lrs = {label: best(losses) for label, losses in found["tuning"].items()}
        for half in ("plain", "centralized"):
            runs = compared(runner, lrs, half == "centralized")
            found["fair"][half] = {label: of_seeds(lrs[label], row) for label, row in runs.items()}
            every[half] = [run for row in runs.values() for run in row]
        found["tests"] = tests(found["fair"])
    found["ranks"] = {
        "five": correlations(found, scale.five),
        "all": correlations(found, scale.rules),
    }
    found["seconds"] = {name: sum(cost(run, "seconds", "test_seconds") for run in runs) for name, runs in every.items()}
    epochs = sum(cost(run, "seconds") for runs in every.values() for run in runs)
    batches = sum(cost(run, "data_seconds") for runs in every.values() for run in runs)
    found["data"] = {"files_seconds": loading, "epochs_seconds": epochs, "batches_seconds": batches}
    return rounded(found)


def cost(run: Run, *names: str) -> float:
    """The seconds of a run, by what they were spent on."""
    return sum(epoch[name] for epoch in run.epochs for name in names)


def ended(run: Run) -> dict[str, Any]:
    """One run: its last epoch, its first, and its curve."""
    seconds = cost(run, "seconds") / max(1, len(run.epochs))
    first = run.epochs[0]["train_loss"] if run.epochs else inf
    last = {name: run.last[name] for name in NUMBERS}
    return {**last, "first_loss": first, "seconds": seconds, "curve": [step["loss"] for step in run.steps]}


def of_seeds(lr: float, runs: Sequence[Run]) -> dict[str, Any]:
    """Runs that differ in their seeds: the numbers of each, and the curves' means and standard errors."""
    numbers = {name: [run.last[name] for run in runs] for name in NUMBERS}
    epochs = [[epoch["test_accuracy"] for epoch in run.epochs] for run in runs]
    seconds = [epoch["seconds"] for run in runs for epoch in run.epochs]
    shown = {
        "curve": mean_errors([s["loss"] for s in run.steps] for run in runs),
        "accuracy_curve": mean_errors(epochs),
    }
    return {"lr": lr, **numbers, "seconds": seconds, **shown}


def tests(fair: Mapping[str, Any]) -> dict[str, Any]:
    """Every rule against momentum, and with centralisation against without, on the same seeds."""
    plain, centralized = fair["plain"], fair["centralized"]
    test = lambda a, b: {name: list(paired(a[name], b[name])) for name in NUMBERS if len(a[name]) > 1}
    return {
        "against_momentum": {
            label: test(row, plain["momentum"]) for label, row in plain.items() if label != "momentum"
        },
        "centralization": {label: test(centralized[label], row) for label, row in plain.items()},
    }


def correlations(found: Mapping[str, Any], labels: Sequence[str]) -> list[list[Any]]:
    """Rank correlations of final training losses, and of them with the place in the queue: Kendall's τ, its p, ρ."""
    rows = {
        name: [runs[label]["train_loss"] for label in labels]
        for name, runs in found["published"].items()
        if set(labels) <= set(runs)
    }
    if "fair" in found:
        rows["tuned"] = [mean_error(found["fair"]["plain"][label]["train_loss"])[0] for label in labels]
    places = list(range(len(labels)))
    pairs = [(a, b, rows[a], rows[b]) for a, b in combinations(rows, 2)]
    pairs += [
        (name, PLACE, rows[name], at) for name, at in (("queue", places), ("reversed", places[::-1])) if name in rows
    ]
    tests = [(a, b, kendalltau(x, y), spearmanr(x, y)) for a, b, x, y in pairs]
    return [[a, b, tau.statistic, tau.pvalue, rho.statistic] for a, b, tau, rho in tests]


# ------------------------------------------------------------------ tables and figures


NAMES = {
    "queue": "one after the other",
    "reversed": "one after the other, reversed",
    "fresh": "each from the fresh network",
    "tuned": "each at its own step size, mean of the seeds",
}


def published_table(found: Mapping[str, Any], name: str) -> Table:
    rows = []
    by_loss = sorted(found["published"][name], key=lambda label: found["published"][name][label]["train_loss"])
    for label, row in found["published"][name].items():
        numbers = [f"{row[what]:.3g}" for what in ("first_loss", "train_loss", "test_loss")]
        rank = str(by_loss.index(label) + 1)
        rows.append(
            [label, f"{RULES[label].lr:g}", *numbers, rank, f"{row['test_accuracy']:.2%}", f"{row['seconds']:.1f}"]
        )
    head = [
        "",
        "lr",
        "loss, first epoch",
        "loss, last epoch",
        "test loss",
        "rank by loss",
        "test accuracy",
        "s an epoch",
    ]
    return head, rows


def ranks_table(found: Mapping[str, Any], which: str) -> Table:
    number = lambda value, form=".2f": "" if value is None else format(value, form)
    rows = [
        [NAMES[a], NAMES.get(b, b), number(tau), number(p, ".2g"), number(rho)]
        for a, b, tau, p, rho in found["ranks"][which]
    ]
    return ["final training losses", "against", "τ", "p of τ = 0", "ρ"], rows


def tuning_table(found: Mapping[str, Any]) -> Table:
    rows = []
    for label, losses in found["tuning"].items():
        tried = [f"{float(lr):g}: {'diverged' if loss is None else f'{loss:.4f}'}" for lr, loss in losses.items()]
        rows.append([label, f"{found['fair']['plain'][label]['lr']:g}", ", ".join(tried)])
    return ["", "chosen", "step size: validation loss"], rows


def fair_table(found: Mapping[str, Any], half: str) -> Table:
    rows = []
    for label, row in found["fair"][half].items():
        numbers = {name: np.array(row[name], float) for name in NUMBERS}  # nan where a run diverged
        losses = [within(numbers[name], ".4f") for name in ("train_loss", "test_loss")]
        accuracy = within(100 * numbers["test_accuracy"], ".2f")
        spent = within(row["seconds"], ".1f") if row["seconds"] else ""
        rows.append([label, f"{row['lr']:g}", *losses, accuracy, spent, f"{min(row['seconds'], default=nan):.1f}"])
    return ["", "lr", "training loss", "test loss", "test accuracy, %", "s an epoch", "least s"], rows


def tests_table(found: Mapping[str, Any], which: str) -> Table:
    rows = []
    for label, row in found["tests"][which].items():
        cells = []
        for name, factor, form in (
            ("train_loss", 1, "{:+.4f}"),
            ("test_loss", 1, "{:+.4f}"),
            ("test_accuracy", 100, "{:+.2f}"),
        ):
            if name in row and None not in row[name]:
                difference, low, high, p, _ = row[name]
                spread = f"{form} [{form}, {form}]".format(*(factor * value for value in (difference, low, high)))
                cells += [spread, f"{p:.2g}"]
            else:
                cells += ["", ""]
        rows.append([label, *cells])
    return ["", "training loss", "p", "test loss", "p", "test accuracy, %", "p"], rows


def same_table(found: Mapping[str, Any]) -> Table:
    rows = [
        [name, SAME[name][0], f"{row['float64']:.1e}", f"{row['float32']:.1e}"] for name, row in found["same"].items()
    ]
    return ["rules, α = 0.01", "theory", "float64", "float32"], rows


def time_table(found: Mapping[str, Any]) -> Table:
    data = found["data"]
    share = data["batches_seconds"] / data["epochs_seconds"]
    names = {"published": "as published and from the fresh network", "tuning": "tuning", "plain": "at tuned step sizes"}
    names["centralized"] = "with gradient centralisation"
    rows = [[f"training and testing, {names[name]}", f"{seconds:.0f} s"] for name, seconds in found["seconds"].items()]
    rows += [["reading the files, once a process", f"{data['files_seconds']:.2f} s"]]
    rows += [["batches, of the time of training", f"{share:.1%}"]]
    return ["", "on one thread"], rows


def tables(found: Mapping[str, Any]) -> dict[str, Table]:
    """By the name of their place in the page."""
    made = {name: published_table(found, name) for name in found["published"]}
    made |= {"ranks": ranks_table(found, "five"), "ranks_all": ranks_table(found, "all"), "same": same_table(found)}
    if "fair" in found:
        made |= {"fair": fair_table(found, "plain"), "fair_gc": fair_table(found, "centralized")}
        made |= {"against_momentum": tests_table(found, "against_momentum"), "gc": tests_table(found, "centralization")}
        made |= {"tuning": tuning_table(found)}
    return made | {"time": time_table(found)}


def figures(found: Mapping[str, Any], scale: Scale) -> dict[str, Figure]:
    """Losses as published; and losses and accuracies at tuned step sizes, without centralisation and with it."""
    at = lambda curve: [scale.epochs * (j + 1) / len(curve) for j in range(len(curve))]
    line = lambda row: (at(row["curve"]), row["curve"], None)
    panels = {
        NAMES[name]: {label: line(found["published"][name][label]) for label in scale.five}
        for name in ("queue", "fresh", "reversed")
    }
    made = {"published": curves(panels, log=list(panels))}
    axes = made["published"].axes[: len(panels)]
    for panel in axes[1:]:
        panel.sharey(axes[0])
    axes[0].autoscale()
    if "fair" in found:
        mean = lambda curve: (at(curve[0]), *curve)
        for half, name in (("plain", "fair"), ("centralized", "fair_gc")):
            rows = found["fair"][half].items()
            two = {
                "training loss": {label: mean(row["curve"]) for label, row in rows},
                "test accuracy": {label: mean(row["accuracy_curve"]) for label, row in rows},
            }
            made[name] = curves(two, log=["training loss"])
    return made


# ------------------------------------------------------------------ what is written


TEXTS = {
    "queue": ("As published", "Each rule goes on with the network that the one before it has trained.", "published"),
    "reversed": ("The other way round", "The tutorial's five, last to first, one after the other.", ""),
    "fresh": ("From the fresh network", "The same step sizes, each from the weights that the first one had.", ""),
    "ranks": ("Rankings of the five", "Rank correlations of the training losses of the last epoch.", ""),
    "ranks_all": ("Rankings of all", "", ""),
    "fair": ("A fair comparison", "Step sizes tuned on 10,000 held-out images; means ± standard errors.", "fair"),
    "against_momentum": ("Against momentum", "Differences on the same seeds, 95 % intervals, paired t test.", ""),
    "fair_gc": ("With gradient centralisation", "At the same step sizes.", "fair_gc"),
    "gc": ("Gradient centralisation less none", "Differences on the same seeds, 95 % intervals, paired t test.", ""),
    "same": ("Rules that are one", "Largest relative difference of two losses of a batch within one epoch.", ""),
    "tuning": ("Step sizes", "The mean loss on the held-out images.", ""),
    "time": ("Time", "", ""),
}


def write(found: Mapping[str, Any], record: Mapping[str, Any], scale: Scale, out: Path, page: Path | None) -> None:
    """The report, numbers and figures; and where there is a page, its tables."""
    made, drawn = tables(found), figures(found, scale)
    text = json.dumps({**rounded(record), **found}, ensure_ascii=False, separators=(",", ":"))
    sections = [
        report.Section(title, said, made[name], drawn.get(figure))
        for name, (title, said, figure) in TEXTS.items()
        if name in made
    ]
    parts = {name: markdown(head, rows, set(range(1, len(head)))) for name, (head, rows) in made.items()}
    report.write(out / "report.html", "Ten rules on MNIST", lead(found, scale), sections, record)
    report.publish(out, text + "\n", drawn, page, parts)


def lead(found: Mapping[str, Any], scale: Scale) -> str:
    """In a few sentences, what was found."""
    order = lambda name: ", ".join(sorted(scale.five, key=lambda label: found["published"][name][label]["train_loss"]))
    said = f"By the last epoch's training loss, one after the other: {order('queue')}. The other way round: "
    said += f"{order('reversed')}. Each from the fresh network: {order('fresh')}."
    if "fair" in found:
        fair = found["fair"]["plain"]
        means = sorted(fair, key=lambda label: mean_error(fair[label]["train_loss"])[0])
        said += f" Each at its own step size: {', '.join(means)}."
    return said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.mnist", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="the folder of the results (default: runs/mnist, or runs/mnist-SCALE)")
    parser.add_argument("--data", help="where the files of the data sets are")
    parser.add_argument("--jobs", type=int, default=-1, help="processes (default: one for each processor)")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how much is run (default: full)")
    parser.add_argument("--page", type=Path, help=f"whose tables to write (default at full scale: {PAGE.name})")
    arguments = parser.parse_args()
    name, scale = arguments.scale, SCALES[arguments.scale]
    page = report.checked(arguments.page or (PAGE if name == "full" else None))
    jobs = processes(arguments.jobs)
    out = arguments.out or RUNS / ("mnist" if name == "full" else f"mnist-{name}")
    with sentences("the results"):
        out.mkdir(parents=True, exist_ok=True)
    runner = Runner(scale, out, arguments.data, jobs)
    found = gathered(runner)
    record = {
        "command": shlex.join(["python", "-m", "experiments.mnist", *sys.argv[1:]]),
        "seeds": list(range(scale.seeds)),
        "tuning_seed": TUNING_SEED,
        "config": runner.config("momentum").record(),
        "versions": report.versions(),
        "seconds": sum(found["seconds"].values()),
    }
    write(found, record, scale, out, page)
    print(lead(found, scale))
    print(out / "report.html")


if __name__ == "__main__":
    command(main)
