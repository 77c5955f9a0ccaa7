"""Whatever the user gives as a function and a gradient, behind one face, with honest counts."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache
from inspect import Parameter, signature
from sys import float_info
from types import FunctionType
from typing import Any

import numpy as np

from .errors import short

EPS = float_info.epsilon
SCHEMES = {"2-point": EPS ** (1 / 2), "3-point": EPS ** (1 / 3), "cs": 1e-20}
"""Steps of difference schemes, relative to max(1, |xᵢ|)."""


class Objective:
    """A function of x and its gradient.

    Parameters
    ----------
    fun : callable
        ``f(x, *args)``, or ``f(x, g)``, which writes the gradient into g and leaves x alone (compiled, or its
        second argument named g).
    jac : callable, bool, str or None
        The gradient ``jac(x, *args)``; True where `fun` returns ``(f, g)``; otherwise a difference scheme,
        "2-point" (also for None), "3-point" or "cs".
    args : tuple
        Further arguments of `fun`, `jac` and `hess`.
    shape : tuple of int
        Of x.
    native : callable or None
        ``f(x, g)`` of flat vectors for the compiled loop, where `hess` may be compiled too; otherwise found where all
        functions are compiled and there are no `args`.
    hess : callable or None
        The Hessian ``hess(x, *args)``, a matrix over the components of x one after another.

    Attributes
    ----------
    nfev, njev, nhev : int
        Evaluations so far.
    """

    def __init__(
        self,
        fun: Callable,
        jac: Any = None,
        args: tuple = (),
        shape: tuple[int, ...] = (),
        native: Callable | None = None,
        hess: Callable | None = None,
    ) -> None:
        if not callable(fun):
            raise TypeError(f"fun = {short(fun)} is not callable; give a function of x, a Problem or the name of one")
        self.args, self.shape = args if isinstance(args, tuple) else (args,), shape
        if hess is not None and not callable(hess):
            raise TypeError(f"hess = {short(hess)} is not callable; give a function of x that returns the Hessian")
        self.nfev = self.njev = self.nhev = 0
        self.native, self._compiles = native, native is not None
        self._fun, self._jac, self._hess = fun, jac, hess
        self._both: Callable | None = None  # of x, where f and its gradient come together
        self._apart: Callable = self._separate  # of x and f, where they do not
        if native is not None:
            self._both = self._written
            return
        compiled = is_compiled(fun) and not self.args
        if jac is None and _writes_gradient(fun, len(self.args)):
            self._both = self._written
            if compiled:
                self._go_native(fun)
        elif jac is True:
            self._both = self._returned
        elif callable(jac):
            if compiled and is_compiled(jac):
                self._go_native(fun, jac)
        elif jac is None or jac is False or (isinstance(jac, str) and jac in SCHEMES):
            self.scheme = jac or "2-point"
            self._apart = self._differences
        else:
            raise ValueError(
                f"jac = {short(jac)} is not understood; give a callable, True where fun returns (f, g), "
                f"or one of {', '.join(map(repr, SCHEMES))}"
            )

    def _go_native(self, *functions: Callable) -> None:
        from . import compiled

        shape = self.shape if len(self.shape) > 1 else ()
        self.native = (compiled.objective if len(functions) == 1 else compiled.pair)(*functions, shape)
        if self.native is not None:
            self._both = self._written

    @cached_property
    def native_hess(self) -> Callable | None:
        """The Hessian for the compiled loop, which writes it into a flat vector; None where it is not compiled."""
        from . import compiled

        hess = self._hess
        if self.args or not (is_compiled(hess) or (self._compiles and isinstance(hess, FunctionType))):
            return None
        return compiled.hessian(hess, self.shape)

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """(f, g) at x; an exception leaves with x attached."""
        if self._both is not None:
            return self._located(self._both, x)
        f = self.fun(x)
        return f, self.rest(x, f)

    def fun(self, x: np.ndarray) -> float:
        """f at x."""
        if self._both is None:
            return self._located(self._value, x)
        f, self._along = self._located(self._both, x)
        return f

    def rest(self, x: np.ndarray, f: float) -> np.ndarray:
        """The gradient at x, where `fun` gave f last; it may have come along."""
        return self._along if self._both else self._located(lambda x: self._apart(x, f), x)

    def grad(self, x: np.ndarray) -> np.ndarray:
        """The gradient at x."""
        return self(x)[1]

    def hess(self, x: np.ndarray) -> np.ndarray:
        """The Hessian at x."""
        if self._hess is None:
            raise TypeError("the method asks for the Hessian: give hess=..., or another preconditioner")
        self.nhev += 1
        hess = self._hess
        return vector(self._located(lambda x: hess(x.copy(), *self.args), x), (x.size, x.size), "hess")

    def _located(self, function: Callable, x: np.ndarray) -> Any:
        try:
            return function(x)
        except Exception as error:
            locate(error, x)
            if isinstance(error, StopIteration):  # would end the loop that called
                raise RuntimeError("the objective raised StopIteration") from error
            raise

    def check_bounds(self) -> None:
        """Refuse a compiled function that reaches beyond x, which compiled code would not notice."""
        for function in (self._fun, self._jac, self._hess):
            if self.native is not None and math.prod(self.shape) <= 1000 and is_compiled(function):
                _check_bounds(function, self.shape)

    def _value(self, x: np.ndarray) -> float:
        self.nfev += 1
        return number(self._fun(x.copy(), *self.args))

    def _written(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.nfev, self.njev = self.nfev + 1, self.njev + 1
        g = np.empty_like(x)
        if self.native is not None:
            return number(self.native(x.flatten(), g.reshape(-1))), g
        return number(self._fun(x.copy(), g, *self.args)), g

    def _returned(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.nfev, self.njev = self.nfev + 1, self.njev + 1
        both = self._fun(x.copy(), *self.args)
        if not isinstance(both, (tuple, list)) or len(both) != 2:
            raise TypeError(f"fun returned {short(both)}; with jac=True it must return the pair (f, gradient)")
        return number(both[0]), vector(both[1], x.shape, "the gradient from fun")

    def _separate(self, x: np.ndarray, f: float) -> np.ndarray:
        self.njev += 1
        return vector(self._jac(x.copy(), *self.args), x.shape, "jac")

    def _differences(self, x: np.ndarray, f: float) -> np.ndarray:
        self.njev += 1
        return np.array([self._slope(x, f, i) for i in np.ndindex(x.shape)]).reshape(x.shape)

    def _slope(self, x: np.ndarray, f: float, i: tuple[int, ...]) -> float:
        h = SCHEMES[self.scheme] * max(1.0, abs(x[i]))
        if self.scheme == "cs":
            z = x.astype(complex)
            z[i] += 1j * h
            self.nfev += 1
            value = np.asarray(self._fun(z, *self.args))
            if value.dtype.kind != "c" or value.size != 1:
                raise TypeError(
                    f"fun returned {short(value)} for a complex x; jac='cs' needs a complex number there, "
                    "else take '2-point' or '3-point'"
                )
            return float(value.imag.item() / h)
        ahead, behind = x.copy(), x.copy()
        ahead[i] += h
        if self.scheme == "2-point":
            return (self._value(ahead) - f) / (ahead[i] - x[i])
        behind[i] -= h
        return (self._value(ahead) - self._value(behind)) / (ahead[i] - behind[i])


def is_compiled(function: object) -> bool:
    """Whether a function came out of numba.njit."""
    return hasattr(function, "py_func") and hasattr(function, "nopython_signatures")


@lru_cache(maxsize=32)
def _check_bounds(function: Any, shape: tuple[int, ...]) -> None:
    x, g = np.ones(shape), np.ones(shape)
    beyond = False
    with np.errstate(all="ignore"), suppress(Exception):
        try:
            function.py_func(*(x, g)[: len(signature(function.py_func).parameters)])
        except IndexError:
            beyond = True
    if beyond:
        raise IndexError(f"{function.__name__} reaches beyond x, which has {_extent(shape)}")


def locate(error: Exception, x: np.ndarray) -> None:
    """Attach to an exception where the objective raised it."""
    if not hasattr(error, "x"):
        with suppress(Exception):
            error.x = x.copy()  # type: ignore[attr-defined]
        with np.printoptions(threshold=8, edgeitems=3):
            error.add_note(f"raised by the objective at x = {x}")


def start(x0: Any, name: str = "x0") -> np.ndarray:
    """x0 as a fresh array of float64, or a sentence on what is wrong with it."""
    try:
        x = _reals(x0)
    except TypeError:
        raise TypeError(f"{name} = {short(x0)} is not an array of real numbers") from None
    x = np.atleast_1d(x)
    if x.size == 0:
        raise ValueError(f"{name} is empty; it needs at least one component")
    if not np.isfinite(x).all():
        i = tuple(np.argwhere(~np.isfinite(x))[0].tolist())
        raise ValueError(f"{name}[{', '.join(map(str, i))}] = {x[i]}; every component must be finite")
    return x


def number(value: Any) -> float:
    """What an objective returned, as a float."""
    if isinstance(value, float):
        return float(value)
    with suppress(TypeError):
        reals = _reals(value)
        if reals.size == 1:
            return reals.item()
    pair = " (or, with jac=True, the pair of it and the gradient)" * (isinstance(value, tuple) and len(value) == 2)
    raise TypeError(f"fun returned {short(value)}; it must return one real number{pair}")


def vector(value: Any, shape: tuple[int, ...], source: str) -> np.ndarray:
    """What a gradient, or a Hessian, returned, as a fresh array of float64 in this shape."""
    n = math.prod(shape)
    try:
        reals = _reals(value)
    except TypeError:
        what = f"an array of real numbers of shape {shape}" if len(shape) > 1 else f"{n} real number{'s' * (n > 1)}"
        raise TypeError(f"{source} returned {short(value)}; it must return {what}") from None
    if reals.size != n or (len(shape) > 1 and n > 1 and reals.shape != shape):
        has = f"; x has {_extent(shape)}, so it" if source != "hess" else ", but it"
        raise ValueError(f"{source} returned shape {reals.shape}{has} must be {shape}")
    return reals.reshape(shape)


def _extent(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if len(shape) > 1 else f"{shape[0]} component{'s' * (shape[0] > 1)}"


def _reals(value: Any) -> np.ndarray:
    """A fresh array of float64, or TypeError: nothing is made of text, dates, None and complex numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            return np.array([float(v) for v in array.ravel()]).reshape(array.shape)
        if array.dtype.kind in "fiub":
            return np.array(array, dtype=np.float64, order="C")
    except (ValueError, OverflowError) as error:
        raise TypeError(str(error)) from None
    raise TypeError(f"{array.dtype} is not real")


def _writes_gradient(fun: Callable, extra: int) -> bool:
    try:
        required = _required_of_compiled(fun) if is_compiled(fun) else _required(fun)
    except (TypeError, ValueError):  # it cannot be inspected
        return False
    return len(required) == 2 + extra and (is_compiled(fun) or required[1] == "g")


@lru_cache(maxsize=32)
def _required_of_compiled(function: Any) -> list[str]:
    return _required(function.py_func)


def _required(function: Callable) -> list[str]:
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in positional and p.default is Parameter.empty]
