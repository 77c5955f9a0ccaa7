"""`compare`: many methods side by side on many problems, as a table and as a figure."""

import csv
import io
import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import short, unknown
from .method import Method
from .minimize import as_method, minimize
from .problems import Problem, as_problems
from .problems.options import whole
from .profiles import Profile, data_profile, performance_profile, values_along
from .result import Result, Status
from .rule import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = ("evaluations", "gradients", "iterations", "seconds")


@dataclass(frozen=True)
class Run:
    """One method on one problem.

    Attributes
    ----------
    problem : Problem
    method : str
        The label.
    result : Result
    seconds : float
        Wall time, the median of the repeats.
    error : float
        The final f − f*, as `Problem.error`: f* belongs to the nearest known minimiser.
    """

    problem: Problem
    method: str
    result: Result
    seconds: float
    error: float

    def record(self) -> dict[str, Any]:
        """The run as plain values."""
        r = self.result
        return {
            "problem": self.problem.name,
            "dim": self.problem.dim,
            "method": self.method,
            "converged": r.success,
            "iterations": r.nit,
            "evaluations": r.nfev,
            "gradients": r.njev,
            "seconds": self.seconds,
            "error": self.error if math.isfinite(self.error) else None,
            "status": Status(r.status).name.lower(),
        }

    def __repr__(self) -> str:
        r = self.record()
        ended, count = r["status"].replace("_", " "), r["iterations"]
        return f"<run of {self.method} on {self.problem.name}: {ended}, {count} iteration{'s' * (count != 1)}>"


@dataclass(frozen=True)
class Comparison:
    """The runs of `compare`.

    Attributes
    ----------
    runs : tuple of Run
    """

    runs: tuple[Run, ...]

    @property
    def converged(self) -> bool:
        """Whether every run did."""
        return all(run.result.success for run in self.runs)

    def records(self) -> list[dict[str, Any]]:
        """A plain dict a run."""
        return [run.record() for run in self.runs]

    def table(self, format: str = "markdown") -> str:
        """Iterations, evaluations, wall time and final error.

        Parameters
        ----------
        format : str
            "markdown", "csv" or "json".

        Raises
        ------
        ValueError
            For another format.
        """
        match format:
            case "markdown":
                return _markdown(self.records())
            case "csv":
                text = io.StringIO()
                writer = csv.DictWriter(text, list(self.records()[0]) if self.runs else [], lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.records())
                return text.getvalue()
            case "json":
                return json.dumps(self.records(), indent=2)
        raise ValueError(unknown("format", format, ["markdown", "csv", "json"]))

    def plot(self) -> "Figure":
        """A column a problem: paths over contours, where it has two variables, and f − f* by iteration.

        f* is that of the minimiser nearest to where each run ended, or the problem's; where none is known, its place
        is taken by the least value that any run found.

        Raises
        ------
        ValueError
            Where nothing was run, or on more than 8 problems.
        """
        from .plots import race

        return race(self)

    def plot_descent(self) -> "Figure":
        """A column a problem: f − f* above, ‖∇f‖ below, by iteration.

        f* is as in `plot`.

        Raises
        ------
        ValueError
            Where nothing was run, or on more than 8 problems.
        """
        from .plots import descent

        return descent(self)

    def only(self, *methods: str) -> "Comparison":
        """The runs of some methods.

        Parameters
        ----------
        *methods : str
            Their labels.

        Raises
        ------
        ValueError
            Where no run has that label.
        """
        labels = dict.fromkeys(run.method for run in self.runs)
        for method in methods:
            if method not in labels:
                raise ValueError(unknown("run of", method, labels))
        return Comparison(tuple(run for run in self.runs if run.method in methods))

    def plot_convergence(self, problem: Problem | str) -> "Figure":
        """f − f*, ‖∇f‖ and, where n ≤ 64, the distance ‖x_k − x*‖ of every run on one problem, by iteration.

        x* is the known minimiser nearest to where a run ended.

        Parameters
        ----------
        problem : Problem or str
            One of those that were run, or its name.

        Raises
        ------
        ValueError
            Where that problem was not run, or several have its name.
        """
        from .plots import convergence

        found = {p: runs for p, runs in self.by_problem().items() if problem in (p, p.name)}
        if not found:
            name = problem.name if isinstance(problem, Problem) else problem
            raise ValueError(unknown("run on", name, dict.fromkeys(p.name for p in self.by_problem())))
        if len(found) > 1:
            raise ValueError(f"{len(found)} problems that were run are named {problem!r}; give the problem itself")
        [(p, runs)] = found.items()
        return convergence({label: run.result for label, run in runs.items()}, p)

    def costs(self, cost: str = "evaluations") -> dict[str, list[float]]:
        """What each method spent on each problem; inf where it did not converge, as with ``tol=0``.

        A run that converged where it started counts as one iteration, as a cost is positive.

        Parameters
        ----------
        cost : str
            "evaluations", "gradients", "iterations" or "seconds".

        Returns
        -------
        dict of str to list of float
            By method. A problem that was interrupted before every method had met it is left out.

        Raises
        ------
        ValueError
            For another cost, and where nothing was run.
        """
        if cost not in COSTS:
            raise ValueError(unknown("cost", cost, COSTS))
        least = 0 if cost == "seconds" else 1
        return {
            label: [max(run.record()[cost], least) if run.result.success else math.inf for run in runs]
            for label, runs in self._by_method().items()
        }

    def performance_profile(self, cost: str = "evaluations") -> dict[str, Profile]:
        """By method, the fraction of the problems solved at no more than τ times the least cost of any method.

        Solved means that the run converged, which with ``tol=0`` none does; `data_profile` goes by values of f.

        Parameters
        ----------
        cost : str
            As for `costs`.

        Returns
        -------
        dict of str to Profile
            By method, of τ, a ratio of costs.

        Raises
        ------
        ValueError
            For another cost, and where nothing was run.

        References
        ----------
        Dolan & Moré, Math. Program. 91 (2002) 201; see `performance_profile`.
        """
        return performance_profile(self.costs(cost))

    def plot_performance_profile(self, cost: str = "evaluations") -> "Figure":
        """The step curves of `performance_profile`, which takes the same and raises the same."""
        from .plots import performance_profile as draw

        return draw(self.performance_profile(cost), cost)

    def data_profile(self, tau: float = 1e-3) -> dict[str, Profile]:
        """By method, the fraction of the problems solved within α(n + 1) evaluations.

        Solved means that f came down from f(x₀) by 1 − τ of what the best method brought it down by, whether or
        not the run converged. Where f is unbounded below, a run that leaves all bounds is that best one; where f is
        not finite at the start, none solves the problem. Where runs see samples of f, the exact f at their iterates
        counts.

        Parameters
        ----------
        tau : float
            The tolerance, in (0, 1).

        Returns
        -------
        dict of str to Profile
            By method, of α.

        Raises
        ------
        ValueError
            Where tau is outside its range, where nothing was run, and where runs see samples of f in more than 64
            variables, so that their iterates are not kept.

        References
        ----------
        Moré & Wild, SIAM J. Optim. 20 (2009) 172; see `data_profile`.
        """
        by_method = self._by_method()
        walks = {label: [_walk(run) for run in runs] for label, runs in by_method.items()}
        dims = [run.problem.dim for run in next(iter(by_method.values()))]
        with np.errstate(invalid="ignore"):
            return data_profile(walks, dims, tau)

    def plot_data_profile(self, tau: float = 1e-3) -> "Figure":
        """The step curves of `data_profile`, which takes the same and raises the same."""
        from .plots import data_profile as draw

        return draw(self.data_profile(tau), tau)

    def by_problem(self) -> dict[Problem, dict[str, Run]]:
        """The runs by problem, then by method."""
        grouped: dict[Problem, dict[str, Run]] = {}
        for run in self.runs:
            grouped.setdefault(run.problem, {})[run.method] = run
        return grouped

    def _by_method(self) -> dict[str, list[Run]]:
        """The runs by method, on the problems that every method met."""
        grouped = [*self.by_problem().values()]
        if not grouped:
            raise ValueError("nothing was run, so there is nothing to compare")
        whole = [runs for runs in grouped if len(runs) == len(grouped[0])]
        return {label: [runs[label] for runs in whole] for label in grouped[0]}

    def __repr__(self) -> str:
        return self.table()

    _repr_markdown_ = __repr__


def compare(
    problems: Problem | str | Iterable[Problem | str],
    methods: Iterable[Method | Rule | str] | Mapping[str, Method | Rule | str],
    *,
    tol: float = 1e-6,
    norm: float = math.inf,
    maxiter: int | None = None,
    time_limit: float | None = None,
    repeats: int = 3,
) -> Comparison:
    """Run every method on every problem.

    Parameters
    ----------
    problems : Problem, str, or iterable of them
        A text is the name of a problem, or of a collection of them.
    methods : iterable of Method, Rule or str; or mapping from labels to them
    tol, norm, maxiter, time_limit
        As for `minimize`.
    repeats : int, optional
        Runs whose median is the wall time; one more of a single iteration comes first, so that nothing is timed cold.

    Returns
    -------
    Comparison
        After Ctrl-C, with the runs so far.

    Examples
    --------
    >>> from momentumlab import compare, heavy_ball, pid
    >>> [run.result.nit for run in compare("mccormick", [heavy_ball(), pid()]).runs]
    [284, 33]
    """
    from tqdm import tqdm

    chosen = as_problems(problems if isinstance(problems, (str, Problem)) else _listed(problems))
    repeats = whole("compare", "repeats", repeats)
    labelled = _labelled(methods)
    options: dict[str, Any] = dict(tol=tol, norm=norm, time_limit=time_limit)
    runs = []
    with tqdm(total=len(chosen) * len(labelled), unit="run", delay=2, disable=None, leave=False) as bar:
        for p in chosen:
            for label, method in labelled.items():
                minimize(p, method=method, maxiter=1, **options)
                run = _timed(p, label, method, repeats, maxiter=maxiter, **options)
                runs.append(run)
                bar.update()
                if run.result.status == Status.INTERRUPTED:
                    return Comparison(tuple(runs))
    return Comparison(tuple(runs))


def _listed(given: Any) -> list[Any]:
    try:
        return list(given)
    except TypeError:
        raise TypeError(f"{short(given)} is not a problem or method, or a list of them") from None


def _labelled(methods: Any) -> dict[str, Method]:
    if isinstance(methods, Mapping):
        return {str(label): as_method(m) for label, m in methods.items()}
    labelled: dict[str, Method] = {}
    for method in map(as_method, [methods] if isinstance(methods, (str, Method, Rule)) else _listed(methods)):
        again = sum(str(m) == str(method) for m in labelled.values())
        labelled[f"{method} ({again + 1})" if again else str(method)] = method
    return labelled


def _timed(p: Problem, label: str, method: Method, repeats: int, **options: Any) -> Run:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        result = minimize(p, method=method, **options)
        seconds.append(time.perf_counter() - began)
        if result.status == Status.INTERRUPTED:
            break
    return Run(p, label, result, median(seconds), p.error(result.x))


def _walk(run: Run) -> tuple[np.ndarray, np.ndarray]:
    assert run.result.history is not None
    if not len(run.result.history):
        return np.array([run.result.nfev]), np.array([np.inf])
    return run.result.history.nfev, values_along(run.problem, run.result.history)


def _markdown(records: list[dict[str, Any]]) -> str:
    head = ["problem", "method", "iterations", "evaluations", "time", "f − f*", "outcome"]
    rows = [
        [
            r["problem"] if r["dim"] == 2 else f"{r['problem']} (n = {r['dim']})",
            r["method"],
            str(r["iterations"]),
            str(r["evaluations"]),
            seconds(r["seconds"]),
            "" if r["error"] is None else f"{r['error']:.1e}",
            r["status"].replace("_", " "),
        ]
        for r in records
    ]
    return markdown(head, rows, numbers={2, 3, 4, 5})


def markdown(head: list[str], rows: list[list[str]], numbers: set[int]) -> str:
    """A Markdown table that reads as a table in a terminal too; the columns in `numbers` are flush right."""
    widths = [max(len(row[j]) for row in [head, *rows]) for j in range(len(head))]
    rule = [f"{'-' * (w - 1)}:" if j in numbers else "-" * w for j, w in enumerate(widths)]
    lines = [
        [c.rjust(w) if j in numbers else c.ljust(w) for j, (c, w) in enumerate(zip(row, widths, strict=True))]
        for row in (head, *rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (lines[0], rule, *lines[1:]))


def seconds(value: float) -> str:
    """A duration with a unit that fits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= 0.9995 * size:  # which three digits round up to it
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
