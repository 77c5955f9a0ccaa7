"""What mini-batches do to curvature: `python -m experiments.torch_pmg` writes its table into docs/torch.md.

A small net learns ten overlapping clouds of points, by heavy ball, PID and PMG with each preconditioner; pairs are of
consecutive batches, or of one batch where the gradient is evaluated twice.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from momentumlab.compare import markdown
from momentumlab.files import filled, replacing
from momentumlab.torch import PID, PMG, HeavyBall

PAGE = Path(__file__).parent.parent / "docs" / "torch.md"
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
PRECONDITIONERS = ("quasi_cauchy", "bb1", "bb2", "diagonal", "lbfgs")


def clouds(n: int = 4096) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    y = torch.randint(10, (n,), generator=drawn)
    return 0.4 * torch.randn(10, 32, generator=drawn)[y] + torch.randn(n, 32, generator=drawn), y


def loss_after(make: Callable[[Any], torch.optim.Optimizer], twice: bool, epochs: int = 4) -> float:
    """The mean loss over all points at the end."""
    torch.manual_seed(0)
    x, y = clouds()
    net = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = make(net.parameters())

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
        loss.backward()
        return loss

    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):  # noqa: B007 - the closure reads it
            if twice:
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(net(x), y).item()


def table() -> str:
    rows = []
    methods: list[tuple[str, bool, Callable]] = [("HeavyBall", False, HeavyBall), ("PID", False, PID)]
    for by in PRECONDITIONERS:
        make = lambda params, lr, by=by: PMG(params, lr=lr, preconditioner=by)
        methods += [(f"PMG, {by}", False, make), (f"PMG, {by}, closure", True, make)]
    for name, twice, make in methods:
        found = {lr: loss_after(lambda params, lr=lr, make=make: make(params, lr=lr), twice) for lr in RATES}
        best = min(found, key=lambda lr: found[lr] if found[lr] == found[lr] else float("inf"))
        rows.append([name, "2" if twice else "1", f"{best:g}", f"{found[best]:.2f}"])
    return markdown(["method", "evaluations a step", "best lr", "loss"], rows, numbers={1, 2, 3})


def main() -> None:
    page = filled(PAGE.read_text(), {"pmg": table()})
    with replacing(PAGE) as temporary:
        temporary.write_text(page)


if __name__ == "__main__":
    main()
