"""The namespace `data.sql`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from raytemplate.options import Options
from raytemplate.secret import text_or_reference

_SECRET = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
_ENV, _FILE = "Environment variable that holds the URL.", "File that holds the URL, relative to the template."
_SCHEMA = {
    **_SECRET,
    "properties": {"env": {"type": "string", "description": _ENV}, "file": {"type": "string", "description": _FILE}},
}


def _only_reference(value: object) -> object:
    if value == "":
        return value
    if isinstance(value, str):
        raise ValueError("expected {env: NAME} or {file: PATH}: a template does not hold the URL of a database")
    return text_or_reference(value)


class SqlSpec(Options):
    """Which database `data.source: sql` asks, and for what. Its rows are kept in the workspace as they are read."""

    url: Annotated[str, BeforeValidator(_only_reference), WithJsonSchema(_SCHEMA)] = ""
    """Where the URL of the database is: `{env: NAME}` or `{file: PATH}`. The URL is one of SQLAlchemy's, such as
    `postgresql://USER:PASSWORD@HOST/NAME` or `sqlite:///shop.db`, is looked up on every machine that reads rows, and is
    never stored or shown. Default: none."""

    query: str = ""
    """One SELECT. It is run in a read-only transaction, and only the columns that a run needs and the rows of its
    windows are fetched. `:start` and `:end` in it are the first moment of the windows and the one after them.
    Default: none."""
