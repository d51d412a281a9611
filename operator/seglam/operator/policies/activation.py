"""Which revision of a procedure is served: a function of what people wrote, never of what a status remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seglam.operator.policies.review import State
from seglam.operator.seen import Activation


@dataclass(frozen=True, slots=True)
class Candidate:
    """A revision as far as the choice depends on it.

    Attributes:
        created: RFC 3339.
        active: its label, which backups keep.
        verified: whether it passed the gates; None where that is not known (yet, or since a backup lost its status).
    """

    name: str
    digest: str
    created: str
    active: bool
    verified: bool | None
    state: State

    @property
    def eligible(self) -> bool:
        """Whether it may be served: it passed the gates, enough people approved it, nobody stopped it.

        One that is served stays so while a lost verification is made again; nothing becomes active without one.
        """
        verified = self.active if self.verified is None else self.verified
        return verified and self.state is State.APPROVED


def choose(digest: str | None, activation: Activation, candidates: Sequence[Candidate]) -> Candidate | None:
    """The revision to serve, or None.

    Newest: the current spec's (`digest`) if it is eligible; else the one that is served, if it still is; else the
    youngest that is. Pinned: the pinned one; else the one that is served; never one that nobody chose.
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
    return max(eligible, key=_age, default=None)


def _age(candidate: Candidate) -> tuple[str, str]:
    return candidate.created, candidate.name
