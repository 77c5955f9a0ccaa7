"""The README's code runs as it stands, and what it says of the source is so."""

import os
import re
import subprocess
import sys
from inspect import getsource
from pathlib import Path

import pytest

import momentumlab as ml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RULE, RUN, CURVED, MINE, USE, TORCH, RATES = re.findall(r"```python\n(.*?)```", README, re.S)
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]


GUIDE = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), re.S)


def run(code, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_rule_shown_is_the_rule_that_runs():
    assert RULE.split("\n", 1)[1] == getsource(ml.heavy_ball.step).split("\n", 1)[1]


def test_the_example_runs(tmp_path):
    out = run(RUN + "\nassert r.success", tmp_path)
    assert out.returncode == 0, out.stderr
    assert "within the tolerance" in out.stdout


def test_the_example_of_curvature_runs(tmp_path):
    out = run("import momentumlab as ml\n" + CURVED + "\nassert r.success", tmp_path)
    assert out.returncode == 0, out.stderr


@pytest.mark.slow
def test_the_guide_runs(tmp_path):
    (tmp_path / "guide.py").write_text("\n".join(GUIDE))
    environment = {**os.environ, "MPLBACKEND": "agg"}
    out = subprocess.run([sys.executable, "guide.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "| bowl" in out.stdout


def test_a_rule_of_ones_own_runs(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    assert len([line for line in MINE.splitlines() if line.strip()]) <= 8
    out = run(USE, tmp_path)
    assert out.returncode == 0, out.stderr
    assert out.stdout.count("converged") == 4


def test_the_optimizers_step(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "mine.py").write_text(MINE)
    model = "import torch; model = torch.nn.Linear(3, 2); model(torch.ones(3)).sum().backward()"
    out = run(f"from mine import aggregated; {model}\n" + TORCH.replace(")  #", "); optimizer.step()  #"), tmp_path)
    assert out.returncode == 0, out.stderr


def test_the_rates_are_so(tmp_path):
    """And what is said of them in the text."""
    pytest.importorskip("sympy")
    found = "print(round(card.exact, 6), round(card.certified['frequencies'], 3), round(card.stated['T6'], 3))"
    found += """; print(card.errors["Nesterov's worst"][100:103] < 1e-14)"""
    out = run(f"import momentumlab as ml\n{RATES}\n{found}", tmp_path)
    assert "0.9 0.928 0.949\n" in out.stdout, out.stdout + out.stderr
    assert out.stdout.endswith("[False  True False]\n"), out.stdout
    assert (tmp_path / "card.svg").exists()
    assert ("eighteen theorems" in README) == (len(ml.rates.THEOREMS) == 18)


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("momentumlab")])
def test_the_commands_run(line, tmp_path):
    if "--explain" in line or "equivalent" in line:
        pytest.importorskip("sympy")
    (tmp_path / "mine.py").write_text(MINE)
    out = subprocess.run(
        [sys.executable, "-m", *line.partition("#")[0].split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "agg"},
    )
    assert out.returncode == 0, out.stdout + out.stderr


def test_the_numbers_are_so():
    rules, problems = map(int, re.search(r"There are (\d+) rules and (\d+) problems", README).groups())
    assert (rules, problems) == (len(ml.rules.__all__), len(ml.problems()))


def test_make_targets_and_links_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / link).exists(), link
