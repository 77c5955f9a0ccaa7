"""What the benchmark prints, and that it compares like with like; what it measures is no test's affair."""

import shutil

import numpy as np
import pytest

from momentumlab import Problem, minimize, problem, rules
from momentumlab.bench import GROUPS, Row, bench, table
from momentumlab.bench.curvature import FUNCTIONS, PRECONDITIONERS, bowl_fg
from momentumlab.bench.loops import METHOD, NEVER, TOL, compile_c, every_method, run_c, run_ours
from momentumlab.bench.rows import pairs
from momentumlab.bench.solves import IN_JAX, cases, loosest, of_scipy, whole_solves
from momentumlab.bench.solves import TOL as REACHED
from momentumlab.cli import main


def test_rows_say_whether_their_target_was_reached():
    assert Row("a", "b", 1.0, 1.0, 1.0, 1.1).reached is True
    assert Row("a", "b", 1.0, 1.0, 1.2, 1.1).reached is False
    assert Row("a", "b", 1.0, 1.0, 1.2, None).reached is None
    assert Row("a", "", 99.0, None, None, 100.0, "MB").reached is True
    lines = table([Row("a", "b", 1e-8, 2e-8, 0.5, 1.1), Row("c", "", 0.4, None, None, 0.3)]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert cells[0] == ["a", "b", "10 ns", "20 ns", "0.500", "≤ 1.1", "reached"]
    assert cells[1] == ["c", "", "400 ms", "", "", "≤ 300 ms", "missed"]


def test_groups_are_chosen_by_name(monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    measured = {name: Row(name, "", 1.0, None, None, None) for name in GROUPS}
    for name, row in measured.items():
        monkeypatch.setitem(GROUPS, name, (lambda row=row: iter([row]),))
    assert bench() == list(measured.values())
    assert bench("solves", "loop") == [measured["solves"], measured["loop"]]
    assert main(["bench", "rules"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("| rules")
    assert main(["bench", "rule"]) == 2
    assert capsys.readouterr().err.startswith("momentumlab: there is no group 'rule'; did you mean 'rules'?")


def test_a_suite_is_chosen_by_name(monkeypatch, capsys):
    monkeypatch.setattr("momentumlab.bench.installed", lambda *peers: False)
    assert main(["bench", "--suite", "torch"]) == 2
    assert capsys.readouterr().err == "momentumlab: the suite torch needs PyTorch: pip install 'momentumlab[torch]'\n"
    assert main(["bench", "--suite", "tensors"]) == 2
    assert capsys.readouterr().err.startswith("momentumlab: there is no suite 'tensors'. There are core, torch")


# ------------------------------------------------------------------ an iteration


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_the_loop_in_c_is_the_same_loop(tmp_path):
    descend = compile_c(str(tmp_path), ["-ffp-contract=off"])
    for n in (2, 10):
        assert run_c(descend, n)[1] == minimize(problem("rosenbrock", n=n), method=METHOD, tol=TOL).nit


def test_a_run_ends_at_the_tolerance_or_after_its_steps():
    assert run_ours(METHOD, 2, TOL)[1] == minimize("rosenbrock", method=METHOD, tol=TOL).nit
    assert run_ours(METHOD, 2, NEVER, 5000)[1] == 5000  # beyond a block of numbers and what history holds


def test_every_rule_is_measured():
    assert [m.name for m in every_method()] == rules.__all__


@pytest.mark.slow
@pytest.mark.parametrize("method", every_method(), ids=lambda method: method.name)
def test_every_rule_stays_finite(method):
    """A run that does not ends early."""
    assert run_ours(method, 100, NEVER, 5000)[1] == 5000


# ------------------------------------------------------------------ whole solves


@pytest.mark.parametrize(("p", "method"), cases(), ids=lambda value: getattr(value, "name", None))
def test_both_sides_of_a_solve_get_there(p, method):
    for ours in (method, None):
        assert minimize(p, method=ours, tol=REACHED).success
    for solve in of_scipy(p).values():
        tolerance = loosest(p, solve)
        assert np.max(np.abs(p.grad(solve(tolerance)))) <= REACHED
        assert tolerance == 1e-3 or np.max(np.abs(p.grad(solve(10 * tolerance)))) > REACHED


def test_a_solver_that_never_gets_there_has_no_time(monkeypatch):
    """Nor a ratio."""
    assert loosest(problem("beale"), lambda tolerance: np.ones(2)) is None
    case = cases()[-1]
    monkeypatch.setattr("momentumlab.bench.solves.cases", lambda: [case])
    monkeypatch.setattr("momentumlab.bench.solves.of_scipy", lambda p: {"standing still": lambda tolerance: p.x0})
    for peers in ("of_optimistix", "of_jaxopt"):
        monkeypatch.setattr(f"momentumlab.bench.solves.{peers}", lambda p: {})
    row = list(whole_solves())[-1]
    assert row.peer == "standing still, which does not get there"
    assert row.theirs is None and row.ratio is None


def test_peers_in_jax_solve_the_same_problems():
    jnp = pytest.importorskip("jax.numpy")
    for p, _ in cases():
        for x in (p.x0, p.minimizers[0], p.x0 + 0.25):  # numbers that single precision holds
            assert float(IN_JAX[p.name](jnp.asarray(x))) == pytest.approx(p.fun(x), rel=1e-6, abs=1e-12)


# ------------------------------------------------------------------ curvature


@pytest.mark.slow
def test_every_pmg_gets_there_and_so_does_scipy():
    for name in FUNCTIONS:
        p = problem(name)
        assert loosest(p, of_scipy(p)["SciPy BFGS"]) is not None
        for by in PRECONDITIONERS:
            for index in ("lagged", "current"):
                assert minimize(p, method=rules.pmg(preconditioner=by, index=index), tol=REACHED).success


def test_the_bowl_that_is_measured_is_a_quadratic():
    p = Problem("bowl", bowl_fg, np.ones(50), compile=True)
    r = minimize(p, method=rules.pmg(lr=5e-3, preconditioner="lbfgs"))
    assert r.success
    assert p.grad(np.ones(50)) == pytest.approx(1 + 99 * np.arange(50) / 50)
    assert p.fun(np.ones(50)) == pytest.approx(np.sum(p.grad(np.ones(50))) / 2)


# ------------------------------------------------------------------ the suite torch


@pytest.fixture
def suite(monkeypatch):
    """Its module, measuring as little as it can."""
    pytest.importorskip("torch")
    from momentumlab.bench import torch as suite

    monkeypatch.setattr(
        suite, "pairs", lambda what, peer, *both, **more: pairs(what, peer, *both, **more | {"repeats": 1})
    )
    return suite


SHAPES = [(4, 3), (4,)]


def test_the_model_is_a_resnet18(suite):
    sizes = [int(np.prod(shape)) for shape in suite.resnet18()]
    assert len(sizes) == 62
    assert sum(sizes) == 11_181_642


def test_threads_are_as_before(suite):
    before = suite.torch.get_num_threads()
    with suite.threads(before + 1):
        assert suite.torch.get_num_threads() == before + 1
    assert suite.torch.get_num_threads() == before


def test_torchs_rules_have_rows_for_each_number_of_threads(suite):
    rows = [*suite.against_fused(SHAPES), *suite.small_models(times=1), *suite.centralized(SHAPES)]
    assert len({row.what for row in rows}) == len(rows) == len(suite.THREADS) * (2 * len(suite.RULES) + 2)
    assert all(row.ratio > 0 and row.target in (1.0, 1.3) for row in rows)
    assert rows[0].what == "SGD with momentum, ResNet-18, a step, 1 thread"
    assert rows[0].peer == "torch.optim.SGD, fused=True"


@pytest.mark.slow
def test_every_class_has_rows_and_stays_finite(suite):
    kept = []
    for label, optimizer in suite.every_optimizer(lambda: suite.parameters(SHAPES)):
        for _ in range(20):
            optimizer.step()
        kept += [p.isfinite().all() for p in optimizer.param_groups[0]["params"]]
        assert label.partition(" by ")[0] == type(optimizer).__name__
    assert all(kept)
    classes = {row.what.partition(",")[0].partition(" by ")[0] for row in suite.against_copying(SHAPES)}
    assert classes == {*suite.ours.__all__} - {"Optimizer"}


def test_what_a_step_must_read_and_write(suite):
    adam = suite.ours.Adam(suite.parameters(SHAPES))
    assert suite.numbers(adam) == (4 + 3) * 16  # x, g, m and s; x, m and s
    assert suite.numbers(suite.ours.GradientDescent(suite.parameters(SHAPES))) == (2 + 1) * 16


def test_the_most_that_a_step_holds(suite):
    x = suite.parameters([(1000, 100)])
    memory = 4 * 100_000
    assert memory <= suite.peak(suite.torch.optim.SGD(x, momentum=0.9, foreach=True)) < 1.01 * memory
    assert [row.unit for row in suite.peaks(SHAPES)] == ["MB", "MB"]


def test_without_a_device_there_are_no_rows_of_one(suite, monkeypatch):
    monkeypatch.setattr(suite.torch.cuda, "is_available", lambda: False)
    assert bench("cuda", suite="torch") == []


def test_rows_of_a_device(suite, monkeypatch):
    """With the CPU in its place, from which it differs by nothing."""
    from momentumlab.bench import cuda

    monkeypatch.setattr(cuda, "pairs", suite.pairs)
    monkeypatch.setattr(cuda, "LARGE", SHAPES)
    present = dict(is_available=lambda: True, get_device_name=lambda: "no device", synchronize=lambda: None)
    for name, value in present.items():
        monkeypatch.setattr(cuda.torch.cuda, name, value)
    rows = list(cuda.on_cuda(SHAPES, lambda shapes, device: suite.parameters(shapes), suite.numbers))
    assert [row.target for row in rows] == [1.05, 1.05, 1.176, 1.176, 1e-6, 1e-6]
    assert [row.ours for row in rows[4:]] == [0.0, 0.0]
    assert "≤ 1e-06 | reached |" in table(rows)
