"""Sentences that are proposed without an author: where values are read in a request's text."""

from __future__ import annotations

import pytest

from seglam.compiler.proposals import proposals
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
        ("take 1, 2, 3, 4 (now)", []),
        ("take 3 from 10" + " or so" * 200, []),
        ("is [3] more than 10|?", ["is \\[{a}\\] more than {b}\\|?", "is \\[{b}\\] more than {a}\\|?"]),
    ],
)
def test_each_way_to_read_a_value_for_every_parameter_is_one(text: str, found: list[str]) -> None:
    assert proposals(of(a="integer", b="integer"), Request(text=text)) == found


def test_values_of_different_types_are_told_apart() -> None:
    made = of(days="integer", date="date")
    assert proposals(made, Request(text="2024-05-01 plus 30 days?")) == ["{date} plus {days} days?"]


def test_a_column_is_one_of_the_attached_table_and_replaced_wherever_it_is_named() -> None:
    rows = {"name": "rows", "type": "table", "origin": "input", "key": "text/csv"}
    made = revision(patterns=["one row per {key}"], parameters=[rows, {"name": "key", "type": "column"}])
    inputs = {"shop.csv": Attachment("text/csv", "city,count\nUlm,3\n")}
    request = Request(text="From shop.csv, list city by city.", inputs=inputs)
    assert proposals(made, request) == ["From {rows}, list {key} by {key}."]
    assert proposals(made, request._replace(text="List town by town.")) == []


def test_a_mark_that_ends_a_sentence_is_no_part_of_a_value() -> None:
    assert proposals(of(time="time"), Request(text="Is it 5 p.m. Then go.")) == ["Is it {time}. Then go."]


@pytest.mark.parametrize("kind", ["word", "text", "token", "list[token]", "list[word]"])
def test_a_value_that_any_word_may_be_is_not_read(kind: str) -> None:
    assert proposals(of(words=kind), Request(text="Sort: _elm_, Fir_. Answer now.")) == []
