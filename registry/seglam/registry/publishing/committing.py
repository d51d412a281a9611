"""The one transaction that publishes: version, blobs, bundles, search, audit and change, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, select

from seglam.packs import oci
from seglam.packs.pack import Pack
from seglam.registry import audit, changes, names, search
from seglam.registry.leases import clock
from seglam.registry.publishing.position import position
from seglam.registry.publishing.publication import Publication
from seglam.registry.tables import (
    BlobRow,
    BundleRow,
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
    bundles: Sequence[bytes],
    facts: Mapping[str, Mapping[str, Any]],
    engines: Sequence[str],
) -> None:
    """Write everything in the session's transaction.

    Args:
        bundles: the publisher's and the registry's.
        facts: what is in them, by digest; see `admission.bundle_facts`.
    """
    now = stamp(clock(session))
    row = _pack(session, pack, now)
    session.add(_version(publication, pack, engines, now))
    session.flush()
    _keep_blobs(session, pack, bundles)
    for bundle in bundles:
        digest = oci.digest_of(bundle)
        _bundle(session, publication, pack, bundle, digest, facts[digest], now)
    _newest(session, row, pack, engines)
    session.flush()
    release = pack.release
    # The heads of both sequences are locked until the end, so they come last.
    audit.append(
        session,
        actor_issuer=publication.issuer,
        actor_subject=publication.subject,
        action="published",
        subject=str(release),
        detail={
            "digest": pack.digest,
            "publication": publication.id,
            "bundles": sorted(oci.digest_of(bundle) for bundle in bundles),
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


def _keep_blobs(session: Session, pack: Pack, bundles: Sequence[bytes]) -> None:
    """Blobs may be there already: other versions have the same files, and bundles share the empty config."""
    kept = {digest: ("application/octet-stream", data) for digest, data in pack.blobs.items()}
    kept[pack.digest] = (oci.MANIFEST, pack.manifest)
    kept[oci.digest_of(pack.config)] = (oci.CONFIG, pack.config)
    kept[oci.digest_of(pack.content)] = (oci.CONTENT, pack.content)
    kept[oci.digest_of(oci.EMPTY_BYTES)] = (oci.EMPTY, oci.EMPTY_BYTES)
    for bundle in bundles:
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


def _bundle(
    session: Session,
    publication: Publication,
    pack: Pack,
    bundle: bytes,
    digest: str,
    facts: Mapping[str, Any],
    now: str,
) -> None:
    name, version = str(pack.release.name), str(pack.release.version)
    given = {key: value for key, value in facts.items() if key not in ("review", "reviewer")}
    session.add(
        BundleRow(
            digest=digest,
            referrer=oci.digest_of(oci.bundle_manifest(bundle, pack.descriptor)),
            name=name,
            version=version,
            subject=pack.digest,
            size=len(bundle),
            publication=publication.id,
            at=now,
            **given,
        )
    )
    if (review := facts.get("review")) is not None:
        issuer, subject = facts["issuer"] or "", facts["identity"] or facts["key_id"]
        session.add(
            ReviewRow(
                name=name,
                version=version,
                decision=review["decision"],
                reviewer_issuer=issuer,
                reviewer_subject=subject,
                reason=review.get("reason", ""),
                expires=review.get("expires"),
                bundle=digest,
                at=now,
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
