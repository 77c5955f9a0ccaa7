"""The rooms: imports run one way, and heavy libraries stay out until they are needed."""

import ast
import subprocess
import sys
from pathlib import Path

import momentumlab

PACKAGE = Path(momentumlab.__file__).parent

# What each room may import when it is loaded: rooms above it in this list, and no others.
ROOMS = {
    "errors": set(),
    "files": set(),
    "ops": set(),
    "hyper": {"errors"},
    "searches": {"errors", "hyper"},
    "trace": {"errors"},
    "loops": {"searches", "trace"},
    "transform": {"errors", "hyper"},
    "curvature": {"ops"},
    "preconditioner": {"curvature", "errors", "hyper", "ops", "trace"},
    "preconditioners": {"curvature", "errors", "hyper", "ops", "preconditioner"},
    "method": {"hyper", "loops", "preconditioner", "searches"},
    "declare": {"errors", "hyper", "preconditioner", "trace"},
    "steps": {"declare", "trace"},
    "rule": {
        *("declare", "errors", "hyper", "loops", "method"),
        *("preconditioner", "preconditioners", "searches", "trace", "transform"),
    },
    "load": {"errors", "method", "rule"},
    "transforms": {"ops", "transform"},
    "rules": {"hyper", "ops", "preconditioners", "rule", "transforms"},
    "objective": {"errors"},
    "result": set(),
    "problems": {"errors", "hyper", "objective"},
    "averages": {"errors", "hyper"},
    "initializers": {"errors", "hyper"},
    "profiles": {"errors", "hyper"},
    "numpy_loop": {"method", "objective", "ops", "result", "searches"},
    "minimize": {
        *("errors", "method", "numpy_loop", "objective", "ops", "preconditioners", "problems", "result"),
        *("rule", "rules"),
    },
    "compiled": {"curvature", "hyper", "loops", "method", "objective", "result", "searches", "steps"},
    "torch": {
        *("curvature", "declare", "errors", "hyper", "method", "ops", "preconditioner"),
        *("rule", "rules", "steps", "transform", "transforms"),
    },
    "explain": {"errors", "hyper", "loops", "method", "minimize", "rule"},
    "plots": {"problems", "profiles", "result"},
    "compare": {"errors", "method", "minimize", "problems", "profiles", "result", "rule"},
    "rates": {
        *("compare", "errors", "hyper", "method", "minimize", "preconditioners", "problems", "profiles", "result"),
        *("rule", "rules", "transforms"),
    },
    "sweep": {"errors", "hyper", "loops", "method", "minimize", "problems", "result", "rule"},
    "maps": {"errors", "plots", "rates", "result", "rule"},
    "bench": {
        *("compare", "compiled", "errors", "hyper", "method", "minimize", "problems", "rates", "result", "rule"),
        *("rules", "sweep", "torch"),
    },
    "cli": {
        *("compare", "explain", "files", "load", "method", "minimize", "preconditioners", "problems"),
        *("result", "rule", "rules", "searches", "sweep"),
    },
}
# Imports inside a function, which would otherwise run backwards or load something heavy.
DEFERRED = {
    ("method", "minimize"),
    ("rule", "load"),
    ("minimize", "compiled"),
    ("objective", "compiled"),
    ("torch", "compiled"),
    ("problems", "compiled"),
    ("result", "plots"),
    ("compare", "plots"),
    ("sweep", "maps"),
    ("sweep", "compiled"),
    ("rates", "plots"),
    ("rates", "files"),
    ("cli", "maps"),
    ("cli", "plots"),
    ("cli", "bench"),
    ("cli", "rates"),
}
HEAVY = {
    "numba": {"compiled"},
    "matplotlib": {"maps", "plots"},
    "sympy": set(),
    "torch": {"torch", "bench"},
    "scipy": set(),
    "jax": set(),
}
HEAVY |= {"cvxpy": set(), "PEPit": set()}


def imports(file):
    """(module, whether at load time) for each import of a file; those for type checkers alone are left out."""

    def visit(node, loaded):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, loaded) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                dots = "." * child.level
                yield from (
                    [(dots + (child.module or ""), loaded)]
                    if child.module
                    else [(dots + alias.name, loaded) for alias in child.names]
                )
            yield from visit(child, loaded and not isinstance(child, (ast.FunctionDef, ast.Lambda)))

    return list(visit(ast.parse(file.read_text()), True))


def room(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def ours(file, name):
    """The room that a relative import reaches, or None."""
    level = len(name) - len(name.lstrip("."))
    depth = len(file.relative_to(PACKAGE).parts) - 1
    if not level or level <= depth:
        return None
    return name.lstrip(".").partition(".")[0]


def test_imports_run_one_way():
    order = list(ROOMS)
    for file in PACKAGE.rglob("*.py"):
        here = room(file)
        if here in ("__init__", "__main__"):
            continue
        for name, loaded in imports(file):
            there = ours(file, name)
            if there is None or there == "__version__":
                continue
            if loaded:
                assert there in ROOMS[here], f"{here} imports {there}"
                assert order.index(there) < order.index(here)
            else:
                assert (here, there) in DEFERRED, f"{here} imports {there} in a function"


def test_every_arrow_is_there():
    found = {(room(f), ours(f, name), loaded) for f in PACKAGE.rglob("*.py") for name, loaded in imports(f)}
    assert {(a, b, True) for a, allowed in ROOMS.items() for b in allowed} <= found
    assert {(a, b, False) for a, b in DEFERRED} <= found
    assert set(ROOMS) == {room(f) for f in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}


def test_heavy_libraries_have_one_room_each():
    for file in PACKAGE.rglob("*.py"):
        for name, loaded in imports(file):
            top = name.partition(".")[0]
            if loaded and top in HEAVY:
                assert room(file) in HEAVY[top], f"{room(file)} imports {top}"


def test_importing_the_package_is_light():
    heavy = ("numba", "scipy", "matplotlib", "sympy", "torch", "jax", "tqdm", "numpy.random", "momentumlab.rates")
    code = f"import sys, momentumlab; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr


def test_a_python_run_needs_no_numba():
    code = (
        "import sys, momentumlab as ml; r = ml.minimize(lambda x: (x @ x, 2 * x), [1.0], jac=True);"
        "print(r.success, {'numba', 'scipy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "True set()", out.stderr
