"""The compiled loop; the only file that knows Numba.

A rule is an argument with a Numba type of its own, whose name carries a digest of the loop that
`trace` wrote for it. The disk cache is keyed by types, so an edited rule is another entry and a stale
one is never run. Objectives are function pointers: the loop is compiled once for all of them.
"""

import hashlib
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np
from numba import boolean, float64, int64, njit, types
from numba.core import cgutils
from numba.core.errors import NumbaError
from numba.experimental.function_type import FunctionModel
from numba.extending import NativeValue, models, overload, register_model, typeof_impl, unbox

from .hyper import BLOCK
from .method import Method
from .objective import Objective, is_compiled, locate
from .result import Evaluated, History, Step, is_finite, limit
from .rule import Rule
from .searches import accepts, backtrack

PAUSE, LOOK, FULL, SEARCH = range(4)  # why the loop returns
K, ROWS, STRIDE, TRIALS, TRYING, SHAPE = range(6)  # what its counts hold
KEPT = 128  # compiled objectives, with the data that they close over
CHUNK_SECONDS = 0.02  # the loop returns to Python about this often, for Ctrl-C, time limits and progress
OBJECTIVE = float64(float64[::1], float64[::1])
INFINITE = int(np.array(np.inf).view(np.int64))  # its bits
SCOPE = dict(
    PAUSE=PAUSE, LOOK=LOOK, FULL=FULL, SEARCH=SEARCH,
    K=K, ROWS=ROWS, STRIDE=STRIDE, TRIALS=TRIALS, TRYING=TRYING, SHAPE=SHAPE, INFINITE=INFINITE,
    inf=np.inf, nan=np.nan, int64=np.int64, float64=np.float64, empty=np.empty,
    sqrt=np.sqrt,
)  # fmt: skip
"""What the texts of `trace` may name."""


# ------------------------------------------------------------------ objectives


@lru_cache(maxsize=KEPT)
def objective(function: Any, shape: tuple[int, ...] = ()) -> Callable:
    """f(x, g), which returns the value and writes the gradient, compiled to be passed as a pointer.

    It takes flat vectors; with a shape, the function sees arrays of that shape.
    """
    try:
        if shape:
            inner = function if is_compiled(function) else njit(error_model="numpy")(function)
            return njit(OBJECTIVE)(lambda x, g: inner(x.reshape(shape), g.reshape(shape)))
        if not is_compiled(function):
            ours = function.__module__.startswith(f"{__package__}.") and function.__closure__ is None
            return _njit(OBJECTIVE, function) if ours else njit(OBJECTIVE, error_model="numpy")(function)
        if function._can_compile and len(inspect.signature(function.py_func).parameters) == 2:
            function.compile(OBJECTIVE)
        compiled = function.overloads.get(OBJECTIVE.args)
        if compiled is not None and compiled.signature.return_type == OBJECTIVE.return_type:
            return function
        return njit(OBJECTIVE)(lambda x, g: function(x, g))  # of other, convertible types, or with defaults
    except (NumbaError, TypeError) as error:
        lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Failed in")]
        where = f"of x and g of shape {shape}" if shape else "of vectors x and g"
        raise TypeError(f"{function.__name__} does not compile as f(x, g) -> float {where}: {lines[0]}") from error


@lru_cache(maxsize=KEPT)
def pair(fun: Callable, jac: Callable, shape: tuple[int, ...] = ()) -> Callable | None:
    """Two compiled functions, f(x) and its gradient, as one objective; None where they do not fit together."""

    @njit
    def both(x, g):
        h = jac(x)
        if h.size != g.size or (x.ndim > 1 and h.shape != x.shape):
            raise ValueError("jac returned an array of another shape than x")
        g.ravel()[:] = h.ravel()
        return fun(x)

    try:
        return objective(both, shape)
    except TypeError:
        return None


def _njit(signature: Any, function: Callable, **options: Any) -> Callable:
    try:
        return njit(signature, cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # there is nowhere to write a cache
        return njit(signature, error_model="numpy", **options)(function)


class Pointer:
    """A compiled objective as its addresses, found once; Numba's own way looks them up at every call of the loop."""

    def __init__(self, function: Any) -> None:
        self.function, found = function, function.get_compile_result(OBJECTIVE)
        self.wrapper = found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name)
        self.jit = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)


class PointerType(types.FunctionType):
    """The Numba type of `Pointer`: called as a function pointer, and exceptions pass through."""


POINTER = PointerType(OBJECTIVE)
register_model(PointerType)(FunctionModel)
typeof_impl.register(Pointer)(lambda value, context: POINTER)
pointer = lru_cache(maxsize=KEPT)(Pointer)


@unbox(PointerType)
def _unbox_pointer(kind, value, context):
    struct = cgutils.create_struct_proxy(kind)(context.context, context.builder)
    for member, attribute in (("c_addr", "wrapper"), ("jit_addr", "jit")):
        address = context.pyapi.object_getattr_string(value, attribute)
        setattr(struct, member, context.pyapi.long_as_voidptr(address))
        context.pyapi.decref(address)
    return NativeValue(struct._getvalue())


# ------------------------------------------------------------------ the driver


class RuleType(types.Dummy):
    """The Numba type of a rule: what it does, not what it is called."""

    texts: ClassVar[dict[str, str]] = {}

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"Rule({digest})")


@cache
def _type_of(text: str) -> RuleType:
    search = inspect.getsource(sys.modules[accepts.__module__])
    digest = hashlib.sha256((text + search).encode()).hexdigest()[:16]
    RuleType.texts[digest] = text
    return RuleType(digest)


@typeof_impl.register(Rule)
def _typeof(rule: Rule, context: object) -> RuleType:
    return _type_of(rule.text)


register_model(RuleType)(models.OpaqueModel)


@unbox(RuleType)
def _unbox(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


@njit
def slices(shape, axis, min_dim):
    """A zero for each slice of an array across an axis, and the stride from one to the next, coordinate by coordinate.

    The stride is beyond the array where it is to be left alone.
    """
    if shape.size < min_dim:
        return np.zeros(1), np.prod(shape) + 1
    if not -shape.size <= axis < shape.size or axis != int(axis):
        raise ValueError("axis is not one of x's: it must be a whole number below x's number of dimensions")
    return np.zeros(shape[int(axis)]), np.prod(shape[int(axis) % shape.size + 1 :])


def _descend(*args):
    """What the driver calls; `_written` gives its body."""


@overload(_descend, jit_options={"error_model": "numpy"}, strict=False)
def _written(rule, objective, point, g, slots, table, bounds, record):
    scope = dict(SCOPE, accepts=njit(accepts), slices=slices)
    exec(RuleType.texts[rule.digest], scope)  # noqa: S102 - text written by `trace`
    return scope["descend"]


def _drive(rule, objective, point, g, slots, table, bounds, record):
    return _descend(rule, objective, point, g, slots, table, bounds, record)


def driver(rule: Rule) -> Callable:
    """The compiled loop around a rule; its arguments are those of the text that `trace.descend` writes."""
    return _driver(_type_of(rule.text))


@cache
def _driver(kind: RuleType) -> Callable:
    vector, matrix, table = float64[::1], float64[:, ::1], types.Array(float64, 2, "C", readonly=True)
    bounds = types.Tuple((int64, int64, float64, float64, boolean, float64, boolean))
    record = types.Tuple((matrix, matrix, matrix, matrix, int64[::1], vector))
    return _njit(int64(kind, POINTER, vector, vector, matrix, table, bounds, record), _drive, nogil=True)


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
        self.objective, self.rule = objective, method.rule
        self.history, self.every = history, every
        self.method, self.step = method, method.search.first if method.search else 0.0
        self.searched = (-1, self.step)  # where the search last changed the step size, and from what
        self.x, self.memory = x0, np.empty((len(self.rule.slots), x0.size))
        self.old = np.empty((1 if self.rule.reports == self.rule.point else 2, x0.size))
        self.work = np.empty((2, x0.size if self.step else 0))
        self.pointer = pointer(objective.native)
        self.counts, self.values = np.array([0] * SHAPE + [*x0.shape], dtype=np.int64), np.zeros(1 + history.spent.size)
        history.spent = self.values[1:]
        began = time.perf_counter()
        self.values[0], self.jac = objective(x0)
        self.pace = 1 / max(time.perf_counter() - began, 1e-9)
        self.flat = self.x.reshape(-1), self.jac.reshape(-1)
        self.tests = (tol, limit(self.fun), euclidean)
        for slot, start in zip(self.memory, method.start(x0, self.jac, self.step), strict=True):
            slot[:] = start.ravel()

    @property
    def k(self) -> int:
        return int(self.counts[K])

    @property
    def fun(self) -> float:
        return float(self.values[0])

    @property
    def slots(self) -> dict[str, np.ndarray]:
        return {name: a.reshape(self.x.shape) for name, a in zip(self.rule.slots, self.memory, strict=True)}

    @property
    def iterate(self) -> np.ndarray:
        return self.slots.get("x", self.x)

    def __iter__(self) -> Iterator[Step]:
        yield self
        tested = False
        while True:
            began, k = time.perf_counter(), self.k
            steps = max(1, int(CHUNK_SECONDS * self.pace))
            reason = self.drive(min(k + steps, self.every * (k // self.every + 1)), tested)
            tested = False
            if reason == SEARCH:
                step = backtrack(self.objective.value, self.x, self.fun, self.jac, self.step, tried=True)
                if step is None:
                    return
                self.searched, self.step, tested = (self.k, self.step), step, True
            elif reason == LOOK and not is_finite(self):
                bad = Evaluated(self.k, self.x.copy(), self.fun, self.jac.copy(), {}, self.iterate.copy(), self.step)
                self._step_back()
                yield self
                yield bad
            else:
                self.pace = (self.k - k) / max(time.perf_counter() - began, 1e-9)
                yield self

    def drive(self, stop: int, tested: bool = False) -> int:
        """Run the loop up to an iteration, or until there is something to look at; says which."""
        history, counts, first = self.history, self.counts, self.k // BLOCK * BLOCK
        table = self.rule.table(first, **self.method.found(self.step))
        if self.rule.scheduled:
            if self.k - first >= len(table):
                self.method.row(self.k + 1, self.step)  # raises what is wrong with it
                raise ValueError(f"{self.rule.name}: a schedule is not a function of k alone, at k = {self.k + 1}")
            stop = min(stop, first + len(table))
        counts[ROWS], counts[STRIDE], counts[TRIALS], counts[TRYING] = history.rows, history.stride, 0, 0
        began, kept, others = self.k, history.rows, self.objective.nfev - self.k
        try:
            return driver(self.rule)(
                self.rule,
                self.pointer,
                *self.flat,
                self.memory,
                table,
                (first, stop, *self.tests, self.step, tested),
                (self.old, self.work, history.log, history.path, counts, self.values),
            )
        except Exception as error:
            if counts[TRYING] < 2:
                locate(error, self.work[0].reshape(self.x.shape) if counts[TRYING] else self.x)
            if not counts[TRYING]:
                self._step_back()
                began -= 1
            raise
        finally:
            calls = self.k - began + int(counts[TRIALS])
            self.objective.nfev, self.objective.njev = self.objective.nfev + calls, self.objective.njev + calls
            history.rows = int(counts[ROWS])
            if self.step:
                new = slice(kept, history.rows)
                history.spent[new] += others + history.log[new, 0]
            history.make_room()

    def _step_back(self) -> None:
        """Return to the point before the last step, and evaluate the objective there again."""
        self.x.reshape(-1)[:] = self.old[0]
        if len(self.old) == 2:
            self.iterate.reshape(-1)[:] = self.old[1]
        self.counts[K] -= 1
        if self.searched[0] == self.k:
            self.step = self.searched[1]
        try:
            self.values[0], self.jac[:] = self.objective(self.x)
        except Exception:
            self.values[0], self.jac[:] = np.nan, np.nan
