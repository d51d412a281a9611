"""Which procedures a miss may be another wording of."""

from __future__ import annotations

from seglam.compiler.aliases import candidates
from seglam.compiler.results import Missed
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision
from tests.documents import revision

NUMBERS = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]


def asked_about(text: str, *known: Revision) -> list[str]:
    index = Index()
    for each in known:
        index.add(each)
    found = index.find(Request(text=text))
    assert not isinstance(found, Hit)
    return [each.name for each in candidates(Missed(Request(text=text), found), known)]


def test_a_sign_may_be_all_that_says_what_is_to_be_done() -> None:
    known = [
        revision(name, patterns=[f"what is {{a}} {sign} {{b}}"], parameters=NUMBERS)
        for name, sign in (("add", "+"), ("multiply", "×"), ("raise", "^"), ("subtract", "-"), ("top", "÷"))
    ]
    assert asked_about("what is 7 ÷ 3 roughly", *known)[0] == "top"
    assert asked_about("what is 7 × 3 roughly", *known)[0] == "multiply"


def test_words_that_few_know_say_more_and_all_values_but_one_must_be_there() -> None:
    known = [
        revision("double", patterns=["the double of {n}"], summary="Twice the number."),
        revision("half", patterns=["the half of {n}"], summary="Half the number."),
        revision("join", patterns=["the double of {a} and {b}"], parameters=NUMBERS, summary="Twice the sum."),
    ]
    assert asked_about("what would the half of 7 be", *known)[0] == "half"
    assert asked_about("what would the half be", *known) == []


def test_where_no_value_tells_it_half_of_the_words_are_known() -> None:
    text = [{"name": "text", "type": "word"}]
    known = [revision("quote", patterns=['shout the word "{text}" out loud'], parameters=text, summary="Upper case.")]
    assert asked_about('shout the quoted word "yes" loud please', *known) == ["quote"]
    assert asked_about('how many vowels are there in the word "yes"', *known) == []
