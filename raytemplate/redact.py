"""What must never be read anywhere, taken out of every text on its way out: one set of values, one function.

Known are the values of secrets that this process has resolved, those of the variables in which other tools expect
theirs, and passwords in URLs, whatever they are.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, TextIO, cast
from urllib.parse import unquote, urlsplit

MASK = "***"
SHORTEST = 6
"""Characters that a secret has at least: a shorter one would be found in every second word."""
VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RAY_AUTH_TOKEN",
)  # fmt: skip
"""Environment variables whose values are secrets without being named in a template."""

# Up to the last @ before the path: a password may have one of its own.
_PASSWORD = re.compile(r"""(?<=://)([^/\s:@'"<>]*):[^/\s'"<>]+@""")
_PARAMETER = re.compile(r"""([?&](?:password|passwd|pwd|token|secret|access_key|sig)=)[^&#\s'"<>]+""", re.IGNORECASE)
_hidden: set[str] = set()


def hide(value: str) -> None:
    """Know a secret from now on: the whole of it and, of a URL, its password alone, as written and as JSON has it."""
    parts = {value}
    if "://" in value:
        password = _password_of(value)
        parts |= {password, unquote(password)}
    found = {part for part in parts if len(part) >= SHORTEST}
    _hidden.update(found | {json.dumps(part)[1:-1] for part in found})


def redact(text: str) -> str:
    """The text with `***` where a secret was."""
    known = _hidden | {os.environ[name] for name in VARIABLES if len(os.environ.get(name, "")) >= SHORTEST}
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _PARAMETER.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1:{MASK}@", text))


def redacted(value: Any) -> Any:
    """Plain JSON values with every text in them redacted; keys stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [redacted(item) for item in cast("list[Any]", value)]
    return value


def has_password(text: str) -> bool:
    """Whether there is a URL with a password in a text."""
    return bool(_PASSWORD.search(text) or _PARAMETER.search(text))


class RedactedStream:
    """A text stream that writes nothing unredacted; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """See `TextIO.write`."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """See `TextIO.writelines`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redacted_stream(stream: TextIO) -> TextIO:
    """The stream with a redactor before it."""
    return stream if isinstance(stream, RedactedStream) else cast("TextIO", RedactedStream(stream))


def _password_of(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
