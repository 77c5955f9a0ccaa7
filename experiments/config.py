"""What a run is: a Config, from a TOML file, from the command line, or both."""

import argparse
import json
import re
import tomllib
from collections.abc import Container
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import torch

import momentumlab.torch as optimizers
from experiments.data import DATASETS
from experiments.errors import Refused
from experiments.models import INITS, MODELS, NORMS
from momentumlab.errors import short, unknown

RULES = {name: getattr(optimizers, name) for name in optimizers.__all__ if name != "Optimizer"}
"""The optimizers, by the names of their classes; a Config takes a rule's name for it, as in heavy_ball."""


def optimizer_class(rule: str) -> type[torch.optim.Optimizer]:
    """The optimizer of a rule.

    >>> optimizer_class("heavy_ball").__name__
    'HeavyBall'
    """
    plain = lambda name: name.replace("_", "").lower()
    for name, cls in RULES.items():
        if plain(name) == plain(rule):
            return cls
    raise Refused(unknown("rule", rule, RULES))


@dataclass(frozen=True, kw_only=True)
class Config:
    """A run: with the data, it determines every number but times.

    Examples
    --------
    >>> config = Config(rule="pid", lr=0.05, options={"kd": 0.01})
    >>> config.having(seed=1).seed
    1
    """

    dataset: Annotated[str, "mnist, cifar10 or cifar100"] = "mnist"
    train_size: Annotated[int | None, "take so many of the first training images"] = None
    test_size: Annotated[int | None, "take so many of the first test images"] = None
    validation: Annotated[int, "hold out so many of the last training images, and test on them instead"] = 0
    augment: Annotated[bool, "crop images padded by 4, and flip them"] = False
    cutout: Annotated[int, "the side of a square that is blacked out in every image"] = 0
    model: Annotated[str, "mlp, resnet8, resnet18 or resnet50"] = "mlp"
    norm: Annotated[str, "batch or group, of residual networks"] = "batch"
    standardized: Annotated[bool, "standardise the weights of convolutions"] = False
    init: Annotated[str, "default (torch's), or xavier or kaiming with _uniform or _normal"] = "default"
    rule: Annotated[str, "a class of momentumlab.torch, or the rule's name, as in heavy_ball"] = "heavy_ball"
    lr: Annotated[float | None, "step size; the rule's own where none is given"] = None
    weight_decay: Annotated[float, "λ of L2 decay"] = 0.0
    centralize: Annotated[bool, "centralise gradients"] = False
    options: Annotated[dict[str, Any], "further arguments of the optimizer, as in momentum=0.9"] = field(
        default_factory=dict
    )
    epochs: Annotated[int, "passes over the training set"] = 5
    batch: Annotated[int, "images a step"] = 64
    decay: Annotated[float, "the factor of the step size"] = 1.0
    every: Annotated[int, "after so many epochs each, or 0 for never"] = 0
    seed: Annotated[int, "of weights, order and augmentation"] = 0
    threads: Annotated[int, "of the processor; with another number sums round otherwise"] = 1
    device: Annotated[str, "cpu, cuda, cuda:1, ..."] = "cpu"
    dtype: Annotated[str, "float32 or float64"] = "float32"
    amp: Annotated[bool, "autocast to bfloat16"] = False
    channels_last: Annotated[bool, "channels last in memory"] = False
    compile: Annotated[bool, "torch.compile"] = False
    norms: Annotated[tuple[str, ...], "parameters whose gradients' norms are kept"] = ()
    log: Annotated[int, "keep the mean loss of so many steps each, or 0 for of epochs alone"] = 100
    checkpoint: Annotated[int, "keep the state after so many steps each, or 0 for after epochs alone"] = 0

    def __post_init__(self) -> None:
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if float in kind and type(value) is int:
                with suppress(OverflowError):
                    value = float(value)
            if tuple in kind and isinstance(value, list):
                value = tuple(value)
            object.__setattr__(self, name, value)
            if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
                raise Refused(f"{name} = {value!r}; it must be {SAID[kind[0]]}")
            low, high = LEAST.get(name, 0), MOST.get(name, LARGEST)
            if isinstance(value, int) and not low <= value <= high:
                right = f"{low} or more, and less than 2**63" if high == LARGEST else f"from {low} to {high}"
                raise Refused(f"{name} = {value!r}; it must be {right}")
            if isinstance(value, float) and not 0 <= value < inf:
                raise Refused(f"{name} = {value!r}; it must be 0 or more, and finite")
            if isinstance(value, tuple) and not all(isinstance(part, str) for part in value):
                raise Refused(f"{name} = {short(list(value))}; it must be {SAID[tuple]}")
            if name in CHOICES and value not in CHOICES[name]:
                raise Refused(unknown(name, value, CHOICES[name]))
        optimizer_class(self.rule)
        try:
            json.dumps(self.options, allow_nan=False)
        except (TypeError, ValueError):
            raise Refused(
                f"options = {short(self.options)}; they must be numbers, words, true, false or lists"
            ) from None
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise Refused(f"device = {self.device!r}; it must be cpu, cuda, or cuda:1, say")
        if self.device != "cpu" and int(self.device[5:] or 0) >= torch.cuda.device_count():
            raise Refused(f"device = {self.device!r}; torch finds no such device here, cpu is always there")

    def having(self, **changes: Any) -> "Config":
        """The same with some settings changed."""
        return replace(self, **changes)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"norms": list(self.norms)}


HINTS = get_type_hints(Config, include_extras=True)
KINDS: dict[str, tuple[type, ...]] = {
    name: tuple(get_origin(kind) or kind for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))
    for name, hint in get_type_hints(Config).items()
}
SAID = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    dict: "a table of arguments",
    tuple: "a list of parameters' names",
}
LEAST = dict.fromkeys(("train_size", "test_size", "epochs", "batch", "threads"), 1)  # 0 of all others
MOST = {"threads": 1024}
LARGEST = 2**63 - 1  # of torch's integers
CHOICES = {
    "dataset": DATASETS,
    "model": MODELS,
    "norm": NORMS,
    "init": INITS,
    "dtype": ("float32", "float64"),
}


def from_file(path: str | Path) -> dict[str, Any]:
    """The settings in a TOML file, which a Config takes."""
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{str(path)!r} cannot be read as TOML: {error}") from None
    return known(settings, str(path))


def known(settings: dict[str, Any], where: str) -> dict[str, Any]:
    """The settings, all of which a Config has."""
    for name in settings:
        if name not in KINDS:
            raise Refused(f"{where}: {unknown('setting', name, KINDS)}")
    return settings


def add_arguments(parser: argparse.ArgumentParser, but: Container[str] = ()) -> None:
    """Every setting of a Config as an option of a command, `but` some; those that were not given are absent."""
    for name, hint in HINTS.items():
        if name in but:
            continue
        kind = KINDS[name][0]
        how: dict[str, Any] = {"help": hint.__metadata__[0], "default": argparse.SUPPRESS}
        if kind is bool:
            how["action"] = argparse.BooleanOptionalAction
        elif kind is dict:
            how |= {"nargs": "+", "action": "extend", "type": argument, "metavar": "NAME=VALUE"}
        elif kind is tuple:
            how |= {"nargs": "+", "action": "extend", "metavar": "NAME"}
        else:
            how |= {"type": kind, "metavar": kind.__name__.upper()}
        parser.add_argument(f"--{name.replace('_', '-')}", **how)


def argument(text: str) -> tuple[str, Any]:
    """NAME=VALUE, where the value is what TOML reads it as, or else a word."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}; it must be NAME=VALUE, as in momentum=0.9")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that a command was given."""
    found = {name: value for name, value in vars(arguments).items() if name in KINDS}
    return found | ({"options": dict(found["options"])} if "options" in found else {})
