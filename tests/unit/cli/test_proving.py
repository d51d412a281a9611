from __future__ import annotations

from collections.abc import Iterator

import pytest

from seglam.cli.proving import Proof, prove
from seglam.compiler import Bench
from seglam.procedures import Loaded, load_bytes
from seglam.sandbox import Engine, Sandbox
from tests.commands import MULTIPLICATION


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield Bench(first, second)


def loaded(text: str) -> Loaded:
    documents, problems = load_bytes(text.encode(), "m.yaml")
    assert not problems
    return documents[0]


def proved(text: str, bench: Bench) -> Proof:
    (proof,) = prove([loaded(text)], bench)
    return proof


def test_a_procedure_that_holds_what_it_states(bench: Bench) -> None:
    proof = proved(MULTIPLICATION, bench)
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
def test_what_does_not_hold_is_told_with_its_place(bench: Bench, old: str, new: str, said: str) -> None:
    assert old in MULTIPLICATION
    proof = proved(MULTIPLICATION.replace(old, new), bench)
    assert not proof.passed
    assert any(said in problem.message and problem.line for problem in proof.problems), proof.problems


def test_a_faulty_document_is_not_run(bench: Bench) -> None:
    proof = proved(MULTIPLICATION.replace("type: decimal", "type: number", 1), bench)
    assert not proof.valid and not proof.passed


def test_overlaps_are_told_once_for_each_pair(bench: Bench) -> None:
    other = MULTIPLICATION.replace("name: multiplication", "name: times").replace("[what is]", "[compute|what is]")
    apart = (
        other.replace("name: times", "name: plus")
        .replace("(times|x)", "plus")
        .replace('- "{a} plus {b}"', '- "{a} x {b}"')
        .replace("12 times 7", "12 plus 7")
    )
    proofs = list(prove([loaded(MULTIPLICATION), loaded(other), loaded(apart)], bench))
    assert [proof.passed for proof in proofs] == [True, False, True]
    (found,) = proofs[1].problems
    assert found.field == "spec.match.patterns[0].text"
    assert "pattern 0 matches what multiplication (pattern 0) does" in found.message and "m.yaml" in found.message


def test_one_procedure_under_two_names_is_told(bench: Bench) -> None:
    same = [loaded(MULTIPLICATION), loaded(MULTIPLICATION.replace("name: multi", "name: other"))]
    assert [[problem.field for problem in proof.problems] for proof in prove(same, bench)] == [[], ["metadata.name"]]


def test_a_pattern_that_explains_another_meaning_is_told(bench: Bench) -> None:
    proof = proved(MULTIPLICATION.replace("[what is]", "[what is] [not]"), bench)
    assert any("binds as if nothing had changed" in problem.message for problem in proof.problems)
