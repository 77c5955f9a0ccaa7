"""One source, every loop: all rules in NumPy, compiled, by `iterate` and in torch give the same bits."""

from functools import partial

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import rules
from momentumlab.compiled import Loop
from momentumlab.result import History

STEPS = 300
LR = {"adam": 0.01}
COMPOSED = {
    "heavy_ball after l2": ml.heavy_ball.after(ml.l2),
    "adam then decoupled": ml.adam.then(ml.decoupled),
    "pid from zero": ml.pid.starting(g_prev=0.0),
    "scheduled": ml.heavy_ball.having(beta=lambda k: 0.9 - 0.5 / k),
    "heavy_ball after clip_value": ml.heavy_ball.after(ml.clip_value),
    "nesterov then into_box": ml.nesterov.then(ml.into_box),
}
MEASURED = {
    "nesterov after clip_norm": ml.nesterov.after(ml.clip_norm),
    "rsgdm after clip_norm after l2": ml.rsgdm.after(ml.clip_norm).after(ml.l2),
}
SUPPLIED = {  # products that a diagonal preconditioner supplies are part of the rule
    "pmg_outside": partial(ml.pmg_outside, preconditioner=ml.diagonal(), index="current"),
    "newton": partial(ml.newton, preconditioner=ml.diagonal()),
}
MEASURED |= {
    "pmg": partial(ml.pmg, preconditioner=ml.diagonal()),
    "pmg by quasi_cauchy": partial(ml.pmg, preconditioner=ml.quasi_cauchy(curvature="damp"), index="current"),
    "pmg by bb1": partial(ml.pmg, preconditioner=ml.bb1()),
}
STORED = {
    "pmg by bfgs": ml.pmg,
    "pmg by dfp, current": partial(ml.pmg, preconditioner=ml.dfp(curvature="damp"), index="current"),
    "pmg by sr1 after l2": partial(ml.pmg.after(ml.l2), preconditioner=ml.sr1()),
    "pmg by lbfgs": partial(ml.pmg, preconditioner=ml.lbfgs(memory=8)),
    "pmg by lbfgs, current": partial(ml.pmg, preconditioner=ml.lbfgs(curvature="damp"), index="current"),
    "pmg_outside": ml.pmg_outside,
    "newton by lbfgs": partial(ml.newton, preconditioner=ml.lbfgs()),
    "nesterov under Armijo": partial(ml.nesterov, search=ml.Armijo()),
    "pmg_outside under Armijo": partial(ml.pmg_outside, search=ml.Armijo()),  # restarts: the product is asked for again
}
ELEMENTWISE = {name: SUPPLIED.get(name, getattr(rules, name)) for name in rules.__all__ if name != "pmg"} | COMPOSED


def by_iterate(method, problem):
    """After 300 steps, or where the search gives up, converged to the last bit."""
    for step in ml.iterate(problem, method=method):
        if step.k == STEPS:
            break
    return step


def compiled(method, problem):
    loop = Loop(
        problem.objective(),
        method,
        problem.x0.copy(),
        History(problem.x0.shape),
        tol=-1.0,
        euclidean=False,
        every=STEPS,
    )
    for step in loop:
        assert np.isfinite(step.fun)
        if step.k == STEPS:
            break
    return loop


def check(step, other):
    assert np.isfinite(step.x).all()
    assert step.fun == other.fun
    for a, b in [
        (step.x, other.x),
        (step.jac, other.jac),
        (step.iterate, other.iterate),
        *zip(step.slots.values(), other.slots.values(), strict=True),
    ]:
        assert np.array_equal(a, b)


ALL = ELEMENTWISE | MEASURED
LOOPS = ALL | STORED
SEARCHED = [name for name in LOOPS if LOOPS[name]().search is not None]
FIXED = [name for name in LOOPS if "under" not in name]


QUICK = ("heavy_ball", "nesterov", "rsgdm", "pmg by lbfgs")
BOTH = [*((n, False) for n in FIXED), *((n, True) for n in SEARCHED if n in QUICK or "under" in n)]
BOTH += [pytest.param(n, True, marks=pytest.mark.slow) for n in SEARCHED if n not in QUICK and "under" not in n]


@pytest.mark.parametrize(("name", "searched"), BOTH)
def test_every_loop_gives_the_same_bits(name, searched):
    method = LOOPS[name](**({} if searched else {"lr": LR.get(name.split()[0], 2e-4)}))
    problem = ml.problem("rosenbrock", n=10)
    reference = by_iterate(method, problem)
    check(compiled(method, problem), reference)

    python = ml.minimize(problem.f, problem.x0, method, tol=0, maxiter=STEPS)
    native = ml.minimize(problem, method=method, tol=0, maxiter=STEPS)
    for result in (python, native):
        assert np.array_equal(result.x, reference.x)
        assert np.array_equal(result.iterate, reference.iterate)
        assert (result.nit, result.fun) == (reference.k, reference.fun)
    assert (python.nfev, python.status) == (native.nfev, native.status)
    for column in ("k", "fun", "gnorm", "x"):
        assert np.array_equal(getattr(python.history, column), getattr(native.history, column))


def by_torch(method, problem, **options):
    torch = pytest.importorskip("torch")
    from momentumlab.torch import Optimizer

    x = torch.tensor(problem.x0, requires_grad=True)
    optimizer = Optimizer([x], method, **options)
    for _ in range(STEPS):
        x.grad = torch.from_numpy(problem.grad(x.detach().numpy()))
        optimizer.step()
    return x.detach().numpy(), [
        optimizer.state[x][name].numpy() for name in optimizer._rule(0, optimizer.param_groups[0])[0].slots
    ]


@pytest.mark.parametrize("name", ALL)
def test_torchs_compiled_steps_give_the_same_bits(name):
    method, problem = ALL[name](lr=LR.get(name.split()[0], 2e-4)), ml.problem("rosenbrock", n=10)
    (x, slots), reference = by_torch(method, problem), by_iterate(method, problem)
    assert np.array_equal(x, reference.x)
    for a, b in zip(slots, reference.slots.values(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_torchs_operators_give_the_same_bits(name, monkeypatch):
    """But for its roots, some of which its CPU build has a last bit off."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("momentumlab.ops._Torch.sqrt", lambda a: torch.from_numpy(np.sqrt(a.numpy())))
    method, problem = ELEMENTWISE[name](lr=LR.get(name.split()[0], 2e-4)), ml.problem("rosenbrock", n=10)
    assert np.array_equal(by_torch(method, problem, foreach=False)[0], by_iterate(method, problem).x)


@pytest.mark.parametrize(("name", "foreach"), [*((n, False) for n in ALL), *((n, True) for n in ALL if n != "newton")])
def test_torchs_operators_agree_but_for_roots_and_sums(name, foreach):
    """torch sums in an order of its own, and a ± number·b over lists does not round the product.

    By differences of gradients over differences of points `newton` wanders: a last digit becomes a hundredth.
    """
    method, problem = ALL[name](lr=LR.get(name.split()[0], 2e-4)), ml.problem("rosenbrock", n=10)
    assert by_torch(method, problem, foreach=foreach)[0] == pytest.approx(by_iterate(method, problem).x, rel=1e-9)


def test_conditions_on_tensors_keep_their_digits():
    torch = pytest.importorskip("torch")
    from momentumlab.ops import where

    chosen = where(torch.tensor([1.0, -1.0], dtype=torch.float64) > 0, 0.1, 0.2)
    assert chosen.tolist() == [0.1, 0.2]


@pytest.mark.parametrize("norm", [np.inf, 2])
def test_both_loops_stop_at_the_same_iteration(norm):
    problem = ml.problem("beale")
    for method in (ml.pid(), ml.adam(lr=0.05)):
        a, b = ml.minimize(problem, method=method, norm=norm), ml.minimize(problem.f, problem.x0, method, norm=norm)
        assert a.success
        assert (a.nit, a.nfev, a.fun) == (b.nit, b.nfev, b.fun)
