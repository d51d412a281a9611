"""ProcedureRevision: verified once, and what is said of it afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from seglam import telemetry
from seglam.operator.context import Context
from seglam.operator.controllers import Controller
from seglam.operator.examinations import Examinations
from seglam.operator.gather.compilations import result_of
from seglam.operator.gather.corrections import corrections
from seglam.operator.gather.documents import Documents, NotTheDocument
from seglam.operator.gather.known import Known
from seglam.operator.gather.standings import standing_of
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.review import State
from seglam.operator.seen import ConditionSeen, Revision
from seglam.operator.status import condition
from seglam.operator.verifying import Findings
from seglam.procedures import Revision as Document
from seglam.resources.conditions import ConditionType, Reason
from seglam.resources.names import OPERATOR, PROCEDURE_REVISION, revision_name
from seglam.sandbox import RunnersUnavailable
from seglam.telemetry import SpanReference

log = logging.getLogger(__name__)

KIND = PROCEDURE_REVISION.kind
EVIDENCE = f"{OPERATOR}-evidence"
"""Field manager of the evidence, which is written once; the conditions change without it."""
WAIT_S = 3.0
"""Seconds until runners that were not there are asked again."""


class Revisions:
    """Reconciles revisions."""

    def __init__(self, context: Context, known: Known, documents: Documents, examinations: Examinations) -> None:
        self._context = context
        self._known = known
        self._documents = documents
        self._examinations = examinations

    async def reconcile(self, key: Key) -> Result:
        """Verify a revision that nobody has verified, and say what is true of it."""
        revision = self._known.revision(key.namespace, key.name)
        if revision is None or revision.meta.deleting:
            self._context.status.forget(PROCEDURE_REVISION, key.namespace, key.name)
            return DONE
        if not revision.managed or revision.meta.name != revision_name(revision.procedure, revision.digest):
            return DONE  # not the operator's; the procedure whose place it takes says so
        said = self._context.status.latest(PROCEDURE_REVISION, revision.meta, revision.status)
        verified = said.condition(ConditionType.VERIFIED)
        if verified is None or verified.status == "Unknown":
            try:
                verified = await self._verify(revision)
            except RunnersUnavailable as problem:
                self._context.metrics.verifications.labels("unavailable").inc()
                waiting = condition(ConditionType.VERIFIED, "Unknown", Reason.RUNNERS_NOT_READY, str(problem))
                await self._write(revision, waiting)
                return Result(WAIT_S)
            if verified is None:
                return DONE
        await self._write(revision, verified)
        return DONE

    async def _verify(self, revision: Revision) -> ConditionSeen | None:
        """Run the gates and keep what they found; None if the revision is gone. `RunnersUnavailable`."""
        await self._examinations.available()  # before a document is read
        try:
            document = await self._documents.revision(revision)
        except NotTheDocument as problem:
            return condition(ConditionType.VERIFIED, False, Reason.VERIFICATION_FAILED, str(problem))
        if document is None:
            return None
        meta, compiled = revision.meta, SpanReference.parse(revision.traceparent)
        with telemetry.verification(revision.procedure, revision.digest, meta.namespace, compiled=compiled) as span:
            findings = await self._examine(revision, document)
            span.set_attribute(telemetry.names.PASSED, findings.passed)
        body = {
            "apiVersion": PROCEDURE_REVISION.api_version,
            "kind": KIND,
            "metadata": {
                "name": revision.meta.name,
                "namespace": revision.meta.namespace,
                "uid": revision.meta.uid,
            },
            "status": findings.as_json(),
        }
        await self._context.client.apply(PROCEDURE_REVISION, body, manager=EVIDENCE, subresource="status")
        self._context.metrics.writes.labels(KIND, "status").inc()
        self._context.metrics.verifications.labels("passed" if findings.passed else "failed").inc()
        reason = Reason.VERIFIED if findings.passed else Reason.VERIFICATION_FAILED
        return condition(ConditionType.VERIFIED, findings.passed, reason, findings.summary)

    async def _examine(self, revision: Revision, document: Document) -> Findings:
        result = await result_of(self._context.client, self._context.settings.compile_namespace, revision)
        base: Document | None = None
        if result is not None and result.replaces is not None:
            base = await self._replaced(revision, result.replaces)
        known = await corrections(self._context.client, self._known, revision.meta.namespace)
        return await self._examinations.findings(document, result, base, known)

    async def _replaced(self, revision: Revision, digest: str) -> Document | None:
        """The revision that an extension is made from."""
        name = revision_name(revision.procedure, digest)
        base = self._known.revision(revision.meta.namespace, name)
        return await self._documents.revision(base) if base is not None and base.digest == digest else None

    async def _write(self, revision: Revision, verified: ConditionSeen) -> None:
        serves = self._serves(revision, verified.status == "False")
        active = condition(ConditionType.ACTIVE, serves.ready, serves.reason, serves.message)
        await self._context.status.write(PROCEDURE_REVISION, revision.meta, revision.status, {}, [verified, active])

    def _serves(self, revision: Revision, failed: bool) -> Verdict:
        """The condition Active: whether the revision is served, else why not."""
        if revision.active:
            return Verdict(Reason.ACTIVE, "requests are served by this revision", ready=True)
        settings = self._context.settings.reviews
        stands = standing_of(self._known, settings, revision.meta.namespace, revision.procedure, revision.digest)
        match stands.state:
            case State.QUARANTINED:
                return Verdict(Reason.QUARANTINED, stands.message)
            case State.REJECTED:
                return Verdict(Reason.REJECTED, stands.message)
            case _ if failed:
                return Verdict(Reason.VERIFICATION_FAILED, "the gates found something wrong")
            case State.APPROVED:
                return Verdict(Reason.SUPERSEDED, "approved, and another revision is served or about to be")
            case _:
                return Verdict(Reason.AWAITING_REVIEW, stands.message)

    async def everything(self) -> Iterable[Key]:
        """All revisions."""
        return [Key(KIND, *revision.meta.key) for revision in self._known.all_revisions()]


def controller(revisions: Revisions) -> Controller:
    """The controller of revisions, whose watch marks their keys."""
    return Controller(KIND, revisions.reconcile, (), revisions.everything)
