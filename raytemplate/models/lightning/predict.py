"""Predicting with a trained LightningModule."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from pytorch_lightning import LightningModule

from raytemplate.code.load import load_attribute
from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Layout
from raytemplate.models.lightning.family import LightningOptions
from raytemplate.models.torch.predict import NETWORK, NetworkPredictor
from raytemplate.models.torch.weights import load_weights


def build_module(options: LightningOptions, layout: Layout) -> LightningModule:
    """An instance of the user's own class.

    Raises:
        TrainingFailed: it is not a LightningModule.
        UsageError: the class cannot be imported.
    """
    make = load_attribute(options.module)
    given = {"layout": layout} if "layout" in inspect.signature(make).parameters else {}
    made = make(**given, **options.args)
    if not isinstance(made, LightningModule):
        raise TrainingFailed(
            f"{options.module} gave {type(made).__module__}.{type(made).__name__}, expected a LightningModule of "
            "the package pytorch_lightning"
        )
    return made


class LightningPredictor(NetworkPredictor):
    """The user's own module, loaded with the code that is stored with it."""

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> LightningPredictor:
        """The module in a folder: safetensors, JSON and Python files, never a pickle."""
        module = build_module(LightningOptions.model_validate(json.loads((folder / NETWORK).read_text())), layout)
        load_weights(folder, module)
        return cls(module, layout)
