"""What is known already of a type: the tests of a revision that was withdrawn, and confirmed counterexamples.

A document that fails one of them is rejected, whoever wrote it and however well it passed the other gates.
"""

from __future__ import annotations

from collections.abc import Sequence

from seglam.compiler.results import Case, Evidence, Gate, Must
from seglam.compiler.running import Bench, answer_of, program_of
from seglam.lookup import Binding, Hit, Index
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.revision import Revision
from seglam.sandbox import Mode

SHOWN = 20


def cases(document: ReasoningProcedure, known: Sequence[Case], bench: Bench) -> Evidence:
    """Whether a document does with each request what is known to be right, in fresh instances of both builds."""
    revision, index = Revision.of(document), Index(explains=False)
    index.add(revision)
    failed = []
    for case in known:
        found = index.find(case.request)
        fault = _fault(revision, case, found.binding if isinstance(found, Hit) else None, bench)
        if fault is not None:
            failed.append({"request": case.request.text, "must": case.must, "answer": case.answer, "fault": fault})
    detail = {"cases": len(known), "failed": failed[:SHOWN]}
    if failed:
        category = "it does not keep what is known: " + "; ".join(sorted({str(each["fault"]) for each in failed}))
        summary = f"{len(failed)} of {len(known)} known requests: {category}"
        return Evidence(Gate.EXAMPLES, False, summary, {**detail, "category": category})
    return Evidence(Gate.EXAMPLES, True, f"{len(known)} requests whose right outcome is known", detail)


def _fault(revision: Revision, case: Case, binding: Binding | None, bench: Bench) -> str | None:
    if case.must is Must.MISS:
        return None if binding is None else "a request that it must not answer is matched"
    if binding is None:
        return None if case.must is Must.AGREE else "a request that was answered before is not matched"
    if case.must is Must.BIND or case.answer is None:
        return None
    program = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
    for sandbox in (bench.first, bench.second):
        given = answer_of(revision, sandbox.run(program, binding.tagged(), mode=Mode.FRESH)).text
        if given is None or not _equal(revision, given, case.answer):
            return "a known answer is another"
    return None


def _equal(revision: Revision, given: str, known: str) -> bool:
    """Known answers are canonical texts of the revision that was asked; this one may answer in another type."""
    return given == known or revision.returns.equal(given, known)
