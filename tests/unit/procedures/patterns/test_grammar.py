"""The notation: what patterns describe, and how faults are reported."""

from __future__ import annotations

import pytest

from seglam.procedures.patterns import (
    Choice,
    PatternError,
    Sequence,
    Slot,
    Words,
    compile_pattern,
    escape,
    parse,
    shared_rules,
)
from seglam.procedures.patterns.grammar import MAX_DEPTH, MAX_GLUED, tokens_of, touching
from tests.patterns import language


def described(pattern: str, rules: dict[str, str] | None = None) -> set[str]:
    return {" ".join(tokens) for tokens in language(parse(pattern, rules or {}))}


@pytest.mark.parametrize(
    ("pattern", "sentences"),
    [
        ("what is it", {"what is it"}),
        ("What  IS\tit", {"what is it"}),
        ("a [b] c", {"a c", "a b c"}),
        ("a (b|c)", {"a b", "a c"}),
        ("a (b|)", {"a b", "a"}),
        ("a [b|c d]", {"a", "a b", "a c d"}),
        ("a|b c", {"a", "b c"}),
        ("a (b [c] | d)", {"a b", "a b c", "a d"}),
        ("{x} plus {y}", {"{x} plus {y}"}),
        ("{x}{y}", {"{x} {y}"}),
        ("{country}'s capital", {"{country} ' s capital"}),
        ("day[s]", {"day", "days"}),
        ("day(s|)", {"day", "days"}),
        ("[un]known", {"known", "unknown"}),
        ("colo[u]r[s]", {"color", "colors", "colour", "colours"}),
        ("(mon|tues)day", {"monday", "tuesday"}),
        ("e[-]mail", {"email", "e - mail"}),
        ("day[ s]", {"day", "day s"}),
        ("item[s|\\(s\\)]", {"item", "items", "item ( s )"}),
        ("(a|b)-(c|d)", {"a - c", "a - d", "b - c", "b - d"}),
        ("1[0]", {"1", "10"}),
        ("x[1]", {"x", "x 1"}),
        ("number[s][,] x", {"number x", "numbers x", "number , x", "numbers , x"}),
        (r"\[a\] \(b\) \{c\} \<d\> \| \\", {"[ a ] ( b ) { c } < d > | \\"}),
        (r"day\[s]"[:-1] + r"\]", {"day [ s ]"}),
        ("what’s “up”", {'what \' s " up "'}),
        ("caf\u0065\u0301", {"caf\u00e9"}),
        ("a [b [c [d]]]", {"a", "a b", "a b c", "a b c d"}),
    ],
)
def test_describes(pattern: str, sentences: set[str]) -> None:
    assert described(pattern) == sentences


def test_rules_stand_for_their_text() -> None:
    rules = {"polite": "(please|be so kind as to) [<now>]", "now": "now|at once", "maybe": "please|"}
    assert described("<now> go", rules) == {"now go", "at once go"}
    assert described("[<now>] go", rules) == {"now go", "at once go", "go"}
    assert described("<maybe> go", rules) == {"please go", "go"}
    assert len(described("<polite> go", rules)) == 6


def test_rule_keeps_its_name_and_hides_its_choices() -> None:
    tree = parse("<now> go", {"now": "now|at once"})
    assert isinstance(tree, Sequence)
    rule = tree.items[0]
    assert isinstance(rule, Choice)
    assert (rule.rule, rule.span, rule.branches[0].source) == ("now", (0, 5), "<now>")
    inner = rule.branches[0].node
    assert isinstance(inner, Choice)
    assert inner.span is None


@pytest.mark.parametrize("name", sorted(shared_rules()))
def test_shared_rules_can_be_read(name: str) -> None:
    assert compile_pattern(parse(f"x <{name}>", shared_rules()), {})


def test_words_keep_how_they_are_written() -> None:
    tree = parse("What's  \\[it\\]  {x} {y}?", {})
    assert tree == Sequence(
        (
            Words(("what", "'", "s", "[", "it", "]"), "What's [it] "),
            Slot("x", (16, 19)),
            Words((), " "),
            Slot("y", (20, 23)),
            Words(("?",), "?"),
        )
    )


def test_spans_and_sources_are_as_written() -> None:
    pattern = "a [b| c ] day[s] {x}"
    tree = parse(pattern, {})
    assert isinstance(tree, Sequence)
    group, word = (item for item in tree.items if isinstance(item, Choice))
    assert group.span is not None and word.span is not None
    assert pattern[slice(*group.span)] == "[b| c ]"
    assert [branch.source for branch in group.branches] == ["b", " c "]
    assert pattern[slice(*word.span)] == "day[s]"
    assert [branch.source for branch in word.branches] == ["day", "days"], "without the optional part first"


@pytest.mark.parametrize(
    ("pattern", "message", "position", "remedy"),
    [
        ("", "the pattern is empty", 0, "write the words"),
        ("   ", "the pattern is empty", 0, "write the words"),
        ("a|", "an alternative of the pattern is empty", 0, "remove the '|'"),
        ("|", "the pattern is empty", 0, "write the words"),
        ("a ()", "the group is empty", 2, "remove it"),
        ("a [ | ]", "the group is empty", 2, "remove it"),
        ("a [b", "'[' is not closed", 2, "add ']'"),
        ("a (b [c]", "'(' is not closed", 2, "add ')'"),
        ("a b)", "unexpected ')'", 3, "\\)"),
        ("a [b)", "unexpected ')'", 4, "\\)"),
        ("a } b", "unexpected '}'", 2, "\\}"),
        ("a > b", "unexpected '>'", 2, "\\>"),
        ("is {x", "'{' is not closed", 3, "{parameter}"),
        ("is <x", "'<' is not closed", 3, "<rule>"),
        ("is <x> so", "there is no rule <x>", 3, "declared are: <again>, <bad>, <deep>, <r>, <s>"),
        ("ends \\", "a backslash ends the pattern", 5, "\\\\"),
        ("go <r>", "rule <r> contains itself", 3, "break the circle"),
        ("go <again>", "rule <r> contains itself", 3, "break the circle"),
        ("go <bad>", "in rule <bad>: '[' is not closed", 3, "add ']'"),
        ("go <deep>", "in rule <bad>: '[' is not closed", 3, "add ']'"),
        ("day[s {x}]", "a group that touches a word holds another group", 0, "put a space"),
        ("the day[s [old]]", "a group that touches a word holds another group", 4, "put a space"),
        ("[very ]([un]|in)known", "a group that touches a word holds another group", 0, "put a space"),
    ],
)
def test_faults_name_position_and_remedy(pattern: str, message: str, position: int, remedy: str) -> None:
    rules = {"r": "x <r>", "again": "<r>", "bad": "[a", "deep": "[b] <bad>", "s": "s"}
    with pytest.raises(PatternError) as caught:
        parse(pattern, rules)
    assert message in str(caught.value)
    assert caught.value.position == position
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("pattern", "rules", "message"),
    [
        ("(" * 4096, {}, "nested too deeply"),
        ("[a " * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), {}, "nested too deeply"),
        ("x" + "[a]" * 1365, {}, "too many forms"),
        ("<r0> x", {f"r{n}": f"<r{n + 1}>" for n in range(31)} | {"r31": "z"}, "nested too deeply"),
        ("<a> x", {"a": "<b> " * 900, "b": "<c> " * 900, "c": "y " * 900}, "too many parts"),
    ],
    ids=["open", "nested", "glued", "rules-in-rules", "rules-times-rules"],
)
def test_bombs_are_refused(pattern: str, rules: dict[str, str], message: str) -> None:
    with pytest.raises(PatternError, match=message):
        parse(pattern, rules)


def test_bounds_themselves_are_allowed() -> None:
    parse("a " + "[a " * MAX_DEPTH + "]" * MAX_DEPTH, {})
    doublings = MAX_GLUED.bit_length() - 1
    tree = parse("x" + "".join(f"[{chr(97 + n)}]" for n in range(doublings)), {})
    assert isinstance(tree, Choice)
    assert len(tree.branches) == MAX_GLUED
    parse("a " * 2048, {})


@pytest.mark.parametrize("text", ["a [b] (c|d) {e} <f> \\", "no marks", "\\\\[["])
def test_escaped_text_describes_itself(text: str) -> None:
    assert described(escape(text)) == {" ".join(tokens_of(text))}


@pytest.mark.parametrize(
    ("left", "right", "together"),
    [
        ("a", "b", True),
        ("1", "2", True),
        ("a", "1", False),
        ("a ", "b", False),
        ("a", " b", False),
        ("-", "-", False),
        ("", "a", False),
        ("a", "", False),
        ("\u0661", "\u0662", False),
    ],
)
def test_touching(left: str, right: str, together: bool) -> None:
    assert touching(left, right) is together
