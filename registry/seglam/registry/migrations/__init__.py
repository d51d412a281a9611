"""The history of the schema (Alembic), the same on SQLite and PostgreSQL; replicas that start together take turns."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from seglam.registry.database import Database
from seglam.registry.faults import clear, corrupt, newer

LOCK = 0x5E61A3
"""Of PostgreSQL's advisory locks; also SQLite's application id of a registry's database."""


def upgrade(database: Database) -> str:
    """Bring the database to the newest schema, in one transaction; the schema's number.

    Raises:
        DatabaseError: it is newer, damaged, not ours, or cannot be written.
    """
    with clear(database.place), database.engine.begin() as connection:
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        found = _known(database, connection)
        if found != newest():
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if database.sqlite:
                connection.execute(text(f"PRAGMA application_id = {LOCK}"))
    return newest()


def current(database: Database) -> str | None:
    """The number of the database's schema; None before the first migration."""
    with clear(database.place), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The number of the schema that this release works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _known(database: Database, connection: Connection) -> str | None:
    if database.sqlite:
        _whole(database.place, connection)
    found = MigrationContext.configure(connection).get_current_revision()
    history = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in history:
        raise newer(database.place, found, newest())
    return found


def _whole(place: str, connection: Connection) -> None:
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if answer != "ok":
        raise corrupt(place, str(answer))
    marked = connection.execute(text("PRAGMA application_id")).scalar_one()
    tables = connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one()
    if tables and marked != LOCK:
        raise corrupt(place, "its header is not ours")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
