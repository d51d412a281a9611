"""From a pydantic model's JSON schema to the structural schema that the API server takes.

A structural schema has one type for every value and no references; an optional field is one that is not required,
never one that may be null. Every field must be described, every text and list bounded: a model that is not so is an
error here, not a surprise in a cluster.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED = ("title", "additionalProperties", "$defs", "examples")
_ORDER = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "items",
    "properties",
    "required",
)
_PLACE = {name: place for place, name in enumerate(_ORDER)}


class SchemaError(ValueError):
    """A model that cannot be a structural schema; the message names the field."""


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, with the names that documents use."""
    schema = model.model_json_schema(by_alias=True)
    return _flat(schema, schema.get("$defs", {}), model.__name__)


def _flat(schema: Schema, definitions: Schema, path: str) -> Schema:
    merged = _merged(schema, definitions, path)
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    if merged.get("default", 0) is None:
        del merged["default"]
    if "description" in merged:
        merged["description"] = " ".join(str(merged["description"]).split())
    if checks := merged.get("x-kubernetes-validations"):
        # pydantic sorts members of what is added to a model's schema
        merged["x-kubernetes-validations"] = [{"rule": check["rule"], "message": check["message"]} for check in checks]
    if "items" in merged:
        merged["items"] = _flat(merged["items"], definitions, f"{path}[]")
    if "properties" in merged:
        merged["properties"] = {
            name: flat
            for name, member in merged["properties"].items()
            if (flat := _flat(member, definitions, f"{path}.{name}")).get("type") != "null"
        }
    _check(merged, path)
    kept = {name: value for name, value in merged.items() if name not in _DROPPED}
    return dict(sorted(kept.items(), key=lambda item: (_PLACE.get(item[0], len(_ORDER)), item[0])))


def _merged(schema: Schema, definitions: Schema, path: str) -> Schema:
    """The schema with its reference or its only alternative besides null put in; what stands outside wins."""
    outer = {name: value for name, value in schema.items() if name not in ("$ref", "anyOf", "allOf")}
    if "$ref" in schema:
        inner = definitions[schema["$ref"].rsplit("/", 1)[1]]
    elif alternatives := schema.get("anyOf") or schema.get("allOf"):
        others = [each for each in alternatives if each.get("type") != "null"]
        if len(others) != 1:
            raise SchemaError(f"{path} may be of several types; the API server allows one")
        inner = others[0]
    else:
        return outer
    return _merged(inner, definitions, path) | outer


def _check(schema: Schema, path: str) -> None:
    """Raise `SchemaError` unless the value has one type and bounds, and its members are described."""
    kind = schema.get("type")
    if kind not in ("null", "object", "array", "string", "integer", "boolean"):
        raise SchemaError(
            f"{path} has the type {kind!r}: the API server keeps texts, integers, booleans and structures"
        )
    if kind == "string" and not {"enum", "maxLength"} & set(schema):
        raise SchemaError(f"{path} is a text without max_length")
    if kind == "array" and "maxItems" not in schema:
        raise SchemaError(f"{path} is a list without max_length")
    if kind == "object" and not schema.get("properties"):
        raise SchemaError(f"{path} is a map: use a list of names and values")
    for name, member in (schema.get("properties") or {}).items():
        if not member.get("description"):
            raise SchemaError(f"{path}.{name} has no description")
