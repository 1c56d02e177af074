"""What a read task does with masked columns: sides, contract and `data.drop` see the values, nothing after it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from in_this_process import read
from small_flights import AS_OF

from raytemplate import api
from raytemplate.data.masking import Mask
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.data.windows import SIDE
from raytemplate.engines.ray.data.pieces import pieces_of, pieces_of_listing, read_piece, take_accounts
from raytemplate.errors import DataError, IntegrityError, RaytemplateError
from raytemplate.records.codec import Settings

KEY = "a key of 16 or more characters"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("K", KEY)


def mask(**rules):
    return Mask(rules=Settings(rules), key="secret:env:K")


def only_piece(folder, *columns, form="csv"):
    source = list_files(form, ListOrder(pattern="a.csv", root=folder))
    (one,) = pieces_of_listing(source, columns)
    return replace(one, rules=Rules())


@pytest.mark.parametrize("rule", ["hash", "drop", {"truncate": 1}, {"bucket": 10}], ids=str)
def test_a_mask_moves_no_row_to_another_side(rule, tmp_path):
    (tmp_path / "a.csv").write_text("k,w\n" + "".join(f"{n},{n % 7}\n" for n in range(400)))
    split = Split(validation=0.3, test=0.3, seed=0, columns=("k", "w"), by_keys=True, kinds=("number", "number"))
    plain = replace(only_piece(tmp_path, "k", "w"), split=split)
    before, after = (read_piece(one) for one in (plain, replace(plain, mask=mask(k=rule))))
    assert before.column(SIDE).to_pylist() == after.column(SIDE).to_pylist()
    assert ("k" in after.column_names) == (rule != "drop")
    assert before.column("w") == after.column("w")


def stage_of(small, **changes):
    return api.plan(small({"data.mask_key": {"env": "K"}, **changes}), AS_OF).plan.ingest


def test_data_drop_and_the_contract_see_the_values_as_they_are(small):
    promised = {"contract.columns.carrier": {"type": "text", "values": ["AA"]}}
    condition = {"data.drop": "air_time is null or carrier <> 'AA'"}
    masks = {"data.mask.carrier": "hash"}
    before, after = (read(stage_of(small, **promised, **condition, **more)) for more in ({}, masks))
    assert {name: rows.num_rows for name, rows in after.items()} == {n: rows.num_rows for n, rows in before.items()}
    (hashed,) = set(after["train"].column("carrier").to_pylist())
    assert set(before["train"].column("carrier").to_pylist()) == {"AA"} and len(hashed) == 32
    assert after["train"].column_names == before["train"].column_names


def test_a_broken_promise_of_a_masked_column_names_file_and_rows_but_no_value(small):
    promised = {f"contract.columns.{name}": {"type": "text", "values": ["AA"]} for name in ("carrier", "origin")}
    with pytest.raises(DataError) as refused:
        read(stage_of(small, **promised, **{"data.mask.carrier": "hash"}))
    carrier, origin = refused.value.what.splitlines()
    assert carrier.endswith(
        'rows break "values: [AA]"; the first in data/flights/2013-01.parquet, row 6,861: not shown (data.mask)'
    )
    assert origin.endswith("the first in data/flights/2013-01.parquet, row 6,861: JFK")


UNREADABLE = {
    "a number": (
        "id,k\n1,2\n2,SECRET\n",
        {"k": "int64"},
        "a.csv:3: column k has a value that is not shown (data.mask)",
    ),
    "a field too many": ("id,k\n1,2\n2,SECRET,3\n", {}, "a.csv:3: 3 fields, expected 2"),
    "an open quote": ('id,k\n1,2\n2,"SECRET\n', {}, "a.csv:3: a quote is opened and never closed"),
}


@pytest.mark.parametrize(("text", "types", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_error_of_reading_quotes_no_masked_value(text, types, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    order = ListOrder(pattern="a.csv", root=tmp_path, types=dict.fromkeys(types, "integer"), masked=("k",))
    with pytest.raises(RaytemplateError) as refused:
        list_files("csv", order)
    assert message in str(refused.value)
    assert "SECRET" not in everything(refused.value)


def everything(error):
    import traceback

    return "".join(traceback.format_exception(error))


def test_an_error_of_a_library_quotes_no_masked_value(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("k\nSECRET\n")
    piece = replace(only_piece(tmp_path, "k"), mask=mask(k="hash"))

    def breaks(*_):
        raise ValueError("invalid value SECRET")

    monkeypatch.setattr("raytemplate.data.masking.texts", breaks)
    with pytest.raises(
        DataError, match=r"a\.csv: cannot be read or masked: ValueError at test_masked_rows\.py:\d+; its"
    ) as told:
        read_piece(piece)
    assert "SECRET" not in everything(told.value)


def test_a_key_that_changes_during_a_run_ends_with_seven(small, monkeypatch):
    stage = stage_of(small, **{"data.mask.carrier": "hash"})
    accounts = [one for piece in pieces_of(stage) for one in take_accounts(read_piece(piece))[1]]
    assert len({one.mask_key for one in accounts}) == 1
    again = pieces_of(stage, stage.windows[0], accounts)
    read_piece(again[0])
    monkeypatch.setenv("K", KEY + "!")
    with pytest.raises(IntegrityError, match=r"data\.mask_key: changed while this run was reading"):
        read_piece(again[0])
