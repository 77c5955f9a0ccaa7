"""What a preconditioner is: an approximation B of the Hessian that a run keeps, applies and updates.

Pointwise ones are functions in the grammar of rules, and composing one with a rule gives a rule. Stored ones keep
arrays, with functions of `curvature`. Any other object with the same four methods serves in the NumPy loop.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import Parameter, signature
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from . import curvature
from .errors import short
from .hyper import arguments, number, resolve
from .ops import dot, where
from .trace import check_diagonal

if TYPE_CHECKING:
    from .rule import Rule

INVERTED = {"dense": "inverse", "compact": "recursive"}
"""How the kinds of `curvature` are kept where no other product than B⁻¹v is asked for."""

LARGEST = 10_000
"""Variables up to which an n × n matrix is kept; it takes 800 MB there."""


class Preconditioner(Protocol):
    """The protocol: an object of your own with these methods may stand where one of ours does."""

    def start(self, problem: Any, x: np.ndarray) -> Any:
        """Begin a run, from its function (with `fun`, `grad` and, where there is one, `hess`) and first point.

        Return an object with the other methods, or None for this one, which then forgets earlier runs. Vectors have
        the shape of x; hess(x) is n × n, over its components one after another.
        """

    def apply(self, v: np.ndarray) -> np.ndarray:
        """B·v."""

    def solve(self, v: np.ndarray) -> np.ndarray:
        """B⁻¹·v; only for rules that ask for it."""

    def update(self, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        """Learn from a step s to x, over which the gradient changed by y; once a step, from the second on."""


# ------------------------------------------------------------------ pointwise


@dataclass(frozen=True, repr=False)
class Pointwise:
    """A diagonal B as a function of a pair, (s, y, B, /, ...) -> B⁺; made by `preconditioner`."""

    step: Callable
    name: str
    first: float
    hyper: tuple[tuple[str, Any], ...]
    shown: str = ""

    def __call__(self, s: Any, y: Any, B: Any) -> Any:
        """The next B, elementwise."""
        hyper = dict(self.hyper)
        return self.step(s, y, B, *resolve(hyper, hyper, {"s": s, "y": y, "B": B}))

    def having(self, name: str, shown: str, **hyper: Any) -> "Pointwise":
        """The same of another name, with other numbers where it has them."""
        changed = tuple((n, hyper.get(n, v)) for n, v in self.hyper)
        return replace(self, name=name, hyper=changed, shown=shown)

    def __reduce__(self) -> Any:
        """By import path, and what differs from what is found there."""
        return _again, (self.step.__module__, self.step.__name__, self.name, self.shown, dict(self.hyper))

    def start(self, problem: Any, x: np.ndarray) -> "RunningPointwise":
        return RunningPointwise(self, self.first + 0 * x)

    def __repr__(self) -> str:
        return f"{self.name}({self.shown})"


def _again(module: str, attribute: str, name: str, shown: str, hyper: dict[str, Any]) -> Pointwise:
    return getattr(import_module(module), attribute).having(name, shown, **hyper)


class RunningPointwise:
    """A diagonal that a run keeps."""

    def __init__(self, kind: Pointwise, B: np.ndarray) -> None:
        self.kind, self.B = kind, B

    def apply(self, v: np.ndarray) -> np.ndarray:
        return self.B * v

    def solve(self, v: np.ndarray) -> np.ndarray:
        return v / self.B

    def update(self, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            self.B = self.kind(s, y, self.B)


def preconditioner(step: Callable) -> Pointwise:
    """Declare a diagonal preconditioner of your own, in the grammar of rules.

    B⁺ = step(s, y, B), elementwise, where s is a step of the point and y the change of the gradient over it. As in a
    rule, hyperparameters follow the slash: numbers, or functions that measure whole vectors by their names s, y and B.

    Parameters
    ----------
    step : callable
        ``(s, y, B, /, ...) -> B``, where B has a default: what each of its elements starts as.

    Returns
    -------
    Pointwise
        It stands where a preconditioner does, in every loop.

    Raises
    ------
    TypeError
        Where the function leaves the grammar.

    Examples
    --------
    >>> from momentumlab import minimize, pmg, problem
    >>> from momentumlab.ops import where
    >>> @preconditioner
    ... def averaged(s, y, B=1.0, /, nu=0.5):
    ...     return where(y / s > 0, (1 - nu) * B + nu * y / s, B)
    >>> p = problem("mccormick")
    >>> minimize(p.f, p.x0, pmg(preconditioner=averaged)).success
    True
    """
    if not isinstance(step, FunctionType):
        raise TypeError(f"preconditioner takes a function of (s, y, B, /, ...), not {short(step)}")
    owner = f"preconditioner {step.__name__}"
    fixed, after = _split(step)
    if [p.name for p in fixed] != ["s", "y", "B"] or any(p.kind is not Parameter.POSITIONAL_OR_KEYWORD for p in after):
        raise TypeError(f"{owner}: write def {step.__name__}(s, y, B=1.0, /, <hyperparameters>)")
    if fixed[2].default is Parameter.empty or any(p.default is Parameter.empty for p in after):
        raise TypeError(f"{owner}: B and every hyperparameter need a default")
    hyper = {p.name: p.default for p in after}
    values = {n: v if callable(v) else number(owner, n, v) for n, v in hyper.items()}
    known = ("s", "y", "B", *values)
    for name, value in values.items():
        if strange := [a for a in (arguments(value) if callable(value) else ()) if a not in known]:
            asks = f"{owner}: the function given for {name} asks for {strange[0]!r}"
            raise TypeError(f"{asks}; it may ask for {', '.join(known)}")
    try:
        if not loading(step):
            check_diagonal(step, ("s", "y", "B"), hyper)
    except Exception as error:
        raise TypeError(f"{owner} cannot be written down: {error}") from error
    return Pointwise(step, step.__name__, number(owner, "B", fixed[2].default), tuple(values.items()))


def loading(step: Callable) -> bool:
    """Whether a function is of a collection of ours that is just being imported, and has not named its contents yet."""
    ours = step.__module__ in (f"{__package__}.rules", f"{__package__}.preconditioners")
    return ours and not hasattr(sys.modules[step.__module__], "__all__")


def _split(step: Callable) -> tuple[list[Parameter], list[Parameter]]:
    parameters = list(signature(step).parameters.values())
    fixed = [p for p in parameters if p.kind is Parameter.POSITIONAL_ONLY]
    return fixed, parameters[len(fixed) :]


class Supplied:
    """A rule whose products come from a diagonal preconditioner: one step of both.

    The preconditioner's memory stands behind the rule's: the diagonal B, the last gradient and, where no slot of the
    rule is its last step, the last point.
    """

    def __init__(self, rule: "Rule", by: Pointwise, index: str) -> None:
        self.rule, self.by, self.index = rule, by, index

    def __call__(self, x: Any, g: Any, rest: Sequence[Any], row: Mapping[str, Any]) -> tuple[Any, ...]:
        own, B = rest[: len(self.rule.slots)], rest[len(self.rule.slots)]
        learnt = self.taught(x, g, rest)
        used = B if self.index == "lagged" else learnt[0]
        vectors = {"g": g, **dict(zip(self.rule.slots, own, strict=True))}
        products = [used * vectors[n[1:]] if n[0] == "B" else vectors[n[1:]] / used for n in self.rule.inputs]
        return (*self.rule._bare(x, g, (*products, *own), row), *learnt)

    def taught(self, x: Any, g: Any, rest: Sequence[Any]) -> tuple[Any, ...]:
        """Its memory once it has learnt from the last step, if there was one."""
        own = dict(zip(self.rule.slots, rest, strict=False))
        B, g_last, *x_last = rest[len(own) :]
        s = own[self.rule.last_step] if self.rule.last_step else x - x_last[0]
        learnt = where(dot(s, s) > 0, self.by(s, g - g_last, B), B)
        return learnt, g, *([x] if x_last else [])


# ------------------------------------------------------------------ stored


@dataclass(frozen=True, repr=False)
class Stored:
    """A preconditioner that keeps arrays, and is made of functions of `curvature`.

    Attributes
    ----------
    name : str
    kind : str
        Whose functions it uses: dense, compact, their inverses, or hessian.
    update : str
        The name of what it does with a pair.
    settings : tuple of float
        What its `numbers` begin with.
    memory : int
        The number of pairs that it keeps, where it keeps no n × n matrix.
    shown : str
        Its options, as a repr shows them.
    """

    name: str
    kind: str
    update: str
    settings: tuple[float, ...] = ()
    memory: int = 0
    shown: str = ""

    @property
    def reads_hessian(self) -> bool:
        """Whether it is made of the Hessian, not of pairs."""
        return self.kind == "hessian"

    @property
    def inverted(self) -> "Stored":
        """The same, of which no other product than B⁻¹v is asked; a damped one needs Bs."""
        damped, *kind = self.settings or (1.0,)
        if damped or self.kind not in INVERTED:
            return self
        dual = [float(curvature.DUAL[int(k)]) for k in kind]
        return replace(self, kind=INVERTED[self.kind], update=f"{INVERTED[self.kind]}_learn", settings=(damped, *dual))

    def arrays(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and numbers as they are before the first update."""
        if not self.memory and n > LARGEST:
            raise ValueError(
                f"{self} keeps an n × n matrix, which for n = {n} would take {8e-9 * n * n:.0f} GB; it does up to "
                f"n = {LARGEST}. Take lbfgs(), diagonal(), quasi_cauchy(), bb1() or bb2()"
            )
        rows, numbers = map(np.zeros, self.shapes(n))
        numbers[0, : len(self.settings)] = self.settings
        getattr(curvature, f"{self.kind}_start")(rows, numbers)
        return rows, numbers

    def shapes(self, n: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of rows and numbers."""
        m = self.memory
        rows = 2 * (m + 1) if m else n + 2 * (not self.reads_hessian)
        return (rows, n), (curvature.PRODUCTS + 3 * m, max(4, 2 * m))

    def start(self, problem: Any, x: np.ndarray) -> "RunningStored":
        return RunningStored(self, problem, x)

    def __repr__(self) -> str:
        return f"{self.name}({self.shown})"


class RunningStored:
    """Arrays that a run keeps."""

    def __init__(self, kind: Stored, problem: Any, x: np.ndarray) -> None:
        self.kind, self.problem = kind, problem
        self.rows, self.numbers = kind.arrays(x.size)
        self.applied: np.ndarray | None = None  # what B, as it is, was last applied to
        self.result = np.zeros_like(x)
        if kind.reads_hessian:
            self.update(x, self.result, self.result)

    def _product(self, name: str, v: np.ndarray) -> np.ndarray:
        out = np.empty(v.size)
        with np.errstate(all="ignore"):
            getattr(curvature, f"{self.kind.kind}_{name}")(self.rows, self.numbers, v.ravel(), out)
        return out.reshape(v.shape)

    def apply(self, v: np.ndarray) -> np.ndarray:
        self.applied, self.result = v.copy(), self._product("apply", v)
        return self.result.copy()

    def solve(self, v: np.ndarray) -> np.ndarray:
        return self._product("solve", v)

    def update(self, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        change, before = y.ravel(), np.zeros(y.size)
        name = self.kind.update
        if self.kind.reads_hessian:
            self.rows[:] = self.problem.hess(x)
        elif self.applied is None or not np.array_equal(s, self.applied):
            name = f"{self.kind.kind}_learn"
        with np.errstate(all="ignore"):
            getattr(curvature, name)(self.rows, self.numbers, s.ravel(), change, before, self.result.ravel())
        self.applied = None


# ------------------------------------------------------------------ others'


class Operator:
    """A constant B, given as a `scipy.sparse.linalg.LinearOperator`."""

    def __init__(self, operator: Any) -> None:
        self.operator = operator

    def start(self, problem: Any, x: np.ndarray) -> "Operator":
        if self.operator.shape != (x.size, x.size):
            raise ValueError(f"the preconditioner has shape {self.operator.shape}; x has {x.size} components")
        return self

    def apply(self, v: np.ndarray) -> np.ndarray:
        return self.operator.matvec(v.ravel()).reshape(v.shape)

    def update(self, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        """It stays what it is."""

    def __repr__(self) -> str:
        return short(self.operator)
