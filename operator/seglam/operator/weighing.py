"""A counterexample put to the two implementations, in fresh instances of both engine builds."""

from __future__ import annotations

from dataclasses import dataclass

from seglam.compiler import Bench
from seglam.compiler.assemble import as_canonical
from seglam.compiler.jobresult import shortened
from seglam.compiler.opinion import bound, opinion, weigh
from seglam.operator.policies.counterexample import NOT_ABOUT_IT, State, Weighed, examined
from seglam.procedures import Revision, TextError
from seglam.procedures.request import request_of
from seglam.procedures.values import ValueProblem
from seglam.resources import ProcedureCounterexampleSpec
from seglam.resources.conditions import MAX_MESSAGE
from seglam.resources.counterexample import MAX_ANSWER

SHOWN = 200
"""Characters of an answer in a sentence."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found of a counterexample; answers are cut to what a status shows."""

    weighed: Weighed
    given: str | None = None
    verified: str | None = None


def weighed(
    revision: Revision, stated: ProcedureCounterexampleSpec, implementation: str | None, bench: Bench
) -> Examination:
    """Ask both implementations. Blocks as long as the sandbox does.

    Args:
        implementation: the verifier's; None if none is kept.

    Raises:
        RunnersUnavailable: nothing is known of the outcome.
    """
    try:
        binding = bound(revision, request_of(stated.asked))
    except (TextError, ValueError) as problem:
        return _nothing(f"the request cannot be read: {problem}")
    if binding is None:
        return _nothing(f"{revision.name} does not match such a request with this context and these inputs")
    expected = None if stated.expected is None else as_canonical(revision.returns, stated.expected)
    if expected is not None:
        try:
            revision.returns.check(expected)
        except ValueProblem as problem:
            return _nothing(f"what is expected is no answer of {revision.name}: {problem}")
    seen = opinion(revision, implementation, binding.arguments, bench)
    words = f"the code gives {_shown(seen.given)}"
    if seen.asked:
        words += f", the verifier's implementation {_shown(seen.verified)}"
    said = examined(weigh(revision, expected, seen), words)
    return Examination(Weighed(said.state, shortened(said.message, MAX_MESSAGE)), _cut(seen.given), _cut(seen.verified))


def _nothing(why: str) -> Examination:
    return Examination(Weighed(State.REFUTED, shortened(f"{NOT_ABOUT_IT}: {why}", MAX_MESSAGE)))


def _shown(answer: str | None) -> str:
    return "no answer" if answer is None else repr(shortened(answer, SHOWN))


def _cut(answer: str | None) -> str | None:
    return None if answer is None else shortened(answer, MAX_ANSWER)
