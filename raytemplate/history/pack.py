"""The form of a pack: which files it has, and the document that lists and signs them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from raytemplate.errors import IntegrityError
from raytemplate.ledger.signing import PublicKey, Signer, signed_bytes
from raytemplate.records import codec
from raytemplate.store.digests import sha256_bytes
from raytemplate.store.manifest import FileEntry

PACK, SIGNATURE, README = "pack.json", "pack.sig.json", "README.md"
RECORDS_FOLDER, MODEL_FOLDER = "records", "model"
LEDGER, CHECKPOINTS = "ledger/ledger.jsonl", "ledger/checkpoints.txt"
REPORT = "report.html"
PACK_TYPE = "application/vnd.raytemplate.pack.v1+json"
"""DSSE's payload type of a pack's list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """What a pack says of itself. It has no time of its own, so that equal records give equal bytes."""

    run_id: str
    """The run."""

    model: str
    """Name of its model."""

    version: int
    """Version of the candidate; 0 if it is not registered."""

    digest: str
    """Digest of the candidate's files."""

    ledger: str
    """Id of the ledger; "" if no event of it is signed."""

    num_events: int
    """Events of the ledger that are in the pack."""

    has_model: bool
    """Whether the candidate's files are in the pack, rather than only the list of their digests."""

    made_by: str
    """Who packed it, as that machine says."""

    files: tuple[FileEntry, ...]
    """Every file of the pack but this list and its signature."""


def entry_of(name: str, data: bytes) -> FileEntry:
    """A file as the list has it."""
    return FileEntry(name=name, size_bytes=len(data), sha256=sha256_bytes(data))


def signature_of(listed: bytes, signer: Signer) -> bytes:
    """The file with the signature of a list."""
    signature = {"public_key": signer.key.text, "signature": signer.sign(signed_bytes(PACK_TYPE, listed))}
    return f"{json.dumps(signature)}\n".encode()


def read_pack(files: Mapping[str, bytes]) -> Pack:
    """What a pack says of itself, in the form in which it is written.

    Raises:
        IntegrityError: there is no list, or it is not one.
    """
    if PACK not in files:
        raise IntegrityError(f"{PACK}: missing")
    try:
        found = codec.loads(Pack, files[PACK], where=PACK)
        same = codec.dumps(found) == files[PACK]
    except (AttributeError, TypeError) as error:
        raise IntegrityError(f"{PACK}: not the list of a pack: {error}") from error
    if not same:
        raise IntegrityError(f"{PACK}: altered: it is not written as the list of a pack is")
    return found


def signer_of_pack(files: Mapping[str, bytes]) -> PublicKey:
    """The key that has signed a pack's list.

    Raises:
        IntegrityError: the signature is missing, cannot be read, or is not that of the list.
    """
    try:
        told = json.loads(files[SIGNATURE])
        key = PublicKey.of(told["public_key"])
        written = f"{json.dumps(told)}\n".encode() == files[SIGNATURE] and sorted(told) == ["public_key", "signature"]
        signed = key.has_signed(told["signature"], signed_bytes(PACK_TYPE, files[PACK]))
    except KeyError as error:
        raise IntegrityError(f"{SIGNATURE}: missing, or without {error}") from error
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"{SIGNATURE}: altered: {error}") from error
    if not written or not signed:
        raise IntegrityError(f"{SIGNATURE}: not the signature of {PACK}: one of them was altered")
    return key
