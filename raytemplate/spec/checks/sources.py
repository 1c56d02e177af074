"""Checks of `data.source` with its own settings: `data.sql`."""

from raytemplate.data.options import DataSpec
from raytemplate.data.sources.naming import SQL, split_source
from raytemplate.data.sql_options import SqlSpec
from raytemplate.spec.locate import Locations


def check_sql(locations: Locations, data: DataSpec) -> None:
    """Notes a URL or query that is missing, a query that is not one SELECT, and `data.sql` without its source."""
    kind, rest = split_source(data.source)
    if kind != SQL or rest:
        if data.sql != SqlSpec():
            locations.note("data.sql", "is only for data.source: sql")
        if rest and kind == SQL:
            locations.note("data.source", 'got a query, expected "sql", with the query in data.sql.query')
        return
    if not locations.clean("data.sql"):
        return
    if not data.sql.url:
        message = "missing; expected {env: NAME} or {file: PATH}, which holds the URL of the database"
        locations.note("data.sql.url", message, missing=True)
    if not data.sql.query:
        locations.note("data.sql.query", "missing; expected one SELECT", missing=True)
        return
    from raytemplate.data.sources.sql_select import query_fault  # importing sqlglot takes a tenth of a second

    if fault := query_fault(data.sql.query):
        locations.note("data.sql.query", fault)
