"""One version of a model: its run, when it was champion, how to put it back."""

from dataclasses import replace

import pytest

from raytemplate.ledger.head import ModelVersion
from raytemplate.reports.history import EventRow, RunRow
from raytemplate.reports.version_shown import VersionView, reigns
from raytemplate.testing.sample_plans import day
from raytemplate.testing.samples import SAMPLE_TIME

EVENTS = (
    EventRow(at=day(6, 1), event="promoted", version=1, run_id="a1b2", by="automatic"),
    EventRow(at=day(7, 1), event="promoted", version=2, previous_version=1, run_id="k7q2", by="automatic"),
    EventRow(at=day(7, 2), event="waiting", version=3, run_id="c3d4", by="automatic"),
    EventRow(at=day(7, 11), event="rolled-back", version=1, previous_version=2, run_id="a1b2", by="ada", reason="bad"),
)
FORMER = ModelVersion(
    model="flights-air-time",
    version=2,
    digest="sha256:9d5ab16c0f7e42c3",
    run_id="k7q2",
    seen_until=SAMPLE_TIME,
    state="former",
    at=day(7, 1),
)
RUN = RunRow(
    run_id="k7q2",
    name="flights-air-time",
    as_of=day(7, 1),
    started=SAMPLE_TIME,
    state="approved",
    metric="mae",
    value=6.94,
    version=2,
    wall_clock_s=8.1,
    planned_s=9.0,
    cost_usd=0.02,
    planned_usd=0.03,
)

SHOWN = """\
flights-air-time   version 2, a former champion   run k7q2   digest 9d5ab16c0f7e

  champion from      until                 for  event     by         reason
  2013-07-01 00:00   2013-07-11 00:00  10 days  promoted  automatic

  run    as of       state     test metric  version  took  planned   USD  planned
  k7q2   2013-07-01  approved  mae 6.94           2   8 s      9 s  0.02     0.03

  raytemplate show k7q2
  raytemplate predict flights-air-time/2 NEW.parquet OUT.parquet
To make it the champion again:
  raytemplate rollback flights-air-time/2"""


def view(version=FORMER, run=RUN):
    return VersionView(version=version, reigns=reigns(EVENTS, version.version), now=day(8, 12), run=run)


def test_former_champion():
    assert str(view()) == SHOWN


def test_champion_again_has_both_its_times_and_the_one_now():
    shown = str(view(replace(FORMER, version=1, state="champion", run_id="a1b2"), run=None))
    assert "2013-06-01 00:00   2013-07-01 00:00  30 days  promoted" in shown
    assert "2013-07-11 00:00   now               32 days  rolled-back  ada        bad" in shown
    assert "The records of run a1b2 cannot be read." in shown and "rollback" not in shown
    assert shown.endswith("  raytemplate predict flights-air-time/1 NEW.parquet OUT.parquet")


@pytest.mark.parametrize(("state", "said"), [("challenger", "waiting"), ("former", "never champion")])
def test_version_that_was_never_champion_is_promoted_by_its_run(state, said):
    shown = str(view(replace(FORMER, version=3, state=state, run_id="c3d4")))
    assert f"version 3, {said}" in shown and "champion from" not in shown
    assert shown.endswith("To promote it:\n  raytemplate promote c3d4")
