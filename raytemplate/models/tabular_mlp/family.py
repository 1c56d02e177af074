"""The family `tabular-mlp` and its options."""

from typing import Annotated, Literal

from pydantic import Field

from raytemplate.models.options import BY_GRADIENT, Family
from raytemplate.options import Options


class TabularMlpOptions(Options):
    """Embeddings of categories and scaled numbers, followed by fully connected layers."""

    kind: Literal["tabular-mlp"] = "tabular-mlp"
    """The family."""

    hidden: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Units in each hidden layer. Default: 128."""

    layers: Annotated[int, Field(ge=1, le=32)] = 2
    """Number of hidden layers. Default: 2."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of hidden units left out in training. Default: 0."""

    embedding: Annotated[int, Field(ge=1, le=4096)] = 16
    """Greatest width of an embedding, in numbers; categories with few values get a narrower one. Default: 16."""


FAMILY = Family(
    name="tabular-mlp",
    options=TabularMlpOptions,
    uses=BY_GRADIENT,
    loop="raytemplate.models.tabular_mlp.loop:train",
    predictor="raytemplate.models.tabular_mlp.predict:TabularMlpPredictor",
    trainer="torch",
    files=("weights.safetensors", "network.json"),
    rows_per_s=150_000.0,
    column_s=5e-8,
    epochs_field="training.epochs",
    start_s=1.5,
)
