"""Networks as a user writes them: with running statistics, tied weights, or mistakes."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, layout, hidden):
        super().__init__()
        self.table = nn.Embedding(sum(layout.cardinalities), 4)
        self.seen = nn.BatchNorm1d(len(layout.dense))
        self.first = nn.Linear(len(layout.dense) + 4 * len(layout.cardinalities), hidden)
        self.second, self.third = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.third.weight = self.second.weight
        self.last = nn.Linear(hidden, layout.num_outputs)

    def forward(self, dense, codes):
        x = torch.cat([self.seen(dense), self.table(codes).flatten(1)], dim=1)
        for layer in (self.first, self.second, self.third):
            x = torch.relu(layer(x))
        return self.last(x)


def build(layout, hidden=32):
    return Net(layout, hidden)


class Two(Net):
    def __init__(self, layout):
        super().__init__(layout, 8)

    def forward(self, dense, codes):
        return super().forward(dense, codes).repeat(1, 2)


class Failing(Net):
    def __init__(self, layout):
        super().__init__(layout, 8)

    def forward(self, dense, codes):
        return self.last(dense)


def nothing(layout):
    return None


def without_weights(layout):
    return nn.ReLU()
