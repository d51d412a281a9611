"""Calls of the API server in the name of who looks at a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from seglam.cluster import Client, ClusterError, ConfigurationError, Connection
from seglam.gateway.access import Caller
from seglam.gateway.cluster.reviews import Refused, Why, refused
from seglam.web import Problem

AGENT = "seglam-console"
"""Also the manager of the fields that are written."""
DEADLINE_S = 10.0

_STATUS = {
    Why.REFUSED: (403, "forbidden"),
    Why.MEANWHILE: (409, "changed-meanwhile"),
    Why.WRONG: (422, "invalid"),
    Why.UNKNOWN: (404, "unknown-revision"),
    Why.STRANGER: (401, "token-invalid"),
    Why.MISSING: (503, "cluster-unavailable"),
}


@dataclass(frozen=True, slots=True)
class Person(Caller):
    """Somebody with a token that the gateway takes, and the API server too.

    Attributes:
        requester: their name as the API server has it.
        token: theirs.
    """

    token: str = field(default="", repr=False)


class Asking:
    """Asks the API server.

    Args:
        connection: whose address and authority are used, and none of its credentials.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def by(self, token: str) -> AsyncIterator[Client]:
        """A client of whoever a token names. What the API server refuses meanwhile is a `Problem` in its words."""
        with told():
            async with Client(self._connection.bearing(token), agent=AGENT, deadline=DEADLINE_S) as client:
                yield client


@contextmanager
def told() -> Iterator[None]:
    """What is refused, as pages say it."""
    try:
        yield
    except ClusterError as error:
        raise problem(refused(error)) from error
    except Refused as error:
        raise problem(error) from error
    except ConfigurationError as error:
        raise Problem(503, "cluster-unavailable", f"the API server cannot be asked: {error}") from error


def problem(refusal: Refused) -> Problem:
    """A refusal as a problem."""
    status, code = _STATUS[refusal.why]
    if refusal.why is Why.STRANGER:
        words = "the API server does not accept this token (any more); sign in with one that has its audience as well"
        return Problem(status, code, words)
    return Problem(status, code, f"{refusal}; {refusal.remedy}")
