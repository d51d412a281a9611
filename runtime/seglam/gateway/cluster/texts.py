"""Texts of requests that missed, which never enter a Kubernetes object: they wait here for their compile Job."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

SHARE = 4
"""No tenant may fill more than one of so many parts of the store."""
OVERHEAD = 512
"""Bytes that a text takes beside its own."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (
    name TEXT PRIMARY KEY, attempt INTEGER NOT NULL, tenant TEXT NOT NULL, fingerprint TEXT NOT NULL,
    requester TEXT NOT NULL, request TEXT NOT NULL, miss TEXT NOT NULL, bytes INTEGER NOT NULL, kept REAL NOT NULL,
    tokens INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS texts_by_age ON texts (tenant, kept);
"""


class StoreFull(Exception):
    """The store takes no more texts until some have expired."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that waits for its compilation. `request` and `miss`, which says why it missed, are JSON."""

    name: str
    attempt: int
    tenant: str
    fingerprint: str
    requester: str
    request: str
    miss: str


class Texts:
    """A bounded store of texts. Thread-safe; its methods wait for the disk.

    Args:
        file: the SQLite database.
        ttl_s: how long a text is kept.
        limit: bytes of all texts. A tenant that fills its share loses its own oldest texts.
        clock: seconds since the epoch.
    """

    def __init__(self, file: Path, *, ttl_s: float, limit: int, clock: Callable[[], float] = time.time) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._ttl = ttl_s
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA secure_delete = ON")  # a text that has expired is gone from the file as well
        self._database.executescript(_SCHEMA)
        file.chmod(0o600)

    def keep(self, kept: Kept) -> None:
        """Keep a request, in the place of that of an earlier attempt. `StoreFull` if there is no room."""
        size = len(kept.request.encode()) + len(kept.miss.encode()) + OVERHEAD
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._prune()
            self._database.execute("DELETE FROM texts WHERE name = ?", (kept.name,))
            self._make_room(kept.tenant, size)
            row = {**asdict(kept), "bytes": size, "kept": self._clock()}
            self._database.execute(
                "INSERT INTO texts (name, attempt, tenant, fingerprint, requester, request, miss, bytes, kept) VALUES"
                " (:name, :attempt, :tenant, :fingerprint, :requester, :request, :miss, :bytes, :kept)",
                row,
            )

    def get(self, name: str) -> Kept | None:
        """The request of a compilation, unless it has expired."""
        with self._lock, closing(self._database.cursor()) as cursor:
            row = cursor.execute(
                "SELECT name, attempt, tenant, fingerprint, requester, request, miss FROM texts"
                " WHERE name = ? AND kept > ?",
                (name, self._clock() - self._ttl),
            ).fetchone()
        return None if row is None else Kept(*row)

    def forget(self, attempts: Mapping[str, int]) -> None:
        """Requests of these compilations, up to these attempts, are needed no more."""
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("DELETE FROM texts WHERE name = ? AND attempt <= ?", list(attempts.items()))

    def spend(self, name: str, tokens: int, budget: int) -> bool:
        """Take tokens out of the budget of a compilation's attempt; False, and nothing taken, if it does not hold them.
        A negative number gives back what was not used."""
        with self._lock, self._database:
            done = self._database.execute(
                "UPDATE texts SET tokens = tokens + ?1 WHERE name = ?2 AND (?1 <= 0 OR tokens + ?1 <= ?3)",
                (tokens, name, budget),
            )
            return done.rowcount == 1

    def spent(self, name: str) -> int:
        """Tokens that a compilation's attempt has used."""
        with self._lock, closing(self._database.cursor()) as cursor:
            row = cursor.execute("SELECT tokens FROM texts WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def prune(self) -> None:
        """Forget what has expired."""
        with self._lock, self._database:
            self._prune()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _prune(self) -> None:
        self._database.execute("DELETE FROM texts WHERE kept <= ?", (self._clock() - self._ttl,))

    def _make_room(self, tenant: str, size: int) -> None:
        share = self._limit // SHARE
        if size > share:
            raise StoreFull(f"the request takes {size} bytes and a tenant may keep {share}")
        (used,) = self._database.execute("SELECT coalesce(sum(bytes), 0) FROM texts").fetchone()
        (own,) = self._database.execute(
            "SELECT coalesce(sum(bytes), 0) FROM texts WHERE tenant = ?", (tenant,)
        ).fetchone()
        oldest = self._database.execute("SELECT name, bytes FROM texts WHERE tenant = ? ORDER BY kept", (tenant,))
        for name, freed in oldest.fetchall():
            if own + size <= share:
                break
            self._database.execute("DELETE FROM texts WHERE name = ?", (name,))
            own, used = own - freed, used - freed
        if used + size > self._limit:
            raise StoreFull(f"{used} bytes of requests wait for their compilations already, of at most {self._limit}")
