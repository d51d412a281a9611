"""What somebody says of an answer, as both gateways take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request as HttpRequest

from seglam.gateway.bodies import read_json, request_of, text_member
from seglam.gateway.web import TEXT, body_of
from seglam.procedures import Request
from seglam.web import Problem

MAX_ANSWER = 1 << 20
_ASKED = ("text", "value", "inputs", "context")

FEEDBACK_BODY = body_of(
    {
        "expected": {"type": ["string", "null"], "description": "The right answer; null if there should be none."},
        "why": TEXT,
        "text": {**TEXT, "description": "What was asked, which the record of answers does not hold; or value."},
        "value": {"type": "object"},
        "inputs": {"type": "object"},
        "context": {"type": "object"},
    },
    ["expected"],
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was asked, what the right answer is (None if there should be none), and why."""

    request: Request
    expected: str | None
    why: str


async def read_feedback(http: HttpRequest) -> Feedback:
    """The body of a feedback; `Problem` 400 if it is none."""
    content = await read_json(http)
    request = request_of({name: content[name] for name in _ASKED if name in content})
    why = text_member(content, "why") if content.get("why") is not None else ""
    return Feedback(request, _expected(content), why)


def _expected(content: Mapping[str, Any]) -> str | None:
    """The right answer; null says that there should have been none."""
    if "expected" not in content:
        raise Problem(400, "bad-request", "expected is missing: the right answer, or null if none should be given")
    return None if content["expected"] is None else text_member(content, "expected", MAX_ANSWER)
