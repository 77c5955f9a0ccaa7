"""An iteration of the compiled loop on Rosenbrock's function: against C, JAX and Optax, and from rule to rule.

A time per iteration is that of a whole run by its iterations.
"""

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import rules
from ..compiled import LOOK, Loop
from ..hyper import BLOCK
from ..method import Method
from ..problems import problem
from ..result import History
from .rows import Row, best, installed, pairs

METHOD = rules.heavy_ball(lr=2e-4, beta=0.98)
TOL = 1e-8
STEPS = 5 * BLOCK  # where nothing stops a run: more blocks of numbers than a rule keeps, so that schedules are paid for
LR = 1e-6  # where every rule stays finite for that long
NEVER = -1.0  # a tolerance that no gradient meets


def _what(rule: str, n: int) -> str:
    return f"{rule} on Rosenbrock, an iteration, n = {n}"


def run_ours(method: Method, n: int, tol: float, steps: int = 10**9) -> tuple[float, int]:
    """Seconds and iterations to the tolerance, or to a number of steps."""
    p = problem("rosenbrock", n=n)
    loop = Loop(p.objective(), method, p.x0.copy(), History((n,)), tol=tol, euclidean=False, every=10**9)
    began = time.perf_counter()
    while loop.k < steps and loop.drive(steps) != LOOK:
        pass
    return time.perf_counter() - began, loop.k


def _ours(method: Method, n: int, tol: float, steps: int = 10**9) -> Callable[[], float]:
    return partial(best, partial(run_ours, method, n, tol, steps))


# ------------------------------------------------------------------ C


C_LOOP = r"""
#include <math.h>
static double rosenbrock(const double *restrict x, double *restrict g, long n) {
    double f = 0.0, carried = 0.0;
    for (long i = 0; i < n - 1; i++) {
        double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
        f += 100.0 * a * a + b * b;
        g[i] = carried - 2.0 * b - 400.0 * x[i] * a;
        carried = 200.0 * a;
    }
    g[n - 1] = carried;
    return f;
}
long descend(double *restrict x, double *restrict g, double *restrict v, long n,
             double lr, double beta, double tol, double *f) {
    *f = rosenbrock(x, g, n);
    for (long k = 0; ; k++) {
        double norm = 0.0;
        for (long i = 0; i < n; i++) { double a = fabs(g[i]); norm = a > norm ? a : norm; }
        if (norm <= tol) return k;
        for (long i = 0; i < n; i++) { v[i] = beta * v[i] - lr * g[i]; x[i] = x[i] + v[i]; }
        *f = rosenbrock(x, g, n);
    }
}
"""


def against_c() -> Iterator[Row]:
    """Heavy ball against the same loop in C."""
    if shutil.which("gcc") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for label, flags in (("gcc", ["-ffp-contract=off"]), ("gcc with FMA", [])):
            descend = compile_c(folder, flags)
            for n, target in ((2, 1.25), (10, None), (100, 1.1), (1000, 1.1)):
                theirs = partial(best, partial(run_c, descend, n))
                must = None if "FMA" in label else target
                yield pairs(_what("heavy_ball", n), label, _ours(METHOD, n, TOL), theirs, must)


def compile_c(folder: str, flags: list[str]) -> Callable:
    """The loop in C, compiled by gcc into a folder."""
    source, library = Path(folder, "loop.c"), Path(folder, f"loop{len(flags)}.so")
    source.write_text(C_LOOP)
    subprocess.run(["gcc", "-O3", "-march=native", *flags, "-shared", "-fPIC", source, "-o", library], check=True)
    descend = ctypes.CDLL(str(library)).descend
    descend.restype = ctypes.c_long
    return descend


def run_c(descend: Callable, n: int) -> tuple[float, int]:
    """Seconds and iterations to the tolerance."""
    x, g, v, f = np.resize([-1.2, 1.0], n), np.zeros(n), np.zeros(n), np.zeros(1)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (x, g, v, f)]
    numbers = [ctypes.c_double(value) for value in (2e-4, 0.98, TOL)]
    began = time.perf_counter()
    k = descend(*pointers[:3], ctypes.c_long(n), *numbers, pointers[3])
    return time.perf_counter() - began, k


# ------------------------------------------------------------------ JAX and Optax


def double_precision() -> Any:
    """JAX, set to double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def rosenbrock_in_jax(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _in_jax(init: Callable, update: Callable, n: int, tol: float, steps: int | None = None) -> Callable[[], float]:
    """A compiled while_loop around an update in Optax's form, (g, state, x) -> (step, state)."""
    jax = double_precision()
    both = jax.value_and_grad(rosenbrock_in_jax)

    @jax.jit
    def descend(x):
        def more(now):
            going = jax.numpy.max(jax.numpy.abs(now[-1])) > tol
            return going if steps is None else going & (now[0] < steps)

        def step(now):
            k, x, state, _, g = now
            moved, state = update(g, state, x)
            return k + 1, x + moved, state, *both(x + moved)

        return jax.lax.while_loop(more, step, (0, x, init(x), *both(x)))

    def run() -> tuple[float, int]:
        x = jax.numpy.asarray(np.resize([-1.2, 1.0], n))
        began = time.perf_counter()
        k = int(descend(x)[0].block_until_ready())
        return time.perf_counter() - began, k

    return partial(best, run)


def against_jax() -> Iterator[Row]:
    """Heavy ball against the same loop in JAX."""
    if not installed("jax"):
        return

    def update(g, v, x):
        v = 0.98 * v - 2e-4 * g
        return v, v

    for n, target in ((2, 1.15), (100, 1.0)):
        theirs = _in_jax(lambda x: 0 * x, update, n, TOL)
        yield pairs(_what("heavy_ball", n), "JAX while_loop", _ours(METHOD, n, TOL), theirs, target)


def optax_pairs(lr: Any, theirs: Any) -> dict[str, tuple[Method, Any]]:
    """Rules that Optax has to the same definition, ours beside its own; a step size is a number or a schedule."""
    import optax

    def averaged(debias):
        return optax.chain(optax.ema(0.9, debias), optax.scale_by_learning_rate(theirs))

    def decayed():
        return optax.chain(optax.trace(0.9), optax.add_decayed_weights(0.01), optax.scale_by_learning_rate(theirs))

    both = dict(bias_correction_mu=False, bias_correction_nu=False)
    outside = dict(decay=0.99, eps_in_sqrt=False)
    return {
        "gradient_descent": (rules.gradient_descent(lr=lr), optax.sgd(theirs)),
        "sgd": (rules.sgd(lr=lr), optax.sgd(theirs, momentum=0.9)),
        "heavy_ball_ema": (rules.heavy_ball_ema(lr=lr), averaged(False)),
        "heavy_ball_ema_corrected": (rules.heavy_ball_ema_corrected(lr=lr), averaged(True)),
        "nesterov_sgd": (rules.nesterov_sgd(lr=lr), optax.sgd(theirs, momentum=0.9, nesterov=True)),
        "adagrad": (rules.adagrad(lr=lr, eps=0.0), optax.adagrad(theirs, initial_accumulator_value=0.0, eps=0.0)),
        "adadelta": (rules.adadelta(lr=lr), optax.adadelta(theirs)),
        "rmsprop": (rules.rmsprop(lr=lr), optax.rmsprop(theirs, **outside)),
        "rmsprop_centered": (rules.rmsprop_centered(lr=lr), optax.rmsprop(theirs, **outside, centered=True)),
        "adam": (rules.adam(lr=lr), optax.adam(theirs)),
        "adam_eps_inside": (rules.adam_eps_inside(lr=lr), optax.adam(theirs, eps=0.0, eps_root=1e-8)),
        "amsgrad_paper": (rules.amsgrad_paper(lr=lr), optax.amsgrad(theirs, **both)),
        "radam": (rules.radam(lr=lr, eps=0.0), optax.radam(theirs, eps=0.0)),
        "sgdw": (rules.sgdw(lr=lr), decayed()),
        "adamw": (rules.adamw(lr=lr), optax.adamw(theirs, weight_decay=0.01)),
    }


def against_optax() -> Iterator[Row]:
    """Rules against Optax's, in a while_loop of JAX."""
    if not installed("jax", "optax"):
        return
    double_precision()
    for name, (method, theirs) in optax_pairs(LR, LR).items():
        peer = _in_jax(theirs.init, theirs.update, 100, NEVER, STEPS)
        yield pairs(_what(name, 100), "Optax in while_loop", _ours(method, 100, NEVER, STEPS), peer)


# ------------------------------------------------------------------ from rule to rule


def every_method() -> list[Method]:
    """Every rule that minimize takes."""
    every = (getattr(rules, name) for name in rules.__all__)
    by = {"newton": {"preconditioner": "bb1"}}  # whose own Hessian has n² numbers
    return [rule(lr=LR, **by.get(rule.name, {})) for rule in every]


def every_rule() -> Iterator[Row]:
    """Every rule against heavy ball."""
    simplest = _ours(rules.heavy_ball(lr=LR), 100, NEVER, STEPS)
    for method in every_method():
        yield pairs(_what(method.name, 100), "heavy_ball", _ours(method, 100, NEVER, STEPS), simplest)
