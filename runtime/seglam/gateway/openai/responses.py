"""`POST /v1/responses`: what a body asks, and the shape of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seglam.gateway.openai.answered import Answered
from seglam.gateway.openai.events import ENCODER, event
from seglam.gateway.openai.harmless import RESPONSES, harmful
from seglam.gateway.openai.messages import Passes, Said, form_of, limit_of, request_of, said, streaming
from seglam.gateway.openai.models import stands_in
from seglam.gateway.openai.reading import members
from seglam.gateway.openai.wanted import Passing, Wanted, Why

READ = frozenset({"input", "instructions", "max_output_tokens", "model", "store", "stream_options", "text"})
ECHOED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
)
_DEFAULTS: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
"""No model was asked, so no token was used."""


def read(body: bytes, models: Sequence[str] = (), *, unstored: bool = False) -> Wanted | Passing:
    """What a body asks.

    Args:
        models: shell patterns of the models that procedures stand in for.
        unstored: whether a body that does not say `store` means that nothing is kept. The API's default is to keep, and
            a client may then refer to the answer, which no procedure keeps.
    """
    content = members(body)
    if content is None:
        return Passing(Why.UNREADABLE)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        return Passing(Why.UNREADABLE, "model")
    if not stands_in(model, models):
        return Passing(Why.MODEL, "model", model)
    if (found := harmful(content, RESPONSES, READ)) is not None:
        return Passing(*found, model)
    store = content.get("store")
    if store is not False and not (store is None and unstored):
        return Passing(Why.STORED, "store", model)
    try:
        return _wanted(content, model)
    except Passes as passes:
        return Passing(passes.why, passes.member or "input", model)


def _wanted(content: Mapping[str, Any], model: str) -> Wanted:
    heard = _said(content)
    form = _form(content.get("text"))
    request, full = request_of(heard, form)
    stream, usage = streaming(content)
    if usage:  # a member of the other API
        raise Passes(Why.PARAMETER, "stream_options")
    return Wanted(
        request,
        model,
        stream=stream,
        most=limit_of(content, "max_output_tokens"),
        as_object=form is not None,
        compilable=full,
        echoed={name: content[name] for name in ECHOED if content.get(name) is not None},
    )


def _said(content: Mapping[str, Any]) -> Said:
    given, instructions = content.get("input"), content.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise Passes(Why.SYSTEM, "instructions")
    if isinstance(given, str):
        return Said(given, instructions)
    heard = said(given, "input", "input_text", frozenset({"type"}))
    if instructions is not None and heard.instructions is not None:
        raise Passes(Why.SYSTEM, "instructions")
    return Said(heard.user, heard.instructions if instructions is None else instructions)


def _form(text: object) -> Mapping[str, object] | None:
    if text is None:
        return None
    if not isinstance(text, dict) or text.keys() - {"format", "verbosity"}:
        raise Passes(Why.PARAMETER, "text")
    if text.get("verbosity") not in (None, "low", "medium"):
        raise Passes(Why.PARAMETER, "text")
    return form_of(text.get("format"), "text", nested=False)


def response(answered: Answered, echoed: Mapping[str, object]) -> bytes:
    """An answer as a whole."""
    return ENCODER.encode(_whole(answered, echoed, "completed"))


def events(answered: Answered, echoed: Mapping[str, object]) -> bytes:
    """An answer as events, numbered from 0."""
    numbered = (
        event({"type": name, "sequence_number": number, **content}, name)
        for number, (name, content) in enumerate(_steps(answered, echoed))
    )
    return b"".join(numbered)


def _steps(answered: Answered, echoed: Mapping[str, object]) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = _whole(answered, echoed, "in_progress")
    item, part = _item(answered, "completed"), _part(answered.text)
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    yield "response.output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}
    yield "response.content_part.added", {**place, "part": _part("")}
    yield "response.output_text.delta", {**place, "delta": answered.text, "logprobs": []}
    yield "response.output_text.done", {**place, "text": answered.text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}
    yield "response.output_item.done", {"output_index": 0, "item": item}
    yield "response.completed", {"response": _whole(answered, echoed, "completed")}


def _whole(answered: Answered, echoed: Mapping[str, object], status: str) -> dict[str, Any]:
    done = status == "completed"
    return {
        **_DEFAULTS,
        **echoed,
        "id": f"resp_{answered.id}",
        "object": "response",
        "created_at": answered.created,
        "completed_at": answered.created if done else None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": answered.model,
        "output": [_item(answered, status)] if done else [],
        "previous_response_id": None,
        "store": False,
        "usage": _USAGE if done else None,
    }


def _item(answered: Answered, status: str) -> dict[str, Any]:
    return {
        "id": f"msg_{answered.id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [_part(answered.text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
