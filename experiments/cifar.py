"""Residual networks on CIFAR: the RSGDM paper's protocol, and gradient centralisation (GC) after an article on it.

    python -m experiments.cifar [--scale smoke | cpu | paper] [--part NAME] [--rule NAME] [--out DIR]

runs every part, or those that are named; with --rule the RSGDM paper's protocol for those rules alone. "cpu" is a
ResNet-8 on some thousand images; "paper" is a ResNet-18 on all images for 200 epochs, on a GPU. DIR takes report.html,
results.json and the figures; everything at cpu scale goes to docs/results as well. What has ended in DIR is read from
there, and what was stopped goes on.
"""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import exp
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from experiments import report
from experiments.cifar_parts import GC, NOT_ATTEMPTED, PARTS, SCALES, Configs, Scale, norms, protocol
from experiments.cifar_tables import QUANTITIES, SHOWN, Runs, Shown, by_epoch, last
from experiments.config import Config
from experiments.data import DATASETS, Dataset, load
from experiments.errors import Refused, command, sentences
from experiments.models import MODELS
from experiments.report import Table, put, rounded
from experiments.statistics import interval, mean_error
from experiments.sweep import counted, folder_name, processes, run_all
from experiments.throughput import by_turns, stepper
from experiments.train import Feed, model_of, optimizer_of, splits
from momentumlab.compare import markdown
from momentumlab.errors import short

PAGE = Path(__file__).parent.parent / "docs" / "results" / "cifar.md"
CIFAR = tuple(name for name in DATASETS if name.startswith("cifar"))
POINTS = 300  # of a line in results.json, at most


# ------------------------------------------------------------------ runs


def run_parts(chosen: Mapping[str, Configs], out: Path, data: str | None, jobs: int) -> dict[str, Runs]:
    """The runs of every part; what several parts share is run once, and all of a seed before the next seed."""
    configs = {folder_name(c): c for part in chosen.values() for seeds in part.values() for c in seeds}
    ordered = sorted(configs.values(), key=lambda config: config.seed)
    runs = dict(zip(map(folder_name, ordered), run_all(ordered, out / "runs", data=data, jobs=jobs), strict=True))
    return {
        name: {label: [runs[folder_name(config)] for config in seeds] for label, seeds in part.items()}
        for name, part in chosen.items()
    }


def overhead(config: Config, data: Dataset, batches: int) -> dict[str, float]:
    """How many times as long training takes with GC: batches with it and without, by turns, in one process.

    The geometric mean of their ratios, and Student's interval at 95 % of its logarithm.
    """
    torch.set_num_threads(config.threads)
    data = data.to(config.device)
    feed = Feed(config, data, splits(config, data)[0])
    layout = torch.channels_last if config.channels_last else torch.preserve_format
    clock = process_time if config.device == "cpu" else perf_counter  # on the CPU, this process's alone
    sides = []
    for each in (config, config.having(centralize=True)):
        model = model_of(each, data).to(device=config.device, memory_format=layout)
        net: Any = torch.compile(model) if config.compile else model
        sides.append(stepper(net, optimizer_of(each, model), each, clock))
    without, gc = by_turns(sides, lambda k: feed.batch(*divmod(k, feed.steps))[:2], batches, "the time of GC").T
    ratios = np.log(gc / without)
    low, high = interval(ratios)
    return {"ratio": exp(ratios.mean()), "low": exp(low), "high": exp(high), "seconds": float(np.median(without))}


def timed(scale: Scale, out: Path, data: str | None) -> dict[str, float]:
    """The overhead under SGDM, which is read from `out` where it was measured before."""
    config = norms(scale)["SGDM"][0]
    path = out / f"overhead-{folder_name(config)}.json"
    if not path.exists():
        found = overhead(config, load(config.dataset, data), scale.timed)
        put(path, json.dumps(found))
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(kept[name]) for name in ("ratio", "low", "high", "seconds")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(f"{str(path)!r} is damaged ({short(error)}); delete it") from None


# ------------------------------------------------------------------ what is said


def caption(runs: Runs) -> str:
    """Of which data the figures are."""
    seeds = max(runs.values(), key=len)
    config, note = seeds[0].config, seeds[0].note
    images = f"{config.train_size:,}" if config.train_size else "all"
    said = f"{config.model} on {images} training images of {config.dataset}, {config.epochs} epochs, batches of "
    said += (
        f"{config.batch}, {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, means ± standard errors; test figures on "
    )
    said += f"the first {config.test_size:,} test images" if config.test_size else "all test images there are"
    said += f" ({note})" if note else ""
    excerpt = config.dataset == "cifar100" and note
    return said + ("; an excerpt, not comparable with published figures." if excerpt else ".")


def lead(runs: Mapping[str, Runs], ratio: Mapping[str, float] | None) -> str:
    """In a few sentences, what was found."""
    accuracy = lambda seeds: mean_error([last(run, "test_accuracy") for run in seeds])[0]
    said = []
    for name in ("rsgdm", "inside"):
        if name in runs:
            ends = ", ".join(f"{label} {accuracy(seeds):.1f} %" for label, seeds in runs[name].items())
            said.append(f"{PARTS[name].title}, test accuracy at the end: {ends}.")
    pairs = {
        folder_name(seeds[0].config): (accuracy(part[label + GC]), accuracy(seeds))
        for part in runs.values()
        for label, seeds in part.items()
        if label + GC in part
    }
    if pairs:
        better = sum(gc > without for gc, without in pairs.values())
        said.append(f"With GC the mean test accuracy is higher in {better} of {len(pairs)} settings.")
    if ratio:
        said.append("A batch takes {ratio:.3f} times as long with GC, {low:.3f} to {high:.3f} at 95 %.".format(**ratio))
    return " ".join(said)


def overhead_table(found: Mapping[str, float]) -> Table:
    ratio = "{ratio:.4f} [{low:.4f}, {high:.4f}]".format(**found)
    return ["a batch without GC", "with GC, times as long"], [[f"{1e3 * found['seconds']:.1f} ms", ratio]]


def absent_table() -> Table:
    return ["not attempted", ""], [list(row) for row in NOT_ATTEMPTED.items()]


def sections(runs: Mapping[str, Runs], shown: Mapping[str, Shown], extra: Mapping[str, Table]) -> list[report.Section]:
    """Of the report: the tables of every part, with its figures."""
    found = []
    for name, each in shown.items():
        said = caption(runs[name])
        for j, (key, table) in enumerate(each.tables.items()):
            title, text = (PARTS[name].title, PARTS[name].text) if not j else TEXTS[key]
            found.append(report.Section(title, text, table, each.figures.get(key), said))
    return found + [report.Section(*TEXTS[key], table) for key, table in extra.items()]


APART = (
    "The mean distance of logged training losses from those under Nesterov's rule: of the first ten, and those of the "
    "first and the last epoch. Then the difference of test accuracies at the end, with its interval at 95 % and the "
    "p-value of a paired test. All in float32, where rounding alone takes two runs of one rule apart."
)
TEXTS = {
    "coincidence": ("RSGDM beside Nesterov's rule", APART),
    "inside_coincidence": ("PID and others beside Nesterov's rule", APART),
    "overhead": (
        "The time of GC",
        "Batches with GC and without, by turns, in one process: the geometric mean of the ratios, with its interval at "
        "95 %.",
    ),
    "absent": ("Not attempted", ""),
}


# ------------------------------------------------------------------ what is written


def numbers(runs: Mapping[str, Runs], shown: Mapping[str, Shown]) -> dict[str, Any]:
    """Of every part: curves, what each seed ended with, lines by step, and tables."""
    return {
        name: {
            "curves": {
                label: {what: rounded(by_epoch(seeds, what)[1], 4) for what in QUANTITIES.values()}
                for label, seeds in part.items()
            },
            "ends": {
                label: {what: rounded([last(run, what) for run in seeds], 4) for what in QUANTITIES.values()}
                for label, seeds in part.items()
            },
            "steps": {
                title: {label: [list(x)[:: thin(x)], rounded(y[:: thin(x)], 4)] for label, (x, y, _) in lines.items()}
                for title, lines in shown[name].lines.items()
            },
            "tables": shown[name].tables,
        }
        for name, part in runs.items()
    }


def thin(x: Sequence[float]) -> int:
    """Of how many points one is kept."""
    return -(-len(x) // POINTS) or 1


def write(
    record: Mapping[str, Any], runs: Mapping[str, Runs], ratio: Mapping[str, float] | None, out: Path, page: Path | None
) -> None:
    """The report, numbers and figures; and where there is a page, its tables."""
    shown = {name: SHOWN[name](part) for name, part in runs.items()}
    extra = ({"overhead": overhead_table(ratio)} if ratio else {}) | {"absent": absent_table()}
    found = {**record, "overhead": ratio, "not_attempted": NOT_ATTEMPTED, "parts": numbers(runs, shown)}
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
    figures = {key: figure for each in shown.values() for key, figure in each.figures.items()}
    tables = {key: table for each in shown.values() for key, table in each.tables.items()} | extra
    parts = {key: markdown(head, rows, numeric(rows)) for key, (head, rows) in tables.items()}
    report.write(
        out / "report.html", "Residual networks on CIFAR", lead(runs, ratio), sections(runs, shown, extra), record
    )
    report.publish(out, text, figures, page, parts)


def numeric(rows: list[list[str]]) -> set[int]:
    """The columns in which there are numbers alone."""
    columns = enumerate(zip(*rows, strict=True))
    return {j for j, cells in columns if j and all(not cell or re.match(r"[-+<]? ?\d", cell) for cell in cells)}


# ------------------------------------------------------------------ the command


def chosen_scale(arguments: argparse.Namespace) -> Scale:
    """The scale, with what was given instead of its own."""
    scale = SCALES[arguments.scale]
    given = {name: value for name in ("model", "dataset", "device") if (value := getattr(arguments, name)) is not None}
    scale = replace(scale, settings={**scale.settings, **given})
    if arguments.seeds is None:
        return scale
    seeds = counted(arguments.seeds)
    return replace(scale, seeds=seeds, gc_seeds=seeds)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.cifar", description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", choices=SCALES, default="cpu", help="how much is run (default: cpu)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--part", action="append", choices=PARTS, help="run this part; may be repeated (default: all)")
    what.add_argument("--rule", action="append", help="run the RSGDM paper's protocol for this rule; may be repeated")
    parser.add_argument("--model", choices=[name for name in MODELS if name != "mlp"], help="instead of the scale's")
    parser.add_argument("--dataset", choices=CIFAR, help="instead of CIFAR-10")
    parser.add_argument("--seeds", type=int, help="how many, instead of the scale's")
    parser.add_argument("--device", help="cpu, cuda, ... (default: cuda at paper scale, or else cpu)")
    parser.add_argument("--jobs", type=int, help="processes (default: one for each processor, or one on a GPU)")
    parser.add_argument("--data", help="where the files of the data sets are")
    parser.add_argument("--out", type=Path, help="the folder of the results (default: runs/cifar-SCALE)")
    parser.add_argument("--page", type=Path, help=f"whose tables to write (default for all at cpu scale: {PAGE.name})")
    arguments = parser.parse_args(words)
    scale = chosen_scale(arguments)
    if arguments.rule:
        chosen = {"rsgdm": protocol(scale, arguments.rule)}
    else:
        chosen = {name: PARTS[name].configs(scale) for name in arguments.part or PARTS}
    whole = not (arguments.rule or arguments.part)
    page = report.checked(arguments.page or (PAGE if whole and scale == SCALES["cpu"] else None))
    on_gpu = scale.settings.get("device", "cpu").startswith("cuda")
    jobs = processes((1 if on_gpu else -1) if arguments.jobs is None else arguments.jobs)
    out = arguments.out or Path("runs") / f"cifar-{arguments.scale}"
    with sentences("the results"):
        out.mkdir(parents=True, exist_ok=True)
    runs = run_parts(chosen, out, arguments.data, jobs)
    ratio = timed(scale, out, arguments.data) if whole else None
    every = {id(run): run for part in runs.values() for seeds in part.values() for run in seeds}.values()
    record = {
        "command": shlex.join(["python", "-m", "experiments.cifar", *(sys.argv[1:] if words is None else words)]),
        "seeds": {"the RSGDM paper's protocol": scale.seeds, "GC": scale.gc_seeds},
        "config": asdict(scale),
        "versions": report.versions(),
        "seconds": round(sum(epoch["seconds"] + epoch["test_seconds"] for run in every for epoch in run.epochs)),
    }
    write(record, runs, ratio, out, page)
    print(lead(runs, ratio))
    print(out / "report.html")


if __name__ == "__main__":
    command(main)
