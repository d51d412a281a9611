"""How large a share may be, from what was seen of it."""

from __future__ import annotations

import math

CONFIDENCE = 0.95


def upper_bound(wrong: int, trials: int, confidence: float = CONFIDENCE) -> float | None:
    """The exact one-sided upper bound of a share (Clopper and Pearson 1934); None without trials.

    It is the p at which `wrong` or fewer of `trials` have probability 1 - confidence; for none wrong that is
    1 - (1 - confidence) ** (1 / trials), about 3 / trials at 95 %.
    """
    if trials == 0:
        return None
    if wrong >= trials:
        return 1.0
    low, high = wrong / trials, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if _at_most(wrong, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, trials: int, share: float) -> float:
    """Probability of at most `count` successes in `trials`."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    yes, no = math.log(share), math.log1p(-share)
    whole = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * yes + (trials - k) * no)
        for k in range(count + 1)
    )
