"""What a counterexample amounts to: what the two implementations found, and what people decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from seglam.compiler.results import Finding
from seglam.operator.seen import Counterexample, Judgement
from seglam.resources import counterexample


class State(StrEnum):
    """What a counterexample amounts to."""

    OPEN = "Open"
    """Nobody could say; a reviewer decides."""
    CONFIRMED = "Confirmed"
    DOUBTFUL = "Doubtful"
    """Code, verifier's implementation and sender say three different things; a reviewer decides what is right."""
    REFUTED = "Refuted"
    DISMISSED = "Dismissed"


STOPPING = frozenset(map(State, counterexample.STOPPING))
"""A revision with one of these is not served."""
WAITING = frozenset({State.OPEN, State.DOUBTFUL})
"""These wait for a reviewer."""
NOT_ABOUT_IT = "it says nothing of the revision"
"""How a refutation begins that no decision changes."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A state, and why."""

    state: State
    message: str


def examined(finding: Finding, words: str) -> Weighed:
    """What the implementations amount to, without people. `words` are their answers, for people."""
    match finding:
        case Finding.REFUTED:
            return Weighed(State.REFUTED, f"the procedure does answer as expected: {words}")
        case Finding.UNASKED:
            return Weighed(State.OPEN, f"a reviewer decides: no verifier's implementation is kept; {words}")
        case Finding.UNSTEADY:
            return Weighed(State.OPEN, f"a reviewer decides: they ran into limits or differ each time; {words}")
        case Finding.AGREED:
            return Weighed(State.OPEN, f"a reviewer decides: both implementations say the same; {words}")
        case Finding.CONFIRMED:
            return Weighed(State.CONFIRMED, f"the verifier's implementation answers as expected: {words}")
        case _:
            return Weighed(State.DOUBTFUL, f"a reviewer decides, and meanwhile nothing is served: {words}")


def standing(examined: str, found: str, sender: str, judgements: Sequence[Judgement]) -> Weighed:
    """What a counterexample amounts to by now.

    A person's word goes before what programs found: that of somebody who confirms, other than the sender, before that
    of somebody who dismisses. What says nothing of the revision stays refuted.

    Args:
        examined: the state that the implementations amount to; `found` says why.
    """
    seen = Weighed(State(examined), found)
    if seen.state is State.REFUTED and found.startswith(NOT_ABOUT_IT):
        return seen
    if by := _people(judgements, "Confirm", but=sender):
        return Weighed(State.CONFIRMED, f"confirmed by {', '.join(by)}")
    if by := _people(judgements, "Dismiss"):
        return Weighed(State.DISMISSED, f"dismissed by {', '.join(by)}")
    return seen


def state_of(stated: Counterexample) -> State | None:
    """The state of a counterexample; None before it was examined."""
    examined, found = stated.status.field("examined"), stated.status.field("found")
    return standing(str(examined), str(found or ""), stated.sender, stated.judgements).state if examined else None


def stopping(stated: Sequence[Counterexample]) -> tuple[str, ...]:
    """The names of those that stop their revision."""
    return tuple(each.meta.name for each in stated if state_of(each) in STOPPING)


def unexamined(stated: Sequence[Counterexample]) -> bool:
    """Whether something is stated that nobody has looked at yet."""
    return any(state_of(each) is None for each in stated)


def _people(judgements: Sequence[Judgement], word: str, but: str | None = None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.reviewer for each in judgements if each.decision == word and each.reviewer != but))
