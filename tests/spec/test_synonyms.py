"""A field that is written as another library calls it: the message names ours."""

import pytest

from raytemplate import plugins
from raytemplate.spec.governance_file import GovernanceFile
from raytemplate.spec.names import field_paths, no_such_field, no_such_top_level
from raytemplate.spec.schema import NAMESPACES
from raytemplate.spec.synonyms import FAMILIES, SYNONYMS


def paths():
    """Every field of a template, families' own included."""
    found = {path for name, model in NAMESPACES.items() for path in field_paths(model, name)}
    families = [plugins.load(plugins.FAMILIES, name) for name in plugins.names(plugins.FAMILIES)]
    return found | {path for one in families for path in field_paths(one.options, "model")}


def test_every_synonym_is_of_a_field_or_family_that_exists():
    assert set(SYNONYMS) <= paths()
    assert set(FAMILIES) <= set(plugins.names(plugins.FAMILIES))


@pytest.mark.parametrize(
    ("level", "key", "meant"),
    [
        ("training", "learning_rate", "training.lr"),
        ("training", "patience", "training.early_stopping"),
        ("budget", "timeout", "budget.time"),
        ("resources", "gpus", "resources.per_worker.gpus"),
        ("data", "label", "data.target"),
        ("tuning", "num_samples", "budget.trials"),
        ("tuning", "trials", "budget.trials"),
        ("training", "metric", "evaluation.metric"),
        ("features", "contract", "contract"),
        ("evaluation", "time", "data.time or budget.time"),
        ("budget", "workers", "resources.workers"),
    ],
)
def test_a_name_of_another_library_is_told_ours(level, key, meant):
    assert no_such_field(key, level, NAMESPACES[level]) == f"no such field; did you mean {meant}?"


def test_a_file_that_is_no_template_is_not_told_of_fields_of_templates():
    said = no_such_field("uri", "ledger", GovernanceFile.model_fields["ledger"].annotation)
    assert said.startswith("no such field; ") and "data.source" not in said and "tracking" not in said


def test_at_the_top_and_for_a_family_that_lacks_the_field():
    assert no_such_top_level("learning_rate") == "no such field; did you mean training.lr?"
    lightgbm = plugins.load(plugins.FAMILIES, "lightgbm").options
    assert no_such_field("lr", "model", lightgbm) == "no such field; did you mean training.lr?"
    assert "model.layers" not in no_such_field("depth", "model", lightgbm)
    assert no_such_field("n_estimators", "model", lightgbm) == "no such field; did you mean model.num_trees?"
