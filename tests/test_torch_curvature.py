"""Preconditioned rules in torch: what closures and changes between steps must leave as it was."""

import copy
import pickle

import pytest

import momentumlab as ml
from momentumlab.ops import where

torch = pytest.importorskip("torch")
from momentumlab.torch import PMG, Newton, Optimizer, PMGOutside  # noqa: E402

SINGLE, DOUBLE = torch.float32, torch.float64
KINDS = ["quasi_cauchy", "bb1", "lbfgs", "bfgs"]
every_kind = pytest.mark.parametrize("by", KINDS)


@ml.preconditioner
def averaged(s, y, B=1.0, /, nu=0.5):
    return where(y / s > 0, (1 - nu) * B + nu * y / s, B)


@ml.rule
def curved_descent(x, g, Bv, v=0.0, /, lr=0.01, beta=0.9, kd=1e-3):
    v = beta * v - kd * Bv - lr * g
    return x + v, v


class Training:
    """Two parameters and a closure, which can fail, leave one out, or spoil a gradient, at its nth evaluation."""

    def __init__(self, make, dtype=DOUBLE):
        self.params = [torch.nn.Parameter(torch.linspace(1, 2, n, dtype=dtype)) for n in (4, 3)]
        self.optimizer = make(self.params)
        self.asked, self.fails, self.spoils, self.uses, self.zeroes = [], 0, 0, (0, 1), True

    def closure(self):
        self.asked.append(self.values())
        if len(self.asked) == self.fails:
            raise ArithmeticError("asked to")
        if self.zeroes:
            self.optimizer.zero_grad()
        loss = sum((self.params[i] ** 4).sum() for i in self.uses)
        loss.backward()
        if len(self.asked) == self.spoils:
            self.params[0].grad[0] = torch.nan
        return loss

    def values(self):
        return [p.detach().clone() for p in self.params]

    def steps(self, n=1):
        for _ in range(n):
            self.asked.clear()
            self.optimizer.step(self.closure)
        return self


def same(a, b):
    return all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


@every_kind
@pytest.mark.parametrize("rule", [PMG, PMGOutside, Newton])
@pytest.mark.parametrize("at", [1, 2])
def test_a_closure_that_fails_leaves_parameters_where_they_were(by, rule, at):
    t = Training(lambda p: rule(p, lr=1e-2, preconditioner=by)).steps(3)
    before, t.fails = t.values(), at
    with pytest.raises(ArithmeticError):
        t.steps()
    assert same(t.values(), before)


@pytest.mark.parametrize("same_batch", [True, False])
@pytest.mark.parametrize(("before", "now"), [((0,), (0, 1)), ((1,), (0, 1)), ((0, 1), (0,)), ((0, 1), (1,))])
def test_other_gradients_than_before_are_refused_and_nothing_moves(before, now, same_batch):
    t = Training(lambda p: PMG(p, lr=1e-2, preconditioner="lbfgs", same_batch=same_batch))
    t.uses = before
    there, t.uses = t.steps(2).values(), now
    with pytest.raises(ValueError, match="must have gradients in every step"):
        t.steps()
    assert same(t.values(), there)


@pytest.mark.parametrize("over", ["all", "tensor"])
@pytest.mark.parametrize("by", ["diagonal", "quasi_cauchy", "bb1"])
def test_diagonals_begin_when_a_gradient_comes(by, over):
    t = Training(lambda p: PMG(p, lr=1e-2, preconditioner=by, over=over))
    t.uses = (0,)
    before, t.uses = t.steps(2).values()[1], (0, 1)
    assert not torch.equal(t.steps(2).values()[1], before)


@every_kind
@pytest.mark.parametrize("rule", [PMG, *(pytest.param(rule, marks=pytest.mark.slow) for rule in (PMGOutside, Newton))])
def test_decay_may_begin_in_between(by, rule):
    t = Training(lambda p: rule(p, lr=1e-2, preconditioner=by, decoupled=True)).steps(2)
    t.optimizer.param_groups[0]["weight_decay"] = 0.1
    assert all(torch.isfinite(p).all() for p in t.steps(2).values())


def test_notes_in_the_state_are_no_steps():
    t = Training(lambda p: PMG(p, lr=1e-2))
    t.optimizer.state[t.params[0]]["note"] = "mine"
    t.steps(2)


@pytest.mark.parametrize("by", ["lbfgs", "quasi_cauchy"])
def test_what_is_frozen_stays_in_every_evaluation(by):
    t = Training(lambda p: PMG(p, lr=1e-2, preconditioner=by, over="tensor")).steps(2)
    t.params[1].requires_grad_(False)
    frozen = t.values()[1]
    t.steps(2)
    assert all(torch.equal(b, frozen) for _, b in t.asked)


@every_kind
def test_gradients_that_a_closure_adds_to_are_added_to_once(by):
    """As where Lightning accumulates batches: all but the last before the step."""
    t = Training(lambda p: PMG(p, lr=1e-2, preconditioner=by)).steps(2)
    t.optimizer.zero_grad()
    t.zeroes, there = False, t.values()
    t.steps()
    assert all(torch.allclose(p.grad, 4 * x**3) for p, x in zip(t.params, there, strict=True))


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@every_kind
def test_a_pair_that_is_no_number_is_skipped(by, dtype):
    t = Training(lambda p: PMG(p, lr=1e-3, preconditioner=by), dtype).steps(3)
    t.spoils = 1
    t.steps()
    t.spoils = 0
    assert all(torch.isfinite(p).all() for p in t.steps(8).values())


@pytest.mark.parametrize("how", ["loaded", "pickled"])
@pytest.mark.parametrize("by", [*KINDS, averaged], ids=str)
def test_closures_continue_to_the_same_bits(by, how):
    make = lambda p: Optimizer(p, curved_descent(preconditioner=by))
    t, again = Training(make).steps(4), Training(make)
    if how == "loaded":
        again.optimizer.load_state_dict(copy.deepcopy(t.optimizer.state_dict()))
        for p, v in zip(again.params, t.values(), strict=True):
            p.data.copy_(v)
    else:
        again.optimizer, again.params = pickle.loads(pickle.dumps((t.optimizer, t.params)))
    assert same(t.steps(4).values(), again.steps(4).values())
