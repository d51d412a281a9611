from __future__ import annotations

from collections.abc import Iterator

import pytest

from seglam.cli.proving import collisions, prove
from seglam.procedures import Loaded, load_bytes
from seglam.sandbox import Engine, Sandbox
from tests.commands import MULTIPLICATION


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Engine.load()) as opened:
        yield opened


def loaded(text: str) -> Loaded:
    documents, problems = load_bytes(text.encode(), "m.yaml")
    assert not problems
    return documents[0]


def test_a_procedure_that_holds_what_it_states(sandbox: Sandbox) -> None:
    proof = prove(loaded(MULTIPLICATION), sandbox)
    assert proof.passed and proof.problems == () and (proof.examples, proof.refusals) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('answer: "84"', 'answer: "85"', "the code answers '84', the example states '85'"),
        ("return a * b", "return 1 / 0", "the code gives no answer"),
        ("return a * b", "while True: pass", "the code gives no answer"),
        ("def solve(a, b)", "def solve(a)", "solve takes (a), but the arguments are (a, b)"),
        ("return a * b", "import socket\n      return a * b", "no module socket"),
        ("What is 12 times 7?", "What is 12 by 7?", "the example misses"),
        ('value: "12"', 'value: "13"', "the example binds a=12, b=7"),
        ("{a} plus {b}", "{a} times {b}", "is to be refused and binds"),
    ],
)
def test_what_does_not_hold_is_told_with_its_place(sandbox: Sandbox, old: str, new: str, said: str) -> None:
    assert old in MULTIPLICATION
    proof = prove(loaded(MULTIPLICATION.replace(old, new)), sandbox)
    assert not proof.passed
    assert any(said in problem.message and problem.line for problem in proof.problems), proof.problems


def test_a_faulty_document_is_not_run(sandbox: Sandbox) -> None:
    proof = prove(loaded(MULTIPLICATION.replace("type: decimal", "type: number", 1)), sandbox)
    assert not proof.valid and not proof.passed


def test_overlaps_are_told_once_for_each_pair() -> None:
    other = MULTIPLICATION.replace("name: multiplication", "name: times").replace("[what is]", "[compute]")
    apart = (
        other.replace("name: times", "name: plus")
        .replace("(times|x)", "plus")
        .replace('- "{a} plus {b}"', '- "{a} x {b}"')
    )
    found = list(collisions([loaded(MULTIPLICATION), loaded(other), loaded(apart)]))
    assert len(found) == 1
    assert found[0].field == "spec.match.patterns[0].text" and "multiplication (m.yaml, pattern 0)" in found[0].message


def test_one_procedure_under_two_names_is_told() -> None:
    found = list(collisions([loaded(MULTIPLICATION), loaded(MULTIPLICATION.replace("name: multi", "name: other"))]))
    assert [problem.field for problem in found] == ["metadata.name"]
