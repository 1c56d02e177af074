"""Trains `tabular-mlp` on the batches of its context."""

import json
from pathlib import Path

from raytemplate.models.context import LoopContext
from raytemplate.models.options import TrainingSpec
from raytemplate.models.tabular_mlp.family import TabularMlpOptions
from raytemplate.models.tabular_mlp.predict import NETWORK, TabularMlp
from raytemplate.models.torch.loop import fit


def train(context: LoopContext, options: TabularMlpOptions, training: TrainingSpec) -> None:
    """Runs epochs of Adam over shuffled batches until the context says stop."""

    def describe(folder: Path) -> None:
        (folder / NETWORK).write_text(json.dumps(options.model_dump(mode="json"), sort_keys=True))

    tables = {column: f"embeddings.{index}.weight" for index, column in enumerate(context.layout.codes)}
    fit(context, lambda: TabularMlp(context.layout, options), training, describe, tables)
