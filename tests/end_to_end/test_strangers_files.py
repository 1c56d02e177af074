"""Files as users have them: drafted by `init --data`, and run unedited to a verdict, on one Ray."""

import gzip
import json
import random
from pathlib import Path

import pytest
import sklearn.datasets
from command_line import here

from raytemplate import api
from raytemplate.records.judged import Approved

pytestmark = [pytest.mark.ray]
SHIPPED_DATA = Path(sklearn.datasets.__file__).parent / "data"


def iris(folder):
    table = sklearn.datasets.load_iris(as_frame=True)
    frame = table.frame.assign(label=[table.target_names[n] for n in table.target]).drop(columns="target")
    frame.to_csv(folder / "iris.csv", index=False)
    return "iris.csv", "label"


def breast_cancer(folder):
    sklearn.datasets.load_breast_cancer(as_frame=True).frame.to_parquet(folder / "tumours.parquet")
    return "tumours.parquet", "target"


def diabetes_without_a_header(folder):
    rows = gzip.decompress((SHIPPED_DATA / "diabetes_data_raw.csv.gz").read_bytes()).decode().splitlines()
    truth = gzip.decompress((SHIPPED_DATA / "diabetes_target.csv.gz").read_bytes()).decode().splitlines()
    lines = "".join(f"{row} {float(y):g}\n" for row, y in zip(rows, truth, strict=True))
    (folder / "diabetes.csv.gz").write_bytes(gzip.compress(lines.encode()))
    return "diabetes.csv.gz", "column_11", "--no-header"


def penguins_with_a_third_sex(folder):
    draw = random.Random(0)
    lines = ["mass,species,sex"]
    for n in range(300):
        male = draw.random() < 0.5
        lines.append(f"{draw.gauss(4500 if male else 3700, 400):.0f}.0,Adelie,{'MALE' if male else 'FEMALE'}")
        lines += ["?,Gentoo,_"] if n == 150 else []
    (folder / "penguins.csv").write_text("\n".join(lines))
    return "penguins.csv", "sex"


def reviews(folder):
    draw = random.Random(0)
    with (folder / "reviews.jsonl").open("w") as file:
        for n in range(400):
            words = [draw.choice(["the", "food", "was", "by", "a", "waiter", "at", "noon"]) for _ in range(12)]
            words.insert(draw.randrange(12), "lovely" if n % 2 else "awful")
            stars = "good" if (n % 2 == 1) != (n % 20 == 0) else "bad"  # some raters use the scale the other way round
            file.write(json.dumps({"said": " ".join(words), "stars": stars}) + "\n")
    return "reviews.jsonl", "stars"


def sales_by_day(folder):
    draw = random.Random(0)
    lines = ["day;shop;sold"]
    for n in range(900):
        shop = draw.choice(["Ost", "West", "Süd"])
        sold = {"Ost": 3, "West": 7, "Süd": 1}[shop]
        lines.append(f"{1 + n % 28}.{1 + n // 75}.2020;{shop};{sold + draw.randrange(3)},{draw.randrange(10)}")
    (folder / "sales.csv").write_text("\n".join(lines))
    return "sales.csv", "sold", "--time", "day"


WRITTEN = (iris, breast_cancer, diabetes_without_a_header, penguins_with_a_third_sex, reviews, sales_by_day)
SLOW = WRITTEN[:3]


@pytest.mark.parametrize(
    "written",
    [pytest.param(each, id=each.__name__, marks=pytest.mark.slow if each in SLOW else ()) for each in WRITTEN],
)
def test_a_draft_runs_unedited_to_a_champion(one_ray, tmp_path, written):
    data, target, *options = written(tmp_path)
    made = here("init", "mine", "--data", data, "--target", target, *options, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    template = next((tmp_path / "mine").glob("*.yaml"))
    as_of = "latest" if "--time" in options else "now"
    done = api.run(api.plan(api.load(template), as_of))
    assert isinstance(done.verdict, Approved), done.verdict
