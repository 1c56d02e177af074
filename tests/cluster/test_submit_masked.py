"""Masks of a submitted run: the cluster needs the key, the machine that judges does not."""

from __future__ import annotations

import pytest
from command_line import only_run, record
from small_flights import AS_OF, MODEL, SHIPPED, as_sets

from raytemplate.execution.artifacts import MODEL_CARD

pytestmark = [pytest.mark.cluster, pytest.mark.ray]

KEY = "a key of 16 or more characters"
MASKS = {"data.mask.carrier": "hash", "data.mask.flight": "hash", "data.mask.dest": {"truncate": 2}}


def submit(head, demo, tmp_path, key):
    sets = as_sets(MASKS | {"data.mask_key": key, "tracking.storage": str(tmp_path / "shared")})
    return head.raytemplate("submit", SHIPPED.name, "--address", head.jobs, "--as-of", AS_OF, *sets, cwd=demo)


def test_rows_are_masked_there_and_predict_masks_them_here_with_the_same_key(head, demo, tmp_path):
    (tmp_path / "shared").mkdir()
    (demo / "mask.key").write_text(KEY)
    ran = submit(head, demo, tmp_path, {"file": "mask.key"})
    assert ran.returncode == 0, ran.stderr
    run = only_run(demo)
    assert all(file["mask_key"] for file in record(run, "snapshot")["files"])
    assert "`carrier` (hashed), `dest` (first 2 characters)" in (run / MODEL_CARD).read_text()
    done = head.raytemplate("predict", MODEL, "data/flights/2013-02.parquet", "out.csv", cwd=demo)
    assert done.returncode == 0, done.stderr
    (demo / "mask.key").write_text(KEY[::-1])
    other = head.raytemplate("predict", MODEL, "data/flights/2013-02.parquet", "out.csv", cwd=demo)
    assert (other.returncode, "not the key that" in other.stderr) == (7, True)


def test_a_key_that_the_cluster_lacks_is_told_before_anything_is_read(head, demo, tmp_path):
    (tmp_path / "shared").mkdir()
    ran = submit(head, demo, tmp_path, {"env": "A_KEY_OF_NOBODY"})
    assert (ran.returncode, "A_KEY_OF_NOBODY" in ran.stderr) == (2, True), ran.stderr
    assert not (only_run(demo) / "snapshot.json").exists()
