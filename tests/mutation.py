"""A mutation audit of the rules: python -m tests.mutation.

In rules.py every sign is flipped, every factor dropped and every slot's start changed, one at a time. The tests of
rules and theorems should notice: a mutant that fails one of them is caught, the others survive.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec, spec_from_file_location
from inspect import getsource
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "momentumlab" / "rules.py"
JUDGES = ("rules*", "reductions", "symbols", "torch_optim", "optax", "centralization", "pmg")
JUDGES += ("rates_equivalence", "rates_spectra", "theorems")
HEAVY = ("numpy", "scipy.optimize", "scipy.sparse.linalg", "numba", "matplotlib", "sympy", "torch", "hypothesis")
QUIET = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
KINDS = {"sign": "a sign flipped", "factor": "a factor dropped", "start": "a slot's start changed"}
SHARE = 0.95

# (rule, before, after): why no run differs
EXPLAINED: dict[tuple[str, str, str], str] = {}


# ------------------------------------------------------------------ mutants


@dataclass(frozen=True)
class Mutant:
    """One change, and the whole of rules.py with it."""

    rule: str
    kind: str
    before: str
    after: str
    source: str


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST, ast.AST, str]]:
    """(kind, what is replaced, by what, what stands before it), of one node."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            yield "sign", node, ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right), ""
        case ast.UnaryOp(ast.USub(), operand):
            yield "sign", node, operand, ""
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            yield "factor", node, left, ""
            if not isinstance(getattr(left, "op", None), ast.Mult | ast.Div):  # whose own factors are dropped
                yield "factor", node, right if isinstance(op, ast.Mult) else ast.BinOp(ast.Constant(1), op, right), ""
        case ast.BinOp(left, ast.Pow(), _):
            yield "factor", node, left, ""
        case ast.FunctionDef(args=ast.arguments(posonlyargs=fixed, args=hyper, defaults=defaults)):
            starts = defaults[: len(defaults) - len(hyper)]
            for slot, start in zip(fixed[len(fixed) - len(starts) :], starts, strict=True):
                yield "start", start, ast.Constant(1.0 if ast.unparse(start) == "0.0" else 0.0), f"{slot.arg}="


def named(statement: ast.stmt) -> str:
    """The name that a statement of the module defines."""
    match statement:
        case ast.FunctionDef(name) | ast.Assign([ast.Name(name)]):
            return name
    return ""


def mutants(source: str) -> list[Mutant]:
    """Every change that changes the text, once."""
    tree, found = ast.parse(source), {}
    for statement in tree.body:
        for node in ast.walk(statement):
            for kind, old, new, name in changes(node):
                text = ast.unparse(deepcopy(tree, {id(old): new}))
                before, after = (name + ast.unparse(n) for n in (old, new))
                if before != after:
                    found.setdefault(text, Mutant(named(statement), kind, before, after, text))
    return list(found.values())


def users(source: str) -> dict[str, set[str]]:
    """Of every name of the module: itself, and the names of those that use it, however indirectly."""
    asks = {named(s): {n.id for n in ast.walk(s) if isinstance(n, ast.Name)} for s in ast.parse(source).body}
    found = {name: {name} for name in asks}
    for _ in asks:
        for by in found.values():
            by |= {other for other, needs in asks.items() if needs & by} - {"", "__all__"}
    return found


# ------------------------------------------------------------------ one mutant


class Instead:
    """Finds momentumlab.rules in another file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return spec_from_file_location(name, self.path) if name == "momentumlab.rules" else None


class Watch:
    """Runs the tests that are likeliest to fail first; notes which failed and how long each took."""

    def __init__(self, about: set[str], kills: Counter, known: dict[str, float]) -> None:
        self.about, self.kills, self.known = re.compile(rf"\b({'|'.join(about)})\b"), kills, known
        self.failed, self.seconds = "", defaultdict(float)

    def rank(self, item: Any) -> tuple[int, bool, float]:
        source = getsource(item.function) if hasattr(item, "function") else ""
        mentioned = self.about.search(item.nodeid + source)
        return -self.kills[item.nodeid], not mentioned, self.known.get(item.nodeid, 0.0)

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=self.rank)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def judges() -> list[Path]:
    return [path for name in JUDGES for path in sorted((ROOT / "tests").glob(f"test_{name}.py"))]


def judge(path: Path, watch: Watch, answer: Any) -> None:
    """In a process of its own: the tests, where the rules are those of the file at `path`."""
    import pytest

    log = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.meta_path.insert(0, Instead(path))
    try:
        importlib.import_module("momentumlab")
    except Exception as error:
        return answer.send(("refused", repr(error), {}))
    code = pytest.main([*QUIET, *map(str, judges())], plugins=[watch])
    answer.send(("caught" if code else "survived", watch.failed, dict(watch.seconds)))


# ------------------------------------------------------------------ all of them


class Audit:
    """What is known, in a file to which every outcome is appended."""

    def __init__(self, work: Path, limit: float) -> None:
        self.work, self.limit, self.file = work, limit, work / "results.jsonl"
        tests = [p for p in (ROOT / "tests").glob("[!t]*.py") if p != Path(__file__)]
        files = [*sorted((ROOT / "momentumlab").rglob("*.py")), *judges(), *sorted(tests)]
        self.digest = hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.known = {record["key"]: record for record in map(json.loads, lines)}
        self.source = RULES.read_text()
        self.users = users(self.source)

    def key(self, source: str) -> str:
        return hashlib.sha256((self.digest + source).encode()).hexdigest()

    def outcome(self, source: str) -> str:
        return self.known[self.key(source)]["outcome"]

    def start(self, rule: str, source: str) -> tuple[Any, Any, float]:
        """A process, the end where its answer arrives, and when it began."""
        path = self.work / f"{self.key(source)[:16]}.py"
        path.write_text(source)
        kills = Counter(r["test"] for r in self.known.values() if r["rule"] == rule)
        clean = self.known.get(self.key(self.source), {"tests": {}})
        fork = get_context("fork")
        answer, send = fork.Pipe(duplex=False)
        watch = Watch(self.users[rule], kills, clean["tests"])
        process = fork.Process(target=judge, args=(path, watch, send), daemon=True)
        process.start()
        send.close()
        return process, answer, time.monotonic()

    def ended(self, rule: str, source: str, process: Any, answer: Any, began: float) -> bool:
        """Whether it has answered, crashed or run out of time; then it is on record."""
        seconds = time.monotonic() - began
        if not answer.poll() and seconds < self.limit:
            return False
        try:
            outcome, test, tests = answer.recv() if answer.poll() else ("timeout", "", {})
        except EOFError:
            outcome, test, tests = "crashed", "", {}
        process.kill()
        process.join()
        record = dict(key=self.key(source), rule=rule, outcome=outcome, test=test, seconds=round(seconds, 2))
        if source == self.source:
            record["tests"] = tests
        self.known[record["key"]] = record
        with self.file.open("a") as file:
            file.write(json.dumps(record) + "\n")
        return True

    def run(self, todo: list[tuple[str, str]], jobs: int) -> None:
        """Judge every (rule, source) of which nothing is known."""
        from tqdm import tqdm

        waiting, running = [t for t in todo if self.key(t[1]) not in self.known][::-1], []
        with tqdm(total=len(waiting), disable=None) as bar:
            while waiting or running:
                while waiting and len(running) < jobs:
                    what = waiting.pop()
                    running.append((*what, *self.start(*what)))
                connection.wait([answer for *_, answer, _ in running], timeout=1.0)
                still = [r for r in running if not self.ended(*r)]
                bar.update(len(running) - len(still))
                running = still


# ------------------------------------------------------------------ the report


def reason(m: Mutant) -> str:
    return EXPLAINED.get((m.rule, m.before, m.after), "")


def report(made: list[Mutant], alive: list[Mutant]) -> str:
    """Markdown: how many of each kind, and every survivor with its reason."""
    lines = ["| change | made | caught | survived |", "|---|--:|--:|--:|"]
    for kind, words in KINDS.items():
        of_kind, left = (sum(m.kind == kind for m in some) for some in (made, alive))
        lines.append(f"| {words} | {of_kind} | {of_kind - left} | {left} |")
    caught = len(made) - len(alive)
    lines.append(f"| all | {len(made)} | {caught}, {caught / max(len(made), 1):.1%} | {len(alive)} |")
    lines += ["", *(f"- `{m.rule}`: `{m.before}` → `{m.after}`: {reason(m) or 'unexplained'}" for m in alive)]
    return "\n".join(lines) + "\n"


def prepare(work: Path) -> None:
    """What all mutants share: what is slow to import, and folders of their own for what is cached."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ |= dict(NUMBA_CACHE_DIR=str(work / "numba"), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.pycache_prefix, sys.dont_write_bytecode = str(work / "pycache"), False
    for name in HEAVY:
        if find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    from hypothesis import Phase, settings

    settings.register_profile("audit", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("audit")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("--rule", help="one rule or helper only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at once")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a mutant counts as caught")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "mutants", help="caches, and results so far")
    parser.add_argument("--write", type=Path, help="the report, as Markdown")
    given = parser.parse_args()
    work, write = given.work.resolve(), given.write and given.write.resolve()
    prepare(work)
    os.chdir(ROOT)
    audit = Audit(work, given.limit)
    made = [m for m in mutants(audit.source) if given.rule in (None, m.rule)]
    audit.run([("", audit.source)], 1)
    clean = audit.known[audit.key(audit.source)]
    if clean["outcome"] != "survived":
        raise SystemExit(f"the rules as they are do not pass: {clean['outcome']} {clean['test']}")
    audit.run([(m.rule, m.source) for m in made], given.jobs)
    alive = [m for m in made if audit.outcome(m.source) == "survived"]
    print(text := report(made, alive))
    if write:
        from momentumlab.files import replacing

        with replacing(write) as path:
            path.write_text(text)
    return int(len(made) - len(alive) < SHARE * len(made) or not all(map(reason, alive)))


if __name__ == "__main__":
    sys.exit(main())
