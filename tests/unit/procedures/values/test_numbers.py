from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.formats import MAX_DIGITS
from seglam.procedures.values.numbers import DecimalType, IntegerType, OrdinalType, PercentType, YearType
from tests.unit.procedures.values.acceptor import accepts
from tests.unit.procedures.values.properties import check_junk, check_samples

INTEGER, DECIMAL, PERCENT = IntegerType(), DecimalType(), PercentType()
YEAR, ORDINAL = YearType(), OrdinalType()
KINDS: tuple[ValueType, ...] = (INTEGER, DECIMAL, PERCENT, YEAR, ORDINAL)

# type, text, region, all readings
READ: list[tuple[ValueType, str, str | None, tuple[str, ...]]] = [
    (INTEGER, "12", None, ("12",)),
    (INTEGER, "-12", None, ("-12",)),
    (INTEGER, "\u221212", None, ("-12",)),
    (INTEGER, "+12", None, ("12",)),
    (INTEGER, "-0", None, ("0",)),
    (INTEGER, "- 12", None, ()),
    (INTEGER, "--12", None, ()),
    (INTEGER, "\u201312", None, ()),
    (INTEGER, "007", None, ()),
    (INTEGER, "12.0", None, ()),
    (INTEGER, "1e5", None, ()),
    (INTEGER, "\u0661\u0662", None, ()),
    (INTEGER, "1\u0662", None, ()),
    (INTEGER, "12\u00b2", None, ()),
    (INTEGER, "1,234", None, ()),
    (INTEGER, "1.234", None, ()),
    (INTEGER, "1,234", "US", ("1234",)),
    (INTEGER, "1,234", "CA", ()),
    (INTEGER, "1,234", "DE", ()),
    (INTEGER, "1.234", "DE", ("1234",)),
    (INTEGER, "1.234", "US", ()),
    (INTEGER, "12", "XX", ("12",)),
    (INTEGER, "1,234,567", None, ("1234567",)),
    (INTEGER, "1.234.567", None, ("1234567",)),
    (INTEGER, "1,234.567", None, ()),
    (INTEGER, "12,34,567", None, ()),
    (INTEGER, "12,34,567", "IN", ("1234567",)),
    (INTEGER, "1'234", None, ()),
    (INTEGER, "1'234", "CH", ("1234",)),
    (INTEGER, "1\u2019234", "CH", ("1234",)),
    (INTEGER, "1 234", None, ()),
    (INTEGER, "1 234", "FR", ("1234",)),
    (INTEGER, "-1 234 567", "FR", ("-1234567",)),
    (INTEGER, "5-1 234", "FR", ()),
    (INTEGER, "1\u202f234", "FR", ("1234",)),
    (INTEGER, "1\u202f234", None, ()),
    (INTEGER, "1 2345", "FR", ()),
    (DECIMAL, "30.0", None, ("30.0",)),
    (DECIMAL, "12", None, ("12",)),
    (DECIMAL, "-0.0", None, ("0.0",)),
    (DECIMAL, ".5", None, ("0.5",)),
    (DECIMAL, "-.5", None, ("-0.5",)),
    (DECIMAL, ",5", None, ()),
    (DECIMAL, "00.5", None, ()),
    (DECIMAL, "5.", None, ()),
    (DECIMAL, "1.2.3", None, ()),
    (DECIMAL, "12,5", None, ("12.5",)),
    (DECIMAL, "12,5", "US", ()),
    (DECIMAL, "1.234", None, ("1.234", "1234")),
    (DECIMAL, "1,234", None, ("1234", "1.234")),
    (DECIMAL, "1.234", "US", ("1.234",)),
    (DECIMAL, "1.234", "DE", ("1234",)),
    (DECIMAL, "0.234", None, ("0.234",)),
    (DECIMAL, "1234.567", None, ("1234.567",)),
    (DECIMAL, "1,234.50", None, ("1234.50",)),
    (DECIMAL, "1.234,50", None, ("1234.50",)),
    (DECIMAL, "1 234,50", "FR", ("1234.50",)),
    (DECIMAL, "1'234.50", "CH", ("1234.50",)),
    (DECIMAL, "1e5", None, ()),
    (PERCENT, "15%", None, ("15",)),
    (PERCENT, "15 %", None, ("15",)),
    (PERCENT, "7.5 Percent", None, ("7.5",)),
    (PERCENT, "12 per  cent", None, ("12",)),
    (PERCENT, "15percent", None, ()),
    (PERCENT, "15 percentage", None, ()),
    (PERCENT, "15%d", None, ()),
    (PERCENT, "15", None, ()),
    (PERCENT, "1.234 %", None, ("1.234", "1234")),
    (YEAR, "2024", None, ("2024",)),
    (YEAR, "1000", None, ("1000",)),
    (YEAR, "2999", None, ("2999",)),
    (YEAR, "0999", None, ()),
    (YEAR, "3000", None, ()),
    (YEAR, "20245", None, ()),
    (YEAR, "2024s", None, ()),
    (YEAR, "2024.5", None, ()),
    (ORDINAL, "1st", None, ("1",)),
    (ORDINAL, "2ND", None, ("2",)),
    (ORDINAL, "11th", None, ("11",)),
    (ORDINAL, "11st", None, ()),
    (ORDINAL, "112th", None, ("112",)),
    (ORDINAL, "0th", None, ()),
    (ORDINAL, "1,000th", None, ()),
    (ORDINAL, "3", None, ()),
    (ORDINAL, "first", None, ("1",)),
    (ORDINAL, "Twenty-First", None, ("21",)),
    (ORDINAL, "twentieth", None, ("20",)),
    (ORDINAL, "ninety-ninth", None, ("99",)),
    (ORDINAL, "twenty", None, ()),
    (ORDINAL, "first-class", None, ()),
    (ORDINAL, "last", None, ()),
]


@pytest.mark.parametrize(("kind", "text", "region", "readings"), READ)
def test_reads(kind: ValueType, text: str, region: str | None, readings: tuple[str, ...]) -> None:
    assert kind.readings(text, region) == readings
    check_junk(kind, text, region)


@pytest.mark.parametrize(
    ("text", "token", "readings"),
    [
        ("5-3", 1, ()),
        ("x-3", 1, ()),
        ("(-3)", 1, ((3, "-3"),)),
        ("= -3", 1, ((3, "-3"),)),
        ("5, -3", 2, ((4, "-3"),)),
        ("is 12.", 1, ((2, "12"),)),
        ("12, 13", 0, ((1, "12"),)),
        ("12,13", 0, ()),
        ("3!", 0, ((1, "3"),)),
        ("5/3", 0, ((1, "5"),)),
        ("5km", 0, ()),
        ("5'6", 0, ()),
        ("5's", 0, ((1, "5"),)),
        ("5_000", 0, ()),
    ],
)
def test_integer_in_its_surroundings(text: str, token: int, readings: tuple[tuple[int, str], ...]) -> None:
    assert tuple(INTEGER.scan(Text(text), token)) == readings


def test_spaces_between_thousands_leave_every_beginning_open() -> None:
    assert set(INTEGER.scan(Text("1 234 567", "FR"), 0)) == {(1, "1"), (2, "1234"), (3, "1234567")}
    assert set(DECIMAL.scan(Text("1 234,5", "FR"), 0)) == {(1, "1"), (4, "1234.5")}
    assert set(INTEGER.scan(Text("1\u202f234", "FR"), 0)) == {(2, "1234")}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_samples(kind: ValueType) -> None:
    check_samples(kind)
    for sample in islice(kind.samples(random.Random(4)), 200):
        check_junk(kind, sample.text)
        assert accepts(kind.shape(), sample.text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_documented_texts(kind: ValueType) -> None:
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    [*"0123456789+-.,'% \u2212\u00a0\u202f", "1,234", "st", "th", "first", "-", "per cent", "x", "\u00bd"]
)


@given(
    st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=20),
    st.sampled_from([None, "US", "DE", "FR", "IN", "CH", "AT"]),
)
def test_junk(text: str, region: str | None) -> None:
    for kind in KINDS:
        check_junk(kind, text, region)


@given(st.integers(-(10**40), 10**40))
def test_any_integer(number: int) -> None:
    assert INTEGER.readings(str(number)) == (str(number),)
    assert INTEGER.readings(f"{number:,}", "US") == (str(number),)
    assert INTEGER.readings(f"{number:,}".replace(",", "."), "DE") == (str(number),)
    assert INTEGER.from_tagged(number) == str(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_any_decimal(number: object) -> None:
    plain = f"{number:f}"
    (reading,) = DECIMAL.readings(plain, "US")
    assert DECIMAL.equal(reading, plain)
    assert DECIMAL.from_tagged({"$decimal": str(number)}) == reading


def test_agreement_without_a_region_is_the_agreement_of_both() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        text = "".join(rng.choice("0123456789.,") for _ in range(rng.randint(1, 9)))
        point, comma = INTEGER.readings(text, "US"), INTEGER.readings(text, "DE")
        decimal = {*DECIMAL.readings(text, "US"), *DECIMAL.readings(text, "DE")}
        assert set(DECIMAL.readings(text)) == decimal
        assert INTEGER.readings(text) == ((point or comma) if len(decimal) == 1 else ())


@pytest.mark.parametrize(
    ("kind", "canonical"),
    [
        (INTEGER, "+1"),
        (INTEGER, "01"),
        (INTEGER, "-0"),
        (INTEGER, "1.0"),
        (INTEGER, ""),
        (INTEGER, "1\n"),
        (DECIMAL, "-0.0"),
        (DECIMAL, "+1.0"),
        (DECIMAL, ".5"),
        (DECIMAL, "1."),
        (DECIMAL, "01.5"),
        (DECIMAL, "1E5"),
        (PERCENT, "15%"),
        (YEAR, "999"),
        (YEAR, "3000"),
        (ORDINAL, "0"),
        (ORDINAL, "-1"),
        (ORDINAL, "1st"),
    ],
)
def test_refuses_canonical_texts(kind: ValueType, canonical: str) -> None:
    with pytest.raises(ValueProblem):
        kind.check(canonical)


@pytest.mark.parametrize(
    ("kind", "tagged"),
    [
        (INTEGER, True),
        (INTEGER, "1"),
        (INTEGER, {"$decimal": "1"}),
        (INTEGER, None),
        (DECIMAL, True),
        (DECIMAL, 1.5),
        (DECIMAL, {"$float": "1.5"}),
        (DECIMAL, {"$decimal": "NaN"}),
        (DECIMAL, {"$decimal": "-Infinity"}),
        (DECIMAL, {"$decimal": "1E+999999"}),
        (DECIMAL, {"$decimal": "1E-999999"}),
        (DECIMAL, {"$decimal": "x"}),
        (DECIMAL, {"$decimal": 1}),
        (DECIMAL, [1]),
        (YEAR, 999),
        (YEAR, "2024"),
        (ORDINAL, 0),
    ],
)
def test_refuses_answers(kind: ValueType, tagged: object) -> None:
    with pytest.raises(ValueProblem):
        kind.from_tagged(tagged)


@pytest.mark.parametrize(
    ("tagged", "canonical"),
    [({"$decimal": "1E+3"}, "1000"), ({"$decimal": "-0.00"}, "0.00"), ({"$decimal": "1E-7"}, "0.0000001"), (7, "7")],
)
def test_decimal_answers_become_plain(tagged: object, canonical: str) -> None:
    assert DECIMAL.from_tagged(tagged) == canonical


def test_longest_number() -> None:
    longest = "9" * (MAX_DIGITS - 1)
    assert INTEGER.readings(longest) == DECIMAL.readings(longest) == (longest,)
    assert INTEGER.from_tagged(INTEGER.to_tagged(longest)) == longest
    for kind, longer in ((INTEGER, longest + "99"), (DECIMAL, longest + ".99"), (ORDINAL, longest + "99th")):
        assert kind.readings(longer) == ()
        with pytest.raises(ValueProblem):
            kind.check(longer.removesuffix("th"))
    with pytest.raises(ValueProblem, match="digits"):
        INTEGER.from_tagged(10 ** (MAX_DIGITS + 1))


def test_a_float_gets_advice() -> None:
    with pytest.raises(ValueProblem, match=r"decimal\.Decimal"):
        DECIMAL.from_tagged({"$float": "0.1"})


def test_order_and_equality() -> None:
    assert DECIMAL.equal("1.50", "1.5")
    assert not DECIMAL.equal("1.50", "1.51")
    assert DECIMAL.within("1.50", "1.5", "1.5")
    assert INTEGER.within("10", "9", None)
    assert not INTEGER.within("10", None, "9")
    assert not YEAR.within("1999", "2000", None)
    with pytest.raises(ValueProblem):
        INTEGER.within("10", "many", None)
