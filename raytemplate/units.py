"""Seconds, US dollars, bytes, shares, lengths of time: parses what people write, and formats it the same way."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

_BRIEF = 200
"""Most characters of a value in a message; a condition or a list of names still fits."""
_NUMBER = r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_DURATION = re.compile(rf"^{_NUMBER}\s*(?P<unit>ms|s|m|h|d)$")
_SIZE = re.compile(rf"^{_NUMBER}\s*(?P<unit>(?:[kKMGT]i?)?B)$")
_SHARE = re.compile(rf"^{_NUMBER}\s*%$")
_MONEY = re.compile(rf"^{_NUMBER}\s*USD$")
_MOMENT = re.compile(r"\d{4}-?\d\d-?\d\d([T ]\d\d(:?\d\d(:?\d\d([.,]\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
_SPAN = re.compile(r"^(?P<number>[0-9]{1,9})\s*(?P<unit>m|h|d|w|day|days|week|weeks|month|months|year|years)$")


def _as_schema(pattern: re.Pattern[str], *examples: str, also: str = "") -> dict[str, Any]:
    """JSON Schema for such a text, for editors; its patterns have no named groups."""
    plain = re.sub(r"\?P<\w+>", "?:", pattern.pattern)
    return {"type": "string", "pattern": f"{also}{plain}", "examples": list(examples)}


DURATION_SCHEMA = _as_schema(_DURATION, "10m", "1h", "30s")
SHARE_SCHEMA = _as_schema(_SHARE, "15 %")
SIZE_SCHEMA = _as_schema(_SIZE, "2 GB", "512 MiB")
MONEY_SCHEMA = _as_schema(_MONEY, "5 USD")
SPAN_SCHEMA = _as_schema(_SPAN, "90d", "3 months", "all", also="^all$|")
"""JSON Schema of what the parsers below accept."""


def parse_duration(text: object) -> float:
    """Seconds from "500 ms", "30s", "10m", "1h" or "2d".

    Raises:
        ValueError: a bare number, or anything else.
    """
    match = _DURATION.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'got {show(text)}, expected a duration such as "10m", "1h" or "30s"')
    return float(match["number"]) * _SECONDS[match["unit"]]


def parse_share(text: object) -> float:
    """A share from "15 %".

    Raises:
        ValueError: a bare number, or anything else.
    """
    match = _SHARE.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'got {show(text)}, expected a share such as "15 %"')
    return float(match["number"]) / 100


def parse_size(text: object) -> int:
    """Bytes from "2 GB", "512 MiB".

    Raises:
        ValueError: a bare number, or anything else.
    """
    match = _SIZE.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'got {show(text)}, expected a size such as "2 GB" or "512 MiB"')
    return int(float(match["number"]) * _BYTES[match["unit"].upper()])


def parse_money(text: object) -> float:
    """US dollars from "5 USD".

    Raises:
        ValueError: another currency, a bare number, or anything else.
    """
    match = _MONEY.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'got {show(text)}, expected US dollars such as "40 USD"')
    return float(match["number"])


@dataclass(frozen=True, slots=True)
class Span:
    """A length of calendar time: "90d", "12h", "3 months", or "all" of it."""

    amount: int
    unit: Literal["minute", "hour", "day", "month", "all"]

    def back_from(self, end: datetime) -> datetime:
        """The moment this long before `end`; a day beyond the end of the month becomes its last day. Not for "all"."""
        if self.unit == "minute":
            return end - timedelta(minutes=self.amount)
        if self.unit == "hour":
            return end - timedelta(hours=self.amount)
        if self.unit == "day":
            return end - timedelta(days=self.amount)
        if self.unit == "all":
            raise ValueError('"all" has no length of its own')
        months = end.year * 12 + (end.month - 1) - self.amount
        year, month = divmod(months, 12)
        return end.replace(year=year, month=month + 1, day=min(end.day, _days_in(year, month + 1)))

    def on_from(self, start: datetime) -> datetime:
        """The moment this long after `start`, as `back_from` counts."""
        return Span(-self.amount, self.unit).back_from(start)

    def __str__(self) -> str:
        if self.unit == "all":
            return "all"
        if self.unit == "month":
            return f"{self.amount} month{'s' if self.amount != 1 else ''}"
        return f"{self.amount}{self.unit[0]}"


def moments_back(end: datetime, spans: Sequence[Span]) -> list[datetime]:
    """The moments where spans begin that lie back to back before `end`, the last one first.

    Months that follow one another are counted together: two of them before 31 May begin on 31 March, not on 30 March,
    where one month before 30 April begins.
    """
    found: list[datetime] = []
    anchor, months = end, 0
    for span in spans:
        if span.unit == "month":
            months += span.amount
            found.append(Span(months, "month").back_from(anchor))
        else:
            found.append(span.back_from(found[-1] if found else end))
            anchor, months = found[-1], 0
    return found


def _days_in(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def parse_span(text: object) -> Span:
    """A `Span` from "90d", "2 weeks", "3 months", "12h" or "all".

    Raises:
        ValueError: a bare number, or anything else.
    """
    if isinstance(text, Span):
        return text
    if isinstance(text, str) and text.strip() == "all":
        return Span(0, "all")
    match = _SPAN.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'got {show(text)}, expected a length of time such as "90d", "3 months" or "all"')
    amount, unit = int(match["number"]), match["unit"]
    if unit == "m":
        return Span(amount, "minute")
    if unit == "h":
        return Span(amount, "hour")
    if unit in ("d", "day", "days"):
        return Span(amount, "day")
    if unit in ("w", "week", "weeks"):
        return Span(7 * amount, "day")
    return Span(amount * (12 if unit.startswith("year") else 1), "month")


def parse_moment(text: str) -> datetime:
    """A UTC time from an ISO date or time; without an offset it is UTC.

    Raises:
        ValueError: not an ISO date or time.
    """
    try:
        if not _MOMENT.fullmatch(text.strip()):  # fromisoformat accepts any letter for T and cuts long fractions
            raise ValueError(text)
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"got {show(text)}, expected a date or time such as 2013-06-01, 2013-06-01T06:00+02:00, now or latest"
        ) from None


def show(value: object) -> str:
    """A value as it was typed, for error messages; only the beginning of a long one."""
    return f'"{brief(value)}"' if isinstance(value, str) else ("nothing" if value is None else brief(str(value)))


def brief(text: str) -> str:
    """A text for a one-line message: only the beginning of a long one, such as a file passed instead of a template."""
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}..."


def show_seconds(seconds: float) -> str:
    """ "0.4 s", "9 s", "10m", "1h 5m" """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes}m"
    return f"{minutes // 60}h" + (f" {minutes % 60}m" if minutes % 60 else "")


def show_milliseconds(seconds: float) -> str:
    """ "4 ms", "0.3 ms", "1,200 ms" """
    thousandths = seconds * 1000
    return f"{thousandths:,.0f} ms" if thousandths >= 1 else f"{thousandths:.1g} ms"


def show_limit(seconds: float) -> str:
    """A limit as it was written: "10m", "90s", "1h"."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


def show_bytes(count: float) -> str:
    """ "2.8 MB", "24 GB" """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            amount = count / size
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{count:.0f} B"


def show_usd(usd: float) -> str:
    """ "0.00", "12.50", "0.004" """
    return f"{usd:.2f}" if usd < 1e-6 or usd >= 0.01 else f"{usd:.{-math.floor(math.log10(usd))}f}"


def show_usd_limit(usd: float) -> str:
    """A limit as it was written, to the millionth: "1", "0.5", "0.001"; "none" if it is infinite."""
    if math.isinf(usd):
        return "none"
    return f"{usd:.6f}".rstrip("0").rstrip(".")


def show_moment(moment: datetime) -> str:
    """The date if the time is midnight, else date and minute. Always UTC."""
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()  # strftime leaves the zeros of the year 24 out
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")


def count(number: int, noun: str) -> str:
    """ "1 gate", "1,000 rows" """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
