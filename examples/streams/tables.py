"""csv_to_json and pivot_table: CSV in, JSON or CSV out, from samples of the tables in `examples/data`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from random import Random

from examples.streams.capitals import DATA
from examples.streams.lines import Input, Item
from examples.streams.zipf import Zipf


@dataclass(frozen=True, slots=True)
class Table:
    """A rectangular table of texts. `name` is that of its file."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def csv(self, line_end: str = "\n") -> str:
        """RFC 4180 text; cells are quoted where they must be."""

        return written([self.columns, *self.rows], line_end)

    def attached(self, line_end: str = "\n") -> dict[str, Input]:
        """The table as the one input of a request."""

        return {self.name: {"mediaType": "text/csv", "text": self.csv(line_end)}}


@dataclass(frozen=True, slots=True)
class Source:
    """A table to sample from, and the columns that a pivot table may group by and compute on."""

    table: Table
    groups: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def written(rows: Iterable[Sequence[str]], line_end: str = "\n") -> str:
    """Rows as CSV."""

    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue()


@cache
def source(name: str) -> Source:
    """A file of `examples/data` and its roles."""

    groups, numbers = {
        "sales.csv": (("region", "product", "channel", "quarter"), ("units", "revenue")),
        "tickets.csv": (("team", "priority", "status", "month"), ("hours", "cost")),
        "shipments.csv": (("warehouse", "carrier", "country", "weekday"), ("parcels", "weight_kg")),
    }.get(name, ((), ()))
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        columns, *rows = (tuple(row) for row in csv.reader(file))
    return Source(Table(name, columns, tuple(rows)), groups, numbers)


CONVERTED = ("contacts.csv", "stock.csv", "events.csv", "sales.csv", "tickets.csv")
PIVOTED = ("sales.csv", "tickets.csv", "shipments.csv")

ATTACHED_WORDINGS = (
    "Convert the attached CSV to JSON: a list of objects, one per row, with all values as strings.",
    "Please turn the attached CSV file into a JSON array of objects keyed by the header row."
    " Keep every value a string.",
    "Parse the attached CSV into JSON. One object per row, all values as strings.",
    "csv to json please, array of objects, keep values as strings",
    "Convert {name} to JSON (list of objects, all values as strings).",
    "Return {name} as a JSON array with one object per row; do not convert any values, leave them as strings.",
)
"""Wordings of csv_to_json over an attached file; `{name}` is its name."""

INLINE_WORDINGS = (
    "Convert this CSV to JSON, a list of objects with all values as strings:\n\n{csv}",
    "Parse the following CSV into a JSON array of objects. Keep every value a string.\n\n```csv\n{csv}```",
    "Turn this CSV into JSON (one object per row, all values as strings):\n{csv}",
    "Convert the following CSV to a JSON list of objects, values as strings:\n```\n{csv}\n```",
)
"""Wordings of csv_to_json with the CSV in the text."""

PIVOT_WORDINGS = (
    "{Aggregation} of {value} by {row} in the attached CSV. Answer as CSV with the header {row},{value} and the rows"
    " sorted by {row}.{rounding}",
    "Make a pivot table of the attached CSV: rows {row}, values {aggregation} of {value}. Return CSV with columns"
    " {row},{value}, sorted by {row}.{rounding}",
    "For each {row} in {name}, give the {aggregation} of {value}."
    " Format: CSV, header {row},{value}, sorted by {row}.{rounding}",
    "Pivot {name} by {row} and compute the {aggregation} of {value}. Output CSV (header {row},{value}; rows in"
    " alphabetical order of {row}).{rounding}",
    "group {name} by {row} and {verb} {value}; answer as csv with header {row},{value}, sorted by {row}.{rounding}",
)
"""Wordings of pivot_table with one key."""

CROSS_WORDINGS = (
    "Make a pivot table of the attached CSV with {row} as rows, {column} as columns and the {aggregation} of {value} as"
    " values. Answer as CSV; sort rows and columns alphabetically and put 0 where there is no data.{rounding}",
    "Pivot {name}: one row per {row}, one column per {column}, cells the {aggregation} of {value}. Return CSV whose"
    " header starts with {row}, rows and columns in alphabetical order, 0 for empty cells.{rounding}",
)
"""Wordings of pivot_table with two keys."""

VERBS = {"sum": "sum", "average": "average", "count": "count", "maximum": "take the maximum of"}
ROUNDING = " Round averages half up to two decimals."


@cache
def _zipf(kind: str, members: tuple[str, ...], exponent: float, seed: int) -> Zipf[str]:
    return Zipf(members, exponent, f"{kind} {seed}")


def _sample(table: Table, rng: Random, least: int, most: int) -> Table:
    """Some rows of a table in their order."""

    size = rng.randint(least, min(most, len(table.rows)))
    chosen = sorted(rng.sample(range(len(table.rows)), size))
    return Table(table.name, table.columns, tuple(table.rows[index] for index in chosen))


def objects(table: Table) -> str:
    """The table as a JSON list of objects whose values are the texts of the cells; keys in the order of the columns."""

    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def csv_to_json(rng: Random, exponent: float, seed: int) -> Item:
    """A CSV, in the text or attached, to be given as a JSON list of objects."""

    table = source(_zipf("converted", CONVERTED, exponent, seed).draw(rng)).table
    table = _sample(table, rng, 1, 6)
    if rng.random() < 0.45:
        text = _zipf("inline", INLINE_WORDINGS, exponent, seed).draw(rng).format(csv=table.csv())
        return Item(text, objects(table), "json")
    text = _zipf("attached", ATTACHED_WORDINGS, exponent, seed).draw(rng).format(name=table.name)
    line_end = "\r\n" if rng.random() < 0.2 else "\n"
    return Item(text, objects(table), "json", inputs=table.attached(line_end))


def _sum(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, Decimal(0))


AGGREGATIONS: dict[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "sum": _sum,
    "average": lambda numbers: (_sum(numbers) / len(numbers)).quantize(Decimal("0.01"), ROUND_HALF_UP),
    "count": lambda numbers: Decimal(len(numbers)),
    "maximum": lambda numbers: max(numbers),
}
"""What a cell holds of the numbers of its group, which are never none."""


def pivot(table: Table, row: str, column: str | None, value: str, aggregation: str) -> str:
    """The pivot table as CSV: keys sorted by code point, `0` for a cell without rows."""

    places = {name: index for index, name in enumerate(table.columns)}
    cells: dict[tuple[str, str], list[Decimal]] = {}
    for entry in table.rows:
        key = (entry[places[row]], entry[places[column]] if column else value)
        cells.setdefault(key, []).append(Decimal(entry[places[value]]))
    across = sorted({key[1] for key in cells})
    body = [
        [
            down,
            *(str(AGGREGATIONS[aggregation](cells[down, name])) if (down, name) in cells else "0" for name in across),
        ]
        for down in sorted({key[0] for key in cells})
    ]
    return written([[row, *across], *body])


def pivot_table(rng: Random, exponent: float, seed: int) -> Item:
    """A pivot table over an attached CSV, with one key or two."""

    chosen = source(_zipf("pivoted", PIVOTED, exponent, seed).draw(rng))
    table = _sample(chosen.table, rng, 4, 20)
    row, across = rng.sample(chosen.groups, 2)
    column = across if rng.random() < 0.3 else None
    value = rng.choice(chosen.numbers)
    aggregation = _zipf("aggregation", tuple(AGGREGATIONS), exponent, seed).draw(rng)
    wordings = CROSS_WORDINGS if column else PIVOT_WORDINGS
    wording = _zipf("cross" if column else "pivot", wordings, exponent, seed).draw(rng)
    text = wording.format(
        name=table.name,
        row=row,
        column=column,
        value=value,
        aggregation=aggregation,
        verb=VERBS[aggregation],
        Aggregation=aggregation.capitalize(),
        rounding=ROUNDING if aggregation == "average" else "",
    )
    return Item(text, pivot(table, row, column, value, aggregation), "csv", inputs=table.attached())


def near_miss(rng: Random) -> Item:
    """A request for a table that differs in what matters, or that its data does not answer."""

    return rng.choice((_near_conversion, _near_pivot))(rng)


def _near_conversion(rng: Random) -> Item:
    table = _sample(source(rng.choice(CONVERTED)).table, rng, 2, 5)
    first, *_ = table.columns
    top = Table(table.name, table.columns, table.rows[:1])
    doubled = Table(table.name, (first, *table.columns[:-1]), table.rows)
    ragged = Table(table.name, table.columns, (*table.rows, (*table.rows[0], "extra")))
    keyed = {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
    by_column = {name: [row[place] for row in table.rows] for place, name in enumerate(table.columns)}
    return rng.choice(
        (
            Item(ATTACHED_WORDINGS[0], None, inputs=doubled.attached()),
            Item(ATTACHED_WORDINGS[0], None, inputs=ragged.attached()),
            Item(ATTACHED_WORDINGS[0], None),
            Item("Convert the attached CSV to YAML.", None, inputs=table.attached()),
            Item("Convert the attached CSV to JSON: a list of objects, one per row, with all values as strings,"
                 " without the rows that look wrong.", None, inputs=table.attached()),
            Item("Convert the first data row of the attached CSV to JSON: a list of objects, one per row, with all"
                 " values as strings.", objects(top), "json", inputs=table.attached()),
            Item(f"Convert the attached CSV to a JSON object keyed by {first}, each value an object of the other"
                 " columns with all values as strings.", json.dumps(keyed, ensure_ascii=False), "json",
                 inputs=table.attached()) if len(keyed) == len(table.rows) else
            Item("Convert the attached CSV to a JSON object of columns, each a list of strings.",
                 json.dumps(by_column, ensure_ascii=False), "json", inputs=table.attached()),
        )
    )  # fmt: skip


def _near_pivot(rng: Random) -> Item:
    chosen = source(rng.choice(PIVOTED))
    table = _sample(chosen.table, rng, 6, 20)
    row, key = rng.sample(chosen.groups, 2)
    value = rng.choice(chosen.numbers)
    member = table.rows[0][table.columns.index(key)]
    kept = tuple(entry for entry in table.rows if entry[table.columns.index(key)] == member)
    filtered = pivot(Table(table.name, table.columns, kept), row, None, value, "sum")
    ending = f"Answer as CSV with the header {row},{value} and the rows sorted by {row}."
    return rng.choice(
        (
            Item(f"Sum of profit by {row} in the attached CSV. Answer as CSV with the header {row},profit and the rows"
                 f" sorted by {row}.", None, inputs=table.attached()),
            Item(f"Weighted average of {value} by {row} in the attached CSV. {ending}", None, inputs=table.attached()),
            Item(f"Sum of {value} by {row} in the attached CSV, without outliers. {ending}", None,
                 inputs=table.attached()),
            Item(f"Sum of {value} by {row} in the attached CSV. {ending}", None),
            Item(f"Sum of {value} by {row} in the attached CSV, only where {key} is {member}. {ending}", filtered,
                 "csv", inputs=table.attached()),
        )
    )  # fmt: skip
