"""A rule with its hyperparameters bound: what `minimize` runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .hyper import shown
from .searches import Backtracking

if TYPE_CHECKING:
    from .rule import Rule


@dataclass(frozen=True, repr=False)
class Method:
    """A rule with its hyperparameters bound: an immutable record.

    Calling it is SciPy's protocol for custom methods, so that
    ``scipy.optimize.minimize(f, x0, jac=df, method=heavy_ball(lr=0.1))`` works.

    Attributes
    ----------
    base : Rule
    bound : tuple of (str, value)
        The hyperparameters that were given.
    search : Backtracking or None
        How the step size is found where `lr` was not given; None: `lr` is used as it is.
    """

    base: "Rule"
    bound: tuple[tuple[str, Any], ...] = ()
    search: Backtracking | None = None

    @property
    def name(self) -> str:
        return self.base.name

    @cached_property
    def rule(self) -> "Rule":
        """The rule with the bound values as its own."""
        return self.base.having(**dict(self.bound)) if self.bound else self.base

    def found(self, step: float) -> dict[str, float]:
        """The lr of a step size that the search found.

        It is the step, unless the rule averages gradients: then it is larger, so that the rule's first
        step is the gradient step that was tested.
        """
        return {"lr": step / self._averaging} if self.search else {}

    def row(self, k: int, step: float = 0.0) -> dict[str, np.float64]:
        """The hyperparameters of iteration k, as NumPy numbers: 1/0 is inf, as in compiled code."""
        key = (k if self.rule.scheduled else 1, step)
        row = self._rows.get(key)
        if row is None:
            found = self.rule.row(k, **self.found(step))
            row = {name: np.float64(value) for name, value in found.items()}
            self._rows.clear()
            self._rows[key] = row
        return row

    @cached_property
    def _rows(self) -> dict[Any, dict[str, np.float64]]:
        return {}

    def start(self, x: np.ndarray, g: np.ndarray, step: float = 0.0) -> tuple[np.ndarray, ...]:
        """The slots before the first step, from the first point and gradient."""
        with np.errstate(all="ignore"):
            return self.rule.start(x, g, self.row(1, step))

    def advance(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int, step: float = 0.0) -> Any:
        """Step k, from 1: (point, *slots)."""
        row = self.row(k, step)
        with np.errstate(all="ignore"):
            return self.rule.advance(x, g, slots, row)

    @cached_property
    def _averaging(self) -> float:
        first = self.rule.first_step()
        return first if 0 < first < 1 else 1.0

    def __repr__(self) -> str:
        shows = [f"{n}={shown(v)}" for n, v in self.bound]
        if self.search not in (None, Backtracking()):
            shows.append(f"search={self.search}")
        return f"{self.name}({', '.join(shows)})"

    def __call__(self, fun: Callable, x0: Any, args: tuple = (), **options: Any) -> Any:
        from .minimize import scipy_method

        return scipy_method(self, fun, x0, args, **options)

    def __reduce__(self) -> Any:
        return Method, (self.base, self.bound, self.search)

    def __getattr__(self, name: str) -> Any:
        if name in ("after", "then", "having", "starting", "named", "tuned"):
            raise AttributeError(f"{self} is bound; {name} belongs to the rule: {self.name}.{name}(...), then bind")
        raise AttributeError(f"Method has no {name!r}")
