"""The gates' decisions over facts; that they run real code is tested with the engine."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from seglam.compiler.assemble import extended
from seglam.compiler.framing import framed
from seglam.compiler.gates.agreement import agreement
from seglam.compiler.gates.alternatives import questions
from seglam.compiler.gates.checks import near_misses as near_misses_of
from seglam.compiler.gates.checks import settled_by
from seglam.compiler.gates.differential import Compared, HandCase, answer_name, difference, judge
from seglam.compiler.gates.examples import Tried
from seglam.compiler.gates.examples import judge as judge_examples
from seglam.compiler.gates.inputs import STRANGER, Case, cases, other_letters, other_members, other_numbers
from seglam.compiler.gates.match import match
from seglam.compiler.gates.narrowing import narrower
from seglam.compiler.gates.nearmisses import filled, lexicon, near_misses, wrongly_bound
from seglam.compiler.gates.static import MOST_YAML, example_values, faults, out_of_bounds
from seglam.compiler.replies import ExtensionReply
from seglam.compiler.running import Answer
from seglam.compiler.signature import signature_of
from seglam.lookup import Binding
from seglam.procedures import ReasoningProcedure, Request, Revision
from seglam.procedures.document import MAX_DOCUMENT_BYTES, Rule
from seglam.procedures.load import dump
from seglam.procedures.patterns import parse
from seglam.procedures.values import Sample
from seglam.sandbox import Fault, FaultKind, Finding, FunctionInfo, Inspection
from tests.documents import COUNTRIES, document, revision

SUM = document(
    "sum",
    patterns=["sum of {a} and {b}"],
    parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    code="def solve(a, b):\n    return str(a + b)\n",
    examples=[
        {
            "request": "sum of 1 and 2",
            "arguments": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
            "answer": "3",
        }
    ],
)
REVISION = Revision.of(SUM)
match_module = import_module("seglam.compiler.gates.match")
GOOD = Inspection(None, functions=(FunctionInfo("solve", ("a", "b"), (), 1),))


# Static


def test_code_that_keeps_the_rules_has_no_faults() -> None:
    assert faults(GOOD, REVISION) == []


@pytest.mark.parametrize(
    ("inspection", "words"),
    [
        (Inspection(Fault(FaultKind.SYNTAX, "invalid syntax", 3)), "does not parse"),
        (Inspection(None, functions=(FunctionInfo("other", (), (), 1),)), "defines no solve(a, b)"),
        (Inspection(None, functions=(FunctionInfo("solve", ("a",), (), 1),)), "solve takes (a)"),
        (Inspection(None, functions=GOOD.functions, unavailable_imports=("numpy",)), "no module numpy"),
        (Inspection(None, functions=GOOD.functions, findings=(Finding("clock", "now", 2),)), "line 2: clock"),
    ],
)
def test_what_breaks_a_rule_is_said(inspection: Inspection, words: str) -> None:
    (fault,) = faults(inspection, REVISION)
    assert words in fault


def test_members_of_closed_sets_are_no_example_values() -> None:
    found = document(
        parameters=[
            {"name": "n", "type": "integer"},
            {"name": "day", "type": "weekday"},
            {"name": "country", "type": "vocabulary", "vocabulary": "country"},
            {"name": "town", "type": "word"},
            {"name": "namesake", "type": "word"},
        ],
        vocabularies=[{"name": "country", "values": COUNTRIES}],
        patterns=["{n} {day} {country} : {town} : {namesake}"],
        examples=[
            {
                "request": "77 Monday France : Berlin : france",
                "arguments": [
                    {"name": "n", "value": "77"},
                    {"name": "town", "value": "Berlin"},
                    {"name": "namesake", "value": "france"},
                    {"name": "day", "value": "Monday"},
                    {"name": "country", "value": "France"},
                ],
                "answer": "x77",
            }
        ],
    )
    assert example_values(found.spec) == ["77", "Berlin", "x77"]


def test_a_document_that_could_not_be_read_again_is_said() -> None:
    assert out_of_bounds(SUM) is None
    many = [example for example in SUM.spec.examples or () for _ in range(65)]
    found = out_of_bounds(SUM.model_copy(update={"spec": SUM.spec.model_copy(update={"examples": many})}))
    assert found is not None and found.startswith("document spec.examples: ")
    patterns = [f"sum number {n} of {{a}} and {{b}} {'please ' * 500}" for n in range(60)]
    assert "more than" in (out_of_bounds(changed(*patterns)) or "")


# Examples


def ran(text: str | None, fault: str | None = None, **more: bool) -> Answer:
    return Answer(text, text, fault, **more)


@pytest.mark.parametrize(
    ("stated", "answers", "category"),
    [
        ("3", ["3", "3", "3", "3"], ""),
        (None, ["3", "3", "3", "3"], ""),
        ("4", ["3", "3", "3", "3"], "not the answer"),
        ("3", ["3", "3", "3", "4"], "not deterministic"),
        ("3", ["3", "3", "4", "4"], "not deterministic"),
        ("3", ["3", None, "3", "3"], "no answer"),
    ],
)
def test_examples_agree_four_times(stated: str | None, answers: list[str | None], category: str) -> None:
    tried = Tried("sum of 1 and 2", stated, tuple(ran(text, None if text else "fuel") for text in answers))
    said = [flaw.category for flaw in judge_examples(REVISION, [tried])]
    assert bool(said) == bool(category) and category in "".join(said)


def test_an_answer_that_returns_does_not_allow_is_said() -> None:
    improper = ran(None, "post-condition: too long", improper=True)
    (flaw,) = judge_examples(REVISION, [Tried("x", "3", (improper,) * 4)])
    assert "breaks what `returns` states" in flaw.category and flaw.path == ("spec", "examples", 0, "answer")


def test_no_example_is_a_fault() -> None:
    assert judge_examples(REVISION, [])


# Differential

CASE = Case("ordinary", {"a": "1", "b": "2"}, {"a": 1, "b": 2})
OUTSIDE = Case("stranger", {"a": STRANGER, "b": "2"}, {"a": STRANGER, "b": 2})
YES, NO, OTHER, LIMIT = ran("3"), ran(None, "refused"), ran("4"), ran(None, "fuel", limited=True)
IMPROPER = ran(None, "post-condition", improper=True)
REFUSES = ran(None, "refused: it is open", refused=True)
KNOWN = Case("exemplar", {"a": "1", "b": "2"}, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("case", "author", "again", "verifier", "differs"),
    [
        (CASE, YES, YES, YES, None),
        (CASE, NO, NO, NO, None),
        (CASE, YES, YES, OTHER, "the answers differ"),
        (CASE, NO, NO, YES, "gives no answer"),
        (CASE, REFUSES, REFUSES, YES, None),
        (CASE, REFUSES, NO, YES, "gives no answer"),
        (KNOWN, REFUSES, REFUSES, YES, "gives no answer"),
        (replace(CASE, kind="bound"), REFUSES, REFUSES, YES, "gives no answer"),
        (replace(CASE, kind="corner"), REFUSES, REFUSES, NO, None),
        (replace(CASE, kind="edited"), REFUSES, REFUSES, YES, None),
        (CASE, YES, YES, NO, "has no answer"),
        (CASE, YES, YES, REFUSES, "has no answer"),
        (CASE, YES, OTHER, YES, "two engine builds"),
        (CASE, YES, NO, YES, "two engine builds"),
        (CASE, IMPROPER, IMPROPER, NO, "`returns`"),
        (CASE, LIMIT, LIMIT, YES, None),
        (CASE, YES, YES, LIMIT, None),
        (OUTSIDE, NO, NO, YES, None),
        (OUTSIDE, YES, YES, NO, "outside a vocabulary"),
        (OUTSIDE, YES, YES, OTHER, "the answers differ"),
    ],
)
def test_two_implementations(case: Case, author: Answer, again: Answer, verifier: Answer, differs: str | None) -> None:
    found = difference(REVISION, Compared(case, author, again, verifier))
    assert found == differs if differs is None else differs in (found or "")


def compared(count: int, author: Answer = YES, verifier: Answer = YES) -> list[Compared]:
    return [Compared(CASE, author, author, verifier)] * count


def test_refusals_are_safe_but_may_not_be_common() -> None:
    few = judge(REVISION, [*compared(160), *compared(40, REFUSES)], [], [], [], {})
    assert few.passed and (few.detail["answered"], few.detail["refused"]) == (160, 40)
    many = judge(REVISION, [*compared(120), *compared(80, REFUSES)], [], [], [], {})
    assert not many.passed and "refuses much" in str(many.detail["category"])


def test_agreement_on_all_inputs_passes() -> None:
    found = judge(REVISION, compared(200), [], [], [HandCase({}, "3", "passed"), HandCase({}, "x", "cannot run")], {})
    assert found.passed and found.detail["answered"] == 200 and "category" not in found.detail


@pytest.mark.parametrize(
    ("runs", "untried", "broken", "hand", "category"),
    [
        (compared(199) + compared(1, YES, OTHER), [], [], [], "the answers differ (ordinary inputs)"),
        (compared(200), [], compared(1), [], "break a property"),
        (compared(200), [], [], [HandCase({}, "9", "failed")], "worked out by hand"),
        (compared(9) + compared(191, NO, NO), [], [], [], "too few"),
        (compared(90) + compared(110, LIMIT), [], [], [], "too slow"),
        (compared(200), [CASE], [], [], "too slow"),
        ([], [], [], [], "too few"),
    ],
)
def test_what_rejects(
    runs: list[Compared], untried: list[Case], broken: list[Compared], hand: list[HandCase], category: str
) -> None:
    found = judge(REVISION, runs, untried, broken, hand, {})
    assert not found.passed and category in found.detail["category"]


def test_the_category_tells_no_input() -> None:
    secret = Case("boundary", {"a": "987654"}, {"a": 987654})
    found = judge(REVISION, [Compared(secret, YES, YES, OTHER)], [], [], [], {})
    assert "987654" not in found.detail["category"] and "987654" not in found.summary
    assert found.detail["differences"][0]["arguments"] == {"a": "987654"}


def test_properties_receive_the_answer_under_a_free_name() -> None:
    clash = document(parameters=[{"name": "answer", "type": "integer"}], patterns=["{answer}"])
    assert answer_name(signature_of(SUM.spec)) == "answer" and answer_name(signature_of(clash.spec)) == "answer_"


# Inputs


def of_parameters(*parameters: Mapping[str, Any], **spec: Any) -> Revision:
    text = " ".join("{" + p["name"] + "}" for p in parameters if "origin" not in p) or "all"
    return Revision.of(document(parameters=parameters, patterns=[f"take {text}"], **spec))


def test_inputs_are_many_distinct_and_the_same_each_time() -> None:
    made = cases(REVISION, [{"a": "1", "b": "2"}])
    assert len(made) >= 200 and len({str(case.tagged) for case in made}) == len(made)
    assert made == cases(REVISION, [{"a": "1", "b": "2"}])
    assert made[0].kind == "exemplar" and {"a": 2, "b": 1} in [case.tagged for case in made if case.kind == "swapped"]


def test_bounds_hold_and_are_tried() -> None:
    bounded = of_parameters({"name": "n", "type": "integer", "minimum": "5", "maximum": "300"})
    numbers = [case.tagged["n"] for case in cases(bounded, [{"n": "7"}])]
    assert all(isinstance(n, int) and 5 <= n <= 300 for n in numbers) and {5, 300} <= set(numbers)


def test_bounds_meet_and_values_with_an_answer_have_neighbours() -> None:
    revision = of_parameters(
        {"name": "since", "type": "date", "minimum": "1600-01-01"},
        {"name": "n", "type": "integer", "minimum": "1", "maximum": "99"},
    )
    found = cases(revision, [{"since": "2024-02-29", "n": "90"}])
    corners = {(case.shown["since"], case.shown["n"]) for case in found}
    assert {("1600-01-01", "1"), ("1600-01-01", "99")} <= corners
    assert {("2024-02-29", n) for n in ("45", "89", "91")} | {
        (d, "90") for d in ("2024-02-28", "2024-03-01")
    } <= corners
    assert not any(case.shown["n"] == "180" for case in found)


def beside(name: str, revision: Revision, exemplar: Mapping[str, str]) -> set[str]:
    return {case.shown[name] for case in cases(revision, [exemplar], count=1)}


@pytest.mark.parametrize(
    ("kind", "value", "others"),
    [
        ("decimal", "1.5", {"-1.5", "0.75", "3.0", "-1.0"}),
        ("complex", "3+4i", {"-3+4i", "3-4i", "-3-3.5i"}),
        ("date", "2024-03-03", {"2024-02-25", "2024-03-02", "2024-03-10"}),
        ("time", "09:30", {"09:31:00", "09:30:00.000001"}),
        ("datetime", "2024-01-01T00:00:00", {"2023-12-31T23:59:59", "2024-01-02T00:00:00"}),
        ("equation", "2x + 3 = 11", {"11 = 2x + 3", "x * (2x + 3) = 11"}),
        ("expression", "4 + 2", {"(4 + 2) / 1", "-(4 + 2)"}),
        ("quoted", "Ab", {"aB", "Ab ", " Ab", ""}),
        ("list[token]", '["b","A"]', {'["b"]', '["A","b"]', '["b","A","b"]', '["b","A","B"]', '["b","A","(b)"]'}),
        ("list[integer]", '["2","1"]', {'["2"]', '["1","2"]', '["2","1","2"]', '["2","1","-2"]'}),
    ],
)
def test_values_with_an_answer_have_neighbours_of_their_type(kind: str, value: str, others: set[str]) -> None:
    revision = of_parameters({"name": "v", "type": kind})
    assert others <= beside("v", revision, {"v": value})


def test_arguments_of_one_type_meet_and_texts_hold_each_other() -> None:
    sums = of_parameters({"name": "a", "type": "complex"}, {"name": "b", "type": "complex"})
    assert "-3-3.5i" in beside("b", sums, {"a": "3+4i", "b": "1+1i"})  # a sum without a real part, below 1
    years = of_parameters({"name": "m", "type": "monthday"}, {"name": "d", "type": "date"})
    assert {"2024-05-06", "2025-05-06"} <= beside("d", years, {"m": "05-06", "d": "2024-09-01"})
    counts = of_parameters({"name": "c", "type": "character"}, {"name": "t", "type": "quoted"})
    assert {"treez", "zree", "trzee"} & beside("t", counts, {"c": "z", "t": "tree"})


def test_tables_hold_what_makes_their_order_or_their_numbers_uncertain() -> None:
    revision = of_parameters(
        {"name": "t", "type": "table", "origin": "input", "key": "text/csv"},
        {"name": "k", "type": "column"},
        {"name": "v", "type": "column"},
    )
    known = {"t": '{"columns":["k","v","w"],"rows":[["red","1.5","x"],["blue","2.5","y"]]}', "k": "k", "v": "v"}
    tables = [json.loads(text) for text in beside("t", revision, known)]
    made = [table["rows"] for table in tables if table["columns"] == ["k", "v", "w"]]
    keys, cells = [[row[0] for row in rows] for rows in made], [[row[1] for row in rows] for rows in made]
    assert ["red", "blue", "BLUE"] in keys and ["RED", "blue"] in keys and ["red", "blue", "red"] in keys
    assert ["", "blue"] in keys and ["red ", "blue"] in keys
    assert ["-0.125", "-0.125"] in cells and ["-1.5", "2.5"] in cells and any(len(each[0]) > 100 for each in cells)
    assert not any(row[2] in ("X", "Y") for rows in made for row in rows)  # nothing names this column
    assert beside("t", revision, {**known, "k": "other", "v": "other"})  # columns of another table


def test_narrow_bounds_far_from_any_sample_are_reached() -> None:
    bounded = of_parameters({"name": "n", "type": "integer", "minimum": "123456789", "maximum": "123456799"})
    assert {case.tagged["n"] for case in cases(bounded, [])} == set(range(123456789, 123456800))


def test_only_listed_values_are_tried() -> None:
    listed = of_parameters({"name": "n", "type": "integer", "oneOf": ["90", "180"]})
    assert {case.tagged["n"] for case in cases(listed, [])} == {90, 180}


def test_every_member_and_a_stranger_are_tried() -> None:
    vocabularies = [{"name": "country", "values": COUNTRIES}]
    for kind, stranger in (
        ("vocabulary", STRANGER),
        ("list[vocabulary]", [STRANGER]),
        ("records", [{"$record": [3, STRANGER]}]),
    ):
        made = cases(of_parameters({"name": "c", "type": kind, "vocabulary": "country"}, vocabularies=vocabularies), [])
        values = [case.tagged["c"] for case in made]
        single = {"vocabulary": "France", "list[vocabulary]": ["France"], "records": [{"$record": [3, "France"]}]}[kind]
        assert single in values
        assert [case.tagged["c"] for case in made if case.kind == "stranger"] == [stranger]


def test_columns_are_those_of_the_table_and_sources_are_as_written() -> None:
    table = of_parameters(
        {"name": "t", "type": "table", "origin": "input", "key": "text/csv"}, {"name": "c", "type": "column"}
    )
    for case in cases(table, [], count=40):
        shown = case.tagged["t"]
        assert isinstance(shown, dict) and case.tagged["c"] in shown["$table"]["columns"]
    sourced = of_parameters({"name": "f", "type": "fraction", "sourceAs": "f_text"})
    made = cases(sourced, [{"f": "1/2", "f_text": r"\frac{1}{2}"}], count=40)
    assert made[0].tagged["f_text"] == r"\frac{1}{2}" and all(case.tagged["f_text"] for case in made)


def test_neighbours_are_like_the_value() -> None:
    source = random.Random(1)
    assert {len(other_letters("abcab", source)) for _ in range(20)} == {5}
    assert any(other_numbers("3*x + 12 = 24", source) != "3*x + 12 = 24" for _ in range(5))
    assert other_members("no list", source) == "no list" and other_members("[]", source) == "[]"
    assert set(eval_json(other_members('["1","2"]', source))) <= {"1", "2"}


def eval_json(text: str) -> list[str]:
    found = json.loads(text)
    assert isinstance(found, list)
    return found


# Near misses


@pytest.mark.parametrize(
    ("sentence", "is_none"),
    [
        ("a total of {n} or more", True),
        ("a total of {n} and above?", True),
        ("a total of {n} or fewer dice", True),
        ("{n} or {m}", False),
        ("letters or more", False),
        ("the sum of {n} and more {m}", False),
        ("{n} and, above all, odd", False),
    ],
)
def test_and_or_or_before_a_word_that_makes_a_bound_says_the_same(sentence: str, is_none: bool) -> None:
    changes = {change for change, _, _ in near_misses(sentence, lexicon())}
    assert changes.isdisjoint({"and -> or", "or -> and"}) is is_none


def test_near_misses_change_words_of_meaning_only() -> None:
    found = list(near_misses("the sum of {a} and {b} is not zero", lexicon()))
    changes = {change: text for change, _, text in found}
    assert all(words in text for _, words, text in found)
    assert changes["sum -> difference"] == "the difference of {a} and {b} is not zero"
    assert changes["without not"] == "the sum of {a} and {b} is zero"
    assert changes["a and b swapped"] == "the sum of {b} and {a} is not zero"
    assert any(text.endswith("is not zero, rounded to two decimals?") for text in changes.values())
    assert not any("{not" in text or "{b not" in text for text in changes.values())


def test_values_are_filled_in_last() -> None:
    assert filled("{a} and {b}", {"a": Sample("sum {b}", "x")}) == "sum {b} and {b}"


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("(sum|total) of {a} and {b}", 0),
        ("(sum|difference) of {a} and {b}", 1),
        ("[not] the sum of {a} and {b}", 1),
        ("sum of {a} and {b} [, rounded to two decimals]", 1),
        ("sum of {a} (and|or) {b}", 1),
        ("sum of {a} and {b}[?|.|!]", 1),
        ("sum of {a}[!] and {b}", 1),
        ("sum of {a} and {b}[?|.] thanks[!]", 0),
    ],
)
def test_a_pattern_that_explains_another_meaning_is_found(pattern: str, wrong: int) -> None:
    revision = Revision.of(SUM.model_copy(update={"spec": SUM.spec.model_copy(update={"match": match_of(pattern)})}))
    values = {"a": Sample("3", "3"), "b": Sample("4", "4")}
    tried, found = wrongly_bound(revision, {pattern: parse(pattern, {})}, values, Request(text="x"))
    assert tried > 100 and bool(found) == bool(wrong)


def test_two_orders_of_values_that_cannot_be_mixed_up_are_no_near_miss() -> None:
    pattern = "solve (for {x} in {e}|{e} for {x})"
    parameters = ({"name": "x", "type": "variable"}, {"name": "e", "type": "equation"})
    revision = Revision.of(document(parameters=parameters, patterns=[pattern]))
    values = {"x": Sample("t", "t"), "e": Sample("2*t = 4", "2*t = 4")}
    tried, found = wrongly_bound(revision, {pattern: parse(pattern, {})}, values, Request(text="x"))
    assert tried > 100 and not any(each["change"].endswith("swapped") for each in found)


def test_near_misses_are_made_around_a_table_too() -> None:
    pattern = "the (first|last) row of {rows}[, please]"
    tabular = Revision.of(document(parameters=({"name": "rows", "type": "table"},), patterns=[pattern]))
    values = {"rows": Sample("a,b\n1,2", '{"columns":["a","b"],"rows":[["1","2"]]}')}
    tried, found = wrongly_bound(tabular, {pattern: parse(pattern, {})}, values, Request(text="x"))
    assert tried > 100 and {each["change"] for each in found} >= {"first -> last", "last -> first"}


def match_of(*patterns: str) -> Any:
    return document(patterns=patterns).spec.match


# Match


def decided(
    found: ReasoningProcedure,
    text: str,
    *elders: ReasoningProcedure,
    base: Any = None,
    judge: Any = None,
    alike: Sequence[str] = (),
) -> Any:
    asked: list[tuple[str, str]] = []

    def verdicts(pairs: Any) -> list[str]:
        asked.extend(pairs)
        return [(judge or (lambda left, right: "same"))(*pair) for pair in pairs]

    def serves(binding: Binding) -> bool:
        return binding.arguments.get("a") != "13"  # as if the code refused thirteen

    revisions = [Revision.of(elder) for elder in elders]
    evidence, left = match(found, Request(text=text), revisions, verdicts, serves, base, alike=alike)
    return evidence, left, asked


def changed(*patterns: str, refuse: list[str] | None = None, **parts: Any) -> ReasoningProcedure:
    spec = SUM.spec.model_copy(update={"match": match_of(*patterns).model_copy(update={"refuse": refuse}), **parts})
    return SUM.model_copy(update={"spec": spec})


def test_a_refusal_that_the_code_refuses_is_refused() -> None:
    found, _, _ = decided(changed("sum of {a} and {b}", refuse=["sum of 13 and {b}"]), "sum of 1 and 2")
    assert found.passed, found.summary
    found, _, _ = decided(changed("sum of {a} and {b}", refuse=["sum of 14 and {b}"]), "sum of 1 and 2")
    assert not found.passed and "sum of 14 and {b}" in found.detail["category"]


def test_a_request_that_does_not_bind_ends_it() -> None:
    found, _, _ = decided(SUM, "difference of 1 and 2")
    assert not found.passed and "no pattern matches the missed request" in found.detail["category"]


def test_nothing_but_an_elders_requests_is_rejected() -> None:
    elder = document(
        "adder",
        patterns=["sum of {a} and {b}"],
        parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    )
    found, _, _ = decided(SUM, "sum of 1 and 2", elder)
    assert not found.passed and "known procedure" in found.detail["category"]


def test_rules_are_contrasted_within_a_sentence_and_cut_in_their_own_text() -> None:
    rules = [Rule(name="end", text="(at once|in words)")]
    found, left, asked = decided(
        changed("[compute the] sum of {a} and {b} [<end>]", rules=rules),
        "compute the sum of 1 and 2",
        judge=lambda left, right: "different" if "in words" in right else "same",
    )
    assert ("sum of {a} and {b} at once", "sum of {a} and {b} in words") in asked
    assert found.passed and left.spec.rules[0].text == "at once"


def test_a_rule_with_parameters_is_judged_once_and_its_slots_are_the_patterns_own() -> None:
    rules = [Rule(name="both", text="({a} and {b}|{a} from {b})")]
    found, left, asked = decided(
        changed("sum of <both>", "total of <both>", "total (all|of <both>)", rules=rules),
        "sum of 1 and 2",
        judge=lambda left, right: "different" if "from" in right or left == "total all" else "same",
    )
    assert found.passed and [pair for pair in asked if "from" in pair[1]] == [
        ("sum of {a} and {b}", "sum of {a} from {b}")
    ]
    assert left.spec.rules[0].text == "{a} and {b}"
    assert [each.text for each in left.spec.match.patterns] == ["sum of <both>", "total of <both>"]


def test_an_extension_loses_the_patterns_that_explain_another_meaning() -> None:
    before = changed("sum of {a} and {b}")
    after = changed("sum of {a} and {b}", "(total|difference) of {a} and {b}", "{a} plus {b}")
    found, _, _ = decided(after, "difference of 1 and 2", base=before.spec)
    assert not found.passed and "means something else" in found.detail["category"]
    wide = "(earlier|later) total of {a} and {b}"  # either may be the wrong one
    after = changed("sum of {a} and {b}", wide, "{a} plus {b}")
    found, left, _ = decided(after, "1 plus 2", base=before.spec)
    assert found.passed and "left out" in found.summary
    assert [each.text for each in left.spec.match.patterns] == ["sum of {a} and {b}", "{a} plus {b}"]
    assert {each["pattern"] for each in found.detail["tooWide"]} == {wide}


def test_an_alternative_that_makes_a_near_miss_goes_and_its_pattern_stays() -> None:
    before = changed("sum of {a} and {b}")
    after = changed("sum of {a} and {b}", "(total|difference) of {a} and {b}", "{a} plus {b}")
    found, left, _ = decided(after, "1 plus 2", base=before.spec)
    assert found.passed and len(found.detail["wideAlternatives"]) == 1
    assert [each.text for each in left.spec.match.patterns] == [
        "sum of {a} and {b}",
        "total of {a} and {b}",
        "{a} plus {b}",
    ]


def test_a_rule_loses_the_alternative_that_makes_a_near_miss_though_only_another_rule_names_it() -> None:
    before = changed("sum of {a} and {b}")
    rules = [Rule(name="of", text="<noun> of|<noun> from"), Rule(name="noun", text="total|difference|amount")]
    after = changed("sum of {a} and {b}", "<of> {a} and {b}", rules=rules)
    found, left, asked = decided(after, "total of 1 and 2", base=before.spec)
    assert found.passed and [rule.text for rule in left.spec.rules] == ["<noun> of|<noun> from", "total|amount"]
    assert ("total of {a} and {b}", "amount of {a} and {b}") in asked


@pytest.mark.parametrize(("verdict", "kept"), [("same", True), ("unsure", False)])
def test_what_was_asked_stays_in_its_own_words_if_these_are_known_to_mean_the_same(verdict: str, kept: bool) -> None:
    before, wide = changed("sum of {a} and {b}"), "(earlier|later) total of {a} and {b} [again]"

    def judge(_: str, right: str) -> str:
        return verdict if right == "earlier total of {a} and {b}" else "same"

    alike = ["earlier total of 1 and 2", "earlier total of 3 and 4"]
    after = changed("sum of {a} and {b}", wide, "{a} plus {b}")
    found, left, _ = decided(after, "1 plus 2", base=before.spec, judge=judge, alike=alike)
    said = {"pair": ("sum of {a} and {b}", "earlier total of {a} and {b}"), "verdict": verdict}
    assert found.passed and said in found.detail["ownWords"]
    own = ["earlier total of {a} and {b}"] if kept else []
    assert [each.text for each in left.spec.match.patterns] == ["sum of {a} and {b}", "{a} plus {b}", *own]


@pytest.mark.parametrize(("verdict", "kept"), [("same", True), ("different", False), ("unsure", False)])
def test_a_change_that_may_be_none_is_the_verifiers_to_judge(verdict: str, kept: bool) -> None:
    before, wide = changed("sum of {a} and {b}"), "total of (all|any) of {a} and {b}"
    after = changed("sum of {a} and {b}", wide, "{a} plus {b}")

    def judge(left: str, right: str) -> str:
        by_gate_alone = left.startswith("total of") and right.startswith("total of") and "plus" not in left
        return verdict if by_gate_alone and left != "total of all of {a} and {b}" else "same"

    found, left, _ = decided(after, "1 plus 2", base=before.spec, judge=judge)
    assert found.passed and (wide in [each.text for each in left.spec.match.patterns]) is kept
    tried = near_misses_of(Revision.of(after), [Request(text="sum of 1 and 2")])
    assert tried is not None and tried.flaws and not tried.certain.flaws


def test_near_misses_are_made_of_what_a_pattern_says_within_its_frame() -> None:
    def looking_framed(core: str) -> Revision:
        return Revision.of(changed("sum of {a} and {b}", f"{core} [[.|,] (only|not only)]"))

    def standard(core: str) -> Revision:
        base = Revision.of(changed("sum of {a} and {b}"))
        return Revision.of(extended(base, framed(ExtensionReply(procedure=base.name, patterns=[core]), base)))

    given = [Request(text="sum of 1 and 2")]
    for core, wide in (
        ("[from] the numbers {a} and {b} make the sum", False),
        ("the [not] total of {a} and {b}", True),
    ):
        tried = near_misses_of(standard(core), given)
        assert tried is not None and tried.tried and bool(tried.flaws) is wide, core
    somebodys = near_misses_of(looking_framed("the total of {a} and {b}"), given)
    assert somebodys is not None and somebodys.flaws, "what only looks like a frame is tried"


def test_of_two_new_patterns_that_mean_different_things_none_is_kept() -> None:
    before = changed("sum of {a} and {b}")
    after = changed("sum of {a} and {b}", "total of {a} and {b}", "total of {a} and not {b}", "{a} plus {b}")
    found, left, _ = decided(after, "1 plus 2", base=before.spec)
    assert found.passed
    assert [each.text for each in left.spec.match.patterns] == ["sum of {a} and {b}", "{a} plus {b}"]


def test_an_old_pattern_that_a_rule_makes_too_wide_rejects_all() -> None:
    before = changed("<sum> of {a} and {b}", rules=[Rule(name="sum", text="sum")])
    after = changed("<sum> of {a} and {b}", "{a} plus {b}", rules=[Rule(name="sum", text="sum|difference")])
    found, left, _ = decided(after, "1 plus 2", base=before.spec)
    assert not found.passed and left.spec.match.patterns == after.spec.match.patterns


def test_a_rule_that_nobody_names_is_no_rule_that_grew() -> None:
    before = changed("sum of {a} and {b}", rules=[Rule(name="unused", text="at once")])
    after = changed("sum of {a} and {b}", "{a} plus {b}")
    assert settled_by(before.spec, after.spec) == {"sum of {a} and {b}"}
    grown = changed("sum of {a} and {b}", "{a} plus {b}", rules=[Rule(name="unused", text="at once|again")])
    assert settled_by(before.spec, grown.spec) == set()


def test_a_rule_that_grows_is_asked_about_for_what_is_new() -> None:
    before = changed("sum of {a} and {b} [<end>]", rules=[Rule(name="end", text="at once|(right now|today)")])
    after = changed("sum of {a} and {b} [<end>]", rules=[Rule(name="end", text="at once|(right now|today)|quickly")])
    _, _, asked = decided(after, "sum of 1 and 2", base=before.spec)
    assert asked == [("sum of {a} and {b} at once", "sum of {a} and {b} quickly")]


@pytest.mark.parametrize(
    ("further", "verdict", "kept"),
    [
        ("mystery of {a} and {b}", "different", 1),
        ("mystery of {a} and {b}", "unsure", 2),
        ("mystery of {a} and {b}", "same", 2),
        ("{a} {b}", "unsure", 1),
        ("{a}, {b}", "unsure", 1),
        ("{a}, {b}", "same", 2),
        ("{a} + {b}", "unsure", 2),
    ],
)
def test_a_further_pattern_that_asks_something_else_or_nothing_goes(further: str, verdict: str, kept: int) -> None:
    old = changed("sum of {a} and {b}")
    pair = ("sum of {a} and {b}", further)
    found, left, asked = decided(
        changed("sum of {a} and {b}", further),
        "sum of 1 and 2",
        base=old.spec,
        judge=lambda *each: verdict if each == pair else "same",
    )
    assert pair in asked and found.passed
    assert len(left.spec.match.patterns) == kept


def test_an_extension_by_another_question_is_rejected() -> None:
    old = changed("sum of {a} and {b}")
    both = changed("sum of {a} and {b}", "mystery of {a} and {b}")
    found, _, _ = decided(both, "mystery of 1 and 2", base=old.spec, judge=lambda left, right: "different")
    assert not found.passed and "no pattern matches the missed request" in found.detail["category"]


def test_examples_go_with_the_alternatives_that_bound_them() -> None:
    found, left, _ = decided(
        changed("(the sum of|sum of) {a} (and|plus) {b}"),
        "the sum of 1 plus 2",
        judge=lambda left, right: "unsure",
    )
    assert found.passed and found.detail["examplesDropped"] == 1
    assert [pattern.text for pattern in left.spec.match.patterns] == ["(the sum of|sum of) {a} plus {b}"]
    assert left.spec.examples is None


# Agreement


@pytest.mark.parametrize(("direct", "agrees"), [("3", True), ("4", False)])
def test_a_difference_is_shown_and_rejects_nothing(direct: str, agrees: bool) -> None:
    found = agreement(REVISION, "3", direct)
    assert found.passed and found.detail["agrees"] is agrees and ("review" in found.summary) is not agrees


def test_a_direct_answer_of_another_form_differs() -> None:
    number = Revision.of(document(returns="decimal", code="def solve(n):\n    return n\n"))
    assert agreement(number, "1.50", "1.5").detail["agrees"] is True
    assert agreement(number, "1.50", "one and a half").detail["agrees"] is False


def test_no_direct_answer_is_nothing_to_compare() -> None:
    assert agreement(REVISION, "3", None).detail == {"compared": False}


def test_a_document_that_is_too_large_in_yaml_is_found_whatever_its_json_takes() -> None:
    """The size in YAML is computed only where the size in JSON leaves a doubt; these are mostly indentation."""
    crowded = document(vocabularies=[{"name": "v", "values": [{"value": "a", "names": ["1"] * 64}] * 500}])
    size = len(crowded.model_dump_json(by_alias=True, exclude_none=True))
    assert size < MAX_DOCUMENT_BYTES < len(dump(crowded)) <= size * MOST_YAML
    assert "more than" in str(out_of_bounds(crowded))


def test_where_questions_are_too_many_a_rejected_difference_is_not_asked_about_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(match_module, "MAX_PAIRS", 5)
    monkeypatch.setattr(match_module, "PAIRS_AT_ONCE", 3)
    made = document(patterns=["double {n} (now|at once|today)", "twice {n} (now|at once|today)", "{n} times two"])
    told: list[tuple[str, str]] = []

    def judge_(pairs: Sequence[tuple[str, str]]) -> list[str]:
        told.extend(pairs)
        return ["different" if "today" in right else "same" for _, right in pairs]

    questions_ = questions(made, Request(text="double 4 now"))
    verdicts = match_module._verdicts(questions_, judge_, {})
    assert len(told) == len(verdicts) <= 5 < len({each.pair for each in questions_}) + 1
    assert [right for _, right in told if "today" in right] == ["double {n} today"]
    assert ("double {n} now", "twice {n} now") in told and ("double {n} now", "{n} times two") in told
    left = [each for each in questions_ if each.rejected(verdicts.get(each.pair))]
    assert {each.right for each in left} == {"double {n} today", "twice {n} today"}


def test_a_pattern_is_asked_about_in_the_words_that_somebody_used() -> None:
    made = document(patterns=["double {n}", "twice {n} [in digits]", "{n} times two [in digits]"])
    asked = {each.pair for each in questions(made, Request(text="double 4"), alike=["twice 4 in digits"])}
    assert ("double {n}", "twice {n} in digits") in asked
    assert ("twice {n} in digits", "twice {n}") in asked, "what everybody said is not left out unasked"
    assert ("double {n}", "{n} times two") in asked, "nobody said this one"


def test_columns_of_generated_inputs_differ_where_the_table_has_enough() -> None:
    named = [{"name": name, "type": "column"} for name in ("value", "group")]
    table = {"name": "table", "type": "table", "origin": "input", "key": "text/csv"}
    made = revision("by", patterns=["sum of {value} by {group}"], parameters=[table, *named],
                    code="def solve(table, value, group):\n    return 'x'\n")  # fmt: skip
    tried = [case.shown for case in cases(made, [])]
    equal = [shown for shown in tried if shown["value"] == shown["group"]]
    assert tried and len(equal) < len(tried) // 4


def test_words_of_the_request_stay_where_plainer_ones_of_a_rule_do_not_mean_the_same() -> None:
    rule = {"name": "order", "text": "(sort them|sort them alphabetically)"}
    made = document(patterns=["double {n}; <order>"], rules=[rule])
    request = Request(text="double 4; sort them alphabetically")
    evidence, left = match(made, request, [], lambda pairs: ["unsure"] * len(pairs), lambda _: True)
    assert "not bound" not in evidence.summary, evidence.summary
    assert [each.text for each in left.spec.rules or ()] == ["sort them alphabetically"]


@pytest.mark.parametrize(
    ("pattern", "pairs", "foreign", "left"),
    [
        ("(total|difference|sum) of {a}", [("total of 1", "difference of 1")], [], "sum of {a}"),
        ("(total|difference) of {a}", [("total of 1", "difference of 1")], [], None),
        ("[total|difference] of {a}", [("total of 1", "difference of 1")], [], "of {a}"),
        ("sum [not] of {a}", [("sum of 1", "sum not of 1")], [], None),
        ("(sum|(<word>|total) all) of {a}", [("total all of 1", "difference all of 1")], [], "sum of {a}"),
        ("(<word>|total) of {a}", [("difference of 1", "product of 1")], [], "(quotient|total) of {a}"),
        ("sum of {a}", [("sum of 1", "difference of 1")], [], None),
        ("sum of {a}", [], [("total of 1", "sum of 1")], None),
        ("sum of {a}", [], [("sum of 1", "total of 1")], "sum of {a}"),
        ("(sum|total|all) of {a}", [], [("sum of 1", "total of 1")], "all of {a}"),
        ("(total|({a}|{a} x)) [of {a}]", [("total of 1", "1 x of 1")], [], None),
    ],
)
def test_of_words_that_mean_different_things_in_a_pattern_both_go(
    pattern: str, pairs: list[tuple[str, str]], foreign: list[tuple[str, str]], left: str | None
) -> None:
    found = revision(
        "sums",
        patterns=["sum of {a}"],
        parameters=[{"name": "a", "type": "integer"}],
        rules=[{"name": "word", "text": "difference|product|quotient"}],
    )
    assert narrower(found, pattern, pairs, foreign) == left
