"""Numbers of several seeds: their mean, how sure it is, and whether two methods differ."""

import warnings
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Paired(NamedTuple):
    """The mean of a − b over the seeds, its interval at 95 %, the p-value of no difference, the number of pairs."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def mean_error(values: ArrayLike) -> tuple[float, float]:
    """The mean and its standard error, which is nan for one value.

    >>> "{:.2f} ± {:.2f}".format(*mean_error([97.5, 97.6, 97.7]))
    '97.60 ± 0.06'
    """
    seen = _values("values", values)
    return float(seen.mean()), float(seen.std(ddof=1) / np.sqrt(seen.size)) if seen.size > 1 else np.nan


def mean_errors(rows: Iterable[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Means and standard errors, place by place; of as many places as all rows have."""
    columns = [mean_error(column) for column in zip(*rows, strict=False)]
    return [mean for mean, _ in columns], [error for _, error in columns]


def within(values: Sequence[float], form: str) -> str:
    """A mean and its standard error, in words; where a run diverged, how many did.

    >>> within([97.5, 97.6, 97.7], ".2f"), within([97.5], ".1f"), within([0.1, np.nan], ".1f")
    ('97.60 ± 0.06', '97.5', '1 of 2 diverged')
    """
    if lost := sum(not isfinite(value) for value in values):
        return f"{lost} of {len(values)} diverged"
    mean, error = mean_error(values)
    return f"{mean:{form}} ± {error:{form}}" if isfinite(error) else f"{mean:{form}}"


def interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Student's confidence interval of the mean; (nan, nan) for one value.

    >>> "{:.2f} to {:.2f}".format(*interval([97.5, 97.6, 97.7]))
    '97.35 to 97.85'
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it must lie between 0 and 1, as 0.95 does")
    mean, error = mean_error(values)
    half = error * float(stats.t.ppf((1 + level) / 2, max(np.size(values) - 1, 1)))
    return mean - half, mean + half


def paired(a: Sequence[float], b: Sequence[float]) -> Paired:
    """Student's test of two methods on the same seeds, pair by pair; p = 1 where all pairs are equal.

    >>> test = paired([97.6, 97.7, 97.9], [97.5, 97.5, 97.6])
    >>> f"{test.difference:.1f}, p = {test.p:.3f}, {test.n} pairs"
    '0.2, p = 0.074, 3 pairs'

    Raises
    ------
    ValueError
        Where a and b are not of one length, or have fewer than two values.
    """
    first, second = _values("a", a), _values("b", b)
    if first.size != second.size:
        raise ValueError(f"a has {first.size} values and b {second.size}; give one of each for every seed")
    if first.size < 2:
        raise ValueError("a and b have one value each; a test of pairs needs at least two")
    if np.array_equal(first, second):
        return Paired(0.0, 0.0, 0.0, 1.0, first.size)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of differences that are nearly the same
        test = stats.ttest_rel(first, second)
        low, high = test.confidence_interval(0.95)
        return Paired(float(np.mean(first - second)), float(low), float(high), float(test.pvalue), first.size)


def _values(name: str, given: ArrayLike) -> np.ndarray:
    values = np.asarray(given, float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{name} has shape {values.shape}; it must be a list of numbers, one for each seed")
    return values
