"""Objectives and Hessians compiled, and functions passed to compiled code as pointers."""

import inspect
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from types import FunctionType
from typing import Any

from numba import float64, njit, types
from numba.core import cgutils
from numba.core.errors import NumbaError, NumbaExperimentalFeatureWarning
from numba.experimental.function_type import FunctionModel
from numba.extending import NativeValue, register_model, typeof_impl, unbox

from ..objective import is_compiled

PACKAGE = __package__.partition(".")[0]
KEPT = 128  # compiled objectives, with the data that they close over
VECTOR, MATRIX = float64[::1], float64[:, ::1]
OBJECTIVE = float64(VECTOR, VECTOR)
KERNELS = {n: types.void(MATRIX, MATRIX, *[VECTOR] * (n - 2)) for n in (4, 6)}  # by their number of arguments
helper = partial(njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""What compiled code alone calls: not compiled for callers in Python and C as well."""


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
            return (
                compile_cached(OBJECTIVE, function)
                if stands_alone(function)
                else njit(OBJECTIVE, error_model="numpy")(function)
            )
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


def is_ours(function: Any) -> bool:
    """Whether it is of this package."""
    return bool(function.__module__.startswith(f"{PACKAGE}."))


def stands_alone(function: Any) -> bool:
    """Whether the file it is in, which Numba's cache watches, is all that it depends on."""
    return is_ours(function) and function.__closure__ is None


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
    inner = function if is_compiled(function) else njit(error_model="numpy", cache=stands_alone(function))(function)

    def written(x, h):
        found = inner(x.copy().reshape(shape))
        if found.size != x.size * x.size or (x.size > 1 and found.shape != (x.size, x.size)):
            raise ValueError("hess returned a matrix of another shape than (n, n)")
        h[:] = found.ravel()
        return 0.0

    try:
        return njit(OBJECTIVE)(written)
    except Exception:  # whatever Numba raises where it does not know what a function uses
        return None


def compile_cached(signature: Any, function: Any, name: str = "", **options: Any) -> Callable:
    """Compile for a signature, or load it from the disk; a name is that of a cache of its own.

    In a shared one, processes that compile at the same time overwrite each other's entries.
    """
    if name:
        function = FunctionType(function.__code__, function.__globals__, name)
        function.__qualname__ = name
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


ALL = [POINTER, POINTER, *(PointerType(KERNELS[n]) for n in (4, 4, 6))]  # of the loop, as `loops.descend` unpacks them
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
