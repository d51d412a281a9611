from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.jsonvalue import MAX_DEPTH, MAX_DIGITS, JsonType, parse
from tests.unit.procedures.values.properties import check_junk, check_samples

JSON = JsonType()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"b": 1, "a": [1.50, null]}', '{"a":[1.50,null],"b":1}'),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ('"a\\u00e9\\n\\/"', '"aé\\n/"'),
        ('"\\u001F"', '"\\u001f"'),
        ("true", "true"),
        ("null", "null"),
        ("-0", "0"),
        ("0.10", "0.10"),
        ("-12.5e3", "-1.25E+4"),
        ("1e2", "1E+2"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('{"\\ufb33": 1, "🙂": 2}', '{"🙂":2,"\ufb33":1}'),
        ("9" * MAX_DIGITS, "9" * MAX_DIGITS),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, "[" * MAX_DEPTH + "]" * MAX_DEPTH),
        ('{"a": 1, "a": 2}', None),
        ('[{"x": {"a": 1, "a": 1}}]', None),
        ("NaN", None),
        ("[Infinity]", None),
        ("-Infinity", None),
        ("01", None),
        ("+1", None),
        ("1.", None),
        (".5", None),
        ("[1,]", None),
        ("{a: 1}", None),
        ("{'a': 1}", None),
        ("True", None),
        ("trues", None),
        ("1.2.3", None),
        ("1,200", None),
        ('"a\nb"', None),
        ('"\\ud800"', None),
        ('{"\\udc00": 1}', None),
        ('"open', None),
        ("9" * (MAX_DIGITS + 1), None),
        ("1e10000", None),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), None),
        ("[" * 30_000, None),
        ("[" * 30_000 + "]" * 30_000, None),
        ("{} {}", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_reads_json(text: str, canonical: str | None) -> None:
    assert JSON.readings(text) == (() if canonical is None else (canonical,))


def test_a_value_ends_where_it_ends() -> None:
    assert list(JSON.scan(Text('Sum [1, 2] and {"a": 3}.'), 1)) == [(6, "[1,2]")]
    assert list(JSON.scan(Text("x5"), 1)) == []


@pytest.mark.parametrize(
    ("canonical", "tagged"),
    [
        ("null", None),
        ("true", True),
        ("5", 5),
        ("1.50", {"$decimal": "1.50"}),
        ('"x"', "x"),
        ("[1,[]]", [1, []]),
        ('{"a":{"$date":"x"},"b":[0.5]}', {"$map": [["a", {"$map": [["$date", "x"]]}], ["b", [{"$decimal": "0.5"}]]]}),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_tagged_form(canonical: str, tagged: object) -> None:
    assert JSON.to_tagged(canonical) == tagged
    assert JSON.from_tagged(tagged) == canonical


@pytest.mark.parametrize(
    ("tagged", "canonical"),
    [
        ({"$float": "0.1"}, "0.1"),
        ({"$float": "1e+22"}, "1E+22"),
        ({"$decimal": "-0"}, "0"),
        ({"$map": [["b", 1], ["a", 2]]}, '{"a":2,"b":1}'),
    ],
    ids=str,
)
def test_reads_answers(tagged: object, canonical: str) -> None:
    assert JSON.from_tagged(tagged) == canonical


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "tagged",
    [
        0.5,
        {"$date": "2024-02-29"},
        {"a": 1},
        {"$decimal": "1_0"},
        {"$decimal": "NaN"},
        {"$float": "inf"},
        {"$decimal": 1},
        {"$decimal": "1", "$float": "1"},
        {"$map": [["a", 1], ["a", 2]]},
        {"$map": [[1, 1]]},
        {"$map": [["a"]]},
        {"$map": {"a": 1}},
        {"$map": [], "x": 1},
        "\ud800",
        10**MAX_DIGITS,
        nested(MAX_DEPTH + 1),
        nested(3000),
    ],
    ids=lambda value: ascii(value)[:30] if not isinstance(value, (int, list)) else type(value).__name__,
)
def test_refuses_answers_that_are_no_json(tagged: object) -> None:
    with pytest.raises(ValueProblem):
        JSON.from_tagged(tagged)


@pytest.mark.parametrize(
    "canonical", ["", " 1", "1 ", "[1, 2]", '{"b":1,"a":2}', "1 2", "-0", "1e2", "x", '{"a":1,"a":1}']
)
def test_refuses_what_is_not_canonical(canonical: str) -> None:
    with pytest.raises(ValueProblem):
        JSON.check(canonical)


def test_equality_is_of_values() -> None:
    assert JSON.equal('{"a":[1.50]}', '{"a":[1.5]}')
    assert JSON.equal("1", "1.0")
    assert not JSON.equal("1", "true")
    assert not JSON.equal("[1]", "[1,1]")
    assert not JSON.equal('{"a":1}', '{"b":1}')
    assert not JSON.equal('"1"', "1")
    assert not JSON.equal("[]", "{}")


def test_problems_say_what_is_wrong() -> None:
    with pytest.raises(ValueProblem, match="'a' stands twice"):
        parse('{"a":1,"a":2}')
    with pytest.raises(ValueProblem, match="line 1 column 4"):
        parse("[1,]")
    with pytest.raises(ValueProblem, match="nested too deeply"):
        parse("[" * 100_000)
    with pytest.raises(ValueProblem, match="too long"):
        parse("1e-99999")


def test_numbers_are_exact() -> None:
    value, _ = parse("[1.10, 1, 1e1]")
    assert repr(value) == "[Decimal('1.10'), 1, Decimal('1E+1')]"


def test_samples() -> None:
    check_samples(JSON)
    assert all(len(JSON.readings(text)) == 1 for text in JSON.accepts)
    assert all(len(JSON.readings(text)) != 1 for text in JSON.rejects)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_form_is_that_of_rfc_8785_without_fractions(value: Any) -> None:
    parsed, _ = parse(json.dumps(value))
    expected = rfc8785.dumps(value).decode()
    assert JSON.from_tagged(JSON.to_tagged(expected)) == expected
    assert parsed == value


PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', ":", ",", "1", "-", ".5", "e", "+", "true", "null", "NaN", "a", "\\", "\\u", " ", "é"]
)


@given(st.lists(PIECES, max_size=16).map("".join) | st.text(max_size=10))
def test_readings_are_sound(written: str) -> None:
    check_junk(JSON, written)
