"""Fractions and complex numbers.

They are written in the notation of mathematics: a point before decimals and nothing between thousands. Where a region's
convention could read every point as a mark between thousands, there is no reading.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    Reading,
    Sample,
    Shape,
    ValueProblem,
    alt,
    cls,
    lit,
    opt,
    seq,
)
from seglam.procedures.values.formats import (
    END,
    FOLLOW,
    MAX_DIGITS,
    SIGN,
    dots_certain,
    free,
    signed,
)
from seglam.procedures.values.numbers import (
    NumberType,
    check_decimal,
    decimal_of,
    integer_of,
    random_decimal,
    shown,
)

_WHOLE = r"(?:0|[1-9][0-9]*+)"
NUMERAL = rf"(?:{_WHOLE}(?:\.[0-9]++)?|\.[0-9]++)"
"""An unsigned number in the notation of mathematics."""

OPERATORS = "-+*/^\u2212\u00d7\u00f7\u00b7\u22c5\u2044"


def before(text: Text, start: int) -> str:
    """The token before token `start`, or nothing."""
    return text.tokens[start - 1] if start else ""


def plain(sign: str, numeral: str) -> str:
    """The canonical text of a numeral and its sign."""
    return signed(sign, "0" + numeral if numeral[0] == "." else numeral)


_FRACTION_SIGNS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅐": "1/7", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip


class FractionType(NumberType):
    """Fractions as written, not reduced."""

    name = key = "fraction"
    summary = "A fraction of two whole numbers, as written; LaTeX and the signs for common fractions too."
    python = "fractions.Fraction"
    accepts = ("3/4", "-13524/57134", "3 / 4", r"\frac{3}{4}", r"$\dfrac{3}{4}$", r"\(\frac{3}{4}\)", "½")
    rejects = ("3", "3/0", "3/-4", "1 1/2", "0.5/2", "3/4/2024")

    first = frozenset("0123456789-+$\\") | frozenset(_FRACTION_SIGNS)
    _AFTER = r"(?!\s*[/\u2044^])"
    _LINE = re.compile(rf"({SIGN}?)({_WHOLE})(\s?)[/\u2044]\3({_WHOLE}){FOLLOW}{_AFTER}")
    _LATEX = re.compile(
        rf"({SIGN}?)\\[dt]?frac\s*\{{\s*({SIGN}?)({_WHOLE})\s*\}}\s*\{{\s*({_WHOLE})\s*\}}{FOLLOW}{_AFTER}"
    )
    _OPEN = re.compile(r"(?:\$|(\\\())\s*")
    _CLOSE_ROUND = re.compile(r"\s*\\\)(?![^\W_])")
    _CLOSE_DOLLAR = re.compile(r"\s*\$(?![^\W_])")
    _CANONICAL = re.compile(r"(-?)(0|[1-9][0-9]*)/([1-9][0-9]*)")

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if before(text, start) in ("/", "\u2044"):
            return ()
        if value := _FRACTION_SIGNS.get(string[position]):
            end = position + 1
            alone = position == 0 or not string[position - 1].isalnum()
            return ((text.ends[end], value),) if alone and end in text.ends else ()
        opening = self._OPEN.match(string, position, stop)
        end, value = self._bare(string, opening.end() if opening else position, stop)
        if value and opening:
            closing = (self._CLOSE_ROUND if opening.group(1) else self._CLOSE_DOLLAR).match(string, end, stop)
            end = closing.end() if closing else -1
        return ((text.ends[end], value),) if value and end in text.ends else ()

    def _bare(self, string: str, position: int, stop: int) -> tuple[int, str]:
        """Where a fraction without dollar signs ends, and its value; nothing if there is none."""
        if match := self._LINE.match(string, position, stop):
            sign, numerator, _, denominator = match.groups()
        elif match := self._LATEX.match(string, position, stop):
            outer, inner, numerator, denominator = match.groups()
            sign = outer or inner
            if outer and inner:
                return -1, ""
        else:
            return -1, ""
        if denominator == "0" or max(len(numerator), len(denominator)) >= MAX_DIGITS:
            return -1, ""
        if match.group(1) and not free(string, position):
            return -1, ""
        return match.end(), f"{signed(sign, numerator)}/{denominator}"

    def check(self, canonical: str) -> None:
        match = self._CANONICAL.fullmatch(canonical)
        if not match or match.group(1, 2) == ("-", "0") or max(map(len, match.group(2, 3))) >= MAX_DIGITS:
            raise ValueProblem(f"not a fraction: {canonical[:60]!r}; write two whole numbers, as in -3/4")

    def to_tagged(self, canonical: str) -> object:
        return {"$fraction": canonical}

    def from_tagged(self, tagged: object) -> str:
        if isinstance(tagged, int):
            return f"{integer_of(tagged)}/1"
        if not isinstance(tagged, dict) or set(tagged) != {"$fraction"} or not isinstance(tagged["$fraction"], str):
            raise ValueProblem(f"the answer must be a Fraction or an int, not {shown(tagged)}")
        self.check(tagged["$fraction"])
        return tagged["$fraction"]

    def equal(self, left: str, right: str) -> bool:
        return Fraction(left) == Fraction(right)

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        for bound in (minimum, maximum):
            if bound is not None:
                self.check(bound)
        value = Fraction(canonical)
        return (minimum is None or Fraction(minimum) <= value) and (maximum is None or value <= Fraction(maximum))

    def shape(self) -> Shape:
        number = seq(opt(lit("-", "+")), cls("digits"))
        line = seq(number, lit("/", "\u2044"), cls("digits"))
        group = seq(lit("{"), number, lit("}"))
        latex = seq(opt(lit("-", "+")), lit("\\"), lit("frac", "dfrac", "tfrac", glued=True), group, group)
        bare = alt(line, latex)
        return alt(
            bare,
            seq(lit("$"), bare, lit("$")),
            seq(lit("\\"), lit("(", glued=True), bare, lit("\\"), lit(")", glued=True)),
            lit(*_FRACTION_SIGNS),
        )

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for fraction in (
            "1/2",
            "-1/2",
            "0/5",
            "3/3",
            "6/3",
            "10/4",
            "7/1",
            "13524/57134",
            f"{10**30}/{3**50}",
        ):
            yield Sample(fraction, fraction)
        yield from (Sample(sign, fraction) for sign, fraction in _FRACTION_SIGNS.items())
        forms = (
            "{0}{1}/{2}",
            "{0}{1} / {2}",
            r"{0}\frac{{{1}}}{{{2}}}",
            r"$\dfrac{{{0}{1}}}{{{2}}}$",
            "${0}{1}/{2}$",
        )
        while True:
            sign, top = random.choice(("", "", "-")), random.randint(1, 10 ** random.choice((1, 2, 5)))
            bottom = random.randint(1, 10 ** random.choice((1, 2, 5)))
            yield Sample(random.choice(forms).format(sign, top, bottom), f"{sign}{top}/{bottom}")


class ComplexType(NumberType):
    """Complex numbers: real and imaginary part with the decimals that were written."""

    name = key = "complex"
    first = frozenset("0123456789-+.(i")
    summary = "A complex number in i; the real or the imaginary part may be absent."
    python = "Complex(real: Decimal, imag: Decimal)"
    accepts = ("-8.0 - 2.0i", "(3+4i)", "3 + i", "-2i", "i", "5")
    rejects = ("(3+4i", "3+4j", "3 + 4i * 2", "1.234+2i", "4i + 3", "3 -4i")

    _REAL = re.compile(rf"({SIGN}?)({NUMERAL}){FOLLOW}")
    _IMAGINARY = re.compile(rf"({SIGN}?)({NUMERAL}?)i{FOLLOW}")
    _BOTH = re.compile(rf"({SIGN}?)({NUMERAL})(?:([-+\u2212])|\s+([-+\u2212])\s+)({NUMERAL}?)i{FOLLOW}")
    _CLOSE = re.compile(r"\s*\)")
    _NEXT = re.compile(rf"\s*[{re.escape(OPERATORS)}(]")
    _CANONICAL = re.compile(r"(-?[0-9.]+)([-+][0-9.]+)i")

    def read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if string[position] == "(":
            inner = position + 1
            while string[inner : inner + 1].isspace():
                inner += 1
            ends = [
                (match.end(), value)
                for end, value, _ in self._bare(text, inner, stop)
                if (match := self._CLOSE.match(string, end, stop))
            ]
        else:
            operator = before(text, start)
            ends = [
                (end, value)
                for end, value, compound in self._bare(text, position, stop)
                if not (compound and ((operator and operator in OPERATORS) or self._NEXT.match(string, end, stop)))
            ]
        return [(text.ends[end], value) for end, value in ends]

    def _bare(self, text: Text, position: int, stop: int) -> Iterator[tuple[int, str, bool]]:
        """End, value and whether it has two parts, of each number that begins at a character."""
        string = text.text
        if string[position : position + 1] in ("-", "+", "\u2212", ".") and not free(string, position):
            return
        if match := self._BOTH.match(string, position, stop):
            sign, real, glued, spaced, imag = match.groups()
            if dots_certain((real, imag or "1"), text.region) and max(len(real), len(imag)) < MAX_DIGITS:
                yield match.end(), self._value(sign, real, glued or spaced, imag or "1"), True
        for pattern in (self._REAL, self._IMAGINARY):
            if match := pattern.match(string, position, stop):
                sign, part = match.groups()
                parts = ("", "0", sign, part or "1") if pattern is self._IMAGINARY else (sign, part, "", "0")
                if dots_certain((part,), text.region) and len(part) < MAX_DIGITS:
                    yield match.end(), self._value(*parts), False

    def _value(self, sign: str, real: str, imag_sign: str, imag: str) -> str:
        imaginary = plain(imag_sign, imag)
        return f"{plain(sign, real)}{'' if imaginary[0] == '-' else '+'}{imaginary}i"

    def _parts(self, canonical: str) -> tuple[str, str]:
        match = self._CANONICAL.fullmatch(canonical)
        if not match:
            raise ValueProblem(f"not a complex number: {canonical[:60]!r}; write both parts, as in -8.0-2.0i or 0+1i")
        real, imag = match.groups()
        return real, imag.removeprefix("+")

    def check(self, canonical: str) -> None:
        real, imag = self._parts(canonical)
        check_decimal(real)
        check_decimal(imag)
        if "+-" in canonical:
            raise ValueProblem(f"not a complex number: {canonical[:60]!r}; write one sign between the parts")

    def to_tagged(self, canonical: str) -> object:
        return {"$complex": [{"$decimal": part} for part in self._parts(canonical)]}

    def from_tagged(self, tagged: object) -> str:
        parts = tagged.get("$complex") if isinstance(tagged, dict) and len(tagged) == 1 else None
        if not isinstance(parts, list) or len(parts) != 2:
            raise ValueProblem(f"the answer must be a Complex, not {shown(tagged)}")
        real, imag = (decimal_of(part, name) for part, name in zip(parts, ("real", "imag"), strict=True))
        return f"{real}{'' if imag[0] == '-' else '+'}{imag}i"

    def equal(self, left: str, right: str) -> bool:
        return [Decimal(part) for part in self._parts(left)] == [Decimal(part) for part in self._parts(right)]

    def shape(self) -> Shape:
        numeral = seq(opt(lit("-", "+")), opt(lit(".")), cls("digits"), opt(seq(lit("."), cls("digits"))))
        imaginary = alt(seq(numeral, lit("i")), seq(opt(lit("-", "+")), lit("i")))
        bare = alt(numeral, imaginary, seq(numeral, imaginary), seq(numeral, lit("-", "+"), opt(numeral), lit("i")))
        return alt(bare, seq(lit("("), bare, lit(")")))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        boundaries = (
            "0+0i",
            "1+0i",
            "0+1i",
            "0-1i",
            "-1-1i",
            "3+4i",
            "-8.0-2.0i",
            "0.5-0.25i",
            f"{10**20}+{10**20}i",
        )
        for boundary in boundaries:
            yield Sample(boundary, boundary)
        yield from (Sample("i", "0+1i"), Sample("-2i", "0-2i"), Sample("5", "5+0i"), Sample("3 - i", "3-1i"))
        while True:
            real, imag = random_decimal(random), random_decimal(random)
            sign, part = ("-", imag[1:]) if imag[0] == "-" else ("+", imag)
            form = random.choice(("{}{}{}i", "{} {} {}i", "({} {} {}i)", "({}{}{}i)"))
            yield Sample(form.format(real, sign, part), f"{real}{sign}{part}i")
