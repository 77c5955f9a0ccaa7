"""Every rule as a torch optimizer."""

from .optimizer import Optimizer

__all__ = ["Optimizer"]
