"""JSON values with exact numbers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NoReturn

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    ANYTHING,
    Reading,
    Sample,
    Shape,
    ValueProblem,
    ValueType,
    alt,
    cls,
    lit,
    opt,
    seq,
)
from seglam.procedures.values.tagged import after_word, described, well_formed

MAX_DEPTH = 64
MAX_DIGITS = 4300
_TOO_LONG = 10**MAX_DIGITS
MAX_EXPONENT_DIGITS = 4

_TOO_DEEP = f"the JSON value is nested too deeply; at most {MAX_DEPTH} levels"

_WORDS = frozenset({"true", "false", "null"})
_CLOSERS = frozenset('"}]')

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE]([-+]?[0-9]+))?")
_GOES_ON = re.compile(r"\w|[-.,/:][0-9]")


def _number(written: str) -> int | Decimal:
    """An exact number; one without point and exponent is an integer."""
    match = _NUMBER.fullmatch(written)
    if match is None:
        raise ValueProblem(f"{written[:80]!r} is no number of JSON")
    if len(written) > MAX_DIGITS or len((match[1] or "").lstrip("-+0")) > MAX_EXPONENT_DIGITS:
        raise ValueProblem(
            f"the number {written[:40]}... is too long; at most {MAX_DIGITS} digits, exponent below 10^4"
        )
    plain = str(Decimal(written))
    return int(plain) if plain.lstrip("-").isdigit() else Decimal(plain)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueProblem(f"the member {twice!r} stands twice in one object")
    return members


def _constant(name: str) -> NoReturn:
    raise ValueProblem(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant)


def parse(text: str, start: int = 0) -> tuple[object, int]:
    """The JSON value that begins at a position, with integers exact and other numbers as `Decimal`, and where it ends.

    Raises:
        ValueProblem: it is no JSON (RFC 8259), a name stands twice in one object, or it is nested too deeply.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise ValueProblem(f"no JSON: {error}") from None
    except RecursionError:
        raise ValueProblem(_TOO_DEEP) from None


def dumps(value: object, depth: int = 0) -> str:
    """Compact JSON with members sorted as in RFC 8785 (by UTF-16 code units) and numbers exactly as given.

    Raises:
        ValueProblem: it is nested too deeply, a string is not well-formed, or an integer is too long.
    """
    if depth >= MAX_DEPTH and isinstance(value, list | dict):
        raise ValueProblem(_TOO_DEEP)
    match value:
        case None | bool():
            return "null" if value is None else str(value).lower()
        case int() | Decimal():
            if isinstance(value, int) and abs(value) >= _TOO_LONG:
                raise ValueProblem(f"an integer is too long; at most {MAX_DIGITS} digits")
            return str(value)
        case str():
            if not well_formed(value):
                raise ValueProblem("a string holds a lone surrogate; send well-formed Unicode")
            return json.dumps(value, ensure_ascii=False)
        case list():
            return "[" + ",".join(dumps(item, depth + 1) for item in value) + "]"
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
            return "{" + ",".join(f"{dumps(name)}:{dumps(value[name], depth + 1)}" for name in names) + "}"
    raise ValueProblem(f"{type(value).__name__} is no JSON")


def _tagged(value: object) -> object:
    match value:
        case Decimal():
            return {"$decimal": str(value)}
        case list():
            return [_tagged(item) for item in value]
        case dict():
            return {"$map": [[name, _tagged(member)] for name, member in value.items()]}
    return value


def _untagged(tagged: object, depth: int = 0) -> object:
    if depth > MAX_DEPTH:
        raise ValueProblem(_TOO_DEEP)
    match tagged:
        case None | bool() | int() | str():
            return tagged
        case list():
            return [_untagged(item, depth + 1) for item in tagged]
        case {"$decimal": str(number), **others} | {"$float": str(number), **others} if not others:
            return _number(number)
        case {"$map": [*pairs], **others} if not others:
            members: list[tuple[str, object]] = []
            for pair in pairs:
                match pair:
                    case [str(name), member]:
                        members.append((name, _untagged(member, depth + 1)))
                    case _:
                        raise ValueProblem(
                            f"{described(pair)} is no member of a JSON object; its name must be a string"
                        )
            return _object(members)
    raise ValueProblem(f"{described(tagged)} is no JSON; expected null, booleans, strings, numbers, lists and maps")


def _same(left: object, right: object) -> bool:
    """Equality of values; numbers by value, and a boolean is no number."""
    match left, right:
        case list(), list():
            return len(left) == len(right) and all(map(_same, left, right))
        case dict(), dict():
            return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


class JsonType(ValueType):
    """A JSON value (RFC 8259), in a text or attached.

    No name stands twice in one object, and nesting ends at 64 levels. Canonical: compact, members sorted as in RFC
    8785, but every number as exact as it was written: `1.50` stays, and an integer may have up to 4,300 digits.
    """

    name = key = "json"
    first = frozenset('{["-0123456789tfn')
    exact = False
    summary = "A JSON value with exact numbers and no repeated names."
    python = "dict, list, str, bool, None, int or decimal.Decimal"
    accepts = ('{"b": 1, "a": [1.50, null]}', "[]", '"text"', "-12.5e3", "true")
    rejects = ('{"a": 1, "a": 2}', "{a: 1}", "NaN", "01", "[1,]", "True", "'text'")

    separate = True

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content, position = text.text, text.start(start)
        character = content[position]
        if character not in self.first or (character in "tfn" and text.tokens[start] not in _WORDS):
            return ()
        if after_word(text, start):
            return ()
        try:
            value, end = parse(content, position)
            canonical = dumps(value)
        except ValueProblem:  # what is no JSON has no reading
            return ()
        if end not in text.ends or (content[end - 1] not in _CLOSERS and _GOES_ON.match(content, end)):
            return ()
        return ((text.ends[end], canonical),)

    def _value(self, canonical: str) -> object:
        value, end = parse(canonical)
        if dumps(value) != canonical:
            extra = "text follows the value" if end < len(canonical) else f"expected {dumps(value)[:80]}"
            raise ValueProblem(f"{canonical[:80]!r} is not JSON in its canonical form: {extra}")
        return value

    def check(self, canonical: str) -> None:
        self._value(canonical)

    def to_tagged(self, canonical: str) -> object:
        return _tagged(self._value(canonical))

    def from_tagged(self, tagged: object) -> str:
        return dumps(_untagged(tagged))

    def equal(self, left: str, right: str) -> bool:
        return _same(self._value(left), self._value(right))

    def shape(self) -> Shape:
        number = seq(
            opt(lit("-")),
            cls("digits"),
            opt(seq(lit(".", glued=True), cls("digits", glued=True))),
            opt(seq(lit("e", glued=True), opt(lit("+", "-", glued=True)), cls("digits", glued=True))),
        )
        return alt(lit("true", "false", "null"), number, seq(lit("{", "[", '"'), ANYTHING))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for text in (
            *self.accepts,
            "null",
            "false",
            "0",
            "-1",
            "{}",
            '""',
            "123456789012345678901234567890",
            "0.1",
            '{"é": "日本🙂", "": "a\\n\\u0000\\"", "z": {"y": [[], {}]}}',
        ):
            yield Sample(text, dumps(parse(text)[0]))
        while True:
            value = _random_value(random, 3)
            yield Sample(json.dumps(value, ensure_ascii=random.random() < 0.5), dumps(value))


def _random_value(random: random.Random, depth: int) -> object:
    kind = random.randrange(6 if depth else 4)
    match kind:
        case 0:
            return random.randint(-1000, 1000)
        case 1:
            return random.choice(("", "a", "two words", "ñ", 'say "hi"', "1"))
        case 2:
            return random.choice((None, True, False))
        case 3:
            return random.randint(-(10**20), 10**20)
        case 4:
            return [_random_value(random, depth - 1) for _ in range(random.randrange(4))]
    names = random.sample(("a", "b", "name", "é", "x y", "B"), random.randrange(4))
    return {name: _random_value(random, depth - 1) for name in names}
