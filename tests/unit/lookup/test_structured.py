from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from seglam.lookup import Hit, Index, Miss, MissReason, fingerprint
from seglam.procedures import Attachment, Request
from tests.documents import revision

CONVERT = revision(
    "convert",
    patterns=["convert {amount} {unit}"],
    parameters=[
        {"name": "amount", "type": "decimal"},
        {"name": "unit", "type": "vocabulary", "vocabulary": "unit"},
        {"name": "steps", "type": "list[integer]"},
        {"name": "rest", "type": "json"},
    ],
    vocabularies=[{"name": "unit", "values": [{"value": "km"}, {"value": "mile", "names": ["mi"]}]}],
    match={
        "structured": {
            "fields": [
                {"pointer": "/op", "equals": '"convert"'},
                {"pointer": "/version", "equals": "1"},
                {"pointer": "/amount", "parameter": "amount"},
                {"pointer": "/to/unit", "parameter": "unit"},
                {"pointer": "/steps", "parameter": "steps"},
                {"pointer": "/rest", "parameter": "rest"},
            ]
        }
    },
)
VALUE: dict[str, Any] = {
    "op": "convert",
    "version": 1,
    "amount": 1.5,
    "to": {"unit": "mi"},
    "steps": [1, 2],
    "rest": {"b": 0.1},
}


def find(value: object) -> Hit | Miss:
    made = Index()
    made.add(CONVERT)
    return made.find(Request(value=json.loads(json.dumps(value), parse_float=Decimal)))


def test_members_bind_to_parameters_with_exact_numbers() -> None:
    result = find(VALUE)
    assert isinstance(result, Hit), result
    assert result.binding.pattern is None
    assert result.binding.arguments == {"amount": "1.5", "unit": "mile", "steps": '["1","2"]', "rest": '{"b":0.1}'}
    assert "the members of the request" in result.explanation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"op": "revert"}, 'member /op is not "convert"'),
        ({"version": True}, "member /version is not 1"),
        ({"version": 1.0}, "member /version is not 1"),
        ({"amount": "many"}, "0 readings as decimal"),
        ({"amount": None}, "0 readings as decimal"),
        ({"to": {"unit": "parsec"}}, "0 readings as vocabulary"),
        ({"to": {"unit": "mi", "round": True}}, "member /to/round is not declared"),
        ({"to": {}}, "member /to is not declared"),
        ({"extra": 1}, "no procedure takes the members"),
    ],
)
def test_a_member_that_differs_or_is_not_declared_is_a_miss(change: dict[str, object], words: str) -> None:
    result = find({**VALUE, **change})
    assert isinstance(result, Miss)
    assert result.reason is MissReason.UNKNOWN
    assert words in result.explanation


@pytest.mark.parametrize("value", [[], "text", 3, None, True])
def test_a_structured_request_is_an_object(value: object) -> None:
    result = find(value)
    assert isinstance(result, Miss)
    assert "JSON object" in result.explanation


def test_removing_takes_the_structure_too() -> None:
    made = Index()
    made.add(CONVERT)
    made.remove(CONVERT.digest)
    assert isinstance(made.find(Request(value={**VALUE, "amount": Decimal("1.5")})), Miss)
    assert not made._structured


def test_fingerprints_mask_values_and_keep_words() -> None:
    def of(text: str) -> str:
        return fingerprint(Request(text=text))

    assert of("What is 12 times 7?") == of("what is  3 times 4444?")
    assert of('Count "a" in "banana".') == of("Count 'b' in 'cab'.")
    assert len({of("12 times 7"), of("12 plus 7"), of("7 times 12 x"), of("twelve times 7")}) == 4
    csv = {"a.csv": Attachment("text/csv", "a,b\n1,2")}
    assert fingerprint(Request(text="total", inputs=csv)) != of("total")
    one, other = Request(value={"op": "x", "n": 1}), Request(value={"n": 2, "op": "y"})
    assert fingerprint(one) == fingerprint(other) != fingerprint(Request(value={"op": "x", "n": "1"}))
