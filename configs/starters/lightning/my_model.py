"""A LightningModule of one's own. Change anything: the template names the class."""

import torch
from pytorch_lightning import LightningModule
from torch import nn
from torch.nn import functional


class Net(LightningModule):
    """Embeddings of the categories beside the numbers, then two layers; absolute error; AdamW."""

    def __init__(self, layout, hidden=64):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, 8) for size in layout.cardinalities)
        width = len(layout.dense) + 8 * len(layout.cardinalities)
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, layout.num_outputs))

    def forward(self, dense, codes):
        """Numbers [rows, outputs] from `dense` float32 [rows, numbers] and `codes` int32 [rows, categories]."""
        parts = [dense, *(table(codes[:, place]) for place, table in enumerate(self.tables))]
        return self.layers(torch.cat(parts, dim=1))

    def training_step(self, batch, batch_idx):
        """The loss of one batch; the target is scaled to mean 0 and deviation 1."""
        dense, codes, target = batch
        return functional.l1_loss(self(dense, codes).squeeze(1), target)

    def configure_optimizers(self):
        """One optimizer; a schedule may stand beside it."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)
