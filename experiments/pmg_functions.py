"""Preconditioned momentum on four functions, and on others.

    python -m experiments.pmg_functions

runs heavy ball, Nesterov's rule, PID and PMG by seven preconditioners, and writes the tables into
docs/results/pmg_functions.md, between its words, and the figures beside it. β = 0.9 where nothing else is said; a run
ends at ‖∇f‖₂ ≤ 10⁻⁶, or where a profile is drawn at ‖∇f‖∞ ≤ 10⁻⁶.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

import momentumlab as ml
from momentumlab.bench.curvature import PRECONDITIONERS
from momentumlab.compare import Run, markdown, seconds
from momentumlab.files import filled, replacing

BETA, TOL, MAXITER = 0.9, 1e-6, 50_000
FUNCTIONS = {"stiff_quadratic": 100.0, "beale": 200.0, "cosine_wells": 8.0, "mccormick": 4.0}
"""The four functions and, for the fixed step size 1/L, a bound on the curvatures that their runs meet."""
DRAWN = ("heavy ball", "Nesterov", "PID", "PMG bfgs", "PMG diagonal", "PMG bb1")
FREE = ("heavy ball", "Nesterov", "PID", "PMG bfgs", "PMG bb2", "PMG bb2, current")
PAGE = Path(__file__).parent.parent / "docs" / "results" / "pmg_functions.md"


def makers() -> dict[str, Callable[..., ml.Method]]:
    """A method for every row, to be given lr and k_d, or neither."""
    simple = {"heavy ball": ml.heavy_ball, "Nesterov": ml.nesterov, "PID": ml.pid}
    pmg = {
        f"PMG {by}{', current' if index == 'current' else ''}": partial(ml.pmg, preconditioner=by, index=index)
        for by in PRECONDITIONERS
        for index in ("lagged", "current")
    }
    return {name: partial(rule, beta=BETA) for name, rule in (simple | pmg).items()}


def searched() -> dict[str, ml.Method]:
    """α found by backtracking from ½, k_d = βα."""
    return {name: make() for name, make in makers().items()}


def fixed(L: float) -> dict[str, ml.Method]:
    """α = 1/L, k_d = β/L."""
    takes_kd = lambda name: name.startswith(("PID", "PMG"))
    return {name: make(lr=1 / L, **({"kd": BETA / L} if takes_kd(name) else {})) for name, make in makers().items()}


def by_backtracking(rounds: int) -> ml.Comparison:
    """Every method on every function; the times are the least of several rounds."""
    run = partial(ml.compare, [*FUNCTIONS, "rosenbrock"], searched(), tol=TOL, norm=2, maxiter=MAXITER, repeats=5)
    same = zip(*(run().runs for _ in range(rounds)), strict=True)
    return ml.Comparison(tuple(replace(runs[0], seconds=min(r.seconds for r in runs)) for runs in same))


def with_fixed_steps() -> ml.Comparison:
    """The same with α = 1/L, k_d = β/L."""
    run = partial(ml.compare, tol=TOL, norm=2, maxiter=MAXITER, repeats=1)
    return ml.Comparison(tuple(r for name, L in FUNCTIONS.items() for r in run(name, fixed(L)).runs))


def free() -> ml.Comparison:
    """The same by backtracking with every β of a grid, in the label behind the last comma."""
    grid = [f"{beta:.2f}" for beta in np.linspace(0, 0.95, 20)]
    methods = {f"{name},{beta}": makers()[name](beta=float(beta)) for name in FREE for beta in grid}
    return ml.compare([*FUNCTIONS, "rosenbrock"], methods, tol=TOL, norm=2, maxiter=MAXITER, repeats=1)


def safeguarded() -> ml.Comparison:
    """Lagged matrices with and without a bound on the momentum."""
    hyper = {
        "cosine_wells": dict(lr=1 / 8, kd=BETA / 8, beta=BETA),
        "rosenbrock": dict(lr=2e-4, kd=4e-4, beta=0.95),
    }
    runs = []
    for problem, numbers in hyper.items():
        plain = {"heavy ball": ml.heavy_ball(lr=numbers["lr"], beta=numbers["beta"]), "PID": ml.pid(**numbers)}
        pmg = {
            f"PMG {by}, {label}": ml.pmg(preconditioner=by, eta_max=eta, **numbers)
            for by in ("bfgs", "dfp")
            for label, eta in (("η = β", numbers["beta"]), ("η = ∞", float("inf")))
        }
        runs += ml.compare(problem, plain | pmg, tol=TOL, norm=2, maxiter=MAXITER, repeats=1).runs
    return ml.Comparison(tuple(runs))


def profiled() -> ml.Comparison:
    """Moré, Garbow & Hillstrom's problems for unconstrained minimisation, by momentum and by quasi-Newton steps."""
    methods = {
        "heavy ball": ml.heavy_ball(),
        "PID": ml.pid(),
        "PMG": ml.pmg(),
        "heavy ball, Armijo": ml.heavy_ball(search="armijo"),
        "PMG, Armijo": ml.pmg(search="armijo"),
        "BFGS, Wolfe": ml.newton(preconditioner="bfgs", search="wolfe"),
    }
    return ml.compare("more_garbow_hillstrom_unconstrained", methods, maxiter=20_000, repeats=1)


# ------------------------------------------------------------------ tables


def counts(comparison: ml.Comparison) -> str:
    """Iterations, a column a function."""
    return table(comparison, lambda run: str(run.result.nit) if run.result.success else ended(run))


def found_steps(comparison: ml.Comparison) -> str:
    """The step size at which each search ended, by its denominator."""
    return table(comparison, lambda run: f"1/{1 / run.result.lr:.4g}" if run.result.lr else "")


def solved(comparison: ml.Comparison) -> str:
    """How many of the problems each method solves."""
    methods = dict.fromkeys(run.method for run in comparison.runs)
    count = lambda name: sum(run.result.success for run in comparison.runs if run.method == name)
    rows = [[name, str(count(name))] for name in methods]
    return markdown(["", f"solved of {len(comparison.by_problem())}"], rows, numbers={1})


def costs(comparison: ml.Comparison) -> str:
    """Evaluations, wall time and final error."""

    def cell(run: Run) -> str:
        error = f"{run.error:.0e}" if run.error > 0 else "0"
        return f"{run.result.nfev} · {seconds(run.seconds)} · {error}" if run.result.success else ended(run)

    return table(comparison, cell)


def least(comparison: ml.Comparison) -> str:
    """The fewest iterations of each method, and with which β."""
    grouped = comparison.by_problem()

    def cell(name: str, runs: Mapping[str, Run]) -> str:
        tried = {label.rpartition(",")[2]: runs[label].result for label in runs if label.rpartition(",")[0] == name}
        nit, beta = min((result.nit, beta) for beta, result in tried.items() if result.success)
        return f"{nit} · {beta}"

    rows = [[name, *(cell(name, runs) for runs in grouped.values())] for name in FREE]
    return markdown(["", *(p.name for p in grouped)], rows, numbers=set(range(1, len(grouped) + 1)))


def ended(run: Run) -> str:
    return ml.Status(run.result.status).name.lower().replace("_", " ").replace("nonfinite", "diverged")


def table(comparison: ml.Comparison, cell: Callable[[Run], str]) -> str:
    grouped = comparison.by_problem()
    rows = [
        [label, *(cell(runs[label]) for runs in grouped.values())]
        for label in dict.fromkeys(r.method for r in comparison.runs)
    ]
    return markdown(["", *(p.name for p in grouped)], rows, numbers=set(range(1, len(grouped) + 1)))


# ------------------------------------------------------------------ why: rates near the minimiser


def measured_rate(run: Run) -> float:
    """By which factor ‖∇f‖ falls an iteration, over the last two thirds of a run."""
    history = run.result.history
    middle = len(history) // 3
    return float((history.gnorm[-1] / history.gnorm[middle]) ** (1 / (history.k[-1] - history.k[middle])))


def rates(comparison: ml.Comparison) -> str:
    """Of the fixed step size: what the Hessian at the minimiser predicts, beside what was measured."""
    names = ("heavy ball", "PID", "PMG bfgs")
    rows = []
    for problem, runs in comparison.by_problem().items():
        L = FUNCTIONS[problem.name]
        curvatures = np.linalg.eigvalsh(problem.hess(problem.nearest(runs["PID"].result.x)))
        methods = {name: method for name, method in fixed(L).items() if name in ("heavy ball", "PID")}
        predicted = {name: max(ml.rates.exact(m, mu=c, L=c) for c in curvatures) for name, m in methods.items()}
        predicted["PMG bfgs"] = predicted["PID"]
        momenta = " and ".join(f"{BETA * (1 - c / L):.2f}" for c in curvatures)
        shown = [f"{predicted[name]:.3f} · {measured_rate(runs[name]):.3f}" for name in names]
        rows.append([problem.name, " and ".join(f"{c:.3g}" for c in curvatures), momenta, *shown])
    head = ["", "curvatures λ at the minimiser", "momentum β − k_dλ", *names]
    return markdown(head, rows, numbers={3, 4, 5})


# ------------------------------------------------------------------ the page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.pmg_functions", description=__doc__.partition("\n")[0])
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables to write (default docs/results/...)")
    parser.add_argument("--rounds", type=int, default=9, help="of which the least is the time (default %(default)s)")
    arguments = parser.parse_args()
    races = {
        "backtracking": partial(by_backtracking, arguments.rounds),
        "fixed steps": with_fixed_steps,
        "free β": free,
        "safeguard": safeguarded,
        "profile": profiled,
    }
    run = {name: race() for name, race in tqdm(races.items(), unit="race", delay=2, disable=None, leave=False)}
    found = run["backtracking"]
    parts = {
        "counts": counts(found),
        "steps": found_steps(found.only("heavy ball", "PID", "PMG bfgs")),
        "costs": costs(found),
        "free": least(run["free β"]),
        "fixed": counts(run["fixed steps"]),
        "rates": rates(run["fixed steps"]),
        "safeguard": counts(run["safeguard"]),
        "solved": solved(run["profile"]),
    }
    with replacing(arguments.page) as temporary:
        temporary.write_text(filled(arguments.page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    four = ml.Comparison(tuple(run for run in found.runs if run.problem.name in FUNCTIONS))
    with replacing(arguments.page.with_suffix(".png")) as temporary:
        four.only(*DRAWN).plot_descent().savefig(temporary)
    with replacing(arguments.page.with_name("pmg_profile.png")) as temporary:
        run["profile"].plot_performance_profile().savefig(temporary)
    print(parts["counts"])


if __name__ == "__main__":
    main()
