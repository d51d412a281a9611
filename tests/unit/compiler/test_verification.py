"""Verifying documents that are there already: real WebAssembly, no model."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from seglam.compiler import Bench, Gate
from seglam.compiler.gates.checks import flaws_of, wide_alternatives
from seglam.compiler.jobresult import VerificationRecord
from seglam.compiler.verification import NO_VALUES, NOT_ASKED, Verified, reverify_differential, verify
from seglam.lookup import Index
from seglam.procedures import ReasoningProcedure, Revision
from seglam.procedures.request import Request
from seglam.sandbox import Engine, Sandbox
from tests.compilations import SUM_IMPLEMENTATION
from tests.documents import COUNTRIES, document

TWO = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]
EXAMPLE = {
    "request": "the sum of 3 and 4",
    "arguments": [{"name": "a", "value": "3"}, {"name": "b", "value": "4"}],
    "answer": "7",
}
BOUND = {"a": "3", "b": "4"}


def addition(name: str = "addition", **parts: Any) -> ReasoningProcedure:
    given: dict[str, Any] = {
        "patterns": ["the sum of {a} and {b}"],
        "parameters": TWO,
        "returns": "integer",
        "code": "def solve(a, b):\n    return a + b\n",
        "examples": [EXAMPLE],
        "summary": "The sum of two whole numbers.",
    }
    return document(name, **{**given, **parts})


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield Bench(first, second)


def test_alternatives_that_make_near_misses_of_each_other_are_told() -> None:
    found = addition(patterns=["the (sum|sum before tax|sum after tax) of {a} and {b}", "{a} (plus|and) {b} [at once]"])
    wide = wide_alternatives(found, [Request(text="the sum of 3 and 4")])
    assert [each.right for each in wide] == ["the sum before tax of {a} and {b}", "the sum after tax of {a} and {b}"]
    assert {flaw.category for flaw in flaws_of(wide)} == {
        "an alternative makes a request that means something else match"
    }


def failed(verified: Verified) -> list[Gate]:
    return [each.gate for each in verified.evidence if not each.passed]


def test_a_document_that_holds_what_it_states(bench: Bench) -> None:
    found = addition()
    verified = verify(found, [], bench)
    assert verified.passed and verified.flaws == () and verified.document is found
    assert [each.gate for each in verified.evidence] == [Gate.STATIC, Gate.EXAMPLES, Gate.MATCH]
    assert verified.digest == Revision.of(found).digest and verified.engines == bench.engines
    detail = verified.evidence[-1].detail
    assert detail["unchecked"] == [NOT_ASKED] and detail["nearMissesTried"] > 50


def test_without_examples_the_gate_fails_and_says_what_was_not_checked(bench: Bench) -> None:
    verified = verify(addition(examples=None), [], bench)
    assert failed(verified) == [Gate.EXAMPLES]
    assert verified.evidence[-1].detail["unchecked"] == [NOT_ASKED, NO_VALUES]


def test_code_that_breaks_a_rule_is_not_run(bench: Bench) -> None:
    verified = verify(addition(code="import socket\n\n\ndef solve(a, b):\n    return a + b\n"), [], bench)
    assert [each.gate for each in verified.evidence] == [Gate.STATIC] and not verified.passed
    assert verified.flaws[0].path == ("spec", "code") and "socket" in verified.flaws[0].what


def test_an_empty_answer_is_an_answer_here(bench: Bench) -> None:
    """A compilation computes answers that nobody stated; what is verified states all of them."""
    stated = {**EXAMPLE, "answer": ""}
    nothing = {"returns": "text", "code": "def solve(a, b):\n    return ''\n"}
    assert verify(addition(examples=[stated], **nothing), [], bench).passed
    something = {"returns": "text", "code": "def solve(a, b):\n    return 'x'\n"}
    verified = verify(addition(examples=[stated], **something), [], bench)
    assert failed(verified) == [Gate.EXAMPLES] and "the example states ''" in verified.flaws[0].what


@pytest.mark.parametrize(
    ("parts", "path", "said"),
    [
        ({"examples": [{**EXAMPLE, "request": "3 and 4"}]}, ("spec", "examples", 0), "the example misses"),
        ({"examples": [{**EXAMPLE, "answer": "8"}]}, ("spec", "examples", 0, "answer"), "the example states '8'"),
        (
            {"patterns": ["the sum of {a} (and|or) {b}"]},
            ("spec", "match", "patterns"),
            "binds as if nothing had changed",
        ),
        (
            {"match": {"refuse": ["the sum of {a} and {b}"]}},
            ("spec", "match", "refuse", 0),
            "is to be refused and binds",
        ),
    ],
)
def test_each_flaw_has_its_field(bench: Bench, parts: dict[str, Any], path: tuple[object, ...], said: str) -> None:
    if "match" in parts:
        parts = {**parts, "patterns": ["the sum of {a} and {b}"]}
    verified = verify(addition(**parts), [], bench)
    assert not verified.passed
    assert any(flaw.path == path and said in flaw.what for flaw in verified.flaws), verified.flaws


@pytest.mark.parametrize("as_index", [True, False])
def test_what_an_elder_answers_is_told_with_a_witness(bench: Bench, as_index: bool) -> None:
    elder = Revision.of(addition("elder", patterns=["the sum of {a} and {b} [please]"]))
    elders: Any = Index() if as_index else [elder]
    if as_index:
        elders.add(elder)
    verified = verify(addition(), elders, bench)
    assert failed(verified) == [Gate.MATCH]
    (overlap,) = verified.evidence[-1].detail["overlaps"]
    assert overlap["elder"] == "elder" and overlap["confirmed"] and overlap["witness"].startswith("the sum of ")
    assert "known procedure" in verified.evidence[-1].detail["category"]


def test_a_revision_of_the_same_name_is_no_elder(bench: Bench) -> None:
    older = Revision.of(addition(summary="An older wording."))
    assert verify(addition(), [older], bench).passed


def test_the_same_reasoning_under_another_name_is_told(bench: Bench) -> None:
    verified = verify(addition(), [Revision.of(addition("elder"))], bench)
    assert [flaw.path for flaw in verified.flaws] == [("metadata", "name")]


# The differential gate again


def record(**changes: Any) -> VerificationRecord:
    return VerificationRecord(reply={**deepcopy(SUM_IMPLEMENTATION), **changes}, arguments=BOUND)


def test_a_recorded_implementation_is_compared_again(bench: Bench) -> None:
    evidence = reverify_differential(addition(), record(), bench)
    assert evidence.passed and evidence.gate is Gate.DIFFERENTIAL and evidence.detail["compared"] >= 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "def solve(a, b):\n    return a - b\n"}, "the answers differ"),
        ({"readings": [{"reading": "modulo two"}]}, "readings that nothing fixes"),
        ({"code": ""}, "cannot be used"),
    ],
)
def test_another_implementation_fails(bench: Bench, changes: dict[str, Any], said: str) -> None:
    evidence = reverify_differential(addition(), record(**changes), bench)
    assert not evidence.passed and said in evidence.summary


@pytest.mark.parametrize("arguments", [{"a": "3"}, {"a": "3", "b": "four"}])
def test_recorded_arguments_must_be_of_the_document(bench: Bench, arguments: dict[str, str]) -> None:
    found = VerificationRecord(reply=SUM_IMPLEMENTATION, arguments=arguments)
    assert "cannot be used" in reverify_differential(addition(), found, bench).summary


def test_only_an_extension_without_new_code_and_values_needs_no_implementation(bench: Bench) -> None:
    base = Revision.of(addition())
    wider = addition(patterns=["the sum of {a} and {b}", "{a} added to {b}"])
    assert reverify_differential(wider, None, bench, base=base).passed
    assert not reverify_differential(wider, None, bench).passed
    other = addition(code="def solve(a, b):\n    return b + a\n")
    assert "no verifier" in reverify_differential(other, None, bench, base=base).summary


def test_new_code_answers_as_the_code_that_it_replaces(bench: Bench) -> None:
    base = Revision.of(addition())
    other = addition(code="def solve(a, b):\n    return a + b + 1\n")
    found = record(code="def solve(a, b):\n    return a + b + 1\n", properties=None, cases=[])
    assert "does not answer as the old code" in reverify_differential(other, found, bench, base=base).summary


def test_a_value_on_which_both_differ_fails_where_nothing_can_be_taken_out(bench: Bench) -> None:
    values = [*COUNTRIES, *({"value": f"Land {letter}"} for letter in "ABCDEFGHIJKLMNOPQRST")]
    capital = document(
        "capital",
        patterns=["capital of {country}"],
        parameters=[{"name": "country", "type": "vocabulary", "vocabulary": "country"}],
        vocabularies=[{"name": "country", "values": values}],
        code="def solve(country):\n    return country\n",
        examples=[
            {
                "request": "capital of France",
                "arguments": [{"name": "country", "value": "France"}],
                "answer": "France",
            }
        ],
    )
    other = {"code": "def solve(country):\n    return 'x' if country == 'Land A' else country\n"}
    found = VerificationRecord(reply=other, arguments={"country": "France"})
    evidence = reverify_differential(capital, found, bench)
    assert not evidence.passed and "Land A" in evidence.summary
