"""Values cross into the engine and back without change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta, timezone
from itertools import islice

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.document import Vocabulary
from seglam.procedures.values import NAMES, ValueType, value_type
from seglam.sandbox import FaultKind, Mode, Program, Run, Sandbox

Solve = Callable[..., Run]

ECHO = Program("sha256:echo", "def solve(value): return value")


decimals = st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: {"$decimal": str(number)})
integers = st.integers(-(10**60), 10**60)
texts = st.text(st.characters(), max_size=20)  # lone surrogates too: text that came in as JSON may hold them


def _trimmed(iso: str) -> str:
    """As the tagged form is: no zeros at the end of a fraction of a second."""
    head, point, rest = iso.partition(".")
    return f"{head}.{rest[:6].rstrip('0')}{rest[6:]}" if point else iso


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    integers,
    texts,
    decimals,
    st.fractions().map(lambda value: {"$fraction": f"{value.numerator}/{value.denominator}"}),
    st.dates().map(lambda value: {"$date": value.isoformat()}),
    st.times().map(lambda value: {"$time": _trimmed(value.isoformat())}),
    st.datetimes(timezones=st.none() | offsets).map(lambda value: {"$datetime": _trimmed(value.isoformat())}),
    st.integers(-(10**14), 10**14).map(
        lambda micros: {"$duration": ("-" if micros < 0 else "") + _seconds(abs(micros))}
    ),
    st.tuples(decimals, decimals).map(lambda parts: {"$complex": list(parts)}),
    st.tuples(decimals, texts).map(lambda parts: {"$money": list(parts)}),
    st.tuples(decimals, texts).map(lambda parts: {"$quantity": list(parts)}),
    st.tuples(integers, texts).map(lambda parts: {"$record": list(parts)}),
    st.tuples(st.integers(1, 12), st.integers(1, 31)).map(lambda parts: {"$monthday": list(parts)}),
    st.integers(0, 3).flatmap(
        lambda width: st.fixed_dictionaries(
            {
                "columns": st.lists(texts, min_size=width, max_size=width),
                "rows": st.lists(st.lists(texts, min_size=width, max_size=width), max_size=3),
            }
        ).map(lambda table: {"$table": table})
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(texts, inner, max_size=4).map(
            lambda members: {"$map": [list(each) for each in members.items()]}
        ),
    ),
    max_leaves=10,
)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _seconds(micros: int) -> str:
    whole, part = divmod(micros, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0") if part else str(whole)


@given(st.lists(values, min_size=1, max_size=20))
def test_every_tagged_value_returns_as_it_went(shared_sandbox: Sandbox, batch: list[object]) -> None:
    runs = shared_sandbox.run_many(ECHO, [{"value": batch}, *({"value": value} for value in batch)], mode=Mode.WARM)
    # As texts, since == takes True for 1
    assert [_text(run.answer) for run in runs] == [_text(value) for value in [batch, *batch]]


def _types() -> list[ParameterSet]:
    vocabulary = Vocabulary.model_validate({"name": "thing", "values": [{"value": "cat"}, {"value": "dog"}]})
    cases = []
    for name in [*(each for each in NAMES if each != "list[T]"), "list[integer]", "list[decimal]", "list[vocabulary]"]:
        needs = vocabulary if name in ("vocabulary", "records", "list[vocabulary]") else None
        cases.append(pytest.param(value_type(name, vocabulary=needs), id=name))
    return cases


@pytest.mark.parametrize("kind", _types())
def test_canonical_texts_of_every_value_type_return_as_they_went(shared_sandbox: Sandbox, kind: ValueType) -> None:
    canonical = [sample.canonical for sample in islice(kind.samples(random.Random(3)), 40)]
    runs = shared_sandbox.run_many(ECHO, [{"value": kind.to_tagged(text)} for text in canonical])
    assert [run.fault for run in runs] == [None] * len(canonical)
    returned = [kind.from_tagged(run.answer) for run in runs]
    assert all(kind.equal(*pair) for pair in zip(returned, canonical, strict=True))


PYTHON = [
    (5, "type(value) is int and value == 5"),
    (True, "value is True"),
    ({"$decimal": "30.0"}, "value == Decimal('30.0') and str(value) == '30.0'"),
    ({"$fraction": "6/8"}, "value == Fraction(3, 4)"),
    ({"$date": "2024-02-29"}, "value == datetime.date(2024, 2, 29) and type(value) is datetime.date"),
    ({"$time": "09:06:46.123"}, "value == datetime.time(9, 6, 46, 123000)"),
    (
        {"$datetime": "2024-02-29T23:41:00+02:00"},
        "isinstance(value, datetime.datetime) and value.utcoffset() == datetime.timedelta(hours=2)",
    ),
    ({"$duration": "-90061.5"}, "value == -datetime.timedelta(days=1, hours=1, minutes=1, seconds=1.5)"),
    ({"$complex": [{"$decimal": "1"}, {"$decimal": "-2"}]}, "value == Complex(Decimal(1), Decimal(-2))"),
    ({"$money": [{"$decimal": "5"}, "EUR"]}, "value.amount == 5 and value.currency == 'EUR'"),
    ({"$monthday": [2, 29]}, "value.month == 2 and value.day == 29"),
    ({"$quantity": [{"$decimal": "5"}, "km"]}, "value == Quantity(Decimal(5), 'km')"),
    ({"$record": [3, "cats"]}, "value == Record(3, 'cats')"),
    ({"$table": {"columns": ["a"], "rows": [["1"]]}}, "value.columns == ['a'] and value.rows == [['1']]"),
    ({"$map": [["a", {"$decimal": "1"}]]}, "value == {'a': Decimal(1)}"),
]


@pytest.mark.parametrize(("tagged", "condition"), PYTHON)
def test_what_solve_receives(solve: Solve, tagged: object, condition: str) -> None:
    code = "import datetime\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    run = solve(f"{code}def solve(value): return bool({condition})", value=tagged)
    assert (run.fault, run.answer) == (None, True)


ANSWERS = [
    ("0.1", {"$float": "0.1"}),
    ("1e300", {"$float": "1e+300"}),
    ("(1, 'a')", [1, "a"]),
    ("Decimal('-0.00')", {"$decimal": "-0.00"}),
    ("{1: [True]}", {"$map": [[1, [True]]]}),
    ("collections.OrderedDict(a=1)", {"$map": [["a", 1]]}),
    ("enum.IntEnum('E', 'a').a", 1),
    ("type('T', (str,), {})('t')", "t"),
    ("type('L', (list,), {})([1])", [1]),
    ("datetime.datetime(2024, 1, 1, 5, tzinfo=datetime.timezone.utc)", {"$datetime": "2024-01-01T05:00:00+00:00"}),
    ("datetime.time(5, 6)", {"$time": "05:06:00"}),
    ("Fraction(2)", {"$fraction": "2/1"}),
    ("'\\ud800'", "\ud800"),
    ("10**4299", 10**4299),
]


@pytest.mark.parametrize(("expression", "tagged"), ANSWERS)
def test_what_answers_become(solve: Solve, expression: str, tagged: object) -> None:
    code = "import collections, datetime, enum\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    run = solve(f"{code}def solve(): return {expression}")
    assert run.fault is None
    assert repr(run.answer) == repr(tagged)


NO_ANSWERS = [
    ("{1, 2}", "sorted"),
    ("float('nan')", "not a number"),
    ("[1, float('inf')]", "not a number"),
    ("Decimal('NaN')", "not a number"),
    ("1j", "Complex(Decimal, Decimal)"),
    ("(n for n in [1])", "list(...)"),
    ("range(3)", "list(...)"),
    ("{}.keys()", "list(...)"),
    ("b'bytes'", "bytes"),
    ("object()", "object"),
    ("solve", "function"),
    ("10**4300", "4300 digits"),
    ("Fraction(1, 10**4300)", "4300 digits"),
    ("Money(5, 'EUR')", "Money needs Decimal"),
    ("Record(Decimal(1), 'cat')", "Record needs int"),
    ("Table(['a'], [['1', '2']])", "differ in length"),
    ("Table(['a'], [[1]])", "not text"),
]


@pytest.mark.parametrize(("expression", "words"), NO_ANSWERS)
def test_what_cannot_be_an_answer_is_named(solve: Solve, expression: str, words: str) -> None:
    code = "from decimal import Decimal\nfrom fractions import Fraction\n"
    run = solve(f"{code}def solve(): return {expression}")
    assert run.fault is not None
    assert run.fault.kind is FaultKind.ANSWER
    assert words in run.fault.message


@pytest.mark.parametrize("statement", ["x = [1]; x.append(x)", "x = {}; x[1] = x"])
def test_an_answer_that_contains_itself_is_a_fault(solve: Solve, statement: str) -> None:
    run = solve(f"def solve():\n    {statement}\n    return x")
    assert run.fault is not None
    assert run.fault.kind is FaultKind.ANSWER
    assert "contains itself" in run.fault.message


NO_ARGUMENTS: list[object] = [
    1.5,
    float("nan"),
    ...,
    {"$decimal": "x"},
    {"$decimal": "NaN"},
    {"$decimal": 5},
    {"$fraction": "1/0"},
    {"$fraction": "1"},
    {"$date": "2023-02-29"},
    {"$duration": "1.1234567"},
    {"$duration": "one"},
    {"$duration": "99999999999999999999"},
    {"$complex": [{"$decimal": "1"}]},
    {"$money": [{"$decimal": "1"}, 5]},
    {"$record": ["1", "cats"]},
    {"$table": {"columns": 5, "rows": []}},
    {"$table": 5},
    {"$unknown": 1},
    {"a": 1, "b": 2},
    {},
    10**5000,
]


@pytest.mark.parametrize(
    "value", NO_ARGUMENTS, ids=lambda value: str(type(value)) if value == 10**5000 else repr(value)
)
def test_what_is_not_tagged_json_is_a_fault_of_the_arguments(shared_sandbox: Sandbox, value: object) -> None:
    run = shared_sandbox.run(ECHO, {"value": value})
    assert run.fault is not None
    assert run.fault.kind is FaultKind.ARGUMENTS
    assert shared_sandbox.run(ECHO, {"value": 1}).answer == 1


def test_exact_arithmetic_is_pythons(solve: Solve) -> None:
    run = solve("def solve(a, b): return [a / b, a * b, round(2.675, 2)]", a={"$decimal": "1"}, b={"$decimal": "3"})
    assert run.answer == [{"$decimal": "0.3333333333333333333333333333"}, {"$decimal": "3"}, {"$float": "2.67"}]
