"""Tensors stepped: by compiled code where they lie, all together, one by one, or by torch.compile.

What a rule sums over whole vectors is summed over spans: all tensors, those of a group, or each alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import is_
from types import FunctionType
from typing import Any

import torch

from ..declare import GRADIENT, POINT, Start
from ..rule import Rule
from ..steps import Plan, plan
from . import curvature, fused, written

CALLING = dict(foreach=None, fused=None, capturable=False, differentiable=False)
"""What decides, in a group, who steps its tensors; with its defaults."""
planned = lru_cache(maxsize=256)(plan)


class Part:
    """One tensor in one step: its memory, where it belongs, the numbers of the step, and who steps it."""

    __slots__ = ("caller", "g", "group", "numbers", "p", "products", "rule", "state", "wide")

    def __init__(self, p, g, state, group, rule, numbers, caller, wide) -> None:
        self.p, self.g, self.state, self.group = p, g, state, group
        self.rule, self.numbers, self.caller = rule, numbers, caller
        self.wide = wide.to_complex() if wide is not None and p.is_complex() else wide
        self.products: dict[str, torch.Tensor] = dict.fromkeys(rule.inputs, p)  # before there are any

    def memory(self) -> list[torch.Tensor]:
        """Its products and slots."""
        return [*(self.products[n] for n in self.rule.inputs), *(self.state[n] for n in self.rule.slots)]

    def take(self, name: str, value: torch.Tensor) -> None:
        """A new value of the point or a slot; complex numbers come as pairs."""
        if self.p.is_complex():
            value = torch.view_as_complex(value)
        if name == self.rule.point:
            self.p.copy_(value)
        elif torch.is_grad_enabled():  # a step that is differentiated writes over nothing that it was made of
            self.state[name] = value
        else:
            self.state[name].copy_(value)


def start(parts: Sequence[Part], over: str) -> None:
    """Give parameters the memory that they lack."""
    seeing = []
    for part in parts:
        lacking = {n: start for n, start in part.rule.slots.items() if n not in part.state}
        there = part.p.detach() if part.wide is None else part.p.detach().to(part.wide)
        for name, value in lacking.items():
            number = 0.0 if isinstance(value, Start) else value
            both = complex(number, number) if there.is_complex() else number  # a pair of real numbers
            part.state[name] = there.clone() if value is POINT else torch.full_like(there, both)
        if GRADIENT in lacking.values():
            seeing.append(part)
    if seeing:
        move(seeing, over, what="start")


def move(parts: Sequence[Part], over: str, what: str = "step") -> None:
    """One step; or, for "start", only the gradients that memory starts with."""
    batches: dict[Any, list[Part]] = defaultdict(list)
    for part in parts:
        averages = planned(part.rule, what).means
        if averages and part.p.is_complex():
            raise TypeError(f"{part.rule.name}: slices of complex tensors are not averaged; leave centralize out")
        if averages and part.caller == "fused" and not (fused.outermost(part.p) and _first_axis(part, what)):
            part.caller = "one"
        batches[part.rule, part.caller].append(part)
    if any(planned(rule, what).sums for rule, _ in batches):
        batches = _joined(batches, over)
    for (rule, caller), batch in batches.items():
        CALLERS[caller](rule, batch, spans(batch, over), what)
    if moved := [part.p for part in parts if part.caller == "fused"]:
        torch.autograd.graph.increment_version(moved)  # which writing by address does not


def _first_axis(part: Part, what: str) -> bool:
    """Whether slices are taken across the first axis."""
    p = planned(part.rule, what)
    told = {f"h_{n}": value for n, value in zip(p.columns, part.numbers, strict=True)}
    axes = [told.get(axis, p.heads.get(axis, (axis, ""))[0]) for _, axis, _ in p.means.values()]
    return all(str(axis) in ("0", "0.0", str(float(-part.p.dim()))) for axis in axes)


def _joined(batches: dict[Any, list[Part]], over: str) -> dict[Any, list[Part]]:
    """Where sums are over tensors that different callers, or types, would step, they are stepped one by one."""
    rules = {rule for rule, _ in batches}
    if over == "all" and len(rules) > 1:
        names = " and ".join(sorted(rule.name for rule in rules))
        raise ValueError(f"norms are over all parameters, but groups follow {names}; give over='group'")
    mixed = len({(part.caller, part.p.dtype) for batch in batches.values() for part in batch}) > 1
    if over == "tensor" or not mixed:
        return batches
    for batch in batches.values():
        for part in batch:
            part.caller = "one"
    return {(rule, "one"): [p for (r, _), batch in batches.items() if r is rule for p in batch] for rule in rules}


def spans(batch: Sequence[Part], over: str) -> list[int]:
    if over == "all":
        return [0] * len(batch)
    return list(range(len(batch))) if over == "tensor" else [part.group for part in batch]


def count(parts: Iterable[Part]) -> None:
    """One more iteration; compiled code counts by itself."""
    if steps := [part.state["step"] for part in parts if part.caller != "fused"]:
        torch._foreach_add_(steps, 1.0)


# ------------------------------------------------------------------ who steps


def by_compiled_code(rule: Rule, batch: Sequence[Part], spans: Sequence[int], what: str) -> None:
    for real in {fused.REALS[part.p.dtype][0]: None for part in batch}:
        members = [i for i, part in enumerate(batch) if fused.REALS[part.p.dtype][0] == real]
        parts, lie = [batch[i] for i in members], [_where_they_lie(rule, batch[i]) for i in members]
        work, numbers = prepared(rule, parts, lie, [spans[i] for i in members], what)
        work.run(numbers)


def prepared(
    rule: Rule, parts: Sequence[Part], arrays: Sequence[Any], spans: Sequence[int], what: str = "step"
) -> tuple[fused.Work, list[Any]]:
    """The work of compiled code, which does not keep the arrays alive, and its table of numbers."""
    row, table = _rows(parts)
    counters = [part.state["step"] for part in parts]
    return fused.Work(rule, arrays, row, spans, counters, what), table


def _rows(parts: Sequence[Part]) -> tuple[tuple[int, ...], list[Any]]:
    """Which row of a table of numbers is each one's, and the table."""
    rows: dict[Any, int] = {}
    row = tuple(rows.setdefault((part.group, part.numbers), len(rows)) for part in parts)
    return row, [numbers for _, numbers in rows]


def _where_they_lie(rule: Rule, part: Part) -> list[torch.Tensor]:
    p, state = part.p, part.state
    for name in rule.slots:
        if state[name].stride() != p.stride() or state[name].dtype != p.dtype or state[name].shape != p.shape:
            state[name] = fused.like(state[name], p)
    return [p, fused.like(part.g, p), *part.memory()]


def _seen(part: Part) -> list[torch.Tensor]:
    """The arrays of its rule, in the type of the memory, complex numbers as pairs."""
    found = [part.p, part.g, *part.memory()]
    if part.wide is not None:
        found = [t.to(part.wide) for t in found]
    elif torch.is_grad_enabled():
        found[0] = part.p.clone()  # which the new point is written over
    if torch.is_complex(part.p):
        found = [torch.view_as_real(t.resolve_conj()) for t in found]
    return found


def one_by_one(rule: Rule, batch: Sequence[Part], spans: Sequence[int], what: str) -> None:
    step, p = written.one_by_one(rule, what)
    apart = curvature.by_span(batch, spans) if p.sums else [[part] for part in batch]
    for members in apart:
        arrays = [_seen(part) for part in members]
        new = step(arrays, [part.numbers for part in members])
        for part, vectors, values in zip(members, arrays, new, strict=True):
            for name, value in zip(
                p.puts, [v.clone() if any(v is t for t in vectors) else v for v in values], strict=True
            ):
                part.take(name, value)


def together(rule: Rule, batch: Sequence[Part], spans: Sequence[int], what: str) -> None:
    tensors = any(isinstance(n, torch.Tensor) for part in batch for n in part.numbers)
    step, p, most = written.together(rule, not tensors, what)
    alike: defaultdict[Any, list[int]] = defaultdict(list)
    for i, part in enumerate(batch):
        numbers = tuple(id(n) if isinstance(n, torch.Tensor) else n for n in part.numbers)
        alike[part.p.device, part.p.dtype, part.g.dtype, numbers, spans[i] if p.sums else 0].append(i)
    totals = {span: [0.0] * sum(map(len, p.sums)) for span in spans}
    chunks = [chunk for members in alike.values() for chunk in _chunks([batch[i] for i in members], members, most)]
    for stage in range(len(p.sums) + 1):
        for members in chunks:
            parts = [batch[i] for i in members]
            lists = [list(column) for column in zip(*(_seen(part) for part in parts), strict=True)]
            step(stage, lists, parts[0].numbers, totals[spans[members[0]]])
            if stage == len(p.sums) and parts[0].wide is not None:
                _narrow(p, parts, lists)


def _narrow(p: Plan, parts: Sequence[Part], lists: Sequence[list[torch.Tensor]]) -> None:
    """Values that were computed in copies, put where they belong."""
    for name, values in zip(p.vectors, lists, strict=True):
        if name in p.puts:
            for part, value in zip(parts, values, strict=True):
                part.take(name, value)


def _chunks(parts: Sequence[Part], members: Sequence[int], most: int) -> list[list[int]]:
    """Tensors in as many shares as a step holds temporaries, so that these take no more memory than one of them all."""
    share, held = -(-sum(part.p.numel() for part in parts) // max(most, 1)), 0
    chunks: list[list[int]] = [[]]
    for i, part in zip(members, parts, strict=True):
        if chunks[-1] and held + part.p.numel() > share:
            chunks.append([])
            held = 0
        chunks[-1].append(i)
        held += part.p.numel()
    return chunks


def by_torch_compile(rule: Rule, batch: Sequence[Part], spans: Sequence[int], what: str) -> None:
    p = planned(rule, what)
    for parts in curvature.by_span(batch, spans) if p.sums else [list(batch)]:
        arrays = [_seen(part) for part in parts]
        row, table = _rows(parts)
        kind = tuple((t.shape, t.dtype, t.device) for vectors in arrays for t in vectors)
        _graph(rule, what, row, kind)(arrays, [_as_tensors(p, numbers) for numbers in table])
        if any(part.wide is not None for part in parts):
            _narrow(p, parts, [list(column) for column in zip(*arrays, strict=True)])


def _as_tensors(p: Plan, numbers: Sequence[Any]) -> tuple[Any, ...]:
    """Numbers as tensors, but for those that say which slices are averaged."""
    plain = {name for _, axis, min_dim in p.means.values() for name in (axis, min_dim)}
    as_is = [isinstance(n, torch.Tensor) or f"h_{c}" in plain for c, n in zip(p.columns, numbers, strict=True)]
    floats = [0.0 if keep else n for keep, n in zip(as_is, numbers, strict=True)]
    made = torch.tensor(floats, dtype=torch.float64).unbind()
    return tuple(n if keep else m for keep, n, m in zip(as_is, numbers, made, strict=True))


@lru_cache(maxsize=64)
def _graph(rule: Rule, what: str, row: tuple[int, ...], kind: Any) -> Callable:
    """The step of tensors of these kinds as one graph; numbers are tensors, so that no schedule compiles it again."""
    step, p = written.one_by_one(rule, what)
    places = [p.vectors.index(n) for n in p.puts]

    def run(arrays, numbers):
        for vectors, values in zip(arrays, step(arrays, [numbers[i] for i in row]), strict=True):
            for place, value in zip(places, values, strict=True):
                vectors[place].copy_(value)

    own = FunctionType(run.__code__.replace(co_name=f"step_{rule.name}"), globals(), None, None, run.__closure__)
    return torch.compile(own, dynamic=False)


CALLERS = {"fused": by_compiled_code, "one": one_by_one, "lists": together, "compiled": by_torch_compile}


# ------------------------------------------------------------------ the same tensors again


LISTS = ("params", "param_names")


def _fixed(value: Any) -> bool:
    """Whether it cannot be changed in place, as a tensor can."""
    return (
        value is None or isinstance(value, (float, int, str)) or (isinstance(value, tuple) and all(map(_fixed, value)))
    )


def _same(now: Sequence[torch.Tensor], params: Sequence[torch.Tensor]) -> bool:
    return len(now) == len(params) and all(map(is_, now, params))


class Again:
    """Steps of the same tensors by compiled code, prepared once: what must still hold is looked at each time."""

    def __init__(self, optimizer, parts: Sequence[Part]) -> None:
        rule = parts[0].rule
        arrays = [_where_they_lie(rule, part) for part in parts]
        self.work, _ = prepared(rule, parts, arrays, spans(parts, optimizer.over))
        self.scheduled, self.over = bool(rule.scheduled), optimizer.over
        self.groups = [
            ((optimizer._rule(i, g)[0], *(g[n] for n in CALLING)), tuple(g["params"]))
            for i, g in enumerate(optimizer.param_groups)
        ]
        self.members: defaultdict[int, list[torch.Tensor]] = defaultdict(list)
        for part in parts:
            self.members[part.group].append(part.state["step"])
        self.held = [
            (
                part.p,
                part.p.data_ptr(),
                part.p.shape,
                part.p.stride(),
                part.p.dtype,
                part.state,
                [(n, part.state[n], part.state[n].data_ptr(), part.state[n].shape) for n in ("step", *rule.slots)],
            )
            for part in parts
        ]
        taken = {part.p for part in parts}
        self.idle = [p for group in optimizer.param_groups for p in group["params"] if p not in taken]
        self.moved = [part.p for part in parts]
        self.told: list[dict[str, Any]] = []
        self.numbers: list[Any] | None = None

    @staticmethod
    def may(parts: Sequence[Part]) -> bool:
        """Whether one table of numbers, a row for each group, will do for these."""
        if not parts or parts[0].rule.inputs:
            return False
        first = parts[0]
        as_first = lambda q: q.caller == "fused" and q.rule is first.rule and q.p.dtype is first.p.dtype
        alike = all(as_first(q) and q.g.stride() == q.p.stride() for q in parts)
        rows = {(q.group, q.numbers, q.state["step"].item() if q.rule.scheduled else 0) for q in parts}
        return alike and not first.p.is_complex() and len(rows) == len({q.group for q in parts})

    def step(self, optimizer) -> bool:
        """One step, if all is as it was."""
        if not self._groups_hold(optimizer) or any(p.grad is not None for p in self.idle):
            return False
        if (gradients := self._gradients(optimizer.state)) is None:
            return False
        if self.numbers is None or self.scheduled:
            numbers = []
            for index, steps in self.members.items():
                counts = {step.item() for step in (steps if self.scheduled else steps[:1])}
                if len(counts) > 1:
                    return False
                numbers.append(optimizer.row(optimizer.param_groups[index], *self.rules[index], int(counts.pop()) + 1))
            self.numbers = numbers
        self.work.point(gradients)
        self.work.run(self.numbers)
        torch.autograd.graph.increment_version(self.moved)
        return True

    def _groups_hold(self, optimizer) -> bool:
        found = optimizer.param_groups
        if (
            len(found) != len(self.groups)
            or self.over != optimizer.over
            or self.work.threads != torch.get_num_threads()
        ):
            return False
        if self._as_told(found):
            return True
        self.rules, self.told, self.numbers = [], [], None
        for i, (group, (signature, params)) in enumerate(zip(found, self.groups, strict=True)):
            self.rules.append(optimizer._rule(i, group))
            if not _same(group["params"], params) or (self.rules[-1][0], *(group[n] for n in CALLING)) != signature:
                return False
        if all(_fixed(value) for group in found for name, value in group.items() if name not in LISTS):
            self.told = [dict(group) for group in found]
        return True

    def _as_told(self, found: Sequence[dict[str, Any]]) -> bool:
        """Whether groups say what they said last, so that rules and numbers are what they were."""
        if not self.told:
            return False
        for group, told, (_, params) in zip(found, self.told, self.groups, strict=True):
            if group["params"] is not told["params"] or not _same(group["params"], params):
                return False
            try:
                if group != told:
                    return False
            except (RuntimeError, ValueError):  # of an array, which is neither equal nor not
                return False
        return True

    def _gradients(self, state: Any) -> list[int] | None:
        """The addresses of gradients, where every tensor lies where it did."""
        found, strided = [], torch.strided
        for p, address, shape, stride, dtype, memory, held in self.held:
            g = p.grad
            if g is None or g.layout is not strided or g.dtype is not dtype or g.is_neg():
                return None
            if g.shape != shape or g.stride() != stride or p.shape != shape or p.stride() != stride:
                return None
            if p.data_ptr() != address or p.dtype is not dtype or state.get(p) is not memory:
                return None
            for name, tensor, place, size in held:
                if memory.get(name) is not tensor or tensor.data_ptr() != place or tensor.shape != size:
                    return None
            found.append(g.data_ptr())
            if not found[-1] and g.numel():  # a gradient of zeros that takes no memory
                return None
        return found
