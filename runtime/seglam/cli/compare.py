"""Whether an answer is right.

Without a rule an answer is right if its canonical text is the expected one. The rules forgive style and nothing else:
they are as strict about values as an exact comparison. Pure functions; nothing here reads or writes.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_WRITTEN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_CELL = re.compile(_NUMBER)
_FRACTION = re.compile(r"\$?(?:\\d?frac\{([0-9]+)\}\{([0-9]+)\}|([0-9]+)/([0-9]+))\$?")
_COMPLEX = re.compile(rf"(?:(?P<real>{_NUMBER})(?![0-9.i]))?(?:(?P<imag>[+-]?(?:[0-9]+(?:\.[0-9]+)?)?)i)?")


class Unreadable(ValueError):
    """An answer that is not of the form its rule compares."""


def right(answer: object, expected: object, rule: str | None = None, accept: Sequence[object] = ()) -> bool:
    """Whether `answer` is `expected` or one of `accept` under a rule of `RULES`; None compares exactly.

    Each is a text, or a JSON value, which stands for its text. Numbers of JSON values are `int` and `Decimal`. No
    answer is right where None is expected. `KeyError` if there is no such rule, `Unreadable` if it cannot read what is
    expected.
    """
    if expected is None or answer is None:
        return False
    if rule is None:
        return any(_same(answer, each) for each in (expected, *accept))
    try:
        found = _read(rule, answer)
    except Unreadable:
        return False
    return any(found == _read(rule, each) for each in (expected, *accept))


def readable(rule: str, expected: Sequence[object]) -> bool:
    """Whether a rule can read what is expected."""
    try:
        for each in expected:
            _read(rule, each)
    except Unreadable:
        return False
    return True


def _read(rule: str, value: object) -> object:
    read = RULES[rule]
    return typed(value) if read is _json and not isinstance(value, str) else read(text_of(value))


def text_of(value: object) -> str:
    """The text that a JSON value stands for; a truth value is written as Python does, `True`."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, bool | int | Decimal) else json.dumps(value, default=str)


def _same(answer: object, expected: object) -> bool:
    """Equal texts, or equal JSON values where a value other than a text is expected."""
    if isinstance(expected, str):
        return text_of(answer) == expected
    if isinstance(answer, str):
        if isinstance(expected, bool) and answer in ("True", "False"):
            return answer == str(expected)
        try:
            answer = parse_json(answer)
        except Unreadable:
            return False
    return typed(answer) == typed(expected)


def typed(value: object) -> object:
    """A JSON value in a form in which `==` tells truth values from numbers and ignores how a number is written."""
    if isinstance(value, dict):
        return {key: typed(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [typed(member) for member in value]
    if isinstance(value, bool):
        return ("boolean", value)
    return Decimal(str(value)) if isinstance(value, int | float) else value


def parse_json(text: str) -> Any:
    """The JSON value with integers exact and other numbers as `Decimal`; `Unreadable` where it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_unique)
    except RecursionError as error:
        raise Unreadable("the JSON is nested too deeply") from error
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error


def _constant(name: str) -> None:
    raise Unreadable(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise Unreadable("an object has a key twice")
    return keys


def _number(text: str) -> Decimal:
    if _WRITTEN.fullmatch(text.strip()) is None:
        raise Unreadable(f"not a number: {text!r}")
    try:
        return Decimal(text.strip())
    except InvalidOperation as error:  # an exponent beyond what Decimal holds
        raise Unreadable(f"not a number: {text!r}") from error


def _numbers(text: str) -> list[Decimal]:
    """A list of numbers or of strings that hold numbers, quoted as in JSON or in Python."""
    values = parse_json(text.replace("'", '"'))
    if not isinstance(values, list) or not all(
        isinstance(value, str | int | Decimal) and not isinstance(value, bool) for value in values
    ):
        raise Unreadable(f"not a list of numbers: {text!r}")
    return [_number(str(value)) for value in values]


def _fraction(text: str) -> tuple[int, int]:
    """Numerator and denominator as written, in any of the four notations: an unreduced fraction is another one."""
    match = _FRACTION.fullmatch(text.strip())
    if match is None:
        raise Unreadable(f"not a fraction: {text!r}")
    top, bottom = (group for group in match.groups() if group is not None)
    return int(top), int(bottom)


def _complex(text: str) -> tuple[Decimal, Decimal]:
    bare = text.replace(" ", "")
    match = _COMPLEX.fullmatch(bare)
    if match is None or not bare:
        raise Unreadable(f"not a complex number: {text!r}")
    imag = match["imag"]
    if imag in ("", "+", "-"):
        imag = f"{imag}1"
    return _number(match["real"] or "0"), _number(imag or "0")


def _json(text: str) -> object:
    return typed(parse_json(text))


def _csv(text: str) -> list[list[str | Decimal]]:
    """Rows of cells; a cell that is a number counts as its value, so that 12.5 and 12.50 are equal."""

    def cell(written: str) -> str | Decimal:
        return Decimal(written) if _CELL.fullmatch(written) else written

    try:
        return [[cell(written) for written in row] for row in csv.reader(io.StringIO(text.strip()))]
    except csv.Error as error:
        raise Unreadable(f"not CSV: {error}") from error


def _name(text: str) -> str:
    """A proper name without accents, case and punctuation ("Malé", "N'Djamena", "Washington, D.C.")."""
    plain = unicodedata.normalize("NFKD", text.strip()).casefold()
    return " ".join(re.sub(r"[^\w\s]|_", "", plain.replace("-", " ")).split())


RULES: dict[str, Callable[[str], object]] = {
    "text": str.strip,
    "number": _number,
    "numbers": _numbers,
    "fraction": _fraction,
    "complex": _complex,
    "json": _json,
    "csv": _csv,
    "name": _name,
}
"""How each rule reads an answer; two answers are equal if what is read is equal."""
