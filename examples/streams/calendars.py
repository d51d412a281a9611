"""calendar_arithmetic: weekdays and counts, recomputed from the text by walking the days."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from examples.streams.verdicts import UnknownText, Verdict, parse

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATED = r"(\w+day), (\w+ \d+, \d{4})"
_RANGE = rf"(\w+day), (\w+ \d+)(?:, (\d{{4}}))? (?:to|and) {_DATED}"
_ENDING = r"[?.] [A-Z][^?]*\."


def calendar_arithmetic(text: str) -> Verdict:
    """The answer of the first of the seven tasks whose wording the text has."""

    for wording, solve in _TASKS:
        if re.fullmatch(wording, text):
            return solve(*parse(wording, text))
    raise UnknownText(f"no wording of calendar_arithmetic: {text!r}")


def _day(written: str, form: str = "%B %d, %Y") -> date:
    return datetime.strptime(written, form).date()  # noqa: DTZ007 (a date has no zone)


def _weekday(day: date) -> str:
    return WEEKDAYS[day.weekday()]


def _offset(weekday: str, start: str, ahead: str, ago: str) -> Verdict:
    day = _day(start)
    if _weekday(day) != weekday:
        return Verdict(None, "weekday-contradicts-date")
    return Verdict(_weekday(day + timedelta(days=int(ahead or 0) - int(ago or 0))))


def _forward(days: str, weekday: str, start: str) -> Verdict:
    return _offset(weekday, start, days, "0")


def _backward(days: str, weekday: str, start: str) -> Verdict:
    return _offset(weekday, start, "0", days)


def _of_date(written: str) -> Verdict:
    return Verdict(_weekday(_day(written, "%m/%d/%Y" if "/" in written else "%B %d, %Y")))


def _from_first(first: str, written: str) -> Verdict:
    """Without its year, a date after February 28 has two possible distances to January 1."""

    day = _day(f"{written}, 2023")
    if (day.month, day.day) > (2, 28):
        return Verdict(None, "leap-year-open")
    walked = (day - date(2023, 1, 1)).days
    return Verdict(WEEKDAYS[(WEEKDAYS.index(first) + walked) % 7])


def _recurring(ordinal: str, weekday: str, month: str, year: str) -> Verdict:
    first = _day(f"{month} 1, {year}")
    days = [first + timedelta(days=n) for n in range(31)]
    fitting = [day.day for day in days if day.month == first.month and _weekday(day) == weekday]
    place = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": len(fitting) - 1}[ordinal]
    return Verdict(str(fitting[place]) if place < len(fitting) else "-1")


def _recurring_in(month: str, year: str, ordinal: str, weekday: str) -> Verdict:
    return _recurring(ordinal, weekday, month, year)


def _count(counted: tuple[str, ...], *span: str) -> Verdict:
    """Days of the span that are one of `counted`. A start without a year is in the year of the end (`CONVENTIONS`)."""

    start_weekday, start_written, year, end_weekday, end_written = span
    end = _day(end_written)
    start = _day(f"{start_written}, {year or end.year}")
    if (_weekday(start), _weekday(end)) != (start_weekday, end_weekday) or end < start:
        return Verdict(None, "year-misprinted")
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return Verdict(str(sum(_weekday(day) in counted for day in days)))


def _count_weekday(weekday: str, *span: str) -> Verdict:
    return _count((weekday,), *span)


def _count_weekday_last(*parts: str) -> Verdict:
    return _count((parts[-1],), *parts[:-1])


def _count_business(*span: str) -> Verdict:
    return _count(WEEKDAYS[:5], *span)


def _leap(written: str) -> Verdict:
    year = int(written)
    return Verdict("Yes" if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else "No")


_COUNTING = r" \([a-z ]+\)"
_BUSINESS = r" \(Monday(?:-| through )Friday\)"
_TASKS: tuple[tuple[str, Callable[..., Verdict]], ...] = (
    (
        rf"If today is {_DATED}, what day of the week (?:will it be in (\d+) days|was it (\d+) days ago){_ENDING}",
        _offset,
    ),
    (
        rf"Starting from {_DATED}, which weekday (?:falls after a (\d+)-day jump|was it (\d+) days before){_ENDING}",
        _offset,
    ),
    (rf"Count forward (\d+) days from {_DATED} - what's the weekday{_ENDING}", _forward),
    (rf"Count backward (\d+) days from {_DATED} - what's the weekday{_ENDING}", _backward),
    (rf"What day of the week was (\w+ \d+, \d{{4}}){_ENDING}", _of_date),
    (rf"On which weekday did (\w+ \d+, \d{{4}}) fall{_ENDING}", _of_date),
    (rf"Name the day of the week for (\d\d/\d\d/\d{{4}}){_ENDING}", _of_date),
    (rf"If the first day of the year was a (\w+day), what day of the week will (\w+ \d+) be{_ENDING}", _from_first),
    (rf"Given that January 1 fell on a (\w+day), which weekday occurs on (\w+ \d+){_ENDING}", _from_first),
    (rf"In a year where (\w+day) is January 1st, name the weekday of (\w+ \d+){_ENDING}", _from_first),
    (r"If a meeting is scheduled on the (\w+) (\w+day) of (\w+) (\d{4}), on which day of the month .*", _recurring),
    (r"In (\w+) (\d{4}), if an event recurs on the (\w+) (\w+day), what is the date .*", _recurring_in),
    (r"Determine the day of the month for the (\w+) (\w+day) in (\w+) (\d{4})\. .*", _recurring),
    (rf"How many (\w+day)s are there from {_RANGE}{_COUNTING}{_ENDING}", _count_weekday),
    (rf"Count the occurrences of (\w+day) from {_RANGE}{_COUNTING}{_ENDING}", _count_weekday),
    (rf"Between {_RANGE}{_COUNTING}, how many times does (\w+day) occur{_ENDING}", _count_weekday_last),
    (rf"How many business days{_BUSINESS} are there from {_RANGE}{_COUNTING}{_ENDING}", _count_business),
    (rf"Count the weekdays \(excluding weekends\) from {_RANGE}{_COUNTING}{_ENDING}", _count_business),
    (rf"Between {_RANGE}{_COUNTING}, what's the total count of business days{_BUSINESS}{_ENDING}", _count_business),
    (r"(?:Determine if the year|Is|Tell me whether) (\d+) (?:a|is a) leap year[?.] Answer with Yes or No\.", _leap),
)
