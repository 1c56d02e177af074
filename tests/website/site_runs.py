"""Made runs for the tests of sites."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from raytemplate.testing.sample_runs import SampleRun

JULY = datetime(2013, 7, 1, tzinfo=UTC)


def sample(run_id: str, *, days: int = 0, name: str = "flights-air-time", **changes: object) -> SampleRun:
    """A run that began so many days after the first of July."""
    started = JULY + timedelta(days=days, hours=9)
    return SampleRun(run_id=run_id, name=name, as_of=JULY + timedelta(days=days), started=started, **changes)  # type: ignore[arg-type]
