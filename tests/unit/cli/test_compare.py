from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.cli.compare import RULES, Unreadable, parse_json, readable, right

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("expected", "same", "others"),
    [
        ("84", ["84", 84], ["84.0", " 84", "85", None]),
        ("", [""], [" ", None]),
        (84, ["84", "84.0", 84], ["eighty-four", "85", '"84"', True]),
        (Decimal("1.50"), ["1.5", "1.50"], ["1.51"]),
        (True, ["true", "True", True], ["1", "false", "yes"]),
        ({"a": [1, "x"]}, ['{"a":[1,"x"]}', '{ "a": [1.0, "x"] }'], ['{"a":["1","x"]}', '{"a":[true,"x"]}']),
        (123456789012345678901, ["123456789012345678901"], ["123456789012345678900"]),
        (Decimal("0.1"), ["0.1"], ["0.1000000000000000055511151231257827"]),
    ],
)  # fmt: skip
def test_without_a_rule_only_the_expected_value_is_right(
    expected: object, same: list[object], others: list[object]
) -> None:
    for answer in same:
        assert right(answer, expected), answer
    for answer in others:
        assert not right(answer, expected), answer


@given(JSON.filter(lambda value: value is not None and not isinstance(value, str)))
def test_a_json_value_is_right_however_it_is_written(value: object) -> None:
    assert right(json.dumps(value, indent=2), value, "json")
    assert right(json.dumps(value), value)


def test_accept_holds_further_right_answers() -> None:
    assert right("Kiev", "Kyiv", None, ["Kiev"])
    assert not right("Kharkiv", "Kyiv", None, ["Kiev"])


@pytest.mark.parametrize("rule", [None, *RULES])
def test_nothing_is_right_where_nothing_is_expected(rule: str | None) -> None:
    assert not right("0", None, rule)
    assert not right(None, "0", rule)


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(KeyError):
        right("1", "1", "nearly")


def test_decimals_of_a_json_value_are_numbers() -> None:
    expected = [Decimal("0.10"), {"a": 1}]
    assert right('[0.1,{"a":1.0}]', expected, "json")
    assert not right('["0.10",{"a":1}]', expected, "json")


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        ("number", "1_000"), ("number", "٣"), ("number", "Infinity"), ("number", "1e99999999"),
        ("numbers", "[true]"), ("json", "NaN"), ("json", '{"a":1,"a":1}'), ("json", "[" * 100_000),
        ("fraction", "1.5"), ("complex", ""),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_read_is_wrong(rule: str, bad: str) -> None:
    assert not readable(rule, [bad])
    assert not right(bad, {"numbers": "[1]", "fraction": "1/2"}.get(rule, "1"), rule)


def test_json_keeps_numbers_exactly() -> None:
    assert parse_json("[0.1, 12345678901234567890]") == [Decimal("0.1"), 12345678901234567890]
    with pytest.raises(Unreadable, match="not JSON"):
        parse_json("{")
