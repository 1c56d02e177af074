"""Secrets are entered wherever possible, then searched for in everything that is left; MLflow does not answer."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import environment, only_run, raytemplate, record
from deaf_server import deaf_server
from small_flights import AS_OF, MODEL, SHIPPED, as_sets, write_demo

from raytemplate.ledger.head import Ledger

pytestmark = [pytest.mark.ray, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(600)]

CANARY = "canary-0451"
OWN = """
import logging, os, sys, warnings
from torch import nn


def talks(layout):
    for say in (print, sys.stderr.write, logging.error, warnings.warn):
        found = [os.environ.get(name, "nothing") for name in ("TRACK", "MLFLOW_TRACKING_TOKEN")]
        say("own code says " + " and ".join(found))
    return Net(layout)


def breaks(layout):
    raise ValueError("cannot reach " + os.environ["TRACK"])


class Net(nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.out = nn.Linear(len(layout.dense), layout.num_outputs)

    def forward(self, dense, codes):
        return self.out(dense)
"""
CHANGES = {
    "model.kind": "torch", "code.modules": ["own_net"], "resources.workers": 0,
    "governance.promotion": "manual", "tracking.uri": "{env: TRACK}",
}  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory, flights):
    """A held run that is promoted while MLflow hangs and when it works; a run that fails; a missing secret."""
    folder = write_demo(tmp_path_factory.mktemp("secrets") / "demo", flights)
    (folder / "own_net.py").write_text(OWN)
    own = ["--as-of", AS_OF, *as_sets(CHANGES), "--set", "training.epochs=1", "--set"]
    with deaf_server() as port:
        hangs = {"TRACK": f"http://me:{CANARY}@127.0.0.1:{port}", "MLFLOW_TRACKING_TOKEN": f"{CANARY}-token"}
        ran = raytemplate("run", SHIPPED.name, *own, "model.build=own_net:talks", cwd=folder, env=environment(**hangs))
        run = only_run(folder)
        began = time.monotonic()
        reason = f"as http://me:{CANARY}@host says"
        promoted = raytemplate("promote", run.name, "--reason", reason, cwd=folder, env=environment(**hangs))
        took_s = time.monotonic() - began
        pending = record(run, "promotion")
        failed = raytemplate(
            "run", SHIPPED.name, *own, "model.build=own_net:breaks", cwd=folder, env=environment(**hangs)
        )
    database = folder / "other" / CANARY / "mlflow.db"
    database.parent.mkdir(parents=True)
    works = environment(TRACK=f"sqlite:///{database}")
    again = raytemplate("promote", run.name, cwd=folder, env=works)
    missing = raytemplate("run", SHIPPED.name, *own, "model.build=own_net:talks", cwd=folder)
    return SimpleNamespace(**locals())


def test_f19_a_run_and_its_promotion_end_well_while_mlflow_hangs(story):
    assert story.ran.returncode == 5, story.ran.stderr
    assert story.promoted.returncode == 0, story.promoted.stderr
    assert f"version 1 is the champion of {MODEL}" in story.promoted.stdout
    assert "MLflow could not be brought in line" in story.promoted.stdout
    assert story.pending["projected"] is False and "MLflow" in story.pending["warning"]
    assert story.took_s < 20  # 11 s of attempts, and the time a busy machine needs to import MLflow


def test_f19_mlflow_follows_when_it_works_again(story):
    assert (story.again.returncode, record(story.run, "promotion")["projected"]) == (0, True), story.again.stdout
    from mlflow import MlflowClient

    uri = f"sqlite:///{story.database}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    assert client.get_model_version_by_alias(MODEL, "champion").version in (1, "1")


def test_a_secret_that_is_missing_ends_with_two_before_anything_starts(story):
    assert story.missing.returncode == 2
    assert "tracking.uri: the environment variable TRACK is not set" in story.missing.stderr
    assert len(list((story.folder / ".raytemplate" / "runs").iterdir())) == 2


def test_no_secret_is_in_anything_that_was_printed_recorded_or_sent_to_mlflow(story):
    assert story.failed.returncode == 9
    assert "own_net.py:" in story.failed.stderr and "cannot reach ***" in story.failed.stderr
    said = {name: getattr(story, name) for name in ("ran", "promoted", "failed", "again", "missing")}
    assert [name for name, one in said.items() if CANARY in one.stdout + one.stderr] == []
    files = [path for path in Path(story.folder).rglob("*") if path.is_file()]
    assert story.run / "ray.log" in files and story.database in files
    assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []
    said = (story.run / "ray.log").read_text()
    assert "own code says *** and ***" in said and "own code says nothing and nothing" in said  # training, evaluation
    assert "as http://me:***@host says" in Ledger(story.folder / ".raytemplate" / "governance.db").events()[-1].body
