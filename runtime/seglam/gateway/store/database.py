"""The store's file: one writer thread, any number of readers, nothing half-written."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool, StaticPool
from sqlmodel import Session, create_engine

from seglam.gateway.faults import clear, corrupt, denied, locked, newer
from seglam.gateway.store import migrations, tables

T = TypeVar("T")
BUSY_MS = 5_000
"""How long SQLite waits for another program's lock before it is an error."""


class Database:
    """An SQLite file in write-ahead mode.

    A second process that opens it for writing is refused at once: each holds an index of its own, and one would not see
    what the other activates.

    Args:
        path: the file; it and its directory are made if missing.
        busy_ms: how long to wait for a lock of another program.

    Raises:
        StoreError: the file is held by another process, is damaged or newer, or cannot be opened or written.
    """

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS) -> None:
        self.path = path
        self._closed = False
        self._owner = _own(path)
        try:
            with clear(path):
                found = _check(path, busy_ms)
                self._writing = _engine(path, busy_ms, "BEGIN IMMEDIATE")
                self._reading = _engine(path, busy_ms, "BEGIN", query_only=True)
                if found != tables.SCHEMA_VERSION:
                    self._migrate(found)
        except BaseException:
            self._owner.close()
            raise
        self._writer = ThreadPoolExecutor(1, "seglam-store")

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction on the writer thread; blocks until it is kept. `StoreError` if it is not."""
        return self.write_later(work).result()

    def write_later(self, work: Callable[[Session], T]) -> Future[T]:
        """As `write`, without waiting."""
        return self._writer.submit(self._transaction, work)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and cannot write."""
        with clear(self.path), Session(self._reading, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Finish what waits, and let go of the file."""
        if self._closed:
            return
        self._closed = True
        self._writer.shutdown(wait=True)
        self._reading.dispose()
        self._writing.dispose()
        self._owner.close()

    def _transaction(self, work: Callable[[Session], T]) -> T:
        with clear(self.path), Session(self._writing, expire_on_commit=False) as session:
            result = work(session)
            session.commit()
            return result

    def _migrate(self, found: int) -> None:
        with self._writing.connect() as connection:
            migrations.migrate(connection, found)
            connection.commit()


def _check(path: Path, busy_ms: int) -> int:
    """The version of a whole store; 0 if the file is new and empty. It is not changed."""
    with closing(sqlite3.connect(path, timeout=busy_ms / 1000)) as connection:

        def pragma(name: str) -> Any:
            return connection.execute(f"PRAGMA {name}").fetchone()[0]

        (known,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        found = pragma("user_version")
        if not found and not known:
            return 0
        if pragma("application_id") != tables.APPLICATION_ID:
            raise corrupt(path, "its header is not ours")
        if found > tables.SCHEMA_VERSION:
            raise newer(path, found, tables.SCHEMA_VERSION)
        answer = str(pragma("quick_check(1)"))
        if answer != "ok":
            raise corrupt(path, answer)
        return int(found)


def _own(path: Path) -> IO[str]:
    """The lock file of this store, held until it is closed; the kernel lets go of it when a process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.with_name(path.name + ".lock").open("a")
    except OSError as error:
        raise denied(path, error.strerror or str(error)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise locked(path) from None
    return file


def _engine(path: Path, busy_ms: int, begin: str, *, query_only: bool = False) -> Engine:
    """One connection for the writer; for readers as many as ask, of which a few are kept."""
    pool: dict[str, Any] = {"poolclass": StaticPool}
    if query_only:
        pool = {"poolclass": QueuePool, "pool_size": 4, "max_overflow": -1}
    waiting = {"check_same_thread": False, "timeout": busy_ms / 1000}
    engine = create_engine(f"sqlite:///{path}", connect_args=waiting, **pool)

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        if not query_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            path.chmod(0o600)  # it holds what users asked
        else:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
