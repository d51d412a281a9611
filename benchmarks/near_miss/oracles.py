"""Exact answers, computed once more from a request's values.

Written to be obvious rather than fast, and without any code of a procedure. An oracle returns None where the question
has no answer for these values; serving any is wrong then.
"""

from __future__ import annotations

import calendar
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

from benchmarks.near_miss.values import COUNTRIES, DIGITS, FILE, LEGS, MONTHS, WEEKDAYS, in_base

Given = Mapping[str, Any]
Oracle = Callable[[Given], str | None]

ORACLES: dict[str, Oracle] = {}


def oracle(function: Oracle) -> Oracle:
    """Register an oracle under its name."""
    ORACLES[function.__name__] = function
    return function


# Numbers


@oracle
def product_of(given: Given) -> str:
    """Exact product, without zeros at the end of decimals."""
    result = Fraction(given["a"]) * Fraction(given["b"])
    return _plain(result)


@oracle
def square_of(given: Given) -> str:
    """The first factor twice."""
    return str(given["a"] ** 2)


@oracle
def negative_product(given: Given) -> str:
    """The second factor with a minus."""
    return _plain(-Fraction(given["a"]) * Fraction(given["b"]))


@oracle
def sum_of(given: Given) -> str:
    """Exact sum."""
    return _plain(Fraction(given["a"]) + Fraction(given["b"]))


@oracle
def difference_of(given: Given) -> str:
    """Exact difference."""
    return _plain(Fraction(given["a"]) - Fraction(given["b"]))


def _plain(number: Fraction) -> str:
    """A fraction with a finite decimal expansion in plain digits."""
    places = 0
    while (number * 10**places).denominator != 1:
        places += 1
    scaled = int(number * 10**places)
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{text}" if scaled < 0 else text


@oracle
def gcd(given: Given) -> str:
    """The largest number that divides all."""
    numbers = given["numbers"]
    return str(max(d for d in range(1, min(numbers) + 1) if all(n % d == 0 for n in numbers)))


@oracle
def lcm(given: Given) -> str:
    """The first multiple of the largest that all divide."""
    numbers = given["numbers"]
    step = multiple = max(numbers)
    while any(multiple % n for n in numbers):
        multiple += step
    return str(multiple)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))


@oracle
def primes(given: Given) -> str:
    """Primes from low to high, both counted."""
    return str(sum(map(_is_prime, range(given["low"], given["high"] + 1))))


@oracle
def primes_if_ends_are_none(given: Given) -> str | None:
    """The same where nothing says whether the ends count: only if neither is a prime."""
    if _is_prime(given["low"]) or _is_prime(given["high"]):
        return None
    return primes(given)


@oracle
def lowest_terms(given: Given) -> str:
    """Numerator and denominator."""
    return f"{given['fraction'].numerator}/{given['fraction'].denominator}"


@oracle
def complex_sum(given: Given) -> str:
    """By parts."""
    (a, b), (c, d) = given["a"], given["b"]
    return _complex(a + c, b + d)


@oracle
def complex_double(given: Given) -> str:
    """The first number twice."""
    return complex_sum({"a": given["a"], "b": given["a"]}) or ""


@oracle
def complex_difference(given: Given) -> str:
    """By parts."""
    (a, b), (c, d) = given["a"], given["b"]
    return _complex(a - c, b - d)


@oracle
def complex_difference_reversed(given: Given) -> str:
    """The second minus the first."""
    return complex_difference({"a": given["b"], "b": given["a"]}) or ""


@oracle
def complex_product(given: Given) -> str:
    """By the distributive law."""
    (a, b), (c, d) = given["a"], given["b"]
    return _complex(a * c - b * d, a * d + b * c)


@oracle
def complex_quotient(given: Given) -> str | None:
    """By the conjugate; None where its decimals do not end."""
    (a, b), (c, d) = given["a"], given["b"]
    norm = c * c + d * d
    if norm == 0:
        return None
    real, imag = (a * c + b * d) / norm, (b * c - a * d) / norm
    if any(set(_factors(part.denominator)) - {2, 5} for part in (real, imag)):
        return None
    return _complex(real, imag)


def _factors(number: int) -> list[int]:
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found


def _complex(real: Fraction, imag: Fraction) -> str:
    return f"{_plain(real)} {'-' if imag < 0 else '+'} {_plain(abs(imag))}i"


@oracle
def arithmetic(given: Given) -> str | None:
    """Brackets first, then * from left to right, then + and -."""
    text = given["expression"].replace(" ", "")
    while "(" in text:
        close = text.index(")")
        opened = text.rindex("(", 0, close)
        text = text[:opened] + _flat(text[opened + 1 : close]) + text[close + 1 :]
    return _flat(text)


def _flat(text: str) -> str:
    total, sign, term, number = 0, 1, 1, ""
    negative = text.startswith("-")
    for character in (text[1:] if negative else text) + "+":
        if character.isdigit():
            number += character
            continue
        if not number:  # the sign of a bracket's negative value
            sign = -sign if character == "-" else sign
            continue
        term *= int(number)
        number = ""
        if character in "+-":
            total += sign * (-term if negative else term)
            negative, term, sign = False, 1, (1 if character == "+" else -1)
    return str(total)


@oracle
def solution(given: Given) -> str:
    """The equation was made from it."""
    return str(given["equation"])


@oracle
def at_least(given: Given) -> str:
    """Every roll is listed."""
    rolls = [sum(roll) for roll in product(*(range(1, sides + 1) for sides in given["dice"]))]
    return _ratio(sum(total >= given["target"] for total in rolls), len(rolls))


def _ratio(part: int, whole: int) -> str:
    ratio = Fraction(part, whole)
    return f"{ratio.numerator}/{ratio.denominator}"


@oracle
def to_base(given: Given) -> str:
    """Digits of the target base."""
    return in_base(given["number"], given["target"])


@oracle
def from_target_to_source(given: Given) -> str | None:
    """The same digits, read in the other base; None where one is no digit of it."""
    return _read_in(given["number"], given["source"], given["target"], given["source"])


@oracle
def from_target_to_named(given: Given) -> str | None:
    """The same from a numbered base to a named one."""
    named = {"binary": 2, "octal": 8, "decimal": 10, "hexadecimal": 16}[given["source"]]
    return _read_in(given["number"], named, given["target"], named)


def _read_in(number: int, written_in: int, base: int, target: int) -> str | None:
    digits = [DIGITS.index(digit) for digit in in_base(number, written_in)]
    if max(digits) >= base:
        return None
    return in_base(sum(digit * base**place for place, digit in enumerate(reversed(digits))), target)


@oracle
def sorted_strings(given: Given) -> str:
    """By value, as a list of strings."""
    return str(sorted(given["numbers"], key=Fraction, reverse=given["direction"] == "descending"))


@oracle
def sorted_strings_up(given: Given) -> str:
    """Ascending, whatever the direction was."""
    return str(sorted(given["numbers"], key=Fraction))


@oracle
def spiral(given: Given) -> str:
    """Take the first row, turn the rest counterclockwise, go on."""
    cells, taken = [list(row) for row in given["matrix"]], []
    while cells:
        taken += cells.pop(0)
        cells = [list(column) for column in zip(*cells, strict=True)][::-1]
    return " ".join(map(str, taken))


@oracle
def rotated(given: Given) -> str:
    """A quarter turn clockwise: the columns from the left, each from the bottom."""
    cells = [list(row) for row in given["matrix"]]
    turns = given["degrees"] // 90 % 4
    for _ in range(turns if given["direction"] == "clockwise" else -turns % 4):
        cells = [list(column) for column in zip(*cells[::-1], strict=True)]
    return str(cells)


@oracle
def rotated_clockwise(given: Given) -> str:
    """Clockwise, whatever the direction was."""
    return rotated({**given, "direction": "clockwise"}) or ""


# Texts


@oracle
def capital(given: Given) -> str:
    """By the table of this benchmark."""
    return COUNTRIES[given["country"]]


@oracle
def legs(given: Given) -> str:
    """Count times legs."""
    return str(sum(count * LEGS[kind] for count, kind in given["animals"]))


@oracle
def letters(given: Given) -> str:
    """Small and capital letters together."""
    return str(sum(character.lower() == given["letter"] for character in given["text"]))


@oracle
def isomorphic(given: Given) -> str:
    """The places of each letter are the same in both."""
    first, second = given["first"], given["second"]
    return str(
        len(first) == len(second) and [first.index(letter) for letter in first] == [second.index(x) for x in second]
    )


@oracle
def sorted_words(given: Given) -> str:
    """By code points."""
    key: Callable[[str], list[int]] = lambda word: [ord(character) for character in word]  # noqa: E731
    return ", ".join(sorted(given["words"], key=key, reverse=given["direction"] == "descending"))


# Dates and times


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


@oracle
def business_days(given: Given) -> str | None:
    """Day by day, both ends counted; None where the second date comes first."""
    if given["end"] < given["start"]:
        return None
    return str(sum(day.weekday() < 5 for day in _days(given["start"], given["end"])))


@oracle
def weekdays_between(given: Given) -> str | None:
    """Day by day, both ends counted."""
    if given["end"] < given["start"]:
        return None
    wanted = WEEKDAYS.index(given["weekday"])
    return str(sum(day.weekday() == wanted for day in _days(given["start"], given["end"])))


@oracle
def yearless_business_days(given: Given) -> str | None:
    """As above; the first date is the last such day before the second that has its weekday."""
    start = _resolved(given["start"], given["end"])
    return None if start is None else business_days({"start": start, "end": given["end"]})


@oracle
def yearless_weekdays(given: Given) -> str | None:
    """As above."""
    start = _resolved(given["start"], given["end"])
    return None if start is None else weekdays_between({**given, "start": start})


def _resolved(start: date, end: date) -> date | None:
    """A date without its year: in the year of the end, else the year before, if its weekday is the stated one."""
    for year in (end.year, end.year - 1):
        try:
            found = start.replace(year=year)
        except ValueError:
            continue
        if found <= end:
            return found if found.weekday() == start.weekday() else None
    return None


@oracle
def days_passed(given: Given) -> str | None:
    """Whole days."""
    days = (given["end"] - given["start"]).days
    return None if days < 0 else f"{days} days"


@oracle
def weekday_of(given: Given) -> str:
    """By the calendar."""
    return str(WEEKDAYS[given["date"].weekday()])


@oracle
def weekday_after(given: Given) -> str:
    """One day at a time."""
    return str(WEEKDAYS[(given["date"] + timedelta(days=given["days"])).weekday()])


@oracle
def weekday_before(given: Given) -> str:
    """One day at a time."""
    return str(WEEKDAYS[(given["date"] - timedelta(days=given["days"])).weekday()])


@oracle
def weekday_beside(given: Given) -> str | None:
    """In the direction that is asked."""
    return weekday_after(given) if given["direction"] == "after" else weekday_before(given)


@oracle
def day_of_nth(given: Given) -> str:
    """The days of the month with that weekday."""
    month, year = MONTHS.index(given["month"]) + 1, given["year"]
    days = [
        day
        for day in range(1, calendar.monthrange(year, month)[1] + 1)
        if date(year, month, day).weekday() == WEEKDAYS.index(given["weekday"])
    ]
    place = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}[given["ordinal"]]
    return str(days[place]) if place < len(days) else "-1"


@oracle
def day_of_nth_if_any(given: Given) -> str | None:
    """The same without a word for a month that has no such day."""
    found = day_of_nth(given)
    return None if found == "-1" else found


@oracle
def leap_year(given: Given) -> str:
    """By the Gregorian rule."""
    year = given["year"]
    return "Yes" if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else "No"


@oracle
def weekday_from_first(given: Given) -> str:
    """Days after January 1."""
    month, day = given["date"]
    return str(WEEKDAYS[(WEEKDAYS.index(given["first"]) + (31 if month == 2 else 0) + day - 1) % 7])


@oracle
def clock_duration(given: Given) -> str | None:
    """Seconds between two times of a day."""
    seconds = given["end"] - given["start"]
    return None if seconds < 0 else f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@oracle
def days_and_clock(given: Given) -> str | None:
    """D days, HH:MM:SS."""
    return _span(given["start"], given["end"], seconds=True)


@oracle
def days_and_minutes(given: Given) -> str | None:
    """D days, HH:MM."""
    return _span(given["start"], given["end"], seconds=False)


def _span(start: datetime, end: datetime, *, seconds: bool) -> str | None:
    span = end - start
    if span < timedelta(0):
        return None
    left = span.seconds
    text = f"{span.days} days, {left // 3600:02}:{left // 60 % 60:02}"
    return f"{text}:{left % 60:02}" if seconds else text


# Tables


def _column(given: Given, name: str) -> list[str]:
    columns, rows = given[FILE]
    return [row[columns.index(name)] for row in rows]


def _by_key(given: Given, place: str) -> dict[str, list[Decimal]]:
    groups: dict[str, list[Decimal]] = defaultdict(list)
    for key, cell in zip(_column(given, given[place]), _column(given, given["measure"]), strict=True):
        groups[key].append(Decimal(cell))
    return dict(sorted(groups.items()))


def _mean(cells: Sequence[Decimal]) -> str:
    exact = sum(map(Fraction, cells), Fraction(0)) / len(cells) * 100
    return f"{Decimal(int(exact + Fraction(1, 2))).scaleb(-2):f}"


def _csv(rows: Sequence[Sequence[object]]) -> str:
    return "\n".join(",".join(map(str, row)) for row in rows)


@oracle
def group_sum(given: Given) -> str:
    """One line a key."""
    groups = _by_key(given, "key")
    return _csv([(given["key"], given["measure"]), *((key, sum(cells)) for key, cells in groups.items())])


@oracle
def group_minimum(given: Given) -> str:
    """The least of each key."""
    groups = _by_key(given, "key")
    return _csv([(given["key"], given["measure"]), *((key, min(cells)) for key, cells in groups.items())])


@oracle
def group_maximum(given: Given) -> str:
    """The greatest of each key."""
    groups = _by_key(given, "key")
    return _csv([(given["key"], given["measure"]), *((key, max(cells)) for key, cells in groups.items())])


@oracle
def group_count(given: Given) -> str:
    """Rows of each key."""
    groups = _by_key(given, "key")
    return _csv([(given["key"], given["measure"]), *((key, len(cells)) for key, cells in groups.items())])


@oracle
def group_average(given: Given) -> str:
    """Rounded half up."""
    groups = _by_key(given, "key")
    return _csv([(given["key"], given["measure"]), *((key, _mean(cells)) for key, cells in groups.items())])


@oracle
def group_average_half_even(given: Given) -> str:
    """Rounded half to even, as `round` does with exact numbers."""
    groups = _by_key(given, "key")
    means = {key: round(sum(map(Fraction, cells), Fraction(0)) / len(cells) * 100) for key, cells in groups.items()}
    rows = ((key, f"{Decimal(mean).scaleb(-2):f}") for key, mean in means.items())
    return _csv([(given["key"], given["measure"]), *rows])


def _pivot(given: Given, fold: Callable[[Sequence[Decimal]], object]) -> str:
    keys = list(zip(_column(given, given["rows"]), _column(given, given["columns"]), strict=True))
    cells: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for pair, cell in zip(keys, _column(given, given["measure"]), strict=True):
        cells[pair].append(Decimal(cell))
    across = sorted({column for _, column in keys})
    lines: list[list[object]] = [[given["rows"], *across]]
    for row in sorted({row for row, _ in keys}):
        lines.append([row, *(fold(cells[row, column]) if cells[row, column] else 0 for column in across)])
    return _csv(lines)


@oracle
def pivot_sum(given: Given) -> str:
    """A cell for each pair of keys."""
    return _pivot(given, sum)


@oracle
def pivot_average(given: Given) -> str:
    """A cell for each pair of keys."""
    return _pivot(given, _mean)


@oracle
def pivot_maximum(given: Given) -> str:
    """The greatest of each pair of keys."""
    return _pivot(given, max)


@oracle
def pivot_count(given: Given) -> str:
    """A cell for each pair of keys."""
    return _pivot(given, len)


@oracle
def objects(given: Given) -> str:
    """One object a row, cells as strings."""
    columns, rows = given.get("csv") or given[FILE]
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
