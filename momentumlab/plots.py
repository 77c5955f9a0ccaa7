"""Every figure that the library draws.

Colours are Okabe and Ito's, which colour-blind readers tell apart; line styles differ as well.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .problems import Problem
from .result import Result

if TYPE_CHECKING:
    from .compare import Comparison

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 3)), (0, (1, 1)))
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "figure.dpi": 120,
    "savefig.dpi": 160,
}


def style(j: int) -> dict[str, Any]:
    """The j-th line's colour and dashes."""
    return {"color": COLOURS[j % len(COLOURS)], "linestyle": STYLES[j % len(STYLES)]}


def convergence(runs: Mapping[str, Result], fstar: float | None = None) -> Figure:
    """f − f* (f itself where f* is not given) and ‖∇f‖, where the rule takes gradients, by iteration: one line a run.

    Parameters
    ----------
    runs : mapping of str to Result
        By label; each with its history.
    fstar : float, optional
        The least value.
    """
    with plt.rc_context(RC):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.8), layout="constrained")
        for j, (label, result) in enumerate(runs.items()):
            history = _history(label, result)
            left.plot(
                history.k, history.fun if fstar is None else _positive(history.fun - fstar), label=label, **style(j)
            )
            right.plot(history.k, _positive(history.gnorm), **style(j))
        left.set_yscale("linear" if fstar is None else "log")
        right.set_yscale("log")
        left.set(xlabel="iteration k", ylabel="$f$" if fstar is None else "$f - f^\\star$")
        right.set(xlabel="iteration k", ylabel="$\\|\\nabla f\\|$")
        if any(runs):
            left.legend()
    return figure


def paths(problem: Problem, runs: Mapping[str, Result]) -> Figure:
    """The iterates over the contours of a function of two variables; a dot marks the start, stars known minimisers.

    Parameters
    ----------
    problem : Problem
        Of two variables.
    runs : mapping of str to Result
        By label; each with its history.
    """
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(4.2, 3.6), layout="constrained")
        _paths(axes, problem, runs)
        axes.legend()
    return figure


def race(comparison: "Comparison") -> Figure:
    """A column a problem: paths over contours above, f − f* below; see `Comparison.plot`."""
    if not comparison.runs:
        raise ValueError("nothing was run, so there is nothing to draw")
    runs: dict[Problem, dict[str, Result]] = {}
    for run in comparison.runs:
        runs.setdefault(run.problem, {})[run.method] = run.result
    flat = [p for p in runs if p.dim == 2]
    with plt.rc_context(RC):
        rows = 2 if flat else 1
        figure, grid = plt.subplots(
            rows, len(runs), figsize=(max(2.5 * len(runs), 4.0), 2.4 * rows + 0.4), layout="constrained", squeeze=False
        )
        for column, (problem, results) in zip(grid.T, runs.items(), strict=True):
            if problem in flat:
                _paths(column[0], problem, results)
            elif flat:
                column[0].set_axis_off()
            column[0].set_title(problem.name.replace("_", " "))
            lower = column[-1]
            for j, (label, result) in enumerate(results.items()):
                history = _history(label, result)
                floor = problem.floor(result.x)
                if np.isnan(floor):
                    floor = min(_history("", r).fun.min() for r in results.values())
                lower.semilogy(history.k, _positive(history.fun - floor), label=label, **style(j))
            lower.set_xlabel("iteration k")
            lower.yaxis.set_major_locator(LogLocator(numticks=6))
            lower.yaxis.set_minor_formatter(NullFormatter())
        grid[-1, 0].set_ylabel("$f - f^\\star$")
        handles, labels = grid[-1, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
    return figure


def _paths(axes: Axes, problem: Problem, runs: Mapping[str, Result]) -> None:
    if problem.dim != 2:
        raise ValueError(f"{problem.name} has {problem.dim} variables; paths are drawn for problems of two")
    walks = [_history(label, result).x for label, result in runs.items()]
    (left, right), (low, high) = _view(problem, walks)
    first, second = np.linspace(left, right, 160), np.linspace(low, high, 160)
    value = problem.objective().value
    z = np.array([[value(np.array([a, b])) for a in first] for b in second])
    above = z - z.min()
    levels = np.geomspace(max(np.quantile(above, 0.002), 1e-9 * np.ptp(z)), above.max(), 18)
    axes.contour(first, second, above, levels=levels, colors="0.75", linewidths=0.5)
    for j, (label, walk) in enumerate(zip(runs, walks, strict=True)):
        axes.plot(walk[:, 0], walk[:, 1], label=label, **{**style(j), "linewidth": 0.9})
    axes.plot(*problem.x0, "o", color="0.2", markersize=4, zorder=5)
    for a, b in problem.minimizers:
        if left < a < right and low < b < high:
            axes.plot(a, b, "*", color="0.2", markersize=8, zorder=5, clip_on=False)
    axes.set(xlim=(left, right), ylim=(low, high), xlabel="$x_1$", ylabel="$x_2$")


def _view(problem: Problem, walks: list[np.ndarray]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The problem's box, widened (at most threefold) to what the paths visit."""
    seen = np.vstack([*walks, problem.x0])
    seen = seen[np.isfinite(seen).all(axis=1)]
    low, high = seen.min(axis=0), seen.max(axis=0)
    if problem.box is not None:
        (left, right), (bottom, top) = problem.box
        corner, size = np.array([left, bottom]), np.array([right - left, top - bottom])
        low = np.clip(low - 0.03 * size, corner - size, corner)
        high = np.clip(high + 0.03 * size, corner + size, corner + 2 * size)
    else:
        margin = 0.1 * np.maximum(high - low, 1e-3)
        low, high = low - margin, high + margin
    return (low[0], high[0]), (low[1], high[1])


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _history(label: str, result: Result) -> Any:
    if result.history is None:
        raise ValueError(f"{label or 'the run'} kept no history; run it with history=True to draw it")
    return result.history
