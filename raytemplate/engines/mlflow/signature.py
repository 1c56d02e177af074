"""What a model takes and gives, as MLflow writes it: the signature of an `MLmodel` file, and an example of a request.

Written as plain JSON: MLflow's own classes take half a second to import.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.typical import Value, typical_row
from raytemplate.data.reserved import PREDICTION, PROBABILITY
from raytemplate.planning.stages import RunPlan

_WORDS = {"whole number": "integer"}
"""Types of fitted features that have another name in contracts."""
MLFLOW_TYPES = {"number": "double", "integer": "long", "boolean": "boolean", "text": "string", "time": "datetime"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """What a model takes and gives."""

    types: Mapping[str, str]
    """Input column -> "number", "integer", "text", "boolean" or "time", as it was in training."""
    keys: Mapping[str, str]
    """The same of key columns that the model does not use: they come back beside predictions."""
    with_nulls: frozenset[str]
    """Input columns in which values were missing in training, or about which nothing is known."""
    reads_text_times: bool
    """Whether times may come as text, with a zone or without; models of earlier versions do not take them."""
    classes: tuple[str, ...]
    """Classes that have a column of their own in predictions; none for numbers and for two classes."""
    example: Mapping[str, Value]
    """One made-up row of the input columns."""

    @classmethod
    def of(cls, plan: RunPlan, features: FittedFeatures, train: FeatureStatistics | None) -> "Interface":
        """The interface of a run's candidate, from its records."""
        fitted = {name: _WORDS.get(f.type, f.type) for f in features.features for name in reads(f)}
        types = {name: plan.ingest.types.get(name) or _known(fitted[name]) for name in features.columns}
        keys = {name: plan.ingest.types.get(name, "") for name in plan.ingest.keys if name not in types}
        masked = plan.ingest.mask.columns if plan.ingest.mask else ()
        known = {
            name: column.num_null > 0
            for step in plan.ingest.features
            if train is not None and len(reads(step)) == 1
            for name, column in [(reads(step)[0], train.columns.get(f"{step.kind}:{step.column}"))]
            if column is not None
        }
        return cls(
            types=types,
            keys=keys,
            with_nulls=frozenset(name for name in types if known.get(name, True)),
            reads_text_times=plan.ingest.rules is not None,
            classes=features.classes if len(features.classes) > 2 else (),
            example=typical_row(plan.ingest.features, train, types, plan.as_of, masked=masked, taken=plan.ingest.taken),
        )

    def signature(self) -> dict[str, str | None]:
        """The `signature` of an `MLmodel` file."""
        outputs = [{"type": "string" if self.classes else "double", "name": PREDICTION, "required": True}]
        outputs += [{"type": "double", "name": f"{PROBABILITY}{name}", "required": True} for name in self.classes]
        return {"inputs": json.dumps(self.columns()), "outputs": json.dumps(outputs), "params": None}

    def columns(self) -> list[dict[str, str | bool]]:
        """The input columns as MLflow writes a schema; keys may be left out."""
        return [
            *({"type": self._type(name, word), "name": name, "required": True} for name, word in self.types.items()),
            *({"type": "any", "name": name, "required": False} for name in self.keys),
        ]

    def _type(self, name: str, word: str) -> str:
        """MLflow refuses values of another type than this, also where the model would take them.

        Times with a zone are refused as "datetime", and whole numbers beside missing ones are floats in pandas: such
        columns may hold anything, and the model itself says what is wrong with a value.
        """
        if (word == "time" and self.reads_text_times) or (word == "integer" and name in self.with_nulls):
            return "any"
        return MLFLOW_TYPES[word]

    def example_frame(self) -> str:
        """The example as `input_example.json`: a data frame of one row, as pandas splits it."""
        return json.dumps({"columns": list(self.example), "data": [list(self.example.values())]}, indent=1)

    def example_request(self) -> str:
        """The example as the body of a request to a server of the model."""
        return json.dumps({"dataframe_split": json.loads(self.example_frame())}, indent=1)


def _known(word: str) -> str:
    return word if word in MLFLOW_TYPES else "text"
