"""Bad and good patterns through the match gate: is what should go taken out, and does what should stay remain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.faults.judging import KeptJudge
from benchmarks.faults.wordings import Case
from seglam.compiler.assemble import with_patterns
from seglam.compiler.gates import checks, match
from seglam.compiler.gates.alternatives import questions
from seglam.compiler.running import Bench, serves_on
from seglam.lookup import Hit
from seglam.procedures.document import Pattern, ReasoningProcedure
from seglam.procedures.load import Loaded
from seglam.procedures.patterns import PatternError
from seglam.procedures.revision import Revision
from seglam.procedures.validate import validate

UNBOUND = "match: no pattern matches the missed request as a whole"
"""The pattern does not even let its own witness in, which says nothing of a gate: such cases are left out."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pattern. `by` is the gate or the part of it that stopped it, empty if it stayed."""

    case: Case
    stopped: bool
    by: str = ""
    asked: int = 0
    unjudged: int = 0


def extended(document: ReasoningProcedure, pattern: str) -> ReasoningProcedure:
    """The procedure with one more pattern."""
    return with_patterns(document, [*(document.spec.match.patterns or ()), Pattern(text=pattern)])


def pairs_of(document: ReasoningProcedure, case: Case) -> list[tuple[str, str]]:
    """What a verifier would be asked about the pattern."""
    made = extended(document, case.pattern)
    if faulty(made) is not None:
        return []
    return [question.pair for question in questions(made, case.request, document.spec)]


def faulty(document: ReasoningProcedure) -> str | None:
    """The first error of a document, if it has one."""
    try:
        found = [problem for problem in validate(Loaded(document, "", {})) if problem.severity == "error"]
    except (PatternError, ValueError) as problem:
        return str(problem)
    return str(found[0]) if found else None


def run(
    documents: dict[str, ReasoningProcedure],
    cases: Sequence[Case],
    bench: Bench,
    step: Callable[[], None] = lambda: None,
) -> Iterator[Verdict]:
    """Each case through static checks of the document and the match gate, as an extension of its procedure."""
    revisions = {name: Revision.of(document) for name, document in documents.items()}
    for case in cases:
        base = documents[case.procedure]
        elders = [revision for name, revision in revisions.items() if name != case.procedure]
        yield _judged(case, base, elders, bench)
        step()


def _judged(case: Case, base: ReasoningProcedure, elders: Sequence[Revision], bench: Bench) -> Verdict:
    document = extended(base, case.pattern)
    if (problem := faulty(document)) is not None:
        return Verdict(case, True, f"static: {problem}")
    judge = KeptJudge()
    revision = Revision.of(document)
    asked = len({question.pair for question in questions(document, case.request, base.spec)})
    evidence, left = match(document, case.witness, elders, judge, serves_on(bench, revision), base.spec, case.request)
    if not evidence.passed:
        return Verdict(case, True, _part(evidence.detail), asked, len(judge.unknown))
    lost = not isinstance(checks.lookup_of(Revision.of(left)).find(case.witness), Hit)
    return Verdict(case, lost, "match: contrasts" if lost else "", asked, len(judge.unknown))


def _part(detail: object) -> str:
    assert isinstance(detail, dict)
    if detail.get("nearMissesBound"):
        return "match: near misses"
    faults = str(detail.get("category", ""))
    if "without the rejected alternatives" in str(detail.get("faults", "")) or "rejected" in faults:
        return "match: contrasts"
    if "known procedure" in faults:
        return "match: overlap"
    if "refusal" in faults:
        return "match: refusals"
    return f"match: {faults}"
