"""The store of encoded rows: only bytes that were written are read, it stays small, and nothing in it is needed."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.records.encoded import EncodedEntry
from raytemplate.store.encoded_store import ABOUT, EncodedStore

KEYS = [letter * 32 for letter in "abc"]


@pytest.fixture
def store(tmp_path):
    return EncodedStore(tmp_path / "encoded")


def about_of(key):
    return EncodedEntry(key=key, parts={}, template="t", run_id="r", at=datetime.now(UTC), files=())


def put(store, key, content=b"x" * 100):
    store.keep(about_of(key), {"train.dense": lambda file: file.write(content)})
    return next(one for one in store.entries()[0] if one.about.key == key)


def test_what_was_put_is_read_and_a_new_entry_replaces_one_of_its_key(store):
    stored = put(store, KEYS[0])
    assert (store.read(stored, "train.dense"), stored.about.num_bytes) == (b"x" * 100, 100)
    put(store, KEYS[0], b"other")
    (only,) = store.entries()[0]
    assert store.read(only, "train.dense") == b"other" and not list((store.root / ".incoming").iterdir())


@pytest.mark.parametrize("spoil", ["changed", "cut off", "gone"])
def test_a_file_that_is_not_what_was_put_is_named(store, spoil):
    stored = put(store, KEYS[0])
    path = stored.folder / "train.dense"
    path.write_bytes(b"y" * 100) if spoil == "changed" else path.write_bytes(b"x") if spoil == "cut off" else os.unlink(
        path
    )
    with pytest.raises(IntegrityError) as refused:
        store.read(stored, "train.dense")
    assert str(path) in refused.value.what


def test_an_entry_whose_description_was_edited_is_damaged(store):
    stored = put(store, KEYS[0])
    about = stored.folder / ABOUT
    about.write_text(about.read_text().replace('"t"', '"u"'))
    entries, (damaged,) = store.entries()
    assert (entries, damaged.folder, damaged.what) == ((), stored.folder, f"{about}: not what was written")


def test_what_was_not_used_for_the_longest_time_makes_room(store):
    for age, key in enumerate(KEYS):
        os.utime(put(store, key).folder / ABOUT, (1000 + age, 1000 + age))
    first = next(one for one in store.entries()[0] if one.about.key == KEYS[0])
    store.use(first)
    store.make_room(250)
    assert {one.about.key for one in store.entries()[0]} == {KEYS[0], KEYS[2]}


def test_an_entry_that_cannot_be_written_leaves_nothing(store):
    def fails(file):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.keep(about_of(KEYS[0]), {"a": fails})
    assert store.entries() == ((), ()) and not list((store.root / ".incoming").iterdir())


def test_processes_that_keep_read_and_make_room_at_once_do_no_harm(store):
    def work(number):
        seen, content = [], bytes([number]) * 1000
        for turn in range(15):
            try:
                store.keep(about_of(KEYS[turn % 3]), {"a": lambda file: file.write(content)})
                store.make_room(2500)
                for stored in store.entries()[0]:
                    seen.append(len(set(store.read(stored, "a"))))
            except IntegrityError:
                assert not stored.folder.exists()  # another has made room: the rows would be read
        return seen

    with ThreadPoolExecutor(4) as pool:
        found = [one for seen in pool.map(work, range(4)) for one in seen]
    assert len(found) > 20 and set(found) == {1}
    assert not list((store.root / ".incoming").iterdir()) and store.entries()[1] == ()
