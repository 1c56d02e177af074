"""What one field means, by its dotted path."""

from __future__ import annotations

import pytest

from raytemplate.errors import UsageError
from raytemplate.reports.fields_shown import fields_text
from raytemplate.spec.field_docs import all_paths, field_docs
from raytemplate.spec.json_schema import template_schema

SCHEMA = template_schema()

EXPECTED = {
    "training.epochs": ("a whole number, 1 or more", 10),
    "training.lr": ("a number, above 0", 0.001),
    "budget.time": ("text such as 10m, 1h or 30s", "1h"),
    "resources.workers": ("a value such as auto, 2 or 2..8", "auto"),
    "resources.per_worker.memory": ("text such as 2 GB or 512 MiB", None),
    "data.format": ("text such as auto, parquet, csv or jsonl", "auto"),
    "features.numeric": ("a list of texts", None),
    "data.csv.header": ("true, false, yes or no", True),
    "contract.columns.age.min": ("a number or text", None),
    "governance.gates.metric-limit.mae": ("a number", None),
    "variants.smoke.training.epochs": ("a whole number, 1 or more", 10),
    "model.kind": ("lightgbm, lightning, linear, tabular-mlp, torch, xgboost", None),
}


@pytest.mark.parametrize(("path", "found"), EXPECTED.items(), ids=EXPECTED)
def test_a_field_says_what_it_expects(path, found):
    (doc,) = field_docs(SCHEMA, path)
    assert (doc.expected, doc.default) == found
    assert doc.meaning


def test_one_name_of_two_kinds_is_two_fields():
    buckets, hashing = field_docs(SCHEMA, "features.columns.age.buckets")
    assert (buckets.kinds, hashing.kinds) == (("buckets",), ("hashing",))
    assert buckets.meaning != hashing.meaning
    trees = field_docs(SCHEMA, "model.num_trees")
    assert {kind for doc in trees for kind in doc.kinds} == {"lightgbm", "xgboost"}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("training.epoch", "did you mean training.epochs?"),
        ("epochs", "did you mean training.epochs?"),
        ("resources.gpus", "did you mean resources.per_worker.gpus?"),
        ("data.window.train", "did you mean data.windows.train?"),
        ("hiden", "did you mean model.hidden?"),
        ("zzzzzzzz", "there is name, version, owner"),
    ],
)
def test_a_typo_is_told_the_nearest(path, hint):
    with pytest.raises(UsageError) as refused:
        field_docs(SCHEMA, path)
    assert refused.value.what.startswith(f"schema: no such field: {path}; {hint}")


def test_every_path_can_be_asked_for():
    paths = all_paths(SCHEMA)
    assert len(paths) > 120 and len(paths) == len(set(paths))
    silent = [path for path in paths if not all(doc.meaning and doc.expected for doc in field_docs(SCHEMA, path))]
    assert silent == []


def test_a_field_as_it_is_shown():
    assert fields_text(field_docs(SCHEMA, "training.epochs")) == (
        "training.epochs\n"
        "Most passes over the training window, a whole number. Default: 10.\n"
        "  expected   a whole number, 1 or more"
    )
