"""Values next to ones that have an answer, where a slip shows: one more, half of it, another sign, another case.

Nothing is random. A text that is no value of its type, or lies outside its bounds, is left out by who asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

DAYS = 7
"""Steps of a date to each side: at least one meets each weekday."""

LONG = 120
"""Digits of a number that is longer than what any usual precision holds."""

NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
NEGATIVE_HALVES = ("-0.5", "-0.25", "-0.125", "-0.0625")
"""Each lies between two roundings to so many decimals: 0, 1, 2, 3."""

KEYS = 3
"""Different cells of a column that are written in another case as well."""

MARKS = ('{0}"', "({0})", "{0},", "{0};", "[{0}")
OTHER_CELLS = ("", " {0}", "{0} ", "{0}\u00e9", '{0},"')
OTHER_NUMBERS = ("{0}0", "{0}5", "{0}.5", "+{0}", "1,000", "1e3", "n/a")
TEXTS = ("character", "code", "quoted", "text", "token", "word")


def next_to(kind: str, value: str) -> Iterator[str]:
    """Texts beside a canonical text of a type; some may be none of the type."""
    if kind.startswith("list["):
        yield from _lists(json.loads(value))
    elif (found := _BESIDE.get(kind)) is not None:
        yield from found(value)


def _integers(value: str) -> Iterator[str]:
    if re.fullmatch(r"-?[0-9]{1,18}", value):
        number = int(value)
        yield from map(str, (number - 1, number + 1, number // 2, number * 2, -number))


def _decimals(value: str) -> Iterator[str]:
    if NUMBER.fullmatch(value) and len(value) < LONG:
        number = Decimal(value)
        yield from (format(each, "f") for each in (-number, number / 2, number * 2, Decimal("0.5") - number))


def _complexes(value: str) -> Iterator[str]:
    """Other signs, and what makes a sum of nothing or a half with a part."""
    if not (parts := re.fullmatch(r"(-?[0-9.]+)([-+][0-9.]+)i", value)) or len(value) > LONG:
        return
    real, imag = (Decimal(part) for part in parts.groups())
    half = Decimal("0.5")
    for left, right in ((-real, imag), (real, -imag), (-real, half - imag), (half - real, -imag), (-real, -imag)):
        yield f"{left:f}{'' if right.is_signed() else '+'}{right:f}i"


def _dates(value: str) -> Iterator[str]:
    day = date.fromisoformat(value).toordinal()
    for step in range(1, DAYS + 1):
        for each in (day - step, day + step):
            if 0 < each <= date.max.toordinal():
                yield date.fromordinal(each).isoformat()


def anniversaries(day: str, monthday: str) -> Iterator[str]:
    """Dates of a month and day in the year of a date, and in those beside it."""
    year = date.fromisoformat(day).year
    yield from (f"{each:04}-{monthday[-5:]}" for each in (year, year + 1, year - 1))


def _times(value: str) -> Iterator[str]:
    """A second and a minute more, and a finer part of a second."""
    begin = datetime.combine(date(2000, 1, 1), time.fromisoformat(value))
    for step in (timedelta(minutes=1), timedelta(minutes=-1), timedelta(seconds=1), timedelta(seconds=-1)):
        yield (begin + step).time().isoformat()[: max(len(value), 8)]
    for part in (timedelta(milliseconds=1), timedelta(microseconds=1), timedelta(milliseconds=500)):
        yield (begin + part).time().isoformat()


def _datetimes(value: str) -> Iterator[str]:
    begin = datetime.fromisoformat(value)
    for step in (timedelta(days=1), timedelta(seconds=1), timedelta(milliseconds=1)):
        for each in (step, -step):
            if date(2, 1, 1) < begin.date() < date(9998, 12, 31):
                yield (begin + each).isoformat()


def _expressions(value: str) -> Iterator[str]:
    yield from (form.format(value) for form in ("({0}) / 2", "({0}) / 1", "({0}) * 0", "({0}) ^ 2", "-({0})"))


def _equations(value: str) -> Iterator[str]:
    """The sides exchanged, and equations of a higher degree."""
    left, _, right = value.partition(" = ")
    letter = next((char for char in value if char.isalpha()), "x")
    yield f"{right} = {left}"
    yield f"({left}) / 2 = {right}"
    yield f"{letter} * ({left}) = {right}"
    for more in range(5):
        yield f"{left} + {letter} * {letter} + {more} = {right}"


def _texts(value: str) -> Iterator[str]:
    yield from (value.swapcase(), f"{value}{value}", f"{value}\u00e9", "")


def _quoted(value: str) -> Iterator[str]:
    """As other texts, and with blanks at the ends, which no other text has that a lookup binds."""
    yield from (*_texts(value), f"{value} ", f" {value}")


def _lists(members: list[str]) -> Iterator[str]:
    """Fewer and more members, equal ones and opposite ones; for words also another case and marks."""
    if not members:
        return
    first = members[0]
    others = [[first], members[::-1], [*members, first]]
    if NUMBER.fullmatch(first):
        others += [[*members, each] for each in (*_integers(first), *_decimals(first))]
    else:
        others += [[*members, each] for each in (first.swapcase(), *(mark.format(first) for mark in MARKS))]
    yield from (_compact(each) for each in others)


_BESIDE: dict[str, Callable[[str], Iterator[str]]] = {
    **dict.fromkeys(("integer", "year", "ordinal"), _integers),
    **dict.fromkeys(("decimal", "percent"), _decimals),
    **dict.fromkeys(TEXTS, _texts),
    "quoted": _quoted,
    "complex": _complexes,
    "date": _dates,
    "time": _times,
    "datetime": _datetimes,
    **dict.fromkeys(("arithmetic", "calculation", "expression"), _expressions),
    "equation": _equations,
}


def woven(whole: str, part: str) -> Iterator[str]:
    """A text into which another is put: at its ends, in its middle, and in another case."""
    half = len(whole) // 2
    yield from (whole + part, part + whole, f"{whole[:half]}{part}{whole[half:]}", whole + part.swapcase() + part)


def tables(table: str, columns: Sequence[str]) -> Iterator[str]:
    """Tables beside one: keys that differ in case, blanks, empty cells, doubled rows, other numbers.

    Args:
        table: canonical text.
        columns: those that a request names; all of the table's if it has none of them.
    """
    read = json.loads(table)
    names: list[str] = read["columns"]
    rows: list[list[str]] = read["rows"]

    def made(changed: list[list[str]]) -> str:
        return _compact({"columns": names, "rows": changed})

    yield made(rows[:1])
    yield made([*rows, rows[0]])
    for at in dict.fromkeys(names.index(each) for each in [each for each in columns if each in names] or names):
        yield from map(made, _cells(rows, at))


def _cells(rows: list[list[str]], at: int) -> Iterator[list[list[str]]]:
    """Rows with other cells in one column."""
    first = rows[0][at]

    def cell(row: list[str], text: str) -> list[str]:
        return [*row[:at], text, *row[at + 1 :]]

    for other in OTHER_CELLS:
        yield [cell(rows[0], other.format(first)), *rows[1:]]
    if not all(NUMBER.fullmatch(row[at]) for row in rows):
        for known in list(dict.fromkeys(row[at] for row in rows))[:KEYS]:
            yield [cell(row, known.swapcase()) if row[at] == known else row for row in rows]
            yield [*rows, next(cell(row, known.swapcase()) for row in rows if row[at] == known)]
        return
    for other in OTHER_NUMBERS:
        yield [cell(rows[0], other.format(first)), *rows[1:]]
    whole, point, decimals = first.lstrip("-").partition(".")
    for text in ("-" + whole + point + decimals, whole.rjust(LONG, "7") + point + decimals):
        yield [cell(rows[0], text), *rows[1:]]
    for half in NEGATIVE_HALVES:
        yield [cell(row, half) for row in rows]


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
