"""Ray's client of the Jobs API with a time limit on each answer; without its private part there is no limit."""

from typing import Any

from raytemplate.engines.ray.private.switch import found

_CONNECT_LIMIT_S = 5.0


def client(address: str, limit_s: float) -> Any:
    """Ray's own client. Its attribute `answer_limit_s`, initially `limit_s`, may be changed.

    Raises:
        ConnectionError, RuntimeError: nothing answers there, or something other than a Jobs API.
    """
    from ray.job_submission import JobSubmissionClient

    if (parts := found("ray.job_submission:JobSubmissionClient._do_request")) is None:
        return JobSubmissionClient(address)

    class Client(JobSubmissionClient):
        answer_limit_s = limit_s

        def _do_request(self, *asked: Any, **named: Any) -> Any:
            return parts[0](self, *asked, **{"timeout": (_CONNECT_LIMIT_S, self.answer_limit_s)} | named)

    return Client(address)
