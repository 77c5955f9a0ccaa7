"""Every rule as a torch optimizer."""

from .classes import *
from .optimizer import Optimizer
from .classes import __all__ as _classes

__all__ = ["Optimizer", *_classes]
