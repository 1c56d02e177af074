"""Ledgers in both kinds of database."""

from __future__ import annotations

from pathlib import Path

import postgres_ledgers
import pytest

from raytemplate.ledger.database import Database

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | Database:
    """Where a new ledger is kept."""
    if request.param == "sqlite":
        return tmp_path / "governance.db"
    pytest.importorskip("psycopg")
    return postgres_ledgers.new_ledger(request.getfixturevalue("postgres"))
