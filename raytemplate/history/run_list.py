"""The runs of a workspace as a list, including those that are damaged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import RECORDS, Journal, journals
from raytemplate.history.runs import Run
from raytemplate.records.run import RunStart
from raytemplate.reports.history import DamagedRow, RunRow, runs_table
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_FIRST = RECORDS[RunStart]
_BEING_MADE_S = 10.0
"""Seconds a run may take from creating its folder to writing its first record."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Runs(Sequence[Run]):
    """Runs, newest first; prints as `raytemplate runs` does."""

    runs: tuple[Run, ...]

    rows: tuple[RunRow, ...]
    """One row for each of the runs, in the same order."""

    damaged: tuple[DamagedRow, ...] = ()
    """Runs with a record that cannot be read, and why; they are not among `runs`."""

    filtered: bool = False
    """Whether runs were left out because they were not asked for."""

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | Sequence[Run]:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __str__(self) -> str:
        return runs_table(self.rows, damaged=self.damaged, filtered=self.filtered)

    def __repr__(self) -> str:
        return f"<{len(self.runs)} runs>"

    def _repr_html_(self) -> str:
        return self.to_pandas().to_html(index=False, na_rep="-")

    def to_pandas(self) -> pd.DataFrame:
        """One row a run: id, model, as-of, start, state, metric, version, planned and actual seconds and US dollars."""
        import dataclasses

        import pandas as pd

        columns = [field.name for field in dataclasses.fields(RunRow)]
        frame = pd.DataFrame([dataclasses.asdict(row) for row in self.rows], columns=columns)
        return frame.astype({"value": "float64"})


def list_runs(workspace: Workspace, *, name: str | None = None, states: tuple[str, ...] = ()) -> Runs:
    """The runs of a workspace.

    Args:
        name: only runs of the template with this name; None for all.
        states: only runs in one of these states; empty for all.
    """
    found: list[tuple[RunRow, Run]] = []
    damaged: list[DamagedRow] = []
    for journal in all_journals(workspace):
        try:
            found.append((Run(journal).row(), Run(journal)))
        except IntegrityError as error:
            damaged.append(DamagedRow(run_id=journal.run_id, problem=error.what))
    chosen = [pair for pair in found if name in (None, pair[0].name) and (not states or pair[0].state in states)]
    chosen.sort(key=lambda pair: pair[0].started, reverse=True)
    return Runs(
        runs=tuple(run for _, run in chosen),
        rows=tuple(row for row, _ in chosen),
        damaged=tuple(sorted(damaged, key=lambda row: row.run_id)),
        filtered=len(chosen) < len(found),
    )


def all_journals(workspace: Workspace) -> list[Journal]:
    """Every run of a workspace, also one that has lost its first record."""
    return [*journals(workspace), *_beheaded(workspace)]


def _beheaded(workspace: Workspace) -> list[Journal]:
    """Runs whose first record is gone. A new folder may not have one yet, and an empty one never was a run."""
    folders = [path for path in workspace.runs.glob("[!.]*") if path.is_dir()] if workspace.runs.exists() else []
    return [Journal(path) for path in folders if not (path / _FIRST).exists() and _was_a_run(path)]


def _was_a_run(folder: Path) -> bool:
    with suppress(FileNotFoundError):  # another process may remove it at this moment
        there = {path.name for path in folder.iterdir()}
        is_new = time.time() - folder.stat().st_mtime < _BEING_MADE_S
        return bool(there & set(RECORDS.values()) if is_new else there)
    return False
