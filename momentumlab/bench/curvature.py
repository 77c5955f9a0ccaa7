"""Preconditioned momentum: an iteration against copying what it has to read and write, and whole solves.

The objective of an iteration, whose evaluation is part of it, reads x and writes its gradient.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..compiled import Loop
from ..method import Method
from ..minimize import minimize
from ..problems import Problem, problem
from ..result import History
from ..rules import pmg
from .rows import Row, pairs, timed
from .solves import TOL, loosest, of_scipy, seconds_of

N, MANY, MEMORY = 2000, 10**6, 5
FUNCTIONS = ("stiff_quadratic", "beale", "cosine_wells", "mccormick")
PRECONDITIONERS = ("bfgs", "dfp", "lbfgs", "diagonal", "quasi_cauchy", "bb1", "bb2")


def iterations() -> Iterator[Row]:
    """An iteration of dense and of limited-memory PMG."""
    for index, target in (("lagged", 2.0), ("current", None)):
        method = pmg(lr=5e-3, preconditioner="bfgs", index=index)
        what = f"PMG by bfgs, {index}, an iteration, n = {N}"
        yield pairs(what, "copying an n × n matrix", _iteration(method, N), _copy(N * N), target)
    yield pairs(
        f"SciPy BFGS, an iteration, n = {N}",
        "copying an n × n matrix",
        partial(scipy_iteration, N),
        _copy(N * N),
        repeats=2,
    )
    copy, peer = _copy((2 * MEMORY + 5) * MANY), f"moving (4m + 10)·8n bytes, m = {MEMORY}"
    for by, target in (("lbfgs", 1.5), ("bb1", None), ("diagonal", None)):
        method = pmg(lr=5e-3, preconditioner=by)
        yield pairs(
            f"PMG by {method.preconditioner}, an iteration, n = 10⁶", peer, _iteration(method, MANY), copy, target
        )
    yield pairs("of it, two passes over 2m vectors, as NumPy's W @ v", peer, _passes(2 * MEMORY, MANY), copy)


def _passes(rows: int, n: int) -> Callable[[], float]:
    """Seconds that limited memory cannot do without: products with its vectors, and their sum."""
    W, v = np.ones((rows, n)), np.ones(n)
    return lambda: 2 * min(timed(lambda: W @ v) for _ in range(3))


def bowl_fg(x, g):
    """½ Σ cᵢxᵢ², curvatures evenly from 1 to 100."""
    f, slope = 0.0, 99.0 / x.size
    for i in range(x.size):
        g[i] = (1.0 + slope * i) * x[i]
        f += 0.5 * g[i] * x[i]
    return f


def _iteration(method: Method, n: int, steps: int = 8) -> Callable[[], float]:
    """Seconds of an iteration, once the memory is full."""
    p = Problem("bowl", bowl_fg, np.ones(n), compile=True)
    loop = Loop(p.objective(), method, p.x0.copy(), History((n,)), tol=-1.0, euclidean=False, every=10**9)
    loop.drive(10)

    def run() -> float:
        until = loop.k + steps
        return timed(lambda: loop.drive(until)) / steps

    return run


def _copy(numbers: int) -> Callable[[], float]:
    """Seconds to copy so many doubles, which moves twice as many: the best of three."""
    source, target = np.ones(numbers), np.empty(numbers)
    return lambda: min(timed(partial(np.copyto, target, source)) for _ in range(3))


def scipy_iteration(n: int) -> float:
    """Seconds of an iteration of SciPy's BFGS, from runs of one and of three."""
    from scipy.optimize import minimize as scipy_minimize

    curvatures = np.geomspace(1, 100, n)
    both = lambda x: (0.5 * float(x @ (curvatures * x)), curvatures * x)

    def run(steps: int) -> float:
        began = time.perf_counter()
        scipy_minimize(both, np.ones(n), jac=True, method="BFGS", options={"maxiter": steps, "gtol": 0.0})
        return time.perf_counter() - began

    return (run(3) - run(1)) / 2


def four_functions() -> Iterator[Row]:
    """Every PMG against SciPy's BFGS on the four functions, warm, to the same gradient."""
    for name in FUNCTIONS:
        p = problem(name)
        scipy = of_scipy(p)["SciPy BFGS"]
        tolerance = loosest(p, scipy)
        assert tolerance is not None
        theirs = seconds_of(partial(scipy, tolerance))
        for by in PRECONDITIONERS:
            for index in ("lagged", "current"):
                ours = seconds_of(partial(minimize, p, method=pmg(preconditioner=by, index=index), tol=TOL))
                yield pairs(f"solve {name} to {TOL:g}: PMG by {by}, {index}", "SciPy BFGS", ours, theirs, 1.0)
