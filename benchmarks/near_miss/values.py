"""Values that requests hold: how they are drawn, and how they are written.

Every drawer takes a `random.Random` and returns all values of one request, by the name of their place in its wording.
What is drawn lies where the questions have answers, boundaries included; nothing here is taken from a procedure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class Drawn:
    """A value and how the request writes it."""

    text: str
    value: Any


Values = Mapping[str, Drawn]
Drawer = Callable[[Random], Values]

DRAWERS: dict[str, Drawer] = {}
FILE = "_csv"
"""The place of an attached file's content; `file` is its name."""


def drawer(function: Drawer) -> Drawer:
    """Register a drawer under its name."""
    DRAWERS[function.__name__] = function
    return function


def plain(value: object) -> Drawn:
    """A value that is written as Python writes it."""
    return Drawn(str(value), value)


# Numbers


def _decimal(source: Random, low: int, high: int, places: int) -> Decimal:
    return Decimal(source.randint(low * 10**places, high * 10**places)).scaleb(-places)


@drawer
def two_integers(source: Random) -> Values:
    """Whole numbers, some of them negative, zero, one or large."""

    def one() -> int:
        return source.choice((source.randint(2, 99), source.randint(100, 99_999), source.randint(0, 1)))

    return {"a": plain(one()), "b": plain(one())}


@drawer
def two_decimals(source: Random) -> Values:
    """Numbers above one, at least one with a decimal point."""
    a = _decimal(source, 1, 90, source.randint(1, 3))
    b = source.choice((_decimal(source, 1, 90, source.randint(1, 3)), Decimal(source.randint(2, 90))))
    if a < Decimal("1.1"):
        a += 1
    return {"a": plain(a), "b": plain(b)}


@drawer
def decimals_below_one(source: Random) -> Values:
    """The first below one."""
    a = Decimal(source.randint(1, 99)).scaleb(-2)
    return {"a": plain(a), "b": plain(_decimal(source, 1, 20, source.randint(1, 2)))}


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number: int) -> str:
    """A number from 0 to 100 in English words."""
    if number == 100:
        return "one hundred"
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")


@drawer
def two_in_words(source: Random) -> Values:
    """Numbers as English words."""

    def one() -> Drawn:
        number = source.randint(2, 100)
        return Drawn(in_words(number), number)

    return {"a": one(), "b": one()}


@drawer
def positives(source: Random) -> Values:
    """Two to four positive numbers that share a factor."""
    factor = source.choice((1, 2, 3, 5, 6, 7, 12))
    numbers = [factor * source.randint(2, 60) for _ in range(source.randint(2, 4))]
    return {"numbers": Drawn(", ".join(map(str, numbers)), numbers)}


@drawer
def small_range(source: Random) -> Values:
    """Two ends, both composite or prime as it comes."""
    low = source.randint(2, 900)
    return {"low": plain(low), "high": plain(low + source.randint(3, 200))}


_PRIMES = [number for number in range(3, 700) if all(number % divisor for divisor in range(2, number))]


@drawer
def prime_ended_range(source: Random) -> Values:
    """A range whose both ends are primes, so that whether they count shows."""
    low, high = sorted(source.sample(_PRIMES, 2))
    return {"low": plain(low), "high": plain(high)}


@drawer
def fraction(source: Random) -> Values:
    """A fraction that can be reduced and is no whole number."""
    while True:
        top, bottom, factor = source.randint(1, 40), source.randint(2, 60), source.randint(2, 30)
        if top % bottom:
            text = f"{top * factor}/{bottom * factor}"
            return {"fraction": Drawn(text, Fraction(top, bottom))}


def _complex(source: Random, places: int) -> Drawn:
    real, imag = (_decimal(source, -20, 20, places) for _ in range(2))
    if imag == 0:
        imag = Decimal(3)
    sign = "-" if imag < 0 else "+"
    return Drawn(f"{real} {sign} {abs(imag)}i", (Fraction(real), Fraction(imag)))


@drawer
def two_complex(source: Random) -> Values:
    """Complex numbers with one decimal or none."""
    places = source.randint(0, 1)
    return {"a": _complex(source, places), "b": _complex(source, places)}


@drawer
def exact_quotient(source: Random) -> Values:
    """Complex numbers whose quotient is whole."""
    q, b = ([source.randint(-9, 9) or 4, source.randint(-9, 9) or 5] for _ in range(2))
    a = [q[0] * b[0] - q[1] * b[1], q[0] * b[1] + q[1] * b[0]]

    def written(pair: list[int]) -> Drawn:
        sign = "-" if pair[1] < 0 else "+"
        return Drawn(f"{pair[0]}.0 {sign} {abs(pair[1])}.0i", (Fraction(pair[0]), Fraction(pair[1])))

    return {"a": written(a), "b": written(b)} if a[1] else exact_quotient(source)


@drawer
def expression(source: Random) -> Values:
    """Whole numbers with + - and *, sometimes a bracket."""
    terms = [str(source.randint(1, 60)) for _ in range(source.randint(3, 5))]
    text = terms[0]
    for term in terms[1:]:
        text += f" {source.choice('+-*')} {term}"
    if source.random() < 0.3:
        text = f"({text}) * {source.randint(2, 9)}"
    return {"expression": Drawn(text, text)}


@drawer
def equation(source: Random) -> Values:
    """a*x + b = c with a whole solution."""
    variable = source.choice("xyznmkt")
    slope, solution, offset = source.randint(2, 20), source.randint(-30, 30), source.randint(1, 90)
    sign = source.choice("+-")
    right = slope * solution + (offset if sign == "+" else -offset)
    text = f"{slope}*{variable} {sign} {offset} = {right}"
    return {"variable": plain(variable), "equation": Drawn(text, solution)}


@drawer
def dice(source: Random) -> Values:
    """Two to four dice and a total that some rolls reach and some do not."""
    sides = [source.choice((2, 4, 6, 8, 10, 12, 20)) for _ in range(source.randint(2, 4))]
    target = source.randint(len(sides) + 1, sum(sides))
    return {"dice": Drawn(", ".join(f"1d{n}" for n in sides), sides), "target": plain(target)}


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""Of all bases up to 36."""


def in_base(number: int, base: int) -> str:
    """A number's digits in a base, by division."""
    digits = ""
    while number:
        number, digit = divmod(number, base)
        digits = DIGITS[digit] + digits
    return digits or "0"


@drawer
def bases(source: Random) -> Values:
    """A number in one numbered base, and another base. Neither is 2, 8, 10 or 16, which have names."""
    unnamed = [base for base in range(3, 37) if base not in (8, 10, 16)]
    start, end = source.sample(unnamed, 2)
    number = source.randint(2, 5000)
    return {"number": Drawn(in_base(number, start), number), "source": plain(start), "target": plain(end)}


_NAMED = {"binary": 2, "octal": 8, "decimal": 10, "hexadecimal": 16}


@drawer
def from_named_base(source: Random) -> Values:
    """A number in a named base, and a numbered one."""
    name = source.choice(list(_NAMED))
    end = source.choice([base for base in range(3, 37) if base not in (8, 10, 16)])
    number = source.randint(2, 5000)
    return {"number": Drawn(in_base(number, _NAMED[name]), number), "source": Drawn(name, name), "target": plain(end)}


@drawer
def to_named_base(source: Random) -> Values:
    """A number in a numbered base, and a named one."""
    name = source.choice(list(_NAMED))
    start = source.choice([base for base in range(3, 37) if base not in (8, 10, 16)])
    number = source.randint(2, 5000)
    return {
        "number": Drawn(in_base(number, start), number),
        "source": plain(start),
        "target": Drawn(name, _NAMED[name]),
    }


@drawer
def scattered(source: Random) -> Values:
    """Numbers with decimals to be sorted, and a direction; no two are equal."""
    cents = source.sample(range(-9000, 9000), source.randint(3, 7))
    numbers = [f"{Decimal(cent).scaleb(-2):f}" for cent in cents if cent]
    return {
        "direction": plain(source.choice(("ascending", "descending"))),
        "numbers": Drawn(", ".join(numbers), numbers),
    }


def _matrix(source: Random, rows: int, columns: int) -> list[list[int]]:
    return [[source.randint(-9, 99) for _ in range(columns)] for _ in range(rows)]


@drawer
def matrix(source: Random) -> Values:
    """A matrix of whole numbers in lines."""
    cells = _matrix(source, source.randint(2, 4), source.randint(2, 4))
    return {"matrix": Drawn("\n".join(" ".join(map(str, row)) for row in cells), cells)}


@drawer
def turned_matrix(source: Random) -> Values:
    """A square matrix in brackets, a direction and degrees."""
    size = source.randint(2, 3)
    cells = _matrix(source, size, size)
    return {
        "degrees": plain(source.choice((90, 180, 270))),
        "direction": plain(source.choice(("clockwise", "counterclockwise"))),
        "matrix": Drawn(str(cells), cells),
    }


@drawer
def amount_and_rate(source: Random) -> Values:
    """An amount and a percentage."""
    return {"a": plain(source.randint(20, 9000)), "rate": plain(source.randint(2, 95))}


@drawer
def one_integer(source: Random) -> Values:
    """One whole number."""
    return {"a": plain(source.randint(3, 5000))}


# Texts

COUNTRIES = {
    "France": "Paris", "Spain": "Madrid", "Portugal": "Lisbon", "Germany": "Berlin", "Italy": "Rome",
    "Austria": "Vienna", "Poland": "Warsaw", "Sweden": "Stockholm", "Norway": "Oslo", "Finland": "Helsinki",
    "Denmark": "Copenhagen", "Greece": "Athens", "Turkey": "Ankara", "Egypt": "Cairo", "Kenya": "Nairobi",
    "Ghana": "Accra", "Peru": "Lima", "Chile": "Santiago", "Argentina": "Buenos Aires", "Brazil": "Brasilia",
    "Canada": "Ottawa", "Japan": "Tokyo", "China": "Beijing", "India": "New Delhi", "Australia": "Canberra",
    "New Zealand": "Wellington", "Thailand": "Bangkok", "Vietnam": "Hanoi", "Cuba": "Havana", "Ireland": "Dublin",
    "Iceland": "Reykjavik", "Hungary": "Budapest", "Romania": "Bucharest", "Bulgaria": "Sofia", "Croatia": "Zagreb",
    "Serbia": "Belgrade", "Latvia": "Riga", "Estonia": "Tallinn", "Lithuania": "Vilnius", "Ukraine": "Kyiv",
    "Belgium": "Brussels", "Colombia": "Bogota", "Ecuador": "Quito", "Uruguay": "Montevideo", "Morocco": "Rabat",
    "Tunisia": "Tunis", "Senegal": "Dakar", "Nigeria": "Abuja", "Iraq": "Baghdad", "Nepal": "Kathmandu",
    "Mongolia": "Ulaanbaatar", "the Philippines": "Manila",
}  # fmt: skip


@drawer
def country(source: Random) -> Values:
    """A country whose capital nobody disputes."""
    return {"country": plain(source.choice(list(COUNTRIES)))}


LEGS = {
    "dog": 4, "cat": 4, "cow": 4, "horse": 4, "sheep": 4, "tiger": 4, "giraffe": 4, "deer": 4, "elephant": 4,
    "chicken": 2, "duck": 2, "human": 2, "bird": 2, "snake": 0, "jellyfish": 0, "spider": 8, "scorpion": 8,
    "bee": 6, "wasp": 6, "ant": 6, "beetle": 6, "cricket": 6, "butterfly": 6, "grasshopper": 6, "crab": 10,
    "lobster": 10, "shrimp": 10,
}  # fmt: skip
_PLURALS = {"sheep": "sheep", "deer": "deer", "jellyfish": "jellyfish", "butterfly": "butterflies", "shrimp": "shrimp"}


@drawer
def animals(source: Random) -> Values:
    """Two or three kinds of animals with their counts, in words' order."""
    kinds = source.sample(list(LEGS), source.randint(2, 3))
    counted = [(source.randint(2, 15), kind) for kind in kinds]
    parts = [f"{count} {_PLURALS.get(kind, kind + 's')}" for count, kind in counted]
    text = f"{', '.join(parts[:-1])} and {parts[-1]}"
    return {"animals": Drawn(text, counted)}


_WORDS = (
    "river stone Maple window Quiet garden yellow Number seven letter engine paper silver meadow Orange planet "
    "tiger coffee Banana mirror summer winter little pepper street Harbor valley"
).split()


@drawer
def letter_and_text(source: Random) -> Values:
    """A letter and a few words."""
    text = " ".join(source.sample(_WORDS, source.randint(2, 5)))
    return {"letter": plain(source.choice("aeinrstl")), "text": plain(text)}


@drawer
def two_strings(source: Random) -> Values:
    """Two short strings of one length; half of the pairs are isomorphic."""
    first = "".join(source.choice("abcde") for _ in range(source.randint(4, 7)))
    if source.random() < 0.5:
        key = dict(zip("abcde", source.sample("fghij", 5), strict=True))
        second = "".join(key[letter] for letter in first)
    else:
        second = "".join(source.choice("fghij") for _ in first)
    return {"first": plain(first), "second": plain(second)}


@drawer
def words(source: Random) -> Values:
    """Words, some with an underscore or a capital, and a direction."""
    chosen = [
        source.choice((word, word.lower(), f"_{word}", f"{word.lower()}_"))
        for word in source.sample(_WORDS, source.randint(3, 6))
    ]
    chosen[0] = f"_{chosen[0].strip('_')}_"
    return {
        "direction": plain(source.choice(("ascending", "descending"))),
        "words": Drawn(", ".join(chosen), chosen),
    }


# Dates and times

MONTHS = ("January February March April May June July August September October November December").split()
WEEKDAYS: list[str] = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def in_english(day: date) -> str:
    """Month, day and year."""
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def with_weekday(day: date) -> str:
    """The weekday before it."""
    return f"{WEEKDAYS[day.weekday()]}, {in_english(day)}"


def _date(source: Random, first: int = 1950, last: int = 2060) -> date:
    return date(first, 1, 1) + timedelta(days=source.randrange((date(last, 12, 31) - date(first, 1, 1)).days))


@drawer
def one_date(source: Random) -> Values:
    """A date."""
    day = _date(source)
    return {"date": Drawn(source.choice((in_english(day), day.isoformat())), day)}


@drawer
def date_and_days(source: Random) -> Values:
    """A date with its weekday, a number of days and a direction."""
    day = _date(source)
    return {
        "date": Drawn(with_weekday(day), day),
        "days": plain(source.randint(2, 400)),
        "direction": plain(source.choice(("before", "after"))),
    }


@drawer
def jump(source: Random) -> Values:
    """A date and a number of days."""
    day = _date(source)
    return {"date": Drawn(source.choice((in_english, with_weekday))(day), day), "days": plain(source.randint(2, 400))}


@drawer
def date_range(source: Random) -> Values:
    """A date and a later one."""
    start = _date(source)
    end = start + timedelta(days=source.randint(1, 300))
    write = source.choice((in_english, with_weekday, date.isoformat))
    return {"start": Drawn(write(start), start), "end": Drawn(write(end), end)}


@drawer
def date_range_and_weekday(source: Random) -> Values:
    """Two dates and a weekday."""
    return {**date_range(source), "weekday": plain(source.choice(WEEKDAYS))}


@drawer
def yearless_range(source: Random) -> Values:
    """A date with weekday and without a year, and a later one with both."""
    start = _date(source)
    end = start + timedelta(days=source.randint(1, 300))
    while (start.month, start.day) == (2, 29):
        start -= timedelta(days=1)
    text = f"{WEEKDAYS[start.weekday()]}, {MONTHS[start.month - 1]} {start.day}"
    return {
        "start": Drawn(text, start),
        "end": Drawn(with_weekday(end), end),
        "weekday": plain(source.choice(WEEKDAYS)),
    }


@drawer
def future_range(source: Random) -> Values:
    """Two dates as a scheduling program writes them."""
    start = _date(source, 2100, 2900)
    end = start + timedelta(days=source.randint(1, 300))
    return {
        name: Drawn(f"{MONTHS[d.month - 1]} {d.day:02}, {d.year}", d) for name, d in (("start", start), ("end", end))
    }


@drawer
def clock_times(source: Random) -> Values:
    """Two times of a day with seconds, the later one last."""
    first, second = sorted(source.sample(range(86_400), 2))

    def written(seconds: int) -> Drawn:
        value = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
        return Drawn(value.isoformat(), seconds)

    return {"start": written(first), "end": written(second)}


@drawer
def datetimes(source: Random) -> Values:
    """Two points in time as ISO writes them, with seconds."""
    start = datetime.combine(_date(source), time()) + timedelta(seconds=source.randrange(86_400))
    end = start + timedelta(seconds=source.randint(60, 40 * 86_400))
    return {name: Drawn(f"{at:%Y-%m-%d %H:%M:%S}", at) for name, at in (("start", start), ("end", end))}


@drawer
def flight(source: Random) -> Values:
    """Departure and landing with weekdays and minutes."""
    start = datetime.combine(_date(source, 1990, 2040), time()) + timedelta(minutes=source.randrange(1440))
    end = start + timedelta(minutes=source.randint(40, 1600))

    def written(at: datetime) -> Drawn:
        return Drawn(f"{WEEKDAYS[at.weekday()]}, {MONTHS[at.month - 1]} {at.day:02}, {at.year} at {at:%H:%M}", at)

    return {"start": written(start), "end": written(end)}


@drawer
def nth_weekday(source: Random) -> Values:
    """A place, a weekday, a month and a year."""
    return {
        "ordinal": plain(source.choice(("first", "second", "third", "fourth", "fifth", "last"))),
        "weekday": plain(source.choice(WEEKDAYS)),
        "month": plain(source.choice(MONTHS)),
        "year": plain(source.randint(1950, 2060)),
    }


@drawer
def year(source: Random) -> Values:
    """A year, centuries more often than chance."""
    return {"year": plain(source.choice((source.randint(1800, 2200), 1900, 2000, 2100, 2024)))}


@drawer
def january_first(source: Random) -> Values:
    """The weekday of a January 1, and a day of January or February."""
    month = source.randint(1, 2)
    day = source.randint(2, 28)
    return {"first": plain(source.choice(WEEKDAYS)), "date": Drawn(f"{MONTHS[month - 1]} {day}", (month, day))}


# Tables

_TABLES = {
    "orders.csv": (("city", "channel", "item"), ("amount", "count")),
    "trips.csv": (("driver", "zone", "vehicle"), ("fare", "minutes")),
    "lessons.csv": (("teacher", "subject", "room"), ("fee", "pupils")),
}
_MEMBERS = ("ash", "Birch", "cedar", "elm", "Fir", "Hazel")


def _table(source: Random) -> tuple[str, list[str], list[str], list[list[str]]]:
    name = source.choice(list(_TABLES))
    keys, measures = _TABLES[name]
    rows = [
        [
            *(source.choice(_MEMBERS[number * 2 : number * 2 + 3]) for number in range(len(keys)) if number < 2),
            source.choice(("x1", "x2", "x3")),
            f"{Decimal(source.randint(100, 99_999)).scaleb(-2):f}",
            str(source.randint(1, 90)),
        ]
        for _ in range(source.randint(5, 12))
    ]
    return name, list(keys), list(measures), rows


def csv_of(columns: list[str], rows: list[list[str]]) -> str:
    """Cells that need no quotes, as CSV."""
    return "\n".join(",".join(row) for row in [columns, *rows]) + "\n"


@drawer
def table(source: Random) -> Values:
    """An attached CSV file with three columns of names and two of numbers; which are asked for."""
    name, keys, measures, rows = _table(source)
    row_key, column_key = source.sample(keys, 2)
    measure = source.choice(measures)
    columns = [*keys, *measures]
    content = Drawn(csv_of(columns, rows), (columns, rows))
    chosen = {"key": row_key, "rows": row_key, "columns": column_key, "measure": measure, "file": name}
    return {**{place: plain(text) for place, text in chosen.items()}, FILE: content}


@drawer
def inline_table(source: Random) -> Values:
    """CSV in the request itself."""
    _, keys, measures, rows = _table(source)
    columns = [*keys, *measures]
    rows = rows[:3]
    return {"csv": Drawn(csv_of(columns, rows).rstrip("\n"), (columns, rows))}
