"""Online losses on [−1, 1] on which Adam goes to the worst point; projection belongs to the method."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

from ..errors import short
from ..hyper import is_real
from .draws import generator
from .problem import Problem

SOURCE = "Reddi, Kale & Kumar, ICLR 2018"


def reddi(C: float = 3.0) -> Problem:
    """fₜ = Cx where t mod 3 = 1, else −x, on [−1, 1]: the best point is −1, and Adam goes to 1.

    The mean of a period is f = (C − 2)x/3, so the average of C·xₜ and −xₜ above that at −1 is the average regret.
    A method on the interval is one with a projection behind it.

    Parameters
    ----------
    C : float
        Larger than 2.

    Examples
    --------
    >>> from momentumlab import adam, into_box, minimize
    >>> method = adam.then(into_box)(lr=lambda k: 0.8 / k**0.5, beta1=0.0, beta2=0.1, eps=0.0, c1=1.0, c2=1.0)
    >>> minimize(reddi(), method=method, tol=0, maxiter=999).x
    array([1.])
    """
    if not is_real(C) or not C > 2:
        raise ValueError(f"reddi: C = {short(C)}; it must be a number larger than 2")
    return _linear("reddi", (C - 2) / 3, lambda: cycle((C, -1.0, -1.0)))


def reddi_mild() -> Problem:
    """fₜ = 1010x where t mod 101 = 1, else −10x, on [−1, 1]: Adam's usual constants suffice; f = 10x/101."""
    return _linear("reddi_mild", 10 / 101, lambda: cycle((1010.0, *100 * (-10.0,))))


def reddi_random(rng: Any) -> Problem:
    """fₜ = 1010x with probability 0.01, else −10x, on [−1, 1], independently; f = x/5.

    Parameters
    ----------
    rng : int or numpy.random.Generator
        From a number every run sees the same losses, a generator goes on from run to run.
    """
    generator("reddi_random", rng)

    def slopes():
        stream = generator("reddi_random", rng)
        while True:
            yield 1010.0 if stream.random() < 0.01 else -10.0

    return _linear("reddi_random", 0.2, slopes)


def _linear(name: str, mean: float, slopes: Callable[[], Iterator[float]]) -> Problem:
    def loss(x, slope):
        return slope * x[0], np.array([slope])

    def sampler():
        drawn = slopes()
        return lambda x: loss(x, next(drawn))

    return Problem(
        name,
        lambda x: loss(x, mean),
        [0.0],
        jac=True,
        minimizers=([-1.0],),
        fstar=-mean,
        source=SOURCE,
        sampler=sampler,
    )
