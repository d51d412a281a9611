"""Gate 2: the examples, in fresh instances of two engine builds, with equal answers and again on a second run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seglam.compiler.assemble import UNKNOWN, with_spec
from seglam.compiler.results import Evidence, Gate
from seglam.compiler.running import Answer, Bench, answer_of, program_of, tagged_of
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode


@dataclass(frozen=True, slots=True)
class Tried:
    """An example's request, its stated answer (None if nobody stated one), and the answers of all runs."""

    request: str
    stated: str | None
    answers: tuple[Answer, ...]


def examples(document: ReasoningProcedure, bench: Bench) -> tuple[Evidence, ReasoningProcedure]:
    """Decide, and fill in the answers that nobody stated."""
    revision = Revision.of(document)
    try:
        tried = run_examples(revision, bench)
    except ValueProblem as problem:
        return _failed([f"an example's argument is no canonical text: {problem}"], "arguments"), document
    faults, category = judge(revision, tried)
    if faults:
        return _failed(faults, category), document
    filled = [
        example if each.stated is not None else example.model_copy(update={"answer": each.answers[0].text})
        for example, each in zip(document.spec.examples or (), tried, strict=True)
    ]
    computed = sum(each.stated is None for each in tried)
    detail = {"examples": len(tried), "computed": computed, "engines": list(bench.engines), "runs": 4 * len(tried)}
    summary = f"{len(tried)} examples give their answers on two engine builds, twice each"
    return Evidence(Gate.EXAMPLES, True, summary, detail), with_spec(document, examples=filled)


def run_examples(revision: Revision, bench: Bench) -> list[Tried]:
    """Run each example twice on each build, every time in an instance of its own."""
    program = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
    tried = []
    for example in revision.spec.examples or ():
        arguments = tagged_of(revision, {argument.name: argument.value for argument in example.arguments})
        runs = tuple(
            answer_of(revision, sandbox.run(program, arguments, mode=Mode.FRESH))
            for sandbox in (bench.first, bench.second)
            for _ in range(2)
        )
        stated = None if example.answer == UNKNOWN else example.answer
        tried.append(Tried(example.request or example.value or "", stated, runs))
    return tried


def judge(revision: Revision, tried: Sequence[Tried]) -> tuple[list[str], str]:
    """What is wrong, and its category; nothing and an empty category if all is well."""
    if not tried:
        return ["there is no example that the patterns match"], "no example is matched by the patterns"
    faults: list[str] = []
    kinds: dict[str, None] = {}
    for each in tried:
        first = each.answers[0]
        if any(answer.text is None for answer in each.answers):
            reason = next(answer.fault for answer in each.answers if answer.text is None)
            faults.append(f"{each.request!r}: no answer ({reason})")
            improper = any(answer.improper for answer in each.answers)
            kinds[
                "an answer breaks what `returns` states" if improper else "the code gives no answer to an example"
            ] = None
        elif len({answer.text for answer in each.answers}) > 1:
            faults.append(f"{each.request!r}: the answer differs between engine builds or runs")
            kinds["the answer is not deterministic (the order of a set, or state kept between calls)"] = None
        elif each.stated is not None and first.text is not None and not revision.returns.equal(first.text, each.stated):
            faults.append(f"{each.request!r}: the answer is {first.text!r}, the example states {each.stated!r}")
            kinds[
                "the code's answer to an example is not the answer that the example states, in meaning or in form"
            ] = None
    return faults, "; ".join(kinds)


def _failed(faults: list[str], category: str) -> Evidence:
    return Evidence(Gate.EXAMPLES, False, "; ".join(faults[:5]), {"category": category, "faults": faults})
