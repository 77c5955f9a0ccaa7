"""The grammar: what a rule declares, which `rule` explains, and what it does.

::

    @rule
    def heavy_ball(x, g, v=0.0, /, lr=0.01, beta=0.9):
        v = beta * v - lr * g
        return x + v, v

A rule with its hyperparameters bound, ``heavy_ball(lr=0.1)``, is a `Method`.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import Parameter, cleandoc
from pickle import PicklingError
from types import FunctionType, MappingProxyType, NoneType
from typing import Any, overload

import numpy as np

from . import hyper as numbers
from . import loops, trace
from .declare import (
    GRADIENT,
    POINT,
    OfInstance,
    Start,
    check,
    check_start,
    check_tuning,
    checked_values,
    describe,
    face,
    read_signature,
)
from .errors import short, unknown
from .hyper import BLOCK, RESERVED, arguments, number, range_of, resolve, shown
from .method import Method
from .preconditioner import Operator, Pointwise, Stored, Supplied
from .preconditioners import as_preconditioner
from .searches import Armijo, Backtracking, Search, Wolfe, as_search
from .transform import Transform


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """An update rule, declared by `rule`; call it to bind hyperparameters.

    Attributes
    ----------
    name : str
    point : str
        The name of the first argument: where the gradient is taken.
    inputs : tuple of str
        Products that a preconditioner supplies: ``Bv`` is B·v, ``Hg`` is H·g.
    slots : mapping of str to float or Start
        The memory, and how it starts.
    hyper : mapping of str to float or callable
        Hyperparameters: numbers, or functions of what their arguments name.
    before, behind : tuple of Transform
        Of the gradient, and of where the rule went.
    preconditioner : object, optional
        What supplies the inputs where no other is given.
    """

    step: Callable
    name: str
    doc: str
    point: str
    inputs: tuple[str, ...]
    slots: Mapping[str, Any]
    hyper: Mapping[str, Any]
    args: tuple[str, ...]
    tuning: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Transform, ...] = ()
    behind: tuple[Transform, ...] = ()
    chosen: frozenset[str] = frozenset()
    origin: tuple[Any, ...] = ()
    preconditioner: Any = None
    searched: bool = False
    supplied: Supplied | None = None

    def __post_init__(self) -> None:
        for name in ("slots", "hyper", "tuning"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "__module__", self.step.__module__)

    # -------------------------------------------------------------- what it is

    @property
    def reports(self) -> str:
        """The vector that holds the iterate of theorems and plots: the one named x."""
        return "x" if "x" in self.slots else self.point

    @property
    def vectors(self) -> tuple[str, ...]:
        """The names of all vectors, in the order in which the function takes them."""
        return (self.point, "g", *self.inputs, *self.slots)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Each hyperparameter's kind: constant, scheduled or measured."""
        asked = {*self.vectors, *self.bare_rule.vectors, "x", *(t.second for t in self.behind)}
        return numbers.kinds(self.name, self.hyper, asked | ({"step"} if self.searched else set()))

    @property
    def bare_rule(self) -> "Rule":
        """The rule without the preconditioner that it was composed with."""
        return self.supplied.rule if self.supplied else self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The hyperparameters that are known before a step: all but the measured ones, and k if those ask for it."""
        measured = [self.hyper[n] for n, kind in self.kinds.items() if kind == "measured"]
        asked = any("k" in arguments(f) for f in measured)
        return (*(n for n, kind in self.kinds.items() if kind != "measured"), *(("k",) if asked else ()))

    @cached_property
    def scheduled(self) -> frozenset[str]:
        """The names of those that move with the iteration."""
        return frozenset(n for n in self.columns if n == "k" or self.kinds[n] == "scheduled")

    @cached_property
    def text(self) -> str:
        """The solver's loop around this rule, as it is compiled."""
        return loops.descend(self)

    @property
    def ranges(self) -> str:
        """The hyperparameters and their ranges, as a phrase."""
        return ", ".join(f"{n} ∈ {range_of(n)}" for n in self.hyper)

    def __repr__(self) -> str:
        return f"<rule {self.name}({', '.join(f'{n}={shown(v)}' for n, v in self.hyper.items())})>"

    # -------------------------------------------------------------- what it does

    def start(self, x: Any, g: Any, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The slots before the first step, from the first point and gradient."""
        return self._started(x, self.seen(x, g, row))

    def afresh(self, x: Any, g: Any, rest: Sequence[Any], row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The slots of a rule that forgets its momentum: as at the start, but for what a preconditioner has learnt."""
        g = self.seen(x, g, row)
        return (*self.bare_rule._started(x, g), *(self.supplied.taught(x, g, rest) if self.supplied else ()))

    def _started(self, x: Any, g: Any) -> tuple[Any, ...]:
        first = {POINT: x, GRADIENT: g}
        return tuple(1 * first[s] if isinstance(s, Start) else s + 0 * x for s in self.slots.values())

    def advance(self, x: Any, g: Any, rest: Sequence[Any], row: Mapping[str, Any]) -> tuple[Any, ...]:
        """One step on anything that adds and multiplies: (point, gradient, (*inputs, *slots)) -> (point, *slots)."""
        moved, *slots = self._bare(x, self.seen(x, g, row), rest, row)
        for t in self.behind:
            moved = t(x, moved, self.hyper, row)
        return (moved, *slots)

    def _bare(self, x: Any, g: Any, rest: Sequence[Any], row: Mapping[str, Any]) -> tuple[Any, ...]:
        if self.supplied:
            return self.supplied(x, g, rest, row)
        known = {**row, **dict(zip(self.vectors, (x, g, *rest), strict=True))}
        new = self.step(x, g, *rest, *resolve(self.hyper, self.args, known))
        return new if isinstance(new, tuple) else (new,)

    def seen(self, x: Any, g: Any, row: Mapping[str, Any]) -> Any:
        """The gradient after the transforms before the rule."""
        for t in self.before:
            g = t(x, g, self.hyper, row)
        return g

    def first_step(self) -> float:
        """How far the first step goes along −g where lr is 1: less than 1 where the rule averages gradients."""
        x, g = np.zeros(1), np.ones(1)
        slots = self._started(x, g)
        vectors = {"g": g, **dict(zip(self.slots, slots, strict=True))}
        inputs = [vectors[name[1:]] for name in self.inputs]
        with np.errstate(all="ignore"):
            new = self._bare(x, g, (*inputs, *slots), self.row(1, lr=1.0))
        return -float(dict(zip((self.point, *self.slots), new, strict=True))[self.reports][0])

    @cached_property
    def homogeneous(self) -> bool:
        """Whether scaling every vector scales the step alike, as where a step size multiplies a gradient."""
        x, g, *rest = self._anything
        row = self.row(1)
        with np.errstate(all="ignore"):
            once, twice = self._bare(x, g, rest, row), self._bare(2 * x, 2 * g, [2 * r for r in rest], row)
        return all(np.allclose(2 * a, b, rtol=1e-12) for a, b in zip(once, twice, strict=True))

    @cached_property
    def straight(self) -> bool:
        """Whether the step is lr times a direction, made of the gradient alone."""
        if self.bare_rule.slots:
            return False
        x, g, *rest = self._anything
        with np.errstate(all="ignore"):
            none, once, twice = (self.advance(x, g, rest, self.row(1, lr=lr))[0] - x for lr in (0.0, 1.0, 2.0))
        return not none.any() and np.allclose(2 * once, twice, rtol=1e-12)

    @cached_property
    def _anything(self) -> np.ndarray:
        """A value for every vector."""
        return np.random.default_rng(0).uniform(0.5, 1.5, (len(self.vectors), 8))

    @cached_property
    def last_step(self) -> str | None:
        """The slot that holds the last step of the point; None where there is none."""
        return trace.last_step(self)

    # -------------------------------------------------------------- its numbers

    def row(self, k: int, **known: float) -> dict[str, float]:
        """The hyperparameters of iteration k, from 1, that are known before its step; `known` replaces some.

        Raises
        ------
        ValueError
            Where one is outside its range; and whatever a function of k raises.
        """
        first = (k - 1) // BLOCK * BLOCK
        table, i = self.table(first, **known), k - 1 - first if self.scheduled else 0
        if i >= len(table):
            owner = f"{self.name}, iteration k = {k}"
            return dict(zip(self.columns, numbers.row(owner, self.hyper, self.columns, known, k), strict=True))
        return dict(zip(self.columns, table[i].tolist(), strict=True))

    def table(self, first: int, **known: float) -> np.ndarray:
        """Rows for iterations first + 1, ..., first + 4096, or one row where nothing moves with k.

        Every loop reads its numbers here, in whole blocks: NumPy's pow on a vector and C's on a number
        differ in the last bit. Rows end before the first iteration whose numbers are not right.
        """
        key = (first, *known.items())
        table = self._tables.get(key)
        if table is None:
            table = numbers.rows(self.hyper, self.columns, known, first, self.scheduled)
            if len(self._tables) > 2:
                self._tables.clear()
            self._tables[key] = table
        return table

    @cached_property
    def _tables(self) -> dict[Any, np.ndarray]:
        return {}

    @cached_property
    def _read(self) -> frozenset[str]:
        """The hyperparameters that a step reads, whatever they are functions of."""
        plain = replace(self, hyper=dict.fromkeys(self.hyper, 0.0))
        return frozenset(re.findall(r"\bh_(\w+)", loops.step_lines(plain) + loops.seen_lines(plain)))

    # -------------------------------------------------------------- rules made from it

    def starting(self, **slots: Any) -> "Rule":
        """The rule whose memory starts otherwise.

        Parameters
        ----------
        **slots : float or Start
            A number, POINT or GRADIENT for each slot named.

        Examples
        --------
        >>> from momentumlab import pid
        >>> pid.starting(g_prev=0.0).slots["g_prev"]
        0.0
        """
        for name, start in slots.items():
            if name not in self.slots:
                raise TypeError(f"{self.name}: {unknown('slot', name, self.slots)}")
            check_start(self.name, name, start)
        return self._derived("starting", slots, slots={**self.slots, **slots})

    def having(self, **hyper: Any) -> "Rule":
        """The rule with other hyperparameters as its own.

        Here, and not in a call, one may become measured: a function that asks for vectors. What theory
        said for the rule no longer holds.

        Parameters
        ----------
        **hyper : float or callable
            As in a call.

        Examples
        --------
        >>> from momentumlab import nesterov
        >>> nesterov.having(beta=lambda k: (k - 1) / (k + 2))(lr=0.1)
        nesterov(lr=0.1)
        """
        self._check_names(hyper)
        values = {**self.hyper, **checked_values(self, hyper)}
        return check(self._derived("having", hyper, hyper=values, tuning={}, chosen=self.chosen | set(hyper)))

    def _check_names(self, hyper: Mapping[str, Any]) -> None:
        if taken := [n for n in hyper if n in {"x", *RESERVED, *self.vectors}]:
            what = RESERVED.get(taken[0], "a vector")
            raise TypeError(f"{self.name}: {taken[0]} is {what}, not a hyperparameter; it has {self.ranges}")
        merged = {**self.hyper, **hyper}
        used, left = set(), set(self._read)
        while left:
            name = left.pop()
            used.add(name)
            left |= set(arguments(merged[name]) if callable(merged.get(name)) else ()) - used
        for name in hyper:
            if name not in used and name not in self.hyper:
                raise TypeError(f"{self.name}: {unknown('hyperparameter', name, self.hyper)}; ranges: {self.ranges}")
            if name not in used:
                asked = [n for n in hyper if callable(self.hyper.get(n)) and name in arguments(self.hyper[n])]
                why = f"as {' and '.join(asked)}, which would ask for it, is given too" if asked else "nothing reads it"
                raise TypeError(f"{self.name}: {name} = {short(hyper[name])} has no effect: {why}")

    def after(self, t: Transform) -> "Rule":
        """First the transform of the gradient, then the rule.

        The solver still tests the gradient of f itself.

        Examples
        --------
        >>> from momentumlab import heavy_ball, l2
        >>> heavy_ball.after(l2)(lr=0.1, weight_decay=0.01)
        heavy_ball_l2(lr=0.1, weight_decay=0.01)
        """
        return self._composed("after", t, "g", before=(t, *self.before))

    def then(self, t: Transform) -> "Rule":
        """First the rule, then the transform of where it went.

        Examples
        --------
        >>> from momentumlab import adam, decoupled
        >>> adam.then(decoupled)(weight_decay=0.1)
        adam_decoupled(weight_decay=0.1)
        """
        return self._composed("then", t, "x_next", behind=(*self.behind, t))

    def named(self, name: str, doc: str, tuned: Mapping[str, Any] | None = None, preconditioner: Any = None) -> "Rule":
        """The same rule under a name, a paragraph, a tuning and, if one is given, a preconditioner of its own."""
        if not isinstance(tuned, (Mapping, NoneType)):
            raise TypeError(f"{self.name}.named: tuned = {short(tuned)}; give a mapping from hyperparameters")
        check_tuning(f"{self.name}.named", tuned or {}, self.hyper)
        if not isinstance(name, str) or not isinstance(doc, str):
            raise TypeError(f"{self.name}.named({short(name)}, {short(doc)}): give a name and a sentence, two texts")
        by = self.preconditioner if preconditioner is None else self._preconditioner(preconditioner, None)
        origin = ("named", self, (name, doc, tuned, preconditioner))
        return replace(self, name=name, doc=doc, tuning=dict(tuned or {}), preconditioner=by, origin=origin)

    def tuned(self, mu: float | None = None, L: float | None = None) -> Method:
        """Bind what theory says for μ-strongly convex, L-smooth functions.

        Parameters
        ----------
        mu, L : float
            Strong convexity and smoothness, as far as the tuning needs them.

        Raises
        ------
        TypeError
            Where there is no such tuning, or it needs another constant.
        ValueError
            Where mu is larger than L.

        Examples
        --------
        >>> from momentumlab import nesterov
        >>> nesterov.tuned(mu=1, L=4)
        nesterov(lr=0.25, beta=0.333333)
        """
        if not self.tuning:
            raise TypeError(f"{self.name} has no tuning from theory; bind its hyperparameters: {self.ranges}")
        given = {n: number(self.name, n, v) for n, v in (("mu", mu), ("L", L)) if v is not None}
        needed = {a for f in self.tuning.values() if callable(f) for a in arguments(f)}
        if missing := [n for n in ("mu", "L") if n in needed and n not in given]:
            raise TypeError(f"{self.name}.tuned needs {' and '.join(missing)}")
        if given.get("mu", 0) > given.get("L", math.inf):
            raise ValueError(f"{self.name}.tuned: mu = {mu} is larger than L = {L}")
        names = [n for n in self.tuning if n in self.hyper]
        return self(**dict(zip(names, resolve({**self.hyper, **self.tuning}, names, given), strict=True)))

    def searching(self, averaging: float) -> "Rule":
        """The rule whose lr is a search's step size by what the rule averages it down to."""
        found = {**self.hyper, "lr": (lambda step: step / averaging) if averaging != 1.0 else (lambda step: step)}
        try:
            return check(replace(self, hyper=found, searched=True))
        except TypeError as error:
            raise TypeError(f"{error}; under a search that holds for what depends on lr too: else give lr") from error

    def preconditioned(self, by: Pointwise, index: str) -> "Rule":
        """The rule composed with a diagonal preconditioner, which is then part of its memory."""
        learnt = {"B": by.first, "g_last": GRADIENT, **({} if self.last_step else {"x_last": POINT})}
        if taken := [n for n in learnt if n in {*self.vectors, *self.hyper}]:
            raise TypeError(f"{self.name}: {taken[0]!r} is the name of what {by} remembers; choose another name")
        supplied = Supplied(self, by, index)
        return check(replace(self, inputs=(), slots={**self.slots, **learnt}, supplied=supplied))

    def __call__(
        self,
        *scipys: Any,
        search: Search | str | None = None,
        preconditioner: Any = None,
        index: str | None = None,
        **hyper: Any,
    ) -> Method:
        """Bind hyperparameters: numbers, or functions of k and of each other.

        `search` finds the step size where lr is not given. `preconditioner` supplies the products that a rule asks for,
        before it learns the newest pair, xₖ − xₖ₋₁ and gₖ − gₖ₋₁ (`index` "lagged", by default where B multiplies), or
        after ("current", where its inverse does).
        """
        if scipys:  # scipy.optimize.minimize(..., method=heavy_ball): the protocol of a Method
            if not callable(scipys[0]):
                raise TypeError(f"{self.name}: {short(scipys[0])} has no name; bind by name: {self.name}(lr=0.1)")
            return self()(*scipys, **hyper)
        self._check_names(hyper)
        by = self._preconditioner(preconditioner, index)
        found = self.default_search(hyper) if search is None else self._search(as_search(self.name, search), hyper)
        method = Method(self, tuple(checked_values(self, hyper).items()), found, by, index or self.default_index(by))
        for name, value in hyper.items():
            if callable(value) and self.kinds.get(name) != "measured":
                self._check_schedule(name, value)
        method.rule.row(1)
        if found and not isinstance(by, (Pointwise, NoneType)) and "h_step" in loops.seen_lines(method.rule):
            why = f"a transform of the gradient asks for lr, which the search finds after {by} has seen the gradient"
            raise TypeError(f"{self.name}: {why}; give lr, or a diagonal preconditioner")
        return method

    def _preconditioner(self, given: Any, index: str | None) -> Any:
        if not self.inputs:
            for name, value in (("preconditioner", given), ("index", index)):
                if value is not None:
                    raise TypeError(f"{self.name}: {name} = {short(value)} has no effect: the rule asks for no product")
            return None
        if given is None and self.preconditioner is None:
            needs = f"{self.name} asks for {', '.join(self.inputs)}, which a preconditioner supplies"
            raise TypeError(f"{needs}: give one, as in {self.name}(preconditioner=bfgs())")
        by = self.preconditioner if given is None else as_preconditioner(self.name, given)
        if isinstance(by, Operator) and self._inverts:
            what = "a LinearOperator gives B·v; B⁻¹·v takes an object with a method solve"
            raise TypeError(f"{self.name}: preconditioner = {short(given)}; {what}")
        if index not in (None, "lagged", "current"):
            raise ValueError(f"{self.name}: index = {short(index)}; it must be 'lagged' or 'current'")
        if index == "lagged" and isinstance(by, Stored) and by.reads_hessian:
            raise ValueError(f"{self.name}: index = 'lagged', but {by} is no sum of pairs that could lag behind")
        return by

    def default_index(self, by: Any) -> str:
        """Whether products know of this step or of the one before, where nothing else is asked for; "" without any."""
        if by is None:
            return ""
        return "current" if self._inverts or (isinstance(by, Stored) and by.reads_hessian) else "lagged"

    def _search(self, search: Search, hyper: Mapping[str, Any]) -> Search:
        if "lr" in hyper:
            raise TypeError(f"{self.name}: lr = {short(hyper['lr'])} fixes the step size that search finds; give one")
        if "lr" not in self.hyper:
            raise TypeError(f"{self.name} has no lr for a search to find")
        if not search.own and (not self.homogeneous or self._inverts):
            why = "its step is not proportional to lr and the gradient, so no plain gradient step finds its lr"
            raise TypeError(f"{self.name}: {why}; take Armijo(), which tries the rule's own steps")
        if search.slopes and not self.straight:
            why = f"{type(search).__name__}() takes rules whose step is lr times a direction made of the gradient alone"
            raise TypeError(f"{self.name}: {why}; take Armijo(), which tries the rule's own steps")
        return search

    @property
    def _inverts(self) -> bool:
        return any(name[0] == "H" for name in self.inputs)

    def _check_schedule(self, name: str, function: Callable) -> None:
        if vectors := [n for n in arguments(function) if n in {*self.vectors, "x_next"}]:
            raise TypeError(
                f"{self.name}: the function given for {name} asks for {vectors[0]!r}, which is a vector of the rule; "
                f"a schedule may ask for k (the iteration, from 1) and {', '.join(self.hyper)}. "
                f"To measure {name} on {vectors[0]}, declare it: {self.name}.having({name}=...)"
            )

    def default_search(self, hyper: Mapping[str, Any]) -> Search | None:
        """How lr is found where these hyperparameters are given, unless another search is asked for."""
        free = "lr" in self.hyper and "lr" not in self.chosen | set(hyper) and not callable(self.hyper["lr"])
        if not free or not self.homogeneous:
            return None
        if not self._inverts:
            return Backtracking()
        learns = isinstance(self.preconditioner, Stored) and not self.preconditioner.reads_hessian
        return Wolfe() if learns and self.straight else Armijo(grow=math.inf)

    def _composed(self, how: str, t: Transform, second: str, **parts: Any) -> "Rule":
        if not isinstance(t, Transform) or t.second != second:
            raise TypeError(f"{self.name}.{how}({getattr(t, 'name', t)!r}): it takes a transform of (x, {second})")
        if twice := [n for n in t.hyper if n in {*self.hyper, *self.vectors}]:
            raise TypeError(f"{self.name}.{how}({t.name}): both have {twice[0]!r}, and a name means one thing")
        if lacking := [n for n in t.args if n not in t.hyper and n not in self.hyper]:
            raise TypeError(
                f"{self.name}.{how}({t.name}): {t.name} needs {lacking[0]}, which {self.name} does not have"
            )
        hyper = {**self.hyper, **checked_values(self, t.hyper)}
        return check(self._derived(how, t, name=f"{self.name}_{t.name}", hyper=hyper, tuning={}, **parts))

    def _derived(self, how: str, given: Any, **changes: Any) -> "Rule":
        return replace(self, origin=(how, self, given), **changes)

    # -------------------------------------------------------------- copying and pickling

    def __copy__(self) -> "Rule":
        return self

    def __deepcopy__(self, memo: Any) -> "Rule":
        return self

    def __reduce__(self) -> Any:
        """By import path, else by how it was derived, or by the text of the file it was loaded from."""
        module = sys.modules.get(self.step.__module__)
        for name, value in vars(module).items() if module else ():
            if value is self:
                return name
        if not self.origin:
            raise PicklingError(f"rule {self.name} is no module's own: declare it at the top of a file")
        return _again, self.origin


def _again(how: str, base: Any, given: Any) -> Any:
    match how:
        case "file":
            from .load import from_text

            return from_text(*base)
        case "named":
            return base.named(*given)
        case "starting" | "having":
            return getattr(base, how)(**given)
        case _:
            return getattr(base, how)(given)


# ------------------------------------------------------------------ declaration


@overload
def rule(step: Callable, /) -> Rule: ...
@overload
def rule(*, tuned: Mapping[str, Any] = ..., preconditioner: Any = ...) -> Callable[[Callable], Rule]: ...
def rule(step: Callable | None = None, /, *, tuned: Mapping[str, Any] | None = None, preconditioner: Any = None) -> Any:
    """Declare an update rule: one pure function, whose signature is its declaration.

    The first argument is the point where the gradient is taken, `g` that gradient; the argument named `x` is the
    iterate that theorems speak of. Before the slash, without a default: a product that a preconditioner supplies
    (``Bv``, ``Hg``). Before it, with a default: a slot of memory and how it starts, a number, POINT or GRADIENT.
    After it: hyperparameters, numbers or functions whose argument names say what they need: other hyperparameters,
    the iteration ``k`` (from 1), or whole vectors by their names. The step size is the one named ``lr``.

    Parameters
    ----------
    step : callable
        ``(point, g, *inputs, *slots, /, **hyperparameters) -> (point, *slots)``, pure and without branches.
    tuned : mapping, optional
        What theory sets hyperparameters to, as numbers or functions of mu, L and other hyperparameters.
    preconditioner : object, optional
        What supplies the products that the rule asks for, where a call gives no other.

    Returns
    -------
    Rule

    Raises
    ------
    TypeError
        Where the signature or the body leaves the grammar.
    ValueError
        Where a default is outside the range of its name.

    Examples
    --------
    >>> from momentumlab.ops import where
    >>> @rule
    ... def sign_descent(x, g, /, lr=0.01):
    ...     "Step against the sign of the gradient."
    ...     return x - lr * where(g > 0, 1.0, -1.0)
    >>> sign_descent(lr=0.1)
    sign_descent(lr=0.1)
    """
    if step is not None:
        return _declared(step, {}, None)
    if not isinstance(tuned, (Mapping, NoneType)):
        raise TypeError(f"rule: tuned = {short(tuned)}; give a mapping from hyperparameters to numbers or functions")
    by = None if preconditioner is None else as_preconditioner("rule", preconditioner)
    return lambda function: _declared(function, tuned or {}, by)


def _declared(step: Callable, tuned: Mapping[str, Any], preconditioner: Any) -> Rule:
    if not isinstance(step, FunctionType):
        raise TypeError(f"rule takes a function of (x, g, <slots>, /, <hyperparameters>), not {short(step)}")
    name = step.__name__
    try:
        point, fixed, hyper = read_signature(step)
    except (TypeError, ValueError) as error:
        raise TypeError(f"rule {name}: {error}") from None
    slots = {p.name: p.default for p in fixed if p.default is not Parameter.empty}
    inputs = tuple(p.name for p in fixed if p.default is Parameter.empty)
    for slot, start in slots.items():
        check_start(name, slot, start)
    check_tuning(f"rule {name}", tuned, hyper)
    if preconditioner is not None and not inputs:
        raise TypeError(f"rule {name} asks for no product, so a preconditioner would have no effect")
    doc = cleandoc(step.__doc__ or "")
    bare = Rule(step, name, doc, point, inputs, slots, {}, tuple(hyper), dict(tuned), preconditioner=preconditioner)
    return check(replace(bare, hyper=checked_values(bare, hyper)))


Rule.__doc__ = OfInstance(describe, Rule.__doc__)  # type: ignore[assignment]
Rule.__signature__ = OfInstance(face)  # type: ignore[attr-defined]
