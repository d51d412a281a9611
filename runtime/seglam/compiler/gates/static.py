"""Gate 1: what can be said of a document and its code without running it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from seglam.compiler.assemble import UNKNOWN, with_spec
from seglam.compiler.gates.checks import Flaw
from seglam.compiler.results import Evidence, Gate
from seglam.procedures.document import MAX_CODE_BYTES, MAX_DOCUMENT_BYTES, ReasoningProcedure, Spec
from seglam.procedures.load import Loaded, dump, field_of
from seglam.procedures.revision import Revision
from seglam.procedures.validate import validate
from seglam.sandbox import Executor, Inspection

MOST_YAML = 8
"""No document is longer in YAML than so many times its JSON: a digit in a list takes its line, up to 14 bytes for 2."""


def static(document: ReasoningProcedure, sandbox: Executor) -> Evidence:
    """The document's parts fit together; the code parses in the engine, imports what it has, and breaks no rule."""
    return decided(*inspected(document, sandbox))


def inspected(
    document: ReasoningProcedure, sandbox: Executor, *, complete: bool = False
) -> tuple[list[Flaw], tuple[str, ...]]:
    """What is wrong with a document and its code, and the modules that the code imports.

    Args:
        complete: every example states its answer, an empty one too; else an empty one is to be computed.
    """
    if (problem := out_of_bounds(document)) is not None:
        return [Flaw(problem, problem)], ()
    # An example whose answer is to be computed has none yet that could be checked.
    stated = [example for example in document.spec.examples or () if complete or example.answer != UNKNOWN]
    checked = Loaded(with_spec(document, examples=stated or None), "", {})
    problems = [str(problem) for problem in validate(checked) if problem.severity == "error"]
    if problems:
        return [Flaw(text, text) for text in (f"document {problem.lstrip(': ')}" for problem in problems)], ()
    inspection = sandbox.inspect(document.spec.code, example_values(document.spec))
    found = faults(inspection, Revision.of(document))
    return [Flaw(text, text, ("spec", "code"), "correct the code") for text in found], inspection.imports


def out_of_bounds(document: ReasoningProcedure) -> str | None:
    """How a document is too large to be read again, if it is."""
    try:
        ReasoningProcedure.model_validate(document.model_dump(mode="json", by_alias=True, exclude_none=True))
    except ValidationError as error:
        first = error.errors()[0]
        return f"document {field_of(tuple(first['loc']))}: {first['msg']}"
    if len(document.model_dump_json(by_alias=True, exclude_none=True).encode()) * MOST_YAML <= MAX_DOCUMENT_BYTES:
        return None
    size = len(dump(document).encode())
    return None if size <= MAX_DOCUMENT_BYTES else f"the document has {size} bytes, more than {MAX_DOCUMENT_BYTES}"


def example_values(spec: Spec) -> list[object]:
    """Example values that code must not single out. Members of a closed set are what code is expected to tell apart,
    also where another parameter has such a value: a column may be named as an operation is.
    """
    members = {value.casefold() for p in spec.parameters or () for value in p.one_of or ()}
    members |= {each.value.casefold() for vocabulary in spec.vocabularies or () for each in vocabulary.values}
    closed = {p.name for p in spec.parameters or () if p.one_of or "vocabulary" in p.type or p.type in _CLOSED}
    values = [
        argument.value
        for example in spec.examples or ()
        for argument in example.arguments
        if argument.name not in closed and argument.value.casefold() not in members
    ]
    answers = [
        example.answer
        for example in spec.examples or ()
        if spec.returns.type not in _CLOSED and example.answer != UNKNOWN
    ]
    if spec.returns.one_of or spec.returns.vocabulary:
        answers = []
    return [*values, *answers]


_CLOSED = frozenset({"weekday", "month", "character", "variable"})


def faults(inspection: Inspection, revision: Revision) -> list[str]:
    """What is wrong with the code, in words for its author."""
    if inspection.error is not None:
        return [f"the code does not parse: {inspection.error}"]
    found = [f"line {finding.line}: {finding.rule}: {finding.message}" for finding in inspection.findings]
    found += [f"the engine has no module {name}" for name in inspection.unavailable_imports]
    if len(revision.spec.code.encode()) > MAX_CODE_BYTES:
        found.append(f"the code is larger than {MAX_CODE_BYTES} bytes")
    solve = next((function for function in inspection.functions if function.name == "solve"), None)
    wanted = tuple(revision.argument_types)
    if solve is None:
        found.append(f"the code defines no solve({', '.join(wanted)})")
    elif {*solve.parameters, *solve.keyword_only} != set(wanted):
        taken = ", ".join((*solve.parameters, *solve.keyword_only))
        found.append(f"solve takes ({taken}), but the arguments are ({', '.join(wanted)})")
    return found


def decided(flaws: Sequence[Flaw], imports: Sequence[str]) -> Evidence:
    """The gate's evidence."""
    if flaws:
        found = [flaw.what for flaw in flaws]
        return Evidence(Gate.STATIC, False, "; ".join(found[:8]), {"category": "; ".join(found[:20]), "faults": found})
    return Evidence(Gate.STATIC, True, "the document and its code keep all static rules", {"imports": list(imports)})
