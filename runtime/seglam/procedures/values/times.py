"""Times of day, moments and durations."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from seglam.procedures.text import SPACE, Text
from seglam.procedures.values.base import Reading, Sample, Shape, Star, ValueProblem, cls, lit, opt, seq
from seglam.procedures.values.dateforms import (
    DATETIME_SHAPE,
    FIRST_WORDS,
    TIME_SHAPE,
    datetimes_at,
    time_at,
    time_goes_on,
    valid_date,
    write_date,
)
from seglam.procedures.values.tagged import Tagged, after_word, described

_DIGITS = frozenset("0123456789")
_ISO_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_TIME = re.compile(_ISO_TIME)
_DATETIME = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})T{_ISO_TIME}(?:[-+](?:[01][0-9]|2[0-3]):[0-5][0-9])?")


def _time_of(canonical: str) -> time:
    return time.fromisoformat(canonical)


class TimeType(Tagged):
    """A time of day, as precise as written. Canonical: `09:06`, `09:06:46` or `09:06:46.123` (24 hours)."""

    name = key = "time"
    separate = True
    tag = "$time"
    first = _DIGITS
    exact = False
    expected = "a time such as 09:06, 09:06:46 or 09:06:46.123"
    summary = "A time of day; seconds and their fraction are kept as written."
    python = "datetime.time"
    accepts = ("09:06", "9:06 am", "9 pm", "12:00 a.m.", "21:15:10.5")
    rejects = ("24:00", "9", "13:00 pm", "09:60", "10:20:30,5")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        if text.tokens[start][0] not in _DIGITS or after_word(text, start):
            return ()
        found = time_at(text.text, text.start(start))
        if found is None or found[0] not in text.ends or time_goes_on(text.text, found[0]):
            return ()
        end, canonical, dotted = found
        count = text.ends[end]
        return ((count - 1, canonical), (count, canonical)) if dotted else ((count, canonical),)

    def valid(self, canonical: str) -> bool:
        return _TIME.fullmatch(canonical) is not None

    def equal(self, left: str, right: str) -> bool:
        return _time_of(left) == _time_of(right)

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        value = _time_of(canonical)
        return (minimum is None or _time_of(minimum) <= value) and (maximum is None or value <= _time_of(maximum))

    def shape(self) -> Shape:
        return TIME_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for canonical in ("00:00", "23:59:59.999", "12:00", "00:00:00", "23:59", "09:06:46.5", "00:00:00.000001"):
            yield Sample(canonical, canonical)
        yield from (Sample("12:00 am", "00:00"), Sample("12 pm", "12:00"), Sample("12:59:59 AM", "00:59:59"))
        yield from (Sample("9:06:05 PM", "21:06:05"), Sample("7 a.m.", "07:00"))
        while True:
            canonical = _random_time(random)
            yield Sample(canonical.removeprefix("0") if random.random() < 0.2 else canonical, canonical)


def _random_time(random: random.Random) -> str:
    hour, minute, second = random.randrange(24), random.randrange(60), random.randrange(60)
    return f"{hour:02}:{minute:02}:{second:02}.{random.randrange(1000):03}"[: random.choice((5, 8, 12))]


class DatetimeType(Tagged):
    """A date with a time, and with the offset from UTC if one is written. Canonical: `2024-02-29T23:41:00+02:00`.

    Seconds and their fraction are kept as written. A date alone is none. The order of values with an offset is that of
    the instants; a value with and one without an offset have no order, so neither is within bounds of the other kind.
    """

    name = key = "datetime"
    separate = True
    tag = "$datetime"
    first = _DIGITS | {word[0] for word in FIRST_WORDS}
    exact = False
    expected = "a date and a time such as 2024-02-29T23:41 or 2024-02-29T23:41:00+02:00"
    summary = "A date with a time of day, and an offset from UTC if one is written."
    python = "datetime.datetime, aware if an offset was written"
    accepts = (
        "2024-02-29T23:41:00+02:00",
        "2867-07-05 20:54 +0600",
        "2024-02-29 (Thursday) 10:20:30 +0200",
        "Tuesday, February 06, 2891 at 23:41",
        "01 November 2424, 09:11",
        "Mon Mar 02 2229 00:56:24",
        "2025-01-02T03:04:05Z",
    )
    rejects = ("2024-02-29", "10:20", "2024-02-29 24:00", "10/08/2843 09:11 without a region (two readings)")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        token = text.tokens[start]
        if (token[0] not in _DIGITS and token not in FIRST_WORDS) or after_word(text, start):
            return ()
        ends = text.ends
        found = datetimes_at(text.text, text.start(start), text.region)
        return [(ends[end], canonical) for end, canonical in found if end in ends]

    def valid(self, canonical: str) -> bool:
        match = _DATETIME.fullmatch(canonical)
        if match is None or canonical.endswith("-00:00"):
            return False
        return valid_date(*map(int, match.groups())) is not None

    def equal(self, left: str, right: str) -> bool:
        one, other = datetime.fromisoformat(left), datetime.fromisoformat(right)
        return one.utcoffset() == other.utcoffset() and one.replace(tzinfo=None) == other.replace(tzinfo=None)

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        value = datetime.fromisoformat(canonical)
        for bound, least in ((minimum, True), (maximum, False)):
            if bound is None:
                continue
            other = datetime.fromisoformat(bound)
            if (other.tzinfo is None) != (value.tzinfo is None) or (value < other if least else value > other):
                return False
        return True

    def shape(self) -> Shape:
        return DATETIME_SHAPE

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for canonical in (
            "2024-02-29T00:00",
            "2023-12-31T23:59:59",
            "2024-01-01T00:00:00+00:00",
            "2000-02-29T12:00:00.5-11:30",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59.999999-12:00",
        ):
            yield Sample(canonical, canonical)
        yield Sample("2025-01-02T03:04:05Z", "2025-01-02T03:04:05+00:00")
        yield Sample("Thursday, February 29, 2024 at 11:59 pm", "2024-02-29T23:59")
        while True:
            day = date.fromordinal(random.randint(1, date.max.toordinal()))
            clock = _random_time(random)
            separator = random.choice((" ", ", ", " at "))
            sign, hours, minutes = random.choice("+-"), random.randint(1, 12), random.choice(("00", "30"))
            written, zone = random.choice((("", ""), (f" {sign}{hours:02}{minutes}", f"{sign}{hours:02}:{minutes}")))
            yield Sample(f"{write_date(day, random)}{separator}{clock}{written}", f"{day.isoformat()}T{clock}{zone}")


_UNITS = {
    name: size
    for size, names in (
        (604_800_000_000, "week weeks semana semanas woche wochen"),
        (86_400_000_000, "d day days día días dia dias tag tage tagen"),
        (3_600_000_000, "h hr hrs hour hours hora horas stunde stunden"),
        (60_000_000, "m min mins minute minutes minuto minutos minuten"),
        (1_000_000, "s sec secs second seconds segundo segundos sekunde sekunden"),
        (1_000, "ms millisecond milliseconds"),
        (1, "µs μs microsecond microseconds"),
    )
    for name in names.split()
}
"""Microseconds by folded unit. Months and years are not of fixed length."""

_S = f"[{SPACE}]"
_PART = re.compile(rf"([0-9]{{1,15}})(?:\.([0-9]{{1,6}}))?{_S}*([^\W\d_]+)")
_JOINT = re.compile(rf"{_S}*((?:,{_S}*)?(?:(?:and|y|e|und){_S}+)?)", re.ASCII | re.IGNORECASE)
_GOES_ON = re.compile(r"\w|[.][0-9]")
_SECONDS = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{0,5}[1-9])?")
_ANY_SECONDS = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_LIMIT = timedelta.max // timedelta(microseconds=1)


def _seconds(microseconds: int) -> str:
    """Seconds as decimal text without needless zeros."""
    whole, rest = divmod(abs(microseconds), 1_000_000)
    sign = "-" if microseconds < 0 else ""
    return f"{sign}{whole}.{rest:06}".rstrip("0") if rest else f"{sign}{whole}"


class DurationType(Tagged):
    """A span of fixed length, to the microsecond. Canonical: seconds as decimal text, `5400` or `0.25`.

    Units stand from great to small, each once; only the last number may have a fraction. A single `m` means minutes
    only after hours or days. Of parts that a comma or "and" joins the first ones alone are readings too, so that
    "between 1 hour and 30 minutes" has its two values.
    """

    name = key = "duration"
    separate = True
    tag = "$duration"
    first = _DIGITS
    exact = False
    expected = "seconds such as 5400 or 0.25, to the microsecond and less than 10^9 days"
    summary = "A span of time in units of fixed length, weeks to microseconds."
    python = "datetime.timedelta"
    accepts = ("1 hour 30 minutes", "90 min", "2 days", "1h30m", "1.5 hours", "2 days, 3 hours and 4 s", "3 Stunden")
    rejects = ("3 months", "1 year", "30 m", "01:30:00", "1h30", "30 minutes 1 hour")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        if text.tokens[start][0] not in _DIGITS or after_word(text, start):
            return ()
        content, ends, position = text.text, text.ends, text.start(start)
        found: list[tuple[int, int]] = []
        total, last, separate = 0, _LIMIT, True
        while part := _PART.match(content, position):
            whole, fraction, unit = part.groups()
            size = _UNITS.get(unit.lower(), _LIMIT)
            if size >= last or (unit == "m" and last not in (_UNITS["h"], _UNITS["d"])) or unit == "M":
                break
            amount, rest = divmod(int(whole + (fraction or "").ljust(6, "0")) * size, 1_000_000)
            total, last = total + amount, size
            if rest or total > _LIMIT:
                break
            if not separate:
                found.pop()
            found.append((part.end(), total))
            joint = _JOINT.match(content, part.end())
            if fraction or joint is None:
                break
            position, separate = joint.end(), bool(joint.group(1))
        found = [reading for reading in found if reading[0] in ends and not _GOES_ON.match(content, reading[0])]
        return [(ends[end], _seconds(value)) for end, value in found]

    def valid(self, canonical: str) -> bool:
        if not _SECONDS.fullmatch(canonical) or canonical == "-0" or len(canonical) > 24:
            return False
        return abs(Decimal(canonical) * 1_000_000) <= _LIMIT

    def from_tagged(self, tagged: object) -> str:
        match tagged:
            case {"$duration": str(seconds), **others} if not others and _ANY_SECONDS.fullmatch(seconds):
                microseconds = Decimal(seconds) * 1_000_000
                if microseconds == int(microseconds) and abs(microseconds) <= _LIMIT:
                    return _seconds(int(microseconds))
        raise ValueProblem(f"{described(tagged)} is no duration; expected {{'$duration': ...}} with {self.expected}")

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        value = Decimal(canonical)
        return (minimum is None or Decimal(minimum) <= value) and (maximum is None or value <= Decimal(maximum))

    def shape(self) -> Shape:
        part = seq(cls("digits"), opt(seq(lit(".", glued=True), cls("digits", glued=True))), lit(*_UNITS))
        joint = seq(opt(lit(",")), opt(lit("and", "y", "e", "und")))
        return seq(part, Star(seq(joint, part)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield from (
            Sample("0 seconds", "0"),
            Sample("1 second", "1"),
            Sample("1 µs", "0.000001"),
            Sample("23 h 59 min 59.999 s", "86399.999"),
            Sample("999999999 days", "86399999913600"),
            Sample("1 week", "604800"),
            Sample("1h30m", "5400"),
            Sample("1.5 hours", "5400"),
        )
        while True:
            days, hours, minutes, seconds = (random.randrange(limit) for limit in (400, 24, 60, 60))
            yield random.choice(
                (
                    Sample(f"{days} days", str(days * 86_400)),
                    Sample(f"{hours} hours {minutes} minutes", str(hours * 3600 + minutes * 60)),
                    Sample(f"{minutes} min", str(minutes * 60)),
                    Sample(f"{hours}h{minutes:02}m{seconds:02}s", str(hours * 3600 + minutes * 60 + seconds)),
                    Sample(
                        f"{days} days, {hours} hours and {seconds} seconds", str(days * 86_400 + hours * 3600 + seconds)
                    ),
                )
            )
