"""LightningModules as a user writes them."""

import torch
from pytorch_lightning import LightningModule
from torch import nn
from torch.nn import functional


class Net(LightningModule):
    def __init__(self, layout, hidden=32):
        super().__init__()
        self.table = nn.Embedding(sum(layout.cardinalities), 4)
        width = len(layout.dense) + 4 * len(layout.cardinalities)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(0.02),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, layout.num_outputs),
        )

    def forward(self, dense, codes):
        return self.layers(torch.cat([dense, self.table(codes).flatten(1)], dim=1))

    def training_step(self, batch, batch_idx):
        dense, codes, target = batch
        loss = functional.mse_loss(self(dense, codes).squeeze(1), target)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


class Scheduled(Net):
    """An optimizer with momentum, a schedule for each step and one for each epoch; counts its own steps in a buffer."""

    def __init__(self, layout):
        super().__init__(layout, 32)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def training_step(self, batch, batch_idx):
        self.steps += 1
        assert self.global_step == int(self.steps) - 1
        return {"loss": super().training_step(batch, batch_idx), "more": batch_idx}

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=total)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class ByHand(Net):
    """Two optimizers, stepped by hand."""

    def __init__(self, layout):
        super().__init__(layout, 32)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        dense, codes, target = batch
        loss = functional.mse_loss(self(dense, codes).squeeze(1), target)
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
        if self.trainer.is_last_batch:
            self.lr_schedulers().step()

    def configure_optimizers(self):
        first = torch.optim.Adam(self.layers.parameters(), lr=1e-2)
        second = torch.optim.Adam(self.table.parameters(), lr=2e-2)
        return [first, second], [torch.optim.lr_scheduler.StepLR(first, 3, 0.5)]


class OfClasses(Net):
    """Logits: one for two classes, else one for each class."""

    def training_step(self, batch, batch_idx):
        dense, codes, target = batch
        output = self(dense, codes)
        if output.shape[1] == 1:
            return functional.binary_cross_entropy_with_logits(output.squeeze(1), target)
        return functional.cross_entropy(output, target.long())


class Failing(Net):
    def training_step(self, batch, batch_idx):
        return self.layers(batch[0]).sum()
