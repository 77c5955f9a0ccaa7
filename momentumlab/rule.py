"""The grammar: a rule is one pure function, and its signature is its declaration.

::

    @rule
    def heavy_ball(x, g, v=0.0, /, lr=0.01, beta=0.9):
        v = beta * v - lr * g
        return x + v, v

The first argument is the point where the gradient is taken, `g` that gradient; the argument named `x`
is the iterate that theorems speak of. Before the slash, without a default: a product that a
preconditioner supplies (`Bv`, `Hg`). Before it, with a default: a slot of memory and how it starts, a
number, POINT or GRADIENT. After it: hyperparameters, numbers or functions whose argument names say
what they need: other hyperparameters, the iteration `k` (from 1), or whole vectors by their names.

A rule with its hyperparameters bound, ``heavy_ball(lr=0.1)``, is a Method.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from importlib import import_module
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from types import ModuleType
from typing import Any, overload

import numpy as np

from . import trace
from .errors import unknown
from .hyper import BLOCK, arguments, kinds, number, range_of, resolve, shown, table
from .searches import Backtracking


class Start(Enum):
    """How a slot starts, where it is not a number."""

    POINT = "the first point"
    GRADIENT = "the first gradient"


POINT, GRADIENT = Start.POINT, Start.GRADIENT


# ------------------------------------------------------------------ transforms


@dataclass(frozen=True, eq=False)
class Transform:
    """A pointwise function of the gradient (x, g) or of where a rule went (x, x_next); made by `transform`."""

    step: Callable
    name: str
    second: str
    args: tuple[str, ...]
    hyper: Mapping[str, Any]

    def __call__(self, x: Any, value: Any, hyper: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
        return self.step(x, value, *resolve(hyper, self.args, {**row, "x": x, self.second: value}))

    def __reduce__(self) -> Any:
        return _imported, (self.step.__module__, self.name)


def transform(step: Callable) -> Transform:
    """Declare a pointwise transform: ``(x, g, ...)`` for `Rule.after`, ``(x, x_next, ...)`` for `Rule.then`.

    What follows are hyperparameters, as in a rule; one without a default is the rule's own.
    """
    parameters = list(signature(step).parameters.values())
    names = [p.name for p in parameters[:2]]
    if names not in (["x", "g"], ["x", "x_next"]):
        raise TypeError(
            f"transform {step.__name__}: its first arguments are {', '.join(names)}; they must be x, g or x, x_next"
        )
    hyper = {p.name: p.default for p in parameters[2:] if p.default is not Parameter.empty}
    return Transform(step, step.__name__, names[1], tuple(p.name for p in parameters[2:]), hyper)


# ------------------------------------------------------------------ rules


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

    def __post_init__(self) -> None:
        parameters = [Parameter(n, Parameter.KEYWORD_ONLY, default=v) for n, v in self.hyper.items()]
        object.__setattr__(self, "__doc__", describe(self))
        object.__setattr__(self, "__signature__", Signature(parameters))

    # -------------------------------------------------------------- what it is

    @property
    def reports(self) -> str:
        """The vector that holds the iterate of theorems and plots: the one named x."""
        return "x" if "x" in self.slots else self.point

    @property
    def vectors(self) -> tuple[str, ...]:
        return (self.point, "g", *self.inputs, *self.slots)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Each hyperparameter's kind: constant, scheduled or measured."""
        return kinds(self.name, self.hyper, {*self.vectors, "x", *(t.second for t in self.behind)})

    @property
    def columns(self) -> tuple[str, ...]:
        """The hyperparameters that are known before a step: all but the measured ones."""
        return tuple(name for name, kind in self.kinds.items() if kind != "measured")

    @cached_property
    def text(self) -> str:
        """The solver's loop around this rule, as it is compiled."""
        return trace.descend(self)

    @cached_property
    def homogeneous(self) -> bool:
        """Whether scaling every vector scales the step alike, as where a step size multiplies a gradient."""
        rng = np.random.default_rng(0)
        x, g, *rest = rng.uniform(0.5, 1.5, (len(self.vectors), 8))
        row = dict(zip(self.columns, self.row(2).values(), strict=True))
        once, twice = self.advance(x, g, rest, row), self.advance(2 * x, 2 * g, [2 * r for r in rest], row)
        return all(np.allclose(2 * np.asarray(a), b, rtol=1e-12) for a, b in zip(once, twice, strict=True))

    @property
    def ranges(self) -> str:
        """The hyperparameters and their ranges, as a phrase."""
        return ", ".join(f"{n} ∈ {range_of(n)}" for n in self.hyper)

    def __repr__(self) -> str:
        return f"<rule {self.name}({', '.join(f'{n}={shown(v)}' for n, v in self.hyper.items())})>"

    # -------------------------------------------------------------- what it does

    def start(self, x: Any, g: Any, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The slots before the first step, from the first point and gradient."""
        g = self._seen(x, g, row)
        first = {POINT: x, GRADIENT: g}
        return tuple(1 * first[s] if isinstance(s, Start) else s + 0 * x for s in self.slots.values())

    def advance(self, x: Any, g: Any, rest: Sequence[Any], row: Mapping[str, Any]) -> tuple[Any, ...]:
        """One step on anything that adds and multiplies: (point, gradient, (*inputs, *slots)) -> (point, *slots)."""
        g = self._seen(x, g, row)
        known = {**row, **dict(zip(self.vectors, (x, g, *rest), strict=True))}
        new = self.step(x, g, *rest, *resolve(self.hyper, self.args, known))
        moved, *slots = new if isinstance(new, tuple) else (new,)
        for t in self.behind:
            moved = t(x, moved, self.hyper, row)
        return (moved, *slots)

    def _seen(self, x: Any, g: Any, row: Mapping[str, Any]) -> Any:
        for t in self.before:
            g = t(x, g, self.hyper, row)
        return g

    def row(self, k: int, **known: float) -> dict[str, float]:
        """The hyperparameters of iteration k, from 1, that are known before its step; `known` replaces some."""
        first = (k - 1) // BLOCK * BLOCK
        rows = self.table(first, **known)
        return dict(zip(self.columns, rows[min(k - 1 - first, len(rows) - 1)].tolist(), strict=True))

    def table(self, first: int, **known: float) -> np.ndarray:
        """Rows for iterations first + 1, ..., first + BLOCK, or one row where nothing moves with k.

        Every loop reads its numbers here, in whole blocks: NumPy's pow on a vector and C's on a number
        differ in the last bit.
        """
        return table(self, first, tuple(known.items()))

    # -------------------------------------------------------------- rules made from it

    def starting(self, **slots: Any) -> "Rule":
        """The rule whose memory starts otherwise: a number, POINT or GRADIENT for each slot named."""
        for name, start in slots.items():
            if name not in self.slots:
                raise TypeError(f"{self.name}: {unknown('slot', name, self.slots)}")
            _check_start(self.name, name, start)
        return self._derived("starting", slots, slots={**self.slots, **slots})

    def having(self, **hyper: Any) -> "Rule":
        """The rule with other hyperparameters as its own; here, and not in a call, one may become measured."""
        new = self._derived(
            "having",
            hyper,
            hyper={**self.hyper, **_values(self, hyper)},
            tuning={n: v for n, v in self.tuning.items() if n not in hyper},
            chosen=self.chosen | set(hyper),
        )
        used = {a for v in new.hyper.values() if callable(v) for a in arguments(v)}
        if lost := [n for n in hyper if n not in self.hyper and n not in used]:
            raise TypeError(f"{self.name}: {unknown('hyperparameter', lost[0], self.hyper)}; ranges: {self.ranges}")
        return _check(new)

    def after(self, t: Transform) -> "Rule":
        """First the transform of the gradient, then the rule."""
        return self._composed("after", t, "g", before=(t, *self.before))

    def then(self, t: Transform) -> "Rule":
        """First the rule, then the transform of where it went."""
        return self._composed("then", t, "x_next", behind=(*self.behind, t))

    def named(self, name: str, doc: str) -> "Rule":
        """The same rule under a name and a paragraph of its own."""
        return replace(self, name=name, doc=doc, origin=("named", self, (name, doc)))

    def tuned(self, mu: float | None = None, L: float | None = None) -> "Method":
        """Bind what theory says for μ-strongly convex, L-smooth functions; what `having` set stays.

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

    def __call__(self, *, search: Backtracking | None = None, **hyper: Any) -> "Method":
        """Bind hyperparameters: numbers, or functions of k and of each other."""
        if search is not None and "lr" in hyper:
            given = shown(hyper["lr"])
            raise TypeError(
                f"{self.name}: lr = {given} fixes the step size, search = {search} finds it; give one of them"
            )
        method = Method(self, tuple(_values(self, hyper).items()), search or self._default_search(hyper))
        for name, value in hyper.items():
            if callable(value) and self.kinds.get(name) != "measured":
                self._check_schedule(name, value)
        method.rule.row(1)
        return method

    def _check_schedule(self, name: str, function: Callable) -> None:
        if vectors := [n for n in arguments(function) if n in {*self.vectors, "x_next"}]:
            raise TypeError(
                f"{self.name}: the function given for {name} asks for {vectors[0]!r}, which is a vector of the rule; "
                f"a schedule may ask for k (the iteration, from 1) and {', '.join(self.hyper)}. "
                f"To measure {name} on {vectors[0]}, declare it: {self.name}.having({name}=...)"
            )

    def _default_search(self, hyper: Mapping[str, Any]) -> Backtracking | None:
        free = "lr" in self.hyper and "lr" not in self.chosen | set(hyper) and not callable(self.hyper["lr"])
        return Backtracking() if free and not self.inputs and self.homogeneous else None

    def _composed(self, how: str, t: Transform, second: str, **parts: Any) -> "Rule":
        if not isinstance(t, Transform) or t.second != second:
            raise TypeError(f"{self.name}.{how}({getattr(t, 'name', t)!r}): it takes a transform of (x, {second})")
        if twice := [n for n in t.hyper if n in self.hyper]:
            raise TypeError(f"{self.name}.{how}({t.name}): both have {twice[0]!r}, and a name means one thing")
        if lacking := [n for n in t.args if n not in t.hyper and n not in self.hyper]:
            raise TypeError(
                f"{self.name}.{how}({t.name}): {t.name} needs {lacking[0]}, which {self.name} does not have"
            )
        return _check(
            self._derived(how, t, name=f"{self.name}_{t.name}", hyper={**self.hyper, **t.hyper}, tuning={}, **parts)
        )

    def _derived(self, how: str, given: Any, **changes: Any) -> "Rule":
        return replace(self, origin=(how, self, given), **changes)

    # -------------------------------------------------------------- pickling

    def __reduce__(self) -> Any:
        """By import path, else by how it was derived, or by the text of the file it was loaded from."""
        module = sys.modules.get(self.step.__module__)
        if module is not None and getattr(module, self.name, None) is self:
            return _imported, (self.step.__module__, self.name)
        if self.origin:
            return _again, self.origin
        return _imported, (self.step.__module__, self.name)


@overload
def rule(step: Callable, /) -> Rule: ...
@overload
def rule(*, tuned: Mapping[str, Any]) -> Callable[[Callable], Rule]: ...
def rule(step: Callable | None = None, /, *, tuned: Mapping[str, Any] | None = None) -> Any:
    """Declare an update rule; see the module's introduction for the grammar.

    Parameters
    ----------
    step : callable
        ``(point, g, *inputs, *slots, /, **hyperparameters) -> (point, *slots)``, pure and without branches.
    tuned : mapping, optional
        What theory sets hyperparameters to, as numbers or functions of mu, L and other hyperparameters.

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
    if step is None:
        return lambda function: _declared(function, tuned or {})
    return _declared(step, {})


def _declared(step: Callable, tuned: Mapping[str, Any]) -> Rule:
    name = step.__name__
    try:
        point, fixed, hyper = _signature(step)
    except TypeError as error:
        raise TypeError(f"rule {name}: {error}") from None
    slots = {p.name: p.default for p in fixed if p.default is not Parameter.empty}
    inputs = tuple(p.name for p in fixed if p.default is Parameter.empty)
    for slot, start in slots.items():
        _check_start(name, slot, start)
    bare = Rule(step, name, cleandoc(step.__doc__ or ""), point, inputs, slots, {}, tuple(hyper), dict(tuned))
    return _check(replace(bare, hyper=_values(bare, hyper)))


def _signature(step: Callable) -> tuple[str, list[Parameter], dict[str, Any]]:
    """The point's name, the other arguments before the slash, and the hyperparameters after it."""
    parameters = list(signature(step).parameters.values())
    fixed = [p for p in parameters if p.kind is Parameter.POSITIONAL_ONLY]
    after = [p for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    if len(fixed) + len(after) < len(parameters):
        raise TypeError("*args and **kwargs declare nothing; name every argument")
    if len(fixed) < 2 or fixed[1].name != "g" or any(p.default is not Parameter.empty for p in fixed[:2]):
        raise TypeError(
            f"write def {step.__name__}(x, g, <slots>, /, <hyperparameters>): "
            "a point and its gradient g without defaults, and a slash after the slots"
        )
    slots = {p.name for p in fixed[2:] if p.default is not Parameter.empty}
    if "x" not in {fixed[0].name, *slots}:
        raise TypeError("no argument is named x; x is the iterate that is reported, the first argument or a slot")
    for p in fixed[2:]:
        if p.default is Parameter.empty and (p.name[:1] not in ("B", "H") or p.name[1:] not in {"g", *slots}):
            raise TypeError(
                f"{p.name!r} has no default and is not B or H followed by g or a slot; a slot needs a default"
            )
    for p in after:
        if p.default is Parameter.empty:
            raise TypeError(f"hyperparameter {p.name} has no default")
        if p.name == "k":
            raise TypeError("the body does not see the iteration k; a hyperparameter that is a function may ask for it")
    return fixed[0].name, fixed[2:], {p.name: p.default for p in after}


def _check(r: Rule) -> Rule:
    """Walk through a rule once: what cannot be written down is refused here, at its declaration."""
    try:
        _, results = trace.walk(r)
    except Exception as error:
        raise TypeError(f"rule {r.name} cannot be written down: {error}") from error
    if len(results) != 1 + len(r.slots):
        returns = ", ".join(f"the new {n}" for n in (r.point, *r.slots))
        raise TypeError(f"rule {r.name} returns {len(results)} values; it must return {1 + len(r.slots)}: {returns}")
    return r


def _check_start(owner: str, slot: str, start: Any) -> None:
    if not isinstance(start, Start) and (isinstance(start, bool) or not isinstance(start, (int, float))):
        raise TypeError(f"{owner}: slot {slot} = {start!r}; a slot starts as a number, POINT or GRADIENT")


def _values(r: Rule, hyper: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as floats inside their ranges, functions as they are."""
    return {n: v if callable(v) else number(r.name, n, v) for n, v in hyper.items()}


def describe(r: Rule) -> str:
    """The rule's page: its paragraph, its hyperparameters with defaults and ranges, its memory."""
    lines = [r.doc, "", "Hyperparameters", "---------------"]
    lines += [f"{n} : {shown(v)}, {r.kinds[n]}, in {range_of(n)}" for n, v in r.hyper.items()]
    lines += ["", "Memory", "------"]
    lines += [f"{n} : starts as {s.value if isinstance(s, Start) else s}" for n, s in r.slots.items()] or ["none"]
    return "\n".join(lines)


# ------------------------------------------------------------------ methods


@dataclass(frozen=True, repr=False)
class Method:
    """A rule with its hyperparameters bound: an immutable record that `minimize` runs.

    Calling it is SciPy's protocol for custom methods, so that
    ``scipy.optimize.minimize(f, x0, jac=df, method=heavy_ball(lr=0.1))`` works.

    Attributes
    ----------
    base : Rule
    bound : tuple of (str, value)
        The hyperparameters that were given.
    search : Backtracking or None
        How the step size is found where `lr` was not given; None: `lr` is used as it is.
    """

    base: Rule
    bound: tuple[tuple[str, Any], ...] = ()
    search: Backtracking | None = None

    @cached_property
    def rule(self) -> Rule:
        """The rule with the bound values as its own."""
        rule = self.base.having(**dict(self.bound)) if self.bound else self.base
        return rule.having(lr=self.base.tuning["lr"], L=1.0) if self._told_smoothness else rule

    def found(self, step: float) -> dict[str, float]:
        """What the rule is told of a step size found by the search.

        That lr is the step; or, where theory sets the rule's lr from L alone, that L is 1/step: an
        averaging rule, whose lr counts (1 − β)-fold, then moves as far as the others.
        """
        return {} if self.search is None else {"L": 1 / step} if self._told_smoothness else {"lr": step}

    @cached_property
    def _told_smoothness(self) -> bool:
        lr, names = self.base.tuning.get("lr"), {*self.base.hyper, *dict(self.bound)}
        return (
            self.search is not None
            and "L" not in names
            and callable(lr)
            and "L" in arguments(lr)
            and names >= {*arguments(lr)} - {"L"}
        )

    @property
    def name(self) -> str:
        return self.base.name

    def __repr__(self) -> str:
        shows = [f"{n}={shown(v)}" for n, v in self.bound]
        if self.search not in (None, Backtracking()):
            shows.append(f"search={self.search}")
        return f"{self.name}({', '.join(shows)})"

    def __call__(self, fun: Callable, x0: Any, args: tuple = (), **options: Any) -> Any:
        from .minimize import scipy_method

        return scipy_method(self, fun, x0, args, **options)


# ------------------------------------------------------------------ rules from elsewhere


def load(spec: str) -> "Rule | Method":
    """The rule at ``path/to/file.py:name``; the name may be left out where the file holds one rule.

    Raises
    ------
    FileNotFoundError, ValueError
        Where there is no such file, or no such rule in it.
    """
    path, _, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path!r}; a rule of your own is given as path/to/file.py:name")
    return _from_text(Path(path).read_text(encoding="utf-8"), path, name)


def _from_text(text: str, path: str, name: str) -> "Rule | Method":
    module = ModuleType(f"rules_of_{Path(path).stem}")
    module.__file__ = path
    exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - the user's own file, named by the user
    here = {n: v for n, v in vars(module).items() if isinstance(v, (Rule, Method))}
    own = [n for n, v in here.items() if isinstance(v, Rule) and v.step.__module__ == module.__name__]
    name = name or (own[0] if len(own) == 1 else "")
    if name not in here:
        raise ValueError(f"{path}: {unknown('rule', name, own)}")
    mark = lambda r: replace(r, origin=("file", (text, path, r.name), None)) if r.name in own else r
    found = here[name]
    return mark(found) if isinstance(found, Rule) else replace(found, base=mark(found.base))


def _imported(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _again(how: str, base: Any, given: Any) -> Rule:
    match how:
        case "file":
            return _from_text(*base)  # type: ignore[return-value]
        case "named":
            return base.named(*given)
        case "starting" | "having":
            return getattr(base, how)(**given)
        case _:
            return getattr(base, how)(given)
