"""A month in the life of a template, command by command, as a user sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import environment, epochs, here, raytemplate, record
from small_flights import AS_OF, LATENCY_ROWS, MODEL, SHIPPED, as_sets, write_demo

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

LATER = "2013-02-22"


@pytest.fixture(scope="module")
def story(one_ray, tmp_path_factory, flights):
    """Six runs: the first champion, the same again, a second champion, one rejected, two held.

    Two run as separate processes; the others run in this one, which makes no difference to them.
    """
    folder = write_demo(tmp_path_factory.mktemp("story") / "demo", flights)
    jobs = {
        "first": (AS_OF, {}),
        "again": (AS_OF, {}),
        "second": (LATER, {}),
        "rejected": (LATER, {"training.seed": 8, "governance.gates.metric-limit.mae": 0.1}),
        "held": (LATER, {"training.seed": 9, "governance.promotion": "manual"}),
        "also held": (LATER, {"training.seed": 10, "governance.promotion": "manual"}),
    }
    found, seen = {}, set()
    for name, (as_of, changes) in jobs.items():
        ran = raytemplate if name in ("first", "held") else here
        process = ran("run", SHIPPED.name, "--as-of", as_of, *as_sets(changes), cwd=folder)
        made = {path.name for path in (folder / ".raytemplate" / "runs").iterdir()} - seen
        seen |= made
        assert len(made) == 1, process.stderr
        run = folder / ".raytemplate" / "runs" / made.pop()
        found[name] = SimpleNamespace(code=process.returncode, out=process.stdout, err=process.stderr, run=run)
    return SimpleNamespace(folder=folder, **{name.replace(" ", "_"): value for name, value in found.items()})


@pytest.fixture
def copy(story, tmp_path):
    """A copy of the story's folder, for a test that continues from it."""
    return shutil.copytree(story.folder, tmp_path / "demo")


def head(folder: Path) -> int:
    from raytemplate.ledger.head import Ledger

    found = Ledger(folder / ".raytemplate" / "governance.db").head(MODEL)
    return found.version if found else 0


def test_the_first_run_makes_the_first_champion(story):
    assert story.first.code == 0, story.first.err
    assert f"Approved: version 1 is the champion of {MODEL} (the first)." in story.first.out
    assert story.first.out.rstrip().endswith(f"raytemplate predict {MODEL} NEW.parquet OUT.parquet")
    stages = ("ingest", "fit", "evaluate", "govern")
    said = [line[:14].rstrip() for line in story.first.err.splitlines() if line.startswith(("  … ", "  ✓ "))]
    assert said == ["  … waiting fo", *(f"  {mark} {stage}" for stage in stages for mark in "…✓")]
    events = here("logs", story.first.run.name, "--events", cwd=story.folder).stdout.splitlines()
    assert [json.loads(events[0])["event"], json.loads(events[-1])["event"]] == ["run started", "run ended"]
    for gate in ("metric-limit", "beats-baseline", "beats-champion", "data-rows"):
        assert gate in story.first.out
    assert "too-good         pass     distance alone explains 0." in story.first.out
    assert "Records: .raytemplate/runs/" in story.first.out


def test_diff_names_what_made_one_run_another(story):
    told = here("diff", story.second.run.name, story.rejected.run.name, cwd=story.folder).stdout
    assert "--set training.seed=8" in told and "governance.gates.metric-limit.mae" in told
    assert "the bytes that were read" in told and "training.lr" not in told


def test_nothing_of_rays_noise_reaches_the_person(story):
    for run in (story.first, story.held):
        assert "ray" not in run.err.lower().replace("raytemplate", "").replace("waiting for ray", ""), run.err
        assert "Warning" not in run.err


def test_the_record_shows_ray_data_and_ray_train(story):
    assert record(story.first.run, "snapshot")["engine"].startswith("Ray Data")
    assert record(story.first.run, "fit")["engine"].startswith("Ray Train")
    assert record(story.first.run, "snapshot")["bytes_read"] > 0


def test_the_same_plan_again_gives_the_same_bits_and_changes_nothing(story):
    first, again = record(story.first.run, "fit")["candidate"], record(story.again.run, "fit")["candidate"]
    assert (story.again.code, again) == (0, first)
    assert "Unchanged: the candidate is byte for byte the champion (version 1)" in story.again.out
    assert record(story.again.run, "promotion")["outcome"] == "unchanged"
    assert [e["validation"] for e in epochs(story.again.run)] == [e["validation"] for e in epochs(story.first.run)]


def test_a_better_one_takes_the_champions_place(story):
    assert story.second.code == 0
    assert f"Approved: version 2 is the champion of {MODEL} (was version 1)." in story.second.out
    assert "champion (version 1)" in story.second.out
    assert record(story.second.run, "evaluation")["champion_ref"]["version"] == 1


def test_a_rejected_candidate_ends_with_five_and_says_why(story):
    assert story.rejected.code == 5
    assert "Rejected: metric-limit" in story.rejected.out
    assert "The champion is still version 2." in story.rejected.out
    assert not (story.rejected.run / "promotion.json").exists()


def test_a_manual_promotion_ends_with_five_and_says_how_to_go_on(story):
    assert story.held.code == 5
    assert "Held: version 3" in story.held.out
    assert f"raytemplate promote {story.held.run.name}" in story.held.out
    assert record(story.held.run, "end")["state"] == "held"


def test_every_run_is_listed_newest_first_and_can_be_shown(story):
    listed = here("runs", cwd=story.folder).stdout
    runs = (story.also_held, story.held, story.rejected, story.second, story.again, story.first)
    places = [listed.index(each.run.name) for each in runs]
    assert places == sorted(places)
    for each in (story.first, story.rejected, story.held):
        shown = here("show", each.run.name[:5], cwd=story.folder)
        assert shown.returncode == 0 and each.run.name in shown.stdout
    assert story.also_held.run.name in here("show", "last", cwd=story.folder).stdout


def test_models_are_listed_with_their_champion(story):
    listed = here("models", cwd=story.folder).stdout
    assert MODEL in listed and "2" in listed
    shown = here("show", MODEL, cwd=story.folder)
    assert shown.returncode == 0
    assert story.second.run.name in shown.stdout


def new_rows(flights: Path) -> pa.Table:
    """March rows without labels, some with nulls and with categories that do not occur in January and February."""
    table = pq.read_table(flights / "2013-03.parquet").slice(0, 2000).drop_columns(["air_time"])
    carrier, temp = table.column("carrier").to_pylist(), table.column("temp").to_pylist()
    carrier[:10], temp[5:15] = ["??"] * 10, [None] * 10
    place = table.column_names.index
    table = table.set_column(place("carrier"), "carrier", pa.array(carrier))
    return table.set_column(place("temp"), "temp", pa.array(temp, pa.float64()))


MLFLOW = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion")
model.predict(pd.read_parquet(sys.argv[3])).to_parquet(sys.argv[4])
"""


@pytest.mark.slow
def test_predict_and_mlflow_give_the_same_numbers_on_nulls_and_new_categories(story, flights, tmp_path):
    pq.write_table(new_rows(flights), tmp_path / "new.parquet")
    ours = raytemplate("predict", MODEL, tmp_path / "new.parquet", tmp_path / "out.parquet", cwd=story.folder)
    assert ours.returncode == 0, ours.stderr
    assert "2,000 rows scored by flights-air-time version 2" in ours.stdout
    uri = f"sqlite:///{story.folder}/.raytemplate/mlflow.db"
    arguments = [uri, MODEL, str(tmp_path / "new.parquet"), str(tmp_path / "theirs.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", MLFLOW, *arguments], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    one, other = pq.read_table(tmp_path / "out.parquet"), pq.read_table(tmp_path / "theirs.parquet")
    assert one.column_names == ["time_hour", "carrier", "flight", "origin", "prediction", "model_version"]
    values = [t.column("prediction").to_numpy() for t in (one, other)]
    assert np.isfinite(values[0]).all()
    assert np.abs(values[0] - values[1]).max() <= 1e-6
    assert set(one.column("model_version").to_pylist()) == {2}
    assert "categories that the model has never seen" in ours.stdout


def test_predict_says_what_is_missing_and_leaves_nothing_half_written(story, flights, tmp_path):
    pq.write_table(new_rows(flights).drop_columns(["temp"]), tmp_path / "new.parquet")
    found = here("predict", MODEL, tmp_path / "new.parquet", tmp_path / "out.parquet", cwd=story.folder)
    assert found.returncode == 2, found.stderr
    assert "temp" in found.stderr
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_predict_never_overwrites_what_it_reads(story, flights, tmp_path):
    pq.write_table(new_rows(flights), tmp_path / "new.parquet")
    before = (tmp_path / "new.parquet").read_bytes()
    found = here("predict", MODEL, "new.parquet", "./new.parquet", "--workspace", story.folder, cwd=tmp_path)
    assert found.returncode == 2, found.stderr
    assert "is one of the files to score; it would be overwritten" in found.stderr
    assert (tmp_path / "new.parquet").read_bytes() == before


NO_MODEL = {
    "flights-air-tim": 'no such model: "flights-air-tim"; did you mean flights-air-time?',
    "flights-air-time/9": "no such version",
}


@pytest.mark.parametrize(("ref", "message"), NO_MODEL.items(), ids=NO_MODEL)
def test_no_such_model_names_the_nearest(story, tmp_path, ref, message):
    found = here("predict", ref, "new.parquet", tmp_path / "out.parquet", cwd=story.folder)
    assert found.returncode == 2
    assert message in found.stderr


def test_mlflow_holds_runs_versions_and_aliases(story):
    from mlflow import MlflowClient

    uri = f"sqlite:///{story.folder}/.raytemplate/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    model = client.get_registered_model(MODEL)
    versions = {v.version: v.tags for v in client.search_model_versions(f"name = '{MODEL}'")}
    assert len(versions) == 4
    champion = versions[int(model.aliases["champion"])]
    assert champion["raytemplate.digest"] == record(story.second.run, "fit")["candidate"]["digest"]
    assert model.aliases["challenger"] in (4, "4")
    runs = client.search_runs([client.get_experiment_by_name(MODEL).experiment_id])
    assert {run.data.tags["raytemplate.run"] for run in runs} == {
        each.run.name for each in (story.first, story.again, story.second, story.rejected, story.held, story.also_held)
    }
    history = client.get_metric_history(runs[0].info.run_id, "validation_mae")
    assert [point.step for point in history] == [1, 2]


def judged(run):
    """The verdict without the parts that depend on measured times."""
    verdict = record(run, "verdict")["verdict"]
    assert [f["outcome"] for f in verdict["findings"] if f["gate"] == "latency"] == ["pass"]
    return {**verdict, "findings": [f for f in verdict["findings"] if f["gate"] != "latency"]}


def test_a_metric_edited_in_mlflow_does_not_change_the_next_verdict(one_ray, story, copy):
    from mlflow import MlflowClient

    uri = f"sqlite:///{copy}/.raytemplate/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(MODEL).experiment_id
    for run in client.search_runs([experiment]):
        for key in run.data.metrics:
            client.log_metric(run.info.run_id, key, 0.001)
    changes = {"training.seed": 9, "governance.promotion": "manual"}
    again = here("run", SHIPPED.name, "--as-of", LATER, *as_sets(changes), cwd=copy)
    runs = [json.loads(p.read_text()) | {"at": p} for p in (copy / ".raytemplate" / "runs").glob("*/run.json")]
    newest = max(runs, key=lambda each: each["started"])["at"].parent
    assert again.returncode == story.held.code
    (again_judged, first_judged) = (record(each, "evaluation") for each in (newest, story.held.run))
    for timed in ("latency", "champion_latency"):  # measured anew each time
        assert again_judged.pop(timed)["num_rows"] == first_judged.pop(timed)["num_rows"] == LATENCY_ROWS
    assert again_judged == first_judged
    assert judged(newest) == judged(story.held.run)


def test_promote_rollback_and_a_champion_that_moved(one_ray, story, copy):
    held, other = story.held.run.name, story.also_held.run.name
    promoted = here("promote", held, "--reason", "looks right to me", cwd=copy)
    assert promoted.returncode == 0, promoted.stderr
    said = " ".join(promoted.stdout.split())
    assert f"(although same-again held): version 3 is the champion of {MODEL} (was version 2)" in said
    assert head(copy) == 3
    assert "looks right to me" in here("show", MODEL, cwd=copy).stdout
    misspelt = here("show", MODEL[:-1], cwd=copy)
    assert (misspelt.returncode, misspelt.stderr.split("\n")[0]) == (
        2,
        f'no model "{MODEL[:-1]}"; did you mean {MODEL}?',
    )

    moved = here("promote", other, cwd=copy)
    assert (moved.returncode, head(copy)) == (6, 3)
    assert f"raytemplate resume {other}" in moved.stderr

    run = copy / ".raytemplate" / "runs" / other
    before = (run / "epochs.jsonl").read_bytes(), (run / "fit.json").read_bytes()
    judged = here("resume", other, cwd=copy)
    assert judged.returncode == 5, judged.stderr
    assert "✓ fit" not in judged.stderr and "✓ evaluate" in judged.stderr
    assert ((run / "epochs.jsonl").read_bytes(), (run / "fit.json").read_bytes()) == before
    assert record(run, "evaluation")["champion_ref"]["version"] == 3
    unsaid = here("promote", other, cwd=copy)  # only its seed differs
    assert (unsaid.returncode, "is held by same-again" in unsaid.stderr) == (2, True)
    assert here("promote", other, "--reason", "to see it", cwd=copy).returncode == 0
    assert head(copy) == 4

    back = here("rollback", MODEL, "--reason", "it was not", cwd=copy)
    assert back.returncode == 0, back.stderr
    assert f"Rolled back: version 3 is the champion of {MODEL} again (was version 4)." in back.stdout
    assert head(copy) == 3


def test_a_rejected_run_cannot_be_promoted(story, copy):
    found = here("promote", story.rejected.run.name, "--reason", "please", cwd=copy)
    assert found.returncode == 5
    assert "Rejected: metric-limit" in found.stdout
    assert head(copy) == 2


def test_a_run_that_ended_is_left_as_it_is_by_resume(story, copy):
    run = story.second.run.name
    before = (copy / ".raytemplate" / "runs" / run / "end.json").read_bytes()
    found = here("resume", run, cwd=copy)
    assert found.returncode == 0, found.stderr
    assert "Approved: version 2 is the champion" in found.stdout
    assert (copy / ".raytemplate" / "runs" / run / "end.json").read_bytes() == before


def test_a_model_whose_bytes_were_changed_is_not_used(story, copy, tmp_path):
    digest = record(story.second.run, "fit")["candidate"]["digest"]
    weights = copy / ".raytemplate" / "models" / digest[:2] / digest / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(content)
    found = here("predict", MODEL, copy / "data/flights/2013-02.parquet", tmp_path / "out.parquet", cwd=copy)
    assert found.returncode == 7
    assert "weights.safetensors" in found.stderr
    assert not (tmp_path / "out.parquet").exists()
