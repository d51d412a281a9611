"""What a compilation takes and returns; nothing here does any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from seglam.compiler.replies import ImplementationReply
from seglam.lookup.results import Miss
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision


class Outcome(StrEnum):
    """How a compilation ended."""

    PROPOSED = "proposed"  # a new procedure passed all gates and waits for review
    EXTENDED = "extended"  # a new revision of a known procedure: more patterns or vocabulary, same code
    NOT_COMPILABLE = "not-compilable"  # no code can answer it, or its meaning is not certain: a negative entry
    REJECTED = "rejected"  # a gate refused what the model wrote
    NO_COMPLETION = "no-completion"  # no model is configured and no recording binds the request
    MODEL_FAILED = "model-failed"  # the model was down, slow, rate-limited or returned garbage
    BUDGET = "budget"  # the compilation's tokens or time ran out


class Gate(StrEnum):
    """The gates, in the order in which they run."""

    STATIC = "static"
    EXAMPLES = "examples"
    DIFFERENTIAL = "differential"
    MATCH = "match"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gate found. `detail` is plain JSON; what the verifier wrote is in it, so the author never sees it."""

    gate: Gate
    passed: bool
    summary: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model, or one recorded completion standing in for it.

    `role` is author or verifier; `purpose` is alias, author, repair, implementation, contrasts or direct-answer.
    `recording` says where a recorded completion came from, and is None when a model was called. Tokens are the
    endpoint's count.
    """

    role: str
    purpose: str
    model: str
    prompt_digest: str
    input_tokens: int
    output_tokens: int
    elapsed_ms: float
    recording: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Negative:
    """A type that the model is not asked about again before `expires`.

    `patterns` are templates with the parameters of `document`-like declarations; they decide only that no compilation
    starts, never an answer. `fingerprint` is the type's fingerprint for requests that no template fits.
    """

    fingerprint: str
    reason: str
    model: str
    expires: datetime
    patterns: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, str], ...] = ()  # {"name", "type"} each


class Finding(StrEnum):
    """What two implementations say to somebody who expects another answer."""

    REFUTED = "refuted"
    """The code does give the expected answer."""
    UNASKED = "unasked"
    """There is no second implementation."""
    UNSTEADY = "unsteady"
    """One of them ran into a limit, or differs each time."""
    AGREED = "agreed"
    """Both say the same, and it is not what is expected."""
    CONFIRMED = "confirmed"
    """The second implementation gives the expected answer, the code does not."""
    DOUBTFUL = "doubtful"
    """Code, second implementation and sender say three different things."""


class Must(StrEnum):
    """What a new document must do with a request whose right outcome is known."""

    ANSWER = "answer"  # match it and give the answer
    BIND = "bind"  # match it, with whatever answer
    AGREE = "agree"  # give the answer if it matches
    MISS = "miss"  # not match it


@dataclass(frozen=True, slots=True)
class Case:
    """A request whose right outcome is known.

    Attributes:
        answer: canonical text; None where none is stated.
        wrong: what a revision that was withdrawn answered to it; models are told of such cases.
    """

    request: Request
    must: Must
    answer: str | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A request that missed, and why.

    `alike` are texts of other requests of the tenant that missed lately and may be of the same type: several people's
    words teach more than one sentence. The author sees them; nothing is decided by them.

    `withdrawn` is a revision that was quarantined and would have answered the request: what is written now takes its
    name and its place. `cases` are what is known of this type and others; what is written now must keep all of them.
    """

    request: Request
    miss: Miss
    tenant: str = "default"
    alike: tuple[str, ...] = ()
    withdrawn: Revision | None = None
    cases: tuple[Case, ...] = ()

    @property
    def corrections(self) -> tuple[Case, ...]:
        """The cases that a withdrawn revision answered wrongly and that state the right answer."""
        return tuple(case for case in self.cases if case.wrong is not None and case.must is Must.ANSWER)


@dataclass(frozen=True, slots=True)
class Compilation:
    """The result of one compilation, with everything a reviewer needs.

    `implementation` is the verifier's, where the last try asked for one: with it the differential gate can run again.
    `retry_after` is in seconds, where a failing model stated it.
    """

    id: str
    outcome: Outcome
    message: str
    fingerprint: str
    evidence: tuple[Evidence, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    document: ReasoningProcedure | None = None
    digest: str | None = None
    replaces: str | None = None  # digest of the revision that an extension is made from
    answer: str | None = None  # the verified code's answer to the request that missed
    arguments: Mapping[str, str] = field(default_factory=dict)
    negative: Negative | None = None
    implementation: ImplementationReply | None = None
    retry_after: float | None = None
    engines: tuple[str, ...] = ()
    trace_id: str | None = None
    span_id: str | None = None
