"""The exact upper bound of a share, where there may have been no trial."""

from __future__ import annotations

from seglam.gateway.health import bounds


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """See `seglam.gateway.health.bounds.upper_bound`; 1.0 without trials."""
    found = bounds.upper_bound(events, trials, confidence)
    return 1.0 if found is None else found
