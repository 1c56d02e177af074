"""What a template promises of whole rows and of their number, as plain data in a plan."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from raytemplate.data.contract_options import OnBreach

OUT = ("quarantine", "drop")
"""Values of `on_breach` that leave rows out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPromise:
    """A condition that no row may contradict."""

    rule: str
    """The condition; only a row in which it is false breaks it."""

    on_breach: OnBreach = "fail"
    """What happens to such a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPromise:
    """A key that no two rows share."""

    path: str
    """The field of the template."""

    columns: tuple[str, ...]
    """Columns of the key."""

    on_breach: OnBreach = "fail"
    """What happens to rows whose key an earlier row has."""

    @property
    def text(self) -> str:
        """The promise in words."""
        return "unique: yes" if self.path.startswith("contract.columns") else f"unique: [{', '.join(self.columns)}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Promises:
    """What the contract promises beyond single columns. A plan with it has its rows judged as they are read."""

    rows: tuple[RowPromise, ...] = ()
    """Conditions on rows."""

    unique: tuple[KeyPromise, ...] = ()
    """Keys."""

    min_rows: int = 0
    """Least rows in the windows together; 0 for any number."""

    freshness_s: float = 0.0
    """Most seconds between the newest row and the end of the windows; 0 for any number."""

    max_quarantined_share: float = 1.0
    """Most rows of any one window that may be quarantined, as a share."""

    max_quarantined: int | None = None
    """Most rows of all windows that may be quarantined; None for no such limit."""


def on_breach_of(settings: Mapping[str, Any]) -> OnBreach:
    """What happens to rows that break the contract of a column, given its settings in a plan."""
    found: OnBreach = settings.get("on_breach", "fail")
    return found


def leaving_out(columns: Mapping[str, Mapping[str, Any]], promises: Promises) -> list[Any]:
    """The promises that decide which rows are left out, as JSON values; empty if none does.

    Args:
        columns: column -> settings of its `ColumnContract`.
    """
    return list(_leaving_out(columns, promises))


def _leaving_out(columns: Mapping[str, Mapping[str, Any]], promises: Promises) -> Iterator[Any]:
    yield from ([name, dict(each)] for name, each in columns.items() if on_breach_of(each) in OUT)
    yield from ([one.rule, one.on_breach] for one in promises.rows if one.on_breach in OUT)
    yield from ([list(one.columns), one.on_breach] for one in promises.unique if one.on_breach in OUT)
