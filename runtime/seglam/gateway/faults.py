"""What can go wrong with the store's file or the ledger's database, each with its remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from seglam.web.faults import KeptError, Trouble, in_words, no_room, not_opened, trouble


class StoreFault(StrEnum):
    """Why the store cannot be used."""

    LOCKED = "store-locked"
    FULL = "store-full"
    CORRUPT = "store-corrupt"
    NEWER = "store-newer"
    DENIED = "store-denied"
    FAILED = "store-failed"
    UNREACHABLE = "ledger-unreachable"


class StoreError(KeptError):
    """The store cannot do what was asked, and has changed nothing. `remedy` says what to do."""

    def __init__(self, fault: StoreFault, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.fault = fault


def locked(path: Path) -> StoreError:
    """Another program holds the file."""
    return StoreError(
        StoreFault.LOCKED,
        f"another program holds {path}",
        "stop it (a second `seglam serve`, an sqlite3 shell), or choose another SEGLAM_DATA_DIR",
    )


def corrupt(path: Path, what: str) -> StoreError:
    """The file's content is not a whole database."""
    return StoreError(
        StoreFault.CORRUPT,
        f"{path} is damaged or no SEGLAM store ({what})",
        f"move it away and start anew, or save what is left with `sqlite3 {path} .recover`",
    )


def full(path: Path) -> StoreError:
    """There is no room to write."""
    return StoreError(StoreFault.FULL, *no_room(path))


def newer(path: Path, found: int, known: int) -> StoreError:
    """The file was written by a later release."""
    return StoreError(
        StoreFault.NEWER,
        f"{path} has schema version {found}, this release knows {known}",
        "use the newer release, or another SEGLAM_DATA_DIR",
    )


def denied(path: Path, what: str) -> StoreError:
    """The file may not be opened or written."""
    return StoreError(StoreFault.DENIED, *not_opened(path, what))


def unreachable(place: str, what: str) -> StoreError:
    """The ledger's database does not do what was asked."""
    return StoreError(
        StoreFault.UNREACHABLE,
        f"the ledger's database {place} does not answer ({what})",
        "look at the database and at SEGLAM_LEDGER_URL; what is counted meanwhile is kept in memory",
    )


def newer_ledger(place: str, found: int, known: int) -> StoreError:
    """The ledger's tables were made by a later release."""
    return StoreError(
        StoreFault.NEWER,
        f"the ledger's database {place} has tables of version {found}, this release knows {known}",
        "use the newer release, or another database",
    )


@contextmanager
def clear(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        original = error.orig if isinstance(error.orig, sqlite3.Error) else None
        if original is None or isinstance(original, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            raise
        raise _translated(path, original) from error
    except sqlite3.DatabaseError as error:
        raise _translated(path, error) from error
    except OSError as error:
        raise denied(path, error.strerror or str(error)) from error


def _translated(path: Path, error: sqlite3.Error) -> StoreError:
    match trouble(error):
        case Trouble.LOCKED:
            return locked(path)
        case Trouble.FULL:
            return full(path)
        case Trouble.CORRUPT:
            return corrupt(path, str(error))
        case Trouble.DENIED:
            return denied(path, str(error))
        case Trouble.FAILED:
            return StoreError(StoreFault.FAILED, f"{path}: {in_words(error)}", "check the disk, then try again")
