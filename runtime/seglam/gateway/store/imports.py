"""Imported packs and their procedures, which are the default tenant's.

Every function works inside one transaction of the caller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from seglam.gateway.store.revisions import Change, Decision, ReviewRefused, activate, put
from seglam.gateway.store.tables import DEFAULT_TENANT, ImportRow, ReviewRow, RevisionRow, State, stamp
from seglam.packs.versions import Version
from seglam.procedures import ReasoningProcedure

ORIGIN = "pack"


@dataclass(frozen=True, slots=True)
class Approval:
    """What counts as the approval of an imported pack: who signed its reviews, and why that is enough here."""

    reviewers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """What an import changed.

    Attributes:
        new: whether the release was not there before.
        revisions: all of the pack, in its order.
        changes: about what is served.
    """

    new: bool
    revisions: tuple[RevisionRow, ...]
    changes: tuple[Change, ...]


def admit(
    session: Session,
    row: ImportRow,
    documents: Sequence[ReasoningProcedure],
    traces: Mapping[str, str],
    approval: Approval | None,
) -> Admitted:
    """Keep an import and its procedures: proposed, or active where the pack's reviews are the approval.

    A procedure that is served under the same name is replaced only if an earlier release of this pack brought it.
    The same release again, under another policy, takes the place of the import before.

    Args:
        traces: trace ids of compilations by the procedures' digests.

    Raises:
        ReviewRefused: `downgrade`, `version-reuse` or `name-taken`.
    """
    refuse_downgrade(session, row)
    known = session.get(ImportRow, row.release)
    session.merge(row)
    revisions, changes = [], []
    for document in documents:
        elder = _served(session, document.metadata.name)
        ours = elder is not None and _brought(session, row.name, elder)
        made = put(
            session, document, tenant=DEFAULT_TENANT, state=State.PROPOSED, origin=ORIGIN, authors=[row.importer],
            replaces=elder.digest if elder is not None and ours else None,
        )  # fmt: skip
        made.trace_id = made.trace_id or traces.get(made.digest)
        if approval is not None and made.state in (State.PROPOSED, State.RETIRED):
            if elder is not None and not ours and elder.digest != made.digest:
                raise ReviewRefused(
                    "name-taken", f"{made.name} is served by {elder.digest}, which is not of this pack; retire it first"
                )
            changes.append(_approve(session, made, approval))
        revisions.append(made)
    session.flush()
    return Admitted(known is None, tuple(revisions), tuple(changes))


def refuse_downgrade(session: Session, row: ImportRow) -> None:
    """Refuse a release that is older than one that was imported, or another content of the same version."""
    for other in session.exec(select(ImportRow).where(ImportRow.name == row.name)).all():
        if other.release == row.release and other.digest != row.digest:
            raise ReviewRefused(
                "version-reuse",
                f"{row.release} was imported as {other.digest}; versions never change, so this is another",
            )
        if Version.parse(other.version) > Version.parse(row.version):
            raise ReviewRefused(
                "downgrade",
                f"{other.release} was imported before {row.release}; an older one is never imported after it",
            )


def brought(session: Session, digest: str) -> ImportRow | None:
    """The last import whose pack holds a revision."""
    rows = session.exec(select(ImportRow).order_by(col(ImportRow.at).desc())).all()
    return next((row for row in rows if any(digest == each["digest"] for each in json.loads(row.procedures))), None)


def _served(session: Session, name: str) -> RevisionRow | None:
    return session.exec(
        select(RevisionRow).where(
            RevisionRow.tenant == DEFAULT_TENANT, RevisionRow.name == name, RevisionRow.state == State.ACTIVE
        )
    ).first()


def _brought(session: Session, pack: str, elder: RevisionRow) -> bool:
    """Whether a release of the pack brought a revision here."""
    if elder.origin != ORIGIN:
        return False
    rows = session.exec(select(ImportRow).where(ImportRow.name == pack)).all()
    return any(elder.digest == each["digest"] for row in rows for each in json.loads(row.procedures))


def _approve(session: Session, row: RevisionRow, approval: Approval) -> Change:
    for reviewer in approval.reviewers:
        session.add(
            ReviewRow(
                digest=row.digest, reviewer=reviewer, decision=Decision.APPROVE, reason=approval.reason, at=stamp()
            )
        )
    return activate(session, row)
