"""The command line: what it prints, its exit status, and its sentences."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from momentumlab import __version__, rules
from momentumlab.cli import main
from momentumlab.problems import problems

MINE = '''"""My rules."""
from momentumlab import rule


@rule
def quasi_hyperbolic(x, g, m=0.0, /, lr=0.01, beta=0.9, nu=0.7):
    """Ma & Yarats (2019): a gradient step and a momentum step, mixed."""
    m = beta * m + (1 - beta) * g
    return x - lr * ((1 - nu) * g + nu * m), m
'''


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return str(file)


def test_list(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in rules.__all__)
    assert main(["list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {
        "rules",
        "searches",
        "preconditioners",
        "problems",
        "collections",
    }


def test_solve(capsys):
    assert main(["solve", "rosenbrock", "n=4", "--rule", "heavy_ball", "lr=2e-4", "beta=0.98"]) == 0
    assert "The gradient is within the tolerance." in capsys.readouterr().out
    assert main(["solve", "beale", "--json", "--x0", "1", "1", "--norm", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["success"] is True
    assert found["method"] == "quasi_newton()"
    assert found["x"] == pytest.approx([3, 0.5], abs=1e-4)


def test_a_start_may_be_negative(capsys):
    assert main(["solve", "rosenbrock", "--x0", "-1.2", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nit"] > 0


def test_a_figure_replaces_files_alone(tmp_path, capsys):
    target, link, pipe = tmp_path / "real.png", tmp_path / "link.png", tmp_path / "pipe.png"
    target.write_text("old")
    link.symlink_to(target)
    os.mkfifo(pipe)
    assert main(["solve", "beale", "--plot", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert main(["solve", "beale", "--plot", str(pipe)]) == 2
    assert "is not a file" in capsys.readouterr().err
    assert pipe.is_fifo()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_terminal_without_greek(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    out = subprocess.run([sys.executable, "-m", "momentumlab", "list"], capture_output=True, env=environment)
    assert out.returncode == 0, out.stderr


@pytest.mark.parametrize("name", problems())
def test_solve_gives_the_same_answer_when_it_takes_long(name, capsys, monkeypatch):
    """It starts in NumPy and starts over in the compiled loop, where nothing may differ."""
    monkeypatch.setattr("momentumlab.cli.START_SECONDS", 60.0)
    status = main(["solve", name, "--json", "--maxiter", "2000"])
    quick = capsys.readouterr().out
    monkeypatch.setattr("momentumlab.cli.START_SECONDS", 0.0)
    assert main(["solve", name, "--json", "--maxiter", "2000"]) == status
    assert capsys.readouterr().out == quick


def test_what_does_not_converge_exits_with_1(capsys):
    assert main(["solve", "rosenbrock", "--maxiter", "3"]) == 1
    assert main(["solve", "rosenbrock", "--rule", "heavy_ball", "lr=1"]) == 1
    assert main(["compare", "rosenbrock", "--rule", "pid", "--maxiter", "3"]) == 1
    capsys.readouterr()


def test_compare(capsys, tmp_path):
    plot = tmp_path / "race.png"
    assert (
        main(
            [
                "compare",
                "mccormick",
                "quadratic",
                "n=3",
                "L=10",
                "--rule",
                "pid",
                "--rule",
                "heavy_ball",
                "beta=0.5",
                "--plot",
                str(plot),
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "quadratic (n = 3)" in out
    assert "heavy_ball(beta=0.5)" in out
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["race.png"]
    assert main(["compare", "beale", "--rule", "pid", "--csv"]) == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 1
    assert main(["compare", "beale", "--rule", "pid", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["converged"] is True


def test_compare_writes_a_profile(capsys, tmp_path):
    plot, profile = tmp_path / "race.svg", tmp_path / "profile.png"
    words = ["compare", "beale", "mccormick", "--rule", "pid", "--plot", str(plot), "--profile", str(profile)]
    assert main(words) == 0
    assert "pid()" in capsys.readouterr().out
    assert profile.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in plot.read_bytes()


def test_a_figure_of_too_many_problems_is_refused_before_anything_runs(capsys, monkeypatch):
    monkeypatch.setattr("momentumlab.cli.compare", lambda *args, **options: pytest.fail("it ran"))
    assert main(["compare", "classics", "--rule", "pid", "--plot", "race.png"]) == 2
    assert "18 problems are too many for one figure, which has a column for each" in capsys.readouterr().err


def test_a_rule_of_ones_own_goes_through_every_door(mine, capsys):
    import numpy as np
    from scipy.optimize import minimize

    import momentumlab as ml

    assert main(["solve", "beale", "--rule", mine, "lr=0.05"]) == 0
    assert main(["compare", "beale", "--rule", f"{mine}:quasi_hyperbolic", "lr=0.05", "--rule", "pid"]) == 0
    assert "quasi_hyperbolic(lr=0.05)" in capsys.readouterr().out
    own = ml.load(f"{mine}:quasi_hyperbolic")
    p = ml.problem("beale")
    assert ml.minimize(p, method=own()).success
    assert minimize(p.fun, p.x0, jac=p.grad, method=own(lr=0.05)).success
    assert ml.compare("beale", [own(lr=0.05)]).converged
    ours = [s.x for s, _ in zip(ml.iterate(p, method=own(lr=0.05, nu=0.7)), range(50), strict=False)]
    pid = [
        s.x
        for s, _ in zip(
            ml.iterate(p, method=ml.pid.starting(g_prev=0.0)(lr=0.005, kd=0.05 * 0.9 * 0.3)), range(50), strict=False
        )
    ]
    assert np.allclose(ours, pid, rtol=1e-12)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["solve", "rosenbrok"], "there is no problem 'rosenbrok'; did you mean 'rosenbrock'"),
        (["solve", "rosenbrock", "m=3"], "there is no option 'm'"),
        (["solve", "rosenbrock", "n=few"], "n = 'few'; it must be a whole number"),
        (["solve", "n=3"], "comes before the problem"),
        (["solve", "rosenbrock", "beale"], "solve takes one problem"),
        (["solve", "rosenbrock", "--rule", "heavyball"], "did you mean 'heavy_ball'"),
        (["solve", "rosenbrock", "--rule", "heavy_ball", "lr=-1"], "lr = -1 is outside its range"),
        (["solve", "rosenbrock", "--rule", "heavy_ball", "lr=fast"], "lr = 'fast' is not a number"),
        (["solve", "rosenbrock", "--rule", "heavy_ball", "betta=0.1"], "did you mean 'beta'"),
        (["solve", "rosenbrock", "--rule", "heavy_ball", "pid"], "not of the form name=value"),
        (["solve", "rosenbrock", "--rule", "none.py:mine"], "there is no file 'none.py'"),
        (["solve", "rosenbrock", "--x0", "nan", "1"], "x0[0] = nan"),
        (["solve", "rosenbrock", "--x0", "5"], "rosenbrock has 2 variables, x0 has 1"),
        (["solve", "rosenbrock", "lr=0.1"], "lr belongs behind a --rule NAME"),
        (["solve", "rosenbrock", "n=3", "n=4"], "n is given twice"),
        (["solve", "rosenbrock", "--rule", "pid", "=3"], "'=3' is not of the form name=value"),
        (["solve", "rosenbrock", "--rule", "pid", "k=5"], "k is the iteration, not a hyperparameter"),
        (["solve", "rosenbrock", "--plot", "race"], "the ending names the format"),
        (["solve", "rosenbrock", "--plot", ""], "the ending names the format"),
        (["solve", "rosenbrock", "--plot", "."], "the ending names the format"),
        (["solve", "rosenbrock", "--tol", "-1"], "tol = -1.0; it must be a number, 0 or larger"),
        (["solve", "rosenbrock", "--plot", "no/such/folder/a.png"], "there is no folder"),
        (["solve", "rosenbrock", "--plot", "a.xyz"], "--plot a.xyz"),
        (["compare", "beale", "--profile", "a.xyz"], "--profile a.xyz"),
        (["compare", "beale", "--rule", "pid", "kd=x"], "kd = 'x' is not a number"),
    ],
)
def test_what_cannot_be_understood_exits_with_2(words, says, capsys):
    assert main(words) == 2
    assert says in capsys.readouterr().err


def test_a_bound_rule_of_a_file_takes_no_more(tmp_path, capsys):
    file = tmp_path / "bound.py"
    file.write_text("from momentumlab import pid\nmine = pid(lr=0.01)\n")
    assert main(["solve", "beale", "--rule", f"{file}:mine"]) == 0
    assert main(["solve", "beale", "--rule", f"{file}:mine", "lr=0.1"]) == 2
    assert "is bound already, pid(lr=0.01); leave out lr" in capsys.readouterr().err


def test_files_that_hold_no_rule(tmp_path, capsys):
    for text, says in [
        ("x = 1\n", "There are none"),
        ("def (:\n", "syntax"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
        ("1 / 0\n", "division"),
        ("import sys; sys.exit(7)\n", "SystemExit: 7"),
    ]:
        file = tmp_path / "rules.py"
        file.write_text(text)
        assert main(["solve", "beale", "--rule", str(file)]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["sovle"], ["solve"], ["solve", "beale", "--tol", "x"]])
def test_usage_errors_exit_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_as_a_process():
    out = subprocess.run(
        [sys.executable, "-m", "momentumlab", "solve", "beale", "--json"], capture_output=True, text=True
    )
    assert (out.returncode, out.stderr) == (0, "")
    assert json.loads(out.stdout)["success"]
    out = subprocess.run([sys.executable, "-m", "momentumlab", "--version"], capture_output=True, text=True)
    assert out.stdout.strip() == __version__


def test_a_figure_that_cannot_be_written_does_not_cost_the_table(capsys, tmp_path):
    assert main(["compare", "beale", "--rule", "pid", "--profile", str(tmp_path / "nowhere" / "p.png")]) == 2
    out, err = capsys.readouterr()
    assert "| beale" in out and "there is no folder" in err


def test_preconditioners_and_searches_go_by_name(capsys):
    assert main(["solve", "beale", "--rule", "newton"]) == 0
    assert main(["solve", "rosenbrock", "--rule", "newton", "preconditioner=bfgs", "search=wolfe", "--json"]) == 0
    out = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert out["success"] and out["method"].startswith("newton(preconditioner=bfgs(), search=Wolfe(")
    assert main(["solve", "beale", "--rule", "pmg", "preconditioner=lbgfs"]) == 2
    assert "did you mean 'lbfgs'" in capsys.readouterr().err
    assert main(["solve", "wood", "--rule", "newton"]) == 2
    assert "asks for the Hessian, which problem wood does not have" in capsys.readouterr().err
