"""Rules by step sizes by seeds, on as many processes as there are processors, or over a cluster.

    python -m experiments.sweep run.toml --rule heavy_ball --rule pid --lr 0.01 0.03 0.1 --seeds 5 --out runs/sweep

tabulates means with their 95 % intervals, takes each rule at its best step size, and tests rules against each other,
seed by seed; all of it is in results.json and report.html. A run that diverges is counted; the same command runs only
what is missing. With --validation step sizes are chosen on images that are held out, and rules compared in further
runs, on the whole training set and the test set. With --cluster a dask scheduler shares the runs out.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import combinations
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from experiments import report
from experiments.config import Config, add_arguments, from_file, given
from experiments.data import Dataset, load
from experiments.errors import Refused, command
from experiments.figures import curves
from experiments.report import Table, rounded
from experiments.statistics import Paired, interval, mean_errors, paired
from experiments.train import Run, optimizer_of, train
from momentumlab.compare import markdown

SEEDS = 1000  # at most
EXACT = 17  # digits, of which a number is made again

# ------------------------------------------------------------------ many runs


def run_all(
    configs: Sequence[Config], out: str | Path | None = None, *, data: str | None = None, jobs: int = -1
) -> list[Run]:
    """Every run, on as many processes as there are processors; those that have ended in `out` are read from there.

    Joblib shares them out: within ``joblib.parallel_config("dask")``, over a cluster.

    Parameters
    ----------
    configs : sequence of Config
    out : path, optional
        The folder of the runs' folders.
    data : path, optional
        Where the files of the data sets are.
    jobs : int
        How many processes; -1 for one on each processor.
    """
    folders = [None if out is None else Path(out).absolute() / folder_name(config) for config in configs]
    calls = (delayed(_one)(config, folder, data) for config, folder in zip(configs, folders, strict=True))
    runs = Parallel(n_jobs=jobs, return_as="generator")(calls)
    return list(tqdm(runs, total=len(configs), unit="run", disable=None, leave=False, delay=2))


def processes(jobs: int) -> int:
    """How many, as --jobs has it."""
    if jobs >= 1 or jobs == -1:
        return jobs
    raise Refused(f"--jobs {jobs}; it must be 1 or more, or -1 for one process on each processor")


def counted(seeds: int) -> int:
    """How many seeds, as --seeds has it."""
    if 1 <= seeds <= SEEDS:
        return seeds
    raise Refused(f"--seeds {seeds}; it must be from 1 to {SEEDS}")


def folder_name(config: Config) -> str:
    """Who it is, for people, and a digest of all settings."""
    digest = hashlib.sha256(json.dumps(config.record(), sort_keys=True).encode()).hexdigest()[:8]
    return f"{config.dataset}-{config.model}-{config.rule}-seed{config.seed}-{digest}"


def _one(config: Config, folder: Path | None, data: str | None) -> Run:
    return train(config, folder, _loaded(config.dataset, data), quiet=True)


@lru_cache(maxsize=1)
def _loaded(name: str, folder: str | None) -> Dataset:
    return load(name, folder)


@contextmanager
def shared_by(cluster: str | None) -> Iterator[None]:
    """Let the workers of a dask scheduler at an address do what joblib shares out, where one is given."""
    if cluster is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise Refused(f"--cluster {cluster} needs dask: pip install distributed") from None
    try:
        client = Client(cluster, timeout=20)
    except (OSError, ValueError) as error:
        raise Refused(f"--cluster {cluster}: no dask scheduler answers there ({error})") from None
    try:
        with client, parallel_config("dask", wait_for_workers_timeout=20):
            yield
    except TimeoutError as error:
        raise Refused(f"--cluster {cluster}: {error}; start one there by dask worker {cluster}") from None


# ------------------------------------------------------------------ a grid

Cell = tuple[str, float | None]
"""A rule and a step size."""


def gridded(
    config: Config, cells: Sequence[Cell], seeds: int, out: Path, data: str | None, jobs: int
) -> dict[Cell, list[Run]]:
    """The runs of every cell, seed by seed."""
    of = range(config.seed, config.seed + seeds)
    runs = run_all(
        [config.having(rule=rule, lr=lr, seed=seed) for rule, lr in cells for seed in of], out, data=data, jobs=jobs
    )
    return {cell: runs[j * seeds : (j + 1) * seeds] for j, cell in enumerate(cells)}


def values(runs: Sequence[Run], name: str) -> list[float]:
    """The last numbers of those that finished."""
    return [run.last[name] for run in runs if run.status == "finished"]


def diverged(runs: Sequence[Run]) -> int:
    """How many did."""
    return sum(run.status == "diverged" for run in runs)


def best(grid: Mapping[Cell, Sequence[Run]]) -> dict[str, Cell]:
    """Each rule's cell of fewest runs that diverged, then of the best mean accuracy, then of the least mean loss."""

    def key(cell: Cell) -> tuple[float, float, float]:
        accuracy, loss = values(grid[cell], "test_accuracy"), values(grid[cell], "test_loss")
        return diverged(grid[cell]), -np.mean(accuracy) if accuracy else inf, np.mean(loss) if loss else inf

    return {rule: min((cell for cell in grid if cell[0] == rule), key=key) for rule, _ in grid}


MEASURES = ("test_accuracy", "test_loss")
Tests = dict[tuple[str, str], dict[str, Paired | None]]


def pairwise(chosen: Mapping[str, Sequence[Run]]) -> Tests:
    """Every two rules, on the seeds where both finished; None where those are fewer than two."""
    found: Tests = {}
    for a, b in combinations(chosen, 2):
        pairs = [pair for pair in zip(chosen[a], chosen[b], strict=True) if not diverged(pair)]
        columns = {name: [[run.last[name] for run in side] for side in zip(*pairs, strict=True)] for name in MEASURES}
        found[a, b] = {name: paired(*column) if len(pairs) > 1 else None for name, column in columns.items()}
    return found


# ------------------------------------------------------------------ what is shown


def table(grid: Mapping[Cell, Sequence[Run]], on: str) -> Table:
    """Means and their intervals, cell by cell."""
    rows = []
    for (rule, lr), runs in grid.items():
        cells = [rule, "its own" if lr is None else f"{lr:g}"]
        for name, scale, digits in (("test_accuracy", 100, 2), ("test_loss", 1, 4)):
            found = [scale * value for value in values(runs, name)]
            cells += [f"{np.mean(found):.{digits}f}", span(*interval(found), digits)] if found else ["", ""]
        rows.append([*cells, str(len(runs) - diverged(runs)), str(diverged(runs))])
    return ["rule", "lr", f"{on} accuracy, %", "95 %", f"{on} loss", "95 %", "finished", "diverged"], rows


def table_of(tests: Tests) -> Table:
    """Differences of rules, their intervals and p-values."""
    rows = []
    for (a, b), by in tests.items():
        cells = [f"{a} − {b}"]
        for name, scale, digits in (("test_accuracy", 100, 2), ("test_loss", 1, 4)):
            if test := by[name]:
                ends = span(scale * test.low, scale * test.high, digits)
                cells += [f"{scale * test.difference:.{digits}f}", ends, f"{test.p:.2g}"]
            else:
                cells += ["", "", ""]
        rows.append([*cells, str(test.n if test else 0)])
    return ["rules", "accuracy, points", "95 %", "p", "loss", "95 %", "p", "pairs"], rows


def span(low: float, high: float, digits: int) -> str:
    """An interval in words, empty where one run has none."""
    return f"{low:.{digits}f} to {high:.{digits}f}" if isfinite(low) else ""


def drawn(chosen: Mapping[str, Sequence[Run]]) -> Figure | None:
    """By epoch, the means of the runs that finished."""

    def lines(name: str) -> dict[str, Any]:
        found = {}
        for rule, runs in chosen.items():
            means, errors = mean_errors([e[name] for e in run.epochs] for run in runs if run.status == "finished")
            if means:
                found[rule] = (range(1, len(means) + 1), means, errors)
        return found

    panels = {"training loss": lines("train_loss"), "test accuracy": lines("test_accuracy")}
    return curves(panels, log=["training loss"]) if panels["training loss"] else None


def text(found: Table) -> str:
    """A table in Markdown."""
    return markdown(*found, numbers=set(range(1, len(found[0]))))


def row(run: Run) -> dict[str, Any]:
    """A run in results.json."""
    who = {name: getattr(run.config, name) for name in ("rule", "lr", "seed", "validation")}
    return rounded(run.last, EXACT) | who | {"status": run.status, "reason": run.reason}


# ------------------------------------------------------------------ the command


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.sweep", description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", help="settings in TOML; those below come before them")
    parser.add_argument("--rule", dest="rules", action="append", metavar="RULE", help="one of them; may be repeated")
    parser.add_argument("--lr", dest="lrs", nargs="+", action="extend", type=float, metavar="LR", help="step sizes")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="so many, from --seed on (default 5)")
    parser.add_argument("--out", type=Path, default=Path("runs/sweep"), help="a folder (default runs/sweep)")
    parser.add_argument("--data", type=Path, help="where the files of the data sets are")
    parser.add_argument("--jobs", type=int, default=-1, metavar="N", help="processes (default one on each processor)")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="of a dask scheduler, whose workers see --out and the data"
    )
    add_arguments(parser, but=("rule", "lr"))
    arguments = parser.parse_args()
    config = Config(**(from_file(arguments.file) if arguments.file else {}) | given(arguments))
    jobs, seeds = processes(arguments.jobs), counted(arguments.seeds)
    cells = [(rule, lr) for rule in arguments.rules or [config.rule] for lr in arguments.lrs or [config.lr]]
    cells = list(dict.fromkeys(cells))
    for rule, lr in cells:  # what is refused is so before anything is run
        optimizer_of(config.having(rule=rule, lr=lr), nn.Linear(1, 1))
    data = None if arguments.data is None else str(arguments.data.absolute())
    folder = arguments.out / "runs"
    with shared_by(arguments.cluster):
        grid = gridded(config, cells, seeds, folder, data, jobs)
        chosen, final = best(grid), config.having(validation=0)
        compared = grid if final == config else gridded(
            final, list(chosen.values()), seeds, folder, data, jobs
        )  # fmt: skip
    show(config, grid, {rule: list(compared[cell]) for rule, cell in chosen.items()}, chosen, arguments.out)


def show(
    config: Config,
    grid: Mapping[Cell, Sequence[Run]],
    compared: Mapping[str, Sequence[Run]],
    chosen: Mapping[str, Cell],
    out: Path,
) -> None:
    """Print the tables, and write them with all else into `out`."""
    held, tests = config.validation, pairwise(compared)
    at_best = table({chosen[rule]: runs for rule, runs in compared.items()}, "test")
    how = f"on {held} training images that were held out" if held else "on the test set, which flatters all of them"
    how = f"Step sizes were chosen {how}." if len(grid) > len(chosen) else ""
    rest = "p is of Student's paired test on the same seeds, and not corrected for there being several."
    note = " ".join(f"Data: {note}." for note in {run.note for runs in compared.values() for run in runs} if note)
    print(text(table(grid, "validation" if held else "test")))
    if held:
        print(f"\n{text(at_best)}")
    if tests:
        print(f"\n{text(table_of(tests))}")
    print(f"\n{' '.join(filter(None, [how, rest if tests else '', note]))}")

    runs = [run for row in (*grid.values(), *(compared.values() if held else ())) for run in row]
    spent = sum(e["seconds"] + e["test_seconds"] for run in runs for e in run.epochs)
    record = {
        "command": shlex.join(["python", "-m", "experiments.sweep", *sys.argv[1:]]),
        "seeds": sorted({run.config.seed for run in runs}),
        "config": {name: value for name, value in config.record().items() if name not in ("rule", "lr", "seed")},
        "versions": report.versions(),
        "seconds": spent,
    }
    results = record | {
        "runs": [row(run) for run in runs],
        "best": {rule: lr for rule, (_, lr) in chosen.items()},
        "tests": [
            {"rules": pair, **{name: test and rounded(test._asdict(), EXACT) for name, test in by.items()}}
            for pair, by in tests.items()
        ],
    }  # fmt: skip
    sections = [
        report.Section("Each rule at its best step size", how, at_best, drawn(compared), "Means and standard errors."),
        *([report.Section("Rules against each other", rest, table_of(tests))] if tests else []),
        report.Section("Every step size", "", table(grid, "validation" if held else "test")),
    ]
    report.put(out / "results.json", json.dumps(results, indent=1, allow_nan=False))
    title = f"{config.model} on {config.dataset}: {', '.join(chosen)}"
    report.write(out / "report.html", title, " ".join(filter(None, [how, note])), sections, record)
    print(f"\n{out / 'report.html'}, {out / 'results.json'}")


if __name__ == "__main__":
    from experiments import sweep  # under its own name, by which other processes find what they are to do

    command(sweep.main)
