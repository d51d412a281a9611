"""Whether procedures of files hold what they state: the gates that need no model, each fault with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seglam.compiler import Bench
from seglam.compiler.gates.checks import Flaw
from seglam.compiler.verification import verify
from seglam.lookup.bulk import adding_many
from seglam.procedures import Loaded, Problem, Revision, validate


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


def prove(documents: Sequence[Loaded], bench: Bench) -> Iterator[Proof]:
    """Validate and verify documents, each against the valid ones before it."""
    elders: list[Revision] = []
    files: dict[str, str] = {}
    for loaded in documents:
        with adding_many():
            proof = _proof(loaded, elders, files, bench)
        yield proof


def _proof(loaded: Loaded, elders: list[Revision], files: dict[str, str], bench: Bench) -> Proof:
    """Of one document, which is an elder of the next if it is valid."""
    spec = loaded.document.spec
    problems = validate(loaded)
    valid = not any(problem.severity == "error" for problem in problems)
    if valid:
        verified = verify(loaded.document, elders, bench)
        problems += tuple(_problem(loaded, flaw, files) for flaw in verified.flaws)
        elders.append(Revision.of(loaded.document))
        files.setdefault(verified.digest, loaded.file)
    return Proof(loaded, valid, tuple(problems), len(spec.examples or ()), len(spec.match.refuse or ()))


def _problem(loaded: Loaded, flaw: Flaw, files: dict[str, str]) -> Problem:
    file = files.get(str(flaw.facts.get("digest")))
    return loaded.problem(flaw.path, f"{flaw.what} ({file})" if file else flaw.what, flaw.remedy)
