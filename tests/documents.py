"""Small documents for tests, from the parts that a test is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seglam.procedures import ReasoningProcedure, Revision

COUNTRIES = [
    {"value": "South Korea", "names": ["Korea", "the Republic of Korea", "ROK"]},
    {"value": "North Korea", "names": ["DPRK"]},
    {"value": "France"},
]


def document(
    name: str = "double",
    *,
    patterns: Sequence[str] = ("double {n}",),
    parameters: Sequence[Mapping[str, Any]] = ({"name": "n", "type": "integer"},),
    returns: str = "text",
    code: str = "def solve(n):\n    return str(2 * n)\n",
    **spec: Any,
) -> ReasoningProcedure:
    """A document; further members of its spec by keyword, as YAML names them."""
    match = {"patterns": [{"text": text} for text in patterns], **spec.pop("match", {})}
    return ReasoningProcedure.model_validate(
        {
            "apiVersion": "seglam.dev/v1alpha1",
            "kind": "ReasoningProcedure",
            "metadata": {"name": name},
            "spec": {
                "summary": spec.pop("summary", f"What {name} answers."),
                "parameters": [dict(parameter) for parameter in parameters],
                "returns": {"type": returns},
                "match": match,
                "code": code,
                **spec,
            },
        }
    )


def revision(name: str = "double", **parts: Any) -> Revision:
    """A revision, from the same parts."""
    return Revision.of(document(name, **parts))


def capital(**parts: Any) -> Revision:
    """The essay's first example."""
    return revision(
        "capital-of-country",
        patterns=parts.pop(
            "patterns",
            [
                "(what is|what's|tell me|name) the capital [city] of {country}",
                "{country}'s capital [city]",
                "cual es la capital de {country}",
            ],
        ),
        parameters=[{"name": "country", "type": "vocabulary", "vocabulary": "country"}],
        vocabularies=[{"name": "country", "values": COUNTRIES}],
        code=(
            "CAPITALS = {'South Korea': 'Seoul', 'France': 'Paris', 'North Korea': 'Pyongyang'}\n\n\n"
            "def solve(country):\n    return CAPITALS[country]\n"
        ),
        **parts,
    )
