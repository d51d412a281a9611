"""What the operator remembers of objects: enough to decide, never their documents.

5,000 procedures of 6 KiB with their revisions and reviews take a few dozen MiB this way; documents are read again
when one is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Name = tuple[str, str]
"""Namespace and name."""


class ConditionSeen(NamedTuple):
    """A condition as it was last written; `message` and the rest as in `seglam.resources.Condition`."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: str
    observed_generation: int | None = None


@dataclass(frozen=True, slots=True)
class StatusSeen:
    """The scalar fields of a status as they were last written, and its conditions."""

    fields: tuple[tuple[str, str | int], ...] = ()
    conditions: tuple[ConditionSeen, ...] = ()

    def field(self, name: str) -> str | int | None:
        """A scalar field, if it was ever set."""
        return next((value for key, value in self.fields if key == name), None)

    def condition(self, type_: str) -> ConditionSeen | None:
        """The condition of a type, if it was ever set."""
        return next((each for each in self.conditions if each.type == type_), None)


@dataclass(frozen=True, slots=True)
class Meta:
    """The metadata that decisions need."""

    namespace: str
    name: str
    uid: str
    version: str
    generation: int = 0
    created: str = ""
    deleting: bool = False

    @property
    def key(self) -> Name:
        """Namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Activation:
    """Which approved revision is to be served."""

    mode: Literal["Newest", "Pinned"] = "Newest"
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """A ReasoningProcedure without what its digest stands for.

    `digest` is that of the current spec where the status tells it, else None: the document must be read. `pool` names
    the runners that its revisions are to be served by; `stated` says that the annotation of the authors is there;
    `traceparent` is the span in which its text came to be;
    `pack_import` names the PackImport that it belongs to, and `release` the release that its text is from.
    """

    meta: Meta
    authors: tuple[str, ...]
    stated: bool
    activation: Activation
    pool: str
    after_shadow: bool
    compilation: str | None
    status: StatusSeen
    pack_import: str | None = None
    release: str | None = None
    traceparent: str | None = None

    @property
    def digest(self) -> str | None:
        """Digest of the current spec, if the status describes it."""
        if self.status.field("observedGeneration") != self.meta.generation:
            return None
        digest = self.status.field("digest")
        return digest if isinstance(digest, str) else None


class Gate(NamedTuple):
    """What one gate said, without the detail; the summary of a gate that failed."""

    gate: str
    passed: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A ProcedureRevision without its document."""

    meta: Meta
    owner: str | None
    managed: bool
    procedure: str
    digest: str
    authors: tuple[str, ...]
    active: bool
    pool: str | None
    compilation: str | None
    gates: tuple[Gate, ...]
    status: StatusSeen
    traceparent: str | None = None

    @property
    def verified(self) -> bool | None:
        """Whether the gates were passed; None before they have run."""
        condition = self.status.condition("Verified")
        if condition is None or condition.status == "Unknown":
            return None
        return condition.status == "True"


class Decision(NamedTuple):
    """One person's decision."""

    reviewer: str
    decision: str


@dataclass(frozen=True, slots=True)
class Review:
    """A ProcedureReview."""

    meta: Meta
    managed: bool
    procedure: str
    digest: str
    authors: tuple[str, ...]
    decisions: tuple[Decision, ...]
    status: StatusSeen


class Judgement(NamedTuple):
    """One person's decision about a counterexample."""

    reviewer: str
    decision: str


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A ProcedureCounterexample without what was asked and answered."""

    meta: Meta
    procedure: str
    digest: str
    sender: str
    judgements: tuple[Judgement, ...]
    status: StatusSeen


@dataclass(frozen=True, slots=True)
class PackImport:
    """A PackImport, as far as what is served depends on it.

    Attributes:
        accepted: what counts as approval, by name and digest of the procedures that may be served; None where nothing
            was decided yet, or a backup lost it.
        said: the reason and message of its condition Verified.
        releases: those that it accepted, the current one first.
        lacking: whether it said that something is missing that its pack requires.
    """

    meta: Meta
    accepted: Mapping[Name, Literal["Review", "Pack"]] | None
    said: str
    releases: tuple[str, ...] = ()
    lacking: bool = False
