"""Which rules are the same: equal transfer functions, equal sequences of gradients.

Two rules ask for gradients at the same points, from suitable starts, if and only if their transfer functions are equal.
Where they start otherwise, their steps differ at first; by how much, and how that decays, is read off as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import short
from ..hyper import arguments, inside, range_of, resolve
from ..method import Method
from ..minimize import as_method
from ..rule import Rule
from .linear import (
    LATE,
    Form,
    NotLinear,
    StateSpace,
    fraction,
    open_loop,
    queries,
    refuse_products,
    refuse_search,
    responses,
    settled,
    state_space,
    sympy_for,
    unit,
)

CLOSE = 1e-12
"""Relative difference of what counts as equal."""
EARLY = 3
"""Iterations within which a rule's schedules settle, where it is compared by symbols."""
WATCHED, DRIVEN = 100, 2000
"""Iterations over which starts are compared, and rules that are not linear."""


@dataclass(frozen=True)
class Start:
    """How the steps of two methods differ at first, on the same gradients.

    Attributes
    ----------
    first : expression, float or None
        The difference of the first step that differs, second method less first, as a multiple of `of`.
    k : int
        Which step that is, from 1.
    decay : tuple
        The factors by which the difference shrinks a step; 0 is gone after a few.
    of : str
        A vector, g₀ as a rule; nothing where the methods are not linear, whose first steps differ by no fixed number.
    """

    first: Any
    k: int
    decay: tuple[Any, ...]
    of: str = "g₀"

    def __str__(self) -> str:
        how = f"decays by {' and '.join(map(_shown, self.decay))} a step" if any(self.decay) else "is gone soon"
        by = f" by ({_shown(self.first)})·{self.of}" if self.of else ""
        return f"step {self.k} differs{by}, which {how}"


@dataclass(frozen=True)
class Equivalence:
    """Whether two rules are the same, and how; true where they are.

    Attributes
    ----------
    holds : bool
    mapping : dict
        What the second's hyperparameters are in terms of the first's, where they have other names or values.
    start : Start or None
        How their first steps differ; None where they do not.
    why : str
        What the verdict rests on.
    driven : bool
        Whether that is random gradients alone, which refute but do not prove.
    """

    holds: bool
    why: str
    mapping: dict[str, Any] = field(default_factory=dict)
    start: Start | None = None
    driven: bool = False

    def __bool__(self) -> bool:
        return self.holds

    def record(self) -> dict[str, Any]:
        """The verdict as plain values."""
        mapping = {n: v if isinstance(v, float) else str(v) for n, v in self.mapping.items()}
        return {"equivalent": self.holds, "mapping": mapping, "start": self.start and str(self.start), "why": self.why}

    def __str__(self) -> str:
        parts = ["equivalent" if self.holds else "not equivalent"]
        parts += [f"with {', '.join(f'{n} = {_shown(v)}' for n, v in self.mapping.items())}"] if self.mapping else []
        parts += [f"but for the start: {self.start}"] if self.start else []
        return f"{', '.join(parts)} ({self.why})"

    __repr__ = __str__


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, int)) else str(value)


def equivalent(a: Method | Rule | str, b: Method | Rule | str) -> Equivalence:
    """Whether two rules take the same gradients, for which hyperparameters, and where only their starts differ, how.

    Between two rules: whether every method of the first is one of the second, with what hyperparameters; by SymPy.
    Between a method and a rule: the hyperparameters at which the rule is that method. Between two methods: as they are
    bound, by the Markov parameters CAⁱB, i < n₁ + n₂, which decide it. Schedules are judged where they have settled.
    Methods that are not linear, or never settle, are driven by random gradients, which refutes but does not prove.

    Parameters
    ----------
    a, b : Method, Rule or str

    Returns
    -------
    Equivalence
        True or false, with `mapping`, `start` and `why`.

    Raises
    ------
    NotLinear
        Where one asks for products beside the gradient, or leaves lr to a search.
    TypeError
        Where one is neither a method nor a rule.
    ValueError
        Where there is no rule of a name.
    ImportError
        Where a rule is not bound and SymPy is not installed.

    References
    ----------
    Zhao, Lessard & Udell (2021), on oracle equivalence.

    Examples
    --------
    >>> import momentumlab as ml
    >>> bool(ml.rates.equivalent(ml.qhm(lr=0.1, beta=0.9, nu=0.9), ml.nesterov(lr=0.01, beta=0.9)))
    True
    >>> ml.rates.equivalent(ml.rsgdm, ml.nesterov_sgd).mapping  # doctest: +SKIP
    {'lr': lr*(1 - beta)}
    >>> ml.rates.equivalent(ml.qhm, ml.pid).mapping["kd"]  # doctest: +SKIP
    beta*lr*(1 - nu)
    >>> bool(ml.rates.equivalent(ml.pid, ml.heavy_ball))  # doctest: +SKIP
    False
    """
    a, b = (as_method(m).base if isinstance(m, str) else m for m in (a, b))
    for m in (a, b):
        if not isinstance(m, (Method, Rule)):
            raise TypeError(f"equivalent: {short(m)} is neither a method nor a rule")
        refuse_products(m)
        if isinstance(m, Method):
            refuse_search(m)
    if isinstance(b, Rule):
        return _rules(a, b)
    if isinstance(a, Method):
        return _methods(a, b)
    found = _rules(b, a)
    return replace(found, start=found.start and replace(found.start, first=-found.start.first))


# ------------------------------------------------------------------ methods, by numbers


def _methods(a: Method, b: Method) -> Equivalence:
    try:
        spaces = [state_space(m) for m in (a, b)]
    except NotLinear as error:
        return _driven(a, b, str(error))
    order = sum(len(space.A) for space in spaces)
    first, second = (responses(space, order) for space in spaces)
    far = np.abs(first - second).max(axis=1) > CLOSE * np.abs(first).max()
    if far.any():
        i = int(np.argmax(far))
        numbers = f"{first[i, 0]:.6g} and {second[i, 0]:.6g}"
        return Equivalence(False, f"{i + 1} steps on, a gradient moves the point by {numbers} times it")
    names = ["x0", *(f"g{k}" for k in range(WATCHED))]
    points = [
        np.array([[float(form.of(n)) for n in names] for form in queries(method, WATCHED + 1)]) for method in (a, b)
    ]
    why = f"their first {order} Markov parameters are equal"
    return _but_for_the_start(why, points[0], points[1], shrinks=1 - 1e-9, names=names)


def _driven(a: Method, b: Method, reason: str) -> Equivalence:
    """By what both do on random gradients of many sizes."""
    gradients = np.random.default_rng(0).standard_normal((DRIVEN, 16)) * np.geomspace(1e-3, 1e3, 16)
    first, second = _points(a, gradients), _points(b, gradients)
    why = f"on {DRIVEN} random gradients, since {reason}"
    found = _but_for_the_start(why, first, second, shrinks=0.5 if _settle(a, b) else 0.0)
    return replace(found, driven=True)


def _settle(*methods: Method) -> bool:
    try:
        return bool([settled(method) for method in methods])
    except NotLinear:
        return False


def _points(method: Method, gradients: np.ndarray) -> np.ndarray:
    x = np.zeros(gradients.shape[1])
    rest, found = list(method.start(x, gradients[0])), [x]
    for k, g in enumerate(gradients, 1):
        x, *rest = method.advance(x, g, rest, k)
        found.append(x)
    return np.array(found)


def _but_for_the_start(
    why: str, first: np.ndarray, second: np.ndarray, shrinks: float, names: Sequence[str] = ()
) -> Equivalence:
    """From the points of two methods, a row a step: the same, the same in the end, or not.

    A difference is one of the start if from the second quarter to the last it shrinks to less than so much of itself.
    Where the columns have names, they are multiples of these vectors.
    """
    ours, theirs = np.diff(first, axis=0), np.diff(second, axis=0)
    away, size = np.abs(theirs - ours), np.abs(ours).max()
    differing = np.flatnonzero((away > CLOSE * size).any(axis=1))
    if not differing.size:
        return Equivalence(True, why)
    k = int(differing[0])
    quarter = len(away) // 4
    early, late = (float(away[rows].max()) for rows in (slice(quarter, 2 * quarter), slice(3 * quarter, None)))
    if late > (max(shrinks * early, CLOSE * size) if shrinks else 0.0):
        return Equivalence(False, f"their steps differ from step {k + 1} on; {why}")
    clear = np.flatnonzero((away > 1e3 * CLOSE * size).any(axis=1))
    last = int(clear[-1]) if clear.size else k
    middle = (k + last) // 2
    decay = float((away[last].max() / away[middle].max()) ** (1 / (last - middle))) if last > middle else 0.0
    column = int(np.argmax(away[k]))
    by = float(theirs[k, column] - ours[k, column])
    start = Start(by, k + 1, (decay,), _vector(names[column])) if names else Start(None, k + 1, (decay,), "")
    return Equivalence(True, why, start=start)


# ------------------------------------------------------------------ rules, by symbols


@dataclass(frozen=True, eq=False)
class _Symbols:
    """A rule whose hyperparameters are symbols or exact numbers: as they have settled, and before that."""

    rule: Rule
    row: dict[str, Any]
    early: tuple[dict[str, Any], ...]

    @property
    def space(self) -> StateSpace:
        import sympy

        matrix = lambda rows: sympy.nsimplify(sympy.Matrix(rows), rational=True).applyfunc(sympy.expand)
        return open_loop(self.rule, self.row, matrix)

    def at(self, values: Mapping[Any, Any]) -> "_Symbols":
        """With values in the place of symbols."""
        rows = [{n: v.xreplace(values) for n, v in row.items()} for row in (self.row, *self.early)]
        return _Symbols(self.rule, rows[0], tuple(rows[1:]))

    def after(self, steps: int) -> tuple[list[Form], list[Form]]:
        """The points until then, and the state there, as forms of the start and the gradients."""
        rows = [*self.early, *[self.row] * steps]
        state = [unit("x0"), *self.rule.start(unit("x0"), unit("g0"), rows[0] if rows else self.row)]
        points = [state[0]]
        for k in range(steps):
            state = list(self.rule.advance(state[0], unit(f"g{k}"), state[1:], rows[k]))
            points.append(state[0])
        return points, state


def _rules(a: Method | Rule, b: Rule) -> Equivalence:
    """Whether a is b, for some hyperparameters of b."""
    sympy = sympy_for("equivalent, for what is not bound,")
    known = lambda name: sympy.Symbol(name, positive=True)
    try:
        first, second = _symbols(sympy, a, known), _symbols(sympy, b, _sought)
    except NotLinear:
        found = _methods(_by_default(a), _by_default(b))
        return replace(found, why=f"{found.why}; as they are by default")
    solution = _solved(sympy, first.space, second.space, b)
    for n, v in (solution or {}).items():
        if v.is_number and not inside(n, float(v)):
            return Equivalence(False, f"{b.name} would take {n} = {float(v):.4g}, which is outside {range_of(n)}")
    if solution is None:
        why = "their transfer functions differ"
        back = isinstance(a, Rule) and _solved(
            sympy, _symbols(sympy, b, known).space, _symbols(sympy, a, _sought).space, a
        )
        if back and isinstance(a, Rule):
            where = " and ".join(f"{n} = {v}" for n, v in _mapping(sympy, a, back).items())
            where = f"with {where}" if where else "as it is by default"
            why += f"; {b.name} is {a.name} {where}, but not the other way round"
        return Equivalence(False, why)
    if isinstance(a, Method):
        numbers: dict[str, Any] = {n: float(v) for n, v in solution.items()}
        return replace(_methods(a, b(**numbers)), mapping=numbers)
    start = _difference(sympy, first, second.at({_sought(n): v for n, v in solution.items()}))
    if start and any(factor.is_number and abs(factor) >= 1 for factor in start.decay):
        return Equivalence(False, "their transfer functions are equal, but what their starts differ by does not decay")
    return Equivalence(True, "their transfer functions are equal", _mapping(sympy, b, solution), start)


def _mapping(sympy: Any, rule: Rule, solution: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be said of a solution: neither what keeps its name and value, nor what the rule itself would take."""
    return {n: v for n, v in solution.items() if str(v) != n and not _follows(sympy, rule, n, solution)}


def _sought(name: str) -> Any:
    import sympy

    return sympy.Symbol(f"{name}?")


def _by_default(m: Method | Rule) -> Method:
    """A rule with its hyperparameters as they are by default, lr too."""
    hyper: dict[str, Any] = {"lr": m.hyper["lr"]} if isinstance(m, Rule) and "lr" in m.hyper else {}
    return m if isinstance(m, Method) else m(**hyper)


def _symbols(sympy: Any, m: Method | Rule, symbol: Callable[[str], Any]) -> _Symbols:
    """A rule in symbols, but for what `having` made functions of others; or a method in exact numbers."""
    exactly = lambda value: value if callable(value) else sympy.Rational(repr(float(value)))
    if isinstance(m, Rule):
        free = [n for n, v in m.hyper.items() if not (callable(v) and n in m.chosen)]
        rule, known = m, {n: symbol(n) for n in free if m.kinds[n] == "constant"}
    else:
        rule, known = m.rule, {n: exactly(v) for n, v in settled(m).items()} if m.rule.scheduled else {}
    hyper = {n: exactly(v) for n, v in rule.hyper.items()}
    names = [n for n in rule.columns if n != "k"]

    def row(k: int) -> dict[str, Any]:
        values = resolve(hyper, names, {**known, "k": k})
        return {n: sympy.nsimplify(v, rational=True) for n, v in zip(names, values, strict=True)}

    last = row(LATE)
    if moving := [n for n, v in row(LATE + 1).items() if sympy.simplify(v - last[n]) != 0]:
        raise NotLinear(f"{rule.name} is not time-invariant: {moving[0]} moves with k")
    early = [row(k) for k in range(1, EARLY + 2)]
    while early and early[-1] == last:
        early.pop()
    if len(early) > EARLY:
        raise NotLinear(f"{rule.name}: its schedules settle late")
    return _Symbols(rule, last, tuple(early))


def _solved(sympy: Any, known: StateSpace, sought: StateSpace, rule: Rule) -> dict[str, Any] | None:
    """The hyperparameters of the rule that is sought at which it has the transfer function that is known.

    First by the same names; then with lr free alone, the others as they are by default; then β too, then its functions,
    then all.
    """
    goal, found = (fraction(sympy, space, space.B[:, 0]) for space in (known, sought))
    names = [n for n in rule.hyper if _sought(n) in found.free_symbols]
    default = {n: _default(sympy, rule, n) for n in names}
    kept = {n: sympy.Symbol(n, positive=True) for n in names if sympy.Symbol(n, positive=True) in goal.free_symbols}
    extras = {n: v for n, v in default.items() if n not in ("lr", "beta")}
    stages: tuple[dict[str, Any], ...] = (
        {**default, **kept},
        {n: v for n, v in default.items() if n != "lr"},
        extras,
        {n: v for n, v in extras.items() if not callable(rule.hyper[n])},
        {},
    )
    for held in stages:
        solution = _solution(sympy, goal, found, names, held, default)
        if solution is not None:
            return solution
    return None


def _default(sympy: Any, rule: Rule, name: str) -> Any:
    """A hyperparameter as it is by default, in terms of those that are numbers."""
    value = rule.hyper[name]
    made = value(*(_sought(n) for n in arguments(value))) if callable(value) else value
    return sympy.nsimplify(made, rational=True)


def _solution(
    sympy: Any, goal: Any, found: Any, names: list[str], held: Mapping[str, Any], default: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Values of the names that are not held at which both fractions are the same; the simplest of them."""
    z, unknowns = sympy.Symbol("z"), [_sought(n) for n in names if n not in held]
    values = {_sought(n): v for n, v in held.items()}
    for _ in held:
        found = found.xreplace(values)
    numerator = sympy.together(found - goal).as_numer_denom()[0]
    if not numerator.is_polynomial(z, *unknowns):
        return None
    equations = [e for e in sympy.Poly(numerator, z).all_coeffs() if e != 0]
    solutions = sympy.solve(equations, unknowns, dict=True) if equations else [{}]
    numbers = {_sought(n): v for n, v in default.items() if v.is_number}  # for what is left open
    right = []
    for solution in solutions:
        at = {u: _tidy(sympy, solution.get(u, u).xreplace(numbers)) for u in unknowns}
        open_ = set(unknowns) & set().union(*(v.free_symbols for v in at.values()))
        if not open_ and sympy.cancel(found.xreplace(at) - goal) == 0:
            whole = {n: sympy.sympify(at.get(_sought(n), held.get(n, 0))) for n in names}
            for _ in held:
                whole = {n: v.xreplace({_sought(m): w for m, w in whole.items()}) for n, v in whole.items()}
            right.append({n: _tidy(sympy, v) for n, v in whole.items()})
    return min(right, key=lambda solution: sum(v.count_ops() for v in solution.values()), default=None)


def _follows(sympy: Any, rule: Rule, name: str, solution: Mapping[str, Any]) -> bool:
    """Whether a value is what the rule itself makes of the others."""
    made = rule.hyper[name]
    if not callable(made):
        return bool(solution[name].is_number and float(solution[name]) == made)
    if not set(arguments(made)) <= set(solution):
        return False
    return sympy.simplify(made(*(solution[n] for n in arguments(made))) - solution[name]) == 0


def _tidy(sympy: Any, expression: Any) -> Any:
    """Factored, with 1 − β where SymPy would write −(β − 1)."""
    sign, factors = 1, []
    for factor in sympy.Mul.make_args(sympy.factor(expression)):
        base, power = factor.as_base_exp()
        if base.is_Add and power.is_Integer and base.as_independent(*base.free_symbols)[0].is_negative:
            sign, factor = sign * (-1) ** abs(int(power)), (-base) ** power
        factors.append(factor)
    return sympy.Mul(sign, *factors)


def _difference(sympy: Any, first: _Symbols, second: _Symbols) -> Start | None:
    """How the steps of two rules of one transfer function differ, from the first gradients on."""
    z, n = sympy.Symbol("z"), max(len(first.early), len(second.early))
    (ours, here), (theirs, there) = first.after(n), second.after(n)
    steps: list[tuple[int, Any, str]] = []
    decay: dict[Any, None] = {}
    for source in ["x0", *(f"g{k}" for k in range(max(n, 1)))]:
        apart = [b.of(source) - a.of(source) for a, b in zip(ours, theirs, strict=True)]
        steps += [(k, _tidy(sympy, apart[k] - apart[k - 1]), source) for k in range(1, n + 1)]
        later, ours_later = (
            fraction(sympy, known.space, sympy.Matrix([form.of(source) for form in state]))
            for known, state in ((second, there), (first, here))
        )
        later_steps = z * (z - 1) * (later - ours_later) - z * apart[n]  # their z-transform
        moves = sympy.factor(sympy.cancel(later_steps))
        if moves != 0:
            above, below = (sympy.Poly(part, z) for part in moves.as_numer_denom())
            decay |= dict.fromkeys(root for root in sympy.roots(below) if root != 0)
            at = n + 1 + below.degree() - above.degree()
            steps.append((at, _tidy(sympy, sympy.cancel(above.LC() / below.LC())), source))
    differing = [(k, source != "g0", step, source) for k, step, source in steps if step != 0]
    if not differing:
        return None
    k, _, step, source = min(differing, key=lambda each: each[:2])
    return Start(step, k, tuple(decay), _vector(source))


def _vector(name: str) -> str:
    return name.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
