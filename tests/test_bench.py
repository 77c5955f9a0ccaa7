"""What the benchmark prints, and that it compares like with like; what it measures is no test's affair."""

import shutil

import pytest

from momentumlab import minimize, problem
from momentumlab.bench import METHOD, TOL, Row, compile_c, run_c, table


def test_rows_say_whether_their_target_was_reached():
    assert Row("a", "b", 1.0, 1.0, 1.0, 1.1).reached is True
    assert Row("a", "b", 1.0, 1.0, 1.2, 1.1).reached is False
    assert Row("a", "b", 1.0, 1.0, 1.2, None).reached is None
    assert Row("a", "", 99.0, None, None, 100.0, "MB").reached is True
    lines = table([Row("a", "b", 1e-8, 2e-8, 0.5, 1.1), Row("c", "", 0.4, None, None, 0.3)]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert cells[0] == ["a", "b", "10 ns", "20 ns", "0.50", "≤ 1.1", "reached"]
    assert cells[1] == ["c", "", "400 ms", "", "", "≤ 300 ms", "missed"]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_the_loop_in_c_is_the_same_loop(tmp_path):
    descend = compile_c(str(tmp_path), ["-ffp-contract=off"])
    for n in (2, 10):
        assert run_c(descend, n)[1] == minimize(problem("rosenbrock", n=n), method=METHOD, tol=TOL).nit
