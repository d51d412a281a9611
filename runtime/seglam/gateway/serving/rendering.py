"""Answers as they are sent: status, headers, body."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from starlette.responses import Response

from seglam.gateway.outcomes import Answer, Outcome, Reason
from seglam.gateway.preferences import cache_status
from seglam.gateway.serving.messages import JSON
from seglam.procedures.text import MAX_BYTES
from seglam.web import Problem

RETRY_SOON, RETRY_LATER = "2", "30"
"""Seconds after which to ask again: for a runner, and for a compilation."""

# A miss that no compilation will answer, by its reason; any other is a 504, as a cache that has no one to ask.
STATUS = {
    Reason.NOT_COMPILABLE: 422,
    "too-large": 413,
    Reason.BUSY: 503,
    Reason.BUDGET: 503,
    Reason.UNAVAILABLE: 503,
    "rejected": 502,
    "model-failed": 502,
    "failed": 502,
}

_encode = msgspec.json.Encoder().encode
JSON_TYPE = (b"content-type", JSON)


class Sent(NamedTuple):
    """A whole response. The headers do not state the body's length."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def response(self) -> Response:
        """For a framework."""
        made = Response(self.body, self.status)
        made.raw_headers = [*made.raw_headers, *self.headers]
        return made


def render(answer: Answer, *, waited: int = 0) -> Sent:
    """The response that carries an answer.

    Args:
        waited: the seconds of the caller's preference to wait that were honoured.
    """
    headers = [JSON_TYPE, (b"cache-status", cache_status(answer).encode())]
    if answer.trace is not None:
        headers.append((b"seglam-trace", answer.trace.encode()))
    if waited:
        headers.append((b"preference-applied", b"wait=%d" % waited))
    if answer.outcome is Outcome.ERROR:
        return problem(Problem(400, answer.reason or "error", answer.explanation), headers)
    content = answer.as_json()
    if answer.answer is not None:
        return Sent(200, headers, _encode(content))
    if answer.compilation is not None:
        headers.append((b"location", f"/v1/compilations/{answer.compilation}".encode()))
        if answer.stage != "compilation":
            return Sent(202, headers, _encode(content))
    reason = answer.reason or "unknown"
    status = STATUS.get(reason, 504)
    if status == 503:
        headers.append((b"retry-after", (RETRY_SOON if reason == Reason.UNAVAILABLE else RETRY_LATER).encode()))
    detail = answer.explanation
    if reason == "too-large":
        detail = f"{detail} (a text may have {MAX_BYTES} bytes)"
    return problem(Problem(status, reason, detail, **content), headers)


def problem(error: Problem, headers: list[tuple[bytes, bytes]] | None = None) -> Sent:
    """The problem document, with further headers."""
    made = error.response()
    own = [each for each in made.raw_headers if each[0] not in (b"content-length",)]
    return Sent(
        made.status_code, [*own, *(each for each in headers or () if each[0] != b"content-type")], bytes(made.body)
    )
