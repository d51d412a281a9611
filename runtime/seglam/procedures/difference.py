"""What a revision changes of another, part by part, as a reviewer reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff

from seglam.procedures import Spec
from seglam.procedures.document import Model


def difference(old: Spec, new: Spec) -> dict[str, str]:
    """Unified differences by the name of the part; parts that are equal are left out."""
    before, after = _parts(old), _parts(new)
    found = {}
    for name in after:
        lines = unified_diff(before[name], after[name], "before", "after", n=2, lineterm="")
        if text := "\n".join(lines):
            found[name] = text
    return found


def _parts(spec: Spec) -> dict[str, list[str]]:
    match = spec.match
    return {
        "summary": spec.summary.splitlines(),
        "patterns": [_pattern(each.text, each.language) for each in match.patterns or ()],
        "structured": [_line(each) for each in (match.structured.fields if match.structured else ())],
        "refusals": list(match.refuse or ()),
        "rules": [f"<{rule.name}> {rule.text}" for rule in spec.rules or ()],
        "vocabularies": list(_vocabularies(spec)),
        "parameters": [_line(each) for each in spec.parameters or ()],
        "returns": [_line(spec.returns)],
        "limits": [_line(spec.limits)] if spec.limits else [],
        "code": spec.code.splitlines(),
        "examples": [line for each in spec.examples or () for line in _example(each)],
    }


def _pattern(text: str, language: str | None) -> str:
    return f"{text}  ({language})" if language else text


def _vocabularies(spec: Spec) -> Iterator[str]:
    for vocabulary in spec.vocabularies or ():
        for member in vocabulary.values:
            names = f" = {', '.join(member.names)}" if member.names else ""
            yield f"{vocabulary.name}: {member.value}{names}"


def _example(example: Model) -> list[str]:
    plain = example.model_dump(mode="json", by_alias=True, exclude_none=True)
    arguments = ", ".join(f"{each['name']}={each['value']}" for each in plain.pop("arguments"))
    answer, request = plain.pop("answer"), plain.pop("request", None)
    more = [json.dumps(plain, ensure_ascii=False)] if plain else []
    return [*(str(request).splitlines() if request is not None else []), *more, f"  ({arguments}) -> {answer}"]


def _line(part: Model) -> str:
    return json.dumps(part.model_dump(mode="json", by_alias=True, exclude_none=True), ensure_ascii=False)
