"""Momentum methods for smooth optimisation: every rule written once, run anywhere, analysed as it runs."""

from .compare import Comparison, compare
from .hyper import recurrence
from .load import load
from .method import Method
from .minimize import iterate, minimize
from .problems import Problem, problem, problems
from .result import History, Result, Status
from .rule import GRADIENT, POINT, Rule, rule
from .rules import *
from .rules import kd_from_damping
from .searches import Backtracking
from .transform import Transform, transform
from .transforms import *

__version__ = "0.1.0"
