"""SciPy's door: scipy.optimize.minimize(..., method=a Method)."""

import numba
import numpy as np
import pytest
from scipy.optimize import OptimizeResult, OptimizeWarning, minimize, rosen, rosen_der

import momentumlab as ml

X0 = np.array([-1.2, 1.0])
METHOD = ml.rsgdm(lr=2e-3)


@pytest.mark.parametrize(
    ("fun", "options"),
    [
        (rosen, dict(jac=rosen_der)),
        (lambda x: (rosen(x), rosen_der(x)), dict(jac=True)),
        (lambda x, a: a * rosen(x), dict(jac=lambda x, a: a * rosen_der(x), args=(1.0,))),
        (lambda x, a: (a * rosen(x), a * rosen_der(x)), dict(jac=True, args=1.0)),
    ],
)
def test_it_runs_and_returns_scipys_result(fun, options):
    r = minimize(fun, X0, method=METHOD, tol=0.1, **options)
    ours = ml.minimize(rosen, X0, METHOD, jac=rosen_der, tol=0.1)
    assert type(r) is OptimizeResult
    assert r.success
    assert r.status == 0
    assert r.nit == ours.nit
    assert np.array_equal(r.x, ours.x)


def test_a_gradient_by_differences_where_none_is_given():
    for jac in (None, "2-point"):
        assert minimize(lambda x: np.sum((x - 1) ** 2), [0.0, 3.0], jac=jac, method=ml.heavy_ball(), tol=1e-5).success


def test_a_method_without_a_step_size_searches():
    assert minimize(rosen, X0, jac=rosen_der, method=ml.pid()).success


def test_options_reach_minimize():
    r = minimize(rosen, X0, jac=rosen_der, method=METHOD, options={"maxiter": 5, "history": False})
    assert (r.status, r.success, r.nit, r.history) == (1, False, 5, None)
    assert (
        minimize(rosen, X0, jac=rosen_der, method=METHOD, options={"gtol": 1.0}).nit
        < minimize(rosen, X0, jac=rosen_der, method=METHOD, tol=1e-3).nit
    )


def test_callbacks_of_both_forms_and_stop_iteration():
    seen = []
    minimize(rosen, X0, jac=rosen_der, method=METHOD, callback=lambda xk: seen.append(xk), options={"maxiter": 3})
    assert len(seen) == 3

    def stop(intermediate_result):
        if intermediate_result.nit == 2:
            raise StopIteration

    r = minimize(rosen, X0, jac=rosen_der, method=METHOD, callback=stop)
    assert (r.status, r.success, r.nit) == (99, False, 2)


def test_what_is_not_supported_is_warned_of():
    with pytest.warns(RuntimeWarning, match="cannot handle bounds"):
        minimize(rosen, X0, jac=rosen_der, method=METHOD, bounds=[(0, 1), (0, 1)], options={"maxiter": 1})
    with pytest.warns(RuntimeWarning, match="does not use Hessian"):
        minimize(rosen, X0, jac=rosen_der, hess=lambda x: np.eye(2), method=METHOD, options={"maxiter": 1})
    with pytest.warns(OptimizeWarning, match="Unknown solver options: colour"):
        minimize(rosen, X0, jac=rosen_der, method=METHOD, options={"maxiter": 1, "colour": "red"})


def test_starts_of_any_number_type_and_only_of_one_dimension():
    for x0 in (np.array([2, 3]), np.array([2, 3], dtype=np.float32)):
        assert minimize(lambda x: float(np.sum(x**2)), x0, jac=lambda x: 2 * x, method=ml.heavy_ball()).success
    with pytest.raises(ValueError, match="'x0' must only have one dimension"):
        minimize(rosen, np.ones((2, 2)), jac=rosen_der, method=METHOD)


def test_compiled_functions_run_compiled():
    @numba.njit
    def f(x):
        return np.sum(x**2)

    @numba.njit
    def df(x):
        return 2 * x

    r = minimize(f, [1.0, 2.0], jac=df, method=ml.heavy_ball(lr=0.1))
    assert r.success
    assert r.nfev == r.nit + 2


def test_a_rule_itself_is_a_method_too():
    assert minimize(rosen, X0, jac=rosen_der, method=ml.pid).success


def test_disp_prints_the_sentence(capsys):
    minimize(rosen, X0, jac=rosen_der, method=METHOD, options={"disp": True, "maxiter": 1})
    assert "iteration limit" in capsys.readouterr().out


def test_newtons_hessian_comes_through_scipys_door():
    """As a rule and bound, with arguments; others warn that they do not use it."""
    f = lambda x, a: float(np.sum(np.cosh(x - a)))
    df, h = lambda x, a: np.sinh(x - a), lambda x, a: np.diag(np.cosh(x - a))
    for method in (ml.newton, ml.newton(lr=1), ml.newton(search="wolfe")):
        r = minimize(f, [1.0, 2.0], args=(0.5,), jac=df, hess=h, method=method)
        assert r.success
        assert r.x == pytest.approx([0.5, 0.5], abs=1e-6)
        assert r.nhev == r.nit
    quasi = minimize(f, [1.0, 2.0], args=(0.5,), jac=df, method=ml.newton(preconditioner="bfgs", search="wolfe"))
    assert quasi.success
    with pytest.raises(TypeError, match="asks for the Hessian: give hess="):
        minimize(f, [1.0, 2.0], args=(0.5,), jac=df, method=ml.newton)
