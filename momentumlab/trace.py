"""A rule written down: one walk through it gives straight lines of assignments, and the loops are texts around them.

What depends on hyperparameters alone (1 - beta) is found to be so and stands before the loop over
coordinates, in double precision, as NumPy and torch treat a Python number beside a float32 array; so
do sums over whole vectors, which measured hyperparameters ask for. The rest stands inside the loop.

Names in the text: `a_x` is the array of a vector x, `e_x` its current element, `h_lr` a
hyperparameter, `_3` an intermediate value; the loop's own variables carry no prefix, so no name that
a rule chooses can collide with them.
"""

import re
from collections.abc import Iterable
from textwrap import indent

BINARY = dict(
    add="+", sub="-", mul="*", truediv="/", gt=">", lt="<", ge=">=", le="<=", eq="==", ne="!=", and_="&", or_="|"
)
ALLOWED = "+ - * /, comparisons, and sqrt, maximum, minimum, where from momentumlab.ops"


class Unwritable(TypeError):
    """A rule does something that cannot be written down as straight lines."""


class Tape:
    """The lines of one step; an expression that recurs is written once."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.head: list[tuple[str, str, bool]] = []  # name, text, is it the sum of that text over coordinates
        self.body: dict[str, str] = {}

    def note(self, template: str, *operands: object) -> "Unknown":
        elementwise = any(isinstance(o, Unknown) and o.elementwise for o in operands)
        text = template.format(*(self.name(o, hoist=elementwise) for o in operands))
        return self._line(text, elementwise)

    def name(self, value: object, hoist: bool = False) -> str:
        """The name of an unknown, or the text of a number (named before the loop if it is used inside)."""
        if isinstance(value, Unknown):
            return value.name
        if not isinstance(value, (int, float)):
            raise Unwritable(f"it uses {value!r}; a rule is made of its arguments, numbers, {ALLOWED}")
        return self._line(repr(float(value)), False).name if hoist else repr(float(value))

    def sum(self, value: "Unknown") -> "Unknown":
        return self._line(value.name, False, summed=True)

    def _line(self, text: str, elementwise: bool, summed: bool = False) -> "Unknown":
        key = f"sum({text})" if summed else text
        if key not in self.names:
            name = self.names[key] = f"_{len(self.names)}"
            if elementwise:
                self.body[name] = text
            else:
                self.head.append((name, text, summed))
        return Unknown(self, self.names[key], elementwise)

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
        lines = []
        for name, text, summed in self.head:
            if summed:
                inner = "\n".join(f"    {line}" for line in self.lines_for([text]))
                lines.append(f"{name} = 0.0\nfor i in range(n):\n{inner}\n    {name} += {text}")
            else:
                lines.append(f"{name} = {text}")
        return lines


class _Writes:
    """`momentumlab.ops` on unknowns."""

    @staticmethod
    def sqrt(a):
        return a.tape.note("sqrt({})", a)

    @staticmethod
    def maximum(a, b):
        return _tape(a, b).note("maximum({}, {})", a, b)

    @staticmethod
    def minimum(a, b):
        return _tape(a, b).note("minimum({}, {})", a, b)

    @staticmethod
    def where(condition, a, b):
        return _tape(condition, a, b).note("({1} if {0} else {2})", condition, a, b)

    @staticmethod
    def dot(a, b) -> "Unknown":
        product = _tape(a, b).note("({} * {})", a, b)
        if not product.elementwise:
            raise Unwritable("dot and norm take vectors")
        return product.tape.sum(product)


def _tape(*values: object) -> Tape:
    return next(v.tape for v in values if isinstance(v, Unknown))


class Unknown:
    """A value that a rule will have once it runs."""

    ops = _Writes
    __array_ufunc__ = None

    def __init__(self, tape: Tape, name: str, elementwise: bool) -> None:
        self.tape, self.name, self.elementwise = tape, name, elementwise

    def __bool__(self):
        raise Unwritable(
            "it hides a branch (if, and, or, max, min): use where, maximum or minimum from momentumlab.ops"
        )

    def __float__(self):
        raise Unwritable(f"it turns a value into a float: use {ALLOWED}")

    def __pow__(self, exponent):
        if exponent != 2:
            raise Unwritable(
                f"it raises to the power {exponent!r}: write products and sqrt; beta**k belongs to a schedule"
            )
        return self.tape.note("({} * {})", self, self)

    def __neg__(self):
        return self.tape.note("-{}", self)

    def __abs__(self):
        return self.tape.note("abs({})", self)

    __hash__ = object.__hash__


def _operators() -> None:
    def refuse(self, other):
        raise Unwritable("it changes a value in place: write v = beta * v, not v *= beta")

    for name, symbol in BINARY.items():
        name = name.rstrip("_")
        forward = lambda a, b, s=symbol: a.tape.note(f"({{}} {s} {{}})", a, b)
        backward = lambda a, b, s=symbol: a.tape.note(f"({{}} {s} {{}})", b, a)
        setattr(Unknown, f"__{name}__", forward)
        setattr(Unknown, f"__r{name}__", backward)
        if name in ("add", "sub", "mul", "truediv"):
            setattr(Unknown, f"__i{name}__", refuse)


_operators()


def walk(rule) -> tuple[Tape, list[str]]:
    """The lines of one step of a rule, and the names of its results: the new point, then the slots."""
    tape = Tape()
    x, g, *rest = (Unknown(tape, f"e_{n}", True) for n in rule.vectors)
    row = {n: Unknown(tape, f"h_{n}", False) for n in rule.columns}
    return tape, [tape.name(result, hoist=True) for result in rule.advance(x, g, rest, row)]


def step_lines(rule) -> tuple[str, str]:
    """One step down the coordinates as text: what comes before the loop, and what stands in it."""
    tape, results = walk(rule)
    head = tape.head_lines()
    body = tape.lines_for(results)
    targets = [rule.point, *rule.slots]
    body += [f"a_{n}[i] = {value}" for n, value in zip(targets, results, strict=True) if value != f"e_{n}"]
    used = set(re.findall(r"\w+", "\n".join(head + body)))
    head = [f"h_{n} = table[row, {j}]" for j, n in enumerate(rule.columns) if f"h_{n}" in used] + head
    return "\n".join(head), "\n".join(body)


def descend(rule) -> str:
    """The solver's loop around a rule, as text.

    Each turn takes one step, evaluates the objective, writes history, and returns to Python where
    something is to be decided there: PAUSE at iteration `stop`, LOOK when the gradient is small or a
    number is not sane, FULL when history is, SEARCH when `step`, the step size of the search if it is
    positive, fails its test.
    `counts` holds the iteration reached, rows of history, their stride, calls of the objective, and the
    iteration last evaluated; it and `values` are written as the loop goes, so that they are right also
    when the objective raises. The largest |gᵢ| is found among the bits of g (positive doubles are
    ordered as their bits are), which compilers vectorise and which shows inf and nan as well.
    """
    head, body = step_lines(rule)
    unpack = "\n".join(f"a_{n} = slots[{i}]" for i, n in enumerate(rule.slots))
    keep = "" if rule.reports == rule.point else "old[1, i] = reported[i]"
    return f"""\
def descend(rule, objective, a_{rule.point}, a_g, slots, table, bounds, record):
    first, stop, tol, limit, euclidean, step, tested = bounds
    old, work, log, path, counts, values = record
    n = a_g.size
    point = a_{rule.point}
{indent(unpack, "    ")}
    reported = a_{rule.reports}
    trial, scratch = work[0], work[1]
    bits = a_g.view(int64)
    word = empty(1, int64)
    real = word.view(float64)
    f, k = values[0], counts[0]
    while k < stop:
        row = min(k - first, table.shape[0] - 1)
        if step > 0.0:
            if tested:
                tested = False
            else:
                decrease = 0.0
                for i in range(n):
                    trial[i] = point[i] - step * a_g[i]
                    decrease += step * a_g[i] * a_g[i]
                counts[3] += 1
                if not accepts(objective(trial, scratch), f, decrease):
                    return SEARCH
{indent(head, " " * 8)}
        for i in range(n):
            old[0, i] = point[i]
            {keep}
{indent(body, " " * 12)}
        k += 1
        counts[0] = k
        counts[3] += 1
        f = objective(point, a_g)
        values[0] = f
        counts[4] = k
        largest = 0
        for i in range(n):
            largest = max(largest, bits[i] & 0x7FFFFFFFFFFFFFFF)
        word[0] = largest
        norm = real[0]
        if not (norm < inf and abs(f) < limit):
            return LOOK
        if euclidean:
            norm = 0.0
            for i in range(n):
                norm += a_g[i] * a_g[i]
            norm = sqrt(norm)
        if k & (counts[2] - 1) == 0:
            rows = counts[1]
            log[rows, 0], log[rows, 1], log[rows, 2] = k, f, norm
            for i in range(path.shape[1]):
                path[rows, i] = reported[i]
            counts[1] = rows + 1
        if norm <= tol:
            return LOOK
        if counts[1] == log.shape[0]:
            return FULL
    return PAUSE
"""
