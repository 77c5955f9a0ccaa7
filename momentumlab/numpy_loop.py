"""The NumPy loop: a method's steps, with its search and what its preconditioner supplies, one at a time."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .method import Method
from .objective import Objective, vector
from .ops import dot
from .result import Evaluated, Step
from .searches import ACCEPT, FAIL, RESTART, STEP, begin, fresh_hunt, gradient_step


def stepwise(objective: Objective, method: Method, x: np.ndarray) -> Iterator[Step]:
    """The start, then every step; it ends where a search finds none."""
    k, step, hunt = 0, method.search.first if method.search else 0.0, fresh_hunt().tolist()
    f, g = objective(x)
    slots: Sequence[np.ndarray] = method.start(x, g, step)
    supply = None
    while True:
        memory = dict(zip(method.rule.slots, slots, strict=True))
        yield Evaluated(k, x, f, g, memory, memory.get("x", x), step)
        if method.rule.inputs and supply is None:
            supply = Supply(objective, method, x, g)
        k += 1
        products = supply(x, g, slots, k) if supply else ()
        if method.search is None:
            x, *slots = method.advance(x, g, (*products, *slots), k)
            f, g = objective(x)
            continue
        found = _hunted(objective, method, hunt, x, f, g, products, slots, k, supply)
        if found is None:
            return
        x, f, g, slots = found
        step = hunt[STEP]


def _hunted(
    objective: Objective,
    method: Method,
    hunt: list[float],
    x: np.ndarray,
    f: float,
    g: np.ndarray,
    products: Sequence[np.ndarray],
    slots: Sequence[np.ndarray],
    k: int,
    supply: "Supply | None",
) -> tuple[np.ndarray, float, np.ndarray, Sequence[np.ndarray]] | None:
    """Step k with the step size that the search accepts: the next x, f, gradient and slots; None where it gives up."""
    search = method.search
    assert search is not None
    begin(search.settings, hunt, not method.bound_rule.slots)
    while True:
        step = hunt[STEP]
        with np.errstate(all="ignore"):
            if search.own:
                there, *new = method.advance(x, g, (*products, *slots), k, step)
            else:
                there = gradient_step(x, g, step)
            away = there - x
            ahead, beyond, found = float(dot(g, away)), 0.0, math.inf
        if not math.isfinite(ahead) and not np.isfinite(g).all():
            return None
        moved = bool(np.count_nonzero(away))
        if not moved:
            found = f
        elif ahead <= 0:
            found = objective.fun(there)
            if search.slopes:
                along = objective.rest(there, found)
                with np.errstate(all="ignore"):
                    beyond = float(dot(along, away))
        verdict = search.judge(search.settings, hunt, f, found, ahead, beyond, moved)
        if verdict == ACCEPT:
            break
        if verdict == FAIL:
            return None
        if verdict == RESTART:
            slots = method.afresh(x, g, slots, k, step)
            products = supply.products(x, g, slots, k) if supply else ()
    if search.own:
        return there, found, g if not moved else along if search.slopes else objective.rest(there, found), new
    x, *slots = method.advance(x, g, (*products, *slots), k, step)
    return x, *objective(x), slots


class Supply:
    """What a preconditioner supplies to a run, step by step."""

    def __init__(self, objective: Objective, method: Method, x: np.ndarray, g: np.ndarray) -> None:
        self.method, self.rule = method, method.rule
        self.given = np.copy if method.foreign else lambda v: v  # what is a user's to write to
        by: Any = method.stored or method.preconditioner
        started = by.start(objective, self.given(x))
        self.running: Any = by if started is None else started
        for needed in ("update", *{"apply" if name[0] == "B" else "solve" for name in self.rule.inputs}):
            if not callable(getattr(self.running, needed, None)):
                raise TypeError(f"{method}: its preconditioner has no method {needed}, which the rule takes")
        self.x, self.g = x, self.rule.seen(x, g, method.row(1))

    def __call__(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, ...]:
        """The products at step k, and what there is to learn before it."""
        seen, step = self.rule.seen(x, g, self.method.row(k)), self.rule.last_step
        s = dict(zip(self.rule.slots, slots, strict=True))[step] if step else x - self.x
        lagged = self.products(x, g, slots, k) if self.method.index != "current" else ()
        if k > 1:
            self.running.update(self.given(x), self.given(s), seen - self.g)
        self.x, self.g = x, seen
        return lagged or self.products(x, g, slots, k)

    def products(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, ...]:
        """The products with what is known."""
        vectors = {"g": self.rule.seen(x, g, self.method.row(k)), **dict(zip(self.rule.slots, slots, strict=True))}
        does = {"B": "apply", "H": "solve"}
        found = (getattr(self.running, does[name[0]])(self.given(vectors[name[1:]])) for name in self.rule.inputs)
        return tuple(self._vector(product, x) for product in found)

    def _vector(self, product: Any, x: np.ndarray) -> np.ndarray:
        return vector(product, x.shape, f"the preconditioner {self.method.preconditioner!r}")
