"""Sweeps end, cell by cell, as `minimize` does; maps and their figures."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

import momentumlab as ml
from momentumlab.cli import main
from momentumlab.loops import side_by_side
from momentumlab.maps import rate_slices
from momentumlab.ops import norm
from momentumlab.result import Status
from momentumlab.trace import Unwritable

LR, BETA = np.geomspace(1e-5, 3e-2, 14), np.linspace(0, 0.99, 9)


def agrees(m, cells, **limits):
    """Whether these cells are as runs of `minimize` end, to the last bit."""
    shape = tuple(map(len, m.axes.values()))
    starts = m.starts.reshape(-1, m.problem.dim)
    flat = [a.reshape(*shape, len(starts), *a.shape[m.nit.ndim :]) for a in (m.nit, m.status, m.fun, m.x)]
    for *at, origin in cells:
        r = ml.minimize(m.problem, starts[origin], m.method(*at), history=False, **limits)
        nit, status, fun, x = (a[(*at, origin)] for a in flat)
        assert (nit, status, fun) == (r.nit, r.status, r.fun) and (x == r.x).all(), (m.method(*at), r)


def every(m):
    return np.ndindex(*map(len, m.axes.values()), m.starts.reshape(-1, m.problem.dim).shape[0])


def test_runs_side_by_side_end_as_minimize_does():
    m = ml.sweep("rosenbrock", ml.heavy_ball, lr=LR, beta=BETA, tol=0.1, maxiter=400)
    assert not m.one_by_one
    assert {Status.CONVERGED, Status.ITERATION_LIMIT, Status.DIVERGED} <= set(m.status.ravel().tolist())
    agrees(m, every(m), tol=0.1, maxiter=400)
    assert (m.converged | m.diverged | (m.nit == 400)).all()


@pytest.mark.parametrize("maxiter", [0, 1, 17, 300])
def test_to_the_last_iteration(maxiter):
    """With tol = 0; limits that are and are not multiples of the stretches between two looks."""
    m = ml.sweep("rosenbrock", ml.heavy_ball, lr=LR[:5], beta=BETA, tol=0, maxiter=maxiter)
    agrees(m, every(m), tol=0, maxiter=maxiter)
    assert (m.nit == maxiter).all()


def test_starts_are_a_grid_too():
    """More of them than lanes, so that lanes take new ones; one that is the minimiser, one that cannot be evaluated."""
    rng = np.random.default_rng(0)
    starts = rng.uniform(-2, 2, (13, 20, 2))
    starts[0, 0], starts[0, 1] = 1.0, 1e200
    m = ml.sweep("rosenbrock", ml.heavy_ball(lr=2e-3), x0=starts, beta=np.array([0.5, 0.9]), tol=1e-2, maxiter=2000)
    assert m.nit.shape == (2, 13, 20) and m.x.shape == (2, 13, 20, 2)
    assert m.nit[0, 0, 0] == 0 and m.status[0, 0, 0] == Status.CONVERGED
    assert m.nit[0, 0, 1] == 0 and m.status[0, 0, 1] == Status.NONFINITE
    agrees(m, every(m), tol=1e-2, maxiter=2000)


@ml.rule
def tilted(y, g, x=ml.POINT, d=ml.GRADIENT, /, lr=0.01, beta=0.5, gain=lambda lr, beta: lr / (1 + beta)):
    """A rule of one's own: two slots of every kind, a number made of others."""
    x_next = y - gain * (g + beta * d)
    return x_next + beta * (x_next - x), x_next, g


def test_a_rule_of_ones_own_gets_a_map():
    m = ml.sweep("booth", tilted, lr=np.linspace(0.01, 0.2, 6), beta=np.array([0.0, 0.3, 0.6]), maxiter=300)
    assert not m.one_by_one and m.converged.any()
    agrees(m, every(m), maxiter=300)


@pytest.mark.slow
def test_values_that_no_number_bounds():
    """f leaves all bounds where it stays finite; where it is bounded, the point alone does."""
    line = ml.Problem("line", _slope, [1.0], compile=True)
    m = ml.sweep(line, ml.gradient_descent, lr=np.array([1e19, 1e-3]), maxiter=40)
    assert m.status.tolist() == [Status.DIVERGED, Status.ITERATION_LIMIT]
    agrees(m, every(m), maxiter=40)


def _slope(x, g):
    g[0] = -1.0
    return -x[0]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (ml.adam, "adam: c1 moves with k"),
        (ml.pmg, "pmg: asks for Bv"),
        (ml.heavy_ball.having(beta=lambda g: 0.5 / (1 + norm(g))), "heavy_ball: it measures whole vectors"),
        (ml.heavy_ball.having(beta=lambda lr: lr**0.5), "it raises to a power"),
    ],
)
def test_what_cannot_lie_side_by_side(rule, why):
    with pytest.raises(Unwritable, match=why):
        side_by_side(rule)


def test_one_run_after_another_says_so():
    m = ml.sweep("booth", ml.gradient_descent, x0=np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert m.one_by_one == "Backtracking(first=0.5) finds lr on the way"
    assert "one run after another, since Backtracking" in repr(m)
    agrees(m, every(m))


@numba.njit
def through_a_view(x, g):
    if x[0] < 0:
        g.ravel()[:] = 2.0 * x
    else:
        g[:] = 2.0 * x
    return np.sum(x * x)


@pytest.mark.slow
def test_compiled_functions_of_ones_own_lie_side_by_side_too():
    """On columns of arrays, where what they take for a view of their argument would be a copy."""
    m = ml.sweep(ml.Problem("f", through_a_view, [1.0, 2.0]), ml.gradient_descent, lr=np.array([0.1, 0.8]))
    assert not m.one_by_one
    agrees(m, every(m))


def steep(x, g):
    g[0] = 1.0
    if x[0] < -0.55:
        raise ValueError("too far")
    return x[0]


def test_what_a_function_raises_comes_with_the_runs_so_far():
    with pytest.raises(ValueError, match="too far") as caught:
        ml.sweep(ml.Problem("steep", steep, [0.0]), ml.gradient_descent, lr=np.array([0.01, 0.02, 0.3]), maxiter=20)
    raising = ml.Problem("short", lambda x, g: x[2], [0.0])
    with pytest.raises(IndexError):
        ml.sweep(raising, ml.gradient_descent, lr=np.array([0.1]))
    found = caught.value.map
    assert found.nit.shape == (3,) and found.status[2] == Status.INTERRUPTED and np.isnan(found.x[2]).all()


def test_ctrl_c_leaves_the_runs_so_far():
    def cross(x, g):
        g[:] = 2 * x
        if x[0] == 4.0:
            raise KeyboardInterrupt
        return float(x @ x)

    m = ml.sweep(
        ml.Problem("cross", cross, [0.0]), ml.gradient_descent(lr=0.5), x0=np.array([[1.0], [2.0], [4.0], [5.0]])
    )
    assert m.status.tolist() == [0, 0, Status.INTERRUPTED, Status.INTERRUPTED]
    assert "2 interrupted" in repr(m)


def test_the_fastest_cell():
    m = ml.sweep("booth", ml.gradient_descent, lr=np.array([0.01, 0.1, 0.5]), x0=np.array([[1.0, 2.0], [9.0, 4.0]]))
    assert str(m.best()) == "gradient_descent(lr=0.1)"
    with pytest.raises(ValueError, match="no hyperparameters of this map converged from every start"):
        ml.sweep("booth", ml.gradient_descent, lr=np.array([0.5, 0.6])).best()


@pytest.mark.parametrize(
    ("hyper", "error"),
    [
        (dict(lr=[]), "sweep: lr = .*an axis is a row of finite numbers"),
        (dict(lr=[[0.1]]), "an axis is a row"),
        (dict(lr=[0.1, np.nan]), "an axis is a row"),
        (dict(lr=["a"]), "an axis is an array of numbers"),
        (dict(gamma=[0.1]), "there is no hyperparameter 'gamma'"),
        (dict(lr=[0.1], x0=[1.0, 2.0, 3.0]), r"x0 has shape \(3,\); booth has 2 variables"),
        (dict(lr=[0.1], tol=-1), "tol = -1; it must be a number, 0 or larger"),
        (dict(lr=[0.1], maxiter=1.5), "maxiter = 1.5"),
        (dict(lr=[-0.1]), "outside its range"),
        (dict(lr=[0.1, -0.1]), "lr = -0.1 is outside its range"),
        (dict(lr=[[0.1], [0.1, 0.2]]), "an axis is an array of numbers"),
        (dict(lr=np.array([0.1j])), "an axis is an array of numbers"),
        (dict(lr=[0.1], x0="here"), "x0 = 'here'; it must be an array of numbers"),
        (dict(lr=[0.1], maxiter=2**31), "maxiter = 2147483648; it must be at most"),
        (dict(beta=[0.1], search="armijo"), "search belongs to the method"),
    ],
)
def test_bad_input_is_named(hyper, error):
    with pytest.raises((TypeError, ValueError), match=error):
        ml.sweep("booth", ml.heavy_ball, **hyper)


@ml.rule
def bent(x, g, v=0, /, lr=0.1, beta=0.5, c=lambda lr, beta: min(lr, beta)):
    v_next = beta * v + g
    return x - c * v_next, v_next


def test_a_rule_that_takes_no_search_has_a_map():
    def square(x, g):
        g[:] = 2 * x
        return float(x @ x)

    m = ml.sweep(ml.Problem("square", square, [1.0]), bent, lr=np.array([0.1, 0.3]), maxiter=5)
    agrees(m, every(m), maxiter=5)


# ------------------------------------------------------------------ figures


def lines_of(figure):
    (axes, *_) = figure.axes
    return axes


def test_the_stability_boundary_is_where_theory_has_it():
    """α L = 2(1 + β), drawn over a map of a quadratic, whose runs agree with it."""
    p = ml.problem("quadratic", n=3, mu=1, L=10)
    lr, beta = np.linspace(0.01, 0.5, 40), np.linspace(0, 0.95, 30)
    m = ml.sweep(p, ml.heavy_ball, lr=lr, beta=beta, maxiter=3000)
    stable = lr[:, None] * 10 < 2 * (1 + beta)
    near = np.abs(lr[:, None] * 10 / (2 * (1 + beta)) - 1) < 0.02
    assert (m.converged == stable)[~near].all() and (m.diverged == ~stable)[~near].all()
    figure = m.plot()
    dashed = [c for c in figure.axes[0].collections if list(getattr(c, "levels", [])) == [1.0]]
    (edge,) = dashed[0].allsegs[0]
    assert edge[:, 0] * 10 == pytest.approx(2 * (1 + edge[:, 1]), rel=0.02)
    labels = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert labels == ["not in 3000 iterations", "diverged", "stability boundary", "exact rate"]
    plt.close(figure)


def test_basins_have_a_colour_a_minimiser():
    """Each start here ends at the nearest of Himmelblau's, but for one that ends elsewhere and one that diverges."""
    grid = np.stack(np.meshgrid(np.linspace(-5, 5, 12), np.linspace(-5, 5, 10)), axis=-1)
    p, status = ml.problem("himmelblau"), np.full((10, 12), Status.CONVERGED, np.int8)
    x = np.array([[p.nearest(start) for start in row] for row in grid])
    x[0, 0], status[9, 11] = (-0.27, -0.92), Status.DIVERGED
    nit = np.arange(120, dtype=np.int32).reshape(10, 12)
    figure = ml.Map(p, ml.gradient_descent(lr=0.01), {}, grid, nit, status, np.zeros((10, 12)), x).plot()
    labels = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    four = ["(-2.81, 3.13)", "(-3.78, -3.28)", "(3, 2)", "(3.58, -1.85)"]
    assert sorted(labels) == sorted([*four, "another critical point (-0.27, -0.92)", "diverged"])
    plt.close(figure)


def test_basins_of_starts_that_are_no_grid_are_refused():
    p, starts, cells = ml.problem("himmelblau"), np.random.default_rng(0).uniform(size=(3, 4, 2)), np.zeros((3, 4))
    ended = cells.astype(np.int32), cells.astype(np.int8), cells, starts
    with pytest.raises(ValueError, match="the starts are no grid"):
        ml.Map(p, ml.gradient_descent(lr=0.01), {}, starts, *ended).plot()


def test_a_map_over_one_axis_is_a_line_and_over_three_is_refused():
    figure = ml.sweep("booth", tilted, lr=np.linspace(0.01, 0.2, 6), maxiter=300).plot()
    assert figure.axes[0].get_yscale() == "log"
    plt.close(figure)
    starts = np.zeros((2, 2))
    with pytest.raises(ValueError, match="this map is over 1 hyperparameters and 1 dimensions of starts"):
        ml.sweep("booth", tilted, lr=np.array([0.1, 0.2]), x0=starts).plot()


def test_slices_of_pid_mark_the_least_rate():
    figure = rate_slices(ml.pid, 1, 10, lr=np.linspace(0.01, 0.4, 24), beta=np.linspace(0, 0.9, 20), kd=[0.0, 0.05])
    titles = [axes.get_title() for axes in figure.axes[:2]]
    assert titles[0].startswith("$k_d$ = 0: least") and titles[1].startswith("$k_d$ = 0.05: least")
    plt.close(figure)
    with pytest.raises(ValueError, match="over two hyperparameters, and a third in panels, not over 1"):
        rate_slices(ml.pid, 1, 10, lr=[0.1])


def test_axes_in_any_order_make_the_same_figure():
    """And rows that are none are named."""
    lr, beta = np.array([0.1, 0.02, 0.3]), np.array([0.5, 0.1, 0.9])
    mixed, sorted_ = (rate_slices(ml.pid, 1, 10, lr=f(lr), beta=f(beta)) for f in (np.array, np.sort))
    shades = [figure.axes[0].collections[0].get_array() for figure in (mixed, sorted_)]
    assert (shades[0] == shades[1]).all()
    plt.close("all")
    for wrong in ([], "a", [0.1, np.nan]):
        with pytest.raises(ValueError, match=r"rate_slices: lr = .*; it must be a row of finite numbers"):
            rate_slices(ml.pid, 1, 10, lr=wrong, beta=beta)


# ------------------------------------------------------------------ the command line


def test_map_from_the_command_line(tmp_path, capsys):
    words = ["map", "gradient_descent", "lr=1e-3:0.2:6:log", "x1=-1:1:3", "x2=0", "--problem", "booth"]
    assert main([*words, "--json", "--save", f"{tmp_path}/map.npz"]) == 0
    record = json.loads(capsys.readouterr().out)
    with np.load(tmp_path / "map.npz") as saved:
        assert saved["nit"].shape == (6, 3) and saved["lr"][0] == 1e-3
        assert saved["starts"].tolist() == [[-1, 0], [0, 0], [1, 0]]
        assert (saved["status"] == 0).sum() == record["converged"] > 0
    words = ["map", "gradient_descent", "lr=1e-3,0.1,0.2", "--problem", "booth", "--plot", f"{tmp_path}/map.svg"]
    assert main(words) == 0
    said = "map of gradient_descent on booth, 3: 1 converged, 1 iteration limit, 1 diverged"
    assert capsys.readouterr().out == said + "\nfastest: gradient_descent(lr=0.1)\n"
    assert (tmp_path / "map.svg").stat().st_size > 1000
    assert main(["map", "pid", "lr=0.01:0.4:9", "beta=0:0.9:8", "kd=0,0.05", "--mu", "1", "--L", "10"]) == 0
    assert "of 144 cells are stable; least rate 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["heavy_ball", "lr=a:b", "--problem", "booth"], "an axis is low:high, low:high:count"),
        (["heavy_ball", "lr=0.1", "--problem", "booth"], "nothing moves: give an axis"),
        (["heavy_ball", "lr=1:2"], "takes either --problem NAME, for runs, or both --mu and --L"),
        (["heavy_ball", "lr=1:2", "--mu", "1"], "takes either --problem NAME"),
        (["heavy_ball", "lr=-1:1:3:log", "--problem", "booth"], "an axis is low:high"),
        (["heavy_ball", "x0=0:1:3", "lr=0.1", "--problem", "booth"], "x0 is no hyperparameter of a map"),
        (["heavy_ball", "lr=1:2:3:4", "--problem", "booth"], "an axis is low:high"),
        (["heavy_ball", "lr=1:2", "--problem", "booth", "--problem", "beale"], "map takes one problem"),
        (["heavy_ball", "lr=0.1:0.2:3", "--problem", "booth", "--save", "x.csv"], "must end in .npz"),
    ],
)
def test_commands_that_cannot_be_understood(words, error, capsys):
    assert main(["map", *words]) == 2
    assert error in capsys.readouterr().err
