"""Rules on gradients that are given to them."""

import numpy as np

from momentumlab.method import Method


def directions(method: Method, gradients: np.ndarray) -> np.ndarray:
    """The steps −(x⁺ − x) that a method takes on given gradients, a row an iteration.

    Each is taken from the origin, so that nothing is lost where a run went far: for rules that remember gradients only.
    """
    origin = np.zeros_like(gradients[0])
    slots, found = method.start(origin, gradients[0]), []
    for k, g in enumerate(gradients, 1):
        x, *slots = method.advance(origin, g, slots, k)
        found.append(-x)
    return np.array(found)


def biases(method: Method, means: np.ndarray, beta: float) -> np.ndarray:
    """E nₜ − (1 − βᵗ)ḡₜ of a linear rule, whose mean direction on noisy gradients is that on their means ḡ."""
    t = np.arange(1, len(means) + 1).reshape(-1, *(1,) * (means.ndim - 1))
    return directions(method, means) - (1 - beta**t) * means
