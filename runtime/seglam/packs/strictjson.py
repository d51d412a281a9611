"""JSON that has one reading: duplicate keys, floats, huge integers, deep nesting and trailing data are refused.

Two readers that disagree about a document are a way around a signature, so what packs are made of must also be in
canonical form (RFC 8785), which is one text for one value.
"""

from __future__ import annotations

import json
import re
from typing import Any

import rfc8785

from seglam.packs.problems import PackInvalid

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

# A string that does not end reaches to the end of the text: otherwise each quote in it would be tried in turn.
_STRING = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[][{}]")


def write(value: object) -> bytes:
    """RFC 8785 bytes of a value."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def read(data: bytes, where: str, *, canonical: bool = False, limit: int = 4 * 1024 * 1024) -> Any:
    """The value of a JSON text.

    Args:
        where: named in errors.
        canonical: whether the text must be in RFC 8785 form, without null.
        limit: bytes.

    Raises:
        PackInvalid: `json-size`, `json-depth`, `json-duplicate-key`, `json-number`, `json-null`, `json-syntax` or
            `json-canonical`.
    """
    if len(data) > limit:
        raise PackInvalid("json-size", where, f"it has {len(data)} bytes, at most {limit} are read")
    if _depth(data) > MAX_DEPTH:
        raise PackInvalid("json-depth", where, f"it is nested deeper than {MAX_DEPTH} levels")
    reading = _Reading(where)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=reading.members,
            parse_int=reading.integer,
            parse_float=reading.number,
            parse_constant=reading.number,
        )
    except UnicodeDecodeError as error:
        raise PackInvalid("json-syntax", where, f"byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise PackInvalid("json-syntax", where, f"it is no JSON: {error}") from None
    if canonical:
        _check_canonical(value, data, where)
    return value


def _depth(data: bytes) -> int:
    """Greatest nesting of brackets outside strings. Python's own reader recurses, this does not."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class _Reading:
    def __init__(self, where: str) -> None:
        self._where = where

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise PackInvalid("json-duplicate-key", self._where, f"the member {twice[:80]!r} is given twice")
        return members

    def integer(self, text: str) -> int:
        if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
            raise PackInvalid("json-number", self._where, f"the integer {text[:20]} is not below 2^53")
        return int(text)

    def number(self, text: str) -> float:
        raise PackInvalid("json-number", self._where, f"{text[:20]} is no integer, and no other numbers are used")


def _check_canonical(value: Any, data: bytes, where: str) -> None:
    if _has_null(value):
        raise PackInvalid("json-null", where, "a member is null; leave it out")
    try:
        expected = write(value)
    except (ValueError, RecursionError) as error:  # rfc8785's errors, and lone surrogates
        raise PackInvalid("json-canonical", where, f"it has no canonical form: {error}") from None
    if expected != data:
        raise PackInvalid("json-canonical", where, "it is not in canonical form (RFC 8785)")


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_null(member) for member in value.values())
    if isinstance(value, list):
        return any(_has_null(item) for item in value)
    return value is None
