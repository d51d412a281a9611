"""Hits of the native API that are answered where their last byte is read: no task, no messages, no thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

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

_log = logging.getLogger("seglam.gateway")
_encode = msgspec.json.Encoder().encode


class Answers(Protocol):
    """What stands behind the API, as far as it answers at once."""

    def at_once(self, request: Request, tenant: str) -> Answer | None:
        """The hit of a request that takes a small part of a millisecond; None for every other request."""


class Swift:
    """See `seglam.gateway.serving.protocol.AtOnce`. Whatever is not a plain request for a swift hit goes the usual way,
    and so does what would be refused: the words for that are said there.

    Args:
        known: who asks, as far as that is known without waiting and nothing counts their requests; else None. May raise
            `Problem`.
        hosts: names under which the service is reached; None takes all.
    """

    def __init__(
        self, answers: Answers, known: Callable[[Headers], Caller | None], hosts: frozenset[str] | None
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

    def answer(self, headers: Headers, body: bytes) -> bytes | None:
        """Answer a request, if that is done at once."""
        try:
            caller = self._known(headers)
            if caller is None or Scope.ASK not in caller.scopes:
                return None
            request = plain_request(body)
            answer = None if request is None else self._answers.at_once(request, caller.tenant)
        except Problem:
            return None
        except Exception:  # noqa: BLE001  the usual way meets it again, and answers it
            _log.exception("POST %s failed; it is tried once more", PATH)
            return None
        if answer is None:
            return None
        content = _encode(answer.as_json())
        trace = b"" if answer.trace is None else b"seglam-trace: %b\r\n" % answer.trace.encode()
        return b"content-length: %d\r\ncontent-type: application/json\r\ncache-status: %b\r\n%b\r\n%b" % (
            len(content),
            cache_status(answer).encode(),
            trace,
            content,
        )
