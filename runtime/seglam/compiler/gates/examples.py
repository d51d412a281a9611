"""Gate 2: the examples, in fresh instances of two engine builds, with equal answers and again on a second run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seglam.compiler.assemble import UNKNOWN, with_spec
from seglam.compiler.gates.checks import Flaw, categories, shown
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
    tried, flaws = run_examples(revision, bench)
    evidence = decided(tried, flaws, bench)
    if flaws:
        return evidence, document
    filled = [
        example if each.stated is not None else example.model_copy(update={"answer": each.answers[0].text})
        for example, each in zip(document.spec.examples or (), tried, strict=True)
    ]
    return evidence, with_spec(document, examples=filled)


def run_examples(revision: Revision, bench: Bench, *, complete: bool = False) -> tuple[list[Tried], list[Flaw]]:
    """Run each example twice on each build, every time in an instance of its own; also what is wrong with them.

    Args:
        complete: every example states its answer, an empty one too; else an empty one is to be computed.
    """
    program = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
    tried: list[Tried] = []
    for number, example in enumerate(revision.spec.examples or ()):
        try:
            arguments = tagged_of(revision, {argument.name: argument.value for argument in example.arguments})
        except (ValueProblem, KeyError) as problem:
            what = f"an argument is missing or no canonical text: {problem}"
            path = ("spec", "examples", number, "arguments")
            return [], [Flaw("an example's arguments are no canonical texts", what, path, "correct the arguments")]
        runs = tuple(
            answer_of(revision, sandbox.run(program, arguments, mode=Mode.FRESH))
            for sandbox in (bench.first, bench.second)
            for _ in range(2)
        )
        stated = None if example.answer == UNKNOWN and not complete else example.answer
        tried.append(Tried(example.request or example.value or "", stated, runs))
    return tried, judge(revision, tried)


def judge(revision: Revision, tried: Sequence[Tried]) -> list[Flaw]:
    """What is wrong with the answers."""
    if not tried:
        what, category = "there is no example that the patterns match", "no example is matched by the patterns"
        return [Flaw(category, what, ("spec", "examples"), "state an example with its arguments and answer")]
    found = (_flaw(revision, number, each) for number, each in enumerate(tried))
    return [flaw for flaw in found if flaw is not None]


def _flaw(revision: Revision, number: int, each: Tried) -> Flaw | None:
    path = ("spec", "examples", number, "answer")
    subject, remedy = shown(each.request), "correct the code or the example"
    first = each.answers[0]
    missing = next((answer for answer in each.answers if answer.text is None), None)
    if missing is not None and missing.improper:
        category = "an answer breaks what `returns` states"
        return Flaw(category, f"{category}: {missing.fault}", path, "correct the code or returns", subject)
    if missing is not None:
        what = f"the code gives no answer: {missing.fault}"
        return Flaw("the code gives no answer to an example", what, path, remedy, subject)
    if len({answer.text for answer in each.answers}) > 1:
        category = "the answer is not deterministic (the order of a set, or state kept between calls)"
        what = "the answer differs between engine builds or runs"
        return Flaw(category, what, path, "make the answer depend on the arguments alone", subject)
    if each.stated is not None and first.text is not None and not revision.returns.equal(first.text, each.stated):
        category = "the code's answer to an example is not the answer that the example states, in meaning or in form"
        what = f"the code answers {shown(first.text)}, the example states {shown(each.stated)}"
        return Flaw(category, what, path, remedy, subject)
    return None


def decided(tried: Sequence[Tried], flaws: Sequence[Flaw], bench: Bench) -> Evidence:
    """The gate's evidence."""
    if flaws:
        faults = [flaw.line for flaw in flaws]
        detail: dict[str, object] = {"category": categories(flaws), "faults": faults}
        return Evidence(Gate.EXAMPLES, False, "; ".join(faults[:5]), detail)
    computed = sum(each.stated is None for each in tried)
    detail = {"examples": len(tried), "computed": computed, "engines": list(bench.engines), "runs": 4 * len(tried)}
    summary = f"{len(tried)} examples give their answers on two engine builds, twice each"
    return Evidence(Gate.EXAMPLES, True, summary, detail)
