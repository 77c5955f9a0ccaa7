"""What mutants of the torch adapter lived on, and what was wrong with it once."""

import copy
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import momentumlab as ml

torch = pytest.importorskip("torch")
import momentumlab.torch as mt  # noqa: E402

from .test_torch_contract import (  # noqa: E402
    DOUBLE,
    MOMENTUM,
    RULES,
    SINGLE,
    WAYS,
    drawn,
    every_way,
    graded,
    of,
    parameters,
    same,
    seen,
    stepped,
)

CLIPPED = ml.gradient_descent.after(ml.clip_norm)


@every_way
def test_a_norm_is_over_tensors_of_all_types(way):
    params = [*parameters((3,), dtype=SINGLE), *parameters((4,), (2,), dtype=DOUBLE)]
    before = [p.detach().clone() for p in params]
    stepped(mt.Optimizer(params, CLIPPED(lr=1.0, max_norm=0.5), **WAYS[way]), 1)
    moved = torch.cat([(p.detach() - q).double().flatten() for p, q in zip(params, before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-6)


@every_way
def test_a_norm_over_all_parameters_is_of_one_rule(way):
    groups = [dict(params=[p], weight_decay=0.1, decoupled=i > 0) for i, p in enumerate(parameters((4, 3), (4, 3)))]
    method = CLIPPED(lr=1.0, max_norm=0.5)
    with pytest.raises(ValueError, match=r"norms are over all parameters, but groups follow .* give over='group'"):
        stepped(mt.Optimizer(groups, method, **WAYS[way]), 1)
    stepped(mt.Optimizer(groups, method, over="group", **WAYS[way]), 1)


@ml.rule
def swapping(x, g, a=0.0, b=1.0, /, lr=0.1):
    """Memory that changes places at every step."""
    return x - lr * (g + a), b, a


@ml.rule
def turning(x, g, a=0.0, b=1.0, c=2.0, /, lr=0.1):
    """The same of three, one of them new."""
    return x - lr * (a * g), b, c, a + g


@every_way
@pytest.mark.parametrize("rule", [swapping, turning], ids=lambda rule: rule.name)
def test_memory_may_change_places(rule, way):
    (p,), method = parameters((3,)), rule(lr=0.1)
    x, slots = p.detach().numpy().copy(), None
    optimizer = mt.Optimizer([p], method, **WAYS[way])
    for k in range(1, 6):
        graded([p], k)
        slots = method.start(x, p.grad.numpy()) if slots is None else slots
        x, *slots = method.advance(x, p.grad.numpy(), slots, k)
        optimizer.step()
    same([p, *(optimizer.state[p][n] for n in rule.slots)], [torch.from_numpy(np.array(a)) for a in (x, *slots)], 1e-14)


@pytest.mark.parametrize("option", [dict(lr=0.01), dict(momentum=0.5)], ids=str)
def test_groups_that_were_alike_may_part(option):
    found = []
    for way in ("compiled", "singly"):
        optimizer = RULES["SGD"]([dict(params=[p]) for p in parameters((3,), (3,), (3,))], **WAYS[way])
        stepped(optimizer, 2)
        optimizer.param_groups[1].update(option)
        found.append(seen(stepped(optimizer, 2, 2)))
    same(*found, 1e-12)


def test_over_may_change_between_steps():
    found = []
    for way in ("compiled", "singly"):
        optimizer = mt.Optimizer(parameters((3,), (4,)), CLIPPED(lr=0.1, max_norm=0.5), **WAYS[way])
        stepped(optimizer, 2)
        optimizer.over = "tensor"
        found.append(seen(stepped(optimizer, 2, 2)))
    same(*found, 1e-12)


def test_threads_that_are_asked_for_are_taken(monkeypatch):
    from momentumlab.torch import fused

    monkeypatch.setattr(fused, "SMALL", 1)
    before, optimizer, shares = torch.get_num_threads(), mt.SGD(parameters((64,)), 0.1), []
    try:
        for k, threads in enumerate((1, 2, 1)):
            torch.set_num_threads(threads)
            stepped(optimizer, 2, 2 * k)
            shares.append(len(optimizer._again.work.bounds))
    finally:
        torch.set_num_threads(before)
    assert shares == [1, 2, 1]


def test_groups_may_be_equal_and_others():
    found = []
    for way in ("compiled", "singly"):
        optimizer = stepped(RULES["SGD"](parameters(), **WAYS[way]), 3)
        optimizer.param_groups[0] = {**optimizer.param_groups[0], "lr": 0.01}
        found.append(seen(stepped(optimizer, 2, 3)))
    same(*found, 1e-12)


@every_way
@pytest.mark.parametrize("shape", [(), (3,)])
def test_sparse_gradients_of_any_shape_are_refused(shape, way):
    (x,) = parameters(shape)
    optimizer = stepped(mt.SGD([x], **MOMENTUM, **WAYS[way]), 2)
    x.grad = torch.ones(shape, dtype=DOUBLE).to_sparse()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()


DECAYED = {  # decoupled: no memory holds the whole step, so that the point before it does; l2: it is in the gradient
    "decoupled": ml.pmg.then(ml.decoupled),
    "l2": ml.pmg.after(ml.l2),
}


@pytest.mark.parametrize("by", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("decay", DECAYED)
def test_stored_curvature_is_of_steps_and_gradients_with_decay(decay, by):
    (p,), method = parameters((4,)), DECAYED[decay](lr=0.01, weight_decay=0.1, preconditioner=by)
    curvature = np.arange(1.0, 5.0)
    bowl = lambda x: (0.5 * x @ (curvature * x), curvature * x)
    problem = ml.Problem("bowl", bowl, p.detach().numpy().copy(), jac=True)
    step = next(s for s in ml.iterate(problem, method=method) if s.k == 6)
    optimizer = mt.Optimizer([p], method)
    for _ in range(6):
        p.grad = torch.from_numpy(curvature * p.detach().numpy())
        optimizer.step()
    same([p], [torch.from_numpy(step.x.copy())], 1e-12)


def test_curvature_of_other_components_is_refused():
    optimizer = mt.PMG(parameters((3,), (4,)), lr=0.01, preconditioner="lbfgs")
    stepped(optimizer, 2)
    before = seen(optimizer)
    of(optimizer)[1].grad = None
    with pytest.raises(ValueError, match="is kept over 7 components, and 3 have gradients now"):
        optimizer.step()
    same(seen(optimizer), before)


def test_curvature_of_complex_numbers_is_refused():
    with pytest.raises(ValueError, match="takes real parameters on one device"):
        stepped(mt.PMG(parameters((3,), dtype=torch.complex128), lr=0.01, preconditioner="lbfgs"), 1)


@pytest.mark.parametrize("by", ["bfgs", "lbfgs"])
def test_stored_curvature_of_single_precision(by):
    narrow, wide = (
        stepped(mt.PMG([torch.nn.Parameter(drawn((5,), 0, SINGLE).to(dtype))], lr=0.01, preconditioner=by), 0)
        for dtype in (SINGLE, DOUBLE)
    )
    for k in range(5):
        for optimizer in (narrow, wide):
            of(optimizer)[0].grad = drawn((5,), k, SINGLE).to(of(optimizer)[0].dtype)
            optimizer.step()
    torch.testing.assert_close(of(narrow)[0].detach().double(), of(wide)[0].detach(), rtol=1e-5, atol=1e-5)


LAID = {
    "transposed": lambda: drawn((3, 4), 1).t(),
    "channels last": lambda: drawn((2, 3, 4, 4), 1).to(memory_format=torch.channels_last),
}


@every_way
@pytest.mark.parametrize("layout", LAID)
def test_products_lie_as_their_parameters(layout, way):
    make = lambda x, **more: mt.PMG([x, *parameters((5,))], lr=0.05, preconditioner="lbfgs", **more)
    laid = stepped(make(torch.nn.Parameter(LAID[layout]()), **WAYS[way]), 5)
    compact = stepped(make(torch.nn.Parameter(LAID[layout]().contiguous()), foreach=False), 5)
    same(of(laid), of(compact), 1e-9)


@pytest.mark.parametrize("index", ["lagged", "current"])
@pytest.mark.parametrize("rule", [ml.pmg, ml.newton], ids=lambda rule: rule.name)
def test_a_stored_pair_is_of_one_batch(rule, index):
    """What was learned last maps the last step to the change of the batch's own gradient."""
    (x,) = parameters((3,))
    optimizer = mt.Optimizer([x], rule(lr=1e-2, preconditioner="bfgs", index=index))
    at = []
    for k in range(5):

        def closure(curvature=1.0 + k, shift=10.0 * k):
            optimizer.zero_grad()
            loss = (0.5 * curvature * x * x + shift * x).sum()
            loss.backward()
            return loss

        at.append(x.detach().clone())
        optimizer.step(closure)
        if k:
            s, rows = at[-1] - at[-2], optimizer.state[x]["B_rows"]
            matrix, b, a = rows[:3], rows[3], rows[4]
            y = (1.0 + k) * s
            given, back = (y, s) if rule is ml.newton else (s, y)  # Newton's rule keeps the inverse
            same([matrix @ given + b * (b @ given) - a * (a @ given)], [back], 1e-9)


@ml.rule
def shared_product(x, g, a=0.0, b=0.5, /, lr=0.1):
    """A product that sums use, and memory is."""
    u = lr * g
    return x - u, u, b + u


@ml.rule
def larger(x, g, a=0.0, b=0.5, /, lr=0.1):
    """The larger of memory and something new, in either order."""
    return x - lr * g, ml.ops.maximum(abs(g), a), ml.ops.maximum(b, abs(g))


@ml.rule
def reflected(x, g, a=0.5, b=0.5, /, lr=0.1):
    """Numbers less, and over, memory; and memory less numbers."""
    return x - lr * g, (1.0 - lr) - a + g, b - lr


CLIPPED_TWICE = ml.pmg.after(ml.clip_norm)(lr=0.05, max_norm=0.5, preconditioner="bb1", index="current")
OPERATIONS = {rule.name: rule(lr=0.1) for rule in (shared_product, larger, reflected)} | {"stages": CLIPPED_TWICE}


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1, dtype=DOUBLE)], ids=["number", "tensor"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_lists_do_what_single_tensors_do(name, lr):
    found = []
    for foreach in (True, False):
        capturable = isinstance(lr, torch.Tensor)
        optimizer = mt.Optimizer(parameters(), OPERATIONS[name], foreach=foreach, capturable=capturable)
        optimizer.param_groups[0]["lr"] = lr
        found.append(seen(stepped(optimizer, 5)))
    same(*found, 1e-12)


@every_way
def test_schedules_go_on_across_blocks(way):
    """Numbers of 4096 iterations are computed together."""
    (x,) = parameters((3,))
    optimizer = stepped(mt.GradientDescent([x], lr=lambda k: 1.0 / k, **WAYS[way]), 1)
    for k in (4095, 4096, 4097, 8192, 8193, 4096):
        optimizer.state[x]["step"].fill_(k - 1)
        before = x.detach().clone()
        stepped(optimizer, 1, k)
        same([x], [before - x.grad / k], 1e-12)


@every_way
@pytest.mark.parametrize("dtype", [DOUBLE, torch.int64])
def test_a_count_may_have_another_type(dtype, way):
    found = []
    for kind in (SINGLE, dtype):
        optimizer = stepped(mt.Adam(parameters((3,)), lr=0.1, **WAYS[way]), 2)
        memory = optimizer.state[of(optimizer)[0]]
        memory["step"] = memory["step"].to(kind)
        found.append(seen(stepped(optimizer, 2, 2)))
    same(*found)


LOADED = {
    "curvature": lambda: mt.PMG(parameters((4,), dtype=SINGLE), lr=0.01, preconditioner="lbfgs"),
    "complex": lambda: mt.SGD(parameters((4,), dtype=torch.complex64), **MOMENTUM, state_dtype=DOUBLE),
}


@pytest.mark.parametrize("name", LOADED)
def test_loaded_memory_keeps_its_types(name):
    optimizer = stepped(LOADED[name](), 3)
    other, state = LOADED[name](), copy.deepcopy(optimizer.state_dict())
    with torch.no_grad():
        [p.copy_(q) for p, q in zip(of(other), of(optimizer), strict=True)]
    other.load_state_dict(state)
    same(seen(stepped(other, 2, 3)), seen(stepped(optimizer, 2, 3)))


def test_a_state_of_another_rule_is_refused():
    optimizer = stepped(mt.Adam(parameters()), 2)
    other = stepped(mt.SGD(parameters(), **MOMENTUM), 2)
    with pytest.raises(ValueError, match=r"SGD: the state dict has .* and no b; it is of another optimizer"):
        other.load_state_dict(optimizer.state_dict())
    same(seen(stepped(other, 1, 2)), seen(stepped(stepped(mt.SGD(parameters(), **MOMENTUM), 2), 1, 2)))


@pytest.mark.parametrize("name", ["step", "b"])
def test_one_piece_of_memory_may_move_alone(name):
    held, found = [], []
    for way in ("compiled", "singly"):
        optimizer = stepped(RULES["SGD"](parameters((3,)), **WAYS[way]), 2)
        moved = optimizer.state[of(optimizer)[0]][name]
        held.append(moved.detach())
        moved.data = moved.detach().clone()
        found.append(seen(stepped(optimizer, 2, 2)))
    same(*found, 1e-12)


@every_way
def test_a_schedule_that_goes_wrong_says_where(way):
    optimizer = stepped(mt.GradientDescent(parameters(), lr=lambda k: 3.0 - k, **WAYS[way]), 3)
    with pytest.raises(ValueError, match=r"GradientDescent, iteration k = 4: lr = -1\.0 is outside its range"):
        stepped(optimizer, 1)


@every_way
def test_a_norm_over_a_group_is_of_all_of_it(way):
    sizes = [(3,), (4,), (2,)]
    params, alone = parameters(*sizes), parameters(*sizes)
    groups = [dict(params=params[:2]), dict(params=params[2:])]
    method = CLIPPED(lr=1.0, max_norm=0.5)
    optimizer = mt.Optimizer(groups, method, over="group", **WAYS[way])
    apart = [mt.Optimizer(each, method, foreach=False) for each in (alone[:2], alone[2:])]
    for k in range(3):
        graded(params, k), graded(alone, k)
        for each in (optimizer, *apart):
            each.step()
    same(params, alone, 1e-12)


def test_shares_of_threads_are_equal():
    from momentumlab.torch.fused import _shared

    items = [[size, 0, 0, 1, 1, 0, 8 * size] for size in (1000, 3, 0, 500, 97)]
    pieces, _, bounds = _shared(items, 1600, 3, 8, False)
    assert [int(pieces[a:b, 0].sum()) for a, b in bounds] == [534, 534, 532]


# ------------------------------------------------------------------ what was wrong once


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
