"""What a rule does, read off the rule itself: its equations, its memory, its hyperparameters and their ranges."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import needs
from .hyper import arguments, range_of, shown
from .loops import step_lines
from .method import Method
from .minimize import as_method
from .rule import Rule, Start

SYMBOLS = {
    "lr": "alpha",
    "kd": "k_d",
    "Kd": "K_d",
    "eps": "epsilon",
    "eps_root": "epsilon_0",
    "weight_decay": "lambda",
    "dampening": "tau",
    "max_norm": "G",
    "g_prev": "g_-",
    "g_mean": "gbar",
}
"""The letters of names that are no letters themselves."""
WIDE = 100  # columns, beyond which a formula is left out of the text


def explain(method: Method | Rule | str) -> "Explanation":
    """What a rule does: its equations, as SymPy reads them off the function that runs, and what they are made of.

    Parameters
    ----------
    method : Method, Rule or str
        Bound or not, or the name of a rule.

    Returns
    -------
    Explanation
        Printed as text, rendered in a notebook.

    Raises
    ------
    ImportError
        Where SymPy is not installed.
    TypeError, ValueError
        Where it is no method, or there is no such rule.

    Examples
    --------
    >>> print(explain("pid_ema"))  # doctest: +SKIP
    pid_ema
    An et al. (2018): v⁺ = βv − αg, d averages differences of gradients, x⁺ = x + v⁺ − K_d d⁺.
    <BLANKLINE>
    One step, from the gradient g at x
      g⁺₋ = g
    ...
    """
    needs("explain", "sympy")
    if isinstance(method, Rule):
        by = method.preconditioner
        return Explanation(Method(method, (), method.default_search({}), by, method.default_index(by)))
    return Explanation(as_method(method))


@dataclass(frozen=True, repr=False)
class Explanation:
    """What `explain` returns.

    Attributes
    ----------
    method : Method
    """

    method: Method

    @property
    def rule(self) -> Rule:
        return self.method.bound_rule

    @property
    def title(self) -> str:
        return str(self.method) if str(self.method) != f"{self.rule.name}()" else self.rule.name

    @cached_property
    def symbols(self) -> dict[str, Any]:
        """A SymPy symbol for every vector and hyperparameter, and for k."""
        from sympy import Symbol

        names = [*self.rule.vectors, *self.rule.hyper]
        letters = {n: n if SYMBOLS.get(n) in names else SYMBOLS.get(n, n) for n in names}
        positive = {n for n in self.rule.hyper if range_of(n)[1] == "0"}
        found = {n: Symbol(letters[n], real=True, nonnegative=n in positive or None) for n in names}
        return {**found, "k": Symbol("k", integer=True, positive=True)}

    @cached_property
    def equations(self) -> dict[str, Any]:
        """One step: the new value of each slot and of the point, as expressions of `symbols` and of new values."""
        symbols, r = self.symbols, self.rule
        if re.search(r"(?<![\w.])([\w.]+) (==|!=) (?!\1[^\w.])", step_lines(r)):
            raise TypeError(f"{r.name} asks whether numbers are equal, which SymPy takes for how they are written")
        x, g, *rest = (symbols[n] for n in r.vectors)
        point, *new = r.advance(x, g, rest, {n: symbols[n] for n in r.hyper})
        slots = sorted(zip(r.slots, map(_whole, new), strict=True), key=lambda slot: _size(slot[1]))
        found: dict[str, Any] = {}
        for name, value in (*slots, (r.point, _whole(point))):
            for earlier, known in found.items():
                if not known.is_Symbol:
                    value = self._plainest(value, earlier, known)
            found[name] = value
        return found

    def _plainest(self, value: Any, slot: str, known: Any) -> Any:
        """The shortest of an expression as it is, with a slot's new value in it, and with that for the old one."""
        old, new = self.symbols[slot], self.next(slot)
        candidates = [value, value.subs(known, new)]
        slope = known.diff(old)
        if known.is_polynomial(old) and slope != 0 and not slope.has(old):
            candidates.append(value.subs(old, (new - known.subs(old, 0)) / slope).expand())
        return min(candidates, key=lambda e: (_size(e), e.has(old)))

    def next(self, name: str) -> Any:
        """The symbol of a vector's new value."""
        from sympy import Symbol

        return Symbol(f"{self.symbols[name].name}^+", real=True)

    @cached_property
    def functions(self) -> dict[str, Any]:
        """The hyperparameters that are functions of others, of k or of vectors: as expressions, where SymPy can."""
        functions = {n: v for n, v in self.rule.hyper.items() if callable(v)}
        return {n: e for n, e in _expressions(functions, self.symbols).items() if e.free_symbols}

    @cached_property
    def tuning(self) -> dict[Any, Any]:
        """What theory sets hyperparameters to on μ-strongly convex, L-smooth functions."""
        from sympy import Symbol

        constants = {n: Symbol(n, positive=True) for n in ("mu", "L")}
        tuning = self.method.base.tuning
        symbols = {**{n: Symbol(n, positive=True) for n in tuning}, **self.symbols, **constants}
        return {symbols[n]: e for n, e in _expressions(tuning, symbols).items()}

    @property
    def memory(self) -> dict[str, str]:
        """How each slot starts."""
        return {n: s.value if isinstance(s, Start) else shown(s) for n, s in self.rule.slots.items()}

    @property
    def products(self) -> dict[str, str]:
        """What each product is, which a preconditioner supplies."""
        by, index = self.method.preconditioner, self.method.index
        source = f", B by {by!r}, {index}" if by is not None else ", by a preconditioner that is to be given"
        return {n: f"{'B' if n[0] == 'B' else 'B⁻¹'}·{n[1:]}{source}" for n in self.rule.inputs}

    @property
    def values(self) -> dict[str, str]:
        """Each hyperparameter's value, or what it is a function of."""
        found = {n: shown(v) for n, v in self.rule.hyper.items()}
        return found | ({"lr": f"found by {self.method.search}"} if self.method.search else {})

    @property
    def latex(self) -> list[str]:
        """The equations, for LaTeX."""
        from sympy import latex

        return [latex(_equation(self.next(n), v)) for n, v in self.equations.items()]

    def record(self) -> dict[str, Any]:
        """Plain values: the equations in LaTeX, the memory and the hyperparameters."""
        kinds = self.rule.kinds
        return {
            "name": self.title,
            "source": self.rule.doc,
            "equations": self.latex,
            "products": self.products,
            "memory": self.memory,
            "hyperparameters": {n: dict(value=v, kind=kinds[n], range=range_of(n)) for n, v in self.values.items()},
        }

    def __str__(self) -> str:
        r, letters = self.rule, {n: _drawn(s) for n, s in self.symbols.items()}
        lines = [self.title, r.doc, "", f"One step, from the gradient g at {letters[r.point]}"]
        lines += _block({self.next(n): v for n, v in self.equations.items()})
        drawn = {n: text for n, v in self.functions.items() if _width(text := _drawn(v)) <= WIDE}
        inline = {n: text for n, text in drawn.items() if "\n" not in text}
        if tall := {self.symbols[n]: self.functions[n] for n in drawn if n not in inline}:
            lines += ["with", *_block(tall)]
        if self.tuning:
            lines += ["tuned, for μ and L, to", *_block(self.tuning)]
        if r.inputs:
            lines += ["Products", *_columns([(letters[n], s) for n, s in self.products.items()]), ""]
        if r.slots:
            lines += ["Memory", *_columns([(letters[n], f"starts as {s}") for n, s in self.memory.items()]), ""]
        values = self.values | inline
        rows = [(letters[n], n, values[n], r.kinds[n], range_of(n)) for n in r.hyper]
        return "\n".join([*lines, "Hyperparameters", *_columns(rows)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        r, letters = self.rule, {n: _math(s) for n, s in self.symbols.items()}
        given = {n: escape(v) for n, v in self.values.items()} | {n: _math(v) for n, v in self.functions.items()}
        hyper = [(letters[n], n, given[n], r.kinds[n], range_of(n)) for n in r.hyper]
        parts = [
            f"<b>{escape(self.title)}</b><p>{escape(r.doc)}</p>",
            f"<p>One step, from the gradient {letters['g']} at {letters[r.point]}:</p>",
            *(f"$${equation}$$" for equation in self.latex),
            _table(("tuned, for μ and L, to",), [(f"{_math(n)} = {_math(v)}",) for n, v in self.tuning.items()]),
            _table(("product", "is"), [(letters[n], escape(s)) for n, s in self.products.items()]),
            _table(("memory", "starts as"), [(letters[n], s) for n, s in self.memory.items()]),
            _table(("", "hyperparameter", "value", "kind", "range"), hyper),
        ]
        return "\n".join(parts)


def _expressions(given: Mapping[str, Any], symbols: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, and functions of what their arguments name, as expressions; those written for numbers alone left out."""
    found = {}
    for name, value in given.items():
        with suppress(Exception):  # whatever such a function raises on symbols
            found[name] = _whole(value(*(symbols[a] for a in arguments(value))) if callable(value) else value)
    return found


def _whole(expression: Any) -> Any:
    """Without 1.0 where 1 is meant."""
    from sympy import Float, Integer, sympify

    expression = sympify(expression)
    return expression.xreplace({f: Integer(int(f)) for f in expression.atoms(Float) if float(f).is_integer()})


def _size(expression: Any) -> int:
    return expression.count_ops()


def _equation(left: Any, right: Any) -> Any:
    from sympy import Eq

    return Eq(left, right, evaluate=False)


def _drawn(expression: Any) -> str:
    from sympy import pretty

    return pretty(expression, use_unicode=True, wrap_line=False)


def _width(text: str) -> int:
    return max(map(len, text.splitlines()))


def _block(equations: Mapping[Any, Any]) -> list[str]:
    drawn = [_drawn(_equation(left, right)).splitlines() for left, right in equations.items()]
    return [f"  {line}".rstrip() for lines in drawn for line in (*lines, "")]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _math(expression: Any) -> str:
    from sympy import latex

    return f"\\({latex(expression)}\\)"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    line = lambda tag, cells: "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"
    return f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>" if rows else ""
