"""`minimize` and `iterate`: one method on one function."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from . import rules
from .errors import short, unknown
from .method import Method
from .objective import Objective, start, vector
from .ops import dot
from .ops import norm as euclidean_norm
from .problems import Problem, problem
from .result import SENTENCES, Evaluated, History, Result, Status, Step, diverged
from .rule import Rule
from .searches import ACCEPT, FAIL, RESTART, STEP, begin, fresh_hunt, gradient_step

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

MAXITER = 100_000
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
        Such as ``heavy_ball(lr=0.01)``; ``nesterov()`` if it is left out. Without `lr`, the step size is
        found by `Backtracking`, or for `newton` by `Armijo`, unless the rule's step does not scale with the
        gradient, as Adam's: such a rule takes its default lr.
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
    method = as_method(method)
    maxiter = _limit("maxiter", MAXITER if maxiter is None else maxiter, whole=True)
    tol = _limit("tol", tol)
    time_limit = math.inf if time_limit is None else _limit("time_limit", time_limit)
    if not isinstance(norm, (int, float)) or norm not in (2, np.inf):
        raise ValueError(f"norm = {short(norm)}; it must be inf or 2")
    objective, x = _objective(fun, x0, method, jac, args, hess)
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
                status = Status.CONVERGED if size(objective(step.x)[1]) <= tol else Status.UNREPRODUCIBLE
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
            status = Status.CONVERGED if last is not None and size(last.jac) <= tol else Status.NO_STEP
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
    method = as_method(method)
    objective, x = _objective(fun, x0, method, jac, args, hess)
    return _read_only(_steps(objective, method, x))


def _read_only(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        for array in (step.x, step.jac, step.iterate, *step.slots.values()):
            array.flags.writeable = False
        yield step


def as_method(method: Method | Rule | str | None) -> Method:
    """A Method from a Method, a Rule or the name of one; `nesterov()` from None."""
    if isinstance(method, str):
        if method not in rules.__all__:
            raise ValueError(unknown("rule", method, rules.__all__))
        method = getattr(rules, method)
    found = rules.nesterov() if method is None else method() if isinstance(method, Rule) else method
    if not isinstance(found, Method):
        raise TypeError(
            f"method = {short(method)}; give a method such as heavy_ball(lr=0.01), a rule, or the name of one"
        )
    return found


# ------------------------------------------------------------------ the loops


def _loop(objective: Objective, method: Method, x: np.ndarray, history: History, **watch: Any) -> Iterator[Step]:
    lacks = objective.native is None or method.foreign or (method.takes_hessian and objective.native_hess is None)
    if lacks:
        return _steps(objective, method, x)
    from .compiled import Loop

    return iter(Loop(objective, method, x, history, **watch))


def _steps(objective: Objective, method: Method, x: np.ndarray) -> Iterator[Step]:
    k, step, hunt = 0, method.search.first if method.search else 0.0, fresh_hunt().tolist()
    f, g = objective(x)
    slots: Sequence[np.ndarray] = method.start(x, g, step)
    supply = None
    while True:
        memory = dict(zip(method.rule.slots, slots, strict=True))
        yield Evaluated(k, x, f, g, memory, memory.get("x", x), step)
        if method.rule.inputs and supply is None:
            supply = Supply(objective, method, x, g)
        k += 1
        products = supply(x, g, slots, k) if supply else ()
        if method.search is None:
            x, *slots = method.advance(x, g, (*products, *slots), k)
            f, g = objective(x)
            continue
        found = _hunted(objective, method, hunt, x, f, g, products, slots, k, supply)
        if found is None:
            return
        x, f, g, slots = found
        step = hunt[STEP]


def _hunted(
    objective: Objective,
    method: Method,
    hunt: list[float],
    x: np.ndarray,
    f: float,
    g: np.ndarray,
    products: Sequence[np.ndarray],
    slots: Sequence[np.ndarray],
    k: int,
    supply: "Supply | None",
) -> tuple[np.ndarray, float, np.ndarray, Sequence[np.ndarray]] | None:
    """Step k with the step size that the search accepts: the next x, f, gradient and slots; None where it gives up."""
    search = method.search
    assert search is not None
    begin(search.settings, hunt)
    while True:
        step = hunt[STEP]
        with np.errstate(all="ignore"):
            if search.own:
                there, *new = method.advance(x, g, (*products, *slots), k, step)
            else:
                there = gradient_step(x, g, step)
            away = there - x
            ahead, beyond, found = float(dot(g, away)), 0.0, math.inf
        if not math.isfinite(ahead) and not np.isfinite(g).all():
            return None
        moved = bool(np.count_nonzero(away))
        if not moved:
            found = f
        elif ahead <= 0:
            found = objective.fun(there)
            if search.slopes:
                along = objective.rest(there, found)
                with np.errstate(all="ignore"):
                    beyond = float(dot(along, away))
        verdict = search.judge(search.settings, hunt, f, found, ahead, beyond, moved)
        if verdict == ACCEPT:
            break
        if verdict == FAIL or (verdict == RESTART and not method.bound_rule.slots):
            return None
        if verdict == RESTART:
            slots = method.afresh(x, g, slots, k, step)
            products = supply.products(x, g, slots, k) if supply else ()
    if search.own:
        return there, found, g if not moved else along if search.slopes else objective.rest(there, found), new
    x, *slots = method.advance(x, g, (*products, *slots), k, step)
    return x, *objective(x), slots


class Supply:
    """What a preconditioner supplies to a run, step by step."""

    def __init__(self, objective: Objective, method: Method, x: np.ndarray, g: np.ndarray) -> None:
        self.method, self.rule = method, method.rule
        self.given = np.copy if method.foreign else lambda v: v  # what is a user's to write to
        started = method.preconditioner.start(objective, self.given(x))
        self.running = method.preconditioner if started is None else started
        for needed in ("update", *{"apply" if name[0] == "B" else "solve" for name in self.rule.inputs}):
            if not callable(getattr(self.running, needed, None)):
                raise TypeError(f"{method}: its preconditioner has no method {needed}, which the rule takes")
        self.x, self.g = x, self.rule.seen(x, g, method.row(1))

    def __call__(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, ...]:
        """The products at step k, and what there is to learn before it."""
        seen, step = self.rule.seen(x, g, self.method.row(k)), self.rule.last_step
        s = dict(zip(self.rule.slots, slots, strict=True))[step] if step else x - self.x
        lagged = self.products(x, g, slots, k) if self.method.index != "current" else ()
        if k > 1:
            self.running.update(self.given(x), self.given(s), seen - self.g)
        self.x, self.g = x, seen
        return lagged or self.products(x, g, slots, k)

    def products(self, x: np.ndarray, g: np.ndarray, slots: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, ...]:
        """The products with what is known."""
        vectors = {"g": self.rule.seen(x, g, self.method.row(k)), **dict(zip(self.rule.slots, slots, strict=True))}
        does = {"B": self.running.apply, "H": getattr(self.running, "solve", None)}
        return tuple(self._vector(does[name[0]](self.given(vectors[name[1:]])), x) for name in self.rule.inputs)

    def _vector(self, product: Any, x: np.ndarray) -> np.ndarray:
        return vector(product, x.shape, f"the preconditioner {self.method.preconditioner!r}")


def _shown(steps: Iterator[Step], maxiter: int) -> Iterator[Step]:
    from tqdm import tqdm

    with tqdm(total=maxiter, unit="iteration", unit_scale=True, delay=2, disable=None, leave=False) as bar:
        for step in steps:
            bar.set_postfix_str(f"f = {step.fun:.6g}", refresh=False)
            bar.update(step.k - bar.n)
            yield step


# ------------------------------------------------------------------ arguments and results


def _objective(
    fun: Callable | Problem | str, x0: Any, method: Method, jac: Any, args: tuple, hess: Any
) -> tuple[Objective, np.ndarray]:
    if isinstance(fun, str):
        fun = problem(fun)
    if isinstance(fun, Problem):
        if jac is not None or args or hess is not None:
            raise TypeError(
                f"problem {fun.name} has its own gradient, Hessian and arguments; leave out jac, hess and args"
            )
        if method.takes_hessian and fun.hess is None:
            raise TypeError(f"{method} asks for the Hessian, which problem {fun.name} does not have; {ELSE}")
        if fun.sampler is not None and method.search is not None:
            raise TypeError(
                f"{method} searches its step size by comparing values of f, and runs on {fun.name} see samples of it; "
                f"give lr, as in {method.name}(lr=0.01)"
            )
        objective, x = fun.objective(), fun.point(fun.x0 if x0 is None else x0)
        if not fun.compile:
            objective.check_bounds()
        return objective, x
    if x0 is None:
        raise TypeError("x0 is missing; only problems have a start of their own")
    if method.takes_hessian and hess is None:
        raise TypeError(f"{method} asks for the Hessian: give hess=..., a function of x, or {ELSE}")
    x = start(x0)
    objective = Objective(fun, jac, args, x.shape, hess=hess)
    objective.check_bounds()
    return objective, x


def _limit(name: str, value: Any, whole: bool = False) -> Any:
    kind = "a whole number" if whole else "a number"
    try:
        if isinstance(value, (bool, str)) or np.ndim(value) or not value >= 0 or (whole and int(value) != value):
            raise ValueError
        return int(value) if whole else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} = {short(value)}; it must be {kind}, 0 or larger") from None


def _largest(g: np.ndarray) -> float:
    return float(np.abs(g).max())


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
