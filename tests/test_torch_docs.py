"""The page on torch: its code runs as it stands, and its table is what the classes say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "torch.md").read_text()


def test_the_page_runs(tmp_path):
    (tmp_path / "page.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.S)))
    out = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "page.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    assert not out.stderr, out.stderr


def test_its_table_is_what_the_classes_say():
    from experiments.torch_classes import table

    assert re.search(r"<!-- classes -->\n(.*?)\n<!-- end of classes -->", PAGE, re.S).group(1) == table()


def test_types_are_those_of_the_classes():
    from experiments.torch_classes import STUB, types

    assert STUB.read_text() == types()


def test_what_all_classes_have_is_named():
    from experiments.torch_classes import COMMON

    shown = re.search(r"To all\ncome (.*?);", PAGE, re.S).group(1)
    said = dict(re.findall(r"`(\w+)=([^`]*)`", shown))
    assert {n: eval(v) for n, v in said.items()} == {n: v for n, v in COMMON.items() if n != "params"}


def test_links_exist():
    for link in re.findall(r"\]\(([^)h][^)]*)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
