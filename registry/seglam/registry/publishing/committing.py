"""The one transaction that publishes: version, blobs, bundles, search, audit and change, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, select

from seglam.packs import oci
from seglam.packs.pack import Pack
from seglam.packs.trust.decision import Signature
from seglam.registry import audit, bundles, changes, names, search
from seglam.registry.leases import clock
from seglam.registry.publishing.position import position
from seglam.registry.publishing.publication import Publication
from seglam.registry.tables import (
    BlobRow,
    PackBlobRow,
    PackRow,
    ReviewRow,
    Row,
    VersionRow,
    VersionState,
    stamp,
)


def publish(
    session: Session,
    publication: Publication,
    pack: Pack,
    signed: Sequence[bytes],
    facts: Mapping[str, Mapping[str, Any]],
    engines: Sequence[str],
    *,
    action: str = "published",
) -> None:
    """Write everything in the session's transaction.

    Args:
        signed: bundles of the publisher and of the registry.
        facts: what is in them, by digest; see `admission.bundle_facts`.
        action: in the audit log; a mirror did not publish.
    """
    now = stamp(clock(session))
    row = _pack(session, pack, now)
    version = _version(publication, pack, engines, now)
    session.add(version)
    session.flush()
    _keep_blobs(session, pack, signed)
    for bundle in signed:
        _attach(session, version, bundle, facts[oci.digest_of(bundle)], publication.id)
    _newest(session, row, pack, engines)
    session.flush()
    release = pack.release
    # The heads of both sequences are locked until the end, so they come last.
    audit.append(
        session,
        actor_issuer=publication.issuer,
        actor_subject=publication.subject,
        action=action,
        subject=str(release),
        detail={
            "digest": pack.digest,
            "publication": publication.id,
            "bundles": sorted(oci.digest_of(bundle) for bundle in signed),
        },
    )
    changes.append(session, kind="published", name=str(release.name), version=str(release.version), digest=pack.digest)


def _pack(session: Session, pack: Pack, now: str) -> PackRow:
    name, model = pack.release.name, pack.manifest_model
    fresh = {
        "name": str(name),
        "origin": name.origin,
        "namespace": name.namespace,
        "pack": name.pack,
        "skeleton": names.skeleton(name.pack),
        "description": model.description,
        "licence": model.licence,
        "newest": model.version,
        "versions": 0,
        "revision": 0,
        "created": now,
        "changed": now,
    }
    _insert(session, PackRow, [fresh])
    row = session.exec(select(PackRow).where(PackRow.name == str(name)).with_for_update()).one()
    row.versions, row.revision, row.changed = row.versions + 1, row.revision + 1, now
    session.add(row)
    return row


def _version(publication: Publication, pack: Pack, engines: Sequence[str], now: str) -> VersionRow:
    model, release = pack.manifest_model, pack.release
    return VersionRow(
        name=str(release.name),
        version=str(release.version),
        position=position(release.version),
        digest=pack.digest,
        length=len(pack.manifest),
        config=oci.digest_of(pack.config),
        content=oci.digest_of(pack.content),
        size=len(pack.content),
        description=model.description,
        licence=model.licence,
        procedures=json.dumps([each.model_dump() for each in model.procedures]),
        requires=json.dumps([each.model_dump() for each in model.requires]),
        engines=json.dumps(list(engines)),
        publisher_issuer=publication.issuer,
        publisher_subject=publication.subject,
        publication=publication.id,
        published=now,
        changed=now,
    )


def _keep_blobs(session: Session, pack: Pack, signed: Sequence[bytes]) -> None:
    """Blobs may be there already: other versions have the same files, and bundles share the empty config."""
    kept = {digest: ("application/octet-stream", data) for digest, data in pack.blobs.items()}
    kept[pack.digest] = (oci.MANIFEST, pack.manifest)
    kept[oci.digest_of(pack.config)] = (oci.CONFIG, pack.config)
    kept[oci.digest_of(pack.content)] = (oci.CONTENT, pack.content)
    kept[oci.digest_of(oci.EMPTY_BYTES)] = (oci.EMPTY, oci.EMPTY_BYTES)
    for bundle in signed:
        kept[oci.digest_of(bundle)] = (oci.BUNDLE, bundle)
        referrer = oci.bundle_manifest(bundle, pack.descriptor)
        kept[oci.digest_of(referrer)] = (oci.MANIFEST, referrer)
    # Sorted, so that two transactions that keep the same ones wait for each other in the same order.
    blobs = [
        {"digest": digest, "size": len(data), "media_type": kind, "content": data}
        for digest, (kind, data) in sorted(kept.items())
    ]
    _insert(session, BlobRow, blobs)
    _insert(session, PackBlobRow, [{"name": str(pack.release.name), "digest": digest} for digest in sorted(kept)])


def _attach(session: Session, version: VersionRow, bundle: bytes, facts: Mapping[str, Any], publication: str) -> None:
    signature = Signature(
        mode=facts["mode"], issuer=facts["issuer"], subject=facts["subject"], log_index=facts["log_index"]
    )
    row = bundles.add(session, version, bundle, signature, publication=publication)
    if (review := facts["review"]) is not None:
        session.add(
            ReviewRow(
                name=version.name,
                version=version.version,
                decision=review["decision"],
                reviewer_issuer=signature.issuer,
                reviewer_subject=signature.subject,
                reason=review.get("reason", ""),
                expires=review.get("expires"),
                bundle=row.digest,
                at=row.at,
            )
        )


def _newest(session: Session, row: PackRow, pack: Pack, engines: Sequence[str]) -> None:
    """Let the pack be shown and found by this version, if it is the highest that is available."""
    higher = select(VersionRow.version).where(
        VersionRow.name == row.name,
        VersionRow.state == VersionState.AVAILABLE,
        VersionRow.position > position(pack.release.version),
    )
    if session.exec(higher.limit(1)).first() is None:
        model = pack.manifest_model
        row.newest, row.description, row.licence = model.version, model.description, model.licence
        session.add(row)
        search.index(session, pack, engines)


def _insert(session: Session, table: type[Row], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that are not there yet."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.connection().execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))
