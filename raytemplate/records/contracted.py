"""What the contract found in the rows of a run: which promises were broken, and which rows were left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from raytemplate.units import count

QUARANTINE = "quarantine.parquet"
"""The file in a run's folder that holds its quarantined rows."""
_FATES = {"quarantine": "quarantined", "drop": "dropped", "warn": "kept (warn)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row that breaks a promise."""

    file: str
    """The file, as the snapshot names it."""

    row: int
    """Its number in the file, from 1; 0 if unknown."""

    values: tuple[tuple[str, str], ...]
    """(column, value) of the columns that the promise is about and of the keys; masked columns as they are masked."""

    @property
    def at(self) -> str:
        """The file and, if known, the row."""
        return f"{self.file}, row {self.row:,}" if self.row else self.file

    @property
    def shown(self) -> str:
        """The values with their columns."""
        return ", ".join(f"{name} {value}" for name, value in self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenPromise:
    """A promise that rows break without ending the run."""

    path: str
    """The field of the template, such as `contract.rows`."""

    promise: str
    """The promise as the template writes it, such as `wind_speed <= 120`."""

    on_breach: Literal["quarantine", "drop", "warn"]
    """What happened to the rows."""

    num_rows: int
    """Rows that break it. A row that breaks several promises counts for each."""

    examples: tuple[Example, ...]
    """The first few of them."""

    @property
    def text(self) -> str:
        """The broken promise in one line."""
        first = f"; the first: {self.examples[0].at}: {self.examples[0].shown}" if self.examples else ""
        rows = f"{count(self.num_rows, 'row')} {'breaks' if self.num_rows == 1 else 'break'}"
        return f'{self.path}: {rows} "{self.promise}", {_FATES[self.on_breach]}{first}'


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractFound:
    """What the contract found, in the rows that `data.drop` leaves in the windows."""

    broken: tuple[BrokenPromise, ...] = ()
    """Promises that rows break, in the order of the template."""

    quarantined: Mapping[str, int] = field(default_factory=dict[str, int])
    """Window -> rows that were quarantined."""

    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Window -> rows that the contract dropped."""

    newest: datetime | None = None
    """Newest time of a row in the windows; None if it was not needed."""

    @property
    def num_quarantined(self) -> int:
        """Rows that were quarantined."""
        return sum(self.quarantined.values())

    @property
    def num_dropped(self) -> int:
        """Rows that the contract dropped."""
        return sum(self.dropped.values())
