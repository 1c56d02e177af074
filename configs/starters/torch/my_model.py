"""A network of one's own. Change anything: `build` is what the template names."""

import torch
from torch import nn


class Net(nn.Module):
    """Embeddings of the categories beside the numbers, then two layers."""

    def __init__(self, layout, hidden):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, 8) for size in layout.cardinalities)
        width = len(layout.dense) + 8 * len(layout.cardinalities)
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, layout.num_outputs))

    def forward(self, dense, codes):
        """Numbers [rows, outputs] from `dense` float32 [rows, numbers] and `codes` int32 [rows, categories]."""
        parts = [dense, *(table(codes[:, place]) for place, table in enumerate(self.tables))]
        return self.layers(torch.cat(parts, dim=1))


def build(layout, hidden=64):
    """The network for the columns of `layout`."""
    return Net(layout, hidden)
