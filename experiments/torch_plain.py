"""A small net trained by RSGDM in plain torch: `python -m experiments.torch_plain`."""

import torch

from momentumlab.torch import RSGDM


def main() -> tuple[float, float]:
    """The first and the last loss."""
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = x.sum(1, keepdim=True).tanh()
    net = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    optimizer = RSGDM(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


if __name__ == "__main__":
    print("first loss {:.4f}, last loss {:.4f}".format(*main()))
