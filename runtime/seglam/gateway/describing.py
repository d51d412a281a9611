"""What an index holds and decides, as it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seglam.lookup import Hit, Miss
from seglam.procedures import Revision


def procedures(served: Iterable[Revision]) -> dict[str, Any]:
    """The procedures that are served, by name."""
    ordered = sorted(served, key=lambda revision: revision.name)
    return {"procedures": [_procedure(revision) for revision in ordered]}


def explanation(found: Hit | Miss) -> dict[str, Any]:
    """What a lookup decided, and why."""
    if isinstance(found, Hit):
        binding = found.binding
        return {
            "outcome": "hit",
            "reason": None,
            "procedure": binding.revision.name,
            "revision": binding.revision.digest,
            "arguments": dict(binding.arguments),
            "explanation": found.explanation,
            "near": [],
        }
    return {
        "outcome": "miss",
        "reason": found.reason,
        "procedure": None,
        "revision": None,
        "arguments": {},
        "explanation": found.explanation,
        "near": [
            {"procedure": each.revision.name, "pattern": each.pattern, "difference": each.difference}
            for each in found.near
        ],
    }


def _procedure(revision: Revision) -> dict[str, Any]:
    spec = revision.spec
    return {
        "name": revision.name,
        "revision": revision.digest,
        "summary": spec.summary,
        "parameters": [{"name": each.name, "type": each.type} for each in spec.parameters or ()],
        "returns": spec.returns.type,
        "patterns": len(spec.match.patterns or ()),
    }
