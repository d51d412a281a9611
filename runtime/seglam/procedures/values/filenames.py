"""Names of attached files, as a request writes them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from seglam.procedures.text import Text
from seglam.procedures.values.base import Reading, Sample, Shape, Star, alt, cls, lit, seq
from seglam.procedures.values.tagged import AsWritten, after_word

EXTENSIONS = (
    "csv", "tsv", "tab", "psv", "dat", "data", "txt", "text", "log", "md", "markdown", "json", "jsonl", "ndjson",
    "geojson", "xml", "html", "htm", "yaml", "yml", "toml", "ini", "rst", "tex", "sql", "py", "js", "xls", "xlsx",
    "ods", "gz", "zip",
)  # fmt: skip
"""What names of attached files end with; of anything else, as in `report.smallest`, a sentence may begin."""
_NAME = re.compile(
    rf"[\w-]*\w(?:\.[\w-]+)*\.(?:{'|'.join(sorted(EXTENSIONS, key=len, reverse=True))})(?![\w-])", re.IGNORECASE
)

_PART = cls("word", "digits", "sign", glued=True)
_DOT = lit(".", glued=True)


class FileNameType(AsWritten):
    """The name of a file with one of the `EXTENSIONS`, no white space within. Canonical: as written.

    No parameter has this type: it is what a pattern's slot for a parameter of origin `input` reads. Whoever binds the
    request compares it with the name of the input that the parameter takes.
    """

    name = key = "file name"
    exact = False
    separate = greedy = True
    summary = "The name of an attached file, with its extension."
    accepts = ("sales.csv", "Q3-report_2024.v2.csv", "données.csv", "-x.csv", "2024.json")
    rejects = ("sales", "sales.", "sales.pending", ".csv", "my sales.csv", "data/sales.csv", "sales.csv,")
    expected = "a file's name with its extension, such as sales.csv"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        match = None if after_word(text, start) else _NAME.match(text.text, text.start(start))
        if match is None or match.end() not in text.ends:
            return ()
        return ((text.ends[match.end()], match.group()),)

    def valid(self, canonical: str) -> bool:
        return _NAME.fullmatch(canonical) is not None

    def equal(self, left: str, right: str) -> bool:
        return left.casefold() == right.casefold()

    def shape(self) -> Shape:
        more = Star(alt(_PART, seq(_DOT, _PART)))
        return seq(cls("word", "digits", "sign"), more, _DOT, lit(*EXTENSIONS, glued=True))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in self.accepts:
            yield Sample(written, written)
        while True:
            written = f"{random.choice(('sales', 'data', 'orders', 'report'))}-{random.randrange(10000)}.csv"
            yield Sample(written, written)


FILE_NAME = FileNameType()
