"""Whole solves of a problem, warm, to the same norm of the gradient: ours against SciPy's, Optimistix's and JAXopt's.

Peers stop by tests of their own, so each gets the largest tolerance with which it reaches ours.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..compiled import objective
from ..method import Method
from ..minimize import minimize
from ..problems import COLLECTIONS, Problem, problem
from ..rules import heavy_ball, nesterov
from .loops import double_precision, rosenbrock_in_jax
from .rows import Row, best, installed, pairs, timed

TOL, SMALL = 1e-6, 1e-8
LIMIT = 100_000  # iterations

Solvers = dict[str, Callable[[float], Any]]
"""By name, from a tolerance to the point where it ends."""


def cases() -> list[tuple[Problem, Method]]:
    """Problems, each with the best of a grid of step sizes and momenta."""
    return [
        (problem("rosenbrock"), heavy_ball(lr=2e-3, beta=0.95)),
        (problem("rosenbrock", n=10), heavy_ball(lr=1e-3, beta=0.95)),
        (problem("beale"), nesterov(lr=1e-2, beta=0.9)),
    ]


def whole_solves() -> Iterator[Row]:
    """What is called without a method against one that is tuned, then that against every peer."""
    for p, method in cases():
        what = f"solve {p.name}, n = {p.dim}, to {TOL:g}:"
        ours = seconds_of(partial(minimize, p, method=method, tol=TOL))
        default = seconds_of(partial(minimize, p, tol=TOL))
        yield pairs(f"{what} minimize(problem)", str(method), default, ours)
        for peer, solve in (of_scipy(p) | of_optimistix(p) | of_jaxopt(p)).items():
            tolerance = loosest(p, solve)
            if tolerance is None:
                yield Row(f"{what} {method}", f"{peer}, which does not get there", ours(), None, None, None)
            else:
                yield pairs(f"{what} {method}", peer, ours, seconds_of(partial(solve, tolerance)))


def by_default() -> Iterator[Row]:
    """What is called without a method, to a small gradient, against SciPy's best on each function and against JAX."""
    rows = [row for p in map(problem, COLLECTIONS["classics"]) if p.dim == 2 for row in _against_best(p)]
    mean = lambda values: float(np.exp(np.mean(np.log(values))))
    ours, theirs, ratio = (mean([getattr(row, part) for row in rows]) for part in ("ours", "theirs", "ratio"))
    what = f"minimize(problem) to {SMALL:g}"
    yield Row(f"{what}, mean of {len(rows)} classics", "SciPy's best on each", ours, theirs, ratio, 0.1)
    for p in map(problem, IN_JAX):
        for peer, solve in of_optimistix(p).items():
            tolerance = loosest(p, solve, SMALL) if peer == "Optimistix BFGS" else None
            if tolerance is not None:
                default = seconds_of(partial(minimize, p, tol=SMALL))
                yield pairs(f"{what}, {p.name}", peer, default, seconds_of(partial(solve, tolerance)), 1.0)


def _against_best(p: Problem) -> Iterator[Row]:
    """Against whichever of SciPy's is fastest."""
    found = {peer: (loosest(p, solve, SMALL), solve) for peer, solve in of_scipy(p).items()}
    runs = {peer: seconds_of(partial(solve, tol)) for peer, (tol, solve) in found.items() if tol is not None}
    if runs:
        best_of = min(runs, key=lambda peer: runs[peer]())
        yield pairs(p.name, best_of, seconds_of(partial(minimize, p, tol=SMALL)), runs[best_of], repeats=3)


def seconds_of(run: Callable[[], Any]) -> Callable[[], float]:
    """How to time a whole solve."""
    return partial(best, lambda: (timed(run), 1))


def loosest(p: Problem, solve: Callable[[float], Any], tol: float = TOL) -> float | None:
    """The largest power of ten, as a solver's own tolerance, that brings the gradient within `tol`; or None."""
    for tolerance in 10.0 ** -np.arange(3, 16):
        if np.max(np.abs(p.grad(solve(float(tolerance))))) <= tol:
            return float(tolerance)
    return None


# ------------------------------------------------------------------ peers


def of_scipy(p: Problem) -> Solvers:
    """SciPy's, around the same compiled function as ours."""
    from scipy.optimize import minimize as scipy_minimize

    compiled = objective(p.f)

    def both(x):
        g = np.empty_like(x)
        return compiled(x, g), g

    def solve(method: str, tolerance: float, **options: Any) -> Any:
        options |= dict(gtol=tolerance, maxiter=LIMIT)
        return scipy_minimize(both, p.x0, jac=True, method=method, options=options).x

    return {
        "SciPy BFGS": partial(solve, "BFGS"),
        "SciPy L-BFGS-B": partial(solve, "L-BFGS-B", ftol=0.0),
        "SciPy CG": partial(solve, "CG"),
    }


def beale_in_jax(x: Any) -> Any:
    return sum((c - x[0] * (1 - x[1] ** i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), 1))


IN_JAX = {"rosenbrock": rosenbrock_in_jax, "beale": beale_in_jax}


def of_optimistix(p: Problem) -> Solvers:
    """Those of Optimistix, compiled whole."""
    if not installed("jax", "optimistix"):
        return {}
    import optimistix

    f = IN_JAX[p.name]
    solvers = {
        "BFGS": optimistix.BFGS,
        "LBFGS": optimistix.LBFGS,
        "NonlinearCG": optimistix.NonlinearCG,
        "GradientDescent": partial(optimistix.GradientDescent, 1e-3),
    }

    def solve(solver: Callable, x: Any, tolerance: Any) -> Any:
        made = solver(rtol=tolerance, atol=tolerance)
        return optimistix.minimise(lambda x, _: f(x), made, x, max_steps=LIMIT, throw=False).value

    return {f"Optimistix {name}": _compiled(p, partial(solve, solver)) for name, solver in solvers.items()}


def of_jaxopt(p: Problem) -> Solvers:
    """Those of JAXopt, compiled whole."""
    if not installed("jax", "jaxopt"):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is no longer maintained
        import jaxopt

    f = IN_JAX[p.name]

    def solve(solver: Callable, x: Any, tolerance: Any) -> Any:
        return solver(fun=f, tol=tolerance, maxiter=LIMIT).run(x).params

    names = ("BFGS", "LBFGS", "NonlinearCG", "GradientDescent")
    return {f"JAXopt {name}": _compiled(p, partial(solve, getattr(jaxopt, name))) for name in names}


def _compiled(p: Problem, solve: Callable) -> Callable[[float], Any]:
    compiled = double_precision().jit(solve)
    return lambda tolerance: np.asarray(compiled(p.x0, tolerance))
