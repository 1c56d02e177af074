"""`init --mask`: what it refuses, and that nothing of a masked column is shown when something else is wrong."""

from __future__ import annotations

import pytest
from command_line import here

ROWS = "".join(f"{n % 28 + 1}/{n % 12 + 1}/2024,{n % 5},${n},N-MARK-{n},{n * 0.5}\n" for n in range(300))


def drafted(folder, *masks, rows=ROWS, header="day,kind,price,name,y\n", target="y"):
    (folder / "rows.csv").write_text(header + rows)
    arguments = [part for mask in masks for part in ("--mask", mask)]
    return here("init", "p", "--data", "rows.csv", "--target", target, *arguments, cwd=folder)


WRONG = {
    "no rule": ("name", '--mask: got "name", expected COLUMN=RULE, where RULE is hash, drop, truncate:3 or bucket:10'),
    "another rule": ("name=hide", '--mask name: got "hide", expected hash, drop, truncate:3 or bucket:10'),
    "no number": ("name=truncate:x", '--mask name: got "truncate:x", expected hash, drop, truncate:3 or bucket:10'),
    "no such column": ("nam=hash", '--mask: no column "nam"; did you mean name?'),
    "the target": ("y=hash", "--mask: y is --target, not to be masked"),
    "text in steps": ("name=bucket:10", '--mask: column "name" is string, expected a number'),
}


@pytest.mark.parametrize(("mask", "message"), WRONG.values(), ids=WRONG)
def test_a_mask_that_cannot_be_is_refused(mask, message, tmp_path):
    ended = drafted(tmp_path, mask, "day=drop")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert not (tmp_path / "p").exists()


def test_nothing_of_a_masked_column_is_shown(tmp_path):
    ended = drafted(tmp_path, "name=hash", "price=truncate:2", "day=drop")
    assert ended.returncode == 0, ended.stderr
    text = (tmp_path / "p" / "rows.yaml").read_text()
    for shown in (ended.stdout, ended.stderr, text):
        assert "MARK" not in shown and "$" not in shown.replace("$(openssl", "")
    assert "price: {truncate: 2}" in text and "\n    day: drop\n" in text


def test_neither_is_it_where_a_header_or_dates_are_not_understood(tmp_path):
    few = "".join(ROWS.splitlines(keepends=True)[:10])
    dates = drafted(tmp_path, "day=truncate:2", rows=few)
    assert "column day: dates not shown (data.mask) may be day/month or month/day" in dates.stderr
    assert "2024" not in dates.stderr
    headless = drafted(tmp_path, "name=hash", header="", target="amount")
    assert headless.returncode == 2 and "MARK" not in headless.stderr
    assert "rows.csv:1: it looks like data, expected the names of the columns" in headless.stderr
