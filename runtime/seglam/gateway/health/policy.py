"""What a service does about the health of what it serves."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.01
"""Of the hits that are checked again."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How revisions are watched after they were admitted.

    Attributes:
        share: of hits that are checked again off the serving path, 0 for none.
        allowed: share of wrong answers that a procedure may have. A wrong answer that a check confirms quarantines it
            unless the checks so far show, with 95 % confidence, that the share is not above this; 0 allows none.
        waiting: checks that may wait; what comes then is not checked, and counted.
        shadow: whether proposals run beside what is served, answering nobody.
        shadow_approves: agreements without a disagreement after which a proposal is approved without a person; None
            leaves that to people.
    """

    share: float = SHARE
    allowed: float = 0.0
    waiting: int = 256
    shadow: bool = False
    shadow_approves: int | None = None
