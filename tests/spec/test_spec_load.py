"""`raytemplate.spec.load`: layers, origins, what is resolved and what is dropped."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError, UsageError
from raytemplate.spec.load import from_resolved, load
from raytemplate.spec.parents import shipped_folder
from raytemplate.spec.schema import TemplateSpec

LIGHTGBM = "model: {kind: lightgbm}\n"


def load_text(folder: Path, text: str = WHOLE, **layers: object) -> TemplateSpec:
    return load(write(folder, text), environ={}, **layers)  # type: ignore[arg-type]


def test_whole_template_loads(tmp_path: Path) -> None:
    spec = load_text(tmp_path)
    assert (spec.name, spec.version, spec.owner, spec.family) == ("air-time", "0", "ops", "tabular-mlp")
    assert (spec.training.epochs, spec.training.batch_size, spec.budget.cost) == (6, 512, 0.005)
    assert {name: gate.model_dump() for name, gate in spec.gates.items()} == {
        "metric-limit": {"severity": "block", "mae": 12.0},
        "beats-baseline": {"severity": "block", "min_gain": 0.0},
    }


def test_higher_layers_win_and_say_so(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE, "child.yaml")
    environ = {"RAYTEMPLATE_SET_TRAINING__LR": "0.01", "RAYTEMPLATE_SET_TRAINING__SEED": "4", "HOME": "x"}
    spec = load(path, sets=["training.seed=5"], overrides={"data.keys": ("a",)}, variant="smoke", environ=environ)
    assert (spec.data.ingest, spec.training.epochs, spec.training.lr, spec.training.seed) == ("memory", 1, 0.01, 5)
    assert {
        key: spec.where(key).replace(str(path), "F")
        for key in (
            "training.loss",
            "training.epochs",
            "data.ingest",
            "training.lr",
            "training.seed",
            "data.keys",
            "training.threads",
        )
    } == {
        "training.loss": "F:15",
        "training.epochs": "F:26",
        "data.ingest": "F:26",
        "training.lr": "environment RAYTEMPLATE_SET_TRAINING__LR",
        "training.seed": "--set training.seed=5",
        "data.keys": "set data.keys",
        "training.threads": "F:15",
    }


def test_parent_lies_below_its_child(tmp_path: Path) -> None:
    write(tmp_path, WHOLE, "base/t.yaml")
    child = write(tmp_path, "extends: base/t.yaml\nname: child\nfeatures: {numeric: [distance]}\n", "c.yaml")
    spec = load(child, environ={})
    assert (spec.name, spec.features.numeric, spec.features.categorical) == ("child", ("distance",), ("carrier",))
    assert spec.data.source == "base/d/*.parquet"
    assert spec.where("training.epochs") == f"{tmp_path}/base/t.yaml:15"


def test_gates_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, WHOLE, "base.yaml")
    text = "extends: base.yaml\ngovernance: {gates: {data-rows: {train: 5}, beats-baseline: {min_gain: 1}}}\n"
    assert list(load_text(tmp_path, text).gates) == ["data-rows", "beats-baseline", "metric-limit"]


def test_version_is_kept_as_typed(tmp_path: Path) -> None:
    assert load_text(tmp_path, WHOLE + "version: 1.10\n").version == "1.10"
    for typed in ("1.10", "007", "1e3"):
        assert load_text(tmp_path, sets=[f"version={typed}"]).version == typed
        path = write(tmp_path, WHOLE)
        assert load(path, environ={"RAYTEMPLATE_SET_VERSION": typed}).version == typed


@pytest.mark.parametrize("sets", [[], ["model.kind=lightgbm"], ["version=3", "features.categorical=[]"]])
def test_resolved_reloads_to_an_equal_spec(tmp_path: Path, sets: list[str]) -> None:
    spec = load_text(tmp_path, sets=sets)
    assert from_resolved(json.loads(json.dumps(spec.resolved)), spec.origins, spec.path) == spec


def test_resolved_has_defaults_and_keeps_what_was_written(tmp_path: Path) -> None:
    resolved = load_text(tmp_path).resolved
    prices = {"local": 0.0, "cpu": None, "gpu": {}, "node": {}}
    assert resolved["budget"] == {
        "time": "10m",
        "cost": "0.005 USD",
        "prices": prices,
        "trials": None,
        "per_trial": None,
    }
    per_worker = {"cpus": 1.0, "gpus": 0.0, "accelerator": "", "memory": "512 MiB"}
    assert resolved["resources"] == {"workers": "auto", "per_worker": per_worker, "max_failures": 3}
    assert resolved["governance"]["gates"]["metric-limit"] == {"severity": "block", "mae": 12}
    assert list(resolved)[:7] == ["name", "version", "owner", "metadata", "data", "features", "model"]


def test_fields_a_parent_set_for_another_family_are_dropped(tmp_path: Path) -> None:
    write(tmp_path, WHOLE, "base.yaml")
    spec = load_text(tmp_path, "extends: base.yaml\n" + LIGHTGBM)
    assert (spec.dropped, spec.training.epochs, spec.training.loss) == (("model.hidden", "training.epochs"), 10, "mae")


def test_fields_of_the_file_are_dropped_where_a_higher_layer_chose_the_family(tmp_path: Path) -> None:
    assert load_text(tmp_path, sets=["model.kind=lightgbm"]).dropped == ("model.hidden", "training.epochs")


@pytest.mark.parametrize(
    ("text", "sets", "problems"),
    [
        pytest.param(
            WHOLE.replace("kind: tabular-mlp", "kind: lightgbm"),
            [],
            [
                "t.yaml:14  model.hidden: not used by lightgbm; remove it",
                "t.yaml:15  training.epochs: not used by lightgbm; remove it",
                "t.yaml:26  variants.smoke.training.epochs: not used by lightgbm; remove it",
            ],
            id="file",
        ),
        pytest.param(
            WHOLE,
            ["training.epochs=3", "model.kind=lightgbm"],
            ["--set training.epochs=3  training.epochs: not used by lightgbm; remove it"],
            id="set",
        ),
    ],
)
def test_fields_not_used_are_refused_where_the_person_set_them(
    tmp_path: Path, text: str, sets: list[str], problems: list[str]
) -> None:
    with pytest.raises(SpecError) as caught:
        load_text(tmp_path, text, sets=sets)
    assert [str(p).replace(f"{tmp_path}/", "") for p in caught.value.problems] == problems


def test_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, WHOLE, "flights.yaml")
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "flight.yaml", environ={})
    assert str(caught.value) == f"{tmp_path}/flight.yaml: no such file; did you mean {tmp_path}/flights.yaml?"
    assert caught.value.next_step == f"raytemplate check {tmp_path}/flights.yaml"


def test_file_that_is_not_there_and_like_none_names_those_of_its_folder(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "notes.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "monthly.yaml", environ={})
    assert str(caught.value) == f"{tmp_path}/monthly.yaml: no such file; there is {tmp_path}/a.yml, {tmp_path}/b.yaml"
    assert caught.value.next_step == "raytemplate check FILE"
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "nowhere" / "monthly.yaml", environ={})
    assert caught.value.next_step == "raytemplate init DIR --example flights"


def test_folder_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(str(tmp_path))} is a folder, expected a template file$"):
        load(tmp_path, environ={})


def test_a_pipe_is_no_template_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="not a regular file, expected a template file"):
        load(tmp_path / "pipe.yaml", environ={})


@pytest.mark.parametrize(("kind", "lr"), [("tabular-mlp", 1e-3), ("lightgbm", 0.1), ("xgboost", 0.1)])
def test_a_learning_rate_that_nobody_set_is_the_familys_below_a_shipped_parent_too(
    tmp_path: Path, kind: str, lr: float
) -> None:
    text = WHOLE.replace("name: air-time", "name: air-time\nextends: raytemplate:tabular-regression")
    text = text.replace("{kind: tabular-mlp, hidden: 64}", f"{{kind: {kind}}}").replace("epochs: 6, ", "")
    path = write(tmp_path, text.partition("variants:")[0])
    spec = load(path, environ={})
    assert (spec.training.lr, spec.resolved["training"]["lr"], spec.origins.get("training.lr")) == (lr, lr, None)
    assert load(path, sets=["training.lr=0.5"], environ={}).training.lr == 0.5


@pytest.mark.parametrize("path", sorted(shipped_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_config_loads(path: Path) -> None:
    # A parent is no template yet: its child names data, features and the rest.
    sets = {"data.source": "d", "data.time": "t", "data.target": "y", "features.numeric": ["x"]}
    overrides = sets if path.stem.startswith("tabular-") else {}
    spec = load(path, overrides=overrides, environ={})
    assert from_resolved(spec.resolved, spec.origins, spec.path) == spec
