"""One step of a rule on many arrays: what it waits for, and the text of its loops.

Sums over whole vectors, which measured hyperparameters ask for, divide a step into stages: each stage goes over all
arrays once, and what it sums is known in the next. The last stage moves the point and the slots.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from textwrap import indent

from .declare import GRADIENT
from .trace import COMPARISON, LOGIC, MEANS, SUM, Tape, begun

COLUMNS = ("size", "row", "span", "slices", "ndim", "counter")
"""What is known of each piece of work, before the addresses of its arrays; a counter is an address too, or 0."""
WITHIN, PLACE = "for j in range(last - first):", "i = uint64(first + j)"
"""A loop over a slice; compilers vectorise it where they know that an index is not negative."""
TRUTHS = {*COMPARISON.values(), *LOGIC.values()}


@dataclass(frozen=True)
class Plan:
    """A rule's step, or its start, written down for many arrays.

    Attributes
    ----------
    tape : Tape
    vectors : tuple of str
        The arrays, in their order: the point, its gradient, products, slots.
    puts : mapping of str to str
        What each array becomes, by the name of a value.
    columns : tuple of str
        The hyperparameters that it reads.
    """

    tape: Tape
    vectors: tuple[str, ...]
    puts: dict[str, str]
    columns: tuple[str, ...]

    @cached_property
    def heads(self) -> dict[str, tuple[str, str]]:
        """Each number of the step: its text, and the loop that it takes."""
        return {name: (text, loop) for name, text, loop in self.tape.head}

    def words(self, name: str) -> list[str]:
        """The names that a value is made of."""
        if name in self.tape.spreads:
            return [self.tape.spreads[name]]
        return re.findall(r"\b(?:_\d+|[eh]_\w+)", self.tape.body.get(name) or self.heads.get(name, ("", ""))[0])

    @cached_property
    def stages(self) -> dict[str, int]:
        """How many stages pass before each value is known."""
        found: dict[str, int] = {}

        def stage(name: str) -> int:
            if name not in found:
                waits = max(map(stage, self.words(name)), default=0)
                found[name] = waits + (self.heads.get(name, ("", ""))[1] == SUM)
            return found[name]

        for name in (*self.heads, *self.tape.body):
            stage(name)
        return found

    @cached_property
    def needed(self) -> frozenset[str]:
        """The values on which the result depends."""
        return frozenset(self._below(self.puts.values()))

    def _below(self, values: Iterable[str], within: bool = False) -> set[str]:
        """All that some values are made of; `within`: by the lines of a loop over coordinates alone."""
        found, stack = set(), list(values)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                if not within or (name in self.tape.body and name not in self.tape.spreads):
                    stack += self.words(name)
        return found

    @cached_property
    def sums(self) -> list[list[tuple[str, str]]]:
        """The sums of each stage but the last: their names, and what is summed."""
        last = max((self.stages[n] for n in self.needed if n in self.stages), default=0)
        found: list[list[tuple[str, str]]] = [[] for _ in range(last)]
        for name, (text, loop) in self.heads.items():
            if loop == SUM and name in self.needed:
                found[self.stages[name] - 1].append((name, text))
        return found

    @cached_property
    def means(self) -> dict[str, tuple[str, str, str]]:
        """The means over slices: what is averaged, across which axis, from how many dimensions on."""
        return {
            name: tuple(text.split(", "))  # type: ignore[misc]
            for name, (text, loop) in self.heads.items()
            if loop == MEANS and name in self.needed
        }

    def numbers(self, stage: int) -> Iterator[tuple[str, str]]:
        """The numbers that are first known in a stage, by what is known before, and their texts."""
        for name, (text, loop) in self.heads.items():
            if not loop and name in self.needed and self.stages[name] == stage:
                yield name, text

    def lines(self, values: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
        """A loop that reaches these values: the lines in it, the vectors that it reads, and the numbers."""
        inside = self._below(values, within=True)
        lines = [n for n in self.tape.body if n in inside and n not in self.tape.spreads]
        reads = [n for n in self.vectors if f"e_{n}" in inside]
        return lines, reads, sorted(n for n in inside if n not in lines and n[:2] != "e_")

    def slices(self, values: Iterable[str]) -> list[tuple[str, str]]:
        """The means that a loop to these values needs, each after those that it needs: spread name, means name."""
        spread = {means: name for name, means in self.tape.spreads.items()}
        below = self._below(values)
        return [(spread[n], n) for n in self.means if n in below]


def plan(rule, what: str = "step") -> Plan:
    """One step of a rule; "start", what starts as the gradient that it sees; or "seen", that gradient."""
    tape, (x, g, *rest), row = begun(rule)
    if what == "step":
        moved = rule.advance(x, g, rest, row)
        results = zip((rule.point, *rule.slots), moved, strict=True)
        puts = {n: value.name for n, value in results if value.name != f"e_{n}"}
    else:
        names = ["g"] if what == "seen" else [n for n, start in rule.slots.items() if start is GRADIENT]
        puts = dict.fromkeys(names, rule.seen(x, g, row).name)
    return Plan(tape, rule.vectors, puts, rule.columns)


# ------------------------------------------------------------------ as text, to be compiled


def kernel(p: Plan) -> str:
    """The stages of a step as text, for elements of the type `real`.

    ``step(stage, worker, begin, end, work, numbers, sums)`` goes over pieces of work, whose rows hold the
    numbers of `COLUMNS`, then addresses. ``sums[worker, span]`` takes what a stage sums.
    """
    functions, body, first = [], [], 0
    place = {n: f"work[item, {i}]" for i, n in enumerate((*COLUMNS, *p.vectors))}
    body += [f"{', '.join(COLUMNS)} = {', '.join(place[n] for n in COLUMNS)}"]
    body += [f"a_{n} = carray(pointer({place[n]}), (size,), real)" for n in p.vectors]
    body += [f"h_{n} = numbers[row, {i}]" for i, n in enumerate(p.columns)]
    for stage, sums in enumerate(p.sums):
        names = [n for n, _ in sums]
        puts = [f"{name} += float64({value})" for name, value in sums]
        text, call = _loop(p, f"total_{stage}", [v for _, v in sums], [], puts, names)
        functions.append(text)
        body += [f"{name} = {text}" for name, text in p.numbers(stage)]
        places = range(first, first + len(sums))
        so_far = [f"w_{name} = sums[worker, span, {i}]" for name, i in zip(names, places, strict=True)]
        adds = [f"sums[worker, span, {i}] = {name}" for name, i in zip(names, places, strict=True)]
        body += [f"if stage == {stage}:", *_in([*so_far, f"{', '.join(names)}, = {call}", *adds, "continue"])]
        body += [f"{name} = total(sums, span, {i})" for name, i in zip(names, places, strict=True)]
        first += len(sums)
    puts = [f"a_{n}[i] = {value}" for n, value in p.puts.items()]
    text, call = _loop(p, "move", list(p.puts.values()), list(p.puts), puts, [])
    functions.append(text)
    body += [*(f"{name} = {text}" for name, text in p.numbers(len(p.sums))), call, "count(counter)"]
    head = "def step(stage, worker, begin, end, work, numbers, sums):\n    for item in range(begin, end):\n"
    return "\n\n".join([*functions, head + indent("\n".join(body), " " * 8)]) + "\n"


def _in(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _function(name: str, summing: bool, arguments: Iterable[str], body: Iterable[str]) -> str:
    return "\n".join([f"@{'summing' if summing else 'plain'}", f"def {name}({', '.join(arguments)}):", *_in(body)])


def _loop(p: Plan, name: str, values: list[str], writes: list[str], puts: list[str], returns: list[str]):
    """A function with a loop over coordinates, slice by slice where it takes means; and the call of it.

    Numbers come to it in double, as `w_`, and enter the loop as the elements are.
    """
    lines, read, numbers = p.lines(values)
    texts, before, slices = [], [], p.slices(values)
    spreads, reads, taken = {spread for spread, _ in slices}, set(read), set(numbers)
    for spread, means in slices:
        value, _, min_dim = p.means[means]
        inner, mean_reads, mean_numbers = p.lines([value])
        arguments = [*(f"a_{n}" for n in mean_reads), *(f"w_{n}" for n in mean_numbers), "first", "last"]
        loop = [*_narrowed(p, mean_numbers), "total = 0.0", WITHIN]
        loop += [*_in([PLACE, *_elements(p, mean_reads, inner), f"total += float64({value})"]), "return total"]
        texts.append(_function(f"{name}{means}", True, arguments, loop))
        least = f"w_{min_dim}" if min_dim in (f"h_{n}" for n in p.columns) else min_dim
        before += [f"w_{spread} = 0.0", f"if ndim >= {least}:"]
        before += _in([f"w_{spread} = {name}{means}({', '.join(arguments)}) / (last - first)"])
        before += _narrowed(p, [spread])
        reads |= set(mean_reads)
        taken |= {*mean_numbers, *([min_dim] if least != min_dim else [])}
    arrays, free = [n for n in p.vectors if n in reads or n in writes], sorted(taken - spreads)
    tail = [f"return {', '.join(returns)},"] if returns else []
    loop = [*_narrowed(p, [n for n in numbers if n not in spreads]), *(f"{n} = w_{n}" for n in returns)]
    body = _in([*_elements(p, read, lines), *puts])
    if slices:
        each = ["first, last = s * length, (s + 1) * length", *before, WITHIN, f"    {PLACE}", *body]
        loop += [f"length = a_{arrays[0]}.size // slices", "for s in range(slices):", *_in(each)]
    else:
        loop += [f"for i in range(a_{arrays[0]}.size):", *body]
    given = [f"a_{n}" for n in arrays]
    more = [*(f"w_{n}" for n in returns), *(["slices", "ndim"] if slices else [])]
    texts.append(_function(name, bool(returns), [*given, *(f"w_{n}" for n in free), *more], [*loop, *tail]))
    return "\n\n".join(texts), f"{name}({', '.join([*given, *free, *more])})"


def _narrowed(p: Plan, numbers: Iterable[str]) -> list[str]:
    """Numbers as the elements are, but for conditions."""
    truth = lambda n: p.tape.calls.get(n, ("",))[0] in TRUTHS
    return [f"{n} = w_{n}" if truth(n) else f"{n} = real(w_{n})" for n in numbers]


def _elements(p: Plan, reads: Iterable[str], lines: Iterable[str]) -> list[str]:
    return [*(f"e_{n} = a_{n}[i]" for n in reads), *(f"{n} = {p.tape.body[n]}" for n in lines)]
