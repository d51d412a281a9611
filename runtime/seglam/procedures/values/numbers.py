"""Integers, decimals, percentages, ordinals and years."""

from __future__ import annotations

import random
import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    Reading,
    Sample,
    Shape,
    Star,
    ValueProblem,
    ValueType,
    alt,
    cls,
    lit,
    opt,
    seq,
)
from seglam.procedures.values.formats import END, FOLLOW, MAX_DIGITS, SIGN, free, numbers, signed

NUMBER_FIRST = frozenset("0123456789-+")
NUMBER_SHAPE = seq(
    opt(lit("-", "+")),
    opt(seq(lit("."))),
    cls("digits"),
    Star(alt(cls("digits3"), seq(lit(".", ",", "'", glued=True), cls("digits", glued=True)))),
)

_INTEGER = re.compile(r"-?[1-9][0-9]*|0")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_PLAIN = re.compile(rf"({SIGN}?)(0|[1-9][0-9]*+){FOLLOW}")


class NumberType(ValueType):
    """A type whose texts may hold a comma that also separates the items of a list."""

    exact = False

    @abstractmethod
    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        """As `scan`, in a text that ends at character `stop`."""

    def doubtful(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        """What else the text may mean where `read` gives nothing because conventions disagree."""
        return ()

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        return self.read(text, start)


class OrderedType(NumberType):
    """A number type whose canonical text is a decimal number."""

    def equal(self, left: str, right: str) -> bool:
        return Decimal(left) == Decimal(right)

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        if minimum is None and maximum is None:
            return True
        for bound in (minimum, maximum):
            if bound is not None:
                self.check(bound)
        value = Decimal(canonical)
        return (minimum is None or Decimal(minimum) <= value) and (maximum is None or value <= Decimal(maximum))


def shown(tagged: object) -> str:
    """A short description of a tagged value, for messages."""
    if isinstance(tagged, dict) and len(tagged) == 1:
        tag = str(next(iter(tagged)))
        advice = " (make it exact: decimal.Decimal or fractions.Fraction)" if tag == "$float" else ""
        return f"a {tag.removeprefix('$')}{advice}"
    return f"{type(tagged).__name__} {tagged!r:.60}"


def integer_of(tagged: object, name: str = "the answer") -> str:
    """The digits of a tagged integer."""
    if not isinstance(tagged, int) or isinstance(tagged, bool):
        raise ValueProblem(f"{name} must be an int, not {shown(tagged)}")
    try:
        return str(tagged)
    except ValueError:
        raise ValueProblem(f"{name} has more than {MAX_DIGITS} digits") from None


def decimal_of(tagged: object, name: str = "the answer") -> str:
    """The plain digits and point of a tagged decimal or integer."""
    if isinstance(tagged, int) and not isinstance(tagged, bool):
        return integer_of(tagged, name)
    written = tagged.get("$decimal") if isinstance(tagged, dict) and len(tagged) == 1 else None
    if not isinstance(written, str):
        raise ValueProblem(f"{name} must be a Decimal or an int, not {shown(tagged)}")
    try:
        value = Decimal(written)
    except InvalidOperation:
        raise ValueProblem(f"{name} must be a decimal number, not {written!r:.60}") from None
    if not value.is_finite():
        raise ValueProblem(f"{name} must be a finite number, not {value}")
    exponent = value.as_tuple().exponent
    if abs(value.adjusted()) >= MAX_DIGITS or (isinstance(exponent, int) and exponent < -MAX_DIGITS):
        raise ValueProblem(f"{name} has more than {MAX_DIGITS} digits")
    return signed("-" if value.is_signed() else "", format(value.copy_abs(), "f"))


def check_integer(canonical: str) -> None:
    """Raise `ValueProblem` unless these are the digits of an integer."""
    if not _INTEGER.fullmatch(canonical) or len(canonical) > MAX_DIGITS:
        raise ValueProblem(f"not an integer: {canonical[:60]!r}; write digits without leading zeros, as in -12")


def check_decimal(canonical: str) -> None:
    """Raise `ValueProblem` unless these are the digits and point of a decimal number."""
    good = _DECIMAL.fullmatch(canonical) and len(canonical) <= MAX_DIGITS
    if not good or signed(canonical[:1], canonical.lstrip("-")) != canonical.lstrip("+"):
        raise ValueProblem(f"not a decimal number: {canonical[:60]!r}; write digits and a point, as in -12.50 or 0.0")


def random_integer(random: random.Random) -> str:
    """The digits of an integer, short more often than long."""
    limit = 10 ** random.choice((1, 1, 2, 2, 3, 4, 6, 9))
    return str(random.randint(-limit, limit))


class IntegerType(OrderedType):
    """Whole numbers of any size up to `MAX_DIGITS`."""

    name = key = "integer"
    first = NUMBER_FIRST
    summary = "A whole number."
    python = "int"
    accepts = ("12", "-7", "+3", "1,234,567", "1.234.567")
    rejects = ("007", "1,234", "12.0", "1e5", "twelve", "5 -", "3rd")

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        string, position = text.text, text.starts[start]
        match = _PLAIN.match(string, position, stop)
        if match and not text.region:
            sign, digits = match.groups()
            if (sign and not free(string, position)) or len(digits) > MAX_DIGITS - 1:
                return ()
            return ((text.ends[match.end()], signed(sign, digits) if sign else digits),)
        return [
            (text.ends[end], values[0])
            for end, values in numbers(text, start, stop)
            if len(values) == 1 and "." not in values[0]
        ]

    def doubtful(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        return [
            (text.ends[end], value)
            for end, values in numbers(text, start, stop)
            if len(values) > 1
            for value in values
            if "." not in value
        ]

    def check(self, canonical: str) -> None:
        check_integer(canonical)

    def to_tagged(self, canonical: str) -> object:
        return int(canonical)

    def from_tagged(self, tagged: object) -> str:
        return integer_of(tagged)

    def shape(self) -> Shape:
        return NUMBER_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for boundary in (
            "0",
            "1",
            "-1",
            "2",
            "10",
            "-10",
            "999999999999999999999999999999",
            str(2**31),
            str(-(2**63)),
        ):
            yield Sample(boundary, boundary)
        yield Sample("+7", "7")
        yield Sample("1,234,567", "1234567")
        while True:
            digits = random_integer(random)
            yield Sample(digits, digits)


class DecimalType(OrderedType):
    """Decimal numbers, with the decimals that were written."""

    name = key = "decimal"
    first = NUMBER_FIRST | {"."}
    summary = "A decimal number, with as many decimals as were written."
    python = "decimal.Decimal"
    accepts: tuple[str, ...] = ("12", "30.0", "-0.25", ".5", "12,5", "1,234.50", "1.234,50")
    rejects: tuple[str, ...] = ("1,234", "1.234", "007.5", "5.", "1e5", "1/2")

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        ends = text.ends
        return [(ends[end], value) for end, values in numbers(text, start, stop) for value in values]

    def check(self, canonical: str) -> None:
        check_decimal(canonical)

    def to_tagged(self, canonical: str) -> object:
        return {"$decimal": canonical}

    def from_tagged(self, tagged: object) -> str:
        return decimal_of(tagged)

    def shape(self) -> Shape:
        return NUMBER_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for boundary in (
            "0",
            "0.0",
            "1",
            "-1",
            "0.5",
            "-0.01",
            "30.0",
            "0.1",
            "2.50",
            "100",
            "99999999999999999999.99",
        ):
            yield Sample(boundary, boundary)
        yield Sample(".75", "0.75")
        yield Sample("1,234.50", "1234.50")
        while True:
            digits = random_decimal(random)
            yield Sample(digits, digits)


def random_decimal(random: random.Random) -> str:
    """A decimal number that no convention reads otherwise: its decimals are never three, but after a zero."""
    places = random.choice((0, 1, 1, 2, 2, 4))
    whole = random_integer(random)
    fraction = "".join(random.choice("0123456789") for _ in range(places))
    plain = f"{whole.lstrip('-')}.{fraction}" if fraction else whole.lstrip("-")
    return signed("-" if whole[0] == "-" else "", plain)


class PercentType(DecimalType):
    """Percentages: the number that was written, 15 for 15 %."""

    name = key = "percent"
    summary = "A percentage; the value is the number as written, 15 for 15 %."
    python = "decimal.Decimal"
    accepts = ("15%", "15 %", "7.5 percent", "12 per cent", "-3 %")
    rejects = ("15", "0.15", "15 percentage points", "1.234 %", "% 15")

    _SUFFIX = re.compile(rf"\s*(?:%|(?<=\s)(?:percent|per\s+cent)){FOLLOW}", re.IGNORECASE)

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        readings: list[Reading] = []
        for end, values in numbers(text, start, stop):
            if suffix := self._SUFFIX.match(text.text, end, stop):
                readings += [(text.ends[suffix.end()], value) for value in values]
        return readings

    def shape(self) -> Shape:
        return seq(NUMBER_SHAPE, alt(lit("%", "percent"), seq(lit("per"), lit("cent"))))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for sample in super().samples(random):
            yield Sample(sample.text + random.choice(("%", " %", " percent")), sample.canonical)


class YearType(OrderedType):
    """Years of four digits."""

    name = key = "year"
    first = frozenset("12")
    summary = "A year from 1000 to 2999."
    python = "int"
    accepts = ("2024", "1999", "1000", "2999")
    rejects = ("24", "'99", "3000", "2024s", "-500", "2,024")

    _YEAR = re.compile(rf"[12][0-9]{{3}}{FOLLOW}")

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        match = self._YEAR.match(text.text, text.start(start), stop)
        return ((start + 1, match.group()),) if match else ()

    def check(self, canonical: str) -> None:
        if not re.fullmatch(r"[12][0-9]{3}", canonical):
            raise ValueProblem(f"not a year: {canonical[:60]!r}; write four digits, from 1000 to 2999")

    def to_tagged(self, canonical: str) -> object:
        return int(canonical)

    def from_tagged(self, tagged: object) -> str:
        year = integer_of(tagged)
        self.check(year)
        return year

    def shape(self) -> Shape:
        return cls("digits4")

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for year in (1000, 2999, 1900, 2000, 2024, 2023, 2100, 1582):
            yield Sample(str(year), str(year))
        while True:
            year = random.randint(1800, 2100)
            yield Sample(str(year), str(year))


_ONES = "first second third fourth fifth sixth seventh eighth ninth".split()
_TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINAL_WORDS: dict[str, int] = {
    **{word: number for number, word in enumerate(_ONES + _TEENS, 1)},
    **{ten[:-1] + "ieth": number for number, ten in zip(range(20, 100, 10), _TENS, strict=True)},
    **{
        f"{ten}-{word}": number + one
        for number, ten in zip(range(20, 100, 10), _TENS, strict=True)
        for one, word in enumerate(_ONES, 1)
    },
}
"""English ordinals up to ninety-ninth."""


def ordinal_suffix(number: int) -> str:
    """`st`, `nd`, `rd` or `th`, as English writes it after the digits."""
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


class OrdinalType(OrderedType):
    """Places in an order, as English writes them."""

    name = key = "ordinal"
    first = frozenset("123456789") | frozenset(word[0] for word in ORDINAL_WORDS)
    summary = "A place in an order, in English digits or words."
    python = "int"
    accepts = ("3rd", "21st", "112th", "first", "Twenty-first")
    rejects = ("3", "3th", "11st", "0th", "last", "1,000th")

    _DIGITS = re.compile(rf"([1-9][0-9]*+)(st|nd|rd|th){FOLLOW}", re.IGNORECASE)
    _WORDS = re.compile(rf"({'|'.join(sorted(ORDINAL_WORDS, key=len, reverse=True))}){FOLLOW}(?!-\w)", re.IGNORECASE)

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if match := self._DIGITS.match(string, position, stop):
            digits, suffix = match.groups()
            good = len(digits) <= MAX_DIGITS and suffix.lower() == ordinal_suffix(int(digits[-2:]))
            return ((text.ends[match.end()], digits),) if good else ()
        if match := self._WORDS.match(string, position, stop):
            return ((text.ends[match.end()], str(ORDINAL_WORDS[match.group(1).lower()])),)
        return ()

    def check(self, canonical: str) -> None:
        if not _INTEGER.fullmatch(canonical) or canonical[0] in "-0" or len(canonical) > MAX_DIGITS:
            raise ValueProblem(f"not an ordinal: {canonical[:60]!r}; write its digits alone, from 1, as in 3 for 3rd")

    def to_tagged(self, canonical: str) -> object:
        return int(canonical)

    def from_tagged(self, tagged: object) -> str:
        place = integer_of(tagged)
        self.check(place)
        return place

    def shape(self) -> Shape:
        return alt(
            seq(cls("digits"), lit("st", "nd", "rd", "th", glued=True)),
            seq(lit(*_TENS), lit("-", glued=True), lit(*_ONES, glued=True)),
            lit(*(word for word in ORDINAL_WORDS if "-" not in word)),
        )

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for place in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 100, 101, 111, 10**30):
            yield Sample(f"{place}{ordinal_suffix(place)}", str(place))
        words = sorted(ORDINAL_WORDS)
        while True:
            word = random.choice(words)
            yield Sample(word, str(ORDINAL_WORDS[word]))
            place = random.randint(1, 1000)
            yield Sample(f"{place}{ordinal_suffix(place)}", str(place))
