"""When not to ask a model: the day's tokens are used up, or the type has failed lately."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from seglam.compiler import Outcome
from seglam.gateway.ledger import today
from seglam.gateway.ledger.prices import Budget, PriceList
from seglam.gateway.store import Records

MAX_TYPES = 10_000
LONGEST = 3_600.0


@dataclass(frozen=True, slots=True)
class Failure:
    """How a type's last compilation failed, how often in a row, until when it rests, and after how many changes of
    what is served it failed."""

    outcome: Outcome
    message: str
    times: int
    until: float
    changes: int


class Restraint:
    """Keeps a type that fails from asking again and again.

    A recorded model answers the same until other revisions are active, so `no-completion` rests until then. Other
    failures rest `pause_s`, twice as long each time; a model that was down may be asked again once at once.

    Args:
        store: the tenant's.
        budget: what the tenant's live models may use in a day (UTC), as it is now.
        prices: what their tokens cost, as it is now.
        pause_s: the first pause, in seconds; 0 for none.
    """

    def __init__(
        self,
        store: Records,
        *,
        budget: Callable[[], Budget] = Budget,
        prices: Callable[[], PriceList] = PriceList,
        pause_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._budget = budget
        self._prices = prices
        self._pause = pause_s
        self._clock = clock
        self._failures: dict[str, Failure] = {}
        self._lock = threading.Lock()

    def over_budget(self) -> str | None:
        """Why no model may be asked today, if so."""
        budget = self._budget()
        if budget.unlimited:
            return None
        return budget.exceeded(self._store.counters.totals(since=today()), self._prices())

    def resting(self, fingerprint: str, changes: int) -> Failure | None:
        """The failure because of which a type is not tried now."""
        failure = self._failures.get(fingerprint)
        if failure is None:
            return None
        if failure.outcome is Outcome.NO_COMPLETION:
            return failure if failure.changes == changes else None
        return failure if self._clock() < failure.until else None

    def note(self, fingerprint: str, outcome: Outcome, message: str, changes: int) -> None:
        """A compilation of a type ended."""
        with self._lock:
            before = self._failures.pop(fingerprint, None)
            if outcome in (Outcome.PROPOSED, Outcome.EXTENDED, Outcome.NOT_COMPILABLE):
                return
            times = before.times + 1 if before is not None else 1
            doublings = times - (2 if outcome is Outcome.MODEL_FAILED else 1)
            pause = min(self._pause * 2.0 ** min(doublings, 16), LONGEST) if doublings >= 0 else 0.0
            while len(self._failures) >= MAX_TYPES:
                self._failures.pop(next(iter(self._failures)))
            self._failures[fingerprint] = Failure(outcome, message, times, self._clock() + pause, changes)
