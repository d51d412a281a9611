"""Reading a log of requests, one JSON object a line.

    {"id", "text" or "value", "inputs"?, "context"?, "expected"?,
     "family"?, "compare"?, "accept"?, "must_miss"?, "defect"?}

`inputs` are `{name: {"mediaType", "text"}}`, `context` is `{name: text}`. `expected` is a text or any JSON value;
`compare` names a rule of `seglam.cli.compare`, `accept` lists other right answers. `must_miss` says that no answer is
right; `defect` notes that the answer of the log's source is known to be faulty and `expected` is the corrected one.
Other members are passed over. A bad line is a `BadLine`, and reading goes on with the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from seglam.cli.compare import RULES, Unreadable, parse_json, readable
from seglam.procedures import Attachment, Request

MAX_LINE_BYTES = 4 * 1024 * 1024
"""A text may have 64 KiB and travels with inputs; beyond this a line is no request."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no request: its number, from 1, and what is wrong with it."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request of a log, and what is known of its answer. `expected` is None where nothing is."""

    number: int
    id: str | int
    request: Request
    family: str | None = None
    expected: object = None
    compare: str | None = None
    accept: tuple[object, ...] = ()
    must_miss: bool = False
    defect: bool = False


class _Fault(ValueError):
    """What is wrong with a line."""


def read_lines(stream: IO[bytes], locale: str | None = None) -> Iterator[LogLine | BadLine]:
    """The lines of a log. Blank lines are passed over; a byte order mark at the start is, too.

    Args:
        stream: an open binary file.
        locale: the locale of requests whose context names none.
    """
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(1 << 20)
            yield BadLine(number, f"the line is longer than {MAX_LINE_BYTES} bytes")
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw.strip():
            continue
        try:
            yield parse_line(raw.rstrip(b"\r\n"), number, locale)
        except (_Fault, Unreadable) as fault:
            yield BadLine(number, str(fault))


def parse_line(raw: bytes, number: int, locale: str | None = None) -> LogLine:
    """One line; `ValueError` says what is wrong with it."""
    try:
        line = parse_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _Fault(f"byte {error.start} is not UTF-8") from None
    if not isinstance(line, dict):
        raise _Fault("the line is no JSON object")
    _well_formed(line, "")
    identity = line.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise _Fault('"id" is missing' if identity is None else '"id" is neither a text nor an integer')
    if ("text" in line) == ("value" in line):
        raise _Fault('both "text" and "value" are given' if "text" in line else '"text" or "value" is missing')
    if "text" in line and not isinstance(line["text"], str):
        raise _Fault('"text" is no text')
    return LogLine(
        number=number,
        id=identity,
        request=Request(
            text=line.get("text"), value=line.get("value"), inputs=_inputs(line), context=_context(line, locale)
        ),
        family=_member(line, "family", str),
        must_miss=_member(line, "must_miss", bool) or False,
        defect=bool(line.get("defect")),
        **_expected(line),
    )


def _expected(line: Mapping[str, Any]) -> dict[str, Any]:
    rule = _member(line, "compare", str)
    accept = tuple(_member(line, "accept", list) or ())
    expected = line.get("expected")
    if rule is not None and rule not in RULES:
        raise _Fault(f'"compare" is {rule!r}; the rules are {", ".join(RULES)}')
    if rule is not None and expected is not None and not readable(rule, (expected, *accept)):
        raise _Fault(f'"expected" or "accept" is nothing that "compare": {rule!r} can read')
    return {"expected": expected, "compare": rule, "accept": accept}


def _inputs(line: Mapping[str, Any]) -> dict[str, Attachment]:
    inputs = {}
    for name, given in (_member(line, "inputs", dict) or {}).items():
        if not isinstance(given, dict) or set(given) != {"mediaType", "text"}:
            raise _Fault(f'the input {name!r} is not {{"mediaType", "text"}}')
        if not all(isinstance(member, str) for member in given.values()):
            raise _Fault(f"the media type and the text of input {name!r} are texts")
        inputs[name] = Attachment(given["mediaType"], given["text"])
    return inputs


def _context(line: Mapping[str, Any], locale: str | None) -> dict[str, str]:
    context = dict(_member(line, "context", dict) or {})
    for name, value in context.items():
        if not isinstance(value, str):
            raise _Fault(f"{name!r} of the context is no text")
    if locale is not None:
        context.setdefault("locale", locale)
    return context


def _member(line: Mapping[str, Any], name: str, kind: type) -> Any:
    value = line.get(name)
    if value is not None and not isinstance(value, kind):
        names = {str: "a text", bool: "true or false", list: "a list", dict: "an object"}
        raise _Fault(f'"{name}" is not {names[kind]}')
    return value


def _well_formed(value: object, where: str) -> None:
    """Refuse lone surrogates, which JSON can escape and no text of Unicode holds."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                code = ord(value[error.start])
                raise _Fault(f"character {error.start} of {where} is a lone surrogate (U+{code:04X})") from None
    elif isinstance(value, dict):
        for key, member in value.items():
            _well_formed(key, "a member's name")
            _well_formed(member, f'{where}/"{key}"' if where else f'"{key}"')
    elif isinstance(value, list):
        for member in value:
            _well_formed(member, where)
