"""`--variant smoke` of every example that is shipped: it runs, soon, and promotes nothing."""

import json
import shutil

import pytest
from command_line import environment, is_busy, raytemplate
from small_flights import SHIPPED

from raytemplate.starting.examples import EXAMPLES

pytestmark = pytest.mark.ray
LIMIT_S, BUSY_LIMIT_S = 30, 120


@pytest.mark.parametrize("name", EXAMPLES["flights"])
def test_the_smoke_of_an_example_ends_soon_and_promotes_nothing(demo, name):
    """The first on a Ray of which no private part is used."""
    env = environment(**({"RAYTEMPLATE_PLAIN_RAY": "1"} if name == EXAMPLES["flights"][0] else {}))
    for each in EXAMPLES["flights"]:
        shutil.copyfile(SHIPPED.parent / f"{each}.yaml", demo / f"{each}.yaml")
    typed = ["run", f"{name}.yaml", "--as-of", "2013-02-20", "--variant", "smoke", "--json"]
    done = raytemplate(*typed, cwd=demo, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)
    assert run["end"]["wall_clock_s"] < (BUSY_LIMIT_S if is_busy() else LIMIT_S)
    assert run["promotion"]["outcome"] == "shown"
