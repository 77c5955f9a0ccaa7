"""The trainer keeps its promises: the same bits wherever a run was stopped, and a sentence where it cannot go on."""

import errno
import json
import math
import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from threading import RLock

import pytest
from tqdm import tqdm

torch = pytest.importorskip("torch")

from experiments import models  # noqa: E402
from experiments import train as trainer  # noqa: E402
from experiments.config import RULES, Config, from_file  # noqa: E402
from experiments.errors import Refused, command  # noqa: E402
from experiments.train import Feed, splits, train  # noqa: E402
from tests.images import images, of_name  # noqa: E402
from tests.images import main as command_line  # noqa: E402

ROOT = Path(__file__).parent.parent
DATA = images()
PLAIN = {"fused": False}  # nothing to compile
TIMES = {"seconds", "data_seconds", "test_seconds"}


def config(**settings):
    """Seven steps an epoch."""
    return Config(**{"rule": "heavy_ball", "options": PLAIN, "batch": 32, "epochs": 2, "log": 3} | settings)


def run(out=None, net=None, data=DATA, **settings):
    return train(config(**settings), out, data, net, quiet=True)


def numbers(records):
    return [{name: value for name, value in record.items() if name not in TIMES} for record in records]


def state(folder):
    return torch.load(folder / "last.pt", weights_only=True)


def written(folder):
    """The lines of metrics.jsonl, each strictly JSON."""

    def strict(constant):
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=strict) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def same(a, b):
    """Equal in kind and to the last bit, tensors included."""
    if isinstance(a, torch.Tensor):
        return a.dtype is b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def assert_same(folder, whole, lines=True):
    """Both folders hold the same weights, memory and numbers."""
    one, other = state(folder), state(whole)
    for name in ("model", "optimizer"):
        assert same(one[name], other[name]), name
    assert one["state"]["step"] == other["state"]["step"]
    if lines:
        assert numbers(written(folder)) == numbers(written(whole))


class Stopped(Exception):
    pass


def stop_at(monkeypatch, step, batch=Feed.batch):
    """Raise where the batch after so many steps is asked for; counts from where a run begins."""
    calls = count()

    def stopping(self, epoch, index):
        if next(calls) == step:
            raise Stopped
        return batch(self, epoch, index)

    monkeypatch.setattr(Feed, "batch", stopping)


def cli(monkeypatch, capsys, *arguments):
    """The exit code of the command, and the line that it prints."""
    monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
    monkeypatch.setattr(trainer, "load", lambda name, folder=None: DATA)
    with pytest.raises(SystemExit) as ended:
        command(trainer.main)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


SMALL = ("--batch", 32, "--epochs", 1, "--options", "fused=false")


# ------------------------------------------------------------------ networks


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("mlp", (1, 28, 28), 159_010),
        ("resnet8", (3, 32, 32), 78_042),
        ("resnet18", (3, 32, 32), 11_173_962),
        ("resnet50", (3, 32, 32), 23_520_842),
    ],
)
def test_networks_have_as_many_parameters_as_papers_say(name, shape, parameters):
    with torch.device("meta"):
        model = models.build(name, shape)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_residual_network_halves_the_image_at_each_stage_but_the_first(norm):
    model = models.build("resnet8", norm=norm)
    sizes = []
    for block in model.stages:
        block.register_forward_hook(lambda block, x, y: sizes.append(tuple(y.shape[1:])))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert sizes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_standardised_weights_have_mean_0_and_variance_1_in_each_output_channel():
    torch.manual_seed(0)
    conv = models.StandardizedConv2d(3, 5, 3, bias=False)
    basis = torch.eye(27).view(27, 3, 3, 3)
    weights = conv(basis).view(27, 5)
    assert torch.allclose(weights.mean(0), torch.zeros(5), atol=1e-6)
    assert torch.allclose(weights.var(0), torch.ones(5), atol=1e-5)
    model = models.build("resnet8", standardized=True)
    convs = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(convs) == 9 and all(type(layer) is models.StandardizedConv2d for layer in convs)


@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"])
def test_weights_start_as_torch_names_it(name):
    gain = {"gain": math.sqrt(2)} if "xavier" in name else {"nonlinearity": "relu"}
    model = models.build("mlp", (1, 8, 8), init=name, seed=7)
    torch.manual_seed(7)
    layers = [torch.nn.Linear(64, 200), torch.nn.Linear(200, 10)]
    for mine, layer in zip([model[1], model[3]], layers, strict=True):
        getattr(torch.nn.init, f"{name}_")(layer.weight, **gain)
        assert torch.equal(mine.weight, layer.weight)
        assert not mine.bias.any()


def test_a_network_follows_from_its_seed_and_leaves_torchs_own_alone():
    torch.manual_seed(3)
    draw = torch.get_rng_state()
    one, again, other = (models.build("resnet8", seed=seed).state_dict() for seed in (1, 1, 2))
    assert same(one, again)
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])
    assert torch.equal(torch.get_rng_state(), draw)


# ------------------------------------------------------------------ what a run is


def test_the_same_seed_is_the_same_run_and_another_seed_another(tmp_path):
    one, again, other = (run(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert_same(tmp_path / "a", tmp_path / "b")
    assert one.last["test_accuracy"] > 0.5  # it learns
    assert numbers(one.records) == numbers(again.records) == numbers(written(tmp_path / "a"))
    assert one.last["train_loss"] != other.last["train_loss"]


def test_every_epoch_takes_every_image_once_in_an_order_of_its_own():
    settings = config(train_size=70)
    training, _ = splits(settings, DATA)
    feed = Feed(settings, DATA, training)
    orders = []
    for epoch in range(2):
        batches = [feed.batch(epoch, index) for index in range(feed.steps)]
        assert [count for _, _, count in batches] == [32, 32, 6]
        whole = torch.cat([pixels for pixels, _, _ in batches])
        order = (whole[:, None] - feed.images[None]).flatten(2).abs().amax(2).argmin(1)
        assert sorted(order.tolist()) == list(range(70))
        orders.append(order.tolist())
    assert orders[0] != orders[1]


def test_processes_share_a_batch(monkeypatch):
    feed = Feed(config(), DATA, DATA.train)
    whole, labels, _ = feed.batch(0, 6)
    assert len(whole) == 8
    shares = []
    monkeypatch.setattr(trainer, "ranks", lambda: 3)
    for rank in range(3):
        monkeypatch.setattr(trainer, "rank", lambda rank=rank: rank)
        shares.append(feed.batch(0, 6))
    assert [len(share[0]) for share in shares] == [3, 3, 2] and {share[2] for share in shares} == {8}
    assert torch.equal(torch.cat([share[0] for share in shares]), whole)
    assert torch.equal(torch.cat([share[1] for share in shares]), labels)
    with pytest.raises(Refused, match="batch = 66; the last one of 2 cannot be shared by 3 processes"):
        Feed(config(batch=66), DATA, DATA.train)


def test_one_step_is_the_mean_loss_of_its_batch():
    model = models.build("mlp", (3, 8, 8), seed=4).double()
    pixels = (DATA.train.images.double() / 255 - 0.5) / 0.25
    loss = torch.nn.functional.cross_entropy(model(pixels), DATA.train.labels)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    expected = [p - 0.1 * g for p, g in zip(model.parameters(), grads, strict=True)]
    moved = models.build("mlp", (3, 8, 8), seed=4)
    found = run(net=moved, rule="gradient_descent", lr=0.1, batch=200, epochs=1, dtype="float64", norms=("1.weight",))
    assert found.last["train_loss"] == pytest.approx(loss.item(), rel=1e-12)
    for p, e in zip(moved.parameters(), expected, strict=True):
        assert torch.allclose(p, e, rtol=0, atol=1e-14)
    test = torch.nn.functional.cross_entropy(moved((DATA.test.images.double() / 255 - 0.5) / 0.25), DATA.test.labels)
    assert found.last["test_loss"] == pytest.approx(test.item(), rel=1e-12)


def test_norms_are_those_of_the_gradient_as_autograd_has_it():
    model = models.build("resnet8", seed=2).double()
    name = "stages.1.inner.0.weight"
    pixels = (DATA.train.images.double() / 255 - 0.5) / 0.25
    torch.nn.functional.cross_entropy(model(pixels), DATA.train.labels).backward()
    g = dict(model.named_parameters())[name].grad
    centred = g - g.mean((1, 2, 3), keepdim=True)
    shaped = {"model": "resnet8", "centralize": True, "weight_decay": 0.1, "norms": (name,), "seed": 2}
    found = run(batch=200, epochs=1, dtype="float64", **shaped).steps[0][name]
    assert found == pytest.approx([g.norm().item(), centred.norm().item()], rel=1e-10)


@pytest.mark.parametrize(("decay", "every"), [(0.5, 50), (0.1, 60)])
def test_the_step_size_is_multiplied_after_so_many_epochs(decay, every):
    epochs = 2 * every + 1
    found = run(lr=0.08, decay=decay, every=every, epochs=epochs, train_size=2, test_size=1, batch=2, log=0)
    lr = [record["lr"] for record in found.epochs]
    assert lr == pytest.approx([0.08] * every + [0.08 * decay] * every + [0.08 * decay**2], rel=1e-12)


def test_what_is_held_out_is_not_trained_on():
    training, test = splits(config(validation=40), DATA)
    assert (len(training), len(test)) == (160, 40)
    assert torch.equal(torch.cat([training.images, test.images]), DATA.train.images)
    training, test = splits(config(validation=40, train_size=100, test_size=30), DATA)
    assert torch.equal(training.images, DATA.train.images[:100])
    assert torch.equal(test.images, DATA.train.images[160:190])
    assert len(splits(config(validation=40, test_size=90), DATA)[1]) == 40
    training, test = splits(config(train_size=50, test_size=20), DATA)
    assert torch.equal(training.labels, DATA.train.labels[:50]) and torch.equal(test.labels, DATA.test.labels[:20])
    for wrong, sentence in (
        (dict(train_size=201), "train_size = 201; cifar10 has 200 such images"),
        (dict(test_size=101), "test_size = 101; cifar10 has 100 such images"),
        (dict(validation=200), "validation = 200; that leaves 0 training images of 200"),
        (dict(validation=150, train_size=60), "validation = 150; that leaves 50 training images"),
    ):
        with pytest.raises(Refused, match=sentence):
            splits(config(**wrong), DATA)


@pytest.mark.parametrize("how", [dict(amp=True), dict(channels_last=True), dict(dtype="float64")])
def test_other_ways_to_compute_give_about_the_same_losses(how):
    nets = [models.build("resnet8") for _ in range(2)]
    plain, other = (run(net=net, epochs=1, train_size=96, **more) for net, more in zip(nets, ({}, how), strict=True))
    assert [r["loss"] for r in other.steps] == pytest.approx([r["loss"] for r in plain.steps], rel=0.03)
    if "channels_last" in how:
        assert nets[1].conv1.weight.stride() != nets[0].conv1.weight.stride()
    else:
        assert other.last["train_loss"] != plain.last["train_loss"]


# ------------------------------------------------------------------ going on

GOES_ON = [
    dict(rule="heavy_ball"),
    dict(rule="heavy_ball", options={}),
    dict(rule="rsgdm", augment=True, cutout=3, decay=0.5, every=1),
    dict(rule="adam", model="resnet8", norm="group", augment=True, dtype="float64"),
    dict(rule="pmg", lr=0.02, weight_decay=0.01, norms=("1.weight",)),
    dict(rule="pid", model="resnet8", channels_last=True, amp=True, train_size=96),
]


def stopped_and_resumed(tmp_path, monkeypatch, settings):
    whole, folder = tmp_path / "whole", tmp_path / "stopped"
    finished = run(whole, checkpoint=2, **settings)
    total = finished.last["step"]
    draws = random.Random(repr(settings))
    with monkeypatch.context() as patched:
        stop_at(patched, draws.randrange(1, total))
        with pytest.raises(Stopped):
            run(folder, checkpoint=2, **settings)
    assert not (folder / "result.json").exists()
    resumed = run(folder, checkpoint=2, **settings)
    assert_same(folder, whole)
    assert numbers(resumed.records) == numbers(finished.records)
    assert json.loads((folder / "result.json").read_text()) == json.loads((whole / "result.json").read_text())


@pytest.mark.parametrize("settings", GOES_ON, ids=str)
def test_a_run_that_was_stopped_ends_with_the_same_bits(settings, tmp_path, monkeypatch):
    stopped_and_resumed(tmp_path, monkeypatch, settings)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [rule for rule in RULES if "WPaper" not in rule])
def test_every_rule_goes_on_with_the_same_bits(rule, tmp_path, monkeypatch):
    stopped_and_resumed(tmp_path, monkeypatch, dict(rule=rule, options={}, augment=True, lr=0.001))


@pytest.mark.parametrize("step", [0, 1, 6, 7, 13])
def test_where_it_was_stopped_does_not_matter(step, tmp_path, monkeypatch):
    """Before the first state, within an epoch, on its last step, and after it."""
    run(tmp_path / "whole", checkpoint=3)
    with monkeypatch.context() as patched:
        stop_at(patched, step)
        with pytest.raises(Stopped):
            run(tmp_path / "stopped", checkpoint=3)
    run(tmp_path / "stopped", checkpoint=3)
    assert_same(tmp_path / "stopped", tmp_path / "whole")


def test_more_epochs_go_on_from_a_finished_run(tmp_path):
    run(tmp_path / "long", epochs=4)
    run(tmp_path / "short", epochs=2)
    before = written(tmp_path / "short")
    longer = run(tmp_path / "short", epochs=4)
    assert_same(tmp_path / "short", tmp_path / "long")
    assert longer.records[: len(before)] == before  # times too: nothing was done twice
    assert json.loads((tmp_path / "short" / "config.json").read_text())["epochs"] == 4
    with pytest.raises(Refused, match=r"epochs = 3; .* has gone further than that"):
        run(tmp_path / "short", epochs=3)
    assert run(tmp_path / "short", epochs=4).records == longer.records


def test_a_finished_run_is_read_and_not_trained(tmp_path, monkeypatch):
    first = run(tmp_path)
    stop_at(monkeypatch, 0)
    assert run(tmp_path).records == first.records  # with its times


def test_a_run_goes_on_where_its_lines_or_its_end_are_lost(tmp_path):
    first = run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 3, "loss"')
    assert run(tmp_path).records == first.records == written(tmp_path)
    (tmp_path / "metrics.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "result.json").unlink()
    assert run(tmp_path).records == first.records == written(tmp_path)


def test_a_run_that_goes_on_says_nothing_of_an_end(tmp_path, monkeypatch):
    run(tmp_path, epochs=1)
    stop_at(monkeypatch, 3)
    with pytest.raises(Stopped):
        run(tmp_path, epochs=2)
    assert not (tmp_path / "result.json").exists()


def test_divergence_ends_a_run_and_the_state_is_from_before(tmp_path, monkeypatch, capsys):
    said = ["--decay", 1e9, "--every", 1, "--epochs", 9, "--batch", 32, "--log", 3, "--options", "fused=false"]
    code, text = cli(monkeypatch, capsys, "--out", tmp_path, *said, "--dataset", "cifar10")
    assert code == 1
    assert re.fullmatch(r"heavy_ball on cifar10 diverged: the loss was \S+ at step \d+\n", text), text
    kept = state(tmp_path)
    assert kept["state"]["step"] == 7 and all(value.isfinite().all() for value in kept["model"].values())
    assert [record["epoch"] for record in written(tmp_path) if "epoch" in record] == [1]
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "diverged"
    assert cli(monkeypatch, capsys, "--out", tmp_path, *said, "--dataset", "cifar10") == (1, text)  # read, not trained


def test_what_is_not_finite_is_divergence_and_never_written(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "evaluate", lambda *_: (math.inf, 0.1))
    found = run(tmp_path / "test")
    assert (found.status, found.reason) == ("diverged", "the test loss was inf after step 7")
    assert math.isnan(found.last["test_loss"])
    written(tmp_path / "test")
    json.loads((tmp_path / "test" / "result.json").read_text())


# ------------------------------------------------------------------ what is refused


def damaged(folder, how):
    file = folder / "last.pt"
    whole = file.read_bytes()
    if how == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "a bit of a weight":
        at = len(whole) // 2
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    elif how == "text":
        file.write_text("hello")
    elif how == "a tensor":
        torch.save(torch.zeros(3), file)
    else:
        file.unlink()
        file.mkdir()


@pytest.mark.parametrize("how", ["truncated", "empty", "a bit of a weight", "text", "a tensor", "a folder"])
def test_a_damaged_state_is_refused_by_name(how, tmp_path):
    run(tmp_path, epochs=1)
    damaged(tmp_path, how)
    lines = written(tmp_path)
    with pytest.raises(Refused, match=r"last\.pt' is no state of a run, or is damaged \(.*\); delete the folder"):
        run(tmp_path, epochs=2)
    assert written(tmp_path) == lines


class Executes:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("save", [torch.save, lambda what, file: file.write_bytes(pickle.dumps(what))])
def test_nothing_in_a_state_is_executed(save, tmp_path):
    run(tmp_path / "run", epochs=1)
    save({"config": Executes(tmp_path / "marker")}, tmp_path / "run" / "last.pt")
    with pytest.raises(Refused, match="damaged"):
        run(tmp_path / "run", epochs=2)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (dict(model="resnet8"), "model is 'mlp' there and 'resnet8' here"),
        (dict(rule="adam"), "rule is 'heavy_ball' there and 'adam' here"),
        (dict(seed=1), "seed is 0 there and 1 here"),
        (dict(options={"momentum": 0.8}), "options is {'fused': False} there and {'momentum': 0.8} here"),
    ],
)
@pytest.mark.parametrize("without", [(), ("config.json", "result.json", "metrics.jsonl")])
def test_the_folder_of_another_run_is_refused(other, said, without, tmp_path):
    run(tmp_path, epochs=1)
    for name in without[:1]:  # config.json of the other one, last.pt of this
        (tmp_path / name).write_text(json.dumps(config(**other).record()))
    for name in without[1:]:
        (tmp_path / name).unlink()
    with pytest.raises(Refused, match=re.escape(f"holds another run: {said}")):
        run(tmp_path, epochs=2, **other)
    assert state(tmp_path)["state"]["step"] == 7


def test_a_state_of_another_network_is_refused(tmp_path):
    run(tmp_path, epochs=1)
    other = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 10))
    with pytest.raises(Refused, match=r"last\.pt' holds another model or optimizer"):
        run(tmp_path, net=other, epochs=2)


def test_files_that_are_of_no_run_are_left_alone(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("mine")
    with pytest.raises(Refused, match=r"has a metrics\.jsonl and no config\.json"):
        run(tmp_path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("metrics.jsonl", "mine")]
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(Refused, match=r"config\.json' cannot be read"):
        run(tmp_path)


@pytest.mark.parametrize("text", ["{}", "5", "{", '{"config": 3}'])
def test_an_end_that_says_nothing_is_refused(text, tmp_path):
    run(tmp_path, epochs=1)
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(Refused, match=r"result\.json' (cannot be read|does not say how a run ended) .*; delete"):
        run(tmp_path, epochs=1)


def test_a_refused_setting_leaves_no_folder_that_refuses_the_right_one(tmp_path):
    with pytest.raises(Refused, match="there is no option 'momentun'; did you mean 'momentum'"):
        run(tmp_path, options={"momentun": 0.9})
    assert run(tmp_path).status == "finished"


def test_one_process_alone_writes_to_a_folder(tmp_path, monkeypatch):
    def second(self, epoch, index):
        with pytest.raises(Refused, match=r"another process writes to .*; wait for it, or give --out"):
            run(tmp_path)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Feed, "batch", second)
        with pytest.raises(Stopped):
            run(tmp_path)
    assert run(tmp_path).status == "finished"


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/run"), tmp_path / ("a" * 300)):
        code, text = cli(monkeypatch, capsys, "--out", out, *SMALL)
        assert code == 2
        assert re.fullmatch(r"error: the run could not be written to .*; give --out elsewhere\n", text), text
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("name", ["last.pt", "metrics.jsonl", "result.json"])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(name, tmp_path, monkeypatch, capsys):
    run(tmp_path / "whole", epochs=2, log=0)
    run(tmp_path / "run", epochs=1, log=0)
    before = state(tmp_path / "run")

    def full(write, way):
        def refuse(path, *arguments, **options):
            mine = path.name == name or path.name.startswith(f".{Path(name).stem}-")
            if mine and (way != "open" or arguments[:1] == ("a",)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            return write(path, *arguments, **options)

        return refuse

    said = ["--out", tmp_path / "run", *SMALL, "--epochs", 2, "--log", 0]
    with monkeypatch.context() as patched:
        for way in ("write_bytes", "open"):
            patched.setattr(Path, way, full(getattr(Path, way), way))
        code, text = cli(patched, capsys, *said)
    assert (code, text.count("\n")) == (2, 1)
    assert re.match(rf"error: {name} could not be written to .*: no space left on device; free some, or give", text)
    left = {file.name for file in (tmp_path / "run").iterdir()}
    assert left - {"config.json", "metrics.jsonl", "last.pt", ".lock"} == set()
    if name != "result.json":
        assert same(state(tmp_path / "run"), before)
    assert cli(monkeypatch, capsys, *said)[0] == 0
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_a_file_that_ends_in_the_middle_does_not_take_the_place_of_a_whole_one(tmp_path):
    """The limit on the size of files lets a part of the state be written."""
    run(tmp_path, epochs=1)
    before = state(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(Refused, match=r"last\.pt could not be written"):
            run(tmp_path, epochs=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert same(state(tmp_path), before)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "metrics.jsonl", "last.pt", ".lock"}


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("lr = '0.1'", "lr = '0.1'; it must be a number"),
        ("lr = true", "lr = True; it must be a number"),
        ("lr = -1", "lr = -1.0; it must be 0 or more, and finite"),
        ("lr = inf", "lr = inf; it must be 0 or more, and finite"),
        ("lr = nan", "lr = nan; it must be 0 or more"),
        ("epochs = 2.5", "epochs = 2.5; it must be a whole number"),
        ("epochs = 0", "epochs = 0; it must be 1 or more, and less than 2\\*\\*63"),
        ("batch = 9223372036854775808", "batch = 9223372036854775808; it must be 1 or more, and less than 2"),
        ("cutout = 9223372036854775808", "cutout = 9223372036854775808; it must be 0 or more, and less than 2"),
        ("augment = 1", "augment = 1; it must be true or false"),
        ("seed = 18446744073709551616", "seed = 18446744073709551616; it must be 0 or more, and less than 2"),
        ("model = 'resnet'", "there is no model 'resnet'; did you mean 'resnet8'"),
        ("rule = 'heavy_bal'", "there is no rule 'heavy_bal'; did you mean 'HeavyBall'"),
        ("rule = 'sgdw_paper'", "rule = 'sgdw_paper'; it has no lr, which the trainer moves"),
        ("device = 'gpu'", "device = 'gpu'; it must be cpu, cuda, or cuda:1, say"),
        ("device = 'cuda:99'", "device = 'cuda:99'; torch finds no such device here"),
        ("norms = '1.weight'", "norms = '1.weight'; it must be a list of parameters' names"),
        ("norms = [['1.weight']]", "norms = .*; it must be a list of parameters' names"),
        ("norms = ['1.wieght']", "there is no parameter '1.wieght'; did you mean '1.weight'"),
        ("weightdecay = 1e-4", "run.toml: there is no setting 'weightdecay'; did you mean 'weight_decay'"),
        ("options = 3", "options = 3; it must be a table of arguments"),
        ("options.kd = 2020-01-01", "options = .*; they must be numbers, words, true, false or lists"),
        ("options.differentiable = true", "options: differentiable = True; the trainer does not differentiate"),
        ("options.decoupled = 'False'", "options: decoupled = 'False'; it must be true or false"),
        ("options = {fused = true, foreach = true}", "`fused` and `foreach` cannot be `True` together"),
        ("options.momentum = 1.5", "HeavyBall: momentum = 1.5 is outside its range"),
        ("lr = 0.1\noptions.lr = 0.2", "options: lr = 0.2; it is a setting of its own already"),
        ("lr = ", "run.toml' cannot be read as TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(toml, sentence, tmp_path, monkeypatch, capsys):
    (tmp_path / "run.toml").write_text(toml)
    code, text = cli(monkeypatch, capsys, tmp_path / "run.toml")
    assert (code, text.count("\n")) == (2, 1), text
    assert re.search(sentence, text), text


def test_a_bar_takes_no_semaphore_of_the_system():
    assert isinstance(tqdm.get_lock(), type(RLock()))


def test_the_command_line_comes_before_the_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "run.toml").write_text("lr = 0.5\nbatch = 100\nepochs = 1\n[options]\nfused = false\n")
    assert from_file(tmp_path / "run.toml") == {"lr": 0.5, "batch": 100, "epochs": 1, "options": {"fused": False}}
    out = tmp_path / "run"
    said = ["--lr", 0.25, "--options", "fused=false", "--options", "momentum=0.5", "dampening=0.1", "--rule", "sgd"]
    code, text = cli(monkeypatch, capsys, tmp_path / "run.toml", "--out", out, *said)
    assert code == 0
    assert re.fullmatch(r"sgd on mnist after 1 epoch: loss \S+, test accuracy \S+%\n", text), text
    kept = json.loads((out / "config.json").read_text())
    assert (kept["lr"], kept["batch"]) == (0.25, 100)
    assert kept["options"] == {"fused": False, "momentum": 0.5, "dampening": 0.1}
    group = state(out)["optimizer"]["param_groups"][0]
    assert (group["momentum"], group["dampening"]) == (0.5, 0.1)
    assert cli(monkeypatch, capsys, "--epochs", "two")[0] == 2
    assert cli(monkeypatch, capsys, tmp_path / "no.toml")[0] == 2


# ------------------------------------------------------------------ as processes


@pytest.mark.slow
def test_a_compiled_network_gives_about_the_same_losses():
    plain, compiled = (run(epochs=1, train_size=64, compile=way) for way in (False, True))
    assert [r["loss"] for r in compiled.steps] == pytest.approx([r["loss"] for r in plain.steps], rel=1e-3)


def started(*arguments, torchrun=False):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if torchrun else []
    command = [sys.executable, *launcher, "-m", "tests.images", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(process):
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def wait(until, alive, patience=200):
    began = time.monotonic()
    while not until():
        assert alive() and time.monotonic() - began < patience
        time.sleep(0)


@pytest.mark.slow
def test_a_run_that_was_killed_twenty_times_ends_with_the_same_bits(tmp_path):
    """Half of the kills land while the state is written; every loss, the weights and Adam's memory are compared."""
    settings = dict(rule="adam", dataset="cifar10", augment=True, checkpoint=1, log=1, batch=4, epochs=4)
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    train(Config(**settings), whole, of_name("cifar10"), quiet=True)
    said = ["--out", folder, *(f"--{name}={value}" for name, value in settings.items() if name != "augment")]
    said += ["--augment"]
    multiprocessing.set_forkserver_preload(["tests.images", "torch._dynamo"])  # what takes long to import
    forked = multiprocessing.get_context("forkserver").Process
    draws, within, changed = random.Random(0), 0, lambda: (folder / "last.pt").stat().st_mtime_ns
    for kills in range(20):
        before = changed() if kills else 0
        process = forked(target=command_line, args=(list(map(str, said)),))
        process.start()
        wait(lambda: (folder / "last.pt").exists() and changed() > before, process.is_alive)  # noqa: B023
        time.sleep(0.05 * draws.random())
        if kills % 2:
            wait(lambda: any(folder.glob(".last-*.pt")), process.is_alive)
        process.kill()
        process.join()
        within += any(folder.glob(".last-*.pt"))
        assert process.exitcode == -signal.SIGKILL and not (folder / "result.json").exists()
    assert within >= 5
    code, _, err = done(started(*said))
    assert code == 0, err
    assert not any(folder.glob(".last-*"))
    assert_same(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_give_the_losses_of_one(killed, tmp_path):
    """Twenty steps of a perceptron in double precision, or more to be killed on the way; to rounding."""
    epochs = 100 if killed else 5
    settings = dict(rule="rsgdm", dtype="float64", batch=50, epochs=epochs, log=1, checkpoint=1, lr=0.05)
    train(Config(**settings), tmp_path / "one", of_name("mnist"), quiet=True)
    toml = tmp_path / "run.toml"
    toml.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    process = started(toml, "--out", tmp_path / "two", torchrun=True)
    if killed:
        wait(lambda: (tmp_path / "two" / "last.pt").exists(), lambda: process.poll() is None)
        psutil = pytest.importorskip("psutil")
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            member.kill()
        process.communicate()
        psutil.wait_procs(family[1:])
        assert not (tmp_path / "two" / "result.json").exists()
        process = started(toml, "--out", tmp_path / "two", torchrun=True)
    _, out, err = done(process)
    assert (tmp_path / "two" / "result.json").exists(), err
    assert out.count(f"rsgdm on mnist after {epochs} epochs") == 1
    one, two = written(tmp_path / "one"), written(tmp_path / "two")
    assert len(one) == len(two) == 5 * epochs
    for a, b in zip(numbers(one), numbers(two), strict=True):
        assert list(a) == list(b)
        assert list(b.values()) == pytest.approx(list(a.values()), rel=1e-10)
    assert one[0]["loss"] > one[-1]["train_loss"] + 0.5
    for a, b in zip(state(tmp_path / "one")["model"].values(), state(tmp_path / "two")["model"].values(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_what_is_refused_ends_all_processes(tmp_path):
    code, _, err = done(started("--lr=-1", torchrun=True))
    assert code != 0 and err.count("error: lr = -1.0; it must be 0 or more") == 2
    (tmp_path / "file").write_text("")
    code, _, err = done(started("--out", tmp_path / "file" / "below", torchrun=True))
    assert code != 0 and err.count("error: the run could not be written to") >= 1
