"""The files of a local folder or pattern, each once, and what else is there but left out.

Files are identified on disk: a file with links or hard links to it is read once, under its own name. Links are followed
while they stay inside the folder. Left out are links that lead outside, names that begin with `.` or `_` (except
folders such as `_NAME=VALUE`), names with another ending, and what is not a file. The case of endings does not matter.
"""

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from raytemplate.errors import DataError

_MOST_KEPT = 10_000
_HIDDEN_PART = re.compile(r"(?:^|/)[._]")
OTHER_ENDING, HIDDEN, SPECIAL = "another ending", "begins with . or _", "not a file"
BROKEN, OUTSIDE = "a broken link", "a link out of the folder"
_TABLES = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Something in a source that is not read."""

    path: str
    """Its path, relative to the folder."""

    why: str
    """Why it is not read, such as "another ending"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The files of a source."""

    files: tuple[str, ...]
    """The files to read, sorted."""

    left_out: tuple[LeftOut, ...] = ()
    """What is not read, sorted by path."""


@dataclass(kw_only=True, slots=True)
class _Look:
    """One search below a folder, and what it has found so far."""

    top: str
    endings: tuple[str, ...]
    names: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    folders: set[str] = field(default_factory=set[str])
    links: list[str] = field(default_factory=list[str])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    def leave_out(self, path: str, why: str) -> None:
        if len(self.left_out) < _MOST_KEPT:
            self.left_out.append(LeftOut(path=os.path.relpath(path, self.top), why=why))

    def take(self, path: str, status: os.stat_result | None = None) -> None:
        """Takes a file, or a link to one inside `top`, unless it has been taken under another name.

        Args:
            status: what is known about the file; None to ask for it.
        """
        status = status or os.stat(path)
        identity = (status.st_dev, status.st_ino)
        if before := self.names.get(identity):
            self.leave_out(path, f"the same file as {os.path.relpath(before, self.top)}")
        else:
            self.names[identity] = path

    def walk(self, folder: str) -> None:
        """Takes everything in a folder except links: those come later, so that files are taken by their own names."""
        self.folders.add(os.path.realpath(folder))
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        for entry in inside:
            wanted = entry.name.lower().endswith(self.endings)
            if entry.is_symlink():
                if not entry.name.startswith("."):
                    self.links.append(entry.path)
            elif entry.is_dir():
                if not is_hidden(entry.name):
                    self.walk(entry.path)
                elif not entry.name.startswith(".") and any(_data_below(entry.path, self.endings)):
                    self.leave_out(entry.path, HIDDEN)
            elif is_hidden(entry.name):
                if wanted:
                    self.leave_out(entry.path, HIDDEN)
            elif not entry.is_file():
                self.leave_out(entry.path, SPECIAL)
            elif wanted:
                self.take(entry.path)
            else:
                self.leave_out(entry.path, OTHER_ENDING)

    def follow(self) -> None:
        """Follows the links found so far, and those in folders that they lead to."""
        while self.links:
            link = self.links.pop(0)
            real = os.path.realpath(link)
            if fault := link_fault(link, self.top):
                self.leave_out(link, fault)
            elif os.path.isdir(real):
                if real in self.folders:
                    self.leave_out(link, "a link to a folder that is read")
                else:
                    self.walk(link)
            elif link.lower().endswith(self.endings):
                self.take(link)
            elif real not in self.names.values():
                self.leave_out(link, OTHER_ENDING)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not data, such as `.git`, `_SUCCESS` and `_temporary`, but not `_part=1`."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def link_fault(link: str, top: str) -> str:
    """Why a link is not followed; "" if it is."""
    real = os.path.realpath(link)
    if not os.path.exists(real):
        return BROKEN
    if not Path(real).is_relative_to(os.path.realpath(top)):
        return OUTSIDE
    return "" if os.path.isdir(real) or os.path.isfile(real) else SPECIAL


def _data_below(folder: str, endings: tuple[str, ...]) -> Iterator[bool]:
    return (name.lower().endswith(endings) for _, _, names in os.walk(folder) for name in names)


def files_below(folder: Path, endings: tuple[str, ...]) -> Found:
    """The files with one of the endings, in any case, in a folder and its subfolders.

    Raises:
        DataError: the folder is a Delta Lake or Hudi table, or holds a file both compressed and uncompressed.
    """
    for name, kind in _TABLES.items():
        if (folder / name).is_dir():
            raise DataError(
                f"{folder}: a table of {kind}: its files also hold rows that were replaced or deleted",
                next_step="set data.source: delta:PATH, or --data delta:PATH with init"
                if kind == "Delta Lake"
                else "export its rows as Parquet files and name those",
            )
    look = _Look(top=str(folder), endings=tuple(ending.lower() for ending in endings))
    look.walk(str(folder))
    look.follow()
    files = tuple(sorted(look.names.values()))
    _refuse_packed_twins(files)
    return Found(files=files, left_out=tuple(sorted(look.left_out, key=lambda one: one.path)))


def files_matching(pattern: str, root: Path) -> Found:
    """The files that a pattern matches, each once; a name without a wildcard is taken literally."""
    top = str(_fixed_part(root / pattern))
    look = _Look(top=top, endings=("",))
    at, real = str(root), _RealPaths(top)
    paths = [os.path.normpath(os.path.join(at, name)) for name in _matches(pattern, root, look)]
    found = {path: _status(path) for path in paths}
    others = {path: real.is_other(path, status) for path, status in found.items()}
    for path in sorted(paths, key=lambda path: (others[path], path)):
        status = found[path]
        if status is not None and stat.S_ISREG(status.st_mode) and not others[path]:
            look.take(path, status)  # most files, of which there may be many
        elif os.path.isdir(path):
            continue
        elif glob.has_magic(pattern) and others[path] and (fault := link_fault(path, top)):
            look.leave_out(path, fault)
        elif os.path.isfile(path):
            look.take(path)
        elif os.path.lexists(path):
            look.leave_out(path, BROKEN if os.path.islink(path) else SPECIAL)
    files = tuple(sorted(look.names.values()))
    _refuse_packed_twins(files)
    return Found(files=files, left_out=tuple(sorted(look.left_out, key=lambda one: one.path)))


class _RealPaths:
    """Tells paths below a folder that lead through links from those that do not. A folder is looked up once."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._folders: dict[str, bool] = {}

    def is_other(self, path: str, status: os.stat_result | None) -> bool:
        """Whether a path is a link, or leads through one below the folder.

        Args:
            status: of the path itself, not of what it links to; None if there is nothing.
        """
        folder = os.path.dirname(path) or "."
        if folder not in self._folders:
            own = os.path.normpath(os.path.join(os.path.realpath(self._top), os.path.relpath(folder, self._top)))
            self._folders[folder] = os.path.realpath(folder) != own
        return self._folders[folder] or (status is not None and stat.S_ISLNK(status.st_mode))


def _status(path: str) -> os.stat_result | None:
    """The status of a path, of the link itself if it is one; None if there is nothing."""
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def _matches(pattern: str, root: Path, look: _Look) -> Iterator[str]:
    """What a pattern matches, endings in any case, nothing hidden. `**` is not left to glob, which follows links
    forever."""
    parts = Path(pattern).parts
    first = next((at for at, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    if "**" not in parts:
        last = lower_ending(parts[-1])
        names = (
            glob.glob(str(Path(*parts[:-1], ".*" if last.startswith(".") else "*")), root_dir=root)
            if glob.has_magic(pattern)
            else []
        )
        fits = re.compile(fnmatch.translate(last)).match
        found = [name for name in names if fits(lower_ending(os.path.basename(name)))] or [pattern]
    else:
        from raytemplate.data.sources.storage import path_pattern

        top, rest = Path(*parts[:first]), path_pattern((*parts[first:-1], lower_ending(parts[-1])))
        below = _Look(top=look.top, endings=("",))
        if os.path.isdir(look.top):
            below.walk(look.top)
            below.follow()
        look.left_out += [one for one in below.left_out if one.why in (OUTSIDE, BROKEN)]
        names = [os.path.relpath(name, look.top) for name in below.names.values()]
        found = [str(top / name) for name in names if rest.fullmatch(lower_ending(name))]
    for name in found:
        if not _HIDDEN_PART.search(name):
            yield name
            continue
        met = zip(Path(name).parts[first:], parts[first:], strict=False)
        if not any(is_hidden(part) and not wanted.startswith((".", "_")) for part, wanted in met):
            yield name


def lower_ending(name: str) -> str:
    """A name or pattern with its ending in lower case."""
    if name.islower():  # most names, of which there may be many
        return name
    return re.sub(r"\.[A-Za-z]+(\.gz)?$", lambda match: match[0].lower(), name, flags=re.IGNORECASE)


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first wildcard."""
    parts = pattern.parts
    first = next((at for at, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(*parts[:first])


def _refuse_packed_twins(files: tuple[str, ...]) -> None:
    """Refuses both `a.csv` and `a.csv.gz`: they are the same data, whose rows would count twice."""
    packed = [name for name in files if name.lower().endswith(".gz")]
    names = {name.lower() for name in files} if packed else set[str]()
    if twin := next((name for name in packed if name.lower().removesuffix(".gz") in names), ""):
        raise DataError(
            f"{twin}: exists both compressed and uncompressed, so its rows would be read twice",
            next_step="remove one of the two, or name a pattern such as data/*.csv.gz",
        )


def say_left_out(left_out: tuple[LeftOut, ...]) -> str:
    """One line that says how many are left out, and why; "" if none are."""
    if not left_out:
        return ""
    whys: dict[str, list[str]] = {}
    for one in left_out:
        whys.setdefault(re.sub("^the same file as .*", "a file that is read", one.why), []).append(one.path)
    said = [f"{_few(paths)} ({why})" for why, paths in whys.items()]
    return f"{len(left_out):,} not read: {'; '.join(said)}"


def _few(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")
