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
    run = race.runs[0]
    axes = plots.paths(run.problem, {"hb": run.result}).axes[0]
    assert np.array_equal(axes.lines[0].get_xydata(), run.result.history.x)
    assert [line.get_label() for line in axes.lines] == ["hb", "start", "minimisers"]
    assert np.array_equal(axes.lines[1].get_xydata(), [run.problem.x0])
    shown = axes.lines[2].get_xydata()
    assert 1 < len(shown) < len(run.problem.minimizers)
    assert all(any(np.array_equal(m, star) for m in run.problem.minimizers) for star in shown)
    matplotlib.pyplot.close("all")


def panels(figure):
    """The panels of a convergence figure, by their label."""
    return {axes.get_ylabel(): axes for axes in figure.axes}


GAP, GRADIENT, DISTANCE = "$f - f^\\star$", "$\\|\\nabla f\\|$", "$\\|x_k - x^\\star\\|$"


def test_convergence_to_the_minimiser_where_a_run_ended():
    """Heavy ball leaves for another well of the cosine; both runs are measured against the well they ended in."""
    p = ml.problem("cosine_wells")
    found = ml.compare(p, [ml.heavy_ball(), ml.pid()])
    wells = [(2 * np.pi, -np.pi), (0, 0)]
    shown = panels(found.convergence("cosine_wells"))
    assert [*shown] == [GAP, GRADIENT, DISTANCE]
    for j, (run, well) in enumerate(zip(found.runs, wells, strict=True)):
        h = run.result.history
        for name, values in [
            (GAP, h.fun + 4),
            (GRADIENT, h.gnorm),
            (DISTANCE, np.hypot(*(h.x - well).T)),
        ]:
            line = shown[name].lines[j]
            assert line.get_label() == run.method
            assert np.array_equal(line.get_xdata(), h.k)
            drawn = np.isfinite(line.get_ydata())
            assert drawn.all()
            assert line.get_ydata() == pytest.approx(values, abs=1e-14)
            assert shown[name].get_yscale() == "log"
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("problem", "options", "known", "names"),
    [
        ("beale", {}, None, ["$f$", GRADIENT]),
        ("beale", {}, "beale", [GAP, GRADIENT, DISTANCE]),
        ("quadratic", {"n": 64}, ml.problem("quadratic", n=64), [GAP, GRADIENT, DISTANCE]),
        ("quadratic", {"n": 65}, ml.problem("quadratic", n=65), [GAP, GRADIENT]),
        ("beale", {}, ml.Problem("mine", np.sum, [1.0, 1.0]), [GAP, GRADIENT]),
        ("beale", {}, ml.Problem("mine", np.sum, [1.0, 1.0], fstar=-1.0), [GAP, GRADIENT]),
    ],
)
def test_a_result_is_drawn_with_all_that_is_known(problem, options, known, names):
    r = ml.minimize(ml.problem(problem, **options), maxiter=50)
    shown = panels(r.plot(known))
    assert [*shown] == names
    first = shown[names[0]]
    assert first.get_yscale() == ("linear" if known is None else "log")
    floor = 0.0 if known in (None, "beale") or known.minimizers else known.fstar
    floor = r.history.fun.min() if np.isnan(floor) else floor
    above = r.history.fun - floor
    expected = above if known is None else np.where(above > 0, above, np.nan)
    assert first.lines[0].get_ydata() == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert not first.figure.legends
    matplotlib.pyplot.close("all")


def test_a_run_that_starts_at_the_minimiser_is_drawn():
    for axes in ml.minimize("beale", [3, 0.5]).plot("beale").axes:
        assert axes.get_yscale() == "linear"
        assert [text.get_text() for text in axes.texts] == ["nowhere above 0"]
    matplotlib.pyplot.close("all")


def test_convergence_asks_for_one_of_the_problems_that_were_run():
    small, large = (ml.problem("quadratic", n=n) for n in (2, 3))
    found = ml.compare([small, large], [ml.pid()], repeats=1)
    drawn = found.convergence(large).axes[0].lines[0].get_ydata()
    assert drawn[0] == pytest.approx(large.fun(large.x0))
    for problem, says in [
        ("quadratic", "2 problems that were run are named 'quadratic'; give the problem itself"),
        ("quadratc", "there is no run on 'quadratc'; did you mean 'quadratic'?"),
        (ml.problem("beale"), "there is no run on 'beale'"),
    ]:
        with pytest.raises(ValueError) as caught:
            found.convergence(problem)
        assert says in str(caught.value)
    matplotlib.pyplot.close("all")


def test_costs(race):
    assert [*race.costs()] == ["heavy_ball()", "pid()", "rsgdm()"]
    for cost, of in [
        ("evaluations", lambda run: run.result.nfev),
        ("gradients", lambda run: run.result.njev),
        ("iterations", lambda run: run.result.nit),
        ("seconds", lambda run: run.seconds),
    ]:
        expected = {m: [of(run) for run in race.runs if run.method == m] for m in race.costs(cost)}
        assert race.costs(cost) == expected
    with pytest.raises(ValueError, match="did you mean 'seconds'"):
        race.costs("second")
    failed = ml.compare(["beale", "rosenbrock"], [ml.heavy_ball(lr=1.0), ml.pid()], maxiter=300, repeats=1)
    costs = failed.costs()
    assert costs["heavy_ball(lr=1)"] == [np.inf, np.inf]
    assert costs["pid()"] == [failed.runs[1].result.nfev, np.inf]


def test_what_was_interrupted_is_left_out(race):
    whole = ml.Comparison(race.runs[:3]).costs()
    assert ml.Comparison(race.runs[:5]).costs() == whole
    assert [len(row) for row in whole.values()] == [1, 1, 1]


def curves(figure):
    """By label the corners of each step curve."""
    [axes] = figure.axes
    assert axes.get_xscale() == "log" and axes.get_ylim() == (0, 1)
    assert axes.get_xlabel() and axes.get_ylabel() == "fraction of the problems"
    assert all(line.get_drawstyle() == "steps-post" for line in axes.lines)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [line.get_label() for line in axes.lines]
    return {line.get_label(): line.get_data() for line in axes.lines}


@pytest.mark.parametrize("cost", ["evaluations", "gradients", "iterations", "seconds"])
def test_performance_profiles_draw_their_definition(race, cost):
    rho = ml.profiles.performance_profile(race.costs(cost))
    figure = race.performance_profile(cost)
    drawn = curves(figure)
    assert [*drawn] == [*rho]
    assert figure.axes[0].get_xlabel() == f"{cost} over the least of any method, $\\tau$"
    for label, (at, fraction) in drawn.items():
        assert at[0] == 1 and at[-1] == figure.axes[0].get_xlim()[1] > rho[label].steps[-1]
        assert set(rho[label].steps) <= set(at)
        assert np.array_equal(fraction, rho[label](at))
        assert fraction[-1] == 1
    matplotlib.pyplot.close("all")


def test_data_profiles_draw_their_definition(race):
    for tau in (1e-1, 1e-6):
        runs = {
            m: [(r.result.history.nfev, r.result.history.fun) for r in race.runs if r.method == m] for m in race.costs()
        }
        d = ml.profiles.data_profile(runs, [2, 4], tau)
        figure = race.data_profile(tau)
        drawn = curves(figure)
        assert [*drawn] == [*d]
        assert figure.axes[0].get_title() == f"$\\tau$ = {tau:g}"
        for label, (at, fraction) in drawn.items():
            assert set(d[label].steps) <= {*at, np.inf}
            assert np.array_equal(fraction, d[label](at))
            assert fraction[0] == 0
    matplotlib.pyplot.close("all")


def test_profiles_of_methods_that_all_failed():
    failed = ml.compare("beale", [ml.heavy_ball(lr=1.0)], maxiter=3, repeats=1)
    [(at, fraction)] = curves(failed.performance_profile()).values()
    assert at[0] == 1 < at[-1]
    assert not fraction.any()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("figure", ["performance_profile", "data_profile", "plot"])
def test_nothing_is_drawn_of_no_runs(figure):
    with pytest.raises(ValueError, match="nothing was run"):
        getattr(ml.compare([], [ml.pid()]), figure)()


def test_figures_say_what_they_need():
    from momentumlab import plots

    p = ml.problem("quadratic", n=3)
    r = ml.minimize(p, method=ml.pid(), history=False)
    with pytest.raises(ValueError, match="3 variables"):
        plots.paths(p, {"pid": r})
    with pytest.raises(ValueError, match="history=True"):
        r.plot()
    with pytest.raises(ValueError, match="did you mean 'beale'"):
        ml.minimize(p).plot("beal")
    with pytest.raises(TypeError, match=r"0\.0 is not a problem: give the name of one"):
        ml.minimize(p).plot(0.0)
    matplotlib.pyplot.close("all")


def test_colours_are_told_apart():
    from momentumlab.plots import COLOURS, style

    lines = [tuple(map(str, style(j).values())) for j in range(49)]
    assert len(set(lines)) == 49
    for first in range(0, 49, 7):
        assert [len(set(values)) for values in zip(*lines[first : first + 7], strict=True)] == [7, 7]
    assert len(COLOURS) == 7


def test_legends_have_room(race):
    """The figure grows by the rows of its legend, so that many methods do not squeeze the panels."""
    few, many = (
        ml.compare("quadratic", [ml.heavy_ball(beta=b) for b in np.linspace(0, 0.9, n).round(3).tolist()], repeats=1)
        for n in (1, 20)
    )
    heights = []
    for found in (few, many):
        figure = found.performance_profile()
        figure.draw_without_rendering()
        box = figure.axes[0].get_window_extent()
        assert figure.legends[0].get_window_extent().y1 <= box.y0
        heights.append(box.height)
    assert heights[1] > 0.9 * heights[0]
    matplotlib.pyplot.close("all")
