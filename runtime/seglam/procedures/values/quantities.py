"""Money and quantities: a number with what it counts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from seglam.procedures.text import Text, fold
from seglam.procedures.values.base import Reading, Sample, Shape, ValueProblem, alt, lit, opt, seq
from seglam.procedures.values.formats import END, FOLLOW, SIGN, free, numbers, signed
from seglam.procedures.values.numbers import (
    NUMBER_FIRST,
    NUMBER_SHAPE,
    NumberType,
    check_decimal,
    decimal_of,
    random_decimal,
    shown,
)
from seglam.procedures.values.units import CURRENCIES, NAMES, OWN, SHARED, currencies


class Amount(NumberType):
    """A type whose canonical text is a decimal number, a space and a unit or currency."""

    tag: str
    noun: str
    """What stands after the number: a unit, a currency."""

    def units(self) -> frozenset[str]:
        """All units or currencies that a value may have."""
        raise NotImplementedError

    def _parts(self, canonical: str) -> tuple[str, str]:
        number, _, unit = canonical.partition(" ")
        return number, unit

    def check(self, canonical: str) -> None:
        number, unit = self._parts(canonical)
        check_decimal(number)
        if unit not in self.units():
            known = sorted(self.units())
            more = ", ..." if len(known) > 20 else ""
            raise ValueProblem(
                f"unknown {self.noun} {unit[:40]!r} in {canonical[:60]!r}; known are {', '.join(known[:20])}{more}"
            )

    def to_tagged(self, canonical: str) -> object:
        number, unit = self._parts(canonical)
        return {self.tag: [{"$decimal": number}, unit]}

    def from_tagged(self, tagged: object) -> str:
        parts = tagged.get(self.tag) if isinstance(tagged, dict) and len(tagged) == 1 else None
        if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[1], str):
            raise ValueProblem(f"the answer must be a {self.name.capitalize()}, not {shown(tagged)}")
        canonical = f"{decimal_of(parts[0], f'the number of a {self.name}')} {parts[1]}"
        self.check(canonical)
        return canonical

    def equal(self, left: str, right: str) -> bool:
        (ours, unit), (theirs, other) = self._parts(left), self._parts(right)
        return unit == other and Decimal(ours) == Decimal(theirs)

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        """Whether a value lies in closed bounds; one in another unit or currency than a bound does not."""
        number, unit = self._parts(canonical)
        for bound, least in ((minimum, True), (maximum, False)):
            if bound is None:
                continue
            self.check(bound)
            limit, other = self._parts(bound)
            low, high = (limit, number) if least else (number, limit)
            if unit != other or Decimal(low) > Decimal(high):
                return False
        return True


def _any(names: Sequence[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_SYMBOLS = [name for name in (*OWN, *SHARED) if not name.isascii() or not name[0].islower()]
_WORDS = [name for name in (*OWN, *SHARED) if name not in _SYMBOLS]


class MoneyType(Amount):
    """Sums of money in a currency that is fixed by what is written or by the region."""

    name = key = "money"
    tag, noun = "$money", "currency"
    summary = "A sum of money with its currency; a sign that several countries share needs the region or a code."
    python = "Money(amount: Decimal, currency: str)"
    accepts = ("US$1,234.50", "€5", "5 €", "-£3.20", "12.50 USD", "CHF 7", "$5 CAD", "3 euros")
    rejects = ("$5", "¥100", "5", "5 usd", "€5 million", "€1.234")
    first = NUMBER_FIRST | {"."} | {fold(name)[0] for name in (*_SYMBOLS, *CURRENCIES)}

    _BEFORE = re.compile(rf"({SIGN}?)({_any(_SYMBOLS)}|[A-Z]{{3}}(?![^\W\d_]))\s?")
    _AFTER = re.compile(rf"\s?({_any(_SYMBOLS)}|(?-i:[A-Z]{{3}})|(?i:{_any(_WORDS)})){FOLLOW}")
    _CODE = re.compile(rf"\s?([A-Z]{{3}}){FOLLOW}")
    _SCALE = re.compile(r"\s*(?:thousand|million|billion|trillion|k|m|mn|mm|b|bn|t|tn)(?![^\W_])", re.IGNORECASE)

    def units(self) -> frozenset[str]:
        return CURRENCIES

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        found = self._sign_first(text, start, stop) or self._number_first(text, start, stop)
        readings = (
            (text.ends.get(end, 0), f"{value} {currency}")
            for end, values, meant in found
            if not self._SCALE.match(text.text, end, stop)
            for value in values
            for currency in meant
        )
        return [(end, canonical) for end, canonical in dict.fromkeys(readings) if end]

    def _sign_first(self, text: Text, start: int, stop: int) -> list[tuple[int, Sequence[str], tuple[str, ...]]]:
        string, position = text.text, text.start(start)
        match = self._BEFORE.match(string, position, stop)
        if not match or (match.group(1) and not free(string, position)):
            return []
        sign, meant = match.group(1), currencies(match.group(2), text.region)
        first = text.ends.get(match.end(2))
        if not meant or first is None or first >= len(text):
            return []
        found: list[tuple[int, Sequence[str], tuple[str, ...]]] = []
        for end, values in numbers(text, first, stop):
            if sign and string[match.end() : match.end() + 1] in ("-", "+", "\u2212"):
                continue
            whole = [signed(sign, value) for value in values] if sign else values
            found.append((end, whole, meant))
            code = self._CODE.match(string, end, stop)
            if code and code.group(1) in meant:
                found.append((code.end(), whole, (code.group(1),)))
        return found

    def _number_first(self, text: Text, start: int, stop: int) -> list[tuple[int, Sequence[str], tuple[str, ...]]]:
        found: list[tuple[int, Sequence[str], tuple[str, ...]]] = []
        for end, values in numbers(text, start, stop, unit=True):
            if match := self._AFTER.match(text.text, end, stop):
                written = match.group(1)
                meant = currencies(written, text.region) or currencies(" ".join(written.lower().split()), text.region)
                found.append((match.end(), values, meant))
        return found

    def shape(self) -> Shape:
        tokens = [Text(name).tokens for name in (*_SYMBOLS, *_WORDS)]
        sign = alt(
            lit(*(code.lower() for code in CURRENCIES), *(name[0] for name in tokens if len(name) == 1)),
            *(seq(*(lit(token) for token in name)) for name in tokens if len(name) > 1),
        )
        return alt(
            seq(opt(lit("-", "+")), sign, NUMBER_SHAPE, opt(lit(*(code.lower() for code in CURRENCIES)))),
            seq(NUMBER_SHAPE, sign),
        )

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for number in ("0", "0.01", "1", "-1", "0.10", "1000000", f"{10**30}"):
            yield Sample(f"{number} USD", f"{number} USD")
        yield from (
            Sample("€5", "5 EUR"),
            Sample("US$1,234.50", "1234.50 USD"),
            Sample("-£3.20", "-3.20 GBP"),
        )
        codes = ("USD", "EUR", "GBP", "JPY", "CHF", "INR", "BRL", "KRW")
        while True:
            cents = f"{random.randint(0, 10 ** random.choice((1, 2, 4)))}.{random.randint(0, 99):02d}"
            sign = random.choice(("", "", "-"))
            canonical = signed(sign, cents)
            code = random.choice(codes)
            yield Sample(random.choice((f"{canonical} {code}", f"{code} {canonical}")), f"{canonical} {code}")


_CASELESS = 4
"""Names of units from this length on are compared without case."""

_SET_APART = frozenset({"K", "B"})
"""Symbols that must not touch the number: 5K and 5B are counts."""


class QuantityType(Amount):
    """Measured quantities in one of a closed set of units.

    With `units` only these are accepted: symbols of the table, or words of the procedure's own, which have no other
    names.

    Raises:
        ValueProblem: a unit is written by another name than its symbol, or is no word.
    """

    name = "quantity"
    tag, noun = "$quantity", "unit"
    summary = "A measured quantity with its unit; the unit comes as its symbol."
    python = "Quantity(value: Decimal, unit: str)"
    accepts = ("5 km", "5km", "5 Kilometers", "-40 °C", "2.5 m/s", "3 m^2", "60 miles per hour")
    rejects = ("5", "5 apples", "5 KM", "5 m/week", "5K", "5 ft 3 in", "1,234 m")
    first = NUMBER_FIRST | {"."}

    _GOES_ON = re.compile(r"\w|[/^*\u00b7\u22c5]|-\w|\s*(?:per|squared|cubed)(?![^\W_])", re.IGNORECASE)

    def __init__(self, units: Sequence[str] | None = None) -> None:
        self.key = "quantity" if units is None else f"quantity{json.dumps(sorted(set(units)))}"
        if units is not None and not units:
            raise ValueProblem("there is no unit in the list of units; name one, or leave the list away for all")
        table = NAMES if units is None else {unit: NAMES.get(unit, frozenset()) for unit in units}
        self._symbols = tuple(table)
        self._names: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for symbol, names in table.items():
            self._check_unit(symbol)
            for name in (symbol, *names):
                self._names.setdefault(tuple(Text(name).tokens), []).append((name, symbol))
        self._longest = max(map(len, self._names))

    def _check_unit(self, unit: str) -> None:
        if unit in NAMES:
            return
        for symbol, names in NAMES.items():
            if unit.lower() in names or unit.lower() == symbol.lower():
                raise ValueProblem(f"write the unit {unit!r} as {symbol!r}")
        if not re.fullmatch(r"[^\W\d_]+(?:[ -][^\W\d_]+)*", unit):
            raise ValueProblem(f"{unit[:40]!r} is no unit; write a symbol such as km, or words of letters")

    def units(self) -> frozenset[str]:
        return frozenset(self._symbols)

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        readings: list[Reading] = []
        for end, values in numbers(text, start, stop, unit=True):
            for after, symbol in self._units_at(text, text.ends[end], stop):
                readings += [(after, f"{value} {symbol}") for value in values]
        return readings

    def _units_at(self, text: Text, first: int, stop: int) -> Iterator[tuple[int, str]]:
        """Where each unit that begins at token `first` ends, and its symbol."""
        for count in range(1, min(self._longest, len(text) - first) + 1):
            for name, symbol in self._names.get(tuple(text.tokens[first : first + count]), ()):
                written = " ".join(text.slice(first, first + count).split())
                same = written == name or (len(name) >= _CASELESS and fold(written) == fold(name))
                end = text.stops[first + count - 1]
                apart = not text.glued(first) or symbol not in _SET_APART
                if same and apart and end <= stop and not self._GOES_ON.match(text.text, end, stop):
                    yield first + count, symbol

    def shape(self) -> Shape:
        single = lit(*(name[0] for name in self._names if len(name) == 1))
        longer = (seq(*(lit(token) for token in name)) for name in self._names if len(name) > 1)
        return seq(NUMBER_SHAPE, alt(single, *longer))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for number in ("0", "1", "-1", "0.5", "100", f"{10**30}"):
            text = f"{number} {self._symbols[0]}"
            yield Sample(text, text)
        yield from (Sample(text, text) for text in (f"2 {symbol}" for symbol in self._symbols))
        while True:
            text = f"{random_decimal(random)} {random.choice(self._symbols)}"
            yield Sample(text, text)
