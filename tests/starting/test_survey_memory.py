"""What a survey keeps of its files."""

from __future__ import annotations

import pytest

from raytemplate.data.sources.text import scan
from raytemplate.starting.survey.survey import Asked, survey

NUM_ROWS = 5_000


@pytest.fixture(params=[1, 50], ids=["all rows have a target", "few rows have a target"])
def found(tmp_path, monkeypatch, request):
    monkeypatch.setattr(scan, "BLOCK_BYTES", 2_048)
    lines = (f"{n},{n / 7:.3f},word {n % 11},{n % 5 if n % request.param == 0 else ''}" for n in range(NUM_ROWS))
    (tmp_path / "t.csv").write_text("\n".join(["id,x,kind,y", *lines]) + "\n")
    return survey(Asked(data=str(tmp_path / "t.csv"), target="y"), tmp_path)


@pytest.mark.parametrize("kept", ["sample", "labelled_rows"])
def test_sampled_rows_hold_no_more_than_themselves_when_a_file_has_many_slices(found, kept):
    rows = getattr(found, kept)
    assert len(found.source.files[0].slices) > 40
    assert 0 < rows.get_total_buffer_size() < 1.5 * rows.nbytes
