"""The ledger's database where several replicas count: PostgreSQL. On one machine it is the store's own file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import Session, create_engine

from seglam.gateway.faults import newer_ledger, unreachable
from seglam.gateway.ledger.tables import LEDGER, SCHEMA, VERSION
from seglam.web.environment import SettingsInvalid

T = TypeVar("T")
WAIT_S = 5
"""How long a connection, a lock and a statement may take: what waits meanwhile is kept in memory."""
CONNECTIONS = 4
_TURN = 0x5E61A3  # of the advisory lock under which the tables are made


class Keeping(Protocol):
    """A database with the ledger's tables: `Ledgerbase`, or the store's file on one machine."""

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction; blocks until it is kept. `StoreError` if it is not, or not known to be."""

    def read(self) -> AbstractContextManager[Session]:
        """A session that sees one consistent state and cannot write. `StoreError` if there is none."""


class LedgerAddressInvalid(SettingsInvalid):
    """`SEGLAM_LEDGER_URL` names no database that can be used; the message never holds its password."""


class Ledgerbase:
    """A PostgreSQL database. Its tables are made when it first answers, so that a service starts without it.

    Args:
        url: `postgresql://user:password@host/name`, with the options of libpq.

    Raises:
        LedgerAddressInvalid: the address is no such one.
    """

    def __init__(self, url: str) -> None:
        self._engine = postgresql(url, CONNECTIONS)
        self.place = self._engine.url.render_as_string(hide_password=True)
        self._prepared = False
        self._turn = threading.Lock()

    def write(self, work: Callable[[Session], T]) -> T:
        """See `Keeping`."""
        self._prepare()
        with self._clear(), Session(self._engine, expire_on_commit=False) as session:
            result = work(session)
            session.commit()
            return result

    @contextmanager
    def read(self) -> Iterator[Session]:
        """See `Keeping`."""
        self._prepare()
        with self._clear(), Session(self._engine, expire_on_commit=False) as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
            yield session

    def _prepare(self) -> None:
        """Make the tables that are missing. Replicas that start together take turns."""
        if self._prepared:
            return
        with self._turn, self._clear(), self._engine.begin() as connection:
            in_turn(connection)
            LEDGER.create_all(connection)
            found = connection.execute(select(func.max(SCHEMA.c.version))).scalar()
            if found is None:
                connection.execute(insert(SCHEMA).values(version=VERSION))
            elif found > VERSION:
                raise newer_ledger(self.place, found, VERSION)
        self._prepared = True

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _clear(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # The words of the driver may hold values; its kind says enough, and the database's own log the rest.
            raise unreachable(self.place, type(getattr(error, "orig", None) or error).__name__) from error


def postgresql(address: str, connections: int) -> Engine:
    """An engine that waits `WAIT_S` at most for a connection, a lock or a statement. `LedgerAddressInvalid`."""
    url = _url(address)
    limit = WAIT_S * 1000
    options = f"-c lock_timeout={limit} -c statement_timeout={limit} -c timezone=UTC"
    arguments: dict[str, Any] = {"connect_timeout": WAIT_S, "options": options, "application_name": "seglam-gateway"}
    given = {name: value for name, value in arguments.items() if name not in url.query}
    return create_engine(
        url, connect_args=given, pool_size=connections, max_overflow=0, pool_timeout=WAIT_S, pool_pre_ping=True
    )


def in_turn(connection: Connection) -> None:
    """Wait until no other replica makes tables; until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_TURN)))


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise LedgerAddressInvalid(
            "SEGLAM_LEDGER_URL cannot be read; give postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if url.get_backend_name() != "postgresql" or not url.database:
        raise LedgerAddressInvalid(
            f"SEGLAM_LEDGER_URL names a database of the kind {url.get_backend_name()!r}; "
            "give postgresql://USER:PASSWORD@HOST/DATABASE, or leave it out on one machine"
        )
    return url.set(drivername="postgresql+psycopg")
