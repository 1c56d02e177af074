"""Files that a person asks for, by name: never written into the workspace's own folder or over something else."""

from pathlib import Path

from raytemplate.errors import UsageError
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.workspace import FOLDER_NAME


def hand_out(path: Path, data: bytes, *, begins: bytes) -> None:
    """Write a file that a person has named.

    Args:
        begins: how files of this kind begin; a file that is there and begins otherwise is not written over.

    Raises:
        Unavailable: the disk is full.
        UsageError: the path is inside a workspace's own folder, holds another kind of file, or cannot be written.
    """
    refuse_records(path)
    with storage_errors(path, doing="read"):
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as opened:
                start = opened.read(len(begins))
            if start.lower() != begins:
                raise UsageError(
                    f"{path}: holds another kind of file; nothing was written", next_step="name another file"
                )
    write_atomic(path, data)


def refuse_records(path: Path) -> None:
    """Refuse a path inside a workspace's own folder, where records and the ledger are.

    Raises:
        UsageError: it is.
    """
    if FOLDER_NAME in path.absolute().parts or FOLDER_NAME in path.resolve().parts:
        raise UsageError(
            f"{path}: inside {FOLDER_NAME}, which holds records; nothing was written", next_step="name another path"
        )
