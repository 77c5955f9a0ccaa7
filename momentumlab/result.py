"""What a run leaves behind: how it ended, where, and its history."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .problems import Problem

ROWS = 4096  # of history, at most
FEW = 256  # for which there is room at first: what is not written to need not be had
SMALL = 64  # dimension up to which history keeps the iterates (2 MB at most)


class Status(IntEnum):
    """How a run ended; 0, 1, 2, 3 and 99 mean what they mean in SciPy."""

    CONVERGED = 0
    ITERATION_LIMIT = 1
    NO_STEP = 2
    NONFINITE = 3
    DIVERGED = 4
    TIME_LIMIT = 5
    INTERRUPTED = 6
    UNREPRODUCIBLE = 7
    RAISED = 8
    CALLBACK = 99


SENTENCES = {
    Status.CONVERGED: "The gradient is within the tolerance.",
    Status.ITERATION_LIMIT: "The iteration limit was reached.",
    Status.NO_STEP: "The search found no step size that decreases the objective; "
    "is the gradient right, and the rule's step one of descent?",
    Status.NONFINITE: "The objective or its gradient became inf or nan; the last finite point is kept.",
    Status.DIVERGED: "The objective left all bounds: lr is too large, or there is no minimum.",
    Status.TIME_LIMIT: "The time limit was reached.",
    Status.INTERRUPTED: "Interrupted from the keyboard.",
    Status.UNREPRODUCIBLE: "The gradient met the tolerance, but not when evaluated again: it depends on more than x.",
    Status.RAISED: "The objective or the callback raised an exception.",
    Status.CALLBACK: "The callback raised StopIteration.",
}


class Step(Protocol):
    """Where a run stands."""

    @property
    def k(self) -> int:
        """Steps taken."""

    @property
    def x(self) -> np.ndarray:
        """The point where the objective was evaluated."""

    @property
    def fun(self) -> float: ...

    @property
    def jac(self) -> np.ndarray: ...

    @property
    def finite(self) -> bool:
        """Whether `x`, `fun` and `jac` are."""

    @property
    def slots(self) -> Mapping[str, np.ndarray]:
        """The rule's memory, by name."""

    @property
    def iterate(self) -> np.ndarray:
        """The iterate that theorems speak of; `x` itself unless the rule evaluates elsewhere."""

    @property
    def step(self) -> float:
        """The step size that the search found last; its first one before that, 0 without a search."""


def diverged(fun: float, f0: float) -> bool:
    """Whether |f| left all bounds, from where it started."""
    return not abs(fun) < limit(f0)


def limit(f0: float) -> float:
    """What |f| stays below unless a run diverges."""
    return 1e20 * max(1.0, abs(f0))


def is_finite(fun: float, *arrays: np.ndarray) -> bool:
    """Whether the objective is, and all of a gradient and a point."""
    return math.isfinite(fun) and all(np.count_nonzero(np.isfinite(a)) == a.size for a in arrays)


class History:
    """f, ‖g‖ and, in small dimensions, the iterate, at every iteration or at every 2ᵐ-th.

    At most 4096 rows are kept: each time they are full, every other one is dropped. The last iteration
    is always there.

    Attributes
    ----------
    k : ndarray of shape (rows,)
        Iterations.
    fun, gnorm : ndarray of shape (rows,)
        The objective and the norm of its gradient, at the points where the rule evaluates them.
    nfev : ndarray of shape (rows,)
        Evaluations of the objective until then.
    x : ndarray of shape (rows, *shape of x), or (rows, 0) where x has more than 64 components
        The iterate that theorems speak of, which a rule that looks ahead does not evaluate.
    norm : float
        That of `gnorm`: inf for the largest component, 2 for the Euclidean norm.
    """

    def __init__(self, shape: tuple[int, ...], norm: float = math.inf) -> None:
        n = math.prod(shape)
        self.shape, self.norm = shape if n <= SMALL else (0,), norm
        self.log, self.path = np.empty((FEW - 1, 3)), np.empty((FEW - 1, n if n <= SMALL else 0))
        self.values = np.zeros(FEW)
        self.rows, self.stride = 0, 1
        self._last: tuple[Any, ...] | None = None

    @property
    def spent(self) -> np.ndarray:
        """Evaluations before each row."""
        return self.values[1:]

    def record(self, step: Step, gnorm: float, nfev: int) -> None:
        """Keep a step if it is due, and remember it as the last."""
        k, rows = step.k, self.rows
        if rows and self.log.item(rows - 1, 0) >= k:  # written by the compiled loop
            self._last = None
            return
        self._last = last = (k, step.fun, gnorm), step.iterate.ravel()[: self.path.shape[1]].copy(), (nfev,)
        if k % self.stride == 0:
            self.log[rows], self.path[rows], (self.values[1 + rows],) = last
            self.rows += 1
            self.make_room()

    def make_room(self) -> None:
        """See to room for one more row: drop every other one where there are as many as there may be."""
        if self.rows == len(self.log) < ROWS - 1:
            more = ROWS - FEW
            self.log, self.path = (np.concatenate([a, np.empty((more, a.shape[1]))]) for a in (self.log, self.path))
            self.values = np.concatenate([self.values, np.zeros(more)])
        elif self.rows == len(self.log):
            kept = (self.rows + 1) // 2
            for rows in (self.log, self.path, self.spent):
                rows[:kept] = rows[::2].copy()
            self.spent[kept:] = 0
            self.rows, self.stride = kept, 2 * self.stride

    def _all(self, kept: np.ndarray, part: int) -> np.ndarray:
        kept = kept[: self.rows]
        if self._last is None or (self.rows and self.log[self.rows - 1, 0] >= self._last[0][0]):
            return kept
        return np.vstack([kept, self._last[part]])

    @property
    def k(self) -> np.ndarray:
        return self._all(self.log, 0)[:, 0].astype(int)

    @property
    def fun(self) -> np.ndarray:
        return self._all(self.log, 0)[:, 1]

    @property
    def gnorm(self) -> np.ndarray:
        return self._all(self.log, 0)[:, 2]

    @property
    def nfev(self) -> np.ndarray:
        spent = self._all(self.spent[:, None], 2)[:, 0].astype(int)
        return np.where(spent > 0, spent, self.k + 1)  # 0 stands for one an iteration

    @property
    def x(self) -> np.ndarray:
        kept = self._all(self.path, 1)
        return kept.reshape(len(kept), *self.shape)

    def __len__(self) -> int:
        return len(self._all(self.log, 0))

    def __repr__(self) -> str:
        return f"<History of {len(self)} rows: k, fun, gnorm, nfev{', x' if self.path.shape[1] else ''}>"


class Result(dict):
    """What `minimize` returns: a dict whose keys are attributes too, as SciPy's OptimizeResult.

    Attributes
    ----------
    x : ndarray
        The last point where the objective and its gradient were evaluated and finite.
    fun : float
    jac : ndarray
        Both at `x`.
    nit, nfev, njev, nhev : int
        Iterations, evaluations of the objective, of the gradient and of the Hessian. A function that gives the first
        two counts in both.
    success : bool
        Whether the gradient at `x`, evaluated twice, met the tolerance.
    status : int
        A value of `Status`.
    message : str
    lr : float or None
        The step size of the last iteration, found or given; None where the rule has none or measures it.
    iterate : ndarray
        The iterate that theorems speak of; `x` itself unless the rule takes gradients elsewhere.
    history : History or None
    """

    x: np.ndarray
    fun: float
    jac: np.ndarray
    nit: int
    nfev: int
    njev: int
    nhev: int
    success: bool
    status: int
    message: str
    lr: float | None
    iterate: np.ndarray
    history: History | None

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"Result has no {name!r}; it has {', '.join(self)}") from None

    __setattr__ = dict.__setitem__  # type: ignore[assignment]
    __delattr__ = dict.__delitem__  # type: ignore[assignment]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self})

    def __repr__(self) -> str:
        width = max(map(len, self), default=0) + 1
        with np.printoptions(precision=4, threshold=8, edgeitems=3):
            lines = [
                f"{key.rjust(width)}: {str(value) if isinstance(value, (str, np.ndarray)) else repr(value)}"
                for key, value in self.items()
            ]
        return "\n".join(line.replace("\n", "\n" + " " * (width + 2)) for line in lines)

    def plot(self, problem: "Problem | str | None" = None) -> "Figure":
        """f above its least value, and ‖∇f‖, by iteration; with the problem, or its name, what is known of it too.

        Then the first panel shows f − f*, and where n ≤ 64 a third one the distance ‖x_k − x*‖; x* is the known
        minimiser nearest to where the run ended.

        Parameters
        ----------
        problem : Problem or str, optional
            What was minimised.

        Raises
        ------
        ValueError
            Where the run kept no history, or minimised something else.
        """
        from .plots import convergence

        return convergence({"": self}, problem)


@dataclass(frozen=True)
class Evaluated:
    """A `Step` that stands still."""

    k: int
    x: np.ndarray
    fun: float
    jac: np.ndarray
    slots: Mapping[str, np.ndarray]
    iterate: np.ndarray
    step: float = 0.0

    @property
    def finite(self) -> bool:
        return is_finite(self.fun, self.jac, self.x)
