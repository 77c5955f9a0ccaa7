"""A small net trained by PID in Lightning: `python -m experiments.torch_lightning`."""

import logging

import lightning
import torch

from momentumlab.torch import PID


class Net(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
        self.losses: list[float] = []

    def training_step(self, batch, index):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layers(x), y)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        optimizer = PID(self.parameters(), lr=0.05, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)]


def main() -> tuple[float, float]:
    """The first and the last loss."""
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True).tanh())
    loader = torch.utils.data.DataLoader(data, batch_size=256)
    net = Net()
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.Trainer(max_epochs=100, accelerator="cpu", devices=1, **quiet).fit(net, loader)
    return net.losses[0], net.losses[-1]


if __name__ == "__main__":
    print("first loss {:.4f}, last loss {:.4f}".format(*main()))
