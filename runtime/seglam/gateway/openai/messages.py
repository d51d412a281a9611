"""Messages, limits and forms, as both APIs state them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seglam.gateway.openai.reading import canonical, is_plain
from seglam.gateway.openai.wanted import Why, context_value
from seglam.procedures import Request

INSTRUCTING = ("system", "developer")
MAX_STOPS = 4


class Passes(Exception):
    """A call that no procedure can answer, found while it was read."""

    def __init__(self, why: Why, member: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.member = member


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a user, and what instructs the model; both as written."""

    user: str
    instructions: str | None


def said(messages: object, member: str, text_part: str, extra: frozenset[str] = frozenset()) -> Said:
    """What a list of messages says: at most one instruction, then exactly one message of a user, texts both.

    Args:
        member: the name of the list in the body.
        text_part: the type of a part that is text.
        extra: members that a message may have besides role and content, with a fixed meaning.

    Raises:
        Passes: for any other list.
    """
    if not isinstance(messages, list) or not messages:
        raise Passes(Why.UNREADABLE, member)
    *before, last = messages
    if not isinstance(last, dict) or last.get("role") != "user":
        raise Passes(Why.CONVERSATION, member)
    instructions: str | None = None
    for message in before:
        if not isinstance(message, dict) or message.get("role") not in INSTRUCTING:
            raise Passes(Why.CONVERSATION, member)
        if instructions is not None:
            raise Passes(Why.SYSTEM, member)
        instructions = _content(message, member, text_part, extra)
    return Said(_content(last, member, text_part, extra), instructions)


def _content(message: Mapping[str, Any], member: str, text_part: str, extra: frozenset[str]) -> str:
    if message.keys() - {"role", "content"} - extra or message.get("type", "message") != "message":
        raise Passes(Why.PARAMETER, member)
    content = message.get("content")
    if isinstance(content, str):
        return content
    # Models see several parts as separate; where one ends belongs to what was said.
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        raise Passes(Why.MEDIA, member)
    part = content[0]
    if part.keys() != {"type", "text"} or part["type"] != text_part or not isinstance(part["text"], str):
        raise Passes(Why.MEDIA, member)
    text: str = part["text"]
    return text


def request_of(heard: Said, form: object) -> tuple[Request, bool]:
    """The request, and whether its context holds everything in full.

    Args:
        form: the form of the answer, None for free text.
    """
    if not is_plain(heard.user):
        raise Passes(Why.TEXT)
    context: dict[str, str] = {}
    full = True
    if heard.instructions:
        context["system"], full = context_value(heard.instructions)
    if form is not None:
        context["response_format"], whole = context_value(canonical(form))
        full = full and whole
    return Request(text=heard.user, context=context), full


def form_of(given: object, member: str, *, nested: bool) -> Mapping[str, object] | None:
    """The form of the answer that is asked for, in one shape for both APIs; None for free text.

    Args:
        nested: chat completions put a schema one level deeper.
    """
    if given is None or given == {"type": "text"}:
        return None
    if not isinstance(given, dict):
        raise Passes(Why.FORMAT, member)
    if given == {"type": "json_object"}:
        return given
    stated = given.get("json_schema") if nested else {name: given[name] for name in given if name != "type"}
    whole = not nested or given.keys() == {"type", "json_schema"}
    if given.get("type") != "json_schema" or not whole or not isinstance(stated, dict):
        raise Passes(Why.FORMAT, member)
    if stated.keys() - {"name", "description", "schema", "strict"} or not isinstance(stated.get("schema"), dict):
        raise Passes(Why.FORMAT, member)
    return {"type": "json_schema", **{name: value for name, value in stated.items() if value is not None}}


def limit_of(content: Mapping[str, Any], *names: str) -> int | None:
    """The least of the stated limits of tokens."""
    limits = []
    for name in names:
        value = content.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Passes(Why.PARAMETER, name)
        limits.append(value)
    return min(limits, default=None)


def stops_of(given: object) -> tuple[str, ...]:
    """The texts before which a model would stop."""
    if given is None:
        return ()
    listed = [given] if isinstance(given, str) else given
    if (
        not isinstance(listed, list)
        or len(listed) > MAX_STOPS
        or not all(isinstance(each, str) and each for each in listed)
    ):
        raise Passes(Why.PARAMETER, "stop")
    return tuple(listed)


def streaming(content: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the answer is wanted as events, and whether the usage as the last of them."""
    stream, options = content.get("stream") is True, content.get("stream_options")
    if options is None:
        return stream, False
    known = {"include_usage", "include_obfuscation"}
    if not stream or not isinstance(options, dict) or options.keys() - known:
        raise Passes(Why.PARAMETER, "stream_options")
    if any(not isinstance(value, bool | None) for value in options.values()):
        raise Passes(Why.PARAMETER, "stream_options")
    return stream, options.get("include_usage") is True
