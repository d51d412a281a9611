"""Two procedures that compute the same become one."""

from __future__ import annotations

import pytest

from seglam.compiler.hygiene import Duplicate, duplicates
from seglam.compiler.merging import merged
from seglam.compiler.running import Bench
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision
from seglam.sandbox import Engine, Sandbox
from tests.documents import revision

SECONDS: list[dict[str, object]] = [{"value": "hours"}, {"value": "minutes", "names": ["min"]}]
CODE = "def solve(n, {unit}):\n    return str(n * {{'hours': 3600, 'minutes': 60, 'days': 86400}}[{unit}])\n"


def timing(name: str, unit: str, values: list[dict[str, object]], wording: str, **match: object) -> Revision:
    """How many seconds a time has."""
    return revision(
        name,
        patterns=[f"{wording} {{n}} {{{unit}}} <ending>"],
        parameters=[
            {"name": "n", "type": "integer", "minimum": "0", "maximum": "1000"},
            {"name": unit, "type": "vocabulary", "vocabulary": unit},
        ],
        vocabularies=[{"name": unit, "values": values}],
        rules=[{"name": "ending", "text": f"(in seconds|as seconds, {wording})"}],
        code=CODE.format(unit=unit),
        examples=[
            {
                "request": f"{wording} 2 minutes in seconds",
                "arguments": [{"name": "n", "value": "2"}, {"name": unit, "value": "minutes"}],
                "answer": "120",
            }
        ],
        match=match,
    )


KEEP = timing("seconds-of", "unit", [{"value": "days"}, {"value": "hours"}, {"value": "minutes"}], "what is")
OTHER = timing(
    "in-seconds",
    "of",
    SECONDS,
    "convert",
    refuse=["convert {n} days in seconds", "convert half of {n} {of} in seconds"],
)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Sandbox(Engine.load(build="a")), Sandbox(Engine.load(build="b")))


@pytest.fixture(scope="module")
def found(bench: Bench) -> Duplicate:
    (pair,) = duplicates([KEEP, OTHER], bench.first)
    return pair


def test_the_kept_code_answers_what_both_were_asked(bench: Bench, found: Duplicate) -> None:
    assert (found.keep, found.covers, found.arguments) == ("seconds-of", True, {"n": "n", "unit": "of"})
    document = merged(KEEP, OTHER, found, bench).document
    index = Index()
    index.add(Revision.of(document))
    for text in ("what is 3 days in seconds", "convert 3 min as seconds, convert", "convert 3 days in seconds"):
        bound = index.find(Request(text=text))
        assert isinstance(bound, Hit) and bound.binding.arguments["n"] == "3"
    assert not isinstance(index.find(Request(text="what is 3 days as seconds, convert")), Hit)
    assert {rule.name for rule in document.spec.rules or ()} == {"ending", "ending-2"}
    assert [[a.name for a in example.arguments] for example in document.spec.examples or ()] == [["n", "unit"]] * 2


def test_a_refusal_that_has_an_answer_now_is_told(bench: Bench, found: Duplicate) -> None:
    made = merged(KEEP, OTHER, found, bench)
    assert made.refused_no_more == ("convert {n} days in seconds",)
    assert made.document.spec.match.refuse == ["convert half of {n} {unit} in seconds"]
