"""The driver around the text of a method's loop, and the run that it makes.

A loop's name carries a digest of what `loops` wrote for its method. The disk cache is keyed by names, so an edited rule
is another entry and a stale one is never run. Functions come as pointers: the loop is compiled once for all objectives,
and once for all preconditioners that keep arrays.
"""

import hashlib
import inspect
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numba import boolean, float64, int64, types
from numba.core.errors import NumbaExperimentalFeatureWarning

from .. import curvature, searches
from ..hyper import BLOCK
from ..loops import kept_of_pairs
from ..method import Method
from ..objective import Objective, locate
from ..result import Evaluated, History, Step, is_finite, limit
from ..searches import LAST, STEP, fresh_hunt
from .functions import MATRIX, TUPLES, VECTOR, Pointers, compile_cached, helper, pointer
from .kernels import kernel, kernels

PAUSE, LOOK, WILD, FULL, NO_STEP = range(5)  # why the loop returns
K, ROWS, STRIDE, CALLS, HESSIANS, TRYING, SHAPE = range(7)  # what its counts hold
CHUNK_SECONDS = 0.02  # the loop returns to Python about this often, for Ctrl-C, time limits and progress
SCOPE = dict(
    __name__=__name__,
    PAUSE=PAUSE, LOOK=LOOK, WILD=WILD, FULL=FULL, NO_STEP=NO_STEP,
    K=K, ROWS=ROWS, STRIDE=STRIDE, CALLS=CALLS, HESSIANS=HESSIANS, TRYING=TRYING, SHAPE=SHAPE,
    inf=np.inf, nan=np.nan, int64=np.int64, float64=np.float64, empty=np.empty,
    sqrt=np.sqrt,
)  # fmt: skip
"""What the texts of `loops` may name."""


@cache
def digest(text: str) -> str:
    """Of all that a loop is made of: what it does, not what it is called."""
    sources = (inspect.getsource(module) for module in (searches, curvature))
    return hashlib.sha256("".join([text, *sources]).encode()).hexdigest()[:16]


@helper()
def slices(shape, axis, min_dim):
    """A zero for each slice of an array across an axis, and the stride from one to the next, coordinate by coordinate.

    The stride is beyond the array where it is to be left alone.
    """
    if shape.size < min_dim:
        return np.zeros(1), np.prod(shape) + 1
    if not -shape.size <= axis < shape.size or axis != int(axis):
        raise ValueError("axis is not one of x's: it must be a whole number below x's number of dimensions")
    return np.zeros(shape[int(axis)]), np.prod(shape[int(axis) % shape.size + 1 :])


def driver(method: Method) -> Callable:
    """The compiled loop of a method, as `loops.descend` writes it."""
    return _driver(method.text)


@cache
def _driver(text: str) -> Callable:
    learns = "= curvature" in text
    table = types.Array(float64, 2, "C", readonly=True)
    bounds = types.Tuple((int64, int64, float64, float64, boolean))
    record = types.Tuple((MATRIX, MATRIX, MATRIX, MATRIX, int64[::1], VECTOR))
    searching = types.Tuple((VECTOR, VECTOR) if "= searching" in text else ())
    curvature = types.Tuple((MATRIX,) * 4 if learns else ())
    arrays = (VECTOR, VECTOR, MATRIX, table, bounds, record, searching, curvature)
    scope = {**kernels(), **SCOPE, "slices": slices}
    exec(compile(text, __file__, "exec"), scope)  # noqa: S102 - text written by `loops`
    signature = int64(TUPLES[5 if learns else 1], *arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)  # of functions in a tuple
        return compile_cached(signature, scope["descend"], f"descend_{digest(text)}", nogil=True, no_cfunc_wrapper=True)


@cache
def _entry(text: str) -> Callable:
    """The driver where its arguments are known to be of the right types, which Numba else looks up at every call."""
    [compiled] = _driver(text).overloads.values()  # type: ignore[attr-defined]
    return compiled.entry_point


class Loop:
    """The compiled loop of one run: a `Step` that moves.

    Iterating yields the loop itself wherever there is something to look at: at the start, at multiples of `every`,
    where a number is small, huge or not finite, and otherwise every few hundredths of a second.
    """

    def __init__(
        self,
        objective: Objective,
        method: Method,
        x0: np.ndarray,
        history: History,
        *,
        tol: float,
        euclidean: bool,
        every: int,
    ) -> None:
        self.objective, self.method, self.rule = objective, method, method.rule
        self.history, self.every = history, every
        n, search, rule = x0.size, method.search, self.rule
        self.x, self.memory = x0, np.empty((len(rule.slots), n))
        self.old = np.empty((1 if rule.reports == rule.point else 2, n))
        self.old[0] = x0.ravel()
        self.work = np.empty((2, n if search else 0))
        self.searching: tuple[np.ndarray, ...] = (np.array(search.settings), fresh_hunt()) if search else ()
        self.curvature = self._curvature(n)
        self.pointers = self._pointers()
        self.counts = np.array([0] * SHAPE + [*x0.shape], dtype=np.int64)
        began = time.perf_counter()
        history.values[0], self.jac = objective(x0)
        self.finite = is_finite(self.fun, self.jac)
        self.pace = 1 / max(time.perf_counter() - began, 1e-9)
        self.flat = self.x.reshape(-1), self.jac.reshape(-1)
        self.tests = (tol, limit(self.fun), euclidean)
        if rule.slots:
            for slot, start in zip(self.memory, method.start(x0, self.jac, self.step), strict=True):
                slot[:] = start.ravel()
        if method.stored and not method.takes_hessian:
            seen = rule.seen(x0, self.jac, method.row(1, self.step)) if rule.before else self.jac
            self.curvature[3][0] = seen.ravel()

    def _curvature(self, n: int) -> tuple[np.ndarray, ...]:
        """What a stored preconditioner keeps, what it supplies, and what the loop keeps for it."""
        stored, rule = self.method.stored, self.rule
        if stored is None:
            return ()
        kept = kept_of_pairs(rule, stored, self.method.index)
        return *stored.arrays(n), np.zeros((len(rule.inputs), n)), np.zeros((len(kept), n))

    def _pointers(self) -> Pointers:
        """The objective; and with a stored preconditioner the Hessian, or what stands in for it, and its functions."""
        f, stored = pointer(self.objective.native), self.method.stored
        if stored is None:
            return Pointers((f,))
        hess = pointer(self.objective.native_hess) if stored.reads_hessian else f
        asked = {name[0] for name in self.rule.inputs}
        apply = kernel(f"{stored.kind}_{'apply' if 'B' in asked else 'solve'}")
        solve = kernel(f"{stored.kind}_{'solve' if 'H' in asked else 'apply'}")
        learns = "Bs" in kept_of_pairs(self.rule, stored, self.method.index)
        return Pointers((f, hess, apply, solve, kernel(f"{stored.kind}_learn" if learns else stored.update)))

    @property
    def k(self) -> int:
        return int(self.counts[K])

    @property
    def fun(self) -> float:
        return float(self.history.values[0])

    @property
    def step(self) -> float:
        if self.method.search is None:
            return 0.0
        found = self.searching[1][STEP]
        return float(found) if found < np.inf else self.method.search.first

    @property
    def slots(self) -> dict[str, np.ndarray]:
        return {name: a.reshape(self.x.shape) for name, a in zip(self.rule.slots, self.memory, strict=True)}

    @property
    def iterate(self) -> np.ndarray:
        return self.x if self.rule.reports == self.rule.point else self.slots["x"]

    def __iter__(self) -> Iterator[Step]:
        yield self
        while True:
            began, k = time.perf_counter(), self.k
            steps = max(1, int(CHUNK_SECONDS * self.pace))
            reason = self.drive(min(k + steps, self.every * (k // self.every + 1)))
            if reason == NO_STEP:
                self.searching[1][STEP] = self.searching[1][LAST]
                yield self
                return
            if reason == WILD and not is_finite(self.fun, self.jac, self.x):
                bad = Evaluated(self.k, self.x.copy(), self.fun, self.jac.copy(), {}, self.iterate.copy(), self.step)
                self._step_back()
                self.finite = is_finite(self.fun, self.jac, self.x)
                yield self
                yield bad
            else:
                self.pace = (self.k - k) / max(time.perf_counter() - began, 1e-9)
                yield self

    def drive(self, stop: int) -> int:
        """Run the loop up to an iteration, or until there is something to look at; says which."""
        history, counts, first = self.history, self.counts, self.k // BLOCK * BLOCK
        table = self.rule.table(first)
        if self.rule.scheduled:
            if self.k - first >= len(table):
                self.method.row(self.k + 1, self.step)  # raises what is wrong with it
                raise ValueError(f"{self.rule.name}: a schedule is not a function of k alone, at k = {self.k + 1}")
            stop = min(stop, first + len(table))
        began, before, run = self.k, self.objective.nfev, _entry(self.method.text)
        counts[ROWS:SHAPE] = history.rows, history.stride, before, 0, 0
        try:
            return run(
                self.pointers,
                *self.flat,
                self.memory,
                table,
                (first, stop, *self.tests),
                (self.old, self.work, history.log, history.path, counts, history.values),
                self.searching,
                self.curvature,
            )
        except Exception as error:
            if counts[TRYING] < 2 or counts[TRYING] == 3:
                locate(error, self.work[0].reshape(self.x.shape) if counts[TRYING] == 1 else self.x)
            if not counts[TRYING]:
                self._step_back()
                began -= 1
            raise
        finally:
            calls = int(counts[CALLS]) - before if self.method.search else self.k - began
            self.objective.nfev, self.objective.njev = self.objective.nfev + calls, self.objective.njev + calls
            self.objective.nhev += int(counts[HESSIANS])
            history.rows = int(counts[ROWS])
            history.make_room()

    def _step_back(self) -> None:
        """Return to the point before the last step, and evaluate the objective there again."""
        self.x.reshape(-1)[:] = self.old[0]
        if len(self.old) == 2:
            self.iterate.reshape(-1)[:] = self.old[1]
        self.counts[K] -= 1
        if self.searching:
            self.searching[1][STEP] = self.searching[1][LAST]
        try:
            self.history.values[0], self.jac[:] = self.objective(self.x)
        except Exception:
            self.history.values[0], self.jac[:] = np.nan, np.nan
