"""One model's fitted features in another one, on real flights."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from command_line import here
from small_flights import AS_OF

import raytemplate as rt
from raytemplate import api
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.fitted import set_digest

pytestmark = [pytest.mark.ray]

SET = {"features.numeric": ["distance", "temp"], "features.categorical": ["carrier", "origin"]}
LATE = {
    "name": "flights-late",
    "features.from": "features/flights-air-time/latest",
    "features.numeric": ["visib"],
    "features.categorical": ["dest"],
    "features.datetime.time_hour": None,
    "features.columns.precip": None,
    "model.kind": "lightgbm",
    "model.num_trees": 20,
}


@pytest.mark.slow
def test_a_model_takes_the_features_of_another_predicts_and_is_made_again(one_ray, small, demo):
    first = api.run(api.plan(small({**SET, "features.columns.precip": None}), AS_OF), quiet=True)
    planned = api.plan(small(LATE), AS_OF)
    assert "5 from features/flights-air-time/1" in str(planned) and "2 of its own: numeric visib" in str(planned)
    run = api.run(planned, quiet=True)
    taken, fitted = planned.plan.ingest.taken, run.journal.need(FittedFeatures)
    assert fitted.features[:5] == first.journal.need(FittedFeatures).features
    assert set_digest(fitted.features[:5], fitted.gaps[: len(taken.gaps)]) == taken.digest

    rows = pq.read_table(demo / "data/flights/2013-02.parquet").slice(0, 50)
    new = rows.set_column(rows.column_names.index("carrier"), "carrier", [["new"] * 50])
    model = rt.model("flights-late", workspace=str(demo))
    assert len(model.predict(rows)) == 50 and model.saved.predict(new)[1] == 50

    assert rt.reproduce(run, workspace=str(demo), quiet=True).record.same_weights
    assert "features taken" in here("lineage", "flights-late", cwd=demo).stdout
    told = here("lineage", "features/flights-air-time/1", cwd=demo).stdout
    assert f"flights-late/1   {run.id}" in told and taken.digest[:12] in told
    card = (run.journal.folder / "model-card.md").read_text()
    assert "5 from features/flights-air-time/1" in card and "taken as they were fitted" in rt.report(
        run, workspace=str(demo)
    )
