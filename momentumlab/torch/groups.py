"""What a parameter group says: torch's names for hyperparameters, and the numbers of an iteration."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from .. import hyper as numbers
from ..errors import short
from ..hyper import BLOCK, arguments
from ..rule import Rule

PAIR = ("beta1", "beta2")


def keys(names: Iterable[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """Hyperparameter -> key of a group: beta is momentum, beta1 and beta2 are betas, and what a class renames."""
    names = list(names)
    betas = dict.fromkeys(PAIR, "betas") if set(PAIR) <= {*names} - {*renamed} else {}
    return {n: renamed.get(n) or betas.get(n) or {"beta": "momentum"}.get(n, n) for n in names}


def told(rule: Rule) -> dict[str, float | None]:
    """The hyperparameters that a group tells, with defaults: numbers, or None where they follow from others."""
    constant = {n: v for n, v in rule.hyper.items() if rule.kinds[n] == "constant"}
    return {n: None if callable(v) else v for n, v in constant.items()}


def defaults(rule: Rule, keys: Mapping[str, str]) -> dict[str, Any]:
    """What groups tell of a rule where nothing else is given, under torch's names; a function's lr is not theirs."""
    found, values = {}, told(rule)
    for name, value in values.items():
        if name == "lr" and value is None:
            continue
        found[keys[name]] = tuple(values[n] for n in PAIR) if keys[name] == "betas" else value
    return found


def known(owner: str, group: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """The hyperparameters that a group tells: numbers in their ranges, or tensors of one element as they are."""
    found: dict[str, Any] = {}
    for name, key in keys.items():
        value = group.get(key)
        if key == "betas" and value is not None:
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise ValueError(f"{owner}: betas = {short(value)}; give two numbers")
            value = value[PAIR.index(name)]
        if isinstance(value, torch.Tensor):
            if value.numel() != 1:
                raise ValueError(
                    f"{owner}: {key} is a tensor of {value.numel()} elements; give a number or one element"
                )
            found[name] = value.squeeze() if value.dim() else value
        elif value is not None:
            found[name] = value if type(value) is float else numbers.number(owner, name, value, key)
    return found


class Numbers:
    """The hyperparameters of a rule at an iteration, from what a group tells.

    Columns that move with k come in blocks, computed as `Rule.table` computes them, so that they are the same to the
    last bit; a learning rate that a scheduler moves leaves the others as they are.
    """

    def __init__(self, owner: str, rule: Rule, keys: Mapping[str, str]) -> None:
        self.owner, self.rule, self.keys = owner, rule, keys
        self.asks = {c: self._below(c) for c in rule.columns}
        self.found: dict[str, tuple[Any, list[float], int]] = {}
        self.checked: dict[str, float] = {}

    def _below(self, column: str) -> frozenset[str]:
        found, stack = set(), [column]
        while stack:
            name = stack.pop()
            if name in self.rule.hyper and name not in found:
                found.add(name)
                value = self.rule.hyper[name]
                stack += arguments(value) if callable(value) else ()
        return frozenset(found)

    def row(self, k: int, known: Mapping[str, float]) -> tuple[float, ...]:
        """The columns of iteration k, from 1."""
        if known != self.checked:
            for name, value in known.items():
                numbers.number(self.owner, name, value, self.keys[name])
            self.checked = dict(known)
        return tuple(self._column(c, k, known) for c in self.rule.columns)

    def _column(self, c: str, k: int, known: Mapping[str, float]) -> float:
        if c in known:
            return known[c]
        if c == "k":
            return float(k)
        moving = c in self.rule.scheduled
        first = (k - 1) // BLOCK * BLOCK if moving else 0
        key = (first, *(known[n] for n in self.asks[c] if n in known))
        before, block, used = self.found.get(c, ((), [], 2))
        if before != key:
            told = {n: known[n] for n in self.asks[c] if n in known}
            if moving and used < 2:  # what it follows from moves every step: one row will do
                self.found[c] = key, [], 1
                at = np.array([float(k)])
                value = np.asarray(numbers.resolve(self.rule.hyper, (c,), {**told, "k": at})[0])
                return numbers.number(self.owner, c, value.item())
            block, used = numbers.rows(self.rule.hyper, (c,), told, first, self.rule.scheduled & {c})[:, 0].tolist(), 0
        self.found[c] = key, block, used + 1
        i = k - 1 - first if moving else 0
        if i >= len(block):
            return numbers.row(f"{self.owner}, iteration k = {k}", self.rule.hyper, (c,), known, k)[0]
        return block[i]

    def tensors(self, k: Any, known: Mapping[str, Any]) -> tuple[Any, ...]:
        """The columns as torch computes them, where the iteration, or a number, is a tensor that must remain one."""
        told = {**known, "k": k}
        try:
            return tuple(numbers.resolve(self.rule.hyper, self.rule.columns, told))
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"{self.owner}: a schedule of {self.rule.name} does not compute on tensors ({error}); "
                "leave capturable and differentiable off"
            ) from error


def floats(known: Mapping[str, Any]) -> dict[str, float]:
    """The same as Python numbers."""
    return {n: v.item() if isinstance(v, torch.Tensor) else v for n, v in known.items()}
