"""A connection of psycopg that gives up if the server is silent, so that nothing waits for a lost network."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

SILENCE_S = 12.0
"""Seconds after which a server that does not answer is given up."""
_INTERVAL_S = 0.1
_Result = TypeVar("_Result")


class Impatient(psycopg.Connection[Any]):
    """The connection. What is asked of it takes at most `SILENCE_S`, or fails as if the connection was lost."""

    def wait(self, gen: PQGen[_Result], interval: float = _INTERVAL_S, timeout: float | None = None) -> _Result:
        """See `psycopg.Connection.wait`, through which every answer of the server comes."""
        try:
            return super().wait(gen, interval, SILENCE_S if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # it still owes an answer
                self.pgconn.finish()
            raise


def connect(*arguments: Any, **named: Any) -> Impatient:
    """A new connection."""
    return Impatient.connect(*arguments, **named)
