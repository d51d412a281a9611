"""An ordered chain of policies: the first that has something to say decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Situation = TypeVar("Situation")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a situation.

    Attributes:
        reason: one word for programs, the reason of the condition Ready.
        message: for people, with what to do.
        ready: whether the object is as its spec wants it.
        stalled: whether only a person's edit can change anything.
    """

    reason: str
    message: str
    ready: bool = False
    stalled: bool = False


Policy = Callable[[Situation], Verdict | None]


def decide(chain: Iterable[Policy[Situation]], situation: Situation) -> Verdict:
    """The first verdict. `LookupError` if no policy has one: the last of a chain must always speak."""
    for policy in chain:
        if (verdict := policy(situation)) is not None:
            return verdict
    raise LookupError("no policy of the chain speaks; the last one must")
