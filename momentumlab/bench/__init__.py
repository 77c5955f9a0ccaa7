"""`momentumlab bench`: this library beside its peers, in one run, as ratios.

Peers that are not installed (gcc, JAX, Optax, Optimistix, JAXopt) are left out.
"""

import os
from collections.abc import Callable, Iterator

from ..errors import unknown
from .curvature import four_functions, iterations
from .loops import against_c, against_jax, against_optax, every_rule
from .processes import memory, passing, whole_processes
from .rates import cards
from .rows import Row, table
from .solves import whole_solves

GROUPS: dict[str, tuple[Callable[[], Iterator[Row]], ...]] = {
    "loop": (against_c, against_jax),
    "rules": (every_rule,),
    "optax": (against_optax,),
    "solves": (whole_solves,),
    "curvature": (iterations, four_functions),
    "rates": (cards,),
    "processes": (passing, whole_processes, memory),
}


def bench(*groups: str) -> list[Row]:
    """Measure every row, or those of some groups; four to five minutes with all peers."""
    from tqdm import tqdm

    for group in groups:
        if group not in GROUPS:
            raise ValueError(unknown("group", group, GROUPS))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # SciPy, loaded from here on, else wakes threads for two numbers
    rows = []
    with tqdm(disable=None, unit="row", leave=False) as bar:
        for group in groups or GROUPS:
            for part in GROUPS[group]:
                for row in part():
                    rows.append(row)
                    bar.update()
    return rows


__all__ = ["GROUPS", "Row", "bench", "table"]
