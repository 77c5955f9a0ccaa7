"""Many runs at once: a kernel for a rule and an objective, whose runs lie across the processor's lanes.

The objective is compiled into the kernel, whose loops over lanes LLVM turns into vector instructions; state lies in one
array, of a size known to it, so that it can see that nothing overlaps. As in `loop`, a kernel's name carries a digest
of what it is made of, so that the disk cache, which keeps those of our own problems, cannot run a stale one.
"""

import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
from numba import float64, int8, int32, int64, njit, void
from numba.core.errors import NumbaError, NumbaPerformanceWarning

from ..objective import is_compiled
from ..result import Status, limit
from .functions import MATRIX, VECTOR, compile_cached, stands_alone

LANES, STRETCH = 64, 32  # runs side by side, and the most steps between two looks at them
KEPT = 32  # kernels
OTHERS = count()  # functions whose source is not all that they depend on
SCOPE = dict(
    __name__=__name__,
    CONVERGED=int(Status.CONVERGED), LIMIT=int(Status.ITERATION_LIMIT), NONFINITE=int(Status.NONFINITE),
    DIVERGED=int(Status.DIVERGED), LANES=LANES, STRETCH=STRETCH,
    inf=np.inf, nan=np.nan, sqrt=np.sqrt, empty=np.empty, zeros=np.zeros, full=np.full, limit=njit(limit),
)  # fmt: skip
"""What the text of `loops.side_by_side` may name."""
ARGUMENTS = (
    *(int64, int64, MATRIX, VECTOR, int64[:, ::1], int64, float64),  # runs, starts, hyperparameters, limits
    *(MATRIX, VECTOR, int32[::1], int8[::1]),  # how each ended
)


class Program:
    """What a kernel is made of."""

    def __init__(self, text: str, objective: Any, n: int) -> None:
        self.text, self.objective, self.n = text, objective, n
        self.ours = not is_compiled(objective)
        self.kept = self.ours and stands_alone(objective)
        source = inspect.getsource(sys.modules[objective.__module__]) if self.kept else f"number {next(OTHERS)}"
        parts = text, source, inspect.getsource(limit), objective.__name__, str((n, LANES, STRETCH))
        self.digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def function(self) -> Any:
        """The kernel as Numba is to compile it."""
        scope = {**SCOPE, "N": self.n, "objective": self.on_columns("always"), "evaluate": self.on_columns("never")}
        exec(compile(self.text, __file__, "exec"), scope)  # noqa: S102 - text written by `loops`
        return scope["side_by_side"]

    def on_columns(self, inline: Any) -> Callable:
        """f(x, g) on columns of arrays: ours as it is, and inlined; others, which may take views, on copies."""
        if self.ours:
            inner = njit(inline=inline, error_model="numpy")(self.objective)
            return njit(inline=inline, error_model="numpy")(lambda x, g, apart: inner(x, g))
        whole = self.objective

        def copied(x, g, apart):
            apart[0, :] = x
            value = whole(apart[0], apart[1])
            g[:] = apart[1]
            return value

        return njit(copied, error_model="numpy")


@lru_cache(maxsize=KEPT)
def side_by_side(text: str, objective: Any, n: int) -> Callable:
    """The kernel of a text of `loops.side_by_side` for f(x, g) of n variables: one of our own, or one that is compiled.

    Raises
    ------
    TypeError
        Where the objective does not compile into it.
    """
    program = Program(text, objective, n)
    signature = void(*ARGUMENTS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumbaPerformanceWarning)  # of products with columns
            if program.kept:
                return compile_cached(signature, program.function(), f"lanes_{program.digest}", nogil=True)
            return njit(signature, error_model="numpy", nogil=True)(program.function())
    except NumbaError as error:
        first = next(line for line in str(error).splitlines() if line.strip() and not line.startswith("Failed in"))
        raise TypeError(f"{objective.__name__} does not compile into a loop of many runs: {first}") from error
