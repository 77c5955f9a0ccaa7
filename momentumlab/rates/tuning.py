"""Hyperparameters that make a rate least."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import unknown
from ..hyper import RANGES
from ..method import Method
from ..rule import Rule

PLACES = 3
"""Where searches start: one from theory's tuning, or the defaults, the others at random around it."""
SIZES = (0.5, 0.1)
"""Of the simplex: it starts afresh from where it ended, turned at random, since it collapses on the kinks of a rate."""
POLISH = (0.02, 0.005, 0.02, 0.005, 0.001, 0.0002)
"""The same from the best place."""
WORST = 10.0
"""What a method counts as that cannot be, or has no rate."""


def least(
    rule: Rule, mu: float, L: float, rate: Callable[[Method], float], free: Sequence[str] | None = None
) -> Method:
    """The method of a rule whose rate is least over its free hyperparameters, by Nelder and Mead's simplex.

    Free by default are those that are numbers; the others stay functions of them.
    """
    from scipy.optimize import minimize as scipy_minimize
    from tqdm import tqdm

    rng = np.random.default_rng(0)
    maps, held = _maps(rule, mu, L, free)

    def bound(u: np.ndarray) -> Method:
        hyper: dict[str, Any] = {n: at(v) for (n, at), v in zip(maps.items(), u, strict=True)}
        return rule(**held | hyper)

    def cost(u: np.ndarray) -> float:
        try:
            found = rate(bound(u))
        except (ValueError, OverflowError):
            return WORST
        return min(float(found), WORST)

    def search(u: np.ndarray, sizes: Sequence[float] = SIZES, most: int = 30) -> np.ndarray:
        for size in sizes:
            turned = np.linalg.qr(rng.normal(size=(len(u), len(u))))[0]
            options = dict(initial_simplex=np.vstack([u, u + size * turned]), xatol=1e-9, fatol=1e-12)
            u = scipy_minimize(cost, u, method="Nelder-Mead", options={**options, "maxfev": most * len(u)}).x
            bar.update()
        return u

    places = np.vstack([np.zeros(len(maps)), rng.normal(size=(PLACES - 1, len(maps)))])
    total = PLACES * len(SIZES) + len(POLISH)
    with tqdm(total=total, desc=f"tuning {rule.name}", delay=2, leave=False, disable=None) as bar:
        return bound(search(min(map(search, places), key=cost), POLISH, most=60))


def _maps(
    rule: Rule, mu: float, L: float, free: Sequence[str] | None
) -> tuple[dict[str, Callable[[float], float]], dict[str, Any]]:
    """For each free hyperparameter, all numbers onto its range, 0 to where it starts; and lr where that is not free."""
    if free is None:
        free = [n for n, v in rule.hyper.items() if not callable(v)]
    if strange := [n for n in free if n not in rule.hyper]:
        raise ValueError(f"{rule.name}: {unknown('hyperparameter', strange[0], rule.hyper)}")
    if not free:
        raise ValueError(f"{rule.name}: nothing is free; name some of {', '.join(rule.hyper)}")
    plain: dict[str, Any] = {"lr": 1 / L} if "lr" in rule.hyper else {}
    first = rule.tuned(mu=mu, L=L) if rule.tuning else rule(**plain)
    row = first.rule.row(1)
    held = {"lr": row["lr"]} if "lr" in rule.hyper and "lr" not in {*free, *rule.chosen} else {}
    return {name: _onto(RANGES.get(name, ""), row[name], 1 / L) for name in free}, held


def _onto(range: str, default: float, scale: float) -> Callable[[float], float]:
    if range.endswith("1)"):
        middle = min(max(default, 0.01), 0.999)
        offset = math.log(middle / (1 - middle))
        return lambda u: 1 / (1 + math.exp(-u - offset))
    if range.endswith("inf)") and range[1] == "0":
        return lambda u: (default or scale) * math.exp(u)
    return lambda u: default + (abs(default) or scale) * u
