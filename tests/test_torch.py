"""The torch optimizers: the same rule by every caller, to the bits of the NumPy core, and as torch has it."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import ops, rules
from momentumlab.ops import where

torch = pytest.importorskip("torch")

from momentumlab import torch as ours  # noqa: E402
from momentumlab.torch import HeavyBall, Optimizer  # noqa: E402

STEPS = 1000
PMG = dict(preconditioner="quasi_cauchy")
CLASSES = {  # by class, the method of the core that it is, at the numbers that its groups have
    "SGD": ml.sgd(lr=1e-3, beta=0.9),
    "Adagrad": ml.adagrad(),
    "Adadelta": ml.adadelta(),
    "RMSprop": ml.rmsprop(),
    "Adam": ml.adam(lr=1e-3),
    "AdamW": ml.adamw(lr=1e-3),
    "RAdam": ml.radam(lr=1e-3),
    "GradientDescent": ml.gradient_descent(lr=1e-3),
    "HeavyBall": ml.heavy_ball(lr=0.01),
    "HeavyBallEMA": ml.heavy_ball_ema(lr=0.01),
    "HeavyBallEMACorrected": ml.heavy_ball_ema_corrected(lr=0.01),
    "Nesterov": ml.nesterov(lr=0.01),
    "NesterovConvex": ml.nesterov_convex(lr=0.01),
    "NesterovFISTA": ml.nesterov_fista(lr=0.01),
    "NesterovSGD": ml.nesterov_sgd(lr=1e-3),
    "QHM": ml.qhm(lr=0.01),
    "TripleMomentum": ml.triple_momentum(lr=0.01),
    "PID": ml.pid(lr=0.01),
    "PIDEMA": ml.pid_ema(lr=0.01),
    "PIDOutside": ml.pid_outside(lr=0.01),
    "RSGDM": ml.rsgdm(lr=0.01),
    "Newton": ml.newton(lr=0.01, preconditioner="diagonal"),
    "PMG": ml.pmg(lr=0.01, **PMG),
    "PMGOutside": ml.pmg_outside(lr=0.01, preconditioner="bb1"),
    "AdamEpsInside": ml.adam_eps_inside(lr=1e-3),
    "AMSGradPaper": ml.amsgrad_paper(lr=1e-3),
    "SGDW": ml.sgdw(lr=1e-3),
    "SGDWPaper": ml.sgdw_paper(),
    "AdamWPaper": ml.adamw_paper(),
}
OPTIONS = {
    "SGD": dict(momentum=0.9),
    "Newton": dict(lr=0.01, preconditioner="diagonal"),
    "PMGOutside": dict(preconditioner="bb1"),
}


@cache
def recorded():
    """A small convolutional net's parameters and its gradients in training, in double precision."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        *(
            torch.nn.Conv2d(1, 3, 3),
            torch.nn.BatchNorm2d(3),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(48, 4),
        )
    ).double()
    start, found = [p.detach().clone() for p in net.parameters()], []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(STEPS):
        x = torch.randn(8, 1, 6, 6, dtype=torch.float64)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), x[:, 0, :2, :2].flatten(1).argmax(1)).backward()
        found.append([p.grad.clone() for p in net.parameters()])
        optimizer.step()
    return start, found


def parameters(dtype=torch.float64):
    return [torch.nn.Parameter(p.to(dtype, copy=True)) for p in recorded()[0]]


def replay(make, steps=STEPS, dtype=torch.float64, params=None):
    """The parameters after recorded gradients, as one vector; and the optimizer."""
    params = params or parameters(dtype)
    optimizer = make(params)
    for gradients in recorded()[1][:steps]:
        for p, g in zip(params, gradients, strict=True):
            p.grad = g.to(dtype)
        optimizer.step()
    return flat(params), optimizer


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).double().numpy()


def by_the_core(method, steps=STEPS):
    """The same with the NumPy core, all parameters as one vector."""
    x, slots = flat(recorded()[0]), None
    for k, gradients in enumerate(recorded()[1][:steps], 1):
        g = flat(gradients)
        slots = method.start(x, g) if slots is None else slots
        x, *slots = method.advance(x, g, slots, k)
    return x


def made(name, **more):
    return lambda params: getattr(ours, name)(params, **OPTIONS.get(name, {}), **more)


def test_every_rule_has_a_class():
    assert set(CLASSES) == {*ours.__all__} - {"Optimizer"}
    variants = {"rmsprop_momentum", "rmsprop_centered", "rmsprop_centered_momentum", "amsgrad", "quasi_newton"}
    assert {m.name for m in CLASSES.values()} | variants == {*rules.__all__}


@pytest.mark.parametrize("name", CLASSES)
def test_a_thousand_gradients_give_the_cores_bits(name):
    found, optimizer = replay(made(name))
    assert {part.caller for part in optimizer._parts()} == {"fused"}
    assert np.array_equal(found, by_the_core(CLASSES[name]))


VARIANTS = {
    "rmsprop_momentum": (ml.rmsprop_momentum(), "RMSprop", dict(momentum=0.9)),
    "rmsprop_centered": (ml.rmsprop_centered(), "RMSprop", dict(centered=True)),
    "rmsprop_centered_momentum": (ml.rmsprop_centered_momentum(), "RMSprop", dict(momentum=0.9, centered=True)),
    "amsgrad": (ml.amsgrad(lr=1e-3), "Adam", dict(amsgrad=True)),
    "nesterov_sgd": (ml.nesterov_sgd(lr=1e-3), "SGD", dict(momentum=0.9, nesterov=True)),
    "sgd dampened": (ml.sgd(lr=1e-3, dampening=0.3), "SGD", dict(momentum=0.9, dampening=0.3)),
    "sgd l2": (ml.sgd.after(ml.l2)(lr=1e-3, weight_decay=0.1), "SGD", dict(momentum=0.9, weight_decay=0.1)),
    "gradient_descent": (ml.gradient_descent(lr=1e-3), "SGD", {}),
    "adagrad started": (ml.adagrad.starting(s=0.5)(), "Adagrad", dict(initial_accumulator_value=0.5)),
    "adam l2": (ml.adam.after(ml.l2)(lr=1e-3, weight_decay=0.1), "Adam", dict(weight_decay=0.1)),
    "radam decoupled": (
        ml.radam.then(ml.decoupled)(lr=1e-3, weight_decay=0.1),
        "RAdam",
        dict(weight_decay=0.1, decoupled_weight_decay=True),
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_arguments_choose_the_rule(name):
    method, cls, options = VARIANTS[name]
    found, _ = replay(lambda params: getattr(ours, cls)(params, **options), steps=50)
    assert np.array_equal(found, by_the_core(method, steps=50))


AS_TORCH = {
    **{n: (n, o) for n, o in [("Adagrad", {}), ("RMSprop", {}), ("Adam", {}), ("AdamW", {}), ("RAdam", {})]},
    "Adadelta": ("Adadelta", dict(lr=0.01)),
    **{name: VARIANTS[name][1:] for name in VARIANTS},
}


@pytest.mark.parametrize("name", AS_TORCH)
@pytest.mark.parametrize("more", [{}, dict(foreach=True), dict(foreach=False)], ids=["fused", "foreach", "one by one"])
def test_they_are_torchs(name, more):
    cls, options = AS_TORCH[name]
    steps = 300 if not more else 60
    theirs, _ = replay(lambda params: getattr(torch.optim, cls)(params, **options), steps)
    found, _ = replay(lambda params: getattr(ours, cls)(params, **options, **more), steps)
    assert np.abs(found - theirs).max() < 1e-12


# ------------------------------------------------------------------ callers


SLOW = [pytest.param(dict(foreach=foreach), marks=pytest.mark.slow) for foreach in (True, False)]


LONG = ("PMG", "PMGOutside", "Newton")  # to compile


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in CLASSES])
@pytest.mark.parametrize("more", [{}, *SLOW], ids=["fused", "foreach", "one by one"])
def test_one_step_in_single_precision_is_within_two_last_places(name, more, monkeypatch):
    """From equal memory, of the core on arrays in single precision; sums over them are taken in double, as ours are."""
    monkeypatch.setattr(ops._NumPy, "dot", lambda a, b: np.sum(a * b, dtype=float))
    params, steps = parameters(torch.float32), 8
    optimizer = made(name, **more)(params)
    [rule] = {part.rule for part in [*_started(optimizer, params)]}
    for k, gradients in enumerate(recorded()[1][:steps], 1):
        for p, g in zip(params, gradients, strict=True):
            p.grad = g.float()
        x, g, row = (
            single(params),
            single(p.grad for p in params),
            dict(
                zip(
                    rule.columns,
                    optimizer.row(optimizer.param_groups[0], *optimizer._rule(0, optimizer.param_groups[0]), k),
                    strict=True,
                )
            ),
        )
        slots = [single(optimizer.state[p][n] for p in params) for n in rule.slots] if k > 1 else rule.start(x, g, row)
        with np.errstate(all="ignore"):
            moved, *_ = rule.advance(x, g, slots, row)
        optimizer.step()
        last_place = np.spacing(np.maximum(np.abs(x), np.abs(moved)).astype(np.float32))
        off = (np.abs(single(params).astype(float) - moved) / last_place).max()
        assert off <= (6 if more == dict(foreach=True) else 2)  # multi-tensor a ± number·b does not round the product


def _started(optimizer, params):
    for p in params:
        p.grad = torch.zeros_like(p)
    parts = list(optimizer._parts())
    optimizer.state.clear()
    return parts


def single(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).numpy().copy()


MEASURED = {
    "clipped": ml.rsgdm.after(ml.clip_norm)(lr=0.1, max_norm=0.5),
    "decayed, clipped": ml.adam.after(ml.clip_norm).after(ml.l2)(lr=0.01, max_norm=0.5, weight_decay=0.1),
    "centred, clipped": ml.pid.after(ml.clip_norm).after(ml.centralize)(lr=0.1, max_norm=0.5),
    "pmg": ml.pmg(lr=0.1, **PMG),
    "pmg by bb2, current": ml.pmg(lr=0.1, preconditioner="bb2", index="current"),
}


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("over", ["all", *(pytest.param(o, marks=pytest.mark.slow) for o in ("group", "tensor"))])
def test_measured_numbers_work_in_all_callers(name, over):
    make = lambda **more: (
        lambda params: Optimizer([dict(params=params[:3]), dict(params=params[3:])], MEASURED[name], over=over, **more)
    )
    fused, optimizer = replay(make(), steps=30)
    assert {part.caller for part in optimizer._parts()} == {"fused"}
    for foreach in (True, False):
        found, _ = replay(make(foreach=foreach), steps=30)
        assert np.abs(found - fused).max() < 1e-12


@pytest.mark.parametrize("name", MEASURED)
def test_over_all_is_the_core_on_one_vector(name):
    if "centred" not in name:  # a vector has no slices
        found, _ = replay(lambda params: Optimizer(params, MEASURED[name]), steps=100)
        assert np.array_equal(found, by_the_core(MEASURED[name], steps=100))


def test_over_tensor_is_each_by_itself():
    method = MEASURED["clipped"]
    found, _ = replay(lambda params: Optimizer(params, method, over="tensor"), steps=20)
    for i, p in enumerate(parameters()):
        optimizer = Optimizer([p], method)
        for gradients in recorded()[1][:20]:
            p.grad = gradients[i]
            optimizer.step()
        assert np.array_equal(flat([p]), found[sum(q.numel() for q in recorded()[0][:i]) :][: p.numel()])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.slow)])
def test_threads_share_large_tensors(threads, dtype):
    shapes = [(300, 401), (7,), (0, 3), (), (257, 129), (64, 3, 3, 3)]
    method = ml.rsgdm.after(ml.clip_norm).after(ml.centralize)(lr=0.1, max_norm=0.5)
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(threads)
    try:
        for foreach in (None, False):
            torch.manual_seed(0)
            params = [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in shapes]
            optimizer = Optimizer(params, method, foreach=foreach)
            for _ in range(3):
                for p in params:
                    p.grad = torch.randn_like(p)
                optimizer.step()
            found.append(flat(params))
    finally:
        torch.set_num_threads(before)
    assert np.abs(found[0] - found[1]).max() < (1e-12 if dtype is torch.float64 else 1e-6)
    assert [int(optimizer.state[p]["step"]) for p in params] == [3] * len(shapes)


@pytest.mark.parametrize("name", ["PID", pytest.param("Adam", marks=pytest.mark.slow)])
def test_a_compiled_step_serves_every_schedule(name):
    from torch._dynamo.utils import counters

    counters.clear()
    params = parameters()
    optimizer = made(name)(params)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    step, graphs = torch.compile(optimizer.step, backend="eager"), []
    for gradients in recorded()[1][:6]:
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        step()
        scheduler.step()
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[1:] == graphs[:1] * 5
    schedule = lambda k: CLASSES[name].row(1)["lr"] * 0.9 ** (k - 1)
    found = by_the_core(CLASSES[name].base(lr=schedule), steps=6)
    assert np.abs(flat(params) - found).max() < 1e-14


# ------------------------------------------------------------------ reductions, and rules of one's own


def test_rsgdm_is_a_step_of_sgd_and_then_nesterov():
    lr, beta = 0.05, 0.9
    params = parameters()
    first, *others = recorded()[1]
    for optimizer, gradients in [
        (torch.optim.SGD(params, lr=lr * (1 - beta)), [first]),
        (torch.optim.SGD(params, lr=lr * (1 - beta), momentum=beta, nesterov=True), others),
    ]:
        for each in gradients:
            for p, g in zip(params, each, strict=True):
                p.grad = g
            optimizer.step()
    found, _ = replay(lambda params: ours.RSGDM(params, lr=lr, momentum=beta))
    assert np.abs(found - flat(params)).max() < 1e-12


@ml.rule
def sign_momentum(x, g, v=0.0, /, lr=0.01, beta=0.9):
    """Momentum of signs."""
    v = beta * v + (1 - beta) * where(g > 0, 1.0, -1.0)
    return x - lr * v, v


def test_ones_own_rule_is_an_optimizer_in_a_line():
    found, optimizer = replay(lambda params: Optimizer(params, sign_momentum(lr=0.1)), steps=100)
    assert {part.caller for part in optimizer._parts()} == {"fused"}
    assert np.array_equal(found, by_the_core(sign_momentum(lr=0.1), steps=100))

    class SignMomentum(Optimizer, rule=sign_momentum):
        """A class of its own."""

    again, optimizer = replay(lambda params: SignMomentum(params, lr=0.1), steps=100)
    assert np.array_equal(found, again)
    other = SignMomentum(parameters())
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["lr"] == 0.1


def test_functions_of_k_stay_with_the_rule():
    schedule = lambda k: 0.1 / k
    found, optimizer = replay(lambda params: HeavyBall(params, lr=schedule), steps=50)
    assert np.array_equal(found, by_the_core(ml.heavy_ball(lr=schedule), steps=50))
    assert "lr" not in optimizer.param_groups[0]


def test_a_scheduler_gives_the_bits_of_a_schedule():
    params = parameters()
    optimizer = ours.Adam(params, lr=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    for gradients in recorded()[1][:50]:
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        optimizer.step()
        scheduler.step()
    assert np.array_equal(flat(params), by_the_core(ml.adam(lr=lambda k: 0.01 * (1 / k)), steps=50))


# ------------------------------------------------------------------ curvature


@pytest.mark.parametrize("by", ["lbfgs", "bfgs", pytest.param("dfp", marks=pytest.mark.slow)])
@pytest.mark.parametrize("index", ["lagged", "current"])
@pytest.mark.parametrize("rule", [ml.pmg, ml.pmg_outside, ml.newton], ids=lambda rule: rule.name)
def test_stored_preconditioners_give_the_cores_bits(by, index, rule):
    """Recorded gradients are those of a function whose gradient at step k is the k-th."""
    method = rule(lr=1e-3, preconditioner=by, index=index)
    steps, at = 20, iter(range(10**6))

    class Recording:
        def __call__(self, x):
            return 0.0, flat(recorded()[1][next(at)])

    problem = ml.Problem("recorded", Recording(), flat(recorded()[0]), jac=True)
    for step in ml.iterate(problem, method=method):
        if step.k == steps:
            break
    found, _ = replay(lambda params: Optimizer(params, method), steps=steps)
    if rule is ml.newton and by != "lbfgs":  # LAPACK solves, of which each library has its own
        assert np.abs(found - step.x).max() < 1e-12
    else:
        assert np.array_equal(found, step.x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_limited_memory_on_torchs_operators(dtype, monkeypatch):
    from momentumlab.torch import curvature

    method = ml.pmg(lr=1e-3, preconditioner=ml.lbfgs(memory=3))
    reference, _ = replay(lambda params: Optimizer(params, method), steps=30)
    monkeypatch.setattr(curvature, "_compiled", lambda name: curvature.functions()[name])
    found, _ = replay(lambda params: Optimizer(params, method), steps=30, dtype=dtype)
    assert np.abs(found - reference).max() < (1e-12 if dtype is torch.float64 else 1e-5)


@pytest.mark.parametrize("by", ["lbfgs", "bfgs", "bb1", "quasi_cauchy"])
@pytest.mark.parametrize("rule", [ml.pmg, pytest.param(ml.newton, marks=pytest.mark.slow)])
def test_a_closure_gives_pairs_of_one_batch(by, rule):
    """On quadratics of different curvature, B of a pair is that of the batch at hand."""
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = Optimizer([x], rule(lr=1e-2, preconditioner=by, index="current"))
    asked = []
    for k in range(5):
        curvature, shift = 1.0 + k, 10.0 * k

        def closure(curvature=curvature, shift=shift):
            optimizer.zero_grad()
            asked.append(x.detach().clone())
            loss = (0.5 * curvature * x * x + shift * x).sum()
            loss.backward()
            return loss

        before = x.detach().clone()
        loss = optimizer.step(closure)
        assert torch.equal(asked[-1], before)
        assert loss.item() == pytest.approx(float((0.5 * curvature * before**2 + shift * before).sum()))
        if k and by in ("bb1", "quasi_cauchy"):
            B = optimizer.state[x]["B"]
            s = asked[-2] - before
            assert float((s * B * s).sum() / (s * s).sum()) == pytest.approx(curvature, rel=1e-9)
    assert len(asked) == 9
    consecutive = Optimizer([x], rule(lr=1e-2, preconditioner=by), same_batch=False)
    asked.clear()
    consecutive.step(closure)
    consecutive.step(closure)
    assert len(asked) == 2


def test_what_a_step_cannot_supply_is_refused():
    p = parameters()
    for make, says in [
        (lambda: Optimizer(p, ml.newton), "hessian"),
        (lambda: Optimizer(p, ml.nesterov(search="armijo")), "searches along"),
        (lambda: Optimizer(p, ml.heavy_ball, over="rows"), "'all', 'group' or 'tensor'"),
        (lambda: Optimizer(p, 3), "give one, as in"),
        (lambda: HeavyBall(p, beta=0.5), "no option 'beta'"),
        (lambda: HeavyBall(p, momentum=1.0), "momentum = 1.0 is outside its range"),
        (lambda: HeavyBall([dict(params=p, beta=0.5)]), "called momentum here"),
        (lambda: HeavyBall(p, centralize="convolutions"), "True, False or 'conv'"),
        (lambda: HeavyBall(p, lr=None), "give a number"),
        (lambda: ours.SGD(p, nesterov=True), "asks for a momentum"),
        (lambda: ours.PMG(p, preconditioner="newton"), "no preconditioner 'newton'"),
    ]:
        with pytest.raises((TypeError, ValueError), match=says):
            make()


# ------------------------------------------------------------------ centralisation


@pytest.mark.parametrize("on", ["gradient", "step"])
@pytest.mark.parametrize("name", ["HeavyBall", "Adam"])
def test_centralisation_keeps_sums_over_units(name, on):
    found, optimizer = replay(made(name, centralize=True, centralize_on=on), steps=50)
    slices = lambda tensors: np.concatenate([t.detach().flatten(1).sum(1).numpy() for t in tensors if t.dim() > 1])
    kept = np.abs(slices(optimizer.param_groups[0]["params"]) - slices(recorded()[0])).max()
    assert (kept < 1e-12) == (name == "HeavyBall" or on == "step")  # Adam's steps of centred gradients are not
    for foreach in (True, False):
        other, _ = replay(made(name, centralize=True, centralize_on=on, foreach=foreach), steps=50)
        assert np.abs(other - found).max() < 1e-12


def test_conv_centralises_convolutions_alone():
    found, _ = replay(made("HeavyBall", centralize="conv"), steps=20)
    plain, _ = replay(made("HeavyBall"), steps=20)
    n = recorded()[0][0].numel()
    assert np.abs(found[:n] - plain[:n]).max() > 1e-3
    assert np.array_equal(found[n:], plain[n:])


# ------------------------------------------------------------------ what is saved is what there was

RESUME = """
import sys, torch
from momentumlab import torch as ours
path, until, resume = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume"
OPTIONS = {options}
for name in {names}:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    data = torch.randn(64, 6)
    optimizer = getattr(ours, name)(net.parameters(), **OPTIONS.get(name, {{}}))
    k = 0
    if resume:
        saved = torch.load(f"{{path}}/{{name}}.pt")
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        k = saved["k"]
    while k < until:
        optimizer.zero_grad()
        x = data[8 * k % 64 :][:8]
        loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
        loss.backward()
        optimizer.step()
        k += 1
        print(name, k, loss.item().hex(), flush=True)
    torch.save(dict(net=net.state_dict(), optimizer=optimizer.state_dict(), k=k), f"{{path}}/{{name}}.pt")
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    text = RESUME.format(options=OPTIONS | {"PMG": dict(preconditioner="lbfgs")}, names=list(CLASSES))

    def run(*arguments):
        command = [sys.executable, "-c", text, str(tmp_path), *arguments]
        out = subprocess.run(command, capture_output=True, text=True, check=True)
        return out.stdout.splitlines()

    whole = run("12", "anew")
    first, second = run("7", "anew"), run("12", "resume")
    assert len(whole) == 12 * len(CLASSES)
    assert sorted(first + second) == sorted(whole)


CHANGES = {
    "another number": lambda group: group.update(lr=0.03),
    "the same tensor": lambda group: group["lr"].fill_(0.03),
    "a tensor for a number": lambda group: group.update(lr=torch.tensor(0.03)),
    "decay": lambda group: group.update(weight_decay=0.1),
    "the other way": lambda group: group.update(maximize=True),
}


@pytest.mark.parametrize("changed", CHANGES)
@pytest.mark.parametrize("name", ["RSGDM", "SGD"])
def test_a_prepared_step_sees_what_a_group_says_now(name, changed):
    """Compiled code keeps what it was told; one by one, everything is asked for each time."""
    lr = torch.tensor(0.01) if changed == "the same tensor" else 0.01
    found = []
    for fused in (None, False):
        x = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
        optimizer = getattr(ours, name)([x], lr=lr.clone() if torch.is_tensor(lr) else lr, momentum=0.5, fused=fused)
        for k in range(8):
            if k == 5:
                CHANGES[changed](optimizer.param_groups[0])
            x.grad = x.detach() * (1 + k)
            optimizer.step()
        found.append(x.detach().clone())
    assert torch.allclose(*found, rtol=1e-6)
