"""A test problem: a function that knows its start, its minimisers and its constants."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from ..errors import short
from ..objective import Objective, start
from .frameworks import by_jax, by_torch


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """A smooth function to be minimised, and what is known about it.

    Parameters
    ----------
    name : str
    f : callable
        Of any kind that `minimize` takes.
    x0 : array_like
        The start, in any shape.
    jac : callable, bool or str, optional
        As in `minimize`.
    hess : callable, optional
        The Hessian, ``hess(x)`` of shape (n, n).
    minimizers : tuple of array_like
        Known local minimisers; empty where none is known.
    fstar : float
        The least value, or the least listed one where f is unbounded below; nan where unknown.
    mu, L : float, optional
        Bounds on the curvature: strong convexity, where the problem is convex, and smoothness.
    box : tuple of ((float, float), (float, float)), optional
        What a plot in two dimensions should show.
    source : str
    compile : bool
        Whether `f` is a plain ``f(x, g)`` in Numba's subset of Python, to be compiled at its first use.
    sampler : callable, optional
        Where runs see samples of f: called at the start of each run, it returns a fresh function of x with the value
        ``(f, gradient)``, which that run evaluates. `fun`, `grad`, `error` and `floor` stay those of `f`.

    Attributes
    ----------
    recipe : tuple
        The name and options that `problem` made it from.

    Examples
    --------
    >>> from momentumlab import problem
    >>> p = problem("rosenbrock", n=4)
    >>> p.dim, p.fun([1, 1, 1, 1]), p.grad(p.x0).round(1)
    (4, 0.0, array([-215.6,  792. , -655.6,  -88. ]))
    """

    name: str
    f: Callable
    x0: Any
    jac: Any = None
    hess: Callable | None = None
    minimizers: Any = ()
    fstar: float = np.nan
    mu: float | None = None
    L: float | None = None
    box: tuple[tuple[float, float], tuple[float, float]] | None = None
    source: str = ""
    compile: bool = False
    recipe: tuple[Any, ...] = field(default=(), init=False)
    sampler: Callable[[], Callable] | None = None

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise TypeError(f"Problem {self.name}: f = {short(self.f)} is not callable")
        for name in ("hess", "sampler"):
            if not (getattr(self, name) is None or callable(getattr(self, name))):
                raise TypeError(f"Problem {self.name}: {name} = {short(getattr(self, name))} is not callable")
        if not isinstance(self.minimizers, (tuple, list)):
            raise TypeError(f"Problem {self.name}: minimizers = {short(self.minimizers)}; give a tuple of points")
        if not isinstance(self.fstar, Real) or isinstance(self.fstar, bool):
            raise TypeError(f"Problem {self.name}: fstar = {short(self.fstar)}; give a number, or leave it out")
        if self.compile and self.jac is not None:
            raise TypeError(f"Problem {self.name}: f is compiled as f(x, g), which writes its gradient; leave out jac")
        object.__setattr__(self, "fstar", float(self.fstar))
        object.__setattr__(self, "x0", start(self.x0))
        object.__setattr__(
            self, "minimizers", tuple(self._like_x0(f"minimizers[{i}]", m) for i, m in enumerate(self.minimizers))
        )

    @classmethod
    def from_torch(cls, f: Callable, x0: Any, *, name: str | None = None, **known: Any) -> "Problem":
        """A problem from a function written in torch, differentiated there.

        Parameters
        ----------
        f : callable
            Of a tensor of float64 in the shape of x0, which returns a tensor of one number.
        x0 : array_like or tensor
            The start; f is given tensors on its device.
        name : str, optional
            That of f, if it is left out.
        **known
            What else is known about it, as in `Problem`.

        Raises
        ------
        ImportError
            Where torch is not installed.
        TypeError, ValueError
            As it is evaluated, where f does not return one number or does not depend on x.

        Examples
        --------
        >>> import torch  # doctest: +SKIP
        >>> def bowl(x):
        ...     return torch.sum((x - 3) ** 2)
        >>> Problem.from_torch(bowl, [0.0, 1.0], fstar=0.0).grad([0.0, 1.0])  # doctest: +SKIP
        array([-6., -4.])
        """
        return cls(_name(f, name), *by_torch(f, x0), jac=True, **known)

    @classmethod
    def from_jax(cls, f: Callable, x0: Any, *, name: str | None = None, **known: Any) -> "Problem":
        """A problem from a function written in JAX, differentiated and compiled there, in double precision.

        Parameters
        ----------
        f : callable
            Of a JAX array of float64 in the shape of x0, which returns one number.
        x0 : array_like
            The start.
        name : str, optional
            That of f, if it is left out.
        **known
            What else is known about it, as in `Problem`.

        Raises
        ------
        ImportError
            Where JAX is not installed.

        Examples
        --------
        >>> import jax.numpy as jnp  # doctest: +SKIP
        >>> def bowl(x):
        ...     return jnp.sum((x - 3) ** 2)
        >>> Problem.from_jax(bowl, [0.0, 1.0], fstar=0.0).grad([0.0, 1.0])  # doctest: +SKIP
        array([-6., -4.])
        """
        return cls(_name(f, name), by_jax(f), x0, jac=True, **known)

    def __repr__(self) -> str:
        shows = [f"{self.dim} variable{'s' * (self.dim > 1)}"]
        shows += [
            f"{n} = {v:g}" for n, v in (("f*", self.fstar), ("mu", self.mu), ("L", self.L)) if v is not None and v == v
        ]
        return f"<problem {self.name}: {', '.join(shows)}>"

    def __reduce__(self) -> Any:
        """By name and options, where it has them: its functions may be closures."""
        if self.recipe:
            return _remake, self.recipe
        return Problem, tuple(getattr(self, f.name) for f in fields(self) if f.init)

    @property
    def dim(self) -> int:
        """The number of variables of the start."""
        return self.x0.size

    def objective(self) -> Objective:
        """What one run evaluates, with counts of its own: samples where there is a `sampler`, else the function."""
        sampled = self.sampler and Objective(self.sampler(), jac=True, shape=self.x0.shape, hess=self.hess)
        return sampled or self._exact()

    def _exact(self) -> Objective:
        return Objective(self.f, self.jac, shape=self.x0.shape, native=self._native, hess=self.hess)

    @cached_property
    def _native(self) -> Callable | None:
        if not self.compile:
            return None
        from ..compiled import objective

        shape = self.x0.shape
        return objective(self.f, shape if len(shape) > 1 else ())

    def point(self, x: Any) -> np.ndarray:
        """x as a fresh array of the problem's shape, or ValueError."""
        return self.x0.copy() if x is self.x0 else self._like_x0("x0", x)

    def _like_x0(self, name: str, x: Any) -> np.ndarray:
        x = start(x, name)
        if x.ndim > 1 and x.shape != self.x0.shape:
            raise ValueError(f"{self.name} has variables of shape {self.x0.shape}, {name} has shape {x.shape}")
        if x.size != self.dim:
            raise ValueError(f"{self.name} has {self.dim} variable{'s' * (self.dim > 1)}, {name} has {x.size}")
        return x.reshape(self.x0.shape)

    @cached_property
    def _evaluate(self) -> Objective:
        return self._exact()

    def fun(self, x: Any) -> float:
        """f(x)."""
        return self._evaluate.fun(self.point(x))

    def grad(self, x: Any) -> np.ndarray:
        """∇f(x)."""
        return self._evaluate(self.point(x))[1]

    def nearest(self, x: Any) -> np.ndarray | None:
        """The known minimiser nearest to x; None where none is listed."""
        x = self.point(x)
        with np.errstate(over="ignore"):
            return min(self.minimizers, key=lambda m: float(np.linalg.norm(m - x)), default=None)

    def floor(self, x: Any) -> float:
        """The value at the known minimiser nearest to x; `fstar` where none is listed."""
        nearest = self.nearest(x)
        return float(self.fstar) if nearest is None else self.fun(nearest)

    def error(self, x: Any) -> float:
        """f(x) above `floor`."""
        return self.fun(x) - self.floor(x)


def _name(f: Callable, name: str | None) -> str:
    if not callable(f):
        raise TypeError(f"f = {short(f)} is not callable")
    return name or str(getattr(f, "__name__", type(f).__name__))


def _remake(name: str, options: dict[str, Any]) -> Problem:
    from . import problem

    return problem(name, **options)
