"""The quarantine: one Parquet file a run with the rows that were left out, and the limits on how many there may be."""

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.contract import Breach, merged
from raytemplate.data.promises import Promises
from raytemplate.errors import DataError
from raytemplate.records.contracted import QUARANTINE, BrokenPromise, ContractFound
from raytemplate.store.atomic import storage_errors, temporary_beside
from raytemplate.units import count, show_limit, show_moment, show_seconds


class QuarantineFile:
    """Writes quarantined rows part by part, so that memory stays bounded; without rows there is no file.

    The file appears when the reading has ended, also if the run is then refused. A file of an earlier reading is
    replaced.

    Args:
        path: the file; None writes nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._beside: Path | None = None
        self._writer: Any = None

    @property
    def folder(self) -> Path | None:
        """The folder of the file."""
        return self._path.parent if self._path else None

    def begin_again(self) -> None:
        """Forget the rows so far."""
        if self._writer is not None and self._beside is not None:
            self._writer.close()
            self._beside.unlink(missing_ok=True)
            self._writer = self._beside = None

    def add(self, rows: pa.Table | None) -> None:
        """Append rows, if there are any."""
        if rows is None or self._path is None:
            return
        with storage_errors(self._path):
            if self._writer is None:
                self._beside = temporary_beside(self._path)
                self._writer = pq.ParquetWriter(self._beside, rows.schema, compression="zstd")
            self._writer.write_table(rows.cast(self._writer.schema))

    def add_bytes(self, content: bytes | None) -> None:
        """Append rows that `to_bytes` has packed."""
        if content:
            self.add(pa.ipc.open_stream(content).read_all())

    def __enter__(self) -> "QuarantineFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._path is None:
            return
        with storage_errors(self._path):
            if self._writer is None or self._beside is None:
                self._path.unlink(missing_ok=True)
                return
            self._writer.close()
            os.replace(self._beside, self._path)


def to_bytes(tables: Iterable[pa.Table | None]) -> bytes:
    """Quarantined rows as an Arrow stream; empty if there are none."""
    some = [table for table in tables if table is not None]
    if not some:
        return b""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, some[0].schema) as writer:
        for table in some:
            writer.write_table(table)
    return sink.getvalue()


def warned(breaches: Sequence[Breach]) -> list[ContractFound]:
    """Promises of whole columns that are broken and only told."""
    found = [one for one in merged(breaches) if one.on_breach == "warn"]
    return [ContractFound(broken=(_as_broken(one),)) for one in found]


def _as_broken(breach: Breach) -> BrokenPromise:
    return BrokenPromise(
        path=breach.path,
        promise=breach.promise,
        on_breach="warn",
        num_rows=breach.num_rows,
        examples=(),
    )


def check_quarantined(promises: Promises, found: ContractFound, num_rows: Mapping[str, int]) -> None:
    """Raises if more rows are quarantined than `contract.max_quarantined` allows.

    Args:
        num_rows: window -> rows that are left in it.

    Raises:
        DataError: says in which window, how many and which promises they break.
    """
    most = promises.max_quarantined
    if most is not None and found.num_quarantined > most:
        raise _too_many(f"{_are(found.num_quarantined)} quarantined, expected at most {most:,}", found)
    for window, num in found.quarantined.items():
        total = num_rows[window] + num + found.dropped.get(window, 0)
        if num > promises.max_quarantined_share * total:
            share = f"{100 * promises.max_quarantined_share:g} %"
            raise _too_many(
                f"{num:,} of {count(total, 'row')} of the {window} window {'is' if num == 1 else 'are'} quarantined "
                f"({100 * num / total:.3g} %), "
                f"expected at most {share}",
                found,
            )


def _are(rows: int) -> str:
    return f"{count(rows, 'row')} {'is' if rows == 1 else 'are'}"


def _too_many(what: str, found: ContractFound) -> DataError:
    rules = [one.text for one in found.broken if one.on_breach == "quarantine"]
    return DataError(
        "\n".join([f"contract.max_quarantined: {what}", *rules]),
        next_step=f"look at them in {QUARANTINE} in the run's folder; correct the data, or the rule if it is wrong",
    )


def check_amount(promises: Promises, found: ContractFound, num_rows: Mapping[str, int], end: datetime) -> None:
    """Raises if there are too few rows, or if the newest is too old.

    Args:
        end: the end of the windows.

    Raises:
        DataError: says how many there are, or how old the newest is.
    """
    total = sum(num_rows.values())
    if total < promises.min_rows:
        raise DataError(
            f"contract.min_rows: {_are(total)} left in the windows, expected at least {promises.min_rows:,}",
            next_step="find out where the others are, or change contract.min_rows",
        )
    if found.newest is None:
        return
    age_s = (end - found.newest).total_seconds()
    if promises.freshness_s and age_s > promises.freshness_s:
        raise DataError(
            f"contract.freshness: the newest row in the windows is of {show_moment(found.newest)} UTC, "
            f"{_age(age_s)} before their end; expected at most {show_limit(promises.freshness_s)}",
            next_step="wait for newer data, use an earlier --as-of, or change contract.freshness",
        )


def _age(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:.1f} days" if days >= 2 else show_seconds(seconds)
