"""From a revision to a tool, and from a tool's arguments to a request.

A call is a request like any other: the arguments are written into the revision's own pattern, the lookup decides what
that text means, and its answer counts only if it is this revision's with each argument read as it was given. So a tool
answers what asking would have answered, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seglam.procedures import Attachment, Request, Revision
from seglam.procedures.document import Parameter
from seglam.procedures.patterns import PatternError, parse
from seglam.procedures.patterns.sentences import plain_sentence
from seglam.procedures.values import Sample, ValueType

MOST_MEMBERS = 200
"""Members of a vocabulary that a schema names."""
WHOLE = frozenset({"integer", "year"})
"""Types whose values are JSON integers; all others are texts, since JSON numbers lose digits on their way."""

Schema = dict[str, Any]


class ArgumentsInvalid(ValueError):
    """Arguments that the tool does not take; the message says which and why."""


def is_tool(revision: Revision) -> bool:
    """Whether a revision can be called: it has a pattern, and was made for requests without a system prompt."""
    return bool(revision.spec.match.patterns) and all(None in values for values in revision.made_for.values())


def input_schema(revision: Revision) -> Schema:
    """The JSON schema of a tool's arguments: one for each parameter, as a request would write it."""
    return {
        "type": "object",
        "properties": {name: _schema(revision, each) for name, each in revision.parameters.items()},
        "required": list(revision.parameters),
        "additionalProperties": False,
    }


def output_schema(revision: Revision) -> Schema:
    """The JSON schema of what a call returns."""
    returns = revision.spec.returns
    answer: Schema = {"type": "integer" if returns.type in WHOLE else "string"}
    if returns.one_of and returns.type not in WHOLE:
        answer["enum"] = list(returns.one_of)
    answer["description"] = returns.description or f"The answer, of type {returns.type}."
    text = {"type": "string"}
    properties = {"answer": answer, "procedure": text, "revision": text, "id": text}
    return {"type": "object", "properties": properties, "required": list(properties)}


def request_of(revision: Revision, arguments: Mapping[str, Any]) -> Request:
    """The request that a call makes. `ArgumentsInvalid` if the arguments are not the tool's."""
    if unknown := sorted(set(arguments) - set(revision.parameters)):
        raise ArgumentsInvalid(f"{revision.name} has no parameter {unknown[0]!r}")
    if missing := [name for name in revision.parameters if name not in arguments]:
        raise ArgumentsInvalid(f"{revision.name} needs the argument {missing[0]!r}")
    written = {name: _written(name, value) for name, value in arguments.items()}
    inputs: dict[str, Attachment] = {}
    context: dict[str, str] = {}
    samples: dict[str, Sample] = {}
    for name, parameter in revision.parameters.items():
        if parameter.origin == "input":
            inputs[name] = Attachment(parameter.key or "text/plain", written[name])
            samples[name] = Sample(name, name)
        elif parameter.origin == "context":
            context[parameter.key or name] = written[name]
        else:
            samples[name] = Sample(written[name], written[name])
    rules = revision.rules
    first = next(iter(revision.spec.match.patterns or ()))
    try:
        text = plain_sentence(parse(first.text, rules), samples).text
    except PatternError as error:
        raise ArgumentsInvalid(f"{revision.name} cannot be called: {error}") from None
    return Request(text=text, inputs=inputs, context=context)


def read_as_given(revision: Revision, arguments: Mapping[str, Any], bound: Mapping[str, str]) -> bool:
    """Whether a request bound each argument to a reading of what was given for it."""
    for name, parameter in revision.parameters.items():
        if parameter.in_patterns and bound.get(name) not in revision.types[name].readings(
            _written(name, arguments[name])
        ):
            return False
    return True


def result_of(revision: Revision, answer: str) -> int | str:
    """An answer as its schema says."""
    return int(answer) if revision.spec.returns.type in WHOLE else answer


def _written(name: str, value: Any) -> str:
    """An argument as a request would write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return ", ".join(_written(name, item) for item in value)
    raise ArgumentsInvalid(f"{name} is {type(value).__name__}; give a text, a whole number or a list of these")


def _schema(revision: Revision, parameter: Parameter) -> Schema:
    kind: ValueType = revision.types[parameter.name]
    item = parameter.type.removeprefix("list[").removesuffix("]")
    schema = _simple(revision, parameter, item)
    if parameter.type.startswith("list["):
        schema = {"type": "array", "items": schema, "minItems": 1}
    bounds = [
        f"{word} {bound}" for word, bound in (("at least", parameter.minimum), ("at most", parameter.maximum)) if bound
    ]
    words = [parameter.description or "", f"Of type {kind.name}", *bounds]
    return {**schema, "description": "; ".join(word.rstrip(".") for word in words if word) + "."}


def _simple(revision: Revision, parameter: Parameter, item: str) -> Schema:
    if item in WHOLE:
        return {"type": "integer"}
    schema: Schema = {"type": "string"}
    if parameter.one_of and item == parameter.type:
        schema["enum"] = list(parameter.one_of)
    elif item == "vocabulary":
        members = [
            value.value
            for each in revision.spec.vocabularies or ()
            if each.name == parameter.vocabulary
            for value in each.values
        ]
        if len(members) <= MOST_MEMBERS:
            schema["enum"] = members
    return schema
