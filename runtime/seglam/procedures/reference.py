"""The reference page of documents and value types, written from the models: `python -m seglam.procedures.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.patterns.rules import rule_summaries
from seglam.procedures.values.registry import describe

HEAD = """\
# Reference: the procedure document

Written from the models by `python -m seglam.procedures.reference`; a test keeps the two equal.

Every value is a string in its type's canonical text. An absent field, null and an empty list are one and the same, also
in the digest. Fields that say where and how a procedure is served are not in the digest.
"""


def reference() -> str:
    """The page, as Markdown."""
    return "\n".join([HEAD, *_fields(), *_types(), *_rules()]).rstrip() + "\n"


def _fields() -> Iterator[str]:
    schema = ReasoningProcedure.model_json_schema(by_alias=True)
    models: dict[str, Any] = {"ReasoningProcedure": schema, **schema["$defs"]}
    order = ["ReasoningProcedure", *_reached("ReasoningProcedure", models)]
    for name in order:
        model = models[name]
        yield f"## {name}\n\n{' '.join(model['description'].split())}\n"
        yield "| Field | Type | Meaning |\n|---|---|---|"
        required = model.get("required", ())
        for field, member in model["properties"].items():
            mark = "" if field in required else ", optional"
            yield f"| `{field}` | {_type(member)}{mark} | {_cell(member['description'])} |"
        yield ""


def _reached(name: str, models: dict[str, Any]) -> list[str]:
    """Models in the order in which a reader meets them."""
    found: list[str] = []
    for member in models[name]["properties"].values():
        for used in _references(member):
            if used not in found:
                found.append(used)
                found += [deeper for deeper in _reached(used, models) if deeper not in found]
    return found


def _references(member: Any) -> Iterator[str]:
    if isinstance(member, dict):
        if "$ref" in member:
            yield member["$ref"].rsplit("/", 1)[-1]
        for value in member.values():
            yield from _references(value)
    elif isinstance(member, list):
        for value in member:
            yield from _references(value)


def _type(member: dict[str, Any]) -> str:
    if "$ref" in member:
        name = member["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in member:
        return " or ".join(_type(each) for each in member["anyOf"] if each.get("type") != "null")
    if "const" in member:
        return f"`{member['const']}`"
    if "enum" in member:
        return ", ".join(f"`{value}`" for value in member["enum"])
    if member.get("type") == "array":
        limit = f", at most {member['maxItems']}" if "maxItems" in member else ""
        return f"list of {_type(member['items'])}{limit}"
    bounds = [f"{word} {member[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in member]
    return " ".join([str(member.get("type", "any")), *bounds])


def _types() -> Iterator[str]:
    yield "## Value types\n"
    yield "A type returns all readings of a text; more than one distinct binding of a request is a miss.\n"
    yield "| Type | Meaning | `solve` receives | Accepts | Refuses |\n|---|---|---|---|---|"
    for entry in describe():
        accepts, rejects = ("; ".join(_code(text) for text in texts) for texts in (entry.accepts, entry.rejects))
        yield f"| `{entry.name}` | {_cell(entry.summary)} | {_cell(entry.python)} | {accepts} | {rejects} |"
    yield ""


def _rules() -> Iterator[str]:
    yield "## Shared rules\n"
    yield "A pattern names a rule as `<name>`; the document carries a copy of its text.\n"
    yield "| Rule | Meaning |\n|---|---|"
    for name, summary in rule_summaries().items():
        yield f"| `<{name}>` | {_cell(summary)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _code(text: str) -> str:
    shown = text.replace("\n", "\u21b5").replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
