"""Steps of a rule on many arrays at once, compiled: they read and write the arrays where they lie, by their addresses.

As with loops, the name of a step carries a digest of its text, which keys the disk cache.
"""

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
from llvmlite import ir
from numba import carray, float64, int64, njit, types, void
from numba.extending import intrinsic

from .. import steps
from .functions import MATRIX, compile_cached, helper

REALS = {"float32": np.float32, "float64": np.float64}
plain = njit(error_model="numpy", inline="always")
reassociated = helper(error_model="numpy", fastmath={"reassoc"}, forceinline=True)  # sums in any order, many at a time


@intrinsic
def pointer(typing_context, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


@helper()
def total(sums, span, i):
    found = 0.0
    for worker in range(sums.shape[0]):
        found += sums[worker, span, i]
    return found


@helper()
def count(counter):
    if counter:
        carray(pointer(counter), (1,), np.float32)[0] += np.float32(1.0)  # type: ignore[call-arg]


@cache
def _driver(text: str, real: str) -> Callable:
    """``step(stage, worker, begin, end, work, numbers, sums)`` of a text of `steps.kernel`, compiled."""
    scope = dict(
        __name__=__name__, plain=plain, summing=reassociated if real == "float32" else plain, real=REALS[real],
        pointer=pointer, carray=carray, total=total, count=count,
        float64=np.float64, uint64=np.uint64, sqrt=np.sqrt, inf=np.inf, nan=np.nan,
    )  # fmt: skip
    exec(compile(text, __file__, "exec"), scope)  # noqa: S102 - text written by `steps`
    digest = hashlib.sha256(f"{real}\n{text}".encode()).hexdigest()[:16]
    signature = void(int64, int64, int64, int64, int64[:, ::1], MATRIX, float64[:, :, ::1])
    return compile_cached(signature, scope["step"], f"step_{digest}", nogil=True, no_cfunc_wrapper=True)


@lru_cache(maxsize=256)
def step(rule, real: str, what: str = "step") -> tuple[Callable, steps.Plan]:
    """The step of a rule, or what starts its memory, compiled; and its plan."""
    plan = steps.plan(rule, what)
    return _driver(steps.kernel(plan), real), plan
