"""A package with one plug-in of each kind is installed, fulfils the contracts, and one run uses all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import environment, only_run, record

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SAMPLE = Path(__file__).parents[1] / "plugin_sample"
TEMPLATE = "flights-sample.yaml"
MISSING = {
    "model.kind": 'family: "additive"',
    "features.columns.wind_dir.kind": 'kind of feature: "cycle"',
    "evaluation.metric": 'metric: "wape"',
    "governance.gates.sure-limit": 'gate: "sure-limit"',
    "tuning.search": 'search: "quasi-random"',
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the installed package, to be put on PYTHONPATH."""
    source, into = tmp_path_factory.mktemp("sample") / "package", tmp_path_factory.mktemp("site")
    shutil.copytree(SAMPLE, source)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-build-isolation",
            "--no-deps",
            "--target",
            into,
            source,
        ],
        check=True,
        capture_output=True,
    )
    return into


@pytest.fixture(scope="module")
def project(tmp_path_factory, flights):
    """The sample's template next to two months of flights in the sample's own format."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    shutil.copyfile(SAMPLE / TEMPLATE, folder / TEMPLATE)
    for month in ("2013-01", "2013-02"):
        table = pq.read_table(flights / f"{month}.parquet")
        with pa.ipc.new_file(folder / "data" / f"{month}.arrow", table.schema) as file:
            file.write_table(table, max_chunksize=8192)
    return folder


def python(*arguments, cwd, site=None):
    env = environment(PYTHONPATH=str(site)) if site else environment()
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True, timeout=240
    )


def raytemplate(*arguments, cwd, site=None):
    return python("-c", "from raytemplate.cli.main import main; main()", *arguments, cwd=cwd, site=site)


def test_the_sample_keeps_the_contract_of_every_kind(site, tmp_path):
    shutil.copyfile(SAMPLE / "contracts.py", tmp_path / "contracts.py")
    ended = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "contracts.py", cwd=tmp_path, site=site)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"^\d\d passed", ended.stdout, re.MULTILINE)


def test_one_run_uses_a_plug_in_of_each_kind_and_says_which_packages(site, project):
    ended = raytemplate("run", TEMPLATE, "--as-of", "2013-02-15", cwd=project, site=site)
    assert ended.returncode == 0, ended.stderr
    assert "version 1 is the champion of flights-sample" in ended.stdout
    run = only_run(project)
    assert run is not None
    assert record(run, "sweep")["sampler"] == "QMCSampler"
    lock = json.loads((run / "run.lock").read_text())
    assert lock["environment"]["raytemplate-sample"] == "1.0.0"
    assert lock["plan"]["ingest"]["source"] == "arrow" and lock["plan"]["fit"]["family"] == "additive"
    features = json.loads(next(run.glob("**/features.json")).read_text())["features"]
    assert [f["kind"] for f in features if f["column"] == "wind_dir"] == ["cycle"]
    evaluation, verdict = record(run, "evaluation"), record(run, "verdict")["verdict"]
    assert 0 < evaluation["candidate"]["metrics"]["wape"]["estimate"]["value"] < 0.3
    assert {f["gate"]: f["outcome"] for f in verdict["findings"]} == {"sure-limit": "pass", "beats-baseline": "pass"}
    predicted = raytemplate("predict", "flights-sample", "data/2013-02.arrow", "out.parquet", cwd=project, site=site)
    assert predicted.returncode == 0, predicted.stderr
    assert 20 < pq.read_table(project / "out.parquet").column("prediction").to_numpy().mean() < 400
    gone = raytemplate("predict", "flights-sample", "data/2013-02.arrow", "again.parquet", cwd=project)
    assert gone.returncode == 2 and 'no such family: "additive"' in gone.stderr


def test_without_the_package_every_name_is_a_problem_with_its_place(project):
    ended = raytemplate("check", TEMPLATE, cwd=project)
    assert ended.returncode == 2
    for path, words in MISSING.items():
        assert re.search(rf"{TEMPLATE}:\d+\s+{path}: no such {words}", ended.stderr), ended.stderr
    assert "others come with packages that offer them (docs/plug-ins.md)" in ended.stderr
