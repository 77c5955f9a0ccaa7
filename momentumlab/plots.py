"""Every figure that the library draws.

Colours are Okabe and Ito's, which colour-blind readers tell apart; line styles differ as well.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

from .problems import Problem, as_problem
from .profiles import Profile, values_along
from .result import Result

if TYPE_CHECKING:
    from .compare import Comparison
    from .rates import Card, Evidence, Theorem

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 3)), (0, (1, 1)))
DASHES = ((0, (6, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)), (0, (2, 2)))
COLUMNS = 8  # of a race, at most
LOWEST = 1e-12  # of relative errors, that are drawn
OF_SAMPLES = " of the samples"
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
    """The j-th line's colour and dashes; of 49 lines no two share both."""
    n = len(COLOURS)
    return {"color": COLOURS[j % n], "linestyle": STYLES[(j + j // n) % n]}


def convergence(runs: Mapping[str, Result], problem: Problem | str | None = None) -> Figure:
    """f and ‖∇f‖, where the rule takes gradients, by iteration: one line a run.

    f is shown above the least value of the runs; with the problem, above f*, that of the minimiser nearest to where
    a run ended, or the problem's where no minimiser is known. A third panel shows the iterates' distance
    ‖x_k − x*‖ where minimisers are known and n ≤ 64. Of runs that see samples ∇f is that of the samples, f
    the exact one, at the iterates; where n > 64 it is that of the samples, as it stands.

    Parameters
    ----------
    runs : mapping of str to Result
        By label; each with its history.
    problem : Problem or str, optional
        What was minimised.

    Raises
    ------
    ValueError
        Where a run kept no history, or minimised something else.
    """
    p = None if problem is None else _minimised(runs, problem)
    histories = {label: _history(label, result) for label, result in runs.items()}
    panels = [_descent(runs, p), _slopes(runs, p)]
    if p is not None and p.minimizers and all(h.x.size for h in histories.values()):
        away = {label: h.x - p.nearest(runs[label].x) for label, h in histories.items()}
        far = {label: np.linalg.norm(a.reshape(len(a), -1), axis=1) for label, a in away.items()}
        panels.append((r"$\|x_k - x^\star\|$", "log", far))
    with plt.rc_context(RC):
        figure, row = plt.subplots(1, len(panels), figsize=(2.6 * len(panels), 2.5), layout="constrained")
        for axes, panel in zip(row, panels, strict=True):
            _by_iteration(axes, runs, *panel)
        _legend(figure, row[0])
    return figure


def paths(runs: Mapping[str, Result], problem: Problem | str) -> Figure:
    """The iterates over the contours of a function of two variables; a dot marks the start, stars known minimisers.

    Parameters
    ----------
    runs : mapping of str to Result
        By label; each with its history.
    problem : Problem or str
        What was minimised, of two variables.

    Raises
    ------
    ValueError
        Where the problem has not two variables, a run kept no history, or minimised something else.
    """
    p = _minimised(runs, problem)
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(4.2, 3.3), layout="constrained")
        _paths(axes, runs, p)
        _legend(figure, axes)
    return figure


def performance_profile(profiles: Mapping[str, Profile], cost: str = "evaluations") -> Figure:
    """Step curves over τ, from 1 on.

    Parameters
    ----------
    profiles : mapping of str to Profile
        By label, as `performance_profile` gives them.
    cost : str, optional
        What the cost is, for the label.
    """
    hint = "\n(a run with tol = 0 never converges;\nplot_data_profile goes by values of f)"
    return step_curves(profiles, rf"$\tau$ = {cost} / least of any method", 1.0, 2, hint=hint)


def data_profile(profiles: Mapping[str, Profile], tau: float) -> Figure:
    """Step curves over α, evaluations over n + 1.

    Parameters
    ----------
    profiles : mapping of str to Profile
        By label, as `data_profile` gives them.
    tau : float
        The tolerance they were made with, for the label.
    """
    least = min((p.steps[0] for p in profiles.values() if np.isfinite(p.steps[0])), default=1.0)
    left = 10.0 ** math.floor(math.log10(least / 2))
    return step_curves(profiles, r"$\alpha$ = evaluations / $(n + 1)$", left, 10, title=rf"tolerance $\tau$ = {tau:g}")


def _columns(comparison: "Comparison") -> dict[Problem, dict[str, Result]]:
    """The results of each problem, where there are some and not too many."""
    if not comparison.runs:
        raise ValueError("nothing was run, so there is nothing to draw")
    runs = {p: {label: run.result for label, run in row.items()} for p, row in comparison.by_problem().items()}
    check_columns(len(runs))
    return runs


def race(comparison: "Comparison") -> Figure:
    """A column a problem: paths over contours above, f − f* below; see `Comparison.plot`."""
    runs = _columns(comparison)
    flat = [p for p, results in runs.items() if p.dim == 2 and all(len(_history(*run)) for run in results.items())]
    with plt.rc_context(RC):
        rows = 2 if flat else 1
        figure, grid = plt.subplots(
            rows, len(runs), figsize=(max(2.5 * len(runs), 4.0), 2.4 * rows + 0.2), layout="constrained", squeeze=False
        )
        for column, (problem, results) in zip(grid.T, runs.items(), strict=True):
            if problem in flat:
                _paths(column[0], results, problem)
            elif flat:
                column[0].set_axis_off()
            column[0 if problem in flat else -1].set_title(problem.name.replace("_", " "))
            _by_iteration(column[-1], results, *_descent(results, problem))
        _legend(figure, grid[-1, 0])
    return figure


def descent(comparison: "Comparison") -> Figure:
    """A column a problem: f − f* above, ‖∇f‖ below, by iteration; see `Comparison.plot_descent`."""
    runs = _columns(comparison)
    with plt.rc_context(RC):
        size = (max(2.5 * len(runs), 4.0), 4.4)
        figure, grid = plt.subplots(2, len(runs), figsize=size, layout="constrained", squeeze=False)
        for (above, below), (problem, results) in zip(grid.T, runs.items(), strict=True):
            above.set_title(problem.name.replace("_", " "))
            _by_iteration(above, results, *_descent(results, problem))
            _by_iteration(below, results, *_slopes(results, problem))
        _legend(figure, grid[-1, 0])
    return figure


def theorem(row: "Theorem", evidence: "Evidence") -> Figure:
    """What is measured beside what a theorem states, which is dashed; see `Theorem.plot`."""
    methods = list(dict.fromkeys(label.partition(" on ")[0] for label in evidence.measured))
    many = len(methods) > 1 or len(evidence.measured) > COLUMNS
    runs = row.axis == "k" and row.sense == "≤"
    powers = runs and row.rate is None
    shown_at = evidence.x > 0 if powers else np.full(len(evidence.x), True)
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(3.8, 2.9), layout="constrained")
        for j, (label, values) in enumerate(evidence.measured.items()):
            method, _, on = label.partition(" on ")
            j, name = (methods.index(method), method) if many and on else (j, on or label)
            shown: dict[str, Any] = {} if name in axes.get_legend_handles_labels()[1] else {"label": name}
            axes.plot(
                evidence.x[shown_at], values[shown_at], **shown, **{**style(j), "linewidth": 1.0}, **_marks(evidence)
            )
        axes.plot(
            evidence.x[shown_at],
            evidence.stated[shown_at],
            "--",
            color="0.1",
            linewidth=1.6,
            label=f"{row.name}, stated",
            zorder=5,
        )
        axes.set(xlabel="iteration $k$" if row.axis == "k" else row.axis, ylabel=row.quantity)
        if runs:
            least = min(np.nanmin(values) for values in evidence.measured.values())
            axes.set_yscale("log")
            axes.set_ylim(bottom=max(least / 3, LOWEST))
        if row.axis in ("λ", "κ") or powers:
            axes.set_xscale("log")
        if row.axis == "k" and not runs:
            axes.set_ylim(bottom=0.0)
        _legend(figure, axes)
    return figure


def _marks(evidence: "Evidence") -> dict[str, Any]:
    return {"marker": "o", "markersize": 3} if len(evidence.x) <= 10 else {}


def rate_card(card: "Card") -> Figure:
    """Errors of a method against k; its rates and the bounds of theorems dashed; see `Card.lines`."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(4.4, 3.1), layout="constrained")
        for j, (on, errors) in enumerate(card.errors.items()):
            axes.plot(np.where(errors > 0, errors, np.nan), label=on, **{**style(j), "linewidth": 1.0})
        for j, (label, line) in enumerate(card.lines().items()):
            axes.plot(line, color="0.1", linestyle=DASHES[j % len(DASHES)], linewidth=1.6, label=label)
        axes.set(yscale="log", xlabel="iteration $k$", ylabel=r"$\|x_k - x^\star\| / \|x_0 - x^\star\|$")
        axes.set(xlim=(0, 1.2 * card.seen), ylim=(LOWEST, None))
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.set_title(f"{card.method.name}, $\\mu$ = {card.mu:g}, $L$ = {card.L:g}")
        _legend(figure, axes)
    return figure


def check_columns(problems: int) -> None:
    """Refuse more problems than a race has room for."""
    if problems > COLUMNS:
        raise ValueError(
            f"{problems} problems are too many for one figure, which has a column for each; "
            f"compare at most {COLUMNS}, or draw plot_performance_profile()"
        )


def step_curves(
    profiles: Mapping[str, Profile], xlabel: str, left: float, base: int, title: str | None = None, hint: str = ""
) -> Figure:
    """The fraction of the problems solved at no more than each cost, from `left` on."""
    solved = [p.steps[np.isfinite(p.steps)] for p in profiles.values()]
    right = 1.15 * max(base * left, *(steps.max(initial=0.0) for steps in solved))
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
        for j, ((label, profile), steps) in enumerate(zip(profiles.items(), solved, strict=True)):
            at = np.array([left, *steps, right])
            axes.step(at, profile(at), where="post", label=label, clip_on=False, **style(j))
        axes.set_xscale("log", base=base)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlim=(left, right), ylim=(0, 1), xlabel=xlabel, ylabel="fraction of the problems", title=title)
        if not any(steps.size for steps in solved):
            axes.text(0.5, 0.5, f"no problem was solved{hint}", transform=axes.transAxes, ha="center", va="center")
        _legend(figure, axes)
    return figure


def _paths(axes: Axes, runs: Mapping[str, Result], problem: Problem) -> None:
    if problem.dim != 2:
        raise ValueError(f"{problem.name} has {problem.dim} variables; paths are drawn for problems of two")
    walks = [_history(label, result).x.reshape(-1, 2) for label, result in runs.items()]
    (left, right), (low, high) = _view(problem, walks)
    first, second = np.linspace(left, right, 240), np.linspace(low, high, 240)
    value, shape = replace(problem, sampler=None).objective().fun, problem.x0.shape
    z = np.array([[value(np.array([a, b]).reshape(shape)) for a in first] for b in second])
    above = z - z.min()
    levels = np.geomspace(max(np.quantile(above, 0.002), 1e-9 * np.ptp(z)), above.max(), 18)
    axes.contour(first, second, above, levels=levels, colors="0.75", linewidths=0.5)
    for j, (label, walk) in enumerate(zip(runs, walks, strict=True)):
        axes.plot(walk[:, 0], walk[:, 1], label=label, **{**style(j), "linewidth": 0.9})
    starts = np.unique([walk[0] for walk in walks], axis=0)
    axes.plot(*starts.T, "o", color="0.2", markersize=4, zorder=5, label="start")
    stars = [m for m in map(np.ravel, problem.minimizers) if left < m[0] < right and low < m[1] < high]
    if stars:
        name = "minimiser" if len(stars) == 1 else "minimisers"
        axes.plot(*np.transpose(stars), "*", color="0.2", markersize=8, zorder=5, clip_on=False, label=name)
    axes.set(xlim=(left, right), ylim=(low, high), xlabel="$x_1$", ylabel="$x_2$")


def _view(problem: Problem, walks: list[np.ndarray]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The problem's box, widened (at most threefold) to what the paths visit."""
    seen = np.vstack(walks)
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


def _minimised(runs: Mapping[str, Result], problem: Problem | str) -> Problem:
    """The problem, unless it cannot be what the runs minimised."""
    p = as_problem(problem)
    if not runs:
        raise ValueError("runs is empty, so there is nothing to draw")
    with np.errstate(all="ignore"):
        rounding = 1e-8 * max(1.0, abs(p.fun(p.x0)))
        for label, result in runs.items():
            run, advice = label or "the run", "give the problem that was minimised"
            if result.x.shape != p.x0.shape:
                shapes = f"{run} has x of shape {result.x.shape}, {p.name} variables of shape {p.x0.shape}"
                raise ValueError(f"{shapes}; {advice}")
            there = result.fun if p.sampler else p.fun(result.x)
            if not np.isclose(there, result.fun, rtol=1e-8, atol=rounding, equal_nan=True):
                raise ValueError(f"{run} ended at f = {result.fun:g}, where {p.name} is {there:g}; {advice}")
    return p


def _descent(runs: Mapping[str, Result], problem: Problem | None) -> tuple[str, str, dict[str, np.ndarray]]:
    """The label, scale and lines of f, as `convergence` has it."""
    histories = {label: _history(label, result) for label, result in runs.items()}
    if problem is not None and problem.sampler and not any(h.x.size for h in histories.values()):
        return f"$f${OF_SAMPLES}", "linear", {label: h.fun for label, h in histories.items()}
    values = {label: h.fun if problem is None else values_along(problem, h) for label, h in histories.items()}
    floors = {label: np.nan if problem is None else problem.floor(result.x) for label, result in runs.items()}
    if np.isnan([*floors.values()]).any():
        least = min((np.nanmin(f) for f in values.values() if f.size), default=np.nan)
        return r"$f - \min f$ of the runs", "log", {label: f - least for label, f in values.items()}
    return r"$f - f^\star$", "log", {label: f - floors[label] for label, f in values.items()}


def _slopes(runs: Mapping[str, Result], problem: Problem | None) -> tuple[str, str, dict[str, np.ndarray]]:
    """The label, scale and lines of the norm of the gradient."""
    histories = {label: _history(label, result) for label, result in runs.items()}
    norms = {h.norm for h in histories.values()}
    if len(norms) > 1:
        raise ValueError(f"{len(norms)} norms of gradients among {len(runs)} runs; draw runs of one norm together")
    name = r"$\|\nabla f\|_2$" if norms == {2} else r"$\|\nabla f\|_\infty$"
    name += OF_SAMPLES * (problem is not None and problem.sampler is not None)
    return name, "log", {label: h.gnorm for label, h in histories.items()}


def _by_iteration(
    axes: Axes, runs: Mapping[str, Result], name: str, scale: str, lines: Mapping[str, np.ndarray]
) -> None:
    for j, (label, values) in enumerate(lines.items()):
        shown = np.where(values > 0, values, np.nan) if scale == "log" else values
        axes.plot(_history(label, runs[label]).k, shown, label=label, marker="." * (values.size == 1), **style(j))
    axes.set(xlabel="iteration $k$", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    if scale == "log" and not any(np.any(values > 0) for values in lines.values()):
        axes.set_yticks([])
        where = "nowhere above 0" if any(values.size for values in lines.values()) else "not finite at the start"
        axes.text(0.5, 0.5, where, transform=axes.transAxes, ha="center")
    elif scale == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(1, 0.4)))


def _legend(figure: Figure, axes: Axes) -> None:
    """The labels of one panel below all of them, in rows for which the figure grows; wider for one that is long."""
    handles, labels = axes.get_legend_handles_labels()
    if any(labels):
        column = figure.legend(handles, labels)
        width = column.get_window_extent().width / figure.dpi + 0.2  # inches
        column.remove()
        figure.set_figwidth(max(figure.get_figwidth(), width))
        rows = math.ceil(len(labels) / int(figure.get_figwidth() / width))
        figure.legend(handles, labels, loc="outside lower center", ncols=math.ceil(len(labels) / rows))
        figure.set_figheight(figure.get_figheight() + 0.2 * rows)


def _history(label: str, result: Result) -> Any:
    if result.history is None:
        raise ValueError(f"{label or 'the run'} kept no history; run it with history=True to draw it")
    return result.history
