"""The doors to what leaves the workspace about one run: its cards, a pack, and the check of a pack from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.look import find
from raytemplate.api.workspaces import workspace_at
from raytemplate.history.runs import Run
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.handed_out import hand_out, refuse_records

if TYPE_CHECKING:
    from raytemplate.history.packed import Packed
    from raytemplate.reports.pack_shown import PackVerified


def cards(ref: str | Run, folder: str | Path, *, workspace: str | None = None) -> tuple[Path, ...]:
    """Write model card, data card and evaluation report as Markdown and JSON to FOLDER/MODEL/VERSION/.

    Raises:
        UsageError: no such run, it has not been judged, or the folder cannot be written.
    """
    from raytemplate.history.packed import card_files, run_cards

    written: list[Path] = []
    refuse_records(Path(folder))
    for name, data in card_files(run_cards(find(ref, workspace=workspace))).items():
        path = Path(folder) / name
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        written.append(path)
    return tuple(written)


def pack(ref: str | Run, file: str | Path, *, with_model: bool | None = None, workspace: str | None = None) -> Packed:
    """Write a run with its evidence, model and ledger as one archive, which `verify_pack` checks anywhere.

    Args:
        with_model: whether to pack the model's files; None packs them up to 20 MB.

    Raises:
        IntegrityError: a record, the model or the ledger is not as it was written.
        UsageError: no such run, it has not been judged, or the file cannot be written.
    """
    from raytemplate.history.packed import pack_run

    packed = pack_run(find(ref, workspace=workspace), workspace_at(workspace), with_model=with_model)
    hand_out(Path(file), packed.data, begins=b"pk")
    return packed


def verify_pack(file: str | Path, *, against: str | Path | None = None) -> PackVerified:
    """Check a pack without a workspace, a network or a key; lists everything that is wrong with it.

    Args:
        against: a file of checkpoints to compare with.

    Raises:
        IntegrityError: it is no pack.
        UsageError: a file cannot be read.
    """
    from raytemplate.history.pack_verified import verify_pack as verify

    return verify(Path(file), against=None if against is None else Path(against))
