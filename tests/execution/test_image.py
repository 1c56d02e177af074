"""The container image of a run: recorded as the environment tells it, compared when the run is made again."""

from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate.errors import IntegrityError
from raytemplate.execution.image import digest_in, image_of
from raytemplate.execution.lock import read_lock
from raytemplate.execution.reproducing import refuse_changed
from raytemplate.planning.environment import IMAGE
from raytemplate.records.submitted import ClusterWork

ONE, OTHER = (f"registry/train@sha256:{digit * 64}" for digit in "12")


def test_the_image_is_recorded_and_another_stops_making_the_run_again(tmp_path, monkeypatch):
    monkeypatch.setenv(IMAGE, ONE)
    journal = FakeRun(tmp_path).journal
    refuse_changed(journal, read_lock(journal))
    monkeypatch.setenv(IMAGE, OTHER)
    with pytest.raises(IntegrityError) as caught:
        refuse_changed(journal, read_lock(journal))
    assert f"  image: {ONE} then, {OTHER} now\nnothing was started" in caught.value.what
    assert caught.value.next_step == f"use the image {ONE}"
    monkeypatch.delenv(IMAGE)
    with pytest.raises(IntegrityError, match="then, not known now: RAYTEMPLATE_IMAGE is not set"):
        refuse_changed(journal, read_lock(journal))


def test_a_run_without_an_image_is_made_again_in_any(tmp_path, monkeypatch):
    journal = FakeRun(tmp_path).journal
    monkeypatch.setenv(IMAGE, ONE)
    refuse_changed(journal, read_lock(journal))


def test_the_clusters_image_counts_of_a_submitted_run(tmp_path):
    journal = FakeRun(tmp_path).journal
    lock = replace(read_lock(journal), image=ONE)
    assert (image_of(journal, lock), digest_in(ONE), digest_in("train:1.2")) == (ONE, "1" * 64, "")
    journal.write(ClusterWork(timings=(), timeline_s={}, elapsed_s=1.0, image=OTHER))
    assert image_of(journal, lock) == OTHER
