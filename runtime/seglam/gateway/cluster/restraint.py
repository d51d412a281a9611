"""When a miss starts no compilation, though nothing else is against it: cold types, and spent budgets."""

from __future__ import annotations

from collections.abc import Callable

from seglam.gateway.answering import Declined
from seglam.gateway.hotness import Hotness
from seglam.gateway.ledger.ledger import today
from seglam.gateway.ledger.prices import Budget, PriceBook
from seglam.gateway.outcomes import Reason

MAX_TENANTS = 10_000
Totals = Callable[[str, str], dict[tuple[str, str, str], int]]
"""A tenant's counts from a day on, by day, procedure and name."""


class Restraint:
    """Decides for all tenants, for each by itself. What tokens cost is counted as the gateway forwards them.

    Args:
        hotness: from which miss of a type in a day on it is compiled, as this replica counts.
        budget: of a tenant, as it is now.
        totals: asks the ledger, and so blocks.
    """

    def __init__(self, hotness: int, budget: Callable[[str], Budget], prices: PriceBook, totals: Totals) -> None:
        self._hotness = hotness
        self._budget = budget
        self._prices = prices
        self._totals = totals
        self._hot: dict[str, Hotness] = {}

    def held_back(self, tenant: str, fingerprint: str, explanation: str) -> Declined | None:
        """Count a miss of a type for which nothing is compiled yet; why nothing is, if so."""
        budget = self._budget(tenant)
        if not budget.unlimited:
            spent = budget.exceeded(self._totals(tenant, today()), self._prices.of(tenant))
            if spent is not None:
                return Declined(Reason.BUDGET, f"{explanation}; {spent}")
        while tenant not in self._hot and len(self._hot) >= MAX_TENANTS:
            self._hot.pop(next(iter(self._hot)))
        cold = self._hot.setdefault(tenant, Hotness(self._hotness)).cold(fingerprint)
        return None if cold is None else Declined(Reason.COLD, f"{explanation}; {cold}")
