"""What a trial trains on, in the object store, and how it learns what is in there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ray

from raytemplate.engines.ray.encoding import Arrays
from raytemplate.engines.ray.rank import TrainRequest
from raytemplate.engines.ray.trouble import translate
from raytemplate.models.context import Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRows:
    """Rows encoded with the features that a trial drew, or still being encoded.

    Args:
        layout: reference of their columns.
        refs: window -> reference of {"dense", "codes", "target"}.
    """

    layout: ray.ObjectRef[Layout]
    refs: Mapping[str, ray.ObjectRef[Arrays]]


def made_for(rows: TrialRows, request: TrainRequest) -> TrainRequest:
    """The request with the layout of these rows, as soon as they are encoded.

    Raises:
        RaytemplateError: what their encoding failed with.
    """
    try:
        layout: Layout = ray.get(rows.layout)
    except Exception as error:  # Ray wraps what a task raised
        raise translate("sweep", error) or error from None
    return replace(request, assignment=replace(request.assignment, layout=layout))
