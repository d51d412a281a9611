"""What the decisions of a review amount to.

The outcome does not depend on the order of the decisions: whoever adds one may write them in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from seglam.operator.seen import Decision


class State(StrEnum):
    """What the decisions amount to."""

    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    QUARANTINED = "Quarantined"


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a review, with the people it comes from and the approvals it needs."""

    state: State
    by: tuple[str, ...] = ()
    needed: int = 1

    @property
    def message(self) -> str:
        """For people."""
        people = ", ".join(self.by)
        match self.state:
            case State.QUARANTINED:
                return f"quarantined by {people}; this revision is never served again"
            case State.REJECTED:
                return f"rejected by {people}; edit the procedure"
            case State.APPROVED:
                return f"approved by {people}"
            case _:
                had = f", {len(self.by)} given by {people}" if self.by else ""
                return f"{self.needed} approval{'s' if self.needed > 1 else ''} by others than the authors needed{had}"


def standing(
    authors: Sequence[str], decisions: Sequence[Decision], approvals: int, shared: Sequence[str] = ()
) -> Standing:
    """What the decisions amount to: a quarantine wins, then a rejection, then enough approvals.

    Args:
        authors: who wrote the revision; an author's approval does not count, also where no policy refused it.
        decisions: the decisions, in any order.
        approvals: approvals by different people that are needed.
        shared: globs of accounts through which several people write; a revision of such an author needs two.
    """
    needed = max(approvals, 2) if any(fnmatchcase(author, glob) for author in authors for glob in shared) else approvals
    for state, word in ((State.QUARANTINED, "Quarantine"), (State.REJECTED, "Reject")):
        if by := _people(decisions, word):
            return Standing(state, by, needed)
    by = tuple(person for person in _people(decisions, "Approve") if person not in authors)
    return Standing(State.APPROVED if len(by) >= needed else State.PENDING, by, needed)


def _people(decisions: Sequence[Decision], word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.reviewer for each in decisions if each.decision == word))
