"""A user's project: a template, data and a package of its own, in a folder that is not installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from small_flights import write_demo

PACKAGE = "own_net"
LAYERS = '''
import torch
from torch import nn


class Embedded(nn.Module):
    """Every category as a few numbers, beside the others."""

    def __init__(self, layout, size):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, size) for n in layout.cardinalities)
        self.width = len(layout.dense) + size * len(layout.cardinalities)

    def forward(self, dense, codes):
        return torch.cat([dense] + [table(codes[:, i]) for i, table in enumerate(self.tables)], dim=1)
'''
MODEL = """
from torch import nn

from own_net.layers import Embedded


class Net(nn.Module):
    def __init__(self, layout, hidden=32):
        super().__init__()
        self.first = Embedded(layout, 4)
        self.rest = nn.Sequential(
            nn.Linear(self.first.width, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, layout.num_outputs)
        )

    def forward(self, dense, codes):
        from own_net import names  # imported when it is first called

        assert names.NAME == "own_net"
        return self.rest(self.first(dense, codes))


def build(layout, hidden=32):
    return Net(layout, hidden)


def broken(layout):
    return nn.Linear(1, 1)


def of_two(layout):
    class Two(Net):
        def forward(self, dense, codes):
            return super().forward(dense, codes).repeat(1, 2)

    return Two(layout)
"""
LIT = """
import torch
from pytorch_lightning import LightningModule
from torch.nn import functional

from own_net.model import Net


class Lit(LightningModule):
    def __init__(self, layout, lr=1e-2):
        super().__init__()
        self.net, self.lr = Net(layout), lr

    def forward(self, dense, codes):
        return self.net(dense, codes)

    def training_step(self, batch, batch_idx):
        dense, codes, target = batch
        loss = functional.l1_loss(self(dense, codes).squeeze(1), target)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr)
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)]
"""
CHANGES = {
    "model.kind": "torch",
    "model.build": "own_net.model:build",
    "model.args": {"hidden": 24},
    "code.modules": ["own_net"],
}
LIGHTNING = {
    "model.kind": "lightning",
    "model.module": "own_net.lit:Lit",
    "model.args": {"lr": 0.02},
    "code.modules": ["own_net"],
}


def write_package(folder: Path) -> Path:
    """Write the package `own_net` below a folder."""
    package = folder / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text(f'NAME = "{PACKAGE}"\n')
    (package / "layers.py").write_text(LAYERS)
    (package / "model.py").write_text(MODEL)
    (package / "lit.py").write_text(LIT)
    return package


def write_project(folder: Path, flights: Path) -> Path:
    """A demo folder with the package next to the template."""
    write_demo(folder, flights)
    write_package(folder)
    return folder


def without_package(folder: Path) -> None:
    """Remove the package, as on a machine that has only the workspace."""
    shutil.rmtree(folder / PACKAGE)
