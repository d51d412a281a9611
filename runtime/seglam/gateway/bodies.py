"""Bodies of HTTP requests: bounded, exact, and refused with words that say where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request as HttpRequest

from seglam.gateway.serving import Headers, read_body
from seglam.gateway.wire import loads
from seglam.procedures import Attachment, Request
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.jsonvalue import MAX_DEPTH
from seglam.web import Problem

MAX_BODY = 1 << 20
MAX_INPUTS = 8
MAX_CONTEXT = 16
# Tab, line feed and carriage return are white space; the other control characters are never meant.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """The body of most requests."""

    text: str


_plain = msgspec.json.Decoder(_Plain).decode


async def read_json(request: HttpRequest) -> Mapping[str, Any]:
    """The body as a JSON object, numbers exact; see `decoded`."""
    headers = Headers(request.scope["headers"])
    check_media(headers)
    return decoded(await read_body(request.receive, headers, MAX_BODY))


def check_media(headers: Headers) -> None:
    """`Problem` 415 for another media type than JSON: a browser may send those across origins without asking first."""
    stated = headers.get("content-type") or ""
    if stated == "application/json":
        return
    media = stated.partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(415, "media-type", f"the body is {media or 'of no media type'}; send application/json")


def decoded(body: bytes) -> Mapping[str, Any]:
    """A JSON object, numbers exact. `Problem` 400 for what is no JSON object of well-formed text."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "bad-json", f"byte {error.start} of the body is not UTF-8") from None
    try:
        content = loads(text)
    except ValueProblem as problem:
        raise Problem(400, "bad-json", str(problem)) from None
    if not isinstance(content, dict):
        raise Problem(400, "bad-json", "the body is no JSON object")
    _check_text(content, "")
    return content


def request_from(body: bytes) -> Request:
    """The request that a body states; `Problem` 400 if it states none."""
    return plain_request(body) or request_of(decoded(body))


def plain_request(body: bytes) -> Request | None:
    """The request of a body that holds a text and nothing else, if none of what must be refused can be in it; None for
    every other body.

    Without a backslash no escape stands for a surrogate, a control character or a part of a name, and a name that
    stands there once is not repeated.
    """
    if b"\\" in body or body.count(b'"text"') != 1:
        return None
    try:
        text = _plain(body).text
    except (msgspec.DecodeError, UnicodeDecodeError):  # said elsewhere, in the words for it
        return None
    return Request(text) if text.isprintable() else None


def _check_text(value: object, where: str, depth: int = 0) -> None:
    """Refuse lone surrogates and control characters in every string, and what is nested too deeply to be kept."""
    if depth >= MAX_DEPTH and isinstance(value, dict | list):
        raise Problem(400, "bad-json", f"the body is nested more deeply than {MAX_DEPTH} levels")
    match value:
        case str():
            place = where or "/"
            if not value.isascii() and (found := _SURROGATE.search(value)):
                code = f"U+{ord(found[0]):04X}"
                raise Problem(
                    400,
                    "lone-surrogate",
                    f"character {found.start()} of {place} is a lone surrogate ({code}); send well-formed Unicode",
                )
            if found := _CONTROL.search(value):
                code = f"U+{ord(found[0]):04X}"
                raise Problem(
                    400,
                    "control-character",
                    f"character {found.start()} of {place} is the control character {code}; remove it",
                )
        case dict():
            for name, member in value.items():
                _check_text(name, f"{where} (a member's name)")
                _check_text(member, f"{where}/{name}", depth + 1)
        case list():
            for number, item in enumerate(value):
                _check_text(item, f"{where}/{number}", depth + 1)


def request_of(content: Mapping[str, Any]) -> Request:
    """The request that a body states; `Problem` 400 if it states none."""
    _members(content, {"text", "value", "inputs", "context"}, "the request")
    if ("text" in content) == ("value" in content):
        raise _bad("give exactly one of text and value")
    if "text" in content and not isinstance(content["text"], str):
        raise _bad("text is no string")
    if "value" in content and not isinstance(content["value"], dict):
        raise _bad("value is no JSON object")
    return Request(
        text=content.get("text"),
        value=content.get("value"),
        inputs=_inputs(content.get("inputs")),
        context=_context(content.get("context")),
    )


def text_member(content: Mapping[str, Any], name: str, limit: int = 4096) -> str:
    """A member that must be a string of at most so many characters; `Problem` 400 if not."""
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _bad(f"{name} is missing or no text")
    if len(value) > limit:
        raise _bad(f"{name} has {len(value)} characters; at most {limit}")
    return value


def _inputs(given: object) -> dict[str, Attachment]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _bad('inputs is no object; give {"sales.csv": {"mediaType": "text/csv", "text": "..."}}')
    if len(given) > MAX_INPUTS:
        raise _bad(f"there are {len(given)} inputs; at most {MAX_INPUTS}")
    inputs = {}
    for name, item in given.items():
        if not isinstance(item, dict):
            raise _bad(f"input {name!r} is no object")
        _members(item, {"mediaType", "text"}, f"input {name!r}")
        if not isinstance(item.get("mediaType"), str) or not isinstance(item.get("text"), str):
            raise _bad(f"input {name!r} needs mediaType and text, both strings")
        inputs[name] = Attachment(item["mediaType"], item["text"])
    return inputs


def _context(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise _bad("context is no object of strings; numbers and dates are written as text")
    if len(given) > MAX_CONTEXT:
        raise _bad(f"the context has {len(given)} entries; at most {MAX_CONTEXT}")
    return dict(given)


def _members(content: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(set(content) - known):
        raise _bad(f"{what} has the unknown member {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _bad(detail: str) -> Problem:
    return Problem(400, "bad-request", detail)
