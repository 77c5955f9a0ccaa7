"""minimize and iterate: callables of every kind, truthful endings, nothing lost."""

import math
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import momentumlab as ml
from momentumlab.result import ROWS

HB = ml.heavy_ball(lr=0.05, beta=0.5)


def bowl(x, a=3.0):
    return float(np.sum((x - a) ** 2))


def bowl_gradient(x, a=3.0):
    return 2 * (x - a)


def bowl_written(x, g):
    g[:] = 2 * (x - 3.0)
    return float(np.sum((x - 3.0) ** 2))


@numba.njit
def native_bowl(x):
    return np.sum((x - 3.0) ** 2)


@numba.njit
def native_gradient(x):
    return 2 * (x - 3.0)


@numba.njit
def native_written(x, g):
    f = 0.0
    for i in range(x.size):
        g[i] = 2 * (x[i] - 3.0)
        f += (x[i] - 3.0) ** 2
    return f


@numba.njit("float64(float64[:], float64[:])")
def native_declared(x, g):
    g[:] = 2 * (x - 3.0)
    return np.sum((x - 3.0) ** 2)


@numba.njit
def native_with_default(x, g, a=3.0):
    g[:] = 2 * (x - a)
    return np.sum((x - a) ** 2)


@numba.njit
def native_with_list(x):
    return [2 * (v - 3.0) for v in x]


# ------------------------------------------------------------------ callables


@pytest.mark.parametrize(
    ("fun", "jac"),
    [
        (bowl, bowl_gradient),
        (bowl, "2-point"),
        (bowl, "3-point"),
        (bowl, None),
        (lambda x: np.sum((x - 3.0) ** 2), "cs"),
        (lambda x: (bowl(x), bowl_gradient(x)), True),
        (lambda x: [bowl(x), list(bowl_gradient(x))], True),
        (bowl_written, None),
        (native_written, None),
        (native_declared, None),
        (native_with_default, None),
        (native_bowl, native_gradient),
        (native_bowl, bowl_gradient),
        (native_bowl, native_with_list),
        (native_bowl, None),
        (lambda x: np.array([bowl(x)]), lambda x: bowl_gradient(x).reshape(-1, 1)),
    ],
)
def test_callables_of_every_kind(fun, jac):
    r = ml.minimize(fun, [0.0, 1.0], HB, jac=jac)
    assert r.success, r.message
    assert r.x == pytest.approx([3, 3], abs=1e-5)
    assert r.njev >= r.nit
    assert np.abs(bowl_gradient(r.x)).max() <= 1e-6 + 1e-7


def test_args_reach_function_and_gradient():
    for args in [(7.0,), 7.0]:
        r = ml.minimize(bowl, [0.0], HB, jac=bowl_gradient, args=args)
        assert r.x == pytest.approx([7.0], abs=1e-6)
    r = ml.minimize(lambda x, g, a: (g.__setitem__(slice(None), 2 * (x - a)), bowl(x, a))[1], [0.0], HB, args=(7.0,))
    assert r.x == pytest.approx([7.0], abs=1e-6)


def test_compiled_functions_run_compiled(monkeypatch):
    from momentumlab import compiled

    runs = []
    monkeypatch.setattr(compiled.Loop, "__iter__", lambda self, f=compiled.Loop.__iter__: (runs.append(1), f(self))[1])
    ml.minimize(native_written, [0.0], HB)
    ml.minimize(native_bowl, [0.0], HB, jac=native_gradient)
    assert len(runs) == 2
    ml.minimize(native_bowl, [0.0], HB, jac=bowl_gradient)
    assert len(runs) == 2


def test_evaluations_are_counted_truthfully():
    calls = {"f": 0, "g": 0}

    def f(x):
        calls["f"] += 1
        return bowl(x)

    def g(x):
        calls["g"] += 1
        return bowl_gradient(x)

    for method in (HB, ml.heavy_ball()):
        for jac in (g, "2-point", "3-point"):
            calls.update(f=0, g=0)
            r = ml.minimize(f, [0.0, 1.0], method, jac=jac)
            assert r.nfev == calls["f"]
            assert r.njev == (calls["g"] if jac is g else r.nit + 2)
    r = ml.minimize(native_written, [0.0, 1.0], HB)
    assert r.nfev == r.njev == r.nit + 2  # the start, and the confirmation of success


@pytest.mark.parametrize(
    ("problem", "method", "options"),
    [
        ("beale", ml.heavy_ball(lr=0.005), {}),
        ("beale", ml.heavy_ball(), {}),
        ("rosenbrock", ml.heavy_ball(lr=1e-5), dict(tol=0, maxiter=5000)),
        ("rosenbrock", ml.heavy_ball(), {}),  # which ends between two rows
    ],
)
def test_history_counts_evaluations_truthfully(problem, method, options):
    """Until each of its rows, in both loops, also once rows were dropped; not the one that confirms a success."""
    p, calls, until = ml.problem(problem), 0, []

    def counting(x, g):
        nonlocal calls
        calls += 1
        return p.f(x, g)

    steps = ml.iterate(counting, p.x0, method)
    for r in (ml.minimize(p, method=method, **options), ml.minimize(p.f, p.x0, method, **options)):
        while len(until) <= r.nit:
            next(steps)
            until.append(calls)
        assert np.array_equal(r.history.nfev, np.array(until)[r.history.k])
        assert r.nfev == until[r.nit] + r.success == until[-1] + (not options)


def test_user_functions_get_copies_and_may_keep_or_reuse_arrays():
    kept, buffer = [], np.empty(2)

    def f(x):
        kept.append(x)
        x *= 0
        return 1.0

    def g(x):
        buffer[:] = bowl_gradient(x)
        return buffer

    r = ml.minimize(f, [0.0, 1.0], HB, jac=g)
    assert r.success
    assert r.x == pytest.approx([3, 3], abs=1e-6)


def test_the_start_is_taken_generously_and_left_alone():
    for x0 in (
        [0, 1],
        (0.0, 1.0),
        np.array([0, 1], dtype=np.int8),
        np.array([0.0, 1.0], dtype=np.float32),
        np.arange(4.0)[::3] / 3,
        range(2),
    ):
        assert ml.minimize(native_written, x0, HB).x == pytest.approx([3, 3], abs=1e-6)
    assert ml.minimize(native_written, 0.0, HB).x.shape == (1,)
    x0 = np.zeros(2)
    x0.flags.writeable = False
    ml.minimize(native_written, x0, HB)
    assert not x0.any()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((bowl,), {}, TypeError, "x0 is missing"),
        ((bowl, [[0.0, math.inf]]), {}, ValueError, "x0[0, 1] = inf"),
        (("beale", [[0.0, 1.0]]), {}, ValueError, "beale has variables of shape (2,), x0 has shape (1, 2)"),
        ((ml.noisy(ml.problem("beale"), 0.1, rng=0),), {}, TypeError, "give lr, as in heavy_ball(lr=0.01)"),
        ((bowl, []), {}, ValueError, "x0 is empty"),
        ((bowl, [0.0, math.nan]), {}, ValueError, "x0[1] = nan"),
        ((bowl, [1j]), {}, TypeError, "not an array of real numbers"),
        ((bowl, ["a"]), {}, TypeError, "not an array of real numbers"),
        ((3, [0.0]), {}, TypeError, "fun = 3 is not callable"),
        (("rosenbrok",), {}, ValueError, "did you mean 'rosenbrock'"),
        ((bowl, [0.0], "heavyball"), {}, ValueError, "did you mean 'heavy_ball'"),
        ((bowl, [0.0], 3), {}, TypeError, "give a method such as"),
        (("rosenbrock",), {"jac": bowl_gradient}, TypeError, "has its own gradient"),
        ((bowl, [10**400]), {}, TypeError, "not an array of real numbers"),
        ((bowl, [None]), {}, TypeError, "not an array of real numbers"),
        ((bowl, [0.0]), {"jac": np.zeros(3)}, ValueError, "is not understood"),
        ((bowl, [0.0]), {"norm": np.zeros(3)}, ValueError, "it must be inf or 2"),
        ((bowl, [0.0]), {"tol": np.array([1e-6])}, ValueError, "it must be a number"),
        ((bowl, [0.0]), {"norm": [[1], [2, 3]]}, ValueError, "it must be inf or 2"),
        ((bowl, [0.0]), {"tol": 10**400}, ValueError, "it must be a number"),
        ((bowl, [0.0]), {"callback": 5}, TypeError, "callback = 5 is not callable"),
        ((lambda x: 10**400, [0.0]), {}, TypeError, "it must return one real number"),
        ((lambda x: (1.0, x), [0.0]), {}, TypeError, "with jac=True"),
        ((bowl, [0.0]), {"jac": "4-point"}, ValueError, "'2-point', '3-point', 'cs'"),
        ((bowl, [0.0]), {"tol": -1}, ValueError, "tol = -1; it must be a number, 0 or larger"),
        ((bowl, [0.0]), {"tol": math.nan}, ValueError, "tol = nan"),
        ((bowl, [0.0]), {"maxiter": 1.5}, ValueError, "maxiter = 1.5; it must be a whole number"),
        ((bowl, [0.0]), {"maxiter": math.inf}, ValueError, "maxiter = inf"),
        ((bowl, [0.0]), {"time_limit": "1s"}, ValueError, "time_limit = '1s'"),
        ((bowl, [0.0]), {"norm": 1}, ValueError, "norm = 1; it must be inf or 2"),
        ((lambda x: None, [0.0]), {}, TypeError, "fun returned None; it must return one real number"),
        ((lambda x: x, [0.0, 1.0]), {}, TypeError, "it must return one real number"),
        ((lambda x: 1j, [0.0]), {}, TypeError, "it must return one real number"),
        ((lambda x: "1", [0.0]), {}, TypeError, "it must return one real number"),
        (
            (bowl, [0.0]),
            {"jac": lambda x: [1.0, 2.0]},
            ValueError,
            "jac returned shape (2,); x has 1 component, so it must be (1,)",
        ),
        ((bowl, [0.0]), {"jac": lambda x: None}, TypeError, "jac returned None"),
        ((bowl, [0.0]), {"jac": lambda x: [1j]}, TypeError, "it must return 1 real number"),
        ((bowl, [0.0]), {"jac": True}, TypeError, "it must return the pair (f, gradient)"),
        ((bowl, [0.0]), {"jac": "cs"}, TypeError, None),
    ],
)
def test_bad_input_is_refused_with_a_sentence(arguments, options, error, says):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, where a complex number is cast away
        with pytest.raises(error) as caught:
            ml.minimize(*arguments, **options)
    assert says is None or says in str(caught.value)


# ------------------------------------------------------------------ endings


def both(problem, method, **options):
    """The problem as it is, which runs compiled, and in Python."""
    return [ml.minimize(problem, method=method, **options), ml.minimize(problem.f, problem.x0, method, **options)]


def test_converged():
    for r in both(ml.problem("beale"), ml.pid()):
        assert (r.success, r.status) == (True, ml.Status.CONVERGED)
        assert np.abs(ml.problem("beale").grad(r.x)).max() <= 1e-6
        assert np.array_equal(ml.problem("beale").grad(r.x), r.jac)


@pytest.mark.parametrize("maxiter", [0, 1, 7])
def test_iteration_limit(maxiter):
    for r in both(ml.problem("beale"), ml.pid(), maxiter=maxiter):
        assert (r.success, r.status, r.nit) == (False, ml.Status.ITERATION_LIMIT, maxiter)
        assert len(r.history) == maxiter + 1


def test_zero_tolerance_runs_to_the_limit():
    for r in both(ml.problem("stiff_quadratic"), ml.gradient_descent(lr=0.01), tol=0, maxiter=5000):
        assert (r.nit, r.success) == (5000, False)


def test_time_limit():
    began = time.perf_counter()
    for r in both(ml.problem("rosenbrock", n=100), ml.gradient_descent(lr=1e-6), tol=0, maxiter=10**9, time_limit=0.1):
        assert (r.status, r.success) == (ml.Status.TIME_LIMIT, False)
        assert r.nit > 0
    assert time.perf_counter() - began < 5


def test_divergence_is_called_so():
    for name, method in [
        ("rosenbrock", HB),
        ("stiff_quadratic", ml.gradient_descent(lr=0.1)),
        ("mccormick", ml.gradient_descent(lr=3)),
    ]:
        for r in both(ml.problem(name), method):
            assert r.status == ml.Status.DIVERGED
            assert not r.success
            assert np.isfinite(r.x).all() and np.isfinite(r.fun)


def cliff(x, g):
    """Finite only left of 2, and falling towards it."""
    g[0] = -1.0
    return -x[0] if x[0] < 2.0 else np.nan


def test_nan_keeps_the_last_finite_point():
    for function in (numba.njit(cliff), cliff):
        for method in (ml.gradient_descent(lr=0.3), ml.nesterov(lr=0.3)):
            r = ml.minimize(function, [0.0], method)
            assert (r.status, r.success) == (ml.Status.NONFINITE, False)
            assert r.x[0] < 2
            assert (r.fun, r.jac[0]) == (-r.x[0], -1.0)
            assert r.history.k[-1] == r.nit
    a, b = ml.minimize(numba.njit(cliff), [0.0], ml.nesterov(lr=0.3)), ml.minimize(cliff, [0.0], ml.nesterov(lr=0.3))
    assert (a.nit, a.x, a.iterate) == (b.nit, b.x, b.iterate)


def test_nan_at_the_start_and_in_the_gradient_alone():
    r = ml.minimize(cliff, [5.0], HB)
    assert (r.status, r.nit, r.x[0]) == (ml.Status.NONFINITE, 0, 5.0)
    r = ml.minimize(lambda x: 1.0, [5.0, 1.0], HB, jac=lambda x: np.array([np.inf, 0.0]))
    assert r.status == ml.Status.NONFINITE


@pytest.mark.parametrize("factor", [-1, 5])
def test_a_wrong_gradient_is_found_out_by_the_search(factor):
    def wrong(x, g):
        g[:] = factor * 2 * (x - 3.0)
        return np.sum((x - 3.0) ** 2)

    for function in (numba.njit(wrong), wrong):
        r = ml.minimize(function, [0.0], ml.heavy_ball())
        assert (r.status, r.success, r.nit) == (ml.Status.NO_STEP, False, 0)


def climbs(x, g):
    """Larger everywhere but at 1, where its gradient is not zero: no step decreases it."""
    g[0] = 1.0
    return 2.0 * (x[0] != 1.0)


def test_a_search_that_finds_no_step_says_so():
    for function in (climbs, numba.njit(climbs)):
        r = ml.minimize(function, [1.0], ml.heavy_ball())
        assert (r.status, r.success, r.x[0]) == (ml.Status.NO_STEP, False, 1.0)


def half_nan(x, g):
    """It does not look at x₂, whose step is 0/0."""
    g[0], g[1] = 2 * x[0], 0.0
    return x[0] ** 2


def test_nan_in_the_point_is_not_success():
    found = [ml.minimize(f, [1.0, 2.0], ml.adam(lr=0.01, eps=0.0)) for f in (numba.njit(half_nan), half_nan)]
    for r in found:
        assert (r.status, r.success, r.nit) == (ml.Status.NONFINITE, False, 0)
        assert r.x.tolist() == [1.0, 2.0]


def test_a_start_of_another_size_than_the_problem():
    for name, x0 in [("beale", [1.0]), ("beale", [1.0, 2.0, 3.0]), ("quadratic", np.ones(60))]:
        with pytest.raises(ValueError, match="variables, x0 has"):
            ml.minimize(name, x0)
        with pytest.raises(ValueError, match="variables, x0 has"):
            ml.problem(name).fun(x0)


def test_compiled_functions_that_reach_beyond_x_are_refused():
    beyond = numba.njit(lambda x: (x[0] - 1) ** 2 + (x[1] - 2) ** 2)
    with pytest.raises(IndexError, match="reaches beyond x, which has 1 component"):
        ml.minimize(beyond, [0.0], HB, jac=numba.njit(lambda x: 2 * x))

    @numba.njit
    def written_beyond(x, g):
        g[2] = 1.0
        return x[0]

    for arguments in ((written_beyond, [0.0, 1.0]), (ml.Problem("mine", written_beyond, [0.0, 1.0]),)):
        with pytest.raises(IndexError, match="written_beyond reaches beyond x, which has 2 components"):
            ml.minimize(*arguments, method=HB)


def test_compiled_functions_of_another_number_of_dimensions_are_refused():
    @numba.njit
    def of_matrices(w, g):
        g[:, :] = w
        return w[0, 0]

    assert ml.minimize(of_matrices, np.eye(2), HB, maxiter=3).nit == 3
    for x0, extent in ([1.0, 2.0], "vectors x and g"), (np.ones((1, 2, 2)), r"x and g of shape \(1, 2, 2\)"):
        with pytest.raises(TypeError, match=rf"of_matrices does not compile as f\(x, g\) -> float of {extent}: "):
            ml.minimize(of_matrices, x0, HB)


def test_compiled_gradients_of_another_size_are_refused():
    for jac in (lambda x: np.zeros(1), lambda x: np.zeros(3), lambda x: 0.0):
        for compile in (numba.njit, lambda f: f):
            with pytest.raises((ValueError, TypeError), match="jac returned"):
                ml.minimize(compile(bowl_of_two), [0.0, 1.0], HB, jac=compile(jac))


def bowl_of_two(x):
    return (x[0] - 3.0) ** 2 + (x[1] - 3.0) ** 2


def test_compiled_functions_of_other_types():
    @numba.njit
    def whole(x, g):
        g[0] = 0.0
        return 1

    assert ml.minimize(whole, [0.0], HB).success
    whole(np.zeros(1), np.zeros(1))
    assert ml.minimize(whole, [0.0], HB).success
    with pytest.raises(TypeError, match="does not compile as f"):
        ml.minimize(numba.njit(lambda x, g: "text"), [0.0], HB)


def test_the_step_size_is_in_the_result():
    p = ml.problem("beale")
    for fun in ((p,), (p.f, p.x0)):
        assert ml.minimize(*fun, method=ml.pid(lr=0.01)).lr == 0.01
        found = ml.minimize(*fun, method=ml.pid()).lr
        assert 0 < found < 0.5 and math.log2(found).is_integer()
        assert ml.minimize(*fun, method=ml.heavy_ball(lr=lambda k: 0.01 / k), maxiter=5).lr == 0.002


def test_the_step_size_of_a_step_that_was_taken_back_does_not_count():
    def wall(x, g):
        g[0] = np.nan if x[0] < 1 else 2 * x[0]
        return x[0] ** 2

    found = [ml.minimize(f, [4.0], ml.heavy_ball(search=ml.Backtracking(2.0))) for f in (numba.njit(wall), wall)]
    assert [(r.nit, r.lr, r.status) for r in found] == [(0, 2.0, ml.Status.NONFINITE)] * 2


def test_success_is_confirmed_by_a_second_evaluation():
    calls = []

    def flickers(x):
        calls.append(1)
        return 0.0, np.array([0.0 if len(calls) == 5 else 1.0])

    r = ml.minimize(flickers, [0.0], HB, jac=True)
    assert (r.status, r.success) == (ml.Status.UNREPRODUCIBLE, False)


def test_every_ending_has_a_sentence():
    from momentumlab.result import SENTENCES

    assert set(SENTENCES) == set(ml.Status)
    assert all(sentence[-1] in ".?" for sentence in SENTENCES.values())


# ------------------------------------------------------------------ callbacks, exceptions, interrupts


def test_callbacks_of_both_forms():
    seen, results = [], []
    for fun in (native_written, bowl_written):
        seen.clear()
        results.clear()
        r = ml.minimize(fun, [0.0], HB, callback=seen.append)
        assert len(seen) == r.nit
        assert np.array_equal(seen[-1], r.x)

        def watch(intermediate_result):
            results.append(intermediate_result)

        r = ml.minimize(fun, [0.0], HB, callback=watch)
        assert [s.nit for s in results] == list(range(1, r.nit + 1))
        assert results[3].fun == bowl(results[3].x)


def test_callbacks_are_not_told_twice():
    for function in (numba.njit(cliff), cliff):
        told = []
        ml.minimize(function, [0.0], ml.gradient_descent(lr=0.6), callback=told.append)
        assert [x[0] for x in told] == pytest.approx([0.6, 1.2, 1.8])


def test_an_objective_that_raises_stop_iteration_is_not_a_callback():
    def stops(x):
        raise StopIteration

    with pytest.raises(RuntimeError, match="the objective raised StopIteration") as caught:
        ml.minimize(stops, [1.0], HB)
    assert caught.value.__cause__.x[0] == 1.0


def test_stop_iteration_stops():
    def stop(x):
        raise StopIteration

    for fun in (native_written, bowl_written):
        r = ml.minimize(fun, [0.0], HB, callback=stop)
        assert (r.status, r.success, r.nit) == (99, False, 1)


@numba.njit
def native_raises(x, g):
    if x[0] > 1.0:
        raise ValueError("too far")
    g[0] = -1.0
    return -x[0]


def raises(x, g):
    return native_raises.py_func(x, g)


@pytest.mark.parametrize("fun", [native_raises, raises])
@pytest.mark.parametrize("method", [ml.gradient_descent(lr=0.3), ml.nesterov(lr=0.3), ml.heavy_ball()])
def test_exceptions_pass_through_with_the_iterate_and_the_run(fun, method):
    with pytest.raises(ValueError, match="too far") as caught:
        ml.minimize(fun, [0.0], method)
    assert caught.value.x[0] > 1
    r = caught.value.result
    assert r.status == ml.Status.RAISED
    assert r.x[0] <= 1
    assert r.fun == -r.x[0]
    assert len(r.history) == r.nit + 1
    assert any("raised by the objective at x = " in note for note in caught.value.__notes__)


def test_exceptions_of_a_callback_pass_through_too():
    def broken(x):
        raise KeyError("oops")

    with pytest.raises(KeyError) as caught:
        ml.minimize(native_written, [0.0], HB, callback=broken)
    assert caught.value.result.nit == 1


INTERRUPTED = """
import os, signal, sys, threading
import numba
import momentumlab as ml
p = ml.problem("rosenbrock", n=50)
fun = p.f if sys.argv[1] == "python" else p
x0 = p.x0
ml.minimize(fun, x0, ml.gradient_descent(lr=1e-9), tol=0, maxiter=1)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
r = ml.minimize(fun, x0, ml.gradient_descent(lr=1e-9), tol=0, maxiter=10**10)
assert r.fun == p.fun(r.x), "fun belongs to x"
assert r.history.k[-1] == r.nit, "the last iteration is in history"
print(int(r.status), r.success, r.nit > 100)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("loop", ["python", "compiled"])
def test_ctrl_c_returns_the_partial_result(loop):
    out = subprocess.run([sys.executable, "-c", INTERRUPTED, loop], capture_output=True, text=True, timeout=120)
    assert out.stdout.split() == [str(int(ml.Status.INTERRUPTED)), "False", "True"], out.stderr


def test_many_threads_may_share_a_method():
    method, p = ml.adam(lr=lambda k: 0.01 / k**0.5), ml.problem("rosenbrock", n=4)
    run = lambda x: ml.minimize(p.f, x, method, tol=0, maxiter=200).x
    starts = [p.x0 + i for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, starts))
    assert all(np.array_equal(x, run(start)) for x, start in zip(found, starts, strict=True))


# ------------------------------------------------------------------ results and histories


def test_a_result_has_what_scipys_has():
    from scipy.optimize import OptimizeResult, minimize

    theirs = minimize(bowl, [0.0], jac=bowl_gradient)
    ours = ml.minimize(bowl, [0.0], HB, jac=bowl_gradient)
    assert set(theirs) - {"hess_inv"} <= set(ours)
    assert ours["x"] is ours.x
    assert "message: The gradient" in repr(ours)
    assert [line.partition(":")[0] for line in repr(ours).splitlines()[:4]] == [
        line.partition(":")[0] for line in repr(OptimizeResult(ours)).splitlines()[:4]
    ]
    assert {"x", "fun", "history", "plot"} <= set(dir(ours))
    with pytest.raises(AttributeError, match="Result has no 'xx'; it has message"):
        ours.xx
    ours.note = "mine"
    assert ours["note"] == "mine"


def test_results_survive_pickling_and_copying():
    import copy
    import pickle

    r = ml.minimize(native_written, [0.0], HB)
    for again in (pickle.loads(pickle.dumps(r)), copy.deepcopy(r)):
        assert np.array_equal(again.x, r.x)
        assert np.array_equal(again.history.fun, r.history.fun)


def test_history_is_whole_while_it_is_short():
    r = ml.minimize(native_written, [0.0, 1.0], HB)
    assert np.array_equal(r.history.k, np.arange(r.nit + 1))
    assert r.history.fun == pytest.approx([bowl(x) for x in r.history.x])
    assert r.history.gnorm == pytest.approx([np.abs(bowl_gradient(x)).max() for x in r.history.x])
    assert ml.minimize(native_written, [0.0], HB, history=False).history is None


@pytest.mark.parametrize("steps", [4094, 4095, 4096, 10_000, 100_001])
def test_history_thins_in_powers_of_two(steps):
    r = ml.minimize("stiff_quadratic", method=ml.gradient_descent(lr=1e-6), tol=0, maxiter=steps)
    h = r.history
    assert len(h) <= ROWS
    assert h.k[-1] == steps
    stride = h.k[1]
    assert stride & (stride - 1) == 0
    assert np.array_equal(h.k[:-1], stride * np.arange(len(h) - 1))
    assert len(h) > ROWS / 2 - 2 or stride == 1
    assert h.x[3] == pytest.approx(np.array([10, 1]) * (1 - 1e-6 * np.array([1, 100])) ** h.k[3], rel=1e-9)


def test_history_keeps_iterates_only_where_they_are_small():
    assert ml.minimize("quadratic", maxiter=3).history.x.shape == (4, 50)
    assert ml.minimize(ml.problem("rosenbrock", n=65), maxiter=3).history.x.shape == (4, 0)


def test_the_reported_iterate_is_the_one_of_theorems():
    r = ml.minimize("beale", method=ml.nesterov())
    assert not np.array_equal(r.x, r.iterate)
    assert np.array_equal(r.history.x[-1], r.iterate)
    r = ml.minimize("beale", method=ml.heavy_ball())
    assert np.array_equal(r.x, r.iterate)


def test_iterate_yields_every_step_from_the_start():
    steps = ml.iterate(bowl, [0.0], HB, jac=bowl_gradient)
    first, second = next(steps), next(steps)
    assert (first.k, first.x[0], first.fun) == (0, 0.0, 9.0)
    assert second.x[0] == pytest.approx(0.3)
    assert second.slots["v"][0] == pytest.approx(0.3)
    with pytest.raises(ValueError, match="read-only"):
        second.x[:] = 0
    with pytest.raises(ValueError, match="did you mean 'rosenbrock'"):
        ml.iterate("rosenbrok")  # before the first step is asked for
    steps = ml.iterate(lambda x: (1.0, x * np.nan), [1.0], ml.heavy_ball(), jac=True)
    assert len(list(steps)) == 1  # a search finds no step there


def test_the_hessian_is_taken_with_a_warning():
    with pytest.warns(RuntimeWarning, match="does not use Hessian information"):
        ml.minimize(bowl, [0.0], HB, hess=lambda x: 2 * np.eye(1))


def test_the_default_method_needs_nothing():
    assert ml.minimize("rosenbrock").success
    assert ml.minimize("rosenbrock", method="pid").success
    assert ml.minimize("rosenbrock", method=ml.pid).success
