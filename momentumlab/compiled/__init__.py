"""The compiled loop; the only room that knows Numba."""

from .functions import OBJECTIVE, POINTER, hessian, objective, pair, pointer
from .loop import LOOK, Loop, driver

__all__ = ["LOOK", "OBJECTIVE", "POINTER", "Loop", "driver", "hessian", "objective", "pair", "pointer"]
