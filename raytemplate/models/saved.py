"""A trained model as a folder of plain files: weights, fitted features, and what it was made from."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
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
from raytemplate.data.missing import nulls_where_missing
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

ABOUT, FEATURES = "model.json", "features.json"
_PADDED = re.compile(r"0\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a model is: nothing that differs between two runs of one plan, so that equal models have equal bytes.

    `seen_until` is the end of the newest window that training or the choice of the epoch has looked at.
    `source` and `reading` say how the files were written that it was made from, `storage` where their store is.
    `split` is the id of its split by row hash, empty where windows of time were cut.
    `rules` and `types` are how the values of each column that training knew are taken, as a plan's `IngestStage` has
    them; a model made before has no `rules`, and takes values as they come.
    """

    name: str
    family: str
    target: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    epoch: int
    plan_id: str
    snapshot: str
    seen_from: datetime
    seen_until: datetime
    source: str = "parquet"
    reading: Settings = field(default_factory=Settings)
    split: str = ""
    storage: Storage = field(default_factory=Storage)
    rules: Rules | None = None
    types: Settings = field(default_factory=Settings)

    def order(self, pattern: str, root: Path) -> ListOrder:
        """Rows to predict, read as the files that the model was made from; keys are kept as they are written."""
        rules = Settings(self.reading.get("rules", {}))  # of CSV also the separator that was found
        if self.rules is None:
            return ListOrder(
                pattern=pattern, root=root, settings=rules, types=self._types_before(), storage=self.storage
            )
        types = {name: self.types[name] for name in self.columns if self.types.get(name)}
        return ListOrder(
            pattern=pattern,
            root=root,
            types=types,
            settings=rules if self.source == "csv" else Settings.of(self.rules),
            written=self.keys,
            storage=self.storage,
        )

    def _types_before(self) -> Mapping[str, str]:
        """What a model made before knew of its columns, where it was made from text files."""
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
) -> None:
    """Put a model's folder together from a checkpoint; a folder left by a stopped process is replaced.

    Args:
        code: own modules that the model needs, to travel with it; none where there is no such folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in family.files:
        shutil.copyfile(checkpoint / name, folder / name)
    if code is not None and code.is_dir():
        shutil.copytree(code, folder / CODE, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / FEATURES).write_bytes(codec.dumps(features))
    (folder / ABOUT).write_bytes(codec.dumps(about))


def types_of(features: FittedFeatures, found: Settings) -> Settings:
    """Column -> type that its values must have for the model.

    Args:
        found: as they were in training. Whole numbers that only ever serve as numbers may be any numbers later.
    """
    numbers = {f.column for f in features.features if f.type == "number" and not f.inputs}
    others = {name for f in features.features if f.type != "number" or f.inputs for name in reads(f)}
    return Settings({**found, **{name: "number" for name in numbers - others if found.get(name) == "integer"}})


def read_about(folder: Path) -> About:
    """What the model in a folder is."""
    return codec.loads(About, (folder / ABOUT).read_bytes(), where=str(folder / ABOUT))


def seen_by(family: Family, layout: Layout) -> Layout:
    """The layout of encoded rows as a family sees it: if it takes no missing values, with columns that tell of them."""
    if family.takes_missing:
        return replace(layout, missing_as_nan=True)
    return replace(layout, dense=(*layout.dense, *(gap.name for gap in layout.gaps)))


def layout_of(features: FittedFeatures) -> Layout:
    """The columns of encoded rows, before a family sees them."""
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
    """A model ready to predict."""

    about: About
    features: FittedFeatures
    layout: Layout
    predictor: Predictor
    code: Path

    @classmethod
    def load(cls, folder: Path) -> SavedModel:
        """The model in a folder, with the code it carries. Nothing is unpickled; the digest is the caller's to check.

        Raises:
            IntegrityError: the folder does not hold a model of ours.
        """
        about = read_about(folder)
        features = codec.loads(FittedFeatures, (folder / FEATURES).read_bytes(), where=str(folder / FEATURES))
        family: Family = plugins.load(plugins.FAMILIES, about.family)
        predictor: type[Predictor] = plugins.resolve(family.predictor)
        layout = seen_by(family, layout_of(features))
        with code_in(folder / CODE):
            loaded = predictor.load(folder, layout)
        return cls(about=about, features=features, layout=layout, predictor=loaded, code=folder / CODE)

    def predict(self, rows: pa.Table) -> tuple[NDArray[np.float64], int]:
        """Predictions for raw rows as a `Predictor` gives them, and how many of their values are unknown categories.

        Raises:
            DataError: a column that the model needs is missing or of another type.
        """
        with code_in(self.code):
            taken = self.taken(rows)
            if self.features.blank_is_missing:
                taken = nulls_where_missing(taken, self.features.columns)
            encoded = encode(_untyped_where_empty(taken), self.features, with_target=False)
        gaps, as_nan = self.layout.gaps, self.layout.missing_as_nan
        dense = seen(encoded.dense, encoded.missing, gaps, as_nan=as_nan)
        return self.predictor.predict(dense, encoded.codes), encoded.num_unknown

    def taken(self, rows: pa.Table) -> pa.Table:
        """The columns [rows] that the model needs, with their values as training took them.

        Raises:
            DataError: a value cannot be read as its column's type.
        """
        if self.about.rules is None:
            return rows
        names = rows.column_names
        needed = frozenset(self.features.columns).intersection(names)
        chosen = [name for name in names if name in needed]
        self._refuse_lost_zeros(rows)
        taken = iter(as_read(rows.select(chosen), self.about.rules, self.about.types).columns)
        columns = [next(taken) if name in needed else rows.column(index) for index, name in enumerate(names)]
        return pa.table(columns, names=names)

    def _refuse_lost_zeros(self, rows: pa.Table) -> None:
        """Numbers for text such as 00007: written again as text they would be other categories."""
        for one in self.features.features:
            padded = next((v for v in one.state.get("values", ()) if _PADDED.fullmatch(str(v))), None)
            index = -1 if padded is None or one.type != "text" else rows.schema.get_field_index(one.column)
            if index >= 0 and is_number(rows.schema.field(index).type):
                raise DataError(
                    f'column {one.column} is {rows.schema.field(index).type}, and in training text such as "{padded}", '
                    "whose zeros a number has lost",
                    next_step=f'read it as text, in pandas with dtype={{"{one.column}": str}}',
                )

    def check_keys(self) -> None:
        """Nothing, if no key has the name of a column that predictions have; templates are refused such keys by now.

        Raises:
            DataError: one has.
        """
        several = self.features.classes if len(self.features.classes) > 2 else ()
        written = {PREDICTION, VERSION, *(f"{PROBABILITY}{name}" for name in several)}
        if taken := [key for key in self.about.keys if key in written]:
            raise DataError(
                f"{self.about.name}: its key {', '.join(taken)} has the name of a column that predict writes itself",
                next_step="rename the column in the data and train again",
            )

    def as_columns(self, predictions: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Predictions as columns of a table: `prediction`, the number or the probability of the positive class.

        For more than two classes `prediction` is the name of the likeliest, and `probability_NAME` that of each.
        """
        if predictions.ndim == 1:
            return {PREDICTION: predictions}
        names = np.array(self.features.classes, dtype=object)
        likeliest = {PREDICTION: names[predictions.argmax(axis=1)]}
        return likeliest | {f"{PROBABILITY}{name}": predictions[:, index] for index, name in enumerate(names)}


def _untyped_where_empty(rows: pa.Table) -> pa.Table:
    """A text file does not say what its empty columns would hold: they are missing values of whatever is asked for."""
    for index, column in enumerate(rows.columns):
        if is_text(column.type) and column.null_count == len(column):
            rows = rows.set_column(index, rows.column_names[index], pa.chunked_array([pa.nulls(len(column))]))
    return rows
