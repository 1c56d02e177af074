"""What a run was made from, as MLflow's parameters: the fields of its template that people compare runs by."""

import re
from collections.abc import Iterator
from typing import Any

from mlflow.entities import Param

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.execution.lock import RunLock
from raytemplate.redact import redact
from raytemplate.reports.resolved import leaves, value_text
from raytemplate.reports.visible import visible

_MOST_LENGTH, _MOST_NAME_LENGTH = 6000, 250
"""Longest value and longest name that MLflow accepts, in characters."""
_COMPARED = ("data", "features", "evaluation", "resources", "budget", "tuning")
"""Namespaces of which the fields that some layer sets are logged; of `model` and `training` all are."""


def parameters(copied: Copied) -> list[Param]:
    """The parameters of a run; after a sweep, those of the winner."""
    plan = copied.plan
    drawn = copied.swept.best.values if copied.swept else {}
    found = {
        "as_of": plan.as_of.isoformat(),
        "template_version": plan.version,
        "ingest": plan.ingest.mode,
        "workers": plan.fit.workers,
        **dict(_set(copied.lock)),
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
    return Param(named, visible(redact(value_text(value)))[:_MOST_LENGTH])
