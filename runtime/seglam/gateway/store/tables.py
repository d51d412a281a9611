"""The tables. Times are RFC 3339 texts in UTC with six digits of a second, so that they sort; JSON is text."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

SCHEMA_VERSION = 6
"""1 had no imports, 2 no tenants and counters without a replica, 3 no traces of imports, 4 nothing of what becomes of
a revision after it was admitted, 5 no index of what waits; see `migrations`."""
DEFAULT_TENANT = "default"
"""Whose everything is that older versions kept, and whose requests are that nobody identifies."""
APPLICATION_ID = 0x5E61A3
"""SQLite's application id of a SEGLAM store, in the file's header."""


class State(StrEnum):
    """Where a revision stands."""

    PROPOSED = "Proposed"
    SHADOW = "Shadow"  # reserved: no revision gets it yet
    ACTIVE = "Active"
    RETIRED = "Retired"
    REJECTED = "Rejected"
    QUARANTINED = "Quarantined"


class Progress(StrEnum):
    """Where a compilation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # the process ended meanwhile; it can be continued


class Standing(StrEnum):
    """Where a counterexample stands."""

    OPEN = "open"  # nobody who may has confirmed it
    CONFIRMED = "confirmed"
    REFUTED = "refuted"  # both implementations give the answer that it calls wrong
    DISMISSED = "dismissed"  # by a reviewer


def stamp(moment: datetime | None = None) -> str:
    """A time as the tables hold it; the present by default."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class RevisionRow(SQLModel, table=True):
    """One revision of one tenant. `document` is the whole document as canonical JSON; the digest covers its
    reasoning."""

    __tablename__ = "revisions"
    __table_args__ = (
        Index("one_active_revision", "tenant", "name", unique=True, sqlite_where=text("state = 'Active'")),
        Index("revisions_in_turn", "tenant", "state", "created", "digest"),
    )

    tenant: str = Field(default=DEFAULT_TENANT, primary_key=True)
    digest: str = Field(primary_key=True)
    name: str = Field(index=True)
    document: str
    state: str = Field(index=True)
    origin: str  # compilation, file, api or pack
    authors: str  # JSON list
    compilation: str | None = Field(default=None, index=True)
    replaces: str | None = None
    promoted_from: str | None = None  # tenant
    trace_id: str | None = None  # of the compilation's span
    span_id: str | None = None
    created: str
    changed: str


class ReviewRow(SQLModel, table=True):
    """One decision on a revision; never changed."""

    __tablename__ = "reviews"
    __table_args__ = (ForeignKeyConstraint(["tenant", "digest"], ["revisions.tenant", "revisions.digest"]),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str = DEFAULT_TENANT
    digest: str = Field(index=True)
    reviewer: str
    decision: str
    reason: str
    at: str
    trace_id: str | None = None
    span_id: str | None = None


class CompilationRow(SQLModel, table=True):
    """One compilation, from its request on."""

    __tablename__ = "compilations"
    __table_args__ = (Index("compilations_in_turn", "tenant", "created"),)

    id: str = Field(primary_key=True)
    fingerprint: str = Field(index=True)
    tenant: str
    requester: str
    request: str  # JSON
    reason: str  # why the request missed
    explanation: str
    progress: str = Field(index=True)
    message: str = ""  # while it runs the last step, then the result in words
    outcome: str | None = None
    digest: str | None = None
    replaces: str | None = None
    answer: str | None = None
    arguments: str = "{}"
    engines: str = "[]"
    trace_id: str | None = None
    span_id: str | None = None
    created: str
    finished: str | None = None


class EvidenceRow(SQLModel, table=True):
    """What one gate found, also for what it rejected."""

    __tablename__ = "evidence"

    compilation: str = Field(primary_key=True, foreign_key="compilations.id")
    number: int = Field(primary_key=True)
    gate: str
    passed: bool
    summary: str
    detail: str  # JSON


class CallRow(SQLModel, table=True):
    """One call of a model in a compilation, or the recorded completion that stood in for it."""

    __tablename__ = "calls"

    compilation: str = Field(primary_key=True, foreign_key="compilations.id")
    number: int = Field(primary_key=True)
    role: str
    purpose: str
    model: str
    prompt_digest: str
    input_tokens: int
    output_tokens: int
    elapsed_ms: float
    recording: str | None = None
    error: str | None = None


class WaitingRow(SQLModel, table=True):
    """A request that waits for a compilation; removed when that ends."""

    __tablename__ = "waiting"

    id: str = Field(primary_key=True)
    compilation: str = Field(index=True, foreign_key="compilations.id")
    requester: str
    request: str  # JSON
    at: str


class NegativeRow(SQLModel, table=True):
    """A type of request that the model is not asked about until the entry expires."""

    __tablename__ = "negatives"

    id: int | None = Field(default=None, primary_key=True)
    tenant: str = Field(default=DEFAULT_TENANT, index=True)
    fingerprint: str = Field(index=True)
    reason: str
    model: str
    expires: str
    patterns: str  # JSON list
    parameters: str  # JSON list
    compilation: str | None = None
    created: str


class SourceRow(SQLModel, table=True):
    """The revision that a file of a watched directory held when it was last read. Files are the default tenant's."""

    __tablename__ = "sources"

    file: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    digest: str


class ImportRow(SQLModel, table=True):
    """One release of a pack that was imported, as it was decided last."""

    __tablename__ = "imports"

    release: str = Field(primary_key=True)  # origin/namespace/pack@version
    name: str = Field(index=True)
    version: str
    digest: str  # of the pack's manifest
    importer: str
    policy: str
    approval: str  # Review or Pack
    waiver: str | None = None
    procedures: str  # JSON list of {"name", "digest"}
    decision: str  # JSON: what the gate found, step by step
    summary: str  # digest of the bundle in which the importer says so
    at: str
    trace_id: str | None = None  # of the import's span
    span_id: str | None = None


class CounterexampleRow(SQLModel, table=True):
    """A request to which a revision gives an answer that is said to be wrong, and what became of that. The request is
    kept, since a new revision must pass it."""

    __tablename__ = "counterexamples"
    __table_args__ = (ForeignKeyConstraint(["tenant", "digest"], ["revisions.tenant", "revisions.digest"]),)

    id: str = Field(primary_key=True)
    tenant: str = Field(default=DEFAULT_TENANT, index=True)
    digest: str = Field(index=True)  # of the revision
    procedure: str
    source: str  # feedback, recheck or shadow
    answer: str | None = None  # id of the answer
    sender: str
    request: str  # JSON
    arguments: str  # JSON, canonical texts by name
    given: str | None = None  # what the revision answers; None if it gives no answer
    expected: str | None = None  # None if the revision should not answer at all
    verified: str | None = None  # what the verifier's implementation answers
    why: str = ""
    standing: str = Field(index=True)
    said: str  # why it stands there
    decided_by: str | None = None
    rule_changed: bool = False  # the answers of the revision's examples hold no longer either
    compilation: str | None = None
    created: str
    decided: str | None = None


class HealthRow(SQLModel, table=True):
    """Counts of what was checked of a revision off the serving path."""

    __tablename__ = "health"

    tenant: str = Field(default=DEFAULT_TENANT, primary_key=True)
    digest: str = Field(primary_key=True)
    agreed: int = 0
    wrong: int = 0  # confirmed
    undecided: int = 0  # the implementations differ, and that does not repeat or a limit was met
    unverifiable: int = 0  # no verifier's implementation is recorded
    shadow_agreed: int = 0
    shadow_differed: int = 0
    shadow_alone: int = 0  # answered in shadow where nothing that is active did
    shadow_failed: int = 0
    changed: str
