"""Whether an answer to a line is right.

Each family has one rule. Where an answer has one canonical text, only that text is right. The other rules forgive style
and nothing else: they are as strict as the scorers of reasoning-gym about values, and stricter where those are lax (its
number_sorting accepts every number within 1 of the right one).
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from examples.streams.lines import Line

COMPARE = {
    "fraction_simplification": "fraction",
    "number_sorting": "numbers",
    "complex_arithmetic": "complex",
    "capital": "name",
    "multiplication": "number",
    "csv_to_json": "json",
    "pivot_table": "csv",
}
"""The rule of each family that is not judged by `text`, the exact text."""

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_FRACTION = re.compile(r"\$?(?:\\d?frac\{(\d+)\}\{(\d+)\}|(\d+)/(\d+))\$?")
_COMPLEX = re.compile(rf"(?:(?P<real>{_NUMBER})(?![\d.i]))?(?:(?P<imag>[+-]?(?:\d+(?:\.\d+)?)?)i)?")


class Unreadable(ValueError):
    """An answer that is not of the form its rule compares."""


def score(line: Line, answer: object) -> bool:
    """Whether `answer` is right for `line`; no answer is right for a line that must miss.

    An answer is a text, or a JSON value (a list of numbers, a list of objects, a boolean), which stands for its text.
    """

    expected = line["expected"]
    if expected is None or answer is None:
        return False
    text = answer if isinstance(answer, str) else _json_text(answer)
    read = RULES[line["compare"]]
    try:
        found = read(text)
    except Unreadable:
        return False
    return any(found == read(right) for right in (expected, *line.get("accept", [])))


def _json_text(answer: object) -> str:
    return str(answer) if isinstance(answer, bool | int | Decimal) else json.dumps(answer, default=str)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise Unreadable(f"not a number: {text!r}") from error
    if not number.is_finite():
        raise Unreadable(f"not a finite number: {text!r}")
    return number


def _numbers(text: str) -> list[Decimal]:
    """A list of numbers or of strings that hold numbers, quoted as in JSON or in Python."""

    values = _json(text.replace("'", '"'))
    if not isinstance(values, list) or not all(isinstance(value, str | Decimal) for value in values):
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise Unreadable("an object has a key twice")
    return keys


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {text!r}") from error


def _csv(text: str) -> list[list[str | Decimal]]:
    """Rows of cells; a cell that is a number counts as its value, so that 12.5 and 12.50 are equal."""

    def cell(written: str) -> str | Decimal:
        return Decimal(written) if re.fullmatch(_NUMBER, written) else written

    return [[cell(written) for written in row] for row in csv.reader(io.StringIO(text.strip()))]


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
