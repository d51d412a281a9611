"""Matrices of numbers, in the notation of mathematics."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from seglam.procedures.text import Text
from seglam.procedures.values.base import Reading, Sample, Shape, ValueProblem, ValueType, alt, cls, lit, plus
from seglam.procedures.values.formats import FOLLOW, SIGN, conventions, dots_certain
from seglam.procedures.values.mathematics import NUMERAL, plain
from seglam.procedures.values.numbers import check_decimal, decimal_of, random_decimal, random_integer, shown

Rows = list[list[str]]


class MatrixType(ValueType):
    """Rectangles of numbers: two lines or more of two cells or more, or nested brackets of any size."""

    name = key = "matrix"
    exact = False
    first = frozenset("0123456789-+.[")
    summary = "A matrix of numbers, as lines of cells or as nested brackets."
    python = "list of lists of int or decimal.Decimal"
    accepts = ("1 2\n3 4", "1, 2\n3, 4", "[[1, 2], [3, 4]]", "[[1.5 2]\n [3 4]]", "[[7]]")
    rejects = ("1 2\n3", "[[1, 2], [3]]", "1 2 3", "1,2\n3,4", "[1, 2]", "[[]]")

    _CELL = rf"[-+\u2212]?{NUMERAL}"
    _BRACKETS = re.compile(r"\[\s*+\[[^\[\]]*+\](?>(?:\s*+,?\s*+\[[^\[\]]*+\])*)\s*+\]")
    _ROW = re.compile(r"\[([^\[\]]*+)\]")
    _LINE = re.compile(rf"{_CELL}(?>(?:[ \t]*+,[ \t]*+{_CELL})+)|{_CELL}(?>(?:[ \t]++{_CELL})+)")
    _AFTER_LINE = re.compile(rf"{FOLLOW}(?![ \t]*+,?[ \t]*+[-+.\u2212]?[0-9])")
    _BREAK = re.compile(r"[ \t]*+\r?\n[ \t]*+")
    _CELLS = re.compile(rf"({SIGN}?)({NUMERAL})")
    _NUMBER = re.compile(_CELL)

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        string, position = text.text, text.start(start)
        if match := self._BRACKETS.match(string, position):
            rows = [self._row(row.strip()) for row in self._ROW.findall(match.group())]
            end = match.end()
        else:
            end, lines = self._lines(string, position)
            if not self._sure(lines, text.region):
                return ()
            rows = [self._row(line) for line in lines]
        good = rows and rows[0] and all(len(row) == len(rows[0]) for row in rows)
        return ((text.ends[end], self._canonical(rows)),) if good else ()

    def _lines(self, string: str, position: int) -> tuple[int, list[str]]:
        """Where the last of the lines of cells that begin here ends, and the lines; none if one of them goes on."""
        lines: list[str] = []
        end = position
        while match := self._LINE.match(string, position):
            if not self._AFTER_LINE.match(string, match.end()):
                return end, []
            lines.append(match.group())
            end = match.end()
            if not (further := self._BREAK.match(string, end)):
                break
            position = further.end()
        else:
            if self._NUMBER.match(string, position):  # a line of one cell: a ragged end
                return end, []
        return end, lines

    def _sure(self, lines: list[str], region: str | None) -> bool:
        """Whether lines are rows of cells beyond doubt: no line is one number, and points are decimal points."""
        known = conventions(region)
        numerals = [numeral for line in lines for _, numeral in self._CELLS.findall(line)]
        return (
            len(lines) > 1
            and dots_certain(numerals, region)
            and not any(convention.value(line.lstrip("-+\u2212")) for convention in known for line in lines)
        )

    def _row(self, row: str) -> list[str]:
        """The cells of a row, or none if something else is in it or they are set apart in two ways."""
        cells = re.split(r"\s*+,\s*+", row) if "," in row else row.split()
        matches = [self._CELLS.fullmatch(cell) for cell in cells]
        return [plain(*match.groups()) for match in matches if match] if all(matches) else []

    def _canonical(self, rows: Rows) -> str:
        return json.dumps(rows, separators=(",", ":"))

    def _rows(self, canonical: str) -> Rows:
        try:
            rows = json.loads(canonical)
        except ValueError:
            rows = None
        good = (
            isinstance(rows, list)
            and all(isinstance(row, list) and all(isinstance(cell, str) for cell in row) for row in rows)
            and rows
            and rows[0]
            and all(len(row) == len(rows[0]) for row in rows)
        )
        if not good:
            raise ValueProblem(
                f"not a matrix: {canonical[:60]!r}; write rows of equal length as JSON of strings: "
                + '[["1","2"],["3","4"]]'
            )
        return rows  # type: ignore[no-any-return]

    def check(self, canonical: str) -> None:
        rows = self._rows(canonical)
        for row in rows:
            for cell in row:
                check_decimal(cell)
        if self._canonical(rows) != canonical:
            raise ValueProblem(
                f"not in canonical form: {canonical[:60]!r}; write compact JSON: {self._canonical(rows)[:60]}"
            )

    def to_tagged(self, canonical: str) -> object:
        return [[{"$decimal": cell} if "." in cell else int(cell) for cell in row] for row in self._rows(canonical)]

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, list) or not all(isinstance(row, list) for row in tagged):
            raise ValueProblem(f"the answer must be a list of lists, not {shown(tagged)}")
        canonical = self._canonical([[decimal_of(cell, "a cell") for cell in row] for row in tagged])
        self._rows(canonical)
        return canonical

    def equal(self, left: str, right: str) -> bool:
        ours, theirs = self._rows(left), self._rows(right)
        return [list(map(Decimal, row)) for row in ours] == [list(map(Decimal, row)) for row in theirs]

    def shape(self) -> Shape:
        return plus(alt(cls("digits"), lit("-", "+", ".", ",", "[", "]")))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield Sample("[[0]]", '[["0"]]')
        yield Sample("[[-1], [2]]", '[["-1"],["2"]]')
        yield Sample("1 2\n3 4", '[["1","2"],["3","4"]]')
        yield Sample("[[0.5, 2], [3, -4.25]]", '[["0.5","2"],["3","-4.25"]]')
        while True:
            height, width = random.randint(2, 5), random.randint(2, 5)
            make = random.choice((random_integer, random_integer, random_decimal))
            rows = [[make(random) for _ in range(width)] for _ in range(height)]
            comma = random.choice((", ", " "))
            lines = [comma.join(row) for row in rows]
            brackets = "[" + ", ".join(f"[{line}]" for line in lines) + "]"
            yield Sample(random.choice((brackets, "\n".join(lines))), self._canonical(rows))
