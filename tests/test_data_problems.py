"""Problems made of data, of samples, of noise, and of other frameworks' functions."""

import pickle
import sys

import numpy as np
import pytest
from scipy import sparse

import momentumlab as ml
from momentumlab.objective import Objective
from momentumlab.problems.finite_sums import finite_sum
from momentumlab.problems.noise import drift, noisy
from momentumlab.problems.online import reddi, reddi_mild, reddi_random
from momentumlab.problems.regression import least_squares, logistic

RNG = np.random.default_rng(0)
A = RNG.standard_normal((12, 4)) * (RNG.random((12, 4)) < 0.7)
LABELS = np.where(RNG.random(12) < 0.5, -1, 1)
TARGETS = RNG.standard_normal(12)
POINTS = RNG.uniform(-2, 2, (10, 4))


# ------------------------------------------------------------------ samplers


def bowl(x):
    return 0.5 * (x @ x), x


def test_runs_see_what_the_sampler_returns_and_the_problem_stays_exact():
    p = ml.Problem("mine", bowl, [1.0], jac=True, fstar=0.0, sampler=lambda: lambda x: (7.0, np.array([2.0])))
    r = ml.minimize(p, method=ml.gradient_descent(lr=0.5), maxiter=3)
    assert (r.x, r.fun, r.jac, r.nfev) == (-2.0, 7.0, 2.0, 4)
    assert (p.fun(r.x), p.grad(r.x), p.error(r.x)) == (2.0, -2.0, 2.0)


def test_every_run_has_a_sample_of_its_own():
    def sampler():
        counted = iter(range(10))
        return lambda x: (float(next(counted)), np.ones(1))

    p = ml.Problem("counted", bowl, [0.0], jac=True, sampler=sampler)
    for _ in range(2):
        seen = ml.iterate(p, method=ml.gradient_descent(lr=1.0))
        assert [next(seen).fun for _ in range(4)] == [0, 1, 2, 3]


# ------------------------------------------------------------------ other frameworks


def valley(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_gradients_of_frameworks_are_ours(framework):
    pytest.importorskip(framework)
    ours = ml.problem("rosenbrock", n=4)
    p = getattr(ml.Problem, f"from_{framework}")(valley, ours.x0, fstar=0.0, minimizers=ours.minimizers)
    assert (p.name, p.dim, p.error(np.ones(4))) == ("valley", 4, 0.0)
    for x in POINTS:
        assert p.fun(x) == pytest.approx(ours.fun(x), rel=1e-14)
        assert p.grad(x) == pytest.approx(ours.grad(x), rel=1e-13, abs=1e-12)
    r = ml.minimize(p, method=ml.nesterov(lr=1e-3), maxiter=50)
    assert r.x == pytest.approx(ml.minimize(ours, method=ml.nesterov(lr=1e-3), maxiter=50).x, rel=1e-10)


def test_torch_starts_from_tensors_and_takes_a_name():
    torch = pytest.importorskip("torch")
    start = torch.tensor([1.0, 2.0], dtype=torch.float32, requires_grad=True)
    p = ml.Problem.from_torch(lambda x: (x**2).sum(), start, name="bowl")
    with torch.no_grad():
        assert (p.name, p.grad(p.x0).tolist()) == ("bowl", [2.0, 4.0])


def test_jax_is_in_double_precision_whatever_its_flag_says():
    jax = pytest.importorskip("jax")
    p = ml.Problem.from_jax(lambda x: jax.numpy.sum(x**2) / 3, jax.numpy.ones(2))
    assert p.fun([0.1, 0.2]) == pytest.approx(0.05 / 3, rel=1e-15)
    assert jax.numpy.ones(1).dtype == "float32"


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x**2, "f returned a tensor of shape (2,); it must return one number"),
        (lambda x: 3.0, "f returned 3.0; it must return a torch tensor of one number"),
        (lambda x: x.detach().sum(), "which torch did not see depend on x"),
        (lambda x: sys.modules["torch"].ones(1, requires_grad=True).sum(), "which torch did not see depend on x"),
    ],
)
def test_what_torch_cannot_differentiate_is_refused_with_a_sentence(f, says):
    pytest.importorskip("torch")
    with pytest.raises((TypeError, ValueError)) as caught:
        ml.minimize(ml.Problem.from_torch(f, [1.0, 2.0]))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("framework", "says"), [("torch", "pip install 'momentumlab[torch]'"), ("jax", "pip install jax")]
)
def test_a_missing_framework_is_named(framework, says, monkeypatch):
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(ImportError) as caught:
        getattr(ml.Problem, f"from_{framework}")(valley, [1.0, 2.0])
    assert says in str(caught.value)


# ------------------------------------------------------------------ regression


REGRESSIONS = {
    "logistic": logistic(A, LABELS, 0.1, solve=True),
    "logistic, sparse": logistic(sparse.csc_matrix(A), LABELS, 0.1, solve=True),
    "least_squares": least_squares(A, TARGETS),
    "synthetic_logistic": ml.problem("synthetic_logistic", N=30, d=4, seed=1),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_derivatives_agree_with_differences(name):
    p = REGRESSIONS[name]
    for x in POINTS:
        assert p.grad(x) == pytest.approx(Objective(p.fun, "3-point")(x)[1], rel=1e-7, abs=1e-8)
        columns = [(p.grad(x + h) - p.grad(x - h)) / 2e-5 for h in 1e-5 * np.eye(p.dim)]
        assert p.hess(x) == pytest.approx(np.array(columns), rel=1e-6, abs=1e-8)
        assert np.array_equal(p.hess(x), p.hess(x).T)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_minimisers_and_constants_are_right(name):
    p = REGRESSIONS[name]
    (m,) = p.minimizers
    assert np.linalg.norm(p.grad(m)) <= 1e-12
    assert p.error(m) == 0 and p.fstar == pytest.approx(p.fun(m), rel=1e-14)
    for x in POINTS:
        eigenvalues = np.linalg.eigvalsh(p.hess(x))
        assert p.mu * (1 - 1e-12) <= eigenvalues[0] and eigenvalues[-1] <= p.L * (1 + 1e-12)
    assert np.linalg.eigvalsh(p.hess(np.zeros(p.dim)))[-1] == pytest.approx(p.L, rel=1e-12)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.coo_array])
def test_logistic_is_its_formula(make):
    p = logistic(make(A), LABELS, 0.1)
    for x in POINTS:
        value = np.mean(np.logaddexp(0, -LABELS * (A @ x))) + 0.05 * x @ x
        assert p.fun(x) == pytest.approx(value, rel=1e-14)
    assert (p.mu, p.minimizers) == (0.1, ()) and np.isnan(p.fstar)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_logistic_neither_overflows_nor_loses_what_is_small(make):
    p = logistic(make([[1.0], [-1.0]]), [1, -1], 0.0)
    for x, value, slope in [(800.0, 0.0, 0.0), (-800.0, 800.0, -1.0), (40.0, np.exp(-40.0), -np.exp(-40.0))]:
        assert (p.fun([x]), p.grad([x])[0]) == pytest.approx((value, slope), rel=1e-15)
    assert p.mu is None


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (2, 2)])
def test_the_smoothness_of_small_and_empty_sparse_data(shape):
    for dense in (np.arange(1.0, 1 + np.prod(shape)).reshape(shape), np.zeros(shape)):
        L = logistic(sparse.csr_array(dense), np.ones(shape[0]), 0.1).L
        assert pytest.approx(0.1 + np.linalg.norm(dense, 2) ** 2 / (4 * shape[0]), rel=1e-13) == L


def test_compiled_and_python_regressions_agree():
    for p in REGRESSIONS.values():
        for x in POINTS:
            g = np.empty(p.dim)
            assert p.f(x, g) == pytest.approx(p.fun(x), rel=1e-14)
            assert g == pytest.approx(p.grad(x), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", ["logistic", "logistic, sparse", "synthetic_logistic"])
def test_far_out_the_curvature_of_logistic_is_the_ridge(name):
    """Large margins, of which some are a thousandth of the others, leave nothing of the loss's own."""
    p = REGRESSIONS[name]
    for x in np.random.default_rng(0).standard_normal((5, p.dim)):
        assert np.linalg.eigvalsh(p.hess(1e6 * x)) == pytest.approx([p.mu] * p.dim, rel=1e-12)


def test_synthetic_data_are_drawn_as_described():
    p, rng = ml.problem("synthetic_logistic"), np.random.default_rng(0)
    rows, direction, noise = rng.standard_normal((200, 20)), rng.standard_normal(20), rng.standard_normal(200)
    again = logistic(rows, np.sign(rows @ direction + 0.5 * noise), 0.01)
    assert (p.name, p.mu, p.L) == ("synthetic_logistic", again.mu, again.L)
    assert p.fun(p.minimizers[0]) == again.fun(p.minimizers[0])
    assert not p.x0.any()
    assert pickle.loads(pickle.dumps(p)).fstar == p.fstar


def test_a_tuned_method_reaches_the_minimiser_of_synthetic_data():
    p = ml.problem("synthetic_logistic")
    r = ml.minimize(p, method=ml.nesterov.tuned(mu=p.mu, L=p.L), tol=1e-10)
    assert r.success and r.x == pytest.approx(p.minimizers[0], abs=1e-10 / p.mu)


def test_least_squares_of_deficient_rank_is_not_strongly_convex():
    p = least_squares(A[:, [0, 0, 1]], TARGETS)
    assert p.mu is None and np.abs(p.grad(p.minimizers[0])).max() < 1e-14


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: logistic(A, LABELS > 0), "b has the labels 0, 1; they must be -1 and 1: give 2 * b - 1"),
        (lambda: logistic(A, [0, 1, 2] * 4), "b has the labels 0, 1, 2; they must be -1 and 1"),
        (lambda: logistic(A, ["a", "b"] * 6), "it must be finite numbers"),
        (lambda: logistic(A, LABELS[:5]), "b has shape (5,); A has 12 rows, so it must be (12,)"),
        (lambda: logistic(A[0], LABELS), "A has shape (4,); it must be a matrix"),
        (lambda: logistic("data", LABELS), "A = 'data' is not a matrix of real numbers"),
        (lambda: logistic(np.full((12, 1), np.nan), LABELS), "A holds nan; every entry must be finite"),
        (lambda: logistic(A, LABELS, ridge=-1), "ridge = -1; it must be a finite number, 0 or larger"),
        (lambda: logistic(A, LABELS, ridge=0, solve=True), "solve needs ridge > 0"),
        (lambda: logistic(A, LABELS, batch=13, rng=0), "batch = 13; it must be a whole number, from 1 to 12"),
        (lambda: logistic(A, LABELS, batch=2), "rng = None; give a whole number"),
        (lambda: logistic(A, LABELS, rng=0), "rng = 0 has nothing to draw; give batch too"),
        (lambda: least_squares(sparse.csr_array(A), TARGETS), "give A.toarray()"),
        (lambda: ml.problem("synthetic_logistic", d=0), "d = 0; it must be a whole number, 1 or larger"),
        (lambda: finite_sum(3, [0.0], 2), "mean = 3 is not callable"),
        (lambda: finite_sum(bowl, [0.0], 0), "N = 0; it must be a whole number"),
        (lambda: noisy(3, 1.0, 0), "3 is not a problem"),
        (lambda: noisy(ml.Problem("mine", np.sum, [1.0]), 1.0, 0), "mine has no gradient of its own"),
        (lambda: logistic(A + 1j, LABELS), "is not a matrix of real numbers"),
        (lambda: logistic(A * 1e200, LABELS), "every entry must be finite, and its square too"),
        (lambda: drift(2.5, 1.0, 1.0, 0), "steps = 2.5; it must be a whole number"),
        (lambda: noisy(ml.problem("beale"), -1.0, 0), "sigma = -1.0; it must be a finite number, 0 or larger"),
        (lambda: noisy(ml.problem("beale"), 1.0, None), "rng = None; give a whole number"),
        (lambda: drift(5, 1.0, 1.0, "a"), "rng = 'a'; give a whole number"),
        (lambda: reddi(2), "C = 2; it must be a number larger than 2"),
        (lambda: reddi_random(1.5), "rng = 1.5; give a whole number"),
        (lambda: ml.Problem("mine", bowl, [1.0], sampler=3), "sampler = 3 is not callable"),
        (lambda: ml.Problem.from_torch(3, [1.0]), "f = 3 is not callable"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(make, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert says in str(caught.value)


# ------------------------------------------------------------------ finite sums


def squares(x, indices):
    r = A[indices] @ x - TARGETS[indices]
    return 0.5 * np.mean(r**2), A[indices].T @ r / len(indices)


SUMS = {
    "finite_sum": lambda **batch: finite_sum(squares, np.zeros(4), 12, **batch),
    "least_squares": lambda **batch: least_squares(A, TARGETS, **batch),
    "logistic": lambda **batch: logistic(A, LABELS, 0.1, **batch),
    "logistic, sparse": lambda **batch: logistic(sparse.csr_array(A), LABELS, 0.1, **batch),
}
WHOLE = {name: make() for name, make in SUMS.items()}


def draws(p, x, many):
    sampled = p.sampler()
    values, gradients = zip(*(sampled(x) for _ in range(many)), strict=True)
    return np.array(values), np.array(gradients)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("batch", [1, 3, 12])
def test_the_mean_over_an_epoch_is_the_whole(name, batch):
    p, sampled = WHOLE[name], SUMS[name](batch=batch, rng=0)
    for x in POINTS:
        values, gradients = draws(sampled, x, 2 * 12 // batch)
        for epoch in np.split(np.arange(len(values)), 2):
            assert values[epoch].mean() == pytest.approx(p.fun(x), rel=1e-13)
            assert gradients[epoch].mean(axis=0) == pytest.approx(p.grad(x), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", SUMS)
def test_the_whole_is_seen_without_batches(name):
    p = WHOLE[name]
    assert p.sampler is None
    step = next(ml.iterate(p, POINTS[0], ml.gradient_descent(lr=0.1)))
    assert step.fun == p.fun(POINTS[0]) and np.array_equal(step.jac, p.grad(POINTS[0]))


def test_the_last_batch_of_an_epoch_is_short():
    seen = []
    p = finite_sum(lambda x, i: seen.append(i) or (0.0, x), [0.0], 12, batch=5, rng=0)
    draws(p, np.zeros(1), 6)
    assert [len(i) for i in seen] == [5, 5, 2, 5, 5, 2]
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(second) == list(range(12)) and not np.array_equal(first, second)


@pytest.mark.parametrize("batch", [1, 4, 20])
def test_gradients_drawn_with_replacement_are_unbiased(batch):
    """Within five standard errors; their covariance is that of one sample, divided by the batch."""
    p, many = WHOLE["least_squares"], 20_000
    _, gradients = draws(least_squares(A, TARGETS, batch=batch, rng=0, replace=True), POINTS[0], many)
    singles = np.array([squares(POINTS[0], [i])[1] for i in range(12)])
    error = np.sqrt(singles.var(axis=0) / batch / many)
    assert (np.abs(gradients.mean(axis=0) - p.grad(POINTS[0])) <= 5 * error).all()
    assert gradients.var(axis=0) == pytest.approx(singles.var(axis=0) / batch, rel=5 * np.sqrt(5 / many))


def seen(p):
    return ml.minimize(p, method=ml.gradient_descent(lr=0.01), tol=0, maxiter=300).history.gnorm


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: least_squares(A, TARGETS, batch=2, rng=rng),
        lambda rng: least_squares(A, TARGETS, batch=2, rng=rng, replace=True),
        lambda rng: noisy(ml.problem("beale"), 0.1, rng),
        lambda rng: reddi_random(rng),
    ],
)
def test_a_number_starts_every_run_alike_and_a_generator_goes_on(make):
    p = make(7)
    assert np.array_equal(seen(p), seen(p))
    assert np.array_equal(seen(p), seen(make(np.random.default_rng(7))))
    assert not np.array_equal(seen(p), seen(make(8)))
    p = make(np.random.default_rng(7))
    assert not np.array_equal(seen(p), seen(p))


# ------------------------------------------------------------------ noise


def test_methods_share_their_noise():
    """Common random numbers: what two methods see differs as their points do."""
    p, noises = noisy(ml.problem("beale"), 0.5, 3), []
    for method in (ml.gradient_descent(lr=1e-3), ml.heavy_ball(lr=1e-3)):
        steps = ml.iterate(p, method=method)
        noises.append([s.jac - p.grad(s.x) for s, _ in zip(steps, range(20), strict=False)])
        assert all(s.fun == p.fun(s.x) for s, _ in zip(steps, range(20), strict=False))
    assert np.abs(np.subtract(*noises)).max() < 1e-12
    assert np.abs(noises[0]).min() > 0


def test_noise_has_the_variance_it_was_given():
    p, many = noisy(ml.problem("stiff_quadratic"), 0.5, 0), 20_000
    values, gradients = draws(p, np.ones(2), many)
    assert set(values) == {p.fun(np.ones(2))}
    assert (np.abs(gradients.mean(axis=0) - p.grad(np.ones(2))) <= 5 * 0.5 / np.sqrt(many)).all()
    assert gradients.var(axis=0) == pytest.approx(0.25, rel=5 * np.sqrt(2 / many))


def test_noise_may_lie_over_batches():
    p = noisy(least_squares(A, TARGETS, batch=1, rng=0), 0.0, 0)
    assert np.array_equal(seen(p), seen(least_squares(A, TARGETS, batch=1, rng=0)))


def test_what_is_sampled_does_not_travel_as_its_exact_problem():
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        pickle.dumps(noisy(ml.problem("beale"), 0.1, 0))


# ------------------------------------------------------------------ what averages make of drift and noise


BETA = 0.9


def averages(gradients, beta=BETA):
    """RSGDM's average m and its direction n, for given gradients."""
    method = ml.rsgdm(lr=1.0, beta=beta)
    row, x, rest = method.row(1), np.zeros_like(gradients[0]), method.start(0 * gradients[0], gradients[0])
    ms, ns = [], []
    for g in gradients:
        moved, *rest = method.rule.advance(x, g, rest, row)
        ms, ns, x = [*ms, rest[0]], [*ns, x - moved], 0 * x
    return np.array(ms), np.array(ns)


@pytest.mark.parametrize(("beta", "lags"), [(0.9, (9.0, 8.1)), (0.5, (1.0, 0.5))])
def test_lags_on_a_ramp(beta, lags):
    """βc/(1 − β) of an average and β²c/(1 − β) of RSGDM's direction."""
    gradients = drift(600, 2.0, 0.0, 0)
    for average, lag in zip(averages(gradients, beta), lags, strict=True):
        assert (gradients - average)[-1] == pytest.approx(2.0 * lag, rel=1e-12)


def test_variances_of_averages_of_noise():
    """σ²(1 − β)/(1 + β), and 1 + 2β − 2β³ times that: the sums of squares of what a single gradient leaves behind."""
    impulse = np.zeros((600, 1))
    impulse[1] = 1.0  # the first gradient also starts g_prev, and is forgotten
    m, n = (np.sum(average**2) for average in averages(impulse))
    assert m == pytest.approx((1 - BETA) / (1 + BETA), rel=1e-12) == 0.0526315789474
    assert n / m == pytest.approx(1 + 2 * BETA - 2 * BETA**3, rel=1e-12) == 1.342
    many = 20_000
    for average, variance in zip(averages(drift(150, 0.0, 2.0, 0, n=many)), (0.052632, 0.070632), strict=True):
        assert average[-1].var() == pytest.approx(4 * variance, rel=5 * np.sqrt(2 / many))


def test_the_drift_starts_at_one():
    assert drift(3, 2.0, 0.0, 0).tolist() == [[2.0], [4.0], [6.0]]


def biases(gradients):
    m, n = averages(gradients)
    whole = (1 - BETA ** np.arange(1, len(gradients) + 1))[:, None] * gradients
    return m - whole, n - whole


def test_the_bias_is_that_of_an_average_times_beta_but_for_a_transient():
    """ζ = βξ + (1 − β)βᵗ(gₜ − g₁) from t = 2."""
    gradients = np.random.default_rng(0).standard_normal((40, 3))
    xi, zeta = biases(gradients)
    t = np.arange(1, 41)[:, None]
    transient = (1 - BETA) * BETA**t * (gradients - gradients[0])
    assert zeta[1:] == pytest.approx((BETA * xi + transient)[1:], abs=1e-14)


def test_biases_are_their_sums():
    """ξₜ = (1 − β) Σ βᵗ⁻ⁱ(gᵢ − gₜ) over i < t; ζₜ has weights β times those, and no i = 1."""
    g = np.random.default_rng(0).standard_normal((40, 3))
    xi, zeta = biases(g)
    for t in range(2, 41):
        i = np.arange(1, t)
        terms = (1 - BETA) * BETA ** (t - i)[:, None] * (g[: t - 1] - g[t - 1])
        assert xi[t - 1] == pytest.approx(terms.sum(axis=0), abs=1e-14)
        assert zeta[t - 1] == pytest.approx(BETA * terms[1:].sum(axis=0), abs=1e-14)


def test_the_bias_may_be_larger_than_that_of_an_average():
    xi, zeta = biases(np.array([[1.0], [-BETA], [0.0]]))
    assert xi[2] == pytest.approx(0.0, abs=1e-16)
    assert zeta[2] == pytest.approx(-0.0729, rel=1e-12)


# ------------------------------------------------------------------ where Adam goes to the worst point


ADAM = ml.adam.having(c1=1.0, c2=1.0)


def on_the_interval(rule, C):
    """β₁ = 0, β₂ = 1/(1 + C²), α = 0.9√(1 − β₂)/√k, ε = 0, and a projection behind the rule."""
    beta2 = 1 / (1 + C * C)
    lr = lambda k: 0.9 * (1 - beta2) ** 0.5 / k**0.5
    return rule.then(ml.into_box)(lr=lr, beta1=0.0, beta2=beta2, eps=0.0)


def regret(p, method, steps):
    """(1/T) Σ fₜ(xₜ) − fₜ(−1), the mean point, and the last."""
    total = mean = 0.0
    for step in ml.iterate(p, method=method):
        if step.k == steps:
            return total / steps, mean / steps, step.x[0]
        total, mean = total + step.jac[0] * (step.x[0] + 1), mean + step.x[0]


@pytest.mark.parametrize(
    ("p", "period"), [(reddi(3), [3, -1, -1]), (reddi(10), [10, -1, -1]), (reddi_mild(), [1010, *100 * [-10]])]
)
def test_the_exact_loss_is_the_mean_of_a_period(p, period):
    values, slopes = draws(p, np.array([0.5]), 2 * len(period))
    assert slopes.ravel().tolist() == 2 * period and values.tolist() == (0.5 * slopes.ravel()).tolist()
    assert p.fun([0.5]) == pytest.approx(np.mean(values), rel=1e-14)
    assert p.fstar == p.fun([-1.0]) == p.fun(p.minimizers[0])
    assert p.error([1.0]) == pytest.approx(2 * np.mean(period), rel=1e-14)


def test_random_losses_have_their_mean():
    _, slopes = draws(reddi_random(0), np.array([1.0]), 20_000)
    assert set(slopes.ravel()) == {1010.0, -10.0}
    assert abs(slopes.mean() - reddi_random(0).grad([0.0])[0]) <= 5 * 1020 * np.sqrt(0.01 * 0.99 / 20_000)


@pytest.mark.parametrize("C", [3, 4, 10])
def test_adam_goes_to_the_worst_point(C):
    """The average regret tends to (2C − 4)/3, that of staying at 1."""
    limit = reddi(C).error([1.0])
    assert limit == pytest.approx((2 * C - 4) / 3, rel=1e-14)
    short, long = (regret(reddi(C), on_the_interval(ADAM, C), steps) for steps in (300, 3000))
    assert short[2] == long[2] == 1.0
    assert abs(long[0] - limit) < abs(short[0] - limit)


@pytest.mark.parametrize("C", [3, 4, 10])
def test_amsgrad_goes_to_the_best_point(C):
    """Its average regret falls towards 0."""
    short, long = (regret(reddi(C), on_the_interval(ml.amsgrad_paper, C), steps) for steps in (300, 3000))
    assert long[2] < -0.98
    assert 0 < long[0] < short[0] / 2


@pytest.mark.parametrize("steps", [300, 3000])
def test_projected_gradient_descent_goes_to_the_best_point(steps):
    """Its average regret is at most (D²/2α + αG²)/√T (Zinkevich 2003), on an interval of length D = 2."""
    found, _, last = regret(reddi(3), ml.gradient_descent.then(ml.into_box)(lr=lambda k: 0.3 / k**0.5), steps)
    assert 0 < found <= (2**2 / (2 * 0.3) + 0.3 * 3**2) / steps**0.5
    assert last == pytest.approx(-1 + 0.3 / (steps - 1) ** 0.5 + 0.3 / steps**0.5, rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("C", "value"), [(3, 0.66804), (4, 1.33471), (10, 5.33464)])
def test_adams_regret_is_that_of_reference(C, value):
    found, _, last = regret(reddi(C), on_the_interval(ADAM, C), 300_000)
    assert last == 1.0 and found == pytest.approx(value, abs=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("C", "point", "value"), [(3, -0.99891, 0.00182), (4, -0.99918, 0.00192), (10, -0.99967, 0.00211)]
)
def test_amsgrads_regret_is_that_of_reference(C, point, value):
    found, _, last = regret(reddi(C), on_the_interval(ml.amsgrad_paper, C), 300_000)
    assert (last, found) == pytest.approx((point, value), abs=5e-6)


MILDER = [r.then(ml.into_box)(lr=lambda k: 0.1 / k**0.5, beta1=0.9, beta2=0.99) for r in (ml.adam, ml.amsgrad)]


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "means"), [(1_000_000, (0.952, -0.341)), (5_000_000, (0.990, -0.470))])
def test_the_milder_losses_part_adam_from_amsgrad(steps, means):
    for method, mean in zip(MILDER, means, strict=True):
        assert regret(reddi_mild(), method, steps)[1] == pytest.approx(mean, abs=5e-4)


@pytest.mark.slow
def test_random_losses_part_adam_from_amsgrad():
    """In the mean, which AMSGrad brings down from Adam's 0.996 to 0.335; below 0 it does not get in so many losses."""
    adam, amsgrad = (regret(reddi_random(0), method, 1_000_000)[1] for method in MILDER)
    assert 0 < amsgrad < adam
