"""Removes secrets from every text before it leaves the process: one set of values, one function.

It removes the values of secrets that this process has resolved, those of environment variables in which other tools
expect theirs, and any password in a URL.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, TextIO, cast
from urllib.parse import unquote, urlsplit

MASK = "***"
SHORTEST = 6
"""Fewest characters of a secret: a shorter one would be found in every other word."""
VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RAY_AUTH_TOKEN",
    "OPENLINEAGE_API_KEY",
)  # fmt: skip
"""Environment variables whose values are secrets although no template names them."""

# Matches up to the last @ before the path: a password may contain one.
_PASSWORD = re.compile(r"""(?<=://)([^/\s:@'"<>]*):[^/\s'"<>]+@""")
_PARAMETER = re.compile(r"""([?&](?:password|passwd|pwd|token|secret|access_key|sig)=)[^&#\s'"<>]+""", re.IGNORECASE)
_hidden: set[str] = set()


def hide(value: str) -> None:
    """Redact a secret from now on: the whole value and, for a URL, also its password, as written and as JSON text."""
    parts = {value}
    if "://" in value:
        password = _password_of(value)
        parts |= {password, unquote(password)}
    found = {part for part in parts if len(part) >= SHORTEST}
    _hidden.update(found | {json.dumps(part)[1:-1] for part in found})


def redact(text: str) -> str:
    """The text with `***` instead of every secret."""
    known = _hidden | {os.environ[name] for name in VARIABLES if len(os.environ.get(name, "")) >= SHORTEST}
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _PARAMETER.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1:{MASK}@", text))


def redacted(value: Any) -> Any:
    """Plain JSON values with every text in them redacted; keys stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, int | float):  # most values of a long record
        return value
    if isinstance(value, list):
        return [redacted(item) for item in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        return {key: redacted(item) for key, item in cast("Mapping[str, Any]", value).items()}
    return value


def has_password(text: str) -> bool:
    """Whether there is a URL with a password in a text."""
    return bool(_PASSWORD.search(text) or _PARAMETER.search(text))


class RedactedStream:
    """A text stream that redacts everything it writes; all other methods are those of the wrapped stream."""

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
    """The stream wrapped in a redactor, unless it already is."""
    return stream if isinstance(stream, RedactedStream) else cast("TextIO", RedactedStream(stream))


def _password_of(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
