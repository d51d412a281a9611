"""Which old revisions go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from seglam.operator.policies.activation import Candidate
from seglam.operator.policies.review import State


def superfluous(candidates: Sequence[Candidate], keep: Collection[str | None], limit: int) -> list[Candidate]:
    """The oldest of the revisions that are neither active, quarantined nor named by `keep` (digests), past `limit`."""
    free = [
        each
        for each in candidates
        if not each.active and each.state is not State.QUARANTINED and each.digest not in keep
    ]
    free.sort(key=lambda each: (each.created, each.name), reverse=True)
    return free[limit:]
