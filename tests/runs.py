"""Runs as the tests of rules look at them."""

import numpy as np

import momentumlab as ml

PROBLEM = ml.problem("rosenbrock", n=4)


def points(method, problem=PROBLEM, steps=60, what="x", x0=None):
    """The first points of a run, or its iterates."""
    found = []
    for step in ml.iterate(problem, x0, method):
        if step.k == steps:
            return np.array(found)
        found.append(getattr(step, what))


def driven(method, gradients, x=0.0):
    """The points of a rule that is given these gradients, whatever the point."""
    x = np.full(np.shape(gradients[0]), x)
    rest, found = list(method.start(x, gradients[0])), [x]
    for k, g in enumerate(gradients, 1):
        x, *rest = method.advance(x, g, rest, k)
        found.append(x)
    return np.array(found)


def close(a, b, tolerance=1e-12):
    """Equal but for rounding, relative to the largest number."""
    assert np.shape(a) == np.shape(b)
    assert np.abs(a - b).max() <= tolerance * max(1.0, np.abs(a).max())


def apart(a, b, at_least=1e-3):
    """Different beyond rounding."""
    assert np.abs(a - b).max() > at_least
