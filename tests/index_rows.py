"""Rows of versions for tests of the index, without packs behind them."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

from sqlalchemy.exc import IntegrityError

from seglam.packs.names import PackName
from seglam.registry.database import Database
from seglam.registry.tables import PackRow, VersionRow


def publish(database: Database, name: PackName, version: str, **more: str) -> None:
    """What the transaction of a publication leaves, as far as the index reads it."""
    digest = "sha256:" + sha256(f"{name}@{version}".encode()).hexdigest()
    now = "2026-11-21T15:00:00.000000Z"
    # Where publications reserve their namespace one after the other, these may meet.
    with suppress(IntegrityError), database.write() as session:
        if session.get(PackRow, str(name)) is None:
            session.add(
                PackRow(
                    name=str(name),
                    origin=name.origin,
                    namespace=name.namespace,
                    pack=name.pack,
                    skeleton=f"{name.namespace}/{name.pack}",
                    description="",
                    licence="Apache-2.0",
                    newest=version,
                    created=now,
                    changed=now,
                )
            )
    with database.write() as session:
        session.add(
            VersionRow(
                name=str(name),
                version=version,
                position=version,
                digest=more.get("digest", digest),
                length=700,
                config=digest,
                content=digest,
                size=1,
                description="",
                licence="Apache-2.0",
                procedures="[]",
                requires="[]",
                publisher_issuer="i",
                publisher_subject="s",
                publication="p",
                published=now,
                changed=now,
            )
        )
