"""Tagged JSON to Python values and back, exactly.

null, true, false, strings and integers are themselves, lists are lists; everything else is an object with one member:
`$decimal`, `$fraction`, `$date`, `$time`, `$datetime`, `$duration` (seconds), `$complex`, `$money`, `$monthday`,
`$quantity`, `$record`, `$table`, `$map`, and in answers `$float`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

from seglam.sandbox.guest.values import Complex, Money, MonthDay, Quantity, Record, Table

MAX_DIGITS = 4_300  # what Python converts between text and integer by default, hence what a host can show
MAX_DEPTH = 100  # of an answer
_INTEGER_LIMIT = 10**MAX_DIGITS
_SMALL = 10**36
_LEAST = -_SMALL
_MICROSECONDS = 1_000_000
_write_text = json.encoder.encode_basestring_ascii


class BadArgument(ValueError):
    """The host sent a value that is not tagged JSON."""


class BadAnswer(ValueError):
    """The procedure answered with something that tagged JSON cannot carry."""


# --- arguments -----------------------------------------------------------------------------------------------------


def decode(text: str) -> dict[str, object]:
    """Arguments by name; `BadArgument` names what cannot be read.

    They come as a JSON list of [name, tagged value], or as an object where no value is an object: that is read faster.
    """
    try:
        read, end = (_SCAN_PLAIN if text[0] == "{" else _SCAN)(text, 0)
        if end != len(text):
            raise BadArgument(f"there is more after the arguments, at character {end}")
        return read if type(read) is dict else dict(read)
    except BadArgument:
        raise
    except (ValueError, TypeError, ArithmeticError, AttributeError, StopIteration, RecursionError) as problem:
        raise BadArgument(f"an argument is not tagged JSON: {problem}") from problem


def _refuse_float(text: str) -> NoReturn:
    raise BadArgument(f'{text} is a float; numbers with a fraction are written {{"$decimal": "..."}}')


def _decimal(value: object) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(_typed(value, str))
    if not number.is_finite():
        raise BadArgument(f"{number} is not a number")
    return number


def _typed(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise BadArgument(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


def _fraction(text: str) -> Fraction:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator))


def _duration(text: str) -> timedelta:
    whole, _, part = text.lstrip("-").partition(".")
    if not (whole.isascii() and whole.isdigit() and len(part) <= 6 and (not part or part.isdigit())):
        raise BadArgument(f"{text!r} is not a duration in seconds with at most six decimals")
    span = timedelta(seconds=int(whole), microseconds=int(part.ljust(6, "0")))
    return -span if text.startswith("-") else span


def _complex(parts: list[Any]) -> Complex:
    real, imag = parts
    return Complex(_decimal(real), _decimal(imag))


def _money(parts: list[Any]) -> Money:
    amount, currency = parts
    return Money(_decimal(amount), _typed(currency, str))


def _monthday(parts: list[Any]) -> MonthDay:
    month, day = parts
    return MonthDay(_typed(month, int), _typed(day, int))


def _quantity(parts: list[Any]) -> Quantity:
    value, unit = parts
    return Quantity(_decimal(value), _typed(unit, str))


def _record(parts: list[Any]) -> Record:
    count, noun = parts
    return Record(_typed(count, int), _typed(noun, str))


_READERS: dict[str, Callable[[Any], object]] = {
    "$decimal": _decimal,
    "$fraction": _fraction,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$datetime": datetime.fromisoformat,
    "$duration": _duration,
    "$complex": _complex,
    "$money": _money,
    "$monthday": _monthday,
    "$quantity": _quantity,
    "$record": _record,
    "$map": dict,
}


def _tag(members: dict[str, Any]) -> object:
    """Called for every object, innermost first."""
    if len(members) == 1:
        ((tag, value),) = members.items()
        if tag == "$table":
            return Table(_typed(value.columns, list), _typed(value.rows, list))
        if reader := _READERS.get(tag):
            return reader(value)
    elif members.keys() == {"columns", "rows"}:
        return Table(members["columns"], members["rows"])
    raise BadArgument(f"an object with the members {sorted(members)} is not tagged JSON")


_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    object_hook=_tag, parse_float=_refuse_float, parse_constant=_refuse_float
).scan_once  # type: ignore[attr-defined]  # decode, without its look for white space


_SCAN_PLAIN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=_refuse_float, parse_constant=_refuse_float
).scan_once  # type: ignore[attr-defined]


def use_datetime(replacement: type[datetime]) -> None:
    """Read date-times as `replacement`, the class that procedures see."""
    _READERS["$datetime"] = replacement.fromisoformat


# --- answers -------------------------------------------------------------------------------------------------------


def encode(answer: object) -> str:
    """The answer as tagged JSON in ASCII; `BadAnswer` says which part of it has no such form."""
    kind = type(answer)
    if kind is str:
        return _write_text(answer)  # type: ignore[arg-type]
    if kind is int and _LEAST < answer < _SMALL:  # type: ignore[operator]
        return str(answer)
    tagged = _encode(answer, 0)
    return str(tagged) if type(tagged) is int else json.dumps(tagged, separators=(",", ":"))


def _encode(value: object, depth: int) -> object:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return _integer(value)  # type: ignore[arg-type]
    if depth >= MAX_DEPTH:
        raise BadAnswer(f"the answer is nested more than {MAX_DEPTH} deep, or contains itself")
    if kind is list or kind is tuple:
        return [_encode(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = next((each for base, each in _WRITERS.items() if isinstance(value, base)), None)
    if writer is None:
        raise BadAnswer(_no_form(kind))
    return writer(value, depth + 1)


def _no_form(kind: type) -> str:
    if kind in (set, frozenset):
        return "a set has no order; answer with sorted(...) of it"
    if kind.__name__ in ("generator", "map", "filter", "zip", "range", "dict_keys", "dict_values", "dict_items"):
        return f"a {kind.__name__} is not a value; answer with list(...) of it"
    if kind is complex:
        return "a complex of floats is not exact; answer with Complex(Decimal, Decimal)"
    return f"an object of type {kind.__name__} cannot be an answer"


def _integer(value: int) -> int:
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise BadAnswer(f"an integer of more than {MAX_DIGITS} digits; answer with its text, str(...)")
    return value


def _write_decimal(value: Decimal) -> dict[str, str]:
    if not value.is_finite():
        raise BadAnswer(f"{value} is not a number")
    return {"$decimal": Decimal.__str__(value)}


def _write_float(value: float) -> dict[str, str]:
    if not math.isfinite(value):
        raise BadAnswer(f"{value!r} is not a number")
    return {"$float": float.__repr__(value)}


def _fraction_of_second(text: str) -> str:
    """The ISO text without the zeros at the end of its microseconds."""
    head, point, rest = text.partition(".")
    return head + ("." + rest[:6].rstrip("0") + rest[6:] if point else "")


def _write_duration(value: timedelta) -> dict[str, str]:
    total = (value.days * 86_400 + value.seconds) * _MICROSECONDS + value.microseconds
    seconds, micros = divmod(abs(total), _MICROSECONDS)
    sign = "-" if total < 0 else ""
    part = f".{micros:06d}".rstrip("0") if micros else ""
    return {"$duration": f"{sign}{seconds}{part}"}


def _write_table(value: Table, depth: int) -> dict[str, object]:
    columns, rows = list(value.columns), [list(row) for row in value.rows]
    if any(len(row) != len(columns) for row in rows):
        raise BadAnswer("a Table whose rows differ in length from its columns")
    if not all(isinstance(cell, str) for row in [columns, *rows] for cell in row):
        raise BadAnswer("a Table with a cell that is not text; convert each with str(...)")
    return {"$table": {"columns": _encode(columns, depth), "rows": _encode(rows, depth)}}


def _write_map(value: Mapping[Any, Any], depth: int) -> dict[str, object]:
    return {"$map": [[_encode(key, depth), _encode(item, depth)] for key, item in value.items()]}


def _tuple_writer(tag: str, *kinds: type) -> Callable[[Any, int], object]:
    def write(value: tuple[Any, ...], depth: int) -> object:
        for part, kind in zip(value, kinds, strict=True):
            if type(part) is not kind:
                raise BadAnswer(f"{type(value).__name__} needs {kind.__name__}, not {type(part).__name__} ({part!r})")
        return {tag: [_encode(part, depth) for part in value]}

    return write


_WRITERS: dict[type, Callable[[Any, int], object]] = {
    Decimal: lambda value, _: _write_decimal(value),
    float: lambda value, _: _write_float(value),
    Fraction: lambda value, _: {"$fraction": f"{_integer(value.numerator)}/{_integer(value.denominator)}"},
    datetime: lambda value, _: {"$datetime": _fraction_of_second(value.isoformat())},
    date: lambda value, _: {"$date": value.isoformat()},
    time: lambda value, _: {"$time": _fraction_of_second(value.isoformat())},
    timedelta: lambda value, _: _write_duration(value),
    Complex: _tuple_writer("$complex", Decimal, Decimal),
    Money: _tuple_writer("$money", Decimal, str),
    Quantity: _tuple_writer("$quantity", Decimal, str),
    MonthDay: _tuple_writer("$monthday", int, int),
    Record: _tuple_writer("$record", int, str),
    Table: _write_table,
    dict: _write_map,
    bool: lambda value, _: bool(value),
    int: lambda value, _: _integer(int(value)),
    str: lambda value, _: str.__str__(value),
    list: lambda value, depth: [_encode(item, depth) for item in value],
    tuple: lambda value, depth: [_encode(item, depth) for item in value],
}
