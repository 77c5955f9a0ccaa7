"""The compiled loop; the only file that knows Numba.

A rule is an argument with a Numba type of its own, whose name carries a digest of the loop that
`trace` wrote for it. The disk cache is keyed by types, so an edited rule is another entry and a stale
one is never run. Objectives are function pointers: the loop is compiled once for all of them.
"""

import hashlib
import inspect
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
from numba import boolean, float64, int64, njit, types
from numba.core import cgutils
from numba.core.errors import NumbaError, NumbaExperimentalFeatureWarning
from numba.experimental.function_type import FunctionModel
from numba.extending import NativeValue, models, overload, register_model, typeof_impl, unbox

from . import curvature, searches
from .hyper import BLOCK
from .method import Method
from .objective import Objective, is_compiled, locate
from .result import Evaluated, History, Step, is_finite, limit
from .searches import LAST, STEP, fresh_hunt
from .trace import kept_of_pairs

PAUSE, LOOK, WILD, FULL, NO_STEP = range(5)  # why the loop returns
K, ROWS, STRIDE, CALLS, HESSIANS, TRYING, SHAPE = range(7)  # what its counts hold
KEPT = 128  # compiled objectives, with the data that they close over
CHUNK_SECONDS = 0.02  # the loop returns to Python about this often, for Ctrl-C, time limits and progress
VECTOR, MATRIX = float64[::1], float64[:, ::1]
OBJECTIVE = float64(VECTOR, VECTOR)
KERNELS = {n: types.void(MATRIX, MATRIX, *[VECTOR] * (n - 2)) for n in (4, 6)}  # by their number of arguments
SCOPE = dict(
    PAUSE=PAUSE, LOOK=LOOK, WILD=WILD, FULL=FULL, NO_STEP=NO_STEP,
    K=K, ROWS=ROWS, STRIDE=STRIDE, CALLS=CALLS, HESSIANS=HESSIANS, TRYING=TRYING, SHAPE=SHAPE,
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
            return _njit(OBJECTIVE, function) if _is_ours(function) else njit(OBJECTIVE, error_model="numpy")(function)
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


def _is_ours(function: Any) -> bool:
    """Whether the file it is in, which Numba's cache watches, is all that it depends on."""
    return function.__module__.startswith(f"{__package__}.") and function.__closure__ is None


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


@lru_cache(maxsize=KEPT)
def hessian(function: Callable, shape: tuple[int, ...]) -> Callable | None:
    """A Hessian as an objective is compiled: H(x, h), which writes it into h, row by row; None where it is not."""
    inner = function if is_compiled(function) else njit(error_model="numpy", cache=_is_ours(function))(function)

    def written(x, h):
        found = inner(x.reshape(shape))
        if found.shape != (x.size, x.size):
            raise ValueError("hess returned a matrix of another shape than (n, n)")
        h[:] = found.ravel()
        return 0.0

    try:
        return njit(OBJECTIVE)(written)
    except Exception:  # whatever Numba raises where it does not know what a function uses
        return None


def _njit(signature: Any, function: Callable, **options: Any) -> Callable:
    try:
        return njit(signature, cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # there is nowhere to write a cache
        return njit(signature, error_model="numpy", **options)(function)


class Pointer:
    """A compiled function as its addresses, found once; Numba's own way looks them up at every call of the loop."""

    def __init__(self, function: Any, signature: Any = OBJECTIVE) -> None:
        self.function, self.kind, found = function, PointerType(signature), function.get_compile_result(signature)
        self.wrapper = found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name)
        self.jit = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)


class PointerType(types.FunctionType):
    """The Numba type of `Pointer`: called as a function pointer, and exceptions pass through."""


POINTER = PointerType(OBJECTIVE)
register_model(PointerType)(FunctionModel)
typeof_impl.register(Pointer)(lambda value, context: value.kind)
pointer = lru_cache(maxsize=KEPT)(Pointer)


class Pointers(tuple):
    """Several as one argument, whose Numba type is known without looking at each."""


ALL = [POINTER, POINTER, *(PointerType(KERNELS[n]) for n in (4, 4, 6))]  # of the loop, as `trace.descend` unpacks them
with warnings.catch_warnings():
    warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)  # of functions in a tuple
    TUPLES = {n: types.Tuple(ALL[:n]) for n in (1, 5)}
typeof_impl.register(Pointers)(lambda value, context: TUPLES[len(value)])


@unbox(PointerType)
def _unbox_pointer(kind, value, context):
    struct = cgutils.create_struct_proxy(kind)(context.context, context.builder)
    for member, attribute in (("c_addr", "wrapper"), ("jit_addr", "jit")):
        address = context.pyapi.object_getattr_string(value, attribute)
        setattr(struct, member, context.pyapi.long_as_voidptr(address))
        context.pyapi.decref(address)
    return NativeValue(struct._getvalue())


# ------------------------------------------------------------------ `ops` on whole arrays, in loops


@njit
def dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit
def keep_pair(s, g, last, step, change):
    ss, sy, yy = 0.0, 0.0, 0.0
    for i in range(s.size):
        a, y = s[i], g[i] - last[i]
        step[i], change[i], last[i] = a, y, g[i]
        ss += a * a
        sy += a * y
        yy += y * y
    return ss, sy, yy


ROWS_AT_ONCE = """\
@njit
def products_{wide}(W, at, v, out):
    {rows}
    {zeros}
    for i in range(v.size):
        {sums}
    {results}

@njit
def combine_{wide}(gamma, v, c, W, at, out):
    {rows}
    {shares}
    for i in range(v.size):
        out[i] = gamma * v[i] + {total}
"""
"""Sums over several rows at a time do not wait for each other, and v is read once for all of them."""


def _rows_at_once(wide: int) -> tuple[Callable, Callable]:
    each = lambda text, join="; ": join.join(text.format(j=j) for j in range(wide))
    text = ROWS_AT_ONCE.format(
        wide=wide,
        rows=each("w{j} = W[int(at[{j}])]"),
        zeros=each("t{j} = 0.0"),
        sums=each("t{j} += w{j}[i] * v[i]"),
        results=each("out[{j}] = t{j}"),
        shares=each("c{j} = c[{j}]"),
        total=each("c{j} * w{j}[i]", " + "),
    )
    scope: dict[str, Any] = {"njit": njit}
    exec(text, scope)  # noqa: S102 - the text above
    return scope[f"products_{wide}"], scope[f"combine_{wide}"]


products_10, combine_10 = _rows_at_once(10)
products_4, combine_4 = _rows_at_once(4)
products_1, combine_1 = _rows_at_once(1)


@njit
def products(W, at, v, out):
    done = 0
    while done < at.size:
        left = at.size - done
        if left >= 10:
            products_10(W, at[done:], v, out[done:])
            done += 10
        elif left >= 4:
            products_4(W, at[done:], v, out[done:])
            done += 4
        else:
            products_1(W, at[done:], v, out[done:])
            done += 1


@njit
def combine(gamma, v, c, W, at, out):
    done, base = 0, v
    while done < at.size:
        left = at.size - done
        if left >= 10:
            combine_10(gamma, base, c[done:], W, at[done:], out)
            done += 10
        elif left >= 4:
            combine_4(gamma, base, c[done:], W, at[done:], out)
            done += 4
        else:
            combine_1(gamma, base, c[done:], W, at[done:], out)
            done += 1
        gamma, base = 1.0, out
    if done == 0:
        for i in range(out.size):
            out[i] = gamma * v[i]


@njit
def blend(a, u, b, v, out):
    for i in range(out.size):
        out[i] = a * u[i] + b * v[i]


@njit
def turn(rows, v, out):
    n = v.size
    b, a = rows[n], rows[n + 1]
    for j in range(n):
        out[j] = 0.0
    for i in range(n):
        up, down, weight = b[i], a[i], v[i]
        for j in range(n):
            entry = rows[i, j] + (up * b[j] - down * a[j])
            rows[i, j] = entry
            out[j] += weight * entry
    for i in range(n):
        b[i], a[i] = 0.0, 0.0


@njit
def where(condition, a, b):
    return a if condition else b


IN_LOOPS = dict(
    dot=dot, keep_pair=keep_pair, products=products, combine=combine, blend=blend, turn=turn, where=where, sqrt=np.sqrt
)


# ------------------------------------------------------------------ the driver


class LoopType(types.Dummy):
    """The Numba type of a loop: what it does, not what it is called."""

    texts: ClassVar[dict[str, str]] = {}

    def __init__(self, digest: str) -> None:
        text = self.texts[digest]
        self.digest, self.searches, self.learns = digest, "= searching" in text, "= curvature" in text
        super().__init__(f"Loop({digest})")


@cache
def _type_of(text: str) -> LoopType:
    sources = (inspect.getsource(module) for module in (searches, curvature))
    digest = hashlib.sha256("".join([text, *sources]).encode()).hexdigest()[:16]
    LoopType.texts[digest] = text
    return LoopType(digest)


@typeof_impl.register(Method)
def _typeof(method: Method, context: object) -> LoopType:
    return _type_of(method.text)


register_model(LoopType)(models.OpaqueModel)


@unbox(LoopType)
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


@cache
def _kernels() -> dict[str, Any]:
    """The functions of searches and preconditioners, compiled: they call each other, and `ops` as written here."""
    ours = {n: v for module in (searches, curvature) for n, v in vars(module).items()}
    scope = {**ours, **IN_LOOPS}
    for name, value in ours.items():
        if isinstance(value, FunctionType) and value.__module__ in (searches.__name__, curvature.__name__):
            scope[name] = njit(error_model="numpy")(FunctionType(value.__code__, scope, name))
    return scope


ALLOCATING = ("dense_solve", "hessian_solve", "hessian_shift", "hessian_abs", "hessian_apply")
"""Functions of `curvature` that make arrays. In the others counting references would take as long as the work."""


@cache
def _kernel(name: str) -> Pointer:
    """A function of `curvature`, from the disk where it was compiled before."""
    sources = "".join(inspect.getsource(sys.modules[module]) for module in (__name__, curvature.__name__))
    plain = _kernels()[name].py_func
    named = FunctionType(plain.__code__, plain.__globals__, name)
    named.__qualname__ = f"{name}_{hashlib.sha256(sources.encode()).hexdigest()[:16]}"
    signature = KERNELS[len(inspect.signature(plain).parameters)]
    return Pointer(_njit(signature, named, _nrt=name in ALLOCATING), signature)


def _descend(*args):
    """What the driver calls; `_written` gives its body."""


@overload(_descend, jit_options={"error_model": "numpy"}, strict=False)
def _written(program, functions, point, g, slots, table, bounds, record, searching, curvature):
    scope = {**_kernels(), **SCOPE, "slices": slices}
    exec(LoopType.texts[program.digest], scope)  # noqa: S102 - text written by `trace`
    return scope["descend"]


def _drive(program, functions, point, g, slots, table, bounds, record, searching, curvature):
    return _descend(program, functions, point, g, slots, table, bounds, record, searching, curvature)


def driver(method: Method) -> Callable:
    """The compiled loop of a method; its arguments are those of the text that `trace.descend` writes."""
    return _driver(_type_of(method.text))


@cache
def _driver(kind: LoopType) -> Callable:
    table = types.Array(float64, 2, "C", readonly=True)
    bounds = types.Tuple((int64, int64, float64, float64, boolean))
    record = types.Tuple((MATRIX, MATRIX, MATRIX, MATRIX, int64[::1], VECTOR))
    searching = types.Tuple((VECTOR, VECTOR) if kind.searches else ())
    curvature = types.Tuple((MATRIX,) * 4 if kind.learns else ())
    functions = TUPLES[5 if kind.learns else 1]
    arrays = (VECTOR, VECTOR, MATRIX, table, bounds, record, searching, curvature)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)  # of functions in a tuple
        return _njit(int64(kind, functions, *arrays), _drive, nogil=True)


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
        self.counts, self.values = np.array([0] * SHAPE + [*x0.shape], dtype=np.int64), np.zeros(1 + history.spent.size)
        history.spent = self.values[1:]
        began = time.perf_counter()
        self.values[0], self.jac = objective(x0)
        self.finite = is_finite(x0, self.fun, self.jac)
        self.pace = 1 / max(time.perf_counter() - began, 1e-9)
        self.flat = self.x.reshape(-1), self.jac.reshape(-1)
        self.tests = (tol, limit(self.fun), euclidean)
        for slot, start in zip(self.memory, method.start(x0, self.jac, self.step), strict=True):
            slot[:] = start.ravel()
        for last in self.curvature[3][:1] if self.curvature else ():
            last[:] = rule.seen(x0, self.jac, method.row(1, self.step)).ravel()

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
        apply = _kernel(f"{stored.kind}_apply")
        solve = _kernel(f"{stored.kind}_solve") if any(name[0] == "H" for name in self.rule.inputs) else apply
        learns = "Bs" in kept_of_pairs(self.rule, stored, self.method.index)
        return Pointers((f, hess, apply, solve, _kernel(f"{stored.kind}_learn" if learns else stored.update)))

    @property
    def k(self) -> int:
        return int(self.counts[K])

    @property
    def fun(self) -> float:
        return float(self.values[0])

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
            if reason == WILD and not is_finite(self.x, self.fun, self.jac):
                bad = Evaluated(self.k, self.x.copy(), self.fun, self.jac.copy(), {}, self.iterate.copy(), self.step)
                self._step_back()
                self.finite = is_finite(self.x, self.fun, self.jac)
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
        counts[ROWS], counts[STRIDE], counts[CALLS], counts[HESSIANS], counts[TRYING] = (
            history.rows,
            history.stride,
            0,
            0,
            0,
        )
        began, kept, before = self.k, history.rows, self.objective.nfev
        try:
            return driver(self.method)(
                self.method,
                self.pointers,
                *self.flat,
                self.memory,
                table,
                (first, stop, *self.tests),
                (self.old, self.work, history.log, history.path, counts, self.values),
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
            calls = int(counts[CALLS]) if self.method.search else self.k - began
            self.objective.nfev, self.objective.njev = self.objective.nfev + calls, self.objective.njev + calls
            self.objective.nhev += int(counts[HESSIANS])
            history.rows = int(counts[ROWS])
            if self.method.search:
                history.spent[kept : history.rows] += before
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
            self.values[0], self.jac[:] = self.objective(self.x)
        except Exception:
            self.values[0], self.jac[:] = np.nan, np.nan
