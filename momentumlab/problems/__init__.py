"""Test problems by name; each module is a collection."""

from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any

from ..errors import short, unknown
from . import classics, convex, more_garbow_hillstrom, quadratics, regression
from .finite_sums import finite_sum
from .noise import drift, noisy
from .online import reddi, reddi_mild, reddi_random
from .problem import Problem
from .regression import least_squares, logistic

MODULES = (quadratics, classics, convex, regression, more_garbow_hillstrom)
MAKERS = {name: getattr(module, name) for module in MODULES for name in module.__all__}
NUMBERS = more_garbow_hillstrom.NUMBERS
COLLECTIONS = {
    **{module.__name__.rpartition(".")[2]: list(module.__all__) for module in MODULES},
    "more_garbow_hillstrom": list(NUMBERS.values()),
    "more_garbow_hillstrom_unconstrained": [NUMBERS[n] for n in more_garbow_hillstrom.UNCONSTRAINED],
}
"""The names of each collection's problems; Moré, Garbow & Hillstrom's are in their order, two of them classics."""


def problems(collection: str | None = None) -> dict[str, Callable[..., Problem]]:
    """Problems' names and the functions that make them, of one collection or of all.

    Parameters
    ----------
    collection : str, optional
        "quadratics", "classics", "convex", "regression", "more_garbow_hillstrom", or
        "more_garbow_hillstrom_unconstrained", the 18 on which its authors compare minimisers.

    Raises
    ------
    ValueError
        Where there is no such collection.

    Examples
    --------
    >>> problems()["beale"]().dim
    2
    >>> len(problems("more_garbow_hillstrom"))
    35
    """
    if collection is None:
        return dict(MAKERS)
    if not isinstance(collection, str) or collection not in COLLECTIONS:
        raise ValueError(unknown("collection", collection, COLLECTIONS))
    return {name: MAKERS[name] for name in COLLECTIONS[collection]}


def problem(name: str, **options: Any) -> Problem:
    """A test problem by name.

    Parameters
    ----------
    name : str
        One of `problems()`.
    **options
        What the problem lets one choose, such as its dimension `n`.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        Where there is no such problem.
    TypeError
        Where it has no such option.

    Examples
    --------
    >>> problem("quadratic", n=50, mu=1, L=100).L
    100.0
    """
    known = problems()
    if not isinstance(name, str) or name not in known:
        raise ValueError(unknown("problem", name, known))
    choices = signature(known[name]).parameters
    for option in options:
        if option not in choices:
            raise TypeError(f"problem {name}: {unknown('option', option, choices)}")
    made = known[name](**options)
    object.__setattr__(made, "recipe", (name, options))
    return made


def as_problem(p: Problem | str) -> Problem:
    """A Problem, or the one of a name."""
    if not isinstance(p, (Problem, str)):
        raise TypeError(f"{short(p)} is not a problem: give the name of one, or make one: Problem('mine', f, x0)")
    return p if isinstance(p, Problem) else problem(p)


def as_problems(given: Problem | str | Iterable[Problem | str]) -> list[Problem]:
    """The problems among which are names, and names of collections."""
    listed = [given] if isinstance(given, (Problem, str)) else given
    return [as_problem(each) for p in listed for each in (COLLECTIONS.get(p, [p]) if isinstance(p, str) else [p])]


__all__ = [
    "Problem",
    "as_problem",
    "as_problems",
    "drift",
    "finite_sum",
    "least_squares",
    "logistic",
    "noisy",
    "problem",
    "problems",
    "reddi",
    "reddi_mild",
    "reddi_random",
]
