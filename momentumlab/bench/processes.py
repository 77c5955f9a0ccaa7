"""Whole processes, their memory, and what a call into compiled code costs."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

from ..compiled import OBJECTIVE, POINTER, pointer
from ..problems import problem
from .rows import Row, pairs, timed

BFGS = """
import numpy as np
from scipy.optimize import minimize
def f(x): return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
def df(x): return np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])
print(minimize(f, [-1.2, 1.0], jac=df, method="BFGS"))
"""
NJIT = """
import numba
import momentumlab as ml
@numba.njit
def f(x, g):
    g[0] = 2 * (x[0] - {constant})
    return (x[0] - {constant}) ** 2
print(ml.minimize(f, [0.0], ml.heavy_ball(lr=0.1)))
"""
WARM = "import momentumlab as ml; print(ml.minimize('stiff_quadratic', method=ml.heavy_ball(lr=0.01)))"


def passing() -> Iterator[Row]:
    """What it costs to hand an objective to compiled code, which every call of the loop pays."""
    from numba import float64, int64, njit, types

    native = problem("rosenbrock").objective().native
    ours, x = pointer(native), np.zeros(2)
    take = lambda kind: njit(int64(kind, float64[::1]))(lambda function, x: 0)
    fast, slow = take(POINTER), take(types.FunctionType(OBJECTIVE))
    mine, numbas = lambda: _best(lambda: fast(ours, x)), lambda: _best(lambda: slow(native, x))
    yield pairs("passing an objective as a pointer", "Numba's function type", mine, numbas)


def _best(run: Callable[[], Any]) -> float:
    return min(timed(run) for _ in range(200))


def whole_processes() -> Iterator[Row]:
    """Whole processes, from start to end."""
    solve = lambda: _process("-m", "momentumlab", "solve", "rosenbrock")
    yield pairs("process: solve rosenbrock", "script with SciPy BFGS", solve, lambda: _process("-c", BFGS), 1.2)
    compiled, bfgs = lambda: _process("-c", WARM), lambda: _process("-c", BFGS)
    yield pairs("process: minimize in the compiled loop", "script with SciPy BFGS", compiled, bfgs)
    yield pairs(
        "process: import momentumlab",
        "import numpy",
        lambda: _process("-c", "import momentumlab"),
        lambda: _process("-c", "import numpy"),
        1.5,
        15,
    )
    constants = iter(np.random.default_rng().random(100))
    new, warm = lambda: _process("-c", NJIT.format(constant=next(constants))), lambda: _process("-c", WARM)
    new(), warm()
    beyond = median(new() - warm() for _ in range(7))
    yield Row("process: beyond one of ours, a new njit objective", "", beyond, None, None, 0.3)


def _process(*arguments: str) -> float:
    ours = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS")
    environment = {n: v for n, v in os.environ.items() if n not in ours}
    return timed(
        lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    )


LONG = """
import resource
import momentumlab as ml
p = ml.problem("stiff_quadratic")
ml.minimize(p, method=ml.heavy_ball(lr=1e-12, beta=0.0), tol=0, maxiter=10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ml.minimize(p, method=ml.heavy_ball(lr=1e-12, beta=0.0), tol=0, maxiter=10**7)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def memory() -> Iterator[Row]:
    """What a long run adds to the memory of its process."""
    out = subprocess.run([sys.executable, "-c", LONG], check=True, capture_output=True, text=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    above = int(out) * unit / 1e6
    yield Row("10⁷ iterations with history: memory above start", "", above, None, None, 100.0, "MB")
