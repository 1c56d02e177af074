"""Encodes the rows of a sweep once for each set of features that its trials draw."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.experimental import get_local_object_locations

from raytemplate.engines.ray.data.encoding import encode_rows
from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.trials.trial_rows import TrialRows
from raytemplate.models.saved import layout_of
from raytemplate.planning.features import drawn_steps
from raytemplate.planning.stages import FeatureStep

Steps = tuple[FeatureStep, ...]
_STORE_SHARE = 0.5


class FeatureSets:
    """Train and validation, encoded with every set of features that trials have drawn. The test window is not needed.

    Args:
        code: the run's copy of the project's code, for its own features.
        at_least: number of most recently used sets that are kept, however large they are.
        room_bytes: more sets are kept as long as all of them fit into this.

    Attributes:
        own: the rows encoded with the template's features.
    """

    def __init__(self, data: OpenData, code: Path, *, at_least: int, room_bytes: float) -> None:
        self._stage, self._rows, self._code, self._at_least = data.stage, data.rows, code, at_least
        refs = {name: data.refs[name] for name in ("train", "validation")}
        self.own = TrialRows(layout=ray.put(layout_of(data.ingested.features)), refs=refs)
        self._told = ray.put(replace(data.stage, files=()))
        self._made: dict[Steps, TrialRows] = {}
        self._used: dict[int, Steps] = {}
        self._room_bytes = room_bytes
        # Takes no CPU: the trials hold all of them, and the trial that needs the rows is waiting.
        self._encode: Any = ray.remote(num_cpus=0, num_returns=3)(encode_rows)

    def rows(self, trial: int, values: Mapping[str, Any]) -> TrialRows:
        """The rows for a trial with these values. Returns at once: the trial waits until they are encoded."""
        self._used[trial] = steps = drawn_steps(self._stage, values)
        if steps == self._stage.features:
            return self.own
        found = self._made.pop(steps, None) or self._begin(steps)
        self._made[steps] = found  # keeps the order of last use
        self._forget()
        return found

    def done(self, trial: int) -> None:
        """Call when a trial has ended. Rows still being encoded, or that failed to encode, are not kept."""
        steps = self._used.pop(trial, None)
        if steps in self._made and steps not in self._used.values() and not _is_good(self._made[steps]):
            ray.cancel(self._made.pop(steps).layout, force=True)

    def close(self) -> None:
        """End what is still being encoded."""
        for made in self._made.values():
            ray.cancel(made.layout, force=True)
        self._made.clear()

    def _begin(self, steps: Steps) -> TrialRows:
        refs = self._encode.remote(self._told, steps, self._code, self._rows["train"], self._rows["validation"])
        return TrialRows(layout=refs[0], refs={"train": refs[1], "validation": refs[2]})

    def _forget(self) -> None:
        """Drop the least recently used sets if there is no room for all. A trial that uses one keeps it alive."""
        num_bytes = {steps: _num_bytes(made) for steps, made in self._made.items()}
        for steps in list(self._made)[: -self._at_least]:
            if sum(num_bytes.values()) <= self._room_bytes:
                return
            del self._made[steps], num_bytes[steps]


def _is_good(rows: TrialRows) -> bool:
    try:
        ray.get(rows.layout, timeout=0)
    except RayError:  # not encoded yet, or the encoding failed, which the trial has reported
        return False
    return True


def _num_bytes(rows: TrialRows) -> int:
    """Bytes in the object store; 0 for what is still being encoded."""
    found = get_local_object_locations(list(rows.refs.values()))
    return sum(each["object_size"] or 0 for each in found.values())


def half_a_store() -> float:
    """Half of the bytes of the smallest object store in the cluster."""
    stores = [node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes() if node["Alive"]]
    return _STORE_SHARE * min(stores)
