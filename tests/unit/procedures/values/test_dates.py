from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.dates import DateType, MonthDayType, MonthType, WeekdayType
from seglam.procedures.values.times import DatetimeType, DurationType, TimeType
from tests.unit.procedures.values.properties import check_junk, check_samples

KINDS: tuple[ValueType, ...] = (
    DateType(),
    MonthDayType(),
    WeekdayType(),
    MonthType(),
    TimeType(),
    DatetimeType(),
    DurationType(),
)
DATE, MONTHDAY, WEEKDAY, MONTH, TIME, DATETIME, DURATION = KINDS

ACCEPTED = [
    (DATE, "2024-02-29", "2024-02-29"),
    (DATE, "February 29, 2024", "2024-02-29"),
    (DATE, "february  29 , 2024", None),
    (DATE, "February 29,2024", "2024-02-29"),
    (DATE, "Feb 29 2024", "2024-02-29"),
    (DATE, "Feb. 29, 2024", "2024-02-29"),
    (DATE, "February. 29, 2024", None),
    (DATE, "FEBRUARY 29, 2024", "2024-02-29"),
    (DATE, "29 February 2024", "2024-02-29"),
    (DATE, "29 Feb. 2024", "2024-02-29"),
    (DATE, "29 February, 2024", "2024-02-29"),
    (DATE, "29th of February 2024", "2024-02-29"),
    (DATE, "29nd of February 2024", None),
    (DATE, "11th November 2011", "2011-11-11"),
    (DATE, "22ND May 2011", "2011-05-22"),
    (DATE, "Thursday, February 29, 2024", "2024-02-29"),
    (DATE, "Thu Feb 29 2024", "2024-02-29"),
    (DATE, "Thu. Feb 29 2024", "2024-02-29"),
    (DATE, "Thursday. Feb 29 2024", None),
    (DATE, "Friday, February 29, 2024", None),
    (DATE, "Thursday", None),
    (DATE, "Thursday, ", None),
    (DATE, "Tuesday, February 06, 2891", "2891-02-06"),
    (DATE, "Wed Nov 14 2435", "2435-11-14"),
    (DATE, "2703-07-12 (Sunday)", "2703-07-12"),
    (DATE, "2703-07-12 (Monday)", None),
    (DATE, "2703-07-12 (holiday)", None),
    (DATE, "Sunday 2703-07-12", "2703-07-12"),
    (DATE, "29 de febrero de 2024", "2024-02-29"),
    (DATE, "jueves, 29 de febrero del 2024", "2024-02-29"),
    (DATE, "1º de março de 2024", "2024-03-01"),
    (DATE, "sexta-feira, 1 de março de 2024", "2024-03-01"),
    (DATE, "29. Februar 2024", "2024-02-29"),
    (DATE, "Donnerstag, 29. Februar 2024", "2024-02-29"),
    (DATE, "1. MÄRZ 2024", "2024-03-01"),
    (DATE, "12/14/2843", "2843-12-14"),
    (DATE, "14/12/2843", "2843-12-14"),
    (DATE, "5/5/2024", "2024-05-05"),
    (DATE, "Sunday 10/08/2843", None),
    (DATE, "Tuesday 10/08/2843", None),
    (DATE, "0001-01-01", "0001-01-01"),
    (DATE, "0000-01-01", None),
    (DATE, "2023-02-29", None),
    (DATE, "1900-02-29", None),
    (DATE, "2000-02-29", "2000-02-29"),
    (DATE, "2024-13-01", None),
    (DATE, "2024-04-31", None),
    (DATE, "April 31, 2024", None),
    (DATE, "13/13/2024", None),
    (DATE, "10/08/43", None),
    (DATE, "Feb 29 24", None),
    (DATE, "2024-2-9", None),
    (DATE, "2024-02-29T10:00", None),
    (DATE, "February 2024", None),
    (DATE, "Smarch 13, 2024", None),
    (DATE, "２024-02-29", None),
    (DATE, "29.02.2024", None),
    (MONTHDAY, "February 29", "02-29"),
    (MONTHDAY, "Feb 29", "02-29"),
    (MONTHDAY, "29 February", "02-29"),
    (MONTHDAY, "29th of February", "02-29"),
    (MONTHDAY, "March 3rd", "03-03"),
    (MONTHDAY, "March 3th", None),
    (MONTHDAY, "3 de marzo", "03-03"),
    (MONTHDAY, "3. März", "03-03"),
    (MONTHDAY, "February 30", None),
    (MONTHDAY, "March 0", None),
    (MONTHDAY, "March 2024", None),
    (MONTHDAY, "March 2-5", None),
    (MONTHDAY, "March", None),
    (MONTHDAY, "3", None),
    (MONTHDAY, "3 apples", None),
    (MONTHDAY, "02-29", None),
    (WEEKDAY, "Monday", "Monday"),
    (WEEKDAY, "tues", "Tuesday"),
    (WEEKDAY, "Mondays", "Monday"),
    (WEEKDAY, "terça-feira", "Tuesday"),
    (WEEKDAY, "segunda", None),
    (WEEKDAY, "SÁBADO", "Saturday"),
    (WEEKDAY, "Sonnabend", "Saturday"),
    (WEEKDAY, "Mo", None),
    (WEEKDAY, "today", None),
    (MONTH, "October", "October"),
    (MONTH, "sept", "September"),
    (MONTH, "MAI", "May"),
    (MONTH, "outubro", "October"),
    (MONTH, "10", None),
    (TIME, "09:06", "09:06"),
    (TIME, "9:06", "09:06"),
    (TIME, "9:06 am", "09:06"),
    (TIME, "9 pm", "21:00"),
    (TIME, "9PM", "21:00"),
    (TIME, "9 p.m.", "21:00"),
    (TIME, "9 p. m.", "21:00"),
    (TIME, "12:00 am", "00:00"),
    (TIME, "12:00 pm", "12:00"),
    (TIME, "21:15:10.5", "21:15:10.5"),
    (TIME, "09:06:46.120", "09:06:46.120"),
    (TIME, "00:00:00", "00:00:00"),
    (TIME, "24:00", None),
    (TIME, "09:60", None),
    (TIME, "09:06:60", None),
    (TIME, "9", None),
    (TIME, "0:30 am", None),
    (TIME, "13:00 pm", None),
    (TIME, "9:6", None),
    (TIME, "09:06:46.1234567", None),
    (TIME, "09:06:46:12", None),
    (TIME, "10:20:30,5", None),
    (TIME, "10:20Z", None),
    (TIME, "9 amber", None),
    (DATETIME, "2024-02-29T23:41", "2024-02-29T23:41"),
    (DATETIME, "2024-02-29 23:41:00.120", "2024-02-29T23:41:00.120"),
    (DATETIME, "2867-07-05 20:54 +0600", "2867-07-05T20:54+06:00"),
    (DATETIME, "2024-02-29 (Thursday) 10:20:30 +0200", "2024-02-29T10:20:30+02:00"),
    (DATETIME, "2024-02-29 (Friday) 10:20:30 +0200", None),
    (DATETIME, "Tuesday, February 06, 2891 at 23:41", "2891-02-06T23:41"),
    (DATETIME, "01 November 2424, 09:11", "2424-11-01T09:11"),
    (DATETIME, "04 July 2310, 06:04 -0200", "2310-07-04T06:04-02:00"),
    (DATETIME, "Mon Mar 02 2229 00:56:24", "2229-03-02T00:56:24"),
    (DATETIME, "2025-01-02T03:04:05Z", "2025-01-02T03:04:05+00:00"),
    (DATETIME, "2025-01-02 03:04 UTC", "2025-01-02T03:04+00:00"),
    (DATETIME, "2025-01-02 03:04 -0000", "2025-01-02T03:04+00:00"),
    (DATETIME, "2025-01-02 03:04 UTC+2", None),
    (DATETIME, "2025-01-02 03:04 EST", None),
    (DATETIME, "2025-01-02 03:04 +2500", None),
    (DATETIME, "12/14/2843 9:11 pm", "2843-12-14T21:11"),
    (DATETIME, "12/14/2843 at 9 p.m.", "2843-12-14T21:00"),
    (DATETIME, "12/14/2843T10:00", None),
    (DATETIME, "February 29, 2024T10:00", None),
    (DATETIME, "2024-02-29", None),
    (DATETIME, "2024-02-29 24:00", None),
    (DATETIME, "2024-02-29 10:20:30,5", None),
    (DATETIME, "10:20", None),
    (DURATION, "1 hour 30 minutes", "5400"),
    (DURATION, "1 hour and 30 minutes", "5400"),
    (DURATION, "90 min", "5400"),
    (DURATION, "2 days", "172800"),
    (DURATION, "1h30m", "5400"),
    (DURATION, "1h 5m 3.25s", "3903.25"),
    (DURATION, "1.5 hours", "5400"),
    (DURATION, "2 days, 3 hours and 4 seconds", "183604"),
    (DURATION, "3 Stunden", "10800"),
    (DURATION, "2 días y 1 hora", "176400"),
    (DURATION, "250 ms", "0.25"),
    (DURATION, "1 µs", "0.000001"),
    (DURATION, "0.5 µs", None),
    (DURATION, "1.5 hours 3 minutes", None),
    (DURATION, "30 m", None),
    (DURATION, "5 M", None),
    (DURATION, "30 minutes 1 hour", None),
    (DURATION, "1 hour 1 hour", None),
    (DURATION, "3 months", None),
    (DURATION, "1 year 2 days", None),
    (DURATION, "01:30:00", None),
    (DURATION, "1h30", None),
    (DURATION, "1,000 days", None),
    (DURATION, "999999999999 days", None),
]


@pytest.mark.parametrize(("kind", "text", "canonical"), ACCEPTED, ids=lambda value: str(getattr(value, "name", value)))
def test_reads_a_text_in_one_way_or_not_at_all(kind: ValueType, text: str, canonical: str | None) -> None:
    assert kind.readings(text) == (() if canonical is None else (canonical,))


@pytest.mark.parametrize(
    ("region", "readings"),
    [
        (None, ("2843-10-08", "2843-08-10")),
        ("US", ("2843-10-08",)),
        ("GB", ("2843-08-10",)),
        ("MX", ("2843-08-10",)),
        ("CA", ("2843-10-08", "2843-08-10")),
    ],
)
def test_a_region_decides_the_order_of_month_and_day(region: str | None, readings: tuple[str, ...]) -> None:
    assert DATE.readings("10/08/2843", region) == readings
    assert DATETIME.readings("10/08/2843 09:11", region) == tuple(f"{day}T09:11" for day in readings)


def test_a_region_refuses_the_other_order() -> None:
    assert DATE.readings("12/14/2843", "GB") == ()
    assert DATE.readings("14/12/2843", "US") == ()


def test_a_weekday_decides_the_order_of_month_and_day() -> None:
    assert DATE.readings("Thursday 10/08/2843") == ("2843-10-08",)
    assert DATE.readings("Monday 10/08/2843") == ("2843-08-10",)


def test_a_date_does_not_swallow_its_time() -> None:
    text = Text("2024-02-29 10:20")
    assert list(DATE.scan(text, 0)) == [(5, "2024-02-29")]


def test_a_full_stop_after_pm_may_be_the_end_of_the_sentence() -> None:
    text = Text("9 p.m.")
    assert list(TIME.scan(text, 0)) == [(4, "21:00"), (5, "21:00")]
    text = Text("2024-02-29 at 9 p.m.")
    assert sorted(DATETIME.scan(text, 0)) == [(10, "2024-02-29T21:00"), (11, "2024-02-29T21:00")]


def test_joined_durations_are_also_read_one_by_one() -> None:
    text = Text("1 hour and 30 minutes")
    assert list(DURATION.scan(text, 0)) == [(2, "3600"), (5, "5400")]
    assert list(DURATION.scan(Text("1 hour 30 minutes"), 0)) == [(4, "5400")]


def test_nothing_begins_inside_a_word() -> None:
    for kind, written in (
        (DATE, "x2024-02-29"),
        (TIME, "x09:06"),
        (DATETIME, "x2024-02-29 09:06"),
        (DURATION, "x5 min"),
    ):
        assert list(kind.scan(Text(written), 1)) == []
    assert list(MONTHDAY.scan(Text("x3 March"), 1)) == []


BAD_CANONICAL = [
    (DATE, "2024-2-9"),
    (DATE, "2023-02-29"),
    (DATE, "٢٠٢٤-02-29"),
    (MONTHDAY, "02-30"),
    (MONTHDAY, "2-3"),
    (WEEKDAY, "monday"),
    (MONTH, "Oct"),
    (TIME, "9:06"),
    (TIME, "09:06:46."),
    (TIME, "09:06:46.1234567"),
    (DATETIME, "2024-02-29"),
    (DATETIME, "2024-02-29 10:20"),
    (DATETIME, "2023-02-29T10:20"),
    (DATETIME, "2024-02-29T10:20Z"),
    (DATETIME, "2024-02-29T10:20-00:00"),
    (DURATION, "1.50"),
    (DURATION, "-0"),
    (DURATION, "1e3"),
    (DURATION, "0.0000001"),
    (DURATION, "86400000000000000"),
]


@pytest.mark.parametrize(("kind", "canonical"), BAD_CANONICAL, ids=lambda value: str(getattr(value, "name", value)))
def test_refuses_what_is_not_canonical(kind: ValueType, canonical: str) -> None:
    with pytest.raises(ValueProblem, match=f"is no {kind.name}; expected"):
        kind.check(canonical)
    with pytest.raises(ValueProblem):
        kind.to_tagged(canonical)


TAGGED = [
    (DATE, {"$date": "2024-02-29"}, "2024-02-29"),
    (MONTHDAY, {"$monthday": [2, 29]}, "02-29"),
    (WEEKDAY, "Monday", "Monday"),
    (MONTH, "October", "October"),
    (TIME, {"$time": "09:06:46.123000"}, "09:06:46.123000"),
    (DATETIME, {"$datetime": "2024-02-29T23:41:00+02:00"}, "2024-02-29T23:41:00+02:00"),
    (DURATION, {"$duration": "-90061.5"}, "-90061.5"),
    (DURATION, {"$duration": "5400.000"}, "5400"),
    (DURATION, {"$duration": "-0.0"}, "0"),
]


@pytest.mark.parametrize(("kind", "tagged", "canonical"), TAGGED, ids=str)
def test_reads_answers(kind: ValueType, tagged: object, canonical: str) -> None:
    assert kind.from_tagged(tagged) == canonical
    kind.check(canonical)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "tagged",
    [
        None,
        5,
        True,
        "2024-02-29",
        [],
        {"$date": "x"},
        {"$date": 5},
        {"$date": "2024-02-29", "$time": "10:20"},
        {"$monthday": [2, 30]},
        {"$monthday": [2, 29], "x": 1},
        {"$monthday": "02-29"},
        {"$time": "25:00"},
        {"$datetime": "2024-02-29"},
        {"$duration": "1e3"},
        {"$duration": "0.0000001"},
        {"$duration": 5},
        {"$duration": "5", "x": 1},
        10**5000,
    ],
    ids=lambda tagged: type(tagged).__name__,
)
def test_refuses_answers_of_another_type(kind: ValueType, tagged: object) -> None:
    with pytest.raises(ValueProblem, match=f"no {kind.name}"):
        kind.from_tagged(tagged)


def test_equality_is_of_values() -> None:
    assert TIME.equal("09:06", "09:06:00.000")
    assert not TIME.equal("09:06", "09:06:01")
    assert DATETIME.equal("2024-02-29T10:00+02:00", "2024-02-29T10:00:00+02:00")
    assert not DATETIME.equal("2024-02-29T10:00+02:00", "2024-02-29T08:00+00:00")
    assert not DATETIME.equal("2024-02-29T10:00", "2024-02-29T10:00+00:00")
    assert not DATE.equal("2024-02-29", "2024-03-01")


@pytest.mark.parametrize(
    ("kind", "low", "value", "high"),
    [
        (DATE, "0999-12-31", "2024-02-29", "2024-03-01"),
        (TIME, "09:06", "09:06:00.5", "10:00"),
        (DATETIME, "2024-02-29T10:00", "2024-02-29T10:00:01", "2024-03-01T00:00"),
        (DATETIME, "0001-01-01T00:00+14:00", "2024-02-29T10:00+02:00", "2024-02-29T09:00+00:00"),
        (DURATION, "-5", "5400", "10000"),
    ],
    ids=str,
)
def test_order(kind: ValueType, low: str, value: str, high: str) -> None:
    assert kind.within(value, low, high)
    assert kind.within(value, value, value)
    assert not kind.within(value, high, None)
    assert not kind.within(value, None, low)


def test_moments_with_and_without_an_offset_have_no_order() -> None:
    assert not DATETIME.within("2024-02-29T10:00", "2000-01-01T00:00+00:00", None)
    assert not DATETIME.within("2024-02-29T10:00+00:00", None, "3000-01-01T00:00")


@pytest.mark.parametrize("kind", (WEEKDAY, MONTH, MONTHDAY), ids=lambda kind: kind.name)
def test_cyclic_values_have_no_order(kind: ValueType) -> None:
    with pytest.raises(ValueProblem, match="no order"):
        kind.within("x", "a", None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_samples(kind: ValueType) -> None:
    check_samples(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_documented_examples(kind: DateType) -> None:
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    [
        *"2024 02 29 9 06 1 31 12 - / : . , ( ) T Z + +0200 am p.m. st th º of de at and h m min days 0.5".split(),
        *"hours Feb February mai Thursday thu sexta-feira março ſunday ² ٣ x é 𝟙".split(),
        *(" ", "  ", "\n", "\u00a0", "\x1c"),
    ]
)
JUNK = st.lists(PIECES, max_size=14).map("".join) | st.lists(PIECES, max_size=8).map(" ".join) | st.text(max_size=20)


@given(JUNK, st.sampled_from([None, "US", "DE"]))
def test_readings_are_sound(written: str, region: str | None) -> None:
    for kind in KINDS:
        check_junk(kind, written, region)
