"""Every rule that torch has, against torch.optim in double precision under a schedule of step sizes."""

import numpy as np
import pytest

import momentumlab as ml

from .runs import PROBLEM, close, points

torch = pytest.importorskip("torch")

STEPS = 60
schedule = lambda k: 1e-3 * 0.5 ** (k // 20)
tenfold = lambda k: 10 * schedule(k)
start = lambda rule, **slots: rule.starting(**slots)
DECAY = dict(weight_decay=0.02)

# ours, at step sizes of k; torch's class and options
CASES = {
    "gradient_descent": (ml.gradient_descent(lr=schedule), "SGD", {}),
    "gradient_descent l2": (ml.gradient_descent.after(ml.l2)(lr=schedule, **DECAY), "SGD", DECAY),
    "sgd": (ml.sgd(lr=schedule), "SGD", dict(momentum=0.9)),
    "sgd l2": (ml.sgd.after(ml.l2)(lr=schedule, **DECAY), "SGD", dict(momentum=0.9, **DECAY)),
    "sgd dampened": (ml.sgd(lr=schedule, dampening=0.3), "SGD", dict(momentum=0.9, dampening=0.3)),
    "heavy_ball_ema": (ml.heavy_ball_ema(lr=tenfold), "SGD", dict(momentum=0.9)),
    "nesterov_sgd": (ml.nesterov_sgd(lr=schedule), "SGD", dict(momentum=0.9, nesterov=True)),
    "nesterov_sgd l2": (
        ml.nesterov_sgd.after(ml.l2)(lr=schedule, **DECAY),
        "SGD",
        dict(momentum=0.9, nesterov=True, **DECAY),
    ),
    "adagrad": (ml.adagrad(lr=schedule), "Adagrad", {}),
    "adagrad fading": (ml.adagrad(lr=schedule, lr_decay=0.1), "Adagrad", dict(lr_decay=0.1)),
    "adagrad l2": (ml.adagrad.after(ml.l2)(lr=schedule, **DECAY), "Adagrad", DECAY),
    "adagrad started": (
        ml.adagrad.starting(s=0.5)(lr=schedule, eps=1e-3),
        "Adagrad",
        dict(initial_accumulator_value=0.5, eps=1e-3),
    ),
    "adadelta": (ml.adadelta(lr=schedule), "Adadelta", {}),
    "adadelta l2": (
        ml.adadelta.after(ml.l2)(lr=schedule, beta2=0.8, eps=1e-4, **DECAY),
        "Adadelta",
        dict(rho=0.8, eps=1e-4, **DECAY),
    ),
    "rmsprop": (ml.rmsprop(lr=schedule), "RMSprop", {}),
    "rmsprop l2": (ml.rmsprop.after(ml.l2)(lr=schedule, beta2=0.9, **DECAY), "RMSprop", dict(alpha=0.9, **DECAY)),
    "rmsprop_centered": (ml.rmsprop_centered(lr=schedule), "RMSprop", dict(centered=True)),
    "rmsprop_momentum": (ml.rmsprop_momentum(lr=schedule), "RMSprop", dict(momentum=0.9)),
    "rmsprop_centered_momentum": (
        ml.rmsprop_centered_momentum(lr=schedule, beta=0.8),
        "RMSprop",
        dict(momentum=0.8, centered=True),
    ),
    "adam": (ml.adam(lr=schedule), "Adam", {}),
    "adam otherwise": (
        ml.adam(lr=schedule, beta1=0.5, beta2=0.9, eps=1e-3),
        "Adam",
        dict(betas=(0.5, 0.9), eps=1e-3),
    ),
    "adam l2": (ml.adam.after(ml.l2)(lr=schedule, **DECAY), "Adam", DECAY),
    "amsgrad": (ml.amsgrad(lr=schedule), "Adam", dict(amsgrad=True)),
    "radam": (ml.radam(lr=schedule), "RAdam", {}),
    "radam l2": (ml.radam.after(ml.l2)(lr=schedule, beta2=0.9, **DECAY), "RAdam", dict(betas=(0.9, 0.9), **DECAY)),
    "radam decoupled": (
        ml.radam.then(ml.decoupled)(lr=schedule, **DECAY),
        "RAdam",
        dict(decoupled_weight_decay=True, **DECAY),
    ),
    "adamw": (ml.adamw(lr=schedule), "AdamW", {}),
    "adamw otherwise": (ml.adamw(lr=schedule, **DECAY), "AdamW", DECAY),
    "amsgrad decoupled": (
        ml.amsgrad.then(ml.decoupled)(lr=schedule, **DECAY),
        "AdamW",
        dict(amsgrad=True, **DECAY),
    ),
}


def theirs(name, options, before=lambda x: None):
    x = torch.tensor(PROBLEM.x0, requires_grad=True)
    optimizer = getattr(torch.optim, name)([x], lr=1e-3, **options)
    found = []
    for k in range(1, STEPS + 1):
        found.append(x.detach().numpy().copy())
        optimizer.param_groups[0]["lr"] = schedule(k)
        x.grad = torch.from_numpy(PROBLEM.grad(found[-1]))
        before(x)
        optimizer.step()
    return np.array(found)


@pytest.mark.parametrize("case", CASES)
def test_it_is_torchs_under_a_schedule(case):
    method, name, options = CASES[case]
    close(points(method, steps=STEPS), theirs(name, options))


def test_clipping_is_torchs():
    by_value = lambda x: torch.nn.utils.clip_grad_value_([x], 30.0)
    by_norm = lambda x: torch.nn.utils.clip_grad_norm_([x], 30.0)
    adam, sgd = ml.adam.after(ml.clip_value), ml.sgd.after(ml.clip_norm)
    close(points(adam(lr=schedule, max_value=30)), theirs("Adam", {}, by_value))
    close(points(sgd(lr=schedule, max_norm=30)), theirs("SGD", dict(momentum=0.9), by_norm))


@pytest.mark.parametrize(
    ("rule", "name", "renamed"),
    [
        (ml.gradient_descent, "SGD", {}),
        (ml.adagrad, "Adagrad", {}),
        (ml.adadelta, "Adadelta", dict(beta2="rho")),
        (ml.rmsprop, "RMSprop", dict(beta2="alpha")),
        (ml.adam, "Adam", {}),
        (ml.amsgrad, "Adam", {}),
        (ml.radam, "RAdam", {}),
        (ml.adamw, "AdamW", {}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_defaults_are_torchs(rule, name, renamed):
    defaults = getattr(torch.optim, name)([torch.zeros(1)]).defaults
    defaults |= dict(zip(("beta1", "beta2"), defaults.get("betas", ()), strict=False))
    shared = [n for n in ("beta1", "beta2", "eps", "weight_decay") if n in rule.hyper]
    for n in ["lr", *shared]:
        assert rule.hyper[n] == defaults[renamed.get(n, n)], n
