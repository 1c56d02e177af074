# ruff: noqa: E501
"""`contract.columns` in a template: impossible promises are refused with their location."""

from __future__ import annotations

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.spec.load import load

WRONG = {
    "no type": ("{min: 3}", "contract.columns.seats.type: missing; expected"),
    "type": ("{type: nummer}", 'type: got "nummer", expected number, integer, text, boolean or time'),
    "typo": ("{type: number, mim: 3}", "contract.columns.seats.mim: no such field; did you mean contract.columns.seats.min?"),
    "text with a limit": ("{type: text, max: 3}", "max is for a column of numbers or times, not of type text; use values"),
    "limit of the wrong kind": ("{type: time, max: 3}", 'max: got 3.0, expected a date such as "2013-01-01" for type time'),
    "no date": ("{type: time, max: soon}", 'got "soon", expected a date or time'),
    "crossed": ("{type: number, min: 3, max: 1}", "min 3.0 is above max 1.0: no value would be allowed"),
    "value of another type": ("{type: integer, values: [a]}", 'values: got "a", expected values of type integer'),
    "regex of a number": ("{type: number, regex: a}", "regex is for a column of text, not of type number; use min, max or"),
    "regex that is none": ("{type: text, regex: 'a('}", 'regex: missing ), unterminated subpattern: "a("'),
    "share without a sign": ("{type: text, max_missing: 5}", 'max_missing: got 5, expected a share such as "15 %"'),
    "a share of nothing": ("{type: text, nullable: false, max_missing: 5 %}", "max_missing has no effect with nullable: false"),
    "no such fate": ("{type: text, on_breach: quarantined}", 'got "quarantined", expected fail, quarantine, drop or warn'),
    "true is no number": ("{type: number, values: [true]}", "values: got True, expected values of type number"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "message"), WRONG.values(), ids=WRONG)
def test_a_promise_that_cannot_be_is_told(tmp_path, rule, message):
    with pytest.raises(SpecError) as refused:
        load(write(tmp_path, f"{WHOLE}contract:\n  columns:\n    seats: {rule}\n"), environ={})
    assert len(refused.value.problems) == 1
    assert message in str(refused.value.problems[0]), refused.value.what


ABOUT = "metadata: {intended-use: crews, regions: [US, CA], reviewed: true}\n"


def test_metadata_and_promises_are_read(tmp_path):
    promises = "contract: {artifacts: [model, model-card], metadata: [intended-use]}\n"
    spec = load(write(tmp_path, f"{WHOLE}{ABOUT}{promises}"), environ={})
    assert spec.metadata == {"intended-use": "crews", "regions": ("US", "CA"), "reviewed": True}
    assert (spec.contract.artifacts, spec.contract.metadata) == (("model", "model-card"), ("intended-use",))
    assert spec.resolved["metadata"] == {"intended-use": "crews", "regions": ["US", "CA"], "reviewed": True}


BROKEN = {
    "a rule that is no condition": ('contract: {rows: ["seats <"]}', 't.yaml:27  contract.rows: got "seats <", expected a SQL'),
    "a rule in a wrong form": ("contract: {rows: [3]}", 'contract.rows: got 3, expected a condition such as "wind_speed <= 120"'),
    "a rule without a rule": ("contract: {rows: [{on_breach: warn}]}", "contract.rows.rule: missing; expected condition"),
    "a rule with a typo": (
        "contract: {rows: [{rule: seats > 0, on_breech: warn}]}", "contract.rows.0.on_breech: no such field; did you mean contract.rows.0.on_breach?",
    ),
    "a rule twice": ('contract: {rows: ["seats > 0", "seats > 0"]}', 'contract.rows: "seats > 0" is listed twice'),
    "a limit without a unit": ("contract: {freshness: 7}", 'contract.freshness: got 7, expected a duration such as'),
    "a limit below 0": ("contract: {max_quarantined: -1}", 'got -1, expected a share such as "1 %" or a number of rows'),
    "no rows": ("contract: {min_rows: 0}", "contract.min_rows: got 0, expected a whole number of rows, 1 or more"),
    "an artifact that is none": (
        "contract: {artifacts: [modelcard]}", "contract.artifacts: got \"modelcard\", expected model, model-card,",
    ),
    "metadata that is missing": (
        "contract: {metadata: [data-owner]}", "t.yaml:1  metadata.data-owner: missing; contract.metadata in ",
    ),
    "metadata that says nothing": (
        "metadata: {data-owner: ''}\ncontract: {metadata: [data-owner]}", "t.yaml:27  metadata.data-owner: missing;",
    ),
    "a mapping in the metadata": ("metadata: {a: {b: 1}}", "metadata.a: got {b: 1}, expected text"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_promise_of_artifacts_or_metadata_that_cannot_be_is_told(tmp_path, text, message):
    with pytest.raises(SpecError) as refused:
        load(write(tmp_path, f"{WHOLE}{text}\n"), environ={})
    assert message in str(refused.value.problems[0]), refused.value.what


def test_a_parent_asks_its_children_for_metadata(tmp_path):
    write(tmp_path, "contract: {metadata: [data-owner]}\n", "parent.yaml")
    child = f"extends: parent.yaml\n{WHOLE}"
    with pytest.raises(
        SpecError, match=r"metadata.data-owner: missing; contract.metadata in .*parent.yaml asks for it"
    ):
        load(write(tmp_path, child), environ={})
    load(write(tmp_path, f"{child}metadata: {{data-owner: ann}}\n"), environ={})


def test_a_whole_contract_is_read(tmp_path):
    rule = "{type: integer, nullable: false, min: 1, max: 500}"
    spec = load(write(tmp_path, f"{WHOLE}contract: {{columns: {{seats: {rule}}}}}\n"), environ={})
    found = spec.contract.columns["seats"]
    assert (found.type, found.nullable, found.min, found.max, found.values) == ("integer", False, 1, 500, None)
