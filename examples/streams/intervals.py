"""time_intervals: exact durations, recomputed from the text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from examples.streams.verdicts import UnknownText, Verdict, parse

_WORDINGS = (
    r"What is the (?P<between>duration) between (.+) and (.+)\? Please answer in (.+)\.",
    r"Calculate the time (?P<between>difference) between (.+) and (.+)\. Express the result in (.+)\.",
    r"How much time (?P<between>)elapsed from (.+) to (.+)\? Give your answer in (.+)\.",
    r"A [a-z ]+(?P<between>)(?: started| began| departed) at (.+) and (?:ended|completed|arrived) at (.+)"
    r"\. (?:How long|What) [a-z ]+\? Answer in (.+)\.",
)
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
_DATES = (
    "%Y-%m-%d",
    "%B %d, %Y",
    "%m/%d/%Y",
    "%A, %B %d, %Y",
    "%a %b %d %Y",
    "%d %B %Y",
    "%Y-%m-%d (%A)",
)
_DATETIMES = (
    "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M %z", "%Y-%m-%d %H:%M:%S %z",
    "%A, %B %d, %Y at %H:%M", "%a %b %d %Y %H:%M:%S", "%d %B %Y, %H:%M", "%d %B %Y, %H:%M %z",
    "%Y-%m-%d (%A) %H:%M:%S %z",
)  # fmt: skip
_WEEKDAY_THEN_TIME = _DATETIMES[-1]
_DAY = timedelta(days=1)


def time_intervals(text: str) -> Verdict:
    """The time between two moments, cut (not rounded) to the units asked for (`CONVENTIONS`).

    Times of day without a date are less than a day apart. Where the second is the smaller one, a wording that tells
    start from end means the next day; "between" does not tell, so the answer is open. A dated interval that ends
    before it starts is open as well: no text says how to write it.
    """

    between, first, second, units = _read(text)
    start, form = _moment(first)
    end, _ = _moment(second)
    elapsed = end - start
    rule = None
    if form == "%H:%M:%S.%f":
        rule = "milliseconds-through-float"
    elif form == _WEEKDAY_THEN_TIME:
        rule = "time-dropped-after-weekday"
    if elapsed < timedelta(0):
        if form not in _TIMES:
            return Verdict(None, "ends-before-it-starts")
        if between:
            return Verdict(None, "midnight-between")
        elapsed, rule = elapsed + _DAY, "midnight-passed"
    return Verdict(_written(elapsed, units), rule)


def _read(text: str) -> tuple[bool, str, str, str]:
    for wording in _WORDINGS:
        if re.fullmatch(wording, text):
            between, first, second, units = parse(wording, text)
            return bool(between), first, second, units
    raise UnknownText(f"no wording of time_intervals: {text!r}")


def _moment(written: str) -> tuple[datetime, str]:
    """The moment and the form it is written in; a weekday must be that of its date."""

    for form in (*_TIMES, *_DATES, *_DATETIMES):
        try:
            moment = datetime.strptime(written, form)  # noqa: DTZ007 (both ends have a zone or neither)
        except ValueError:
            continue
        if moment.strftime(form).removesuffix("000" if form.endswith("%f") else "") == written:
            return moment, form
    raise UnknownText(f"not a moment: {written!r}")


def _written(elapsed: timedelta, units: str) -> str:
    milliseconds = elapsed // timedelta(milliseconds=1)
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    forms = {
        "HH:MM": f"{hours:02}:{minute:02}",
        "HH:MM:SS": f"{hours:02}:{minute:02}:{second:02}",
        "HH:MM:SS.mmm": f"{hours:02}:{minute:02}:{second:02}.{rest:03}",
        "D days": f"{days} days",
        "D days, HH:MM": f"{days} days, {hour:02}:{minute:02}",
        "D days, HH:MM:SS": f"{days} days, {hour:02}:{minute:02}:{second:02}",
    }
    return forms[units]
