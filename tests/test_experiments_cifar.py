"""The experiments on CIFAR: what the papers' protocols say, and a whole report of small runs."""

import json
import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("jinja2")

from dataclasses import asdict, replace  # noqa: E402

from experiments import cifar, cifar_tables, throughput  # noqa: E402
from experiments.cifar_parts import GC, NOT_ATTEMPTED, PARTS, SCALES, protocol  # noqa: E402
from experiments.cifar_tables import SHOWN  # noqa: E402
from experiments.config import Config  # noqa: E402
from experiments.data import Dataset, Split  # noqa: E402
from experiments.errors import Refused  # noqa: E402
from experiments.sweep import folder_name  # noqa: E402
from experiments.train import Run  # noqa: E402

PAPER = replace(SCALES["paper"], settings=SCALES["paper"].settings | {"device": "cpu"})


@pytest.fixture
def tiny(monkeypatch):
    """Images of 8 × 8 pixels in place of CIFAR-10."""
    draws = torch.Generator().manual_seed(0)

    def split(n):
        labels = torch.arange(n) % 10
        noise = torch.randint(0, 100, (n, 3, 8, 8), generator=draws)
        return Split((noise + 15 * labels[:, None, None, None]).to(torch.uint8), labels)

    data = Dataset("cifar10", split(64), split(32), 10, (0.5,) * 3, (0.25,) * 3, "test: 9,980 of 10,000")
    monkeypatch.setattr("experiments.sweep._loaded", lambda name, folder: data)
    monkeypatch.setattr("experiments.cifar.load", lambda name, folder: data)
    return data


def run(label="sgd", accuracies=(0.5,), status="finished", **settings):
    config = Config(dataset="cifar10", model="resnet8", rule="sgd", **settings)
    epoch = dict(train_loss=1.0, train_accuracy=0.4, test_loss=1.2)
    records = [{"epoch": j, "step": j, **epoch, "test_accuracy": value} for j, value in enumerate(accuracies, 1)]
    return Run(config, status, "", records, "test: 9,980 of 10,000")


# ------------------------------------------------------------------ protocols


def test_the_rsgdm_protocol_is_the_papers():
    configs = protocol(PAPER)
    assert list(configs) == ["SGDM", "RSGDM", "Nesterov", "QHM, ν = β"]
    for label, seeds in configs.items():
        assert [config.seed for config in seeds] == [0, 1, 2]
        c = seeds[0]
        assert (c.batch, c.weight_decay, c.epochs, c.decay, c.every) == (128, 5e-4, 200, 0.5, 50)
        assert (c.model, c.augment, c.amp, c.channels_last, c.compile) == ("resnet18", True, True, True, True)
        assert c.train_size is c.test_size is None
        assert c.options["momentum"] == 0.9
        assert c.lr == pytest.approx(0.001 if label == "Nesterov" else 0.01)
    assert [seeds[0].rule for seeds in configs.values()] == ["heavy_ball_ema", "rsgdm", "nesterov_sgd", "qhm"]


def test_the_gc_protocol_is_the_articles():
    decays = PARTS["weight_decay"].configs(PAPER)
    assert len(decays) == 2 * 2 * 5
    for label, seeds in decays.items():
        c = seeds[0]
        assert (c.batch, c.epochs, c.decay, c.every) == (128, 200, 0.1, 60)
        assert c.centralize == label.endswith(GC)
        assert (c.rule, c.lr) == (("sgd", 0.1) if label.startswith("SGDM") else ("adam", 1e-3))
        assert f"λ = {c.weight_decay:g}" in label
        assert c.options == ({"momentum": 0.9} if c.rule == "sgd" else {})
    assert {seeds[0].weight_decay for seeds in decays.values()} == {0, 1e-4, 2e-4, 5e-4, 1e-3}
    sizes = {(seeds[0].rule, seeds[0].lr) for seeds in PARTS["lr"].configs(PAPER).values()}
    assert {("sgd", lr) for lr in (0.005, 0.01, 0.05, 0.1)} | {("adam", lr) for lr in (1e-4, 5e-4, 1e-3, 5e-3)} == sizes
    assert all(seeds[0].weight_decay == 5e-4 for seeds in PARTS["lr"].configs(PAPER).values())


@pytest.mark.parametrize("scale", [SCALES["smoke"], SCALES["cpu"], PAPER])
def test_no_two_labels_of_a_part_are_one_run(scale):
    assert set(PARTS) == set(SHOWN)
    for part in PARTS.values():
        folders = [folder_name(config) for seeds in part.configs(scale).values() for config in seeds]
        assert len(set(folders)) == len(folders)
    one = lambda part, label: folder_name(PARTS[part].configs(scale)[label][0])
    assert one("weight_decay", f"SGDM, λ = 0.0005{GC}") == one("lr", f"SGDM, α = 0.1{GC}")
    assert one("norms", "SGDM") == one("standardisation", "BN") == one("lr", "SGDM, α = 0.1")
    assert one("groups", "GN") != one("norms", "SGDM")


def test_a_rule_is_given_the_step_that_goes_as_far():
    found = protocol(SCALES["cpu"], ["RSGDM", "heavy_ball", "adam"])
    assert list(found) == ["RSGDM", "heavy_ball", "adam"]
    lrs = [seeds[0].lr for seeds in found.values()]
    assert lrs[:2] == pytest.approx([0.2, 0.02]) and lrs[2] is None
    assert found["adam"][0].options == {}


# ------------------------------------------------------------------ a report


def read(out):
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def test_parts_share_runs_and_are_read_again(tiny, tmp_path, monkeypatch, capsys):
    saved = []
    monkeypatch.setattr(cifar.report, "save", lambda figure, path: saved.append(path.name))
    words = ["--scale", "smoke", "--jobs", "1", "--out", str(tmp_path), "--part", "rsgdm"]
    cifar.main(words)
    found = read(tmp_path)
    assert found["command"].endswith(" ".join(words)) and found["versions"]["torch"] == torch.__version__
    assert found["not_attempted"] == NOT_ATTEMPTED and "ImageNet" in NOT_ATTEMPTED
    distance = found["parts"]["rsgdm"]["steps"]["distance"]
    assert all(gap < 1e-4 for gap in distance["QHM, ν = β"][1])
    assert distance["RSGDM"][1][0] == 0 and distance["RSGDM"][1][1] > 1e-3
    assert len(found["parts"]["rsgdm"]["curves"]["SGDM"]["test_loss"]) == 2  # epochs
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "ImageNet" in report and "9,980 of 10,000" in report
    assert saved == ["rsgdm.png", "coincidence.png"]

    monkeypatch.setattr(cifar.report, "write", lambda *arguments: None)
    state = lambda: {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("metrics.jsonl")}
    before = state()
    assert len(before) == 6
    cifar.main([*words, "--part", "norms", "--part", "standardisation"])
    assert read(tmp_path)["parts"]["rsgdm"] == found["parts"]["rsgdm"]
    after = state()
    assert len(after) == len(before) + 4 and before.items() <= after.items()
    assert "With GC the mean test accuracy is higher in " in capsys.readouterr().out


@pytest.mark.slow
def test_everything_at_smoke_scale_goes_into_one_report(tiny, tmp_path):
    page, out = tmp_path / "cifar.md", tmp_path / "out"
    names = re.findall(r"<!-- (\w+) -->", cifar.PAGE.read_text(encoding="utf-8"))
    page.write_text("".join(f"<!-- {name} -->\n<!-- end of {name} -->\n" for name in names), encoding="utf-8")
    cifar.main(["--scale", "smoke", "--jobs", "1", "--out", str(out), "--page", str(page)])
    assert set(read(out)["parts"]) == set(PARTS) and read(out)["overhead"]["ratio"] > 0
    report = (out / "report.html").read_text(encoding="utf-8")
    assert all(part.title.replace("'", "&#39;") in report for part in PARTS.values())
    tables = page.read_text(encoding="utf-8")
    assert all(re.search(rf"<!-- {name} -->\n\|.*?<!-- end of {name} -->", tables, re.S) for name in names)
    drawn = {"rsgdm", "coincidence", "inside", "norms", "standardisation", "groups"}
    assert {path.stem for path in out.glob("*.png")} == drawn
    assert {path.name for path in tmp_path.glob("*.png")} == {f"cifar_{name}.png" for name in drawn}


def test_what_is_committed_is_at_cpu_scale_and_small():
    found = json.loads(cifar.PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    assert found["config"] == json.loads(json.dumps(asdict(SCALES["cpu"])))
    assert set(found["parts"]) == set(PARTS)
    assert cifar.PAGE.with_suffix(".json").stat().st_size < 300_000
    page = cifar.PAGE.read_text(encoding="utf-8")
    for part in found["parts"].values():
        for head, rows in part["tables"].values():
            assert all(cell in page for row in [head, *rows] for cell in row)
    assert all((cifar.PAGE.parent / name).exists() for name in re.findall(r"\((cifar_\w+\.png)\)", page))


def test_one_rule_alone(tiny, tmp_path):
    cifar.main(["--scale", "smoke", "--rule", "rsgdm", "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)])
    part = read(tmp_path)["parts"]
    assert list(part) == ["rsgdm"] and list(part["rsgdm"]["ends"]) == ["RSGDM"]
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rule", "rsgd"], "there is no rule 'rsgd'"),
        (["--seeds", "0"], "--seeds 0; it must be from 1 to 1000"),
        (["--jobs", "0"], "--jobs 0; it must be 1 or more"),
        (["--page", "none.md"], "--page none.md; it must be a page with places"),
    ],
)
def test_what_cannot_be_run_is_refused(words, sentence, tmp_path):
    with pytest.raises(Refused, match=re.escape(sentence)):
        cifar.main([*words, "--out", str(tmp_path)])


def test_a_page_without_places_is_refused_and_stands(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no places")
    runs = {"norms": {"SGDM": [run()], "SGDM" + GC: [run()]}}
    with pytest.raises(Refused, match=r"page\.md: the page has 0 places for "):
        cifar.write({}, runs, None, tmp_path, page)
    assert page.read_text() == "no places" and not page.with_suffix(".json").exists()


def test_a_damaged_overhead_is_refused(tmp_path):
    scale = SCALES["smoke"]
    path = tmp_path / f"overhead-{cifar.folder_name(PARTS['norms'].configs(scale)['SGDM'][0])}.json"
    for damaged in ("", "[1, 2]", '{"ratio": 1}'):
        path.write_text(damaged)
        with pytest.raises(Refused, match=r"is damaged .*; delete it"):
            cifar.timed(scale, tmp_path, None)


# ------------------------------------------------------------------ tables


def test_gc_is_compared_with_none_on_the_same_seeds():
    runs = {
        "BN": [run(accuracies=[0.1, a]) for a in (0.50, 0.60, 0.70)],
        "BN" + GC: [run(accuracies=[a]) for a in (0.53, 0.64, 0.72)],
    }
    _, rows = cifar_tables.centralised(runs)
    assert [row[:5] for row in rows] == [["BN", "60.0 ± 5.8", "63.0 ± 5.5", "+3.0 [+0.5, +5.5]", "0.04"]]
    two = {label: seeds[::2] for label, seeds in runs.items()}
    assert cifar_tables.centralised(two)[1][0][3:5] == ["+3.0, +2.0", ""]
    runs["BN" + GC][1] = run(accuracies=[0.64], status="diverged")
    _, rows = cifar_tables.centralised(runs)
    assert rows[0][2:5] == ["1 of 3 diverged", "", ""]


def test_a_caption_says_of_which_images_the_figures_are():
    said = cifar.caption({"SGDM": [run()]})
    assert "all training images of cifar10" in said and "9,980 of 10,000" in said and "1 seed," in said
    assert "the first 2,000 test images" in cifar.caption({"SGDM": [run(test_size=2000)]})
    excerpt = run()
    excerpt = Run(excerpt.config.having(dataset="cifar100"), "finished", "", excerpt.records, "train: 10,000 of 50,000")
    assert "not comparable with published figures" in cifar.caption({"SGDM": [excerpt]})


def test_the_time_of_gc_is_that_of_the_batches_with_it(tiny, monkeypatch):
    clock, turns = [0.0], []

    class Slow:
        def __init__(self, config, model):
            self.centralize = config.centralize

        def zero_grad(self):
            pass

        def step(self):
            turns.append(self.centralize)
            clock[0] += 3.0 if self.centralize else 2.0

    monkeypatch.setattr(cifar, "optimizer_of", Slow)
    monkeypatch.setattr(cifar, "process_time", lambda: clock[0])
    found = cifar.overhead(PARTS["norms"].configs(SCALES["smoke"])["SGDM"][0], tiny, 4)
    assert found == pytest.approx({"ratio": 1.5, "low": 1.5, "high": 1.5, "seconds": 2.0})
    assert turns[:4] == [True, False, False, True] and len(turns) == 2 * (4 + throughput.WARM)
