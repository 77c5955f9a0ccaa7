"""Every rule by a class of its own: torch's names and arguments where torch has the rule, else the rule's."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from .. import rules
from ..rule import Rule
from .optimizer import Optimizer

# ------------------------------------------------------------------ as torch.optim has them


class SGD(
    Optimizer,
    rule=rules.sgd,
    order="lr momentum dampening weight_decay nesterov",
    presets=dict(momentum=0.0),
    flags=dict(nesterov=False),
):
    """Stochastic gradients, with momentum or Nesterov's: `gradient_descent`, `sgd`, `nesterov_sgd`."""

    def choose(self, group: Mapping[str, Any]) -> Rule:
        momentum = "momentum" in self.functions or group["momentum"]
        if group["nesterov"]:
            if not momentum or group["dampening"]:
                raise ValueError("SGD: nesterov=True asks for a momentum and no dampening, as in torch.optim")
            return rules.nesterov_sgd
        return rules.sgd if momentum else rules.gradient_descent


class Adagrad(
    Optimizer,
    rule=rules.adagrad,
    order="lr lr_decay weight_decay initial_accumulator_value eps foreach",
    flags=dict(initial_accumulator_value=0.0),
):
    """Duchi et al. (2011): `adagrad`, whose s starts as initial_accumulator_value."""

    def choose(self, group: Mapping[str, Any]) -> Rule:
        return _started(float(group["initial_accumulator_value"]))


@cache
def _started(s: float) -> Rule:
    if not s >= 0:
        raise ValueError(f"Adagrad: initial_accumulator_value = {s}; it must be 0 or larger")
    return rules.adagrad.starting(s=s) if s else rules.adagrad


class Adadelta(Optimizer, rule=rules.adadelta, order="lr rho eps weight_decay foreach", renamed=dict(beta2="rho")):
    """Zeiler (2012): `adadelta`."""


class RMSprop(
    Optimizer,
    rule=rules.rmsprop_centered_momentum,
    order="lr alpha eps weight_decay momentum centered",
    renamed=dict(beta2="alpha"),
    presets=dict(momentum=0.0),
    flags=dict(centered=False),
):
    """Tieleman & Hinton (2012), Graves (2013): `rmsprop`, or its centred form, each with or without momentum."""

    def choose(self, group: Mapping[str, Any]) -> Rule:
        momentum = "momentum" in self.functions or group["momentum"]
        if group["centered"]:
            return rules.rmsprop_centered_momentum if momentum else rules.rmsprop_centered
        return rules.rmsprop_momentum if momentum else rules.rmsprop


class Adam(
    Optimizer,
    rule=rules.adam,
    order="lr betas eps weight_decay amsgrad",
    flags=dict(amsgrad=False, decoupled_weight_decay=False),
    without="eps_root",
):
    """Kingma & Ba (2015), Reddi et al. (2018): `adam`, or `amsgrad`."""

    def choose(self, group: Mapping[str, Any]) -> Rule:
        return rules.amsgrad if group["amsgrad"] else rules.adam


class AdamW(
    Adam,
    rule=rules.adam,
    order="lr betas eps weight_decay amsgrad",
    presets=dict(weight_decay=1e-2, decoupled=True),
    flags=dict(amsgrad=False),
    without="eps_root",
):
    """Loshchilov & Hutter (2019) as torch has it: `adam`, or `amsgrad`, beside decoupled decay."""


class RAdam(
    Optimizer,
    rule=rules.radam,
    order="lr betas eps weight_decay decoupled_weight_decay",
    flags=dict(decoupled_weight_decay=False),
):
    """Liu et al. (2020): `radam`."""


# ------------------------------------------------------------------ by the rules' own names


class GradientDescent(Optimizer, rule=rules.gradient_descent):
    pass


class HeavyBall(Optimizer, rule=rules.heavy_ball):
    pass


class HeavyBallEMA(Optimizer, rule=rules.heavy_ball_ema):
    pass


class HeavyBallEMACorrected(Optimizer, rule=rules.heavy_ball_ema_corrected):
    pass


class Nesterov(Optimizer, rule=rules.nesterov):
    pass


class NesterovConvex(Optimizer, rule=rules.nesterov_convex):
    pass


class NesterovFISTA(Optimizer, rule=rules.nesterov_fista):
    pass


class NesterovSGD(Optimizer, rule=rules.nesterov_sgd):
    pass


class QHM(Optimizer, rule=rules.qhm):
    pass


class TripleMomentum(Optimizer, rule=rules.triple_momentum):
    pass


class PID(Optimizer, rule=rules.pid):
    pass


class PIDEMA(Optimizer, rule=rules.pid_ema):
    pass


class PIDOutside(Optimizer, rule=rules.pid_outside):
    pass


class RSGDM(Optimizer, rule=rules.rsgdm):
    pass


class Newton(Optimizer, rule=rules.newton, presets=dict(preconditioner="lbfgs")):
    pass


class PMG(Optimizer, rule=rules.pmg, presets=dict(preconditioner="quasi_cauchy")):
    pass


class PMGOutside(Optimizer, rule=rules.pmg_outside, presets=dict(preconditioner="quasi_cauchy")):
    pass


class AdamEpsInside(Optimizer, rule=rules.adam_eps_inside):
    pass


class AMSGradPaper(Optimizer, rule=rules.amsgrad_paper):
    pass


class SGDW(Optimizer, rule=rules.sgdw):
    pass


class SGDWPaper(Optimizer, rule=rules.sgdw_paper):
    pass


class AdamWPaper(Optimizer, rule=rules.adamw_paper):
    pass


__all__ = [
    "SGD",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "RAdam",
    "GradientDescent",
    "HeavyBall",
    "HeavyBallEMA",
    "HeavyBallEMACorrected",
    "Nesterov",
    "NesterovConvex",
    "NesterovFISTA",
    "NesterovSGD",
    "QHM",
    "TripleMomentum",
    "PID",
    "PIDEMA",
    "PIDOutside",
    "RSGDM",
    "Newton",
    "PMG",
    "PMGOutside",
    "AdamEpsInside",
    "AMSGradPaper",
    "SGDW",
    "SGDWPaper",
    "AdamWPaper",
]
