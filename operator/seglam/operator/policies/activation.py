"""Which revision of a procedure is served: a function of what people wrote, never of what a status remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from seglam.operator.policies.review import State
from seglam.operator.seen import Activation


class Origin(StrEnum):
    """Where a revision's text is from, and what the gate of packs says of it."""

    HERE = "Here"
    """Somebody of this tenant wrote it."""
    UNDECIDED = "Undecided"
    """It is of an import that was not decided yet, or whose status a backup lost."""
    REFUSED = "Refused"
    """It is of an import, and no release that the gate passes has this text."""
    REVIEW = "Review"
    """The gate passes it; somebody here has to approve it."""
    PACK = "Pack"
    """The gate passes it, and by its policy the pack's own reviews are the approval."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A revision as far as the choice depends on it.

    Attributes:
        created: RFC 3339.
        active: its label, which backups keep.
        verified: whether it passed the gates; None where that is not known (yet, or since a backup lost its status).
        spare: whether it may be served in the place of a later one though nobody asks for it. What is older than a
            counterexample to its procedure may be wrong in the same way.
    """

    name: str
    digest: str
    created: str
    active: bool
    verified: bool | None
    state: State
    origin: Origin = Origin.HERE
    spare: bool = True

    @property
    def eligible(self) -> bool:
        """Whether it may be served: it passed the gates, enough people approved it, nobody stopped it, and where it is
        of a pack the gate of packs passes it.

        One that is served stays so while a lost verification or decision is made again; nothing becomes active without.
        """
        verified = self.active if self.verified is None else self.verified
        return verified and self.approved

    @property
    def approved(self) -> bool:
        """Whether it is approved, by people or by its import. A rejection or quarantine here always wins."""
        match self.origin:
            case Origin.REFUSED:
                return False
            case Origin.UNDECIDED:
                return self.active and self.state in (State.APPROVED, State.PENDING)
            case Origin.PACK:
                return self.state in (State.APPROVED, State.PENDING)
            case _:
                return self.state is State.APPROVED


def choose(digest: str | None, activation: Activation, candidates: Sequence[Candidate]) -> Candidate | None:
    """The revision to serve, or None.

    Newest: the current spec's (`digest`) if it is eligible; else the one that is served, if it still is; else the
    youngest that is and may be spare. Pinned: the pinned one; else the one that is served; never one that nobody chose.
    """
    eligible = [candidate for candidate in candidates if candidate.eligible]
    wanted = activation.digest if activation.mode == "Pinned" else digest
    served = sorted((each for each in eligible if each.active), key=_age)
    for candidate in eligible:
        if candidate.digest == wanted:
            return candidate
    if served:
        return served[-1]
    if activation.mode == "Pinned":
        return None
    return max((each for each in eligible if each.spare), key=_age, default=None)


def _age(candidate: Candidate) -> tuple[str, str]:
    return candidate.created, candidate.name
