"""The contract of torch's optimizers, whoever steps: compiled code, multi-tensor operators, or one tensor at a time."""

import copy
import io
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import momentumlab as ml

torch = pytest.importorskip("torch")
import momentumlab.torch as mt  # noqa: E402

schedulers = torch.optim.lr_scheduler
DOUBLE, SINGLE, BRAIN, HALF = torch.float64, torch.float32, torch.bfloat16, torch.float16
WAYS = dict(compiled={}, lists=dict(foreach=True), singly=dict(foreach=False))
MOMENTUM = dict(lr=0.1, momentum=0.9)
RULES = {  # without memory but for one, several, and with sums over all tensors
    "SGD": partial(mt.SGD, **MOMENTUM),
    "Adam": partial(mt.Adam, lr=0.1),
    "RSGDM": partial(mt.RSGDM, lr=0.1),
}
every_way = pytest.mark.parametrize("way", WAYS)
every_rule = pytest.mark.parametrize("rule", RULES)


def drawn(shape, seed, dtype=DOUBLE):
    wide = torch.promote_types(dtype, SINGLE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=wide).to(dtype)


def parameters(*shapes, dtype=DOUBLE):
    return [torch.nn.Parameter(drawn(shape, seed, dtype)) for seed, shape in enumerate(shapes or [(4, 3), (5,)])]


def of(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def graded(params, k):
    for i, p in enumerate(params):
        p.grad = drawn(p.shape, 100 * k + i, p.dtype)


def stepped(optimizer, steps, first=0):
    for k in range(first, first + steps):
        graded(of(optimizer), k)
        optimizer.step()
    return optimizer


def seen(optimizer):
    """The values of parameters and memory."""
    memory = [optimizer.state[p][n] for p in of(optimizer) for n in sorted(optimizer.state[p])]
    return [t.detach().clone() for t in (*of(optimizer), *memory)]


def same(a, b, tolerance=0.0):
    assert len(a) == len(b)
    for s, t in zip(a, b, strict=True):
        torch.testing.assert_close(s.detach(), t.detach(), rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------ groups and what they say


@every_way
def test_groups_have_numbers_of_their_own(way):
    a, b, *alone = parameters((3,), (4,)) + parameters((3,), (4,))
    groups = [dict(params=[a], lr=0.3), dict(params=[b], momentum=0.5, weight_decay=0.1)]
    both = mt.SGD(groups, lr=0.1, momentum=0.9, **WAYS[way])
    apart = [
        mt.SGD(alone[:1], lr=0.3, momentum=0.9, **WAYS[way]),
        mt.SGD(alone[1:], lr=0.1, momentum=0.5, weight_decay=0.1, **WAYS[way]),
    ]
    for k in range(4):
        graded([a, b], k)
        graded(alone, k)
        for optimizer in (both, *apart):
            optimizer.step()
    same([a, b], alone)


@every_rule
def test_named_parameters_keep_their_names(rule):
    net = torch.nn.Linear(2, 3, dtype=DOUBLE)
    optimizer = RULES[rule]([dict(params=net.named_parameters(), lr=0.2)])
    optimizer.add_param_group(dict(params=[("more", torch.nn.Parameter(torch.ones(1, dtype=DOUBLE)))]))
    stepped(optimizer, 2)
    names = [group["param_names"] for group in optimizer.state_dict()["param_groups"]]
    assert names == [["weight", "bias"], ["more"]]


@every_way
@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_learning_rate_may_be_a_tensor(way, shape):
    lr = torch.full(shape, 0.01)
    one, other = parameters(dtype=SINGLE), parameters(dtype=SINGLE)
    tensor, number = mt.Adam(one, lr=lr, **WAYS[way]), mt.Adam(other, lr=lr.item(), **WAYS[way])
    for k in range(4):
        lr.fill_(0.01 / (k + 1))
        number.param_groups[0]["lr"] = lr.item()
        stepped(tensor, 1, k), stepped(number, 1, k)
    assert tensor.param_groups[0]["lr"] is lr
    same(one, other)


@every_way
@every_rule
def test_maximize_climbs(rule, way):
    down, up = (RULES[rule](parameters(), maximize=maximize, **WAYS[way]) for maximize in (False, True))
    for k in range(4):
        graded(of(down), k)
        for p, q in zip(of(down), of(up), strict=True):
            q.grad = -p.grad
        down.step(), up.step()
    same(seen(down)[:2], seen(up)[:2])


@every_way
@every_rule
def test_gradients_stay_as_they_are(rule, way):
    more = dict(weight_decay=0.1, centralize=True) if rule == "SGD" else {}
    optimizer = RULES[rule](parameters(), maximize=True, **more, **WAYS[way])
    for k in range(3):
        graded(of(optimizer), k)
        held = [(p.grad, p.grad.clone(), p.grad._version) for p in of(optimizer)]
        optimizer.step()
        for p, (g, values, version) in zip(of(optimizer), held, strict=True):
            assert p.grad is g and torch.equal(g, values) and g._version == version


@every_way
@every_rule
def test_what_has_no_gradient_stays(rule, way):
    make = partial(RULES[rule], over="tensor", **WAYS[way])
    optimizer, alone = make(parameters()), [make([p]) for p in parameters()]
    for k in range(8):
        graded(of(optimizer), k)
        steps = alone[: 1 if k in (0, 3, 4) else 2]
        for p, other in zip(of(optimizer), alone, strict=True):
            p.grad = p.grad if other in steps else None
            of(other)[0].grad = p.grad
        optimizer.step()
        for other in steps:
            other.step()
    same(of(optimizer), [of(other)[0] for other in alone])
    assert optimizer.state[of(optimizer)[1]]["step"] == 5
    optimizer.zero_grad()
    before = seen(optimizer)
    optimizer.step()
    same(seen(optimizer), before)


@every_way
def test_schedules_count_the_steps_of_each_parameter(way):
    method = ml.gradient_descent(lr=lambda k: 1.0 if k < 5 else 0.1)
    optimizer = mt.Optimizer(parameters((3,), (3,)), method, **WAYS[way])
    a, b = of(optimizer)
    graded([a], 0)
    optimizer.step()
    stepped(optimizer, 3, 1)
    before = [p.detach().clone() for p in (a, b)]
    stepped(optimizer, 1, 4)
    torch.testing.assert_close(a.detach(), before[0] - 0.1 * a.grad)
    torch.testing.assert_close(b.detach(), before[1] - b.grad)


def test_a_closure_runs_with_gradients():
    for way in WAYS.values():
        (x,) = parameters((3,))
        optimizer = mt.SGD([x], 0.1, **way)

        def closure(optimizer=optimizer, x=x):
            assert torch.is_grad_enabled()
            optimizer.zero_grad()
            loss = (x * x).sum()
            loss.backward()
            return loss

        with torch.no_grad():
            before = (x * x).sum()
            assert optimizer.step(closure) == before > (x * x).sum()
            assert not torch.is_grad_enabled()


@every_way
def test_sparse_gradients_are_refused(way):
    (x,) = parameters((3, 3))
    optimizer = mt.SGD([x], **MOMENTUM, **WAYS[way])
    for _ in range(2):
        before = x.detach().clone()
        x.grad = torch.eye(3, dtype=DOUBLE).to_sparse()
        with pytest.raises(RuntimeError, match="SGD does not support sparse gradients"):
            optimizer.step()
        assert torch.equal(x, before) and torch.is_grad_enabled()
        stepped(optimizer, 2)


@every_way
def test_writing_to_what_backward_needs_is_noticed(way):
    (x,) = parameters((3,))
    optimizer = mt.SGD([x], **MOMENTUM, **WAYS[way])
    for k in range(3):
        loss = (x * x).sum()
        stepped(optimizer, 1, k)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


# ------------------------------------------------------------------ forms of tensors

LAYOUTS = {
    "scalar": lambda: drawn((), 1),
    "empty": lambda: drawn((0, 3), 1),
    "transposed": lambda: drawn((3, 4), 1).t(),
    "permuted": lambda: drawn((2, 3, 4, 2), 1).permute(2, 0, 3, 1),
    "channels last": lambda: drawn((2, 3, 4, 4), 1).to(memory_format=torch.channels_last),
    "apart": lambda: drawn((4, 6), 1)[:, 1:4],
    "every second": lambda: drawn((8,), 1)[::2],
    "of a buffer": lambda: drawn((20,), 1)[3:15].view(4, 3),
    "odd strides": lambda: drawn((3,), 1).as_strided((3, 1), (1, 7)),
}


@every_way
@pytest.mark.parametrize("options", [{}, dict(centralize=True), dict(centralize="conv", centralize_on="step")], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_step_does_not_depend_on_the_layout(layout, options, way):
    x = torch.nn.Parameter(LAYOUTS[layout]())
    stride, address = x.stride(), x.data_ptr()
    laid = stepped(mt.SGD([x], **MOMENTUM, **options, **WAYS[way]), 4)
    compact = torch.nn.Parameter(LAYOUTS[layout]().clone(memory_format=torch.contiguous_format))
    same(seen(laid), seen(stepped(mt.SGD([compact], **MOMENTUM, **options, foreach=False), 4)), 1e-12)
    assert (x.stride(), x.data_ptr()) == (stride, address)


@every_way
def test_views_of_one_buffer_are_stepped_where_they_lie(way):
    whole, apart = drawn((12,), 7), drawn((12,), 7)
    views = mt.RSGDM([torch.nn.Parameter(v) for v in whole.split([3, 4, 5])], lr=0.1, **WAYS[way])
    clones = mt.RSGDM([torch.nn.Parameter(v.clone()) for v in apart.split([3, 4, 5])], lr=0.1, foreach=False)
    stepped(views, 4), stepped(clones, 4)
    same([whole], [torch.cat(of(clones))], 1e-12)


class Marked(torch.Tensor):
    pass


GRADIENTS = {
    "expanded": lambda g: g[:1].expand(g.shape),
    "transposed": lambda g: g.t().contiguous().t(),
    "of a buffer": lambda g: torch.cat([g.flatten()] * 2)[5 : 5 + g.numel()].view(g.shape),
    "every second": lambda g: g.repeat_interleave(2, 1)[:, ::2],
    "negated later": torch._neg_view,
    "of a subclass": lambda g: g.as_subclass(Marked),
    "of a graph": lambda g: g.requires_grad_() * 2.0,
    "a parameter": torch.nn.Parameter,
    "its own values": None,
}


@every_way
@pytest.mark.parametrize("form", GRADIENTS)
def test_a_gradient_may_have_any_form(form, way):
    (x,), (y,) = parameters((4, 3)), parameters((4, 3))
    formed, plain = mt.Adam([x], lr=0.1, **WAYS[way]), mt.Adam([y], lr=0.1, **WAYS[way])
    for k in range(5):
        g = drawn((4, 3), k)
        if k != 2:
            g = GRADIENTS[form](g) if GRADIENTS[form] else x.detach()
        y.grad = g.detach().as_subclass(torch.Tensor).resolve_neg().clone(memory_format=torch.contiguous_format)
        x.grad = g
        formed.step(), plain.step()
        del g
    same(seen(formed), seen(plain))
    assert all(type(t) is torch.Tensor and not t.requires_grad for t in formed.state[x].values())


@every_way
def test_a_gradient_may_be_wider_than_its_parameter(way):
    (x,), (y,) = parameters((3,), dtype=SINGLE), parameters((3,), dtype=SINGLE)
    if not hasattr(x, "grad_dtype"):
        pytest.skip("this torch has gradients of their parameter's type only")
    x.grad_dtype = DOUBLE
    wide, plain = mt.Adam([x], lr=0.1, **WAYS[way]), mt.Adam([y], lr=0.1, **WAYS[way])
    for k in range(3):
        y.grad = drawn((3,), k, SINGLE)
        x.grad = y.grad.double()
        wide.step(), plain.step()
    same([x], [y], 1e-6)


@every_way
@every_rule
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers_are_pairs(dtype, rule, way):
    tolerance = 1e-5 if dtype is torch.complex64 else 1e-12
    (z,) = parameters((4, 3), dtype=dtype)
    pair = torch.nn.Parameter(torch.view_as_real(z.detach().clone()))
    whole, pairs = RULES[rule]([z], **WAYS[way]), RULES[rule]([pair], **WAYS[way])
    for k in range(4):
        graded([z], k)
        pair.grad = torch.view_as_real(z.grad.clone())
        z.grad = z.grad.conj().resolve_conj().conj() if k % 2 else z.grad
        whole.step(), pairs.step()
    same([torch.view_as_real(z)], [pair], tolerance)


@every_way
def test_complex_tensors_are_not_centralised(way):
    optimizer = mt.SGD(parameters((4, 3), dtype=torch.complex64), 0.1, centralize=True, **WAYS[way])
    with pytest.raises(TypeError, match="slices of complex tensors are not averaged"):
        stepped(optimizer, 1)


@every_way
@every_rule
@pytest.mark.parametrize("dtype", [BRAIN, HALF])
def test_half_precision_steps_as_single_does(dtype, rule, way):
    narrow = RULES[rule](parameters(dtype=dtype), state_dtype=SINGLE, **WAYS[way])
    wide = RULES[rule](parameters(dtype=SINGLE), foreach=False)
    for k in range(4):
        graded(of(narrow), k)
        for p, q in zip(of(narrow), of(wide), strict=True):
            q.data, q.grad = p.detach().float(), p.grad.float()
        narrow.step(), wide.step()
        for p, q in zip(of(narrow), of(wide), strict=True):
            torch.testing.assert_close(p.detach(), q.detach().to(dtype))
            assert {v.dtype for v in narrow.state[p].values()} == {SINGLE}


@every_way
@every_rule
def test_half_precision_keeps_its_type(rule, way):
    optimizer = stepped(RULES[rule](parameters(dtype=BRAIN), **WAYS[way]), 3)
    for p in of(optimizer):
        assert {v.dtype for n, v in optimizer.state[p].items() if n != "step"} == {BRAIN}
        assert p.isfinite().all()


@every_way
@every_rule
def test_types_mix_in_a_group(rule, way):
    types = [SINGLE, DOUBLE, BRAIN, HALF, torch.complex64, SINGLE]
    mixed = lambda: [torch.nn.Parameter(drawn((4,), i, dtype)) for i, dtype in enumerate(types)]
    together = RULES[rule](mixed(), over="tensor", **WAYS[way])
    apart = [RULES[rule]([p], over="tensor", **WAYS[way]) for p in mixed()]
    for k in range(3):
        graded(of(together), k)
        for p, optimizer in zip(of(together), apart, strict=True):
            of(optimizer)[0].grad = p.grad.clone()
            optimizer.step()
        together.step()
    same(of(together), [of(optimizer)[0] for optimizer in apart])
    assert all(p.isfinite().all() for p in of(stepped(RULES[rule](mixed(), **WAYS[way]), 3)))


def test_real_and_complex_numbers_lie_beside_one_another():
    types = (SINGLE, torch.complex64), (torch.complex128, DOUBLE)
    for first, second in types:
        room = [drawn((8,), i, dtype) for i, dtype in enumerate((first, second))]
        params, alone = ([torch.nn.Parameter(t[:4]) for t in each] for each in (room, [t.clone() for t in room]))
        beyond = [t[4:].clone() for t in room]
        stepped(mt.SGD(params, 0.1), 3), stepped(mt.SGD(alone, 0.1, foreach=False), 3)
        same([t[4:] for t in room], beyond)
        same(params, alone, 1e-6)


@every_way
def test_complex_numbers_stay_complex_where_memory_is_single(way):
    mixed = lambda: [*parameters((4,), dtype=torch.complex64), *parameters((3,), dtype=BRAIN)]
    optimizer = stepped(mt.SGD(mixed(), **MOMENTUM, state_dtype=SINGLE, **WAYS[way]), 3)
    z, x = of(optimizer)
    alone = stepped(mt.SGD(mixed()[:1], **MOMENTUM, foreach=False), 3)
    same([z], of(alone), 1e-6)
    assert optimizer.state[x]["b"].dtype is SINGLE and optimizer.state[z]["b"].dtype is torch.complex64


@every_way
@pytest.mark.parametrize("on", ["gradient", "step"])
def test_centralisation_leaves_short_tensors(on, way):
    optimizer = stepped(mt.SGD(parameters((4, 3), (3,)), 0.1, centralize=True, centralize_on=on, **WAYS[way]), 1)
    (w, b), (v, c) = of(optimizer), parameters((4, 3), (3,))
    same([w, b], [v - 0.1 * (w.grad - w.grad.mean(1, keepdim=True)), c - 0.1 * b.grad], 1e-12)


# ------------------------------------------------------------------ what changes between steps


HELD = []  # what lay where a stale address points: a step there is seen, and does not end the process


def placed(p, data):
    HELD.append(p.detach())
    p.grad, p.data = None, data


def memory(o):
    return [(m, n) for p in of(o) for m in [o.state[p]] for n in m]


def say(**options):
    return lambda o, *_: o.param_groups[0].update(options)


def for_each(change):
    return lambda o, *_: [change(m, n) for m, n in memory(o) if HELD.append(m[n].detach()) is None]


EVENTS = {
    "parameter moved": lambda o, a, *_: placed(a, a.data.clone()),
    "parameter set": lambda o, a, *_: a.data.set_(a.data.clone()),
    "parameter transposed": lambda o, a, *_: placed(a, a.data.t().contiguous().t()),
    "parameter in single": lambda o, a, *_: placed(a, a.data.float()),
    "parameter assigned": lambda o, a, *_: a.data.fill_(1.0),
    "parameter swapped": lambda o, a, b, c: (placed(a, a.data), torch.utils.swap_tensors(a, c)),
    "parameter replaced": lambda o, a, b, c: o.param_groups[0]["params"].__setitem__(0, c),
    "parameter appended": lambda o, a, b, c: o.param_groups[0]["params"].append(c),
    "parameter gone": lambda o, *_: o.param_groups[0]["params"].pop(0),
    "group added": lambda o, a, b, c: o.add_param_group(dict(params=[c], lr=0.3)),
    "group gone": lambda o, *_: o.param_groups.pop(1),
    "groups turned round": lambda o, *_: o.param_groups.reverse(),
    "memory copied": for_each(lambda m, n: m.__setitem__(n, m[n].clone())),
    "memory moved": for_each(lambda m, n: setattr(m[n], "data", torch.zeros_like(m[n]))),
    "memory set": for_each(lambda m, n: m[n].set_(torch.zeros_like(m[n]))),
    "memory zeroed": for_each(lambda m, n: m[n].zero_()),
    "memory transposed": for_each(lambda m, n: m.__setitem__(n, m[n].t().contiguous().t())),
    "memory lost": lambda o, *_: o.state.clear(),
    "memory of one lost": lambda o, a, *_: o.state.pop(a),
    "count of one begun again": lambda o, a, b, c: o.state[b]["step"].zero_(),
    "state loaded": lambda o, *_: o.load_state_dict(copy.deepcopy(o.state_dict())),
    "state of old loaded": lambda o, *_: o.load_state_dict(o.kept),
}
OPTIONS = {
    "by lists": say(foreach=True),
    "by compiled code": say(fused=True),
    "maximize": say(maximize=True),
    "decay": say(weight_decay=0.1),
    "decay beside": say(weight_decay=0.1, decoupled=True),
    "centralised": say(centralize=True),
    "another lr": say(lr=0.01),
    "a tensor as lr": say(lr=torch.tensor(0.01)),
}


def through(rule, event, way):
    a, b, c, d, e = parameters((4, 3), (5,), (4, 3), (2,), (3,))
    optimizer = RULES[rule]([dict(params=[a, b]), dict(params=[d, e], lr=0.05)], **WAYS[way])
    stepped(optimizer, 2)
    optimizer.kept = copy.deepcopy(optimizer.state_dict())
    stepped(optimizer, 2, 2)
    {**EVENTS, **OPTIONS}[event](optimizer, a, b, c)
    stepped(optimizer, 3, 4)
    return [*seen(optimizer), a, b, c, d, e]


@pytest.mark.parametrize(
    ("rule", "event"), [(r, e) for r in RULES for e in EVENTS] + [(r, e) for r in ("SGD", "Adam") for e in OPTIONS]
)
def test_what_changes_between_steps_is_seen(rule, event):
    found, expected = through(rule, event, "compiled"), through(rule, event, "singly")
    same([t.double() for t in found], [t.double() for t in expected], 1e-5 if event == "parameter in single" else 1e-9)


VIEWS = {
    "shorter": lambda t: t[:4],
    "of another shape": lambda t: t.view(2, 4),
    "of another type": lambda t: t.view(SINGLE)[:4],
}


@pytest.mark.parametrize("view", VIEWS)
def test_another_view_at_the_same_address_is_another_parameter(view):
    found = []
    for way in ("compiled", "singly"):
        (x,) = parameters((8,))
        whole = x.data
        optimizer = stepped(mt.SGD([x], 0.1, **WAYS[way]), 3)
        placed(x, VIEWS[view](whole))
        stepped(optimizer, 2, 3)
        found.append([whole, x])
    same(*found)


def test_threads_may_change_between_steps():
    before, sizes = torch.get_num_threads(), [(300, 300), (7,)]
    try:
        one, many = (RULES["Adam"](parameters(*sizes)) for _ in range(2))
        for k, threads in enumerate((1, 2, 3, 1, 2)):
            torch.set_num_threads(1)
            stepped(one, 1, k)
            torch.set_num_threads(threads)
            stepped(many, 1, k)
    finally:
        torch.set_num_threads(before)
    same(seen(one), seen(many))


@pytest.mark.parametrize("shape", [(1, 1 << 17), (5, 30011), (1 << 17, 1)])
def test_threads_divide_work_between_slices(shape):
    before, found = torch.get_num_threads(), []
    try:
        for threads, way in ((3, "compiled"), (1, "singly")):
            torch.set_num_threads(threads)
            found.append(seen(stepped(mt.SGD(parameters(shape), 0.1, centralize=True, **WAYS[way]), 3)))
    finally:
        torch.set_num_threads(before)
    same(*found, 1e-9)


def test_two_optimizers_share_parameters():
    found = []
    for way in ("compiled", "singly"):
        params = parameters()
        pair = [RULES["SGD"](params, **WAYS[way]), RULES["Adam"](params, **WAYS[way])]
        for k in range(6):
            stepped(pair[k % 2], 1, k)
        found.append([t for optimizer in pair for t in seen(optimizer)])
    same(*found, 1e-12)


def test_notes_in_the_state_do_no_harm():
    (x,), (y,) = parameters((3,)), parameters((3,))
    noted, plain = mt.Adam([x], lr=0.1), mt.Adam([y], lr=0.1)
    noted.state[x]["note"] = torch.ones(1)
    stepped(noted, 2), stepped(plain, 2)
    for optimizer in (noted, plain):
        optimizer.param_groups[0]["amsgrad"] = True
        stepped(optimizer, 2, 2)
    same([x], [y])


def test_a_rule_may_change_for_another_with_other_memory():
    options = [
        dict(centered=True),
        dict(momentum=0.5, centered=False),
        dict(momentum=0.0),
        dict(centered=True, momentum=0.9),
    ]
    optimizer = mt.RMSprop(parameters((3,)), lr=0.01)
    for k, option in enumerate(options):
        optimizer.param_groups[0].update(option)
        stepped(optimizer, 2, 2 * k)
    assert of(optimizer)[0].isfinite().all()


# ------------------------------------------------------------------ saved and continued


def saved(optimizer):
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def into_another(optimizer, make, read):
    other = make([torch.nn.Parameter(p.detach().clone()) for p in of(optimizer)])
    other.load_state_dict(read(optimizer))
    return other


CONTINUED = {
    "saved": partial(into_another, read=saved),
    "copied": partial(into_another, read=lambda o: copy.deepcopy(o.state_dict())),
    "pickled": lambda optimizer, make: pickle.loads(pickle.dumps(optimizer)),
    "deepcopied": lambda optimizer, make: copy.deepcopy(optimizer),
}
MAKERS = {
    **RULES,
    "amsgrad": partial(mt.AdamW, lr=0.1, amsgrad=True),
    "gradient_descent": partial(mt.Optimizer, method=ml.gradient_descent(lr=0.1)),
    "bfloat16": partial(mt.Adam, lr=0.1, state_dtype=SINGLE),
    "tensor lr": lambda params, **more: mt.Adam(params, lr=torch.tensor(0.1), **more),
}


@pytest.mark.parametrize("way", ["compiled", "singly"])
@pytest.mark.parametrize("how", CONTINUED)
@pytest.mark.parametrize("maker", MAKERS)
def test_it_continues_to_the_same_bits(maker, how, way):
    make = partial(MAKERS[maker], **WAYS[way])
    optimizer = stepped(make(parameters(dtype=BRAIN if maker == "bfloat16" else DOUBLE)), 4)
    other = CONTINUED[how](optimizer, make)
    assert not any(p is q for p, q in zip(of(optimizer), of(other), strict=True))
    frozen = seen(other)
    same(seen(optimizer), frozen)
    if how != "copied":
        stepped(optimizer, 1, 4)
        same(seen(other), frozen)
        stepped(other, 1, 4)
    same(seen(stepped(optimizer, 3, 5)), seen(stepped(other, 3, 5)))


@pytest.mark.parametrize("name", mt.__all__[1:])
def test_every_class_is_copied_and_pickled(name):
    supplied = dict(preconditioner=ml.diagonal()) if name in ("Newton", "PMG", "PMGOutside") else {}
    optimizer = stepped(getattr(mt, name)(parameters(), foreach=False, **supplied), 2)
    others = copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))
    stepped(optimizer, 2, 2)
    for other in others:
        assert type(other) is type(optimizer) and other.defaults == optimizer.defaults
        same(seen(stepped(other, 2, 2)), seen(optimizer))


@pytest.mark.parametrize("way", ["compiled", "singly"])
def test_a_step_may_be_saved_as_a_number(way):
    optimizer = stepped(RULES["Adam"](parameters(), **WAYS[way]), 3)
    state = copy.deepcopy(optimizer.state_dict())
    for memory in state["state"].values():
        memory["step"] = int(memory["step"])
    other = RULES["Adam"]([torch.nn.Parameter(p.detach().clone()) for p in of(optimizer)], **WAYS[way])
    other.load_state_dict(state)
    same(seen(stepped(other, 2, 3)), seen(stepped(optimizer, 2, 3)))


def test_hooks_run_around_steps_and_states():
    optimizer, told = RULES["SGD"](parameters()), []
    tell = lambda word: lambda *_: told.append(word)
    optimizer.register_step_pre_hook(tell("before"))
    optimizer.register_step_post_hook(tell("after"))
    stepped(optimizer, 2)
    assert told == ["before", "after"] * 2
    optimizer.register_state_dict_pre_hook(tell("saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(tell("loading"))
    optimizer.register_load_state_dict_post_hook(tell("loaded"))
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    assert told[4:] == ["saving", "loading", "loaded"]


def test_a_hook_may_change_what_is_loaded():
    optimizer = stepped(mt.Adam(parameters(dtype=BRAIN), lr=0.1, state_dtype=SINGLE), 2)
    state = copy.deepcopy(optimizer.state_dict())
    for change in (
        lambda o, state: {**state, "state": {}},
        lambda o, state: {**state, "state": {i: dict(m) for i, m in state["state"].items() if i}},
    ):
        other = mt.Adam(parameters(dtype=BRAIN), lr=0.1, state_dtype=SINGLE)
        other.register_load_state_dict_pre_hook(change)
        other.load_state_dict(state)
        assert of(other)[0] not in other.state
        stepped(other, 1)


# ------------------------------------------------------------------ beside the rest of torch

SCHEDULERS = {
    "from zero": lambda o: schedulers.LambdaLR(o, lambda k: min(1.0, k / 4)),
    "to zero": lambda o: schedulers.CosineAnnealingLR(o, 6),
    "one cycle": lambda o: schedulers.OneCycleLR(o, 0.1, total_steps=14),
    "cyclic": lambda o: schedulers.CyclicLR(o, 0.01, 0.1, step_size_up=3),
    "restarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 4, 2),
    "plateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=1),
    "sequence": lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, 0.1, 1.0, 4), schedulers.ExponentialLR(o, 0.5)], [4]
    ),
}


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1, dtype=DOUBLE)], ids=["number", "tensor"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedulers_move_the_numbers(scheduler, lr, name):
    more, found = dict(momentum=0.9) if name == "SGD" else {}, []
    for library in (mt, torch.optim):
        optimizer = getattr(library, name)(parameters(), lr=copy.deepcopy(lr), **more)
        moves = SCHEDULERS[scheduler](optimizer)
        for k in range(12):
            stepped(optimizer, 1, k)
            moves.step(*([1.0] if scheduler == "plateau" else []))
        found.append([*of(optimizer), torch.as_tensor(optimizer.param_groups[0]["lr"])])
    same(*found, 1e-9)


def test_weights_are_averaged_as_torch_does():
    found = []
    for library in (mt, torch.optim):
        net = torch.nn.Linear(3, 2, dtype=DOUBLE)
        with torch.no_grad():
            net.weight.copy_(drawn((2, 3), 1)), net.bias.zero_()
        optimizer = library.SGD(net.parameters(), **MOMENTUM)
        average, moves = torch.optim.swa_utils.AveragedModel(net), torch.optim.swa_utils.SWALR(optimizer, 0.05)
        for k in range(5):
            stepped(optimizer, 1, k)
            average.update_parameters(net)
            moves.step()
        torch.optim.swa_utils.update_bn([drawn((4, 3), 0)], average)
        found.append([*net.parameters(), *average.module.parameters()])
    same(*found, 1e-12)


@every_way
def test_a_scaler_skips_what_is_infinite(way):
    found = []
    for library in (mt, torch.optim):
        (x,) = parameters((3,), dtype=SINGLE)
        optimizer, scaler = library.SGD([x], **MOMENTUM, **WAYS[way]), torch.amp.GradScaler("cpu", init_scale=8.0)
        for k in range(4):
            optimizer.zero_grad()
            before = x.detach().clone()
            scaler.scale((x * x).sum() * (torch.inf if k == 2 else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
            assert torch.equal(x, before) == (k == 2)
        found.append([x, torch.tensor(scaler.get_scale())])
    same(*found, 1e-6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_steps_too():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        x = torch.nn.Parameter(torch.zeros(1 << 17, dtype=DOUBLE))
        x.grad = torch.ones_like(x)
        optimizer = mt.SGD([x], **MOMENTUM)
        optimizer.step(), optimizer.step()
        child = os.fork()
        if not child:
            signal.alarm(20)
            optimizer.step()
            os._exit(0 if abs(x.detach().numpy() + 0.1 * (1 + 1.9 + 2.71)).max() < 1e-12 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(before)


def test_threads_step_optimizers_of_their_own():
    def run(seed):
        optimizer = mt.Adam(parameters((400, 200), (7,)), lr=0.1)
        return seen(stepped(optimizer, 12, seed))

    with ThreadPoolExecutor(2) as threads:
        for found, seed in zip(threads.map(run, (0, 50)), (0, 50), strict=True):
            same(found, run(seed))


@every_way
@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RAdam", "Adagrad", "NesterovConvex", "RSGDM", "PID"])
def test_capturable_computes_the_same_on_the_cpu(name, lr, way):
    make = partial(getattr(mt, name), lr=lr, **(dict(momentum=0.9) if name == "SGD" else {}))
    capturable = make(parameters(dtype=SINGLE), capturable=True, **WAYS[way])
    plain = make(parameters(dtype=SINGLE), foreach=False)
    same(seen(stepped(capturable, 4)), seen(stepped(plain, 4)), 1e-5)


DIFFERENTIABLE = {
    "GradientDescent": {},
    "SGD": dict(momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": dict(amsgrad=True, weight_decay=0.1),
    "AdamW": {},
    "RMSprop": dict(momentum=0.9, centered=True),
    "RAdam": {},
    "RSGDM": {},
    "PID": {},
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_loss_is_differentiated_through_steps(name):
    def loss(lr, start):
        x = start.clone()
        optimizer = getattr(mt, name)([x], lr=lr, differentiable=True, **DIFFERENTIABLE[name])
        for _ in range(3):
            (x.grad,) = torch.autograd.grad(((x - 1.5) ** 4).sum(), x, create_graph=True)
            optimizer.step()
        return ((x - 1.5) ** 4).sum()

    lr, start = torch.tensor(0.003, dtype=DOUBLE, requires_grad=True), drawn((4,), 0).requires_grad_()
    slope, gradient = torch.autograd.grad(loss(lr, start), (lr, start))
    with torch.no_grad():
        way, h = drawn((4,), 1), 1e-6
    by_lr = (loss(0.003 + h, start) - loss(0.003 - h, start)).item() / (2 * h)
    by_start = (loss(0.003, start + h * way) - loss(0.003, start - h * way)).item() / (2 * h)
    assert slope.item() == pytest.approx(by_lr, rel=1e-5)
    assert (gradient @ way).item() == pytest.approx(by_start, rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_is_not_compiled_anew_for_another_lr():
    counters = pytest.importorskip("torch._dynamo.utils").counters
    lr, found = torch.tensor(0.1, dtype=DOUBLE), []
    for compiles in (False, True):
        optimizer = mt.SGD(parameters(), lr=lr.fill_(0.1), momentum=0.9, **WAYS["singly"])
        torch._dynamo.reset()
        counters.clear()
        step, graphs = torch.compile(optimizer.step, backend="eager") if compiles else optimizer.step, []
        for k in range(5):
            lr.fill_(0.1 / (k + 1))
            graded(of(optimizer), k)
            step()
            graphs.append(counters["stats"]["unique_graphs"])
        found.append(seen(optimizer))
    torch._dynamo.reset()
    same(*found, 1e-12)
    assert graphs[2:] == [graphs[2]] * 3


# ------------------------------------------------------------------ among several processes

SHARDED = {
    "SGD": dict(**MOMENTUM, weight_decay=0.1),
    "AdamW": dict(lr=0.01, amsgrad=True),
    "RSGDM": dict(lr=0.01),
    "RMSprop": dict(lr=0.01, momentum=0.5, centered=True, centralize=True),
}
SHARED = """
import copy, os, sys, traceback
import torch, torch.distributed as dist
import momentumlab.torch as mt
from tests.test_torch_contract import SHARDED, WAYS, fully_sharded, of_zero

rank, world, file, result = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
lines = []
for name in SHARDED:
    for what in (of_zero, *(lambda name, way=way: fully_sharded(name, way) for way in WAYS)):
        try:
            what(name)
        except Exception:
            lines.append(f"{name}: {traceback.format_exc()}")
with open(f"{result}{rank}", "w") as out:
    out.write("\\n".join(["done", *lines]))
dist.barrier()
sys.stdout.flush()
os._exit(0)
"""


def of_zero(name):
    """ZeroRedundancyOptimizer moves parameters as the optimizer alone does."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    over = dict(over="tensor")  # each process sees its own share of the parameters
    options = {**SHARDED[name], **over}
    for view in (False, True):
        ours = ZeroRedundancyOptimizer(parameters(), getattr(mt, name), parameters_as_bucket_view=view, **options)
        alone = getattr(mt, name)(parameters(), **options)
        for k in range(4):
            ours.param_groups[0]["lr"] = alone.param_groups[0]["lr"] = 0.01 * (k + 1)
            stepped(ours, 1, k), stepped(alone, 1, k)
        same(of(ours), of(alone))
        ours.consolidate_state_dict(0)


def fully_sharded(name, way):
    """A network in shards moves as a whole one does."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    whole = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    shards = fully_shard(copy.deepcopy(whole), mesh=init_device_mesh("cpu", (torch.distributed.get_world_size(),)))
    nets = {net: getattr(mt, name)(net.parameters(), **SHARDED[name], **options)
            for net, options in ((whole, WAYS["singly"]), (shards, WAYS[way]))}  # fmt: skip
    for k in range(3):
        for net, optimizer in nets.items():
            optimizer.zero_grad()
            (net(drawn((6, 4), k)) ** 2).mean().backward()
            optimizer.step()
    found = [p.full_tensor() for p in shards.parameters()]
    same(found, list(whole.parameters()), 1e-9)
    first = next(shards.parameters())
    assert all(type(v) is type(first.data) for n, v in nets[shards].state[first].items() if n != "step")


@pytest.fixture(scope="module")
def alone():
    """A group of this process only."""
    distributed = pytest.importorskip("torch.distributed")
    if not distributed.is_available() or not distributed.is_gloo_available() or distributed.is_initialized():
        pytest.skip("there is no gloo")
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHARDED)
def test_zero_redundancy_of_one_process(name, alone):
    of_zero(name)


@pytest.mark.filterwarnings("ignore")
@every_way
@pytest.mark.parametrize("name", SHARDED)
def test_shards_of_one_process(name, way, alone):
    pytest.importorskip("torch.distributed.fsdp", reason="FSDP2").__dict__.get("fully_shard") or pytest.skip("no FSDP2")
    fully_sharded(name, way)


@pytest.mark.slow
def test_two_processes_share_parameters(tmp_path):
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("there is no gloo")
    arguments = ["2", str(tmp_path / "store"), str(tmp_path / "result")]
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", SHARED, str(rank), *arguments], cwd=root, env=environment)
        for rank in range(2)
    ]
    try:
        for process in running:
            process.wait(timeout=240)
    finally:
        for process in running:
            process.kill()
    for rank in range(2):
        told = (tmp_path / f"result{rank}").read_text()
        assert told == "done", told
