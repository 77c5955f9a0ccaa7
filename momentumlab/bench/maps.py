"""Maps against JAX: the same rule, vectorised over cells by vmap, 500 iterations in each of 256 × 256."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import rules
from ..problems import problem
from ..rule import Rule
from ..sweep import sweep
from .loops import double_precision, rosenbrock_in_jax
from .rows import Row, best, installed, pairs

CELLS, STEPS = 256, 500
LR, BETA = np.geomspace(1e-6, 1e-4, CELLS), np.linspace(0, 0.9, CELLS)  # where every run lasts
RULES = ("heavy_ball", "nesterov", "pid", "rsgdm")


def _functions() -> dict[str, tuple[Callable[[Any], Any], float]]:
    """Problems in JAX, and the ratio that must be reached: more where sines are to be computed."""
    from jax.numpy import cos, pi, sin

    def beale(x):
        return sum((c - x[0] * (1 - x[1] ** (i + 1))) ** 2 for i, c in enumerate((1.5, 2.25, 2.625)))

    def branin(x):
        b, c = 5.1 / (4 * pi**2), 5 / pi
        return (x[1] - b * x[0] ** 2 + c * x[0] - 6) ** 2 + 10 * (1 - 1 / (8 * pi)) * cos(x[0]) + 10

    return {
        "rosenbrock": (rosenbrock_in_jax, 1.0),
        "beale": (beale, 1.0),
        "booth": (lambda x: (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2, 1.0),
        "himmelblau": (lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2, 1.0),
        "three_hump_camel": (
            lambda x: 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2,
            1.0,
        ),
        "mccormick": (
            lambda x: sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1,
            1.25,
        ),
        "cosine_wells": (lambda x: -(1 + cos(x[0])) * (1 + cos(2 * x[1])), 1.25),
        "branin": (branin, 1.25),
    }


def _in_jax(rule: Rule, f: Callable, x0: np.ndarray) -> Callable[[], tuple[float, int]]:
    jax = double_precision()
    gradient = jax.grad(f)

    def run(lr, beta):
        row, x = {"lr": lr, "beta": beta}, jax.numpy.asarray(x0)

        def step(_, now):
            x, *slots = now
            return rule.advance(x, gradient(x), slots, row)

        return jax.lax.fori_loop(0, STEPS, step, (x, *rule.start(x, gradient(x), row)))[0]

    over = jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, None)))
    return lambda: _timed(lambda: over(LR, BETA).block_until_ready())


def _timed(run: Callable[[], Any]) -> tuple[float, int]:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began, CELLS * CELLS * STEPS


def against_vmap() -> Iterator[Row]:
    """Maps of rules and problems against JAX's."""
    if not installed("jax"):
        return
    for name, (f, target) in _functions().items():
        p = problem(name)
        for each in RULES if name == "rosenbrock" else RULES[:1]:
            rule = getattr(rules, each)
            ours = partial(sweep, p, rule, lr=LR, beta=BETA, tol=0, maxiter=STEPS)
            theirs = _in_jax(rule, f, p.x0)
            must = 0.5 if (name, each) == ("rosenbrock", "heavy_ball") else target
            what = f"map of {each} on {name}, an iteration of a cell"
            yield pairs(what, "JAX vmap", partial(best, partial(_timed, ours)), partial(best, theirs), must, repeats=5)
