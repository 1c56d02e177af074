"""The SQL with which an administrator makes a ledger's schema in PostgreSQL: `raytemplate ledger sql`.

It makes two roles, to which users are granted: `SCHEMA_promoter` may append events and move heads, `SCHEMA_reader` may
read. Neither may change or delete an event. Running it again changes nothing.
"""

import re

from raytemplate.ledger.sqlite import SCHEMA_NUMBER

MAKE_IT = "raytemplate ledger sql | psql URL-OF-AN-ADMINISTRATOR"
"""The command that makes the schema."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_SQL = r"""-- The schema of a ledger of raytemplate. Run it as an administrator; running it again changes nothing.
BEGIN;
DO $$ BEGIN CREATE ROLE {schema}_promoter NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE {schema}_reader NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA IF NOT EXISTS {schema};
SET LOCAL search_path = {schema}, pg_temp;

CREATE TABLE IF NOT EXISTS about (number integer PRIMARY KEY);
INSERT INTO about SELECT {number} WHERE NOT EXISTS (SELECT FROM about);

CREATE TABLE IF NOT EXISTS event (
    seq bigint PRIMARY KEY,
    prev_hash text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL UNIQUE,
    type text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    idem text COLLATE "C" NOT NULL UNIQUE,
    at text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    signature text COLLATE "C" NOT NULL
);
CREATE INDEX IF NOT EXISTS event_of_model ON event (model, seq);
CREATE INDEX IF NOT EXISTS event_of_type ON event (type, seq);
-- One champion a term, whatever else may fail.
CREATE UNIQUE INDEX IF NOT EXISTS event_of_term ON event (model, (substring(body FROM '"term":([0-9]+)')))
    WHERE type IN ('promoted', 'rolled-back');

CREATE TABLE IF NOT EXISTS head (
    model text COLLATE "C" PRIMARY KEY,
    term bigint NOT NULL,
    version bigint NOT NULL,
    digest text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    seen_until text COLLATE "C" NOT NULL,
    at text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL UNIQUE REFERENCES event (seq)
);

CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%s are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE OR REPLACE FUNCTION only_append() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq != (SELECT coalesce(max(seq), 0) + 1 FROM {schema}.event) THEN
        RAISE EXCEPTION 'events are only appended' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE OR REPLACE TRIGGER event_is_never_emptied BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE OR REPLACE TRIGGER event_is_appended BEFORE INSERT ON event
    FOR EACH ROW EXECUTE FUNCTION only_append();
CREATE OR REPLACE TRIGGER head_is_never_deleted BEFORE DELETE ON head
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE OR REPLACE TRIGGER head_is_never_emptied BEFORE TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse();

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {schema}_promoter, {schema}_reader;
GRANT USAGE ON SCHEMA {schema} TO {schema}_promoter, {schema}_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {schema}_promoter, {schema}_reader;
GRANT INSERT ON event TO {schema}_promoter;
GRANT INSERT, UPDATE ON head TO {schema}_promoter;
COMMIT;

-- Then, for each service account that promotes and each person who looks:
--   CREATE ROLE promoter LOGIN PASSWORD '...';    GRANT {schema}_promoter TO promoter;
--   CREATE ROLE ada LOGIN PASSWORD '...';         GRANT {schema}_reader TO ada;
"""


def ledger_sql(schema: str = "raytemplate") -> str:
    """The SQL that makes the schema, its tables and its roles.

    Args:
        schema: its name; see `is_schema`.
    """
    return _SQL.format(schema=schema, number=SCHEMA_NUMBER)


def is_schema(name: str) -> bool:
    """Whether a schema may have this name, which needs no quotes in SQL."""
    return bool(_NAME.fullmatch(name)) and not name.startswith("pg_")
