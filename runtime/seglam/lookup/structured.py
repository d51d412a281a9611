"""Structured requests: a JSON value matches by its members, each a declared discriminator or a parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal

from seglam.procedures.document import Structured, StructuredField
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem, ValueType

Key = frozenset[str]


def key_of(structured: Structured) -> Key:
    """The top-level members that a matching value has, all of them and no others."""
    return frozenset(segments(field.pointer)[0] for field in structured.fields)


def key_of_value(value: object) -> Key | None:
    """The top-level members of a value; None if it is no object."""
    return frozenset(value) if isinstance(value, dict) else None


def segments(pointer: str) -> tuple[str, ...]:
    """The parts of an RFC 6901 JSON pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def slots_of(revision: Revision, structured: Structured, request: Request) -> Sequence[tuple[str, str, str]] | str:
    """Parameter name, canonical text and source text for each bound member, or why the value does not match."""
    fields = {segments(field.pointer): field for field in structured.fields}
    slots: list[tuple[str, str, str]] = []
    seen: set[tuple[str, ...]] = set()
    for path, value in _leaves(request.value, fields, ()):
        field = fields.get(path)
        if field is None:
            return f"member /{'/'.join(path)} is not declared"
        seen.add(path)
        if field.equals is not None and not _same(value, field):
            return f"member {field.pointer} is not {field.equals}"
        if field.parameter is not None:
            readings = readings_of(revision.types[field.parameter], value, request.region)
            if len(readings) != 1:
                return f"member {field.pointer} has {len(readings)} readings as {revision.types[field.parameter].name}"
            slots.append((field.parameter, readings[0], value if isinstance(value, str) else dumps(value)))
    missing = [field.pointer for path, field in fields.items() if path not in seen]
    return f"members are missing: {', '.join(missing)}" if missing else slots


def _leaves(
    value: object, fields: dict[tuple[str, ...], StructuredField], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Declared members with their values, and whatever else holds no declared member."""
    if path in fields or not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, member in value.items():
        yield from _leaves(member, fields, (*path, name))


def _same(value: object, field: StructuredField) -> bool:
    wanted = json.loads(field.equals or "null", parse_float=Decimal)
    return type(value) is type(wanted) and value == wanted


def readings_of(kind: ValueType, value: object, region: str | None) -> tuple[str, ...]:
    """All readings of a JSON value as a value type. Strings are read as text; numbers as JSON writes them."""
    if isinstance(value, str) and kind.name != "json":
        if kind.name == "text":
            return (value,)
        return kind.readings(value, region)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and kind.name != "json":
        return kind.readings(str(value), "US")
    try:
        return (kind.from_tagged(_tagged(value)),)
    except ValueProblem:
        return ()


def _tagged(value: object) -> object:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, dict):
        return {"$map": [[name, _tagged(member)] for name, member in value.items()]}
    return value


def dumps(value: object) -> str:
    """JSON text with exact numbers."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(member)}" for name, member in value.items()) + "}"
    return json.dumps(value)
