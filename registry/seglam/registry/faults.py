"""What can go wrong with the registry's database, each with its remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from seglam.web.faults import KeptError, Trouble, in_words, no_room, not_opened, trouble

CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialisation failure and of a deadlock."""


class DatabaseFault(StrEnum):
    """Why the database cannot be used; stable, since it is a problem's code."""

    LOCKED = "database-locked"
    FULL = "database-full"
    CORRUPT = "database-corrupt"
    NEWER = "database-newer"
    DENIED = "database-denied"
    UNAVAILABLE = "database-unavailable"
    FAILED = "database-failed"

    @property
    def passing(self) -> bool:
        """Whether trying again may help without anybody doing anything."""
        return self in (DatabaseFault.LOCKED, DatabaseFault.UNAVAILABLE)


class DatabaseError(KeptError):
    """The database cannot do what was asked, and has changed nothing. `remedy` says what to do."""

    def __init__(self, fault: DatabaseFault, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.fault = fault

    @property
    def code(self) -> str:
        """The problem's code."""
        return str(self.fault)

    @property
    def words(self) -> str:
        """The problem in words."""
        return str(self)


def unusable(what: str) -> DatabaseError:
    """The address is none."""
    return DatabaseError(
        DatabaseFault.DENIED, what, "give sqlite:////path/of/file or postgresql://user:password@host/name"
    )


def newer(place: str, found: str, known: str) -> DatabaseError:
    """A later release migrated the database."""
    return DatabaseError(
        DatabaseFault.NEWER,
        f"{place} has schema {found}, this release knows {known}",
        "use the release that migrated it, or restore a backup from before",
    )


def corrupt(place: str, what: str) -> DatabaseError:
    """The content is not a whole database of ours."""
    return DatabaseError(
        DatabaseFault.CORRUPT, f"{place} is damaged or no registry's database ({what})", "restore it from a backup"
    )


@contextmanager
def clear(place: str) -> Iterator[None]:
    """Turn the drivers' errors into `DatabaseError`; integrity errors and conflicts pass."""
    try:
        yield
    except DBAPIError as error:
        translated = _translated(place, error)
        if translated is None:
            raise
        raise translated from error
    except PoolTimeout as error:
        raise DatabaseError(
            DatabaseFault.UNAVAILABLE, f"all connections to {place} are in use", "try again, or add replicas"
        ) from error


@contextmanager
def openable(place: str) -> Iterator[None]:
    """Turn what the file system says of a database's file into `DatabaseError`."""
    try:
        yield
    except OSError as error:
        raise _denied(place, error.strerror or str(error)) from error


def conflicted(error: DBAPIError) -> bool:
    """Whether another transaction got in the way, so that the same work may succeed from the start."""
    return getattr(error.orig, "sqlstate", None) in CONFLICTS


def _translated(place: str, error: DBAPIError) -> DatabaseError | None:
    original = error.orig
    if (isinstance(error, (IntegrityError, ProgrammingError)) and not _missing(original)) or conflicted(error):
        return None
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(place, original)
    return _of_postgresql(place, error)


def _missing(original: object) -> bool:
    """Whether there is no such table: the database was never migrated."""
    return getattr(original, "sqlstate", None) == "42P01"


def _of_sqlite(place: str, error: sqlite3.Error) -> DatabaseError:
    match trouble(error):
        case Trouble.LOCKED:
            remedy = "stop it (an sqlite3 shell, a backup) or try again"
            return DatabaseError(DatabaseFault.LOCKED, f"another program holds {place}", remedy)
        case Trouble.FULL:
            return _full(place)
        case Trouble.CORRUPT:
            return corrupt(place, str(error))
        case Trouble.DENIED:
            return _denied(place, str(error))
        case Trouble.FAILED if "no such table" in str(error):
            return corrupt(place, "it was never migrated")
        case Trouble.FAILED:
            return _failed(place, in_words(error))


def _of_postgresql(place: str, error: DBAPIError) -> DatabaseError:
    state = getattr(error.orig, "sqlstate", None) or ""
    words = str(error.orig).strip().partition("\n")[0]
    if state == "55P03":
        return DatabaseError(DatabaseFault.LOCKED, f"a lock in {place} was not released in time", "try again")
    if state in ("53100", "53200"):
        return _full(place)
    if state == "42P01":
        return corrupt(place, "it was never migrated")
    if state.startswith("XX"):
        return corrupt(place, words)
    if state.startswith("28") or state in ("3D000", "42501", "25006"):
        return DatabaseError(DatabaseFault.DENIED, f"{place}: {words}", "check its address, role and rights")
    if not state or state.startswith(("08", "57", "53")) or error.connection_invalidated:
        return DatabaseError(
            DatabaseFault.UNAVAILABLE,
            f"{place} cannot be reached ({words})",
            "see that it runs; the registry tries again",
        )
    return _failed(place, words)


def _full(place: str) -> DatabaseError:
    return DatabaseError(DatabaseFault.FULL, *no_room(place))


def _denied(place: str, what: str) -> DatabaseError:
    return DatabaseError(DatabaseFault.DENIED, *not_opened(place, what))


def _failed(place: str, words: str) -> DatabaseError:
    return DatabaseError(DatabaseFault.FAILED, f"{place}: {words}", "see the registry's log, then try again")


def taken(place: str) -> DatabaseError:
    """Another registry works on the file."""
    return DatabaseError(
        DatabaseFault.LOCKED,
        f"another registry works on {place}",
        "stop it, or use PostgreSQL, which several may work on",
    )
