"""The functions of searches and preconditioners, compiled, and under them `ops` on whole arrays as loops."""

import hashlib
import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from .. import curvature, searches
from .functions import KERNELS, Pointer, compile_cached, helper


@helper()
def dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@helper()
def keep_pair(s, g, last, step, change):
    ss, sy, yy = 0.0, 0.0, 0.0
    for i in range(s.size):
        a, y = s[i], g[i] - last[i]
        step[i], change[i], last[i] = a, y, g[i]
        ss += a * a
        sy += a * y
        yy += y * y
    return ss, sy, yy


ROWS_AT_ONCE = """\
@helper()
def products_{wide}(W, at, v, out):
    {rows}
    {zeros}
    for i in range(v.size):
        {sums}
    {results}

@helper()
def combine_{wide}(gamma, v, c, W, at, out):
    {rows}
    {shares}
    for i in range(v.size):
        out[i] = gamma * v[i] + {total}
"""
"""Sums over several rows at a time do not wait for each other, and v is read once for all of them."""


def _rows_at_once(wide: int) -> tuple[Callable, Callable]:
    each = lambda text, join="; ": join.join(text.format(j=j) for j in range(wide))
    text = ROWS_AT_ONCE.format(
        wide=wide,
        rows=each("w{j} = W[int(at[{j}])]"),
        zeros=each("t{j} = 0.0"),
        sums=each("t{j} += w{j}[i] * v[i]"),
        results=each("out[{j}] = t{j}"),
        shares=each("c{j} = c[{j}]"),
        total=each("c{j} * w{j}[i]", " + "),
    )
    scope: dict[str, Any] = {"helper": helper}
    exec(text, scope)  # noqa: S102 - the text above
    return scope[f"products_{wide}"], scope[f"combine_{wide}"]


products_10, combine_10 = _rows_at_once(10)
products_4, combine_4 = _rows_at_once(4)
products_1, combine_1 = _rows_at_once(1)


@helper()
def products(W, at, v, out):
    done = 0
    while done < at.size:
        left = at.size - done
        if left >= 10:
            products_10(W, at[done:], v, out[done:])
            done += 10
        elif left >= 4:
            products_4(W, at[done:], v, out[done:])
            done += 4
        else:
            products_1(W, at[done:], v, out[done:])
            done += 1


@helper()
def combine(gamma, v, c, W, at, out):
    done, base = 0, v
    while done < at.size:
        left = at.size - done
        if left >= 10:
            combine_10(gamma, base, c[done:], W, at[done:], out)
            done += 10
        elif left >= 4:
            combine_4(gamma, base, c[done:], W, at[done:], out)
            done += 4
        else:
            combine_1(gamma, base, c[done:], W, at[done:], out)
            done += 1
        gamma, base = 1.0, out
    if done == 0:
        for i in range(out.size):
            out[i] = gamma * v[i]


@helper()
def blend(a, u, b, v, out):
    for i in range(out.size):
        out[i] = a * u[i] + b * v[i]


@helper()
def turn(rows, v, out):
    n = v.size
    b, a = rows[n], rows[n + 1]
    for j in range(n):
        out[j] = 0.0
    for i in range(n):
        up, down, weight = b[i], a[i], v[i]
        for j in range(n):
            entry = rows[i, j] + (up * b[j] - down * a[j])
            rows[i, j] = entry
            out[j] += weight * entry
    for i in range(n):
        b[i], a[i] = 0.0, 0.0


@helper()
def where(condition, a, b):
    return a if condition else b


IN_LOOPS = dict(
    dot=dot, keep_pair=keep_pair, products=products, combine=combine, blend=blend, turn=turn, where=where, sqrt=np.sqrt
)


# ------------------------------------------------------------------ what is made of them


@cache
def kernels() -> dict[str, Any]:
    """The functions of searches and preconditioners, compiled: they call each other, and `ops` as written here."""
    ours = {n: v for module in (searches, curvature) for n, v in vars(module).items()}
    scope = {**ours, **IN_LOOPS}
    for name, value in ours.items():
        if isinstance(value, FunctionType) and value.__module__ in (searches.__name__, curvature.__name__):
            scope[name] = helper(error_model="numpy")(FunctionType(value.__code__, scope, name))
    return scope


ALLOCATING = ("dense_solve", "hessian_solve", "hessian_shift", "hessian_abs", "hessian_apply")
"""Functions of `curvature` that make arrays. In the others counting references would take as long as the work."""


@cache
def kernel(name: str) -> Pointer:
    """A function of `curvature`, from the disk where it was compiled before."""
    sources = "".join(inspect.getsource(sys.modules[module]) for module in (__name__, curvature.__name__))
    plain = kernels()[name].py_func
    digest = hashlib.sha256(sources.encode()).hexdigest()[:16]
    signature = KERNELS[len(inspect.signature(plain).parameters)]
    compiled = compile_cached(signature, plain, f"{name}_{digest}", _nrt=name in ALLOCATING)
    return Pointer(compiled, signature)
