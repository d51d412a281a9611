"""From the API server's JSON to what the operator remembers. Members that are not named here are never made objects."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, Literal

import msgspec

from seglam.operator.seen import (
    Activation,
    ConditionSeen,
    Counterexample,
    Decision,
    Gate,
    Judgement,
    Meta,
    Procedure,
    Review,
    Revision,
    StatusSeen,
)
from seglam.resources.names import (
    ANNOTATION_AUTHORS,
    ANNOTATION_PACK_RELEASE,
    ANNOTATION_TRACEPARENT,
    DEFAULT_POOL,
    LABEL_ACTIVE,
    LABEL_COMPILATION,
    LABEL_MANAGED_BY,
    LABEL_PACK_IMPORT,
    LABEL_POOL,
    OPERATOR,
    authors_of,
    dedicated_pool,
)


class _Wire(msgspec.Struct, rename="camel"):
    pass


class _Owner(_Wire):
    uid: str = ""
    controller: bool = False


class _Meta(_Wire):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[_Owner] = []

    def seen(self) -> Meta:
        """What is remembered of it."""
        return Meta(
            intern(self.namespace),
            intern(self.name),
            self.uid,
            self.resource_version,
            self.generation,
            self.creation_timestamp,
            self.deletion_timestamp is not None,
        )

    @property
    def managed(self) -> bool:
        """Whether the operator made it."""
        return self.labels.get(LABEL_MANAGED_BY) == OPERATOR


class _Condition(_Wire):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int | None = None

    def seen(self) -> ConditionSeen:
        """What is remembered of it."""
        return ConditionSeen(
            intern(self.type),
            intern(self.status),
            intern(self.reason),
            self.message,
            intern(self.last_transition_time),
            self.observed_generation,
        )


class _Status(_Wire):
    observed_generation: int | None = None
    conditions: list[_Condition] = []

    def seen(self, **fields: str | int | None) -> StatusSeen:
        """What is remembered of it, with the fields that the kind adds."""
        said = {name: value for name, value in fields.items() if value is not None}
        if self.observed_generation is not None:
            said["observedGeneration"] = self.observed_generation
        conditions = tuple(sorted(each.seen() for each in self.conditions))
        return StatusSeen(tuple(sorted(said.items())), conditions)


class _ActivationWire(_Wire):
    mode: Literal["Newest", "Pinned"] = "Newest"
    digest: str | None = None


class _Sandbox(_Wire):
    isolation: str | None = None


class _ProcedureSpec(_Wire):
    activation: _ActivationWire | None = None
    sandbox: _Sandbox | None = None
    review_policy: str | None = None


class _ProcedureStatus(_Status):
    digest: str | None = None
    active_digest: str | None = None
    active: str | None = None
    revisions: int | None = None
    review: str | None = None


class ProcedureWire(_Wire):
    """A ReasoningProcedure as it comes."""

    metadata: _Meta
    spec: _ProcedureSpec = msgspec.field(default_factory=_ProcedureSpec)
    status: _ProcedureStatus = msgspec.field(default_factory=_ProcedureStatus)

    def seen(self) -> Procedure:
        """What is remembered of it."""
        activation = self.spec.activation or _ActivationWire()
        dedicated = self.spec.sandbox is not None and self.spec.sandbox.isolation == "dedicated"
        status = self.status
        return Procedure(
            meta=self.metadata.seen(),
            authors=tuple(intern(author) for author in authors_of(self.metadata.annotations)),
            stated=ANNOTATION_AUTHORS in self.metadata.annotations,
            activation=Activation(activation.mode, activation.digest),
            pool=dedicated_pool(self.metadata.name) if dedicated else DEFAULT_POOL,
            after_shadow=self.spec.review_policy == "AfterShadow",
            compilation=self.metadata.labels.get(LABEL_COMPILATION),
            pack_import=self.metadata.labels.get(LABEL_PACK_IMPORT),
            release=self.metadata.annotations.get(ANNOTATION_PACK_RELEASE),
            traceparent=self.metadata.annotations.get(ANNOTATION_TRACEPARENT),
            status=status.seen(
                digest=status.digest,
                activeDigest=status.active_digest,
                active=status.active,
                revisions=status.revisions,
                review=status.review,
            ),
        )


class _Gate(_Wire):
    gate: str
    passed: bool = False
    summary: str = ""
    by: str = "operator"


class _RevisionSpec(_Wire):
    procedure: str = ""
    digest: str = ""
    authors: list[str] = []


class _RevisionStatus(_Status):
    evidence: list[_Gate] = []


class _RevisionWire(_Wire):
    metadata: _Meta
    spec: _RevisionSpec
    status: _RevisionStatus = msgspec.field(default_factory=_RevisionStatus)

    def seen(self) -> Revision:
        """What is remembered of it."""
        meta = self.metadata
        return Revision(
            meta=meta.seen(),
            owner=next((owner.uid for owner in meta.owner_references if owner.controller), None),
            managed=meta.managed,
            procedure=intern(self.spec.procedure),
            digest=self.spec.digest,
            authors=tuple(intern(author) for author in self.spec.authors),
            active=meta.labels.get(LABEL_ACTIVE) == "true",
            pool=meta.labels.get(LABEL_POOL),
            compilation=meta.labels.get(LABEL_COMPILATION),
            gates=tuple(Gate(intern(g.gate), g.passed, "" if g.passed else g.summary) for g in self.status.evidence),
            status=self.status.seen(),
            traceparent=meta.annotations.get(ANNOTATION_TRACEPARENT),
        )


class _DecisionWire(_Wire):
    reviewer: str
    decision: str


class _ReviewSpec(_Wire):
    procedure: str = ""
    digest: str = ""
    authors: list[str] = []
    decisions: list[_DecisionWire] = []


class _ReviewStatus(_Status):
    state: str | None = None
    gates: str | None = None


class _ReviewWire(_Wire):
    metadata: _Meta
    spec: _ReviewSpec
    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)

    def seen(self) -> Review:
        """What is remembered of it."""
        return Review(
            meta=self.metadata.seen(),
            managed=self.metadata.managed,
            procedure=intern(self.spec.procedure),
            digest=self.spec.digest,
            authors=tuple(intern(author) for author in self.spec.authors),
            decisions=tuple(Decision(intern(d.reviewer), intern(d.decision)) for d in self.spec.decisions),
            status=self.status.seen(state=self.status.state, gates=self.status.gates),
        )


class _CounterexampleSpec(_Wire):
    procedure: str = ""
    digest: str = ""
    sender: str = ""
    decisions: list[_DecisionWire] = []


class _CounterexampleStatus(_Status):
    state: str | None = None
    examined: str | None = None
    found: str | None = None
    given: str | None = None
    verified: str | None = None


class _CounterexampleWire(_Wire):
    metadata: _Meta
    spec: _CounterexampleSpec
    status: _CounterexampleStatus = msgspec.field(default_factory=_CounterexampleStatus)

    def seen(self) -> Counterexample:
        """What is remembered of it."""
        said = self.status
        return Counterexample(
            meta=self.metadata.seen(),
            procedure=intern(self.spec.procedure),
            digest=self.spec.digest,
            sender=intern(self.spec.sender),
            judgements=tuple(Judgement(intern(d.reviewer), intern(d.decision)) for d in self.spec.decisions),
            status=said.seen(
                state=said.state, examined=said.examined, found=said.found, given=said.given, verified=said.verified
            ),
        )


_PROCEDURE = msgspec.json.Decoder(ProcedureWire)
_REVISION = msgspec.json.Decoder(_RevisionWire)
_REVIEW = msgspec.json.Decoder(_ReviewWire)
_COUNTEREXAMPLE = msgspec.json.Decoder(_CounterexampleWire)


def procedure_of(raw: bytes) -> Procedure:
    """A ReasoningProcedure. `msgspec.ValidationError`, a ValueError, if it is none."""
    return _PROCEDURE.decode(raw).seen()


def procedure_from(value: Mapping[str, Any]) -> Procedure:
    """As `procedure_of`, from JSON that was read already."""
    return msgspec.convert(value, ProcedureWire).seen()


def revision_of(raw: bytes) -> Revision:
    """A ProcedureRevision. `msgspec.ValidationError` if it is none."""
    return _REVISION.decode(raw).seen()


def review_of(raw: bytes) -> Review:
    """A ProcedureReview. `msgspec.ValidationError` if it is none."""
    return _REVIEW.decode(raw).seen()


def counterexample_of(raw: bytes) -> Counterexample:
    """A ProcedureCounterexample. `msgspec.ValidationError` if it is none."""
    return _COUNTEREXAMPLE.decode(raw).seen()
