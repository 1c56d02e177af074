"""`--variant smoke` of every example that is shipped: it runs, soon, and promotes nothing."""

import json
import shutil

import pytest
from command_line import PLAIN_RAY, environment, here, is_busy, only_run, raytemplate, record
from small_flights import SHIPPED, as_sets

from raytemplate import api
from raytemplate.errors import UsageError
from raytemplate.starting.examples import EXAMPLES

pytestmark = pytest.mark.ray
LIMIT_S, BUSY_LIMIT_S = 30, 120


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


@pytest.mark.slow
def test_every_stage_works_on_a_ray_of_which_no_private_part_is_used(demo):
    sets = as_sets({
        "tuning.space.training.lr": "loguniform(1e-3, 1e-1)", "tuning.search": "random", "budget.trials": 3,
        "resources.workers": 1,
    })  # fmt: skip
    typed = ["run", SHIPPED.name, "--as-of", "2013-02-20", *sets]
    done = raytemplate(*typed, cwd=demo, env=environment(**{PLAIN_RAY: "1"}))
    assert done.returncode == 0, done.stdout + done.stderr
    run = only_run(demo)
    assert [t["stage"] for t in record(run, "end")["timings"]] == [
        "start", "ingest", "sweep", "fit", "evaluate", "govern",
    ]  # fmt: skip
    assert record(run, "end")["state"] == "approved"
