"""As-of and the three windows: half-open, back to back, backwards from as-of minus the label delay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from raytemplate.data.options import WindowsSpec
from raytemplate.data.sources.listing import RowGroup, SourceTable
from raytemplate.data.split import Split
from raytemplate.errors import DataError, UsageError
from raytemplate.planning.stages import Window, WindowName
from raytemplate.units import parse_moment, show_moment


def resolve_as_of(text: str, now: datetime, source: SourceTable, *, timed: bool = True) -> datetime:
    """The moment behind "now" (the last midnight UTC), "latest" (midnight after the newest time) or an ISO time.

    Data that is not `timed` has no newest time: "latest" is "now" there.

    Raises:
        UsageError: not one of these.
        DataError: "latest", and the footers hold no times.
    """
    if text == "now":
        return _midnight(now.astimezone(UTC))
    if text == "latest" and not timed:
        return _midnight(now.astimezone(UTC))
    if text == "latest":
        if source.time_max is None:
            raise DataError("--as-of latest: the files carry no statistics of their times; give a date instead")
        return _midnight(source.time_max) + timedelta(days=1)
    try:
        return parse_moment(text)
    except ValueError as error:
        raise UsageError(f"--as-of: {error}") from error


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def windows_at(as_of: datetime, spec: WindowsSpec, source: SourceTable) -> tuple[Window, Window, Window]:
    """Train, validation and test as of a moment, with rows counted from the footers.

    Raises:
        DataError: a window lies outside the data; names the newest time and `--as-of latest`.
    """
    oldest = source.time_min
    try:
        end = spec.label_delay.back_from(as_of)
        test_start = spec.test.back_from(end)
        validation_start = spec.validation.back_from(test_start)
        if spec.train.unit != "all":
            train_start = spec.train.back_from(validation_start)
        else:
            train_start = min(_midnight(oldest), validation_start) if oldest else datetime(1, 1, 1, tzinfo=UTC)
    except (OverflowError, ValueError):
        raise DataError(f"as of {as_of:%Y-%m-%d} the windows of data.windows begin before the year 1",
                        next_step="a later --as-of, or --as-of latest") from None  # fmt: skip
    return (
        _window("train", train_start, validation_start, str(spec.train), source),
        _window("validation", validation_start, test_start, str(spec.validation), source),
        _window("test", test_start, end, str(spec.test), source),
    )


def windows_by_split(as_of: datetime, split: Split, source: SourceTable) -> tuple[Window, Window, Window]:
    """Train, validation and test as shares of all rows; their times are as-of, a label only."""
    total = sum(file.num_rows for file in source.files)

    def window(name: WindowName) -> Window:
        share = split.share(name)
        return Window(
            name=name, start=as_of, end=as_of, length=f"{100 * share:g} %", num_rows=round(share * total), exact=False
        )

    return window("train"), window("validation"), window("test")


def _window(name: WindowName, start: datetime, end: datetime, length: str, source: SourceTable) -> Window:
    shares = [rows_inside(group, start, end) for file in source.files for group in file.row_groups]
    num_rows = sum(rows for rows, _ in shares)
    if num_rows < 0.5:
        low, high = source.time_min, source.time_max
        where = f"the {name} window" + (f" {show_moment(start)} .. {show_moment(end)}" if start < end else "")
        if low is not None and end <= low:
            raise DataError(f"{where} has no rows; the oldest time in the data is {low:%Y-%m-%d %H:%M} UTC",
                            next_step="use --as-of latest, or a later date")  # fmt: skip
        newest = f"; the newest time in the data is {high:%Y-%m-%d %H:%M} UTC" if high else ""
        raise DataError(f"{where} has no rows{newest}", next_step="use --as-of latest, or an earlier date")
    return Window(
        name=name, start=start, end=end, length=length, num_rows=round(num_rows), exact=all(e for _, e in shares)
    )


def rows_inside(group: RowGroup, start: datetime, end: datetime) -> tuple[float, bool]:
    """Rows of a group between two moments, and whether that is a count; times are taken as evenly spread."""
    if group.time_min is None or group.time_max is None:
        return float(group.num_rows), False
    if group.time_max < start or group.time_min >= end:
        return 0.0, True
    if group.time_min >= start and group.time_max < end:
        return float(group.num_rows), True
    length = (group.time_max - group.time_min).total_seconds() or 1.0
    inside = (min(group.time_max, end) - max(group.time_min, start)).total_seconds()
    return group.num_rows * inside / length, False


def overlaps(group: RowGroup, start: datetime, end: datetime) -> bool:
    """Whether a row group may hold rows between two moments."""
    if group.time_min is None or group.time_max is None:
        return True
    return group.time_max >= start and group.time_min < end
