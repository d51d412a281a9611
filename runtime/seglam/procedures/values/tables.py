"""Tables, in a text or attached, and the names of their columns."""

from __future__ import annotations

import json
import random
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    ANYTHING,
    BREAKING,
    JOINING,
    Reading,
    Sample,
    Shape,
    Star,
    Symbol,
    ValueProblem,
    ValueType,
    alt,
    cls,
    lit,
    opt,
    seq,
)
from seglam.procedures.values.tagged import AsWritten, after_word, described, well_formed
from seglam.procedures.values.words import QUOTES, quoted_spans

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_CELL = {mark: re.compile(rf'"([^"]*(?:""[^"]*)*)"|([^"{mark}\r\n]*)') for mark in DELIMITERS}
_LINE_END = re.compile(r"\r\n|\n|\r")
_RULER = re.compile(r"[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)*[ \t]*:?-+:?[ \t]*\|?[ \t]*")
_BAR = re.compile(r"(?<!\\)\|")
_BLOCK_END = re.compile(r"\n[ \r]*(?=\n|```|\Z)")
_FENCE = "`"
_CLOSERS = '"|'
"""Marks that end the last cell of a table, so that nothing behind can be taken for its text."""
_MORE = (re.compile(r"\s"), re.compile(r"[.,:;?!/\u2013\u2014-]\s"))
"""White space, and the end of a part of a sentence."""
_WITHIN = frozenset({"of", "per"})
"""Words that join, and yet stand within names: "date of birth", "price per unit"."""

_CLOSING = {'"': '"', "'": "'", "`": "`", "\u201e": '"', "\u00ab": "\u00bb"}
"""Folded closing quote by folded opening quote; neither is within a quoted name."""

Rows = list[list[str]]


def _runs_on(canonical: str) -> bool:
    """Whether the last cell may hold more of the sentence around the table: "22. Only the first row".

    It has white space, or the end of a part of a sentence, and no other cell of its column has.
    """
    *before, last = (row[-1] for row in json.loads(canonical)["rows"])
    return any(more.search(last) and not any(map(more.search, before)) for more in _MORE)


def _fault(text: str, position: int, what: str) -> ValueProblem:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return ValueProblem(f"line {line}, column {column}: {what}")


def _read_separated(text: str, mark: str) -> Rows:
    """Rows of a text in the format of RFC 4180 with `mark` between cells; white space belongs to the cell."""
    rows: Rows = []
    row: list[str] = []
    begin = position = 0
    while True:
        match = _CELL[mark].match(text, position)
        assert match is not None  # an empty cell always matches
        quoted, bare = match.groups()
        row.append(bare if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if position < len(text) and text[position] == mark:
            position += 1
            continue
        ended = _LINE_END.match(text, position)
        if ended is None and position < len(text):
            what = "a quote inside a cell; put the cell in quotes and write the quote twice"
            if quoted is not None:
                what = f"text after a closing quote; expected a {DELIMITERS[mark]} or the end of the line"
            elif not bare:
                what = "a quoted cell that is not closed"
            raise _fault(text, position, what)
        rows.append(row)
        if len(row) != len(rows[0]):
            raise _fault(text, begin, f"{len(row)} cells, but the header has {len(rows[0])}")
        if ended is None or ended.end() == len(text):
            return rows
        row = []
        begin = position = ended.end()


def _read_markdown(text: str) -> Rows:
    """Rows of a Markdown table, without the ruler below its header."""
    rows: Rows = []
    position = 0
    for number, line in enumerate(text.split("\n")):
        if number != 1:
            inner = line.strip().removeprefix("|")
            if inner.endswith("|") and not inner.endswith("\\|"):
                inner = inner[:-1]
            row = [cell.strip().replace("\\|", "|") for cell in _BAR.split(inner)]
            rows.append(row)
        else:
            row = [*filter(None, (part.strip() for part in line.split("|")))]
        if len(row) != len(rows[0]):
            raise _fault(text, position, f"{len(row)} cells, but the header has {len(rows[0])}")
        position += len(line) + 1
    return rows


def _canonical(columns: list[str], rows: Rows) -> str:
    """Canonical text of a table whose rows are as long as its header.

    Raises:
        ValueProblem: fewer than two columns, no row, a column without a name, or two of one name.
    """
    if len(columns) < 2:
        raise ValueProblem("line 1: a table has at least two columns; this one has a single one")
    for index, name in enumerate(columns):
        if not name.strip():
            raise ValueProblem(f"line 1: cell {index + 1} of the header is empty; give every column a name")
        if name in columns[:index]:
            raise ValueProblem(f"line 1: two columns have the name {name!r}; give every column its own")
    if not rows:
        raise ValueProblem("line 2: the table has a header but no row")
    canonical = json.dumps({"columns": columns, "rows": rows}, ensure_ascii=False, separators=(",", ":"))
    if not well_formed(canonical):
        raise ValueProblem("the table holds a lone surrogate; send well-formed Unicode")
    return canonical


def _tables(text: str) -> tuple[list[str], ValueProblem | None]:
    """Canonical texts of all ways to read a table, and why there is none."""
    header, _, rest = text.partition("\n")
    if "|" in header and _RULER.fullmatch(rest.partition("\n")[0].rstrip("\r")):
        marks = ["|"]
    else:
        marks = sorted((mark for mark in DELIMITERS if mark in header), key=header.count, reverse=True)
    found: list[str] = []
    problem = None if marks else ValueProblem("line 1: no comma, semicolon or tab; a table has at least two columns")
    for mark in marks:
        try:
            rows = _read_markdown(text) if mark == "|" else _read_separated(text, mark)
            found.append(_canonical(rows[0], rows[1:]))
        except ValueProblem as error:
            problem = problem or error
    return found, problem


def table_of(text: str) -> str:
    """Canonical text of an attached table: CSV (RFC 4180) with comma, semicolon or tab, or Markdown, with a header.

    Raises:
        ValueProblem: it is no rectangular table with unique column names, or can be read with two delimiters. The
            message names the line, and for a fault inside a line the column.
    """
    found, problem = _tables(text.removeprefix("\ufeff").rstrip("\r\n"))
    if len(found) == 1:
        return found[0]
    raise (
        problem
        if problem and not found
        else ValueProblem(
            "line 1: the table can be read with more than one of comma, semicolon and tab; put the cells in quotes"
        )
    )


class TableType(ValueType):
    """A table with a header: CSV (RFC 4180) with comma, semicolon or tab, or Markdown.

    It is rectangular, has at least two columns, of unique names, and one row. In a text it begins at the start of a
    line, not with a backquote, and ends at an empty line, a code fence or the end. Cells are texts, exactly as written.
    Canonical: compact JSON, `{"columns":["a","b"],"rows":[["1","2"]]}`. Attached tables are read by `table_of`.
    """

    name = key = "table"
    exact = False
    summary = "A rectangular table with a header, as CSV or Markdown; each cell is a text."
    python = "Table(columns: list[str], rows: list[list[str]])"
    accepts = ("a,b\n1,2", "name;size\nx;1,5\ny;2", '"a b",c\n"1,2","say ""hi"""', "| a | b |\n|---|--:|\n| 1 | 2 |")
    rejects = ("a,b", "a,b\n1", "a,a\n1,2", "a\n1", "a,;b\n1,;2")

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content, position = text.text, text.start(start)
        begin = content.rfind("\n", 0, position) + 1
        if content[begin:position].strip() or (begin != position and content[position] != "|"):
            return ()
        if content[position] == _FENCE:
            return ()
        ended = _BLOCK_END.search(content, position)
        block = content[position : ended.start() if ended else len(content)].rstrip(" \r\n")
        if "\n" not in block:
            return ()
        end = bisect_left(text.starts, position + len(block))
        closed = block[-1] in _CLOSERS or content.startswith(_FENCE * 3, ended.end() if ended else len(content))
        return [(end, canonical) for canonical in _tables(block)[0] if closed or not _runs_on(canonical)]

    def check(self, canonical: str) -> None:
        self.to_tagged(canonical)

    def to_tagged(self, canonical: str) -> object:
        try:
            table = json.loads(canonical)
        except ValueError as error:
            raise ValueProblem(f"no table: the canonical text is not JSON ({error})") from None
        if self.from_tagged({"$table": table}) != canonical:
            raise ValueProblem("no table: the JSON is not in its canonical form, compact and with columns before rows")
        return {"$table": table}

    def from_tagged(self, tagged: object) -> str:
        match tagged:
            case {"$table": {"columns": [*columns], "rows": [*rows], **others}, **more} if not others and not more:
                for number, row in enumerate([columns, *rows]):
                    if not isinstance(row, list) or len(row) != len(columns):
                        raise ValueProblem(
                            f"row {number} of the table is no list of {len(columns)} cells, one for each column"
                        )
                    if not all(isinstance(cell, str) for cell in row):
                        raise ValueProblem(f"row {number} of the table has a cell that is no string; write its text")
                return _canonical(columns, rows)
        raise ValueProblem(
            f"{described(tagged)} is no table; expected {{'$table': {{'columns': [...], 'rows': [...]}}}}"
        )

    def shape(self) -> Shape:
        # A header of two names at least, and a row.
        return seq(_without(_FENCE), ANYTHING)

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for text in (*self.accepts, "a\tb\n\t1", "a,b\n,", 'é,"x\ny"\n日本語,🙂', "a | b\n--- | ---\n1 | x\\|y"):
            yield Sample(text, table_of(text))
        while True:
            width, height = random.randint(2, 5), random.randint(1, 8)
            columns = random.sample(("city", "date", "price", "unit price", "count", "id"), width)
            rows = [[str(random.randint(-999, 999)) for _ in columns] for _ in range(height)]
            mark = random.choice(",;\t")
            yield Sample("\n".join(mark.join(row) for row in (columns, *rows)), _canonical(columns, rows))


def find_column(table: str, written: str) -> str | None:
    """The column that a request means: the one of exactly this name, else the only one of this name but for case and
    white space; None if there is none or more than one. `table` is a canonical text."""
    columns: list[str] = json.loads(table)["columns"]
    if written in columns:
        return written
    tokens = Text(written).tokens
    found = [name for name in columns if Text(name).tokens == tokens]
    return found[0] if len(found) == 1 else None


def _without(*marks: str) -> Symbol:
    """Any token but these of `BREAKING`."""
    return Symbol(literals=BREAKING - set(marks), classes=frozenset({"word", "digits", "sign"}))


_OWN = ("content", "digits", "sign")
"""Classes of the tokens that a bare name is made of, save those that join them."""


def _bare_ends(text: Text, start: int) -> Iterator[int]:
    """Where a bare name that begins at a token may end."""

    def own(at: int) -> bool:
        return at < len(text) and text.tokens[at] not in JOINING and text.tokens[at] not in BREAKING

    if not own(start):
        return
    second = False
    at = start + 1
    yield at
    while at < len(text):
        touches = text.glued(at)
        joined = text.tokens[at] in _WITHIN or (text.tokens[at] == "." and touches)
        at += joined
        if (touches and joined and not text.glued(at)) or (second and not touches) or not own(at):
            return
        second = second or not touches
        at += 1
        yield at


class ColumnType(AsWritten):
    """The name of a column of an attached table: one word or two, or quoted text. Canonical: as written.

    A word is what stands between spaces, such as `price_2024` or `(EUR)`; the two may be joined by `of` or `per`. More
    of them are a part of the sentence as likely as a name. A bare name has neither marks that end a clause or
    quote, save a full stop within a word (`Sepal.Length`), nor words that join the parts of a sentence; a name that has
    is written in quotes.

    The pattern alone cannot tell which tables will come, so a scan accepts any name. Once the request is bound, whoever
    has its table replaces the argument by `find_column(table, written)`; without such a column the binding is rejected.
    """

    name = key = "column"
    exact = False
    separate = greedy = True
    summary = "The name of a column of the attached table, in quotes or bare (one or two words, no comma or `and`)."
    python = "str: the name as the table has it"
    accepts = ("price", "unit price", '"a, b"', "price ($)", "Größe", "date of birth", '"terms and conditions"')
    rejects = ("price?", '"price', "price and cost", "price,cost", "one two three")
    expected = "a column's name"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content = text.text
        if after_word(text, start):
            return ()
        if content[text.start(start)] in QUOTES:
            spans = [
                (text.ends[end + 1], content[begin:end]) for begin, end in quoted_spans(text, start) if end > begin
            ]
            own = {text.tokens[start], _CLOSING[text.tokens[start]]}
            found = [(end, name) for end, name in spans if own.isdisjoint(text.tokens[start + 1 : end - 1])]
        else:
            found = [(end, text.slice(start, end)) for end in _bare_ends(text, start)]
        return [(end, name) for end, name in found if not (text.glued(end) and text.tokens[end][0].isalnum())]

    def valid(self, canonical: str) -> bool:
        return bool(canonical) and well_formed(canonical)

    def shape(self) -> Shape:
        touching = Star(seq(opt(lit(".", *_WITHIN, glued=True)), cls(*_OWN, glued=True)))

        word = seq(cls(*_OWN), touching)
        bare = seq(word, opt(seq(opt(lit(*_WITHIN)), word)))
        return alt(bare, *(seq(lit(mark), Star(_without(mark, end)), lit(end)) for mark, end in _CLOSING.items()))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for name in ("a", "id", "unit price", "price ($)", "growth %", "Größe", "2024"):
            yield Sample(name, name)
        yield from (Sample('"a, b"', "a, b"), Sample("`total?`", "total?"))
        while True:
            words = random.choices(("total", "unit", "price", "sales", "2024", "city"), k=random.randint(1, 2))
            yield Sample(" ".join(words), " ".join(words))
