"""Labels in hashes: the same whatever the order, nothing of masked values, and every change is found."""

import random

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.labels import LabelsOfParts, compared, from_bytes, labels_of, merged, to_bytes
from raytemplate.data.masking import Mask, Masker
from raytemplate.errors import IntegrityError
from raytemplate.records.codec import Settings

KEYS = ("day", "carrier", "flight")


def flights(num_rows=400, **columns):
    numbers = range(num_rows)
    made = {
        "day": [n % 28 for n in numbers],
        "carrier": [("AA", "UA", "B6")[n % 3] for n in numbers],
        "flight": list(numbers),
        "air_time": [float(n % 90) for n in numbers],
    }
    return pa.table(made | columns)


def labels(rows, **more):
    return labels_of(rows, KEYS, "air_time", **more)


@pytest.mark.parametrize("most", [1000, 37, 1])
def test_neither_the_order_nor_the_parts_matter(most):
    rows = pa.concat_tables([flights(), flights(60), flights(60, air_time=[float(n % 7) for n in range(60)])])
    whole = labels(rows, most=most)
    for seed in range(5):
        order = random.Random(seed).sample(range(len(rows)), len(rows))
        parts = np.array_split(np.array(order), seed + 2)
        found = merged([labels(rows.take(pa.array(part)), most=most) for part in parts], most=most)
        assert to_bytes(found) == to_bytes(whole)
    assert (len(whole.hashes), whole.is_complete) == (min(most, 400), most == 1000)


def test_every_changed_label_of_a_row_that_both_have_is_found():
    times = [float(n % 90) + (n in (7, 11, 300)) for n in range(500)]
    before, now = labels(flights()), labels(flights(500, air_time=times).slice(10))
    assert compared(before, now) == (390, 2)
    assert compared(from_bytes(to_bytes(before)), from_bytes(to_bytes(now))) == (390, 2)


def test_samples_of_two_runs_hold_the_same_rows():
    before, now = labels(flights(3000), most=1000), labels(flights(3000).slice(1000), most=1000)
    num_seen, num_changed = compared(before, now)
    assert num_changed == 0 and 550 < num_seen < 780  # two thirds of the sample, as of all rows


def test_rows_without_key_or_target_and_keys_with_several_targets_are_left_out():
    rows = flights(6, carrier=["AA", None, "", "B6", "AA", "B6"], air_time=[1.0, 1.0, 1.0, None, 2.0, float("nan")])
    assert len(labels(rows).hashes) == 2
    twice = pa.concat_tables([flights(5), flights(2, air_time=[0.0, 9.0])])
    assert compared(labels(twice), labels(flights(5, air_time=[0.0, 9.0, 2.0, 3.0, 4.0]))) == (4, 0)


def test_the_type_that_a_file_has_for_a_value_does_not_matter():
    rows, other = flights(), flights(flight=[float(n) for n in range(400)], air_time=[n % 90 for n in range(400)])
    other = other.set_column(1, "carrier", other.column("carrier").dictionary_encode())
    assert compared(labels(rows), labels(other.select(["flight", "air_time", "carrier", "day"]))) == (400, 0)
    classes = (flights(air_time=[kind(n % 2) for n in range(400)]) for kind in (int, str))
    assert compared(*(labels(one, task="binary") for one in classes)) == (400, 0)


@pytest.mark.parametrize(
    ("kinds", "tasks"),
    [
        ((pa.float32(), pa.float64()), ("regression", "regression")),
        ((pa.bool_(), pa.int64()), ("binary", "binary")),
        ((pa.int64(), pa.int64()), ("regression", "multiclass")),
    ],
    ids=str,
)
def test_values_of_another_kind_are_not_said_to_have_changed(kinds, tasks):
    found = [
        labels(flights(air_time=pa.array([n % 2 for n in range(400)]).cast(kind)), task=task)
        for kind, task in zip(kinds, tasks, strict=True)
    ]
    assert compared(*found) is None and compared(found[0], found[0]) == (400, 0)


def test_masked_keys_are_compared_under_one_key_and_tell_nothing_under_another():
    mask = Mask(rules=Settings({"carrier": "hash", "flight": "hash"}), key="secret:env:K")
    one, other = (Masker(mask=mask, key=digit * 32) for digit in (b"1", b"2"))
    changed = flights(air_time=[float(n % 90) + (n == 5) for n in range(400)])
    before = labels(one.masked(flights()))
    assert compared(before, labels(one.masked(changed))) == (400, 1)
    assert compared(before, labels(other.masked(changed))) == (0, 0)
    assert compared(before, labels(changed)) == (0, 0)  # whoever guesses a value cannot test it


def test_other_keys_or_another_target_are_not_compared():
    before = labels(flights())
    assert compared(before, labels_of(flights(), ("day", "flight"), "air_time")) is None
    assert compared(before, labels_of(flights(), KEYS, "day")) is None
    assert labels_of(flights(), (), "air_time") is None
    assert labels_of(flights(), ("day", "gate"), "air_time") is None


def test_a_part_without_labels_leaves_the_run_without(tmp_path):
    parts = LabelsOfParts()
    for n in range(20):
        parts.add(to_bytes(labels(flights().slice(20 * n, 20))))
    assert to_bytes(parts.all()) == to_bytes(labels(flights()))
    parts.add(b"")
    assert parts.all() is None
    with pytest.raises(IntegrityError, match="holds no labels"):
        from_bytes(b"PAR1")
