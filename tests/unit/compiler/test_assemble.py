"""From replies to documents."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.compiler.assemble import (
    UNKNOWN,
    core_digest,
    document_of,
    extended,
    grew,
    with_examples,
    with_request,
)
from seglam.compiler.replies import AuthorReply, ExampleReply, ExtensionReply, ProcedureReply
from seglam.procedures import Attachment, ReasoningProcedure, Request, Revision
from seglam.procedures.patterns import shared_rules
from tests.compilations import procedure
from tests.documents import COUNTRIES, document


def reply(**changes: Any) -> ProcedureReply:
    found = AuthorReply.model_validate(procedure(**changes)).procedure
    assert found is not None
    return found


def made(**changes: Any) -> ReasoningProcedure:
    return document_of(reply(**changes))


def rules_of(found: ReasoningProcedure) -> dict[str, str]:
    return {rule.name: rule.text for rule in found.spec.rules or ()}


def test_a_shared_rule_is_copied_and_means_what_its_name_says() -> None:
    rules = [
        {"name": "thanks", "text": "no thanks"},
        {"name": "own", "text": "(now|<thanks>)"},
        {"name": "x", "text": "x"},
    ]
    found = made(patterns=["sum {a} and {b} [<own>]", r"\<please> sum {a} {b}"], rules=rules, refuse=[])
    assert rules_of(found) == {"own": "(now|<thanks>)", "thanks": shared_rules()["thanks"]}


def test_an_extensions_rule_loses_the_alternatives_that_cannot_be_read() -> None:
    base = Revision.of(document(patterns=["sum of {x}"], parameters=[{"name": "x", "type": "integer"}]))
    rules = [
        {"name": "outer", "text": "all of|<inner> of|<gone> of"},
        {"name": "inner", "text": "the [whole|every|<nowhere>|each"},
        {"name": "gone", "text": "<nowhere>"},
    ]
    more = ExtensionReply.model_validate({"procedure": "known", "patterns": ["<outer> {x}"], "rules": rules})
    assert rules_of(extended(base, more)) == {"outer": "all of"}
    rules[1]["text"] = "every|<nowhere>|(some|each)"
    more = ExtensionReply.model_validate({"procedure": "known", "patterns": ["<outer> {x}"], "rules": rules})
    assert rules_of(extended(base, more)) == {"outer": "all of|<inner> of", "inner": "every|(some|each)"}


def test_rules_side_by_side_are_both_copied() -> None:
    assert rules_of(made(patterns=["<please><thanks> sum {a} {b}"])).keys() == {"please", "thanks"}


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert document_of(reply(), {"other"}).metadata.name == "sum-of-two"
    assert document_of(reply(), {"sum-of-two", "sum-of-two-2"}).metadata.name == "sum-of-two-3"


def test_a_refusal_that_is_no_pattern_is_literal_text() -> None:
    found = made(refuse=["solve {a} < {b}", "is {a} (roughly) {b}?"])
    assert found.spec.match.refuse == [r"solve {a} \< {b}", "is {a} (roughly) {b}?"]


def test_patterns_given_twice_are_one_and_languages_are_kept() -> None:
    found = made(patterns=["sum {a} {b}", "sum {a} {b}", {"text": "suma {a} {b}", "language": "es"}])
    assert [(p.text, p.language) for p in found.spec.match.patterns or ()] == [
        ("sum {a} {b}", None),
        ("suma {a} {b}", "es"),
    ]


def test_examples_are_completed_from_what_binds() -> None:
    replies = [
        ExampleReply(request="compute the sum of 1 and 2"),
        ExampleReply(request="compute the sum of 1,000,000 and 2", arguments={"a": "1,000,000"}, answer="1,000,002"),
        ExampleReply(request="what is the weather"),
        ExampleReply(request="compute the sum of 1 and 2"),
    ]
    found, dropped = with_examples(made(), replies)
    first, second = found.spec.examples or []
    assert [(a.name, a.value) for a in first.arguments] == [("a", "1"), ("b", "2")] and first.answer == UNKNOWN
    assert [(a.name, a.value) for a in second.arguments] == [
        ("a", "1000000"),
        ("b", "2"),
    ] and second.answer == "1000002"
    assert dropped == ["what is the weather"]


def test_a_wrong_argument_stays_for_the_gates_to_find() -> None:
    found, _ = with_examples(made(), [ExampleReply(request="compute the sum of 1 and 2", arguments={"a": "2"})])
    assert [argument.value for argument in (found.spec.examples or [])[0].arguments] == ["2", "2"]


def test_a_request_with_inputs_becomes_an_example() -> None:
    reader = document(
        "rows",
        patterns=["count the rows"],
        parameters=[{"name": "table", "type": "table", "origin": "input", "key": "text/csv"}],
        code="def solve(table):\n    return str(len(table.rows))\n",
    )
    request = Request(
        text="Count the rows",
        inputs={"a.csv": Attachment("text/csv", "x,y\n1,2\n")},
        context={"locale": "en", "timeZone": "UTC"},
    )
    (example,) = with_request(reader, request).spec.examples or []
    assert example.inputs is not None and example.inputs[0].text == "x,y\n1,2\n" and example.context is not None
    assert [entry.name for entry in example.context] == ["locale"]
    assert with_request(reader, Request(text="count the columns")) is reader


def test_examples_do_not_grow_for_ever() -> None:
    found = made()
    for number in range(60):
        found = with_request(found, Request(text=f"compute the sum of {number} and 1"))
    assert len(found.spec.examples or ()) == 40


CAPITAL = Revision.of(
    document(
        "capital",
        patterns=["capital of {country} [<ending>]"],
        parameters=[{"name": "country", "type": "vocabulary", "vocabulary": "country"}],
        vocabularies=[{"name": "country", "values": COUNTRIES}],
        rules=[{"name": "ending", "text": "now|today"}, {"name": "thanks", "text": shared_rules()["thanks"]}],
        match={"refuse": ["capital gain of {country}"]},
    )
)


def extension(**parts: object) -> ReasoningProcedure:
    return extended(CAPITAL, ExtensionReply.model_validate({"procedure": "capital", **parts}))


def test_an_extension_adds_and_keeps() -> None:
    found = extension(
        patterns=["{country}'s capital", "capital of {country} [<ending>]"],
        vocabularies=[{"name": "country", "values": [{"value": "France", "names": ["la France"]}, {"value": "Spain"}]}],
        rules=[{"name": "ending", "text": "at once"}],
        refuse=["capital city of {country}", "capital gain of {country}"],
    )
    spec = found.spec
    assert [p.text for p in spec.match.patterns or ()] == ["capital of {country} [<ending>]", "{country}'s capital"]
    assert spec.match.refuse == ["capital gain of {country}", "capital city of {country}"]
    assert rules_of(found)["ending"] == "now|today|at once"
    members = {member.value: member.names for member in (spec.vocabularies or [])[0].values}
    assert members["France"] == ["la France"] and "Spain" in members and members["North Korea"] == ["DPRK"]
    assert spec.code == CAPITAL.spec.code and core_digest(spec) == core_digest(CAPITAL.spec)
    assert grew(CAPITAL.spec, spec) and not grew(spec, CAPITAL.spec)


def test_a_name_alone_does_not_make_a_vocabulary_grow() -> None:
    names = [{"name": "country", "values": [{"value": "France", "names": ["la France"]}]}]
    assert not grew(CAPITAL.spec, extension(vocabularies=names).spec)


def test_what_cannot_be_extended_is_an_error() -> None:
    with pytest.raises(ValueError, match="no vocabulary 'city'; it has country"):
        extension(vocabularies=[{"name": "city", "values": [{"value": "Rome"}]}])
    with pytest.raises(ValueError, match="<thanks> is a shared rule"):
        extension(rules=[{"name": "thanks", "text": "cheers"}])


def test_new_code_is_another_core() -> None:
    found = extension(patterns=["x {country}"], code="def solve(country):\n    return 'x'\n")
    assert core_digest(found.spec) != core_digest(CAPITAL.spec)


def test_arrows_are_literal_and_a_rule_that_cannot_be_read_goes() -> None:
    base = Revision.of(made(patterns=["sum {a} and {b}"], rules=[], refuse=[]))
    rules = [{"name": "to", "text": "(to|->)"}, {"name": "bad", "text": "(x"}, {"name": "worse", "text": "<bad> y"}]
    extension = {"procedure": "sum-of-two", "patterns": ["{a} <to> {b} <= s", "{a} <worse> {b}"], "rules": rules}
    document = extended(base, ExtensionReply.model_validate(extension))
    assert rules_of(document) == {"to": r"(to|-\>)"}
    assert [pattern.text for pattern in document.spec.match.patterns or ()][1] == r"{a} <to> {b} \<= s"
