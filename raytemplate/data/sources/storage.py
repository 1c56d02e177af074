"""Finds and opens files in buckets, named by URI, through pyarrow's file systems, and translates their errors."""

import fnmatch
import functools
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from raytemplate.data.sources.folders import HIDDEN, OTHER_ENDING, Found, LeftOut, is_hidden, lower_ending
from raytemplate.errors import DataError, Forbidden, RaytemplateError, Unavailable

SCHEMES = ("s3", "gs", "abfs", "abfss", "hdfs")
_URI = re.compile(r"(\w+)://([^/]*)/*(.*)", re.DOTALL)
_PASSWORD = re.compile(r"\w+://[^@]*:[^@]*@")
_CONNECT_S, _REQUEST_S, _ATTEMPTS = 3.0, 10.0, 3
_BUFFER_BYTES = 2**20
"""Bytes that one request fetches; smaller reads are served from them, since every request takes tens of
milliseconds."""

_SETTLED_S = 5.0
_REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED|EXPIRATION"
    r"|MISSING_AUTHENTICATION|UNRECOGNIZED_CLIENT|HTTP status 40[13]|Unauthorized|Permission"
)
_ELSEWHERE = re.compile(r"HTTP status 301|configured region is|MALFORMED")
_KEYS = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to one that may use it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """Where buckets are, if not at their provider's default address. Becomes the `location` of files; holds no keys."""

    endpoint: str = ""
    """Address of the store, as the template gives it; "" for the environment's or the provider's."""

    region: str = ""
    """Region of the bucket; "" for the environment's or the provider's."""

    @property
    def address(self) -> str:
        """The endpoint of the template, else that of the environment, which pyarrow does not read."""
        return self.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def uri_fault(uri: str) -> str:
    """Why a URI cannot be used, without ever quoting its password; "" if it can."""
    if _PASSWORD.match(uri):
        return (
            "a URI must not contain a password, which would appear in every record; expected s3://BUCKET/PATH, and "
            "the key in the environment: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    match = _URI.fullmatch(uri)
    if match is None or match[1] not in SCHEMES:
        return f"got {uri}, expected a path, or a URI that begins with {', '.join(f'{name}://' for name in SCHEMES)}"
    return "" if match[2] or match[1] == "hdfs" else f"got {uri}, expected a bucket: {match[1]}://BUCKET/PATH"


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A bucket in one of pyarrow's file systems."""

    files: Any
    """The file system."""

    path: str
    """Path of the bucket in it."""

    uri: str
    """Prefix of the URIs of its files."""

    def inside(self, uri: str) -> str:
        """The path in the file system of a URI."""
        return f"{self.path}/{uri.removeprefix(self.uri).strip('/')}".rstrip("/")

    def outside(self, path: str) -> str:
        """The URI of a path in the file system."""
        return f"{self.uri}/{path.removeprefix(self.path).lstrip('/')}"


def _bucket(uri: str, storage: Storage) -> _Bucket:
    """The bucket of a URI.

    Raises:
        DataError: it is not a URI of a known kind, or has a password.
    """
    if fault := uri_fault(uri):
        raise DataError(fault, next_step="raytemplate schema data.source")
    match = _URI.fullmatch(uri)
    assert match is not None
    return _open_bucket(match[1], match[2], replace(storage, endpoint=storage.address))


@functools.cache
def _open_bucket(scheme: str, name: str, storage: Storage) -> _Bucket:
    from pyarrow import fs

    uri = f"{scheme}://{name}"
    if scheme != "s3":
        with _in_our_words(uri, storage):
            files, path = fs.FileSystem.from_uri(f"{uri}/")
            return _Bucket(files, path.rstrip("/"), uri)
    # With pyarrow's default limits a store that does not answer would block a command for minutes.
    given = {"endpoint_override": storage.endpoint, "region": storage.region}
    files = fs.S3FileSystem(
        connect_timeout=_CONNECT_S,
        request_timeout=_REQUEST_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **{name: value for name, value in given.items() if value},
    )
    return _Bucket(files, name, uri)


def open_stored(uri: str, storage: Storage) -> BinaryIO:
    """A file of a bucket, open for reading.

    Raises:
        DataError: it does not exist.
        Forbidden: the key does not permit reading it, or there is no key.
        Unavailable: the store cannot be reached.
    """
    bucket = _bucket(uri, storage)
    with _in_our_words(uri, storage):
        stored = bucket.files.open_input_file(bucket.inside(uri))
    return cast(BinaryIO, io.BufferedReader(_Stored(stored, uri, storage), _BUFFER_BYTES))


class _Stored(io.RawIOBase):
    """An Arrow file as a Python file. Errors are translated on every read, not only on opening."""

    def __init__(self, stored: Any, uri: str, storage: Storage) -> None:
        super().__init__()
        self._stored, self._uri, self._storage = stored, uri, storage

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stored.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stored.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        with _in_our_words(self._uri, self._storage):
            return self._stored.readinto(buffer)

    def close(self) -> None:
        self._stored.close()
        super().close()


def find_stored(pattern: str, endings: tuple[str, ...], storage: Storage) -> Found:
    """The files of a URI, of a folder (everything with one of the endings below it) or of a glob, sorted; as URIs.

    For a folder also what is left out, as in `folders`, except that a store has no links. The result is empty if the
    bucket exists but no such file does.

    Raises:
        As `open_stored`.
    """
    bucket = _bucket(pattern, storage)
    path = bucket.inside(pattern)
    with _in_our_words(pattern, storage):
        if not _has_magic(path):
            return _below(bucket, path, endings)
        return Found(files=tuple(sorted({bucket.outside(one) for one in _matches(bucket, path)})))


@contextmanager
def written_to(output: str, storage: Storage) -> Generator[Path]:
    """A local path to write to; for a URI, the file is uploaded to its bucket if the block ends without an error.

    Raises:
        As `open_stored`.
    """
    if "://" not in output:
        yield Path(output)
        return
    bucket = _bucket(output, storage)
    with tempfile.TemporaryDirectory(prefix="raytemplate-") as folder:
        file = Path(folder) / output.rpartition("/")[2]
        yield file
        # A multipart upload appears only once its last part has arrived, so that the file is complete or absent.
        with (
            _in_our_words(output, storage),
            file.open("rb") as made,
            bucket.files.open_output_stream(bucket.inside(output), compression=None) as stored,
        ):
            shutil.copyfileobj(made, stored, 8 * _BUFFER_BYTES)


def get_stored(uri: str, storage: Storage) -> bytes | None:
    """A whole file of a bucket; None if it does not exist.

    Raises:
        As `open_stored`.
    """
    bucket = _bucket(uri, storage)
    with _in_our_words(uri, storage):
        try:
            with bucket.files.open_input_stream(bucket.inside(uri), compression=None) as stored:
                return cast(bytes, stored.read())
        except FileNotFoundError:
            return None


def put_stored(uri: str, data: bytes, storage: Storage, *, content_type: str) -> None:
    """Write a file of a bucket, whole or not at all.

    Args:
        content_type: what a browser takes it for, such as "text/html; charset=utf-8".

    Raises:
        As `open_stored`.
    """
    bucket = _bucket(uri, storage)
    with (
        _in_our_words(uri, storage),
        bucket.files.open_output_stream(
            bucket.inside(uri), compression=None, metadata={"Content-Type": content_type}
        ) as stored,
    ):
        stored.write(data)


def remove_stored(uri: str, storage: Storage) -> None:
    """Remove a file of a bucket that may be gone already.

    Raises:
        As `open_stored`.
    """
    bucket = _bucket(uri, storage)
    with _in_our_words(uri, storage), suppress(FileNotFoundError):
        bucket.files.delete_file(bucket.inside(uri))


def sizes_in(uri: str, storage: Storage) -> dict[str, int]:
    """Name -> bytes of the files in a folder of a bucket; none if there is no such folder."""
    bucket = _bucket(uri, storage)
    with _in_our_words(uri, storage):
        return {info.base_name: int(info.size) for info in _listed(bucket, bucket.inside(uri)) if info.is_file}


def names_in(uri: str, storage: Storage) -> tuple[str, ...]:
    """Names of what is in a folder of a bucket, sorted; () if there is no such folder."""
    bucket = _bucket(uri, storage)
    with _in_our_words(uri, storage):
        return tuple(sorted(info.base_name for info in _listed(bucket, bucket.inside(uri))))


def stamp_of(uri: str, storage: Storage) -> tuple[int, int] | None:
    """(bytes, time of change in ns) of a file, which identify its content; None if they are unknown or too recent.

    The clock of a store ticks in seconds, so a file that has just changed may change again without a new time.
    """
    bucket = _bucket(uri, storage)
    try:
        info = bucket.files.get_file_info(bucket.inside(uri))
    except OSError:
        return None
    if not info.is_file or info.mtime_ns is None or time.time() - info.mtime_ns / 1e9 < _SETTLED_S:
        return None
    return info.size, info.mtime_ns


def etag_of(uri: str, storage: Storage) -> tuple[int, str] | tuple[()]:
    """(bytes, entity tag) of a file; other content has another tag. () if the file is gone or its store gives none."""
    bucket = _bucket(uri, storage)
    try:
        with bucket.files.open_input_file(bucket.inside(uri)) as file:
            told = {_text(name).lower(): _text(value) for name, value in (file.metadata() or {}).items()}
            size = int(file.size())
    except (OSError, NotImplementedError):
        return ()
    return (size, told["etag"]) if told.get("etag") else ()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _has_magic(part: str) -> bool:
    return re.search(r"[*?[]", part) is not None


def _listed(bucket: _Bucket, path: str, *, deep: bool = False) -> Sequence[Any]:
    from pyarrow import fs

    # Only a missing bucket is an error: a folder exists only through what is in it.
    is_bucket = path == bucket.path
    return bucket.files.get_file_info(fs.FileSelector(path, recursive=deep, allow_not_found=not is_bucket))


def _below(bucket: _Bucket, path: str, endings: tuple[str, ...]) -> Found:
    info = bucket.files.get_file_info(path)
    if info.is_file:
        return Found(files=(bucket.outside(path),))
    files: list[str] = []
    left_out: list[LeftOut] = []
    for found in _listed(bucket, path, deep=True):
        name = found.path.removeprefix(path).lstrip("/")
        hidden, wanted = any(map(is_hidden, name.split("/"))), name.lower().endswith(endings)
        if not found.is_file or (hidden and not wanted):
            continue
        if wanted and not hidden:
            files.append(bucket.outside(found.path))
        else:
            left_out.append(LeftOut(path=name, why=HIDDEN if hidden else OTHER_ENDING))
    return Found(files=tuple(sorted(files)), left_out=tuple(sorted(left_out, key=lambda one: one.path)))


def _matches(bucket: _Bucket, pattern: str) -> Iterator[str]:
    """Lists level by level, so that only what can match is listed; `**` lists everything below it."""
    parts = pattern.split("/")
    first = next(index for index, part in enumerate(parts) if _has_magic(part))
    yield from _walk(bucket, "/".join(parts[:first]), parts[first:])


def _walk(bucket: _Bucket, folder: str, parts: Sequence[str]) -> Iterator[str]:
    head, *rest = parts
    deep = head == "**"
    for info in _listed(bucket, folder, deep=deep):
        name = info.path.removeprefix(folder).lstrip("/")
        if deep:
            small = (*parts[:-1], lower_ending(parts[-1]))
            if info.is_file and path_pattern(small).fullmatch(lower_ending(name)):
                yield info.path
        elif _matches_one(name, head, is_file=not rest) and (head.startswith(".") or not name.startswith(".")):
            if rest and not info.is_file:
                yield from _walk(bucket, info.path, rest)
            elif not rest and info.is_file:
                yield info.path


def _matches_one(name: str, pattern: str, *, is_file: bool) -> bool:
    """Whether one level of a path matches; the case of a file's ending does not matter."""
    if is_file:
        name, pattern = lower_ending(name), lower_ending(pattern)
    return fnmatch.fnmatchcase(name, pattern)


@functools.cache
def path_pattern(parts: tuple[str, ...]) -> re.Pattern[str]:
    """A regular expression for the parts of a pattern; `**` matches any number of folders, including none."""
    *folders, name = parts
    before = "".join("(?:.*/)?" if part == "**" else f"{_one_level(part)}/" for part in folders)
    return re.compile(before + (".*" if name == "**" else _one_level(name)))


def _one_level(part: str) -> str:
    pattern = fnmatch.translate(part).removesuffix(r"\Z").replace(".*", "[^/]*")
    return pattern if part.startswith(".") else rf"(?!\.){pattern}"


@contextmanager
def _in_our_words(uri: str, storage: Storage) -> Generator[None]:
    try:
        yield
    except RaytemplateError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{uri}: no longer exists", next_step="plan again") from error
    except OSError as error:
        raise _translated(uri, storage, str(error)) from error


def _translated(uri: str, storage: Storage, said: str) -> RaytemplateError:
    """The error for a pyarrow error, recognised by its text because all are of the same class."""
    words = re.sub(r"\s*\(Request ID: .*", "", said.split("Details: ")[-1].split("operation: ")[-1]).strip()[:300]
    at = f" at {storage.address}" if storage.address else ""
    if "NO_SUCH_BUCKET" in said or "NoSuchBucket" in said:
        return DataError(f"{uri}: there is no such bucket{at}", next_step="name one that is there")
    if _ELSEWHERE.search(said):
        return DataError(f"{uri}: {words}", next_step="set data.storage.region, or AWS_REGION, to the bucket's")
    if _REFUSED.search(said):
        return Forbidden(f"{uri}: the store{at} denies access: {words}", next_step=_KEYS)
    return Unavailable(
        f"{uri}: the store{at} cannot be used: {words}",
        next_step="the same command again; data.storage.endpoint, or AWS_ENDPOINT_URL, says where the store is",
    )
