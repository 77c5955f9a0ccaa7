"""A rule's step as Python over torch's tensors: one after another, or all together by multi-tensor operators.

Both are written from the lines of the rule's own walk, stage by stage as `momentumlab.steps` plans them:
``step(tensors, numbers)`` takes, for each tensor, the arrays of the plan and the numbers of its columns.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import torch

from .. import ops
from ..rule import Rule
from ..steps import Plan, plan

TYPES = (torch.Tensor, torch.nn.Parameter)
CALLED = ("sqrt", "maximum", "minimum", "where", "abs")


def summed(value: torch.Tensor) -> torch.Tensor:
    """Σ of the elements, in double where the device has it."""
    narrow = value.dtype in (torch.float32, torch.float16, torch.bfloat16)
    return value.sum(dtype=torch.float64) if narrow and value.device.type != "mps" else value.sum()


def mean(value: torch.Tensor, axis: Any, min_dim: Any) -> Any:
    """The means of slices, spread over them; a zero where they are left alone."""
    found = ops.slice_mean(value, float(axis), float(min_dim))
    return found if isinstance(found, torch.Tensor) else value.new_zeros(())


def quotient(number: Any, value: Any) -> Any:
    """number/value by division; torch multiplies the reciprocal, which may overflow."""
    if isinstance(number, (int, float)) and isinstance(value, torch.Tensor):
        number = torch.tensor(number, dtype=value.dtype)
    return number / value


OPS = {n: getattr(ops, n) for n in CALLED if n != "abs"} | dict(
    summed=summed, mean=mean, quotient=quotient, inf=torch.inf, nan=torch.nan
)


def _compiled(text: str, **more: Any) -> Callable:
    scope = {**OPS, **more}
    exec(text, scope)  # noqa: S102 - the text of a rule's own lines
    return scope["step"]


def _in(lines: Iterable[str], depth: int = 1) -> list[str]:
    return [f"{'    ' * depth}{line}" for line in lines]


def _tuple(names: Iterable[str]) -> str:
    return f"({''.join(f'{n}, ' for n in names)})"


def _expression(p: Plan, name: str, text: str) -> str:
    """A line of the walk, of whole tensors, and of numbers that may be tensors."""
    if name in p.tape.spreads:
        return f"mean({', '.join(p.means[p.tape.spreads[name]])})"
    operation, operands = p.tape.calls.get(name, ("", ()))
    called = "quotient" if operation == "/" else operation
    return f"{called}({', '.join(operands)})" if called in (*CALLED, "quotient") else text


def _vectors(p: Plan, name: str) -> list[str]:
    """The vectors that a line of the loop over coordinates is made of, or of which it is the mean."""
    if name in p.tape.spreads:
        return [p.means[p.tape.spreads[name]][0]]
    return [o for o in p.tape.calls[name][1] if o[:2] == "e_" or o in p.tape.body]


def _ordered(p: Plan, values: Sequence[str]) -> list[str]:
    """The lines of the loop over coordinates that lead to some values, with those that their means are taken of."""
    wanted, stack = set(), list(values)
    while stack:
        name = stack.pop()
        if name in p.tape.body and name not in wanted:
            wanted.add(name)
            stack += _vectors(p, name)
    return [n for n in p.tape.body if n in wanted]


@lru_cache(maxsize=256)
def one_by_one(rule: Rule, what: str = "step") -> tuple[Callable, Plan]:
    """A step over tensors in turn, and its plan; it returns what each plan's array becomes."""
    p = plan(rule, what)
    each = f"for {_tuple(f'e_{n}' for n in p.vectors)}, {_tuple(f'h_{n}' for n in p.columns)} in zip(tensors, numbers):"
    lines, known = [], []
    for stage in range(len(p.sums) + 1):
        known += [f"{name} = {_expression(p, name, text)}" for name, text in p.numbers(stage)]
        sums = p.sums[stage] if stage < len(p.sums) else []
        values = [value for _, value in sums] or list(p.puts.values())
        body = [*known, *(f"{name} = {_expression(p, name, p.tape.body[name])}" for name in _ordered(p, values))]
        body += [f"{name} = {name} + summed({value})" for name, value in sums] or [f"new.append({_tuple(values)})"]
        lines += [*(f"{name} = 0.0" for name, _ in sums), *([] if sums else ["new = []"]), each, *_in(body)]
    return _compiled("\n".join(["def step(tensors, numbers):", *_in([*lines, "return new"])])), p


# ------------------------------------------------------------------ all together


def _foreach(name: str) -> tuple[Callable, Any]:
    return getattr(torch, f"_foreach_{name}"), getattr(torch, f"_foreach_{name}_", None)


ADD, SUB, MUL, DIV, NEG = (_foreach(n) for n in ("add", "sub", "mul", "div", "neg"))
UNARY = {"sqrt": _foreach("sqrt"), "abs": _foreach("abs"), "negative": NEG}
EXTREMES = {n: (_foreach(n), _foreach(f"clamp_{c}")) for n, c in (("maximum", "min"), ("minimum", "max"))}


def _into(pair: tuple[Callable, Callable], into: bool, a: list, *rest: Any, **options: Any) -> list:
    """The operator on lists; `into` writes to the first."""
    if not into:
        return list(pair[0](a, *rest, **options))
    pair[1](a, *rest, **options)
    return a


def binary(operation: str, a: Any, b: Any, into: str = "", alpha: float | None = None) -> list:
    """a + b, a − b, a·b or a/b, where at least one is a list; `into` names the one that may be written to.

    With a number alpha, a ± alpha·b.
    """
    if alpha is not None:
        return _into(ADD if operation == "+" else SUB, into == "a", a, b, alpha=alpha)
    pair = {"+": ADD, "-": SUB, "*": MUL, "/": DIV}[operation]
    if isinstance(a, list):
        if isinstance(b, torch.Tensor) and operation == "-":
            return _into(ADD, into == "a", a, -b)
        if isinstance(b, list) and into == "b" and operation in "+*":
            return _into(pair, True, b, a)
        return _into(pair, into == "a", a, b)
    if operation in "+*":
        return _into(pair, into == "b", b, a)
    if operation == "/":
        found = [quotient(a, t) for t in b]
        if into != "b":
            return found
        torch._foreach_copy_(b, found)
        return b
    return _into(ADD, True, _into(NEG, into == "b", b), a)


def unary(operation: str, a: list, into: str = "") -> list:
    """√a, |a| or −a."""
    return _into(UNARY[operation], into == "a", a)


def extreme(name: str, a: Any, b: Any, into: str = "") -> list:
    """The larger or smaller, of two lists or of a list and a number."""
    if isinstance(a, list) and isinstance(b, list):
        return _into(EXTREMES[name][0], into == "a", a, b)
    values, number, of = (a, b, "a") if isinstance(a, list) else (b, a, "b")
    if isinstance(number, torch.Tensor):
        return [getattr(ops, name)(v, number) for v in values]
    return _into(EXTREMES[name][1], into == of, values, number)


def each(function: Callable, *operands: Any) -> list:
    """What torch has no operator on lists for."""
    n = next(len(o) for o in operands if isinstance(o, list))
    return [function(*z) for z in zip(*(o if isinstance(o, list) else [o] * n for o in operands), strict=True)]


def copy(targets: list, sources: list) -> None:
    if all(type(t) in TYPES for t in targets):
        torch._foreach_copy_(targets, sources)
    else:
        for target, source in zip(targets, sources, strict=True):
            target.copy_(source)


def choose(condition: Any, a: Any, b: Any) -> list:
    """a where the condition holds, else b, in tensors of their own."""
    if isinstance(condition, (list, torch.Tensor)):
        return each(ops.where, condition, a, b)
    chosen, other = (a, b) if condition else (b, a)
    return [t.clone() for t in chosen] if isinstance(chosen, list) else [torch.full_like(t, chosen) for t in other]


LISTS = dict(copy=copy, choose=choose, binary=binary, unary=unary, extreme=extreme, each=each)


class Writer:
    """The lines of one loop over coordinates as operators on lists, which reuse what is no longer needed.

    A result is written over an operand that nothing reads any more: a temporary, or an array of the rule's that is on
    its way to its own new value. `fold` makes a ± number·b one operator, which does not round the product.
    """

    def __init__(self, p: Plan, values: Sequence[str], puts: dict[str, str], fold: bool) -> None:
        self.p = p
        self.names = _ordered(p, values)
        self.uses = Counter(o for n in self.names for o in _vectors(p, n)) + Counter(values)
        self.place: dict[str, str] = {}  # value -> the variable that holds it
        self.path = {n: {f"e_{n}", *_ordered(p, [value])} for n, value in puts.items()}
        self.temporaries, self.most = 0, 0
        self.held: set[str] = set()
        self.lines: list[str] = []
        self.folded = {n: how for n in self.names if (how := self._folds(n))} if fold else {}
        skipped = {how[2] for how in self.folded.values()}
        for name in self.names:
            if name not in skipped:
                self._write(name)

    def _folds(self, name: str) -> tuple[str, str, str] | None:
        """Of a ± number·b: the number, b, and the name of the product, which nothing else uses."""
        operation, operands = self.p.tape.calls.get(name, ("", ()))
        if operation not in ("+", "-") or len(_vectors(self.p, name)) != 2:
            return None
        product = operands[1]
        inner, factors = self.p.tape.calls.get(product, ("", ()))
        vectors = _vectors(self.p, product) if inner else []
        if inner != "*" or len(vectors) != 1 or self.uses[product] != 1:
            return None
        return next(f for f in factors if f not in vectors), vectors[0], product

    def _variable(self, value: str) -> str:
        return self.place.get(value, value)

    def _write(self, name: str) -> None:
        tape = self.p.tape
        operation, operands = tape.calls.get(name, ("mean", ()))
        if name in tape.spreads:
            value, axis, min_dim = self.p.means[tape.spreads[name]]
            self._assign(name, f"each(mean, {self._variable(value)}, {axis}, {min_dim})", [value], "")
        elif name in self.folded:
            number, b, _ = self.folded[name]
            text = f"binary({operation!r}, {self._variable(operands[0])}, {self._variable(b)}, {{into!r}}, {number})"
            self._assign(name, text, [operands[0], b], "a")
        else:
            shown = ", ".join(map(self._variable, operands))
            vectors = _vectors(self.p, name)
            if operation in ("+", "-", "*", "/"):
                may = "ab" if operation in "+*" or operands[0] not in vectors else "a"
                self._assign(name, f"binary({operation!r}, {shown}, {{into!r}})", operands, may)
            elif operation in UNARY:
                self._assign(name, f"unary({operation!r}, {shown}, {{into!r}})", operands, "a")
            elif operation in ("maximum", "minimum"):
                both = len(vectors) == 2
                self._assign(name, f"extreme({operation!r}, {shown}, {{into!r}})", operands, "a" if both else "ab")
            elif operation == "where":
                self._assign(name, f"choose({shown})", operands, "")
            else:
                self._assign(name, f"each(lambda a, b: a {operation} b, {shown})", operands, "")

    def _assign(self, name: str, text: str, operands: Sequence[str], may: str) -> None:
        """One line; its result over an operand that is read for the last time, where `may` names it."""
        vectors = [o for o in operands if o[:2] == "e_" or o in self.p.tape.body]
        for o in set(vectors):
            self.uses[o] -= vectors.count(o)
        into, variable = "", f"t{self.temporaries}"
        for place, o in zip("ab", operands, strict=False):
            if place in may and o in vectors and not self.uses[o] and self._owns(self._variable(o), name):
                into, variable = place, self._variable(o)
                break
        if not into:
            self.temporaries += 1
        for o in set(vectors):
            if not self.uses[o]:
                self.held.discard(self._variable(o))
        if variable[0] == "t":
            self.held.add(variable)
        self.most = max(self.most, len(self.held))
        self.place[name] = variable
        self.lines.append(f"{variable} = {text.format(into=into)}")
        gone = sorted({self._variable(o) for o in set(vectors) if not self.uses[o]} - {variable})
        self.lines += [f"del {g}" for g in gone if g[0] == "t"]

    def _owns(self, variable: str, name: str) -> bool:
        if variable[0] == "t":
            return True
        return variable[2:] in self.path and name in self.path[variable[2:]]


@lru_cache(maxsize=256)
def together(rule: Rule, fold: bool = True, what: str = "step") -> tuple[Callable, Plan, int]:
    """A step on lists, its plan, and how many temporaries of the size of all tensors it holds at once.

    ``step(stage, lists, numbers, totals)`` runs one stage; the last writes to the lists.
    """
    p = plan(rule, what)
    most, lines, known = 1, [], []
    totals: list[Any] = []
    for stage in range(len(p.sums) + 1):
        known += [f"{name} = {_expression(p, name, text)}" for name, text in p.numbers(stage)]
        sums = p.sums[stage] if stage < len(p.sums) else []
        puts = {} if sums else p.puts
        w = Writer(p, [value for _, value in sums] or list(puts.values()), puts, fold)
        most = max(most, w.most)
        body = [*known, *w.lines]
        body += [f"totals[{len(totals) + i}] += sum(map(summed, {w._variable(v)}))" for i, (_, v) in enumerate(sums)]
        body += [] if sums else _puts(w, puts)
        lines += [f"if stage == {stage}:", *_in([*body, "return"])]
        known += [f"{name} = totals[{len(totals) + i}]" for i, (name, _) in enumerate(sums)]
        totals += sums
    head = [f"{_tuple(f'e_{n}' for n in p.vectors)} = lists", f"{_tuple(f'h_{n}' for n in p.columns)} = numbers"]
    return _compiled("\n".join(["def step(stage, lists, numbers, totals):", *_in([*head, *lines])]), **LISTS), p, most


def _puts(w: Writer, puts: dict[str, str]) -> list[str]:
    """What is still to be copied, each array after all that read it."""
    left = {f"e_{n}": w._variable(value) for n, value in puts.items() if w._variable(value) != f"e_{n}"}
    lines = []
    while left:
        free = [n for n in left if n not in left.values()]
        if not free:  # two arrays change places
            n = next(iter(left))
            lines.append(f"kept_{n} = [v.clone() for v in {n}]")
            left = {m: f"kept_{n}" if source == n else source for m, source in left.items()}
            continue
        lines += [f"copy({n}, {left.pop(n)})" for n in free]
    return lines
