"""Steps on CUDA, which `fused=True` compiles by torch.compile: against torch's fused ones, copying, and the CPU.

Where there is no device there are no rows.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from .. import torch as ours
from .rows import Row, pairs

LR = 1e-6
LARGE = [(1 << 24,)] * 8  # half a GB, beside which what Python takes to launch a step is little
RULES: dict[str, dict[str, Any]] = {"SGD": dict(momentum=0.9), "AdamW": {}}


def on_device(run: Callable[[], Any], times: int = 20) -> float:
    """Seconds of a call, from its launch to its end on the device: the mean of several in a row."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        run()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def on_cuda(
    shapes: Sequence[tuple[int, ...]], parameters: Callable[..., list], numbers: Callable[[Any], int]
) -> Iterator[Row]:
    """Rows for SGD with momentum and AdamW; compiling is not timed."""
    if not torch.cuda.is_available():
        return
    device = torch.cuda.get_device_name()
    for name, options in RULES.items():
        mine = getattr(ours, name)(parameters(shapes, "cuda"), LR, **options, fused=True)
        theirs = getattr(torch.optim, name)(parameters(shapes, "cuda"), LR, **options, fused=True)
        what, peer = f"{name}, fused=True, ResNet-18, {device}, a step", f"torch.optim.{name}, fused=True"
        yield pairs(what, peer, partial(on_device, mine.step), partial(on_device, theirs.step), 1.05)
    for name, options in RULES.items():
        optimizer = getattr(ours, name)(parameters(LARGE, "cuda"), LR, **options, fused=True)
        yield bandwidth(name, optimizer, numbers, device)
        del optimizer  # and its memory, before the next
    for name, options in RULES.items():
        yield difference(name, options, shapes, parameters, device)


def bandwidth(name: str, optimizer: Any, numbers: Callable[[Any], int], device: str) -> Row:
    """A step of large tensors against copying as many bytes: 0.85 of the bandwidth of copying, or more."""
    source = torch.ones(numbers(optimizer) // 2, device=optimizer.param_groups[0]["params"][0].device)
    copy = partial(torch.empty_like(source).copy_, source)
    what, peer = f"{name}, fused=True, 8 × 2²⁴ numbers, {device}, a step", "copying as many bytes on it"
    return pairs(what, peer, partial(on_device, optimizer.step), partial(on_device, copy), round(1 / 0.85, 3))


def difference(
    name: str, options: dict[str, Any], shapes: Sequence[tuple[int, ...]], parameters: Callable[..., list], device: str
) -> Row:
    """How far parameters are from those on the CPU after ten steps, by their norm."""
    found = []
    for where in ("cuda", "cpu"):
        params = parameters(shapes, where)
        optimizer = getattr(ours, name)(params, **options, fused=True)
        for _ in range(10):
            optimizer.step()
        found.append(torch.cat([p.detach().double().cpu().flatten() for p in params]))
    apart = float(torch.linalg.norm(found[0] - found[1]) / torch.linalg.norm(found[1]))
    return Row(f"{name}, ten steps on {device}: relative difference from the CPU", "", apart, None, None, 1e-6, "")
