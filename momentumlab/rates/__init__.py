"""Rates of convergence: measured from runs, exact by spectra, certified over classes of functions, stated by theorems.

All of them read the rule that runs, by walking linear forms through it.
"""

from .card import Card, card
from .certify import certified, optimise, worst_case
from .conventions import Convention, conventions, conventions_table
from .equivalence import Equivalence, equivalent
from .evidence import Evidence
from .fit import Measured, measured, series
from .linear import NotLinear, StateSpace, poles, state_space, transfer_function, zeros
from .rate import Rate
from .spectra import Growth, amplitudes, exact, growth, pid_lr_limit, region, stable_lr, tune
from .theorems import THEOREMS, Theorem

__all__ = [
    "THEOREMS",
    "Card",
    "Convention",
    "Equivalence",
    "Evidence",
    "Growth",
    "Measured",
    "NotLinear",
    "Rate",
    "StateSpace",
    "Theorem",
    "amplitudes",
    "card",
    "certified",
    "conventions",
    "conventions_table",
    "equivalent",
    "exact",
    "growth",
    "measured",
    "optimise",
    "pid_lr_limit",
    "poles",
    "region",
    "series",
    "stable_lr",
    "state_space",
    "transfer_function",
    "tune",
    "worst_case",
    "zeros",
]
