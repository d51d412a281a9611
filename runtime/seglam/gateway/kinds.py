"""What misses are grouped by, and what is known of a kind that no code can answer."""

from __future__ import annotations

from seglam.compiler import Missed, Negative, NegativeIndex
from seglam.gateway.answering import Declined
from seglam.gateway.outcomes import Reason
from seglam.lookup import MissReason, fingerprint


def kind_of(missed: Missed) -> str:
    """What misses are grouped by: the request's type, or the revision that refused it, whatever its wording."""
    if missed.miss.reason is MissReason.GUARD and len(missed.miss.bindings) == 1:
        return "refused-" + missed.miss.bindings[0].revision.digest.removeprefix("sha256:")[:24]
    return fingerprint(missed.request)


def declined_at_once(missed: Missed, negatives: NegativeIndex, *, only_if_cached: bool) -> Declined | None:
    """Why nothing is compiled for a miss, as far as the request, the negative entries and its caller decide that."""
    if (known := negatives.find(missed.request)) is not None:
        return declined_as_negative(known)
    if only_if_cached or missed.miss.reason is MissReason.TOO_LARGE:
        return Declined(missed.miss.reason, missed.miss.explanation)
    return None


def declined_as_negative(known: Negative) -> Declined:
    """Why no compilation starts for a request of a negative entry's type."""
    until = known.expires.date().isoformat()
    return Declined(
        Reason.NOT_COMPILABLE, f"this type is not compiled until {until}: {known.reason} (said {known.model})"
    )
