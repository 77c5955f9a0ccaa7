"""Our classes as torch's own optimizer tests take them."""

import inspect

import torch
from torch.testing._internal import common_optimizers as theirs

from momentumlab import torch as ours

SAME = dict(
    SGD="sgd", Adagrad="adagrad", Adadelta="adadelta", RMSprop="rmsprop", Adam="adam", AdamW="adamw", RAdam="radam"
)  # fmt: skip
"""Classes that take the arguments of torch's own, and its tests' choices of them."""


def arguments(cls):
    taken = inspect.signature(cls).parameters
    given = [{}, dict(lr=0.01), dict(lr=torch.tensor(0.001)), dict(weight_decay=0.1)]
    given += [dict(weight_decay=0.1, maximize=True)]
    given += [dict(weight_decay=0.1, decoupled=True)] if "decoupled" in taken else []
    given += [dict(momentum=0.5)] if "momentum" in taken else []
    given += [dict(betas=(0.5, 0.9), over="tensor")] if "betas" in taken else []
    given = given if "lr" in taken else [g for g in given if "lr" not in g]
    products = dict(preconditioner="diagonal") if "preconditioner" in taken else {}
    return [{**g, **products} for g in given]


def inputs(cls):
    if cls.__name__ in SAME:
        return getattr(theirs, f"optim_inputs_func_{SAME[cls.__name__]}")
    return lambda device, dtype=None: [
        theirs.OptimizerInput(params=None, kwargs=kwargs, desc=str(kwargs)) for kwargs in arguments(cls)
    ]


def errors(cls):
    taken = inspect.signature(cls).parameters
    wrong = [dict(lr=-0.5)] if "lr" in taken else [dict(alpha=-0.5)]
    wrong += [dict(momentum=-0.5)] if "momentum" in taken else []
    wrong += [dict(betas=(1.0, 0.0))] if "betas" in taken else []

    def found(device, dtype):
        made = [
            theirs.ErrorOptimizerInput(
                theirs.OptimizerInput(params=None, kwargs=kwargs, desc=str(kwargs)),
                error_type=ValueError,
                error_regex="is outside its range",
            )
            for kwargs in wrong
        ]
        everyones = theirs.get_error_inputs_for_all_optims(device, dtype)
        return [e for e in everyones if set(e.optimizer_error_input.kwargs) <= set(taken)] + made

    return found


def infos():
    return [
        theirs.OptimizerInfo(
            cls,
            optim_inputs_func=inputs(cls),
            optim_error_inputs_func=errors(cls),
            supported_impls=("foreach", "differentiable", "fused"),
            supports_fused_on=("cpu", "cuda"),
            not_og_supported_flags=("foreach", "differentiable", "maximize", "capturable", "fused"),
            has_capturable_arg=True,
        )
        for cls in (getattr(ours, name) for name in ours.__all__ if name != "Optimizer")
    ]
