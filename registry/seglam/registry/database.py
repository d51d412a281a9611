"""The registry's database: SQLite in write-ahead mode or PostgreSQL, behind the same two kinds of transaction.

`read()` sees one consistent state and cannot write. `write()` is one transaction, kept as a whole or not at all. Both
are synchronous: callers run them in threads. On SQLite writers take turns here, in the order in which they came, rather
than in SQLite's busy handler, which lets some starve; on PostgreSQL the rows' locks decide.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

from seglam.registry.faults import clear, conflicted, openable, unusable

T = TypeVar("T")
BUSY_MS = 10_000
"""How long a lock of another program is waited for before it is an error."""
ATTEMPTS = 5
"""How often a transaction is tried that another one got in the way of."""
CONNECTIONS = 16


class Database:
    """A database of the registry. It is neither made nor migrated here; see `seglam.registry.migrations`.

    Args:
        url: `sqlite:////path/of/file` or `postgresql://user:password@host/name`, with the options of libpq.
        busy_ms: how long to wait for a lock.

    Raises:
        DatabaseError: the address is none that can be used.
    """

    def __init__(self, url: str, *, busy_ms: int = BUSY_MS, connections: int = CONNECTIONS) -> None:
        self.url = _url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.place = str(self.url.database) if self.sqlite else self.url.render_as_string(hide_password=True)
        self._turns = Turns() if self.sqlite else None
        self._busy_ms = busy_ms
        if self.sqlite:
            with openable(self.place):
                Path(self.place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._writing = _sqlite(self.url, busy_ms, "BEGIN IMMEDIATE", connections=2)
            self._reading = _sqlite(self.url, busy_ms, "BEGIN", connections=connections, query_only=True)
        else:
            self._writing = self._reading = _postgresql(self.url, busy_ms, connections)

    @property
    def engine(self) -> Engine:
        """The engine that may write; for migrations and health."""
        return self._writing

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and cannot write. `DatabaseError` if there is none."""
        with clear(self.place), Session(self._reading, expire_on_commit=False) as session:
            if not self.sqlite:
                session.connection(
                    execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                )
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: kept when the block ends, undone when it raises. `DatabaseError` if it was not kept.

        Integrity errors pass as SQLAlchemy raises them, since they are answers (the name is taken). On PostgreSQL it is
        READ COMMITTED: what must not change between a look and a write is locked with `with_for_update()`, which SQLite
        passes over, since its writers take turns.
        """
        with self._waiting(), clear(self.place), Session(self._writing, expire_on_commit=False) as session:
            yield session
            session.commit()

    def transact(self, work: Callable[[Session], T]) -> T:
        """As `write`, and once more from the start where a deadlock or a lost connection undid it."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.write() as session:
                    return work(session)
            except DBAPIError as error:
                if attempt == ATTEMPTS or not conflicted(error):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Let go of all connections."""
        self._reading.dispose()
        self._writing.dispose()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        if self._turns is None:
            yield
            return
        # The busy time is for other programs; a turn among our own may take as long as all before us.
        with self._turns:
            yield


class Turns:
    """A lock that goes to whoever has waited longest, so that none waits for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until it is handed over

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise unusable("the database's address cannot be read") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise unusable(f"a database of {url.get_backend_name()!r} without a file or server cannot be used")


def _sqlite(url: URL, busy_ms: int, begin: str, *, connections: int, query_only: bool = False) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": busy_ms / 1000},
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=-1,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA foreign_keys = ON")
        if query_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            Path(str(url.database)).chmod(0o600)

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql(url: URL, busy_ms: int, connections: int) -> Engine:
    options = f"-c lock_timeout={busy_ms} -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
    arguments: dict[str, Any] = {"connect_timeout": 10, "options": options, "application_name": "seglam-registry"}
    given = {name: value for name, value in arguments.items() if name not in url.query}
    return create_engine(
        url, connect_args=given, pool_size=connections, max_overflow=connections, pool_pre_ping=True, pool_timeout=30
    )
