"""What a new document must keep: counterexamples that are confirmed, and the tests of a revision that was withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from seglam.compiler.opinion import bound, same, verified
from seglam.compiler.results import Case, Must
from seglam.compiler.running import Bench
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision


def correction(request: Request, expected: str | None, given: str | None, *, own: bool) -> Case:
    """A confirmed counterexample. What was asked of the revision at hand must be answered; of others no wrong answer
    is given.

    Args:
        expected: the right answer; None if there should be none.
        given: what was answered.
        own: whether it is about the revision whose place the new document takes.
    """
    if expected is None:
        return Case(request, Must.MISS, wrong=given)
    return Case(request, Must.ANSWER if own else Must.AGREE, expected, given)


def tests_of(
    revision: Revision, implementation: str | None, contradicted: Collection[Mapping[str, str]], bench: Bench | None
) -> Iterator[Case]:
    """The examples of a revision that was withdrawn, but for those that a counterexample contradicts.

    Only an answer that the verifier's implementation gives as well is kept, since the code that was withdrawn may have
    answered its own examples wrongly; of the others it is kept that they are answered. Blocks for the sandbox.

    Args:
        implementation: the verifier's; None if there is none, or if the rule has changed, so that no answer holds.
        contradicted: arguments whose answers are known to be others.
        bench: None where nothing can be run.
    """
    for example in revision.spec.examples or ():
        request = request_of(example)
        binding = bound(revision, request)
        if binding is None or dict(binding.arguments) in contradicted:
            continue
        holds = False
        if implementation is not None and bench is not None:
            theirs = verified(revision, implementation, binding.arguments, bench).text
            holds = same(revision, theirs, example.answer)
        yield Case(request, Must.ANSWER, example.answer) if holds else Case(request, Must.BIND)
