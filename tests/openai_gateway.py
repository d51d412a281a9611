"""Gateways with the OpenAI API for tests: a whole service on loopback, in front of a model's endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglam.gateway import Service
from seglam.gateway.openai import UpstreamSettings
from seglam.procedures import ReasoningProcedure
from tests.documents import document
from tests.openai_server import Reply, Server, completion, delta, events, problem, prompt_of
from tests.services import listening, running

TERSE = "Answer with the number only."
FORM = {"type": "json_object"}


def documents() -> list[ReasoningProcedure]:
    """Procedures: one for no system prompt, one for `TERSE`, one for answers in `FORM`, one that refuses."""
    number = {"name": "n", "type": "integer"}
    terse = {"name": "system", "type": "text", "origin": "context", "oneOf": [TERSE]}
    form = {
        "name": "form",
        "type": "text",
        "origin": "context",
        "key": "response_format",
        "oneOf": ['{"type":"json_object"}'],
    }
    return [
        document(),
        document(
            "terse",
            parameters=[number, terse],
            code="def solve(n, system):\n    return str(2 * n) + '!'\n",
        ),
        document(
            "formed",
            parameters=[number, form],
            code="def solve(n, form):\n    return '{\"n\": ' + str(2 * n) + '}' if n != 3 else '6'\n",
        ),
        document(
            "halve",
            patterns=["halve {n}"],
            code="def solve(n):\n    if n % 2:\n        refuse('odd')\n    return str(n // 2)\n",
        ),
    ]


def model(request: dict[str, Any]) -> Reply:
    """What the model's endpoint answers, by the model's name."""
    match request["model"]:
        case "limited":
            return problem(429, "slow down", Retry_After="7")
        case "broken":
            return problem(500, "broken")
        case "silent":
            return Reply(body=b"{}", cut=True)
    given = request.get("input", "")
    asked = prompt_of(request) if "messages" in request else given if isinstance(given, str) else given[-1]["content"]
    if not request.get("stream"):
        if "input" in request:
            return Reply(RESPONSE % asked.encode())
        return completion(f"the model on: {asked}", model=request["model"])
    if "input" in request:
        return Reply(pieces=[b'event: response.created\ndata: {"type": "response.created"}\n\n'])
    return Reply(pieces=events(delta("the model"), delta(f" on: {asked}"), delta("", finish="stop")))


RESPONSE = (
    b'{"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [{"id": '
    b'"msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", '
    b'"text": "the model on: %s", "annotations": []}]}], "parallel_tool_calls": true, "tool_choice": "auto", "tools": '
    b'[], "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1, '
    b'"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}}'
)


def listed(path: str) -> Reply:
    """The endpoint's list of models."""
    if path == "/v1/models":
        return Reply(b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "o"}]}')
    return Reply(b'{"id": "m", "object": "model", "created": 1, "owned_by": "o"}')


@contextmanager
def gateway(service: Service, upstream: Server | str | None, **settings: Any) -> Iterator[str]:
    """The address of a service's API, up to `/v1`, in front of an endpoint."""
    url = upstream.url if isinstance(upstream, Server) else upstream or ""
    with listening(service, upstream=UpstreamSettings(url, **{"failures": 1000, **settings})) as client:
        yield str(client.base_url).rstrip("/") + "/v1"


@contextmanager
def service(directory: Path) -> Iterator[Service]:
    """A service with the procedures, and no compiler."""
    with running(directory, documents=documents()) as made:
        yield made
