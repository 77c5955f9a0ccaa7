"""Steps of a rule on many arrays at once, compiled: they read and write the arrays where they lie, by their addresses.

As with loops, the Numba type of a step carries a digest of its text, which keys the disk cache.
"""

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
from llvmlite import ir
from numba import carray, float64, int64, njit, types, void
from numba.extending import intrinsic, overload, typeof_impl

from .. import steps
from .functions import MATRIX, compile_cached, opaque

REALS = {"float32": np.float32, "float64": np.float64}
plain = njit(error_model="numpy", inline="always")
reassociated = njit(error_model="numpy", fastmath={"reassoc"}, forceinline=True)  # sums in any order, many at a time


@opaque
class StepType(types.Dummy):
    """The Numba type of a step: its text, and the type of its elements."""

    texts: ClassVar[dict[str, tuple[str, str]]] = {}

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"Step({digest})")


class Step:
    """A step of one rule on elements of one type; `run` is compiled code.

    ``run(self, stage, worker, begin, end, work, numbers, sums)``, as in `steps.kernel`.
    """

    def __init__(self, text: str, real: str) -> None:
        digest = hashlib.sha256(f"{real}\n{text}".encode()).hexdigest()[:16]
        StepType.texts[digest] = text, real
        self.kind = StepType(digest)
        self.run = _driver(self.kind)


typeof_impl.register(Step)(lambda value, context: value.kind)


@intrinsic
def pointer(typing_context, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


@njit
def total(sums, span, i):
    found = 0.0
    for worker in range(sums.shape[0]):
        found += sums[worker, span, i]
    return found


@njit
def count(counter):
    if counter:
        carray(pointer(counter), (1,), np.float32)[0] += np.float32(1.0)  # type: ignore[call-arg]


def _step(*args):
    """What the driver calls; `_written` gives its body."""


@overload(_step, jit_options={"error_model": "numpy"}, strict=False)
def _written(program, stage, worker, begin, end, work, numbers, sums):
    text, real = StepType.texts[program.digest]
    scope = dict(
        plain=plain, summing=reassociated if real == "float32" else plain, real=REALS[real],
        pointer=pointer, carray=carray, total=total, count=count,
        float64=np.float64, uint64=np.uint64, sqrt=np.sqrt, inf=np.inf, nan=np.nan,
    )  # fmt: skip
    exec(text, scope)  # noqa: S102 - text written by `steps`
    return scope["step"]


def _drive(program, stage, worker, begin, end, work, numbers, sums):
    _step(program, stage, worker, begin, end, work, numbers, sums)


@cache
def _driver(kind: StepType) -> Callable:
    signature = void(kind, int64, int64, int64, int64, int64[:, ::1], MATRIX, float64[:, :, ::1])
    return compile_cached(signature, _drive, f"_step_{kind.digest}", nogil=True)


@lru_cache(maxsize=256)
def step(rule, real: str, what: str = "step") -> tuple[Step, steps.Plan]:
    """The step of a rule, or what starts its memory, compiled; and its plan."""
    plan = steps.plan(rule, what)
    return Step(steps.kernel(plan), real), plan
