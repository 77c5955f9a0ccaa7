"""What `experiments.cifar` runs: parts, each a set of labelled runs, at three scales."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.config import Config, optimizer_class

BETA = 0.9
GC = " + GC"  # ends the label of a run like another one, but with centralised gradients
Configs = dict[str, list[Config]]
"""By label, a run for every seed."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large everything is.

    Attributes
    ----------
    settings : dict
        Of all runs.
    rsgdm, gc : dict
        Of those by the protocols of the RSGDM paper and of the GC article.
    seeds, gc_seeds : int
    factor : float
        Of the RSGDM paper's step size, where epochs are too short or too few for it.
    weight_decays, sgdm, adam : sequence of float
        Of the GC article's tables: weight decays, and step sizes.
    timed : int
        Batches by which the time of centralisation is measured.
    """

    settings: Mapping[str, Any]
    rsgdm: Mapping[str, Any]
    gc: Mapping[str, Any]
    seeds: int
    gc_seeds: int
    weight_decays: Sequence[float]
    sgdm: Sequence[float]
    adam: Sequence[float]
    timed: int
    factor: float = 1.0


SMALL = dict(dataset="cifar10", model="resnet8", batch=64, channels_last=True)
SCALES = {
    "smoke": Scale(
        settings=SMALL | dict(train_size=64, test_size=32, batch=32),
        rsgdm=dict(epochs=2, decay=0.5, every=1, log=1),
        gc=dict(epochs=1, log=1),
        seeds=1,
        gc_seeds=1,
        weight_decays=(5e-4,),
        sgdm=(0.1,),
        adam=(1e-3,),
        timed=2,
        factor=20.0,
    ),
    "cpu": Scale(
        settings=SMALL,
        rsgdm=dict(train_size=5000, test_size=2000, epochs=4, decay=0.5, every=1, log=1),
        gc=dict(train_size=1500, test_size=1000, epochs=4, decay=0.1, every=3, log=4),
        seeds=3,
        gc_seeds=3,
        weight_decays=(0.0, 5e-4, 5e-3),
        sgdm=(0.01, 0.05, 0.1),
        adam=(1e-4, 1e-3, 5e-3),
        timed=100,
        factor=20.0,
    ),
    "paper": Scale(
        settings=dict(
            dataset="cifar10", model="resnet18", batch=128, augment=True,
            device="cuda", amp=True, channels_last=True, compile=True,
        ),
        rsgdm=dict(epochs=200, decay=0.5, every=50, log=10),
        gc=dict(epochs=200, decay=0.1, every=60, log=50),
        seeds=3,
        gc_seeds=3,
        weight_decays=(0.0, 1e-4, 2e-4, 5e-4, 1e-3),
        sgdm=(0.005, 0.01, 0.05, 0.1),
        adam=(1e-4, 5e-4, 1e-3, 5e-3),
        timed=400,
    ),
}  # fmt: skip


def seeded(config: Config, seeds: int) -> list[Config]:
    """The same run with each of so many seeds."""
    return [config.having(seed=seed) for seed in range(seeds)]


# ------------------------------------------------------------------ the RSGDM paper

PAPER_LR, PAPER_DECAY = 0.01, 5e-4
AVERAGING = {"heavy_ball_ema": {}, "rsgdm": {}, "qhm": {"nu": BETA}}
ADDING = ("sgd", "nesterov_sgd", "heavy_ball", "nesterov", "pid", "pid_outside", "pmg", "pmg_outside")
NAMES = {
    "heavy_ball_ema": "SGDM",
    "rsgdm": "RSGDM",
    "nesterov_sgd": "Nesterov",
    "qhm": "QHM, ν = β",
}


def by_rsgdm(scale: Scale, rule: str, lr: float) -> list[Config]:
    """The protocol's runs: rules that add up gradients take lr·(1 − β), those without a momentum β their own lr."""
    settings: dict[str, Any] = {}
    if rule in AVERAGING:
        settings = dict(lr=lr, options={"momentum": BETA} | AVERAGING[rule])
    elif rule in ADDING:
        settings = dict(lr=lr * (1 - BETA), options={"momentum": BETA})
    config = Config(**{**scale.settings, **scale.rsgdm}, rule=rule, weight_decay=PAPER_DECAY, **settings)
    return seeded(config, scale.seeds)


def protocol(scale: Scale, rules: Sequence[str] = ()) -> Configs:
    """The paper's comparison, or the same with other rules."""
    lr = scale.factor * PAPER_LR
    rules = [ruled(rule) for rule in rules]
    found = {NAMES.get(rule, rule): by_rsgdm(scale, rule, lr) for rule in rules or NAMES}
    if scale.factor != 1 and not rules:
        for rule in ("heavy_ball_ema", "rsgdm"):
            found[f"{NAMES[rule]}, α = {PAPER_LR}"] = by_rsgdm(scale, rule, PAPER_LR)[:1]
    return found


def ruled(name: str) -> str:
    """A rule under the name it has here, however it was written."""
    cls = optimizer_class(name)
    return next((rule for rule in (*AVERAGING, *ADDING) if optimizer_class(rule) is cls), name)


def inside(scale: Scale) -> Configs:
    lr = scale.factor * PAPER_LR
    rules = {"HB": "heavy_ball", "Nesterov": "nesterov", "PID": "pid", "PMG": "pmg"}
    return {label: by_rsgdm(scale, rule, lr) for label, rule in rules.items()}


# ------------------------------------------------------------------ the GC article

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGDM": dict(rule="sgd", lr=0.1, options={"momentum": BETA}),
    "Adam": dict(rule="adam", lr=1e-3),
}
WATCHED = ("conv1.weight", "fc.weight")


def with_and_without(scale: Scale, label: str, optimizer: str = "SGDM", **changes: Any) -> Configs:
    """A setting without GC, and with it."""
    settings = {**scale.settings, **scale.gc, "norms": WATCHED, "weight_decay": 5e-4, **OPTIMIZERS[optimizer]}
    config = Config(**settings | changes)
    return {
        label: seeded(config, scale.gc_seeds),
        label + GC: seeded(config.having(centralize=True), scale.gc_seeds),
    }


def weight_decays(scale: Scale) -> Configs:
    found = {}
    for optimizer in OPTIMIZERS:
        for decay in scale.weight_decays:
            found |= with_and_without(scale, f"{optimizer}, λ = {decay:g}", optimizer, weight_decay=decay)
    return found


def step_sizes(scale: Scale) -> Configs:
    found = {}
    for optimizer, sizes in (("SGDM", scale.sgdm), ("Adam", scale.adam)):
        for lr in sizes:
            found |= with_and_without(scale, f"{optimizer}, α = {lr:g}", optimizer, lr=lr)
    return found


def norms(scale: Scale) -> Configs:
    return with_and_without(scale, "SGDM")


def standardisation(scale: Scale) -> Configs:
    return with_and_without(scale, "BN") | with_and_without(scale, "BN + WS", standardized=True)


def groups(scale: Scale) -> Configs:
    return with_and_without(scale, "GN", norm="group")


# ------------------------------------------------------------------ all of them


@dataclass(frozen=True)
class Part:
    """A part of the report: its title, what is run and why, and the runs at a scale."""

    title: str
    text: str
    configs: Callable[[Scale], Configs]


PARTS = {
    "rsgdm": Part(
        "RSGDM's protocol",
        "Step size α = 0.01, halved after every quarter of the epochs, β = 0.9, weight decay 5·10⁻⁴. SGDM is the "
        "paper's, an average of gradients. RSGDM is Nesterov's rule with α(1 − β) but for its first step; "
        "quasi-hyperbolic momentum with ν = β is Nesterov's rule from the first step on, so what lies between these "
        "two is rounding. Below paper scale the epochs are too few for the paper's step size, which is multiplied "
        "by 20; the rows that say α have its own.",
        protocol,
    ),
    "inside": Part(
        "HB, Nesterov, PID and PMG",
        "The rules with the step size inside the momentum, under the same protocol, with α(1 − β). PID and PMG take "
        "their own k_d = αβ, with which PID is Nesterov's rule but for its first step and those at which α changes; "
        "PMG's curvature is quasi-Cauchy.",
        inside,
    ),
    "weight_decay": Part(
        "GC at several weight decays",
        "After the GC article's table 3: SGDM as torch has it, α = 0.1, and Adam, α = 0.001; β = 0.9. L2 decay is "
        "added before gradients are centralised. The step size falls to a tenth after every 60 of 200 epochs, at cpu "
        "scale after three of four, where the weight decays are our own choice and larger.",
        weight_decays,
    ),
    "lr": Part(
        "GC at several step sizes",
        "After the GC article's table 4, with weight decay 5·10⁻⁴. The step sizes are our own choice.",
        step_sizes,
    ),
    "norms": Part(
        "Norms of gradients",
        "After the GC article's figure 4: the first convolution and the last layer under SGDM. With GC the norm is "
        "shown before the means are taken away, and after.",
        norms,
    ),
    "standardisation": Part(
        "Batch norm, weight standardisation and GC",
        "After the GC article's figure 5, under SGDM.",
        standardisation,
    ),
    "groups": Part("Group norm and GC", "After the GC article's figure 6, under SGDM.", groups),
}
NOT_ATTEMPTED = {
    "ImageNet": "the GC article's classification with ResNet-50 and ResNet-101",
    "Detection and segmentation": "the GC article's tables on COCO, with Faster R-CNN and Mask R-CNN",
}
