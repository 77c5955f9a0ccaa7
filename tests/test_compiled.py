"""The disk cache never runs a stale rule, ours or a user's, and finds a fresh one."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import momentumlab as ml
from momentumlab import compiled, curvature, searches

PACKAGE = Path(ml.__file__).parent
MINE = """
from momentumlab import rule

@rule
def mine(x, g, v=0.0, /, lr=0.001, beta=0.9):
    v = beta * v - lr * g
    return x + v, v
"""
RUN = """
import momentumlab as ml
p = ml.problem("rosenbrock")
for method in (ml.load("mine.py:mine")(lr=0.001), ml.heavy_ball(lr=0.001)):
    a = ml.minimize(p, method=method, maxiter=20, tol=0)
    b = ml.minimize(p.f, p.x0, method, maxiter=20, tol=0)
    assert (a.x == b.x).all(), "compiled and NumPy agree"
    print(a.x[0].hex(), a.x[1].hex())
"""


def run(folder):
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    out = subprocess.run([sys.executable, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return out.stdout.splitlines()


def test_an_edited_rule_changes_the_next_run(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "momentumlab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "mine.py").write_text(MINE)
    before = run(tmp_path)
    assert run(tmp_path) == before
    for file in (tmp_path / "mine.py", tmp_path / "momentumlab" / "rules.py"):
        file.write_text(file.read_text().replace("return x + v, v", "return x + 0.5 * v, v", 1))
    after = run(tmp_path)
    assert len(before) == len(after) == 2
    assert all(old != new for old, new in zip(before, after, strict=True))


CONSTANT = """
import consts
def f(x, g):
    g[0] = 2 * (x[0] - consts.A)
    return (x[0] - consts.A) ** 2
"""
USE = """
import momentumlab as ml, mine
print(ml.minimize(ml.Problem("mine", mine.f, [0.0], compile=True), method=ml.heavy_ball(lr=0.2)).x[0])
"""


def test_an_edited_objective_changes_the_next_run(tmp_path):
    (tmp_path / "mine.py").write_text(CONSTANT)
    for value in (3.0, 5.0):
        (tmp_path / "consts.py").write_text(f"A = {value}\n")
        out = subprocess.run([sys.executable, "-B", "-c", USE], cwd=tmp_path, capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        assert abs(float(out.stdout) - value) < 1e-5


def test_compiled_pairs_are_compiled_once():
    f, df = numba.njit(lambda x: x[0] ** 2), numba.njit(lambda x: 2 * x)
    assert compiled.pair(f, df) is compiled.pair(f, df)


def test_the_type_of_a_rule_is_what_it_does():
    assert compiled.driver(ml.heavy_ball) is compiled.driver(ml.heavy_ball(lr=0.3).rule)
    assert compiled.driver(ml.heavy_ball) is not compiled.driver(ml.sgd)


@pytest.mark.parametrize("module", [searches, curvature])
def test_an_edited_search_or_preconditioner_is_another_loop(module, monkeypatch):
    source, text = inspect.getsource, ml.heavy_ball().text
    before = compiled.loop.digest.__wrapped__(text)
    monkeypatch.setattr(inspect, "getsource", lambda m: source(m) + "#" * (m is module))
    assert compiled.loop.digest.__wrapped__(text) != before


@pytest.mark.parametrize("module", [compiled.kernels, curvature])
def test_an_edited_kernel_is_compiled_again(module, monkeypatch):
    source, name = (
        inspect.getsource,
        lambda: compiled.kernels.kernel.__wrapped__("hessian_keep").function.py_func.__qualname__,
    )
    before = name()
    monkeypatch.setattr(inspect, "getsource", lambda m: source(m) + "#" * (m is module))
    assert name() != before


def test_loops_are_cached_apart():
    """In a shared index, processes that compile at the same time would overwrite each other's entries."""
    files = {compiled.driver(rule)._cache._cache_file._index_name for rule in (ml.heavy_ball(), ml.pid(), ml.pmg())}
    assert len(files) == 3


def test_drivers_come_from_the_disk_the_second_time():
    compiled.driver(ml.pid)
    code = (
        "import momentumlab as ml; from momentumlab.compiled import driver; "
        "print(sum(driver(ml.pid).stats.cache_hits.values()))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "1", out.stderr


def test_without_a_place_to_write_it_still_runs(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "momentumlab", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import numba.core.caching as c; c.CacheImpl._locator_classes = [];"
        "import momentumlab as ml; print(ml.minimize('beale', method=ml.pid()).success)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert out.stdout.strip() == "True", out.stderr


def test_names_that_a_rule_chooses_cannot_collide_with_the_loops_own():
    @ml.rule
    def nasty(x, g, n=0.0, old=0.0, counts=0.0, point=0.0, /, i=0.001, f=0.5, inf=2.0, sqrt=1.0, row=1.0, norm=1.0):
        n = f * n - i * g
        return x + n * sqrt, n, old + row, counts + norm, point + inf

    p = ml.problem("rosenbrock")
    a, b = (ml.minimize(*args, method=nasty(), maxiter=50, tol=0) for args in ((p,), (p.f, p.x0)))
    assert a.nit == 50
    assert np.array_equal(a.x, b.x)
