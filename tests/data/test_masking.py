"""What a mask makes of values: the same from CSV, Parquet and frames, and nothing that tells more than it says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate import redact as redacting
from raytemplate.data.masking import Mask, Masker, fault, masked_schema, masker_of
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.records import codec
from raytemplate.records.codec import Settings

KEY = "a key of 16 or more characters"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redacting, "_hidden", set())


def masked(column, rule, key=KEY):
    mask = Mask(rules=Settings({"x": rule}))
    return Masker(mask=mask, key=key.encode()).masked(pa.table({"x": column, "y": column}))


def one(column, rule):
    return masked(column, rule).column("x").to_pylist()


SHORT = {
    "text": (pa.array(["94107-12", "94", "", None]), ["941", "94", None, None]),
    "umlauts": (pa.array(["Øresund"]), ["Øre"]),
    "whole numbers": (pa.array([94107, 7, None]), ["941", "7", None]),
    "floats of whole numbers": (pa.array([94107.0, float("nan")]), ["941", None]),
    "booleans": (pa.array([True, False]), ["tru", "fal"]),
    "a blank at the cut": (pa.array(["a b c"]), ["a b"]),
    "two blanks at the cut": (pa.array(["a  c"]), ["a"]),
    "no value": (pa.nulls(2), [None, None]),
    "a dictionary": (pa.array(["94107", "94108"]).dictionary_encode(), ["941", "941"]),
}


@pytest.mark.parametrize(("column", "found"), SHORT.values(), ids=SHORT)
def test_the_first_characters_are_kept(column, found):
    assert one(column, {"truncate": 3}) == found


STEPS = {
    "whole numbers": (pa.array([37, 40, 0, -3, -10, None]), 10, [30, 40, 0, -10, -10, None]),
    "small types": (pa.array([-128, 127], pa.int8()), 1000, [-1000, 0]),
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), 10, [2**64 - 6]),
    "the least of all": (pa.array([-(2**63)]), 10, [-(2**63)]),
    "floats": (pa.array([37.9, -0.5, float("nan"), None]), 10, [30.0, -10.0, None, None]),
    "tenths": (pa.array([0.3, 0.7, 0.35, -0.25]), 0.1, [0.3, 0.7, 0.3, -0.3]),
    "decimals": (pa.array([Decimal("1234.56")]), 100, [1200.0]),
    "endless": (pa.array([float("inf")]), 10, [float("inf")]),
}


@pytest.mark.parametrize(("column", "width", "found"), STEPS.values(), ids=STEPS)
def test_numbers_go_down_to_a_multiple(column, width, found):
    assert one(column, {"bucket": width}) == found
    again = masked(column, {"bucket": width}).column("x")
    assert one(again, {"bucket": width}) == found, "twice changes nothing"


EQUAL = {
    "numbers": [
        pa.array([7]), pa.array([7.0]), pa.array([7], pa.uint8()), pa.array([Decimal("7.00")]), pa.array(["7"]),
    ],
    "fractions": [pa.array([7.5]), pa.array([Decimal("7.50")]), pa.array(["7.5"])],
    "times": [
        pa.array([datetime(2013, 1, 31)]), pa.array([date(2013, 1, 31)]),
        pa.array([datetime(2013, 1, 31, tzinfo=UTC)], pa.timestamp("ns", "Europe/Berlin")),
    ],
    "booleans": [pa.array([True]), pa.array(["true"])],
}  # fmt: skip


@pytest.mark.parametrize("columns", EQUAL.values(), ids=EQUAL)
def test_a_value_has_one_hash_whatever_its_type(columns):
    (found,) = {one(column, "hash")[0] for column in columns}
    assert len(found) == 32 and int(found, 16)


def test_other_values_and_other_keys_give_other_hashes_and_missing_stays_missing():
    column = pa.array(["7", "007", " ", None, "7"])
    found, other = (masked(column, "hash", key).column("x").to_pylist() for key in (KEY, KEY + "!"))
    assert found[2:4] == [None, None] and found[0] == found[4]
    assert len({*found, *other} - {None}) == 4


def test_the_hash_is_hmac_sha256():
    by_openssl = "6a42894725ec06430bb95285188cf3ded8d35a36a049c9d8c5e522256f5ca1a5"  # dgst -sha256 -hmac KEY
    assert one(pa.array(["N14228"]), "hash") == [by_openssl[:32]]


def test_a_dropped_column_is_gone_and_others_stay():
    assert masked(pa.array([1]), "drop").column_names == ["y"]


TYPES = {
    "text in steps": ("string", {"bucket": 10}, 'column "x" is string, expected a number'),
    "times in steps": ("timestamp[us]", {"bucket": 10}, 'column "x" is timestamp[us], expected a number'),
    "lists": (
        "list<item: int64>", "hash",
        'column "x" is list<item: int64>, expected text, a number, a boolean or a time',
    ),
    "bytes": ("binary", {"truncate": 1}, 'column "x" is binary, expected text, a number, a boolean or a time'),
    "dropped lists": ("list<item: int64>", "drop", ""),
    "a type that is not known": ("", {"bucket": 10}, ""),
    "a dictionary": ("dictionary<values=string, indices=int32, ordered=0>", "hash", ""),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "rule", "message"), TYPES.values(), ids=TYPES)
def test_a_mask_fits_its_columns_type(kind, rule, message):
    assert fault("x", kind, rule) == message


@given(
    kind=st.sampled_from([pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.string(), pa.bool_()]),
    rule=st.sampled_from(["hash", "drop", {"truncate": 2}, {"bucket": 10}]),
)
def test_the_type_after_masking_is_known_before(kind, rule):
    if not fault("x", str(kind), rule):
        table = masked(pa.array([1]).cast(kind), rule)
        types = {field.name: str(field.type) for field in table.schema}
        assert masked_schema({"x": str(kind), "y": str(kind)}, {"x": rule}) == types


def hashing(key="secret:env:K", **more):
    return Mask(rules=Settings({"x": "hash"}), key=key, **more)


def test_a_key_that_is_missing_or_can_be_guessed_ends_with_two(tmp_path):
    with pytest.raises(UsageError, match=r"data\.mask_key: the environment variable K is not set") as missing:
        masker_of(hashing(), {})
    assert missing.value.exit_code == 2 and "every machine that reads" in missing.value.next_step
    with pytest.raises(UsageError, match="fewer than 16 characters"):
        masker_of(hashing(), {"K": "15 characters.."})
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert masker_of(hashing(f"secret:file:{tmp_path / 'key'}"), {}).key == KEY.encode()


def test_another_key_than_the_models_ends_with_seven_and_no_record_holds_a_key():
    first = masker_of(hashing(), {"K": KEY})
    known = hashing(key_id=first.key_id)
    assert masker_of(known, {"K": KEY}).key_id == first.key_id
    with pytest.raises(IntegrityError, match="not the key") as other:
        masker_of(known, {"K": KEY + "!"})
    assert other.value.exit_code == 7
    assert KEY not in repr(first) and KEY.encode() not in codec.dumps(known)
    assert codec.loads(Mask, codec.dumps(known)) == known


def test_nothing_but_a_hash_needs_a_key():
    assert masker_of(Mask(rules=Settings({"x": {"truncate": 1}})), {}).key_id == ""
