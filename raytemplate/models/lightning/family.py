"""The family `lightning` and its options."""

from collections.abc import Mapping
from typing import Any, Literal

from raytemplate.models.options import Family
from raytemplate.options import Options


class LightningOptions(Options):
    """Your own LightningModule, with its own loss, optimizer and schedule."""

    kind: Literal["lightning"] = "lightning"
    """The family."""

    module: str
    """The class, such as `my_pkg.model:Net`, from a module in `code.modules`. If its constructor has a parameter
    `layout`, it gets the layout. `forward(dense, codes)` predicts; `training_step` gets `(dense, codes, target)`."""

    args: Mapping[str, Any] = {}
    """Further arguments of its constructor, by name. Default: none."""


FAMILY = Family(
    name="lightning",
    options=LightningOptions,
    uses=frozenset(
        {
            "epochs",
            "batch_size",
            "clip_norm",
            "precision",
            "early_stopping",
            "warm_start",
            "checkpoint_every",
            "keep_checkpoints",
            "keep_best",
            "seed",
            "threads",
        }
    ),
    loop="raytemplate.models.lightning.loop:train",
    predictor="raytemplate.models.lightning.predict:LightningPredictor",
    trainer="torch",
    files=("weights.safetensors", "network.json"),
    rows_per_s=50_000.0,
    column_s=5e-8,
    epochs_field="training.epochs",
    start_s=6.0,
    packages=("pytorch_lightning", "lightning_fabric"),
    extra="lightning",
    targets=("module",),
)
