"""Ledgers in the PostgreSQL of the tests: each in a schema of its own, opened as a promoter of that schema."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from raytemplate.ledger.head import Ledger
from raytemplate.ledger.postgres_sql import ledger_sql
from raytemplate.secret import reference

if TYPE_CHECKING:
    from raytemplate.ledger.postgres import Postgres

WORD = "word-of-a-promoter"
_numbers = itertools.count()


def new_ledger(admin: str, *, member_of: str = "promoter") -> Postgres:
    """A new and empty ledger.

    Args:
        admin: the URL of an administrator.
        member_of: the user's role, "promoter" or "reader"; "" for none.
    """
    schema = f"ledger{os.getpid()}_{next(_numbers)}"
    run(admin, ledger_sql(schema), f"CREATE ROLE {schema} LOGIN PASSWORD '{WORD}'")
    if member_of:
        run(admin, f"GRANT {schema}_{member_of} TO {schema}")
    return opened(url_of(admin, schema))


def opened(url: str) -> Postgres:
    """The ledger with this URL."""
    from raytemplate.ledger.postgres import open_postgres

    os.environ["LEDGER_URL_OF_TESTS"] = url
    return open_postgres(reference("env", "LEDGER_URL_OF_TESTS"), Path())


def url_of(admin: str, schema: str, *, port: int = 0) -> str:
    """The URL of the user who has the name of the schema."""
    parts = urlsplit(admin)
    return f"postgresql://{schema}:{WORD}@127.0.0.1:{port or parts.port}{parts.path}?schema={schema}"


def run(url: str, *statements: str) -> None:
    """Run SQL, in one transaction unless it says otherwise."""
    import psycopg

    with psycopg.connect(url.partition("?schema=")[0]) as db:
        for statement in statements:
            db.execute(statement)


def edit(admin: str, ledger: Ledger, *statements: str) -> None:
    """Run SQL on a ledger's tables as somebody who may do everything."""
    schema = ledger.database.schema  # type: ignore[union-attr]
    run(admin, f"SET search_path = {schema}", "SET session_replication_role = replica", *statements)
