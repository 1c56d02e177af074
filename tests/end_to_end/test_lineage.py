"""What a model was made from, and which models have seen a file."""

from __future__ import annotations

import json

import pytest
from command_line import here
from small_flights import AS_OF

import raytemplate as rt
from raytemplate import api

pytestmark = [pytest.mark.ray]


def test_a_model_names_all_it_was_made_from_and_a_file_names_its_models(one_ray, small, demo):
    changes = {"training.warm_start": "champion"}
    first = api.run(api.plan(small(changes), AS_OF), quiet=True)
    second = api.run(api.plan(small(changes), "2013-02-20"), quiet=True)
    assert second.labels.num_seen > 1000 and second.labels.num_changed == 0
    told = rt.lineage("flights-air-time/1", workspace=str(demo))
    found = {one.what: one.digest for one in told.materials}
    assert (told.run_id, told.made_from_it) == (first.id, (second.id,))
    assert (found["snapshot"], found["model"]) == (first.snapshot.digest, first.fit.candidate.digest)
    others = {"template", "plan", "code", "environment", "profile", "statistics", "features", "evaluation", "verdict"}
    assert others < {*found}
    assert all(len(digest) == 64 for digest in found.values())
    later = {one.what: one for one in rt.lineage(second, workspace=str(demo)).materials}
    assert later["trained from"].name == "flights-air-time/1"
    seen = rt.lineage(str(demo / "data/flights/2013-01.parquet"), workspace=str(demo)).seen
    assert [(one.run_id, one.version) for one in seen] == [(second.id, 2), (first.id, 1)]
    assert here("lineage", "data/flights/2013-09.parquet", cwd=demo).returncode == 2
    (demo / "below").mkdir()
    asked = ("../data/flights", "../below/../data/flights/2013-01.parquet", str(demo / "data"))
    told = [here("lineage", one, "--workspace", "..", "--json", cwd=demo / "below").stdout for one in asked]
    assert [[one["run_id"] for one in json.loads(text)["seen"]] for text in told] == 3 * [[second.id, first.id]]
    (demo / "flights-air-time").mkdir()  # a model comes before a folder of its name
    assert here("lineage", "flights-air-time", cwd=demo).stdout.startswith("flights-air-time/2, champion")
    assert "did you mean flights-air-time?" in here("lineage", "flights-air-tim", cwd=demo).stderr


def test_the_statement_is_about_the_models_bytes_and_names_inputs_by_digest(one_ray, small, demo):
    run = api.run(api.plan(small(), AS_OF), quiet=True)
    told = here("lineage", "flights-air-time", "--statement", "made.json", cwd=demo)
    assert told.returncode == 0 and told.stdout.startswith("flights-air-time/1, champion")
    made = json.loads((demo / "made.json").read_text())
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["subject"] == [{"name": "flights-air-time/1", "digest": {"sha256": run.fit.candidate.digest}}]
    inputs = made["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"snapshot", "code", "plan"} <= {one.get("name") for one in inputs}
    assert [one["uri"] for one in inputs if "uri" in one] == [
        str(demo / "data/flights" / f"2013-0{month}.parquet") for month in (1, 2)
    ]
