"""What the store refuses or fails at, as problem documents."""

from __future__ import annotations

from seglam.gateway.store import ReviewRefused, StoreError
from seglam.web import Problem

_REVIEW_STATUS = {"unknown-revision": 404, "unknown-procedure": 404, "four-eyes": 403, "not-accepted": 403}


def of_review(refused: ReviewRefused) -> Problem:
    """A decision that may not be taken."""
    if refused.code in ("reviewer-missing", "unknown-decision"):
        return Problem(400, refused.code, str(refused))
    return Problem(_REVIEW_STATUS.get(refused.code, 409), refused.code, str(refused))


def of_store(error: StoreError) -> Problem:
    """The store cannot be read or written. Hits are still served."""
    return Problem(507 if error.fault == "store-full" else 503, error.fault, str(error))
