"""Overlap: found exactly where a common request exists, with a witness that both patterns accept."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import partial
from itertools import product

import pytest
from hypothesis import given, settings

from seglam.lookup import Hit, Index
from seglam.lookup import overlap as overlap_module
from seglam.lookup.machine import Machine, may_meet
from seglam.lookup.overlap import Witness, accepts, machines_of, meet, overlaps
from seglam.lookup.product import Undecided, common
from seglam.procedures import Attachment, Request, Revision
from seglam.procedures.patterns import compile_pattern, parse
from seglam.procedures.text import Text
from seglam.procedures.values import ValueType, value_type
from seglam.procedures.values.filenames import FILE_NAME
from tests.documents import COUNTRIES, capital, revision
from tests.patterns import RULES, TYPES, Run, language, pattern_texts, readable

TEXTS = [
    Text("".join(token + space for token, space in zip(tokens, (*spaces, ""), strict=True)))
    for length in range(1, 5)
    for tokens in product(("a", "b", "1", "-", "?"), repeat=length)
    for spaces in product(("", " "), repeat=length - 1)
]
"""Every text of up to four tokens over a small alphabet."""
RUNS: Mapping[str, ValueType] = {
    **TYPES,
    "w": Run("word"),
    "l": Run("letter"),
    "d": Run("digits", "mark"),
    "a": Run("word", "digits", "mark"),
}


def machine(pattern: str, types: Mapping[str, ValueType] = RUNS) -> Machine:
    return Machine(compile_pattern(parse(pattern, RULES), types))


def real(**names: str) -> dict[str, ValueType]:
    return {name: value_type(kind) for name, kind in names.items()}


@settings(max_examples=80)
@given(pattern_texts(), pattern_texts())
def test_overlap_is_found_exactly_where_texts_are_shared(left: str, right: str) -> None:
    trees = readable(left), readable(right)
    if trees[0] is None or trees[1] is None:
        return
    machines = [Machine(compile_pattern(tree, TYPES)) for tree in trees if tree]
    shared = [text.text for text in TEXTS if accepts(machines[0], text) and accepts(machines[1], text)]
    witness = meet(*machines)
    if shared:
        assert witness is not None, shared
    if witness is not None:
        assert witness.decided
        assert witness.confirmed, "the small types are exact"
        assert all(accepts(each, Text(witness.text)) for each in machines)
    # Texts of more than four tokens are not among those tried; shorter patterns have none.
    longest = min(
        max(sum(3 if t[0] == "{" else 1 for t in tokens) for tokens in language(tree)) for tree in trees if tree
    )
    if not shared and longest < 4:
        in_alphabet = witness and all(token in set("ab1-?") for token in Text(witness.text).tokens)
        assert not in_alphabet, witness


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [
        ("a b", "a b", True),
        ("a b", "a c", False),
        ("a b?", "a b", True),
        ("a b?", "a b.", True),
        ("a b!", "a b", False),
        ("a b [c]", "a [c] b", True),
        ("(a|b) c", "(b|d) c", True),
        ("(a|b) c", "(d|e) c", False),
        ("A B", "a b", True),
        ("a {w}", "a b", True),
        ("a {w}", "a 1", False),
        ("a {d}", "a 1", True),
        ("a {d}", "a b", False),
        ("a {l}", "a b", True),
        ("a {l}", "a bb", False),
        ("a {w}", "a {l}", True),
        ("a {w} c", "a {d} c", False),
        ("{a}", "what is b", False),
        ("{a}", "a-b", True),
        ("x {d}", "x - 1", True),
        ("{z} b", "a - b", True),
        ("{z} b", "a-b", True),
        ("{y} {w}", "1 {a}", True),
        ("{w}", "{w}?", True),
        ("{x}?", "a ?", True),
        ("a {d}", "a?", True),
    ],
)
def test_pairs(left: str, right: str, shared: bool) -> None:
    for pair in ((left, right), (right, left)):
        witness = meet(*map(machine, pair))
        assert (witness is not None) is shared, witness
        assert witness is None or (witness.confirmed and witness.decided), witness


def test_two_words_that_touch_are_one_word() -> None:
    # A run of words is one word: no second one can touch it.
    assert meet(machine("{w} 1"), machine("a b 1")) is None
    assert meet(machine("{a} {z}"), machine("b a - c")) is None


@pytest.mark.parametrize(
    ("left", "right", "types", "witness"),
    [
        ("add {x} and {y}", "add {x} and {y}", real(x="integer", y="integer"), "add 0 and 0"),
        ("{q} has how many letters", "{q} has how many letters?", real(q="quoted"), None),
        ("evaluate {e}", "evaluate {x} + {y}", real(e="expression", x="integer", y="integer"), None),
        ("the date {d}", "the date {x}-{y}-{x}", real(d="date", x="integer", y="integer"), None),
        ("sum of {l}", "sum of {x} and {y}", real(l="list[integer]", x="integer", y="integer"), None),
        ("find {x}%", "find {p}", real(x="integer", p="percent"), None),
        ("what day is {d}", "what day is {m} {y}", real(d="date", m="monthday", y="year"), None),
        ("pivot {f} by rows", "pivot {f} [by] rows", {"f": FILE_NAME}, "pivot sales.csv by rows"),
        ("after 'w:' {x} end", "after 'w:' {y} end", real(x="word", y="token"), None),
    ],
)
def test_real_types_meet(left: str, right: str, types: dict[str, ValueType], witness: str | None) -> None:
    found = meet(machine(left, types), machine(right, types))
    assert found is not None
    if witness is not None:
        assert found == Witness(witness, confirmed=True, decided=True)


@pytest.mark.parametrize(
    ("left", "right", "types"),
    [
        ("add {x}", "add {d}", real(x="integer", d="weekday")),
        ("count {x} now", "count {q} now", real(x="integer", q="quoted")),
        ("in {y} years", "in {w} years", real(y="integer", w="month")),
        ("at {t}", "at {w}", real(t="time", w="weekday")),
        ("pivot {f} by {c}", "pivot {f} {c}s", {**real(c="weekday"), "f": FILE_NAME}),
        ("pivot {f} by rows", "pivot {f} rows", {"f": FILE_NAME}),
    ],
)
def test_real_types_that_do_not_meet(left: str, right: str, types: dict[str, ValueType]) -> None:
    assert meet(machine(left, types), machine(right, types)) is None


def test_vocabularies_meet_where_they_share_a_name() -> None:
    def about(name: str, *members: str) -> Revision:
        return revision(
            name,
            patterns=["the flag of {c}"],
            parameters=[{"name": "c", "type": "vocabulary", "vocabulary": "c"}],
            vocabularies=[{"name": "c", "values": [{"value": member} for member in members]}],
        )

    north, both, south = about("north", "Norway", "Finland"), about("both", "Finland", "Spain"), about("south", "Spain")
    assert overlaps(north, [south]) == []
    (found,) = overlaps(north, [both, south])
    assert (found.elder, found.witness, found.confirmed) == (both, "the flag of finland", True)


# The prefilter


@settings(max_examples=60)
@given(pattern_texts(), pattern_texts())
def test_the_prefilter_never_hides_an_overlap(left: str, right: str) -> None:
    trees = readable(left), readable(right)
    if trees[0] is None or trees[1] is None:
        return
    one, other = (Machine(compile_pattern(tree, TYPES)) for tree in trees if tree)
    if next(common(one, other), None) is not None:
        assert may_meet(one, other)
        assert may_meet(other, one)


def test_needs_are_the_words_of_every_sentence() -> None:
    assert machine("(what is|tell me) the [big] capital of {x}?").needs == {"the", "capital", "of"}
    assert machine("(a b|b c)").needs == {"b"}
    assert machine("a?").needs == {"a"}
    assert machine("(a|b) c [d]").forms == 4
    assert machine("the {d}").may_hold("7")
    assert not machine("the {d}").may_hold("seven")


# Bounds


def test_past_the_bound_a_question_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = machine("a " + "[b] " * 30 + "c"), machine("a " + "[b] " * 30 + "d")
    assert list(common(left, right)) == []
    with pytest.raises(Undecided):
        list(common(left, right, max_steps=10))
    alike = machine("a [b] c")
    assert meet(alike, alike) == Witness("a c", confirmed=True, decided=True)
    monkeypatch.setattr(overlap_module, "common", partial(common, max_steps=1))
    assert meet(alike, alike) == Witness("", confirmed=False, decided=False)


# Revisions


def test_overlaps_name_both_patterns_and_the_elder() -> None:
    elder = capital()
    newcomer = revision(
        "capital-again",
        patterns=["population of {country}", "(name|list) the capital city of {country}"],
        parameters=[{"name": "country", "type": "vocabulary", "vocabulary": "country"}],
        vocabularies=[{"name": "country", "values": COUNTRIES}],
    )
    (found,) = overlaps(newcomer, [elder, revision("other", patterns=["halve {n}"])])
    assert (found.newcomer_pattern, found.elder, found.elder_pattern) == (1, elder, 0)
    assert found.witness == "name the capital city of South Korea"
    assert found.confirmed and found.decided


def test_a_revision_does_not_overlap_with_itself() -> None:
    assert overlaps(capital(), [capital()]) == []


def test_bounds_of_parameters_are_not_looked_at() -> None:
    small = revision("small", parameters=[{"name": "n", "type": "integer", "maximum": "9"}])
    large = revision("large", parameters=[{"name": "n", "type": "integer", "minimum": "10"}])
    assert len(overlaps(small, [large])) == 1


TABLE_TEXT = {"name": "table", "type": "table"}
TABLE_FILE = {**TABLE_TEXT, "origin": "input", "key": "text/csv"}
CSV = {"t.csv": Attachment("text/csv", "a,b\n1,2")}


def test_a_table_in_the_text_and_an_attached_one_are_apart() -> None:
    inline = revision("inline", patterns=["count the rows of [this csv:] {table}"], parameters=[TABLE_TEXT])
    attached = revision("attached", patterns=["count the rows of {table}"], parameters=[TABLE_FILE])
    assert meet(machines_of(inline)[0], machines_of(attached)[0])
    assert overlaps(inline, [attached]) == overlaps(attached, [inline]) == []
    index = Index()
    index.add(inline)
    index.add(attached)
    inline_text, attached_text = "count the rows of\na,b\n1,2", "count the rows of t.csv"
    for request, right in (
        (Request(text=inline_text), inline),
        (Request(text=inline_text, inputs=CSV), None),
        (Request(text=attached_text), None),
        (Request(text=attached_text, inputs=CSV), attached),
    ):
        found = index.find(request)
        assert (found.binding.revision if isinstance(found, Hit) else None) is right


def test_columns_end_where_the_sentence_goes_on() -> None:
    columns = [{"name": name, "type": "column"} for name in ("value", "group", "across")]
    plain = revision("plain", patterns=["sum of {value} by {group} in {table}"], parameters=[TABLE_FILE, *columns[:2]])
    crossed = ["sum of {value} by {group} and {across} in {table}", "sum of {value} by {group}, {across} in {table}"]
    newcomer = revision("crossed", patterns=crossed, parameters=[TABLE_FILE, *columns])
    assert overlaps(newcomer, [plain]) == []
    again = revision("again", patterns=["sum of {value} by {group} in {table}"], parameters=[TABLE_FILE, *columns[:2]])
    assert overlaps(again, [plain]) != []


def test_a_value_that_is_nothing_s_part_touches_no_word() -> None:
    bases, code = real(n="code"), real(n="code", b="integer")
    assert meet(machine("convert x{n}", bases), machine("convert {n}", bases)) is None, "x7 is one value"
    assert meet(machine("take x {n}", code), machine("take x{b}", code)) is not None, "with a space"
    left, right = machine("to base {n}", bases), machine("to base{n}base{b}", code)
    assert meet(left, right) is None, "7base7 would be a part of the sentence and a value"
    columns = real(n="column", m="column")
    witness = meet(machine("sum {n}per {m}", columns), machine("sum 7per {m}", columns))
    assert witness is not None and "7 per" in witness.text, "a column's name ends where a word does"


def test_machines_live_as_long_as_their_revision() -> None:
    kept = capital()
    assert machines_of(kept) is machines_of(kept)
    key = id(kept)
    assert key in overlap_module._MACHINES
    del kept
    gc.collect()
    assert key not in overlap_module._MACHINES


# Structured requests


def structured(name: str, *fields: Mapping[str, str], kind: str = "integer") -> Revision:
    return revision(
        name,
        patterns=[],
        parameters=[{"name": "n", "type": kind}],
        match={"patterns": None, "structured": {"fields": [dict(field) for field in fields]}},
    )


SUM = {"pointer": "/op", "equals": '"sum"'}
N = {"pointer": "/n", "parameter": "n"}


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [
        ([SUM, N], [SUM, N], True),
        ([SUM, N], [{"pointer": "/op", "equals": '"product"'}, N], False),
        ([SUM, N], [SUM, {"pointer": "/m", "parameter": "n"}], False),
        ([SUM, N], [SUM], False),
        ([SUM, N], [SUM, {"pointer": "/n", "equals": "5"}], True),
        ([SUM, N], [SUM, {"pointer": "/n", "equals": '"five"'}], False),
        ([SUM, N], [SUM, {"pointer": "/n/deep", "parameter": "n"}], True),
        ([{"pointer": "/a/b", "parameter": "n"}], [{"pointer": "/a/c", "parameter": "n"}], False),
        ([{"pointer": "/v", "equals": "1"}], [{"pointer": "/v", "equals": "1.0"}], False),
        ([{"pointer": "/v", "equals": "1"}], [{"pointer": "/v", "equals": "true"}], False),
        ([{"pointer": "/v", "equals": "[1, 2]"}], [{"pointer": "/v", "equals": "[1,2]"}], True),
    ],
)
def test_structured_forms(left: list[Mapping[str, str]], right: list[Mapping[str, str]], shared: bool) -> None:
    one, other = structured("one", *left), structured("other", *right)
    if one.digest == other.digest:
        other = structured("other", *right, kind="decimal")
    for newcomer, elder in ((one, other), (other, one)):
        found = overlaps(newcomer, [elder])
        assert bool(found) is shared
        for each in found:
            assert (each.newcomer_pattern, each.elder_pattern, each.decided) == (None, None, True)


def test_structured_witness_is_a_value_that_both_take() -> None:
    (found,) = overlaps(structured("one", SUM, N), [structured("two", N, SUM, kind="decimal")])
    assert found.confirmed
    assert found.witness in ('{"op":"sum","n":"0"}', '{"n":"0","op":"sum"}')


def test_text_and_structured_requests_never_meet() -> None:
    assert overlaps(structured("one", SUM, N), [revision("two")]) == []
