"""A trained model as a folder of plain files: weights, fitted features, and its origin."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate import plugins
from raytemplate.code.load import CODE, code_in
from raytemplate.data.features.encoding import FittedFeatures, encode
from raytemplate.data.features.gaps import seen
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.kind import is_text
from raytemplate.data.mask_options import DROP
from raytemplate.data.masking import Mask, masker_of
from raytemplate.data.missing import nulls_where_missing
from raytemplate.data.raw_rows import quoting_nothing
from raytemplate.data.reserved import PREDICTION, PROBABILITY, VERSION
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.data.sources.text.missing_words import is_number
from raytemplate.data.sources.text.rules import Rules
from raytemplate.errors import DataError
from raytemplate.models.context import Layout, Predictor
from raytemplate.models.options import Family
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.store.atomic import storage_errors

ABOUT, FEATURES, MASK = "model.json", "features.json", "mask.json"
"""The last one only if values were masked: models without a mask keep the bytes, and the digest, they always had."""
_PADDED = re.compile(r"0\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """The description of a model. It holds nothing that differs between two runs of one plan, so that equal models have
    equal bytes."""

    name: str
    """Name of the template and of the registered model."""

    family: str
    """Name of its family."""

    target: str
    """What it predicts: `data.target`."""

    columns: tuple[str, ...]
    """Columns of the data that it needs."""

    keys: tuple[str, ...]
    """Columns that identify a row."""

    epoch: int
    """The epoch it was taken from."""

    plan_id: str
    """The plan that made it."""

    snapshot: str
    """Digest of the data it was trained on."""

    seen_from: datetime
    """Start of the oldest window that training or the choice of the epoch used."""

    seen_until: datetime
    """End of the newest window that training or the choice of the epoch used."""

    source: str = "parquet"
    """Name of the source that read its files."""

    reading: Settings = field(default_factory=Settings)
    """How its files were written, see `SourceTable.reading`."""

    split: str = ""
    """Id of its split by row hash; "" if windows of time were cut."""

    storage: Storage = field(default_factory=Storage)
    """Where the bucket of its files is."""

    rules: Rules | None = None
    """How the values of each column are read, as in a plan's `IngestStage`. None in models of earlier versions, which
    take values as they come."""

    types: Settings = field(default_factory=Settings)
    """Column -> type, for the columns whose type training knew, as in a plan's `IngestStage`."""

    def order(self, pattern: str, root: Path, masked: tuple[str, ...] = ()) -> ListOrder:
        """An order for rows to predict, read as the training files were; keys are kept as they are written.

        Args:
            masked: columns that will be masked: such a key is read as in training, and no error quotes its values.
        """
        rules = Settings(self.reading.get("rules", {}))  # for CSV they include the separator that was found
        if self.rules is None:
            return ListOrder(
                pattern=pattern, root=root, settings=rules, types=self._types_before(), storage=self.storage
            )
        hidden = tuple(key for key in self.keys if key in masked)
        types = {name: self.types[name] for name in (*self.columns, *hidden) if self.types.get(name)}
        return ListOrder(
            pattern=pattern,
            root=root,
            types=types,
            settings=rules if self.source == "csv" else Settings.of(self.rules),
            written=tuple(key for key in self.keys if key not in hidden),
            storage=self.storage,
            masked=masked,
        )

    def _types_before(self) -> Mapping[str, str]:
        """The types of columns that a model of an earlier version stored if it was trained on text files."""
        found: Mapping[str, Any] = self.reading.get("types", {})
        kinds = {"double": "number", "int64": "integer", "string": "text", "bool": "boolean"}
        return {name: kinds[found[name]] for name in self.columns if found.get(name) in kinds}


def write_model(
    folder: Path,
    checkpoint: Path,
    family: Family,
    features: FittedFeatures,
    about: About,
    code: Path | None = None,
    mask: Mask | None = None,
) -> None:
    """Assembles a model's folder from a checkpoint; a folder left by a stopped process is replaced.

    Args:
        code: folder of the user's modules that the model needs, to be stored with it; it need not exist.
        mask: how the training rows were masked, with its id.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with storage_errors(folder):
        for name in family.files:
            shutil.copyfile(checkpoint / name, folder / name)
    if code is not None and code.is_dir():
        shutil.copytree(code, folder / CODE, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / FEATURES).write_bytes(codec.dumps(features))
    (folder / ABOUT).write_bytes(codec.dumps(about))
    if mask is not None:
        (folder / MASK).write_bytes(codec.dumps(mask))


def types_of(features: FittedFeatures, found: Settings) -> Settings:
    """Column -> type that the model requires of its values.

    Args:
        found: the types in training. A column of whole numbers that is used only as a number may later hold any
            numbers.
    """
    numbers = {f.column for f in features.features if f.type == "number" and not f.inputs}
    others = {name for f in features.features if f.type != "number" or f.inputs for name in reads(f)}
    return Settings({**found, **{name: "number" for name in numbers - others if found.get(name) == "integer"}})


def read_about(folder: Path) -> About:
    """The description of the model in a folder."""
    return codec.loads(About, (folder / ABOUT).read_bytes(), where=str(folder / ABOUT))


def read_mask(folder: Path) -> Mask | None:
    """How rows are masked for the model in a folder; None if they are not."""
    path = folder / MASK
    return codec.loads(Mask, path.read_bytes(), where=str(path)) if path.is_file() else None


def read_features(folder: Path) -> FittedFeatures:
    """The fitted features of the model in a folder."""
    return codec.loads(FittedFeatures, (folder / FEATURES).read_bytes(), where=str(folder / FEATURES))


def seen_by(family: Family, layout: Layout) -> Layout:
    """The layout of encoded rows as a family sees it; if it does not accept missing values, with columns that mark
    them."""
    if family.takes_missing:
        return replace(layout, missing_as_nan=True)
    return replace(layout, dense=(*layout.dense, *(gap.name for gap in layout.gaps)))


def layout_of(features: FittedFeatures) -> Layout:
    """The layout of encoded rows before it is adapted to a family."""
    return Layout(
        dense=features.dense,
        codes=features.codes,
        cardinalities=features.cardinalities,
        target_mean=features.target_mean,
        target_std=features.target_std,
        task=features.task,
        classes=features.classes,
        class_counts=features.class_counts,
        gaps=features.gaps,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedModel:
    """A model that is ready to predict."""

    about: About
    """Its description."""

    features: FittedFeatures
    """The fitted features that encode rows."""

    layout: Layout
    """The layout of encoded rows, as its family sees it."""

    predictor: Predictor
    """The loaded model."""

    code: Path
    """Folder of the code that is stored with it; it need not exist."""

    mask: Mask | None = None
    """How rows are masked before they are encoded; None if they are not."""

    @classmethod
    def load(cls, folder: Path) -> SavedModel:
        """The model in a folder, with the code stored there. Nothing is unpickled; the caller must check the digest.

        Raises:
            IntegrityError: the folder does not hold a model that raytemplate wrote.
        """
        about = read_about(folder)
        features = read_features(folder)
        family: Family = plugins.load(plugins.FAMILIES, about.family)
        predictor: type[Predictor] = plugins.resolve(family.predictor)
        layout = seen_by(family, layout_of(features))
        with code_in(folder / CODE):
            loaded = predictor.load(folder, layout)
        mask = read_mask(folder)
        return cls(about=about, features=features, layout=layout, predictor=loaded, code=folder / CODE, mask=mask)

    def predict(self, rows: pa.Table, *, masked: bool = False) -> tuple[NDArray[np.float64], int]:
        """Predictions for raw rows, shaped as by a `Predictor`, and the number of rows with an unknown category.

        Args:
            masked: whether the rows are masked already: those of a run are, and those that `masked` returns.

        Raises:
            DataError: a column that the model needs is missing or has another type.
            UsageError: the key of the mask is missing here.
        """
        with code_in(self.code):
            taken = self.taken(rows if masked else self.masked(rows))
            if self.features.blank_is_missing:
                taken = nulls_where_missing(taken, self.features.columns)
            encoded = encode(_untyped_where_empty(taken), self.features, with_target=False)
        gaps, as_nan = self.layout.gaps, self.layout.missing_as_nan
        dense = seen(encoded.dense, encoded.missing, gaps, as_nan=as_nan)
        return self.predictor.predict(dense, encoded.codes), encoded.num_unknown

    def masked(self, rows: pa.Table) -> pa.Table:
        """The table [rows] with the columns of the mask, keys too, read as training read them and then masked.

        Raises:
            DataError: a value cannot be read as its column's type; it is not quoted.
            UsageError: the key of the mask is missing here.
            IntegrityError: it is another key.
        """
        if self.mask is None:
            return rows
        masker = masker_of(self.mask)
        with quoting_nothing("data"):
            self._refuse_numbers_for_text(rows, self.mask)
            return masker.masked(self._read(rows, self.mask.columns, self.mask.columns))

    def taken(self, rows: pa.Table) -> pa.Table:
        """The table [rows], masked, with the values of all other columns that the model needs read as training read
        them.

        Raises:
            DataError: a value cannot be read as its column's type.
        """
        if self.about.rules is None:
            return rows
        self._refuse_lost_zeros(rows)
        hidden = self.mask.columns if self.mask else ()
        return self._read(rows, [name for name in self.features.columns if name not in hidden])

    def _read(self, rows: pa.Table, columns: Sequence[str], masked: tuple[str, ...] = ()) -> pa.Table:
        """The table with some columns read as training read them, as far as they are there."""
        assert self.about.rules is not None
        names = rows.column_names
        wanted = frozenset(columns).intersection(names)
        chosen = rows.select([name for name in names if name in wanted])
        read = iter(as_read(chosen, self.about.rules, self.about.types, masked).columns)
        found = [next(read) if name in wanted else rows.column(index) for index, name in enumerate(names)]
        return pa.table(found, names=names)

    def _refuse_numbers_for_text(self, rows: pa.Table, mask: Mask) -> None:
        """Refuses numbers in a masked column that was text in training: whether they have lost zeros is not known."""
        for name, rule in mask.rules.items():
            index = rows.schema.get_field_index(name) if rule != DROP else -1
            if index >= 0 and self.about.types.get(name) == "text" and is_number(rows.schema.field(index).type):
                raise DataError(
                    f"column {name} is {rows.schema.field(index).type}, but was text in training, and is masked: "
                    "a number may have lost leading zeros, and its mask would be another one",
                    next_step=f'read it as text, in pandas with dtype={{"{name}": str}}',
                )

    def _refuse_lost_zeros(self, rows: pa.Table) -> None:
        """Refuses numbers where training had text such as 00007: converted to text they would be other categories."""
        for one in self.features.features:
            padded = next((v for v in one.state.get("values", ()) if _PADDED.fullmatch(str(v))), None)
            index = -1 if padded is None or one.type != "text" else rows.schema.get_field_index(one.column)
            if index >= 0 and is_number(rows.schema.field(index).type):
                raise DataError(
                    f"column {one.column} is {rows.schema.field(index).type}, but was text such as "
                    f'"{padded}" in training: a number has lost the leading zeros',
                    next_step=f'read it as text, in pandas with dtype={{"{one.column}": str}}',
                )

    def check_keys(self) -> None:
        """Raises if a key has the name of a column that `predict` writes. New templates cannot have such keys.

        Raises:
            DataError: a key has such a name.
        """
        several = self.features.classes if len(self.features.classes) > 2 else ()
        written = {PREDICTION, VERSION, *(f"{PROBABILITY}{name}" for name in several)}
        if taken := [key for key in self.about.keys if key in written]:
            raise DataError(
                f"{self.about.name}: its key {', '.join(taken)} has the name of a column that predict writes itself",
                next_step="rename the column in the data and train again",
            )

    def as_columns(self, predictions: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Predictions as columns of a table: `prediction` is the number, or the probability of the positive class.

        For more than two classes `prediction` is the name of the likeliest, and `probability_NAME` the probability of
        each.
        """
        if predictions.ndim == 1:
            return {PREDICTION: predictions}
        names = np.array(self.features.classes, dtype=object)
        likeliest = {PREDICTION: names[predictions.argmax(axis=1)]}
        return likeliest | {f"{PROBABILITY}{name}": predictions[:, index] for index, name in enumerate(names)}


def _untyped_where_empty(rows: pa.Table) -> pa.Table:
    """The rows with empty text columns replaced by untyped nulls: a text file does not tell the type of a column
    without values, so they count as missing values of any type."""
    for index, column in enumerate(rows.columns):
        if is_text(column.type) and column.null_count == len(column):
            rows = rows.set_column(index, rows.column_names[index], pa.chunked_array([pa.nulls(len(column))]))
    return rows
