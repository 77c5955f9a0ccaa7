"""Momentum methods for smooth optimisation: every rule written once, run anywhere, analysed as it runs."""

from . import initializers
from .averages import effective_window, ewa
from .compare import Comparison, compare
from .explain import explain
from .hyper import recurrence
from .load import load
from .method import Method
from .minimize import iterate, minimize
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
from .searches import Backtracking
from .transform import Transform, transform
from .transforms import *

__version__ = "0.1.0"
