"""Sweeps: every run once, a run that diverges among them, and the numbers of the tables."""

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("joblib")

from scipy import stats  # noqa: E402

from experiments import sweep  # noqa: E402
from experiments.config import Config  # noqa: E402
from experiments.errors import Refused, command  # noqa: E402
from experiments.sweep import Run, best, folder_name, pairwise, run_all, table, table_of  # noqa: E402
from tests.images import images  # noqa: E402

DATA = images(shape=(1, 8, 8), name="mnist")
SMALL = ("--epochs=2", "--train-size=150", "--batch=50", "--options", "fused=false", "--jobs=1")


def cli(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["sweep", *map(str, arguments)])
    monkeypatch.setattr(sweep, "_loaded", lambda name, folder: DATA)
    try:
        command(sweep.main)
    except SystemExit as ended:
        return ended.code, capsys.readouterr().err
    return 0, capsys.readouterr().out


def strict(file):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


def made(accuracy, loss=1.0, status="finished"):
    return Run(Config(), status, "", [{"epoch": 1, "test_accuracy": accuracy, "test_loss": loss}], "")


BAD = made(0.99, status="diverged")


def test_a_sweep_trains_tabulates_and_tests(tmp_path, monkeypatch, capsys):
    rules = ("--rule", "heavy_ball", "--rule", "pid", "--lr", 0.001, 0.02, 1e6, "--seeds", 3, "--seed", 4)
    code, out = cli(monkeypatch, capsys, *rules, *SMALL, "--out", tmp_path)
    assert code == 0
    assert "Step sizes were chosen on the test set, which flatters all of them." in out
    found = strict(tmp_path / "results.json")
    assert len(found["runs"]) == 18 and found["seeds"] == [4, 5, 6]
    assert {run["status"] for run in found["runs"] if run["lr"] == 1e6} == {"diverged"}
    assert {run["status"] for run in found["runs"] if run["lr"] < 1} == {"finished"}
    assert found["best"] == {"heavy_ball": 0.02, "pid": 0.02}
    column = lambda rule: [r["test_loss"] for r in found["runs"] if (r["rule"], r["lr"]) == (rule, 0.02)]
    expected = stats.ttest_rel(column("heavy_ball"), column("pid"))
    (test,) = found["tests"]
    assert test["rules"] == ["heavy_ball", "pid"] and test["test_loss"]["n"] == 3
    assert test["test_loss"]["p"] == pytest.approx(expected.pvalue)
    assert re.search(r"\| pid +\| +1e\+06 \| +\| +\| +\| +\| +0 \| +3 \|", out)
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page and "heavy_ball − pid" in page
    losses = column("pid")
    half = stats.t.ppf(0.975, 2) * np.std(losses, ddof=1) / np.sqrt(3)
    span = f"{np.mean(losses) - half:.4f} to {np.mean(losses) + half:.4f}"
    assert f"{np.mean(losses):.4f}" in out and span in out and span in page


def test_a_second_call_runs_what_is_missing_and_no_more(tmp_path, monkeypatch, capsys):
    ran, train = [], sweep.train

    def counted(config, folder, *rest, **options):
        ran.append((config.rule, config.lr, config.seed, (folder / "result.json").exists()))
        return train(config, folder, *rest, **options)

    monkeypatch.setattr(sweep, "train", counted)
    first = ("--rule", "heavy_ball", "--lr", 0.01, 1e6, *SMALL, "--out", tmp_path)
    assert cli(monkeypatch, capsys, *first, "--seeds", 2)[0] == 0
    assert len(ran) == 4 and not any(done for *_, done in ran)
    before = strict(tmp_path / "results.json")
    ran.clear()
    assert cli(monkeypatch, capsys, *first, "--seeds", 3, "--rule", "rsgdm")[0] == 0
    assert {run[:3] for run in ran if run[3]} == {("heavy_ball", lr, seed) for lr in (0.01, 1e6) for seed in (0, 1)}
    assert sum(not done for *_, done in ran) == 8
    after = strict(tmp_path / "results.json")
    assert all(run in after["runs"] for run in before["runs"])  # their times too


def test_step_sizes_chosen_on_held_out_images_are_compared_on_the_test_set(tmp_path, monkeypatch, capsys):
    grid = ("--rule", "heavy_ball", "--lr", 0.001, 0.02, "--seeds", 2, "--validation", 50)
    code, out = cli(monkeypatch, capsys, *grid, *SMALL, "--out", tmp_path)
    assert code == 0 and "chosen on 50 training images that were held out" in out
    assert "validation accuracy" in out and "test accuracy" in out
    runs = strict(tmp_path / "results.json")["runs"]
    assert [(run["lr"], run["validation"]) for run in runs] == [(0.001, 50)] * 2 + [(0.02, 50)] * 2 + [(0.02, 0)] * 2
    assert runs[4]["test_loss"] != runs[2]["test_loss"]


def test_the_best_step_size_diverges_least_then_is_most_accurate():
    grid = {
        ("a", 1.0): [made(0.9), made(0.8)],
        ("a", 2.0): [made(0.99), BAD],
        ("a", 3.0): [made(0.8), made(0.95)],
        ("b", 1.0): [made(0.5, 2.0), made(0.5, 2.0)],
        ("b", 2.0): [made(0.5, 1.0), made(0.5, 1.0)],
        ("c", None): [BAD, BAD],
    }
    assert best(grid) == {"a": ("a", 3.0), "b": ("b", 2.0), "c": ("c", None)}
    head, rows = table(grid, "test")
    assert head[2] == "test accuracy, %"
    assert rows[1][:2] == ["a", "2"] and rows[1][2:4] == ["99.00", ""] and rows[1][6:] == ["1", "1"]
    assert rows[5] == ["c", "its own", "", "", "", "", "0", "2"]


def test_rules_are_tested_on_the_seeds_where_both_finished():
    chosen = {
        "a": [made(0.9), made(0.8), BAD, made(0.7)],
        "b": [made(0.8), made(0.6), made(0.1), made(0.6)],
        "c": [BAD, BAD, made(0.5), made(0.5)],
    }
    tests = pairwise(chosen)
    found = tests["a", "b"]["test_accuracy"]
    assert found.n == 3 and found.difference == pytest.approx(np.mean([0.1, 0.2, 0.1]))
    assert found.p == pytest.approx(stats.ttest_rel([0.9, 0.8, 0.7], [0.8, 0.6, 0.6]).pvalue)
    assert tests["a", "c"] == {"test_accuracy": None, "test_loss": None} and tests["b", "c"]["test_loss"].n == 2
    _, rows = table_of(tests)
    assert rows[0][0] == "a − b" and rows[0][1] == "13.33" and rows[0][-1] == "3"
    assert rows[1] == ["a − c", *[""] * 6, "0"]


def test_what_cannot_run_is_refused_before_anything_is(tmp_path, monkeypatch, capsys):
    for wrong, sentence in (
        (("--rule", "pid", "--rule", "heavybal"), "there is no rule 'heavybal'; did you mean 'HeavyBall'"),
        (("--rule", "heavy_ball", "--rule", "pid", "--options", "dampening=1"), "there is no option 'dampening'"),
        (("--rule", "sgdw_paper"), "it has no lr"),
        (("--seeds", 0), "--seeds 0; it must be from 1 to 1000"),
        (("--seeds", 10**20), "it must be from 1 to 1000"),
        (("--jobs", 0), "--jobs 0; it must be 1 or more"),
        (("--lr", -1), "lr = -1.0; it must be 0 or more"),
    ):
        code, err = cli(monkeypatch, capsys, *wrong, "--out", tmp_path / "out")
        assert code == 2 and err.count("\n") == 1 and sentence in err, err
    assert not (tmp_path / "out").exists()


def test_folders_differ_where_any_setting_does():
    names = [folder_name(Config(**how)) for how in ({}, {"seed": 1}, {"lr": 0.1}, {"options": {"momentum": 0.8}})]
    assert len(set(names)) == 4
    assert all(name.startswith("mnist-mlp-heavy_ball-seed") for name in names)


def test_no_scheduler_is_one_sentence(tmp_path, monkeypatch, capsys):
    def nobody(address, timeout):
        raise OSError("timed out")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=nobody))
    code, err = cli(monkeypatch, capsys, "--cluster", "tcp://127.0.0.1:1", "--out", tmp_path)
    assert (code, err) == (2, "error: --cluster tcp://127.0.0.1:1: no dask scheduler answers there (timed out)\n")


@pytest.mark.slow
def test_processes_and_a_cluster_give_the_runs_of_a_loop(tmp_path, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    configs = [Config(rule=rule, epochs=1, train_size=500, test_size=500) for rule in ("heavy_ball", "pid", "adam")]
    try:
        one = run_all(configs, tmp_path / "loop", jobs=1)
    except Refused as refused:
        pytest.skip(str(refused))
    two = run_all(configs, tmp_path / "processes", jobs=2)
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, sweep.shared_by(cluster.scheduler_address):
        three = run_all(configs, tmp_path / "cluster")
    numbers = lambda run: [{n: v for n, v in r.items() if "seconds" not in n} for r in run.records]
    for other in (two, three):
        assert [(run.config, numbers(run)) for run in other] == [(run.config, numbers(run)) for run in one]
    for config in configs:
        weights = [
            torch.load(tmp_path / name / folder_name(config) / "last.pt", weights_only=True)["model"]
            for name in ("loop", "cluster")
        ]
        assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))
    assert one[0].last["test_loss"] != one[1].last["test_loss"]
