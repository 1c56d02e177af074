"""Faults of docs/reliability.md that can be injected into a run in this process, named by their numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest
from pulled_plug import When, pull_the_plug
from small_flights import AS_OF

from raytemplate import api
from raytemplate.errors import DataError, IntegrityError, Unavailable, UsageError
from raytemplate.execution.journal import Journal
from raytemplate.records.judged import Approved
from raytemplate.store.workspace import Workspace, create, find_run

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]


def flip_a_bit(path, at=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


@contextmanager
def mounted(place, *options):
    """Mount a small file system at `place`."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place):
    descriptor = os.open(place / "filler", os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 4096, 1):
        try:
            while os.write(descriptor, b"\0" * size):
                pass
        except OSError:
            continue
    os.close(descriptor)


def whole_checkpoints(journal, at_least):
    """The epoch of the newest checkpoint; training may have gone on by one while the listener acted."""
    names = sorted(path.name for path in journal.checkpoints.iterdir())
    assert len(names) in (at_least, at_least + 1)
    assert names == [f"epoch-0000{n}" for n in range(1, len(names) + 1)]
    return len(names)


@pytest.mark.slow
@pytest.mark.alone
def test_f07_a_disk_that_is_full_at_a_checkpoint_ends_with_eight_leaves_nothing_torn_and_goes_on(
    one_ray, small, tmp_path
):
    disk, full_at = tmp_path / "disk", []
    with mounted(disk):
        planned = api.plan(small({"training.epochs": 3}), AS_OF, workspace=str(disk))
        act = lambda: (fill(disk), full_at.append(time.monotonic()))  # noqa: E731
        with pytest.raises(Unavailable, match=r"disk full|No space left") as failed:
            api.run(planned, listener=When(1, act))
        assert (failed.value.exit_code, time.monotonic() - full_at[0] < 10) == (8, True)
        journal = Journal(find_run(planned.workspace, "last"))
        last = whole_checkpoints(journal, at_least=1)
        (disk / "filler").unlink()
        resumed = api.resume("last", workspace=str(disk))
        assert (resumed.fit.resumed_from_epoch, len(resumed.fit.epochs)) == (last, 3)
        assert isinstance(resumed.verdict, Approved)


@pytest.mark.parametrize("there", [False, True], ids=["new", "there before"])
def test_f08_a_workspace_that_cannot_be_written_ends_with_two_before_anything_starts(small, tmp_path, there):
    disk = tmp_path / "disk"
    with mounted(disk):
        if there:
            create(Workspace(disk))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(UsageError, match="cannot be written") as refused:
            api.run(api.plan(small(), AS_OF, workspace=str(disk)))
        assert refused.value.exit_code == 2
        assert list(disk.glob(".raytemplate/runs/*")) == []


def test_f08_what_cannot_be_freed_ends_with_two_and_stays(tmp_path):
    disk = tmp_path / "disk"
    with mounted(disk):
        create(Workspace(disk))
        listing = Workspace(disk).listings / "a.json"
        listing.parent.mkdir()
        listing.write_text("x")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(UsageError, match=r"a\.json: cannot be removed: Read-only file system"):
            api.clean("listings", workspace=str(disk))
        assert listing.exists()


@pytest.fixture
def stopped(one_ray, small, demo):
    """The journal of a run of five epochs that was stopped after the third, and the epoch of its newest checkpoint."""
    planned = api.plan(small({"training.epochs": 5}), AS_OF)
    with pytest.raises(Unavailable, match="the plug was pulled"):
        api.run(planned, listener=When(3, pull_the_plug))
    journal = Journal(find_run(planned.workspace, "last"))
    return journal, whole_checkpoints(journal, at_least=3)


def test_f09_f10_a_newest_checkpoint_that_is_bad_is_passed_over_told_of_and_when_none_is_good_it_ends_with_seven(
    stopped, demo, tmp_path
):
    journal, newest = stopped
    other = shutil.copytree(demo, tmp_path / "other")
    flip_a_bit(journal.checkpoints / f"epoch-0000{newest}" / "weights.safetensors")
    resumed = api.resume("last", workspace=str(demo))
    assert (resumed.end.exit_code, resumed.fit.resumed_from_epoch, len(resumed.fit.epochs)) == (0, newest - 1, 5)
    log = journal.log.read_text()
    assert "checkpoint refused" in log and f"epoch-0000{newest}/weights" in log

    for folder in Journal(find_run(Workspace(other), "last")).checkpoints.iterdir():
        (folder / "manifest.json").unlink()
    with pytest.raises(IntegrityError, match="no good checkpoint is left") as refused:
        api.resume("last", workspace=str(other))
    assert refused.value.exit_code == 7


def test_f11_a_bit_that_flips_after_the_first_pass_over_a_stream_is_found_and_the_file_named(one_ray, small, demo):
    path = demo / "data" / "flights" / "2013-02.parquet"
    group = pq.ParquetFile(path).metadata.row_group(0)
    read = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "temp")
    inside = read.data_page_offset + read.total_compressed_size // 2
    planned = api.plan(small({"data.ingest": "stream"}), AS_OF)
    with pytest.raises((DataError, IntegrityError), match=r"2013-02\.parquet") as found:
        api.run(planned, listener=When("ingest", lambda: flip_a_bit(path, inside)))
    assert found.value.exit_code in (2, 7)
