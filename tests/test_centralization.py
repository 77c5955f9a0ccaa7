"""Gradient centralisation: its invariants, their exceptions, and arrays of any shape in every loop."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.ops import slice_mean

SHAPE = (4, 3, 2, 5)
RNG = np.random.default_rng(0)
W0 = RNG.standard_normal(SHAPE)
A = RNG.standard_normal((7, *SHAPE)) / np.sqrt(120)
B = 3 * RNG.standard_normal(7)


def fun(w):
    """Seven residuals of a layer's weights, bent."""
    r = np.tensordot(A, w, 4) - B
    return np.sum(np.log(np.cosh(r)))


def grad(w):
    return np.tensordot(np.tanh(np.tensordot(A, w, 4) - B), A, 1)


def weights(method, steps=40, x0=W0, what="iterate"):
    return ml.minimize(fun, x0, method, jac=grad, tol=0, maxiter=steps)[what]


def sums(w):
    return w.reshape(len(w), -1).sum(axis=1)


def projected(g):
    return g - g.mean(axis=tuple(range(1, g.ndim)), keepdims=True)


LINEAR = (
    ml.gradient_descent,
    ml.heavy_ball,
    ml.heavy_ball_ema,
    ml.sgd,
    ml.nesterov,
    ml.nesterov_sgd,
    ml.pid,
    ml.rsgdm,
)
named = pytest.mark.parametrize("rule", LINEAR, ids=lambda r: r.name)


# ------------------------------------------------------------------ the projection


def test_it_is_an_orthogonal_projection():
    """P² = P = Pᵀ and ‖Pg‖ ≤ ‖g‖."""
    step = lambda g: g - slice_mean(g)
    g, h = RNG.standard_normal((2, *SHAPE))
    assert np.allclose(step(step(g)), step(g), rtol=0, atol=1e-15)
    assert np.sum(step(g) * h) == pytest.approx(np.sum(g * step(h)), abs=1e-12)
    assert np.linalg.norm(step(g)) <= np.linalg.norm(g)
    assert np.allclose(step(g), projected(g), rtol=0, atol=1e-15)


def test_centred_gradients_are_no_steeper():
    """‖PHP‖ ≤ ‖H‖: neither is the Hessian's largest eigenvalue, in size, where both sides of it are centred."""
    P = np.array([(e - slice_mean(e)).ravel() for e in np.eye(12).reshape(12, 4, 3)])
    for a in RNG.standard_normal((20, 12, 12)):
        H = a + a.T
        assert np.linalg.norm(P @ H @ P, 2) <= np.linalg.norm(H, 2)
    assert np.linalg.norm(P @ P @ P, 2) == pytest.approx(1)


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_slices_lie_across_the_named_axis(axis):
    g = RNG.standard_normal(SHAPE)
    others = tuple(d for d in range(4) if d != axis)
    assert np.allclose(slice_mean(g, axis), g.mean(axis=others, keepdims=True), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("shape", "gc", "gcc"), [((4,), 0, 0), ((4, 3), 1, 0), ((4, 3, 5), 1, 0), (SHAPE, 1, 1)])
def test_biases_are_left_alone_and_convolutions_may_be_all(shape, gc, gcc):
    """GC takes arrays of two dimensions and more, GCC of four; vectors never."""
    x0, g = np.zeros(shape), RNG.standard_normal(shape)
    for min_dim, touched in ((2, gc), (4, gcc)):
        method = ml.gradient_descent.after(ml.centralize)(lr=1.0, min_dim=min_dim)
        moved = method.advance(x0, g, [], 1)[0]
        assert np.allclose(moved, -projected(g) if touched else -g, rtol=0, atol=1e-15)


def mean_over(a, axis):
    return a.mean(axis=tuple(d for d in range(a.ndim) if d != axis % a.ndim), keepdims=True)


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 5), SHAPE])
def test_transforms_take_axis_and_min_dim(shape, axis):
    """The gradient less its mean, or the step less its own, from three dimensions on."""
    x, g = RNG.standard_normal((2, *shape))
    touched, options = len(shape) >= 3, dict(axis=axis, min_dim=3)
    centred = ml.gradient_descent.after(ml.centralize)(lr=1.0, **options).advance(x, g, [], 1)[0]
    assert np.allclose(centred, x - (g - mean_over(g, axis) if touched else g), rtol=0, atol=1e-15)
    memory = [0 * x, 0 * x]
    step = ml.adam(lr=0.1).advance(x, g, memory, 1)[0] - x
    centred = ml.adam.then(ml.centralize_step)(lr=0.1, **options).advance(x, g, memory, 1)[0]
    assert np.allclose(centred, x + (step - mean_over(step, axis) if touched else step), rtol=0, atol=1e-15)


def test_the_last_axis_may_be_named_from_the_end():
    bowl = compiled_bowl()
    for transform in (ml.centralize, ml.centralize_step):
        composed = ml.heavy_ball.after(transform) if transform is ml.centralize else ml.heavy_ball.then(transform)
        found = [
            ml.minimize(f, W0, composed(lr=0.01, axis=axis), tol=0, maxiter=20).x
            for f in (bowl, bowl.py_func)
            for axis in (-1, 3)
        ]
        assert all(np.array_equal(found[0], x) for x in found)
        assert not np.array_equal(found[0], ml.minimize(bowl, W0, composed(lr=0.01), tol=0, maxiter=20).x)


def test_torch_has_the_same_slices():
    torch = pytest.importorskip("torch")
    g = RNG.standard_normal(SHAPE)
    for axis in (0, 1, 2, 3, -1):
        assert np.allclose(slice_mean(torch.tensor(g), axis).numpy(), slice_mean(g, axis), rtol=0, atol=1e-15)
    assert slice_mean(torch.ones(3)) == 0


# ------------------------------------------------------------------ invariants and their exceptions


@named
def test_linear_rules_keep_the_sums_of_weights(rule):
    """1ᵀw_k = 1ᵀw₀, also with decay inside the projection, P(g + λw)."""
    plain, decayed = rule.after(ml.centralize), rule.after(ml.centralize).after(ml.l2)
    for method in (plain(lr=0.1), decayed(lr=0.1, weight_decay=0.5)):
        assert sums(weights(method)) == pytest.approx(sums(W0), abs=1e-12)
    assert np.abs(sums(weights(rule(lr=0.1))) - sums(W0)).max() > 0.05


@named
def test_decay_outside_the_projection_does_not(rule):
    """Pg + λw."""
    outside = rule.after(ml.l2).after(ml.centralize)(lr=0.1, weight_decay=0.5)
    assert np.abs(sums(weights(outside)) - sums(W0)).max() > 0.5


@named
def test_on_linear_rules_gradient_and_step_are_one(rule):
    """At the points where gradients are taken; the memory of a rule that looks ahead keeps the uncentred iterate."""
    by_gradient, by_step = (
        weights(method(lr=0.1), what="x") for method in (rule.after(ml.centralize), rule.then(ml.centralize_step))
    )
    assert by_step == pytest.approx(by_gradient, abs=1e-12)
    assert np.abs(by_step - weights(rule(lr=0.1), what="x")).max() > 1e-3


def test_centred_gradient_descent_is_projected_gradient_descent():
    """Onto the weights whose units' sums are those of the start."""
    w = W0
    for _ in range(40):
        w = w - 0.1 * grad(w)
        w = w + (sums(W0) - sums(w)).reshape(4, 1, 1, 1) / 30
    assert weights(ml.gradient_descent.after(ml.centralize)(lr=0.1)) == pytest.approx(w, abs=1e-12)


def test_adam_keeps_the_sums_only_where_its_step_is_centred():
    gradient, step = ml.adam.after(ml.centralize)(lr=0.05), ml.adam.then(ml.centralize_step)(lr=0.05)
    assert np.abs(sums(weights(gradient)) - sums(W0)).max() > 0.05
    assert sums(weights(step)) == pytest.approx(sums(W0), abs=1e-12)


def test_decay_beside_the_step_shrinks_the_sums():
    """1ᵀw_k = (1 − αλ)ᵏ 1ᵀw₀."""
    method = ml.sgd.after(ml.centralize).then(ml.decoupled)(lr=0.1, weight_decay=0.5)
    assert sums(weights(method)) == pytest.approx(0.95**40 * sums(W0), abs=1e-12)


def test_what_a_unit_makes_of_a_shifted_input():
    """w_kᵀx − w_kᵀ(x + γ1) = −γ1ᵀw₀."""
    w = weights(ml.sgd.after(ml.centralize)(lr=0.1)).reshape(4, -1)
    x, gamma = RNG.standard_normal(30), 0.7
    assert w @ x - w @ (x + gamma) == pytest.approx(-gamma * sums(W0), abs=1e-12)


# ------------------------------------------------------------------ arrays of any shape


@pytest.mark.parametrize("axis", [1.5, 4, -5])
def test_an_axis_that_is_none_of_xs_is_an_error(axis):
    method = ml.sgd.then(ml.centralize_step)(lr=0.1, axis=axis)
    with pytest.raises(ValueError, match=f"axis = {axis} is none of the 4 dimensions of x, whose shape is"):
        ml.minimize(fun, W0, method, jac=grad)
    with pytest.raises(ValueError, match="axis is not one of x's: it must be a whole number below x's number"):
        ml.minimize(compiled_bowl(), W0, method)


def test_torch_refuses_such_an_axis_too():
    torch = pytest.importorskip("torch")
    for axis in (1.5, 4, -5):
        with pytest.raises(ValueError, match=f"axis = {axis} is none of the 2 dimensions"):
            slice_mean(torch.ones(2, 3), axis)


def test_vectors_cannot_be_asked_to_be_centred():
    with pytest.raises(ValueError, match=r"min_dim = 1 is outside its range \[2, ∞\)"):
        ml.sgd.after(ml.centralize)(min_dim=1)


@pytest.mark.parametrize("composed", [ml.heavy_ball.after(ml.centralize), ml.heavy_ball.then(ml.centralize_step)])
def test_a_centred_rule_may_be_searched(composed):
    """It starts with the step that was tested, whatever its transforms make of it."""
    r = ml.minimize(lambda w: (0.5 * np.sum(w * w), w), W0[:, :, 0, 0], composed(), jac=True, tol=0, maxiter=50)
    assert (r.nit, r.lr) == (50, 0.5)
    assert sums(r.x) == pytest.approx(sums(W0[:, :, 0, 0]), abs=1e-12)


def test_an_axis_that_becomes_wrong_stops_the_run_where_it_does():
    """The rule is at fault, not the objective, and the last good iteration is left behind."""
    import numba

    method = ml.heavy_ball.after(ml.centralize)(lr=0.1, axis=lambda k: k)

    def bowl(w, g):
        f = 0.0
        for i in range(w.shape[0]):
            for j in range(w.shape[1]):
                g[i, j] = w[i, j]
                f += 0.5 * w[i, j] * w[i, j]
        return f

    found = []
    for f in (bowl, numba.njit(bowl)):
        with pytest.raises(ValueError, match="axis") as caught:
            ml.minimize(f, W0[:2, :, 0, 0], method)
        assert not any("raised by the objective" in note for note in caught.value.__notes__)
        found.append(caught.value.result)
    for r in found:
        assert (r.nit, r.nfev, r.status) == (1, 2, ml.Status.RAISED)
        assert np.array_equal(r.x, found[0].x) and np.array_equal(r.jac, r.x)
        assert r.history.k.tolist() == [0, 1]


def compiled_bowl():
    """Σ c(w − t)⁴/4 on arrays of four dimensions, compiled."""
    import numba

    target = RNG.standard_normal(SHAPE)

    @numba.njit
    def bowl(w, g):
        f = 0.0
        for i in range(4):
            for j in range(3):
                for k in range(2):
                    for m in range(5):
                        away = w[i, j, k, m] - target[i, j, k, m]
                        g[i, j, k, m] = (1 + i) * away * away * away
                        f += 0.25 * (1 + i) * away * away * away * away
        return f

    return bowl


@pytest.mark.parametrize(
    "method",
    [
        ml.heavy_ball.after(ml.centralize)(),
        ml.heavy_ball.after(ml.centralize)(lr=0.01, axis=3),
        ml.nesterov.after(ml.centralize).after(ml.l2)(lr=0.01, axis=1),
        ml.adam.then(ml.centralize_step)(lr=0.01, axis=2),
        ml.rsgdm.after(ml.clip_norm).after(ml.centralize)(lr=0.01),
        ml.pid.after(ml.centralize)(lr=0.01, min_dim=5),
        ml.adam(lr=0.01),
    ],
    ids=str,
)
def test_compiled_and_numpy_give_the_same_bits_on_arrays(method):
    bowl = compiled_bowl()
    a = ml.minimize(bowl, W0, method, tol=0, maxiter=50)
    b = ml.minimize(bowl.py_func, W0, method, tol=0, maxiter=50)
    assert a.nit == b.nit == 50
    for name in ("x", "jac", "iterate"):
        assert a[name].shape == SHAPE
        assert np.array_equal(a[name], b[name])
    assert (a.fun, a.nfev) == (b.fun, b.nfev)
    assert np.array_equal(a.history.gnorm, b.history.gnorm)


def test_results_have_the_shape_of_the_start():
    x0 = np.arange(6.0).reshape(2, 3)
    r = ml.minimize(lambda x: np.sum((x - 1) ** 2), x0, ml.nesterov(), jac=lambda x: 2 * (x - 1))
    assert r.success
    assert r.x.shape == r.jac.shape == r.iterate.shape == (2, 3)
    assert r.history.x.shape == (len(r.history), 2, 3)
    by_differences = ml.minimize(lambda x: np.sum((x - 1) ** 2), x0, ml.nesterov(), jac="3-point")
    assert by_differences.x == pytest.approx(r.x, abs=1e-6)
    p = ml.Problem("array", lambda x: (np.sum(x * x), 2 * x), x0, jac=True)
    assert ml.minimize(p).x.shape == p.grad(x0.ravel()).shape == (2, 3)


def test_a_pair_of_compiled_functions_on_arrays():
    import numba

    f, df = numba.njit(lambda x: np.sum(x * x)), numba.njit(lambda x: 2 * x)
    assert ml.minimize(f, np.ones((2, 3)), ml.nesterov(), jac=df).x.shape == (2, 3)
    assert ml.minimize(f, np.ones(3), ml.nesterov(), jac=numba.njit(lambda x: (2 * x).reshape(-1, 1))).success
    with pytest.raises(ValueError, match="another shape"):
        ml.minimize(f, np.ones(3), ml.nesterov(), jac=numba.njit(lambda x: np.ones(4)))
    with pytest.raises(ValueError, match="another shape"):
        ml.minimize(f, np.ones((2, 3)), ml.nesterov(), jac=numba.njit(lambda x: np.ones((3, 2))))


def test_a_gradient_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"shape \(3, 2\); x has shape \(2, 3\)"):
        ml.minimize(lambda x: np.sum(x * x), np.ones((2, 3)), jac=lambda x: 2 * x.T)
