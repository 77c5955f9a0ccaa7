"""What the torch adapter once got wrong."""

import gc
import subprocess
import sys
import weakref

import pytest

import momentumlab as ml

torch = pytest.importorskip("torch")
import momentumlab.torch as mt  # noqa: E402

from .test_torch_contract import (  # noqa: E402
    DOUBLE,
    SINGLE,
    WAYS,
    drawn,
    every_way,
    graded,
    of,
    parameters,
    same,
    stepped,
)


def test_counts_go_on_where_types_are_joined():
    found = []
    for way in ("compiled", "singly"):
        params = [*parameters((3,), dtype=SINGLE), *parameters((4,), dtype=DOUBLE)]
        found.append(mt.Optimizer(params, ml.adam.after(ml.clip_norm)(lr=0.1, max_norm=0.5), **WAYS[way]))
        stepped(found[-1], 4)
    assert [o.state[p]["step"].item() for o in found for p in of(o)] == [4.0] * 4
    same(*map(of, found), 1e-6)


@every_way
@pytest.mark.parametrize("axis", [0, 1])
def test_slices_lie_across_the_axis_that_is_given(axis, way):
    (x,), (g,) = parameters((2, 3)), [drawn((2, 3), 9)]
    before = x.detach().clone()
    optimizer = mt.Optimizer([x], ml.gradient_descent.after(ml.centralize)(lr=1.0, axis=axis), **WAYS[way])
    x.grad = g
    optimizer.step()
    same([x], [before - (g - g.mean(1 - axis, keepdim=True))], 1e-12)


LAZY = {"conjugated": (torch.conj, torch.complex128), "negated": (torch._neg_view, DOUBLE)}


@every_way
@pytest.mark.parametrize("view", LAZY)
def test_a_parameter_may_be_a_lazy_view(view, way):
    lazy, dtype = LAZY[view]
    values, g = drawn((3,), 0, dtype), drawn((3,), 1, dtype)
    x = torch.nn.Parameter(lazy(values.clone()))
    optimizer = mt.GradientDescent([x], lr=0.1, **WAYS[way])
    x.grad = g
    optimizer.step()
    same([x.resolve_conj().resolve_neg()], [lazy(values).resolve_conj().resolve_neg() - 0.1 * g], 1e-12)


MISFITS = {  # each ends the process today, or reads what is not there
    "memory of a smaller tensor": """
        small, big = P(4), P(4_000_000)
        o, q = mt.HeavyBall([small], lr=0.1), mt.HeavyBall([big], lr=0.1)
        step(o), q.load_state_dict(o.state_dict()), step(q)""",
    "a tensor that grew": """
        x = P(4); o = mt.HeavyBall([x], lr=0.1)
        step(o); x.grad = None; x.data = torch.ones(4_000_000, dtype=D); step(o)""",
    "a gradient that stayed": """
        x = P(4); o = mt.HeavyBall([x], lr=0.1)
        x.grad = torch.ones(4, dtype=D); x.data = torch.ones(4_000_000, dtype=D); o.step()""",
    "curvature of another kind": """
        x, y = P(2000), P(2000)
        o, q = mt.PMG([x], lr=0.1, preconditioner="lbfgs"), mt.PMG([y], lr=0.1, preconditioner="bfgs")
        step(o), step(o), q.load_state_dict(o.state_dict()), step(q), step(q)""",
}
SETTING = """
import sys, textwrap, torch, momentumlab.torch as mt
D = torch.float64
P = lambda n: torch.nn.Parameter(torch.ones(n, dtype=D))
def step(o):
    for p in o.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    o.step()
try:
    exec(textwrap.dedent(sys.argv[1]))
except (RuntimeError, ValueError) as error:
    print(error)
else:
    sys.exit(1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("misfit", MISFITS)
def test_memory_that_does_not_fit_is_refused(misfit):
    out = subprocess.run([sys.executable, "-c", SETTING, MISFITS[misfit]], capture_output=True, text=True)
    assert out.returncode == 0, (out.returncode, out.stderr)


@pytest.mark.slow
def test_a_gradient_without_memory_is_a_zero():
    text = "x = P(4); o = mt.HeavyBall([x], lr=0.1); x.grad = torch._efficientzerotensor(4, dtype=D); o.step(); 1 / 0"
    out = subprocess.run([sys.executable, "-c", SETTING, text], capture_output=True, text=True)
    assert "ZeroDivisionError" in out.stderr, out.returncode


def squares(optimizer, *params):
    def closure():
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in params)
        loss.backward()
        return loss

    return closure


def test_a_closure_that_raises_leaves_parameters_where_they_were():
    (x,) = parameters((3,))
    optimizer = mt.PMG([x], lr=0.1, preconditioner="bb1")
    optimizer.step(squares(optimizer, x))
    before = x.detach().clone()
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)
    same([x], [before])


def test_a_parameter_may_join_between_closures():
    a, b = parameters((3,), (2,))
    optimizer = mt.PMG([a, b], lr=0.1, preconditioner="bb1", over="tensor")
    optimizer.step(squares(optimizer, a))
    optimizer.step(squares(optimizer, a, b))
    assert optimizer.state[b]["step"] == 1


def test_a_note_in_the_state_of_a_learning_rule_does_no_harm():
    (x,) = parameters((3,))
    optimizer = mt.PMG([x], lr=0.1, preconditioner="bb1")
    optimizer.state[x]["note"] = 1
    optimizer.step(squares(optimizer, x))


@every_way
def test_a_step_that_was_refused_leaves_a_state_that_loads(way):
    make = lambda: mt.Adam(parameters((3,), (3, 3)), lr=0.1, **WAYS[way])
    optimizer = make()
    graded(of(optimizer), 0)
    of(optimizer)[1].grad = torch.eye(3, dtype=DOUBLE).to_sparse()
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()
    make().load_state_dict(optimizer.state_dict())


@pytest.mark.slow
def test_schedules_of_optimizers_that_are_gone_are_gone():
    class Held:
        lr = 0.1

    def once():
        held = Held()
        stepped(mt.HeavyBall(parameters((3,)), lr=lambda k: held.lr), 1)
        return weakref.ref(held)

    found = [once() for _ in range(300)]
    gc.collect()
    assert sum(r() is not None for r in found) <= 256


def test_work_is_prepared_once_in_a_step(monkeypatch):
    from momentumlab.torch import fused

    made, init = [], fused.Work.__init__
    monkeypatch.setattr(fused.Work, "__init__", lambda self, *a, **k: (made.append(1), init(self, *a, **k))[1])
    stepped(mt.SGD(parameters((3,)), lr=0.1), 1)
    assert len(made) == 1
