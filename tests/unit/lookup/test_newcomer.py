"""Newcomers: what they share with an elder is taken from them, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from seglam.lookup import Hit, Index
from seglam.lookup.newcomer import NothingRemains, yield_to
from seglam.lookup.overlap import overlaps
from seglam.procedures import ReasoningProcedure, Request, Revision
from seglam.procedures.patterns import parse
from tests.documents import document, revision
from tests.patterns import RULES, language, pattern_texts


def newcomer(*patterns: str, **parts: Any) -> ReasoningProcedure:
    return document("newcomer", patterns=patterns, **parts)


def elder(*patterns: str, **parts: Any) -> Revision:
    return revision("elder", patterns=patterns, **parts)


def left_of(patterns: Sequence[str], elders: Sequence[Revision], **parts: Any) -> list[str]:
    yielded = yield_to(newcomer(*patterns, **parts), elders)
    return [pattern.text for pattern in yielded.document.spec.match.patterns or ()]


@pytest.mark.parametrize(
    ("patterns", "elders", "left"),
    [
        (["halve {n}"], ["double {n}"], ["halve {n}"]),
        (["(double|halve) {n}"], ["double {n}"], ["halve {n}"]),
        (["double {n} [twice]"], ["double {n}"], ["double {n} twice"]),
        (["(double|twice|two times) {n}"], ["(twice|thrice) {n}"], ["(double|two times) {n}"]),
        (["[please] (double|halve) {n} [now]"], ["double {n} [now]"], ["[please] halve {n} [now]"]),
        (["[please] double {n} [now]"], ["double {n} [now]"], ["please double {n} [now]"]),
        (["double {n}", "(twice|halve) {n}"], ["double {n}", "halve {n}"], ["twice {n}"]),
        (["number[s] {n}"], ["numbers {n}"], ["number {n}"]),
        (["(a big|the) (first|last) {n}"], ["the (first|last) {n}", "a big last {n}"], ["a big first {n}"]),
        (["what is (double {n}|{n} doubled)"], ["what is {n} [doubled]"], ["what is double {n}"]),
    ],
)
def test_the_smallest_part_goes(patterns: list[str], elders: list[str], left: list[str]) -> None:
    assert left_of(patterns, [elder(*elders)]) == left


def test_what_is_active_beside_the_elders_already_is_not_compared_again() -> None:
    made = newcomer("(double|halve) {n}", "(twice|halve) {n}")
    yielded = yield_to(made, [elder("(double|twice) {n}")], settled={"(double|halve) {n}"})
    assert [each.text for each in yielded.document.spec.match.patterns or ()] == ["(double|halve) {n}", "halve {n}"]


def test_removals_say_what_where_why_and_for_whom() -> None:
    yielded = yield_to(newcomer("(double|halve) {n}[?]", "double {n} please"), [elder("double {n} [please]")])
    first, second = yielded.removed
    assert (first.pattern, first.removed, first.elder) == ("(double|halve) {n}[?]", "double of (double|halve)", "elder")
    assert first.witness == "double 0"
    assert second.pattern == second.removed == "double {n} please"
    assert second.witness == "double 0 please"


def test_what_shares_nothing_stays_the_same_document() -> None:
    made = newcomer("halve {n}")
    yielded = yield_to(made, [elder("double {n}"), Revision.of(made)])
    assert yielded.document is made
    assert yielded.removed == ()


def test_nothing_remains() -> None:
    with pytest.raises(NothingRemains, match="nothing of newcomer is its own: elder shares 'double 0'"):
        yield_to(newcomer("double {n}"), [elder("(double|twice) {n}")])


def test_the_request_it_was_made_for_must_bind() -> None:
    made = newcomer("(double|halve) {n}")
    wanted = Request(text="Halve 7")
    assert yield_to(made, [elder("double {n}")], wanted).removed
    with pytest.raises(NothingRemains, match="does not bind the request it was made for"):
        yield_to(made, [elder("halve {n}")], wanted)
    with pytest.raises(NothingRemains, match="nothing was taken"):
        yield_to(made, [], Request(text="treble 7"))


def test_of_two_cuts_the_one_that_keeps_the_wanted_request_is_made() -> None:
    # Both of the overlap's choices could be cut, and either cut leaves as many sentences.
    patterns, elders = ["(add|sum) (all|any) {n}"], [elder("add all {n}")]
    for text, left in (("add any 5", "(add|sum) any {n}"), ("sum all 5", "sum (all|any) {n}")):
        yielded = yield_to(newcomer(*patterns), elders, Request(text=text))
        assert [pattern.text for pattern in yielded.document.spec.match.patterns or ()] == [left]


def test_two_cuts_that_keep_the_wanted_request_go_before_one_that_does_not() -> None:
    elders = [elder("halve (twice|again) {n}")]
    assert left_of(["(halve|double) [twice] [again] {n}"], elders) == ["double [twice] [again] {n}"]
    yielded = yield_to(newcomer("(halve|double) [twice] [again] {n}"), elders, Request(text="halve 7"))
    assert len(yielded.removed) == 2
    assert [each.text for each in yielded.document.spec.match.patterns or ()] == ["(halve|double) {n}"]


def test_every_parameter_keeps_its_slot() -> None:
    parameters = [{"name": "n", "type": "integer"}, {"name": "m", "type": "integer"}]
    left = left_of(
        ["add {n} (and {m}|to {m})"],
        [elder("add {n} and {m}", parameters=parameters)],
        parameters=parameters,
    )
    assert left == ["add {n} to {m}"]
    with pytest.raises(NothingRemains):
        # Without the part that names m no argument would be left for it.
        yield_to(
            newcomer("add {n} [and {m}]", parameters=parameters), [elder("add {n} and {m}", parameters=parameters)]
        )


def test_examples_that_only_a_removed_part_binds_go_with_it() -> None:
    def example(request: str) -> Mapping[str, Any]:
        return {"request": request, "arguments": [{"name": "n", "value": "7"}], "answer": "14"}

    made = newcomer("(double|twice) {n}", examples=[example("double 7"), example("twice 7"), example("odd 7")])
    yielded = yield_to(made, [elder("double {n}")])
    assert yielded.examples == ("double 7",)
    kept = [each.request for each in yielded.document.spec.examples or ()]
    assert kept == ["twice 7", "odd 7"], "one that never bound is for the gates to find"


def test_rules_are_written_out_where_nothing_else_would_be_left() -> None:
    rules = [{"name": "verb", "text": "double|twice"}]
    assert left_of(["<verb> {n}", "thrice {n}"], [elder("twice {n}")], rules=rules) == ["double {n}", "thrice {n}"]
    assert left_of(["(<verb>|thrice) {n}"], [elder("twice {n}")], rules=rules) == ["thrice {n}"]


@pytest.mark.parametrize(
    ("patterns", "elders", "wanted", "left"),
    [
        (["[please] double {n} [now]"], ["double {n} [now]"], ["double 3"], ["please double {n} [now]"]),
        (["(a|the) (first|last) {n}"], ["the first {n}"], ["the last 3"], ["(a|the) last {n}"]),
        (["(a|the) (first|last) {n}"], ["the first {n}"], ["a first 3"], ["a (first|last) {n}"]),
        (["(a|the) (first|last) {n}"], ["the first {n}"], ["a first 3", "a last 3", "no 3"], ["a (first|last) {n}"]),
        (["(<verb>|thrice) {n}"], ["twice {n}"], ["double 3"], ["(double|thrice) {n}"]),
        (["(a|the) <verb> {n}"], ["the twice {n}"], ["a double 3", "the double 3"], ["(a|the) double {n}"]),
        (["<verb> {n}", "half {n}"], ["twice {n}"], ["half 3"], ["double {n}", "half {n}"]),
    ],
)
def test_what_goes_is_what_the_fewest_wanted_requests_need(
    patterns: list[str], elders: list[str], wanted: list[str], left: list[str]
) -> None:
    made = newcomer(*patterns, rules=[{"name": "verb", "text": "double|twice"}])
    yielded = yield_to(made, [elder(*elders)], wanted=wanted)
    assert [pattern.text for pattern in yielded.document.spec.match.patterns or ()] == left


def test_a_rule_that_stands_around_every_pattern_is_not_written_out() -> None:
    rules = [{"name": "closing", "text": "thanks|please"}]
    with pytest.raises(NothingRemains, match="is its own"):
        yield_to(newcomer("double {n} <closing>", rules=rules), [elder("double {n} thanks")])


def test_structured_forms_yield_as_a_whole() -> None:
    fields = [{"pointer": "/op", "equals": '"double"'}, {"pointer": "/n", "parameter": "n"}]
    match = {"structured": {"fields": fields}}
    old = revision("elder", patterns=["elder {n}"], match=match)
    yielded = yield_to(newcomer("double {n}", match=match), [old])
    assert yielded.document.spec.match.structured is None
    assert [pattern.text for pattern in yielded.document.spec.match.patterns or ()] == ["double {n}"]
    assert [(removal.pattern, removal.elder) for removal in yielded.removed] == [("structured", "elder")]


def test_many_cuts_are_made_where_one_does_not_do() -> None:
    verbs = [f"verb{chr(97 + n)}" for n in range(6)]
    left = left_of([f"({'|'.join(verbs)}|own) [the] {{n}}"], [elder(f"({'|'.join(verbs)}) {{n}}")])
    assert language(parse(left[0], {})) >= {("own", "{n}"), ("own", "the", "{n}")} or left[0].endswith("the {n}")
    assert overlaps(revision("newcomer", patterns=left), [elder(f"({'|'.join(verbs)}) {{n}}")]) == []


def test_both_are_served_afterwards() -> None:
    old = elder("(what is|tell me) the double of {n}")
    made = newcomer("(what is|tell me) the (double|half) of {n}")
    index = Index()
    for each in (old, Revision.of(yield_to(made, [old]).document)):
        index.add(each)
    for text, name in (("what is the double of 4?", "elder"), ("tell me the half of 4", "newcomer")):
        found = index.find(Request(text=text))
        assert isinstance(found, Hit)
        assert found.binding.revision.name == name


@settings(max_examples=60)
@given(pattern_texts(slots=["n"], rules=False), pattern_texts(slots=["n"], rules=False))
def test_no_overlap_is_left_and_no_sentence_added(mine: str, theirs: str) -> None:
    for text in (mine, theirs):
        try:
            Index().add(revision("any", patterns=[text]))
        except ValueError:
            return
    old = elder(theirs)
    try:
        yielded = yield_to(newcomer(mine), [old])
    except NothingRemains:
        assert overlaps(Revision.of(newcomer(mine)), [old])
        return
    assert overlaps(Revision.of(yielded.document), [old]) == []
    pattern = (yielded.document.spec.match.patterns or [])[0]
    assert language(parse(pattern.text, RULES)) <= language(parse(mine, RULES))
    assert bool(yielded.removed) is (pattern.text != mine)
