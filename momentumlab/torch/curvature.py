"""Stored preconditioners on torch's vectors: their arrays, what they supply to a step, and what they learn from it.

The functions are those of `momentumlab.curvature`: compiled for vectors in double precision on the CPU, where the bits
are those of every other loop, and for dense matrices; elsewhere limited memory runs on torch's own operators.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import torch

from .. import curvature
from ..preconditioner import Stored
from ..rule import Rule
from . import fused, written

ROWS, NUMBERS, LAST, SIZE, POINT = KEPT = ("B_rows", "B_numbers", "B_last", "B_size", "B_point")
"""What is kept with the memory of the first parameter of a span; and, with each one's, where it was."""


def dot(a: torch.Tensor, b: torch.Tensor) -> np.float64:
    return np.float64(torch.dot(a, b).item())


def keep_pair(s, g, last, step, change):
    step.copy_(s)
    torch.sub(g, last, out=change)
    last.copy_(g)
    return dot(s, s), dot(s, change), dot(change, change)


def products(W, at, v, out):
    out[: len(at)] = np.array(torch.mv(W, v).tolist())[at.astype(int)]


def combine(gamma, v, c, W, at, out):
    total = float(gamma) * v
    for i, r in enumerate(at.astype(int)):
        total.add_(W[r], alpha=float(c[i]))
    out.copy_(total)


def blend(a, u, b, v, out):
    out.copy_(float(a) * u + float(b) * v)


@cache
def functions() -> dict[str, Any]:
    """`momentumlab.curvature` on torch's vectors."""
    scope = dict(vars(curvature)) | dict(dot=dot, keep_pair=keep_pair, products=products, combine=combine, blend=blend)
    for name, value in vars(curvature).items():
        if isinstance(value, FunctionType) and value.__module__ == curvature.__name__:
            scope[name] = FunctionType(value.__code__, scope, name)
    return scope


def _compiled(name: str) -> Callable:
    from ..compiled.kernels import kernel

    function = kernel(name).function
    return lambda *arrays: function(*(a if isinstance(a, np.ndarray) else a.numpy() for a in arrays))


class Span:
    """The vectors of some parameters as one, and what is known of the curvature along it."""

    def __init__(self, rule: Rule, stored: Stored, parts: Sequence[Any]) -> None:
        self.rule, self.stored, self.parts = rule, stored, parts
        p = parts[0].p
        if any(part.p.device != p.device or part.p.is_complex() for part in parts):
            raise ValueError(f"{stored} takes real parameters on one device; over='tensor' keeps them apart")
        real = parts[0].wide or p.dtype
        dense = stored.kind in ("dense", "inverse")
        if real not in (torch.float32, torch.float64):
            raise ValueError(f"{stored} computes in single or double precision; give state_dtype=torch.float32")
        self.device = torch.device("cpu") if dense else p.device
        self.dtype = torch.float64 if dense else real
        self.compiled = dense or (self.device.type == "cpu" and real is torch.float64)
        self.kept = parts[0].state
        n = sum(part.p.numel() for part in parts)
        sizes = {int(part.state.get(SIZE, n)) for part in parts}
        if sizes != {n} or (SIZE in self.kept and ROWS not in self.kept):
            raise ValueError(
                f"{stored} is kept over {max(sizes)} components, and {n} have gradients now; all its parameters must "
                "have gradients in every step, or over='tensor' keeps them apart"
            )
        if ROWS not in self.kept:
            rows, numbers = stored.arrays(n)
            self.kept[ROWS] = torch.from_numpy(rows).to(self.device, self.dtype)
            self.kept[NUMBERS] = torch.from_numpy(numbers)
            self.kept[LAST] = self.seen()
            for part in parts:
                part.state[SIZE] = torch.tensor(n)
        if (tuple(self.kept[ROWS].shape), tuple(self.kept[NUMBERS].shape)) != stored.shapes(n):
            raise ValueError(f"the memory is not that of {stored}: it was kept by another preconditioner")
        self.kept[ROWS], self.kept[NUMBERS] = self.kept[ROWS].to(self.device), self.kept[NUMBERS].cpu()
        self.kept[LAST] = self.kept[LAST].to(self.device)

    def flat(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat([t.detach().reshape(-1).to(self.device, self.dtype) for t in tensors])

    def seen(self) -> torch.Tensor:
        """The gradient as the rule sees it."""
        return self.flat(seen(self.rule, self.parts))

    def run(self, name: str, *vectors: torch.Tensor) -> torch.Tensor:
        """Call a function of the stored kind on its arrays; the last vector is what it writes."""
        function = _compiled(name) if self.compiled else functions()[name]
        numbers = self.kept[NUMBERS].numpy()
        with np.errstate(all="ignore"):
            function(self.kept[ROWS], numbers, *vectors)
        return vectors[-1]

    def supply(self, index: str) -> None:
        """The products of a step, before or after learning from the last one."""
        step, g = self.rule.last_step, self.seen()
        if step:
            s = self.flat([part.state[step] for part in self.parts])
        else:
            before = [part.state.get(POINT, part.p) for part in self.parts]
            s = self.flat([part.p for part in self.parts]) - self.flat(before)
            for part in self.parts:
                part.state[POINT] = part.p.detach().clone()
        if index == "lagged":
            found = self._products(g, s)
            Bs = found.get(f"B{step}")
            self.run(*((self.stored.update, s, g, self.kept[LAST], Bs) if Bs is not None else self._learning(s, g)))
        else:
            self.run(*self._learning(s, g))
            found = self._products(g, s)
        for name in self.rule.inputs:
            pieces = found[name].to(self.parts[0].p.device).split([part.p.numel() for part in self.parts])
            for part, piece in zip(self.parts, pieces, strict=True):
                shaped = piece.view(part.p.shape).to(part.wide or part.p.dtype)
                part.products[name] = fused.like(shaped, part.p) if part.caller == "fused" else shaped

    def _learning(self, s: torch.Tensor, g: torch.Tensor) -> tuple[Any, ...]:
        return f"{self.stored.kind}_learn", s, g, self.kept[LAST], torch.empty_like(s)

    def _products(self, g: torch.Tensor, s: torch.Tensor) -> dict[str, torch.Tensor]:
        def vector(name: str) -> torch.Tensor:
            if name in ("g", self.rule.last_step):
                return g if name == "g" else s
            return self.flat([part.state[name] for part in self.parts])

        does = {"B": f"{self.stored.kind}_apply", "H": f"{self.stored.kind}_solve"}
        return {n: self.run(does[n[0]], v := vector(n[1:]), torch.empty_like(v)) for n in self.rule.inputs}


def seen(rule: Rule, parts: Sequence[Any]) -> list[torch.Tensor]:
    """Gradients after the transforms before the rule."""
    if not rule.before:
        return [part.g for part in parts]
    step, p = written.one_by_one(rule, "seen")
    arrays = [[{"g": part.g}.get(n, part.p) for n in p.vectors] for part in parts]
    return [found for (found,) in step(arrays, [part.numbers for part in parts])]


def by_span(parts: Sequence[Any], spans: Sequence[int]) -> Iterable[list[Any]]:
    members: defaultdict[int, list[Any]] = defaultdict(list)
    for part, span in zip(parts, spans, strict=True):
        members[span].append(part)
    return members.values()


def supply(rule: Rule, stored: Stored, index: str, parts: Sequence[Any], spans: Sequence[int]) -> None:
    """What a stored preconditioner supplies to each parameter, span by span."""
    for members in by_span(parts, spans):
        Span(rule, stored, members).supply(index)


# ------------------------------------------------------------------ pairs of one mini-batch


def last_point(rule: Rule, p: torch.Tensor, state: dict[str, Any]) -> torch.Tensor | None:
    """Where a parameter was before its last step, where that is remembered."""
    name = rule.last_step or ("x_last" if rule.supplied else POINT)
    if name not in state:
        return None
    return p.detach() - state[name] if rule.last_step else state[name]


def remember(stored: Stored | None, parts: Sequence[Any], spans: Sequence[int]) -> None:
    """Take the gradients that there are now for those before the step."""
    for members in by_span(parts, spans):
        for rule in dict.fromkeys(part.rule for part in members):
            of_rule = [part for part in members if part.rule is rule]
            if stored:
                span = Span(rule, stored, of_rule)
                span.kept[LAST] = span.seen()
            else:
                for part, g in zip(of_rule, seen(rule, of_rule), strict=True):
                    if "g_last" in part.state:
                        part.state["g_last"].copy_(g)
