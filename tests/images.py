"""Small images of a few classes, drawn from a seed; python -m tests.images is experiments.train on them."""

import sys

import pytest

torch = pytest.importorskip("torch")

from experiments import train  # noqa: E402
from experiments.data import Dataset, Split  # noqa: E402
from experiments.errors import command  # noqa: E402

SHAPE = (3, 8, 8)


def images(training=200, test=100, shape=SHAPE, classes=10, name="cifar10"):
    """A data set on which a perceptron learns much within an epoch."""
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (training + test,), generator=draws)
    centers = torch.randint(40, 216, (classes, *shape), generator=draws)
    noise = 60 * torch.randn((training + test, *shape), generator=draws)
    whole = Split((centers[labels] + noise).clamp(0, 255).to(torch.uint8), labels)
    parts = whole.first(training), whole.take(torch.arange(training, training + test))
    return Dataset(name, *parts, classes, mean=(0.5,) * shape[0], std=(0.25,) * shape[0], note="")


def of_name(name, folder=None):
    """Those of cifar10 make a perceptron's state so large that it takes a while to write."""
    return images(shape=(3, 64, 64) if name == "cifar10" else (1, 8, 8), name=name)


def main(arguments):
    train.load = of_name
    sys.argv[1:] = map(str, arguments)
    command(train.main)


if __name__ == "__main__":
    main(sys.argv[1:])
