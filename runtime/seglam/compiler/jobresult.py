"""What a compile Job is given and what it leaves behind, as JSON between gateway, Job and operator.

A Job gets its `Work` from the gateway and writes one `JobResult`, the key `result.json` of its ConfigMap. Whoever reads
a result judges it: the Job's word is evidence about a model, not a decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from seglam.compiler.results import Compilation, Evidence, Gate, ModelCall, Negative, Outcome
from seglam.lookup.results import MissReason
from seglam.procedures.document import Digest, ResourceName, Spec

MAX_RESULT_BYTES = 900 * 1024
"""A ConfigMap ends at 1 MiB; the rest is for its metadata and for other keys."""

MAX_DETAIL_BYTES = 16 * 1024
"""Of one gate's detail, where it is kept in the status of a revision."""

MAX_MESSAGE = 1024
_SHORTEST = 64

Message = Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]


class ResultInvalid(ValueError):
    """What a Job left behind is no result; the message says how."""


class JobOutcome(StrEnum):
    """How a compilation ended, as resources write it."""

    PROPOSED = "Proposed"
    EXTENDED = "Extended"
    NOT_COMPILABLE = "NotCompilable"
    REJECTED = "Rejected"
    NO_COMPLETION = "NoCompletion"
    MODEL_FAILED = "ModelFailed"
    BUDGET = "Budget"
    KNOWN_BY_NOW = "KnownByNow"  # an active procedure binds the request by now; no model was asked
    FAILED = "Failed"  # the Job itself failed: no gateway, no runner, a defect

    @classmethod
    def of(cls, outcome: Outcome) -> JobOutcome:
        """The compiler's outcome in this spelling."""
        return cls("".join(part.capitalize() for part in outcome.value.split("-")))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class ActiveRevision(_Part):
    """An active revision of the tenant."""

    procedure: ResourceName
    digest: Digest
    document: Spec


class MissRecord(_Part):
    """Why the request was not answered. `revision` bound it but did not serve it (guard, limit, fault), if one did."""

    reason: MissReason
    explanation: str
    revision: Digest | None = None


class Withdrawn(_Part):
    """A revision that was stopped and would have answered the request: what is compiled takes its name and place.

    `implementation` is its verifier's, where it is kept and its answers still hold.
    """

    procedure: ResourceName
    digest: Digest
    document: Spec
    implementation: str | None = None


class Correction(_Part):
    """A confirmed counterexample of the tenant; `own` ones are about the withdrawn revision."""

    request: dict[str, Any]
    expected: str | None = None
    given: str | None = None
    own: bool = False


class Work(_Part):
    """What the gateway gives to a Job, `GET /internal/v1/compilations/{name}`."""

    tenant: str
    fingerprint: str
    requester: str
    request: dict[str, Any] = Field(description="As `subjects.request_as_json` writes it; numbers of `value` exact.")
    revisions: list[ActiveRevision]
    miss: MissRecord | None = Field(default=None, description="What the gateway found; the Job looks for itself too.")
    withdrawn: Withdrawn | None = None
    corrections: list[Correction] = Field(default_factory=list)

    @classmethod
    def read(cls, content: str | bytes) -> Self:
        """Read JSON with numbers as written. Raises `pydantic.ValidationError` or `ValueError`."""
        return cls.model_validate(json.loads(content, parse_float=Decimal))


class EvidenceRecord(_Part):
    """What one gate found."""

    gate: Gate
    passed: bool
    summary: str
    detail: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """The record of a gate's evidence."""
        return cls(gate=evidence.gate, passed=evidence.passed, summary=evidence.summary, detail=dict(evidence.detail))


class CallRecord(_Part):
    """One call of a model; see `results.ModelCall`."""

    role: str
    purpose: str
    model: str
    prompt_digest: str
    input_tokens: int
    output_tokens: int
    elapsed_ms: float
    recording: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, call: ModelCall) -> Self:
        """The record of a call."""
        return cls(**{name: getattr(call, name) for name in cls.model_fields})


class NegativeRecord(_Part):
    """A type that the model is not asked about again before `expires`; see `results.Negative`."""

    reason: str
    model: str
    expires: AwareDatetime
    patterns: list[str] = Field(default_factory=list)
    parameters: list[dict[str, str]] = Field(default_factory=list, description="`name` and `type` of each.")

    @classmethod
    def of(cls, negative: Negative) -> Self:
        """The record of an entry."""
        return cls(
            reason=negative.reason,
            model=negative.model,
            expires=negative.expires,
            patterns=list(negative.patterns),
            parameters=[dict(parameter) for parameter in negative.parameters],
        )

    def entry(self, fingerprint: str) -> Negative:
        """The entry for a compilation's fingerprint."""
        return Negative(
            fingerprint, self.reason, self.model, self.expires, tuple(self.patterns), tuple(self.parameters)
        )


class VerificationRecord(_Part):
    """What the differential gate needs to run again: the verifier's reply and the arguments of the missed request."""

    reply: dict[str, Any] = Field(description="`replies.ImplementationReply` as JSON.")
    arguments: dict[str, str]


class JobResult(_Part):
    """How a compile Job ended. A document is there exactly where it is proposed or extends an active revision."""

    compilation: str
    attempt: int = Field(ge=1)
    outcome: JobOutcome
    message: Message
    name: ResourceName | None = None
    document: Spec | None = None
    digest: Digest | None = None
    replaces: Digest | None = Field(default=None, description="The active revision that an extension is made from.")
    negative: NegativeRecord | None = None
    evidence: list[EvidenceRecord] = Field(default_factory=list)
    engines: list[str] = Field(default_factory=list)
    calls: list[CallRecord] = Field(default_factory=list)
    authors: list[str] = Field(default_factory=list, description="The requester, then `model:ID` of each author model.")
    verification: VerificationRecord | None = None
    answer: str | None = Field(default=None, description="The verified code's answer to the request that missed.")
    arguments: dict[str, str] = Field(default_factory=dict)
    retry_after: float | None = Field(default=None, description="Seconds that a failing model asked to wait.")
    cut: list[str] = Field(default_factory=list, description="What was left out to stay within the size.")
    trace: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="W3C traceparent of the span in which it was compiled."
    )

    @classmethod
    def of(cls, made: Compilation, compilation: str, attempt: int, requester: str) -> Self:
        """The result of a compilation that ran to its end."""
        document, reply = made.document, made.implementation
        record = None
        if document is not None and reply is not None:
            plain = reply.model_dump(mode="json", by_alias=True)
            record = VerificationRecord(reply=plain, arguments=dict(made.arguments))
        return cls(
            compilation=compilation,
            attempt=attempt,
            outcome=JobOutcome.of(made.outcome),
            message=shortened(_message(made), MAX_MESSAGE),
            name=document.metadata.name if document else None,
            document=document.spec if document else None,
            digest=made.digest,
            replaces=made.replaces,
            negative=NegativeRecord.of(made.negative) if made.negative else None,
            evidence=[EvidenceRecord.of(each) for each in made.evidence],
            engines=list(made.engines),
            calls=[CallRecord.of(call) for call in made.calls],
            authors=authors_of(requester, made.calls),
            verification=record,
            answer=made.answer,
            arguments=dict(made.arguments),
            retry_after=made.retry_after,
        )

    @classmethod
    def read(cls, content: str, compilation: str) -> Self:
        """Read what the Job of a compilation wrote.

        Raises:
            ResultInvalid: it is no result, or that of another compilation, or its parts contradict each other.
        """
        try:
            found = cls.model_validate(json.loads(content))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the object"
            raise ResultInvalid(f"{place}: {first['msg']}") from None
        except (ValueError, RecursionError) as error:
            raise ResultInvalid(f"it is no JSON: {error}") from None
        if found.compilation != compilation:
            raise ResultInvalid(f"it is the result of {found.compilation!r}")
        made = found.outcome in (JobOutcome.PROPOSED, JobOutcome.EXTENDED)
        if made != (found.document is not None) or made != (found.name is not None):
            raise ResultInvalid(f"outcome {found.outcome} {'without' if made else 'with'} a document")
        if (found.outcome is JobOutcome.EXTENDED) != (found.replaces is not None):
            raise ResultInvalid("exactly an extension says which revision it replaces")
        if (found.outcome is JobOutcome.NOT_COMPILABLE) != (found.negative is not None):
            raise ResultInvalid("exactly a type that is not compilable has a negative entry")
        return found

    def written(self, limit: int = MAX_RESULT_BYTES) -> str:
        """JSON of at most `limit` bytes in UTF-8. Details of evidence are cut before anything else, and `cut` says so;
        what still does not fit is a failure that says so.
        """
        text = self._json()
        if len(text.encode()) <= limit:
            return text
        evidence = [
            each.model_copy(update={"detail": bounded(each.detail, MAX_DETAIL_BYTES)}) for each in self.evidence
        ]
        said = [*self.cut, f"details of evidence, to {MAX_DETAIL_BYTES} bytes for each gate"]
        text = self.model_copy(update={"evidence": evidence, "cut": said})._json()
        if len(text.encode()) <= limit:
            return text
        bare = [each.model_copy(update={"detail": {}}) for each in self.evidence]
        said = [*self.cut, "details of evidence"]
        text = self.model_copy(update={"evidence": bare, "cut": said})._json()
        if len(text.encode()) <= limit:
            return text
        words = f"the result has {len(text.encode())} bytes without details of evidence; at most {limit} can be kept"
        failed = JobResult(
            compilation=self.compilation,
            attempt=self.attempt,
            outcome=JobOutcome.FAILED,
            message=words,
            calls=self.calls[:100],
            authors=self.authors,
            cut=["everything but calls and authors"],
        )
        return failed._json()

    def _json(self) -> str:
        text = json.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True), ensure_ascii=False)
        return text.encode(errors="replace").decode()  # a lone surrogate in a fault's words is no text for anybody


def _message(made: Compilation) -> str:
    """The compilation's message; of a rejection what its author may learn, since that holds no value of the request."""
    if made.outcome is not Outcome.REJECTED or not made.evidence:
        return made.message
    failed = made.evidence[-1]
    return f"gate {failed.gate} failed: {failed.detail.get('category', 'see its evidence')}"


def authors_of(requester: str, calls: Iterable[ModelCall]) -> list[str]:
    """Who wrote what a compilation made: who asked, and the models that wrote as author."""
    return [requester, *sorted({f"model:{call.model}" for call in calls if call.role == "author"})]


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def bounded(detail: Mapping[str, Any], limit: int = MAX_DETAIL_BYTES) -> dict[str, Any]:
    """Plain JSON of at most `limit` bytes: long texts and lists are cut, in the end all but the shortest go.

    What was cut is named in the member `cut`. Lone surrogates, which code may answer with, become question marks.
    """
    detail = json.loads(_written(detail))
    if _size(detail) <= limit:
        return dict(detail)
    texts, items = 2000, 20
    while texts >= _SHORTEST:
        kept = {name: _cut(value, texts, items) for name, value in detail.items()}
        kept["cut"] = sorted(name for name, value in kept.items() if value != detail.get(name))
        if _size(kept) <= limit:
            return kept
        texts, items = texts // 2, max(items // 2, 1)
    kept = {"cut": sorted(detail)}
    for name, value in sorted(detail.items(), key=lambda item: _size(item[1])):
        trial = {**kept, name: value, "cut": [other for other in kept["cut"] if other != name]}
        if _size(trial) > limit:
            break
        kept = trial
    return kept


def _cut(value: Any, texts: int, items: int) -> Any:
    match value:
        case str():
            return shortened(value, texts)
        case Mapping():
            return {name: _cut(member, texts, items) for name, member in value.items()}
        case Sequence():
            return [_cut(member, texts, items) for member in value[:items]]
    return value


def _size(value: Any) -> int:
    return len(_written(value))


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_plain).encode(errors="replace")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
