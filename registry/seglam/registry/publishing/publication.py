"""A publication as it is shown, and why one does not go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seglam.registry.tables import PublicationRow, PublicationState


class PublishProblem(Exception):
    """A publication that cannot go on.

    Attributes:
        code: stable, kebab-case.
        words: what was wrong and what to do.
        status: the HTTP status that says so.
        retriable: whether the same step may succeed later; the registry tries it again by itself.
        detail: facts for programs, such as the gate's steps or a verification's evidence; JSON.
    """

    def __init__(
        self,
        code: str,
        words: str,
        *,
        status: int = 422,
        retriable: bool = False,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.status = status
        self.retriable = retriable
        self.detail = dict(detail or {})

    def document(self) -> dict[str, Any]:
        """Its JSON members."""
        return {
            "code": self.code,
            "detail": self.words,
            "status": self.status,
            "retriable": self.retriable,
            **({"evidence": self.detail} if self.detail else {}),
        }


@dataclass(frozen=True, slots=True)
class Stated:
    """A step that was done.

    Attributes:
        name: read, namespace, name, gate, verify, sign-test-result, sign-release, commit, index.
        at: RFC 3339.
        words: what was found.
        detail: evidence, for programs; JSON.
    """

    name: str
    at: str
    words: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Its JSON members."""
        return {"name": self.name, "at": self.at, "words": self.words, "detail": dict(self.detail)}


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication at one moment.

    Attributes:
        release: `origin/namespace/pack@version`, once it was read.
        digest: of the manifest, once it was read.
        problem: why it failed, or why it waits; `PublishProblem.document()`.
        settled: whether nothing more is to do, so that a published version is also in the index.
        replayed: whether the answer is that to an earlier request of the same Idempotency-Key.
    """

    id: str
    state: PublicationState
    origin: str
    namespace: str
    issuer: str
    subject: str
    release: str | None
    digest: str | None
    steps: tuple[Stated, ...]
    problem: Mapping[str, Any] | None
    created: str
    changed: str
    settled: bool = False
    replayed: bool = False

    @classmethod
    def of(cls, row: PublicationRow, *, replayed: bool = False) -> Publication:
        """What a row says."""
        return cls(
            id=row.id,
            state=PublicationState(row.state),
            origin=row.origin,
            namespace=row.namespace,
            issuer=row.issuer,
            subject=row.subject,
            release=f"{row.name}@{row.version}" if row.name and row.version else None,
            digest=row.digest,
            steps=tuple(Stated(**step) for step in json.loads(row.steps)),
            problem=json.loads(row.problem) if row.problem else None,
            created=row.created,
            changed=row.changed,
            settled=not row.open,
            replayed=replayed,
        )

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state.final

    def as_json(self) -> dict[str, Any]:
        """What the API says of it."""
        return {
            "id": self.id,
            "state": str(self.state),
            "namespace": f"{self.origin}/{self.namespace}",
            "release": self.release,
            "digest": self.digest,
            "steps": [step.document() for step in self.steps],
            "problem": dict(self.problem) if self.problem else None,
            "created": self.created,
            "changed": self.changed,
        }
