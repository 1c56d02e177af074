"""The rows of a sweep, encoded once for each set of features that its trials draw."""

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
    """Train and validation under every set of features that was drawn; the test window has no part in it.

    Args:
        code: the run's own code, for features that it makes.
        at_least: so many of those used last are kept, however large.
        room_bytes: more of them are, as long as all fit into that.

    Attributes:
        own: encoded with the template's features.
    """

    def __init__(self, data: OpenData, code: Path, *, at_least: int, room_bytes: float) -> None:
        self._stage, self._rows, self._code, self._at_least = data.stage, data.rows, code, at_least
        refs = {name: data.refs[name] for name in ("train", "validation")}
        self.own = TrialRows(layout=ray.put(layout_of(data.ingested.features)), refs=refs)
        self._told = ray.put(replace(data.stage, files=()))
        self._made: dict[Steps, TrialRows] = {}
        self._used: dict[int, Steps] = {}
        self._room_bytes = room_bytes
        # No CPU of its own: the trials have taken them, and the one that needs it waits.
        self._encode: Any = ray.remote(num_cpus=0, num_returns=3)(encode_rows)

    def rows(self, trial: int, values: Mapping[str, Any]) -> TrialRows:
        """What a trial with these values trains on. Returns at once: whoever needs it waits until it is encoded."""
        self._used[trial] = steps = drawn_steps(self._stage, values)
        if steps == self._stage.features:
            return self.own
        found = self._made.pop(steps, None) or self._begin(steps)
        self._made[steps] = found  # the last one is the one used last
        self._forget()
        return found

    def done(self, trial: int) -> None:
        """A trial has ended. What it has not waited for, or could not be encoded, is not kept."""
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
        """Let go of those used longest ago, where there is no room for all. A trial that trains on one still has it."""
        num_bytes = {steps: _num_bytes(made) for steps, made in self._made.items()}
        for steps in list(self._made)[: -self._at_least]:
            if sum(num_bytes.values()) <= self._room_bytes:
                return
            del self._made[steps], num_bytes[steps]


def _is_good(rows: TrialRows) -> bool:
    try:
        ray.get(rows.layout, timeout=0)
    except RayError:  # not there yet, or what its encoding failed with: the trial has told of it
        return False
    return True


def _num_bytes(rows: TrialRows) -> int:
    """As far as it is known: of what is being encoded it is not."""
    found = get_local_object_locations(list(rows.refs.values()))
    return sum(each["object_size"] or 0 for each in found.values())


def half_a_store() -> float:
    """Bytes, of the smallest object store there is."""
    stores = [node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes() if node["Alive"]]
    return _STORE_SHARE * min(stores)
