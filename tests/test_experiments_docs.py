"""The examples in docstrings of experiments run, and nothing of the library asks for experiments."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("jinja2")

ROOT = Path(__file__).parent.parent
WITH_EXAMPLES = sorted(p.stem for p in (ROOT / "experiments").glob("*.py") if ">>> " in p.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name):
    found = doctest.testmod(import_module(f"experiments.{name}"))
    assert found.attempted and not found.failed


def test_the_library_knows_nothing_of_experiments():
    sources = {
        p: p.read_text(encoding="utf-8") for room in ("momentumlab", "analysis") for p in (ROOT / room).rglob("*.py")
    }
    assert not [p for p, text in sources.items() if re.search(r"^\s*(from|import) experiments", text, re.M)]
