"""`momentumlab bench`: this library beside its peers, in one run, as ratios.

Each row times the two sides in turn, A B A B ..., and reports the median of the ratios pair by pair, so
that a machine whose speed drifts drifts under both. A time per iteration is that of a whole run, the best
of several, by its iterations. Peers that are not installed (gcc, JAX) are left out.
"""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .compare import markdown, seconds
from .compiled import FULL, OBJECTIVE, POINTER, Loop, pointer
from .minimize import minimize
from .problems import problem
from .result import History
from .rules import heavy_ball

METHOD = heavy_ball(lr=2e-4, beta=0.98)
TOL = 1e-8
ITERATION = "heavy ball on Rosenbrock, an iteration"


@dataclass(frozen=True)
class Row:
    """One comparison: medians of both sides in `unit`, the median of their ratios, and what must be reached.

    Without a peer, `theirs` and `ratio` are None, and the target is one of `ours`.
    """

    what: str
    peer: str
    ours: float
    theirs: float | None
    ratio: float | None
    target: float | None
    unit: str = "s"

    @property
    def reached(self) -> bool | None:
        """Whether the target is, where there is one."""
        found = self.ours if self.ratio is None else self.ratio
        return None if self.target is None else found <= self.target

    def record(self) -> dict[str, Any]:
        """The row as plain values."""
        return {**asdict(self), "reached": self.reached}


def bench() -> list[Row]:
    """Measure every row; half a minute."""
    from tqdm import tqdm

    rows = []
    with tqdm(disable=None, unit="row", leave=False) as bar:
        for part in (_against_c, _against_jax, _calls, _whole_calls, _processes, _memory):
            for row in part():
                rows.append(row)
                bar.update()
    return rows


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = ["what", "peer", "ours", "peer's", "ratio", "must reach", ""]
    return markdown(head, [_cells(row) for row in rows], numbers={2, 3, 4, 5})


def _cells(row: Row) -> list[str]:
    show = seconds if row.unit == "s" else lambda value: f"{value:.0f} {row.unit}"
    alone = row.theirs is None or row.ratio is None
    return [
        row.what,
        row.peer,
        show(row.ours),
        "" if row.theirs is None else show(row.theirs),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.target is None else f"≤ {show(row.target) if alone else f'{row.target:g}'}",
        {True: "reached", False: "missed", None: ""}[row.reached],
    ]


def _pairs(
    what: str, peer: str, ours: Callable[[], float], theirs: Callable[[], float], target: float | None, repeats: int
) -> Row:
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(repeats)]
    return Row(
        what, peer, median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs), target
    )


# ------------------------------------------------------------------ time per iteration


def _per_iteration(run: Callable[[], tuple[float, int]]) -> float:
    """Seconds a run takes from its call to its return, by its iterations: the best of 5 runs, and of 20 ms of runs."""
    runs, until = [run() for _ in range(5)], time.perf_counter() + 0.02
    while time.perf_counter() < until:  # longer than a peer's threads spin after its own turn
        runs.append(run())
    return min(taken / iterations for taken, iterations in runs)


def _ours(n: int) -> float:
    p = problem("rosenbrock", n=n)
    objective = p.objective()

    def run() -> tuple[float, int]:
        loop = Loop(objective, METHOD, p.x0.copy(), History((n,)), tol=TOL, euclidean=False, every=10**9)
        began = time.perf_counter()
        while loop.drive(10**9) == FULL:
            pass
        return time.perf_counter() - began, loop.k

    return _per_iteration(run)


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


def _against_c() -> Iterator[Row]:
    if shutil.which("gcc") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for label, flags in (("gcc", ["-ffp-contract=off"]), ("gcc with FMA", [])):
            descend = compile_c(folder, flags)
            for n, target in ((2, 1.25), (10, None), (100, 1.1), (1000, 1.1)):
                theirs = partial(_per_iteration, partial(run_c, descend, n))
                must = None if "FMA" in label else target
                yield _pairs(f"{ITERATION}, n = {n}", label, partial(_ours, n), theirs, must, 9)


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


def _against_jax() -> Iterator[Row]:
    if importlib.util.find_spec("jax") is None:
        return
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def f(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    both = jax.value_and_grad(f)

    @jax.jit
    def descend(x):
        def more(state):
            return jnp.max(jnp.abs(state[-1])) > TOL

        def step(state):
            k, x, v, _, g = state
            v = 0.98 * v - 2e-4 * g
            return k + 1, x + v, v, *both(x + v)

        return jax.lax.while_loop(more, step, (0, x, jnp.zeros_like(x), *both(x)))

    def run(n: int) -> tuple[float, int]:
        x = jnp.asarray(np.resize([-1.2, 1.0], n))
        began = time.perf_counter()
        k = int(descend(x)[0].block_until_ready())
        return time.perf_counter() - began, k

    for n, target in ((2, 1.15), (100, 1.0)):
        peer = partial(_per_iteration, partial(run, n))
        yield _pairs(f"{ITERATION}, n = {n}", "JAX while_loop", partial(_ours, n), peer, target, 9)


# ------------------------------------------------------------------ whole calls and whole processes


def _whole_calls() -> Iterator[Row]:
    from scipy.optimize import minimize as scipy_minimize

    p = problem("rosenbrock")

    def ours() -> float:
        return _timed(lambda: minimize(p, method=METHOD, tol=TOL))

    def theirs() -> float:
        return _timed(lambda: scipy_minimize(p.fun, p.x0, jac=p.grad, method="BFGS", options={"gtol": TOL}))

    yield _pairs("minimize, a warm call, n = 2", "SciPy BFGS", ours, theirs, None, 21)


BFGS = """
import numpy as np
from scipy.optimize import minimize
def f(x): return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
def df(x): return np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])
print(minimize(f, [-1.2, 1.0], jac=df, method="BFGS"))
"""
NJIT = """
import numba
import momentumlab as ml
@numba.njit
def f(x, g):
    g[0] = 2 * (x[0] - {constant})
    return (x[0] - {constant}) ** 2
print(ml.minimize(f, [0.0], ml.heavy_ball(lr=0.1)))
"""
WARM = "import momentumlab as ml; print(ml.minimize('stiff_quadratic', method=ml.heavy_ball(lr=0.01)))"


def _calls() -> Iterator[Row]:
    """What it costs to hand an objective to compiled code, which every call of the loop pays."""
    from numba import float64, int64, njit, types

    native = problem("rosenbrock").objective().native
    ours, x = pointer(native), np.zeros(2)
    take = lambda kind: njit(int64(kind, float64[::1]))(lambda function, x: 0)
    fast, slow = take(POINTER), take(types.FunctionType(OBJECTIVE))
    mine, numbas = lambda: _best(lambda: fast(ours, x)), lambda: _best(lambda: slow(native, x))
    yield _pairs("passing an objective as a pointer", "Numba's function type", mine, numbas, None, 9)


def _best(run: Callable[[], Any]) -> float:
    return min(_timed(run) for _ in range(200))


def _processes() -> Iterator[Row]:
    solve = lambda: _process("-m", "momentumlab", "solve", "rosenbrock")
    yield _pairs("process: solve rosenbrock", "script with SciPy BFGS", solve, lambda: _process("-c", BFGS), 1.2, 9)
    compiled, bfgs = lambda: _process("-c", WARM), lambda: _process("-c", BFGS)
    yield _pairs("process: minimize in the compiled loop", "script with SciPy BFGS", compiled, bfgs, None, 9)
    yield _pairs(
        "process: import momentumlab",
        "import numpy",
        lambda: _process("-c", "import momentumlab"),
        lambda: _process("-c", "import numpy"),
        1.5,
        15,
    )
    constants = iter(np.random.default_rng().random(100))
    new, warm = lambda: _process("-c", NJIT.format(constant=next(constants))), lambda: _process("-c", WARM)
    new(), warm()
    pairs = [(new(), warm()) for _ in range(7)]
    beyond = median(a - b for a, b in pairs)
    yield Row("process: beyond one of ours, a new njit objective", "", beyond, None, None, 0.3)


def _process(*arguments: str) -> float:
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    return _timed(
        lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    )


def _timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


LONG = """
import resource
import momentumlab as ml
p = ml.problem("stiff_quadratic")
ml.minimize(p, method=ml.heavy_ball(lr=1e-12, beta=0.0), tol=0, maxiter=10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ml.minimize(p, method=ml.heavy_ball(lr=1e-12, beta=0.0), tol=0, maxiter=10**7)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def _memory() -> Iterator[Row]:
    out = subprocess.run([sys.executable, "-c", LONG], check=True, capture_output=True, text=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    above = int(out) * unit / 1e6
    yield Row("10⁷ iterations with history: memory above start", "", above, None, None, 100.0, "MB")
