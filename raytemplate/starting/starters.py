"""Starter templates that `init --template` writes: shipped in `configs/starters/`, one folder each."""

from dataclasses import dataclass
from pathlib import Path

from raytemplate.document import parse
from raytemplate.errors import UsageError
from raytemplate.spec.parents import shipped_folder
from raytemplate.store.atomic import storage_errors, write_atomic

STARTERS = ("tabular-regression", "tabular-binary", "tabular-multiclass", "torch", "lightning")
TEMPLATE = "my-model.yaml"
MARK = "fill in"
"""Beginning of the comment beside a placeholder value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """What was written."""

    template: Path
    """The template."""
    files: tuple[Path, ...]
    """All files, including the template."""
    to_fill_in: tuple[tuple[int, str, str], ...]
    """(line, field, what to fill in there)."""


def write_starter(folder: Path, name: str) -> Started:
    """Write the files of a starter to `folder`. An existing file is kept, because it may have been edited.

    Raises:
        UsageError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file, expected a folder or a new name")
    sources = sorted(path for path in (shipped_folder() / "starters" / name).iterdir() if path.is_file())
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for path in sources:
        if not (folder / path.name).exists():
            write_atomic(folder / path.name, path.read_bytes())
    template = folder / TEMPLATE
    return Started(
        template=template, files=tuple(folder / path.name for path in sources), to_fill_in=_to_fill_in(template)
    )


def _to_fill_in(template: Path) -> tuple[tuple[int, str, str], ...]:
    document = parse(template.read_bytes(), str(template))
    first: dict[int, str] = {}  # the first of several fields in a line, which is the outermost
    for path, line in document.lines.items():
        if path:
            first.setdefault(line, path)
    marked = sorted((line, text) for line, text in document.comments.items() if text.startswith(MARK))
    return tuple((line, first[line], text.removeprefix(MARK).lstrip(": ")) for line, text in marked)
