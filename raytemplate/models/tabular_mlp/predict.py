"""The network of `tabular-mlp`, and prediction with a trained one."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from raytemplate.models.context import Layout
from raytemplate.models.tabular_mlp.family import TabularMlpOptions
from raytemplate.models.torch.predict import NetworkPredictor
from raytemplate.models.torch.weights import load_weights

NETWORK = "network.json"


class TabularMlp(nn.Module):
    """Embeddings and scaled numbers, hidden layers with ReLU, then the outputs that `models.torch.predict` expects.

    The rows of an embedding for unknown and missing values (codes 0 and 1) start at zero, so that a value not seen in
    training has no effect.
    """

    def __init__(self, layout: Layout, options: TabularMlpOptions) -> None:
        super().__init__()
        widths = [min(options.embedding, (size + 1) // 2) for size in layout.cardinalities]
        embeddings = [nn.Embedding(size, width) for size, width in zip(layout.cardinalities, widths, strict=True)]
        for embedding in embeddings:
            with torch.no_grad():
                embedding.weight[:2] = 0.0
        self.embeddings = nn.ModuleList(embeddings)
        layers: list[nn.Module] = []
        width = len(layout.dense) + sum(widths)
        for _ in range(options.layers):
            layers += [nn.Linear(width, options.hidden), nn.ReLU()]
            if options.dropout:
                layers.append(nn.Dropout(options.dropout))
            width = options.hidden
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(width, layout.num_outputs)

    def forward(self, dense: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """dense: float32 [rows, dense features]; codes: int [rows, categorical features] -> [rows, outputs]."""
        columns = codes.t().long().contiguous().unbind()
        parts = [_rows_of(table, column) for table, column in zip(self.embeddings, columns, strict=True)]
        return self.output(self.hidden(torch.cat([dense, *parts], dim=1)))


def _rows_of(embedding: nn.Module, codes: torch.Tensor) -> torch.Tensor:
    """The embeddings of the codes. On a CPU, bypassing the embedding's own backward pass makes a step an eighth faster;
    on a GPU only that backward pass adds up gradients in the same order every time.
    """
    assert isinstance(embedding, nn.Embedding)
    return embedding.weight.index_select(0, codes) if codes.device.type == "cpu" else embedding(codes)


class TabularMlpPredictor(NetworkPredictor):
    """The network of `tabular-mlp`, loaded."""

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> TabularMlpPredictor:
        """The network in a folder: safetensors and JSON, never a pickle."""
        options = TabularMlpOptions.model_validate(json.loads((folder / NETWORK).read_text()))
        model = TabularMlp(layout, options)
        load_weights(folder, model)
        return cls(model, layout)
