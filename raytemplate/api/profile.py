"""The door to raw profiles: what the columns of a template's windows hold, or of some files. No Ray is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.plan import as_spec, as_text, inventory_of
from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import UsageError
from raytemplate.records.profiled import DataProfile, WindowProfile
from raytemplate.spec.schema import TemplateSpec

if TYPE_CHECKING:
    from raytemplate.data.profile.windows import Profiled

ALL_ROWS = "all rows"
_TEMPLATES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Raw profiles; prints as `raytemplate profile` does, in a notebook too."""

    data: DataProfile
    """What the columns of each window hold."""
    title: str
    """Name and version of the template, or the path of the files."""
    as_of: datetime | None
    """The moment that the windows are counted back from; None for files."""
    drop: str
    """The template's `data.drop`."""
    num_files: int
    """Files that have rows in the windows."""
    num_kept: int
    """Files that were not read, because their profiles were kept from before."""
    thrown_away: tuple[str, ...]
    """Kept profiles that were removed because their content had changed."""

    def window(self, name: str) -> WindowProfile:
        """The profile of "train", "validation" or "test"; for files there is "all rows" alone."""
        found = {window.name: window for window in self.data.windows}
        if name not in found:
            raise UsageError(f'no window "{name}" in this profile; it has {", ".join(found)}')
        return found[name]

    def __str__(self) -> str:
        from raytemplate.reports.profile_shown import profile_text

        return profile_text(self.data, self.title, self.as_of, self.drop, self.num_files, self.num_kept)

    def __repr__(self) -> str:
        return f"<profile of {self.title}, {', '.join(window.name for window in self.data.windows)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def profile(spec: TemplateSpec | str | Path, as_of: str | date = "now", *, workspace: str | None = None) -> Profile:
    """What the columns that a run would read hold in each window, masked as the template says.

    The profile of a file is kept in the workspace, so that the next call reads only files that are new or have changed.
    `data.rows` is ignored: all rows are profiled. Of files that are given without a template nothing is kept.

    Args:
        spec: a template, or the path of one; or the path of a data file or of a folder of them, for all their columns.
        as_of: a date or time (UTC unless it has an offset), "now" (the last midnight UTC) or "latest".

    Raises:
        SpecError, DataError, UsageError: what is wrong, where, and what to change.
    """
    if not isinstance(spec, TemplateSpec) and not str(spec).lower().endswith(_TEMPLATES):
        return _of_files(str(spec))
    from raytemplate.data.profile.cells import Cells
    from raytemplate.data.profile.windows import profile_windows
    from raytemplate.planning.profiling import profile_order

    spec = as_spec(spec)
    found_in = workspace_at(workspace, start=spec.folder)
    wanted = profile_order(spec, inventory_of(spec, found_in), as_text(as_of))
    found = profile_windows(wanted.order, Cells(root=found_in.profiles))
    bounds = {} if wanted.order.split else {window.name: (window.start, window.end) for window in wanted.windows}
    data = DataProfile(windows=_told(found, bounds), target=spec.data.target, task=spec.data.task)
    return Profile(
        data=data,
        title=f"{spec.name} {spec.version}",
        as_of=wanted.as_of,
        drop=spec.data.drop,
        num_files=found.num_files,
        num_kept=found.num_kept,
        thrown_away=found.thrown_away,
    )


def _of_files(path: str) -> Profile:
    from raytemplate.data.profile.cells import Cells
    from raytemplate.data.profile.table import Asked
    from raytemplate.data.profile.windows import AllRows, ProfileOrder, profile_windows
    from raytemplate.data.sources.reader import list_files
    from raytemplate.data.sources.source import ListOrder
    from raytemplate.data.sources.text.rules import Rules

    source = list_files("auto", ListOrder(pattern=path, root=Path.cwd()))
    columns = tuple(source.schema)
    order = ProfileOrder(
        source=source,
        windows=(AllRows(name=ALL_ROWS),),
        columns=columns,
        asked=Asked(columns=columns),
        rules=Rules(),
    )
    found = profile_windows(order, Cells(root=None))  # a template may mask what these files hold
    return Profile(
        data=DataProfile(windows=_told(found, {})),
        title=path,
        as_of=None,
        drop="",
        num_files=found.num_files,
        num_kept=found.num_kept,
        thrown_away=found.thrown_away,
    )


def _told(found: Profiled, bounds: Mapping[str, tuple[datetime, datetime]]) -> tuple[WindowProfile, ...]:
    from raytemplate.data.profile.summary import window_profile

    return tuple(window_profile(name, one, *bounds.get(name, ())) for name, one in found.windows.items())
