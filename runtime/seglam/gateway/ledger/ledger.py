"""Counts by tenant, day and procedure: gathered in memory, written in batches, so that a hit never waits for a disk.

Each replica numbers its batches. A batch whose number the database has seen already changes nothing, so that one whose
acknowledgement was lost can be sent again, as often as it takes, and counts once. A replica that is killed loses what
it has gathered since its last batch: at most `FLUSH_SECONDS` of counts while the database answers.
"""

from __future__ import annotations

import socket
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from time import time
from typing import Any, NamedTuple

from sqlalchemy import Executable, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from seglam.gateway.faults import StoreError
from seglam.gateway.ledger.database import Keeping
from seglam.gateway.ledger.tables import BATCHES, COUNTS

Key = tuple[str, str, str]
"""Day (UTC), procedure or nothing, name of the counter."""
Row = tuple[str, str, str, str]
"""Tenant and `Key`."""
Batch = tuple[int, Mapping[Row, int]]
_Counted = tuple[str, float, str, Mapping[str, int]]
"""Tenant, when (seconds since 1970), procedure, and what to add to its counters."""

FLUSH_SECONDS = 1.0
TOGETHER = 1_024
"""Counts that are summed up at one time, which takes a fraction of what each would take alone."""
DAY_S = 86_400
FOLD_SECONDS = 6 * 3600.0
FOLDED_AFTER = timedelta(days=3)
"""Days after which the rows of all replicas become one."""
FORGOTTEN_AFTER = timedelta(days=30)
"""How long it is known which batches of a replica were counted."""
_EPOCH = date(1970, 1, 1).toordinal()


class Ledger:
    """The ledger of one process.

    Args:
        keeping: where it is kept.
        replica: no two that count at one time have the same; by default this process's own.
        report: called with a message when counts cannot be written; they stay in memory and are tried again.
        flush_s: seconds between two batches; None writes only when `flush` is called.
    """

    def __init__(
        self,
        keeping: Keeping,
        *,
        replica: str | None = None,
        report: Callable[[str], None] = lambda _: None,
        flush_s: float | None = FLUSH_SECONDS,
    ) -> None:
        self.replica = replica or f"{socket.gethostname()[:60]}-{uuid.uuid4().hex[:12]}"
        self._keeping = keeping
        self._report = report
        self._waiting: deque[_Counted] = deque()
        self._gathered: Counter[Row] = Counter()
        self._lock = threading.Lock()  # of what is gathered; never held while anything is written
        self._batch: Batch | None = None
        self._sequence = 0
        self._moving = threading.Lock()  # held while a batch is written or compared with what was
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if flush_s is not None:
            self._thread = threading.Thread(target=self._run, args=(flush_s,), name="seglam-ledger", daemon=True)
            self._thread.start()

    def of(self, tenant: str) -> Account:
        """The account of a tenant."""
        return Account(self, tenant)

    def add(self, tenant: str, counts: Mapping[str, int], procedure: str = "") -> None:
        """Add to counters of today, in memory. `counts` are the ledger's from now on."""
        self._waiting.append((tenant, time(), procedure, counts))  # one step, which threads see done or not
        if len(self._waiting) >= TOGETHER:
            with self._lock:
                self._sum_up()

    def _sum_up(self) -> None:
        """Add what waits to what is gathered; the caller holds the lock."""
        gathered = self._gathered
        for _ in range(len(self._waiting)):
            tenant, at, procedure, counts = self._waiting.popleft()
            day = _day(int(at // DAY_S))
            for name, count in counts.items():
                gathered[(tenant, day, procedure, name)] += count

    def flush(self) -> None:
        """Write what has been gathered. `StoreError` if that fails or is not known to have been kept; then the same
        batch is written again the next time."""
        with self._moving:
            if self._batch is not None:
                self._write(self._batch)
            with self._lock:
                self._sum_up()
                taken, self._gathered = self._gathered, Counter()
            if taken:
                self._sequence += 1
                self._batch = (self._sequence, taken)
                self._write(self._batch)

    def totals(self, tenant: str | None = None, since: str | None = None, until: str | None = None) -> dict[Row, int]:
        """Counts of all replicas, with those of this one that are not written yet.

        Args:
            tenant: whose; None for all.
            since, until: first and last day, both counted.
        """
        chosen = select(
            COUNTS.c.tenant, COUNTS.c.day, COUNTS.c.procedure, COUNTS.c.name, func.sum(COUNTS.c.value)
        ).group_by(COUNTS.c.tenant, COUNTS.c.day, COUNTS.c.procedure, COUNTS.c.name)
        if tenant is not None:
            chosen = chosen.where(COUNTS.c.tenant == tenant)
        if since is not None:
            chosen = chosen.where(COUNTS.c.day >= since)
        if until is not None:
            chosen = chosen.where(COUNTS.c.day <= until)
        with self._moving:
            with self._keeping.read() as session:
                kept = session.execute(chosen).all()
                unwritten = self._unwritten(session)
            with self._lock:
                self._sum_up()
                unwritten.update(self._gathered)
        totals: Counter[Row] = Counter()
        for *where, value in kept:
            row = (str(where[0]), str(where[1]), str(where[2]), str(where[3]))
            totals[row] += int(value)
        for row, value in unwritten.items():
            if tenant in (None, row[0]) and (since is None or since <= row[1]) and (until is None or row[1] <= until):
                totals[row] += value
        return dict(totals)

    def close(self) -> None:
        """Write the last counts and stop. `StoreError` if they cannot be written."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def fold(self, now: datetime | None = None) -> None:
        """Make one row of all replicas' rows of past days, and forget the batches of replicas long gone. Whoever does
        it at the same time finds nothing left to do; a late count is a row of its own until the next time."""
        moment = now or datetime.now(UTC)
        day, gone = (moment - FOLDED_AFTER).date().isoformat(), (moment - FORGOTTEN_AFTER).isoformat()
        self._keeping.write(lambda session: _fold(session, day, gone))

    def _unwritten(self, session: Session) -> Counter[Row]:
        """The batch at hand, unless it was counted and only its acknowledgement was lost."""
        if self._batch is None:
            return Counter()
        number, counts = self._batch
        return Counter() if _last(session, self.replica) >= number else Counter(counts)

    def _write(self, batch: Batch) -> None:
        self._keeping.write(lambda session: _count(session, self.replica, batch))
        self._batch = None

    def _run(self, flush_s: float) -> None:
        reported, unfolded = False, 0.0
        while not self._stop.wait(flush_s):
            try:
                self.flush()
                unfolded -= flush_s
                if unfolded <= 0:
                    unfolded = FOLD_SECONDS
                    self.fold()
                reported = False
            except StoreError as error:
                if not reported:
                    self._report(f"counts are kept in memory, since they cannot be written: {error}")
                reported = True


class Account:
    """One tenant's part of a ledger; see `seglam.gateway.answering.Counting`."""

    def __init__(self, ledger: Ledger, tenant: str) -> None:
        self.ledger = ledger
        self.tenant = tenant

    def add(self, counts: Mapping[str, int], procedure: str = "") -> None:
        """Add to counters of today."""
        self.ledger.add(self.tenant, counts, procedure)

    def flush(self) -> None:
        """Write what the process has gathered; see `Ledger.flush`."""
        self.ledger.flush()

    def totals(self, since: str | None = None, until: str | None = None) -> dict[Key, int]:
        """The tenant's counts; see `Ledger.totals`."""
        return {row[1:]: value for row, value in self.ledger.totals(self.tenant, since, until).items()}


def today() -> str:
    """The day (UTC) as the ledger writes it."""
    return _day(int(time() // DAY_S))


@lru_cache(2)
def _day(number: int) -> str:
    """A day by its number since the epoch; asked for with every count."""
    return date.fromordinal(_EPOCH + number).isoformat()


def _count(session: Session, replica: str, batch: Batch) -> None:
    """Count a batch, unless it was."""
    number, counts = batch
    numbered = {"replica": replica, "sequence": number, "at": datetime.now(UTC).isoformat()}
    if session.connection().execute(_statements(_dialect(session)).numbered, numbered).first() is not None:
        _increase(session, replica, counts)


def _increase(session: Session, replica: str, counts: Mapping[Row, int]) -> None:
    session.connection().execute(
        _statements(_dialect(session)).increase,
        [
            {"tenant": tenant, "day": day, "procedure": procedure, "name": name, "replica": replica, "value": value}
            for (tenant, day, procedure, name), value in sorted(counts.items())
        ],
    )


def _last(session: Session, replica: str) -> int:
    """The number of the last batch of a replica that was counted."""
    found = session.execute(select(BATCHES.c.sequence).where(BATCHES.c.replica == replica)).scalar()
    return 0 if found is None else int(found)


def _fold(session: Session, day: str, gone: str) -> None:
    columns = (COUNTS.c.tenant, COUNTS.c.day, COUNTS.c.procedure, COUNTS.c.name)
    old = delete(COUNTS).where(COUNTS.c.day < day, COUNTS.c.replica != "").returning(*columns, COUNTS.c.value)
    sums: Counter[Row] = Counter()
    for row in session.execute(old):
        sums[(row[0], row[1], row[2], row[3])] += row[4]
    if sums:
        _increase(session, "", sums)
    session.execute(delete(BATCHES).where(BATCHES.c.at < gone))


class _Statements(NamedTuple):
    """What a batch needs, made once: to make them takes longer than what they do.

    Attributes:
        numbered: notes a batch by its number, and returns nothing if it, or a later one, was.
        increase: adds to counters.
    """

    numbered: Executable
    increase: Executable


@cache
def _statements(dialect: str) -> _Statements:
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    said, kept = insert(BATCHES), insert(COUNTS)
    return _Statements(
        said.on_conflict_do_update(
            index_elements=["replica"],
            set_={"sequence": said.excluded.sequence, "at": said.excluded.at},
            where=BATCHES.c.sequence < said.excluded.sequence,
        ).returning(BATCHES.c.sequence),
        kept.on_conflict_do_update(
            index_elements=["tenant", "day", "procedure", "name", "replica"],
            set_={"value": COUNTS.c.value + kept.excluded.value},
        ),
    )


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name
