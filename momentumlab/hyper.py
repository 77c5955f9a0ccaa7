"""Hyperparameters: numbers in the range of their name, or functions whose argument names say what they need."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from numbers import Real
from threading import Lock
from typing import Any

import numpy as np

from .errors import short

BLOCK = 4096  # rows of hyperparameters that are computed together

RESERVED = {"k": "the iteration", "x_next": "where a rule went", "step": "what a search finds"}
"""Names that mean something beside every rule."""

RANGES = {
    "lr": "[0, inf)",
    "beta": "[0, 1)",
    "beta1": "[0, 1)",
    "beta2": "[0, 1)",
    "dampening": "[0, 1]",
    "eps": "[0, inf)",
    "eps_root": "[0, inf)",
    "lr_decay": "[0, inf)",
    "alpha": "[0, inf)",
    "eta": "[0, inf)",
    "eta_max": "[0, inf]",
    "zeta": "(0, inf)",
    "weight_decay": "[0, inf)",
    "max_norm": "[0, inf]",
    "max_value": "[0, inf]",
    "rho": "[0, 1)",
    "min_dim": "[2, inf)",
    "lower": "[-inf, inf)",
    "upper": "(-inf, inf]",
    "threshold": "[4, inf)",
    "mu": "(0, inf)",
    "L": "(0, inf)",
}
"""The range of each hyperparameter, by name: a name means one thing everywhere. Other names take any finite number."""


def range_of(name: str) -> str:
    """The range of a name, to be shown."""
    return RANGES.get(name, "(-inf, inf)").replace("inf", "∞")


def inside(name: str, values: Any) -> np.ndarray:
    """Which of a hyperparameter's values lie in the range of its name."""
    text = RANGES.get(name, "(-inf, inf)")
    low, high = (float(bound) for bound in text[1:-1].split(","))
    values = np.asarray(values, dtype=float)
    above = values >= low if text[0] == "[" else values > low
    below = values <= high if text[-1] == "]" else values < high
    return above & below


def is_real(value: Any) -> bool:
    """Whether a value is a finite real number."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def number(owner: str, name: str, value: Any, called: str = "") -> float:
    """A hyperparameter's value as a float in its range, or a sentence on what is wrong with it, as it is called."""
    try:
        if isinstance(value, (bool, str)) or np.ndim(value) or np.iscomplexobj(value):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        right = f"give a number in {range_of(name)} or a function of k"
        raise TypeError(f"{owner}: {called or name} = {short(value)} is not a number; {right}") from None
    if not inside(name, found):
        raise ValueError(f"{owner}: {called or name} = {short(value)} is outside its range {range_of(name)}")
    return found


def shown(value: Any) -> str:
    """A value as a repr shows it: few digits, and a function by what it asks for."""
    return f"f({', '.join(arguments(value))})" if callable(value) else f"{value:.6g}"


# ------------------------------------------------------------------ functions whose argument names say what they need


def arguments(function: Callable) -> tuple[str, ...]:
    """The names that a hyperparameter's function asks for; an argument with a default keeps it."""
    try:
        return _arguments(function)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _arguments.__wrapped__(function)


@lru_cache(maxsize=128)
def _arguments(function: Callable) -> tuple[str, ...]:
    try:
        parameters = signature(function).parameters.values()
    except ValueError:
        parameters = None
    hidden = (Parameter.VAR_POSITIONAL, Parameter.KEYWORD_ONLY)
    if parameters is None or any(p.kind in hidden and p.default is p.empty for p in parameters):
        raise TypeError(f"{short(function)} does not name its arguments; wrap it, as in lambda k: ...")
    named = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in named and p.default is Parameter.empty)


def resolve(hyper: Mapping[str, Any], names: Iterable[str], known: Mapping[str, Any]) -> list[Any]:
    """The values of the named hyperparameters, where `known` gives k, vectors, or hyperparameters already computed."""
    values = dict(known)

    def value(name: str) -> Any:
        if name not in values:
            given = hyper[name]
            try:
                values[name] = given(*map(value, arguments(given))) if callable(given) else given
            except ArithmeticError as error:
                if not hasattr(error, "__notes__"):
                    error.add_note(f"raised by the function given for {name}")
                raise
        return values[name]

    return [value(name) for name in names]


def kinds(owner: str, hyper: Mapping[str, Any], vectors: Iterable[str]) -> dict[str, str]:
    """name -> "constant", "scheduled" (moves with k) or "measured" (needs vectors of the iteration), transitively."""
    vectors, found = set(vectors), {}
    path: list[str] = []

    def kind(name: str) -> str:
        if name == "k":
            return "scheduled"
        if name in vectors:
            return "measured"
        if name not in hyper:
            lacks = f"{owner}: the function given for {path[-1]} asks for {name!r}, which {owner} does not have"
            raise TypeError(f"{lacks}; it may ask for {', '.join(['k (the iteration, from 1)', *hyper])}")
        if name in path:
            raise TypeError(f"{owner}: {' and '.join(path)} are functions of each other; one of them must be a number")
        if name not in found:
            path.append(name)
            parts = {kind(a) for a in arguments(hyper[name])} if callable(hyper[name]) else set()
            found[name] = next((k for k in ("measured", "scheduled") if k in parts), "constant")
            path.pop()
        return found[name]

    for name in hyper:
        kind(name)
    return found


def recurrence(first: float, advance: Callable[[float], float]) -> Callable[[Any], Any]:
    """A schedule with memory, as a function of k alone: t(1) = first, t(k + 1) = advance(t(k)).

    Parameters
    ----------
    first : float
    advance : callable
        ``advance(t) -> float``.

    Returns
    -------
    callable
        ``t(k)`` for a whole number k ≥ 1 or an array of them; values are computed once.

    Examples
    --------
    >>> fista = recurrence(1.0, lambda t: (1 + (1 + 4 * t * t) ** 0.5) / 2)
    >>> round(fista(2), 6)
    1.618034
    """
    known, growing = [math.nan, float(first)], Lock()

    def at(k: Any) -> Any:
        with growing:
            while len(known) <= int(k.max() if hasattr(k, "max") else k):
                known.append(advance(known[-1]))
        if not isinstance(k, np.ndarray):
            return known[int(k)]
        first = int(k.min())
        return np.array(known[first : int(k.max()) + 1])[k.astype(int) - first]

    return at


# ------------------------------------------------------------------ rows of numbers


def rows(
    hyper: Mapping[str, Any], columns: Sequence[str], known: Mapping[str, Any], first: int, scheduled: Collection[str]
) -> np.ndarray:
    """The named hyperparameters at iterations first + 1, ..., first + 4096: a row each, up to the first that is wrong.

    One row where none is scheduled. They are computed for all iterations at once where the functions
    allow it and come out right, else one by one, as a schedule with an `if` in it asks for.
    """
    k = np.arange(first + 1, first + 1 + (BLOCK if scheduled else 1), dtype=float)
    try:
        table = np.column_stack(_at_once(hyper, columns, known, k, scheduled))
    except Exception:  # whatever a function written for one iteration raises on an array of them
        table = np.array(list(_one_by_one(hyper, columns, known, k)), dtype=float).reshape(-1, len(columns))
    table = np.ascontiguousarray(table)
    table.flags.writeable = False
    return table


def _at_once(hyper: Any, columns: Any, known: Any, k: np.ndarray, scheduled: Collection[str]) -> list[np.ndarray]:
    found = [np.asarray(value) for value in resolve(hyper, columns, {**known, "k": k})]
    for name, value in zip(columns, found, strict=True):
        shaped = value.shape == (k.shape if name in scheduled else ())
        if not shaped or value.dtype.kind not in "fiu" or not inside(name, value).all():
            raise ValueError(f"{name} is not one number in its range at each iteration")
    return [np.broadcast_to(value, k.shape).astype(float) for value in found] or [np.empty((len(k), 0))]


def _one_by_one(hyper: Any, columns: Any, known: Any, k: np.ndarray) -> Iterator[list[float]]:
    for i in k.astype(int).tolist():
        try:
            yield row("", hyper, columns, known, i)
        except Exception:
            return


def row(owner: str, hyper: Mapping[str, Any], columns: Sequence[str], known: Mapping[str, Any], k: int) -> list[float]:
    """The named hyperparameters at one iteration, or what is wrong with them."""
    values = resolve(hyper, columns, {**known, "k": k})
    return [number(owner, name, value) for name, value in zip(columns, values, strict=True)]
