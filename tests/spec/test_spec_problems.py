# ruff: noqa: E501
"""All problems at once, each with its location: whole messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_text import WHOLE, write

from raytemplate import plugins
from raytemplate.document import parse
from raytemplate.errors import SpecError
from raytemplate.spec.load import from_resolved, load

FAMILIES = " or ".join(plugins.names(plugins.FAMILIES))


def problems(folder: Path, text: str, **layers: object) -> list[str]:
    path = write(folder, text)
    with pytest.raises(SpecError) as caught:
        load(path, environ={}, **layers)  # type: ignore[arg-type]
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def edited(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "name: air-time",
            "name: Air Time",
            't.yaml:1  name: got "Air Time", expected lower-case letters, digits and dashes such as "flights-air-time"',
        ),
        ("owner: ops", "ownr: ops", "t.yaml:2  ownr: no such field; did you mean owner?"),
        ("owner: ops", "epochs: 3", "t.yaml:2  epochs: no such field; did you mean training.epochs?"),
        ("owner: ops", "owner: [a]", 't.yaml:2  owner: got ["a"], expected text'),
        ("owner: ops", "extends: base.yaml", "t.yaml:2  extends: base.yaml: no such file"),
        (
            "owner: ops",
            "extends: 3",
            "t.yaml:2  extends: expected another template such as base.yaml or raytemplate:tabular-regression",
        ),
        (
            "owner: ops",
            "extends: raytemplate:tabular-regresion",
            't.yaml:2  extends: no such shipped template: "tabular-regresion"; did you mean raytemplate:tabular-regression?',
        ),
        ("owner: ops", "extends: t.yaml", "t.yaml:2  extends: a cycle: t.yaml extends t.yaml"),
        ("  target: air_time\n", "", "t.yaml:3  data.target: missing; expected column to predict"),
        (
            "  target: air_time",
            "  targt: air_time\n  target: x",
            "t.yaml:6  data.targt: no such field; did you mean data.target?",
        ),
        (
            "air_time is null",
            "f(x)",
            't.yaml:7  data.drop: got "f(x)", expected a SQL condition over columns such as "air_time is null"; f(x) is not allowed',
        ),
        (
            "air_time is null",
            "\"carrier = ''\"",
            "t.yaml:7  data.drop: carrier = '': blank text is missing, so nothing is equal to it; write carrier is null",
        ),
        (
            "  numeric: [distance",
            "  from: flights/3\n  numeric: [distance",
            't.yaml:9  features.from: got "flights/3", expected features/MODEL/VERSION or features/MODEL/latest',
        ),
        ("[distance, seats]", "[distance, 3]", "t.yaml:9  features.numeric: got 3, expected text"),
        (
            "[distance, seats]",
            "distance",
            't.yaml:9  features.numeric: got "distance", expected a list of names such as [a, b]',
        ),
        (
            "[distance, seats]",
            "[distance, distance]",
            't.yaml:9  features.numeric: "distance" is already in features.numeric; a column is one feature',
        ),
        (
            "[distance, seats]",
            "[distance,\n   air_time]",
            't.yaml:10  features.numeric: "air_time" is data.target; what is predicted cannot be a feature',
        ),
        (
            "[carrier]\n  d",
            "[dep_delay]\n  d",
            't.yaml:10  features.categorical: "dep_delay" matches "dep_*" in features.forbidden',
        ),
        (
            "[carrier]\n  d",
            "[seats]\n  d",
            't.yaml:10  features.categorical: "seats" is already in features.numeric; a column is one feature',
        ),
        (
            "[hour]",
            "[hours]",
            't.yaml:11  features.datetime.time_hour: got "hours", expected minute, hour, weekday, day, month, quarter, dayofyear, year, minute-cycle, hour-cycle, weekday-cycle, month-cycle or dayofyear-cycle',
        ),
        (
            "{distance: {transform",
            "{distanc: {transform",
            "t.yaml:12  features.columns.distanc: no such feature; did you mean distance?",
        ),
        (
            "transform: log",
            "transfrm: log",
            "t.yaml:12  features.columns.distance.transfrm: no such field; did you mean features.columns.distance.transform?",
        ),
        (
            "transform: log",
            "transform: sqrt",
            't.yaml:12  features.columns.distance.transform: got "sqrt", expected none or log',
        ),
        (
            "transform: log",
            "kind: bucket",
            't.yaml:12  features.columns.distance.kind: no such kind of feature: "bucket"; did you mean buckets?',
        ),
        (
            "transform: log",
            "kind: categorical",
            't.yaml:12  features.columns.distance.kind: "categorical" is for columns in features.categorical or features.crosses; this one is in features.numeric',
        ),
        (
            "{distance: {transform: log}}",
            "{carrier: {kind: ordinal}}",
            "t.yaml:12  features.columns.carrier.order: missing; expected all values from the lowest to the highest, such as [S, M, L, XL]",
        ),
        (
            "  forbidden",
            "  crosses: {route: [origin]}\n  forbidden",
            't.yaml:13  features.crosses.route: got ["origin"], expected a list of names such as [a, b]',
        ),
        (
            "  forbidden",
            "  crosses: {route: [origin, dep_time]}\n  forbidden",
            't.yaml:13  features.crosses.route: "dep_time" matches "dep_*" in features.forbidden',
        ),
        (
            "  forbidden",
            "  crosses: {carrier: [origin, dest]}\n  forbidden",
            't.yaml:13  features.crosses.carrier: "carrier" is already in features.categorical; a column is one feature',
        ),
        (
            "  forbidden",
            "  text: [air_time]\n  forbidden",
            't.yaml:13  features.text: "air_time" is data.target; what is predicted cannot be a feature',
        ),
        (
            "transform: log",
            "kind: buckets, edges: [3, 1]",
            "t.yaml:12  features.columns.distance: edges do not rise; expected rising ones such as [18, 30, 65]",
        ),
        (
            "transform: log",
            "kind: buckets, edges: [1, 3], buckets: 4",
            "t.yaml:12  features.columns.distance: buckets and edges are both given; expected one of them",
        ),
        (
            "transform: log",
            "kind: power, transform: log",
            "t.yaml:12  features.columns.distance.transform: no such field; there is none here",
        ),
        (
            "kind: tabular-mlp",
            "kind: tabular-mpl",
            't.yaml:14  model.kind: no such family: "tabular-mpl"; did you mean tabular-mlp?',
        ),
        (
            "kind: tabular-mlp",
            "kind: Random-Forest",
            (
                't.yaml:14  model.kind: no such family: "Random-Forest"; the nearest is lightgbm; others come with packages'
                " that offer them (docs/plug-ins.md)"
            ),
        ),
        ("kind: tabular-mlp, ", "", f"t.yaml:14  model.kind: missing; expected a model family: {FAMILIES}"),
        ("hidden: 64", "hiden: 64", "t.yaml:14  model.hiden: no such field; did you mean model.hidden?"),
        ("hidden: 64", "layers: 99", "t.yaml:14  model.layers: got 99, expected a whole number of layers, 1 to 32"),
        (
            "hidden: 64",
            "hidden: 999999999",
            "t.yaml:14  model.hidden: got 999999999, expected a whole number, 1 to 65,536",
        ),
        (
            "epochs: 6",
            "batch_size: 20000000",
            "t.yaml:15  training.batch_size: got 20000000, expected a whole number, 1 to 10,000,000",
        ),
        (
            "epochs: 6",
            "epochs: ten",
            't.yaml:15  training.epochs: got "ten", expected a whole number of epochs, 1 or more',
        ),
        (
            "epochs: 6",
            "epochs: true",
            "t.yaml:15  training.epochs: got true, expected a whole number of epochs, 1 or more",
        ),
        (
            "epochs: 6",
            "epochs: '6'",
            't.yaml:15  training.epochs: got "6", expected a whole number of epochs, 1 or more',
        ),
        ("loss: mae", "loss: l1", 't.yaml:15  training.loss: got "l1", expected mae, mse, huber, quantile or log-loss'),
        ("0.005 USD", "40 EUR", 't.yaml:16  budget.cost: got "40 EUR", expected US dollars such as "40 USD"'),
        (
            "per_worker: {memory: 512 MiB}",
            "gpus: 1",
            "t.yaml:17  resources.gpus: no such field; did you mean resources.per_worker.gpus?",
        ),
        (
            "memory: 512 MiB",
            "cpus: 0",
            "t.yaml:17  resources.per_worker.cpus: got 0, expected a number of cpus, above 0",
        ),
        (
            "{memory: 512 MiB}",
            "2",
            "t.yaml:17  resources.per_worker: got 2, expected a mapping of cpus, gpus, accelerator, memory",
        ),
        ("[rmse]", "[rmsle]", 't.yaml:19  evaluation.also: no such metric: "rmsle"; did you mean rmse?'),
        ("[rmse]", "[rmse, rmse]", 't.yaml:19  evaluation.also: "rmse" is listed twice'),
        (
            "[carrier]}",
            "[air_time]}",
            't.yaml:20  evaluation.baseline.median_by: "air_time" is data.target; a baseline cannot group by what is predicted',
        ),
        (
            "[carrier]}",
            "[], mean_by: []}",
            "t.yaml:20  evaluation.baseline: expected exactly one of median_by, mean_by and quantile_by",
        ),
        (
            "metric-limit:",
            "metric-limt:",
            't.yaml:23  governance.gates.metric-limt: no such gate: "metric-limt"; did you mean metric-limit?',
        ),
        (
            "{mae: 12}",
            "{r2: 0.5}",
            "t.yaml:23  governance.gates.metric-limit.r2: not computed; add r2 to evaluation.also",
        ),
        ("{mae: 12}", "", "t.yaml:23  governance.gates.metric-limit: got nothing, expected a mapping"),
        (
            "{mae: 12}",
            "{mae: -12}",
            "t.yaml:23  governance.gates.metric-limit.mae: got -12, expected 0 or more, which is all that mae can be",
        ),
        (
            "min_gain: 0",
            "min_gian: 0",
            "t.yaml:24  governance.gates.beats-baseline.min_gian: no such field; did you mean governance.gates.beats-baseline.min_gain?",
        ),
        (
            "beats-baseline: {min_gain: 0}",
            "too-good: {accept: {distnce: known before}}",
            "t.yaml:24  governance.gates.too-good.accept.distnce: no feature uses it; did you mean distance?",
        ),
        (
            "beats-baseline: {min_gain: 0}",
            "too-good: {accept: {distance: ''}}",
            't.yaml:24  governance.gates.too-good.accept.distance: got "", expected text',
        ),
        (
            "data.ingest: memory",
            "data.ingets: memory",
            "t.yaml:26  variants.smoke.data.ingets: no such field; did you mean data.ingest?",
        ),
        (
            "training: {epochs: 1}",
            "training: {epohcs: 1}",
            "t.yaml:26  variants.smoke.training.epohcs: no such field; did you mean training.epochs?",
        ),
        (
            "training: {epochs: 1}",
            "model.hiden: 1",
            "t.yaml:26  variants.smoke.model.hiden: no such field; did you mean model.hidden?",
        ),
        (
            "{data.ingest: memory, training: {epochs: 1}}",
            "3",
            "t.yaml:26  variants.smoke: got 3, expected a mapping such as {training.epochs: 1}",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problem: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_text(edited(old, new))
    with pytest.raises(SpecError) as caught:
        load("t.yaml", environ={})
    assert [str(p) for p in caught.value.problems] == [problem]


def test_all_problems_of_all_layers_in_order(tmp_path: Path) -> None:
    text = edited("epochs: 6", "epohcs: 6").replace("  time: time_hour\n", "").replace("loss: mae", "loss: l1")
    found = problems(
        tmp_path,
        text,
        sets=["training.lr=0", "foo", "resources.workers=many"],
        overrides={"training.seed": -1, "data.ingest": object},
    )
    assert found == [
        "t.yaml:14  training.epohcs: no such field; did you mean training.epochs?",
        't.yaml:14  training.loss: got "l1", expected mae, mse, huber, quantile or log-loss',
        "--set training.lr=0  training.lr: got 0, expected a number, above 0",
        '--set resources.workers=many  resources.workers: got "many", expected auto, a whole number, 0 (this process) or more, or a range such as 2..8',
        "set training.seed  training.seed: got -1, expected a whole number, 0 or more and below 2,147,483,648",
        "--set foo  expected PATH=VALUE such as training.epochs=3",
        "set data.ingest  got <class 'object'>, expected text, a number, true or false, a list or a mapping",
        "t.yaml:3  data.time: missing; expected the column with the time of a row, or data.split for data without one",
    ]


def test_problems_print_as_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, edited("epochs: 6", "epohcs: 6"))
    with pytest.raises(SpecError) as caught:
        load(path, sets=["training.lr=0"], environ={})
    width = len(f"{path}:15")
    assert str(caught.value).splitlines() == [
        f"{path}:15  training.epohcs: no such field; did you mean training.epochs?",
        f"{'--set training.lr=0':<{width}}  training.lr: got 0, expected a number, above 0",
        "2 problems; nothing was started.",
    ]


def test_missing_values_are_located_at_their_namespace(tmp_path: Path) -> None:
    found = problems(tmp_path, "name: x\ndata:\n")
    assert [line.partition(";")[0] for line in found] == [
        "t.yaml:1  features: no features",
        "t.yaml:1  model.kind: missing",
        "t.yaml:2  data.source: missing",
        "t.yaml:2  data.target: missing",
        "t.yaml:2  data.time: missing",
    ]


def test_unknown_variant_names_the_nearest(tmp_path: Path) -> None:
    assert problems(tmp_path, WHOLE, variant="smoek") == ["--variant smoek  no such variant; did you mean smoke?"]


def test_environment_is_named_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(write(tmp_path), environ={"RAYTEMPLATE_SET_TRACKING__URL": "https://me:secret@host"})
    assert [str(p) for p in caught.value.problems] == [
        "environment RAYTEMPLATE_SET_TRACKING__URL  tracking.url: no such field; did you mean tracking.uri?"
    ]


def test_password_in_set_is_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, WHOLE, sets=["tracking.url=https://me:secret@host"])
    assert found == ["--set tracking.url=https://***@host  tracking.url: no such field; did you mean tracking.uri?"]
    (fault,) = problems(tmp_path, WHOLE, sets=["data.source=s3://AKIA:se/cret@lake/a.parquet"])
    assert fault.startswith("--set data.source=s3://***@lake/a.parquet  data.source: a URI must not contain a password")
    assert "cret" not in fault


def test_a_url_with_a_password_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    sets = [
        "tracking.uri=https://me:canary@host",
        "data.source=s3://me:canary@bucket/x",
        "data.keys=[a, 'b://c:canary@d']",
    ]
    with pytest.raises(SpecError) as caught:
        load(write(tmp_path), sets=sets, environ={})
    assert "canary" not in str(caught.value)
    said = [f"{p.path}: {p.message}" for p in caught.value.problems if "password" in p.message]
    a = "a URL with a password in it, which a template must not hold;"
    refer = "put the whole URL into a variable or file and refer to it: {env: NAME} or {file: PATH}"
    leave = "leave it out: the tools that need credentials look them up themselves"
    bucket = "a URI must not contain a password, which would appear in every record; expected s3://BUCKET/PATH, and "
    bucket += "the key in the environment: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    assert sorted(said) == [f"data.keys: {a} {leave}", f"data.source: {bucket}", f"tracking.uri: {a} {refer}"]


def test_a_reference_may_stand_where_it_is_declared_and_nowhere_else(tmp_path: Path) -> None:
    sets = ["tracking.uri={env: TRACK}"]
    spec = load(write(tmp_path), sets=sets, environ={})
    assert (spec.tracking.uri, spec.resolved["tracking"]["uri"]) == ("secret:env:TRACK", {"env": "TRACK"})
    assert len(problems(tmp_path, WHOLE, sets=["data.source={env: TRACK}"])) == 1


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "ten", "auto", "7d", "all", "mae", "lightgbm", "air_time", "a is null", "raytemplate:x"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    LEAVES,
    lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.text(max_size=6), v, max_size=3)),
    max_leaves=6,
)
KNOWN = parse(WHOLE.encode(), "t.yaml")
EDITS = st.lists(
    st.tuples(st.sampled_from([*KNOWN.lines, "x", "data.x", "training.lr"]), VALUES, st.booleans()), max_size=4
)


def put(document: dict[str, object], path: str, value: object, remove: bool) -> None:
    *above, key = path.split(".")
    holder: object = document
    for part in above:
        holder = holder.get(part) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and path:
        holder.pop(key, None) if remove else holder.update({key: value})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_any_edit_loads_or_gives_located_problems(tmp_path: Path, edits: list[tuple[str, object, bool]]) -> None:
    document: dict[str, object] = json.loads(json.dumps(KNOWN.value))
    for path, value, remove in edits:
        put(document, path, value, remove)
    text = json.dumps(document, ensure_ascii=True)
    try:
        spec = load(write(tmp_path, text), environ={})
    except SpecError as error:
        assert error.problems and all(problem.where and problem.message for problem in error.problems)
    else:
        assert from_resolved(json.loads(json.dumps(spec.resolved)), spec.origins, spec.path) == spec


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "  time: time_hour\n",
            "  time: time_hour\n  split: {test: 20 %}\n",
            "t.yaml:6  data.split: is for data without data.time; windows of time are the stricter test",
        ),
        (
            "  time: time_hour\n",
            "  split: {test: 20 %}\n  windows: {test: 7d}\n",
            "t.yaml:6  data.windows: need data.time, which is not set; data.split replaces them",
        ),
        (
            "  time: time_hour\n",
            "  split: {test: 20 %, ignore: [row]}\n  keys: [flight]\n",
            "t.yaml:5  data.split.ignore: has no effect with data.keys, by which rows are split",
        ),
        (
            "  time: time_hour\n",
            "  split: {test: 0.2}\n",
            't.yaml:5  data.split.test: got 0.2, expected a share such as "15 %"',
        ),
        (
            "  time: time_hour\n",
            "  split: {test: 50 %, validation: 50 %}\n",
            "t.yaml:5  data.split: validation and test leave nothing to train on; together they must be less than 100 %",
        ),
        (
            "  time: time_hour\n",
            "",
            "t.yaml:3  data.time: missing; expected the column with the time of a row, or data.split for data without one",
        ),
    ],
    ids=["both", "windows", "ignore beside keys", "share", "nothing-left", "neither"],
)
def test_a_split_and_a_time_exclude_each_other(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert problems(tmp_path, edited(old, new)) == [problem]


@pytest.mark.parametrize("wrong", ["all", "0d", "3 moons"])
def test_a_cadence_is_a_length_of_time(tmp_path: Path, wrong: str) -> None:
    found = problems(tmp_path, edited("governance:\n", f"governance:\n  cadence: {wrong}\n"))
    assert len(found) == 1
    assert found[0].startswith(
        f't.yaml:22  governance.cadence: got "{wrong}", expected a length of time such as "1 month" or "2 weeks"'
    )


def test_values_that_none_can_be_are_told_with_all_others_and_once(tmp_path: Path) -> None:
    text = edited("epochs: 6", "epochs: .nan, lr: 0").replace("hidden: 64", f"hidden: {'9' * 301}")
    text = text.replace("[distance, seats]", "[distance, -.inf]").replace("owner: ops", "owner: .inf\nepochs: 1")
    assert problems(tmp_path, text, sets=["training.seed=-1"]) == [
        "t.yaml:2  owner: got .inf, expected a finite number",
        "t.yaml:3  epochs: no such field; did you mean training.epochs?",
        "t.yaml:10  features.numeric.1: got -.inf, expected a finite number",
        "t.yaml:15  model.hidden: a number of 301 digits, expected at most 300",
        "t.yaml:16  training.epochs: got .nan, expected a finite number",
        "t.yaml:16  training.lr: got 0, expected a number, above 0",
        "--set training.seed=-1  training.seed: got -1, expected a whole number, 0 or more and below 2,147,483,648",
    ]


@pytest.mark.parametrize("variant", [None, "smoke"])
def test_value_of_a_variant_that_none_can_be_is_told_once(tmp_path: Path, variant: str | None) -> None:
    text = edited("training: {epochs: 1}", "training: {epochs: .nan}").replace("lr: ", "lrr: ")
    found = problems(tmp_path, text.replace("loss: mae", "loss: l1"), variant=variant)
    assert found == [
        't.yaml:15  training.loss: got "l1", expected mae, mse, huber, quantile or log-loss',
        "t.yaml:26  variants.smoke.training.epochs: got .nan, expected a finite number",
    ]


def test_value_of_a_parent_that_none_can_be_is_told_in_its_file(tmp_path: Path) -> None:
    write(tmp_path, "training: {lr: .inf}\n").rename(tmp_path / "base.yaml")
    assert problems(tmp_path, edited("owner: ops", "extends: base.yaml").replace("epochs: 6", "epochs: 0")) == [
        "t.yaml:15  training.epochs: got 0, expected a whole number of epochs, 1 or more",
        "base.yaml:1  training.lr: got .inf, expected a finite number",
    ]
