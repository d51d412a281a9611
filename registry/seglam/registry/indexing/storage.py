"""TUF metadata in the registry's database. Each origin's roles are apart: `ORIGIN/ROLE`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, text
from sqlmodel import Session, col, select

from seglam.packs.index.storage import raced
from seglam.registry.tables import IndexFileRow, IndexMetadataRow, stamp

LOCK = 0x5E61A4
"""Of PostgreSQL's advisory locks: who holds it writes the index."""


class SessionStorage:
    """The metadata of one origin, within one transaction."""

    def __init__(self, session: Session, origin: str) -> None:
        self._session = session
        self._origin = origin

    def _name(self, role: str) -> str:
        return f"{self._origin}/{role}"

    def latest(self, role: str) -> bytes | None:
        asked = (
            select(IndexMetadataRow.body)
            .where(IndexMetadataRow.role == self._name(role))
            .order_by(col(IndexMetadataRow.version).desc())
            .limit(1)
        )
        return self._session.exec(asked).first()

    def newest(self, role: str) -> int:
        asked = select(func.max(IndexMetadataRow.version)).where(IndexMetadataRow.role == self._name(role))
        return self._session.exec(asked).one() or 0

    def read(self, role: str, version: int) -> bytes | None:
        asked = select(IndexMetadataRow.body).where(
            IndexMetadataRow.role == self._name(role), IndexMetadataRow.version == version
        )
        return self._session.exec(asked).first()

    def put(self, role: str, version: int, body: bytes) -> None:
        # Not an integrity error: on PostgreSQL it would end the whole transaction.
        if not self.keep(role, version, body):
            raise raced(role, version)

    def keep(self, role: str, version: int, body: bytes) -> bool:
        """Put a version if it is not there; whether it was not."""
        values = {"role": self._name(role), "version": version, "body": body, "written": stamp()}
        return self._insert("index_metadata", values)

    def file(self, path: str, sha256: str) -> bytes | None:
        asked = select(IndexFileRow.body).where(IndexFileRow.path == self._name(path), IndexFileRow.sha256 == sha256)
        return self._session.exec(asked).first()

    def put_file(self, path: str, sha256: str, body: bytes) -> None:
        self._insert("index_files", {"path": self._name(path), "sha256": sha256, "length": len(body), "body": body})

    def older(self, before: datetime) -> list[str]:
        """Roles of packs whose newest version was written before a time."""
        asked = (
            select(IndexMetadataRow.role)
            .where(col(IndexMetadataRow.role).startswith(f"{self._origin}/packs", autoescape=True))
            .group_by(IndexMetadataRow.role)
            .having(func.max(IndexMetadataRow.written) < stamp(before))
            .order_by(IndexMetadataRow.role)
        )
        return [role.removeprefix(f"{self._origin}/") for role in self._session.exec(asked)]

    def forget(self, before: datetime) -> int:
        """Remove versions older than `before` but the newest of each role; roots and targets stay. Returns how many."""
        newest = dict(
            self._session.exec(
                select(IndexMetadataRow.role, func.max(IndexMetadataRow.version))
                .where(col(IndexMetadataRow.role).startswith(f"{self._origin}/", autoescape=True))
                .where(col(IndexMetadataRow.role).not_in([self._name("root"), self._name("targets")]))
                .group_by(IndexMetadataRow.role)
                .having(func.count() > 1)
            ).all()
        )
        removed = 0
        for role, version in newest.items():
            done: Any = self._session.connection().execute(
                delete(IndexMetadataRow).where(
                    col(IndexMetadataRow.role) == role,
                    col(IndexMetadataRow.version) < version,
                    col(IndexMetadataRow.written) < stamp(before),
                )
            )
            removed += done.rowcount
        return removed

    def _insert(self, table: str, values: dict[str, Any]) -> bool:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        done: Any = self._session.connection().execute(
            text(f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"), values
        )
        return bool(done.rowcount)


def take_turn(session: Session) -> None:
    """Wait until no other process writes the index; held until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
