"""The comparison on MNIST: what it runs, what it writes, and that a second call reads what has ended."""

import json
import re
import shutil
import sys
from math import inf
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend

torch = pytest.importorskip("torch")

from experiments import mnist, sweep  # noqa: E402
from experiments.data import Dataset, Split  # noqa: E402
from experiments.errors import Refused  # noqa: E402
from experiments.train import train  # noqa: E402

RESULTS = Path(__file__).parent.parent / "docs" / "results"


def images(n, seed):
    """Digits of a sort: a block of its own for each label, under noise."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (n,), generator=draws)
    pixels = torch.randint(120, (n, 1, 28, 28), generator=draws, dtype=torch.uint8)
    for j in range(10):
        pixels[labels == j, :, 2 * j : 2 * j + 4] += 130
    return Split(pixels, labels)


@pytest.fixture(scope="module")
def data():
    return Dataset("mnist", images(1200, 0), images(200, 1), 10, (0.3,), (0.3,), "")


@pytest.fixture
def made_up(monkeypatch, data):
    """Small data, and few of them held out."""
    sweep._loaded.cache_clear()
    for module in (mnist, sweep):
        monkeypatch.setattr(module, "load", lambda name, folder=None: data)
    monkeypatch.setattr(mnist, "HELD_OUT", 200)
    small = mnist.Scale(rules=mnist.FIVE[:2], epochs=2, seeds=2, grid=1, tuning=1, train_size=600, test_size=200)
    monkeypatch.setitem(mnist.SCALES, "smoke", small)
    monkeypatch.setitem(mnist.RULES, "SGD", mnist.Entry("sgd", 1e-2, 0.02))
    monkeypatch.setattr(mnist, "SAME", {name: pair for name, pair in mnist.SAME.items() if "PID at α" in name})
    yield small
    sweep._loaded.cache_clear()


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mnist", "--scale", "smoke", "--jobs", "1", *map(str, arguments)])
    mnist.main()


def test_the_command_writes_it_all_and_reads_what_has_ended(made_up, monkeypatch, tmp_path, capsys):
    out, page = tmp_path / "out", tmp_path / "mnist.md"
    shutil.copy(RESULTS / "mnist.md", page)
    monkeypatch.setattr(mnist, "figures", lambda found, scale: {"published": Figure(figsize=(1, 1))})
    command(monkeypatch, "--out", out, "--page", page)
    assert "one after the other: " in capsys.readouterr().out
    assert {path.name for path in out.iterdir() if path.is_file()} == {"report.html", "results.json", "published.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", "mnist.md", "mnist.json", "mnist_published.png"}
    found = json.loads((out / "results.json").read_text())
    assert json.loads((tmp_path / "mnist.json").read_text()) == found
    assert f"{found['published']['queue']['SGD']['train_loss']:.3g}" in page.read_text()
    assert found["seeds"] == [0, 1] and found["tuning_seed"] not in found["seeds"] and found["versions"]["torch"]
    plain, centralized = (found["fair"][half]["momentum"]["train_loss"] for half in ("plain", "centralized"))
    assert len(plain) == 2 and len({*plain, *centralized}) == 4
    tried = {float(lr): inf if loss is None else loss for lr, loss in found["tuning"]["SGD"].items()}
    assert mnist.best(tried) == found["fair"]["plain"]["SGD"]["lr"]
    assert mnist.next_to_try(tried) is None

    def none(*arguments, **named):
        raise AssertionError("something was trained again")

    monkeypatch.setattr("experiments.train.optimizer_of", none)
    again = json.loads(json.dumps(mnist.gathered(mnist.Runner(made_up, out, None, 1))))
    for name in ("published", "same", "tuning", "fair", "tests", "ranks"):
        assert again[name] == found[name], name


def test_a_queue_carries_its_network_on_also_where_it_was_stopped(made_up, data, tmp_path):
    runner = mnist.Runner(made_up, tmp_path, None, 1)
    queue = runner.queue("queue", mnist.FIVE[:2])
    alone = train(runner.config("SGD"), None, data, quiet=True)
    first = train(runner.config("momentum"), None, data, quiet=True)
    assert queue["momentum"].last["train_loss"] == first.last["train_loss"]
    assert queue["SGD"].epochs[0]["train_loss"] < first.last["train_loss"] < alone.epochs[0]["train_loss"]
    shutil.rmtree(tmp_path / "queue" / "2-SGD")
    again = runner.queue("queue", mnist.FIVE[:2])
    assert again["SGD"].last["train_loss"] == queue["SGD"].last["train_loss"]


def test_quick_tunes_nothing_and_compares_no_seeds():
    quick = mnist.SCALES["quick"]
    assert quick.rules == tuple(mnist.RULES) and (quick.seeds, quick.grid, quick.train_size) == (1, 0, None)
    assert quick.five == ("momentum", "SGD", "Adam", "RMSProp", "AdaGrad")


def test_the_step_sizes_are_the_tutorials():
    lrs = [mnist.RULES[label].lr for label in mnist.FIVE]
    assert lrs == [1e-2, 1e-2, 1e-3, 1e-3, 1e-2]
    assert mnist.RULES["RMSProp"].options == {"alpha": 0.9} and mnist.RULES["Adam"].rule == "adam_eps_inside"


def test_a_queue_whose_network_is_gone_is_refused(made_up, tmp_path):
    runner = mnist.Runner(mnist.Scale(epochs=1, train_size=64, test_size=64), tmp_path, None, 1)
    runner.queue("queue", ["momentum"])
    (tmp_path / "queue" / "1-momentum" / "last.pt").unlink()
    with pytest.raises(Refused, match=r"1-momentum' has no last\.pt, from which the next rule goes on; delete"):
        runner.queue("queue", ["momentum"])


def test_the_best_step_size_is_never_at_an_end():
    assert mnist.next_to_try({1.0: inf, 2.0: inf}) == mnist.next_to_try({1.0: 0.1, 2.0: 0.2}) == 0.5
    assert mnist.next_to_try({1.0: 0.2, 2.0: 0.1}) == 4.0
    assert mnist.next_to_try({1.0: 0.3, 2.0: 0.2, 4.0: inf}) is None
    assert mnist.best({4.0: 0.1, 1.0: 0.2, 2.0: 0.1}) == 2.0


def test_correlations_are_of_rankings():
    rows = lambda losses: {label: {"train_loss": loss} for label, loss in zip(mnist.FIVE, losses, strict=False)}
    published = {"queue": rows([5, 4, 3, 2, 1]), "reversed": rows([1, 2, 3, 4, 5]), "fresh": rows([1, 3, 2, 4, 5])}
    found = {(a, b): tau for a, b, tau, _, _ in mnist.correlations({"published": published}, mnist.FIVE)}
    assert found["queue", "reversed"] == pytest.approx(-1) and found["reversed", "fresh"] == pytest.approx(0.8)
    assert found["queue", "place in the queue"] == found["reversed", "place in the queue"] == pytest.approx(-1)


def test_what_cannot_be_used_is_refused_before_anything_runs(monkeypatch, tmp_path):
    for arguments, sentence in (
        (["--jobs", 0], "--jobs 0; it must be 1 or more"),
        (["--page", tmp_path / "none.md"], "none.md; it must be a page with places"),
    ):
        with pytest.raises(Refused, match=sentence):
            command(monkeypatch, "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_figures_have_a_line_for_every_rule():
    found = json.loads((RESULTS / "mnist.json").read_text())
    drawn = mnist.figures(found, mnist.SCALES["full"])
    legend = lambda figure: [text.get_text() for text in figure.findobj(Legend)[0].get_texts()]
    assert {name: legend(figure) for name, figure in drawn.items()} == {
        "published": [*mnist.FIVE],
        "fair": [*mnist.RULES],
        "fair_gc": [*mnist.RULES],
    }


def test_the_committed_page_shows_the_committed_numbers():
    found = json.loads((RESULTS / "mnist.json").read_text())
    page = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end of \1 -->", (RESULTS / "mnist.md").read_text(), re.S))
    assert (RESULTS / "mnist.json").stat().st_size < 200_000
    words = lambda text: re.sub(r"-{2,}:?", "--", " ".join(text.split()))
    for name, (head, rows) in mnist.tables(found).items():
        made = mnist.markdown(head, rows, set(range(1, len(head))))
        assert words(page.pop(name)) == words(made), name
    assert not page


def test_a_run_that_diverged_is_counted_in_its_row():
    found = json.loads(mnist.PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    row = found["fair"]["plain"]["PID"]
    row["train_loss"][2] = row["test_loss"][2] = row["test_accuracy"][2] = None
    found["tests"]["against_momentum"]["PID"]["train_loss"] = [None] * 4 + [5]
    fair = {cells[0]: cells for cells in mnist.fair_table(found, "plain")[1]}
    assert fair["PID"][2:5] == ["1 of 5 diverged"] * 3 and "diverged" not in "".join(fair["RSGDM"])
    tested = {cells[0]: cells for cells in mnist.tests_table(found, "against_momentum")[1]}
    assert tested["PID"][1:3] == ["", ""]
