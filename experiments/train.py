"""The trainer: one run, from a Config to a folder with its numbers.

    python -m experiments.train run.toml --rule pid --lr 0.05 --out runs/pid
    torchrun --nproc-per-node 2 -m experiments.train run.toml

The folder holds config.json; metrics.jsonl with a line for every epoch, and for every so many steps; last.pt to go on
from; and result.json once the run has ended. The same command goes on where a run was stopped, within an epoch too, and
on the CPU ends with the bits of a run that never was. Under torchrun each batch is shared by all processes.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from inspect import signature
from math import isfinite, nan
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import Any, NoReturn

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from experiments import models
from experiments.config import Config, add_arguments, from_file, given, optimizer_class
from experiments.data import Dataset, Split, augmented, load, normalized
from experiments.errors import Refused, command
from experiments.folder import ELSE, Folder
from momentumlab.errors import short, unknown
from momentumlab.ops import slice_mean

tqdm.set_lock(RLock())  # its own lock is a semaphore, which a process that is stopped leaves behind with a warning

DIVERGED = 1e3  # a mean loss above it, or one that is not finite
EVALUATED = 1000  # images at once


@dataclass(frozen=True, eq=False)
class Run:
    """What came out.

    Attributes
    ----------
    config : Config
    status : str
        "finished", or "diverged" with the reason.
    records : list of dict
        The lines of metrics.jsonl.
    note : str
        What of the data set was not whole.
    """

    config: Config
    status: str
    reason: str
    records: list[dict[str, Any]]
    note: str

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The records of whole epochs."""
        return [record for record in self.records if "epoch" in record]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The records of mean losses between epochs' ends."""
        return [record for record in self.records if "epoch" not in record]

    @property
    def last(self) -> dict[str, Any]:
        """The numbers of the last whole epoch, nan where there is none."""
        return self.epochs[-1] if self.epochs else dict.fromkeys(EPOCH, nan)


EPOCH = (
    *("lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    *("seconds", "data_seconds", "test_seconds"),
)
"""What a run says of an epoch. Training's loss and accuracy are means over its batches, before each step."""


# ------------------------------------------------------------------ the run


@dataclass
class State:
    """How far a run is."""

    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # of the epoch: losses, right answers, images
    seconds: float = 0.0  # of the epoch
    data_seconds: float = 0.0


def train(
    config: Config,
    out: str | Path | None = None,
    data: Dataset | None = None,
    model: nn.Module | None = None,
    quiet: bool = False,
) -> Run:
    """Train a network, or go on with it.

    Parameters
    ----------
    config : Config
    out : path, optional
        The folder of the run; without one nothing is written, and nothing can go on.
    data : Dataset, optional
        Where it is loaded already.
    model : nn.Module, optional
        A network to train instead of a new one; it is changed.
    quiet : bool
        Without a progress bar.

    Raises
    ------
    Refused
        Where the data or what lies in the folder cannot be used, or the folder cannot be written to.
    """
    torch.set_num_threads(config.threads)
    folder = Folder(out, config, writes=rank() == 0)
    if ended := folder.ended():
        return Run(config, records=folder.records, **ended)
    with folder.held():
        return in_folder(folder, data, model, quiet)


def in_folder(folder: Folder, data: Dataset | None, model: nn.Module | None, quiet: bool) -> Run:
    """The steps that are left of a run, and its numbers."""
    config = folder.config
    data = (load(config.dataset) if data is None else data).to(config.device)
    training, test = splits(config, data)
    feed = Feed(config, data, training)
    model = model_of(config, data) if model is None else model
    layout = torch.channels_last if config.channels_last else torch.preserve_format
    model.to(device=config.device, dtype=getattr(torch, config.dtype), memory_format=layout)
    optimizer = optimizer_of(config, model)
    first = [group["lr"] for group in optimizer.param_groups]
    norms = watched(config, model)
    state = resumed(folder, model, optimizer)
    steps, reason = config.epochs * feed.steps, ""
    if state.step > steps:
        raise Refused(f"epochs = {config.epochs}; {str(folder.path)!r} has gone further than that; {ELSE}")
    folder.begin()
    net: Any = DistributedDataParallel(model) if dist.is_initialized() else model
    net = torch.compile(net) if config.compile else net

    sums = torch.zeros(3, dtype=torch.float64, device=config.device)  # since the last look
    with tqdm(total=steps, initial=state.step, unit="step", disable=quiet or None, leave=False, delay=2) as bar:
        while state.step < steps and not reason:
            began = perf_counter()
            epoch, index = divmod(state.step, feed.steps)
            for group, lr in zip(optimizer.param_groups, first, strict=True):
                group["lr"] = lr * config.decay ** (epoch // config.every if config.every else 0)
            images, labels, count = feed.batch(epoch, index)
            state.data_seconds += perf_counter() - began
            optimizer.zero_grad()
            with autocast(config):
                outputs = net(images)
                loss = nn.functional.cross_entropy(outputs, labels, reduction="sum")
            (loss * (ranks() / count)).backward()
            optimizer.step()
            sums += torch.stack(
                [loss.detach(), (outputs.detach().argmax(1) == labels).sum(), images.new_tensor(len(labels))]
            )
            state.step += 1
            state.seconds += perf_counter() - began
            bar.update()

            ends = index + 1 == feed.steps
            due = ends or (config.checkpoint and state.step % config.checkpoint == 0)
            if due or (config.log and state.step % config.log == 0):
                reason = look(state, folder, sums, norms)
            if due and not reason and not all(p.isfinite().all() for p in model.parameters()):
                reason = f"a weight was not finite after step {state.step}"
            if ends and not reason:
                record = epoch_record(config, state, optimizer, model, feed, test)
                if not isfinite(record["test_loss"]):
                    reason = f"the test loss was {record['test_loss']} after step {state.step}"
                    break
                folder.write(record)
                state.sums, state.seconds, state.data_seconds = [0.0, 0.0, 0.0], 0.0, 0.0
            if due and not reason:
                folder.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": asdict(state)})
    status = "diverged" if reason else "finished"
    folder.finish({"status": status, "reason": reason, "note": data.note})
    return Run(config, status, reason, folder.records, data.note)


# ------------------------------------------------------------------ its parts


def resumed(folder: Folder, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """How far the run in a folder is, and the model and the optimizer as they were there."""
    kept = folder.load()
    if not kept:
        return State()
    try:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        return State(**kept["state"])
    except Exception as error:
        why = " ".join(str(error).split())
        raise Refused(f"{str(folder.path / 'last.pt')!r} holds another model or optimizer ({why}); {ELSE}") from None


def splits(config: Config, data: Dataset) -> tuple[Split, Split]:
    """What is trained on, and what is tested on: the test set, or what the training set holds out."""
    for name, split in (("train_size", data.train), ("test_size", data.test)):
        if (size := getattr(config, name)) is not None and size > len(split):
            raise Refused(f"{name} = {size}; {data.name} has {len(split)} such images")
    rest = len(data.train) - config.validation
    if rest < (config.train_size or 1):
        raise Refused(f"validation = {config.validation}; that leaves {rest} training images of {len(data.train)}")
    training = data.train.first(config.train_size or rest)
    test = data.train.take(torch.arange(rest, len(data.train))) if config.validation else data.test
    return training, test.first(min(config.test_size or len(test), len(test)))


def model_of(config: Config, data: Dataset) -> nn.Module:
    """The network of a run, for the images and the classes of its data."""
    shape = tuple(data.train.images.shape[1:])
    return models.build(
        config.model, shape, data.classes, norm=config.norm, standardized=config.standardized, init=config.init,
        seed=config.seed,
    )  # fmt: skip


def optimizer_of(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a run, with its step size, decay and options."""
    named = {} if config.lr is None else {"lr": config.lr}
    named |= {"weight_decay": config.weight_decay} if config.weight_decay else {}
    named |= {"centralize": True} if config.centralize else {}
    if twice := [name for name in named if name in config.options]:
        raise Refused(f"options: {twice[0]} = {config.options[twice[0]]!r}; it is a setting of its own already")
    cls = optimizer_class(config.rule)
    for name, value in config.options.items():
        flag = getattr(signature(cls).parameters.get(name), "default", None)
        if isinstance(flag, bool) and not isinstance(value, bool) and name != "centralize":
            raise Refused(f"options: {name} = {short(value)}; it must be true or false")
    if config.options.get("differentiable"):
        raise Refused("options: differentiable = True; the trainer does not differentiate through steps, leave it out")
    try:
        optimizer = cls(model.parameters(), **named, **config.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Refused(str(error)) from None
    if "lr" not in optimizer.param_groups[0]:
        raise Refused(f"rule = {config.rule!r}; it has no lr, which the trainer moves")
    return optimizer


def watched(config: Config, model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters whose gradients' norms are kept."""
    named = dict(model.named_parameters())
    for name in config.norms:
        if name not in named:
            raise Refused(unknown("parameter", name, named))
    return {name: named[name] for name in config.norms}


class Feed:
    """The training set, batch by batch, on its device; a batch is the same whoever asks, and when."""

    def __init__(self, config: Config, data: Dataset, training: Split) -> None:
        self.config, self.data, self.labels = config, data, training.labels
        self.dtype = getattr(torch, config.dtype)
        self.images = training.images if config.augment or config.cutout else self.normalized(training.images)
        self.steps = -(-len(training) // config.batch)
        self.epoch = -1
        smallest = len(training) - (self.steps - 1) * config.batch
        if smallest < ranks():
            raise Refused(f"batch = {config.batch}; the last one of {smallest} cannot be shared by {ranks()} processes")

    def normalized(self, images: Tensor) -> Tensor:
        images = normalized(images, self.data.mean, self.data.std, self.dtype)
        return images.contiguous(memory_format=torch.channels_last) if self.config.channels_last else images

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor, int]:
        """This process's images and labels, and how many all processes have together."""
        config = self.config
        if epoch != self.epoch:
            order = torch.randperm(len(self.labels), generator=generator(config.seed, 0, epoch))
            order = order.to(self.labels.device)
            self.epoch, self.chosen = epoch, order.split(config.batch)
            self.answers = self.labels[order].split(config.batch)
        images, labels = self.images.index_select(0, self.chosen[index]), self.answers[index]
        if config.augment or config.cutout:
            draws = generator(config.seed, 1, epoch * self.steps + index)
            pad, flip = (4, True) if config.augment else (0, False)
            images = self.normalized(augmented(images, draws, pad=pad, flip=flip, cutout=config.cutout))
        count = len(labels)
        if ranks() > 1:
            images, labels = (whole.tensor_split(ranks())[rank()] for whole in (images, labels))
        return images, labels, count


def generator(*seeds: int) -> torch.Generator:
    """Random numbers that follow from these alone."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]))


def look(state: State, folder: Folder, sums: Tensor, norms: dict[str, nn.Parameter]) -> str:
    """Write down the mean loss since the last look; say what is wrong with it."""
    if dist.is_initialized():
        dist.all_reduce(sums)
    found = sums.tolist()
    sums.zero_()
    state.sums = [a + b for a, b in zip(state.sums, found, strict=True)]
    loss = found[0] / found[2]
    if not loss <= DIVERGED:
        return f"the loss was {loss:.3g} at step {state.step}"
    record: dict[str, Any] = {"step": state.step, "loss": loss}
    for name, parameter in norms.items():
        if (g := parameter.grad) is not None:
            record[name] = [g.norm().item(), (g - slice_mean(g)).norm().item()]
            if not all(map(isfinite, record[name])):
                return f"the gradient of {name} was not finite at step {state.step}"
    folder.write(record)
    return ""


def epoch_record(
    config: Config, state: State, optimizer: torch.optim.Optimizer, model: nn.Module, feed: Feed, test: Split
) -> dict[str, Any]:
    """The line of an epoch, for which the model is tested."""
    began = perf_counter()
    model.eval()
    with autocast(config):
        test_loss, test_accuracy = evaluate(model, feed, test)
    model.train()
    losses, right, images = state.sums
    found = (losses / images, right / images, test_loss, test_accuracy)
    spent = (state.seconds, state.data_seconds, perf_counter() - began)
    values = (optimizer.param_groups[0]["lr"], *found, *spent)
    return {"epoch": state.step // feed.steps, "step": state.step, **dict(zip(EPOCH, values, strict=True))}


def evaluate(forward: Callable[[Tensor], Tensor], feed: Feed, test: Split) -> tuple[float, float]:
    """The mean loss and the accuracy."""
    sums = torch.zeros(2, dtype=torch.float64, device=test.labels.device)
    with torch.inference_mode():
        for images, labels in zip(test.images.split(EVALUATED), test.labels.split(EVALUATED), strict=True):
            outputs = forward(feed.normalized(images))
            sums[0] += nn.functional.cross_entropy(outputs, labels, reduction="sum")
            sums[1] += (outputs.argmax(1) == labels).sum()
    if dist.is_initialized():  # each process has statistics of its own in its batch norms
        dist.broadcast(sums, 0)
    loss, right = (sums / len(test)).tolist()
    return loss, right


def autocast(config: Config) -> torch.autocast:
    """In bfloat16, where that is asked for."""
    return torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.amp)


# ------------------------------------------------------------------ processes


def rank() -> int:
    """Which of the processes this is."""
    return dist.get_rank() if dist.is_initialized() else 0


def ranks() -> int:
    """How many processes share the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def joined(config: Config) -> Config:
    """Under torchrun, join the other processes: NCCL between GPUs, gloo between processors."""
    if "RANK" not in os.environ:
        return config
    if on_gpu := config.device.startswith("cuda"):
        config = config.having(device=f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(config.device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    return config


def leave(code: int) -> NoReturn:
    """Under torchrun, once all processes are as far."""
    if dist.is_initialized():
        dist.barrier()
        sys.stdout.flush()
        os._exit(code)  # gloo aborts now and then where it is taken down
    raise SystemExit(code)


# ------------------------------------------------------------------ the command


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.train", description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", help="settings in TOML; those below come before them")
    parser.add_argument("--out", type=Path, help="the folder of the run (default: nothing is written)")
    parser.add_argument("--data", help="where the files of the data sets are")
    add_arguments(parser)
    arguments = parser.parse_args()
    settings = (from_file(arguments.file) if arguments.file else {}) | given(arguments)
    config = joined(Config(**settings))
    run = train(config, arguments.out, load(config.dataset, arguments.data))
    if rank() == 0:
        print(told(run))
    leave(int(run.status == "diverged"))


def told(run: Run) -> str:
    """One sentence on how it ended."""
    which, note = f"{run.config.rule} on {run.config.dataset}", f" ({run.note})" if run.note else ""
    if run.status == "diverged":
        return f"{which} diverged: {run.reason}{note}"
    last = run.last
    figures = f"loss {last['train_loss']:.4g}, test accuracy {last['test_accuracy']:.2%}"
    return f"{which} after {run.config.epochs} epoch{'s' * (run.config.epochs > 1)}: {figures}{note}"


if __name__ == "__main__":
    command(main)
