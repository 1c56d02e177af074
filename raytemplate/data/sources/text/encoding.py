"""Checks that bytes are UTF-8 text, and reports what they are otherwise, before the first record of a file is read."""

import codecs
import shlex

from raytemplate.errors import DataError

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
_PACKED = {
    b"\x1f\x8b": "a gzip file; rename it, such as to a.csv.gz",
    b"PK\x03\x04": "a zip file (a workbook of Excel is one); unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel; save it as CSV",
    b"PAR1": "a Parquet file; rename it, such as to a.parquet",
    b"(\xb5/\xfd": "compressed with zstd; decompress it",
    b"BZh": "compressed with bzip2; decompress it",
    b"\xfd7zXZ": "compressed with xz; decompress it",
}
_WIDE_SHARE = 0.2
"""Least share of zero bytes by which UTF-16 and UTF-32 are recognised; UTF-8 text has none."""


def check_start(start: bytes, location: str, *, whole: bool) -> None:
    """Raises unless a file begins like UTF-8 text.

    Args:
        whole: whether the start is the whole file; if not, its last character may be incomplete.

    Raises:
        DataError: the file is empty, compressed, not text, or in another encoding; says what to do.
    """
    if not start.strip():
        raise DataError(f"{location}: the file is empty; write it again")
    if kind := next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), ""):
        raise DataError(f"{location}: not a text file: {kind}")
    if name := _wide(start):
        raise _not_utf8(location, 1, name, start[0])
    if b"\0" in start:
        line = 1 + start.count(b"\n", 0, start.index(b"\0"))
        raise DataError(f"{location}:{line}: not a text file: it contains zero bytes; write it again")
    check_text(start, location, 1, whole=whole)


def check_text(content: bytes, location: str, line: int, *, whole: bool = True) -> None:
    """Raises unless the bytes are UTF-8.

    Raises:
        DataError: they are not; names the line, counted from `line`, and the byte.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content, final=whole)
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise _not_utf8(
            location, line, _wide(content), content[error.start], _narrow(content[error.start :])
        ) from error


def _wide(content: bytes) -> str:
    """UTF-16 or UTF-32, recognised by its byte order mark or by the zero bytes of its characters; else ""."""
    if name := next((name for mark, name in _MARKS.items() if content.startswith(mark)), ""):
        return name
    zeros = [content[at::4].count(0) for at in range(4)]
    if sum(zeros) < _WIDE_SHARE * len(content):
        return ""
    if zeros[3] and zeros[2] and zeros[1]:
        return "UTF-32LE"
    if zeros[0] and zeros[1] and zeros[2]:
        return "UTF-32BE"
    return "UTF-16LE" if zeros[1] >= zeros[0] else "UTF-16BE"


def _narrow(content: bytes) -> str:
    """The likely 8-bit encoding: bytes 0x80 to 0x9f are letters and quotes in Windows-1252, and unused in Latin-1."""
    return "windows-1252" if any(0x80 <= byte <= 0x9F for byte in content) else "latin1"


def _not_utf8(location: str, line: int, wide: str, byte: int, narrow: str = "") -> DataError:
    found = f"{wide}, byte 0x{byte:02x}" if wide else f"byte 0x{byte:02x}"
    encoding = wide.lower() or narrow
    return DataError(
        f"{location}:{line}: not UTF-8 ({found}); iconv -f {encoding} -t utf-8 writes it again as UTF-8",
        next_step=f"iconv -f {encoding} -t utf-8 {shlex.quote(location)} > NEW",
    )
