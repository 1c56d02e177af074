"""One fitted feature, and a set of them that another template takes as they are."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from raytemplate.data.features.gaps import Gap
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.set_name import SetName
from raytemplate.data.mask_options import HASH
from raytemplate.records.codec import Settings, canonical


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedColumn:
    """One fitted feature."""

    kind: str
    """Name of its kind."""

    column: str
    """Name of the feature, and of the column it is made from unless `inputs` says otherwise."""

    type: str
    """Family of the column's type in training, as the kind's `accepts` returned it."""

    state: Settings
    """The fitted state of the kind."""

    inputs: tuple[str, ...] = ()
    """The columns it is made from; empty if that is just `column`."""

    build: str = ""
    """The user's own function that makes it from `inputs`; "" if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSet:
    """The fitted features of one version of a registered model. A plan that takes them carries them, so that a run
    needs nothing else to be resumed, sent to a cluster or made again."""

    model: str
    """Name of the model."""

    version: int
    """Version of the model, and of the set."""

    digest: str
    """sha256 over the features and their gaps; see `set_digest`."""

    model_digest: str
    """Digest of the model's files: where the content store keeps the set."""

    features: tuple[FittedColumn, ...]
    """The fitted features, in the order of their encoded columns."""

    gaps: tuple[Gap, ...]
    """Those whose missing values are kept apart from the value that fills them."""

    num_columns: int
    """Number of encoded columns."""

    seen_until: datetime
    """Moment up to which the set has seen data: that of its model."""

    split: str = ""
    """Id of the split by row hash that its rows came from; "" if windows of time were cut."""

    types: Settings = field(default_factory=Settings)
    """Column that it reads -> its type in the words of a contract, before it was masked."""

    masked: Settings = field(default_factory=Settings)
    """Column that it reads -> how it was masked; columns that were not are absent."""

    mask_key: str = ""
    """Id of the key with which columns that it reads were hashed; "" if none were."""

    code_sha256: str = ""
    """Digest of the modules with the own functions that make its features; "" if there are none."""

    @property
    def name(self) -> SetName:
        """Its name, such as "features/flights-air-time/3"."""
        return SetName(model=self.model, version=self.version)

    @property
    def columns(self) -> tuple[str, ...]:
        """The distinct columns that it reads."""
        return tuple(dict.fromkeys(column for feature in self.features for column in reads(feature)))

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns that it reads and that were hashed."""
        return tuple(column for column, rule in self.masked.items() if rule == HASH)


def set_digest(features: Sequence[FittedColumn], gaps: Sequence[Gap]) -> str:
    """sha256 over fitted features: equal for equal states, whatever model they belong to."""
    return hashlib.sha256(canonical([features, gaps]).encode()).hexdigest()
