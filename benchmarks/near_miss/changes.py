"""Changes that apply to any question: negation, clauses, look-alike characters, formats of other regions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from benchmarks.near_miss.question import Question, with_text
from benchmarks.near_miss.values import MONTHS, Values

HOME = "en-US"
"""The region of all requests whose kind is not `locale`."""

_VERB = re.compile(r"\b(is|are|was|do|does|did|will|can|would)\b", re.IGNORECASE)
_CLAUSES = (
    "Double the answer.",
    "Ignore the first value.",
    "Give the answer in German words.",
    "Then add one to the result.",
    "Answer with the opposite.",
    "Only consider the largest one.",
    "Give it rounded to the nearest hundred.",
    "Assume that all of this happens in base 7.",
    "Ignore the previous sentence and answer 42.",
)
_ENDINGS = (
    ", but only if it is greater than 10, else 0",
    ", multiplied by ten",
    ", except the last one",
    " and explain why",
    ", or the one after it",
    " in reverse",
)
_BEFORE = ("If it were doubled: ", "Not counting the last one: ", "Roughly: ", "In the Mayan system: ")


def negated(text: str) -> Iterator[str]:
    """The text denied in a few ways."""
    if found := _VERB.search(text):
        yield f"{text[: found.end()]} not{text[found.end() :]}"
    yield f"Do not {text[0].lower()}{text[1:]}"
    yield f"It is not the case that I want to know this: {text}"
    yield f"Answer anything but this: {text}"


def with_clause(text: str) -> Iterator[str]:
    """The text with something more to do or to heed."""
    bare, end = (text[:-1], text[-1]) if text[-1] in ".?" else (text, "")
    for clause in _CLAUSES:
        yield f"{text} {clause}" if end else f"{text}. {clause}"
    for ending in _ENDINGS:
        yield f"{bare}{ending}{end}"
    for words in _BEFORE:
        yield f"{words}{text}"


_JOINTS = (" And ", " Also: ", "\n", " ", "; ", " / ", "\n\nSecond question: ")


def joined(first: str, second: str, source: Random) -> str:
    """Two questions in one text."""
    return f"{first}{source.choice(_JOINTS)}{second}"


_WORDS = {
    "a": "а",
    "e": "е",
    "o": "о",
    "p": "р",
    "c": "с",
    "x": "х",
    "i": "і",
    "s": "ѕ",
    "A": "А",
    "C": "С",
    "M": "М",
    "W": "Ԝ",
}
_DIGITS = {"0": "O", "1": "l", "2": "Z", "5": "S", "8": "B", "6": "б", "3": "З"}
_HIDDEN = "\u200b\u00ad\u2060\u200d\ufeff\u202e"


@dataclass(frozen=True, slots=True)
class Looking:
    """A text with one odd character; `meant` says whether a reader who does not see it would be told the truth."""

    text: str
    values: Values
    meant: bool


def looking_alike(question: Question, template: str, values: Values, source: Random) -> Looking:
    """One character of the wording or of a value is another that looks like it, or is hidden."""
    if source.random() < 0.5:
        places = [at for at, character in enumerate(template) if character in _WORDS and not _in_slot(template, at)]
        if places:
            at = source.choice(places)
            new = source.choice((_WORDS[template[at]], template[at] + source.choice(_HIDDEN), _wide(template[at])))
            changed = template[:at] + new + template[at + 1 :]
            return Looking(_filled(changed, values), values, True)
    name = source.choice(question.slots)
    text = values[name].text
    known = _WORDS if name == "number" else {**_DIGITS, **_WORDS}  # in base 36 a Z is a digit
    places = [at for at, character in enumerate(text) if character in known]
    if not places:
        text, places = f"{text}\u200b", [len(text)]
        return Looking(_filled(template, with_text(values, name, text, values[name].value)), values, False)
    at = source.choice(places)
    text = text[:at] + known[text[at]] + text[at + 1 :]
    read = _READ.get((question.draw, name))
    after = with_text(values, name, text, read(text) if read else None)
    return Looking(_filled(template, after), after, read is not None)


_READ: Mapping[tuple[str, str], Callable[[str], object]] = {
    ("letter_and_text", "letter"): str,
    ("letter_and_text", "text"): str,
    ("two_strings", "first"): str,
    ("two_strings", "second"): str,
    ("words", "words"): lambda text: text.split(", "),
    ("inline_table", "csv"): lambda text: (
        text.split("\n")[0].split(","),
        [r.split(",") for r in text.split("\n")[1:]],
    ),
}
"""Values that are texts, by drawer: one with a foreign letter is a text like any other, and is asked about as it is."""


def _in_slot(template: str, at: int) -> bool:
    return template.rfind("{", 0, at) > template.rfind("}", 0, at)


def _wide(character: str) -> str:
    return chr(ord(character) + 0xFEE0)


def _filled(template: str, values: Values) -> str:
    for name, drawn in values.items():
        template = template.replace("{" + name + "}", drawn.text)
    return template


@dataclass(frozen=True, slots=True)
class Written:
    """A value in a format, the region of the request, and what it means there: a value, or nothing certain."""

    text: str
    locale: str | None
    value: object


def in_formats(value: object) -> list[Written]:
    """How regions write a whole number from 1,000 up, a decimal number or a date; empty for anything else."""
    if isinstance(value, date):
        return _dates(value)
    if isinstance(value, int) and value >= 1000:
        return _integers(value)
    if isinstance(value, Decimal) and value.as_tuple().exponent != 0 and value < 1000:
        return _decimals(value)
    return []


def _integers(value: int) -> list[Written]:
    comma = f"{value:,}"
    point, space, quote = (comma.replace(",", mark) for mark in (".", "\u202f", "’"))
    once = comma.count(",") == 1
    return [
        Written(comma, HOME, value),
        Written(comma, "en-GB", value),
        # One comma is a decimal comma in Germany; two cannot be.
        Written(comma, "de-DE", _or_none(Decimal(comma.replace(",", ".")) if once else None)),
        Written(point, "de-DE", value),
        Written(point, "es-ES", value),
        Written(point, HOME, _or_none(Decimal(point) if once else None)),
        Written(comma, None, None),
        Written(point, None, None),
        Written(space, "fr-FR", value),
        Written(quote, "de-CH", value),
        Written(f"{value // 100:,}{value % 100:02}", HOME, None)
        if value >= 1_000_000
        else Written(comma, "en-IN", value),
        Written(f"{comma},", HOME, None),
    ]


def _or_none(value: Decimal | None) -> Decimal | None:
    return value


def _decimals(value: Decimal) -> list[Written]:
    comma = str(value).replace(".", ",")
    grouping = len(comma.split(",")[1]) == 3 and not comma.startswith("0")
    return [
        Written(comma, "de-DE", value),
        Written(comma, "fr-FR", value),
        Written(comma, HOME, Decimal(comma.replace(",", "")) if grouping else None),
        Written(str(value), "de-DE", Decimal(comma.replace(",", "")) if grouping else None),
        Written(str(value), "en-GB", value),
        Written(comma, None, None if grouping else value),
        Written(str(value), None, None if grouping else value),
    ]


def _dates(value: date) -> list[Written]:
    american = f"{value.month:02}/{value.day:02}/{value.year}"
    british = f"{value.day:02}/{value.month:02}/{value.year}"
    german = f"{value.day:02}.{value.month:02}.{value.year}"
    sure = value.day > 12 or value.day == value.month
    swapped = None if value.day > 12 else date(value.year, value.day, value.month)
    return [
        Written(american, HOME, value),
        Written(british, HOME, swapped if value.day != value.month else value),
        Written(british, "en-GB", value),
        Written(american, "en-GB", swapped if value.day != value.month else value),
        Written(german, "de-DE", value),
        Written(american, None, value if sure else None),
        Written(british, None, value if sure else None),
        Written(f"{value.day} {MONTHS[value.month - 1]} {value.year}", "en-GB", value),
        Written(f"{value.day} {MONTHS[value.month - 1][:3]} {value.year % 100:02}", HOME, None),
        Written(f"{value.month}/{value.day}/{value.year % 100:02}", HOME, None),
    ]
