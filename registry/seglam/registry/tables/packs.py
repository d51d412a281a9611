"""What was published: packs, versions, blobs, and what was signed about them."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from seglam.registry.tables.base import Row


class VersionState(StrEnum):
    """Where a published version stands."""

    AVAILABLE = "available"
    YANKED = "yanked"  # served to who names it exactly, chosen for nobody
    QUARANTINED = "quarantined"  # served to nobody but its members
    DELETED = "deleted"  # the content is gone, the name stays taken


class PackRow(Row, table=True):
    """A pack as search and its page show it; the newest version's words."""

    __tablename__ = "packs"
    __table_args__ = (
        UniqueConstraint("origin", "namespace", "pack", name="one_pack_of_a_name"),
        UniqueConstraint("origin", "namespace", "skeleton", name="one_pack_of_a_look"),
        Index("packs_by_change", "changed", "name"),
    )

    name: str = Field(primary_key=True)  # origin/namespace/pack
    origin: str
    namespace: str
    pack: str
    skeleton: str
    description: str
    licence: str
    newest: str  # the highest version that is available, else the highest
    versions: int = 0
    revision: int = 1  # for If-Match
    created: str
    changed: str


class VersionRow(Row, table=True):
    """A version. All but `state`, `revision` and `changed` never changes, and the row is never removed."""

    __tablename__ = "versions"
    __table_args__ = (
        Index("versions_in_order", "name", "position"),
        Index("versions_by_digest", "digest", unique=True),
        Index(
            "versions_to_index",
            "name",
            sqlite_where=text("indexed IS NULL OR indexed <> state"),
            postgresql_where=text("indexed IS NULL OR indexed <> state"),
        ),
    )

    name: str = Field(primary_key=True, foreign_key="packs.name")
    version: str = Field(primary_key=True)
    position: str  # sorts as SemVer 2 orders, see `publishing.position`
    digest: str  # of the manifest: the pack's identity
    length: int  # of the manifest, bytes
    config: str  # digest of pack.json
    content: str  # digest of the layer
    size: int  # of the layer, bytes
    description: str
    licence: str
    procedures: str  # JSON list of {name, digest, path}
    requires: str  # JSON list of {name, range}
    engines: str = "[]"  # JSON list of the digests of the engines that it was tested on
    publisher_issuer: str
    publisher_subject: str
    publication: str = Field(index=True)
    state: str = VersionState.AVAILABLE.value
    indexed: str | None = None  # the state that the index last said
    revision: int = 1  # for If-Match; each change of state is one more
    published: str
    changed: str


class ReservationRow(Row, table=True):
    """A version that a publication under way has taken, so that two never sign the same one."""

    __tablename__ = "reservations"

    name: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    publication: str = Field(index=True)
    at: str


class TombstoneRow(Row, table=True):
    """A deletion: what was there, and who took it away and why. Its version stays taken."""

    __tablename__ = "tombstones"

    name: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    digest: str
    reason: str
    actor_issuer: str
    actor_subject: str
    at: str


class BlobRow(Row, table=True):
    """Bytes by their digest: manifests, configs, layers, bundles and the manifests that refer."""

    __tablename__ = "blobs"

    digest: str = Field(primary_key=True)
    size: int
    media_type: str
    content: bytes


class PackBlobRow(Row, table=True):
    """Which repository a blob may be read from."""

    __tablename__ = "pack_blobs"
    __table_args__ = (Index("packs_of_a_blob", "digest"),)

    name: str = Field(primary_key=True)
    digest: str = Field(primary_key=True, foreign_key="blobs.digest")


class BundleRow(Row, table=True):
    """A signed statement about a version: a blob, and what is in it for lists and filters."""

    __tablename__ = "bundles"
    __table_args__ = (
        Index("bundles_of_a_version", "name", "version"),
        Index("bundles_of_a_subject", "subject"),
    )

    digest: str = Field(primary_key=True)  # of the bundle
    referrer: str  # digest of the manifest that refers to the pack
    name: str
    version: str
    subject: str  # the pack's manifest digest
    predicate_type: str
    mode: str  # Keyless or Key
    issuer: str | None = None
    identity: str | None = None  # subject of the certificate
    key_id: str | None = None
    log_index: int | None = None
    size: int
    publication: str | None = None
    at: str


class StatusRow(Row, table=True):
    """A signed fact about a version: yanked, quarantined or restored."""

    __tablename__ = "statuses"
    __table_args__ = (Index("statuses_of_a_version", "name", "version", "serial"),)

    serial: int | None = Field(default=None, primary_key=True)
    name: str
    version: str
    status: str
    reason: str
    actor_issuer: str
    actor_subject: str
    bundle: str  # digest
    at: str


class ReviewRow(Row, table=True):
    """A reviewer's signed decision on a version."""

    __tablename__ = "reviews"
    __table_args__ = (Index("reviews_of_a_version", "name", "version", "serial"),)

    serial: int | None = Field(default=None, primary_key=True)
    name: str
    version: str
    decision: str
    reviewer_issuer: str
    reviewer_subject: str
    reason: str
    expires: str | None = None
    bundle: str  # digest
    at: str


class TermRow(Row, table=True):
    """A word that search finds a pack by."""

    __tablename__ = "terms"
    __table_args__ = (Index("terms_of_a_pack", "name"),)

    term: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    weight: int = 1


class FacetRow(Row, table=True):
    """A value that search narrows by: licence, language, valueType, engine."""

    __tablename__ = "facets"
    __table_args__ = (Index("facets_of_a_pack", "name"),)

    facet: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
