"""Bundles as the database keeps them: a blob, the manifest that refers to the pack, and a row to find them by."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, or_, select

from seglam.packs import oci
from seglam.packs.trust.decision import Signature
from seglam.registry.tables import BlobRow, BundleRow, PackBlobRow, VersionRow, VersionState, stamp


def add(
    session: Session, version: VersionRow, raw: bytes, signature: Signature, *, publication: str | None = None
) -> BundleRow:
    """Attach a verified bundle to a version; one that is attached already stays as it is.

    Raises:
        PackInvalid: it holds no in-toto statement, or is too large.
    """
    digest = oci.digest_of(raw)
    known = session.get(BundleRow, digest)
    if known is not None:
        return known
    subject = oci.Descriptor(oci.MANIFEST, version.digest, version.length)
    manifest = oci.bundle_manifest(raw, subject)
    keep_blob(session, version.name, oci.BUNDLE, raw)
    keep_blob(session, version.name, oci.MANIFEST, manifest)
    keep_blob(session, version.name, oci.EMPTY, oci.EMPTY_BYTES)
    by_key = signature.mode == "Key"
    row = BundleRow(
        digest=digest,
        referrer=oci.digest_of(manifest),
        name=version.name,
        version=version.version,
        subject=version.digest,
        predicate_type=oci.predicate_type(raw),
        mode=signature.mode,
        issuer=None if by_key else signature.issuer,
        identity=None if by_key else signature.subject,
        key_id=signature.subject if by_key else None,
        log_index=signature.log_index,
        size=len(raw),
        publication=publication,
        at=stamp(),
    )
    session.add(row)
    session.flush()
    keep_index(session, version.name, version.digest)
    return row


def descriptors(session: Session, name: str, digest: str) -> list[oci.Descriptor]:
    """What points at the manifests that refer to a manifest of a repository, oldest first."""
    asked = (
        select(BlobRow.content)
        .join(BundleRow, col(BundleRow.referrer) == col(BlobRow.digest))
        .where(BundleRow.subject == digest, BundleRow.name == name)
    )
    return [oci.referrer(each) for each in session.exec(asked.order_by(col(BundleRow.at), col(BundleRow.digest))).all()]


def keep_index(session: Session, name: str, digest: str) -> None:
    """Keep the index of what refers to a manifest: who found it by its tag asks for it by its digest next."""
    keep_blob(session, name, oci.INDEX, oci.index_manifest(descriptors(session, name, digest)))


def keep_blob(session: Session, name: str, media_type: str, data: bytes) -> None:
    """Keep bytes so that a repository serves them."""
    digest = oci.digest_of(data)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    kept = {"digest": digest, "size": len(data), "media_type": media_type, "content": data}
    for table, row in ((BlobRow, kept), (PackBlobRow, {"name": name, "digest": digest})):
        session.connection().execute(dialect.insert(table).on_conflict_do_nothing(), row)


def of_version(session: Session, name: str, version: str) -> list[BundleRow]:
    """The bundles of a version, in the order in which they were attached."""
    asked = select(BundleRow).where(BundleRow.name == name, BundleRow.version == version)
    return list(session.exec(asked.order_by(col(BundleRow.at), col(BundleRow.digest))).all())


def of_subject(session: Session, name: str, digest: str) -> list[BundleRow]:
    """The bundles of a manifest in a repository, in the order in which they were attached."""
    asked = select(BundleRow).where(BundleRow.subject == digest, BundleRow.name == name)
    return list(session.exec(asked.order_by(col(BundleRow.at), col(BundleRow.digest))).all())


def bytes_of(session: Session, digest: str) -> bytes:
    """Bytes that are kept. `KeyError` without them."""
    row = session.get(BlobRow, digest)
    if row is None:
        raise KeyError(digest)
    return row.content


def drop_content(session: Session, version: VersionRow) -> None:
    """Remove config and content of a deleted version, unless another version has the same; its manifest stays."""
    for digest in (version.config, version.content):
        asked = select(VersionRow.digest).where(
            VersionRow.state != VersionState.DELETED,
            or_(col(VersionRow.config) == digest, col(VersionRow.content) == digest),
        )
        users = session.exec(asked.where(VersionRow.name == version.name).limit(1)).first()
        if users is None:
            session.exec(
                delete(PackBlobRow).where(col(PackBlobRow.name) == version.name, col(PackBlobRow.digest) == digest)
            )
        if session.exec(select(PackBlobRow.name).where(PackBlobRow.digest == digest).limit(1)).first() is None:
            session.exec(delete(BlobRow).where(col(BlobRow.digest) == digest))
