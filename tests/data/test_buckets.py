"""Sources in a bucket: the same listing and bytes as on disk, and a one-sentence error if there are none."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bucket import bucket_store

from raytemplate.data.options import StorageSpec
from raytemplate.data.sources.locations import find_files
from raytemplate.data.sources.reader import list_files, read_slices
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.data.sources.stamps import stamps_of
from raytemplate.data.sources.storage import Storage, names_in, uri_fault, written_to
from raytemplate.errors import DataError, Forbidden, RaytemplateError, Unavailable
from raytemplate.spec.load import load
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked

NOWHERE = Storage(endpoint="http://127.0.0.1:1", region="us-east-1")
START, END = datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def store():
    with bucket_store() as started:
        yield started


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-tests")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two months of rows in each format, below folders that give the month."""
    root = tmp_path_factory.mktemp("lake")
    for month in (1, 2):
        times = pa.array([datetime(2013, month, day, tzinfo=UTC) for day in range(1, 29)], pa.timestamp("us", "UTC"))
        table = pa.table({"time": times, "x": [float(month * day) for day in range(28)]})
        for kind in ("parquet", "csv", "jsonl", "packed"):
            (root / kind / f"month={month}").mkdir(parents=True)
        pq.write_table(table, root / "parquet" / f"month={month}" / "a.parquet", row_group_size=10)
        lines = [f"{row['time']:%Y-%m-%dT%H:%M:%SZ},{row['x']}" for row in table.to_pylist()]
        (root / "csv" / f"month={month}" / "a.csv").write_text("\n".join(["time,x", *lines]) + "\n")
        with pa.CompressedOutputStream(str(root / "packed" / f"month={month}" / "a.csv.gz"), "gzip") as file:
            file.write("\n".join(["time,x", *lines]).encode())
        objects = ['{{"time": "{}", "x": {}}}'.format(*line.split(",")) for line in lines]
        (root / "jsonl" / f"month={month}" / "a.jsonl").write_text("\n".join(objects))
    return root


def listed(pattern, root=Path("/"), **more):
    return list_files("auto", ListOrder(pattern=pattern, root=root, time="time", **more))


def rows_and_digests(table):
    found = []
    for file in table.files:
        every = order_of(table, file, file.slices, ("x", "time", "month"))
        result = read_slices(replace(every, time="time", start=START, end=END))
        found.append((result.table.to_pylist(), result.file.sha256, result.file.size_bytes))
    return found


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "packed"])
def test_a_store_gives_what_the_disk_gives(store, folder, kind):
    uri = store.put_all(folder / kind, f"same/{kind}")
    here = listed(kind, folder)
    there = listed(uri, storage=Storage(endpoint=store.endpoint, region="us-east-1"))
    assert [file.path for file in there.files] == [f"{uri}/month={month}/a{_ending(kind)}" for month in (1, 2)]
    assert there.schema == here.schema
    assert [file.slices for file in there.files] == [file.slices for file in here.files]
    assert rows_and_digests(there) == rows_and_digests(here)
    assert sum(len(rows) for rows, *_ in rows_and_digests(there)) == 56


def _ending(kind):
    return {"packed": ".csv.gz"}.get(kind, f".{kind}")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["a.csv", "deep/b.csv", "deep/er/c.csv"]),
        ("/", ["a.csv", "deep/b.csv", "deep/er/c.csv"]),
        ("/a.csv", ["a.csv"]),
        ("/*.csv", ["a.csv"]),
        ("/?.csv", ["a.csv"]),
        ("/de*/[a-c].csv", ["deep/b.csv"]),
        ("/**/*.csv", ["a.csv", "deep/b.csv", "deep/er/c.csv"]),
        ("/**/er/*.csv", ["deep/er/c.csv"]),
        ("/*/er/c.csv", ["deep/er/c.csv"]),
    ],
)
def test_patterns_find_what_they_find_on_disk(store, tmp_path, pattern, found):
    for name in ("a.csv", "deep/b.csv", "deep/er/c.csv", "deep/note.txt", ".hidden.csv"):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text("x\n1\n")
    uri = store.put_all(tmp_path / "p", "p")
    there = find_files(uri + pattern, Path("/"), (".csv",), Storage(endpoint=store.endpoint))
    assert [path.removeprefix(f"{uri}/") for path in there] == found
    assert [path.removeprefix(f"{tmp_path}/p/") for path in find_files(f"p{pattern}", tmp_path, (".csv",))] == found


def fails(pattern, storage) -> RaytemplateError:
    began = time.monotonic()
    with pytest.raises(RaytemplateError) as caught:
        listed(pattern, storage=storage)
    assert time.monotonic() - began < 20
    return caught.value


def test_what_is_not_there_is_said_with_what_is(store):
    store.put("near/flights-2013.parquet", b"PAR1")
    storage = Storage(endpoint=store.endpoint)
    nothing = fails("s3://lake/near/flights-2014.parquet", storage)
    assert (type(nothing), nothing.exit_code) == (DataError, 2)
    assert nothing.what == (
        "s3://lake/near/flights-2014.parquet: no file matches; in s3://lake/near there is flights-2013.parquet"
    )
    assert ": no file matches; in s3://lake there is near" in fails("s3://lake/naer/*.parquet", storage).what
    missing = fails("s3://pond/x/*.parquet", storage)
    assert (missing.exit_code, missing.what) == (2, f"s3://pond: there is no such bucket at {store.endpoint}")


def test_a_store_that_does_not_know_the_key_says_so(store):
    store.put("locked/a.parquet", b"PAR1")
    store.check_keys(from_now_on=True)
    try:
        refused = fails("s3://lake/locked/*.parquet", Storage(endpoint=store.endpoint, region="eu-west-1"))
    finally:
        store.check_keys(from_now_on=False)
    assert (type(refused), refused.exit_code) == (Forbidden, 7)
    assert refused.what.startswith(
        f"s3://lake/locked/*.parquet: the store at {store.endpoint} denies access: The AWS Access Key Id"
    )
    assert "AWS_PROFILE" in refused.next_step and "reader" not in refused.what + refused.next_step


def test_a_store_that_is_not_there_is_unavailable_in_seconds():
    for pattern in ("s3://lake/x/*.parquet", "s3://lake/x/a.csv"):
        gone = fails(pattern, NOWHERE)
        assert (type(gone), gone.exit_code) == (Unavailable, 8)
        assert gone.what.startswith(f"{pattern}: the store at http://127.0.0.1:1 cannot be used: Failed to connect to")


@pytest.mark.slow
def test_a_store_that_goes_away_while_a_file_is_read_is_no_damaged_file(folder):
    with bucket_store() as going:
        uri = going.put("a.csv", (folder / "csv" / "month=1" / "a.csv").read_bytes())
        table = listed(uri, storage=Storage(endpoint=going.endpoint))
    with pytest.raises(Unavailable):
        read_slices(order_of(table, table.files[0], table.files[0].slices, ("x",)))


def test_a_template_is_drafted_from_a_store_that_the_environment_names(store, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    uri = store.put_all(folder / "csv", "drafted")
    path, draft = write_draft(tmp_path / "new", Asked(data=f"{uri}/**/*.csv", target="x", time="time"))
    assert (draft.survey.num_rows, list(draft.survey.source.schema)) == (56, ["time", "x", "month"])
    spec = load(path, environ={})
    assert (spec.data.source, spec.data.storage) == (f"{uri}/**/*.csv", StorageSpec())


def test_what_is_written_is_there_whole_or_not_at_all(store):
    storage = Storage(endpoint=store.endpoint)
    with written_to("s3://lake/out/whole.csv.gz", storage) as file:
        assert file.name == "whole.csv.gz"
        file.write_bytes(b"1\n" * 6_000_000)  # more than one part
    assert store.get("out/whole.csv.gz") == b"1\n" * 6_000_000
    with pytest.raises(ZeroDivisionError), written_to("s3://lake/out/part.csv", storage) as file:
        file.write_bytes(b"1") / 0
    assert names_in("s3://lake/out", storage) == ("whole.csv.gz",) and not file.exists()
    with pytest.raises(DataError) as caught, written_to("s3://pond/out.csv", storage) as file:
        file.write_bytes(b"1")
    assert caught.value.what == f"s3://pond/out.csv: there is no such bucket at {store.endpoint}"


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("s3://lake/a.parquet", ""),
        ("abfs://lake@account.dfs.core.windows.net/a.parquet", ""),
        ("http://host/a.parquet", "got http://host/a.parquet, expected a path, or a URI that begins with s3://"),
        ("file:///etc/passwd", "got file:///etc/passwd, expected a path, or a URI"),
        ("s3:///a.parquet", "got s3:///a.parquet, expected a bucket: s3://BUCKET/PATH"),
        ("s3://AKIA:se/cret@lake/a.parquet", "a URI must not contain a password"),
    ],
)
def test_uris_that_are_refused_never_show_a_password(uri, fault):
    found = uri_fault(uri)
    assert found.startswith(fault) and bool(found) == bool(fault) and "cret" not in found


@pytest.mark.parametrize("address", ["minio:9000", "http://user:secret@minio:9000", "http://minio/path"])
def test_an_endpoint_is_an_address_without_a_password(address):
    with pytest.raises(ValueError) as caught:
        StorageSpec(endpoint=address)
    assert 'expected an address such as "http://minio:9000"' in str(caught.value).partition("[type")[0]
    assert "got an address with a password" in str(caught.value) or "secret" not in address


def test_a_file_in_a_bucket_is_stamped_by_its_size_and_entity_tag(store):
    storage = Storage(endpoint=store.endpoint, region="us-east-1")
    uri = store.put("stamped/a.parquet", b"aaaa")
    before = stamps_of([uri, f"{uri}.gone"], "/", storage)
    ((size, tag),) = before.of.values()
    assert (size, bool(tag), before.missing, before.is_settled) == (4, True, (f"{uri}.gone",), True)
    store.put("stamped/a.parquet", b"aaaa")
    assert stamps_of([uri], "/", storage).of == before.of
    store.put("stamped/a.parquet", b"bbbb")
    assert stamps_of([uri], "/", storage).of != before.of
