"""A rule written down: one walk through it gives straight lines of assignments, which `loops` puts loops around.

What depends on hyperparameters alone (1 - beta) is found to be so and stands before the loop over
coordinates, in double precision, as NumPy and torch treat a Python number beside a float32 array; so
do sums over whole vectors, which measured hyperparameters ask for. The rest stands inside the loop.

Names in the text: `a_x` is the array of a vector x, `e_x` its current element, `h_lr` a
hyperparameter, `_3` an intermediate value; the loop's own variables carry no prefix, so no name that
a rule chooses can collide with them.
"""

import re
from collections.abc import Callable, Iterable
from textwrap import indent

from .errors import short

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
COMPARISON = {"gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!="}
LOGIC = {"and": "&", "or": "|"}
UFUNCS = {
    **{"add": "+", "subtract": "-", "multiply": "*", "divide": "/"},
    **{"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="},
}
"""What a NumPy number beside an unknown calls for an operator."""
ALLOWED = "+ - * /, comparisons, and sqrt, maximum, minimum, where from momentumlab.ops"

FORMS = {
    **{symbol: f"({{}} {symbol} {{}})" for table in (ARITHMETIC, COMPARISON, LOGIC) for symbol in table.values()},
    "negative": "-{}",
    "abs": "abs({})",
    "sqrt": "sqrt({})",
    "maximum": "({0} if ({0} >= {1}) | ({0} != {0}) else {1})",
    "minimum": "({0} if ({0} <= {1}) | ({0} != {0}) else {1})",
    "where": "({1} if {0} else {2})",
}
"""Each operation as text."""

SUM = "{name} += {value}"
MEANS = """\
{name}, {name}_stride = slices(counts[SHAPE:], {layout})
for i in range(n if {name}_stride <= n else 0):
{lines}
    {name}[i // {name}_stride % {name}.size] += {value}
{name} /= n // {name}.size"""
"""What comes before the loop over coordinates in a loop of its own: a sum, and the means of slices."""


class Unwritable(TypeError):
    """A rule does something that cannot be written down as straight lines."""


class Tape:
    """The lines of one step; an expression that recurs is written once."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.head: list[tuple[str, str, str]] = []  # name, text, the loop that it takes: SUM, MEANS or none
        self.body: dict[str, str] = {}
        self.calls: dict[str, tuple[str, tuple[str, ...]]] = {}  # name: what makes it, of what
        self.spreads: dict[str, str] = {}  # the mean of a coordinate's slice: the means of all slices

    def note(self, operation: str, *operands: object, truth: bool = False) -> "Unknown":
        """Write an operation of `FORMS` on numbers and unknowns down; `truth`: it is a condition."""
        elementwise = any(isinstance(o, Unknown) and o.elementwise for o in operands)
        names = tuple(self.name(o, hoist=elementwise) for o in operands)
        line = self._line(FORMS[operation].format(*names), elementwise, truth)
        self.calls[line.name] = operation, names
        return line

    def name(self, value: object, hoist: bool = False) -> str:
        """The name of an unknown, or the text of a number (named before the loop if it is used inside)."""
        if isinstance(value, Unknown):
            return value.name
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Unwritable(f"it uses {short(value)}; a rule is made of its arguments, numbers, {ALLOWED}")
        return self._line(repr(float(value)), False).name if hoist else repr(float(value))

    def sum(self, value: "Unknown") -> "Unknown":
        """Its sum over coordinates."""
        return self._line(value.name, False, loop=SUM)

    def slice_mean(self, value: "Unknown", axis: object, min_dim: object) -> "Unknown":
        """The mean over the slice that a coordinate lies in."""
        means = self._line(f"{value.name}, {self.name(axis)}, {self.name(min_dim)}", False, loop=MEANS).name
        spread = self._line(f"{means}[i // {means}_stride % {means}.size]", True)
        self.spreads[spread.name] = means
        return spread

    def _line(self, text: str, elementwise: bool, truth: bool = False, loop: str = "") -> "Unknown":
        key = f"{loop}({text})"
        if key not in self.names:
            name = self.names[key] = f"_{len(self.names)}"
            if elementwise:
                self.body[name] = text
            else:
                self.head.append((name, text, loop))
        return Unknown(self, self.names[key], elementwise, truth)

    def lines_for(self, results: Iterable[str]) -> list[str]:
        """What stands inside a loop over coordinates to reach these names: elements read, then assignments."""
        needed, stack = set(), list(results)
        while stack:
            name = stack.pop()
            if name not in needed:
                needed.add(name)
                stack += re.findall(r"\w+", self.body.get(name, ""))
        reads = [f"{n} = a_{n[2:]}[i]" for n in sorted(needed) if n.startswith("e_")]
        return reads + [f"{n} = {text}" for n, text in self.body.items() if n in needed]

    def head_lines(self) -> list[str]:
        """What stands before the loop: numbers, and sums, those that do not wait for each other in one loop."""
        lines: list[str] = []
        levels = self._levels()
        for level in range(max(levels.values(), default=0) + 1):
            here = [line for line in self.head if levels[line[0]] == level]
            lines += [f"{name} = {text}" for name, text, loop in here if not loop]
            if sums := [(name, text) for name, text, loop in here if loop == SUM]:
                inner = self.lines_for([text for _, text in sums])
                inner += [SUM.format(name=name, value=text) for name, text in sums]
                lines += [f"{name} = 0.0" for name, _ in sums]
                lines += ["for i in range(n):", *(f"    {line}" for line in inner)]
            for name, text, loop in here:
                if loop == MEANS:
                    value, _, layout = text.partition(", ")
                    body = indent("\n".join(self.lines_for([value])), "    ")
                    lines.append(MEANS.format(name=name, value=value, layout=layout, lines=body))
        return lines

    def _levels(self) -> dict[str, int]:
        """How many loops each number of the head waits for, besides its own."""
        levels: dict[str, int] = {}
        looped = {name for name, _, loop in self.head if loop}

        def level(name: str) -> int:
            return levels[name] + (name in looped) if name in levels else 0

        for name, text, loop in self.head:
            words = set(re.findall(r"\w+", text))
            if loop:
                words |= set(re.findall(r"\w+", "\n".join(self.lines_for([text.partition(", ")[0]]))))
            levels[name] = max(map(level, words), default=0)
        return levels


class _Writes:
    """`momentumlab.ops` on unknowns."""

    @staticmethod
    def sqrt(a):
        return _note("sqrt", a)

    @staticmethod
    def maximum(a, b):
        return _note("maximum", a, b)

    @staticmethod
    def minimum(a, b):
        return _note("minimum", a, b)

    @staticmethod
    def where(condition, a, b):
        if isinstance(condition, bool):
            return a if condition else b
        if not isinstance(condition, Unknown) or not condition.truth:
            raise Unwritable("where takes a condition first, such as g > 0")
        _numbers(a, b)
        return condition.tape.note("where", condition, a, b)

    @staticmethod
    def dot(a, b):
        product = _note("*", a, b)
        if not product.elementwise:
            raise Unwritable("dot and norm take vectors")
        return product.tape.sum(product)

    @staticmethod
    def slice_mean(a, axis, min_dim):
        _numbers(a)
        if not a.elementwise:
            raise Unwritable("slice_mean takes a vector")
        return a.tape.slice_mean(a, axis, min_dim)


def _note(operation: str, *operands: object, truth: bool = False) -> "Unknown":
    _numbers(*operands)
    return next(o.tape for o in operands if isinstance(o, Unknown)).note(operation, *operands, truth=truth)


def _numbers(*operands: object) -> None:
    if any(isinstance(o, Unknown) and o.truth for o in operands):
        raise Unwritable("it computes with a condition: write where(g > 0, 1.0, 0.0), not g > 0")


class Unknown:
    """A value that a rule will have once it runs: a vector's element, a number, or a condition."""

    ops = _Writes
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tape: Tape, name: str, elementwise: bool, truth: bool = False) -> None:
        self.tape, self.name, self.elementwise, self.truth = tape, name, elementwise, truth

    def __repr__(self):
        return self.tape.body.get(self.name, self.name)

    def __bool__(self):
        raise Unwritable(
            "it hides a branch (if, and, or, max, min): use where, maximum or minimum from momentumlab.ops"
        )

    def __float__(self):
        raise Unwritable(f"it turns a value into a float: use {ALLOWED}")

    def __pow__(self, exponent):
        raise Unwritable("it raises to a power: write products and sqrt; beta**k belongs to a schedule")

    __rpow__ = __pow__

    def __array_ufunc__(self, ufunc, method, *operands, **options):
        name = ufunc.__name__
        numbers = all(isinstance(o, Unknown) or getattr(o, "ndim", None) == 0 for o in operands)
        if name not in UFUNCS or method != "__call__" or not numbers:
            raise Unwritable(f"it calls numpy.{name}: use {ALLOWED}")
        operands = tuple(o if isinstance(o, Unknown) else o.item() for o in operands)
        return _note(UFUNCS[name], *operands, truth=UFUNCS[name] in COMPARISON.values())

    def __array_function__(self, function, types, args, kwargs):
        raise Unwritable(f"it calls numpy.{function.__name__}: use {ALLOWED}")

    def __pos__(self):
        return self

    def __neg__(self):
        return _note("negative", self)

    def __abs__(self):
        return _note("abs", self)


def _operators() -> None:
    def refuse(self, other):
        raise Unwritable("it changes a value in place: write v = beta * v, not v *= beta")

    def operator(symbol, truth, reflected=False):
        if reflected:
            return lambda self, other: _note(symbol, other, self, truth=truth)
        return lambda self, other: _note(symbol, self, other, truth=truth)

    def logic(symbol):
        def combine(self, other):
            if not (self.truth and isinstance(other, Unknown) and other.truth):
                raise Unwritable(f"{symbol} joins conditions, such as (g > 0) {symbol} (x > 0)")
            return self.tape.note(symbol, self, other, truth=True)

        return combine

    for name, symbol in ARITHMETIC.items():
        setattr(Unknown, f"__{name}__", operator(symbol, truth=False))
        setattr(Unknown, f"__r{name}__", operator(symbol, truth=False, reflected=True))
    for name, symbol in COMPARISON.items():
        setattr(Unknown, f"__{name}__", operator(symbol, truth=True))
    for name, symbol in LOGIC.items():
        setattr(Unknown, f"__{name}__", logic(symbol))
    for name in (*ARITHMETIC, *LOGIC, "pow", "mod", "floordiv", "matmul", "xor"):
        setattr(Unknown, f"__i{name}__", refuse)


_operators()


def begun(rule) -> tuple[Tape, list[Unknown], dict[str, Unknown]]:
    """A tape, the vectors of a rule and its numbers, as unknowns."""
    tape = Tape()
    vectors = [Unknown(tape, f"e_{n}", True) for n in rule.vectors]
    return tape, vectors, {n: Unknown(tape, f"h_{n}", False) for n in (*rule.columns, "step")}


def walk(rule) -> tuple[Tape, list[str]]:
    """The lines of one step of a rule, and the names of its results: the new point, then the slots."""
    tape, (x, g, *rest), row = begun(rule)
    results = rule.advance(x, g, rest, row)
    return tape, [vector(result).name for result in results]


def vector(result: object) -> Unknown:
    """A result that is a vector of numbers."""
    if not isinstance(result, Unknown) or not result.elementwise or result.truth:
        raise Unwritable(f"it returns {short(result)}, which is not a vector of numbers")
    return result


def last_step(rule) -> str | None:
    """The slot that holds the rule's last step, whose new value it adds to the point; None where there is none."""
    tape, (moved, *slots) = walk(rule)
    sums = [(f"(e_{rule.point} + {value})", f"({value} + e_{rule.point})") for value in slots]
    return next((n for n, texts in zip(rule.slots, sums, strict=True) if tape.body.get(moved) in texts), None)


def check_diagonal(step: Callable, vectors: Iterable[str], hyper: Iterable[str]) -> None:
    """Refuse a body that is not a function of each coordinate alone."""
    vector(check_pointwise(step, vectors, hyper))


def check_pointwise(step: Callable, vectors: Iterable[str], hyper: Iterable[str]) -> object:
    """What a body returns; refused where it sums over coordinates: it must act on each alone."""
    tape = Tape()
    result = step(*(Unknown(tape, f"e_{n}", True) for n in vectors), *(Unknown(tape, f"h_{n}", False) for n in hyper))
    if any(loop for _, _, loop in tape.head):
        raise Unwritable("its body takes dot, norm or slice_mean: that belongs to a measured hyperparameter")
    return result
