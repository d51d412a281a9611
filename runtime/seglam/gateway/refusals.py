"""What the store refuses or fails at, as problem documents."""

from __future__ import annotations

from seglam.gateway.answering import Declined
from seglam.gateway.outcomes import Reason
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.web import Problem

_REVIEW_STATUS = {
    "unknown-revision": 404,
    "unknown-procedure": 404,
    "unknown-counterexample": 404,
    "four-eyes": 403,
    "not-accepted": 403,
    "too-many-open": 429,
}

_DECLINED_STATUS: dict[str, int] = {Reason.NOT_COMPILABLE: 422, Reason.BUSY: 503, Reason.BUDGET: 503}


def of_review(refused: ReviewRefused) -> Problem:
    """A decision that may not be taken."""
    if refused.code in ("reviewer-missing", "unknown-decision", "not-its-type", "not-its-request"):
        return Problem(400, refused.code, str(refused))
    return Problem(_REVIEW_STATUS.get(refused.code, 409), refused.code, str(refused))


def of_declined(declined: Declined) -> Problem:
    """A compilation that does not start."""
    status = _DECLINED_STATUS.get(declined.reason, 504)
    headers = {"Retry-After": "30"} if status == 503 else None
    return Problem(status, declined.reason, declined.explanation, headers=headers)


def of_store(error: StoreError) -> Problem:
    """The store cannot be read or written. Hits are still served."""
    return Problem(507 if error.fault == "store-full" else 503, error.fault, str(error))
