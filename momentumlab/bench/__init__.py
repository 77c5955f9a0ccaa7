"""`momentumlab bench`: this library beside its peers, in one run, as ratios.

Peers that are not installed (gcc, JAX, Optax, Optimistix, JAXopt) are left out. Groups of rows form two suites: of
the library itself, and of its optimizers for torch.
"""

import os
from collections.abc import Callable, Iterator

from ..errors import unknown
from .curvature import four_functions, iterations
from .loops import against_c, against_jax, against_optax, every_rule
from .maps import against_vmap
from .processes import memory, passing, whole_processes
from .rates import cards
from .rows import Row, installed, table
from .solves import by_default, whole_solves

GROUPS: dict[str, tuple[Callable[[], Iterator[Row]], ...]] = {
    "loop": (against_c, against_jax),
    "rules": (every_rule,),
    "optax": (against_optax,),
    "solves": (whole_solves,),
    "default": (by_default,),
    "curvature": (iterations, four_functions),
    "maps": (against_vmap,),
    "rates": (cards,),
    "processes": (passing, whole_processes, memory),
}
SUITES = ("core", "torch")


def groups_of(suite: str) -> dict[str, tuple[Callable[[], Iterator[Row]], ...]]:
    """A suite's groups of rows, each the functions that measure them."""
    if suite not in SUITES:
        raise ValueError(unknown("suite", suite, SUITES))
    if suite == "core":
        return GROUPS
    if not installed("torch"):
        raise ImportError("the suite torch needs PyTorch: pip install 'momentumlab[torch]'")
    from . import torch

    return torch.GROUPS


def bench(*groups: str, suite: str = "core") -> list[Row]:
    """Measure every row of a suite, or those of some groups; four to five minutes with all peers, torch's two."""
    from tqdm import tqdm

    among = groups_of(suite)
    for group in groups:
        if group not in among:
            raise ValueError(unknown("group", group, among))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # SciPy, loaded from here on, else wakes threads for two numbers
    rows = []
    with tqdm(disable=None, unit="row", leave=False) as bar:
        for group in groups or among:
            for part in among[group]:
                for row in part():
                    rows.append(row)
                    bar.update()
    return rows


__all__ = ["GROUPS", "SUITES", "Row", "bench", "groups_of", "table"]
