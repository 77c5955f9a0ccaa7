"""The networks: a perceptron for MNIST, and residual networks for images of 32 × 32 pixels."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from experiments.errors import Refused
from momentumlab.errors import unknown


def build(
    name: str,
    shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    *,
    norm: str = "batch",
    standardized: bool = False,
    init: str = "default",
    seed: int = 0,
) -> nn.Module:
    """A network by name; the same seed gives the same weights.

    Parameters
    ----------
    name : str
        "mlp", "resnet8", "resnet18" or "resnet50".
    shape : (int, int, int)
        Of an image: channels, rows, columns.
    norm : str
        "batch" or "group", of residual networks.
    standardized : bool
        Convolutions by weights of mean 0 and variance 1 in each output channel (Qiao et al., 2019).
    init : str
        "default", which is torch's, or Xavier's or Kaiming's: "xavier_uniform", "xavier_normal", "kaiming_uniform",
        "kaiming_normal".

    Examples
    --------
    >>> sum(p.numel() for p in build("resnet18").parameters())
    11173962
    """
    for kind, given, known in (("model", name, MODELS), ("norm", norm, NORMS), ("init", init, INITS)):
        if given not in known:
            raise Refused(unknown(kind, given, known))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        conv = StandardizedConv2d if standardized else nn.Conv2d
        model = MODELS[name](shape=shape, classes=classes, conv=partial(conv, bias=False), norm=NORMS[norm])
        for layer in model.modules():
            if init != "default" and isinstance(layer, nn.Conv2d | nn.Linear):
                INITS[init](layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
    return model


class StandardizedConv2d(nn.Conv2d):
    """A convolution by its weights less their mean, over their standard deviation, in each output channel."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        weight = (self.weight - mean) / (variance + 1e-10).sqrt()
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Basic(nn.Module):
    """He et al. (2016): two convolutions of 3 × 3 beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, conv: Callable, norm: Callable) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(conv(inputs, width, 3, stride=stride, padding=1), norm(width), nn.ReLU()),
            *(conv(width, width, 3, padding=1), norm(width)),
        )
        self.shortcut = shortcut(inputs, width, stride, conv, norm)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.inner(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """He et al. (2016): convolutions of 1 × 1, 3 × 3 and 1 × 1 beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, conv: Callable, norm: Callable) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(conv(inputs, width, 1), norm(width), nn.ReLU()),
            *(conv(width, width, 3, stride=stride, padding=1), norm(width), nn.ReLU()),
            *(conv(width, 4 * width, 1), norm(4 * width)),
        )
        self.shortcut = shortcut(inputs, 4 * width, stride, conv, norm)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.inner(x) + self.shortcut(x))


def shortcut(inputs: int, outputs: int, stride: int, conv: Callable, norm: Callable) -> nn.Module:
    """The identity, or where sizes differ a convolution of 1 × 1."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(conv(inputs, outputs, 1, stride=stride), norm(outputs))


class ResNet(nn.Module):
    """A stem of 3 × 3, stages that halve the image from the second on, and a linear layer on what is left, averaged."""

    def __init__(
        self,
        block: type[Basic] | type[Bottleneck],
        blocks: tuple[int, ...],
        widths: tuple[int, ...],
        *,
        shape: tuple[int, int, int],
        classes: int,
        conv: Callable,
        norm: Callable,
    ) -> None:
        super().__init__()
        self.conv1 = conv(shape[0], widths[0], 3, padding=1)
        self.norm1 = norm(widths[0])
        stages, inputs = [], widths[0]
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for j in range(count):
                stages.append(block(inputs, width, 2 if stage and not j else 1, conv, norm))
                inputs = width * block.expansion
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(nn.functional.relu(self.norm1(self.conv1(x))))
        return self.fc(x.mean(dim=(2, 3)))


def mlp(*, shape: tuple[int, int, int], classes: int, conv: Any, norm: Any) -> nn.Module:
    """784-200-10: one hidden layer of 200 ReLUs."""
    pixels = shape[0] * shape[1] * shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 200), nn.ReLU(), nn.Linear(200, classes))


def group_norm(channels: int) -> nn.GroupNorm:
    """Wu & He (2018): 32 groups, fewer where that were less than four channels each."""
    return nn.GroupNorm(min(32, channels // 4), channels)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "resnet8": partial(ResNet, Basic, (1, 1, 1), (16, 32, 64)),
    "resnet18": partial(ResNet, Basic, (2, 2, 2, 2), (64, 128, 256, 512)),
    "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3), (64, 128, 256, 512)),
}
NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm2d, "group": group_norm}
INITS: dict[str, Callable[..., Any]] = {
    "default": lambda weight: weight,
    "xavier_uniform": partial(nn.init.xavier_uniform_, gain=nn.init.calculate_gain("relu")),
    "xavier_normal": partial(nn.init.xavier_normal_, gain=nn.init.calculate_gain("relu")),
    "kaiming_uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "kaiming_normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
}
