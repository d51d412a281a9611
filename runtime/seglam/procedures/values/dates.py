"""Dates, and parts of dates: month and day, weekday, month."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from seglam.procedures.text import Text
from seglam.procedures.values.base import Reading, Sample, Seq, Shape, ValueProblem, ValueType, alt, lit
from seglam.procedures.values.dateforms import (
    DATE_SHAPE,
    FIRST_WORDS,
    MONTH_DAY_SHAPE,
    MONTH_NAMES,
    MONTHS,
    WEEKDAY_NAMES,
    WEEKDAYS,
    dates_at,
    goes_on,
    month_day_at,
    valid_date,
    write_date,
)
from seglam.procedures.values.tagged import Tagged, after_word, described

_DIGITS = frozenset("0123456789")
_MONTH_STARTS = frozenset(name[0] for name in MONTHS)
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


class DateType(Tagged):
    """A day of the proleptic Gregorian calendar, years 1 to 9999. Canonical: `2024-02-29` (ISO 8601).

    A weekday that is written with the date must fit it. Of `10/08/2843` the region decides month and day; without
    one, or with a region that writes both ways, each valid order is a reading.
    """

    name = key = "date"
    separate = True
    tag = "$date"
    first = _DIGITS | {word[0] for word in FIRST_WORDS}
    exact = False
    expected = "a date such as 2024-02-29"
    summary = "A calendar date with day, month and four-digit year."
    python = "datetime.date"
    accepts = (
        "2024-02-29",
        "February 29, 2024",
        "Thu Feb 29 2024",
        "29th of February 2024",
        "2024-02-29 (Thursday)",
        "29 de febrero de 2024",
        "29. Februar 2024",
        "12/14/2843",
    )
    rejects = ("2023-02-29", "Friday, February 29, 2024", "10/08/43", "February 2024", "10/08/2843")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        token = text.tokens[start]
        if (token[0] not in _DIGITS and token not in FIRST_WORDS) or after_word(text, start):
            return ()
        content, ends = text.text, text.ends
        found = dates_at(content, text.start(start), text.region)
        return [(ends[end], value.isoformat()) for end, value in found if end in ends and not goes_on(content, end)]

    def valid(self, canonical: str) -> bool:
        match = _ISO_DATE.fullmatch(canonical)
        return match is not None and valid_date(*map(int, match.groups())) is not None

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        return (minimum is None or minimum <= canonical) and (maximum is None or canonical <= maximum)

    def shape(self) -> Shape:
        return DATE_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for value in _boundary_days():
            yield Sample(value.isoformat(), value.isoformat())
        while True:
            value = date.fromordinal(random.randint(1, date.max.toordinal()))
            yield Sample(write_date(value, random), value.isoformat())


def _boundary_days() -> Iterator[date]:
    """Leap days, year ends, and the ends of the type."""
    for year in (2024, 2000, 4):
        yield date(year, 2, 29)
    for year in (2023, 1900, 2100):
        yield from (date(year, 2, 28), date(year, 3, 1))
    yield from (date(1999, 12, 31), date(2000, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date.min, date.max)


class MonthDayType(Tagged):
    """A month and a day without a year. Canonical: `02-29`. February 29 is one, since some years have it."""

    name = key = "monthday"
    separate = True
    tag = "$monthday"
    first = _DIGITS | _MONTH_STARTS
    exact = False
    expected = "a month and a day such as 02-29"
    summary = "A month and a day without a year."
    python = "MonthDay(month: int, day: int)"
    accepts = ("February 29", "Feb 29", "29 February", "March 3rd", "3 de marzo", "29. Februar")
    rejects = ("February 30", "02-29", "2/29", "the 29th", "March 2nd-5th")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        token = text.tokens[start]
        if (token[0] not in _DIGITS and token not in MONTHS) or after_word(text, start):
            return ()
        found = month_day_at(text.text, text.start(start))
        if found is None or found[0] not in text.ends or goes_on(text.text, found[0]):
            return ()
        return ((text.ends[found[0]], f"{found[1]:02}-{found[2]:02}"),)

    def valid(self, canonical: str) -> bool:
        match = _MONTH_DAY.fullmatch(canonical)
        return match is not None and valid_date(2000, int(match[1]), int(match[2])) is not None

    def to_tagged(self, canonical: str) -> object:
        self.check(canonical)
        return {self.tag: [int(canonical[:2]), int(canonical[3:])]}

    def from_tagged(self, tagged: object) -> str:
        match tagged:
            case {"$monthday": [int(month), int(day)], **others} if not others and valid_date(2000, month, day):
                return f"{month:02}-{day:02}"
        raise ValueProblem(f"{described(tagged)} is no monthday; expected {{'$monthday': [month, day]}}")

    def shape(self) -> Shape:
        return MONTH_DAY_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield from (Sample("February 29", "02-29"), Sample("January 1", "01-01"), Sample("December 31", "12-31"))
        yield from (Sample("March 1st", "03-01"), Sample("28 Feb", "02-28"))
        while True:
            value = date.fromordinal(date(2000, 1, 1).toordinal() + random.randrange(366))
            month, day = MONTH_NAMES[value.month - 1], value.day
            written = random.choice((f"{month} {day}", f"{day} {month}", f"{month[:3]} {day}"))
            yield Sample(written, value.isoformat()[5:])


class NamedDay(ValueType):
    """Base of weekday and month: names in four languages, whose canonical texts are the English ones."""

    summary: str
    accepts: tuple[str, ...]
    rejects: tuple[str, ...]
    names: tuple[str, ...]
    words: Mapping[tuple[str, ...], str]

    def __init__(self) -> None:
        self.first = frozenset(words[0][0] for words in self.words)
        self._longest = max(map(len, self.words))

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        tokens = text.tokens
        if tokens[start][0] not in self.first:  # type: ignore[operator]
            return ()
        for count in range(self._longest, 0, -1):
            words = tuple(tokens[start : start + count])
            if words in self.words:
                return ((start + len(words), self.words[words]),)
        return ()

    def check(self, canonical: str) -> None:
        if canonical not in self.names:
            raise ValueProblem(f"{canonical[:80]!r} is no {self.name}; expected one of {', '.join(self.names)}")

    def to_tagged(self, canonical: str) -> object:
        self.check(canonical)
        return canonical

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, str):
            names = ", ".join(self.names)
            raise ValueProblem(f"{described(tagged)} is no {self.name}; expected one of {names}, as a string")
        self.check(tagged)
        return tagged

    def shape(self) -> Shape:
        return alt(*(Seq(tuple(lit(token) for token in tokens)) for tokens in self.words))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield from (Sample(name, name) for name in self.names)
        while True:
            words, value = random.choice(list(self.words.items()))
            yield Sample("".join(words), value)


def _by_tokens(names: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    return {tuple(Text(name).tokens): value for name, value in names.items()}


class WeekdayType(NamedDay):
    """A day of the week. Canonical: its English name. An English plural (`Mondays`) is the same day."""

    name = key = "weekday"
    names = WEEKDAY_NAMES
    words = _by_tokens(
        {word: WEEKDAY_NAMES[day] for word, day in WEEKDAYS.items()} | {name + "s": name for name in WEEKDAY_NAMES}
    )
    summary = "A day of the week, in full or short, in English, Spanish, Portuguese or German."
    python = 'str: the English name, such as "Monday"'
    accepts = ("Monday", "mon", "Thurs", "Mondays", "lunes", "segunda-feira", "Montag")
    rejects = ("weekday", "today", "M")


class MonthType(NamedDay):
    """A month of the year. Canonical: its English name."""

    name = key = "month"
    names = MONTH_NAMES
    words = _by_tokens({word: MONTH_NAMES[month - 1] for word, month in MONTHS.items()})
    summary = "A month of the year, in full or short, in English, Spanish, Portuguese or German."
    python = 'str: the English name, such as "October"'
    accepts = ("October", "oct", "octubre", "outubro", "Oktober")
    rejects = ("10", "O", "Octobers")
