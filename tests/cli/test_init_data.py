"""`init --data`: files of many kinds to a template that passes check and plan, or one clear refusal."""

import random

import pandas as pd
import pytest
from command_line import here


def rows(header, make, sep=",", count=400):
    rng = random.Random(0)
    lines = [sep.join(map(str, make(i, rng))) for i in range(count)]
    return "\n".join(([header] if header else []) + lines) + "\n"


def half_known(i, rng):
    return (
        rng.choice(["1.5", "2", "?", "NA"]),
        rng.choice(["EU", "AS", "NA", "SA"]),
        rng.choice(["low", "?"]),
        rng.random(),
    )


def at_hour(i, rng):
    return f"2020-{1 + i // 34:02d}-{1 + i % 28:02d}T{i % 24:02d}:00:00", i % 7, i % 7 + 3 * rng.random()


DRAFTED = {
    "missing words": (rows("size,region,grade,y", half_known), [], 'missing: ["", "?"]'),
    "NA among codes is a value": (rows("size,region,grade,y", half_known), [], "values: [AS, EU, NA, SA]"),
    "month first": (
        rows("day,a,y", lambda i, r: (f"{1 + i % 12}/{1 + i % 28}/2020", i % 5, r.random())), [], 'dates: ["%m/%d/%Y"]'
    ),
    "dates as asked": (
        rows("day,a,y", lambda i, r: (f"{1 + i % 12:02d}/{1 + i % 12:02d}/2020", i % 5, r.random())),
        ["--dates", "%d/%m/%Y"], 'dates: ["%d/%m/%Y"]',
    ),
    "semicolons and decimal commas": (
        rows("a;y", lambda i, r: (i % 9, f"{r.randrange(9)},{r.randrange(99):02d}"), ";"), [], 'decimal: ","'
    ),
    "booleans as words": (
        rows("paid,y", lambda i, r: (r.choice(["yes", "no"]), r.random())), [], "categorical: [paid]"
    ),
    "codes that begin with 0": (
        rows("zip,y", lambda i, r: (f"0{i % 9}1", r.random())), [], "zip: {type: text, nullable: false"
    ),
    "other scripts": (
        rows("имя,возраст,y", lambda i, r: (r.choice(["Анна", "李"]), i % 90, r.random())), [], 'numeric: ["возраст"]'
    ),
    "a hundred rows": (rows("a,y", lambda i, r: (i % 7, r.random()), count=100), [], "split: {validation: 20 %"),
    "windows by time": (rows("when,a,y", at_hour), ["--time", "when"], "time: when"),
    "months by name": (
        rows("day,a,y", lambda i, r: (f"{1 + i % 28} {['Jan', 'Feb', 'Mar'][i % 3]} 2020", i % 5, r.random())), [],
        'dates: ["%d %b %Y"]',
    ),
    "dates of digits alone": (
        rows("day,a,y", lambda i, r: (f"2020{1 + i // 40:02d}{1 + i % 28:02d}", i % 5, r.random())), ["--time", "day"],
        'dates: ["%Y%m%d"]',
    ),
    "years": (
        rows("year,a,y", lambda i, r: (1990 + i // 20, i % 5, r.random())), ["--time", "year"], "months  "
    ),
    "halves of a day": (
        rows("at,a,y", lambda i, r: (f"{1 + i % 12}/{1 + i % 28}/20 {1 + i % 12}:30 PM", i % 5, r.random())), [],
        'dates: ["%m/%d/%y %I:%M %p"]',
    ),
    "decimal commas with three decimals": (
        rows("a;y", lambda i, r: (i % 9, f"{r.randrange(9)},{r.randrange(100, 999)}"), ";"), [], 'decimal: ","'
    ),
    "whole numbers written with a point": (
        rows("a,y", lambda i, r: (f"{i % 7}.0" if i % 5 else "", r.random())), [], "a: {type: number, min: 0"
    ),
    "amounts of money": (
        rows("a,paid,y", lambda i, r: (i % 7, f"${r.random():.2f}", r.random())), [], "# left out: paid: numbers such"
    ),
    "blanks between": (rows("a b y", lambda i, r: (i % 7, r.choice("pq"), r.random()), " "), [], 'separator: " "'),
    "classes as 1.0 and 2.0": (
        rows("a,y", lambda i, r: (i % 7, f"{i % 3}.0")), [], "task: multiclass"
    ),
    "a class of one row": (
        rows("a,y", lambda i, r: (i % 7, ["it's", "b", "c"][i % 3] if i else 'odd "1"')), [],
        """drop: "y in ('odd \\"1\\"')"  """,
    ),
    "two classes once the third is gone": (
        rows("a,y", lambda i, r: (i % 7, ["yes", "no"][i % 2] if i else "")) + "1,maybe\n", [],
        """drop: "y is null or y in ('maybe')"  # 1 row without a label; classes of too few rows""",
    ),
    "prose": (
        rows("said,y", lambda i, r: (" ".join(r.choice("abcdefgh") * 3 for _ in range(9)), i % 2)), [], "text: [said]"
    ),
    "a copy of the target": (
        rows("a,twice,y", lambda i, r: (i % 7, 2 * i + 3, i + 0.5)), [], "# suspicious, left out: twice: goes with y"
    ),
    "a thousand columns": (
        rows(",".join(f"f{n}" for n in range(1000)) + ",y", lambda i, r: [r.randrange(999) / 9 for _ in range(1001)],
             count=60), [], "f999: {type: number, nullable: false}",
    ),
}  # fmt: skip
SLOW = {"a thousand columns": pytest.mark.slow}


@pytest.mark.parametrize(
    ("text", "options", "line"),
    [pytest.param(*drafted, id=name, marks=SLOW.get(name, ())) for name, drafted in DRAFTED.items()],
)
def test_a_draft_passes_check_and_plan(tmp_path, text, options, line):
    (tmp_path / "table.csv").write_text(text)
    made = here("init", "demo", "--data", "table.csv", "--target", "y", *options, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert line in (tmp_path / "demo" / "table.yaml").read_text()
    assert here("check", "table.yaml", cwd=tmp_path / "demo").returncode == 0
    planned = here("plan", "table.yaml", "--as-of", "latest", cwd=tmp_path / "demo")
    assert planned.returncode == 0, planned.stderr


def test_a_file_with_an_ending_of_its_own_is_read_as_csv(tmp_path):
    (tmp_path / "adult.data").write_text(PLAIN)
    assert here("init", "demo", "--data", "adult.data", "--target", "y", cwd=tmp_path).returncode == 0
    assert "  format: csv" in (tmp_path / "demo" / "adult.yaml").read_text()
    assert here("plan", "adult.yaml", cwd=tmp_path / "demo").returncode == 0


PLAIN = rows("a,y", lambda i, r: (i % 7, r.random()))
REFUSED = {
    "no header": (rows("", lambda i, r: (r.random(), "x", i)), "column_1", "looks like data", "--no-header"),
    "day or month": (
        rows("day,y", lambda i, r: (f"{1 + i % 12:02d}/{1 + i % 12:02d}/2020", r.random())),
        "y",
        "day/month",
        "--dates",
    ),
    "no useful feature": (
        rows("id,one,y", lambda i, r: (i, 7, r.random())),
        "y",
        "no useful feature for y",
        "one: the same value",
    ),
    "no such column": (PLAIN, "z", '--target: no column "z"', "there is a, y"),
    "too few rows": (rows("a,y", lambda i, r: (i, i), count=9), "y", "9 rows with a y", "at least 30"),
    "a target with signs": (rows("a,y", lambda i, r: (i, f"{i % 90}%")), "y", "such as 0%, which are read", "1234.5"),
    "a class too rare": (rows("a,y", lambda i, r: (i, "yes" if i < 4 else "no")), "y", "1 of the 2 values", "10 rows"),
    "a target of texts": (rows("a,y", lambda i, r: (i, f"t{i % 200}")), "y", "more than 80 different", "on average"),
    "another encoding": ("a,y\n1,größe\n".encode("latin1"), "a", "table.csv:2: not UTF-8 (byte 0xf6)", "iconv"),
}


@pytest.mark.parametrize(("text", "target", "what", "step"), REFUSED.values(), ids=REFUSED)
def test_refused_with_what_to_do(tmp_path, text, target, what, step):
    (tmp_path / "table.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = here("init", "demo", "--data", "table.csv", "--target", target, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert what in found.stderr and step in found.stderr
    assert not (tmp_path / "demo").exists()


def test_a_template_that_was_edited_is_kept(tmp_path):
    (tmp_path / "table.csv").write_text(PLAIN)
    make = ("init", "demo", "--data", "table.csv", "--target", "y")
    assert here(*make, cwd=tmp_path).returncode == 0
    assert here(*make, cwd=tmp_path).returncode == 0
    (tmp_path / "demo" / "table.yaml").write_text("name: mine\n")
    found = here(*make, cwd=tmp_path)
    assert found.returncode == 2 and "may have been edited" in found.stderr
    assert (tmp_path / "demo" / "table.yaml").read_text() == "name: mine\n"


def test_data_of_the_example_that_was_edited_is_kept(demo):
    path = demo / "data" / "flights" / "2013-01.parquet"
    path.write_text("mine")
    found = here("init", ".", cwd=demo)
    assert found.returncode == 2 and "may have been edited" in found.stderr
    assert path.read_text() == "mine"


def test_a_folder_without_a_name_is_refused(tmp_path):
    found = here("init", "", cwd=tmp_path)
    assert found.returncode == 2 and 'DIR: got ""' in found.stderr


@pytest.mark.ray
@pytest.mark.parametrize("timed", [False, True], ids=["split", "windows"])
def test_a_draft_runs_unedited(one_ray, tmp_path, timed):
    (tmp_path / "table.csv").write_text(rows("when,a,y", at_hour))
    options, as_of = (["--time", "when"], ["--as-of", "latest"]) if timed else ([], [])
    made = here("init", "demo", "--data", "table.csv", "--target", "y", *options, cwd=tmp_path)
    assert made.stdout.endswith(" ".join(["raytemplate run table.yaml", *as_of]) + "\n"), made.stderr
    done = here("run", "table.yaml", *as_of, cwd=tmp_path / "demo")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Approved: version 1" in done.stdout


def test_a_month_that_the_folders_give_is_no_feature_beside_the_time(tmp_path):
    for month in (1, 2, 3):
        folder = tmp_path / "hive" / f"month=2024-{month:02d}" / "place=north"
        folder.mkdir(parents=True)
        days = pd.date_range(f"2024-{month:02d}-01", periods=300, freq="2h")
        pd.DataFrame({"day": days, "x": range(300), "y": [float(n % 7) for n in range(300)]}).to_parquet(
            folder / "a.parquet"
        )
    made = here("init", "own", "--data", "hive", "--target", "y", "--time", "day", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "own" / "hive.yaml").read_text()
    assert "month follows from day" in made.stdout.replace("\n", " ") or "follows from day" in made.stdout
    assert "values: [2024-01" not in text and "categorical: [month" not in text


SUMMARISED = {
    "features of the time": (rows("when,a,y", at_hour), ["--time", "when"], "time when (weekday, hour) numeric a"),
    "epoch seconds": (
        rows("at,a,y", lambda i, r: (1_700_000_000 + 3601 * i, i % 7, r.random())), [],
        "to look at at: looks like seconds since 1970, used as a number",
    ),
    "epoch milliseconds": (
        rows("at,a,y", lambda i, r: (1_700_000_000_000 + 77 * i, i % 7, r.random())), [],
        "to look at at: looks like milliseconds since 1970, used as a number",
    ),
    "dates but for a few": (
        rows("day,a,y", lambda i, r: (f"2020-01-{1 + i % 28:02d}" if i % 40 else "later", i % 7, r.random())), [],
        'to look at day: dates except values such as "later", read as text: correct those',
    ),
    "few numbers with thousands": (
        rows("paid;a;y", lambda i, r: (f"{i * 4:,}", i % 7, r.random()), ";"), [],
        "left out paid: numbers such as 1,000, which are read as text: write them bare",
    ),
    "points between thousands": (
        rows("paid,a,y", lambda i, r: (f"{i * 99_991 + 1_000_000:,}".replace(",", "."), i % 7, r.random())), [],
        "left out paid: numbers such as 1.000.000, which are read as text: write them bare",
    ),
    "blanks between thousands": (
        rows("paid,a,y", lambda i, r: (f"{i * 991:,}".replace(",", " "), i % 7, r.random())), [],
        "left out paid: numbers such as 1 982, which are read as text: write them bare",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "options", "line"), SUMMARISED.values(), ids=SUMMARISED)
def test_the_summary_says_what_a_person_would_want_to_know(tmp_path, text, options, line):
    (tmp_path / "table.csv").write_text(text)
    made = here("init", "demo", "--data", "table.csv", "--target", "y", *options, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert f" {line}" in " ".join(made.stdout.split())


@pytest.mark.parametrize(
    "make",
    [
        lambda i, r: (900_000_000 + 9_000_000 * i, i % 7, r.random()),
        lambda i, r: (f"2020-01-{1 + i % 28:02d}", i % 7, r.random()),
        lambda i, r: (f"2020-01-{1 + i % 28:02d}" if i % 2 else "later", i % 7, r.random()),
        lambda i, r: (f"{i % 5}" if i % 20 else "ten", i % 7, r.random()),
    ],
    ids=["large numbers", "dates", "half of them dates", "numbers and a word"],
)
def test_the_summary_has_no_hint_where_nothing_is_to_be_done(tmp_path, make):
    (tmp_path / "table.csv").write_text(rows("when,a,y", make))
    made = here("init", "demo", "--data", "table.csv", "--target", "y", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "to look at" not in made.stdout and "numbers such as" not in made.stdout


def test_money_as_text_in_parquet_is_told_as_in_csv(tmp_path):
    table = pd.DataFrame(
        {
            "amount": [f"${1000 + n * 7:,}.30" for n in range(500)],
            "share": [f"{n % 90}.5%" for n in range(500)],
            "x": [n % 11 for n in range(500)],
            "y": [float(n % 7) for n in range(500)],
        }
    )
    table.to_parquet(tmp_path / "a.parquet")
    made = here("init", "own", "--data", "a.parquet", "--target", "y", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "numbers such as $1,000.30" in made.stdout and "numbers such as 0.5%" in made.stdout
    assert "keys: [amount]" not in (tmp_path / "own" / "a.yaml").read_text()


@pytest.mark.parametrize(("code", "text"), [("{:05d}", True), ("{:05d}E1", True), ("{}E1", False), ("1{:04d}", False)])
def test_codes_that_begin_with_zeros_are_text_whatever_stands_behind(code, text):
    values = [code.format(number) for number in range(50)]
    found = writing_of({"id": values})
    assert found == (("id",) if text else ())


def writing_of(columns):
    from raytemplate.starting.survey import writing

    return tuple(name for name, values in columns.items() if writing._are_codes(values))


@pytest.mark.parametrize(("scale", "same"), [(1e300, True), (1e-300, True), (1e300, False)])
def test_a_copy_of_a_column_is_known_at_any_size(scale, same):
    import pyarrow as pa

    from raytemplate.starting.survey.roles import _is_line

    one = [float((number * 37) % 101) for number in range(200)]
    other = one if same else [float((number * number) % 17) for number in range(200)]
    assert _is_line(pa.array(one), pa.array([scale * value for value in other])) is same
