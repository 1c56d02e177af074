"""A second run that begins with the weights of the first one's champion."""

from __future__ import annotations

import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.records.fitted import WarmStart

pytestmark = [pytest.mark.ray, pytest.mark.slow]
WARM = {"training.warm_start": "champion", "data.windows.train": "14d"}


def test_the_second_run_begins_with_the_champion_of_the_first(one_ray, small):
    first = api.run(api.plan(small(WARM), AS_OF))
    assert first.fit.warm_start == WarmStart(problem="there is no champion yet")
    planned = api.plan(small({**WARM, "training.lr": 1e-9}), "2013-02-20")
    second = api.run(planned)
    champion = WarmStart(version=1, digest=first.fit.candidate.digest)
    assert second.fit.warm_start == champion
    # Its learning rate changes nothing, so it predicts what the champion did, with today's scales and codes.
    assert second.fit.candidate.validation == pytest.approx(first.fit.candidate.validation, rel=0.25)
    assert "from the weights of version 1" in str(second)
    again = api.run(planned)
    assert again.fit.candidate.weights_sha256 == second.fit.candidate.weights_sha256
