"""Running code for verification: in fresh instances, on two builds of the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seglam.lookup import Binding
from seglam.procedures.answers import PostConditionFailed, canonical_answer
from seglam.procedures.revision import Revision
from seglam.sandbox import Executor, FaultKind, Mode, Program, Run

Tagged = Mapping[str, object]
FUEL = 2_000_000_000
"""Of one call where many are tried; a fifth of a second."""

LIMITS = frozenset({FaultKind.FUEL, FaultKind.MEMORY, FaultKind.STACK, FaultKind.TRAP})
"""Faults that say how much a call used, not what its answer would be."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Two sandboxes on two builds of one engine recipe, which differ in hash seeds and the order of sets."""

    first: Executor
    second: Executor

    @property
    def engines(self) -> tuple[str, ...]:
        """Digests of the engines, for evidence."""
        return (self.first.engine.digest, self.second.engine.digest)

    @property
    def modules(self) -> tuple[str, ...]:
        """What code may import."""
        return tuple(sorted(self.first.engine.modules & self.second.engine.modules))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call: the answer's canonical text and tagged form, or why there is none.

    `limited` says that the call ran into a limit, so that it tells nothing about the answer; `improper` that it
    answered what `returns` does not allow; `refused` that the code called `refuse`.
    """

    text: str | None
    tagged: object
    fault: str | None
    limited: bool = False
    improper: bool = False
    refused: bool = False


def program_of(code: str, fuel: int, memory_mib: int) -> Program:
    """Code as a program, named by its digest."""
    return Program("sha256:" + hashlib.sha256(code.encode()).hexdigest(), code, fuel=fuel, memory_mib=memory_mib)


def answer_of(revision: Revision, run: Run) -> Answer:
    """A run's answer under the revision's post-conditions."""
    if run.fault is not None:
        kind = run.fault.kind
        return Answer(None, None, str(run.fault), limited=kind in LIMITS, refused=kind is FaultKind.REFUSED)
    try:
        return Answer(canonical_answer(revision, run.answer), run.answer, None)
    except PostConditionFailed as problem:
        return Answer(None, run.answer, f"post-condition: {problem}", improper=True)


def answers(sandbox: Executor, revision: Revision, program: Program, arguments: Sequence[Tagged]) -> list[Answer]:
    """The answers of a program to many arguments, in one fresh instance as long as nothing ends it."""
    return [answer_of(revision, run) for run in sandbox.run_many(program, list(arguments), mode=Mode.FRESH)]


def tagged_of(revision: Revision, arguments: Mapping[str, str]) -> dict[str, object]:
    """Arguments as they enter the sandbox; `ValueProblem` if one is no canonical text, `KeyError` if it is missing."""
    tagged = {}
    for name, kind in revision.argument_types.items():
        kind.check(arguments[name])
        tagged[name] = kind.to_tagged(arguments[name])
    return tagged


def serves_on(bench: Bench, revision: Revision) -> Callable[[Binding], bool]:
    """Whether the code answers a binding rather than refusing it, each time in an instance of its own."""
    program = program_of(revision.spec.code, min(revision.fuel, FUEL), revision.memory_mib)

    def serves(binding: Binding) -> bool:
        run = bench.first.run(program, binding.tagged(), mode=Mode.SINGLE_USE)
        return answer_of(revision, run).text is not None

    return serves
