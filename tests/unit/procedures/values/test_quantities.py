from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.quantities import MoneyType, QuantityType
from seglam.procedures.values.units import CURRENCIES, NAMES, OWN, SHARED
from tests.unit.procedures.values.acceptor import accepts
from tests.unit.procedures.values.properties import check_junk, check_samples

MONEY, QUANTITY = MoneyType(), QuantityType()
LIMITED = QuantityType(["km", "mi", "apples", "full moons"])
KINDS: tuple[ValueType, ...] = (MONEY, QUANTITY, LIMITED)
MANY = ("*",)
"""Stands for several readings."""

READ: list[tuple[ValueType, str, str | None, tuple[str, ...]]] = [
    (MONEY, "€5", None, ("5 EUR",)),
    (MONEY, "€ 5", None, ("5 EUR",)),
    (MONEY, "5 €", None, ("5 EUR",)),
    (MONEY, "5€", None, ("5 EUR",)),
    (MONEY, "-€5", None, ("-5 EUR",)),
    (MONEY, "€-5", None, ("-5 EUR",)),
    (MONEY, "-€-5", None, ()),
    (MONEY, "+€5", None, ("5 EUR",)),
    (MONEY, "3-€5", None, ()),
    (MONEY, "US$1,234.50", None, ("1234.50 USD",)),
    (MONEY, "USD 12.50", None, ("12.50 USD",)),
    (MONEY, "USD12.50", None, ("12.50 USD",)),
    (MONEY, "12.50 USD", None, ("12.50 USD",)),
    (MONEY, "12.50USD", None, ("12.50 USD",)),
    (MONEY, "12.50 usd", None, ()),
    (MONEY, "12.50 ABC", None, ()),
    (MONEY, "ABC 12.50", None, ()),
    (MONEY, "$5", None, MANY),
    (MONEY, "$5", "US", ("5 USD",)),
    (MONEY, "$5", "CA", ("5 CAD",)),
    (MONEY, "$5", "GB", MANY),
    (MONEY, "$5 CAD", None, ("5 CAD",)),
    (MONEY, "$5 EUR", None, ()),
    (MONEY, "5 dollars", None, MANY),
    (MONEY, "5 Dollars", "US", ("5 USD",)),
    (MONEY, "5 US dollars", None, ("5 USD",)),
    (MONEY, "1 euro", None, ("1 EUR",)),
    (MONEY, "¥100", None, ("100 JPY", "100 CNY")),
    (MONEY, "¥100", "JP", ("100 JPY",)),
    (MONEY, "5 pounds", None, ()),
    (MONEY, "5", None, ()),
    (MONEY, "€5 million", None, ()),
    (MONEY, "€5k", None, ()),
    (MONEY, "€1.234", None, ("1.234 EUR", "1234 EUR")),
    (MONEY, "€1.234", "DE", ("1234 EUR",)),
    (MONEY, "1 234,50 €", "FR", ("1234.50 EUR",)),
    (QUANTITY, "5 km", None, ("5 km",)),
    (QUANTITY, "5km", None, ("5 km",)),
    (QUANTITY, "5 Kilometres", None, ("5 km",)),
    (QUANTITY, "5 KM", None, ()),
    (QUANTITY, "5 m", None, ("5 m",)),
    (QUANTITY, "5 min", None, ("5 min",)),
    (QUANTITY, "5 mins", None, ("5 min",)),
    (QUANTITY, "5 mW", None, ("5 mW",)),
    (QUANTITY, "5 MW", None, ("5 MW",)),
    (QUANTITY, "5 ml", None, ("5 mL",)),
    (QUANTITY, "5 µm", None, ("5 µm",)),
    (QUANTITY, "5 \u03bcm", None, ("5 µm",)),
    (QUANTITY, "-40 °C", None, ("-40 °C",)),
    (QUANTITY, "-40°C", None, ("-40 °C",)),
    (QUANTITY, "40 degrees Celsius", None, ("40 °C",)),
    (QUANTITY, "2.5 m/s", None, ("2.5 m/s",)),
    (QUANTITY, "2.5 m/s^2", None, ("2.5 m/s²",)),
    (QUANTITY, "2.5 m / s", None, ()),
    (QUANTITY, "3 m^2", None, ("3 m²",)),
    (QUANTITY, "3 m²", None, ("3 m²",)),
    (QUANTITY, "3 m^4", None, ()),
    (QUANTITY, "60 miles per hour", None, ("60 mi/h",)),
    (QUANTITY, "60 miles per week", None, ()),
    (QUANTITY, "5 m/week", None, ()),
    (QUANTITY, "5K", None, ()),
    (QUANTITY, "5 K", None, ("5 K",)),
    (QUANTITY, "5B", None, ()),
    (QUANTITY, "5e3 m", None, ()),
    (QUANTITY, "5", None, ()),
    (QUANTITY, "5 ft 3 in", None, ()),
    (QUANTITY, "5 gallons", None, ()),
    (QUANTITY, "1,234 m", None, ("1234 m", "1.234 m")),
    (QUANTITY, "1,234 m", "US", ("1234 m",)),
    (LIMITED, "5 km", None, ("5 km",)),
    (LIMITED, "5 kilometers", None, ("5 km",)),
    (LIMITED, "5 Apples", None, ("5 apples",)),
    (LIMITED, "5 full  moons", None, ("5 full moons",)),
    (LIMITED, "5 apple", None, ()),
    (LIMITED, "5 m", None, ()),
]


@pytest.mark.parametrize(("kind", "text", "region", "readings"), READ)
def test_reads(kind: ValueType, text: str, region: str | None, readings: tuple[str, ...]) -> None:
    found = kind.readings(text, region)
    assert len(found) > 1 if readings == MANY else found == readings
    check_junk(kind, text, region)


def test_a_unit_is_not_cut_short() -> None:
    assert list(QUANTITY.scan(Text("5 km per hour"), 0)) == [(4, "5 km/h")]
    assert list(QUANTITY.scan(Text("5 km in miles"), 0)) == [(2, "5 km")]
    assert list(QUANTITY.scan(Text("5 km."), 0)) == [(2, "5 km")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_samples(kind: ValueType) -> None:
    check_samples(kind)
    for sample in islice(kind.samples(random.Random(4)), 200):
        check_junk(kind, sample.text)
        assert accepts(kind.shape(), sample.text)


@pytest.mark.parametrize("kind", [MONEY, QUANTITY], ids=lambda kind: kind.name)
def test_documented_texts(kind: ValueType) -> None:
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    [
        *"0123456789+-., $€£¥/^\n",
        " km",
        "m",
        "/h",
        "per hour",
        "USD",
        "US$",
        "CAD",
        " million",
        "\u00b0C",
        "\u00b2",
        "apples",
        "K",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20), st.sampled_from([None, "US", "CA", "FR"]))
def test_junk(text: str, region: str | None) -> None:
    for kind in KINDS:
        check_junk(kind, text, region)


def test_every_name_of_a_unit_means_one_unit() -> None:
    for symbol, names in NAMES.items():
        for name in (symbol, *names):
            assert QUANTITY.readings(f"2 {name}") == (f"2 {symbol}",), name
            assert QUANTITY.readings(f"2 {name.upper()}") in ((), (f"2 {symbol}",)) or len(name) < 4, name


def test_every_sign_of_money_means_known_currencies() -> None:
    for sign, currency in OWN.items():
        assert MONEY.readings(f"5 {sign}") == (f"5 {currency}",)
    for sign, table in SHARED.items():
        assert set(table.values()) < CURRENCIES
        for region, currency in table.items():
            assert MONEY.readings(f"5 {sign}", region) == (f"5 {currency}",)
    assert all(MONEY.readings(f"5 {code}") == (f"5 {code}",) for code in CURRENCIES)


def test_units_that_are_written_wrong() -> None:
    for unit, advice in (("kilometers", "'km'"), ("KM", "'km'"), ("5", "no unit"), ("", "no unit"), ("a/b", "no unit")):
        with pytest.raises(ValueProblem, match=advice):
            QuantityType([unit])


def test_keys_tell_units_apart() -> None:
    assert QuantityType(["km", "mi"]).key == QuantityType(["mi", "km"]).key
    assert len({QuantityType().key, QuantityType(["km"]).key, QuantityType(["mi"]).key}) == 3


@pytest.mark.parametrize(
    ("kind", "canonical"),
    [
        (MONEY, "5"),
        (MONEY, "5 usd"),
        (MONEY, "5  USD"),
        (MONEY, "-0 USD"),
        (QUANTITY, "5 kilometers"),
        (LIMITED, "5 m"),
    ],
)
def test_refuses_canonical_texts(kind: ValueType, canonical: str) -> None:
    with pytest.raises(ValueProblem):
        kind.check(canonical)


@pytest.mark.parametrize(
    ("kind", "tagged"),
    [
        (MONEY, 5),
        (MONEY, {"$money": [5]}),
        (MONEY, {"$money": [5, 5]}),
        (MONEY, {"$money": [5, "XXX"]}),
        (MONEY, {"$money": [{"$float": "5.0"}, "USD"]}),
        (MONEY, {"$quantity": [5, "km"]}),
        (LIMITED, {"$quantity": [5, "m"]}),
    ],
)
def test_refuses_answers(kind: ValueType, tagged: object) -> None:
    with pytest.raises(ValueProblem):
        kind.from_tagged(tagged)


def test_answers() -> None:
    assert MONEY.from_tagged({"$money": [5, "USD"]}) == "5 USD"
    assert MONEY.to_tagged("1.50 USD") == {"$money": [{"$decimal": "1.50"}, "USD"]}
    assert QUANTITY.to_tagged("1.5 m/s") == {"$quantity": [{"$decimal": "1.5"}, "m/s"]}


def test_order_and_equality() -> None:
    assert MONEY.equal("1.50 USD", "1.5 USD")
    assert not MONEY.equal("1.50 USD", "1.50 EUR")
    assert QUANTITY.within("5 km", "5 km", "6 km")
    assert not QUANTITY.within("5 km", "5.1 km", None)
    assert not QUANTITY.within("5 km", None, "4.9 km")
    assert not QUANTITY.within("5 km", "1 m", None)
    with pytest.raises(ValueProblem):
        QUANTITY.within("5 km", "1", None)
