"""Counts by day and procedure: gathered in memory, written in batches, so that a hit never waits for the disk."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy.dialects.sqlite import insert
from sqlmodel import Session, select

from seglam.gateway.store.database import Database
from seglam.gateway.faults import StoreError
from seglam.gateway.store.tables import CounterRow

Key = tuple[str, str, str]
"""Day (UTC), procedure or nothing, name of the counter."""

FLUSH_SECONDS = 1.0


class Counters:
    """Counts. A killed process loses at most those of the last second.

    Args:
        database: where they are kept.
        report: called with a message when they cannot be written; they are kept and tried again.
    """

    def __init__(self, database: Database, report: Callable[[str], None]) -> None:
        self._database = database
        self._report = report
        self._counts: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._moving = threading.Lock()  # held while counts are neither in memory nor in the file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seglam-counters", daemon=True)
        self._thread.start()

    def add(self, counts: Mapping[str, int], procedure: str = "") -> None:
        """Add to counters of today."""
        day = datetime.now(UTC).date().isoformat()
        with self._lock:
            for name, count in counts.items():
                self._counts[(day, procedure, name)] += count

    def flush(self) -> None:
        """Write what has been gathered. `StoreError` if that fails; then nothing is lost."""
        with self._moving:
            with self._lock:
                taken, self._counts = self._counts, Counter()
            if not taken:
                return
            try:
                self._database.write(lambda session: _write(session, taken))
            except BaseException:
                with self._lock:
                    self._counts.update(taken)
                raise

    def totals(self, since: str | None = None) -> dict[Key, int]:
        """All counts from a day on, with those not written yet."""
        with self._moving:
            with self._lock:
                gathered = dict(self._counts)
            totals = Counter({key: count for key, count in gathered.items() if since is None or key[0] >= since})
            with self._database.read() as session:
                chosen = select(CounterRow) if since is None else select(CounterRow).where(CounterRow.day >= since)
                for row in session.exec(chosen).all():
                    totals[(row.day, row.procedure, row.name)] += row.value
        return dict(totals)

    def close(self) -> None:
        """Write the last counts and stop."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        reported = False
        while not self._stop.wait(FLUSH_SECONDS):
            try:
                self.flush()
                reported = False
            except StoreError as error:
                if not reported:
                    self._report(f"counts are kept in memory, since they cannot be written: {error}")
                reported = True


def _write(session: Session, counts: Mapping[Key, int]) -> None:
    for (day, procedure, name), count in counts.items():
        statement = insert(CounterRow).values(day=day, procedure=procedure, name=name, value=count)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "procedure", "name"], set_={"value": CounterRow.value + count}
            )
        )
