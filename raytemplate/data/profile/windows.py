"""Profiles the windows of a source. Files that were profiled before are not read; the others are read once."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from raytemplate.data.masking import Mask, Masker, masker_of
from raytemplate.data.profile.cells import Cells, cell_key
from raytemplate.data.profile.raw import read_raw
from raytemplate.data.profile.stretches import Stretch, days_of, side, tiles
from raytemplate.data.profile.table import Asked, TableProfile, merge_tables, table_profile
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import joined, stamp
from raytemplate.data.sources.source import order_of
from raytemplate.data.sources.storage import Storage
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.data.windows import Bounds

_THREADS, _FILES_AT_ONCE = 2, 8
_MOST_PARTS = 32
"""Profiles of a window that are held before they are merged."""
_MOST_CHUNKS = 4
"""The same for a file that is read in chunks; of columns whose values all differ each takes several megabytes."""
_BYTES_AT_ONCE = 24_000_000
"""Bytes of a file that are read at once, as far as its slices allow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileOrder:
    """What to profile."""

    source: SourceTable
    """The files."""

    windows: tuple[Bounds, ...]
    """The windows; sides of `split` if there is one."""

    columns: tuple[str, ...]
    """Columns to read: those to profile, and those that `drop` tests."""

    asked: Asked
    """What is profiled. Without `asked.time` and a split, every window has all rows."""

    rules: Rules
    """How values are written."""

    drop: str = ""
    """Condition on the rows to leave out; "" keeps all."""

    mask: Mask | None = None
    """How values are masked; None if none are."""

    split: Split | None = None
    """The split by hash; None if windows are ranges of time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllRows:
    """The window of all rows, for files without a template."""

    name: str
    """Its name."""
    start: datetime = datetime.min
    """No bound."""
    end: datetime = datetime.max
    """No bound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profiled:
    """The profiles of windows, and what it took."""

    windows: Mapping[str, TableProfile]
    """Window -> its profile."""

    num_files: int
    """Files with rows in the windows, as far as the listing tells."""

    num_kept: int
    """Files of which every profile was kept from before."""

    thrown_away: tuple[str, ...] = ()
    """Kept profiles that were removed because they were not what was kept."""


def profile_windows(order: ProfileOrder, cells: Cells) -> Profiled:
    """The profile of each window. A row outside a window does not affect its profile.

    Raises:
        DataError, IntegrityError: a file cannot be read, or has changed; a column cannot be masked.
        UsageError: the key of the mask does not exist here.
    """
    work = _Work.of(order, cells)
    parts: dict[str, list[TableProfile]] = {window.name: [] for window in order.windows}
    num_files = num_kept = 0
    for done in _in_turn(work):
        num_files += bool(done.parts)
        num_kept += bool(done.parts) and done.is_kept
        for name, part in done.parts:
            parts[name].append(part)
            if len(parts[name]) == _MOST_PARTS:
                parts[name] = [merge_tables(parts[name], order.asked.columns)]
    return Profiled(
        windows={name: merge_tables(found, order.asked.columns) for name, found in parts.items()},
        num_files=num_files,
        num_kept=num_kept,
        thrown_away=tuple(cells.thrown_away),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _FileKept:
    """What is kept of one file."""

    file: SourceFile

    stamp: tuple[int, ...] | None
    """Its stamp when this was looked up."""

    key: str
    """What its cells are kept under."""

    wanted: tuple[tuple[str, Stretch], ...]
    """(window, stretch in it)."""

    found: Mapping[Stretch, TableProfile]
    """The profiles of stretches that are kept."""

    @property
    def missing(self) -> list[Stretch]:
        """Stretches whose profiles are not kept."""
        return [stretch for _, stretch in self.wanted if stretch not in self.found]


@dataclass(frozen=True, kw_only=True, slots=True)
class _FileDone:
    """The profile of one file."""

    parts: tuple[tuple[str, TableProfile], ...]
    """(window, profile of a stretch in it)."""

    is_kept: bool
    """Whether the file was not read."""


def _in_turn(work: "_Work") -> Iterator[_FileDone]:
    """The files in their order, a few at a time, so that profiles that wait to be merged do not pile up."""
    files = work.order.source.files
    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, len(files), _FILES_AT_ONCE):
            # Opening cells is many short steps, for which threads would only wait for each other.
            kept = [work.look_up(file) for file in files[first : first + _FILES_AT_ONCE]]
            yield from pool.map(work.complete, kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """Profiles one file after the other."""

    order: ProfileOrder
    cells: Cells
    masker: Masker | None
    alike: str
    """What the cells of all files are made from besides the file."""

    @staticmethod
    def of(order: ProfileOrder, cells: Cells) -> "_Work":
        """The work of an order.

        Raises:
            UsageError: the key of the mask does not exist here.
        """
        masker = masker_of(order.mask) if order.mask else None
        mask = [order.mask.rules, masker.key_id] if order.mask and masker else []
        asked = replace(order.asked, columns=tuple(sorted(order.asked.columns)))
        reading = [order.source.kind, order.source.reading, order.rules, order.drop]
        alike = cell_key([reading, mask, order.split.id if order.split else "", asked])
        return _Work(order=order, cells=cells, masker=masker, alike=alike)

    def look_up(self, file: SourceFile) -> _FileKept:
        """What is kept of a file."""
        before = self._stamp(file)
        key = self._key(file, before)
        wanted = tuple(self._stretches(file, self.cells.known(key)))
        read = {stretch: self.cells.read(key, stretch) for _, stretch in wanted}
        found = {stretch: one for stretch, one in read.items() if one is not None}
        return _FileKept(file=file, stamp=before, key=key, wanted=wanted, found=found)

    def complete(self, kept: _FileKept) -> _FileDone:
        """The profiles of a file's stretches in the windows."""
        found, missing = kept.found, kept.missing
        if missing:
            made = self._made(kept.file, [*missing, *self._after(kept.file, missing)])
            if self._stamp(kept.file) == kept.stamp:
                for stretch, profile in made.items():
                    self.cells.keep(kept.key, stretch, profile)
            found = {**found, **made}
        return _FileDone(parts=tuple((name, found[stretch]) for name, stretch in kept.wanted), is_kept=not missing)

    def _stamp(self, file: SourceFile) -> tuple[int, ...] | None:
        source = self.order.source
        return stamp(joined(source.root, file.path), source.location.to(Storage))

    def _key(self, file: SourceFile, before: tuple[int, ...] | None) -> str:
        """What the cells of a file are kept under; "" if its content cannot be told without reading it."""
        return cell_key([[file.sha256, list(before), file.handle], self.alike]) if before is not None else ""

    def _stretches(self, file: SourceFile, known: Sequence[Stretch]) -> list[tuple[str, Stretch]]:
        """(window, stretch) of everything in the windows that the file may hold."""
        order = self.order
        if order.split is not None or not order.asked.time:
            return [(window.name, side(window.name)) for window in order.windows]
        found: list[tuple[str, Stretch]] = []
        for window in order.windows:
            tiled = tiles(file, window.start, window.end, known)
            found += [(window.name, one) for one in tiled if _slices(file, one.start, one.end)]
        return found

    def _after(self, file: SourceFile, missing: Sequence[Stretch]) -> tuple[Stretch, ...]:
        """The rest of a file after the last window, if its slices are read anyway: it is in the windows of next month.
        It is kept, and merged with nothing now."""
        days = days_of(file)
        if days is None or missing[0].side:
            return ()
        start, end = max(self.order.windows[-1].end, days[0]), days[1]
        read = _slices(file, min(one.start for one in missing), max(one.end for one in missing))
        rest = _slices(file, start, end)
        if not rest or not set(map(id, rest)) <= set(map(id, read)):
            return ()
        return (Stretch(start=start, end=end),)

    def _made(self, file: SourceFile, stretches: Sequence[Stretch]) -> dict[Stretch, TableProfile]:
        """The profiles of stretches, from one pass over their rows."""
        order = self.order
        start, end = min(one.start for one in stretches), max(one.end for one in stretches)
        slices = [one for one in file.slices if one.num_rows]
        if order.asked.time and order.split is None:
            slices = list(_slices(file, start, end))
        parts: dict[Stretch, list[TableProfile]] = {stretch: [] for stretch in stretches}
        for some in _chunks(slices, order.columns):
            wanted = order_of(order.source, file, some, order.columns, order.mask.columns if order.mask else ())
            if order.asked.time and order.split is None:
                wanted = replace(wanted, time=order.asked.time, start=start, end=end)
            for stretch, rows, dropped in read_raw(
                wanted, stretches, order.rules, order.drop, self.masker, order.split
            ):
                parts[stretch].append(table_profile(rows, order.asked, dropped))
                if len(parts[stretch]) == _MOST_CHUNKS:
                    parts[stretch] = [merge_tables(parts[stretch], order.asked.columns)]
        return {stretch: merge_tables(found, order.asked.columns) for stretch, found in parts.items()}


def _slices(file: SourceFile, start: datetime, end: datetime) -> tuple[Slice, ...]:
    if start >= end:
        return ()
    return tuple(one for one in file.slices if one.num_rows and one.may_hold(start, end))


def _chunks(slices: Sequence[Slice], columns: Sequence[str]) -> Iterator[list[Slice]]:
    chunk: list[Slice] = []
    num_bytes = 0
    for one in slices:
        size = one.bytes_of(columns)
        if chunk and num_bytes + size > _BYTES_AT_ONCE:
            yield chunk
            chunk, num_bytes = [], 0
        chunk.append(one)
        num_bytes += size
    if chunk:
        yield chunk
