"""The exact upper bound of a share by Clopper and Pearson."""

from __future__ import annotations

from math import comb, exp, lgamma, log


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The largest share under which at most `events` of `trials` would be seen with a chance of 1 - `confidence`.

    One-sided, so that no event in n trials gives about 3/n. 1.0 without trials.
    """
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, trials: int, share: float) -> float:
    """The chance of at most so many events."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    if trials <= 60:
        return sum(comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(events + 1))
    return sum(
        exp(
            lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(share) + (trials - k) * log(1 - share)
        )
        for k in range(events + 1)
    )
