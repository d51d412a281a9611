"""A second opinion on one answer: the verifier's recorded implementation beside the procedure's own code.

Nothing is asked of a model. Every call is in a fresh instance, and each side runs on both engine builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seglam.compiler.gates.differential import verifier_program
from seglam.compiler.results import Finding
from seglam.compiler.running import Answer, Bench, answers, program_of, tagged_of
from seglam.lookup import Binding, Hit, Index
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision


@dataclass(frozen=True, slots=True)
class Opinion:
    """What both implementations make of the same arguments.

    Attributes:
        given: the procedure's answer as canonical text; None if its code gives none.
        verified: the verifier's; None if it gives none, or if there is no implementation.
        asked: whether there is an implementation.
        steady: each side said the same twice, and none ran into a limit.
        agrees: both gave the same answer, or neither gave one.
    """

    given: str | None
    verified: str | None
    asked: bool
    steady: bool
    agrees: bool


def weigh(revision: Revision, expected: str | None, seen: Opinion) -> Finding:
    """What an opinion says of an answer that is not the expected one.

    Args:
        expected: canonical text; None if no answer should be given.
    """
    if seen.steady and same(revision, seen.given, expected):
        return Finding.REFUTED
    if not seen.asked:
        return Finding.UNASKED
    if not seen.steady:
        return Finding.UNSTEADY
    if seen.agrees:
        return Finding.AGREED
    return Finding.CONFIRMED if same(revision, seen.verified, expected) else Finding.DOUBTFUL


def bound(revision: Revision, request: Request) -> Binding | None:
    """What a revision alone binds of a request; None if it is none of its requests. `TextError` if it is no text."""
    alone = Index(explains=False)
    alone.add(revision)
    found = alone.find(request)
    return found.binding if isinstance(found, Hit) else None


def opinion(revision: Revision, code: str | None, arguments: Mapping[str, str], bench: Bench) -> Opinion:
    """Run both implementations twice on arguments as canonical texts. Blocks as long as the limits allow.

    Args:
        code: the verifier's implementation; None if none is recorded.

    Raises:
        ValueProblem, KeyError: the arguments are not the revision's.
    """
    tagged = [tagged_of(revision, arguments)]
    own = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
    mine, again = (answers(sandbox, revision, own, tagged)[0] for sandbox in (bench.first, bench.second))
    if code is None:
        return Opinion(mine.text, None, False, _steady(revision, mine, again), False)
    verifier = verifier_program(revision, code)
    theirs, repeated = (answers(sandbox, revision, verifier, tagged)[0] for sandbox in (bench.first, bench.second))
    steady = _steady(revision, mine, again) and _steady(revision, theirs, repeated)
    return Opinion(mine.text, theirs.text, True, steady, same(revision, mine.text, theirs.text))


def verified(revision: Revision, code: str, arguments: Mapping[str, str], bench: Bench) -> Answer:
    """One run of the verifier's implementation. `ValueProblem` and `KeyError` as `opinion`."""
    program = verifier_program(revision, code)
    return answers(bench.first, revision, program, [tagged_of(revision, arguments)])[0]


def same(revision: Revision, left: str | None, right: str | None) -> bool:
    """Whether two answers are equal as their type compares them; no answer equals none."""
    if left is None or right is None:
        return left is right
    return revision.returns.equal(left, right)


def _steady(revision: Revision, once: Answer, twice: Answer) -> bool:
    return not once.limited and not twice.limited and same(revision, once.text, twice.text)
