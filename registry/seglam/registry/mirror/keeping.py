"""Mirrored packs in the registry's own tables, so that the same code serves them; under the origin's name always."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session, select

from seglam.packs.index.layout import Listing, Status
from seglam.packs.layout import Packed
from seglam.packs.names import PackName
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import Refused, Signature
from seglam.packs.versions import Version
from seglam.registry import bundles, changes
from seglam.registry.publishing import committing
from seglam.registry.publishing.publication import Publication
from seglam.registry.tables import BundleRow, PackBlobRow, PackRow, PublicationState, VersionRow, VersionState, stamp

ACTION = "mirrored"
STATES = {
    Status.LISTED: VersionState.AVAILABLE,
    Status.YANKED: VersionState.YANKED,
    Status.QUARANTINED: VersionState.QUARANTINED,
    Status.DELETED: VersionState.DELETED,
}


def is_here(session: Session, name: PackName, reference: str) -> bool:
    """Whether a version, a digest or a tag of referrers of a pack is in the database."""
    if session.get(VersionRow, (str(name), reference)) is not None:
        return True
    digest = reference.replace("sha256-", "sha256:", 1) if reference.startswith("sha256-") else reference
    return session.get(PackBlobRow, (str(name), digest)) is not None


def knows(session: Session, name: PackName) -> bool:
    """Whether any version of a pack is in the database."""
    return session.get(PackRow, str(name)) is not None


def digests(session: Session, name: PackName) -> dict[str, str]:
    """Digests of the versions that are in the database."""
    return dict(session.exec(select(VersionRow.version, VersionRow.digest).where(VersionRow.name == str(name))).all())


def keep(session: Session, packed: Packed, upstream: str) -> None:
    """Keep a pack with its bundles, in the session's transaction; one that is here already stays as it is.

    Args:
        upstream: address that it came from, for the audit log.
    """
    release = packed.pack.release
    if session.get(VersionRow, (str(release.name), str(release.version))) is not None:
        attach(session, release.name, release.version, packed.bundles)
        return
    committing.publish(session, _came_from(upstream, packed), packed.pack, (), {}, (), action=ACTION)
    attach(session, release.name, release.version, packed.bundles)


def attach(session: Session, name: PackName, version: Version, found: Iterable[bytes]) -> int:
    """Keep bundles that are not here yet. Returns how many.

    Nobody verified them here, so no identity is shown for them; whoever imports the pack does. What is no bundle with a
    statement is left out: it could count nowhere.
    """
    row = session.get(VersionRow, (str(name), str(version)))
    if row is None:
        return 0
    added = 0
    known = set(session.exec(select(BundleRow.digest).where(BundleRow.subject == row.digest)).all())
    for raw in found:
        try:
            envelope = opened(raw)
        except Refused:
            continue
        if envelope.digest not in known:
            bundles.add(session, row, raw, Signature(mode=envelope.mode, issuer="", subject=envelope.hint))
            added += 1
    if added:
        changes.append(session, kind="attested", name=str(name), version=str(version), digest=row.digest)
    return added


def follow_states(session: Session, name: PackName, listed: Mapping[Version, Listing]) -> None:
    """Let versions have the state that their origin's index says."""
    for row in session.exec(select(VersionRow).where(VersionRow.name == str(name))):
        one = listed.get(Version.parse(row.version))
        if one is None or one.digest != row.digest or STATES[one.status].value == row.state:
            continue
        row.state, row.revision, row.changed = STATES[one.status].value, row.revision + 1, stamp()
        session.add(row)
        kind = {Status.LISTED: "restored"}.get(one.status, one.status.value)
        changes.append(session, kind=kind, name=str(name), version=row.version, digest=row.digest)


def _came_from(upstream: str, packed: Packed) -> Publication:
    release, now = packed.pack.release, stamp()
    return Publication(
        id=ACTION,
        state=PublicationState.PUBLISHED,
        origin=release.name.origin,
        namespace=release.name.namespace,
        issuer="seglam:mirror",
        subject=upstream,
        release=str(release),
        digest=packed.pack.digest,
        steps=(),
        problem=None,
        created=now,
        changed=now,
    )
