"""A small net trained by Nesterov's rule through accelerate: `python -m experiments.torch_accelerate`."""

import torch
from accelerate import Accelerator

from momentumlab.torch import NesterovSGD


def main() -> tuple[float, float]:
    """The first and the last loss."""
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True).tanh())
    net = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    accelerator = Accelerator(cpu=True)
    loader = torch.utils.data.DataLoader(data, batch_size=256)
    net, optimizer, loader = accelerator.prepare(net, NesterovSGD(net.parameters(), lr=0.05), loader)
    losses = []
    for _ in range(100):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(net(inputs), targets)
            accelerator.backward(loss)
            optimizer.step()
            losses.append(loss.item())
    return losses[0], losses[-1]


if __name__ == "__main__":
    print("first loss {:.4f}, last loss {:.4f}".format(*main()))
