"""The registry's tables. Times are RFC 3339 texts in UTC with six digits of a second, so that they sort; JSON is text.

Everything that is published is here, blobs included, so that one transaction publishes and replicas need nothing else.
Rows of `versions` are never removed, also not by a deletion, so that a version is never given twice.
Texts sort by their bytes on every database, and whole numbers have 64 bits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import AutoString, Field, SQLModel


class VersionState(StrEnum):
    """Where a published version stands."""

    AVAILABLE = "available"
    YANKED = "yanked"  # served to who names it exactly, chosen for nobody
    QUARANTINED = "quarantined"  # served to nobody but its members
    DELETED = "deleted"  # the content is gone, the name stays taken


class NamespaceState(StrEnum):
    """Where a namespace stands."""

    ACTIVE = "active"
    FROZEN = "frozen"


class PublicationState(StrEnum):
    """How far a publication has come. Each is committed with what its step made."""

    RECEIVED = "received"
    VERIFIED = "verified"
    TESTED = "tested"
    SIGNED = "signed"
    PUBLISHED = "published"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self in (PublicationState.PUBLISHED, PublicationState.FAILED)


def stamp(moment: datetime | None = None) -> str:
    """A time as the tables hold it; the present by default."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Row(SQLModel, registry=registry()):
    """What all tables of the registry have in common: a metadata of their own."""


METADATA = Row.metadata


class NamespaceRow(Row, table=True):
    """A namespace of an origin, and how it publishes."""

    __tablename__ = "namespaces"
    __table_args__ = (UniqueConstraint("origin", "skeleton", name="one_namespace_of_a_look"),)

    origin: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    skeleton: str
    state: str = NamespaceState.ACTIVE.value
    mode: str  # Keyless or Key: how its publishers and reviewers sign
    reviews: int = 0  # reviews by distinct reviewers that a release needs
    revision: int = 1  # for If-Match
    frozen_until: str | None = None
    created: str
    changed: str


class MemberRow(Row, table=True):
    """Who may do what in a namespace. A member who leaves stays here with the time."""

    __tablename__ = "members"
    __table_args__ = (
        Index("members_of", "origin", "namespace"),
        Index("memberships_of", "issuer", "subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    issuer: str
    subject: str
    role: str  # owner, publisher or reviewer
    since: str
    active_from: str
    removed: str | None = None
    account: str | None = None  # the issuer's lasting id of the account, bound at its first exchange
    added_by: str  # JSON {issuer, subject}


class NamespaceKeyRow(Row, table=True):
    """A key that a member signs with where the namespace's mode is Key."""

    __tablename__ = "namespace_keys"
    __table_args__ = (Index("keys_of", "origin", "namespace"),)

    id: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    key_id: str  # SHA-256 of the SPKI in DER, hexadecimal
    pem: str
    issuer: str
    subject: str
    role: str
    since: str
    active_from: str
    removed: str | None = None


class NamespaceEventRow(Row, table=True):
    """A change of ownership, with the registry's signature of it."""

    __tablename__ = "namespace_events"
    __table_args__ = (Index("events_of_namespaces", "origin", "namespace", "serial"),)

    serial: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    kind: str
    actor_issuer: str
    actor_subject: str
    detail: str = "{}"  # JSON
    time: str
    effective_from: str
    bundle: bytes | None = None


class TokenRow(Row, table=True):
    """A token that was given out, by its SHA-256."""

    __tablename__ = "tokens"

    hash: str = Field(primary_key=True)
    issuer: str
    subject: str
    origin: str
    namespace: str
    scopes: str  # JSON list
    account: str | None = None
    issued: str
    expires: str = Field(index=True)
    revoked: str | None = None


class UsedTokenRow(Row, table=True):
    """An identity token that was exchanged, so that it is not a second time."""

    __tablename__ = "used_tokens"

    issuer: str = Field(primary_key=True)
    jti: str = Field(primary_key=True)
    expires: str = Field(index=True)


class IdempotencyRow(Row, table=True):
    """The answer to a request with an Idempotency-Key. Publications keep their keys themselves."""

    __tablename__ = "idempotency"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int
    headers: str = "{}"  # JSON
    body: bytes
    expires: str = Field(index=True)


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


class PublicationRow(Row, table=True):
    """A publication under way or finished.

    `owner`, `fence` and `until` are the lease: a worker holds it until `until`, and each holder has a higher `fence`,
    without which nothing of a step is kept. `due` is when an unfinished publication is to be taken up (again).
    """

    __tablename__ = "publications"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", "key", name="one_publication_of_a_key"),
        Index("publications_due", "open", "due"),
        Index("publications_of_a_namespace", "origin", "namespace", "created"),
    )

    id: str = Field(primary_key=True)
    origin: str
    namespace: str
    name: str | None = None  # once it is read
    version: str | None = None
    digest: str | None = None
    issuer: str  # the publisher
    subject: str
    key: str | None = None  # Idempotency-Key
    request_hash: str  # SHA-256 of the archive
    state: str = PublicationState.RECEIVED.value
    open: bool = True
    steps: str = "[]"  # JSON list of {name, passed, at, words, detail}
    problem: str | None = None  # JSON {code, detail, retriable}
    attempts: int = 0  # since it last advanced
    owner: str | None = None
    fence: int = 0
    until: str | None = None
    due: str
    trace: str | None = None  # traceparent of the request
    created: str
    changed: str


class ProductRow(Row, table=True):
    """What steps of a publication made: the archive, evidence, bundles. Removed when it is final."""

    __tablename__ = "products"

    publication: str = Field(primary_key=True, foreign_key="publications.id")
    kind: str = Field(primary_key=True)
    content: bytes


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


class AuditRow(Row, table=True):
    """One entry of the audit log. `hash` is SHA-256 of `previous` and the RFC 8785 bytes of the rest."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_a_subject", "subject", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    time: str
    actor_issuer: str
    actor_subject: str
    action: str
    subject: str
    detail: str = "{}"  # JSON
    previous: str
    hash: str


class AuditSignatureRow(Row, table=True):
    """The registry's signature of the audit log's head at one time."""

    __tablename__ = "audit_signatures"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hash: str
    time: str
    bundle: bytes


class ChangeRow(Row, table=True):
    """One entry of the feed that mirrors and the index follow; serials have no gap and appear in order."""

    __tablename__ = "changes"

    serial: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    time: str
    kind: str
    name: str
    version: str | None = None
    digest: str | None = None
    detail: str = "{}"  # JSON


class HeadRow(Row, table=True):
    """The last entry of a sequence without gaps; who appends holds its lock until the transaction ends."""

    __tablename__ = "heads"

    sequence: str = Field(primary_key=True)  # audit, changes
    seq: int
    hash: str = ""


class LeaseRow(Row, table=True):
    """Work that one replica does at a time: signing the audit's head, renewing the index, forgetting what expired."""

    __tablename__ = "leases"

    work: str = Field(primary_key=True)
    owner: str
    fence: int = 0
    until: str
    done: str | None = None  # when it last ended well


class IndexMetadataRow(Row, table=True):
    """A version of a role's TUF metadata; never changed."""

    __tablename__ = "index_metadata"

    role: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: bytes
    written: str


class IndexFileRow(Row, table=True):
    """A target file that the index itself carries: trust roots."""

    __tablename__ = "index_files"

    path: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    length: int
    body: bytes


class MirrorStateRow(Row, table=True):
    """How far a mirror has followed the changes of an origin."""

    __tablename__ = "mirror_states"

    origin: str = Field(primary_key=True)
    since: int
    detail: str = "{}"  # JSON
    time: str


def _uniform() -> None:
    """Let texts sort by bytes and numbers have 64 bits, whichever database it is."""
    words = Text().with_variant(Text(collation="C"), "postgresql")
    whole = BigInteger().with_variant(Integer(), "sqlite")
    for table in METADATA.tables.values():
        for column in table.columns:
            if isinstance(column.type, Integer):
                column.type = whole
            elif isinstance(column.type, AutoString):
                column.type = words


_uniform()
