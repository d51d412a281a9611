"""What a cluster's resources say of the revision that gave an answer, read with the credentials of whoever asks: as a
`History`, for `walk`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seglam.cluster import Client, Selection
from seglam.gateway.answers import Recorded
from seglam.gateway.answers.history import History, Row
from seglam.gateway.cluster.reviews import document_of
from seglam.packs.chain import Check
from seglam.packs.trust.roots import TrustRoot
from seglam.resources.compilation import ProcedureCompilation
from seglam.resources.imports import PackImport
from seglam.resources.names import (
    ANNOTATION_ACTIVATION,
    ANNOTATION_TRACEPARENT,
    LABEL_ACTIVE,
    LABEL_COMPILATION,
    PACK_IMPORT,
    PROCEDURE_COMPILATION,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    TRUST_ROOT,
    authors_of,
    revision_name,
)
from seglam.resources.review import ProcedureReview
from seglam.resources.revision import ProcedureRevision
from seglam.resources.trust import TrustRoot as Stated
from seglam.telemetry import SpanReference


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind an answer.

    Attributes:
        known: its rows; what a cluster does not keep is None.
        checks: links between resources that a store does not have.
        summaries: the operator's signed decisions by the digest of the pack.
    """

    known: History
    checks: tuple[Check, ...]
    summaries: Mapping[str, bytes]


class Resources:
    """The resources of one namespace. Methods raise `ClusterError` where the API server refuses.

    Args:
        client: with the caller's credentials.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def behind(self, answer: Recorded, spans: Mapping[str, str | None]) -> Behind:
        """What stands behind an answer. `spans` is what the gateway says of its revision: `compiled`, `activated`."""
        revision = await self._revision(answer)
        compilation = await self._compilation(answer, revision)
        if revision is None:
            row = None if compilation is None else _compiled(compilation, None)
            return Behind(History(None, row), (), {})
        review, imports = await self._review(revision), await self._imports(revision)
        rows = [_imported(each, revision.spec.digest) for each in imports]
        known = History(
            _row(revision, compilation, bool(rows)),
            None if compilation is None else _compiled(compilation, revision),
            tuple(_decisions(review)) if review else (),
            tuple(rows),
        )
        checks = (*_noted(revision, spans), *_collected(revision, compilation), *_signed(imports, rows))
        bundles = {
            str(each.status.digest): each.status.summary.bundle.encode() for each in imports if each.status.summary
        }
        return Behind(known, checks, bundles)

    async def _revision(self, answer: Recorded) -> ProcedureRevision | None:
        if answer.revision is None or answer.procedure is None:
            return None
        name = revision_name(answer.procedure, answer.revision)
        found = await self._client.find(PROCEDURE_REVISION, name, self._namespace)
        revision = ProcedureRevision.model_validate(found) if found else None
        # A name has 48 bits of the digest: whoever else has it is another.
        return revision if revision is not None and revision.spec.digest == answer.revision else None

    async def _review(self, revision: ProcedureRevision) -> ProcedureReview | None:
        found = await self._client.find(PROCEDURE_REVIEW, revision.metadata.name, self._namespace)
        review = ProcedureReview.model_validate(found) if found else None
        same = review is not None and review.spec.digest == revision.spec.digest
        return review if same and review and review.spec.procedure == revision.spec.procedure else None

    async def _compilation(self, answer: Recorded, revision: ProcedureRevision | None) -> ProcedureCompilation | None:
        """What made the revision, or what the request started."""

        name = _made_by(revision) if revision is not None else answer.compilation
        found = await self._client.find(PROCEDURE_COMPILATION, name, self._namespace) if name else None
        return ProcedureCompilation.model_validate(found) if found else None

    async def _imports(self, revision: ProcedureRevision) -> list[PackImport]:
        """The imports that accept the revision's text."""
        found = await self._client.list(PACK_IMPORT, Selection(self._namespace))
        read = [PackImport.model_validate(each) for each in found.items]
        return [each for each in read if _accepted(each, revision.spec.digest)]


async def trust_roots(client: Client) -> dict[str, TrustRoot]:
    """Whom the cluster believes."""
    found = await client.list(TRUST_ROOT, Selection())
    stated = [Stated.model_validate(each) for each in found.items]
    return {f"cluster/{each.metadata.name}": TrustRoot.of(each.metadata.name, each.spec) for each in stated}


def _made_by(revision: ProcedureRevision) -> str | None:
    return revision.metadata.labels.get(LABEL_COMPILATION)


def _span(annotations: Mapping[str, str], name: str) -> tuple[str | None, str | None]:
    return SpanReference.parse(annotations.get(name)) or (None, None)


def _row(revision: ProcedureRevision, compilation: ProcedureCompilation | None, imported: bool) -> Row:
    trace_id, span_id = _span(revision.metadata.annotations, ANNOTATION_TRACEPARENT)
    active = revision.metadata.labels.get(LABEL_ACTIVE) == "true"
    return {
        "digest": revision.spec.digest,
        "name": revision.spec.procedure,
        "document": json.dumps(document_of(revision.spec.procedure, revision)),
        "state": "active" if active else "not active",
        "origin": "import" if imported else "compilation" if _made_by(revision) else "manifest",
        "authors": list(revision.spec.authors),
        "compilation": compilation.metadata.name if compilation else None,
        "gates": _gates(revision),
        "trace_id": trace_id,
        "span_id": span_id,
        "created": str(revision.metadata.creation_timestamp or ""),
    }


def _gates(revision: ProcedureRevision) -> list[Row]:
    return [{"gate": each.gate, "passed": each.passed} for each in revision.status.evidence or ()]


def _compiled(found: ProcedureCompilation, revision: ProcedureRevision | None) -> Row:
    """A compilation; its gates are those that the operator ran, or believed, before it opened the review."""
    status, missed = found.status, SpanReference.parse(found.spec.traceparent)
    calls = [
        {"role": each.role, "purpose": each.purpose, "model": each.model, "prompt_digest": None, "recording": None,
         "error": None}
        for each in status.calls or ()
    ]  # fmt: skip
    return {
        "id": found.metadata.name,
        "fingerprint": found.spec.fingerprint,
        "requester": found.spec.requester,
        "reason": None,
        "progress": "finished" if status.outcome else "started",
        "outcome": status.outcome,
        "digest": status.digest,
        "trace_id": missed.trace_id if missed else None,
        "span_id": None,  # that of the miss; the compilation's own is the revision's
        "created": str(found.metadata.creation_timestamp or ""),
        "finished": status.finished_at,
        "calls": calls,
        "gates": _gates(revision) if revision is not None else [],
    }


def _decisions(review: ProcedureReview) -> Iterator[Row]:
    for each in review.spec.decisions or ():
        row = {"reviewer": each.reviewer, "decision": each.decision.lower(), "reason": each.reason}
        yield {**row, "at": None, "trace_id": None, "span_id": None}


def _accepted(found: PackImport, digest: str) -> Any:
    return next(
        (
            release
            for release in found.status.accepted or ()
            if any(procedure.digest == digest for procedure in release.procedures)
        ),
        None,
    )


def _imported(found: PackImport, digest: str) -> Row:
    release, summary = _accepted(found, digest), found.status.summary
    decided = summary is not None and found.status.digest == release.digest
    return {
        "release": release.release,
        "digest": release.digest,
        "importer": ", ".join(authors_of(found.metadata.annotations)) or "somebody who is not recorded",
        "signer": f"the operator ({summary.signer})" if summary else "the operator",
        "policy": found.status.policy or "unknown",
        "approval": release.approval,
        "summary": summary.digest if summary is not None and decided else "",
        "at": str(found.metadata.creation_timestamp or ""),
        "trace_id": None,
        "span_id": None,
        "procedures": [each.model_dump() for each in release.procedures],
    }


def _noted(revision: ProcedureRevision, spans: Mapping[str, str | None]) -> Iterator[Check]:
    """Whether the gateway's spans are those that the resource names."""
    for name, annotation in (("compiled", ANNOTATION_TRACEPARENT), ("activated", ANNOTATION_ACTIVATION)):
        stated = SpanReference.parse(spans.get(name))
        noted = SpanReference.parse(revision.metadata.annotations.get(annotation))
        if stated is not None:
            words = f"the gateway says it was {name} in trace {stated.trace_id}, the revision's annotation "
            words += f"names {noted.trace_id}" if noted else "is not there"
            yield Check(f"gateway -> {name}", stated == noted, words)


def _collected(revision: ProcedureRevision, compilation: ProcedureCompilation | None) -> Iterator[Check]:
    if compilation is None and (name := _made_by(revision)) is not None:
        words = f"compilation {name} is not kept any more (compile.keepSeconds); the gates are the revision's own"
        yield Check("revision -> compilation", True, words)


def _signed(imports: Sequence[PackImport], rows: Sequence[Row]) -> Iterator[Check]:
    """Whether the signed decision is there, about this release, and has the digest that the status states."""
    for found, row in zip(imports, rows, strict=True):
        summary = found.status.summary
        if not row["summary"] or summary is None:
            yield Check("import -> decision", False, f"no signed decision about {row['release']} is kept")
            continue
        computed = "sha256:" + hashlib.sha256(summary.bundle.encode()).hexdigest()
        words = (
            f"the signed decision about {row['release']} has {computed[:19]}, the status states {summary.digest[:19]}"
        )
        yield Check("import -> decision", computed == summary.digest, words)
