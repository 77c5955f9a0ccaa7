"""Random draws of runs: generators, and batches of indices."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import short


def generator(owner: str, rng: Any) -> "np.random.Generator":
    """A run's generator: a fresh one from a whole number, so that every run draws alike; a given one goes on."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(rng)
    raise TypeError(
        f"{owner}: rng = {short(rng)}; give a whole number, 0 or larger, from which every run draws alike, "
        "or a numpy.random.Generator, which goes on from run to run"
    )


def batches(n: int, batch: int, rng: "np.random.Generator", replace: bool) -> Iterator[np.ndarray]:
    """Indices below n without end: drawn independently, or permutation after permutation, the last batch of each short.

    >>> drawn = batches(5, 2, np.random.default_rng(0), replace=False)
    >>> [next(drawn).tolist() for _ in range(3)]
    [[2, 4], [3, 0], [1]]
    """
    while True:
        if replace:
            yield rng.integers(n, size=batch)
        else:
            order = rng.permutation(n)
            yield from (order[i : i + batch] for i in range(0, n, batch))
