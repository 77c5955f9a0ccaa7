"""The ratio of training times, with an interval that holds it."""

import re
import sys

import pytest

torch = pytest.importorskip("torch")

from experiments import throughput  # noqa: E402
from experiments.errors import command  # noqa: E402


def cli(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["throughput", *arguments])
    with pytest.raises(SystemExit) as ended:
        command(throughput.main)
    return ended.value.code, capsys.readouterr()


def test_the_interval_holds_the_ratio():
    found = throughput.measure("mlp", "sgd", steps=4)
    assert 0 < found.low <= found.ratio <= found.high
    assert min(found.ours, found.torchs) > 0


def test_steps_are_paired_and_both_go_first_in_turn(monkeypatch):
    order, costs = [], iter([2.0, 3.0])

    def stepper(model, optimizer, device):
        mine, who = next(costs), type(optimizer).__module__.split(".")[0]

        def step(images, labels):
            order.append(who)
            return mine

        return step

    monkeypatch.setattr(throughput, "stepper", stepper)
    found = throughput.measure("mlp", "rsgdm", steps=4)
    assert found == (1.5, 1.5, 1.5, 2.0, 3.0)
    a, b = "momentumlab", "torch"
    assert order[-8:] in ([a, b, b, a, a, b, b, a], [b, a, a, b, b, a, a, b])


@pytest.mark.parametrize(("low", "code"), [(0.951, 0), (0.949, 1)])
def test_the_exit_code_tells_whether_it_is_as_required(low, code, monkeypatch, capsys):
    monkeypatch.setattr(throughput, "measure", lambda *_: throughput.Ratio(1.0, low, 1.1, 1e-3, 1e-3))
    ended, said = cli(monkeypatch, capsys, "--model", "mlp", "--rule", "sgd")
    assert ended == code
    assert re.search(rf"mlp +\| +64 \| sgd +\| +1 ms \| +1 ms \| 1\.000 \| {low} to 1\.100", said.out), said.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--model", "resnet"), "there is no model 'resnet'; did you mean 'resnet8'"),
        (("--model", "mlp", "--rule", "adam"), "Adam: there is no option 'momentum'"),
        (("--steps", "1"), "--steps 1; it must be from 2 to 1000000"),
        (("--steps", "9" * 20), "it must be from 2 to 1000000"),
        (("--threads", "0"), "threads = 0; it must be from 1 to 1024"),
        (("--device", "tpu"), "device = 'tpu'; it must be cpu, cuda, or cuda:1, say"),
    ],
)
def test_what_is_refused_is_one_sentence(arguments, sentence, monkeypatch, capsys):
    code, said = cli(monkeypatch, capsys, *arguments)
    assert code == 2 and said.err.count("\n") == 1 and sentence in said.err, said.err
