"""compare, its table and the figures."""

import csv
import io
import json

import matplotlib
import numpy as np
import pytest

import momentumlab as ml

matplotlib.use("agg")


@pytest.fixture(scope="module")
def race():
    return ml.compare(["mccormick", ml.problem("quadratic", n=4)], [ml.heavy_ball(), ml.pid, "rsgdm"])


def test_every_method_meets_every_problem(race):
    assert [(r.problem.name, r.method) for r in race.runs] == [
        (p, m) for p in ("mccormick", "quadratic") for m in ("heavy_ball()", "pid()", "rsgdm()")
    ]
    assert race.converged
    for run in race.runs:
        assert 0 <= run.error < 1e-9
        assert run.seconds > 0


def test_tables(race):
    lines = race.table().splitlines()
    assert lines[0].split("|")[1].strip() == "problem"
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 6
    records = json.loads(race.table("json"))
    assert records[0]["iterations"] == race.runs[0].result.nit
    rows = list(csv.DictReader(io.StringIO(race.table("csv"))))
    assert [row["method"] for row in rows] == [r["method"] for r in records]
    with pytest.raises(ValueError, match="did you mean 'markdown'"):
        race.table("markdwon")
    assert str(race) == race._repr_markdown_() == race.table()


def test_labels_and_failures():
    found = ml.compare("rosenbrock", {"fast": ml.heavy_ball(lr=1.0), "slow": ml.heavy_ball(lr=1e-9)}, maxiter=50)
    assert [run.method for run in found.runs] == ["fast", "slow"]
    assert [r["status"] for r in found.records()] == ["diverged", "iteration_limit"]
    assert not found.converged


def test_mistakes_are_found_before_anything_runs():
    with pytest.raises(ValueError, match="did you mean 'rosenbrock'"):
        ml.compare(["beale", "rosenbrok"], [ml.pid()])
    with pytest.raises(ValueError, match="did you mean 'pid'"):
        ml.compare("beale", ["pidd"])


def test_what_is_not_a_problem_or_a_method_is_refused():
    for problems, methods, options, says in [
        (5, [ml.pid()], {}, "5 is not a problem or method, or a list of them"),
        ([lambda x: 1.0], [ml.pid()], {}, "is not a problem: give the name of one, or make one"),
        ("beale", 5, {}, "5 is not a problem or method, or a list of them"),
        ("beale", [5], {}, "give a method such as"),
        ("beale", [ml.pid()], {"repeats": 0}, "repeats = 0; it must be a whole number"),
        ("beale", [ml.pid()], {"repeats": "x"}, "repeats = 'x'"),
    ]:
        with pytest.raises((TypeError, ValueError)) as caught:
            ml.compare(problems, methods, **options)
        assert says in str(caught.value)
    with pytest.raises(ValueError, match="nothing was run"):
        ml.compare([], [ml.pid()]).plot()


def test_methods_that_look_alike_keep_apart():
    found = ml.compare("beale", [ml.heavy_ball(lr=lambda k: 0.01), ml.heavy_ball(lr=lambda k: 0.005)], repeats=1)
    assert [run.method for run in found.runs] == ["heavy_ball(lr=f(k))", "heavy_ball(lr=f(k)) (2)"]


def test_a_problem_whose_minimum_is_unknown_is_drawn_above_the_best_value_found():
    own = ml.Problem("mine", lambda x: (x @ x + 1, 2 * x), [1.0, 2.0], jac=True)
    lower = ml.compare(own, [ml.pid(lr=0.1), ml.pid(lr=0.2)]).plot().axes[-1]
    drawn = [line.get_ydata() for line in lower.lines]
    assert np.nanmin(drawn[0]) > 0
    assert drawn[0][0] == pytest.approx(5.0)
    matplotlib.pyplot.close("all")


def test_figures(race, tmp_path):
    from momentumlab import plots

    figure = race.plot()
    upper, lower = figure.axes[0], figure.axes[2]
    assert len(figure.axes) == 4
    assert len(upper.lines) >= 3
    assert lower.get_yscale() == "log"
    assert lower.get_xlabel() and upper.get_xlabel()
    gap = lower.lines[0].get_ydata()
    assert gap[0] == pytest.approx(164.011 + 5.0548156, rel=1e-5)
    figure.savefig(tmp_path / "race.png")
    result = race.runs[0].result
    assert len(result.plot().axes) == 2
    assert plots.convergence({"hb": result}, fstar=race.runs[0].problem.fstar).axes[0].get_yscale() == "log"
    walk = plots.paths(race.runs[0].problem, {"hb": result}).axes[0].lines[0]
    assert np.array_equal(walk.get_xdata(), result.history.x[:, 0])
    matplotlib.pyplot.close("all")


def test_figures_say_what_they_need():
    from momentumlab import plots

    p = ml.problem("quadratic", n=3)
    r = ml.minimize(p, method=ml.pid(), history=False)
    with pytest.raises(ValueError, match="3 variables"):
        plots.paths(p, {"pid": r})
    with pytest.raises(ValueError, match="history=True"):
        r.plot()
    matplotlib.pyplot.close("all")


def test_colours_are_told_apart():
    from momentumlab.plots import COLOURS, style

    assert len({tuple(map(str, style(j).values())) for j in range(len(COLOURS))}) == len(COLOURS)
