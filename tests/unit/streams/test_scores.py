from __future__ import annotations

import json
import warnings

import pytest

from examples.streams import gym
from examples.streams.lines import Line
from examples.streams.mixture import ESSAY_FAMILIES, FAMILIES, GYM_FAMILIES, line
from examples.streams.scores import RULES, score

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from reasoning_gym import get_score_answer_fn

ITEMS = range(12)


def made(expected: str, compare: str, *accept: str) -> Line:
    return {
        "id": "x",
        "family": "x",
        "text": "x",
        "expected": expected,
        "compare": compare,
        "accept": list(accept),
    }


def changed(right: Line) -> list[str]:
    """Answers that differ from the right one in what the family is about."""

    expected = right["expected"]
    assert expected is not None
    wrong = ["", expected + "1", "1" + expected, f"{expected} {expected}"]
    swapped = [expected.replace(a, b) for a, b in ("12", "10", "31", "47", "ab", "ea") if a in expected]
    return [text for text in wrong + swapped if text != expected]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_answer_is_accepted_and_a_changed_one_is_not(family: str) -> None:
    for index in ITEMS:
        right = line(family, 1000, index)
        if right["expected"] is None:
            continue
        assert score(right, right["expected"])
        for wrong in changed(right):
            assert not score(right, wrong), (right, wrong)


@pytest.mark.parametrize("family", GYM_FAMILIES)
def test_what_we_accept_the_library_accepts(family: str) -> None:
    scorer = get_score_answer_fn(family)
    for index in ITEMS:
        right, entry = line(family, 1000, index), gym.entry(family, 1000, index)
        assert scorer(entry["answer"], entry) == 1.0
        if "defect" not in right:
            assert right["expected"] == entry["answer"]


@pytest.mark.parametrize(
    ("compare", "expected", "right", "wrong"),
    [
        ("text", "42", ["42", 42, " 42\n"], ["042", "42.0", "+42", 43]),
        ("text", "True", ["True", True], ["true", False]),
        ("number", "10", ["10", "10.0", "1e1", 10], ["10.01", "ten", "NaN", "1,0"]),
        ("fraction", "$244/607$", ["244/607", r"$\frac{244}{607}$", r"\dfrac{244}{607}"], ["488/1214", "0.4"]),
        ("numbers", "['-0.0', '30.0']", ["['-0.0', '30.0']", '["0.0", "30.00"]', ["0", "30"]],
         ["30.0, 0.0", ["30", "0"]]),
        ("numbers", "['1.5', '2.5']", ["['1.5', '2.5']"], ["['1.6', '2.5']", "['1.5']", "{}", "['a', '2.5']"]),
        ("complex", "-15.0 + 3.0i", ["-15+3i", "-15.00 + 3.0i"], ["-15.0 - 3.0i", "-15.0", "3.0i", "15+3i"]),
        ("complex", "0.00", ["0", "0.00", "-0.00", "0i"], ["i", "", "1"]),
        ("complex", "1.00i", ["i", "1i", "0 + 1i", "+i"], ["-i", "1"]),
        ("complex", "12.00", ["12", "12+0i"], ["1+2", "12i", "12 3i"]),
        ("json", '[{"a":"1","b":"x"}]', ['[{"b": "x", "a": "1"}]', [{"a": "1", "b": "x"}]],
         ['[{"a":1,"b":"x"}]', '[{"a":"1"}]', "[]", '[{"a":"1","b":"x","b":"x"}]', "a,b\n1,x"]),
        ("csv", "k,v\r\na,1.50\r\n", ["k,v\na,1.5", 'k,v\n"a",1.50\n'],
         ["k,v\na,1.51", "k,v\nb,1.50", "a,1.50", "v,k\n1.5,a"]),
        ("name", "São Tomé", ["Sao Tome", "são tomé", "SÃO TOMÉ."], ["São", "Tomé São", ""]),
        ("name", "Washington, D.C.", ["Washington DC", "washington d.c."], ["Washington State"]),
    ],
)  # fmt: skip
def test_rules(compare: str, expected: str, right: list[object], wrong: list[object]) -> None:
    assert compare in RULES
    for answer in right:
        assert score(made(expected, compare), answer), answer
    for answer in wrong:
        assert not score(made(expected, compare), answer), answer


def test_other_spellings_are_accepted() -> None:
    assert score(made("Kyiv", "name", "Kiev"), "Kiev")
    assert not score(made("Kyiv", "name", "Kiev"), "Kharkiv")


def test_no_answer_is_right_where_a_request_must_miss() -> None:
    assert not score(line("caesar_cipher", 1000, 0), gym.entry("caesar_cipher", 1000, 0)["answer"])
    assert not score(made("0", "text"), None)


def test_each_essay_family_has_a_rule_for_its_answers() -> None:
    rules = {family: line(family, 1000, 0)["compare"] for family in ESSAY_FAMILIES}
    assert rules == {
        "capital": "name",
        "multiplication": "number",
        "csv_to_json": "json",
        "pivot_table": "csv",
    }
    assert all(json.loads(line("csv_to_json", 1000, index)["expected"] or "") for index in ITEMS)
