"""Sentences that are proposed without an author: where values are read in a request's text."""

from __future__ import annotations

import pytest

from seglam.compiler.proposals import proposals, sentences
from seglam.compiler.results import Missed
from seglam.lookup import Miss, MissReason
from seglam.procedures import Request, Revision
from seglam.procedures.request import Attachment
from tests.documents import revision


def of(**types: str) -> Revision:
    """A procedure with parameters of these types."""
    parameters = [{"name": name, "type": kind} for name, kind in types.items()]
    return revision(patterns=[" to ".join(f"{{{name}}}" for name in types)], parameters=parameters)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("take 3 from 10", ["take {a} from {b}", "take {b} from {a}"]),
        ("take 3", []),
        ("take 1, 2, 3, 4, 5, 6, 7, 8, 9", []),
        ("take 3 from 3", []),
        ("take 3 (yes, 3) from 10", ["take {a} \\(yes, {a}\\) from {b}", "take {b} \\(yes, {b}\\) from {a}"]),
        ("take 3 from 10" + " or so" * 200, []),
        ("is [3] more than 10|?", ["is \\[{a}\\] more than {b}\\|?", "is \\[{b}\\] more than {a}\\|?"]),
    ],
)
def test_each_way_to_read_a_value_for_every_parameter_is_one(text: str, found: list[str]) -> None:
    assert proposals(of(a="integer", b="integer"), Request(text=text)) == found


def test_the_likeliest_few_of_many_ways_are_proposed() -> None:
    numbers = [{"name": name, "type": "integer"} for name in "ab"]
    made = revision(patterns=["[please] take {a} (apples|pears) from {b}", "from {b} take {a}"], parameters=numbers)
    first, *others = proposals(made, Request(text="I know 2 ways to take 3 pears from 9 or 10: which?"))
    assert first == "i know 2 ways to take {a} pears from {b} or 10: which?"
    assert len(others) == 2
    assert proposals(made, Request(text="1: from 7 take 2, 3 times"))[0] == "1: from {b} take {a}, 3 times"


def test_so_many_ways_that_no_few_are_likely_are_none() -> None:
    assert proposals(of(a="integer", b="integer", c="integer"), Request(text="1, 2, 3, 4, 5, 6, 7, 8")) == []


def test_the_likeliest_reading_of_each_request_alike_comes_first() -> None:
    made = revision(patterns=["take {a} from {b}"], parameters=[{"name": name, "type": "integer"} for name in "ab"])
    asked, other = Request(text="take 3 off 10"), "remove 2 from 7"
    missed = Missed(asked, Miss(MissReason.UNKNOWN, ""), alike=(other, "no number"))
    likeliest = ["take {a} off {b}", "remove {a} from {b}"]
    assert sentences(made, missed) == [*likeliest, "take {b} off {a}", "remove {b} from {a}"]
    assert sentences(made, Missed(asked._replace(text="no number"), missed.miss, alike=(other,))) == []


def test_a_sentence_is_folded_as_patterns_are() -> None:
    assert proposals(of(n="integer"), Request(text="Say “True” if 7 IS odd")) == ['say "true" if {n} is odd']


def test_values_of_different_types_are_told_apart() -> None:
    made = of(days="integer", date="date")
    assert proposals(made, Request(text="2024-05-01 plus 30 days?")) == ["{date} plus {days} days?"]


def test_a_column_is_one_of_the_attached_table_and_replaced_wherever_it_is_named() -> None:
    rows = {"name": "rows", "type": "table", "origin": "input", "key": "text/csv"}
    made = revision(patterns=["one row per {key}"], parameters=[rows, {"name": "key", "type": "column"}])
    inputs = {"shop.csv": Attachment("text/csv", "city,count\nUlm,3\n")}
    request = Request(text="From shop.csv, list city by city.", inputs=inputs)
    assert proposals(made, request) == ["from {rows}, list {key} by {key}."]
    assert proposals(made, request._replace(text="List town by town.")) == []


def test_a_file_need_not_be_named() -> None:
    table = {"name": "table", "type": "table", "origin": "input", "key": "text/csv"}
    made = revision(patterns=["show ({table}|the file)"], parameters=[table])
    request = Request(text="Show it to me", inputs={"shop.csv": Attachment("text/csv", "city\nUlm\n")})
    assert proposals(made, request) == ["show it to me"]
    assert proposals(made, request._replace(text="Show me shop.csv")) == ["show me {table}"]


def test_a_mark_that_ends_a_sentence_is_no_part_of_a_value() -> None:
    assert proposals(of(time="time"), Request(text="Is it 5 p.m. Then go.")) == ["is it {time}. then go."]


def test_a_mark_alone_is_no_value() -> None:
    assert proposals(of(letter="character"), Request(text='How many "e" are there?')) == [
        "how many {letter} are there?"
    ]


def test_what_is_quoted_is_a_value_and_the_like_of_it_a_word() -> None:
    assert proposals(of(letter="character"), Request(text='I mean a letter: "n"')) == ["i mean a letter: {letter}"]


@pytest.mark.parametrize("kind", ["word", "text", "token", "list[token]", "list[word]"])
def test_a_value_that_any_word_may_be_is_not_read_among_words(kind: str) -> None:
    assert proposals(of(words=kind), Request(text="Sort _elm_, Fir_. Answer now.")) == []


@pytest.mark.parametrize(
    ("types", "text", "found"),
    [
        (["list[token]"], "Sort: _elm_, Fir_. Answer now.", ["sort: {a}. answer now."]),
        (["list[token]"], "Sort\nwords: _elm_, Fir_\nascending", ["sort\nwords: {a}\nascending"]),
        (["word"], "Turn 'elm' around", ["turn '{a}' around"]),
        (["text"], 'Is "to be" in "not"?', ['is "{a}" in "not"?', 'is "to be" in "{a}"?']),
        (["text"], 'What is "to be" in capitals', ['what is "{a}" in capitals']),
        (["word", "word"], "Is it so: elm fir", ["is it so: {a} {b}", "is it so: {b} {a}"]),
        (["word", "word"], "First: elm. Second: fir.", ["first: {a}. second: {b}.", "first: {b}. second: {a}."]),
        (["word", "word"], "Do they match: elm and fir are what I mean", []),
    ],
)
def test_a_value_that_any_word_may_be_is_read_between_marks(types: list[str], text: str, found: list[str]) -> None:
    assert proposals(of(**dict(zip("ab", types, strict=False))), Request(text=text)) == found


def test_values_that_may_change_places_are_given_in_the_order_of_the_text() -> None:
    request = Request(text="take 3 with 10")
    assert proposals(of(a="integer", b="integer"), request, [("a", "b")]) == ["take {a} with {b}"]
    three = of(a="integer", b="integer", c="integer")
    found = proposals(three, request._replace(text="take 3 with 10 at 2"), [("a", "b")])
    assert found == ["take {a} with {b} at {c}", "take {a} with {c} at {b}", "take {c} with {a} at {b}"]
