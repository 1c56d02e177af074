"""`raytemplate profile`: what it prints for a template and for files, and what it says of kept profiles."""

import json

import pytest
from command_line import here
from small_flights import SHIPPED

import raytemplate as rt

FILE, AS_OF = SHIPPED.name, "2013-02-20"


def test_each_window_is_described_and_the_second_call_reads_nothing(demo):
    first = here("profile", FILE, "--as-of", AS_OF, cwd=demo)
    lines = first.stdout.splitlines()

    assert (first.returncode, first.stderr) == (0, "")
    assert lines[0] == "flights-air-time 1.0.0   as of 2013-02-20 UTC"
    assert [line.split()[0] for line in lines if " .. 2013" in line] == ["train", "validation", "test"]
    assert any(line.startswith("  carrier     text") and line.endswith(" %") for line in lines)
    assert lines[-2:] == ["Profiled 2 files.", f"  raytemplate plan {FILE} --as-of {AS_OF}"]
    again = here("profile", FILE, "--as-of", AS_OF, cwd=demo).stdout.splitlines()
    assert again[:-2] == lines[:-2]
    assert again[-2] == "2 files: 2 profiled before and not read again, 0 read now."


def test_profile_that_was_tampered_with_is_named(demo):
    here("profile", FILE, "--as-of", AS_OF, cwd=demo)
    cell = min(demo.glob(".raytemplate/profiles/*/*.cell"), key=lambda path: path.name)
    cell.write_text("{}")

    lines = here("profile", FILE, "--as-of", AS_OF, cwd=demo).stdout.splitlines()
    assert lines[-2] == f"{cell}: its content had changed; removed and made again."


def test_json_holds_what_python_gives(demo):
    document = json.loads(here("profile", FILE, "--as-of", AS_OF, "--json", cwd=demo).stdout)
    found = rt.profile(demo / FILE, AS_OF)

    assert (document["kind"], document["num_files"], found.num_kept) == ("Profile", 2, 2)
    train = document["profile"]["windows"][0]
    assert train["columns"]["distance"]["percentiles"][50] == found.window("train").columns["distance"].percentiles[50]
    assert train["num_rows"] == sum(period.num_rows for period in found.window("train").periods.values())


def test_files_without_a_template_are_described_and_nothing_is_kept(demo):
    found = here("profile", "data/flights", cwd=demo)

    assert found.stdout.splitlines()[-1] == "  raytemplate init DIR --data data/flights --target COLUMN"
    assert "tailnum" in found.stdout and not (demo / ".raytemplate").exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("none.yaml",), "none.yaml: no such file"),
        (("data/none",), "none"),
        (("data/flights", "--as-of", "latest"), "belong to a template"),
        ((FILE, "--as-of", "2009-01-01"), "has no rows"),
    ],
)
def test_what_cannot_be_profiled_ends_with_exit_2(demo, typed, told):
    found = here("profile", *typed, cwd=demo)
    assert found.returncode == 2 and told in found.stderr and not found.stdout
