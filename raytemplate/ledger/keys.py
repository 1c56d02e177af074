"""The private keys of this user, in files outside every workspace: the person's, and the promoter's.

Only the promoter's process reads the promoter's key, and only the process of a command reads the person's. Neither is
ever passed on, printed, or put into an environment.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.ledger.signing import PURPOSES, PublicKey, Purpose, Signer, new_private_key, signer_of
from raytemplate.store.atomic import storage_errors, write_atomic, write_first
from raytemplate.store.locks import FileLock
from raytemplate.store.user_folders import config_folder

_PRIVATE, _PRIVATE_FOLDER = 0o600, 0o700
_MOST_BYTES = 4096
_WAIT_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalKey:
    """A key of this user on this machine."""

    purpose: Purpose
    """What it is for."""

    key: PublicKey
    """Its public half."""

    path: Path
    """The file with the private half."""

    since: datetime
    """When the file was written."""

    in_use: bool
    """Whether it is the one that signs now; otherwise it was replaced."""


def key_folder() -> Path:
    """The folder of the key files.

    Raises:
        UsageError: nothing tells where this user's configuration is.
    """
    return config_folder() / "raytemplate" / "keys"


def signer(purpose: Purpose) -> Signer:
    """The key for a purpose, made if there is none yet. Of several processes that make it at once, one succeeds.

    Raises:
        IntegrityError: the file is damaged, or others can read or replace it.
        UsageError: it cannot be read or made by this user.
    """
    path = _path(purpose)
    if not _there(path):
        _make_folder(path.parent)
        write_first(path, new_private_key(), mode=_PRIVATE)
    return _read(path)


def promoter() -> Signer:
    """The promoter's key; see `signer`."""
    return signer("promoter")


def check(purpose: Purpose) -> None:
    """Find out before long work whether `signer` will succeed, without reading or making the key.

    Raises:
        IntegrityError, UsageError: see `signer`.
    """
    path = _path(purpose)
    if _there(path):
        _refuse_if_open(path)
        return
    existing = next(folder for folder in path.parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise _not_writable(existing)


def new_key(purpose: Purpose) -> LocalKey:
    """A new key, which signs from now on. The file of the one before is kept under the key's id.

    Raises:
        IntegrityError, UsageError: see `signer`; a damaged file is kept too.
    """
    path = _path(purpose)
    _make_folder(path.parent)
    with FileLock(path.parent / ".lock", _WAIT_S):
        if path.exists():
            _put_aside(path)
        write_atomic(path, new_private_key(), mode=_PRIVATE)
    return _local(purpose, path, in_use=True)


def local_keys() -> tuple[LocalKey, ...]:
    """The keys of this user on this machine, first those in use; none are made.

    Raises:
        IntegrityError, UsageError: see `signer`.
    """
    used = [_local(purpose, _path(purpose), in_use=True) for purpose in PURPOSES if _there(_path(purpose))]
    aside = [
        _local(purpose, path, in_use=False)
        for purpose in PURPOSES
        for path in sorted(key_folder().glob(f"{purpose}-*.pem"))
    ]
    return (*used, *aside)


def _path(purpose: Purpose) -> Path:
    return key_folder() / f"{purpose}.pem"


def _there(path: Path) -> bool:
    with storage_errors(path, doing="read"):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _make_folder(folder: Path) -> None:
    try:
        with storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            folder.mkdir(exist_ok=True, mode=_PRIVATE_FOLDER)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise _not_writable(folder)
    except UsageError as error:
        raise _not_writable(folder) from error


def _not_writable(folder: Path) -> UsageError:
    return UsageError(
        f"{folder}: cannot be written by this user, expected a folder for the keys that sign promotions",
        next_step="export XDG_CONFIG_HOME=DIR    # a folder outside the workspace that only you can read",
    )


def _read(path: Path) -> Signer:
    _refuse_if_open(path)
    with storage_errors(path, doing="read"), path.open("rb") as file:
        pem = file.read(_MOST_BYTES)
    try:
        return signer_of(pem)
    except ValueError as error:
        raise IntegrityError(
            f"{path}: not a private key of Ed25519: damaged, or another file",
            next_step=f"restore it from a backup, or replace it: {_new(path)}",
        ) from error


def _refuse_if_open(path: Path) -> None:
    """Refuse a key that others can read or replace: what it signs proves nothing."""
    with storage_errors(path, doing="read"):
        file, folder = path.stat(), path.parent.stat()
    mode = stat.S_IMODE(file.st_mode)
    if mode & 0o077:
        raise IntegrityError(
            f"{path}: others can use this private key (mode {mode:04o}, expected {_PRIVATE:04o})",
            next_step=f"chmod 600 {path}    # and if somebody may have read it: {_new(path)}",
        )
    if file.st_uid != os.geteuid():
        raise IntegrityError(f"{path}: this private key belongs to another user", next_step=_new(path))
    if folder.st_mode & 0o022:
        raise IntegrityError(
            f"{path.parent}: others can replace the private keys in it", next_step=f"chmod 700 {path.parent}"
        )


def _new(path: Path) -> str:
    return "raytemplate identity new" + (" --promoter" if path.name.startswith("promoter") else "")


def _put_aside(path: Path) -> None:
    """Keep a copy of a key that is replaced; its name says which key it was."""
    with storage_errors(path, doing="read"):
        old = path.read_bytes()
    try:
        name = f"{path.stem}-{signer_of(old).key.id}.pem"
    except ValueError:
        name = f"{path.stem}-{secrets.token_hex(4)}.damaged"
    write_atomic(path.with_name(name), old, mode=_PRIVATE)


def _local(purpose: Purpose, path: Path, *, in_use: bool) -> LocalKey:
    since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return LocalKey(purpose=purpose, key=_read(path).key, path=path, since=since, in_use=in_use)
