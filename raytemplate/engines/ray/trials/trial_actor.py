"""The actor that runs trials in a Ray of our own."""

import os
import platform
import time
from typing import Any

import ray
from typing_extensions import override

from raytemplate.engines.ray.trials.trial_calls import TrialCalls


class TrialActor(TrialCalls):
    """Answers Tune as `TrialTrainable` does, without importing Ray Tune, Ray Data and pandas, which takes a second.

    It keeps no checkpoints, writes no log files of its own and is never restored.
    """

    def __init__(self, config: dict[str, Any], trial_id: str) -> None:
        self._node_ip = ray.util.get_node_ip_address()
        self._begin(config, trial_id)
        self.setup(config)

    def _begin(self, config: dict[str, Any], trial_id: str) -> None:
        self._config, self._trial_id = config, trial_id
        self._num_results, self._total_s = 0, 0.0

    def reset(self, config: dict[str, Any], trial_id: str) -> bool:
        """Make ready for another trial."""
        self._begin(config, trial_id)
        return self.reset_config(config)

    def stop(self) -> None:
        """Tune calls this before the process ends; there is nothing to clean up."""

    def get_auto_filled_metrics(self, *, debug_metrics_only: bool = False) -> dict[str, Any]:
        """Where the trial runs and since when, as Tune has it in each result; in part also before the first."""
        where = {
            "trial_id": self._trial_id,
            "date": time.strftime("%Y-%m-%d_%H-%M-%S"),
            "timestamp": int(time.time()),
            "pid": os.getpid(),
            "hostname": platform.node(),
            "node_ip": self._node_ip,
            "config": self._config,
        }
        since = {
            "time_total_s": self._total_s,
            "time_since_restore": self._total_s,
            "iterations_since_restore": self._num_results,
        }
        return where if debug_metrics_only else where | since

    @override
    def train(self) -> dict[str, Any]:
        result = {"done": False, **self.step()}
        self._num_results += 1
        self._total_s += result["time_this_iter_s"]
        return result | self.get_auto_filled_metrics()
