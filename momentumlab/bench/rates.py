"""Rate cards: what they take, and what of it is the semidefinite programme's."""

from collections.abc import Callable, Iterator
from functools import partial

from ..rates import card, certified
from ..rules import nesterov
from .rows import Row, installed, pairs, timed

MU, L = 1.0, 100.0


def cards() -> Iterator[Row]:
    """A card with and without the matrix inequality, and each of the certificates."""
    if not installed("cvxpy"):
        return
    m = nesterov.tuned(mu=MU, L=L)
    take: Callable = lambda call, **options: partial(timed, partial(call, m, MU, L, **options))
    what = "rate card of nesterov, κ = 100"
    yield pairs(what, "with the matrix inequality (CVXPY, Clarabel)", take(card), take(card, sdp=True), repeats=5)
    what, peer = "its certificate by frequencies", "by the matrix inequality"
    yield pairs(what, peer, take(certified), take(certified, by="lmi"))
