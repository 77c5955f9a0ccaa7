"""Linear rules, found and read by walking: state space, transfer function, poles and zeros.

A linear form goes through the rule in the place of a vector. Its coefficients may be numbers, arrays of numbers or
SymPy expressions, so one walk serves them all; what is not linear is refused where it happens, in the rule's own body.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import needs, short
from ..method import Method
from ..rule import Rule
from .rate import as_rule

LATE = 2**17
"""The iteration at which a schedule is looked at, to see whether it has settled."""
NEGLIGIBLE = 1e-10
"""Relative size below which a direction of the state counts as unreachable or unseen."""


class NotLinear(TypeError):
    """A rule is not linear in the point, the gradient and its memory, or not time-invariant."""


# ------------------------------------------------------------------ the walk


def _refuses(what: str) -> Callable:
    def refuse(*_: Any) -> Any:
        raise NotLinear(what)

    return refuse


class _Linear:
    """`momentumlab.ops` on linear forms."""

    sqrt = staticmethod(_refuses("it takes a root of a vector"))
    maximum = minimum = staticmethod(_refuses("it takes the larger or smaller of vectors"))
    dot = staticmethod(_refuses("it measures whole vectors"))
    slice_mean = staticmethod(_refuses("it couples coordinates by their mean"))

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b


class Form:
    """A linear form: a sum of named vectors, each times a coefficient."""

    ops = _Linear
    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to the form
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)

    def of(self, name: str) -> Any:
        """The coefficient of a vector."""
        return self.parts.get(name, 0)

    def __add__(self, other: Any) -> "Form":
        if isinstance(other, Form):
            return Form({n: self.of(n) + other.of(n) for n in {**self.parts, **other.parts}})
        if isinstance(other, np.ndarray) or other != 0:
            raise NotLinear(f"it adds {short(other)} to a vector")
        return self

    def __mul__(self, number: Any) -> "Form":
        if isinstance(number, Form):
            raise NotLinear("it multiplies vectors with each other")
        return Form({n: c * number for n, c in self.parts.items()})

    def __truediv__(self, number: Any) -> "Form":
        if isinstance(number, Form):
            raise NotLinear("it divides by a vector")
        return Form({n: c / number for n, c in self.parts.items()})

    def __neg__(self) -> "Form":
        return self * -1

    def __sub__(self, other: Any) -> "Form":
        return self + -other

    def __rsub__(self, other: Any) -> "Form":
        return -self + other

    __radd__, __rmul__ = __add__, __mul__
    __rtruediv__ = _refuses("it divides by a vector")
    __abs__ = _refuses("it takes the absolute value of a vector")
    __gt__ = __lt__ = __ge__ = __le__ = __eq__ = __ne__ = _refuses("it compares vectors")  # type: ignore[assignment]
    __bool__ = _refuses("it compares vectors")


def unit(name: str) -> Form:
    """A vector itself."""
    return Form({name: 1})


@dataclass(frozen=True, eq=False)
class StateSpace:
    """ξ⁺ = Aξ + Bu, y = Cξ, x = Eξ: u is the gradient at y, x the iterate that is reported; ξ₀ = X x₀ + G g₀.

    Matrices are NumPy arrays where the hyperparameters are numbers, SymPy's where they are symbols.

    Attributes
    ----------
    A : matrix of shape (n, n)
    B : matrix of shape (n, m)
        A column for the gradient, and one for each product that a preconditioner supplies.
    C, E : matrix of shape (1, n)
    X, G : matrix of shape (n, 1)
    states, inputs : tuple of str
        The rule's own names for the components of ξ and u.
    """

    A: Any
    B: Any
    C: Any
    E: Any
    X: Any
    G: Any
    states: tuple[str, ...]
    inputs: tuple[str, ...]


@contextmanager
def _saying(rule: Rule) -> Iterator[None]:
    """Whose walk it is that goes wrong."""
    try:
        yield
    except NotLinear as error:
        raise NotLinear(f"{rule.name} is not linear: {error}") from None


def walked(rule: Rule, row: Mapping[str, Any], given: Sequence[Form], x0: Form, g0: Form) -> tuple[list, list]:
    """The state after a step from what is given (point, gradient, products, slots), and the first state."""
    with _saying(rule):
        new = list(rule.advance(given[0], given[1], given[2:], row))
        first = [x0, *rule.start(x0, g0, row)]
    if strange := [n for n in new if not isinstance(n, Form)]:
        raise NotLinear(f"{rule.name} is not linear: it returns {short(strange[0])}")
    return new, first


def open_loop(rule: Rule, row: Mapping[str, Any], matrix: Callable[[list[list[Any]]], Any]) -> StateSpace:
    states, inputs = (rule.point, *rule.slots), ("g", *rule.inputs)
    new, first = walked(rule, row, [unit(n) for n in rule.vectors], unit("x0"), unit("g0"))
    read = lambda forms, names: matrix([[form.of(name) for name in names] for form in forms])
    return StateSpace(
        *(read(new, states), read(new, inputs), read([unit(rule.point)], states), read([unit(rule.reports)], states)),
        *(read(first, ("x0",)), read(first, ("g0",)), states, inputs),
    )


def state_space(method: Method | Rule | str, **hyper: Any) -> StateSpace:
    """(A, B, C) of a linear rule, read off the rule itself: numbers for a method, symbols for a rule.

    Parameters
    ----------
    method : Method, Rule or str
        A rule's hyperparameters are symbols of their names; SymPy is needed for those alone.
    **hyper
        What to put in a rule's place of a symbol: numbers or expressions.

    Returns
    -------
    StateSpace

    Raises
    ------
    NotLinear
        Where the rule is not linear, or a method's schedules do not settle.
    ImportError
        Where SymPy is needed and not installed.

    Examples
    --------
    >>> from momentumlab import heavy_ball
    >>> state_space(heavy_ball(lr=0.5, beta=0.25)).A
    array([[1.  , 0.25],
           [0.  , 0.25]])
    """
    if isinstance(method, Method):
        if hyper:
            raise TypeError(f"{method} is bound; {next(iter(hyper))} is for a rule, whose hyperparameters are symbols")
        return open_loop(method.rule, settled(method), lambda rows: np.array(rows, dtype=float))
    rule = as_rule("state_space", method)
    sympy = sympy_for("state_space of a rule")
    return open_loop(rule, symbolic(rule, **hyper), lambda rows: sympy.Matrix(rows).applyfunc(sympy.expand))


def sympy_for(what: str) -> Any:
    """SymPy, or the sentence that says what needs it."""
    needs(what, "sympy")
    import sympy

    return sympy


def symbolic(rule: Rule, **hyper: Any) -> dict[str, Any]:
    """A positive symbol for each hyperparameter, but for those given."""
    sympy = sympy_for("a rule whose hyperparameters are symbols")
    if strange := [n for n in hyper if n not in rule.hyper]:
        raise TypeError(f"{rule.name} has no hyperparameter {strange[0]!r}; it has {', '.join(rule.hyper)}")
    measured = {n for n, kind in rule.kinds.items() if kind == "measured" and n not in hyper}
    return {n: sympy.Symbol(n, positive=True) for n in rule.hyper if n not in measured} | hyper


def settled(method: Method) -> dict[str, float]:
    """The hyperparameters that a method's schedules arrive at.

    Raises
    ------
    NotLinear
        Where one still moves, or a search finds lr on the way.
    """
    refuse_search(method)
    rule = method.rule
    if not rule.scheduled:
        return rule.row(1)
    last = rule.row(LATE)
    table = rule.table(LATE)
    for name, column in zip(rule.columns, table.T, strict=True):
        if name != "k" and not (column == last[name]).all():
            raise NotLinear(f"{method} is not time-invariant: {name} moves with k, and has not settled by k = {LATE}")
    return last


def refuse_search(method: Method) -> None:
    if method.search:
        raise NotLinear(f"{method}: {method.search} finds lr on the way; give lr, or let ml.rates.tune find it")


def refuse_products(method: Method | Rule) -> None:
    if inputs := (method.rule if isinstance(method, Method) else method).inputs:
        raise NotLinear(f"{method.name} asks for {', '.join(inputs)} beside the gradient, which preconditioners supply")


# ------------------------------------------------------------------ what is reached and seen


@dataclass(frozen=True, eq=False)
class Part:
    """The part of the state that a run reaches and shows: ζ = Lξ, whose step is LAR and whose readings are CR."""

    L: np.ndarray
    R: np.ndarray

    def of(self, space: StateSpace) -> StateSpace:
        """A numeric state space, cut down to it."""
        states = tuple(f"ζ{i}" for i in range(len(self.L)))
        A, B, X, G = self.L @ space.A @ self.R, self.L @ space.B, self.L @ space.X, self.L @ space.G
        return StateSpace(A, B, space.C @ self.R, space.E @ self.R, X, G, states, space.inputs)


def part(space: StateSpace, start: bool = True, all_states: bool = False) -> Part:
    """What a run reaches, from its start too if `start`, less what no point, iterate or product shows.

    All of the state is reached where schedules moved before they settled.
    """
    size = float(np.abs(responses(space, 2 * len(space.A))).max()) or 1.0
    inputs = space.B / size
    sources = np.hstack([inputs, space.X, space.G / size]) if start else inputs
    sources = np.hstack([sources, np.eye(len(space.A))]) if all_states else sources
    scale: np.ndarray = np.abs(_powers(space.A, sources)).max(axis=(0, 2))
    scale[scale == 0] = 1.0
    A = space.A * scale / scale[:, None]
    reached = _spanned(A, sources / scale[:, None])
    rows = np.vstack([space.C, space.E, *_products(space)]) * scale
    seen = _spanned(reached.T @ A.T @ reached, (rows @ reached).T)
    return Part((seen.T @ reached.T) / scale, scale[:, None] * (reached @ seen))


def _products(space: StateSpace) -> list[np.ndarray]:
    """Rows that read the vectors of which products are taken."""
    of = [name[1:] for name in space.inputs[1:]]
    return [np.array([[float(s == name) for s in space.states]]) for name in of if name in space.states]


def _powers(A: np.ndarray, columns: np.ndarray) -> np.ndarray:
    found = [columns]
    for _ in range(len(A) - 1):
        found.append(A @ found[-1])
    return np.array(found)


def _spanned(A: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the least space that contains the columns and that A maps into itself."""
    basis = np.empty((len(A), 0))
    while columns.shape[1]:
        size = max(float(np.linalg.norm(columns, 2)), 1.0)
        for _ in range(2):
            columns = columns - basis @ (basis.T @ columns)
        u, s, _ = np.linalg.svd(columns, full_matrices=False)
        fresh = u[:, s > NEGLIGIBLE * size]
        basis, columns = np.hstack([basis, fresh]), A @ fresh
    return basis


# ------------------------------------------------------------------ what is read off it


def queries(method: Method, count: int) -> list[Form]:
    """Where the first gradients are taken, as forms of the start x0 and the gradients g0, g1, ... before.

    Schedules are as they are at each iteration.
    """
    rule, x = method.rule, unit("x0")
    refuse_products(method)
    refuse_search(method)
    with _saying(rule):
        rest, found = list(rule.start(x, unit("g0"), rule.row(1))), [x]
        for k in range(1, count):
            x, *rest = rule.advance(x, unit(f"g{k - 1}"), rest, rule.row(k))
            found.append(x)
    return found


def responses(space: StateSpace, count: int) -> np.ndarray:
    """C Aⁱ B, i = 0, 1, ..., its Markov parameters: the point's response to one gradient, of shape (count, m)."""
    found, state = [], space.B
    for _ in range(count):
        found.append((space.C @ state)[0])
        state = space.A @ state
    return np.array(found)


def transfer_function(method: Method | Rule | str, **hyper: Any) -> Any:
    """G(z) = C(zI − A)⁻¹B, from the gradient to the point where it is taken, by SymPy.

    Parameters
    ----------
    method : Method, Rule or str
        A linear rule, whose hyperparameters are symbols of their names; of a method they are numbers.
    **hyper
        What to put in a rule's place of a symbol.

    Returns
    -------
    sympy.Expr
        In z, factored.

    Raises
    ------
    NotLinear, ImportError
        As `state_space`.

    References
    ----------
    Lessard, Recht & Packard (2016).

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.transfer_function(ml.heavy_ball)  # doctest: +SKIP
    -lr*z/((-beta + z)*(z - 1))
    """
    sympy = sympy_for("transfer_function")
    if isinstance(method, Method):
        space = between_gradients(method, **hyper)
    else:
        refuse_products(as_rule("transfer_function", method))
        space = state_space(method, **hyper)
    return fraction(sympy, space, space.B[:, 0:1])


def fraction(sympy: Any, space: StateSpace, source: Any) -> Any:
    """C(zI − A)⁻¹ times a column, factored."""
    z = sympy.Symbol("z")
    A, source, C = (sympy.Matrix(matrix) for matrix in (space.A, source, space.C))
    shifted = z * sympy.eye(A.rows) - A
    found = (C * shifted.adjugate() * source)[0] / shifted.det(method="berkowitz")
    return sympy.factor(sympy.cancel(found))


def poles(method: Method | Rule | str, **hyper: Any) -> Any:
    """The poles of the transfer function: 1 is integral action, β a leak.

    Parameters
    ----------
    method, **hyper
        As `transfer_function` takes them.

    Returns
    -------
    ndarray, or list of sympy.Expr for a rule

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.poles(ml.pid)  # doctest: +SKIP
    [1, beta]
    >>> ml.rates.poles(ml.rsgdm(lr=0.1, beta=0.5))
    array([0.5, 1. ])
    """
    if isinstance(method, Method):
        return _sorted(np.linalg.eigvals(between_gradients(method, **hyper).A))
    return _roots(transfer_function(method, **hyper), 1)


def zeros(method: Method | Rule | str, **hyper: Any) -> Any:
    """The zeros of the transfer function: k_d/(α + k_d) is derivative action.

    Parameters
    ----------
    method, **hyper
        As `transfer_function` takes them.

    Returns
    -------
    ndarray, or list of sympy.Expr for a rule

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.zeros(ml.pid)  # doctest: +SKIP
    [kd/(kd + lr)]
    >>> ml.rates.zeros(ml.pid(lr=0.25, beta=0.5, kd=0.75)).round(12)
    array([0.75])
    """
    if isinstance(method, Method):
        from scipy.linalg import eigvals

        space = between_gradients(method, **hyper)
        n = len(space.A)
        pencil = np.block([[space.A, space.B[:, :1]], [space.C, np.zeros((1, 1))]])
        found = eigvals(pencil, np.diag([1.0] * n + [0.0]))
        return _sorted(found[np.abs(found) < 1 / NEGLIGIBLE])
    return _roots(transfer_function(method, **hyper), 0)


def between_gradients(method: Method, **hyper: Any) -> StateSpace:
    """The part of a method that lies between gradients and the point."""
    refuse_products(method)
    space = state_space(method, **hyper)
    with np.errstate(all="ignore"):
        return part(space, start=False).of(space)


def _roots(fraction: Any, side: int) -> list[Any]:
    sympy = sympy_for("the roots of a rule")
    found = sympy.roots(sympy.Poly(fraction.as_numer_denom()[side], sympy.Symbol("z")))
    return sorted((root for root, times in found.items() for _ in range(times)), key=str)


def _sorted(values: np.ndarray) -> np.ndarray:
    values = np.sort_complex(values)
    return values.real if np.abs(values.imag).max(initial=0.0) < 1e-9 else values
