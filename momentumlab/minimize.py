"""`minimize` and `iterate`: one method on one function."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from . import rules
from .errors import short, unknown
from .method import Method
from .numpy_loop import stepwise
from .objective import Objective, start
from .ops import norm as euclidean_norm
from .preconditioners import lbfgs
from .problems import Problem, problem
from .result import SENTENCES, History, Result, Status, Step, diverged
from .rule import Rule

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

MAXITER = 100_000
MATRIX = 100
"""Variables up to which the default method keeps a matrix; docs/choosing.md shows why."""
ELSE = "take another preconditioner, such as bfgs()"


def minimize(
    fun: Callable | Problem | str,
    x0: Any = None,
    method: Method | Rule | str | None = None,
    *,
    args: tuple = (),
    jac: Callable | bool | str | None = None,
    hess: Callable | None = None,
    tol: float = 1e-6,
    norm: float = np.inf,
    maxiter: int | None = None,
    callback: Callable | None = None,
    history: bool = True,
    time_limit: float | None = None,
    progress: bool = False,
) -> Result:
    """Minimise a smooth function of several variables.

    The method's rule is run from `x0` until the gradient where it evaluates it satisfies ‖∇f‖ ≤ `tol`.
    A function compiled by ``numba.njit`` runs in a compiled loop, any other in NumPy; both give the
    same bits, but for Hessians and dense solves, which LAPACK rounds.

    Parameters
    ----------
    fun : callable, Problem or str
        ``f(x, *args) -> float``; or ``f(x, g) -> float``, which writes the gradient into g and leaves x
        alone; or a problem, or the name of one.
    x0 : array_like
        Where to start, in any shape, which `fun` then sees too; a problem's own start if it is left out.
    method : Method, Rule or str, optional
        Such as ``heavy_ball(lr=0.01)``; if it is left out ``quasi_newton()``, BFGS, and for more than 100 variables
        ``quasi_newton(preconditioner=lbfgs(10))``. Without `lr`, the step size is found by `Backtracking`, or for
        `newton` by `Armijo`, unless the rule's step does not scale with the gradient, as Adam's: such a rule takes its
        default lr.
    args : tuple, optional
        Further arguments of `fun`, `jac` and `hess`.
    jac : callable, bool or str, optional
        The gradient, in the shape of x; True where `fun` returns ``(f, gradient)``; otherwise "2-point" (the
        default without a gradient), "3-point" or "cs" (complex step) differences.
    hess : callable, optional
        The Hessian ``hess(x, *args)``, over the components of x one after another; for methods that ask for it, such
        as `newton`. A problem brings its own, where it has one.
    tol : float, optional
        Tolerance on the norm of the gradient; 0 runs to `maxiter`.
    norm : float, optional
        inf for the largest component, 2 for the Euclidean norm.
    maxiter : int, optional
        At most this many iterations, 100 000 by default.
    callback : callable, optional
        Called after every iteration as ``callback(intermediate_result)``, if its only parameter has that
        name, else as ``callback(x)``. StopIteration ends the run.
    history : bool, optional
        Whether to keep `Result.history`.
    time_limit : float, optional
        Seconds after which to stop.
    progress : bool, optional
        Whether to show a bar, at a terminal, once the run has taken two seconds.

    Returns
    -------
    Result
        Also after a failure, a limit or Ctrl-C: `status` and `message` say what happened.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not understood. An exception in the user's functions passes through with the
        point as `x` and the run so far as `result` attached.

    Examples
    --------
    >>> import numpy as np
    >>> from momentumlab import minimize, rsgdm
    >>> r = minimize(lambda x: np.sum((x - 3) ** 2), [0.0, 0.0], rsgdm(lr=0.5), jac=lambda x: 2 * (x - 3))
    >>> r.success, r.x.round(5)
    (True, array([3., 3.]))
    >>> minimize("rosenbrock", tol=1e-8).message
    'The gradient is within the tolerance.'
    """
    method = None if method is None else as_method(method)
    maxiter = _limit("maxiter", MAXITER if maxiter is None else maxiter, whole=True)
    tol = _limit("tol", tol)
    time_limit = math.inf if time_limit is None else _limit("time_limit", time_limit)
    if not isinstance(norm, (int, float)) or norm not in (2, np.inf):
        raise ValueError(f"norm = {short(norm)}; it must be inf or 2")
    objective, x, method = _objective(fun, x0, method, jac, args, hess)
    if hess is not None and not method.may_take_hessian:
        warnings.warn(f"{method} does not use Hessian information (hess)", RuntimeWarning, stacklevel=2)
    report = _reporter(callback) if callback is not None else None
    size = _euclidean if norm == 2 else _largest
    kept = History(x.shape, norm)
    steps = _loop(
        objective, method, x, kept, tol=tol or -1.0, euclidean=norm == 2, every=1 if report else max(maxiter, 1)
    )
    began, f0, reported = time.perf_counter(), 0.0, 0
    last: Step | None = None
    status: Status | None = None
    recorded = -1

    def result(status: Status) -> Result:
        assert last is not None
        if recorded != last.k and last.finite:
            kept.record(last, size(last.jac), objective.nfev)
        return _result(status, last, method, objective, kept if history else None)

    def confirmed() -> Status:
        assert last is not None
        return Status.CONVERGED if size(objective(last.x)[1]) <= tol else Status.UNREPRODUCIBLE

    try:
        for step in _shown(steps, maxiter) if progress else steps:
            if last is None:
                last, f0 = step, step.fun
            if not step.finite:
                status = Status.NONFINITE
                break
            last, gnorm, recorded = step, size(step.jac), step.k
            kept.record(step, gnorm, objective.nfev)
            if report and step.k > reported and report(result(Status.ITERATION_LIMIT)):
                status = Status.CALLBACK
            elif tol > 0 and gnorm <= tol:
                status = confirmed()
            elif diverged(step.fun, f0):
                status = Status.DIVERGED
            elif step.k >= maxiter:
                status = Status.ITERATION_LIMIT
            elif time.perf_counter() - began > time_limit:
                status = Status.TIME_LIMIT
            if status is not None:
                break
            reported = step.k
        else:
            status = confirmed() if last is not None and size(last.jac) <= tol else Status.NO_STEP
    except KeyboardInterrupt:
        if last is None:
            raise
        status = Status.INTERRUPTED
    except Exception as error:
        if last is not None:
            with suppress(AttributeError):
                error.result = result(Status.RAISED)  # type: ignore[attr-defined]
                error.add_note(f"after {last.k} iterations; the run so far is this exception's .result")
        raise
    return result(status)


def iterate(
    fun: Callable | Problem | str,
    x0: Any = None,
    method: Method | Rule | str | None = None,
    *,
    args: tuple = (),
    jac: Callable | bool | str | None = None,
    hess: Callable | None = None,
) -> Iterator[Step]:
    """Run a method step by step, without end: the caller looks, and stops.

    Parameters
    ----------
    fun, x0, method, args, jac, hess
        As for `minimize`.

    Yields
    ------
    Step
        The start, then every iteration: `k`, `x`, `fun`, `jac`, `slots` (the memory by name) and `iterate`,
        all read-only. It ends only where a search finds no step.

    Examples
    --------
    >>> from momentumlab import heavy_ball, iterate
    >>> for step in iterate("rosenbrock", method=heavy_ball(lr=1e-3)):
    ...     if step.fun < 1:
    ...         break
    >>> step.k, sorted(step.slots)
    (39, ['v'])
    """
    objective, x, method = _objective(fun, x0, None if method is None else as_method(method), jac, args, hess)
    return _read_only(stepwise(objective, method, x))


def _read_only(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        for array in (step.x, step.jac, step.iterate, *step.slots.values()):
            array.flags.writeable = False
        yield step


@cache
def _default(many: bool) -> Method:
    return rules.quasi_newton(preconditioner=lbfgs(10)) if many else rules.quasi_newton()


def default(n: int) -> Method:
    """What runs on n variables where no method is given."""
    return _default(n > MATRIX)


def as_method(method: Method | Rule | str) -> Method:
    """A Method from a Method, a Rule or the name of one."""
    if isinstance(method, str):
        if method not in rules.__all__:
            raise ValueError(unknown("rule", method, rules.__all__))
        method = getattr(rules, method)
    found = method() if isinstance(method, Rule) else method
    if not isinstance(found, Method):
        raise TypeError(
            f"method = {short(method)}; give a method such as heavy_ball(lr=0.01), a rule, or the name of one"
        )
    return found


# ------------------------------------------------------------------ the loops


def _loop(objective: Objective, method: Method, x: np.ndarray, history: History, **watch: Any) -> Iterator[Step]:
    lacks = objective.native is None or method.foreign or (method.takes_hessian and objective.native_hess is None)
    if lacks:
        return stepwise(objective, method, x)
    return iter(_compiled().Loop(objective, method, x, history, **watch))


@cache
def _compiled() -> Any:
    from . import compiled

    return compiled


def _shown(steps: Iterator[Step], maxiter: int) -> Iterator[Step]:
    from tqdm import tqdm

    with tqdm(total=maxiter, unit="iteration", unit_scale=True, delay=2, disable=None, leave=False) as bar:
        for step in steps:
            bar.set_postfix_str(f"f = {step.fun:.6g}", refresh=False)
            bar.update(step.k - bar.n)
            yield step


# ------------------------------------------------------------------ arguments and results


def _objective(
    fun: Callable | Problem | str, x0: Any, method: Method | None, jac: Any, args: tuple, hess: Any
) -> tuple[Objective, np.ndarray, Method]:
    if isinstance(fun, str):
        fun = problem(fun)
    if isinstance(fun, Problem):
        if jac is not None or args or hess is not None:
            raise TypeError(
                f"problem {fun.name} has its own gradient, Hessian and arguments; leave out jac, hess and args"
            )
        x = fun.point(fun.x0 if x0 is None else x0)
        method = method or default(x.size)
        if method.takes_hessian and fun.hess is None:
            raise TypeError(f"{method} asks for the Hessian, which problem {fun.name} does not have; {ELSE}")
        if fun.sampler is not None and method.search is not None:
            raise TypeError(
                f"{method} searches its step size by comparing values of f, and runs on {fun.name} see samples of it; "
                "give lr, as in heavy_ball(lr=0.01)"
            )
        objective = fun.objective()
        if not fun.compile:
            objective.check_bounds()
        return objective, x, method
    if x0 is None:
        raise TypeError("x0 is missing; only problems have a start of their own")
    x = start(x0)
    method = method or default(x.size)
    if method.takes_hessian and hess is None:
        raise TypeError(f"{method} asks for the Hessian: give hess=..., a function of x, or {ELSE}")
    objective = Objective(fun, jac, args, x.shape, hess=hess)
    objective.check_bounds()
    return objective, x, method


def _limit(name: str, value: Any, whole: bool = False) -> Any:
    if type(value) is (int if whole else float) and value >= 0:
        return value
    kind = "a whole number" if whole else "a number"
    try:
        if isinstance(value, (bool, str)) or np.ndim(value) or not value >= 0 or (whole and int(value) != value):
            raise ValueError
        return int(value) if whole else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} = {short(value)}; it must be {kind}, 0 or larger") from None


def _largest(g: np.ndarray) -> float:
    sizes = np.abs(g).ravel()
    return sizes.item(sizes.argmax())  # nan where there is one


def _euclidean(g: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return euclidean_norm(g)


def _reporter(callback: Callable) -> Callable[[Result], bool]:
    """Call back in one of SciPy's two forms; True where it wants to stop."""
    if not callable(callback):
        raise TypeError(f"callback = {short(callback)} is not callable")
    parameters: Mapping[str, Parameter]
    try:
        parameters = signature(callback).parameters
    except (TypeError, ValueError):
        parameters = {}
    whole = set(parameters) == {"intermediate_result"} and all(
        p.kind is not Parameter.POSITIONAL_ONLY for p in parameters.values()
    )

    def report(result: Result) -> bool:
        try:
            if whole:
                callback(intermediate_result=result)
            else:
                callback(result.x)
        except StopIteration:
            return True
        return False

    return report


def _result(status: Status, step: Step, method: Method, objective: Objective, history: History | None) -> Result:
    lr = None
    with suppress(Exception):  # a schedule that ends here has no further number
        lr = method.lr(max(step.k, 1), step.step)
    lacking = method.search.lacking if method.search and status is Status.NO_STEP else ""
    return Result(
        message=lacking or SENTENCES[status],
        success=status is Status.CONVERGED,
        status=int(status),
        fun=step.fun,
        x=step.x.copy(),
        nit=step.k,
        jac=step.jac.copy(),
        nfev=objective.nfev,
        njev=objective.njev,
        nhev=objective.nhev,
        iterate=step.iterate.copy(),
        lr=lr,
        history=history,
    )


# ------------------------------------------------------------------ SciPy's door


def scipy_method(
    method: Method,
    fun: Callable,
    x0: Any,
    args: tuple = (),
    *,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    callback: Callable | None = None,
    disp: bool = False,
    gtol: float | None = None,
    **options: Any,
) -> "OptimizeResult":
    """What `scipy.optimize.minimize` calls where `method` is one of ours."""
    from scipy.optimize import OptimizeResult, OptimizeWarning

    def warn(sentence: str, kind: type[Warning] = RuntimeWarning) -> None:
        warnings.warn(sentence, kind, stacklevel=4)

    for name, given in (("constraints", constraints), ("bounds", bounds)):
        if given is not None and not (isinstance(given, (tuple, list)) and len(given) == 0):
            warn(f"Method {method} cannot handle {name}.")
    takes = method.may_take_hessian and callable(hess)
    if hessp is not None or (hess is not None and not takes):
        warn(f"Method {method} does not use Hessian information (hess, hessp).")
    known = ("tol", "norm", "maxiter", "history", "time_limit")
    if strange := sorted(set(options) - set(known)):
        warn(f"Unknown solver options: {', '.join(strange)}", OptimizeWarning)
    if gtol is not None:
        options["tol"] = gtol
    if options.get("tol") is None:
        options.pop("tol", None)
    found = minimize(
        fun,
        x0,
        method,
        args=args,
        jac=jac or None,
        hess=hess if takes else None,
        callback=callback,
        **{n: v for n, v in options.items() if n in known},
    )
    if disp:
        print(found.message)
    return OptimizeResult(found)
