"""Steps of dense tensors on the CPU by compiled code, which reads and writes them where they lie, on threads."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from ..rule import Rule
from ..steps import COLUMNS
from .written import TYPES

REALS = {
    **{torch.float32: ("float32", 1), torch.float64: ("float64", 1)},
    **{torch.complex64: ("float32", 2), torch.complex128: ("float64", 2)},
}
"""What an element is to compiled code: the type of its real numbers, and how many they are."""
GRADIENT = len(COLUMNS) + 1  # the column of its address
SMALL = 1 << 16  # elements below which one thread is quicker than two
_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_forget_pool)  # a forked process, such as a DataLoader's, has none of the threads


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="momentumlab")
    return _pool


def fits(p: torch.Tensor) -> bool:
    """Whether compiled code can take a tensor: dense, on the CPU, in single or double precision."""
    lazy = p.is_conj() or p.is_neg()
    return (
        not lazy
        and p.dtype in REALS
        and p.device.type == "cpu"
        and type(p) in TYPES
        and p.layout is torch.strided
        and dense(p)
    )


def dense(p: torch.Tensor) -> bool:
    """Whether its elements fill a stretch of memory, in any order of dimensions."""
    if p.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(p.stride(), p.shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def like(t: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The same values in memory as p has its own."""
    if t.shape != p.shape:
        raise ValueError(f"a gradient or memory has shape {tuple(t.shape)}, its parameter {tuple(p.shape)}")
    if t._is_zerotensor():
        return torch.zeros_like(p)
    if t.is_conj() or t.is_neg():
        t = t.resolve_conj().resolve_neg()
    return t if t.stride() == p.stride() and t.dtype == p.dtype else torch.empty_like(p).copy_(t)


def outermost(p: torch.Tensor) -> bool:
    """Whether the slices across the first axis are stretches of memory, one after another."""
    return p.dim() == 0 or p.numel() == 0 or p.stride(0) * p.shape[0] == p.numel() or p.shape[0] == 1


class Work:
    """Steps of tensors of one rule and type where they lie: their addresses, in shares for each thread.

    Parameters
    ----------
    rule : Rule
    arrays : sequence of sequences of tensors
        For each parameter those of the rule: itself, its gradient, products, memory.
    rows, spans : sequence of int
        For each, its row of numbers, and over what it is summed.
    counters : sequence of tensors, optional
        What counts the steps of each.
    """

    def __init__(
        self, rule: Rule, arrays: Sequence[Sequence[torch.Tensor]], rows: Sequence[int], spans: Sequence[int],
        counters: Sequence[torch.Tensor], what: str = "step",
    ) -> None:  # fmt: skip
        from ..compiled.steps import step

        self.real = REALS[arrays[0][0].dtype][0]
        self.compiled, self.plan = step(rule, self.real, what)
        items = [
            [
                a[0].numel() * REALS[a[0].dtype][1], row, span,
                a[0].shape[0] if self.plan.means and a[0].numel() and a[0].dim() else 1, a[0].dim(),
                0 if what != "step" else counter.data_ptr(), *[t.data_ptr() for t in a],
            ]
            for a, row, span, counter in zip(arrays, rows, spans, counters, strict=True)
        ]  # fmt: skip
        total = sum(item[0] for item in items)
        self.threads = torch.get_num_threads()
        workers = self.threads if total >= SMALL else 1
        self.work, self.of, self.bounds = _shared(
            items, total, workers, np.dtype(self.real).itemsize, bool(self.plan.means)
        )
        self.sums = np.zeros((workers, max(spans) + 1, sum(map(len, self.plan.sums))))
        self.gradients = [item[GRADIENT] for item in items]
        self.offsets = self.work[:, GRADIENT] - np.array(self.gradients)[self.of]
        self.whole = len(self.of) == len(items)  # one piece of each, in their order
        self.numbers: Any = None
        self.table = np.empty((0, 0))

    def point(self, gradients: list[int]) -> None:
        """Take gradients from other addresses."""
        if gradients != self.gradients:
            self.work[:, GRADIENT] = gradients if self.whole else np.array(gradients)[self.of] + self.offsets
            self.gradients = gradients

    def run(self, numbers: Sequence[Sequence[float]]) -> None:
        """One step, by a table of numbers."""
        if numbers != self.numbers:
            self.numbers, self.table = numbers, np.array(numbers, dtype=np.float64).reshape(len(numbers), -1)
        table = self.table
        stages = len(self.plan.sums)
        if stages:
            self.sums[:] = 0.0
        for stage in range(stages + 1):
            if len(self.bounds) == 1 or (stage < stages and self.real == "float64"):  # in double, sums keep their order
                self._call(stage, 0, (0, len(self.work)), table)
                continue
            waiting = [
                _threads().submit(self._call, stage, worker, share, table)
                for worker, share in enumerate(self.bounds)
                if worker
            ]
            try:
                self._call(stage, 0, self.bounds[0], table)
            finally:
                for future in waiting:
                    future.result()

    def _call(self, stage: int, worker: int, share: tuple[int, int], table: np.ndarray) -> None:
        self.compiled(stage, worker, *share, self.work, table, self.sums)


def _shared(
    items: list[list[int]], total: int, workers: int, itemsize: int, sliced: bool
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Pieces of work in equal shares, cut between elements or slices; of which item each is; and the shares' bounds."""
    pieces: list[list[int]] = []
    of: list[int] = []
    ends: list[int] = []
    done, share = 0, -(-total // workers)
    for i, item in enumerate(items):
        size, row, span, slices, ndim, counter, *addresses = item
        unit, start = max(1, size // slices if sliced else 1), 0
        while start < size or not size:
            left, last = size - start, len(ends) == workers - 1
            take = left if last else min(left, max((len(ends) + 1) * share - done, 0) // unit * unit)
            if take or not size:
                places = [a + start * itemsize for a in addresses]
                pieces.append(
                    [take, row, span, take // unit if sliced and take else 1, ndim, 0 if start else counter, *places]
                )
                of.append(i)
                start, done = start + take, done + take
            if start < size:
                ends.append(len(pieces))
            if not size:
                break
    bounds = list(zip([0, *ends], [*ends, len(pieces)], strict=True))
    return np.array(pieces, dtype=np.int64), np.array(of), bounds
