"""Training steps a second with an optimizer of this library, over those with torch.optim.SGD(fused=True).

    python -m experiments.throughput [--model mlp] [--rule rsgdm] [--device cuda]

Both train the same network on the same random images, one step each in the order A B B A, so that what else the machine
does falls on both. A pair of steps gives one ratio of times; the median is shown, with its 95 % interval by
the bootstrap. The exit code is 1 where an interval does not lie above 0.95.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import bootstrap
from torch import nn
from tqdm import tqdm

from experiments import models
from experiments.config import Config
from experiments.errors import Refused, command
from experiments.train import autocast, optimizer_of
from momentumlab.compare import markdown, seconds
from momentumlab.errors import unknown

REQUIRED = 0.95
MOMENTUM, LR = 0.9, 0.001
WARM = 5  # steps that are not counted, in which things are compiled


class Work(NamedTuple):
    """A network's images, and how many steps are timed."""

    shape: tuple[int, int, int]
    batch: int
    steps: int


WORK = {
    "mlp": Work((1, 28, 28), 64, 4000),
    "resnet8": Work((3, 32, 32), 128, 200),
    "resnet18": Work((3, 32, 32), 16, 60),
}


class Ratio(NamedTuple):
    """Torch's time over ours: the median of pairs of steps, its interval at 95 %, and the medians of both times."""

    ratio: float
    low: float
    high: float
    ours: float
    torchs: float


def measure(model: str, rule: str, device: str = "cpu", steps: int | None = None) -> Ratio:
    """Time so many pairs of steps, after some that are not counted."""
    work = WORK[model]
    steps = steps or work.steps
    draws = torch.Generator().manual_seed(0)
    batches = [
        (torch.randn(work.batch, *work.shape, generator=draws), torch.randint(10, (work.batch,), generator=draws))
        for _ in range(8)
    ]
    batches = [(images.to(device), labels.to(device)) for images, labels in batches]
    ours, torchs = (models.build(model, work.shape).to(device) for _ in range(2))
    config = Config(rule=rule, lr=LR, options={"momentum": MOMENTUM}, device=device)
    sides = [
        stepper(ours, optimizer_of(config, ours), config),
        stepper(torchs, torch.optim.SGD(torchs.parameters(), lr=LR, momentum=MOMENTUM, fused=True), config),
    ]
    times = by_turns(sides, lambda k: batches[k % len(batches)], steps, f"{model}, {rule}")
    ratios = times[:, 1] / times[:, 0]
    low, high = bootstrap((ratios,), np.median, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    return Ratio(float(np.median(ratios)), float(low), float(high), *map(float, np.median(times, axis=0)))


Side = Callable[[torch.Tensor, torch.Tensor], float]
"""A step of training on images and labels, which returns its seconds."""


def stepper(
    net: nn.Module, optimizer: torch.optim.Optimizer, config: Config, clock: Callable[[], float] = perf_counter
) -> Side:
    """A step, by a clock that waits for a GPU to have done its work."""
    wait = (lambda: None) if config.device == "cpu" else partial(torch.cuda.synchronize, config.device)

    def step(images: torch.Tensor, labels: torch.Tensor) -> float:
        wait()
        began = clock()
        optimizer.zero_grad()
        with autocast(config):
            loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        wait()
        return clock() - began

    return step


def by_turns(
    sides: Sequence[Side], batch: Callable[[int], tuple[torch.Tensor, torch.Tensor]], steps: int, title: str
) -> np.ndarray:
    """The seconds of two sides, a row for each batch, in the order A B B A; the first few are not counted."""
    times = np.empty((WARM + steps, 2))
    for k, both in enumerate(tqdm(times, desc=title, unit="pair", disable=None, leave=False, delay=2)):
        images, labels = batch(k)
        for side in (0, 1) if k % 2 else (1, 0):
            both[side] = sides[side](images, labels)
    return times[WARM:]


def table(found: Sequence[tuple[str, str, Ratio]]) -> str:
    """In Markdown, a row for every network and rule."""
    head = ["model", "batch", "rule", "a step", "with torch's SGD", "ratio", "95 %"]
    rows = [
        [model, str(WORK[model].batch), rule, seconds(r.ours), seconds(r.torchs), f"{r.ratio:.3f}"]
        + [f"{r.low:.3f} to {r.high:.3f}"]
        for model, rule, r in found
    ]
    return markdown(head, rows, {1, 3, 4, 5, 6})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.throughput", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", action="append", help="mlp, resnet8 or resnet18 (default all)")
    parser.add_argument("--rule", action="append", help="one with a momentum (default sgd and rsgdm)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default cpu)")
    parser.add_argument("--steps", type=int, metavar="N", help="so many pairs (default by the network)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the processor (default 1)")
    arguments = parser.parse_args()
    chosen = arguments.model or list(WORK)
    if strange := [model for model in chosen if model not in WORK]:
        raise Refused(unknown("model", strange[0], WORK))
    if arguments.steps is not None and not 2 <= arguments.steps <= 10**6:
        raise Refused(f"--steps {arguments.steps}; it must be from 2 to {10**6}")
    torch.set_num_threads(Config(threads=arguments.threads, device=arguments.device).threads)
    found = [
        (model, rule, measure(model, rule, arguments.device, arguments.steps))
        for model in chosen
        for rule in arguments.rule or ["sgd", "rsgdm"]
    ]
    print(table(found))
    raise SystemExit(int(any(ratio.low < REQUIRED for _, _, ratio in found)))


if __name__ == "__main__":
    command(main)
