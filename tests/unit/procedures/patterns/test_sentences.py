"""Sentences of patterns, the way of a request through a pattern, and contrasts."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.lookup.trie import Template, Trie
from seglam.procedures.patterns import FINAL_MARKS, Choice, Node, compile_pattern, parse, shared_rules
from seglam.procedures.patterns.function_words import meaning
from seglam.procedures.patterns.sentences import (
    Contrast,
    contrasts,
    path_of,
    plain_sentence,
    reject,
    sample_values,
    sentences,
)
from seglam.procedures.text import Text
from seglam.procedures.values import Sample, value_type
from tests.patterns import RULES, TYPES, language, pattern_texts, readable

VALUES = {"x": Sample("12", "12"), "y": Sample("18", "18"), "country": Sample("France", "France")}
NUMBERS = {"x": value_type("integer"), "y": value_type("integer")}


def accepts(tree: Node, text: str) -> bool:
    trie = Trie()
    trie.add(Template(None, 0, compile_pattern(tree, TYPES)))
    return bool(trie.parses(Text(text)))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(what is|what's) the capital [city] of {country}?", "what is the capital of France?"),
        ("What's {x} + {y} [, please]?", "What's 12 + 18?"),
        ("{country}'s capital", "France's capital"),
        ("the day[s] [now], {x}", "the day, 12"),
        ("{x}{y}", "12 18"),
        ("add{x}", "add12"),
        (r"\[{x}\]  (a|b)-c", "[12] a-c"),
        ("<kind> {x}", "k 12"),
        ("[a] {x}% of [the] {y}", "12% of 18"),
        ("({x}|a) [b]", "12"),
    ],
)
def test_plain_sentences_read_as_patterns_are_written(pattern: str, text: str) -> None:
    assert plain_sentence(parse(pattern, RULES), VALUES).text == text


def test_arguments_are_those_of_the_sentence() -> None:
    tree = parse("add {x} [and {y}]", {})
    assert plain_sentence(tree, {"x": Sample("1,000", "1000")}).arguments == {"x": "1000"}


@given(pattern_texts(), st.integers(0, 2**32))
def test_sentences_are_accepted_by_their_own_automaton(pattern: str, seed: int) -> None:
    tree = readable(pattern)
    if tree is None:
        return
    for sentence in sentences(tree, TYPES, random.Random(seed), limit=8):
        assert accepts(tree, sentence.text), sentence.text
        for name, canonical in sentence.arguments.items():
            TYPES[name].check(canonical)


def without_final_marks(tokens: Sequence[str]) -> Sequence[str]:
    """Marks at a request's end are free, those that the pattern itself has too."""
    return without_final_marks(tokens[:-1]) if tokens and tokens[-1] in FINAL_MARKS else tokens


@given(pattern_texts(rules=False), st.integers(0, 2**32))
def test_the_path_of_a_sentence_writes_it_again(pattern: str, seed: int) -> None:
    tree = readable(pattern)
    if tree is None:
        return
    values = sample_values(TYPES, random.Random(seed))
    for sentence in sentences(tree, TYPES, random.Random(seed), values=values, limit=8):
        text = Text(sentence.text)
        taken = path_of(tree, text, TYPES)
        assert taken is not None
        again = Text(plain_sentence(tree, {**values, **taken.values}, taken.path).text)
        assert without_final_marks(again.tokens) == without_final_marks(text.tokens)


def test_sampling_is_bounded_varied_and_repeatable() -> None:
    tree = parse("(what is|find) [the] sum of {x} and {y}", {})
    drawn = list(sentences(tree, NUMBERS, random.Random(5), limit=40))
    assert len({sentence.text for sentence in drawn}) == 40
    assert [s.text for s in sentences(tree, NUMBERS, random.Random(5), limit=40)] == [s.text for s in drawn]
    assert drawn[0].text == "what is sum of 0 and 0"
    assert {frozenset(s.path.values()) for s in drawn} == {frozenset({0, 1}), frozenset({0, None})} | {
        frozenset({1, None}),
        frozenset({0}),
    } or len({tuple(s.path.values()) for s in drawn}) == 4
    few = list(sentences(parse("a [b]", {}), {}, random.Random(5), limit=40))
    assert {sentence.text for sentence in few} == {"a", "a b"}


def test_a_parameter_named_twice_has_one_value() -> None:
    tree = parse("{x} plus {x}", {})
    for sentence in sentences(tree, NUMBERS, random.Random(3), limit=10):
        left, right = sentence.text.split(" plus ")
        assert left == right


def test_given_values_are_used() -> None:
    drawn = list(sentences(parse("(a|b) {x} {y}", {}), NUMBERS, random.Random(3), {"x": Sample("+5", "5")}, 5))
    assert all(" +5 " in sentence.text and sentence.arguments["x"] == "5" for sentence in drawn)


# Paths


@pytest.mark.parametrize(
    ("pattern", "text", "taken", "values"),
    [
        ("(what is|tell me) the [big] {x}", "Tell me the 5", [1, None], {"x": "5"}),
        ("(what is|tell me) the [big] {x}?", "what is the big +10?", [0, 0], {"x": "+10"}),
        ("a [b [c]]", "a b c.", [0, 0], {}),
        ("a [b [c]]", "a", [None], {}),
        ("what [now]?", "what", [None], {}),
        ("day[s] {x}", "days 5", [1], {"x": "5"}),
        ("({x} {x}|{x} {y})", "1 2", [1], {"x": "1", "y": "2"}),
    ],
)
def test_paths(pattern: str, text: str, taken: list[int | None], values: dict[str, str]) -> None:
    found = path_of(parse(pattern, {}), Text(text), NUMBERS)
    assert found is not None
    assert list(found.path.values()) == taken
    assert {name: sample.text for name, sample in found.values.items()} == values


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("{x} {x}", "1 2"),
        ("a b", "a"),
        ("a b", "a b c"),
        ("a!", "a"),
        ("a {x}", "a b"),
        ("a ? ?", "a"),
        ("a", "a ??"),
        ("a", ""),
    ],
)
def test_no_path(pattern: str, text: str) -> None:
    assert path_of(parse(pattern, {}), Text(text), NUMBERS) is None


def test_a_path_of_many_ways_is_found_or_given_up_within_bounds() -> None:
    tree = parse("x " + "[a] " * 400 + "b", {})
    assert path_of(tree, Text("x " + "a " * 300 + "b"), {}) is not None
    assert path_of(tree, Text("x " + "a " * 300 + "c"), {}) is None


# Contrasts


def contrasted(pattern: str, text: str | None = None, language: str | None = None) -> list[Contrast]:
    tree = parse(pattern, {**RULES, **shared_rules()})
    types = {**NUMBERS, "country": value_type("quoted")}
    taken = path_of(tree, Text(text), types) if text else None
    assert text is None or taken
    return contrasts(tree, {**VALUES, **(taken.values if taken else {})}, taken.path if taken else None, language)


@pytest.mark.parametrize(
    ("pattern", "pairs"),
    [
        ("[business] days", [("days", "business days")]),
        (
            "{x} days (since|after|before) noon",
            [("12 days since noon", f"12 days {w} noon") for w in ("after", "before")],
        ),
        (
            "convert {x} (miles|km) to (km|miles)",
            [
                ("convert 12 miles to km", "convert 12 km to km"),
                ("convert 12 miles to km", "convert 12 miles to miles"),
            ],
        ),
        ("the word (with|without) a", [("the word with a", "the word without a")]),
        ("is it [not] so", [("is it so", "is it not so")]),
        ("({x} minus {y}|{y} minus {x})", [("12 minus 18", "18 minus 12")]),
        (
            "count [the [even] numbers]",
            [
                ("count", "count the numbers"),
                ("count the numbers", "count the even numbers"),
            ],
        ),
        ("day[s] left", [("day left", "days left")]),
        ("{x} [,] {y}", [("12 18", "12, 18")]),
        ("[a|big] dog", [("a dog", "big dog")]),
    ],
)
def test_parts_of_meaning_are_contrasted(pattern: str, pairs: list[tuple[str, str]]) -> None:
    assert [(found.left.text, found.right.text) for found in contrasted(pattern)] == pairs


@pytest.mark.parametrize(
    "pattern",
    [
        "[the] capital of {country}",
        "(what is|what's|what are) [a|an|the] sum[?]",
        "[please] add [,] this[.]",
        "sum [of] {x}[,] please",
        "add this [, thank you]",
        "[<please>] a [<only-answer>]",
    ],
)
def test_words_without_meaning_need_no_question(pattern: str) -> None:
    assert contrasted(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "language", "asked"),
    [
        ("[die] zahl", "de", False),
        ("[die] number", "en", True),
        ("[die] number", None, True),
        ("[por favor] suma {x}", "es-MX", False),
        ("suma [de] {x}", "es", True),
        ("[o] total", "pt", False),
        ("[the] whatever", "xx", True),
    ],
)
def test_words_without_meaning_belong_to_a_language(pattern: str, language: str | None, asked: bool) -> None:
    assert bool(contrasted(pattern, language=language)) is asked


def test_an_own_rule_is_asked_about_but_not_within() -> None:
    rules = {"when": "(since|before) [the]"}
    found = contrasts(parse("days [<when>] noon", rules), {})
    assert [(contrast.left.text, contrast.right.text) for contrast in found] == [("days noon", "days since noon")]
    within = contrasts(parse(rules["when"], rules), {})
    assert [(contrast.left.text, contrast.right.text) for contrast in within] == [("since", "before")]


def test_a_rule_that_only_bears_the_name_of_a_shared_one_is_not_trusted() -> None:
    assert contrasts(parse("[<please>] add {x}", {"please": "(never|please)"}), VALUES)
    assert not contrasts(parse("[<please>] add {x}", shared_rules()), VALUES)


def test_contrasts_follow_the_exemplar() -> None:
    found = contrasted("(what is|find) the sum [total] of {x} (and|to) {y} [today]", "find the sum total of 3 and 4")
    assert {contrast.left.text for contrast in found} == {"find the sum total of 3 and 4"}
    assert [(contrast.branch, contrast.right.text, contrast.words) for contrast in found] == [
        (0, "what is the sum total of 3 and 4", ("find", "what")),
        ("optional", "find the sum of 3 and 4", ("total",)),
        (1, "find the sum total of 3 to 4", ("and", "to")),
        ("optional", "find the sum total of 3 and 4 today", ("today",)),
    ]


def test_rejected_contrasts_leave_the_exemplar() -> None:
    pattern = "(what is|find) the sum [total] of {x} (and|to) {y} [today [or now]]"
    found = contrasted(pattern, "find the sum total of 3 and 4")
    assert reject(pattern, []) == pattern
    assert reject(pattern, found) == "find the sum total of {x} and {y}"
    by_word = {contrast.words[-1]: contrast for contrast in found}
    assert reject(pattern, [by_word["total"]]) == "(what is|find) the sum total of {x} (and|to) {y} [today [or now]]"
    assert reject(pattern, [by_word["now"]]) == "(what is|find) the sum [total] of {x} (and|to) {y} [today ]"


@given(pattern_texts(rules=False), st.integers(0, 2**32), st.data())
def test_rejecting_keeps_the_base_and_adds_nothing(pattern: str, seed: int, data: st.DataObject) -> None:
    tree = readable(pattern)
    if tree is None:
        return
    values = sample_values(TYPES, random.Random(seed))
    base = list(sentences(tree, TYPES, random.Random(seed), values=values, limit=4))[-1]
    found = contrasts(tree, values, base.path)
    for contrast in found:
        assert contrast.words
        assert accepts(tree, contrast.left.text)
        assert accepts(tree, contrast.right.text)
    if not found:
        return
    rejected = data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=4))
    left = reject(pattern, rejected)
    assert left is not None
    remaining = parse(left, RULES)
    assert language(remaining) < language(tree) or language(remaining) == language(tree)
    assert accepts(remaining, base.text)


@pytest.mark.parametrize(
    ("symbols", "left"),
    [
        ("what ' s the sum of {x} ?", "what sum {x}"),
        ("{country} ' s capital", "{country} ' s capital"),
        ("{x} . {y}", "{x} . {y}"),
        ("5 , {y} , b", "5 , {y} b"),
        ("thank you , add it", "add it"),
        ("could you please add", "add"),
        ("could you add", "could you add"),
        ("s ' il vous plaît", "s ' il vous plaît"),
    ],
)
def test_meaning(symbols: str, left: str) -> None:
    assert " ".join(meaning(symbols.split())) == left


def test_choices_are_told_apart_by_where_they_stand() -> None:
    tree = parse("(a|b) (a|b)", {})
    taken = path_of(tree, Text("b a"), {})
    assert taken is not None
    assert [(choice.span, branch) for choice, branch in taken.path.items() if isinstance(choice, Choice)] == [
        ((0, 5), 1),
        ((6, 11), 0),
    ]
