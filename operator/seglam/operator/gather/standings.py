"""Where a revision stands: what people decided in its review, and what was found out against it."""

from __future__ import annotations

from seglam.operator.gather.known import Known, review_for
from seglam.operator.policies.counterexample import stopping, unexamined
from seglam.operator.policies.review import Standing, State, standing
from seglam.operator.settings import ReviewSettings


def standing_of(known: Known, settings: ReviewSettings, namespace: str, procedure: str, digest: str) -> Standing:
    """Where a revision stands. A counterexample that is confirmed stops it like somebody's quarantine.

    What was not examined yet stops nothing, or else anybody could silence a procedure; see `held`.
    """
    review = review_for(known, namespace, procedure, digest)
    stands = Standing(State.PENDING, (), settings.approvals)
    if review is not None and review.managed:
        stands = standing(review.authors, review.decisions, settings.approvals, settings.gitops_authors)
    against = known.counterexamples(namespace, procedure, digest)
    if not against or stands.state is State.QUARANTINED:
        return stands
    if by := stopping(against):
        return Standing(State.QUARANTINED, tuple(f"counterexample {name}" for name in by), stands.needed)
    return stands


def held(known: Known, namespace: str, procedure: str, digest: str) -> bool:
    """Whether a revision that is not served is to wait until what is stated against it was examined, lest a restored
    backup serve for a while what was stopped."""
    return unexamined(known.counterexamples(namespace, procedure, digest))
