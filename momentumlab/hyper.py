"""Hyperparameters: numbers in the range of their name, or functions whose argument names say what they need."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .rule import Rule

BLOCK = 4096  # rows of hyperparameters that are computed together

RANGES = {
    name: text
    for names, text in {
        "lr weight_decay lr_decay eps eta": "[0, inf)",
        "beta beta1 beta2 momentum rho alpha": "[0, 1)",
        "dampening": "[0, 1]",
        "nu": "[0, 1]",
        "kd gamma delta": "(-inf, inf)",
        "mu L": "(0, inf)",
        "eta_max bound max_norm": "[0, inf]",
        "threshold": "[4, inf)",
    }.items()
    for name in names.split()
}
"""Every hyperparameter's range, by name: a name means one thing in the whole library."""


def inside(name: str, values: Any) -> bool:
    """Whether a hyperparameter's values all lie in the range of its name; names without a range take any number."""
    text = RANGES.get(name, "[-inf, inf]")
    low, high = (float(bound) for bound in text[1:-1].split(","))
    values = np.asarray(values, dtype=float)
    above = values >= low if text[0] == "[" else values > low
    below = values <= high if text[-1] == "]" else values < high
    return bool(np.all(above & below))


# ------------------------------------------------------------------ functions whose argument names say what they need


@lru_cache(maxsize=4096)
def arguments(function: Callable) -> tuple[str, ...]:
    """The names that a hyperparameter's function asks for; an argument with a default keeps it."""
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    parameters = signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind in positional and p.default is Parameter.empty)


def resolve(hyper: Mapping[str, Any], names: Iterable[str], known: Mapping[str, Any]) -> list[Any]:
    """The values of the named hyperparameters, where `known` gives k, vectors, or hyperparameters already computed."""
    values = dict(known)

    def value(name: str) -> Any:
        if name not in values:
            given = hyper[name]
            values[name] = given(*map(value, arguments(given))) if callable(given) else given
        return values[name]

    return [value(name) for name in names]


def kinds(owner: str, hyper: Mapping[str, Any], vectors: Iterable[str]) -> dict[str, str]:
    """name -> "constant", "scheduled" (moves with k) or "measured" (needs vectors of the iteration), transitively."""
    vectors, found = set(vectors), {}
    open_: list[str] = []

    def kind(name: str, asker: str = "") -> str:
        if name == "k":
            return "scheduled"
        if name in vectors:
            return "measured"
        if name not in hyper:
            takes = ", ".join(["k (the iteration, from 1)", *hyper])
            lacks = f"{owner}: the function given for {asker} asks for {name!r}, which {owner} does not have"
            raise TypeError(f"{lacks}; it may ask for {takes}")
        if name in open_:
            raise TypeError(f"{owner}: {' and '.join(open_)} are functions of each other; one of them must be a number")
        if name not in found:
            open_.append(name)
            parts = {kind(a, name) for a in arguments(hyper[name])} if callable(hyper[name]) else set()
            found[name] = next((k for k in ("measured", "scheduled") if k in parts), "constant")
            open_.pop()
        return found[name]

    for name in hyper:
        kind(name)
    return found


def recurrence(first: float, advance: Callable[[float], float]) -> Callable[[Any], Any]:
    """A schedule with memory, t(1) = first, t(k+1) = advance(t(k)), as a function of k alone.

    >>> fista = recurrence(1.0, lambda t: (1 + (1 + 4 * t * t) ** 0.5) / 2)
    >>> round(fista(2), 6)
    1.618034
    """
    known = [math.nan, float(first)]

    def at(k: Any) -> Any:
        while len(known) <= np.max(k):
            known.append(advance(known[-1]))
        return np.asarray(known)[k.astype(int)] if isinstance(k, np.ndarray) else known[int(k)]

    return at


def number(owner: str, name: str, value: Any) -> float:
    try:
        if isinstance(value, (bool, str)) or np.ndim(value) or np.iscomplexobj(value):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"{owner}: {name} = {value!r} is not a number; give a number in {range_of(name)} or a function of k"
        ) from None
    if not inside(name, number):
        raise ValueError(f"{owner}: {name} = {value!r} is outside its range {range_of(name)}")
    return number


def range_of(name: str) -> str:
    return RANGES.get(name, "(-inf, inf)").replace("inf", "∞")


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if not callable(value):
        return str(value)
    try:
        return f"f({', '.join(arguments(value))})"
    except (TypeError, ValueError):
        return repr(value)


# ------------------------------------------------------------------ rows of numbers


@lru_cache(maxsize=16)
def table(rule: "Rule", first: int, known: tuple[tuple[str, float], ...]) -> np.ndarray:
    """See `Rule.table`."""
    moving = any(kind == "scheduled" for kind in rule.kinds.values())
    k = np.arange(first + 1, first + 1 + (BLOCK if moving else 1), dtype=float)
    given = dict(known)
    try:  # all rows at once where the functions allow it, else row by row (a schedule with an if in it)
        columns = resolve(rule.hyper, rule.columns, {**given, "k": k})
        rows = np.column_stack([np.broadcast_to(c, k.shape) for c in columns]) if columns else np.empty((1, 0))
    except (TypeError, ValueError):
        rows = np.array(
            [resolve(rule.hyper, rule.columns, {**given, "k": i}) for i in k.astype(int).tolist()], dtype=float
        )
    rows = np.ascontiguousarray(rows, dtype=float)
    for name, column in zip(rule.columns, rows.T, strict=True):
        if name not in given and not inside(name, column):
            at = next(i for i, value in enumerate(column) if not inside(name, value))
            where = f"{name} is {column[at]:.6g} at iteration k = {int(k[at])}"
            raise ValueError(f"{rule.name}: {where}, outside its range {range_of(name)}")
    rows.flags.writeable = False
    return rows
