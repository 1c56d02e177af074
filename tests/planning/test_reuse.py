"""Which rows are reused: the key holds everything they are made from, and a miss is explained."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from raytemplate.data.masking import Mask
from raytemplate.data.sources.stamps import Stamps
from raytemplate.planning import encoded_key as keys
from raytemplate.planning.encoded_key import encoded_key
from raytemplate.planning.reuse import SOURCES, find, never_reused, sources_of
from raytemplate.planning.stages import FeatureStep
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.encoded import EncodedEntry
from raytemplate.store.content_store import ContentStore
from raytemplate.store.encoded_store import EncodedStore
from raytemplate.testing.sample_plans import sample_ingest_stage

STAGE = sample_ingest_stage(source="parquet")
FILES = STAGE.files
NOW = Stamps(of={file.path: (1, 2, 3, 4) for file in FILES}, missing=(), is_settled=True)
LATER = tuple(replace(window, end=window.end + timedelta(days=1)) for window in STAGE.windows)
OWN = (FeatureStep(kind="numeric", column="speed", settings=Settings(), inputs=("distance",), build="mine:speed"),)


def keep(store, stage=STAGE, stamps=NOW, template="flights", code="", kept=""):
    key, entry = encoded_key(stage, code), {"run_id": "k7q2", "at": datetime.now(UTC), "kept_rows": kept, "files": ()}
    about = EncodedEntry(key=key.text, parts=key.parts, template=template, **entry)
    content = codec.dumps(sources_of(key, stamps))
    store.keep(about, {SOURCES: lambda file: file.write(content)})


def look(store, stage=STAGE, stamps=NOW, template="flights", code=""):
    copies = ContentStore(store.root.parent / "kept")
    return find(encoded_key(stage, code), lambda: stamps, template, store, copies)


def test_the_same_rows_are_found_for_any_template_and_nothing_is_said_at_first(tmp_path):
    store = EncodedStore(tmp_path / "encoded")
    assert (look(store).stored, look(store).why) == (None, "")
    keep(store)
    assert look(store).stored and look(store).why == "nothing has changed since run k7q2"
    assert look(store, template="another").stored
    assert look(store, replace(STAGE, features=OWN), template="another").why == ""


MISSES = {
    "windows": ({"windows": LATER}, "the windows are not those of run k7q2"),
    "features": ({"features": OWN}, "the features are not those of run k7q2"),
    "mask": ({"mask": Mask(rules=Settings({"carrier": "drop"}))}, "data.mask or its key is not that of run k7q2"),
    "contract": ({"contract": Settings({"seats": {"min": 1}})}, "the contract is not that of run k7q2"),
    "drop": ({"drop": "seats < 2"}, "data.drop or data.keep is not that of run k7q2"),
    "a file": (
        {"files": (replace(FILES[0], sha256="f" * 64), *FILES[1:])},
        f"{FILES[0].path} has changed since run k7q2",
    ),
    "files gone": (
        {"files": FILES[2:]},
        f"{FILES[0].path} and 1 more are no longer read since run k7q2",
    ),
}


@pytest.mark.parametrize(("changes", "why"), MISSES.values(), ids=MISSES.keys())
def test_a_miss_names_what_has_changed(tmp_path, changes, why):
    store = EncodedStore(tmp_path / "encoded")
    keep(store)
    found = look(store, replace(STAGE, **changes))
    assert (found.stored, found.why) == (None, why)


def test_a_file_with_another_stamp_and_a_copy_that_is_gone_are_named(tmp_path):
    store, path = EncodedStore(tmp_path / "encoded"), FILES[1].path
    keep(store)
    other = replace(NOW, of={**NOW.of, path: (1, 2, 3, 5)})
    assert (look(store, stamps=other).stored, look(store, stamps=other).why) == (
        None,
        f"{path} has changed since run k7q2",
    )
    keep(store, kept="a" * 64)
    assert look(store).why == "the copy of the rows that run k7q2 kept is gone"


def test_only_what_cannot_change_a_row_is_not_in_the_key():
    free = replace(STAGE, newest=LATER[2].end, memory_bytes=1, num_files_listed=99, source_columns=(("x", "double"),))
    assert encoded_key(free, "").text == encoded_key(STAGE, "").text
    assert len(keys._NOT_IN_ROWS) == 4
    named = [name for names in keys._OF_PART.values() for name in names]
    assert len(named) == len(set(named)) and set(named) < {field.name for field in fields(STAGE)}
    texts = dict.fromkeys(("root", "target", "drop", "positive", "version", "name", "time"), "other")
    others = [encoded_key(replace(STAGE, **{name: value}), "").text for name, value in texts.items()]
    assert len({encoded_key(STAGE, "").text, *others}) == len(texts) + 1


def test_the_seed_counts_only_if_it_draws_a_sample(tmp_path):
    store = EncodedStore(tmp_path / "encoded")
    sampled = replace(STAGE, windows=(replace(STAGE.windows[0], share=0.5), *STAGE.windows[1:]))
    keep(store)
    assert look(store, replace(STAGE, seed=99)).stored
    keep(store, sampled)
    found = look(store, replace(sampled, seed=99))
    assert found.stored is None and found.why.startswith("training.seed, which draws the sample of data.rows, is not")


def test_the_projects_code_counts_only_if_it_makes_features():
    own = replace(STAGE, features=OWN)
    assert encoded_key(STAGE, "a").text == encoded_key(STAGE, "b").text
    assert encoded_key(own, "a").text != encoded_key(own, "b").text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"source": "sql"}, "a database does not tell whether its rows have changed"),
        ({"mode": "stream"}, "rows that are streamed are not kept"),
        ({"source": "delta"}, ""),
    ],
)
def test_rows_that_are_never_reused(changes, why):
    assert never_reused(replace(STAGE, **changes)) == why
