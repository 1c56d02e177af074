"""The rows that a trial trains on, in the object store, and their layout."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import ray
from ray.exceptions import GetTimeoutError

from raytemplate import plugins
from raytemplate.engines.ray.data.encoding import Arrays
from raytemplate.engines.ray.training.rank import TrainRequest
from raytemplate.engines.ray.trouble import translate
from raytemplate.models.context import Layout
from raytemplate.models.options import Family
from raytemplate.models.saved import seen_by


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRows:
    """Rows encoded with the features that a trial drew, or still being encoded."""

    layout: ray.ObjectRef[Layout]
    """Reference to the layout of their columns, not yet adapted to a family."""
    refs: Mapping[str, ray.ObjectRef[Arrays]]
    """Window -> reference to {"dense", "codes", "missing", "target"}."""


class RowsLate(Exception):
    """A trial's time was up before its rows were encoded."""


def made_for(rows: TrialRows, request: TrainRequest) -> TrainRequest:
    """The request with the layout of these rows; waits until they are encoded.

    Raises:
        RowsLate: encoding took longer than the trial's time.
        RaytemplateError: encoding failed.
    """
    left_s = request.assignment.left_s()
    try:
        layout: Layout = ray.get(rows.layout, timeout=max(0.0, left_s) if math.isfinite(left_s) else None)
    except GetTimeoutError:
        raise RowsLate("its features were not encoded within its time") from None
    except Exception as error:  # Ray wraps what a task raised
        raise translate("sweep", error) or error from None
    family: Family = plugins.load(plugins.FAMILIES, request.family)
    return replace(request, assignment=replace(request.assignment, layout=seen_by(family, layout)))
