"""What a version says that it takes and gives."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.sources.text.rules import Rules
from raytemplate.engines.mlflow.packaged import requirements_of
from raytemplate.engines.mlflow.signature import Interface
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.testing import sample_plans

TABLE = pa.table(
    {
        "distance": [100, 200, 300], "seats": [None, 10, 20], "rain": [0.0, None, 1.5], "carrier": ["UA", "DL", None],
        "at": [datetime(2013, 5, day, tzinfo=UTC) for day in (1, 2, 3)], "minutes": [1.0, 2.0, 3.0],
        "late": ["no", "yes", "maybe"],
    }
)  # fmt: skip
TYPES = {
    "distance": "integer",
    "seats": "integer",
    "rain": "number",
    "carrier": "text",
    "at": "time",
    "flight": "integer",
}
STEPS = tuple(
    FeatureStep(kind=kind, column=column, settings=Settings(settings))
    for kind, column, settings in (
        ("numeric", "distance", {}), ("numeric", "seats", {}), ("numeric", "rain", {}),
        ("categorical", "carrier", {"min_count": 1}), ("datetime", "at", {"parts": ["hour"]}),
    )
)  # fmt: skip


def interface(target="minutes", task="regression", **changes):
    train = feature_statistics(TABLE, STEPS, target, task)
    ingest = sample_plans.sample_ingest_stage(
        features=STEPS, types=Settings(TYPES), keys=("carrier", "flight"), **{"rules": Rules(), **changes}
    )
    return Interface.of(sample_plans.sample_plan(ingest=ingest), fit_features(train, STEPS, task), train)


def test_columns_have_the_types_of_training_and_keys_may_be_left_out():
    inputs = json.loads(interface().signature()["inputs"])
    assert {column["name"]: (column["type"], column["required"]) for column in inputs} == {
        "distance": ("long", True),
        "seats": ("any", True),  # pandas makes floats of whole numbers beside missing ones
        "rain": ("double", True),
        "carrier": ("string", True),
        "at": ("any", True),  # MLflow refuses times with a zone
        "flight": ("any", False),
    }


def test_a_model_that_takes_no_times_as_text_gets_times():
    inputs = json.loads(interface(rules=None).signature()["inputs"])
    assert [column["type"] for column in inputs if column["name"] == "at"] == ["datetime"]


def test_several_classes_have_a_probability_each():
    outputs = json.loads(interface("late", "multiclass").signature()["outputs"])
    assert [(column["name"], column["type"]) for column in outputs] == [
        ("prediction", "string"), ("probability_maybe", "double"),
        ("probability_no", "double"), ("probability_yes", "double"),
    ]  # fmt: skip


def test_the_signature_is_one_that_mlflow_reads():
    from mlflow.models import ModelSignature

    found = ModelSignature.from_dict(interface().signature())
    assert found.inputs.required_input_names() == ["distance", "seats", "rain", "carrier", "at"]
    assert found.to_dict()["outputs"] == '[{"type": "double", "name": "prediction", "required": true}]'


ENVIRONMENT = {"python": "3.11.7", "machine": "x86_64", "ray": "2.60.0", "torch": "2.13.0+cpu", "lightgbm": "4.7.0",
               "mlflow": "3.17.2", "numpy": "2.4.6", "raytemplate-sample": "0.3"}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["torch==2.13.0", "numpy==2.4.6", "raytemplate-sample==0.3"]),
        ({"trainer": "lightgbm"}, ["lightgbm==4.7.0", "numpy==2.4.6", "raytemplate-sample==0.3"]),
    ],
    ids=["a network", "trees"],
)
def test_what_the_predictor_imports_is_required_in_the_version_of_training(changes, expected):
    found = requirements_of(sample_plans.sample_fit_stage(**changes), ENVIRONMENT)
    assert found[0].startswith("mlflow==") and found[1].startswith("raytemplate==")
    assert found[2:] == expected
