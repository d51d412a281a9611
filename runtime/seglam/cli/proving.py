"""Whether procedures hold what they state: the code keeps the static rules, examples bind and run, refusals miss,
patterns do not overlap.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seglam.compiler.gates.static import example_values, faults
from seglam.lookup import Binding, Hit, Index
from seglam.lookup.overlap import overlaps
from seglam.procedures import Loaded, Problem, Request, Revision, request_of, validate
from seglam.procedures.answers import canonical_answer
from seglam.procedures.document import Example
from seglam.procedures.patterns import parse
from seglam.procedures.patterns.sentences import sentences
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode, Program, Run, Sandbox

REFUSAL_SENTENCES = 6
"""Sentences of a refusal's template that are tried."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one document: its faults, how much was tried, and whether it could be tried at all."""

    loaded: Loaded
    valid: bool
    problems: tuple[Problem, ...]
    examples: int
    refusals: int

    @property
    def passed(self) -> bool:
        """Whether no fault is an error."""
        return not any(problem.severity == "error" for problem in self.problems)


def prove(loaded: Loaded, sandbox: Sandbox) -> Proof:
    """Validate one document, then inspect its code, bind and run its examples and try its refusals."""
    problems = validate(loaded)
    valid = not any(problem.severity == "error" for problem in problems)
    examples, refusals = loaded.document.spec.examples or [], loaded.document.spec.match.refuse or []
    if valid:
        revision, index = Revision.of(loaded.document), Index()
        index.add(revision)
        problems += _code(loaded, revision, sandbox)
        for number, example in enumerate(examples):
            problems += _example(loaded, revision, index, number, example, sandbox)
        for number, refusal in enumerate(refusals):
            problems += _refusal(loaded, revision, index, number, refusal, sandbox)
    return Proof(loaded, valid, tuple(problems), len(examples), len(refusals))


def _code(loaded: Loaded, revision: Revision, sandbox: Sandbox) -> Iterator[Problem]:
    inspection = sandbox.inspect(revision.spec.code, example_values(revision.spec))
    for fault in faults(inspection, revision):
        yield loaded.problem(("spec", "code"), fault, "correct the code")


def _example(
    loaded: Loaded, revision: Revision, index: Index, number: int, example: Example, sandbox: Sandbox
) -> Iterator[Problem]:
    path = ("spec", "examples", number)
    found = index.find(request_of(example))
    if not isinstance(found, Hit):
        what = f"the example misses: {found.explanation}"
        yield loaded.problem(path, what, "correct the example or the patterns")
        return
    stated = {argument.name: argument.value for argument in example.arguments}
    if not _equal(revision, found.binding.arguments, stated):
        what = f"the example binds {found.binding.shown()}"
        yield loaded.problem((*path, "arguments"), what, "correct the arguments or the patterns")
        return
    run = _run(revision, found.binding, sandbox)
    place = (*path, "answer")
    if run.fault is not None:
        yield loaded.problem(place, f"the code gives no answer: {run.fault}", "correct the code or the example")
        return
    try:
        answer = canonical_answer(revision, run.answer)
        right = revision.returns.equal(answer, example.answer)
    except ValueProblem as problem:
        yield loaded.problem(place, f"the answer breaks what returns states: {problem}", "correct the code or returns")
        return
    if not right:
        what = f"the code answers {_cut(answer)!r}, the example states {_cut(example.answer)!r}"
        yield loaded.problem(place, what, "correct the code or the example")


def _run(revision: Revision, binding: Binding, sandbox: Sandbox) -> Run:
    program = Program(revision.digest, revision.spec.code, revision.fuel, revision.memory_mib)
    return sandbox.run(program, binding.tagged(), mode=Mode.FRESH)


def _refusal(
    loaded: Loaded, revision: Revision, index: Index, number: int, refusal: str, sandbox: Sandbox
) -> Iterator[Problem]:
    rules = {rule.name: rule.text for rule in revision.spec.rules or ()}
    slotted = {n: kind for n, kind in revision.types.items() if revision.parameters[n].origin in (None, "pattern")}
    like = [Request(), *(request_of(example) for example in (revision.spec.examples or ())[:1])]
    tree = parse(refusal, rules)
    for sentence in sentences(tree, slotted, random.Random(revision.digest), limit=REFUSAL_SENTENCES):
        for base in like:
            request = Request(text=sentence.text, inputs=base.inputs, context=base.context)
            found = index.find(request)
            # One that binds but that the code refuses is not answered, and so is refused.
            if isinstance(found, Hit) and _run(revision, found.binding, sandbox).ok:
                what = f"{sentence.text!r} is to be refused and binds {found.binding.shown()}"
                yield loaded.problem(("spec", "match", "refuse", number), what, "narrow the patterns")
                return


def collisions(documents: Sequence[Loaded]) -> Iterator[Problem]:
    """Patterns of two documents that may match one request, each pair once."""
    elders: list[tuple[Revision, Loaded]] = []
    for loaded in documents:
        newcomer = Revision.of(loaded.document)
        of = {revision.digest: other for revision, other in elders}
        if (same := of.get(newcomer.digest)) is not None:
            what = f"this is the procedure {same.document.metadata.name} of {same.file} under another name"
            yield loaded.problem(("metadata", "name"), what, "remove one of the two")
            continue
        for overlap in overlaps(newcomer, (revision for revision, _ in elders)):
            number = overlap.newcomer_pattern
            path: tuple[str | int, ...] = ("spec", "match", "structured")
            if number is not None:
                path = ("spec", "match", "patterns", number, "text")
            kind = "matches" if overlap.confirmed else "may match" if overlap.decided else "is too complex to tell from"
            request = f", both with {_cut(overlap.witness)!r}" if overlap.witness else ""
            theirs = "its structured form" if overlap.elder_pattern is None else f"pattern {overlap.elder_pattern}"
            yield loaded.problem(
                path,
                f"the pattern {kind} what {overlap.elder.name} ({of[overlap.elder.digest].file}, {theirs})"
                f" does{request}",
                "narrow one of the two",
            )
        elders.append((newcomer, loaded))


def _equal(revision: Revision, bound: Mapping[str, str], stated: Mapping[str, str]) -> bool:
    types = revision.argument_types
    return bound.keys() == stated.keys() and all(types[name].equal(bound[name], stated[name]) for name in bound)


def _cut(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
