"""Every rule as a torch optimizer."""

from .classes import *
from .classes import __all__ as _classes
from .optimizer import Optimizer

__all__ = ["Optimizer", *_classes]
