"""Preconditioned momentum: an iteration against copying what it has to read and write, and whole solves.

The objective of an iteration is a diagonal quadratic, whose evaluation is part of it.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..compiled import Loop
from ..method import Method
from ..minimize import minimize
from ..problems import problem
from ..result import History
from ..rules import pmg
from .rows import Row, best, pairs, timed
from .solves import TOL, loosest, of_scipy

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
    vectors = 4 * MEMORY + 10
    for by in (f"lbfgs, memory {MEMORY}", "bb1", "diagonal"):
        method = pmg(lr=5e-3, preconditioner=by.partition(",")[0])
        what, target = f"PMG by {by}, an iteration, n = 10⁶", 1.5 if "memory" in by else None
        peer = f"moving (4m + 10)·8n bytes, m = {MEMORY}"
        yield pairs(what, peer, _iteration(method, MANY), _copy(vectors // 2 * MANY), target)


def _iteration(method: Method, n: int, steps: int = 8) -> Callable[[], float]:
    """Seconds of an iteration, once the memory is full."""
    p = problem("quadratic", n=n)
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


def solves() -> Iterator[Row]:
    """Every PMG against SciPy's BFGS on the four functions, warm, to the same gradient."""
    for name in FUNCTIONS:
        p = problem(name)
        scipy = of_scipy(p)["SciPy BFGS"]
        tolerance = loosest(p, scipy)
        assert tolerance is not None
        theirs = partial(best, lambda scipy=scipy, tolerance=tolerance: (timed(partial(scipy, tolerance)), 1))
        for by in PRECONDITIONERS:
            for index in ("lagged", "current"):
                method = pmg(preconditioner=by, index=index)
                ours = partial(
                    best, lambda p=p, method=method: (timed(partial(minimize, p, method=method, tol=TOL)), 1)
                )
                what = f"solve {name} to {TOL:g}: PMG by {by}, {index}"
                yield pairs(what, "SciPy BFGS", ours, theirs, 1.0, 5)
