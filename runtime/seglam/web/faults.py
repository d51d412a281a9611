"""What can go wrong with a database that a service keeps, however it is told: the kind, the words, the remedy."""

from __future__ import annotations

import sqlite3
from enum import StrEnum


class Trouble(StrEnum):
    """What SQLite complains of."""

    LOCKED = "locked"
    FULL = "full"
    CORRUPT = "corrupt"
    DENIED = "denied"
    FAILED = "failed"


# A file size limit shows as a failed write.
_NAMES = {
    ("SQLITE_BUSY", "SQLITE_LOCKED"): Trouble.LOCKED,
    ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE"): Trouble.FULL,
    ("SQLITE_CORRUPT", "SQLITE_NOTADB"): Trouble.CORRUPT,
    ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"): Trouble.DENIED,
}


class KeptError(RuntimeError):
    """A database cannot do what was asked, and has changed nothing. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.remedy = remedy


def trouble(error: sqlite3.Error) -> Trouble:
    """What SQLite complains of."""
    name = _name(error)
    return next((found for begins, found in _NAMES.items() if name.startswith(begins)), Trouble.FAILED)


def in_words(error: sqlite3.Error) -> str:
    """The error with its name, for what is none of the known ones."""
    return f"{error} ({_name(error) or type(error).__name__})"


def no_room(place: object) -> tuple[str, str]:
    """Message and remedy where a database is full."""
    message = f"no room to write {place}; nothing of the last change was kept"
    return message, "free space on its disk or raise the file size limit, and try again"


def not_opened(place: object, what: str) -> tuple[str, str]:
    """Message and remedy where a database's file may not be used."""
    return f"{place} cannot be opened or written ({what})", "check its permissions"


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")
