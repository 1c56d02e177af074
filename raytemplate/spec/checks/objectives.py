"""Checks that a sweep of several objectives sets everything it needs, and nothing that contradicts it."""

from raytemplate import plugins
from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.spec.locate import Locations
from raytemplate.spec.wording import either
from raytemplate.tuning.front import SECONDS
from raytemplate.tuning.options import TuningSpec


def check_objectives(locations: Locations, tuning: TuningSpec, evaluation: EvaluationSpec) -> None:
    """Notes objectives that nothing measures, several without a pick, and settings that allow only one objective."""
    names = tuning.objectives
    known = (evaluation.metric, *evaluation.also, SECONDS)
    for item, name in enumerate(names):
        if name not in known:
            locations.note(
                "tuning.objectives",
                f'got "{name}", expected {either(known)}; a metric that is missing goes into evaluation.also',
                item=item,
            )
        elif name in names[:item]:
            locations.note("tuning.objectives", f'"{name}" is listed twice', item=item)
    if names and names[0] != evaluation.metric and names[0] in known:
        locations.note("tuning.objectives", f"expected {evaluation.metric} first, which is evaluation.metric", item=0)
    if len(names) < 2:
        if tuning.pick:
            locations.note("tuning.pick", "is for several objectives; set tuning.objectives, or remove it")
        return
    if tuning.pick is None:
        locations.note(
            "tuning.objectives",
            f"several need a rule for which trial is the candidate; set tuning.pick: {{best: {names[1]}, within: 5 %}}",
        )
    elif names[0] == evaluation.metric and tuning.pick.best not in names[1:]:
        locations.note("tuning.pick.best", f'got "{tuning.pick.best}", expected {either(names[1:])}')
    if tuning.scheduler != "none":
        locations.note(
            "tuning.scheduler",
            f"is {tuning.scheduler}, which ends trials early by one objective; with several expected none",
        )
    if plugins.is_known(plugins.SEARCHES, tuning.search):
        search = plugins.load(plugins.SEARCHES, tuning.search)
        if not getattr(search, "several_objectives", True):
            locations.note(
                "tuning.search", f"{tuning.search} searches for one objective only; expected random, grid, tpe or gp"
            )
