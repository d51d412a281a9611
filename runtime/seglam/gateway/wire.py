"""Requests and JSON as they come and go: numbers exact, bad text named."""

from __future__ import annotations

from seglam.procedures import Attachment, Request
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.jsonvalue import dumps, parse

__all__ = ["dump_request", "dumps", "load_request", "loads"]

_SPACE = " \t\n\r"


def loads(text: str) -> object:
    """JSON with integers exact and other numbers as `Decimal`. `ValueProblem` says what is wrong and where."""
    start = len(text) - len(text.lstrip(_SPACE))
    value, end = parse(text, start)
    if text[end:].strip(_SPACE):
        raise ValueProblem(f"more text stands behind the JSON value, at character {end}")
    return value


def dump_request(request: Request) -> str:
    """A request as JSON."""
    content: dict[str, object] = {"value": request.value} if request.text is None else {"text": request.text}
    if request.inputs:
        content["inputs"] = {
            name: {"mediaType": item.media_type, "text": item.text} for name, item in request.inputs.items()
        }
    if request.context:
        content["context"] = dict(request.context)
    return dumps(content)


def load_request(text: str) -> Request:
    """A request from the JSON that `dump_request` wrote."""
    content = loads(text)
    assert isinstance(content, dict)
    given = content.get("inputs", {})
    inputs = {name: Attachment(item["mediaType"], item["text"]) for name, item in given.items()}
    return Request(content.get("text"), content.get("value"), inputs, content.get("context", {}))
