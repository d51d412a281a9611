"""Leases: work that one replica does at a time, also when the one that did it was killed."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, select

from seglam.registry.database import Database
from seglam.registry.tables import LeaseRow, stamp


def owner_name() -> str:
    """A name that no other process has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def clock(session: Session) -> datetime:
    """The time by which leases are judged: the server's where replicas share one, whose own clocks may differ."""
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)
    return datetime.now(UTC)


class Leases:
    """Leases of named work in a database.

    Args:
        owner: of this process.
        seconds: after which another may take a lease that was not given back.
    """

    def __init__(self, database: Database, owner: str, seconds: float) -> None:
        self._database = database
        self._owner = owner
        self._seconds = seconds

    def take(self, work: str, *, every: float = 0.0) -> int | None:
        """Take the lease of some work.

        Args:
            every: seconds since it last ended well, before which there is nothing to do.

        Returns:
            The fence, to be given back with `done`; None if another has it or it is not due.
        """

        def taken(session: Session) -> int | None:
            now = clock(session)
            session.connection().execute(
                text("INSERT INTO leases (work, owner, fence, until) VALUES (:work, '', 0, '') ON CONFLICT DO NOTHING"),
                {"work": work},
            )
            row = session.exec(select(LeaseRow).where(LeaseRow.work == work).with_for_update()).one()
            if row.until > stamp(now) and row.owner != self._owner:
                return None
            if row.done is not None and row.done > stamp(now - timedelta(seconds=every)):
                return None
            row.owner, row.fence, row.until = self._owner, row.fence + 1, stamp(now + timedelta(seconds=self._seconds))
            session.add(row)
            return row.fence

        return self._database.transact(taken)

    def done(self, work: str, fence: int, *, well: bool) -> None:
        """Give a lease back; one that another has taken meanwhile stays theirs."""

        def given(session: Session) -> None:
            row = session.exec(select(LeaseRow).where(LeaseRow.work == work).with_for_update()).one()
            if row.fence == fence:
                row.until = ""
                row.done = stamp(clock(session)) if well else row.done
                session.add(row)

        self._database.transact(given)
