"""From a compile Job's result to a procedure or a revision that waits for review."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from seglam import telemetry
from seglam.cluster import AlreadyExists, Client, Invalid
from seglam.compiler.jobresult import JobOutcome, JobResult
from seglam.operator.desired import proposal
from seglam.operator.desired import revision as desired
from seglam.operator.examinations import Examinations
from seglam.operator.gather.corrections import corrections
from seglam.operator.gather.documents import Documents, NotTheDocument, Parsed, parsed
from seglam.operator.gather.known import Known
from seglam.operator.gather.wire import procedure_from
from seglam.operator.policies.counterexample import stopping
from seglam.operator.seen import Meta, Procedure
from seglam.operator.seen import Revision as RevisionSeen
from seglam.procedures import Revision
from seglam.procedures.document import Spec
from seglam.resources.names import (
    LABEL_COMPILATION,
    OPERATOR,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    Kind,
    revision_name,
)
from seglam.resources.revision import Content
from seglam.telemetry import SpanReference


class Refused(Exception):
    """What a result proposes is not taken. The message says why; `outcome` is what the attempt amounts to."""

    def __init__(self, outcome: JobOutcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a result: the procedure that was proposed or extended, and the digest that waits for review."""

    procedure: str
    digest: str


class Proposals:
    """Makes procedures and revisions of results, after the gates have passed them. May be repeated at any point."""

    def __init__(self, client: Client, known: Known, documents: Documents, examinations: Examinations) -> None:
        self._client = client
        self._known = known
        self._documents = documents
        self._examinations = examinations

    async def available(self) -> None:
        """Return if results can be verified now; `RunnersUnavailable` if not."""
        await self._examinations.available()

    async def make(self, compilation: Meta, requester: str, result: JobResult, traceparent: str | None = None) -> Made:
        """What a result with a document leads to. `traceparent` is the span of the miss.

        Raises:
            Refused: the document is not as it should be, or does not pass the gates.
            RunnersUnavailable: it cannot be verified now.
        """
        stated = result.name or ""
        result = result.model_copy(update={"trace": proposal.trace_of(traceparent, result.trace)})
        document = await asyncio.to_thread(_document, stated, result)
        authors = proposal.authors(requester, result.authors)
        if result.outcome is JobOutcome.EXTENDED:
            return await self._extend(compilation, document, result, authors)
        return await self._propose(compilation, document, result, authors)

    async def _propose(
        self, compilation: Meta, document: Revision, result: JobResult, authors: tuple[str, ...]
    ) -> Made:
        """A procedure of its own, under the name that its author gave it or, where that is taken, a longer one. Where a
        counterexample has stopped the procedure of that name, it is a revision that takes its place."""
        stopped = await self._stopped(compilation.namespace, document.name)
        if stopped is not None:
            await self._examine(compilation.namespace, document, result, None)
            await self._revise(compilation, stopped, document, authors, result.trace)
            return Made(document.name, document.digest)
        names = proposal.names(document.name, document.digest)
        for name in names:
            found = await self._digest_at(compilation, name)
            if found == document.digest:
                return Made(name, document.digest)
            if found is not None:
                continue
            named = Revision(name, document.spec, document.digest)
            await self._examine(compilation.namespace, named, result, None)
            body = proposal.procedure(
                compilation.namespace, name, compilation.name, document.spec, authors, result.trace
            )
            if await self._create(REASONING_PROCEDURE, body):
                return Made(name, document.digest)
        raise Refused(JobOutcome.FAILED, f"procedures called {' and '.join(names)} exist already")

    async def _stopped(self, namespace: str, name: str) -> Procedure | None:
        """The procedure of a name, if a counterexample stopped its current text and nothing of it is served."""
        procedure = await self._procedure(namespace, name)
        if procedure is None or procedure.meta.deleting or procedure.digest is None:
            return None
        served = any(revision.active for revision in self._known.revisions(namespace, name))
        stopped = stopping(self._known.counterexamples(namespace, name, procedure.digest))
        return procedure if stopped and not served else None

    async def _digest_at(self, compilation: Meta, name: str) -> str | None:
        """What stands at a name: None if nothing; the digest of what this compilation put there; else no digest."""
        found = await self._client.find(REASONING_PROCEDURE, name, compilation.namespace)
        if found is None:
            return None
        if (found["metadata"].get("labels") or {}).get(LABEL_COMPILATION) != compilation.name:
            return ""
        return (await asyncio.to_thread(parsed, name, found)).digest or ""

    async def _extend(self, compilation: Meta, document: Revision, result: JobResult, authors: tuple[str, ...]) -> Made:
        """A revision of a procedure whose spec stays as it is: a person takes it over, with a review."""
        procedure = await self._procedure(compilation.namespace, document.name)
        base = await self._base(compilation, document.name, result.replaces or "")
        if procedure is None or procedure.meta.deleting or base is None:
            raise Refused(JobOutcome.FAILED, f"the revision of {document.name} that it extends is not served any more")
        await self._examine(compilation.namespace, document, result, base)
        await self._revise(compilation, procedure, document, authors, result.trace)
        return Made(document.name, document.digest)

    async def _procedure(self, namespace: str, name: str) -> Procedure | None:
        """A procedure as it is now: what is known of procedures is not complete at the start."""
        found = await self._client.find(REASONING_PROCEDURE, name, namespace)
        return procedure_from(found) if found is not None else None

    async def _base(self, compilation: Meta, name: str, digest: str) -> Revision | None:
        revision = self._known.revision(compilation.namespace, revision_name(name, digest))
        if revision is None or not revision.active or (revision.procedure, revision.digest) != (name, digest):
            return None
        try:
            return await self._documents.revision(revision)
        except NotTheDocument as problem:
            raise Refused(JobOutcome.FAILED, str(problem)) from problem

    async def _revise(
        self,
        compilation: Meta,
        procedure: Procedure,
        document: Revision,
        authors: tuple[str, ...],
        traceparent: str | None,
    ) -> None:
        namespace, name, digest = compilation.namespace, document.name, document.digest
        known = self._known.revision(namespace, revision_name(name, digest))
        if known is not None and not _is(known, procedure, digest):
            raise Refused(JobOutcome.FAILED, f"a revision called {known.meta.name} exists and is another's")
        body = desired.revision(
            namespace,
            name,
            procedure.meta.uid,
            digest,
            authors,
            document.spec,
            procedure.pool,
            labels=proposal.marks(compilation.name),
            traceparent=traceparent,
        )
        await self._create(PROCEDURE_REVISION, body)
        await self._create(PROCEDURE_REVIEW, desired.review(namespace, name, digest, authors))

    async def _examine(self, namespace: str, document: Revision, result: JobResult, base: Revision | None) -> None:
        compiled = SpanReference.parse(result.trace)
        with telemetry.verification(document.name, document.digest, namespace, compiled=compiled) as span:
            known = await corrections(self._client, self._known, namespace)
            findings = await self._examinations.findings(document, result, base, known)
            span.set_attribute(telemetry.names.PASSED, findings.passed)
        if not findings.passed:
            raise Refused(JobOutcome.REJECTED, f"the operator's own verification: {findings.summary}")

    async def _create(self, kind: Kind, body: dict[str, object]) -> bool:
        """Create an object; False if one of its name is there."""
        try:
            await self._client.create(kind, body, manager=OPERATOR)
        except AlreadyExists:
            return False
        except Invalid as problem:
            raise Refused(JobOutcome.FAILED, f"the API server refuses it: {problem.message}") from problem
        return True


def _is(revision: RevisionSeen, procedure: Procedure, digest: str) -> bool:
    return (
        revision.managed
        and revision.owner == procedure.meta.uid
        and (revision.procedure, revision.digest) == (procedure.meta.name, digest)
    )


def _document(name: str, result: JobResult) -> Revision:
    """The document of a result, with the digest that it has rather than the one that is stated."""
    if result.document is None:
        raise Refused(JobOutcome.FAILED, "the result has no document")
    content = Spec.model_validate(Content.of(result.document).model_dump(by_alias=True, exclude_none=True))
    plain = content.model_dump(mode="json", by_alias=True, exclude_none=True)
    read: Parsed = parsed(name, {"metadata": {}, "spec": plain})
    if read.document is None or read.digest is None:
        raise Refused(JobOutcome.REJECTED, f"its document is not valid: {'; '.join(read.problems)}")
    if result.digest != read.digest:
        raise Refused(JobOutcome.FAILED, f"its document has the digest {read.digest}, not {result.digest}")
    return Revision.of(read.document)
