"""What the index is derived from: the versions in the database, and which of them it does not say yet."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy
from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from seglam.packs.index.layout import Listing, Status
from seglam.packs.names import PackName
from seglam.packs.versions import Version
from seglam.registry.tables import IndexMetadataRow, VersionRow, VersionState

_CHUNK = 500  # parameters of one statement
_STATUS = {
    VersionState.AVAILABLE.value: Status.LISTED,
    VersionState.YANKED.value: Status.YANKED,
    VersionState.QUARANTINED.value: Status.QUARANTINED,
    VersionState.DELETED.value: Status.DELETED,
}


def _unsaid(origin: str) -> tuple[object, ...]:
    """Versions whose state the index has not said. Written so that the partial index `versions_to_index` serves it."""
    return (
        or_(col(VersionRow.indexed).is_(None), col(VersionRow.indexed) != col(VersionRow.state)),
        col(VersionRow.name).startswith(f"{origin}/", autoescape=True),
    )


def behind(session: Session, origin: str, limit: int) -> Sequence[PackName]:
    """Packs with versions that the index does not say as they are, at most `limit`."""
    asked = select(VersionRow.name).where(*_unsaid(origin)).distinct().order_by(VersionRow.name).limit(limit)  # type: ignore[arg-type]
    return [PackName.parse(name) for name in session.exec(asked)]


def every(session: Session, origin: str) -> Sequence[PackName]:
    """All packs of an origin."""
    asked = (
        select(VersionRow.name)
        .where(col(VersionRow.name).startswith(f"{origin}/", autoescape=True))
        .distinct()
        .order_by(VersionRow.name)
    )
    return [PackName.parse(name) for name in session.exec(asked)]


def versions(session: Session, name: PackName) -> list[Listing]:
    """All versions of a pack as the index lists them."""
    rows = VersionRow.__table__.columns  # type: ignore[attr-defined]  # columns, since rows of 10,000 versions are slow
    asked = sqlalchemy.select(rows.version, rows.digest, rows.length, rows.state, rows.published).where(
        rows.name == str(name)
    )
    return [
        Listing(Version.parse(version), digest, length, _STATUS[state], published)
        for version, digest, length, state, published in session.connection().execute(asked)
    ]


def said(session: Session, name: PackName, listed: Sequence[Listing]) -> None:
    """Keep what the index says now; a version whose state moved on meanwhile stays behind."""
    states = {status: state for state, status in _STATUS.items()}
    asked = select(VersionRow.version, VersionRow.state).where(
        VersionRow.name == str(name),
        or_(col(VersionRow.indexed).is_(None), col(VersionRow.indexed) != VersionRow.state),
    )
    unsaid = set(session.exec(asked).all())
    for status, state in states.items():
        found = [str(one.version) for one in listed if one.status is status and (str(one.version), state) in unsaid]
        for start in range(0, len(found), _CHUNK):
            session.connection().execute(
                update(VersionRow)
                .where(
                    col(VersionRow.name) == str(name),
                    col(VersionRow.state) == state,
                    col(VersionRow.version).in_(found[start : start + _CHUNK]),
                )
                .values(indexed=state)
            )


def is_complete(session: Session, origin: str) -> bool:
    """Whether there is a role for every pack that the database believes to be in the index. It is not where the
    metadata was restored from an older backup than the versions.
    """
    packs = select(func.count(func.distinct(VersionRow.name))).where(
        col(VersionRow.indexed).is_not(None), col(VersionRow.name).startswith(f"{origin}/", autoescape=True)
    )
    roles = select(func.count(func.distinct(IndexMetadataRow.role))).where(
        col(IndexMetadataRow.role).like(f"{origin}/packs.%.%")
    )
    return bool(session.exec(packs).one() <= session.exec(roles).one())
