"""Ray's Jobs API at an address: send, ask, read, stop; what it raises becomes one line with what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from raytemplate.engines.ray.attached import TOKEN_STEP, cluster_of
from raytemplate.errors import Forbidden, Unavailable, UsageError
from raytemplate.planning.inventory import Cluster

T = TypeVar("T")

_MOST_NODES = 10_000
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobState:
    """What the Jobs API says of a job; its status in Ray's word."""

    status: str
    message: str
    run_id: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in _ENDED


class Jobs:
    """The Jobs API at "http://host:8265". A token comes from Ray's own variables and is never kept.

    Raises:
        UsageError: not such an address, or one with a password in it.
        Forbidden: the token is missing or wrong.
        Unavailable: nobody answers.
    """

    def __init__(self, address: str) -> None:
        if not address.startswith(("http://", "https://")) or "@" in address:
            raise UsageError("--address: expected the Jobs API of a cluster without a password in it, such as "
                             "http://head:8265")  # fmt: skip
        self.address = address
        self._client = self._asked(lambda: _client(address))

    def send(self, submission_id: str, entrypoint: str, code: Path, run_id: str) -> bool:
        """Start a job; False where one of that id was sent before."""
        try:
            self._asked(lambda: self._client.submit_job(
                entrypoint=entrypoint, submission_id=submission_id, runtime_env={"working_dir": str(code)},
                metadata={"run": run_id},
            ))  # fmt: skip
        except Unavailable as error:
            if "already exists" in str(error.__cause__):
                return False
            raise
        return True

    def state(self, submission_id: str) -> JobState | None:
        """What became of a job so far; None where the cluster does not know it, as after its restart."""
        try:
            info = self._asked(lambda: self._client.get_job_info(submission_id))
        except Unavailable as error:
            if "does not exist" in str(error.__cause__):
                return None
            raise
        return JobState(
            status=str(info.status.value), message=info.message or "",
            run_id=(info.metadata or {}).get("run", ""),
        )  # fmt: skip

    def logs(self, submission_id: str) -> str:
        """All that the job has written so far."""
        return self._asked(lambda: str(self._client.get_job_logs(submission_id)))

    def stop(self, submission_id: str) -> None:
        """Ask the job to end; it is killed where it does not."""
        self._asked(lambda: self._client.stop_job(submission_id))

    def cluster(self) -> Cluster:
        """The nodes there are."""
        from ray.util.state import list_nodes

        found: list[Any] = self._asked(lambda: list_nodes(address=self.address, limit=_MOST_NODES, detail=True))
        alive = (node for node in found if node.state == "ALIVE")
        nodes = ((str(n.node_ip), dict(n.resources_total or {}), dict(n.labels or {})) for n in alive)
        return cluster_of(nodes, self.address)

    def _asked(self, question: Callable[[], T]) -> T:
        import requests
        from ray.exceptions import AuthenticationError
        from ray.util.state.exception import RayStateApiException

        try:
            return question()
        except AuthenticationError as error:
            raise Forbidden(f"the cluster at {self.address} does not accept this token",
                            next_step=TOKEN_STEP) from error  # fmt: skip
        except (ConnectionError, RuntimeError, requests.RequestException, RayStateApiException) as error:
            said = str(error).strip().partition("\n")[0]
            raise Unavailable(f"the cluster at {self.address}: {said}",
                              next_step="check the address, and that the cluster runs") from error  # fmt: skip


def _client(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    # Else it tells of every upload among the lines of progress.
    logging.getLogger("ray").setLevel(logging.ERROR)
    return JobSubmissionClient(address)
