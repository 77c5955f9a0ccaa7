"""Steps of torch's optimizers: ours against `torch.optim`'s and against copying what they must read and write.

Each side takes several steps in a row, of which the median counts: the threads of the other still wait, in a loop that
takes a processor, when the first of them begins. Gradients stay as they are. Each row is for a number of threads.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from .. import torch as ours
from ..torch.stepping import planned
from .cuda import on_cuda
from .rows import Row, pairs, timed

Shapes = Sequence[tuple[int, ...]]
THREADS = (1, 2)
LR = 1e-6  # where values stay sane for as long as they are measured
SMALL = [(16, 8), (16,), (16, 16), (16,), (10, 16), (10,)]
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD with momentum": ("SGD", dict(momentum=0.9)),
    "Nesterov": ("SGD", dict(momentum=0.9, nesterov=True)),
    "Adagrad": ("Adagrad", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "RAdam": ("RAdam", {}),
}
"""What torch has too: the class, and its arguments."""
CURVATURE = {"Newton": ("diagonal",), "PMG": ("diagonal", "quasi_cauchy", "bb1"), "PMGOutside": ("diagonal",)}
"""By what preconditioners classes that ask for products are measured."""


def resnet18(classes: int = 10) -> Shapes:
    """The shapes of a ResNet-18's 62 tensors."""
    found: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    before = 64
    for wide in (64, 128, 256, 512):
        for _ in range(2):
            found += [(wide, before, 3, 3), (wide,), (wide,), (wide, wide, 3, 3), (wide,), (wide,)]
            found += [(wide, before, 1, 1), (wide,), (wide,)] if before != wide else []
            before = wide
    return [*found, (classes, before), (classes,)]


def parameters(shapes: Shapes, device: str = "cpu") -> list[torch.nn.Parameter]:
    """Parameters with gradients, always the same."""
    drawn = torch.Generator().manual_seed(0)
    found = [torch.nn.Parameter((0.05 * torch.randn(s, generator=drawn)).to(device)) for s in shapes]
    for p in found:
        p.grad = (1e-3 * torch.randn(p.shape, generator=drawn)).to(device)
    return found


@contextmanager
def threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _with(n: int) -> str:
    return f"{n} thread{'s' * (n > 1)}"


def _median(run: Callable[[], Any], times: int) -> float:
    return median(timed(run) for _ in range(times))


def in_turn(
    what: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], target: float, times: int = 3
) -> Iterator[Row]:
    """A row for each number of threads."""
    for n in THREADS:
        with threads(n):
            both = partial(_median, ours, times), partial(_median, theirs, times)
            row = pairs(f"{what}, {_with(n)}", peer, *both, target, repeats=3)
        yield row


# ------------------------------------------------------------------ against torch's


def against_fused(shapes: Shapes | None = None) -> Iterator[Row]:
    """Rules on a ResNet-18 against torch's own compiled steps."""
    shapes = shapes or resnet18()
    for rule, (name, options) in RULES.items():
        has = name != "RAdam"  # of which torch has none
        mine = getattr(ours, name)(parameters(shapes), LR, **options)
        theirs = getattr(torch.optim, name)(parameters(shapes), LR, **options, **({"fused": True} if has else {}))
        peer = f"torch.optim.{name}{', fused=True' if has else ''}"
        yield from in_turn(f"{rule}, ResNet-18, a step", peer, mine.step, theirs.step, 1.0)


def small_models(times: int = 100) -> Iterator[Row]:
    """Rules on six small tensors, where a step is Python more than arithmetic."""
    for rule, (name, options) in RULES.items():
        mine = getattr(ours, name)(parameters(SMALL), LR, **options)
        theirs = getattr(torch.optim, name)(parameters(SMALL), LR, **options, foreach=True)
        peer = f"torch.optim.{name}, foreach=True"
        yield from in_turn(f"{rule}, six small tensors, a step", peer, mine.step, theirs.step, 1.0, times)


# ------------------------------------------------------------------ against copying, and with against without


def every_optimizer(params: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """Each of our classes as it is by default, on parameters of its own; the label says by which preconditioner."""
    for name in ours.__all__:
        cls = getattr(ours, name)
        if cls is ours.Optimizer:
            continue
        small = {"lr": LR} if "lr" in cls.__signature__.parameters else {"alpha": LR}
        for by in CURVATURE.get(name, ("",)):
            yield f"{name}{by and f' by {by}'}", cls(params(), **small, **({"preconditioner": by} if by else {}))


def numbers(optimizer: Any) -> int:
    """How many numbers a step must read and write: what it sums over, then what it moves, each array once in a pass.

    What a rule measures must be summed to the last element before what depends on it begins.
    """
    rules = {optimizer._rule(i, group)[0] for i, group in enumerate(optimizer.param_groups)}
    plans = [planned(rule) for rule in rules]
    assert len(plans) == 1
    elements = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    passes = [[value for _, value in sums] for sums in plans[0].sums] + [list(plans[0].puts.values())]
    return (sum(len(plans[0].lines(values)[1]) for values in passes) + len(plans[0].puts)) * elements


def against_copying(shapes: Shapes | None = None) -> Iterator[Row]:
    """Every class on a ResNet-18 against copying as many bytes as its step must read and write."""
    shapes = shapes or resnet18()
    source = target = torch.ones(0)
    for label, optimizer in every_optimizer(lambda: parameters(shapes)):
        half = numbers(optimizer) // 2  # of them, read once and written once
        if half > len(source):
            source, target = torch.ones(half), torch.ones(half)
        copy = partial(target[:half].copy_, source[:half])
        yield from in_turn(f"{label}, ResNet-18, a step", "copying as many bytes", optimizer.step, copy, 1.25)


def centralized(shapes: Shapes | None = None) -> Iterator[Row]:
    """Gradient centralisation against none."""
    shapes = shapes or resnet18()
    for rule in ("SGD with momentum", "Adam"):
        name, options = RULES[rule]
        mine, without = (getattr(ours, name)(parameters(shapes), LR, **options, centralize=c) for c in (True, False))
        what = f"{rule}, centralize=True, ResNet-18, a step"
        yield from in_turn(what, "without", mine.step, without.step, 1.3)


# ------------------------------------------------------------------ memory


def peak(optimizer: Any, steps: int = 3) -> int:
    """Bytes that steps hold at most beyond parameters and gradients, from the first, which makes the memory."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler says that it begins and ends
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        for _ in range(steps):
            optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profile.export_chrome_trace(str(trace))
        events = [e for e in json.loads(trace.read_text())["traceEvents"] if e.get("name") == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda e: e["ts"]):
        held += event["args"]["Bytes"]
        most = max(most, held)
    return most


def peaks(shapes: Shapes | None = None) -> Iterator[Row]:
    """What multi-tensor steps hold at most."""
    shapes = shapes or resnet18()
    for rule in ("SGD with momentum", "Adam"):
        name, options = RULES[rule]
        params = [parameters(shapes) for _ in range(2)]
        both = [
            getattr(of, name)(p, LR, **options, foreach=True) for of, p in zip((ours, torch.optim), params, strict=True)
        ]
        mine, theirs = (peak(optimizer) / 1e6 for optimizer in both)
        peer = f"torch.optim.{name}, foreach=True"
        if "step" not in both[1].state[params[1][0]]:
            theirs, peer = theirs + 4e-6 * len(params[1]), f"{peer}, and a count of steps"
        what = f"{rule}, foreach=True, ResNet-18: most beyond x and g"
        yield Row(what, peer, mine, theirs, mine / theirs, 1.0, "MB")


GROUPS: dict[str, tuple[Callable[[], Iterator[Row]], ...]] = {
    "fused": (against_fused,),
    "small": (small_models,),
    "copying": (against_copying,),
    "centralize": (centralized,),
    "memory": (peaks,),
    "cuda": (partial(on_cuda, resnet18(), parameters, numbers),),
}
