"""Registered models ready for use: found through the ledger, checked byte by byte, able to predict."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, cast

from raytemplate.code.load import CODE
from raytemplate.data.reserved import VERSION
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import ModelVersion
from raytemplate.ledger.opening import open_ledger
from raytemplate.models.saved import SavedModel
from raytemplate.plugins import suggest
from raytemplate.store.content_store import ContentStore
from raytemplate.store.frames import is_frame_of, table_of, with_keys
from raytemplate.store.workspace import Workspace, find_run

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_REF = re.compile(r"^(?P<name>[^@/]+)(?:@(?P<alias>champion|challenger)|/(?P<version>\d+))?$")


@dataclass(frozen=True, kw_only=True)
class Model:
    """One version of a registered model."""

    name: str

    version: int

    digest: str
    """Digest of its files."""

    folder: Path
    """Folder with its files, verified when the model was opened."""

    saved: SavedModel
    """The loaded model."""

    def predict(self, data: pd.DataFrame | pl.DataFrame | pa.Table) -> pd.DataFrame | pl.DataFrame | pa.Table:
        """Predict rows without labels. Returns the keys, the columns of the prediction and `model_version`, as the same
        kind of table as `data`.

        Args:
            data: an Arrow table, a pandas or polars frame, or anything with Arrow's stream interface, for which the
                result is an Arrow table. Values are read as training read them: a time may be text, as in a CSV file.

        Raises:
            DataError: a column that the model needs is missing, or a value cannot be read as its type.
        """
        import pyarrow as pa

        self.saved.check_keys()
        wanted = (*self.saved.features.columns, *self.saved.about.keys)
        mask = self.saved.mask
        table = table_of(data, tuple(dict.fromkeys(wanted)), mask.columns if mask else ())
        table = self.saved.masked(table)
        values, _ = self.saved.predict(table, masked=True)
        found = self.saved.as_columns(values) | {VERSION: pa.array([self.version] * len(values), pa.int32())}
        if is_frame_of("pandas", data):
            masked = mask.columns_of(table, self.saved.about.keys) if mask else {}
            return with_keys(cast("pd.DataFrame", data), self.saved.about.keys, masked | found)
        kept = table.select([key for key in self.saved.about.keys if key in table.column_names])
        for name, column in found.items():
            kept = kept.append_column(name, pa.array(column))
        if is_frame_of("polars", data):
            import polars

            return cast("pl.DataFrame", polars.from_arrow(kept))
        return kept


def find_version(ref: str, workspace: Workspace, *, with_signatures: bool = False) -> ModelVersion:
    """The version that "name", "name@champion", "name@challenger" or "name/3" refers to.

    Args:
        with_signatures: whether to check the signatures of the ledger's events too; see `Ledger.history`.

    Raises:
        UsageError: no such model or version; names those that exist.
    """
    match = _REF.match(ref)
    if match is None:
        raise UsageError(f'got "{ref}", expected a model such as name, name@champion or name/3')
    ledger = open_ledger(workspace)
    versions = ledger.history(match["name"], with_signatures=with_signatures).versions
    if not versions:
        known = ledger.models()
        there = suggest(match["name"], known) if known else "there is none yet"
        raise UsageError(f'no such model: "{match["name"]}"; {there}', next_step="raytemplate models")
    if match["version"]:
        wanted = [v for v in versions if v.version == int(match["version"])]
    else:
        state = match["alias"] or "champion"
        wanted = [v for v in versions if v.state == state]
    if not wanted:
        numbers = ", ".join(f"{match['name']}/{v.version} ({v.state})" for v in versions)
        raise UsageError(f'no such version: "{ref}"; there is {numbers}', next_step="raytemplate models")
    return wanted[-1]


def journal_behind(ref: str, workspace: Workspace, command: str) -> Journal:
    """The records of a run ("last" or the beginning of its id), or of the run that made a registered model ("name",
    "name@champion", "name/3"). A run is found even if the ledger is lost.

    Args:
        command: the command to suggest with the name of a model that is near.

    Raises:
        UsageError: no such run or model.
        IntegrityError: the records of the run that made the model are gone; or there is no such run, and the ledger
            that names the models is lost or was edited.
    """
    if is_model(ref, workspace):
        journal = Journal(workspace.runs / find_version(ref, workspace).run_id)
        if not journal.folder.is_dir():
            raise IntegrityError(f"{journal.folder}: missing; nothing else tells what {ref} was made from")
        return journal
    try:
        return Journal(find_run(workspace, ref))
    except UsageError as error:
        name = _name_of(ref)
        near = get_close_matches(name, open_ledger(workspace).models(), n=1)
        if not near:
            raise
        raise UsageError(
            f'no model "{name}"; did you mean {near[0]}?', next_step=f"raytemplate {command} {near[0]}"
        ) from error


def is_model(ref: str, workspace: Workspace) -> bool:
    """Whether a reference names a registered model; no, if the ledger is lost."""
    try:
        return _name_of(ref) in open_ledger(workspace).models()
    except IntegrityError:
        return False


def _name_of(ref: str) -> str:
    return ref.partition("@")[0].partition("/")[0]


def open_model(ref: str, workspace: Workspace) -> Model:
    """The model, with every byte checked against the digest in the ledger.

    Raises:
        IntegrityError: its bytes differ from those that were registered.
    """
    version = find_version(ref, workspace, with_signatures=True)
    store = ContentStore(workspace.models)
    folder = store.path(version.digest)
    with store.private(version.digest) as copy:
        saved = SavedModel.load(copy)
    return Model(
        name=version.model,
        version=version.version,
        digest=version.digest,
        folder=folder,
        saved=replace(saved, code=folder / CODE),
    )
