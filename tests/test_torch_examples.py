"""The examples that train with our optimizers, in plain torch and in its frameworks, lower the loss."""

from importlib import import_module

import pytest

pytest.importorskip("torch")


def trained(framework):
    first, last = import_module(f"experiments.torch_{framework}").main()
    assert last < 0.1 * first


def test_a_subclass_is_what_its_parent_is():
    """Lightning makes one of every optimizer's class."""
    import torch

    from momentumlab.torch import PID

    class Mixin:
        pass

    p = torch.nn.Parameter(torch.ones(2))
    optimizer = type("Mixed", (Mixin, PID), {})([p], lr=0.5)
    p.grad = torch.ones(2)
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]


def test_plain_torch():
    trained("plain")


@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers:UserWarning")
def test_lightning(tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    trained("lightning")
    assert not list(tmp_path.iterdir())


def test_accelerate(tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    monkeypatch.chdir(tmp_path)
    trained("accelerate")
    assert not list(tmp_path.iterdir())
