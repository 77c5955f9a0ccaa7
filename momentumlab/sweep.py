"""`sweep`: a rule over grids of hyperparameters and starts, one run a cell."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import short
from .hyper import inside, is_real
from .loops import numbers_of, side_by_side
from .method import Method
from .minimize import as_method, minimize
from .problems import Problem, as_problem
from .problems.options import whole
from .result import Status
from .rule import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TASK = 2 * 10**8  # steps of a coordinate that a thread takes between two moves of the bar, at most
MOST = 2**31 - 1  # iterations, which maps count in 32 bits
ROUNDS = 4  # of tasks for each thread, at least, so that none waits long for another


@dataclass(frozen=True, eq=False)
class Map:
    """How runs over a grid ended, cell by cell.

    Attributes
    ----------
    problem : Problem
    template : Method
        The method of one of the cells; what is no axis is the same in all.
    axes : dict of str to ndarray
        The values of each hyperparameter that moves, in the order of the arrays' dimensions.
    starts : ndarray of shape (..., n)
        Where runs start; the dimensions before the last, if any, are the arrays' last ones.
    nit : ndarray of int32
        Iterations.
    status : ndarray of int8
        `Status` of each run: converged, at its limit, not finite or diverged; interrupted where none was made.
    fun : ndarray
        The last value.
    x : ndarray of shape (..., n)
        The last point.
    one_by_one : str
        Why the runs were not done side by side; empty where they were.

    Examples
    --------
    >>> import numpy as np, momentumlab as ml
    >>> lr, beta = np.array([1e-3, 1e-2]), np.array([0.0, 0.5, 0.9])
    >>> m = ml.sweep("rosenbrock", ml.heavy_ball, lr=lr, beta=beta, maxiter=9000)
    >>> m.nit.shape, m.converged.tolist()
    ((2, 3), [[False, False, True], [False, False, False]])
    >>> m.best()
    heavy_ball(lr=0.001, beta=0.9)
    """

    problem: Problem
    template: Method
    axes: dict[str, np.ndarray]
    starts: np.ndarray
    nit: np.ndarray
    status: np.ndarray
    fun: np.ndarray
    x: np.ndarray
    one_by_one: str = ""

    @property
    def converged(self) -> np.ndarray:
        """Which runs met the tolerance."""
        return self.status == Status.CONVERGED

    @property
    def diverged(self) -> np.ndarray:
        """Which left all bounds, or the numbers that are finite."""
        return (self.status == Status.DIVERGED) | (self.status == Status.NONFINITE)

    def best(self) -> Method:
        """The hyperparameters of a cell that converged in the fewest iterations; over all starts, if there are many.

        Raises
        ------
        ValueError
            Where no cell converged from every start.
        """
        cost = np.where(self.converged, self.nit, np.inf)
        cost = cost.reshape(*(len(values) for values in self.axes.values()), -1).sum(axis=-1)
        if not np.isfinite(cost).any():
            raise ValueError("no hyperparameters of this map converged from every start; widen it, or raise maxiter")
        return self.method(*map(int, np.unravel_index(int(cost.argmin()), cost.shape)))

    def method(self, *cell: int) -> Method:
        """The method of a cell, by an index for each axis."""
        if len(cell) != len(self.axes):
            raise TypeError(f"{len(cell)} indices; this map has an axis for each of: {', '.join(self.axes) or 'none'}")
        return _rebound(self.template, _at(self.axes, cell))

    def plot(self) -> "Figure":
        """Iterations to the tolerance over two hyperparameters, or basins of attraction over two variables.

        Over hyperparameters the exact stability boundary is drawn dashed, with contours of the exact rate, where the
        rule is linear and the curvatures are known: those of a quadratic or convex problem, else those of the Hessian
        at the minimiser that most runs reached.

        Raises
        ------
        ValueError
            Where the map has not two dimensions.
        """
        from .maps import sweep_map

        return sweep_map(self)

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.nit.shape)) or "one run"
        counts = {status.name.lower().replace("_", " "): int((self.status == status).sum()) for status in Status}
        ended = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        alone = f"; one run after another, since {self.one_by_one}" if self.one_by_one else ""
        return f"<map of {self.template.name} on {self.problem.name}, {shape}: {ended}{alone}>"


def sweep(
    problem: Problem | str,
    rule: Rule | Method | str,
    *,
    x0: Any = None,
    tol: float = 1e-6,
    maxiter: int = 1000,
    progress: bool = True,
    **hyper: Any,
) -> Map:
    """Run a rule from each start with each combination of hyperparameters.

    Every run ends as `minimize` would end it, at the same point to the last bit. Runs of a compiled problem lie side
    by side across the processor's lanes, on all cores. Rules whose hyperparameters move with the iteration or measure
    whole vectors, searches, preconditioners and problems that are not compiled take one run after another; the map
    says so.

    Parameters
    ----------
    problem : Problem or str
    rule : Rule, Method or str
    x0 : array_like of shape (n,) or (..., n), optional
        A start, or a grid of starts; the problem's own where it is left out.
    tol : float, optional
        On the largest component of the gradient; 0 runs to `maxiter`.
    maxiter : int, optional
    progress : bool, optional
        Whether to show a bar, at a terminal, once it has taken two seconds.
    **hyper : float, callable or array_like of shape (cells,)
        Hyperparameters: an array is an axis of the map, anything else holds in every cell.

    Returns
    -------
    Map
        After Ctrl-C, with the runs so far.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not understood. An exception in the problem's function passes through, with the runs so far
        as its `map`.

    Examples
    --------
    Basins of attraction:

    >>> import numpy as np, momentumlab as ml
    >>> grid = np.stack(np.meshgrid(np.linspace(-5, 5, 64), np.linspace(-5, 5, 64)), axis=-1)
    >>> ml.sweep("himmelblau", ml.gradient_descent, x0=grid, lr=0.01)
    <map of gradient_descent on himmelblau, 64 × 64: 4096 converged>
    """
    p, (template, axes) = as_problem(problem), _split(rule, hyper)
    starts = _starts(p, x0)
    steps = whole("sweep", "maxiter", maxiter, 0)
    if steps > MOST:
        raise ValueError(f"sweep: maxiter = {maxiter}; it must be at most {MOST}")
    if not is_real(tol) or tol < 0:
        raise ValueError(f"sweep: tol = {short(tol)}; it must be a number, 0 or larger")
    shape = (*map(len, axes.values()), *starts.shape[:-1])
    cells = math.prod(shape)
    points, values = np.full((cells, p.dim), np.nan), np.full(cells, np.nan)
    counts, outcomes = np.zeros(cells, np.int32), np.full(cells, Status.INTERRUPTED, np.int8)
    ends = points, values, counts, outcomes
    runs, why = _kernel(p, template, axes, starts.reshape(-1, p.dim), steps, float(tol), ends)
    arrays = counts.reshape(shape), outcomes.reshape(shape), values.reshape(shape), points.reshape(*shape, p.dim)
    found = Map(p, template, axes, starts, *arrays, why)
    threads = 1 if why else _cores()
    task = 1 if why else max(1, min(TASK // max(steps * p.dim, 1), -(-cells // (ROUNDS * threads))))
    try:
        _work(runs, cells, task, threads, why, progress)
    except KeyboardInterrupt:
        pass
    except Exception as error:
        with suppress(AttributeError):
            error.map = found  # type: ignore[attr-defined]
            error.add_note("the runs so far are this exception's .map")
        raise
    return found


Runs = Callable[[int, int], None]
"""From one cell up to another."""


def _kernel(
    p: Problem, template: Method, axes: Mapping[str, np.ndarray], starts: np.ndarray, steps: int, tol: float, ends: Any
) -> tuple[Runs, str]:
    """What runs cells, and why it does not do so side by side."""
    alone = _alone(p, template, axes, starts, steps, tol, ends)
    if template.search:
        return alone, f"{template.search} finds lr on the way"
    objective = None if p.sampler or p.x0.ndim > 1 else p.objective()
    if objective is None or objective.native is None:
        return alone, f"{p.name} is not compiled for vectors"
    if not p.compile:
        objective.check_bounds()
    from .compiled import is_ours, lanes

    f = p.f if p.compile and is_ours(p.f) else objective.native
    try:
        kernel = lanes(side_by_side(template.rule), f, p.dim)
    except TypeError as error:
        return alone, str(error)

    shared = {name: math.prod(map(len, list(axes.values())[i + 1 :])) * len(starts) for i, name in enumerate(axes)}
    names = numbers_of(template.rule)
    values = [axes.get(name, np.array([template.rule.hyper[name]])) for name in names]
    layout, numbers, first = [], np.concatenate([*values, np.empty(0)]), 0
    for name, row in zip(names, values, strict=True):
        layout.append([first, shared.get(name, 1), len(row)])
        first += len(row)
    given = starts, numbers, np.array(layout, dtype=np.int64).reshape(-1, 3), steps, tol or -1.0, *ends
    return lambda first, last: kernel(first, last, *given), ""


def _alone(
    p: Problem, template: Method, axes: Mapping[str, np.ndarray], starts: np.ndarray, steps: int, tol: float, ends: Any
) -> Runs:
    """One run of `minimize` a cell."""
    shape = (*map(len, axes.values()), len(starts))
    points, values, counts, outcomes = ends

    def run(first: int, last: int) -> None:
        for cell in range(first, last):
            *at, origin = np.unravel_index(cell, shape)
            method = _rebound(template, _at(axes, at))
            r = minimize(p, starts[origin], method, tol=tol, maxiter=steps, history=False)
            points[cell], values[cell], counts[cell], outcomes[cell] = r.x.ravel(), r.fun, r.nit, r.status

    return run


def _work(runs: Runs, cells: int, task: int, threads: int, why: str, progress: bool) -> None:
    from tqdm import tqdm

    parts = [(first, min(first + task, cells)) for first in range(0, cells, task)]
    label, hidden = f"one by one, since {why}" if why else None, None if progress else True
    with tqdm(total=cells, unit="run", unit_scale=True, desc=label, delay=2, leave=False, disable=hidden) as bar:
        for first, last in _done(runs, parts, threads):
            bar.update(last - first)


def _cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _done(runs: Runs, parts: list[tuple[int, int]], threads: int) -> Iterator[tuple[int, int]]:
    """Parts as they are done, by this thread and others beside it."""
    left, done, failed = deque(parts), deque[tuple[int, int]](), deque[BaseException]()

    def taken() -> Iterator[tuple[int, int]]:
        with suppress(IndexError):  # when none is left
            while not failed:
                yield left.popleft()

    def work() -> None:
        for part in taken():
            try:
                runs(*part)
            except BaseException as error:
                failed.append(error)
            else:
                done.append(part)

    others = [Thread(target=work) for _ in range(min(threads, len(parts)) - 1)]
    for other in others:
        other.start()
    try:
        for part in taken():
            runs(*part)
            done.append(part)
            while done:
                yield done.popleft()
    finally:
        left.clear()
        for other in others:
            other.join()
    yield from done
    if failed:
        raise failed[0]


# ------------------------------------------------------------------ arguments


def _at(axes: Mapping[str, np.ndarray], cell: Any) -> dict[str, float]:
    return {name: float(values[i]) for (name, values), i in zip(axes.items(), cell, strict=True)}


def _rebound(method: Method, hyper: Mapping[str, Any]) -> Method:
    """A method with further hyperparameters; its search is given up where lr is one of them."""
    held = {**dict(method.bound), **hyper}
    search = None if "lr" in hyper else method.search
    return method.base(**held, search=search, preconditioner=method.preconditioner, index=method.index or None)


def _split(rule: Rule | Method | str, hyper: Mapping[str, Any]) -> tuple[Method, dict[str, np.ndarray]]:
    """A method of the map, and the axes."""
    axes: dict[str, np.ndarray] = {}
    if wrong := hyper.keys() & {"search", "preconditioner", "index"}:
        name = min(wrong)
        raise TypeError(f"sweep: {name} belongs to the method: give heavy_ball({name}=...), say, in place of the rule")
    for name, value in hyper.items():
        try:
            if callable(value) or np.ndim(value) == 0:
                continue
            if np.iscomplexobj(value):
                raise TypeError
            axes[name] = np.ascontiguousarray(value, dtype=float)
        except (TypeError, ValueError):
            raise TypeError(f"sweep: {name} = {short(value)}; an axis is an array of numbers") from None
        if axes[name].ndim != 1 or not axes[name].size or not np.isfinite(axes[name]).all():
            raise ValueError(f"sweep: {name} = {short(value)}; an axis is a row of finite numbers")
    doubtful = {name: float(values[inside(name, values).argmin()]) for name, values in axes.items()}
    given = {**hyper, **doubtful}
    return rule(**given) if isinstance(rule, Rule) else _rebound(as_method(rule), given), axes


def _starts(p: Problem, x0: Any) -> np.ndarray:
    if x0 is None:
        return p.x0.reshape(-1)
    try:
        starts = np.array(x0, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"sweep: x0 = {short(x0)}; it must be an array of numbers") from None
    if starts.ndim == 0 or starts.shape[-1] != p.dim or not starts.size or not np.isfinite(starts).all():
        raise ValueError(
            f"sweep: x0 has shape {starts.shape}; {p.name} has {p.dim} variable{'s' * (p.dim > 1)}, "
            f"so its last dimension must be {p.dim}, and its numbers finite"
        )
    return np.ascontiguousarray(starts)
