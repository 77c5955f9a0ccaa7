"""ReLU nets without biases, and what goes back through them."""

from collections.abc import Sequence

import numpy as np


def forward(layers: Sequence[np.ndarray], a: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs of each layer, W a and its ReLU, and what each layer makes of them before it."""
    inputs, sums = [], []
    for W in layers:
        inputs.append(a)
        sums.append(W @ a)
        a = np.maximum(sums[-1], 0.0)
    return inputs, sums


def backward(
    layers: Sequence[np.ndarray], inputs: list[np.ndarray], sums: list[np.ndarray], delta: np.ndarray
) -> list[np.ndarray]:
    """The gradient of each layer, where that of the last one's sums is δ; columns are samples."""
    found = []
    for j in reversed(range(len(layers))):
        found.append(delta @ inputs[j].T)
        if j:
            delta = (layers[j].T @ delta) * (sums[j - 1] > 0)
    return found[::-1]
