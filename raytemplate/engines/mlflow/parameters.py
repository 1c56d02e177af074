"""What a run was made from, as MLflow's parameters: the fields of its template that people compare runs by."""

import re
from collections.abc import Iterator
from typing import Any

from mlflow.entities import Param

from raytemplate.execution.lock import RunLock
from raytemplate.planning.stages import RunPlan
from raytemplate.records.swept import SweepResult
from raytemplate.redact import redact
from raytemplate.reports.resolved import leaves, value_text

_MOST_LENGTH, _MOST_NAME_LENGTH = 6000, 250
"""Characters that MLflow takes of a value, and of a name."""
_COMPARED = ("data", "features", "evaluation", "resources", "budget", "tuning")
"""Namespaces of which the fields that some layer sets are logged; of `model` and `training` all are."""


def parameters(lock: RunLock, plan: RunPlan, swept: SweepResult | None) -> list[Param]:
    """The parameters of a run.

    Args:
        plan: the run's, with what was trained last in the place of what its sweep began from.
    """
    drawn = swept.best.values if swept else {}
    found = {
        "as_of": plan.as_of.isoformat(),
        "template_version": plan.version,
        "ingest": plan.ingest.mode,
        "workers": plan.fit.workers,
        **dict(_set(lock)),
        **{f"model.{key}": value for key, value in plan.fit.model.items()},
        **{f"training.{key}": value for key, value in plan.fit.training.items()},
        **{name: value for name, value in drawn.items() if name.startswith("features.")},
    }
    return [parameter(name, value) for name, value in found.items() if value is not None]


def _set(lock: RunLock) -> Iterator[tuple[str, Any]]:
    """What layers set in the namespaces that are compared."""
    for path, value in leaves(lock.resolved):
        if path.partition(".")[0] in _COMPARED and path in lock.origins:
            yield path, value


def parameter(name: str, value: object) -> Param:
    """A parameter without secrets, cut to MLflow's limits, under a name as MLflow takes it."""
    named = re.sub(r"[^\w./: -]", "_", name)[:_MOST_NAME_LENGTH]
    return Param(named, redact(value_text(value))[:_MOST_LENGTH])
