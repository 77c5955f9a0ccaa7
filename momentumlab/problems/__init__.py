"""Test problems by name; each module is a collection."""

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

from ..errors import short, unknown
from . import classics, convex, more_garbow_hillstrom, quadratics, regression
from .problem import Problem

COLLECTIONS = (quadratics, classics, convex, regression, more_garbow_hillstrom)


def problems() -> dict[str, Callable[..., Problem]]:
    """Every problem's name and the function that makes it.

    >>> problems()["beale"]().dim
    2
    """
    return {name: getattr(collection, name) for collection in COLLECTIONS for name in collection.__all__}


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
    return replace(known[name](**options), recipe=(name, options))


def as_problem(p: Problem | str) -> Problem:
    """A Problem, or the one of a name."""
    if not isinstance(p, (Problem, str)):
        raise TypeError(f"{short(p)} is not a problem: give the name of one, or make one: Problem('mine', f, x0)")
    return p if isinstance(p, Problem) else problem(p)


__all__ = ["Problem", "as_problem", "problem", "problems"]
