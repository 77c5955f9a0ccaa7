"""What a rule may use beside + - * / and comparisons: each function asks its argument's library for the operation.

The same rule therefore runs on floats, NumPy arrays, torch tensors, SymPy expressions and on the
tracer's unknowns. `where`, `maximum` and `minimum` stand in for branches; `dot`, `norm` and `slice_mean`
read whole vectors and belong to measured hyperparameters, never to the body of a rule.
"""

import math
from typing import Any

import numpy as np


def sqrt(a: Any) -> Any:
    """√a, elementwise; nan where a < 0."""
    return _library(a).sqrt(a)


def maximum(a: Any, b: Any) -> Any:
    """The larger of a and b, elementwise; nan where either is."""
    return _library(a, b).maximum(a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b, elementwise; nan where either is."""
    return _library(a, b).minimum(a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere."""
    return _library(condition, a, b).where(condition, a, b)


def dot(a: Any, b: Any) -> Any:
    """Σ aᵢbᵢ; on arrays, as in the compiled loop, summed from the first coordinate to the last."""
    return _library(a, b).dot(a, b)


def norm(a: Any) -> Any:
    """‖a‖₂."""
    return sqrt(dot(a, a))


def slice_mean(a: Any, axis: Any = 0, min_dim: Any = 2) -> Any:
    """The mean of each slice across `axis`, spread over that slice; 0 where a has fewer than `min_dim` dimensions.

    On the weights of a layer, whose first axis counts its units: the mean of each unit's weights.
    """
    return _library(a).slice_mean(a, axis, min_dim)


# ------------------------------------------------------------------ what preconditioners do to whole arrays


def keep_pair(s: Any, g: Any, last: Any, step: Any, change: Any) -> tuple[Any, Any, Any]:
    """step ← s, change ← y = g − last, last ← g; and (s·s, s·y, y·y). In one pass where it is compiled."""
    step[:], change[:] = s, g - last
    last[:] = g
    return dot(s, s), dot(s, change), dot(change, change)


def products(W: Any, at: Any, v: Any, out: Any) -> None:
    """outᵢ ← v · W[atᵢ], each summed from the first coordinate to the last."""
    for i, r in enumerate(at.astype(int)):
        out[i] = dot(W[r], v)


def combine(gamma: Any, v: Any, c: Any, W: Any, at: Any, out: Any) -> None:
    """out ← γv + Σ cᵢ W[atᵢ], added in their order; out may be v."""
    total = gamma * v
    for i, r in enumerate(at.astype(int)):
        total = total + c[i] * W[r]
    out[:] = total


def blend(a: Any, u: Any, b: Any, v: Any, out: Any) -> None:
    """out ← au + bv; out may be either."""
    out[:] = a * u + b * v


def turn(rows: Any, v: Any, out: Any) -> None:
    """B ← B + bbᵀ − aaᵀ and b, a ← 0, where B, b, a are the rows; out ← Bᵀv, from the first row to the last.

    In one pass where it is compiled.
    """
    B, b, a = rows[:-2], rows[-2], rows[-1]
    B += b[:, None] * b - a[:, None] * a
    b[:], a[:] = 0.0, 0.0
    out[:] = np.add.accumulate(v[:, None] * B, axis=0)[-1] + 0.0


def _library(*values: Any) -> Any:
    for value in values:
        if type(value) not in (bool, int, float):
            own = getattr(value, "ops", None) or _LIBRARIES.get(_home(type(value)))
            for kind in type(value).__mro__ if own is None else ():
                own = own or _LIBRARIES.get(_home(kind))
            if own is None:
                raise TypeError(f"{value!r} is not a number, a NumPy array, a torch tensor or a SymPy expression")
            return own
    return _Floats


def _dimension(axis: Any, a: Any) -> int:
    if axis != axis // 1 or not -a.ndim <= axis < a.ndim:
        raise ValueError(f"axis = {axis:g} is none of the {a.ndim} dimensions of x, whose shape is {tuple(a.shape)}")
    return int(axis) % a.ndim


def _home(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


class _Floats:
    @staticmethod
    def sqrt(a):
        return math.sqrt(a) if a >= 0 else math.nan

    @staticmethod
    def maximum(a, b):
        return a if a >= b or a != a else b

    @staticmethod
    def minimum(a, b):
        return a if a <= b or a != a else b

    @staticmethod
    def where(condition, a, b):
        return a if condition else b

    @staticmethod
    def dot(a, b):
        raise TypeError("dot and norm take vectors")

    @staticmethod
    def slice_mean(a, axis, min_dim):
        return 0.0


class _NumPy:
    sqrt = np.sqrt

    @staticmethod
    def maximum(a, b):  # np.maximum leaves open which zero is the larger
        return np.where((a >= b) | (a != a), a, b)[()]

    @staticmethod
    def minimum(a, b):
        return np.where((a <= b) | (a != a), a, b)[()]

    @staticmethod
    def where(condition, a, b):
        return np.where(condition, a, b)[()]

    @staticmethod
    def dot(a, b):
        return np.add.accumulate((a * b).ravel())[-1] + 0.0  # as a sum that starts at 0.0, not at -0.0

    @staticmethod
    def slice_mean(a, axis, min_dim):
        if a.ndim < min_dim:
            return 0.0
        d = _dimension(axis, a)
        slices = np.moveaxis(a, d, 0).reshape(a.shape[d], -1)
        means = (np.add.accumulate(slices, axis=1)[:, -1] + 0.0) / slices.shape[1]
        return np.expand_dims(means, [i for i in range(a.ndim) if i != d])


class _Torch:
    @staticmethod
    def sqrt(a):
        return a.sqrt()

    @staticmethod
    def maximum(a, b):
        return _Torch._clip("maximum", "min", a, b)

    @staticmethod
    def minimum(a, b):
        return _Torch._clip("minimum", "max", a, b)

    @staticmethod
    def _clip(both, bound, a, b):
        import torch

        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            return getattr(torch, both)(a, b)
        tensor, number = (a, b) if isinstance(a, torch.Tensor) else (b, a)
        return torch.clamp(tensor, **{bound: number})

    @staticmethod
    def where(condition, a, b):
        import torch

        if not isinstance(condition, torch.Tensor):
            return a if condition else b
        if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor):  # else torch takes float32
            a = torch.tensor(a, dtype=torch.float64, device=condition.device)
        return torch.where(condition, a, b)

    @staticmethod
    def dot(a, b):
        return (a * b).sum()

    @staticmethod
    def slice_mean(a, axis, min_dim):
        if a.dim() < min_dim:
            return 0.0
        d = _dimension(axis, a)
        return a.mean([i for i in range(a.dim()) if i != d], keepdim=True)


class _SymPy:
    @staticmethod
    def sqrt(a):
        import sympy

        return sympy.sqrt(a)

    @staticmethod
    def maximum(a, b):
        import sympy

        return sympy.Max(a, b)

    @staticmethod
    def minimum(a, b):
        import sympy

        return sympy.Min(a, b)

    @staticmethod
    def where(condition, a, b):
        import sympy

        return sympy.Piecewise((a, condition), (b, True))

    @staticmethod
    def dot(a, b):
        import sympy

        return sympy.Function("dot")(a, b)

    @staticmethod
    def slice_mean(a, axis, min_dim):
        return 0  # a symbol stands for one coordinate


_LIBRARIES = {"numpy": _NumPy, "torch": _Torch, "sympy": _SymPy}
