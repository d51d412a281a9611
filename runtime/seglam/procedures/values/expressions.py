"""Arithmetic expressions and equations.

Written in the notation of mathematics: numbers with a point before decimals and nothing between thousands, variables of
one letter, `+ - * / ^` (also `× ÷ · −`), one sign before an operand, round brackets, and `2x` for a product. An
expression never ends before an operator nor begins after one, so that no pattern can cut it against precedence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    Reading,
    Sample,
    Shape,
    Star,
    ValueProblem,
    ValueType,
    alt,
    cls,
    lit,
    opt,
    plus,
    seq,
)
from seglam.procedures.values.formats import MAX_DIGITS, dots_certain, free
from seglam.procedures.values.mathematics import NUMERAL, OPERATORS, before, plain
from seglam.procedures.values.numbers import random_decimal, shown

_SYMBOLS = {"\u2212": "-", "\u00d7": "*", "\u00b7": "*", "\u22c5": "*", "\u00f7": "/"}
_NO_PRODUCTS = tuple(sign for sign, meaning in _SYMBOLS.items() if meaning != "*")
_LIKE_A_DATE = re.compile(r"[-+]?[0-9.]++(?:[-/\u2212][0-9.]++)+")
_BINARY = re.compile(r" ([-+*/^]) ")
_LEXEME = re.compile(
    rf"(\s*+)(?:(?P<number>{NUMERAL})(?![0-9]|[.,'\u2019_][0-9])|(?P<variable>[A-Za-z])(?![^\W_])|(?P<mark>[-+*/^()\u2212\u00d7\u00f7\u00b7\u22c5]))"
)
_GOES_ON = re.compile(rf"[^\W_]|[!%\u00b0_]|[.,][0-9]|\s*+[{re.escape(OPERATORS)}(]")
_PRIMES, _QUOTES = ("'", "\u2019"), ("'", "\u2018")
_NOT_EQUAL = re.compile(r"\s*+[=<>~\u2248\u2260\u2264\u2265]")
_FIRST = frozenset("0123456789-+.(abcdefghijklmnopqrstuvwxyz")

_SIGN = lit("-", "+")
_NUMBER = seq(opt(lit(".")), cls("digits"), opt(seq(lit(".", glued=True), cls("digits", glued=True))))
_NAME = cls("letter")
_FACTOR = alt(_NUMBER, seq(_NUMBER, cls("letter", glued=True)))


def _operand(innermost: Shape) -> Shape:
    """One in any number of brackets, some of which may be closed later or were opened before."""
    return seq(opt(_SIGN), Star(seq(lit("("), opt(_SIGN))), innermost, Star(lit(")")))


def _more(innermost: Shape) -> Shape:
    """An operator and what it takes."""
    return seq(lit(*"-+*/^", *_SYMBOLS), _operand(innermost))


_ANY = alt(_FACTOR, _NAME)
_SIGNED_NAME = seq(Star(lit("(")), _SIGN, Star(seq(lit("("), opt(_SIGN))), _NAME, Star(lit(")")))


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression in a text.

    Attributes:
        end: the character just past it.
        canonical: single spaces around binary operators, none elsewhere.
        numerals: its numbers as written.
        variables: whether it has one.
        bare: whether it is a variable alone, with or without brackets.
    """

    end: int
    canonical: str
    numerals: tuple[str, ...]
    variables: bool
    bare: bool


def expression_at(string: str, position: int) -> Expression | None:
    """The longest expression that begins at a character, unless it goes on in a way that is not read."""
    begin = position
    parts: list[str] = []
    numerals: list[str] = []
    depth = 0
    operand = True  # an operand comes next
    signed = False  # the last lexeme is a sign before an operand
    variables = computed = False
    good = (-1, 0, 0, False, False)  # the last place outside brackets where an operand ends
    while lexeme := _LEXEME.match(string, position):
        space, number, variable, mark = lexeme.groups()
        if operand:
            if space and (signed or not parts):
                break
            if mark == "(":
                depth += 1
                signed = False
                parts.append("(")
            elif mark and _SYMBOLS.get(mark, mark) in "+-" and not signed:
                signed = computed = True
                parts.append(_SYMBOLS.get(mark, mark))
            elif number or variable:
                operand = signed = False
                if number:
                    numerals.append(number)
                else:
                    variables = True
                parts.append(plain("", number) if number else variable)
            else:
                break
        elif mark == ")" and depth:
            depth -= 1
            parts.append(")")
        elif mark and mark not in "()":
            operand = computed = True
            parts.append(f" {_SYMBOLS.get(mark, mark)} ")
        elif variable and not space and string[position - 1].isdigit():
            variables = computed = True
            parts.append(variable)
        else:
            break
        position = lexeme.end()
        if not operand and not depth:
            good = (position, len(parts), len(numerals), variables, computed)
    end, count, numbers, has_variables, has_operators = good
    primed = string[end : end + 1] in _PRIMES and (begin == 0 or string[begin - 1] not in _QUOTES)
    if end < 0 or primed or _GOES_ON.match(string, end) or max(map(len, numerals), default=0) >= MAX_DIGITS:
        return None
    bare = not has_operators and not numbers
    return Expression(end, "".join(parts[:count]), tuple(numerals[:numbers]), has_variables, bare)


def _begins(text: Text, start: int) -> bool:
    """Whether an expression may begin at token `start`: not after an operator, and its sign belongs to it."""
    previous = before(text, start)
    if previous and previous in OPERATORS:
        return False
    string, position = text.text, text.start(start)
    return string[position] not in "-+\u2212." or free(string, position)


class _Notation(ValueType):
    """What expressions and equations share."""

    exact = False
    first = _FIRST
    python = "str"

    def check(self, canonical: str) -> None:
        if self.readings(canonical, "US") != (canonical,):
            raise ValueProblem(
                f"not the canonical text of type {self.name}: {canonical[:60]!r}; single spaces around binary "
                f"operators, none elsewhere, as in {self.accepts[-1]!r}"
            )

    def to_tagged(self, canonical: str) -> object:
        return canonical

    def from_tagged(self, tagged: object) -> str:
        readings = self.readings(tagged, "US") if isinstance(tagged, str) else ()
        if len(readings) != 1:
            raise ValueProblem(f"the answer must be a text of type {self.name}, not {shown(tagged)}")
        return readings[0]


class ExpressionType(_Notation):
    """An arithmetic expression: a number, or something with an operator."""

    name = key = "expression"
    summary = "An arithmetic expression of numbers, one-letter variables, + - * / ^ and brackets."
    accepts = ("3*(4+5)", "-x^2 + 2x", "6 × 7", "42", "-2x ^ 2 + (3 - y) / 4")
    rejects = ("x", "3 +", "(3 + 4", "sin(x)", "1,000 + 5", "5!", "3 x 4", "2(x+1)", "1.234 * 2")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if not _begins(text, start):
            return ()
        found = expression_at(string, position)
        if not found or found.bare or not dots_certain(found.numerals, text.region):
            return ()
        return ((text.ends[found.end], found.canonical),)

    def shape(self) -> Shape:
        # A variable alone is none.
        more = _more(_ANY)
        return alt(seq(_operand(_FACTOR), Star(more)), seq(_operand(_NAME), plus(more)), seq(_SIGNED_NAME, Star(more)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        boundaries = (
            "0", "1", "-1", "0 + 0", "1 - 1", "5 - -3", "2 ^ -3", "10 / 4", "7 / 3 * 2", "2 ^ 3 ^ 2", "-2 ^ 2", "2x",
            "8 / 2x", "(1 + 2) * 3", "((x))* 1", "0.5 * x", f"{10**30} * {10**30}",
        )  # fmt: skip
        for boundary in boundaries:
            yield Sample(boundary, boundary.replace(")*", ") *"))
        yield Sample("6×7−2", "6 * 7 - 2")
        while True:
            canonical = _random_expression(random, 3)
            yield Sample(_respaced(random, canonical), canonical)


class ArithmeticType(_Notation):
    """An expression without variables."""

    name = key = "arithmetic"
    first = frozenset("0123456789-+.(")
    summary = "An arithmetic expression of numbers alone, without variables: + - * / ^ and brackets."
    accepts = ("3*(4+5)", "6 × 7", "42", "-2 ^ 2 + (3 - 0.5) / 4")
    rejects = ("x", "2x", "(i) * 3", "3 +", "(3 + 4", "1,000 + 5", "5!", "3 x 4", "1.234 * 2")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        if not _begins(text, start):
            return ()
        found = expression_at(text.text, text.start(start))
        if not found or found.variables or not dots_certain(found.numerals, text.region):
            return ()
        return ((text.ends[found.end], found.canonical),)

    def shape(self) -> Shape:
        return seq(_operand(_NUMBER), Star(_more(_NUMBER)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        return (sample for sample in ExpressionType().samples(random) if not re.search("[a-z]", sample.canonical))


class CalculationType(ArithmeticType):
    """Arithmetic that is more than a number, one product, or one operation on numbers in brackets.

    Products and complex numbers are often asked for in the same words, so that either would be ambiguous. So are dates,
    telephone numbers and the like: numbers between which nothing stands but hyphens or slashes without blanks.
    """

    name = key = "calculation"
    summary = "An arithmetic expression of two operators at least, or of one other than * and no brackets."
    accepts = ("3*(4+5)", "5 − 3", "84 / 7", "-2 ^ 2 + (3 - 0.5) / 4")
    rejects = ("42", "6 × 7", "-(6 * 7)", "3 * -4", "(5) + (3)", "2026-11-23", "24/7", "x + 1", "3 x 4")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        return [
            (end, canonical)
            for end, canonical in super().scan(text, start)
            if _is_calculation(text.text[text.start(start) : text.stops[end - 1]], canonical)
        ]

    def shape(self) -> Shape:
        number, more = seq(opt(_SIGN), _NUMBER), _more(_NUMBER)
        one = seq(number, lit(*"-+/^", *_NO_PRODUCTS), number)
        return alt(one, seq(_operand(_NUMBER), more, plus(more)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        return (sample for sample in super().samples(random) if _is_calculation(sample.text, sample.canonical))


def _is_calculation(written: str, canonical: str) -> bool:
    operators = _BINARY.findall(canonical)
    if _LIKE_A_DATE.fullmatch(written):
        return False
    return len(operators) > 1 or ("(" not in canonical and bool(operators) and operators != ["*"])


class EquationType(_Notation):
    """Two expressions and an equals sign, with a variable at least."""

    name = key = "equation"
    summary = "An equation of two arithmetic expressions with at least one variable."
    accepts = ("2x+3=7", "x = y", "x ^ 2 - 2x = -1")
    rejects = ("2 + 3 = 5", "x == 3", "x <= 3", "x = 3 = y", "x + 1", "x = 1,000")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if not _begins(text, start) or before(text, start) in tuple("=<>"):
            return ()
        left = expression_at(string, position)
        sign = re.compile(r"\s*+=\s*+").match(string, left.end) if left else None
        right = expression_at(string, sign.end()) if sign else None
        if not left or not right or not (left.variables or right.variables) or _NOT_EQUAL.match(string, right.end):
            return ()
        if not dots_certain(left.numerals + right.numerals, text.region):
            return ()
        return ((text.ends[right.end], f"{left.canonical} = {right.canonical}"),)

    def shape(self) -> Shape:
        side = seq(_operand(_ANY), Star(_more(_ANY)))
        return seq(side, lit("="), side)

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for boundary in (
            "x = 0",
            "0 = x",
            "-x = -1",
            "0x = 0",
            "0x = 1",
            "2x + 3 = 7",
            "x = x",
            "x ^ 2 = -1",
            "3x - 1 = 2x",
        ):
            yield Sample(boundary, boundary)
        yield Sample("2x+3=7", "2x + 3 = 7")
        while True:
            linear = _linear_equation(random)
            yield Sample(_respaced(random, linear), linear)
            letter = random.choice("xyz")
            left = f"{random.randint(1, 20)}{letter} {random.choice('+-')} {_random_expression(random, 1)}"
            canonical = f"{left} = {_random_expression(random, 1)}"
            yield Sample(_respaced(random, canonical), canonical)


def _linear_equation(random: random.Random) -> str:
    """A canonical linear equation with a whole solution, in one of the common forms."""
    letter, root = random.choice("abnxyz"), random.randint(-60, 60)
    factor, term = random.choice((1, -1)) * random.randint(1, 99), random.randint(1, 500)
    product = f"{factor}{random.choice(('', ' * '))}{letter}"
    sign, value = random.choice((("+", factor * root + term), ("-", factor * root - term)))
    turned = f"{term} - {abs(factor)}{letter} = {term - abs(factor) * root}"
    return random.choice(
        (
            f"{product} {sign} {term} = {value}",
            f"{product} = {factor * root}",
            f"{value} = {product} {sign} {term}",
            turned,
        )
    )


def _random_expression(random: random.Random, depth: int) -> str:
    """A canonical expression with at most `depth` levels of operators, one of them at least."""
    left, right = (_random_operand(random, depth - 1) for _ in range(2))
    return f"{left} {random.choice('+-*/^')} {right}"


def _random_operand(random: random.Random, depth: int) -> str:
    choice = random.randrange(6 if depth > 0 else 4)
    if choice < 2:
        return str(random.randint(0, 10 ** random.choice((1, 2, 4))))
    if choice == 2:
        return random_decimal(random).lstrip("-")
    if choice == 3:
        return f"{random.randint(2, 30)}{random.choice('xyzn')}"
    inner = _random_expression(random, depth)
    return f"({inner})" if choice == 4 else f"-({inner})"


def _respaced(random: random.Random, canonical: str) -> str:
    """The same with other spaces or other signs."""
    form = random.randrange(4)
    if form == 0:
        return canonical.replace(" ", "")
    return canonical.replace("*", "×").replace("/", "÷").replace("-", "−") if form == 1 else canonical
