"""Momentum methods for smooth optimisation: every rule written once, run anywhere, analysed as it runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import initializers, preconditioners, rules, transforms
from .averages import effective_window, ewa
from .compare import Comparison, compare
from .explain import explain
from .hyper import recurrence
from .load import load
from .method import Method
from .minimize import iterate, minimize
from .preconditioner import Preconditioner, preconditioner
from .preconditioners import *
from .problems import (
    Problem,
    drift,
    finite_sum,
    least_squares,
    logistic,
    noisy,
    problem,
    problems,
    reddi,
    reddi_mild,
    reddi_random,
)
from .profiles import data_profile, performance_profile
from .result import History, Result, Status
from .rule import GRADIENT, POINT, Rule, rule
from .rules import *
from .rules import kd_from_damping
from .searches import Armijo, Backtracking, Exact, Wolfe
from .sweep import Map, sweep
from .transform import Transform, transform
from .transforms import *

if TYPE_CHECKING:
    from . import rates, torch

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("rates", "torch"):  # loaded when they are asked for
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Armijo",
    "Backtracking",
    "compare",
    "Comparison",
    "data_profile",
    "drift",
    "effective_window",
    "ewa",
    "Exact",
    "explain",
    "finite_sum",
    "GRADIENT",
    "History",
    "iterate",
    "kd_from_damping",
    "least_squares",
    "load",
    "logistic",
    "Map",
    "Method",
    "minimize",
    "noisy",
    "performance_profile",
    "POINT",
    "Preconditioner",
    "preconditioner",
    "Problem",
    "problem",
    "problems",
    "recurrence",
    "reddi",
    "reddi_mild",
    "reddi_random",
    "Result",
    "Rule",
    "rule",
    "Status",
    "sweep",
    "Transform",
    "transform",
    "Wolfe",
    "initializers",
    "rates",
]
__all__ += rules.__all__
__all__ += transforms.__all__
__all__ += preconditioners.__all__
