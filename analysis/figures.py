"""What the figures of claims have in common."""

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from momentumlab.plots import RC, style

BOUND: dict[str, Any] = {"color": "0.1", "linestyle": (0, (5, 2)), "linewidth": 1.6, "zorder": 5}
"""How a theorem's bound is drawn."""


def panels(columns: int = 1, width: float = 3.6, height: float = 2.7, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels in a row, in the style of the library's."""
    with plt.rc_context(RC):
        figure, axes = plt.subplots(
            1, columns, figsize=(width * columns, height), layout="constrained", squeeze=False, **options
        )
    return figure, list(axes[0])


__all__ = ["BOUND", "panels", "style"]
