"""How dates and times are written: readings at a position of a text, for the types in `dates`.

Month and weekday names are English, Spanish, Portuguese and German; no name means two months or two days in these
languages. Years have four digits. Dates are of the proleptic Gregorian calendar (ISO 8601).
"""

from __future__ import annotations

import random
import re
from datetime import date

from seglam.procedures.text import SPACE
from seglam.procedures.values.base import Seq, Symbol, alt, cls, lit, opt, seq

S = f"[{SPACE}]"

MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _numbered(first: int, *names: str) -> dict[str, int]:
    """Number by name; names of one number are separated by white space."""
    return {name: number for number, group in enumerate(names, first) for name in group.split()}


SHORT_MONTHS = _numbered(1, "jan", "feb", "mar", "apr", "", "jun", "jul", "aug", "sep sept", "oct", "nov", "dec")
MONTHS = SHORT_MONTHS | _numbered(
    1,
    "january enero janeiro januar jänner",
    "february febrero fevereiro februar",
    "march marzo março märz",
    "april abril",
    "may mayo maio mai",
    "june junio junho juni",
    "july julio julho juli",
    "august agosto",
    "september septiembre setiembre setembro",
    "october octubre outubro oktober",
    "november noviembre novembro",
    "december diciembre dezembro dezember",
)
"""Month (1 to 12) by folded name."""

SHORT_WEEKDAYS = _numbered(0, "mon", "tue tues", "wed", "thu thur thurs", "fri", "sat", "sun")
WEEKDAYS = SHORT_WEEKDAYS | _numbered(
    0,
    "monday lunes montag segunda-feira",
    "tuesday martes dienstag terça-feira",
    "wednesday miércoles mittwoch quarta-feira",
    "thursday jueves donnerstag quinta-feira",
    "friday viernes freitag sexta-feira",
    "saturday sábado samstag sonnabend",
    "sunday domingo sonntag",
)
"""Weekday (0 is Monday) by folded name."""

FIRST_WORDS = frozenset(name.partition("-")[0] for name in (*MONTHS, *WEEKDAYS))
"""Folded tokens with which a date may begin, besides digits."""

MONTH_FIRST = frozenset(["AS", "GU", "MH", "MP", "UM", "US", "VI"])
"""Regions that write month/day/year (Unicode CLDR, short date formats)."""

_DAY_FIRST = """
AR AT AU BE BO BR CH CL CO CR CU CY DE DO DZ EC EG ES FR GB GF GP GR GT HK HN ID IE IL IN IT LU MA MC MQ MT MX MY NG NI
NL NZ PE PK PT PY RE SG SV TH TN UY VE VN
"""
DAY_FIRST = frozenset(_DAY_FIRST.split())
"""Regions that write day/month/year; of any other region both orders are readings."""

_WORD = r"[^\W\d_]+"
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_IN_BRACKETS = re.compile(rf"{S}*\({S}*({_WORD}(?:-feira)?){S}*\)")
_WEEKDAY = re.compile(rf"({_WORD}(?:-feira)?)(\.?),?{S}+")
_DAY_MONTH = re.compile(rf"([0-9]{{1,2}})([a-zA-Z]{{2}}|[.º])?{S}+(?:(?:of|de){S}+)?({_WORD})")
_MONTH_DAY = re.compile(rf"({_WORD})(\.?){S}+([0-9]{{1,2}})([a-zA-Z]{{2}})?(?![0-9])")
_YEAR_LAST = re.compile(rf"(?:\.?,?{S}+(?:del?{S}+)?|,)([0-9]{{4}})(?![0-9])")
_TIME = re.compile(
    rf"([0-9]{{1,2}})(?::([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]{{1,6}}))?)?)?"
    rf"(?:{S}*([AaPp])(?:[Mm]|\.{S}?[Mm](\.?))(?![\w]))?"
)
_OFFSET = re.compile(rf"{S}*(?:(Z|UTC|GMT)(?!\w|[-+][0-9])|([-+])([0-9]{{2}}):?([0-9]{{2}})(?!\w|[:.][0-9]))")
_BEFORE_TIME = re.compile(rf",?{S}+(?:at{S}+)?")
_GOES_ON = re.compile(r"\w|[-/.:][0-9]")
_TIME_GOES_ON = re.compile(r"\w|[:.][0-9]|,[0-9]+(?![0-9:])")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def goes_on(content: str, end: int) -> bool:
    """Whether a date that ends here is part of something longer, such as `2024-02-29T10` or `1/2/2024.5`."""
    return _GOES_ON.match(content, end) is not None


def _suffix_fits(day: int, suffix: str | None) -> bool:
    """Whether an ordinal's ending is the one of its number: 1st, 2nd, 3rd, 11th, 21st; `1.` and `1º` fit all."""
    if not suffix or suffix in ".º":
        return True
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return suffix.lower() == ending


def valid_date(year: int, month: int, day: int) -> date | None:
    """The date, or None if there is no such day."""
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return date(year, month, day) if leap or (month, day) != (2, 29) else None


def month_day_at(content: str, position: int) -> tuple[int, int, int] | None:
    """End, month and day of `February 29`, `Feb. 29th`, `29th of Feb`, `29 de febrero` or `29. Februar`."""
    if content[position].isalpha():
        match = _MONTH_DAY.match(content, position)
        if match is None:
            return None
        name, dot, digits, suffix = match.groups()
    else:
        match = _DAY_MONTH.match(content, position)
        if match is None:
            return None
        digits, suffix, name = match.groups()
        dot = ""
    month = MONTHS.get(name.lower())
    if month is None or (dot and name.lower() not in SHORT_MONTHS):
        return None
    day = int(digits)
    if not 1 <= day <= _DAYS[month - 1] or not _suffix_fits(day, suffix):
        return None
    return match.end(), month, day


def _numeric(content: str, position: int, region: str | None) -> list[tuple[int, date]]:
    """Readings of `2024-02-29` and `2/29/2024`."""
    match = _ISO.match(content, position)
    if match is not None:
        found = [valid_date(int(match[1]), int(match[2]), int(match[3]))]
    else:
        match = _SLASHED.match(content, position)
        if match is None:
            return []
        left, right, year = int(match[1]), int(match[2]), int(match[3])
        found = []
        if region not in DAY_FIRST:
            found.append(valid_date(year, left, right))
        if region not in MONTH_FIRST and (left != right or not found):
            found.append(valid_date(year, right, left))
    end = match.end()
    return [(end, value) for value in found if value is not None]


def _named(content: str, position: int) -> list[tuple[int, date]]:
    """Readings of a date whose month is a word."""
    start = month_day_at(content, position)
    if start is None:
        return []
    end, month, day = start
    year = _YEAR_LAST.match(content, end)
    value = valid_date(int(year[1]), month, day) if year else None
    return [(year.end(), value)] if year and value else []


def dates_at(content: str, position: int, region: str | None) -> list[tuple[int, date]]:
    """Every date that begins at a character position, with the position of its end.

    A weekday before it, or in brackets behind it, belongs to the date; if it does not fit, there is no reading.
    """
    weekday = None
    if content[position].isalpha():
        match = _WEEKDAY.match(content, position)
        if match is not None and (weekday := WEEKDAYS.get(match[1].lower())) is not None:
            if match[2] and match[1].lower() not in SHORT_WEEKDAYS:
                return []
            position = match.end()
            if position == len(content):
                return []
    found = _numeric(content, position, region) or _named(content, position)
    if not found:
        return []
    if weekday is None:
        bracket = _IN_BRACKETS.match(content, found[0][0])
        if bracket is not None and (weekday := WEEKDAYS.get(bracket[1].lower())) is not None:
            found = [(bracket.end(), value) for _, value in found]
    return found if weekday is None else [reading for reading in found if reading[1].weekday() == weekday]


def time_at(content: str, position: int) -> tuple[int, str, bool] | None:
    """End and canonical text of a time of day, and whether it ends with a stop (`9 p.m.`), maybe the sentence's."""
    match = _TIME.match(content, position)
    if match is None:
        return None
    hours, minutes, seconds, fraction, half, stop = match.groups()
    hour = int(hours)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "pP" else 0)
    elif minutes is None:
        return None
    if hour > 23 or int(minutes or 0) > 59 or int(seconds or 0) > 59:
        return None
    canonical = f"{hour:02}:{minutes or '00'}"
    if seconds:
        canonical += f":{seconds}.{fraction}" if fraction else f":{seconds}"
    return match.end(), canonical, bool(stop)


def time_goes_on(content: str, end: int) -> bool:
    """Whether a time that ends here is part of something longer, such as `10:20:30:40` or `10:20:30,5`."""
    return _TIME_GOES_ON.match(content, end) is not None


def datetimes_at(content: str, position: int, region: str | None) -> list[tuple[int, str]]:
    """End and canonical text of every date with a time, and with an offset if one is written."""
    found = []
    for end, day in dates_at(content, position, region):
        if content[end : end + 1] == "T" and _ISO.match(content, position):
            at = end + 1
        else:
            separator = _BEFORE_TIME.match(content, end)
            if separator is None:
                continue
            at = separator.end()
        time = time_at(content, at)
        if time is None:
            continue
        stop, canonical, dotted = time
        offset = _OFFSET.match(content, stop)
        if offset is not None:
            _, sign, hours, minutes = offset.groups()
            if sign and (int(hours) > 23 or int(minutes) > 59):
                continue
            zone = f"{sign}{hours}:{minutes}" if sign and hours + minutes != "0000" else "+00:00"
            found.append((offset.end(), f"{day.isoformat()}T{canonical}{zone}"))
        elif not time_goes_on(content, stop):
            found.append((stop, f"{day.isoformat()}T{canonical}"))
            if dotted:
                found.append((stop - 1, found[-1][1]))
    return found


def write_date(value: date, random: random.Random) -> str:
    """A date in one of the forms that every region reads alike."""
    month, weekday, year = MONTH_NAMES[value.month - 1], WEEKDAY_NAMES[value.weekday()], f"{value.year:04}"
    return random.choice(
        (
            value.isoformat(),
            f"{value.isoformat()} ({weekday})",
            f"{month} {value.day}, {year}",
            f"{weekday}, {month} {value.day:02}, {year}",
            f"{weekday[:3]} {month[:3]} {value.day:02} {year}",
            f"{value.day} {month} {year}",
        )
    )


_TWO = cls("digits1", "digits2")
_SUFFIX = opt(lit("st", "nd", "rd", "th", ".", "º", glued=True))
_MONTH_WORD = lit(*MONTHS)
_FEIRA = seq(lit("-", glued=True), lit("feira", glued=True))
_WEEKDAY_WORD = seq(lit(*(name.partition("-")[0] for name in WEEKDAYS)), opt(_FEIRA))
_DOT, _COMMA = opt(lit(".", glued=True)), opt(lit(",", glued=True))


def _joined(mark: str, *parts: Symbol) -> Seq:
    """Parts with a mark between them and no white space."""
    touching = [Symbol(part.literals, part.classes, glued=True) for part in parts[1:]]
    return seq(parts[0], *(item for part in touching for item in (lit(mark, glued=True), part)))


MONTH_DAY_SHAPE = alt(
    seq(_MONTH_WORD, opt(lit(".", glued=True)), _TWO, _SUFFIX), seq(_TWO, _SUFFIX, opt(lit("of", "de")), _MONTH_WORD)
)
DATE_SHAPE = seq(
    opt(seq(_WEEKDAY_WORD, _DOT, _COMMA)),
    alt(
        _joined("-", cls("digits4"), cls("digits2"), cls("digits2")),
        _joined("/", _TWO, _TWO, cls("digits4")),
        seq(MONTH_DAY_SHAPE, _DOT, _COMMA, opt(lit("de", "del")), cls("digits4")),
    ),
    opt(seq(lit("("), _WEEKDAY_WORD, lit(")"))),
)
TIME_SHAPE = seq(
    alt(
        _TWO,
        _joined(":", _TWO, cls("digits2")),
        _joined(":", _TWO, cls("digits2"), cls("digits2")),
        seq(_joined(":", _TWO, cls("digits2"), cls("digits2")), lit(".", glued=True), cls("digits", glued=True)),
    ),
    opt(alt(lit("am", "pm"), seq(lit("a", "p"), lit(".", glued=True), lit("m"), opt(lit(".", glued=True))))),
)
_OFFSET_SHAPE = alt(
    lit("z", "utc", "gmt"), seq(lit("+", "-"), alt(cls("digits4"), _joined(":", cls("digits2"), cls("digits2"))))
)
DATETIME_SHAPE = seq(DATE_SHAPE, alt(lit("t", glued=True), seq(_COMMA, opt(lit("at")))), TIME_SHAPE, opt(_OFFSET_SHAPE))
