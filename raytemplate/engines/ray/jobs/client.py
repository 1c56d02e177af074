"""A client of Ray's Jobs API that turns every failure into one line with what to do."""

import logging
import os
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from raytemplate.engines.ray.clusters.attached import TOKEN_STEP, cluster_at, cluster_of
from raytemplate.engines.ray.private.growing import may_grow_there
from raytemplate.engines.ray.private.jobs_client import client
from raytemplate.errors import Forbidden, Unavailable
from raytemplate.planning.addresses import is_jobs_api, refuse_other_than_jobs_api
from raytemplate.planning.inventory import Cluster

T = TypeVar("T")

_MOST_NODES = 10_000
_NODES_LIMIT_S, _LOOK_S = 10.0, 0.5
_ANSWER_LIMIT_S, _SENT_LIMIT_S = 10.0, 60.0
_STATUS = re.compile(r"status code (\d+)")
_ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobState:
    """The state of a job according to the Jobs API."""

    status: str
    """Ray's own word for it, such as "RUNNING"."""
    message: str
    """Ray's explanation; may be ""."""
    run_id: str
    """The run that the job executes; "" if it was not sent by raytemplate."""

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.status in _ENDED


class Jobs:
    """The Jobs API at "http://host:8265". A token comes from Ray's own environment variables and is never stored.

    Raises:
        UsageError: the address has another form, or contains a password.
        Forbidden: the token is missing or wrong.
        Unavailable: nothing answers.
    """

    def __init__(self, address: str) -> None:
        refuse_other_than_jobs_api(address)
        self.address = address
        self._client = self._asked(lambda: _client(address))

    def send(self, submission_id: str, entrypoint: str, code: Path, run_id: str) -> bool:
        """Submit a job; False if a job with that id was submitted before."""
        self._client.answer_limit_s = _SENT_LIMIT_S
        try:
            self._asked(
                lambda: self._client.submit_job(
                    entrypoint=entrypoint,
                    submission_id=submission_id,
                    runtime_env={"working_dir": str(code)},
                    metadata={"run": run_id},
                )
            )
        except Unavailable as error:
            if "already exists" in str(error.__cause__):
                return False
            raise
        finally:
            self._client.answer_limit_s = _ANSWER_LIMIT_S
        return True

    def state(self, submission_id: str) -> JobState | None:
        """The current state of a job; None if the cluster does not know it, for instance after a restart."""
        try:
            info = self._asked(lambda: self._client.get_job_info(submission_id))
        except Unavailable as error:
            if "does not exist" in str(error.__cause__):
                return None
            raise
        return JobState(
            status=str(info.status.value),
            message=info.message or "",
            run_id=(info.metadata or {}).get("run", ""),
        )

    def logs(self, submission_id: str) -> str:
        """Everything the job has written to its log so far."""
        return self._asked(lambda: str(self._client.get_job_logs(submission_id)))

    def stop(self, submission_id: str) -> None:
        """Ask the job to end; Ray kills it if it does not."""
        self._asked(lambda: self._client.stop_job(submission_id))

    def cluster(self) -> Cluster:
        """The cluster's nodes; a cluster that has just started gets some seconds until it has any.

        Raises:
            Unavailable: it has no live node.
        """
        end = time.monotonic() + _NODES_LIMIT_S
        while not (nodes := self._nodes()) and time.monotonic() < end:
            time.sleep(_LOOK_S)
        return replace(cluster_of(nodes, self.address), grows=self._asked(lambda: may_grow_there(self._client)))

    def _nodes(self) -> list[tuple[str, dict[str, float], dict[str, str]]]:
        from ray.util.state import list_nodes

        found: list[Any] = self._asked(
            lambda: list_nodes(address=self.address, limit=_MOST_NODES, detail=True, timeout=int(_ANSWER_LIMIT_S))
        )
        alive = (node for node in found if node.state == "ALIVE")
        return [(str(n.node_ip), dict(n.resources_total or {}), dict(n.labels or {})) for n in alive]

    def _asked(self, question: Callable[[], T]) -> T:
        from ray.exceptions import AuthenticationError, RayError
        from ray.util.state.exception import RayStateApiException

        try:
            with _only_there(self.address):
                return question()
        except AuthenticationError as error:
            raise Forbidden(
                f"the cluster at {self.address} does not accept this token", next_step=TOKEN_STEP
            ) from error
        except (OSError, RuntimeError, ValueError, KeyError, RayError, RayStateApiException) as error:
            # Errors of `requests` are OSErrors; ValueError and KeyError come from answers of something else.
            raise Unavailable(
                f"the cluster at {self.address} {_in_words(error)}",
                next_step="check the address, and that the cluster runs",
            ) from error


def _in_words(error: Exception) -> str:
    """How a request failed, without the names of the libraries involved."""
    import requests

    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answers with status {error.response.status_code}"
    if isinstance(error, ValueError | KeyError):
        return "answers, but not as a Jobs API does"
    if isinstance(error, OSError):  # of `requests` too
        refused = "refused" in str(error)
        return f"does not answer{': nobody listens there' if refused else ''}"
    said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    status = _STATUS.search(said[0])
    # An answer with a status contains the traceback of the cluster's own process, whose last line is the error.
    return f"answers with status {status[1]}: {said[-1]}" if status else f"answers with an error: {said[0]}"


@contextmanager
def _only_there(address: str) -> Generator[None]:
    """Make Ray use the given address: by default its environment variable takes precedence over the argument."""
    before = os.environ.get(_ADDRESS_VARIABLE)
    os.environ[_ADDRESS_VARIABLE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ADDRESS_VARIABLE]
        else:
            os.environ[_ADDRESS_VARIABLE] = before


def _client(address: str) -> Any:
    # Otherwise they log every upload between the lines of progress. Each logger has its own level.
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return client(address, _ANSWER_LIMIT_S)


def nodes_at(address: str) -> Cluster:
    """The nodes of a Ray, given the address of its Jobs API or of its head.

    Raises:
        Unavailable: nothing answers.
    """
    return Jobs(address).cluster() if is_jobs_api(address) else cluster_at(address)
