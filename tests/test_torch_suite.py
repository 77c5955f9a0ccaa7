"""Torch's own tests of optimizers, on our classes.

Their inputs are part of torch. The tests themselves are a file of its repository, `test/test_optim.py`, which no
package carries: MOMENTUMLAB_TORCH_TESTS names one, and they run as they stand.
"""

import importlib.util
import os
import sys
import unittest
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal import common_optimizers as theirs  # noqa: E402

from .torch_infos import SAME, infos  # noqa: E402

INFOS = {info.optim_cls.__name__: info for info in infos()}
PATH = os.environ.get("MOMENTUMLAB_TORCH_TESTS", "")
QUICK = ("SGD", "Adam", "AdamW")
NO_LR = ("lr", "scheduler", "forloop", "load_state_dict_post_hook", "weight_decay", "zero_grads")
KNOWN = {
    "AdamWPaper": NO_LR,  # alpha and eta stand in place of lr, which these tests set
    "SGDWPaper": NO_LR,
    "SGDW": ("zero_grads",),  # it decays by default, as AdamW does, whose name alone the test knows
    "Newton": ("param_groups",),  # by a diagonal of y/s and lr = 1 it diverges on the test's function
}
"""Tests of theirs that a class of ours does not pass, by words of their names, and why."""


def trained(cls, kwargs, **more):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    x = torch.randn(16, 4, dtype=torch.float64)
    optimizer = cls(net.parameters(), **kwargs, **more)
    for _ in range(8):
        optimizer.zero_grad()
        (net(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in INFOS])
def test_their_choices_of_arguments_step_alike_by_all_callers(name):
    for choice in INFOS[name].optim_inputs_func(device="cpu"):
        singly = trained(INFOS[name].optim_cls, choice.kwargs, foreach=False)
        for way in [dict(foreach=True), *([{}] if name in SAME else [])]:  # the others' compiled steps have their tests
            found = trained(INFOS[name].optim_cls, choice.kwargs, **way)
            torch.testing.assert_close(found, singly, rtol=1e-10, atol=1e-10)
        if name in SAME:
            same = trained(getattr(torch.optim, name), choice.kwargs)
            assert (same - singly).abs().max() < 1e-12, choice.desc


@pytest.mark.parametrize("name", INFOS)
def test_what_they_take_for_wrong_is_wrong(name):
    info = INFOS[name]
    for wrong in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given = wrong.optimizer_error_input
        warns = issubclass(wrong.error_type, Warning)
        with (pytest.warns if warns else pytest.raises)(wrong.error_type, match=wrong.error_regex):
            info.optim_cls(given.params, **given.kwargs)


@pytest.mark.skipif(not PATH, reason="MOMENTUMLAB_TORCH_TESTS names no test_optim.py")
@pytest.mark.parametrize("name", INFOS)
def test_their_own_tests(name):
    module = _theirs()
    every = unittest.defaultTestLoader.loadTestsFromTestCase(module.TestOptimRenewedCPU)
    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        unittest.TestSuite(test for test in every if f"_{name}_" in str(test)).run(result)
    failed = {str(test).split()[0].partition(f"_{name}_")[0] for test, _ in result.failures + result.errors}
    print(
        f"{name}: {result.testsRun - len(result.skipped)} run, {len(result.skipped)} not for the CPU, failed: {failed}"
    )
    assert not [test for test in failed if not any(word in test for word in KNOWN.get(name, ()))]


def _theirs():
    if "torchs_own_tests" not in sys.modules:
        theirs.optim_db[:] = INFOS.values()  # before the module reads it
        sys.path.insert(0, str(Path(PATH).parent))
        spec = importlib.util.spec_from_file_location("torchs_own_tests", PATH)
        module = sys.modules["torchs_own_tests"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["torchs_own_tests"]
