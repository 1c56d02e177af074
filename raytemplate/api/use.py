"""Scores files with a registered model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate import plugins
from raytemplate.api.look import model
from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import DataError, UsageError
from raytemplate.store.content_store import ContentStore

if TYPE_CHECKING:
    from raytemplate.data.sources.listing import SourceTable


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What `predict` wrote."""

    name: str
    """The model's name."""
    version: int
    """The version that scored."""
    num_rows: int
    """Rows scored."""
    num_unknown: int
    """Values that are categories the model has never seen."""
    left_out: str = ""
    """Which files in the input folder were not scored, in words."""


def predict(ref: str, pattern: str, output: Path | str, *, workspace: str | None = None) -> Predicted:
    """Score Parquet, CSV or JSON Lines files with a registered model on Ray Data; the output is complete or absent.

    CSV files are read like those that the model was made from.

    Args:
        ref: "name", "name@champion", "name@challenger" or "name/3".
        pattern: a file, folder or pattern; a URI is opened with `data.storage` of the model's template.
        output: a path or URI; CSV if it ends in .csv, otherwise Parquet.

    Raises:
        UsageError: no such model or version, the output cannot be written, or the key of the model's mask is missing.
        DataError: no such file, or a column that the model needs is missing.
    """
    from raytemplate.data.masking import masker_of
    from raytemplate.data.sources.folders import say_left_out
    from raytemplate.data.sources.reader import list_files
    from raytemplate.data.sources.storage import written_to
    from raytemplate.engines.ray.clusters.notebooks import quiet_in_notebooks

    quiet_in_notebooks()
    from raytemplate.engines.ray.scoring.predict import predict_files

    opened = model(ref, workspace=workspace)
    opened.saved.check_keys()
    about, mask = opened.saved.about, opened.saved.mask
    if mask is not None:
        masker_of(mask)  # reports a missing key before Ray starts
    source = list_files("auto", about.order(pattern, Path.cwd(), mask.columns if mask else ()))
    _check_scored_columns(source, about.columns, ref)
    store = ContentStore(workspace_at(workspace).models)
    with written_to(str(output), about.storage) as file, store.private(opened.digest) as folder:
        _check_output(str(output), file, source, about.keys)
        num_rows, num_unknown = predict_files(folder, opened.version, source, about, file)
    return Predicted(
        name=opened.name,
        version=opened.version,
        num_rows=num_rows,
        num_unknown=num_unknown,
        left_out=say_left_out(source.left_out),
    )


def _check_scored_columns(source: SourceTable, columns: tuple[str, ...], ref: str) -> None:
    missing = [column for column in columns if column not in source.schema]
    if not missing:
        return
    there = tuple(source.schema)
    glued = there[0] if len(there) == 1 and all(column in there[0] for column in missing) else ""
    raise DataError(
        f"{source.files[0].path}: no column {', '.join(missing)}, which {ref} was trained on; "
        f"{plugins.suggest(missing[0], there)}",
        next_step="write it with the separator of the files that the model was made from" if glued else "",
    )


_NESTED = ("list", "large_list", "fixed_size_list", "struct", "map")


def _check_output(output: str, file: Path, source: SourceTable, keys: tuple[str, ...]) -> None:
    nested = [key for key in keys if source.schema.get(key, "").startswith(_NESTED)]
    if nested and output.endswith(".csv"):
        raise UsageError(
            f"{output}: the key {nested[0]} is {source.schema[nested[0]]}, which CSV cannot hold",
            next_step="name an OUT that ends in .parquet",
        )
    if file.is_dir():
        raise UsageError(f"{output}: is a folder, expected a file to write", next_step="name an OUT such as out.csv")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"{output}: there is no folder {file.absolute().parent.name} to write it to")
    read = {one.path for one in source.files}
    if output in read or file.resolve() in {(Path(source.root) / path).resolve() for path in read}:
        raise UsageError(
            f"{output}: is one of the files to score; it would be overwritten", next_step="name another OUT"
        )
