"""Any template either compiles or is refused with a message; it never crashes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sample_inventory import inventory, node, spec_of

from raytemplate.errors import RaytemplateError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec

LENGTH = st.sampled_from(["all", "0d", "1d", "90d", "3 months", "5 years", "12h", "7", ""])
COLUMNS = st.lists(
    st.sampled_from(["distance", "temp", "carrier", "air_time", "dep_delay", "tmp", "time_hour", ""]), max_size=4
)
NUMBER = st.one_of(st.integers(-2, 70), st.floats(allow_nan=True), st.sampled_from(["ten", "auto", None, True, "1e-3"]))
VALUES = {
    "data.windows.train": LENGTH, "data.windows.validation": LENGTH, "data.windows.test": LENGTH,
    "data.windows.label_delay": LENGTH, "data.ingest": st.sampled_from(["auto", "memory", "stream", "disk"]),
    "data.drop": st.sampled_from(["", "air_time is null", "nope > 3", "1 +", "distance > 100 and carrier = 'UA'"]),
    "data.target": st.sampled_from(["air_time", "carrier", "airtime"]),
    "features.numeric": COLUMNS, "features.categorical": COLUMNS,
    "model.kind": st.sampled_from(["tabular-mlp", "lightgbm", "forest"]), "model.hidden": NUMBER,
    "training.epochs": NUMBER, "training.lr": NUMBER, "training.seed": NUMBER,
    "resources.workers": NUMBER, "resources.per_worker.cpus": NUMBER, "resources.per_worker.gpus": NUMBER,
    "budget.time": st.sampled_from(["10m", "1s", "0s", "9", "1h"]),
    "evaluation.metric": st.sampled_from(["mae", "r2", "accuracy"]),
    "evaluation.baseline.median_by": COLUMNS,
    "governance.gates.metric-limit.mae": NUMBER,
}  # fmt: skip
CHANGES = st.lists(st.sampled_from(sorted(VALUES)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})
)


@settings(max_examples=150, deadline=None)
@given(
    changes=CHANGES,
    as_of=st.sampled_from(["2013-06-01", "now", "latest", "2015-01-01", "soon"]),
    cpus=st.integers(1, 40),
)
def test_any_spec_compiles_or_is_refused_in_words(changes, as_of, cpus):
    try:
        plan = compile_plan(spec_of(changes), inventory(node(cpus=float(cpus))), as_of)
    except RaytemplateError as refused:
        assert refused.what.strip()
        assert refused.exit_code in (2, 3)
    else:
        assert codec.loads(RunPlan, codec.dumps(plan)) == plan
