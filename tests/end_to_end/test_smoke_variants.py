"""`--variant smoke` of every shipped example runs quickly and promotes nothing."""

import json
import shutil

import pytest
from command_line import here, is_busy
from small_flights import SHIPPED

from raytemplate import api
from raytemplate.errors import UsageError
from raytemplate.starting.examples import EXAMPLES

pytestmark = [pytest.mark.ray, pytest.mark.alone]
LIMIT_S, BUSY_LIMIT_S = 30, 120


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES["flights"])
def test_the_smoke_of_an_example_ends_soon_and_promotes_nothing(one_ray, demo, name):
    for each in EXAMPLES["flights"]:
        shutil.copyfile(SHIPPED.parent / f"{each}.yaml", demo / f"{each}.yaml")
    typed = ["run", f"{name}.yaml", "--as-of", "2013-02-20", "--variant", "smoke", "--json"]
    done = here(*typed, cwd=demo)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)
    assert run["end"]["wall_clock_s"] < (BUSY_LIMIT_S if is_busy() else LIMIT_S)
    assert (run["promotion"]["outcome"], run["end"]["state"], run["end"]["exit_code"]) == ("shown", "shown", 0)
    with pytest.raises(UsageError):
        api.model(api.load(demo / f"{name}.yaml").name, workspace=str(demo))
