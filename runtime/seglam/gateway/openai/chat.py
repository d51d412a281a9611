"""`POST /v1/chat/completions`: what a body asks, and the shape of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seglam.gateway.openai.answered import Answered
from seglam.gateway.openai.events import DONE, ENCODER, event
from seglam.gateway.openai.harmless import CHAT, harmful
from seglam.gateway.openai.messages import Passes, form_of, limit_of, request_of, said, stops_of, streaming
from seglam.gateway.openai.models import stands_in
from seglam.gateway.openai.reading import members
from seglam.gateway.openai.wanted import Passing, Wanted, Why

READ = frozenset(
    {"max_completion_tokens", "max_tokens", "messages", "model", "response_format", "stop", "stream_options"}
)
_USAGE = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "total_tokens": 0,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
"""No model was asked, so no token was used."""


def read(body: bytes, models: Sequence[str] = ()) -> Wanted | Passing:
    """What a body asks.

    Args:
        models: shell patterns of the models that procedures stand in for.
    """
    content = members(body)
    if content is None:
        return Passing(Why.UNREADABLE)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        return Passing(Why.UNREADABLE, "model")
    if not stands_in(model, models):
        return Passing(Why.MODEL, "model", model)
    if (found := harmful(content, CHAT, READ)) is not None:
        return Passing(*found, model)
    try:
        heard = said(content.get("messages"), "messages", "text")
        form = form_of(content.get("response_format"), "response_format", nested=True)
        request, full = request_of(heard, form)
        stream, usage = streaming(content)
        return Wanted(
            request,
            model,
            stream=stream,
            usage=usage,
            most=limit_of(content, "max_tokens", "max_completion_tokens"),
            stops=stops_of(content.get("stop")),
            as_object=form is not None,
            compilable=full,
        )
    except Passes as passes:
        return Passing(passes.why, passes.member or "messages", model)


def completion(answered: Answered) -> bytes:
    """An answer as a whole."""
    message: dict[str, Any] = {"role": "assistant", "content": answered.text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return ENCODER.encode({**_head(answered, "chat.completion"), "choices": [choice], "usage": _USAGE})


def chunks(answered: Answered, *, usage: bool) -> bytes:
    """An answer as events: who speaks, the text, the end, and the usage where it is wanted."""
    head = _head(answered, "chat.completion.chunk")
    extra: dict[str, Any] = {"usage": None} if usage else {}
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": "", "refusal": None}, None),
        ({"content": answered.text}, None),
        ({}, "stop"),
    ]
    events = [
        event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}], **extra})
        for delta, end in deltas
    ]
    if usage:
        events.append(event({**head, "choices": [], "usage": _USAGE}))
    return b"".join([*events, DONE])


def _head(answered: Answered, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{answered.id}",
        "object": kind,
        "created": answered.created,
        "model": answered.model,
        "system_fingerprint": answered.revision,
    }
