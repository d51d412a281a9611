from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.tables import ColumnType, TableType, find_column, table_of
from tests.unit.procedures.values.properties import check_junk, check_samples

TABLE, COLUMN = TableType(), ColumnType()
SMALL = '{"columns":["a","b"],"rows":[["1","2"]]}'


def table(*rows: list[str]) -> str:
    return json.dumps({"columns": rows[0], "rows": rows[1:]}, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a,b\n1,2", SMALL),
        ("a,b\r\n1,2\r\n", SMALL),
        ("\ufeffa,b\n1,2\n\n", SMALL),
        ("a;b\n1;2", SMALL),
        ("a\tb\n1\t2", SMALL),
        ("a|b\n-|-\n1|2", SMALL),
        ("| a | b |\r\n|:---|---:|\r\n| 1 | 2 |", SMALL),
        ("a;b\n1,5;2", table(["a", "b"], ["1,5", "2"])),
        ('"a,b",c\n"1\n2","say ""x"""', table(["a,b", "c"], ["1\n2", 'say "x"'])),
        ("a, b\n1 , 2", table(["a", " b"], ["1 ", " 2"])),
        ('a,b\n"",', table(["a", "b"], ["", ""])),
        ("a\tb\n1\t", table(["a", "b"], ["1", ""])),
        ("|a|b|\n|-|-|\n|x\\|y||", table(["a", "b"], ["x|y", ""])),
        ("Größe,日本\nx,🙂", table(["Größe", "日本"], ["x", "🙂"])),
    ],
)
def test_reads_an_attached_table(text: str, canonical: str) -> None:
    assert table_of(text) == canonical
    TABLE.check(canonical)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: no comma, semicolon or tab"),
        ("a\n1", "line 1: no comma, semicolon or tab"),
        ('"a,b"\n1', "line 1: a table has at least two columns"),
        ("a,b", "line 2: the table has a header but no row"),
        ("|a|b|\n|-|-|", "line 2: the table has a header but no row"),
        ("a,b\n1,2\n1,2,3", "line 3, column 1: 3 cells, but the header has 2"),
        ("a,b\n\n1,2", "line 2, column 1: 1 cells, but the header has 2"),
        ("|a|b|\n|-|-|\n|1|", "line 3, column 1: 1 cells, but the header has 2"),
        ("|a|b|\n|-|\n|1|2|", "line 2, column 1: 1 cells, but the header has 2"),
        ('a,b\n1,"2', "line 2, column 3: a quoted cell that is not closed"),
        ('a,b\n1,"2"x', "line 2, column 6: text after a closing quote; expected a comma"),
        ('a,b\n1,x"2"', "line 2, column 4: a quote inside a cell"),
        ("a,\n1,2", "line 1: cell 2 of the header is empty"),
        ("a,b,a\n1,2,3", "line 1: two columns have the name 'a'"),
        ("a,;b\n1,;2", "line 1: the table can be read with more than one of"),
        ("a,b\n1,\ud800", "lone surrogate"),
    ],
)
def test_names_the_fault_of_an_attached_table(text: str, problem: str) -> None:
    with pytest.raises(ValueProblem, match=problem):
        table_of(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("a,b\n1,2", 0, None),
        ("Add up:\na,b\n1,2", 3, None),
        ("Add up:\na,b\n1,2\n\nby column", 3, 9),
        ("Add up:\na,b\n1,2\n \nby column", 3, 9),
        ("Add up:\n```\na,b\n1,2\n```", 6, 12),
        ("Add up:\n  | a | b |\n  |---|---|\n  | 1 | 2 |", 3, None),
        ("Add up: a,b\n1,2", 3, 0),
        ("Add up:\n  a,b\n1,2", 3, 0),
        ("Add up:\na,b\n1,2\nplease", 3, 0),
        ("Add up:\na,b", 3, 0),
    ],
)
def test_a_table_in_a_text_has_its_own_lines(text: str, start: int, end: int | None) -> None:
    cut = Text(text)
    expected = [] if end == 0 else [(len(cut) if end is None else end, SMALL)]
    assert list(TABLE.scan(cut, start)) == expected


def test_two_delimiters_are_two_readings() -> None:
    assert len(TABLE.readings("a,;b\n1,;2")) == 2


@pytest.mark.parametrize(
    "tagged",
    [
        None,
        "a,b",
        {"$table": [["a", "b"]]},
        {"$table": {"columns": ["a", "b"], "rows": [["1", "2"]], "x": 1}},
        {"$table": {"columns": ["a", "b"], "rows": [["1", "2"]]}, "x": 1},
        {"$table": {"columns": ["a", "b"], "rows": [["1"]]}},
        {"$table": {"columns": ["a", "b"], "rows": ["12"]}},
        {"$table": {"columns": ["a", "b"], "rows": [["1", 2]]}},
        {"$table": {"columns": ["a", 1], "rows": [["1", "2"]]}},
        {"$table": {"columns": ["a"], "rows": [["1"]]}},
        {"$table": {"columns": ["a", "b"], "rows": []}},
        {"$table": {"columns": ["a", "a"], "rows": [["1", "2"]]}},
    ],
    ids=str,
)
def test_refuses_answers_that_are_no_table(tagged: object) -> None:
    with pytest.raises(ValueProblem):
        TABLE.from_tagged(tagged)


@pytest.mark.parametrize(
    "canonical", ["", "[]", SMALL + " ", SMALL.replace(",", ", "), '{"rows":[["1","2"]],"columns":["a","b"]}']
)
def test_refuses_what_is_not_canonical(canonical: str) -> None:
    with pytest.raises(ValueProblem, match="no table"):
        TABLE.check(canonical)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("price", ("price",)),
        ("unit  price", ("unit  price",)),
        ('"a, b?"', ("a, b?",)),
        ("price ($)", ("price ($)",)),
        ("price?", ()),
        ('"price', ()),
        ('""', ()),
        ("a b", ("a b",)),
        ("a b c", ()),
        ("unit_price-2024 (EUR/t)", ("unit_price-2024 (EUR/t)",)),
        ("price per unit", ("price per unit",)),
        ("number of units sold", ()),
        ('"number of units sold"', ("number of units sold",)),
        ("number of per unit", ()),
        ("date of birth", ("date of birth",)),
        ("Sepal.Length", ("Sepal.Length",)),
        ("Sepal. Length", ()),
        ("units.", ()),
        ("of units", ()),
        ("units of", ()),
        ("units and cost", ()),
        ("units in stock", ()),
        ('"units in stock"', ("units in stock",)),
        ("units,cost", ()),
        ("to", ()),
    ],
)
def test_reads_a_column(text: str, readings: tuple[str, ...]) -> None:
    assert COLUMN.readings(text) == readings


def test_every_end_of_a_column_is_a_reading() -> None:
    assert list(COLUMN.scan(Text("sum of unit price, please"), 2)) == [
        (3, "unit"),
        (4, "unit price"),
    ]
    assert list(COLUMN.scan(Text("sum of cost by date of birth in the file"), 4)) == [(5, "date"), (7, "date of birth")]


def test_finds_the_column_that_is_meant() -> None:
    columns = table(["Price", "price", "Unit Price", "x"], ["1", "2", "3", "4"])
    assert find_column(columns, "price") == "price"
    assert find_column(columns, "PRICE") is None
    assert find_column(columns, "unit  price") == "Unit Price"
    assert find_column(columns, "cost") is None


def test_a_column_has_a_name() -> None:
    for wrong in ("", "\ud800"):
        with pytest.raises(ValueProblem, match="is no column"):
            COLUMN.check(wrong)


@pytest.mark.parametrize("kind", (TABLE, COLUMN), ids=lambda kind: kind.name)
def test_samples(kind: TableType | ColumnType) -> None:
    check_samples(kind)
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "of",
        "per",
        " and ",
        ".",
        "1",
        "2.5",
        ",",
        ";",
        "\t",
        "|",
        "---",
        '"',
        '""',
        "\n",
        "\n\n",
        " ",
        "é",
        "```",
        "\\|",
    ]
)
JUNK = st.lists(PIECES, max_size=20).map("".join)


@given(JUNK)
def test_readings_are_sound(written: str) -> None:
    for kind in (TABLE, COLUMN):
        check_junk(kind, written)


@given(JUNK)
def test_an_attached_table_is_read_or_refused(written: str) -> None:
    try:
        canonical = table_of(written)
    except ValueProblem as problem:
        assert str(problem).startswith("line ")
    else:
        TABLE.check(canonical)


CELL = st.text(st.sampled_from('ab1 ",;\n\té'), max_size=4)


@given(
    st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=2, max_size=4, unique=True).flatmap(
        lambda header: st.tuples(
            st.just(header),
            st.lists(st.lists(CELL, min_size=len(header), max_size=len(header)), min_size=1, max_size=4),
        )
    ),
    st.sampled_from(",;\t"),
)
def test_reads_what_a_csv_writer_writes(content: tuple[list[str], list[list[str]]], mark: str) -> None:
    header, rows = content
    written = io.StringIO()
    csv.writer(written, delimiter=mark, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    assert json.loads(table_of(written.getvalue())) == {"columns": header, "rows": rows}


@pytest.mark.parametrize("more", [". In German", " / What is 2 + 2?", ", please", "; nothing else"])
def test_a_sentence_behind_the_last_cell_is_not_taken_for_its_text(more: str) -> None:
    assert not TABLE.readings("a,b\n1,2\n3,4" + more)
    assert not TABLE.readings("a,b\n1,x y\n3,x z" + more)
    assert TABLE.readings(f'a,b\n1,"2{more}"')  # here it is the cell's text
    assert TABLE.readings("a,b\n1,x y\n3,x z")
