"""Bringing the file of an older release up to date, in one transaction: as a whole or not at all.

| version | what came |
|---|---|
| 1 | revisions, reviews, compilations, negative entries, counters |
| 2 | imports |
| 3 | tenants; the ledger in the place of the counters; keys |
| 4 | traces of imports |
| 5 | counterexamples; health |
| 6 | indexes of revisions by state and age, of compilations by age |

Before version 3 one machine had one tenant, whatever its name: everything older is the default tenant's.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from seglam.gateway.ledger.tables import LEDGER
from seglam.gateway.store import tables
from seglam.gateway.store.tables import DEFAULT_TENANT

_REBUILT = ("reviews", "negatives", "revisions")
"""Tables whose keys have changed, before those that they refer to."""
_ELDER = "before_"
_COUNTED_BY = "before-version-3"
"""The replica under which counts of older files are kept."""


def migrate(connection: Connection, found: int) -> None:
    """Bring a file up to date within the caller's transaction.

    Args:
        found: the version of the file; 0 for a new one.
    """
    if 0 < found < 3:
        for name in _REBUILT:
            _set_aside(connection, name)
    SQLModel.metadata.create_all(connection, tables=_tables())
    LEDGER.create_all(connection)
    if 0 < found < 3:
        _take_over(connection)
    _add_columns(connection)
    for table in _tables():
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    connection.execute(text(f"PRAGMA application_id = {tables.APPLICATION_ID}"))
    connection.execute(text(f"PRAGMA user_version = {tables.SCHEMA_VERSION}"))


def _set_aside(connection: Connection, name: str) -> None:
    """Rename a table; its indexes go, since their names are those of the new one's."""
    found = connection.execute(
        text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL"),
        {"name": name},
    )
    for (index,) in found.all():
        connection.execute(text(f'DROP INDEX "{index}"'))
    connection.execute(text(f'ALTER TABLE "{name}" RENAME TO "{_ELDER}{name}"'))


def _take_over(connection: Connection) -> None:
    tenant = {"tenant": DEFAULT_TENANT}
    for name in reversed(_REBUILT):
        listed = ", ".join(f'"{each}"' for each in _columns(connection, _ELDER + name))
        connection.execute(
            text(f'INSERT INTO "{name}" (tenant, {listed}) SELECT :tenant, {listed} FROM "{_ELDER}{name}"'), tenant
        )
    connection.execute(text("UPDATE compilations SET tenant = :tenant"), tenant)
    connection.execute(
        text(
            "INSERT INTO ledger_counts (tenant, day, procedure, name, replica, value) "
            "SELECT :tenant, day, procedure, name, :replica, value FROM counters"
        ),
        {**tenant, "replica": _COUNTED_BY},
    )
    for name in (*(_ELDER + each for each in _REBUILT), "counters"):
        connection.execute(text(f'DROP TABLE "{name}"'))


def _add_columns(connection: Connection) -> None:
    """Columns that came to a table later; they may be empty."""
    for table in _tables():
        known = _columns(connection, table.name)
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}'))


def _columns(connection: Connection, table: str) -> list[str]:
    found = connection.execute(text("SELECT name FROM pragma_table_info(:table)"), {"table": table})
    return [str(name) for (name,) in found.all()]


def _tables() -> list[Any]:
    rows = (getattr(tables, name) for name in dir(tables) if name.endswith("Row"))
    return [row.__table__ for row in rows]
