"""The family `torch` and its options."""

from collections.abc import Mapping
from typing import Any, Literal

from raytemplate.models.options import BY_GRADIENT, Family
from raytemplate.options import Options


class TorchOptions(Options):
    """Your own network: any `torch.nn.Module` that a function makes."""

    kind: Literal["torch"] = "torch"
    """The family."""

    build: str
    """The function that makes the network, such as `my_pkg.model:build`, from a module in `code.modules`. It is called
    as `build(layout, **args)` and returns a module that is called as `module(dense, codes)`."""

    args: Mapping[str, Any] = {}
    """Arguments of `build` besides the layout, by name. Default: none."""


FAMILY = Family(
    name="torch",
    options=TorchOptions,
    uses=BY_GRADIENT,
    loop="raytemplate.models.torch.loop:train",
    predictor="raytemplate.models.torch.predict:TorchPredictor",
    trainer="torch",
    files=("weights.safetensors", "network.json"),
    rows_per_s=100_000.0,
    column_s=5e-8,
    epochs_field="training.epochs",
    start_s=1.5,
    targets=("build",),
)
