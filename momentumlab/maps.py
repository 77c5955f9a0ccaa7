"""Figures of maps: iterations and divergence over hyperparameters, basins of attraction, exact rates."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps, colors
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .errors import short
from .plots import COLOURS, RC
from .rates import NotLinear, region
from .result import Status
from .rule import Rule

if TYPE_CHECKING:
    from .sweep import Map

SYMBOLS = {"lr": r"$\alpha$", "beta": r"$\beta$", "kd": r"$k_d$", "beta1": r"$\beta_1$", "beta2": r"$\beta_2$"}
LIMIT, WILD = "0.82", "0.45"  # greys of runs that met their limit, and of those that diverged
RATES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
FINE = 128  # points along each axis at which exact rates are drawn
DRAWN = 800  # cells along each axis that a figure has room for, about
APART = 1e-2  # further than this from a minimiser, relative to the map, is elsewhere


def sweep_map(m: "Map") -> Figure:
    """See `Map.plot`."""
    over, variables = len(m.axes), m.starts.ndim - 1
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(4.6, 3.5), layout="constrained")
        if (over, variables) == (2, 0):
            _iterations(figure, axes, m)
        elif (over, variables) == (1, 0):
            _line(axes, m)
        elif (over, variables) == (0, 2) and m.problem.dim == 2:
            _basins(axes, m)
        else:
            plt.close(figure)
            what = f"{over} hyperparameters and {variables} dimensions of starts in {m.problem.dim} variables"
            raise ValueError(f"this map is over {what}; one over one or two hyperparameters, or over starts, is drawn")
        axes.set_title(f"{m.template.name} on {m.problem.name.replace('_', ' ')}")
    return figure


def rate_slices(rule: Rule | str, mu: float, L: float, **grid: Any) -> Figure:
    """The exact rate on quadratics over two hyperparameters; over a third, a panel for each of its values.

    The stability boundary, where the rate is 1, is dashed; a star marks the least rate of each panel.

    Parameters
    ----------
    rule : Rule or str
        Linear.
    mu, L : float
        0 < μ ≤ L.
    **grid : array_like
        Two or three rows of numbers.

    Raises
    ------
    ValueError
        For another number of rows.
    NotLinear, TypeError
        As `momentumlab.rates.region`.

    Examples
    --------
    >>> import numpy as np, momentumlab as ml
    >>> lr, beta = np.linspace(0.01, 0.4, 40), np.linspace(0, 0.98, 40)
    >>> figure = rate_slices(ml.pid, 1, 10, lr=lr, beta=beta, kd=[0.0, 0.05])
    """
    rows = {name: _row(name, values) for name, values in grid.items()}
    if len(rows) not in (2, 3):
        raise ValueError(f"rates are drawn over two hyperparameters, and a third in panels, not over {len(rows)}")
    (across, x), (up, y), *third = rows.items()
    name, panels = third[0] if third else ("", np.array([np.nan]))
    with plt.rc_context(RC):
        size = (2.9 * len(panels) + 0.8, 2.9)
        figure, row = plt.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False, sharey=True)
        for axes, value in zip(row[0], panels, strict=True):
            fixed = {name: value} if third else {}
            rate = region(rule, mu, L, **{across: x[:, None], up: y[None, :]}, **fixed)
            shades = colormaps["viridis"].with_extremes(over=LIMIT)
            shown = axes.pcolormesh(x, y, rate.T, cmap=shades, norm=colors.Normalize(0, 1), rasterized=True)
            _rates(axes, x, y, rate)
            if np.nanmin(rate) < 1:
                i, j = np.unravel_index(np.nanargmin(rate), rate.shape)
                axes.plot(x[i], y[j], "*", color="white", markeredgecolor="0.1", markersize=9, clip_on=False, zorder=6)
                best = rf"least $\rho$ = {rate[i, j]:.4f}"
            else:
                best = "nowhere stable"
            axes.set_title(f"{SYMBOLS.get(name, name)} = {value:.4g}: {best}" if third else best)
            axes.set_xlabel(SYMBOLS.get(across, across))
            _scale(axes, x, y)
        row[0][0].set_ylabel(SYMBOLS.get(up, up))
        figure.colorbar(shown, ax=row[0].tolist(), label=r"rate $\rho$", extend="max", shrink=0.9)
    return figure


def _row(name: str, values: Any) -> np.ndarray:
    """An axis, in order."""
    try:
        row = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        row = np.empty(0)
    if row.ndim != 1 or not row.size or not np.isfinite(row).all():
        raise ValueError(f"rate_slices: {name} = {short(values)}; it must be a row of finite numbers")
    return np.sort(row)


# ------------------------------------------------------------------ over hyperparameters


def _iterations(figure: Figure, axes: Axes, m: "Map") -> None:
    (across, x), (up, y) = m.axes.items()
    across_, up_ = (np.argsort(v, kind="stable")[part] for v, part in zip((x, y), _some(m.nit.shape), strict=True))
    some, x, y = np.ix_(across_, up_), x[across_], y[up_]
    converged, diverged = m.converged[some], m.diverged[some]
    counts = np.where(converged, np.maximum(m.nit[some], 1), np.nan)
    axes.set_facecolor(LIMIT)
    wild = np.where(diverged, 1.0, np.nan)
    axes.pcolormesh(x, y, wild.T, cmap=colors.ListedColormap([WILD]), rasterized=True)
    if converged.any():
        low, high = np.nanmin(counts), np.nanmax(counts)
        norm = colors.LogNorm(low, max(high, 1.01 * low))
        shown = axes.pcolormesh(x, y, counts.T, cmap="viridis_r", norm=norm, rasterized=True)
        figure.colorbar(shown, ax=axes, label="iterations to the tolerance")
    handles: list[Any] = []
    if (m.status == Status.ITERATION_LIMIT).any():
        handles.append(Patch(color=LIMIT, label=f"not in {m.nit.max()} iterations"))
    if diverged.any():
        handles.append(Patch(color=WILD, label="diverged"))
    if (bounds := _curvatures(m)) is not None:
        fine = [_fine(x), _fine(y)]
        try:
            grid: dict[str, Any] = {across: fine[0][:, None], up: fine[1][None, :]}
            rate = region(m.template.bound_rule, *bounds, **grid)
        except NotLinear:
            pass
        else:
            _rates(axes, fine[0], fine[1], rate)
            where = "" if m.problem.mu else " at the minimiser"
            handles.append(Line2D([], [], color="black", linestyle="--", label=f"stability boundary{where}"))
            handles.append(Line2D([], [], color="white", linewidth=0.8, label="exact rate"))
    _scale(axes, x, y)
    axes.set(xlabel=SYMBOLS.get(across, across), ylabel=SYMBOLS.get(up, up))
    if handles:
        legend = axes.legend(handles=handles, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
        for handle in legend.get_lines():
            if handle.get_color() == "white":
                handle.set_color("0.6")


def _some(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """As many cells of a map as a figure has room for."""
    return tuple(slice(None, None, -(-size // DRAWN)) for size in shape)


def _rates(axes: Axes, x: np.ndarray, y: np.ndarray, rate: np.ndarray) -> None:
    """Contours of the rate, and the boundary of stability."""
    finite = np.where(np.isfinite(rate), rate, 2.0)
    if min(finite.shape) < 2 or not finite.min() < 1 < finite.max():
        return
    _scale(axes, x, y)
    lines = axes.contour(x, y, finite.T, levels=[r for r in RATES if r > finite.min()], colors="white", linewidths=0.6)
    edge = axes.contour(x, y, finite.T, levels=[1.0], colors="black", linestyles="--", linewidths=1.4)
    _label(axes, lines, edge)


def _label(axes: Axes, lines: ContourSet, edge: ContourSet) -> None:
    """The levels of lines, each where it is farthest from the edge, the corners and labels before it."""
    seen = lambda parts: [axes.transAxes.inverted().transform(axes.transData.transform(p)) for p in parts if len(p)]
    taken = np.vstack([*seen(edge.allsegs[0]), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    box = {"facecolor": "0.35", "edgecolor": "none", "pad": 0.8, "alpha": 0.7}
    look: dict[str, Any] = dict(transform=axes.transAxes, fontsize=6, ha="center", va="center", color="white", bbox=box)
    for level, segments in zip(lines.levels, lines.allsegs, strict=True):
        points = np.vstack([*seen(segments), np.empty((0, 2))])
        points = points[((points > 0.06) & (points < 0.94)).all(axis=1)]
        room = np.linalg.norm(points[:, None] - taken, axis=-1).min(axis=1)
        if room.max(initial=0.0) > 0.08:
            place = points[room.argmax()]
            taken = np.vstack([taken, place])
            axes.text(place[0], place[1], f"{level:g}", **look)


def _curvatures(m: "Map") -> tuple[float, float] | None:
    """μ and L of the problem, else those at the minimiser that most runs reached; None where they are not known."""
    p = m.problem
    if p.mu and p.L:
        return p.mu, p.L
    if p.hess is None or not m.converged.any():
        return None
    ends = m.x[m.converged].reshape(-1, p.dim)
    centre = ends[np.abs(ends - np.median(ends, axis=0)).sum(axis=1).argmin()]
    found = np.linalg.eigvalsh(p.hess(centre.reshape(p.x0.shape)))
    return (float(found[0]), float(found[-1])) if found[0] > 1e-9 * found[-1] else None


def _line(axes: Axes, m: "Map") -> None:
    [(name, x)] = m.axes.items()
    order, most = np.argsort(x, kind="stable"), max(m.nit.max(), 1)
    axes.plot(x[order], np.where(m.converged, np.maximum(m.nit, 1), np.nan)[order], color=COLOURS[0])
    for runs, colour, label in ((m.diverged, WILD, "diverged"), (~m.converged & ~m.diverged, LIMIT, "at the limit")):
        if runs.any():
            axes.plot(x[runs], np.full(runs.sum(), most), "|", color=colour, label=label)
    _scale(axes, x)
    axes.set(xlabel=SYMBOLS.get(name, name), ylabel="iterations to the tolerance", yscale="log")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7)


def _fine(values: np.ndarray) -> np.ndarray:
    space = np.geomspace if _is_geometric(values) else np.linspace
    return space(values[0], values[-1], FINE)


def _is_geometric(values: np.ndarray) -> bool:
    if len(values) < 3 or values.min() <= 0:
        return False
    logs, plain = np.diff(np.log(values)), np.diff(values)
    return bool(np.ptp(logs) * abs(plain.mean()) < np.ptp(plain) * abs(logs.mean()))


def _scale(axes: Axes, x: np.ndarray, y: np.ndarray | None = None) -> None:
    if _is_geometric(x):
        axes.set_xscale("log")
    if y is not None and _is_geometric(y):
        axes.set_yscale("log")


# ------------------------------------------------------------------ over starts


def _basins(axes: Axes, m: "Map") -> None:
    """A colour a minimiser, darker where it takes longer."""
    first, second = m.starts[..., 0], m.starts[..., 1]
    if not any((np.ptp(first, axis=i) == 0).all() and (np.ptp(second, axis=1 - i) == 0).all() for i in range(2)):
        raise ValueError(
            "the starts are no grid, whose first variable moves along one axis and whose second along the other"
        )
    size = max(np.ptp(first), np.ptp(second)) or 1.0
    known = [np.ravel(point) for point in m.problem.minimizers]
    places = known + _others(m, known, size)
    image = np.ones((*m.nit.shape, 3)) * float(LIMIT)
    image[m.diverged] = float(WILD)
    least, most = np.quantile(np.log1p(m.nit[m.converged]), [0.01, 0.99]) if m.converged.any() else (0.0, 1.0)
    late = np.clip((np.log1p(m.nit) - least) / max(most - least, 1e-9), 0.0, 1.0)
    handles: list[Any] = []
    for j, place in enumerate(places):
        mine = m.converged & (np.abs(m.x - place).max(axis=-1) < APART * size)
        if not mine.any():
            continue
        colour = colors.to_rgb(COLOURS[j % (len(COLOURS) - 1)])
        image[mine] = 1 - (1 - np.array(colour)) * (0.25 + 0.75 * late[mine][:, None])
        what = "" if j < len(known) else "another critical point "
        handles.append(Patch(color=colour, label=f"{what}({place[0]:.3g}, {place[1]:.3g})"))
        if first.min() < place[0] < first.max() and second.min() < place[1] < second.max():
            axes.plot(*place, "*", color="white", markeredgecolor="0.1", markersize=8, zorder=5)
    for runs, grey, label in ((m.diverged, WILD, "diverged"), (~m.converged & ~m.diverged, LIMIT, "not converged")):
        if runs.any():
            handles.append(Patch(color=grey, label=label))
    some = _some(m.nit.shape)
    axes.pcolormesh(first[some], second[some], image[some], rasterized=True)
    axes.set(xlabel="$x_1$ of the start", ylabel="$x_2$ of the start")
    axes.legend(handles=handles, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def _others(m: "Map", known: list[np.ndarray], size: float) -> list[np.ndarray]:
    """Where else runs converged, the places that most of them reached."""
    ends = m.x[m.converged]
    for point in known:
        ends = ends[np.abs(ends - point).max(axis=-1) >= APART * size]
    found, counts = np.unique(np.round(ends / (APART * size)), axis=0, return_counts=True)
    places: list[np.ndarray] = []
    for cell in found[np.argsort(-counts)][:4]:
        near = ends[(np.round(ends / (APART * size)) == cell).all(axis=1)].mean(axis=0)
        if all(np.abs(near - place).max() >= APART * size for place in places):
            places.append(near)
    return places


__all__ = ["rate_slices", "sweep_map"]
