"""compare, its table and the figures."""

import csv
import io
import json

import matplotlib
import numpy as np
import pytest

import momentumlab as ml
from momentumlab.compare import seconds

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
    assert repr(race.runs[0]) == f"<run of heavy_ball() on mccormick: converged, {records[0]['iterations']} iterations>"
    assert str(race) == repr(race) == race._repr_markdown_() == race.table()


def test_labels_and_failures():
    found = ml.compare("rosenbrock", {"fast": ml.heavy_ball(lr=1.0), "slow": ml.heavy_ball(lr=1e-9)}, maxiter=50)
    assert [run.method for run in found.runs] == ["fast", "slow"]
    assert [r["status"] for r in found.records()] == ["diverged", "iteration_limit"]
    assert not found.converged


def test_a_collection_is_run_by_its_name():
    name = "more_garbow_hillstrom_unconstrained"
    found = ml.compare([name, "booth"], [ml.gradient_descent(lr=1e-9)], maxiter=1, repeats=1)
    assert [run.problem.name for run in found.runs] == [*ml.problems(name), "booth"]


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
    axes = plots.paths({"hb": run.result}, run.problem).axes[0]
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


GAP, LEAST, SAMPLED = r"$f - f^\star$", r"$f - \min f$ of the runs", "$f$ of the samples"
GRADIENT, DISTANCE = r"$\|\nabla f\|_\infty$", r"$\|x_k - x^\star\|$"


def test_convergence_to_the_minimiser_where_a_run_ended():
    """Heavy ball leaves for another well of the cosine; both runs are measured against the well they ended in."""
    p = ml.problem("cosine_wells")
    found = ml.compare(p, [ml.heavy_ball(), ml.pid()])
    wells = [(2 * np.pi, -np.pi), (0, 0)]
    shown = panels(found.plot_convergence("cosine_wells"))
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


BOWL = lambda x: (x @ x + 1, 2 * x)


@pytest.mark.parametrize(
    ("p", "known", "names", "floor"),
    [
        (ml.problem("beale"), False, [LEAST, GRADIENT], None),
        (ml.problem("beale"), True, [GAP, GRADIENT, DISTANCE], 0),
        (ml.problem("quadratic", n=64), True, [GAP, GRADIENT, DISTANCE], 0),
        (ml.problem("quadratic", n=65), True, [GAP, GRADIENT], 0),
        (ml.Problem("mine", BOWL, [1.0, 2.0], jac=True), True, [LEAST, GRADIENT], None),
        (ml.Problem("mine", BOWL, [1.0, 2.0], jac=True, fstar=1.0), True, [GAP, GRADIENT], 1),
    ],
)
def test_a_result_is_drawn_with_all_that_is_known(p, known, names, floor):
    r = ml.minimize(p, maxiter=50)
    shown = panels(r.plot(p if known else None))
    assert [*shown] == names
    first = shown[names[0]]
    assert first.get_yscale() == "log"
    above = r.history.fun - (r.history.fun.min() if floor is None else floor)
    assert np.array_equal(first.lines[0].get_ydata(), np.where(above > 0, above, np.nan), equal_nan=True)
    assert not first.figure.legends
    matplotlib.pyplot.close("all")


def test_a_result_is_drawn_by_the_name_of_its_problem():
    assert [*panels(ml.minimize("beale").plot("beale"))] == [GAP, GRADIENT, DISTANCE]
    matplotlib.pyplot.close("all")


def test_a_result_is_not_drawn_with_another_problem():
    from momentumlab import plots

    r = ml.minimize("beale", tol=1e-3)
    for draw in (r.plot, lambda p: plots.paths({"hb": r}, p)):
        for other, says in [
            ("rosenbrock", r"where rosenbrock is \d+.*; give the problem that was minimised"),
            (ml.problem("quadratic", n=3), r"x of shape \(2,\), quadratic variables of shape \(3,\)"),
        ]:
            with pytest.raises(ValueError, match=says):
                draw(other)
    with pytest.raises(ValueError, match="runs is empty"):
        plots.paths({}, "beale")


def test_gradients_are_labelled_with_their_norm():
    from momentumlab import plots

    largest, euclidean = (ml.minimize("beale", maxiter=5, norm=norm) for norm in (np.inf, 2))
    assert euclidean.history.gnorm[0] == pytest.approx(np.hypot(*ml.problem("beale").grad([1, 1])))
    assert [*panels(largest.plot())] == [LEAST, GRADIENT]
    assert [*panels(euclidean.plot())] == [LEAST, r"$\|\nabla f\|_2$"]
    with pytest.raises(ValueError, match="2 norms of gradients among 2 runs"):
        plots.convergence({"a": largest, "b": euclidean})
    matplotlib.pyplot.close("all")


def sampled(n, **known):
    """The mean of ½‖x − c‖² over 20 centres, seen through batches of two; its minimiser is their mean."""
    centres = np.random.default_rng(0).standard_normal((20, n))

    def components(x, indices):
        away = x - centres[indices]
        return 0.5 * np.mean(np.sum(away**2, axis=1)), away.mean(axis=0)

    return ml.finite_sum(components, np.full(n, 3.0), 20, batch=2, rng=0, **known), centres


METHODS = {"slow": ml.heavy_ball(lr=0.01), "ahead": ml.nesterov(lr=0.1)}


def through_samples(p):
    return ml.compare(p, METHODS, tol=0, maxiter=60, repeats=1)


def test_runs_that_see_samples_are_drawn_where_f_is_exact():
    p, centres = sampled(3)
    known, _ = sampled(3, minimizers=(centres.mean(axis=0),))
    exact = lambda x: 0.5 * np.mean(np.sum((x - centres) ** 2, axis=1))
    for problem, name in ((p, LEAST), (known, GAP)):
        found = through_samples(problem)
        values = [np.array([exact(x) for x in run.result.history.x]) for run in found.runs]
        least = min(map(np.min, values)) if problem is p else exact(centres.mean(axis=0))
        assert min(run.result.history.fun.min() for run in found.runs) < least
        convergence = panels(found.plot_convergence(problem))
        assert [*convergence][:2] == [name, GRADIENT + " of the samples"]
        for axes in (convergence[name], panels(found.plot())[name]):
            for line, f in zip(axes.lines, values, strict=True):
                assert np.nan_to_num(line.get_ydata()) == pytest.approx(f - least, rel=1e-9, abs=1e-14)
        walks = {run.method: [(run.result.history.nfev, f)] for run, f in zip(found.runs, values, strict=True)}
        expected = ml.profiles.data_profile(walks, [3], 0.1)
        assert {m: d.steps.tolist() for m, d in found.data_profile(0.1).items()} == {
            m: d.steps.tolist() for m, d in expected.items()
        }
    matplotlib.pyplot.close("all")


def test_runs_that_see_samples_in_many_variables_are_drawn_as_they_saw_them():
    p, _ = sampled(65, fstar=0.0)
    found = through_samples(p)
    for axes in (panels(found.plot_convergence(p))[SAMPLED], panels(found.plot())[SAMPLED]):
        assert axes.get_yscale() == "linear"
        for line, run in zip(axes.lines, found.runs, strict=True):
            assert np.array_equal(line.get_ydata(), run.result.history.fun)
    with pytest.raises(ValueError, match="finite_sum has 65 variables, too many to keep the iterates"):
        found.data_profile()
    matplotlib.pyplot.close("all")


def test_arrays_are_drawn_as_vectors():
    from momentumlab import plots

    f = lambda x: (np.sum(x * x) + 1, 2 * x)
    drawn = []
    for shape in ((2,), (2, 1), (1, 2)):
        p = ml.Problem("bowl", f, np.reshape([1.0, 2.0], shape), jac=True, minimizers=(np.zeros(shape),))
        found = ml.compare(p, {"pid": ml.pid(lr=0.01)}, maxiter=30, repeats=1)
        result = found.runs[0].result
        figures = (found.plot(), found.plot_convergence(p), plots.paths({"pid": result}, p))
        drawn.append([line.get_xydata() for figure in figures for axes in figure.axes for line in axes.lines])
    assert [len(lines) for lines in drawn] == 3 * [4 + 3 + 3]
    for flat, column, row in zip(*drawn, strict=True):
        assert np.array_equal(flat, column) and np.array_equal(flat, row)
    matplotlib.pyplot.close("all")


def test_the_dot_is_where_the_runs_started():
    from momentumlab import plots

    r = ml.minimize("beale", [2.0, 0.0], maxiter=9)
    [start] = [line for line in plots.paths({"": r}, "beale").axes[0].lines if line.get_label() == "start"]
    assert start.get_xydata().tolist() == [[2.0, 0.0]]
    matplotlib.pyplot.close("all")


def test_a_run_that_starts_at_the_minimiser_is_drawn():
    for axes in ml.minimize("beale", [3, 0.5]).plot("beale").axes:
        assert axes.get_yscale() == "linear"
        assert [text.get_text() for text in axes.texts] == ["nowhere above 0"]
    matplotlib.pyplot.close("all")


def test_convergence_asks_for_one_of_the_problems_that_were_run():
    small, large = (ml.problem("quadratic", n=n) for n in (2, 3))
    found = ml.compare([small, large], [ml.pid()], repeats=1)
    drawn = found.plot_convergence(large).axes[0].lines[0].get_ydata()
    assert drawn[0] == pytest.approx(large.fun(large.x0))
    for problem, says in [
        ("quadratic", "2 problems that were run are named 'quadratic'; give the problem itself"),
        ("quadratc", "there is no run on 'quadratc'; did you mean 'quadratic'?"),
        (ml.problem("beale"), "there is no run on 'beale'"),
    ]:
        with pytest.raises(ValueError) as caught:
            found.plot_convergence(problem)
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


def test_a_run_that_starts_at_the_minimiser_costs_one_iteration():
    there = ml.Problem("there", BOWL, [0.0, 0.0], jac=True)
    found = ml.compare([there, "mccormick"], [ml.pid(), ml.heavy_ball()], repeats=1)
    assert [run.result.nit for run in found.runs[:2]] == [0, 0]
    assert found.costs("iterations") == {"pid()": [1, 33], "heavy_ball()": [1, 284]}
    assert 0 < found.costs("seconds")["pid()"][0] < 1
    assert found.performance_profile("iterations")["heavy_ball()"].steps.tolist() == [1, 284 / 33]


def nowhere(n):
    """A problem whose f is not finite."""
    return ml.Problem("nowhere", lambda x: (np.nan, x), np.ones(n), jac=True, minimizers=(np.zeros(n),))


@pytest.mark.parametrize("n", [2, 3])
def test_a_problem_that_is_not_finite_at_its_start_leaves_the_others_be(n):
    good = ml.compare("mccormick", [ml.pid(), ml.heavy_ball()], repeats=1)
    bad = ml.compare(nowhere(n), [ml.pid(), ml.heavy_ball()], repeats=1)
    for runs in (good.runs + bad.runs, bad.runs + good.runs):
        both = ml.Comparison(runs)
        assert len(both.table().splitlines()) == 2 + 4
        for profile in ("performance_profile", "data_profile"):
            alone, beside = getattr(good, profile)(), getattr(both, profile)()
            assert {m: p.steps.tolist() for m, p in beside.items()} == {m: [*p.steps, np.inf] for m, p in alone.items()}
        figure = both.plot()
        drawn = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
        assert [text.get_text() for text in drawn["nowhere"].texts] == ["not finite at the start"]
        assert len(drawn["mccormick"].lines) == 4  # two paths, the start, the minimisers
        assert len(figure.legends[0].get_texts()) == 2
    assert [*panels(bad.plot_convergence("nowhere"))] == [LEAST, GRADIENT]
    assert not np.isfinite(bad.data_profile()["pid()"].steps).any()
    matplotlib.pyplot.close("all")


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
    figure = race.plot_performance_profile(cost)
    drawn = curves(figure)
    assert [*drawn] == [*rho]
    assert figure.axes[0].get_xlabel() == rf"$\tau$ = {cost} / least of any method"
    assert all(np.array_equal(rho[label].steps, p.steps) for label, p in race.performance_profile(cost).items())
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
        figure = race.plot_data_profile(tau)
        drawn = curves(figure)
        assert [*drawn] == [*d]
        assert figure.axes[0].get_title() == rf"tolerance $\tau$ = {tau:g}"
        for label, (at, fraction) in drawn.items():
            assert set(d[label].steps) <= {*at, np.inf}
            assert np.array_equal(fraction, d[label](at))
            assert fraction[0] == 0
    matplotlib.pyplot.close("all")


def test_profiles_of_methods_that_all_failed():
    failed = ml.compare("beale", [ml.heavy_ball(lr=1.0)], maxiter=3, repeats=1)
    [(at, fraction)] = curves(failed.plot_performance_profile()).values()
    assert at[0] == 1 < at[-1]
    assert not fraction.any()
    matplotlib.pyplot.close("all")


def test_an_empty_profile_says_why():
    found = ml.compare("beale", [ml.pid()], tol=0, maxiter=9, repeats=1)
    assert not np.isfinite(found.performance_profile()["pid()"].steps).any()
    [text] = found.plot_performance_profile().axes[0].texts
    assert text.get_text().split("\n") == [
        "no problem was solved",
        "(a run with tol = 0 never converges;",
        "plot_data_profile goes by values of f)",
    ]
    assert np.isfinite(found.data_profile()["pid()"].steps).all()
    assert not found.plot_data_profile().axes[0].texts
    matplotlib.pyplot.close("all")


def test_a_race_has_a_column_for_each_of_eight_problems():
    runs = ml.compare([ml.problem("quadratic", n=n) for n in range(3, 12)], [ml.pid()], maxiter=3, repeats=1).runs
    assert len(ml.Comparison(runs[:8]).plot().axes) == 8
    with pytest.raises(ValueError, match=r"9 problems are too many .* at most 8, or draw plot_performance_profile\(\)"):
        ml.Comparison(runs).plot()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("figure", ["performance_profile", "data_profile", "plot_performance_profile", "plot"])
def test_nothing_is_drawn_of_no_runs(figure):
    with pytest.raises(ValueError, match="nothing was run"):
        getattr(ml.compare([], [ml.pid()]), figure)()


def test_figures_say_what_they_need():
    from momentumlab import plots

    p = ml.problem("quadratic", n=3)
    r = ml.minimize(p, method=ml.pid(), history=False)
    with pytest.raises(ValueError, match="3 variables"):
        plots.paths({"pid": r}, p)
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
        figure = found.plot_performance_profile()
        figure.draw_without_rendering()
        box = figure.axes[0].get_window_extent()
        assert figure.legends[0].get_window_extent().y1 <= box.y0
        heights.append(box.height)
    assert heights[1] > 0.9 * heights[0]
    matplotlib.pyplot.close("all")


def test_long_labels_are_not_cut():
    tuned = [m.tuned(mu=1, L=100) for m in (ml.nesterov, ml.triple_momentum, ml.heavy_ball)]
    p = ml.problem("quadratic", L=100)
    for methods in (tuned, {"a label that one panel has no room for " * 3: tuned[0], "b": tuned[1]}):
        found = ml.compare(p, methods, repeats=1)
        for figure in (found.plot(), found.plot_convergence(p), found.plot_performance_profile()):
            figure.draw_without_rendering()
            legend = figure.legends[0].get_window_extent()
            assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= legend.y0
    matplotlib.pyplot.close("all")


def test_durations_have_three_digits():
    shown = [seconds(s) for s in (1.5, 0.9996, 0.9994, 9.996e-4, 2.5e-5, 2e-9)]
    assert shown == ["1.5 s", "1 s", "999 ms", "1 ms", "25 µs", "2 ns"]
