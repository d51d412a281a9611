"""Hits of the native API that are answered where their last byte is read: no task, no messages, no thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from seglam.gateway.access import Caller, Scope
from seglam.gateway.bodies import plain_request
from seglam.gateway.outcomes import Answer
from seglam.gateway.preferences import cache_status
from seglam.gateway.serving.headers import Headers
from seglam.procedures import Request
from seglam.web import Problem

PATH = "/v1/requests"
MEANT = frozenset((b"prefer", b"idempotency-key", b"seglam-timeout", b"seglam-user", b"traceparent", b"tracestate"))
"""Headers that ask for something: a request with one of them goes the usual way."""

D = TypeVar("D")
"""A hit that was decided."""

_log = logging.getLogger("seglam.gateway")
_encode = msgspec.json.Encoder().encode


class Answers(Protocol[D]):
    """What stands behind the API, as far as it answers at once, in two steps. Each takes a small part of a millisecond,
    and gives None for every request that takes longer."""

    def found(self, request: Request, tenant: str) -> D | None:
        """The hit of a request."""

    def at_once(self, decided: D) -> Answer | None:
        """The answer of that hit."""


class Swift(Generic[D]):
    """See `seglam.gateway.serving.rounds.AtOnce`. Whatever is not a plain request for a swift hit goes the usual way,
    and so does what would be refused: the words for that are said there.

    Args:
        known: who asks, as far as that is known without waiting and nothing counts their requests; else None. May raise
            `Problem`.
        hosts: names under which the service is reached; None takes all.
    """

    def __init__(
        self, answers: Answers[D], known: Callable[[Headers], Caller | None], hosts: frozenset[str] | None
    ) -> None:
        self._answers = answers
        self._known = known
        self._hosts = hosts

    def head(self, raw: Sequence[tuple[bytes, bytes]]) -> Headers | None:
        """The headers, if nothing in them asks for the usual way; so it is for every request that has the same ones."""
        headers = Headers(raw)
        if not headers.without(MEANT) or headers.get("content-type") != "application/json":
            return None
        return headers if self._hosts is None or headers.host in self._hosts else None

    def found(self, headers: Headers, body: bytes) -> D | None:
        """Decide a request, if that is done at once."""
        try:
            caller = self._known(headers)
            if caller is None or Scope.ASK not in caller.scopes:
                return None
            request = plain_request(body)
            return None if request is None else self._answers.found(request, caller.tenant)
        except Problem:
            return None
        except Exception:  # noqa: BLE001  the usual way meets it again, and answers it
            _log.exception("POST %s failed; it is tried once more", PATH)
            return None

    def answer(self, decided: D) -> Answer | None:
        """Answer what was decided, if that is done at once."""
        try:
            return self._answers.at_once(decided)
        except Exception:  # noqa: BLE001  as above
            _log.exception("POST %s failed; it is tried once more", PATH)
            return None

    def written(self, answer: Answer) -> bytes:
        """What follows the status line and the server's own headers."""
        content = _encode(answer.as_json())
        trace = b"" if answer.trace is None else b"seglam-trace: %b\r\n" % answer.trace.encode()
        return b"content-length: %d\r\ncontent-type: application/json\r\ncache-status: %b\r\n%b\r\n%b" % (
            len(content),
            cache_status(answer).encode(),
            trace,
            content,
        )
