"""What the API says, as models: they are the OpenAPI document's schemas, and every answer is checked by them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from seglam.registry.access.identities import Role, Scope

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Printable = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Part = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=2, max_length=40)]


class Document(BaseModel):
    """Base: members are camelCase, unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable; `detail` says what was wrong and what to do."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str


class Who(Document):
    """Somebody, by issuer and subject."""

    issuer: str
    subject: str


class Named(Document):
    """Somebody who is to be named, by issuer and subject as a certificate would say it."""

    issuer: Printable
    subject: Printable


class TokenAsked(Document):
    """What is exchanged."""

    token: str = Field(
        min_length=1, max_length=16_384, description="An identity token (JWT) of an issuer that is configured."
    )
    namespace: Part = Field(description="The only namespace that the new token is for.")
    scopes: list[Scope] | None = Field(
        default=None, max_length=16, description="What for; all that is allowed by default."
    )


class TokenGiven(Document):
    """A token, shown this once."""

    token: str
    namespace: str
    scopes: list[Scope]
    expires: str
    seconds: int


class PackFound(Document):
    """A pack in a list."""

    name: str
    description: str
    licence: str
    newest: str = Field(description="The highest version that is available, else the highest.")
    versions: int
    created: str
    changed: str


class PackList(Document):
    """Packs that were found, the best first."""

    items: list[PackFound]
    facets: dict[str, dict[str, int]] | None = Field(
        default=None, description="How many of all that match have which value, if it was asked for."
    )
    next: str | None = Field(default=None, description="Cursor of the next page.")


class ProcedureNamed(Document):
    """A procedure of a version."""

    name: str
    digest: str
    path: str


class Requires(Document):
    """A pack that a version needs."""

    name: str
    range: str


class StatusSaid(Document):
    """A signed fact about a version."""

    status: Literal["yanked", "quarantined", "restored"]
    reason: str
    actor: Who
    at: str
    bundle: str


class Version(Document):
    """A version. Only `state` and what follows from it ever changes."""

    name: str
    version: str
    digest: str = Field(description="Of the manifest: the pack's identity.")
    state: Literal["available", "yanked", "quarantined", "deleted"]
    size: int = Field(description="Bytes of the content.")
    description: str
    licence: str
    procedures: list[ProcedureNamed]
    requires: list[Requires]
    engines: list[str]
    publisher: Who
    published: str
    changed: str
    statuses: list[StatusSaid]


class VersionShort(Document):
    """A version in a list."""

    version: str
    digest: str
    state: str
    published: str


class VersionList(Document):
    """Versions, the highest first."""

    items: list[VersionShort]
    next: str | None = None


class Attestation(Document):
    """A signed statement about a version."""

    digest: str
    referrer: str = Field(description="Digest of the OCI manifest that attaches it.")
    predicate_type: str
    mode: str
    issuer: str | None = None
    identity: str | None = None
    key_id: str | None = None
    log_index: int | None = None
    size: int
    at: str
    bundle: dict[str, Any] | None = Field(default=None, description="The sigstore bundle, if it was asked for.")


class AttestationList(Document):
    """The statements about a version, oldest first."""

    items: list[Attestation]


class ReasonGiven(Document):
    """Why."""

    reason: Reason


class BundleGiven(Document):
    """A bundle, its bytes as a text."""

    bundle: str = Field(
        min_length=2, max_length=1_048_576, description="A sigstore bundle v0.3 (JSON text) of a review statement."
    )


class ReviewSaid(Document):
    """A reviewer's decision."""

    decision: Literal["approve", "reject"]
    reviewer: Who
    reason: str
    expires: str | None = None
    bundle: str
    at: str


class ReviewList(Document):
    """Decisions on a version, oldest first."""

    items: list[ReviewSaid]


class Member(Document):
    """A member of a namespace, also one who has left or has not begun."""

    id: int
    issuer: str
    subject: str
    role: Role
    since: str
    active_from: str
    removed: str | None = None


class Key(Document):
    """A key that a member signs with."""

    key_id: str
    pem: str
    issuer: str
    subject: str
    role: Role
    active_from: str
    removed: str | None = None


class NamespaceShort(Document):
    """A namespace in a list."""

    origin: str
    name: str
    state: str
    mode: str
    created: str


class NamespaceList(Document):
    """Namespaces by name."""

    items: list[NamespaceShort]
    next: str | None = None


class Namespace(NamespaceShort):
    """A namespace."""

    reviews: int = Field(description="Reviews by distinct reviewers that a release needs.")
    changed: str
    members: list[Member]
    keys: list[Key]


class NamespaceClaimed(Document):
    """A namespace that is to be claimed."""

    name: Part
    keys: list[Annotated[str, StringConstraints(min_length=1, max_length=4096)]] = Field(
        default_factory=list, max_length=8, description="Public keys in PEM that the owner signs with."
    )
    mode: Literal["Keyless", "Key"] | None = None
    reviews: Annotated[int, Field(ge=0, le=16, strict=True)] | None = None
    owner: Named | None = Field(default=None, description="Somebody else; for administrators.")
    similar: bool = Field(
        default=False, strict=True, description="A name one typing error from another is meant; for administrators."
    )


class Rules(Document):
    """How a namespace publishes."""

    reviews: Annotated[int, Field(ge=0, le=16, strict=True)] | None = None
    mode: Literal["Keyless", "Key"] | None = None


class MemberGiven(Named):
    """Who is to be a member."""

    role: Role
    account: Printable | None = Field(
        default=None, description="The issuer's own lasting id of the account, if it is known."
    )


class KeyGiven(Document):
    """A key that is to count."""

    pem: str = Field(min_length=1, max_length=4096, description="P-256 or Ed25519 public key.")
    role: Role
    holder: Named | None = Field(default=None, description="Whose key it is; the caller's by default.")


class NamespaceEvent(Document):
    """A change of ownership, with the registry's signature."""

    serial: int
    kind: str
    actor: Who
    detail: dict[str, Any]
    time: str
    effective_from: str
    bundle: dict[str, Any] | None = None


class EventList(Document):
    """Changes of ownership, oldest first."""

    items: list[NamespaceEvent]
    next: str | None = None


class Step(Document):
    """A step of a publication that was done."""

    name: str
    at: str
    words: str
    detail: dict[str, Any]


class PublicationProblem(BaseModel):
    """Why a publication failed, or why it waits."""

    model_config = ConfigDict(extra="allow")

    code: str
    detail: str


class Publication(Document):
    """A publication."""

    id: str
    state: Literal["received", "verified", "tested", "signed", "published", "failed"]
    namespace: str
    release: str | None = None
    digest: str | None = None
    steps: list[Step]
    problem: PublicationProblem | None = None
    created: str
    changed: str


class AuditEntry(Document):
    """An entry of the audit log."""

    seq: int
    time: str
    actor: Who
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditHead(Document):
    """A signed head of the audit log."""

    seq: int
    hash: str
    time: str
    bundle: dict[str, Any]


class AuditList(Document):
    """Entries, oldest first."""

    items: list[AuditEntry]
    next: int | None = Field(default=None, description="`since` of the next page.")
    head: AuditHead | None = Field(default=None, description="The last head that was signed.")


class AuditFinding(Document):
    """Something in the log that is not as it was written."""

    seq: int
    code: Literal["gap", "chain", "altered", "head", "end", "malformed", "signature"]
    words: str


class AuditVerdict(Document):
    """What a check of the log found."""

    whole: bool
    checked: int
    last: int
    hash: str
    next: int | None = Field(default=None, description="`since` of the next part, if there is more to check.")
    findings: list[AuditFinding]


class Change(Document):
    """A change that mirrors follow."""

    serial: int
    time: str
    kind: str
    name: str
    version: str | None = None
    digest: str | None = None
    detail: dict[str, Any]


class ChangeList(Document):
    """Changes without a gap, oldest first."""

    items: list[Change]
    next: int = Field(description="`since` of the next call, also when there is nothing more yet.")
    last: int = Field(description="The last serial.")


class Origin(Document):
    """What this registry is, and what its signatures are verified with."""

    origin: str
    mode: Literal["Keyless", "Key"]
    keyless: dict[str, Any] | None = Field(default=None, description="The sigstore trusted root.")
    keys: list[dict[str, str]]
    issuers: list[str] = Field(description="Issuers whose identity tokens can be exchanged.")
    audience: str
    claims: Literal["first", "admins"]
    tuf: str
