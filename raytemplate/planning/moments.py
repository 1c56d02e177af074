"""As-of and the three windows: half-open, back to back, counted backwards from as-of minus the label delay."""

from datetime import UTC, datetime, timedelta

from raytemplate.data.condition_text import in_condition
from raytemplate.data.options import WindowsSpec
from raytemplate.data.sources.listing import Slice, SourceTable
from raytemplate.data.split import Split
from raytemplate.errors import DataError, UsageError
from raytemplate.planning.stages import Window, WindowName
from raytemplate.units import moments_back, parse_moment, show_moment


def resolve_as_of(text: str, now: datetime, source: SourceTable, *, timed: bool = True, time: str = "") -> datetime:
    """The moment meant by "now" (the last midnight UTC), "latest" (midnight after the newest time) or an ISO time.

    Args:
        timed: whether the data has times; without them "latest" means "now".
        time: the time column, for error messages.

    Raises:
        UsageError: `text` is none of these.
        DataError: "latest" is asked for, and the files carry no statistics of times, or one too far in the future.
    """
    if text == "now":
        return _midnight(now.astimezone(UTC))
    if text == "latest" and not timed:
        return _midnight(now.astimezone(UTC))
    if text == "latest":
        return _after_newest(source, time)
    try:
        return parse_moment(text)
    except ValueError as error:
        raise UsageError(f"--as-of: {error}") from error


FAR = datetime(2100, 1, 1, tzinfo=UTC)
"""Times from this moment on are taken for placeholders for "never", such as 9999-12-31, not for the newest time."""


def _after_newest(source: SourceTable, time: str) -> datetime:
    newest = source.time_max
    if newest is None:
        raise DataError("--as-of latest: the files carry no statistics of their times; give a date instead")
    if newest >= FAR:
        raise DataError(
            f"--as-of latest: the newest time is {_shown(newest)} UTC, in {source.newest_file}; it is most likely "
            "a placeholder for a missing one",
            next_step=f"data.drop: {in_condition(time) or 'TIME'} >= '{FAR:%Y-%m-%d}', or --as-of with a date",
        )
    return _midnight(newest) + timedelta(days=1)


def _shown(moment: datetime) -> str:
    return moment.isoformat(" ", "minutes").removesuffix("+00:00")


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def windows_at(as_of: datetime, spec: WindowsSpec, source: SourceTable) -> tuple[Window, Window, Window]:
    """Train, validation and test as of a moment, with rows counted from the footers.

    Raises:
        DataError: a window is outside the data; names the newest time and `--as-of latest`.
    """
    oldest = source.time_min
    try:
        lengths = (spec.label_delay, spec.test, spec.validation, *((spec.train,) if spec.train.unit != "all" else ()))
        end, test_start, validation_start, *train = moments_back(as_of, lengths)
        if train:
            train_start = train[0]
        else:
            train_start = min(_midnight(oldest), validation_start) if oldest else datetime(1, 1, 1, tzinfo=UTC)
    except (OverflowError, ValueError):
        raise DataError(
            f"as of {as_of.date()} the windows of data.windows begin before the year 1",
            next_step="a later --as-of, or --as-of latest",
        ) from None
    return (
        _window("train", train_start, validation_start, str(spec.train), source),
        _window("validation", validation_start, test_start, str(spec.validation), source),
        _window("test", test_start, end, str(spec.test), source),
    )


def windows_by_split(as_of: datetime, split: Split, source: SourceTable) -> tuple[Window, Window, Window]:
    """Train, validation and test as shares of all rows; their times are as-of and only a label."""
    total = sum(file.num_rows for file in source.files)

    def window(name: WindowName) -> Window:
        share = split.share(name)
        return Window(
            name=name, start=as_of, end=as_of, length=f"{100 * share:g} %", num_rows=round(share * total), exact=False
        )

    return window("train"), window("validation"), window("test")


def _window(name: WindowName, start: datetime, end: datetime, length: str, source: SourceTable) -> Window:
    """One window. It is refused as empty only if that is certain; an estimate of its rows is at least 1."""
    groups = [group for file in source.files for group in file.slices if group.num_rows]
    if not any(overlaps(group, start, end) for group in groups):
        raise _empty(
            f"the {name} window" + (f" {show_moment(start)} .. {show_moment(end)}" if start < end else ""), end, source
        )
    shares = [rows_inside(group, start, end) for group in groups]
    return Window(
        name=name,
        start=start,
        end=end,
        length=length,
        num_rows=max(1, round(sum(rows for rows, _ in shares))),
        exact=all(exact for _, exact in shares),
    )


def _empty(where: str, end: datetime, source: SourceTable) -> DataError:
    low, high = source.time_min, source.time_max
    if low is not None and end <= low:
        return DataError(
            f"{where} has no rows; the oldest time in the data is {_shown(low)} UTC",
            next_step="use --as-of latest, or a later date",
        )
    newest = f"; the newest time in the data is {_shown(high)} UTC" if high else ""
    newest += f", in {source.newest_file}" if len(source.files) > 1 and high else ""
    return DataError(f"{where} has no rows{newest}", next_step="use --as-of latest, or an earlier date")


def rows_inside(group: Slice, start: datetime, end: datetime) -> tuple[float, bool]:
    """Rows of a group between two moments, and whether that is a count.

    It is a count if rows were counted by day and the moments are midnights, or if the whole group is inside or outside.
    Otherwise it is an estimate that assumes evenly spread times, good for forecasts only.
    """
    if group.time_min is None or group.time_max is None:
        return float(group.num_rows), False
    if group.bins:
        found = [_share(one.num_rows, one.start, one.end - _TICK, start, end) for one in group.bins]
        return sum(rows for rows, _ in found), all(exact for _, exact in found)
    return _share(group.num_rows, group.time_min, group.time_max, start, end)


_TICK = timedelta(microseconds=1)


def _share(num_rows: int, low: datetime, high: datetime, start: datetime, end: datetime) -> tuple[float, bool]:
    if high < start or low >= end:
        return 0.0, True
    if low >= start and high < end:
        return float(num_rows), True
    length = (high - low).total_seconds() or 1.0
    return num_rows * (min(high, end) - max(low, start)).total_seconds() / length, False


def most_inside(group: Slice, start: datetime, end: datetime) -> float:
    """The most rows of a group that can fall between two moments."""
    rows, exact = rows_inside(group, start, end)
    return rows if exact else float(group.num_rows)


def overlaps(group: Slice, start: datetime, end: datetime) -> bool:
    """Whether a group may hold rows between two moments; False is certain."""
    return group.may_hold(start, end)
