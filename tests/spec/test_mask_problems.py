# ruff: noqa: E501
"""Problems with `data.mask`, each with its line."""

from __future__ import annotations

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.spec.json_schema import template_schema
from raytemplate.spec.load import from_resolved, load

KEY = "\n  mask_key: {env: K}"
WRONG = {
    "another word": ("{tail: hide}", 't.yaml:8  data.mask.tail: got "hide", expected hash, drop, {truncate: 3} or {bucket: 10}'),
    "two rules": (
        "{zip: {truncate: 3, bucket: 10}}",
        "t.yaml:8  data.mask.zip: got {truncate: 3, bucket: 10}, expected hash, drop, {truncate: 3} or {bucket: 10}",
    ),
    "no characters": ("{zip: {truncate: 0}}", "t.yaml:8  data.mask.zip: truncate: got 0, expected how many characters to keep, a whole number, 1 or more"),
    "no width": ("{age: {bucket: 0}}", "t.yaml:8  data.mask.age: bucket: got 0, expected the width of a bucket, above 0"),
    "a list": ("[zip]", 't.yaml:8  data.mask: got ["zip"], expected a mapping'),
    "the target": ("{air_time: {bucket: 10}}", "t.yaml:8  data.mask.air_time: is in data.target; what is predicted cannot be masked"),
    "the time": ("{time_hour: {truncate: 7}}", "t.yaml:8  data.mask.time_hour: is data.time; windows are cut by it, so it cannot be masked"),
    "a hash without a key": (
        "{tail: hash}",
        "t.yaml:3  data.mask_key: missing; a hash needs a key: mask_key: {env: RAYTEMPLATE_MASK_KEY}, and set that variable to the output of openssl rand -hex 32",
    ),
    "a key that is written": (
        "{tail: hash}\n  mask_key: 0123456789abcdef",
        "t.yaml:9  data.mask_key: expected {env: NAME} or {file: PATH}: a template does not hold the key itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("mask", "problem"), WRONG.values(), ids=WRONG)
def test_a_wrong_mask_is_told_with_its_line(mask, problem, tmp_path):
    path = write(tmp_path, WHOLE.replace("air_time is null", f"air_time is null\n  mask: {mask}"))
    with pytest.raises(SpecError) as caught:
        load(path, environ={})
    assert [str(one).replace(f"{tmp_path}/", "") for one in caught.value.problems] == [problem]


def test_layers_add_replace_and_remove_masks_and_a_run_reads_its_own_record(tmp_path):
    text = WHOLE.replace("air_time is null", f"air_time is null\n  mask: {{tail: hash, zip: {{truncate: 3}}}}{KEY}")
    path = write(tmp_path, text)
    spec = load(path, overrides={"data.mask.tail": None, "data.mask.age": {"bucket": 10}}, environ={})
    assert dict(spec.data.mask) == {"zip": {"truncate": 3}, "age": {"bucket": 10}}
    assert spec.data.mask_key == "secret:env:K"
    assert from_resolved(spec.resolved, spec.origins, path).data == spec.data


def test_an_editor_completes_masks():
    data = template_schema()["$defs"]["DataSpec"]["properties"]
    assert {"enum": ["hash", "drop"]} in data["mask"]["additionalProperties"]["anyOf"]
    assert set(data["mask_key"]["properties"]) == {"env", "file"}
