"""The door from files and a target to a template on disk. A template that a person has edited is never overwritten."""

import os
import re
from pathlib import Path

from raytemplate.data.sources.naming import SQL, split_source
from raytemplate.errors import UsageError
from raytemplate.starting.draft.draft import Draft, draft_of
from raytemplate.starting.draft.text import template_text
from raytemplate.starting.survey.survey import Asked, survey
from raytemplate.store.atomic import storage_errors, write_atomic


def write_draft(folder: Path, asked: Asked) -> tuple[Path, Draft]:
    """A commented template in `folder`, and what was decided for it. The data stays where it is.

    Raises:
        UsageError: no such column, no useful feature, a different template with that name, or an unwritable folder.
        DataError: a file cannot be read.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file, expected a folder or a new name")
    name = _name(asked.data)
    path = folder / f"{name}.yaml"
    draft = draft_of(survey(asked, Path.cwd()), name, _source(asked.data, folder))
    text = template_text(draft).encode()
    if path.exists() and path.read_bytes() != text:
        raise UsageError(
            f"{path}: exists already and differs from what would be written: it may have been edited",
            next_step="move it away, or give another DIR",
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)
    return path, draft


def _name(data: str) -> str:
    """The name of the data in lower-case letters, digits and dashes; "model" if nothing is left of it."""
    kind, place = split_source(data)
    if kind == SQL:
        from raytemplate.data.sources.sql_select import table_of  # importing sqlglot takes a tenth of a second

        place = table_of(place.partition(":")[2])
    parts = [part for part in re.split(r"[/\\]", place) if part and not re.search(r"[*?=]", part)]
    stem = (parts[-1] if parts else "").split(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "model"


def _source(data: str, folder: Path) -> str:
    """The path of the data relative to the folder; absolute if the two have nothing in common."""
    kind, data = split_source(data)
    if kind == SQL:
        return kind
    before = f"{kind}:" if kind else ""
    if "://" in data:
        return before + data
    whole, home = os.path.abspath(data), os.path.abspath(folder)
    together = len(Path(os.path.commonpath((whole, home))).parts) > 1
    return before + (os.path.relpath(whole, home) if together else whole)
