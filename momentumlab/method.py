"""A rule with its hyperparameters bound: what `minimize` runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import loops
from .hyper import shown
from .preconditioner import Pointwise, Stored
from .searches import Search

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
    search : Backtracking, Armijo, Wolfe, Exact or None
        How the step size is found where `lr` was not given; None: `lr` is used as it is.
    preconditioner : object or None
        What supplies the products that the rule asks for.
    index : str
        Whether its products with B know of pairs up to the step before ("lagged") or up to this one ("current").
    """

    base: "Rule"
    bound: tuple[tuple[str, Any], ...] = ()
    search: Search | None = None
    preconditioner: Any = None
    index: str = ""

    @property
    def name(self) -> str:
        return self.base.name

    @cached_property
    def rule(self) -> "Rule":
        """The rule that runs: with the bound values, the search's step size and a diagonal preconditioner in it."""
        rule = self.bound_rule
        if self.search:
            rule = rule.searching(self._averaging)
        if isinstance(self.preconditioner, Pointwise):
            rule = rule.preconditioned(self.preconditioner, self.index)
        return rule

    @cached_property
    def bound_rule(self) -> "Rule":
        """The rule with the bound values as its own."""
        return self.base.having(**dict(self.bound)) if self.bound else self.base

    @cached_property
    def _averaging(self) -> float:
        """By what to divide the size of a plain gradient step, so that the rule's first step is that step.

        Less than 1 where the rule averages gradients.
        """
        first = 1.0 if self.search is None or self.search.own else self.bound_rule.first_step()
        return first if 0 < first < 1 else 1.0

    @cached_property
    def stored(self) -> Stored | None:
        """The preconditioner as it is kept, if it keeps arrays, which both loops know; a diagonal is the rule's."""
        by = self.preconditioner
        if not isinstance(by, Stored):
            return None
        return by.inverted if all(name[0] == "H" for name in self.base.inputs) else by

    @property
    def foreign(self) -> bool:
        """Whether the preconditioner is an object of the user's, which only the NumPy loop can ask."""
        return self.preconditioner is not None and not isinstance(self.preconditioner, (Pointwise, Stored))

    @property
    def takes_hessian(self) -> bool:
        """Whether it asks for the Hessian."""
        return self.stored is not None and self.stored.reads_hessian

    @property
    def may_take_hessian(self) -> bool:
        """Whether it does, or an object of the user's may."""
        return self.takes_hessian or self.foreign

    @cached_property
    def text(self) -> str:
        """The solver's loop around the rule, its search and its preconditioner, as it is compiled."""
        return loops.descend(self.rule, self.search, self.stored, self.index)

    def lr(self, k: int, step: float) -> float:
        """The lr of iteration k, where the search found `step`."""
        return step / self._averaging if self.search else float(self.row(k)["lr"])

    def row(self, k: int, step: float = 0.0) -> dict[str, np.float64]:
        """The hyperparameters of iteration k, as NumPy numbers: 1/0 is inf, as in compiled code."""
        key = k if self.rule.scheduled else 1
        row = self._rows.get(key)
        if row is None:
            row = {name: np.float64(value) for name, value in self.rule.row(k).items()}
            self._rows.clear()
            self._rows[key] = row
        return {**row, "step": np.float64(step)} if self.search else row

    @cached_property
    def _rows(self) -> dict[int, dict[str, np.float64]]:
        return {}

    def start(self, x: np.ndarray, g: np.ndarray, step: float = 0.0) -> tuple[np.ndarray, ...]:
        """The slots before the first step, from the first point and gradient."""
        with np.errstate(all="ignore"):
            return self.rule.start(x, g, self.row(1, step))

    def afresh(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int, step: float) -> Any:
        """The slots at step k of a rule that forgets its momentum."""
        rest = [*(0 * x for _ in self.rule.inputs), *slots]
        with np.errstate(all="ignore"):
            return self.rule.afresh(x, g, rest, self.row(k, step))

    def advance(self, x: np.ndarray, g: np.ndarray, rest: Sequence[np.ndarray], k: int, step: float = 0.0) -> Any:
        """Step k, from 1, from what a preconditioner supplies and the slots: (point, *slots)."""
        row = self.row(k, step)
        with np.errstate(all="ignore"):
            return self.rule.advance(x, g, rest, row)

    def __repr__(self) -> str:
        shows = [f"{n}={shown(v)}" for n, v in self.bound]
        if self.preconditioner not in (None, self.base.preconditioner):
            shows.append(f"preconditioner={self.preconditioner!r}")
        if self.index != self.base.default_index(self.preconditioner):
            shows.append(f"index={self.index!r}")
        if self.search and self.search != self.base.default_search(dict(self.bound)):
            shows.append(f"search={self.search}")
        return f"{self.name}({', '.join(shows)})"

    def __call__(self, fun: Callable, x0: Any, args: tuple = (), **options: Any) -> Any:
        from .minimize import scipy_method

        return scipy_method(self, fun, x0, args, **options)

    def __reduce__(self) -> Any:
        return Method, (self.base, self.bound, self.search, self.preconditioner, self.index)

    def __getattr__(self, name: str) -> Any:
        if name in ("after", "then", "having", "starting", "named", "tuned"):
            raise AttributeError(f"{self} is bound; {name} belongs to the rule: {self.name}.{name}(...), then bind")
        raise AttributeError(f"Method has no {name!r}")
