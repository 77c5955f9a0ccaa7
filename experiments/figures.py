"""Figures that several experiments draw."""

import math
from collections.abc import Collection, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from momentumlab.errors import unknown
from momentumlab.plots import RC, style

POINTS = 300  # of a line, at most
PANEL, ALONE = (2.9, 2.2), (4.6, 2.9)  # inches: one of several, and the only one
ROOM = 1.9  # inches of a panel's height, for a legend in its place

Line = tuple[ArrayLike, ArrayLike, ArrayLike | None]
"""Where, the mean there, and its standard error, which is drawn as a band."""


def curves(panels: Mapping[str, Mapping[str, Line]], xlabel: str = "epoch", log: Collection[str] = ()) -> Figure:
    """Lines by epoch or by step: a panel for each quantity, two in a row, and one legend beside them.

    A label has the same line in all panels. Of a line of more than 300 points the means of as many stretches are drawn,
    and of its error. A band that falls far below the least mean of a panel with a logarithmic scale is cut there.

    Parameters
    ----------
    panels : mapping of str to mapping of str to tuple
        By title, then by label: x, the mean at x, and its standard error or None.
    xlabel : str, optional
        What x is.
    log : collection of str, optional
        The titles of panels with a logarithmic scale.

    Raises
    ------
    ValueError
        Where there is no panel, `log` names one that there is not, or a line's arrays differ in length.

    >>> epochs = [1, 2, 3]
    >>> loss = {"RSGDM": (epochs, [0.9, 0.3, 0.1], [0.1, 0.05, 0.02]), "Adam": (epochs, [0.8, 0.4, 0.2], None)}
    >>> figure = curves({"training loss": loss}, log=["training loss"])
    >>> [axes.get_title("left") for axes in figure.axes], [text.get_text() for text in figure.legends[0].get_texts()]
    (['training loss'], ['RSGDM', 'Adam'])
    """
    if not panels:
        raise ValueError("panels is empty, so there is nothing to draw")
    for name in log:
        if name not in panels:
            raise ValueError(unknown("panel", name, panels))
    lines = {label: j for j, label in enumerate(dict.fromkeys(label for panel in panels.values() for label in panel))}
    columns = min(len(panels), 2)
    rows = math.ceil(len(panels) / columns)
    width, height = ALONE if len(panels) == 1 else PANEL
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (title, panel) in zip(grid, panels.items(), strict=False):
            axes.set_title(title, loc="left")
            _panel(axes, [(lines[label], *_line(title, label, line)) for label, line in panel.items()], title in log)
        for axes in grid[: len(panels)][-columns:]:
            axes.set_xlabel(xlabel)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        _legend(figure, grid[-1] if len(grid) > len(panels) else None, lines)
    return figure


def _line(title: str, label: str, line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The points that are drawn; what is not finite is not, nor an error that is not known."""
    x, mean, error = (np.asarray(np.nan if part is None else part, float) for part in line)
    if not (x.ndim == 1 and x.shape == mean.shape and error.shape in ((), x.shape)):
        sizes = f"{x.shape} for x, {mean.shape} for the mean and {error.shape} for its error"
        raise ValueError(f"{label} in {title!r} has shapes {sizes}; they must be lists of one length")
    finite = np.where(np.isfinite(mean), mean, np.nan)
    return _thinned(x), _thinned(finite), _thinned(np.broadcast_to(error, x.shape))


def _thinned(values: np.ndarray) -> np.ndarray:
    """The means of stretches, where there are too many values to be seen apart."""
    if values.size <= POINTS:
        return values
    starts = np.arange(POINTS) * values.size // POINTS
    return np.add.reduceat(values, starts) / np.diff(starts, append=values.size)


def _panel(axes: Axes, lines: Sequence[tuple[int, np.ndarray, np.ndarray, np.ndarray]], log: bool) -> None:
    least = min((mean[mean > 0].min() for _, _, mean, _ in lines if (mean > 0).any()), default=None)
    log = log and least is not None
    for j, x, mean, error in lines:
        shown = np.where(mean > 0, mean, np.nan) if log else mean
        axes.plot(x, shown, marker="." if np.isfinite(shown).sum() == 1 else "", **style(j))
        if np.isfinite(error).any():
            low = np.maximum(shown - error, least / 2) if log else shown - error
            axes.fill_between(x, low, shown + error, color=style(j)["color"], alpha=0.18, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(1, 0.4)))


def _legend(figure: Figure, room: Axes | None, lines: Mapping[str, int]) -> None:
    """In the room that is left beside the last panel, where it fits; else below all, for which the figure grows."""
    handles = [Line2D([], [], label=label, **style(j)) for label, j in lines.items()]
    options = dict(handles=handles, handlelength=3, labelspacing=0.35, borderpad=0)
    column = figure.legend(**options)
    size = column.get_window_extent()
    column.remove()
    width, height = size.width / figure.dpi, size.height / figure.dpi
    if room is not None and width <= PANEL[0] and height <= ROOM:
        room.legend(**options, loc="upper left", borderaxespad=0).set_in_layout(False)
        return
    figure.set_figwidth(max(figure.get_figwidth(), width + 0.2))
    across = max(1, int(figure.get_figwidth() / (width + 0.1)))
    rows = math.ceil(len(handles) / across)
    columns = math.ceil(len(handles) / rows)
    figure.legend(**options, loc="outside lower center", ncols=columns)
    figure.set_figheight(figure.get_figheight() + height * rows / len(handles) + 0.1)
