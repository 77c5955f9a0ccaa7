"""A test problem: a function that knows its start, its minimisers and its constants."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import short
from ..objective import Objective, start


@dataclass(frozen=True, eq=False)
class Problem:
    """A smooth function to be minimised, and what is known about it.

    Parameters
    ----------
    name : str
    f : callable
        Of any kind that `minimize` takes.
    x0 : array_like of shape (n,)
        The start.
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
    compile: bool = field(default=False, repr=False)
    recipe: tuple[Any, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise TypeError(f"Problem {self.name}: f = {short(self.f)} is not callable")
        if not isinstance(self.minimizers, (tuple, list)):
            raise TypeError(f"Problem {self.name}: minimizers = {short(self.minimizers)}; give a tuple of points")
        if not isinstance(self.fstar, (int, float)):
            raise TypeError(f"Problem {self.name}: fstar = {short(self.fstar)}; give a number, or leave it out")
        object.__setattr__(self, "x0", start(self.x0))
        object.__setattr__(self, "minimizers", tuple(start(m) for m in self.minimizers))

    def __reduce__(self) -> Any:
        """By name and options, where it has them: its functions may be closures."""
        if self.recipe:
            return _remake, self.recipe
        return Problem, tuple(getattr(self, f.name) for f in fields(self))

    @property
    def dim(self) -> int:
        """The number of variables of the start."""
        return self.x0.size

    def objective(self) -> Objective:
        """The function and gradient with counts of their own, compiled where they can be."""
        if not self.compile:
            return Objective(self.f, self.jac)
        from ..compiled import objective

        return Objective(objective(self.f))

    def point(self, x: Any) -> np.ndarray:
        """x as a vector of the problem's size, or ValueError."""
        x = start(x)
        if x.size != self.dim:
            raise ValueError(f"{self.name} has {self.dim} variable{'s' * (self.dim > 1)}, x0 has {x.size}")
        return x

    @cached_property
    def _evaluate(self) -> Objective:
        return self.objective()

    def fun(self, x: Any) -> float:
        """f(x)."""
        return self._evaluate.value(self.point(x))

    def grad(self, x: Any) -> np.ndarray:
        """∇f(x)."""
        return self._evaluate(self.point(x))[1]

    def nearest(self, x: Any) -> np.ndarray | None:
        """The known minimiser nearest to x; None where none is listed."""
        x = self.point(x)
        return min(self.minimizers, key=lambda m: float(np.linalg.norm(m - x)), default=None)

    def floor(self, x: Any) -> float:
        """The value at the known minimiser nearest to x; `fstar` where none is listed."""
        nearest = self.nearest(x)
        return float(self.fstar) if nearest is None else self.fun(nearest)

    def error(self, x: Any) -> float:
        """f(x) above `floor`."""
        return self.fun(x) - self.floor(x)


def _remake(name: str, options: dict[str, Any]) -> Problem:
    from . import problem

    return problem(name, **options)
