"""What the gate is given and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from seglam.packs.trust.predicates import Kind
from seglam.packs.trust.statements import Statement

if TYPE_CHECKING:
    from seglam.packs.pack import Pack

Code = Literal[
    "allowed",
    "no-policy",
    "no-root",
    "mode",
    "digest",
    "name",
    "version",
    "index-missing",
    "index-unlisted",
    "index-digest",
    "index-expired",
    "index-rollback",
    "yanked",
    "quarantined",
    "deleted",
    "predicate-missing",
    "predicate-type",
    "payload-type",
    "identity",
    "issuer",
    "key",
    "ca-window",
    "log-window",
    "signature",
    "untrusted",
    "subject",
    "duplicate-key",
    "malformed",
    "too-large",
    "threshold",
    "self-review",
    "procedures",
    "rejected",
    "test-failed",
    "expired",
    "internal",
]
"""Why a step did not pass; stable, for programs."""


class Refused(Exception):
    """Something that does not count, and why.

    Attributes:
        code: why, for programs.
        words: why and what to do, for people.
    """

    def __init__(self, code: Code, words: str) -> None:
        super().__init__(words)
        self.code: Code = code
        self.words = words


@dataclass(frozen=True)
class ProcedureFacts:
    """A procedure of the pack: its name and the digest of its canonical form (`sha256:...`)."""

    name: str
    digest: str


@dataclass(frozen=True)
class PackFacts:
    """The pack that is at hand. Its digest was computed from the bytes that will be used, never taken from a header.

    Attributes:
        name: `origin/namespace/pack`, from the pack's own configuration.
        version: semantic version, from the pack's own configuration.
        digest: `sha256:` and the manifest's digest.
        procedures: every procedure in it.
    """

    name: str
    version: str
    digest: str
    procedures: tuple[ProcedureFacts, ...] = ()

    @classmethod
    def of(cls, pack: Pack) -> PackFacts:
        """The facts of a pack that was read: all from its bytes."""
        model = pack.manifest_model
        procedures = tuple(ProcedureFacts(each.name, each.digest) for each in model.procedures)
        return cls(str(pack.release.name), str(pack.release.version), pack.digest, procedures)

    @property
    def purl(self) -> str:
        """The subject's name in every statement."""
        return f"pkg:seglam/{self.name}@{self.version}"


@dataclass(frozen=True)
class Asked:
    """What was asked for; what is None was not stated."""

    name: str | None = None
    version: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class IndexFacts:
    """What the index says of a release.

    Attributes:
        listed_digest: `sha256:...` that the index lists for the release, None if it does not list it.
        status: `listed`, `yanked`, `quarantined` or `deleted` (then nothing is listed); None if it is not known.
        snapshot_version: version of the index's snapshot that says so.
        expires: when the metadata ends (aware).
        highest_seen_version: the highest snapshot version ever seen here.
        waiver: who accepted expired metadata and why, when somebody did (air gap); the decision records it.
    """

    listed_digest: str | None
    status: Literal["listed", "yanked", "quarantined", "deleted"] | None
    snapshot_version: int
    expires: datetime
    highest_seen_version: int
    waiver: str | None = None


@dataclass(frozen=True)
class Signature:
    """Who signed a bundle, and when.

    Attributes:
        mode: Keyless or Key.
        issuer: issuer of the identity; empty in key mode.
        subject: the certificate's subject, or the key's id.
        time: a trusted time (the timestamp authority's); None in key mode, which has none.
        log_index: index in the transparency log; None in key mode.
    """

    mode: Literal["Keyless", "Key"]
    issuer: str
    subject: str
    time: datetime | None = None
    log_index: int | None = None

    @property
    def words(self) -> str:
        """The signer for people."""
        return f"key {self.subject}" if self.mode == "Key" else f"{self.subject} (issuer {self.issuer})"


@dataclass(frozen=True)
class Verified:
    """A bundle that passed every check and was counted.

    Attributes:
        digest: `sha256:...` of the bundle's bytes.
        kind: short name of its predicate.
        statement: what it says.
        signature: who signed it.
    """

    digest: str
    kind: Kind
    statement: Statement
    signature: Signature


@dataclass(frozen=True)
class Step:
    """One thing that was checked.

    Attributes:
        name: `policy`, `root`, `asked`, `index`, `bundle`, `status`, `require` ...
        passed: whether it held. A bundle that did not pass is left out; it denies nothing by itself.
        code: `allowed`, or why not.
        words: what was found and what to do, for people.
        detail: facts by name, for programs.
        decides: whether the decision is a denial when the step did not pass.
    """

    name: str
    passed: bool
    code: Code
    words: str
    detail: Mapping[str, str] = field(default_factory=dict)
    decides: bool = True

    def document(self) -> dict[str, Any]:
        """Its JSON members."""
        return {
            "name": self.name,
            "passed": self.passed,
            "code": self.code,
            "words": self.words,
            "detail": dict(self.detail),
            "decides": self.decides,
        }


@dataclass(frozen=True)
class Decision:
    """Whether the pack may be used, and every step that led there.

    Attributes:
        allowed: whether every deciding step passed.
        policy: name of the policy that decided (several of equal rank: joined by `,`), None if none matched.
        steps: in the order in which they were checked.
        code: `allowed`, or the code of the first deciding step that did not pass.
        verified: the bundles that counted.
        approval: `Pack` when the reviews that were required count as the approval here, else `Review`.
    """

    allowed: bool
    policy: str | None
    steps: tuple[Step, ...]
    code: Code
    verified: tuple[Verified, ...] = ()
    approval: Literal["Review", "Pack"] = "Review"

    @property
    def words(self) -> str:
        """Why, in one sentence: of the first deciding step that did not pass, else of the last step."""
        failed = [step for step in self.steps if step.decides and not step.passed]
        return (failed or self.steps)[0 if failed else -1].words if self.steps else "nothing was checked"

    def document(self) -> dict[str, Any]:
        """Its JSON members, for reports and statuses."""
        return {
            "allowed": self.allowed,
            "policy": self.policy,
            "code": self.code,
            "words": self.words,
            "approval": self.approval,
            "steps": [step.document() for step in self.steps],
            "bundles": [
                {
                    "digest": each.digest,
                    "predicate": each.kind,
                    "signer": each.signature.subject,
                    "issuer": each.signature.issuer,
                    "time": each.signature.time.isoformat() if each.signature.time else None,
                    "logIndex": each.signature.log_index,
                }
                for each in self.verified
            ],
        }
