"""Faults: mutants are distinct, parse, and define `solve` once; wordings become patterns; judges' replies are kept."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from random import Random

import pytest

from benchmarks.faults import judging
from benchmarks.faults.__main__ import earlier
from benchmarks.faults.mutants import CLASSES, mutants
from benchmarks.faults.wordings import cases, escaped
from seglam.compiler.assemble import with_patterns
from seglam.lookup import Hit, Index
from seglam.procedures import Revision
from seglam.procedures.load import load_file

EXAMPLES = Path(__file__).parents[3] / "examples" / "procedures"


def test_mutants_are_distinct_programs_with_one_fault_each() -> None:
    (loaded,), _ = load_file(EXAMPLES / "day-of-nth-weekday-in-month.yaml")
    spec = loaded.document.spec
    made = mutants(spec, Random(1), 30)
    assert len(made) == 30 == len({each.code for each in made} - {ast.unparse(ast.parse(spec.code))})
    assert {each.fault for each in made} <= set(CLASSES) and len({each.fault for each in made}) >= 6
    for each in made:
        defined = [node.name for node in ast.parse(each.code).body if isinstance(node, ast.FunctionDef)]
        assert defined.count("solve") == 1, each.what
    assert made == mutants(spec, Random(1), 30)


@pytest.mark.parametrize(
    ("sentence", "pattern"),
    [
        ("What is {a}?", "What is {a}"),
        ("Days (Monday) from {a}.", r"Days \(Monday\) from {a}"),
        ("{a} | {b}", r"{a} \| {b}"),
    ],
)
def test_sentences_become_patterns(sentence: str, pattern: str) -> None:
    assert escaped(sentence) == pattern


def test_bad_patterns_have_witnesses_that_are_served_by_nobody() -> None:
    index = Index(explains=False)
    for name in ("count-primes-in-range", "capital-of-country"):
        (loaded,), _ = load_file(EXAMPLES / f"{name}.yaml")
        # Good patterns are what a procedure lacks, so these lack all that they learned.
        first = (loaded.document.spec.match.patterns or [])[:2]
        index.add(Revision.of(with_patterns(loaded.document, first)))
    found = cases(index, 3)
    assert {case.procedure for case in found} == {"count-primes-in-range", "capital-of-country"}
    assert len([case for case in found if case.good]) >= 4
    assert len({case.fault for case in found if not case.good}) >= 4
    for case in found:
        assert isinstance(index.find(case.request), Hit) and not isinstance(index.find(case.witness), Hit)


def test_replies_of_judges_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "HERE", tmp_path / "kept")
    pairs = {("sum", f"sum {number}"): "Sums." for number in range(5)}
    assert judging.write_prompts(pairs, tmp_path, at_once=2) == 1
    assert (tmp_path / "00.prompt.txt").read_text(encoding="utf-8").count("sentence B") == 5
    (tmp_path / "00.reply.jsonl").write_text('{"pair": 2, "verdict": "different"}\n', encoding="utf-8")
    assert judging.read_replies(tmp_path, "a test") == 1
    (line,) = (tmp_path / "kept" / "blind.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["verdict"] == "different" and json.loads(line)["left"] == "sum"


def test_a_run_of_one_part_keeps_what_is_known_of_the_other(tmp_path: Path) -> None:
    kept = tmp_path / "faults.json"
    assert earlier(kept, {"patterns"}) == {}
    kept.write_text(json.dumps({"revision": "abc", "code": {"mutants": 1}, "patterns": {"bad": 2}}))
    assert earlier(kept, {"patterns"}) == {"patterns": {"revision": "abc", "bad": 2}}
    assert earlier(kept, set()) == {}
