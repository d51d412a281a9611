"""The exact upper bound of a share, where there may have been no trial."""

from __future__ import annotations

from seglam.cli import report


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """See `seglam.cli.report.upper_bound`; 1.0 without trials."""
    found = report.upper_bound(events, trials, confidence)
    return 1.0 if found is None else found
