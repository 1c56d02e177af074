"""Null removes an entry that a lower layer has set; elsewhere it is a value like any other."""

import pytest

from raytemplate import api
from raytemplate.errors import SpecError
from raytemplate.spec.load import load

FILE = "flights-air-time.yaml"


def test_an_entry_of_the_file_is_removed(demo):
    before = load(demo / FILE, environ={})
    after = load(demo / FILE, sets=["features.datetime.time_hour=null"], environ={})
    assert "time_hour" in before.features.datetime and "time_hour" not in after.features.datetime
    assert not any(path.startswith("features.datetime.time_hour") for path in after.origins)


def test_a_variant_may_remove_and_a_layer_above_may_set_again(demo):
    text = (demo / FILE).read_text() + "  lean: {features.datetime.time_hour: null}\n"
    assert "\nvariants:" in text
    (demo / "lean.yaml").write_text(text)
    assert "time_hour" not in load(demo / "lean.yaml", variant="lean", environ={}).features.datetime
    again = ["features.datetime.time_hour=[hour]"]
    assert load(demo / "lean.yaml", variant="lean", sets=again, environ={}).features.datetime["time_hour"] == ("hour",)


@pytest.mark.parametrize(
    "path", ["features.datetime.time_hour", "contract.columns.carrier", "governance.gates.too-good"]
)
def test_what_was_taken_out_outside_the_files_is_on_record(demo, path):
    text = (demo / FILE).read_text().replace("\ncontract:\n", "\ncontract:\n  columns: {carrier: {type: text}}\n")
    (demo / FILE).write_text(text)
    taken_out = load(demo / FILE, sets=[f"{path}=null"], environ={})
    assert taken_out.removed_outside == (path,) and load(demo / FILE, environ={}).removed_outside == ()
    assert api.plan(taken_out, "2013-02-20").plan.set_outside == (path,)
    again = {"features": "[hour]", "contract": "{type: text}", "governance": "{}"}[path.partition(".")[0]]
    assert load(demo / FILE, sets=[f"{path}=null", f"{path}={again}"], environ={}).removed_outside == ()


def test_what_a_variant_takes_out_is_in_the_file(demo):
    (demo / "lean.yaml").write_text((demo / FILE).read_text() + "  lean: {governance.gates.too-good: null}\n")
    lean = load(demo / "lean.yaml", variant="lean", environ={})
    assert "too-good" not in lean.gates and lean.removed_outside == ()


def test_what_is_not_there_cannot_be_removed(demo):
    with pytest.raises(SpecError, match=r"features\.datetime\.nope"):
        load(demo / FILE, sets=["features.datetime.nope=null"], environ={})
