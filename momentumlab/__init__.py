"""Momentum methods for smooth optimisation: every rule written once, run anywhere, analysed as it runs."""

from .compare import Comparison, compare
from .hyper import recurrence
from .minimize import iterate, minimize
from .problems import Problem, problem, problems
from .result import History, Result, Status
from .rule import GRADIENT, POINT, Method, Rule, Transform, load, rule, transform
from .rules import *
from .searches import Backtracking
from .transforms import *

__version__ = "0.1.0"
