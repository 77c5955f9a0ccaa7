"""The compiled loop; the only room that knows Numba."""

from .functions import OBJECTIVE, POINTER, hessian, is_ours, objective, pair, pointer
from .lanes import side_by_side as lanes
from .loop import LOOK, Loop, driver

__all__ = [
    "LOOK",
    "OBJECTIVE",
    "POINTER",
    "Loop",
    "driver",
    "hessian",
    "is_ours",
    "lanes",
    "objective",
    "pair",
    "pointer",
]
