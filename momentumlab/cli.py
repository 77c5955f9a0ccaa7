"""The command line: momentumlab list | solve | compare | bench."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from . import __version__, rules
from .compare import compare
from .files import replacing
from .minimize import as_method, minimize
from .problems import Problem, problem, problems
from .result import Result, Status
from .rule import Method, Rule, load

DESCRIPTION = "Momentum methods for smooth optimisation."
EXAMPLES = """\
examples:
  momentumlab solve rosenbrock n=10 --rule heavy_ball lr=2e-4 beta=0.98
  momentumlab compare rosenbrock beale --rule nesterov --rule pid --plot race.png
  momentumlab solve rosenbrock --rule my_rules.py:my_rule lr=1e-3
exit status: 0 all converged, 1 not, 2 the command could not be understood"""


START_SECONDS = 0.3  # what importing Numba and loading the compiled loop from its cache costs


class Usage(Exception):
    """The command cannot be understood."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
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

    command("list", _list, "rules and problems, a line each")

    solve = command("solve", _solve, "one method on one problem")
    solve.add_argument("problem", nargs="+", metavar="PROBLEM", help="a problem's name, then its options, such as n=10")
    solve.add_argument("--x0", help="the start, as numbers with commas between")

    race = command("compare", _compare, "many methods on many problems")
    race.add_argument("problem", nargs="+", metavar="PROBLEM", help="names, each followed by its options, such as n=10")
    race.add_argument("--csv", action="store_true", help="print CSV")

    for added in (solve, race):
        added.add_argument(
            "--rule", nargs="+", action="append", metavar=("NAME", "VALUE"),
            help="a rule's name or path/to/file.py:name, then its hyperparameters, such as lr=0.01"
            + "; repeat for more rules" * (added is race),
        )  # fmt: skip
        added.add_argument(
            "--tol", type=float, default=1e-6, help="tolerance on the norm of the gradient (default %(default)g)"
        )
        added.add_argument("--norm", type=float, default=math.inf, help="inf or 2 (default %(default)s)")
        added.add_argument("--maxiter", type=int, help="at most this many iterations")
        added.add_argument("--time-limit", type=float, help="seconds after which to stop")
        added.add_argument("--plot", metavar="FILE", help="write a figure; its ending names the format")

    command("bench", _bench, "this library beside its peers, as ratios")
    return parser


# ------------------------------------------------------------------ commands


def _list(arguments: argparse.Namespace) -> int:
    listed = {
        "rules": {name: getattr(rules, name).doc for name in rules.__all__},
        "problems": {name: make.__doc__.partition("\n")[0] for name, make in problems().items()},
    }
    if arguments.json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return 0
    for kind, lines in listed.items():
        print(kind)
        for name, line in lines.items():
            print(f"  {name:18} {line}")
    return 0


def _solve(arguments: argparse.Namespace) -> int:
    chosen = _problems(arguments.problem)
    methods = _methods(arguments)
    if len(chosen) != 1 or len(methods) != 1:
        raise Usage("solve takes one problem and one rule; compare takes several")
    x0 = None if arguments.x0 is None else [_value("--x0", part) for part in arguments.x0.split(",")]
    result = _understood(_quick, chosen[0], x0, methods[0], **_limits(arguments))
    if arguments.plot:
        from .plots import convergence

        fstar = chosen[0].fstar
        _save(convergence({str(methods[0]): result}, fstar=fstar if math.isfinite(fstar) else None), arguments.plot)
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
    if p.subset and (limits["time_limit"] is None or limits["time_limit"] > START_SECONDS):
        result = minimize(p.f, p.x0 if x0 is None else x0, method, **{**limits, "time_limit": START_SECONDS})
        if result.status != Status.TIME_LIMIT:
            return result
    return minimize(p, x0, method, progress=True, **limits)


def _compare(arguments: argparse.Namespace) -> int:
    comparison = _understood(compare, _problems(arguments.problem), _methods(arguments), **_limits(arguments))
    if arguments.plot:
        _save(comparison.plot(), arguments.plot)
    print(comparison.table("json" if arguments.json else "csv" if arguments.csv else "markdown").rstrip())
    return 0 if comparison.converged else 1


def _bench(arguments: argparse.Namespace) -> int:
    from .bench import bench, table

    rows = bench()
    print(json.dumps([row.record() for row in rows], indent=2) if arguments.json else table(rows))
    return 0


# ------------------------------------------------------------------ arguments


def _understood(function: Callable, *args: Any, **options: Any) -> Any:
    try:
        return function(*args, **options)
    except (TypeError, ValueError, OSError) as error:
        raise Usage(str(error)) from error


def _problems(words: list[str]) -> list[Problem]:
    named: list[tuple[str, dict[str, Any]]] = []
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            named.append((word, {}))
        elif named:
            named[-1][1][name] = _value(name, text)
        else:
            raise Usage(f"{word!r} comes before the problem it belongs to")
    return [_understood(problem, name, **options) for name, options in named]


def _methods(arguments: argparse.Namespace) -> list[Method]:
    return [_method(name, words) for name, *words in arguments.rule or [["nesterov"]]]


def _method(name: str, words: list[str]) -> Method:
    if name.endswith(".py") or ".py:" in name:
        chosen = _loaded(name)
    else:
        chosen = _understood(as_method, name).base
    hyper = {}
    for word in words:
        hyperparameter, equals, text = word.partition("=")
        if not equals:
            raise Usage(
                f"--rule {name}: {word!r} is not of the form name=value; give each further rule a --rule of its own"
            )
        hyper[hyperparameter] = _value(hyperparameter, text)
    return chosen if isinstance(chosen, Method) and not hyper else _understood(chosen, **hyper)


def _loaded(name: str) -> Rule | Method:
    try:
        return load(name)
    except (FileNotFoundError, ValueError) as error:
        raise Usage(str(error)) from error
    except Exception as error:  # whatever the user's file raises
        raise Usage(f"--rule {name}: {type(error).__name__}: {error}") from error


def _value(name: str, text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if name in ("--x0",):
        raise Usage(f"{name}: {text!r} is not a number")
    return text


def _limits(arguments: argparse.Namespace) -> dict[str, Any]:
    return dict(tol=arguments.tol, norm=arguments.norm, maxiter=arguments.maxiter, time_limit=arguments.time_limit)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.tolist() if hasattr(value, "tolist") else Status(value).value if isinstance(value, Status) else value


def _save(figure: Any, path: str) -> None:
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary)
    except (OSError, ValueError) as error:
        raise Usage(f"--plot {path}: {error}") from error
