"""The command line: momentumlab list | solve | compare | map | rates | equivalent | bench."""

import argparse
import io
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any

import numpy as np

from . import __version__, preconditioners, rules
from .compare import compare
from .explain import Explanation, explain
from .files import replacing, save
from .load import load
from .method import Method
from .minimize import as_method, default, minimize
from .problems import COLLECTIONS, Problem, problem, problems
from .result import Result, Status
from .rule import Rule
from .searches import SEARCHES
from .sweep import sweep

DESCRIPTION = "Momentum methods for smooth optimisation."
EXAMPLES = """\
examples:
  momentumlab solve rosenbrock n=10 --rule heavy_ball lr=2e-4 beta=0.98
  momentumlab compare rosenbrock beale --rule nesterov --rule pid --plot race.png
  momentumlab solve rosenbrock --rule my_rules.py:my_rule lr=1e-3
  momentumlab rates nesterov --mu 1 --L 100 --plot card.svg
  momentumlab equivalent my_rules.py:my_rule pid
  momentumlab map heavy_ball lr=1e-5:1e-2:256:log beta=0:0.999:256 --problem rosenbrock --plot map.png
  momentumlab map heavy_ball lr=0.005 beta=0.9 x1=-6:6:256 x2=-6:6:256 --problem himmelblau --plot basins.png
  momentumlab map pid lr=0.01:0.4:100 beta=0:0.98:100 kd=0,0.05 --mu 1 --L 10 --plot rates.png
exit status: 0 all converged, or equivalent, 1 not, 2 the command could not be understood"""


START_SECONDS = 0.4  # what importing Numba and loading the compiled loop from its cache costs


class Usage(Exception):
    """The command cannot be understood."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Greek still gets its table
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except Usage as error:
        print(f"momentumlab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("momentumlab: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"momentumlab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "momentumlab", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        added.add_argument("--json", action="store_true", help="print JSON")
        return added

    listed = command("list", _list, "rules, problems, searches and preconditioners, a line each")
    listed.add_argument("--explain", metavar="NAME", help="one rule's equations, memory, hyperparameters and source")

    solve = command("solve", _solve, "one method on one problem")
    solve.add_argument("problem", nargs="+", metavar="PROBLEM", help="a problem's name, then its options, such as n=10")
    solve.add_argument("--x0", type=float, nargs="+", metavar="X", help="the start, a number for each variable")

    race = command("compare", _compare, "many methods on many problems")
    race.add_argument(
        "problem", nargs="+", metavar="PROBLEM",
        help="names, each followed by its options, such as n=10; or collections: " + ", ".join(COLLECTIONS),
    )  # fmt: skip
    race.add_argument("--csv", action="store_true", help="print CSV")
    race.add_argument("--profile", metavar="FILE", help="write the performance profile of evaluations")

    for added in (solve, race):
        added.add_argument(
            "--rule", nargs="+", action="append", metavar=("NAME", "VALUE"),
            help="a rule's name or path/to/file.py:name, then its hyperparameters, such as lr=0.01, and a search and "
            + "preconditioner by name, as they are by default, such as search=armijo"
            + "; repeat for more rules" * (added is race),
        )  # fmt: skip
        added.add_argument(
            "--tol", type=float, default=1e-6, help="tolerance on the norm of the gradient (default %(default)g)"
        )
        added.add_argument("--norm", type=float, default=math.inf, help="inf or 2 (default %(default)s)")
        added.add_argument("--maxiter", type=int, help="at most this many iterations")
        added.add_argument("--time-limit", type=float, help="seconds after which to stop")
        added.add_argument("--plot", metavar="FILE", help="write a figure; its ending names the format")

    mapped = command("map", _map, "a rule over a grid of hyperparameters or starts, or its exact rates over one")
    mapped.add_argument("rule", metavar="NAME", help="a rule's name or path/to/file.py:name")
    mapped.add_argument(
        "value", nargs="+", metavar="VALUE",
        help="hyperparameters, and x1, x2, ... of the start: a number, as lr=0.1, or an axis, as beta=0:0.99:64 "
        "(from, to, how many; 64 by default), lr=1e-4:1:64:log or kd=0,0.1,0.2",
    )  # fmt: skip
    mapped.add_argument(
        "--problem", nargs="+", action="extend", metavar="NAME", help="a problem's name, then its options, such as n=10"
    )
    mapped.add_argument("--mu", type=float, help="strong convexity: map exact rates on quadratics instead of runs")
    mapped.add_argument("--L", type=float, help="smoothness, with --mu")
    mapped.add_argument("--tol", type=float, default=1e-6, help="tolerance on the largest |∂f| (default %(default)g)")
    mapped.add_argument("--maxiter", type=int, default=1000, help="at most this many iterations (default %(default)s)")
    mapped.add_argument("--plot", metavar="FILE", help="write a figure; its ending names the format")
    mapped.add_argument("--save", metavar="FILE.npz", help="write the arrays of the map, for numpy.load")

    rated = command("rates", _rates, "a method's rates: exact, certified, stated by theorems and measured")
    rated.add_argument("rule", metavar="NAME", help="a rule's name or path/to/file.py:name")
    rated.add_argument(
        "value", nargs="*", metavar="VALUE", help="its hyperparameters, such as lr=0.01; without any it is tuned"
    )
    rated.add_argument("--mu", type=float, required=True, help="strong convexity")
    rated.add_argument("--L", type=float, required=True, help="smoothness")
    rated.add_argument("--sdp", action="store_true", help="certify by the matrix inequality too, by CVXPY")
    rated.add_argument("--plot", metavar="FILE", help="write a figure; its ending names the format")

    same = command("equivalent", _equivalent, "whether two rules take the same gradients, and how they relate")
    same.add_argument("first", metavar="NAME", help="a rule's name or path/to/file.py:name")
    same.add_argument("second", metavar="NAME", help="another, whose hyperparameters are found in terms of the first's")

    measured = command("bench", _bench, "this library beside its peers, as ratios")
    measured.add_argument(
        "group",
        nargs="*",
        metavar="GROUP",
        help="loop, rules, optax, solves, default, curvature, maps, rates or processes; of the suite torch: fused, "
        + "small, copying, centralize, memory or cuda; all of them by default",
    )
    measured.add_argument("--suite", default="core", help="core, or torch: its optimizers (default %(default)s)")
    return parser


# ------------------------------------------------------------------ commands


def _head(function: Callable) -> str:
    return (function.__doc__ or "").partition("\n")[0]


def _list(arguments: argparse.Namespace) -> int:
    if arguments.explain is not None:
        explanation = _explained(arguments.explain)
        print(json.dumps(explanation.record(), indent=2, ensure_ascii=False) if arguments.json else explanation)
        return 0
    listed = {
        "rules": {name: getattr(rules, name).doc for name in rules.__all__},
        "searches": {name: _head(make) for name, make in SEARCHES.items()},
        "preconditioners": {name: _head(getattr(preconditioners, name)) for name in preconditioners.NAMES},
        "problems": {name: _head(make) for name, make in problems().items()},
        "collections": {name: ", ".join(problems(name)) for name in COLLECTIONS},
    }
    if arguments.json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return 0
    for kind, lines in listed.items():
        print(kind)
        width = max(map(len, lines))
        for name, line in lines.items():
            print(f"  {name:{width}} {line}")
    return 0


def _solve(arguments: argparse.Namespace) -> int:
    chosen = _problems(arguments.problem)
    methods = _methods(arguments, chosen)
    if len(chosen) != 1 or len(methods) != 1:
        raise Usage("solve takes one problem and one rule; compare takes several")
    result = _understood(_quick, chosen[0], arguments.x0, methods[0], **_limits(arguments))
    if arguments.plot is not None:
        from .plots import convergence

        _save(convergence({str(methods[0]): result}, chosen[0]), "--plot", arguments.plot)
    if arguments.json:
        record = {
            "problem": chosen[0].name,
            "method": str(methods[0]),
            **{k: v for k, v in result.items() if k not in ("history", "jac")},
        }
        print(json.dumps({k: _plain(v) for k, v in record.items()}, indent=2))
    else:
        print(result)
    return 0 if result.success else 1


def _quick(p: Problem, x0: Any, method: Method, **limits: Any) -> Result:
    """Minimise in NumPy for as long as it would take to start the compiled loop, then there: the bits are the same."""
    limit = limits.pop("time_limit")
    if p.compile and (limit is None or limit > START_SECONDS) and not (method.takes_hessian and p.hess is None):
        start, hess = p.point(p.x0 if x0 is None else x0), p.hess if method.takes_hessian else None
        with np.errstate(all="ignore"):  # as compiled
            result = minimize(p.f, start, method, hess=hess, time_limit=START_SECONDS, **limits)
        if result.status != Status.TIME_LIMIT:
            return result
        limit = limit and limit - START_SECONDS
    return minimize(p, x0, method, progress=True, time_limit=limit, **limits)


def _compare(arguments: argparse.Namespace) -> int:
    chosen = _problems(arguments.problem)
    methods = _methods(arguments, chosen)
    if arguments.plot is not None:
        from .plots import check_columns

        _understood(check_columns, len(chosen))
    comparison = _understood(compare, chosen, methods, **_limits(arguments))
    print(comparison.table("json" if arguments.json else "csv" if arguments.csv else "markdown").rstrip())
    if arguments.plot is not None:
        _save(_understood(comparison.plot), "--plot", arguments.plot)
    if arguments.profile is not None:
        _save(comparison.plot_performance_profile(), "--profile", arguments.profile)
    return 0 if comparison.converged else 1


def _map(arguments: argparse.Namespace) -> int:
    chosen = _rule(arguments.rule)
    axes = {name: _axis(name, value) for name, value in _pairs(f"map {arguments.rule}", arguments.value).items()}
    if arguments.save is not None and not arguments.save.endswith(".npz"):
        raise Usage(f"--save {arguments.save}: the name must end in .npz")
    if not any(map(np.ndim, axes.values())):
        raise Usage("nothing moves: give an axis, as in lr=1e-4:1:64:log, or beta=0:0.99:64")
    rates = arguments.mu is not None or arguments.L is not None
    if rates == (arguments.problem is not None) or (rates and None in (arguments.mu, arguments.L)):
        raise Usage("map takes either --problem NAME, for runs, or both --mu and --L, for exact rates")
    if taken := axes.keys() & ({"rule", "mu", "L"} if rates else {*signature(sweep).parameters}):
        instead = "variables are x1, x2, ..., and limits --tol and --maxiter"
        raise Usage(f"{min(taken)} is no hyperparameter of a map; {instead}")
    text, record, arrays, draw = (_map_of_rates if rates else _map_of_runs)(arguments, chosen, axes)
    print(json.dumps(record, indent=2) if arguments.json else text)
    if arguments.save is not None:
        _write(arguments.save, arrays)
    if arguments.plot is not None:
        _save(_understood(draw), "--plot", arguments.plot)
    return 0


Mapped = tuple[str, dict[str, Any], dict[str, Any], Callable]
"""What a map says, as text, as JSON, as arrays and as a figure."""


def _map_of_runs(arguments: argparse.Namespace, chosen: Rule | Method, axes: dict[str, Any]) -> Mapped:
    found = _problems(arguments.problem)
    if len(found) != 1:
        raise Usage("map takes one problem")
    [p] = found
    starts, hyper = _starts_of(p, axes), {n: v for n, v in axes.items() if not _is_variable(p, n)}
    m = _understood(sweep, p, chosen, x0=starts, tol=arguments.tol, maxiter=arguments.maxiter, **hyper)
    best = None
    if m.axes:
        with suppress(ValueError):  # where nothing converged
            best = str(m.best())
    record = {"problem": p.name, "rule": chosen.name, "cells": m.nit.size, "converged": int(m.converged.sum())}
    record |= {"diverged": int(m.diverged.sum()), "best": best, "one_by_one": m.one_by_one or None}
    text = f"{m!r}"[1:-1] + (f"\nfastest: {best}" if best else "")
    return text, record, dict(nit=m.nit, status=m.status, fun=m.fun, x=m.x, starts=m.starts, **m.axes), m.plot


def _map_of_rates(arguments: argparse.Namespace, chosen: Rule | Method, axes: dict[str, Any]) -> Mapped:
    from .rates import region

    if isinstance(chosen, Method):
        raise Usage(f"{chosen} is bound already; give the rule itself")
    mu, L, grid = arguments.mu, arguments.L, np.meshgrid(*axes.values(), indexing="ij", sparse=True)
    rate = _understood(region, chosen, mu, L, **dict(zip(axes, grid, strict=True)))
    least = np.unravel_index(int(rate.argmin()), rate.shape)
    cell = {name: float(np.atleast_1d(axes[name])[i]) for name, i in zip(axes, least, strict=True)}
    record = {"rule": chosen.name, "cells": rate.size, "stable": int((rate < 1).sum())}
    record |= {"least_rate": _plain(float(rate.min())), "at": cell}
    at = ", ".join(f"{name}={value:.6g}" for name, value in cell.items())
    text = f"{record['stable']} of {rate.size} cells are stable; least rate {rate.min():.6g} at {at}"

    def draw() -> Any:
        from .maps import rate_slices

        return rate_slices(chosen, mu, L, **axes)

    return text, record, {"rate": rate, **axes}, draw


def _rates(arguments: argparse.Namespace) -> int:
    from .rates import card

    chosen = _method(arguments.rule, arguments.value) if arguments.value else _rule(arguments.rule)
    found = _understood(card, chosen, arguments.mu, arguments.L, sdp=arguments.sdp)
    print(found.table("json" if arguments.json else "markdown"))
    if arguments.plot is not None:
        _save(found.plot(), "--plot", arguments.plot)
    return 0


def _equivalent(arguments: argparse.Namespace) -> int:
    from .rates import equivalent

    verdict = _understood(equivalent, _rule(arguments.first), _rule(arguments.second))
    print(json.dumps(verdict.record(), indent=2, ensure_ascii=False) if arguments.json else verdict)
    return 0 if verdict else 1


def _bench(arguments: argparse.Namespace) -> int:
    from .bench import bench, table

    rows = _understood(bench, *arguments.group, suite=arguments.suite)
    print(json.dumps([row.record() for row in rows], indent=2) if arguments.json else table(rows))
    return 0


# ------------------------------------------------------------------ arguments


def _explained(name: str) -> Explanation:
    try:
        return _understood(explain, _loaded(name) if _is_file(name) else name)
    except ImportError as error:
        raise Usage(str(error)) from error


def _understood(function: Callable, *args: Any, **options: Any) -> Any:
    try:
        return function(*args, **options)
    except (TypeError, ValueError, OSError, MemoryError, ImportError) as error:
        raise Usage(str(error) or type(error).__name__) from error


def _problems(words: list[str]) -> list[Problem]:
    named: list[tuple[str, list[str]]] = []
    for word in words:
        if "=" not in word:
            named.append((word, []))
        elif named:
            named[-1][1].append(word)
        else:
            raise Usage(f"{word!r} comes before the problem it belongs to")
    return [
        _problem(each, _pairs(f"problem {each}", options))
        for name, options in named
        for each in COLLECTIONS.get(name, [name])
    ]


def _problem(name: str, options: dict[str, Any]) -> Problem:
    try:
        return _understood(problem, name, **options)
    except Usage as error:
        if hyper := sorted(set(options) & {n for r in rules.__all__ for n in getattr(rules, r).hyper}):
            raise Usage(f"{error}; {hyper[0]} belongs behind a --rule NAME") from error
        raise


def _methods(arguments: argparse.Namespace, chosen: list[Problem]) -> list[Method]:
    if arguments.rule is None:
        return [default(max(p.dim for p in chosen))]
    return [_method(name, words) for name, *words in arguments.rule]


def _rule(name: str) -> Rule | Method:
    return _loaded(name) if _is_file(name) else _understood(as_method, name).base


def _method(name: str, words: list[str]) -> Method:
    chosen = _rule(name)
    hyper = _pairs(f"--rule {name}", words)
    if isinstance(chosen, Method):
        if hyper:
            raise Usage(f"--rule {name} is bound already, {chosen}; leave out {', '.join(hyper)}")
        return chosen
    return _understood(chosen, **hyper)


def _is_file(name: str) -> bool:
    return name.endswith(".py") or ".py:" in name


def _loaded(name: str) -> Rule | Method:
    try:
        return load(name)
    except (FileNotFoundError, ValueError) as error:
        raise Usage(str(error)) from error
    except (Exception, SystemExit) as error:  # whatever the user's file does
        raise Usage(f"{name}: {type(error).__name__}: {error}") from error


def _pairs(owner: str, words: list[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if not name.isidentifier() or not text:
            raise Usage(f"{owner}: {word!r} is not of the form name=value; give each further rule a --rule of its own")
        if name in pairs:
            raise Usage(f"{owner}: {name} is given twice")
        pairs[name] = _value(text)
    return pairs


def _axis(name: str, value: Any) -> Any:
    """A number, or the numbers of low:high:count, low:high:count:log or a,b,c."""
    if not isinstance(value, str):
        return value
    wrong = f"{name}={value}: an axis is low:high, low:high:count, low:high:count:log or a,b,c"
    try:
        if ":" not in value:
            return np.array([float(part) for part in value.split(",")])
        low, high, *rest = value.split(":")
        spaced = np.geomspace if rest[1:] == ["log"] else np.linspace
        if len(rest) > 2 or (rest[1:] and rest[1:] != ["log"]) or (rest and int(rest[0]) < 1):
            raise Usage(wrong)
        if not all(np.isfinite(ends := (float(low), float(high)))) or (rest[1:] and min(ends) <= 0):
            raise Usage(wrong)
        return spaced(*ends, int(rest[0]) if rest else 64)
    except ValueError as error:
        raise Usage(wrong) from error


def _is_variable(p: Problem, name: str) -> bool:
    return name[:1] == "x" and name[1:].isdigit() and 1 <= int(name[1:]) <= p.dim


def _starts_of(p: Problem, axes: dict[str, Any]) -> np.ndarray | None:
    """The grid of starts that x1, x2, ... span; None where none is given."""
    named = {int(name[1:]) - 1: value for name, value in axes.items() if _is_variable(p, name)}
    if not named:
        return None
    moving = [i for i in named if np.ndim(named[i])]
    grid = np.meshgrid(*(named[i] for i in moving), indexing="ij")
    starts = np.broadcast_to(p.x0.ravel(), (*(grid[0].shape if grid else ()), p.dim)).copy()
    for i, value in named.items():
        starts[..., i] = grid[moving.index(i)] if i in moving else value
    return starts


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _limits(arguments: argparse.Namespace) -> dict[str, Any]:
    return dict(tol=arguments.tol, norm=arguments.norm, maxiter=arguments.maxiter, time_limit=arguments.time_limit)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.tolist() if isinstance(value, np.ndarray) else value


def _write(path: str, arrays: dict[str, Any]) -> None:
    try:
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **arrays)
    except OSError as error:
        raise Usage(f"--save {path}: {error}") from error


def _save(figure: Any, option: str, path: str) -> None:
    try:
        save(figure, path)
    except (OSError, ValueError) as error:
        raise Usage(f"{option} {path}: {error}") from error
