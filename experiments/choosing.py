"""Which method to take: what `minimize` runs by itself, beside others of ours and SciPy's.

    python -m experiments.choosing

runs them on Moré, Garbow & Hillstrom's problems, on random strongly convex functions and on logistic regression, and
writes the tables into docs/choosing.md, between its words, and the figures into docs/results.
"""

import argparse
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from scipy.optimize import minimize as scipy_minimize
from tqdm import tqdm

import momentumlab as ml
from momentumlab.compare import markdown, seconds
from momentumlab.files import filled, replacing
from momentumlab.minimize import MATRIX, default
from momentumlab.plots import step_curves
from momentumlab.profiles import Profile

TOL, EVALUATIONS = 1e-6, 50_000
LARGE, DENSE = 100, 200  # variables where a problem's number is free, and up to which a matrix is run here
PAGE = Path(__file__).parent.parent / "docs" / "choosing.md"
FIGURES = PAGE.parent / "results"

OURS: dict[str, ml.Method] = {
    "quasi_newton()": ml.quasi_newton(),
    "quasi_newton, lbfgs(10)": ml.quasi_newton(preconditioner=ml.lbfgs(10)),
    "quasi_newton, lbfgs(5)": ml.quasi_newton(preconditioner=ml.lbfgs(5)),
    "gradient_descent()": ml.gradient_descent(),
    "heavy_ball()": ml.heavy_ball(),
    "nesterov()": ml.nesterov(),
    "pid()": ml.pid(),
    "rsgdm()": ml.rsgdm(),
    "pmg()": ml.pmg(),
    "adam()": ml.adam(),
}
SCIPY = {"SciPy BFGS": "BFGS", "SciPy L-BFGS-B": "L-BFGS-B", "SciPy CG": "CG"}
MATRICES = ("quasi_newton()", "pmg()", "SciPy BFGS")
DRAWN = ("default", *SCIPY, "nesterov()", "pmg()", "gradient_descent()")


@dataclass(frozen=True)
class Cost:
    """What a method spent on a problem until it was solved; inf where it never was."""

    evaluations: float = inf
    seconds: float = inf


# ------------------------------------------------------------------ problems


def more_garbow_hillstrom() -> Iterator[ml.Problem]:
    """All 35, and those whose number of variables is free with many."""
    for name, make in ml.problems("more_garbow_hillstrom").items():
        yield ml.problem(name)
        if "n" in inspect.signature(make).parameters and name != "watson":  # which has at most 31
            yield ml.problem(name, n=LARGE)


def strongly_convex() -> Iterator[ml.Problem]:
    """Random functions Σ of log cosh, with curvatures from 1 to κ."""
    for n in (10, 50, 100):
        for kappa in (1e2, 1e4):
            yield ml.problem("log_cosh", n=n, mu=1, L=kappa, seed=n)


def logistic_regression() -> Iterator[ml.Problem]:
    """On random labels; sparse data from 2000 variables on."""
    for n, samples, density in ((20, 100, 1.0), (200, 500, 1.0), (2000, 1000, 0.02), (10_000, 2000, 0.005)):
        rng = np.random.default_rng(n)
        A: Any = rng.standard_normal((samples, n))
        if density < 1:
            A = scipy.sparse.random(samples, n, density, "csr", rng=rng, data_rvs=rng.standard_normal)
        yield ml.logistic(A, rng.choice([-1.0, 1.0], samples), ridge=1e-3)


SETS: dict[str, Callable[[], Iterable[ml.Problem]]] = {
    "Moré, Garbow & Hillstrom": more_garbow_hillstrom,
    "strongly convex": strongly_convex,
    "logistic regression": logistic_regression,
}


def tolerance(p: ml.Problem) -> float:
    """What the largest component of the gradient has to meet."""
    return TOL * max(1.0, float(np.abs(p.grad(p.x0)).max()))


def solves(p: ml.Problem, tol: float, f: Any, gnorm: Any) -> Any:
    """Whether values and gradients solve a problem: by the gradient, or by the least value where that is known."""
    by_value = f - p.fstar <= TOL * max(1.0, abs(p.fstar))  # false where it is nan
    return (gnorm <= tol) | by_value


# ------------------------------------------------------------------ runs


def least(run: Callable[[], Any], timed: bool) -> float:
    """The least seconds of three runs, or of one where that takes long."""
    found = inf
    for _ in range(3 if timed else 0):
        began = time.perf_counter()
        run()
        found = min(found, time.perf_counter() - began)
        if found > 0.1:
            break
    return found


def by_ours(p: ml.Problem, method: ml.Method | None, timed: bool = True) -> Cost:
    tol = tolerance(p)
    history = ml.minimize(p, method=method, tol=tol, maxiter=EVALUATIONS).history
    assert history is not None
    done = solves(p, tol, history.fun, history.gnorm) & (history.nfev <= EVALUATIONS)
    if not done.any():
        return Cost()
    first = int(done.argmax())
    again = lambda: ml.minimize(p, method=method, tol=0, maxiter=int(history.k[first]))
    return Cost(float(history.nfev[first]), least(again, timed))


class Enough(Exception):
    """There is no need to go on."""


def by_scipys(p: ml.Problem, name: str, timed: bool = True) -> Cost:
    """The same compiled function behind it; a run ends where it is solved, and nowhere else by itself."""
    tol, native = tolerance(p), p.objective().native
    assert native is not None

    def run(until: Callable[[int, float, np.ndarray], bool]) -> None:
        count = 0

        def both(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal count
            g = np.empty_like(x)
            f, count = native(x, g), count + 1
            if until(count, f, g):
                raise Enough
            return f, g

        options = {"maxiter": 10**7, "gtol": 0.0} | ({"ftol": 0.0, "maxfun": 10**7} if name == "L-BFGS-B" else {})
        with np.errstate(all="ignore"):
            scipy_minimize(both, p.x0, jac=True, method=name, options=options)

    solved_at = inf

    def look(count: int, f: float, g: np.ndarray) -> bool:
        nonlocal solved_at
        if count <= EVALUATIONS and solves(p, tol, f, np.abs(g).max()):
            solved_at = count
        return solved_at < inf or count >= EVALUATIONS

    def stopped(until: Callable[[int, float, np.ndarray], bool]) -> None:
        with suppress(Enough):
            run(until)

    stopped(look)
    if solved_at == inf:
        return Cost()
    return Cost(solved_at, least(lambda: stopped(lambda count, f, g: count >= solved_at), timed))


Costs = dict[str, list[Cost]]


def costs(problems: Iterable[ml.Problem], timed: bool = True, bar: Any = None) -> Costs:
    """By method, what each problem cost; the default is one or another of ours."""
    found: Costs = {label: [] for label in ("default", *OURS, *SCIPY)}
    for p in problems:
        for label, method in OURS.items():
            lacks = label in MATRICES and p.dim > DENSE
            found[label].append(Cost() if lacks else by_ours(p, method, timed))
        for label, name in SCIPY.items():
            found[label].append(Cost() if label in MATRICES and p.dim > DENSE else by_scipys(p, name, timed))
        taken = next(label for label, method in OURS.items() if method == default(p.dim))
        found["default"].append(found[taken][-1])
        if bar is not None:
            bar.update()
    return found


# ------------------------------------------------------------------ how the inverse starts


class Started:
    """BFGS's inverse by its product form, in NumPy, with a first step and a scaling of one's own."""

    def __init__(self, first: Callable[[float], float], scale: Callable[..., float]) -> None:
        self.first, self.scale = first, scale

    def start(self, problem: Any, x: np.ndarray) -> "Started":
        self.H: np.ndarray | None = None
        return self

    def apply(self, v: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def solve(self, v: np.ndarray) -> np.ndarray:
        return self.first(float(np.linalg.norm(v))) * v if self.H is None else self.H @ v

    def update(self, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        ss, sy, yy = s @ s, s @ y, y @ y
        if not 1e-10 * np.sqrt(ss * yy) < sy < inf:
            return
        if self.H is None:
            self.H = self.scale(ss, sy, yy) * np.eye(s.size)
        V = np.eye(s.size) - np.outer(s, y) / sy
        self.H = V @ self.H @ V.T + np.outer(s, s) / sy


def cut(size: float) -> float:
    """What makes a step no longer than 1."""
    return 1 / max(1.0, size)


STARTS: dict[str, Started] = {
    "g, then I": Started(lambda size: 1.0, lambda ss, sy, yy: 1.0),
    "g/max(1, ‖g‖), then I": Started(cut, lambda ss, sy, yy: 1.0),
    "g, then sᵀs/sᵀy I": Started(lambda size: 1.0, lambda ss, sy, yy: ss / sy),
    "g/‖g‖, then sᵀs/sᵀy I": Started(lambda size: 1 / size if size else 1.0, lambda ss, sy, yy: ss / sy),
    "g/max(1, ‖g‖), then sᵀy/yᵀy I": Started(cut, lambda ss, sy, yy: sy / yy),
    "g/max(1, ‖g‖), then sᵀs/sᵀy I": Started(cut, lambda ss, sy, yy: ss / sy),
}
"""The first step, and H before it learns its first pair; the last one is the library's."""


def starts(problems: Iterable[ml.Problem]) -> Costs:
    listed = [p for p in problems if p.dim <= LARGE]
    return {
        label: [by_ours(p, ml.quasi_newton(preconditioner=by), timed=False) for p in listed]
        for label, by in STARTS.items()
    }


# ------------------------------------------------------------------ tables


def spent(found: Costs, to: str, what: Callable[[Cost], float]) -> dict[str, str]:
    """By method, the geometric mean of costs relative to another method's, over the problems that both solve."""
    rows = {}
    for label, row in found.items():
        ratios = [what(a) / what(b) for a, b in zip(row, found[to], strict=True) if max(what(a), what(b)) < inf]
        rows[label] = f"{np.exp(np.mean(np.log(ratios))):.2f}" if ratios else ""
    return rows


def solved(row: list[Cost]) -> int:
    return sum(cost.evaluations < inf for cost in row)


def counted(found: Mapping[str, Costs], sizes: Mapping[str, int]) -> str:
    """How many problems of each set every method solves."""
    rows = [[label, *(str(solved(costs[label])) for costs in found.values())] for label in next(iter(found.values()))]
    return markdown(["solved", *(f"{s}, of {n}" for s, n in sizes.items())], rows, set(range(1, len(found) + 1)))


def relative(found: Mapping[str, Costs], to: str, what: Callable[[Cost], float]) -> str:
    columns = [spent(costs, to, what) for costs in found.values()]
    rows = [[label, *(column[label] for column in columns)] for label in columns[0]]
    return markdown([f"relative to {to}", *found], rows, set(range(1, len(found) + 1)))


def started(found: Mapping[str, Costs]) -> str:
    chosen = [*STARTS][-1]
    columns = [spent(costs, chosen, lambda cost: cost.evaluations) for costs in found.values()]
    total = lambda label: str(sum(solved(costs[label]) for costs in found.values()))
    rows = [[label, total(label), *(column[label] for column in columns)] for label in STARTS]
    return markdown(["first step, then H", "solved", *found], rows, set(range(1, len(found) + 2)))


def by_size() -> str:
    """Evaluations and time of the matrix and of limited memory, on functions that cost next to nothing."""
    rows = []
    for name, options in (("worst_convex", {}), ("extended_rosenbrock", {}), ("log_cosh", dict(mu=1, L=1e4, seed=1))):
        for n in (10, 50, 100, 200, 500):
            p = ml.problem(name, n=n + 1 if name == "worst_convex" else n, **options)
            pair = [by_ours(p, OURS[label]) for label in ("quasi_newton()", "quasi_newton, lbfgs(10)")]
            rows.append([f"{name}, n = {p.dim}", *(f"{c.evaluations:.0f} · {seconds(c.seconds)}" for c in pair)])
    return markdown(["", "bfgs()", "lbfgs(10)"], rows, {1, 2})


def drawn(found: Mapping[str, Costs], what: Callable[[Cost], float], xlabel: str) -> Any:
    """The fraction of all problems solved within a cost."""
    profiles = {label: Profile([what(cost) for costs in found.values() for cost in costs[label]]) for label in DRAWN}
    first = min(profile.steps[0] for profile in profiles.values())
    return step_curves(profiles, xlabel, float(10 ** np.floor(np.log10(first))), 10)


# ------------------------------------------------------------------ the page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.choosing", description=__doc__.partition("\n")[0])
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables to write (default docs/choosing.md)")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="where to draw (default docs/results)")
    arguments = parser.parse_args()
    chosen = {name: list(make()) for name, make in SETS.items()}
    sizes = {name: len(problems) for name, problems in chosen.items()}
    with tqdm(total=sum(sizes.values()), unit="problem", disable=None, leave=False) as bar:
        found = {name: costs(problems, bar=bar) for name, problems in chosen.items()}
    parts = {
        "solved": counted(found, sizes),
        "evaluations": relative(found, "default", lambda cost: cost.evaluations),
        "seconds": relative(found, "default", lambda cost: cost.seconds),
        "starts": started({name: starts(problems) for name, problems in chosen.items()}),
        "sizes": by_size(),
        "switch": f"- **Up to {MATRIX} variables** it is `{default(MATRIX)}`,\n- **above** `{default(MATRIX + 1)}`.",
    }
    with replacing(arguments.page) as temporary:
        temporary.write_text(filled(arguments.page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    for name, what, xlabel in (
        ("evaluations", lambda cost: cost.evaluations, "evaluations of f and its gradient"),
        ("seconds", lambda cost: cost.seconds, "seconds"),
    ):
        with replacing(arguments.figures / f"choosing_{name}.png") as temporary:
            drawn(found, what, xlabel).savefig(temporary)
    print(parts["solved"])


if __name__ == "__main__":
    main()
