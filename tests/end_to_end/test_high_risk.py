"""High risk in team mode: the promoter believes no figure that it has not computed itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.errors import WaitingForPromoter
from raytemplate.ledger import keys
from raytemplate.records.evaluated import Evaluation, Scored
from raytemplate.records.promoted import PromotionRecord

pytestmark = pytest.mark.ray
TEAM = "mode: team\nkeys: {{people: [{}], promoters: [{}]}}\n"


def better(scored: Scored) -> Scored:
    """The figures of a model that is twice as good."""
    metrics = {
        name: replace(metric, estimate=replace(metric.estimate, value=metric.estimate.value / 2))
        for name, metric in scored.metrics.items()
    }
    return replace(scored, metrics=metrics)


def test_a_forged_evaluation_is_refused_and_a_true_one_promoted(one_ray: None, demo: Any, small: Any) -> None:
    workspace = str(demo)
    (demo / "governance.yaml").write_text(TEAM.format(keys.signer("identity").key.id, keys.promoter().key.id))
    api.change_settings(demo / "governance.yaml", reason="two of us", workspace=workspace)
    spec = small({"governance.risk": "high", "governance.promotion": "automatic"})
    run = api.run(api.plan(spec, AS_OF), quiet=True)
    journal, true = run.journal, run.journal.need(Evaluation)
    assert (run.exit_code, journal.need(PromotionRecord).outcome) == (5, "asked")

    journal.write(replace(true, candidate=better(true.candidate)))
    [(_, forged)] = api.answer_requests(workspace=workspace)
    assert forged.exit_code == 7 and "candidate.metrics.mae.estimate.value is" in forged.what
    assert api.models(workspace=workspace) == []

    journal.write(true)
    with pytest.raises(WaitingForPromoter):
        api.promote(run, reason="it is true", workspace=workspace)
    [(_, answer)] = api.answer_requests(workspace=workspace)
    assert (answer.exit_code, answer.what, api.models(workspace=workspace)[0].champion_version) == (0, "", 1)
