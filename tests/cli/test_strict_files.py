"""init, check and plan with files that a lenient reader would misread: each is read correctly or refused with why."""

import json
import os
from datetime import date, datetime, timedelta

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import here

START = date(2024, 1, 1)


def hourly(far=None):
    """Hours of 125 days, and one row of another day."""
    rows = [
        f"{datetime(2024, 1, 1) + timedelta(hours=n):%Y-%m-%d %H:%M:%S},{n % 7},{n % 7 + n % 5 / 10}"
        for n in range(3000)
    ]
    return "\n".join(["t,x,y", *rows, *([f"{far} 00:00:00,0,0.0"] if far else [])]) + "\n"


def written(folder, far, ending):
    (folder / "base.csv").write_text(hourly())
    (folder / "b.csv").write_text(hourly(far))
    if ending == "parquet":
        for name in ("base", "b"):
            pq.write_table(pyarrow.csv.read_csv(folder / f"{name}.csv"), folder / f"{name}.parquet")
            (folder / f"{name}.csv").unlink()


def drafted(folder, file):
    made = here("init", "demo", "--data", file, "--target", "y", "--time", "t", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "demo" / f"{file.split('.')[0]}.yaml", made.stdout


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("far", "test"),
    [
        ("9999-12-31", "t >= '2100-01-01'"),
        ("0001-01-01", "t < '1900-01-01'"),
        ("1900-01-01", "t < '1901-01-01'"),
        ("2262-12-31", "t >= '2100-01-01'"),
    ],
)
def test_init_drops_times_far_from_all_others_and_the_draft_plans(tmp_path, ending, far, test):
    written(tmp_path, far, ending)
    template, said = drafted(tmp_path, f"b.{ending}")
    assert f'drop: "{test}"' in template.read_text() and "# times far from all others" in template.read_text()
    assert f"far times    1 row at {far} in " in said and f"b.{ending}: data.drop removes them" in said
    assert here("check", template.name, cwd=template.parent).returncode == 0
    planned = here("plan", template.name, "--as-of", "latest", cwd=template.parent)
    assert planned.returncode == 0 and "as of 2024-05-05 UTC" in planned.stdout, planned.stderr
    assert "train        2024-01-01 .. " in planned.stdout


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("far", ["9999-12-31", "0001-01-01"])
def test_a_row_of_another_age_makes_no_window_empty(tmp_path, ending, far):
    written(tmp_path, far, ending)
    template, _ = drafted(tmp_path, f"base.{ending}")
    text = template.read_text().replace(f"base.{ending}", f"b.{ending}")
    template.write_text("\n".join(line for line in text.split("\n") if "min:" not in line))
    planned = here("plan", template.name, "--as-of", "2024-05-05", "--json", cwd=template.parent)
    assert planned.returncode == 0, planned.stderr
    windows = {one["name"]: one for one in json.loads(planned.stdout)["plan"]["ingest"]["windows"]}
    assert all(window["num_rows"] >= 1 for window in windows.values())
    if ending == "csv":
        days = {
            name: datetime.fromisoformat(w["end"]) - datetime.fromisoformat(w["start"]) for name, w in windows.items()
        }
        assert all(windows[name]["num_rows"] == 24 * days[name].days for name in ("validation", "test"))
        assert all(window["exact"] for window in windows.values())
    latest = here("plan", template.name, "--as-of", "latest", cwd=template.parent)
    if far == "9999-12-31":
        assert latest.returncode == 2 and "data.drop: t >= '2100-01-01'" in latest.stderr
        assert "--as-of latest: the newest time is 9999-12-31 00:00 UTC, in " in latest.stderr
        template.write_text(template.read_text().replace("data:\n", "data:\n  drop: \"t >= '2100-01-01'\"\n", 1))
        latest = here("plan", template.name, "--as-of", "latest", cwd=template.parent)
    assert latest.returncode == 0 and "as of 2024-05-05 UTC" in latest.stdout, latest.stderr


def daily(form, change=lambda day, text: text):
    days = [START + timedelta(days=n) for n in range(150)]
    return "day,b,y\n" + "".join(
        f"{change(day, day.strftime(form))},{n % 7},{n % 7 + n % 3 / 10}\n" for n, day in enumerate(days)
    )


def test_a_year_of_two_digits_is_no_year_of_four(tmp_path):
    (tmp_path / "s.csv").write_text(daily("%d.%m.%Y", lambda day, text: text if day.month < 3 else f"{day:%d.%m.%y}"))
    refused = here(
        "init", "p", "--data", "s.csv", "--target", "y", "--time", "day", "--dates", "%d.%m.%Y", cwd=tmp_path
    )
    assert refused.returncode == 2 and not (tmp_path / "p").exists()
    assert 's.csv:62: column day is "01.03.24", expected ISO 8601' in refused.stderr


def test_a_later_month_with_other_dates_is_refused_by_plan(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "1.csv").write_text(daily("%d.%m.%Y"))
    made = here("init", "p", "--data", "s", "--target", "y", "--time", "day", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "s" / "2.csv").write_text("day,b,y\n29.05.24,1,1.5\n")
    for command in (("check", "s.yaml"), ("plan", "s.yaml", "--as-of", "2024-05-30")):
        refused = here(*command, cwd=tmp_path / "p")
        assert refused.returncode == 2 and '2.csv:2: column day is "29.05.24", expected' in refused.stderr


@pytest.mark.parametrize(("encoding", "said"), [("utf-16", "UTF-16, byte 0xff"), ("latin1", "byte 0xe9")])
def test_a_later_month_in_another_encoding_is_told_as_init_tells_it(tmp_path, encoding, said):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "1.csv").write_text(daily("%Y-%m-%d"))
    assert here("init", "p", "--data", "s", "--target", "y", "--time", "day", cwd=tmp_path).returncode == 0
    (tmp_path / "s" / "2.csv").write_text(daily("%Y-%m-%d").replace("b", "numéro", 1), encoding=encoding)
    told = f"2.csv:1: not UTF-8 ({said}); iconv -f {encoding} -t utf-8"
    for command in (("check", "s.yaml"), ("plan", "s.yaml", "--as-of", "latest")):
        refused = here(*command, cwd=tmp_path / "p")
        assert refused.returncode == 2 and told in refused.stderr
    refused = here("init", "q", "--data", "s/2.csv", "--target", "y", "--time", "day", cwd=tmp_path)
    assert refused.returncode == 2 and told in refused.stderr


@pytest.mark.parametrize("fraction", ["", ".250000", ".25Z"])
def test_json_lines_with_fractions_of_seconds_have_windows(tmp_path, fraction):
    start = datetime(2024, 1, 1)
    lines = [
        {"at": f"{start + timedelta(hours=n):%Y-%m-%dT%H:%M:%S}{fraction}", "x": n % 7, "y": n % 7 + n % 5 / 10}
        for n in range(1500)
    ]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = here("init", "p", "--data", "s.jsonl", "--target", "y", "--time", "at", cwd=tmp_path)
    assert made.returncode == 0 and "validation 10d, test 10d" in made.stdout, made.stdout + made.stderr


def test_links_and_other_endings_are_said_by_init_check_and_plan(tmp_path):
    (tmp_path / "l").mkdir()
    for month in (1, 2, 3):
        (tmp_path / "l" / f"2024-{month:02}").mkdir()
        rows = [f"2024-{month:02}-{1 + n % 28:02},{n % 7},{n % 7 + n % 5 / 10}\n" for n in range(500)]
        (tmp_path / "l" / f"2024-{month:02}" / "a.CSV").write_text("day,x,y\n" + "".join(rows))
    os.symlink("2024-03", tmp_path / "l" / "latest")
    os.symlink(".", tmp_path / "l" / "loop")
    (tmp_path / "l" / "notes.txt").touch()
    told = "3 not read: latest, loop (a link to a folder that is read); notes.txt (another ending)"
    made = here("init", "p", "--data", "l", "--target", "y", "--time", "day", cwd=tmp_path)
    assert made.returncode == 0 and made.stdout.startswith("l: 1,500 rows"), made.stderr
    assert told in " ".join(made.stdout.split())
    assert told in here("check", "l.yaml", cwd=tmp_path / "p").stdout
    planned = here("plan", "l.yaml", "--as-of", "latest", "--json", cwd=tmp_path / "p")
    assert json.loads(planned.stdout)["plan"]["left_out"] == told
