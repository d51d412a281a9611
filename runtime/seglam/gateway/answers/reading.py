"""Reading the record of answers without writing it, also while another process does."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from seglam.gateway.answers.log import columns_of, find, of_revision
from seglam.gateway.answers.records import Recorded
from seglam.gateway.answers.settings import AnswerSettings
from seglam.gateway.ledger.database import postgresql


class Records:
    """The answers that were recorded. `SQLAlchemyError` from a method if the database cannot be read."""

    def __init__(self, settings: AnswerSettings) -> None:
        self._engine = _reading(settings.url)

    def get(self, identity: str, tenant: str | None = None) -> Recorded | None:
        """An answer, of a tenant or of any."""
        if not self._there():
            return None
        with self._engine.connect() as connection:
            known = columns_of(connection)
            return find(connection, identity, tenant, known) if known else None

    def of_revision(self, digest: str, limit: int = 5) -> list[Recorded]:
        """The last answers of a revision, newest first."""
        if not self._there():
            return []
        with self._engine.connect() as connection:
            known = columns_of(connection)
            return of_revision(connection, digest, limit, known) if known else []

    def _there(self) -> bool:
        database = self._engine.url.database
        return self._engine.dialect.name != "sqlite" or Path(str(database).removeprefix("file:")).is_file()


def _reading(url: str) -> Engine:
    if not url.startswith("sqlite:///"):
        return postgresql(url, 1)
    path = Path(url.removeprefix("sqlite:///"))
    if not path.is_file():
        return create_engine(url, poolclass=NullPool)
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=NullPool)
