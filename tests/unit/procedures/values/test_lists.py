from __future__ import annotations

import json
import random
from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.document import Vocabulary, VocabularyValue
from seglam.procedures.text import Text
from seglam.procedures.values import Sample, ValueProblem, ValueType, value_type
from seglam.procedures.values.lists import sure_samples
from seglam.procedures.values.records import RecordsType, plural
from tests.unit.procedures.values.acceptor import accepts
from tests.unit.procedures.values.properties import check_junk, check_samples


def vocabulary(*values: str, **names: list[str]) -> Vocabulary:
    return Vocabulary(
        name="things",
        values=[VocabularyValue(value=value, names=names.get(value)) for value in (*values, *names)],
    )


ANIMALS = vocabulary("ant", "leech", "fly", "monkey", woodlouse=["pill bug", "woodlice"])
COLOURS = vocabulary("red", "green", "blue", "black and white", "e")
INTEGERS, DECIMALS, PERCENTS = value_type("list[integer]"), value_type("list[decimal]"), value_type("list[percent]")
FRACTIONS, YEARS, COLOURED = (
    value_type("list[fraction]"),
    value_type("list[year]"),
    value_type("list[vocabulary]", vocabulary=COLOURS),
)
CHARACTERS, EXPRESSIONS = value_type("list[character]"), value_type("list[expression]")
QUOTES, QUANTITIES = value_type("list[quoted]"), value_type("list[quantity]")
RECORDS = RecordsType(ANIMALS)
LISTS: tuple[ValueType, ...] = (
    INTEGERS, DECIMALS, PERCENTS, FRACTIONS, YEARS, COLOURED, CHARACTERS, EXPRESSIONS, QUOTES, QUANTITIES,
)  # fmt: skip
KINDS: tuple[ValueType, ...] = (*LISTS, RECORDS)

# type, text, region, all readings
READ: list[tuple[ValueType, str, str | None, tuple[list[str], ...]]] = [
    (INTEGERS, "1, 2, 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1,2,3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 , 2 ,3", None, (["1", "2", "3"],)),
    (INTEGERS, "1,\n2,\n3", None, (["1", "2", "3"],)),
    (INTEGERS, "1, 2 and 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1, 2, and 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1, 2 & 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1, 2 y 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 und 3", None, (["1", "3"],)),
    (INTEGERS, "1 and 2 and 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 and 2, 3", None, ()),
    (INTEGERS, "1 or 2", None, ()),
    (INTEGERS, "1; 2; 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1; 2, 3", None, ()),
    (INTEGERS, "1 2 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 -2 3", None, (["1", "-2", "3"],)),
    (INTEGERS, "1\n2\n3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 2\n3 4", None, ()),
    (INTEGERS, "1,,2", None, ()),
    (INTEGERS, "1, 2,", None, ()),
    (INTEGERS, ", 1, 2", None, ()),
    (INTEGERS, "1", None, ()),
    (INTEGERS, "[1]", None, (["1"],)),
    (INTEGERS, "[]", None, ([],)),
    (INTEGERS, "()", None, ()),
    (INTEGERS, "[ 1, 2 ]", None, (["1", "2"],)),
    (INTEGERS, "(1, 2)", None, (["1", "2"],)),
    (INTEGERS, "{1; 2}", None, (["1", "2"],)),
    (INTEGERS, "[1 2]", None, (["1", "2"],)),
    (INTEGERS, "[1, 2)", None, ()),
    (INTEGERS, "[1, 2", None, ()),
    (INTEGERS, "[", None, ()),
    (INTEGERS, "[[1, 2]]", None, ()),
    (INTEGERS, "100,-200,3", None, (["100", "-200", "3"],)),
    (INTEGERS, "5-3, 2", None, ()),
    (INTEGERS, "100,200, 300,400", None, (["100", "200", "300", "400"], ["100200", "300400"])),
    (INTEGERS, "100,200, 300,400", "US", (["100200", "300400"], ["100", "200", "300", "400"])),
    (INTEGERS, "1,234, 5", None, (["1", "234", "5"], ["1234", "5"])),
    (INTEGERS, "1,234; 5", None, ()),
    (INTEGERS, "1,234; 5", "US", (["1234", "5"],)),
    (INTEGERS, "[100,200]", None, (["100", "200"],)),
    (INTEGERS, "1,2, 3", None, (["1", "2", "3"],)),
    (INTEGERS, "1 234 5", "FR", ()),
    (DECIMALS, "1.5, 2.25", None, (["1.5", "2.25"],)),
    (DECIMALS, "1.5 2.25", None, (["1.5", "2.25"],)),
    (DECIMALS, "0.5,0.25", None, (["0.5", "0.25"],)),
    (DECIMALS, "12,5 and 3", None, (["12.5", "3"], ["12", "5", "3"])),
    (DECIMALS, "12,5 und 3,5", "DE", (["12.5", "3.5"],)),
    (DECIMALS, "12,5; 3,5", None, (["12.5", "3.5"],)),
    (DECIMALS, "[12,5]", None, (["12.5"], ["12", "5"])),
    (DECIMALS, "[12,5]", "DE", (["12.5"], ["12", "5"])),
    (DECIMALS, "1.234; 5", None, (["1.234", "5"], ["1234", "5"])),
    (DECIMALS, "; ".join(["1.234"] * 8), None, ()),
    (DECIMALS, ", ".join(["1,234"] * 8), None, ()),
    (PERCENTS, "10%, 20% and 30 percent", None, (["10", "20", "30"],)),
    (PERCENTS, "10% 20%", None, ()),
    (FRACTIONS, r"1/2,3/4 and \frac{5}{6}", None, (["1/2", "3/4", "5/6"],)),
    (YEARS, "2001,2002", None, (["2001", "2002"],)),
    (COLOURED, "red, green and blue", None, (["red", "green", "blue"],)),
    (COLOURED, "red, black and white", None, (["red", "black and white"],)),
    (COLOURED, "red e blue", None, ()),
    (COLOURED, "red, yellow", None, ()),
    (CHARACTERS, "a, y, e", None, (["a", "y", "e"],)),
    (CHARACTERS, "a y e", None, ()),
    (EXPRESSIONS, "1 + 2, 3x and 4", None, (["1 + 2", "3x", "4"],)),
    (QUOTES, '"a, b", "c"', None, (["a, b", "c"],)),
    (QUANTITIES, "5 km, 3 mi", None, (["5 km", "3 mi"],)),
]


@pytest.mark.parametrize(("kind", "text", "region", "readings"), READ)
def test_reads(kind: ValueType, text: str, region: str | None, readings: tuple[list[str], ...]) -> None:
    assert [json.loads(reading) for reading in kind.readings(text, region)] == list(readings)
    check_junk(kind, text, region)


def test_a_row_ends_early_only_before_a_word() -> None:
    assert set(INTEGERS.scan(Text("1, 2 and 3"), 0)) == {(3, '["1","2"]'), (5, '["1","2","3"]')}
    assert set(INTEGERS.scan(Text("1, 2, 3 of"), 0)) == {(5, '["1","2","3"]')}
    assert set(INTEGERS.scan(Text("1, 2."), 0)) == {(3, '["1","2"]')}


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("13 woodlouses, 8 leeches", [["13", "woodlouse"], ["8", "leech"]]),
        ("13 Woodlice and 1 pill  bug", [["13", "woodlouse"], ["1", "woodlouse"]]),
        ("2 pill bugs", [["2", "woodlouse"]]),
        ("1 ant, 2 flies, and 3 monkeys", [["1", "ant"], ["2", "fly"], ["3", "monkey"]]),
        ("1 ant\n2 flies", [["1", "ant"], ["2", "fly"]]),
        ("1 ant,2 flies", [["1", "ant"], ["2", "fly"]]),
        ("1,234,567 ants", [["1234567", "ant"]]),
        ("1 ant; 2 flys", None),
        ("3 monkeies", None),
        ("13 dragons", None),
        ("13, 8", None),
        ("-1 ant", None),
        ("1.5 ants", None),
        ("1,234 ants", None),
        ("1,234 ants, 5 flies", None),
        ("1", None),
        ("[1 ant]", None),
    ],
)
def test_records(text: str, records: list[list[str]] | None) -> None:
    assert [json.loads(reading) for reading in RECORDS.readings(text)] == ([] if records is None else [records])
    check_junk(RECORDS, text)


def test_plurals() -> None:
    assert [plural(name) for name in ("fly", "monkey", "Fox", "leech", "ant", "R2", "é")] == [
        "flies", "monkeys", "Foxes", "leeches", "ants", None, None,
    ]  # fmt: skip


def test_a_plural_that_two_things_share_means_neither() -> None:
    kind = RecordsType(vocabulary("pass", "passe", "glass", "glasses"))
    assert kind.readings("2 passes") == ()
    assert kind.readings("2 passe") == ('[["2","passe"]]',)
    assert kind.readings("2 glasses") == ('[["2","glasses"]]',)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_samples(kind: ValueType) -> None:
    check_samples(kind, 60)
    for sample in islice(kind.samples(random.Random(4)), 25):
        assert accepts(kind.shape(), sample.text)
        check_junk(kind, sample.text)


def test_documented_texts() -> None:
    assert all(len(INTEGERS.readings(text)) == 1 for text in INTEGERS.accepts)
    assert all(len(INTEGERS.readings(text)) != 1 for text in INTEGERS.rejects)
    assert all(len(RECORDS.readings(text)) == 1 for text in RECORDS.accepts)
    assert all(len(RECORDS.readings(text)) != 1 for text in RECORDS.rejects)


PIECES = st.sampled_from(
    [*"0123456789+-.,;%[](){}&\n ", ", ", " and ", "y", "e", "red", " ants", "100,200", "1/2", '"', "x"]
)


@given(st.lists(PIECES, max_size=16).map("".join) | st.text(max_size=20), st.sampled_from([None, "US", "DE", "FR"]))
def test_junk(text: str, region: str | None) -> None:
    for kind in KINDS:
        check_junk(kind, text, region)


@given(st.lists(st.integers(-999, 999), min_size=2, max_size=8), st.sampled_from([", ", "; ", " and ", "\n", " "]))
def test_any_list(numbers: list[int], separator: str) -> None:
    canonical = json.dumps([str(number) for number in numbers], separators=(",", ":"))
    assert INTEGERS.readings(separator.join(map(str, numbers))) == (canonical,)
    assert INTEGERS.readings(f"[{', '.join(map(str, numbers))}]") == (canonical,)


def test_a_long_list_is_read_once() -> None:
    numbers = [str(number % 90 + 10) for number in range(5000)]
    assert INTEGERS.readings(",".join(numbers)) == (json.dumps(numbers, separators=(",", ":")),)
    assert INTEGERS.readings(" and ".join(numbers)) == (json.dumps(numbers, separators=(",", ":")),)


@pytest.mark.parametrize(
    ("kind", "canonical"),
    [
        (INTEGERS, "1,2"),
        (INTEGERS, "[1,2]"),
        (INTEGERS, '["1", "2"]'),
        (INTEGERS, '["1","x"]'),
        (INTEGERS, '{"1":"2"}'),
        (RECORDS, "[]"),
        (RECORDS, "13 ants"),
        (RECORDS, '[["13"]]'),
        (RECORDS, '[["-13","ant"]]'),
        (RECORDS, '[["13","ants"]]'),
        (RECORDS, '[["13", "ant"]]'),
    ],
)
def test_refuses_canonical_texts(kind: ValueType, canonical: str) -> None:
    with pytest.raises(ValueProblem):
        kind.check(canonical)


@pytest.mark.parametrize(
    ("kind", "tagged"),
    [
        (INTEGERS, 5),
        (INTEGERS, ["5"]),
        (RECORDS, 5),
        (RECORDS, []),
        (RECORDS, [["5", "ant"]]),
        (RECORDS, [{"$record": [5, 5]}]),
        (RECORDS, [{"$record": [-5, "ant"]}]),
        (RECORDS, [{"$record": ["5", "ant"]}]),
    ],
)
def test_refuses_answers(kind: ValueType, tagged: object) -> None:
    with pytest.raises(ValueProblem):
        kind.from_tagged(tagged)


def test_tagged_forms() -> None:
    assert INTEGERS.to_tagged('["1","-2"]') == [1, -2]
    assert RECORDS.to_tagged('[["13","ant"]]') == [{"$record": [13, "ant"]}]
    assert INTEGERS.from_tagged([]) == "[]"


def test_order_and_equality() -> None:
    assert DECIMALS.equal('["1.50"]', '["1.5"]')
    assert not DECIMALS.equal('["1.50"]', '["1.5","2"]')
    assert INTEGERS.within('["1","5"]', "1", "5")
    assert not INTEGERS.within('["1","6"]', "1", "5")
    with pytest.raises(ValueProblem):
        RECORDS.within('[["1","ant"]]', "1", None)


def test_samples_end_with_an_error_where_no_text_is_certain() -> None:
    with pytest.raises(ValueProblem, match="single reading"):
        next(sure_samples(INTEGERS, repeat(Sample("100,200, 300,400", '["100","200","300","400"]'))))
