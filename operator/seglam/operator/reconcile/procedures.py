"""ReasoningProcedure: from a spec to a revision under review, and from decisions to what is served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seglam import telemetry
from seglam.cluster import Conflict, Selection
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Object, Watch
from seglam.operator.gather.documents import Documents
from seglam.operator.gather.known import Known, origin_of, review_for
from seglam.operator.gather.neighbours import Neighbours
from seglam.operator.gather.standings import held, standing_of
from seglam.operator.gather.wire import procedure_from, procedure_of
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.policies.activation import Candidate, Origin, choose
from seglam.operator.policies.authorship import starts_anew
from seglam.operator.policies.chain import Verdict, decide
from seglam.operator.policies.counterexample import STOPPING, state_of
from seglam.operator.policies.history import superfluous
from seglam.operator.policies.procedure import Situation, chain_of, serving
from seglam.operator.policies.review import Standing, State
from seglam.operator.reconcile.openings import Current, OnItsWay, Openings, ours
from seglam.operator.runners import Runners
from seglam.operator.seen import Procedure, Revision, StatusSeen
from seglam.operator.status import condition, ready
from seglam.procedures import Revision as Document
from seglam.resources.conditions import ConditionType, Reason
from seglam.resources.names import (
    ANNOTATION_ACTIVATION,
    ANNOTATION_AUTHORS,
    LABEL_ACTIVE,
    LABEL_POOL,
    OPERATOR,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    hexadecimal,
    revision_name,
)
from seglam.telemetry import SpanReference

log = logging.getLogger(__name__)

KIND = REASONING_PROCEDURE.kind
PAGE = 100
SOON_S = 1.0
"""Seconds to wait for what is on its way: garbage collection, the first word about runners."""

WARNINGS = frozenset(
    {
        Reason.INVALID,
        Reason.AUTHOR_UNKNOWN,
        Reason.NOT_OWNED,
        Reason.QUARANTINED,
        Reason.REJECTED,
        Reason.VERIFICATION_FAILED,
        Reason.OVERLAPS,
        Reason.RUNNERS_NOT_READY,
        Reason.PACK_REFUSED,
    }
)


@dataclass(frozen=True, slots=True)
class _Served:
    """What came of the question which revision is to be served."""

    active: str | None
    overlaps: tuple[str, ...] = ()


class Procedures:
    """Reconciles procedures."""

    def __init__(
        self, context: Context, known: Known, documents: Documents, neighbours: Neighbours, runners: Runners
    ) -> None:
        self._context = context
        self._known = known
        self._documents = documents
        self._openings = Openings(context, known, documents)
        self._neighbours = neighbours
        self._runners = runners

    async def reconcile(self, key: Key) -> Result:
        """Make a procedure's revision, its review, what is served, and its status what they shall be."""
        procedure = self._known.procedure(key.namespace, key.name)
        if procedure is None or procedure.meta.deleting:
            self._context.status.forget(REASONING_PROCEDURE, key.namespace, key.name)
            return DONE
        status = self._context.status.latest(REASONING_PROCEDURE, procedure.meta, procedure.status)
        procedure = replace(procedure, status=status)
        try:
            current = await self._openings.current(procedure)
        except OnItsWay:
            if not procedure.status.conditions:  # tools take an object without conditions for ready
                waiting = Verdict(Reason.PROGRESSING, "a revision of a deleted procedure of this name is about to go")
                await self._context.status.write(
                    REASONING_PROCEDURE, procedure.meta, StatusSeen(), {}, [ready(waiting)]
                )
            return Result(SOON_S)
        if current is None:
            return DONE  # gone meanwhile, or edited: its own event brings it again
        return await self._serve(procedure, current)

    # What is served

    async def _serve(self, procedure: Procedure, current: Current) -> Result:
        served = await self._activate(procedure, current)
        self._runners.want(procedure.meta.namespace, procedure.pool)
        readiness = self._runners.readiness(procedure.meta.namespace, procedure.pool)
        if readiness.ready is None and procedure.status.conditions:
            return Result(SOON_S)
        situation = self._situation(procedure, current, served, None if readiness.ready else readiness.message)
        await self._write(procedure, situation)
        if not self._context.settings.reviews.stated_authors and starts_anew(
            procedure.authors, current.digest, served.active
        ):
            await self._clear_authors(procedure)
        await self._prune(procedure, current, served)
        return DONE

    def _candidates(self, procedure: Procedure) -> dict[str, Candidate]:
        """The procedure's own revisions, by name, as far as the choice depends on them."""
        meta = procedure.meta
        stated = self._known.counterexamples(meta.namespace, meta.name)
        stopped = max((each.meta.created for each in stated if state_of(each) in STOPPING), default="")
        return {
            revision.meta.name: Candidate(
                revision.meta.name,
                revision.digest,
                revision.meta.created,
                revision.active,
                revision.verified,
                self._state(revision),
                origin_of(self._known, procedure, revision.digest),
                spare=revision.meta.created > stopped,
            )
            for revision in self._known.revisions(meta.namespace, meta.name)
            if ours(revision, procedure, revision.digest) and not revision.meta.deleting
        }

    def _standing(self, namespace: str, procedure: str, digest: str) -> Standing:
        return standing_of(self._known, self._context.settings.reviews, namespace, procedure, digest)

    def _state(self, revision: Revision) -> State:
        """Where a revision stands; one that is not served waits until what is stated against it was examined."""
        namespace, of, digest = revision.meta.namespace, revision.procedure, revision.digest
        state = self._standing(namespace, of, digest).state
        waits = state is State.APPROVED and not revision.active and held(self._known, namespace, of, digest)
        return State.PENDING if waits else state

    async def _activate(self, procedure: Procedure, current: Current) -> _Served:
        """Label the chosen revision, then take the label from the others."""
        candidates = self._candidates(procedure)
        wanted = choose(current.digest, procedure.activation, list(candidates.values()))
        overlaps: tuple[str, ...] = ()
        if wanted is not None and not wanted.active:
            overlaps = await self._admit(procedure, wanted.name)
            if overlaps:
                others = [each for each in candidates.values() if each.active]
                newcomer, wanted = wanted, choose(current.digest, procedure.activation, others)
                overlaps = overlaps if newcomer.digest == current.digest else ()
        elif self._asks_early(procedure, current, candidates):
            overlaps = await self._overlaps(procedure, revision_name(procedure.meta.name, current.digest or ""))
        for name, candidate in candidates.items():
            if candidate.active and (wanted is None or name != wanted.name):
                await self._retire(procedure, name)
        if wanted is not None:
            await self._repool(procedure, wanted.name)
        return _Served(wanted.digest if wanted else None, overlaps)

    def _asks_early(self, procedure: Procedure, current: Current, candidates: dict[str, Candidate]) -> bool:
        """Whether to tell before the review that the current revision overlaps; asked once, and while it does."""
        candidate = candidates.get(revision_name(procedure.meta.name, current.digest or ""))
        if candidate is None or candidate.active or candidate.verified is not True:
            return False
        if candidate.state is not State.PENDING:
            return False
        said = procedure.status.condition(ConditionType.READY)
        settled = said is not None and said.reason == Reason.AWAITING_REVIEW
        return not settled or said is None or said.observed_generation != procedure.meta.generation

    async def _admit(self, procedure: Procedure, name: str) -> tuple[str, ...]:
        """Activate a revision, unless it shares requests with others: what it shares is returned then."""
        revision, document = await self._whole(procedure, name)
        if overlaps := await self._neighbours.admit(revision, document):
            return overlaps
        try:
            await self._label(procedure, revision, active=True)
        except BaseException:
            self._neighbours.withdrawn(revision)
            raise
        return ()

    async def _overlaps(self, procedure: Procedure, name: str) -> tuple[str, ...]:
        _, document = await self._whole(procedure, name)
        return await self._neighbours.overlaps(procedure.meta.namespace, document)

    async def _whole(self, procedure: Procedure, name: str) -> tuple[Revision, Document]:
        """A revision with its document. `Conflict` if it is gone by now."""
        revision = self._known.revision(procedure.meta.namespace, name)
        document = await self._documents.revision(revision) if revision else None
        if revision is None or document is None:
            raise Conflict(409, "Conflict", f"the revision {name} is gone", "activation")
        return revision, document

    async def _retire(self, procedure: Procedure, name: str) -> None:
        revision = self._known.revision(procedure.meta.namespace, name)
        if revision is not None:
            await self._label(procedure, revision, active=False)
            self._neighbours.withdrawn(revision)

    async def _label(self, procedure: Procedure, revision: Revision, *, active: bool) -> None:
        if active:
            await self._activated(procedure, revision)
        else:
            await self._patch_labels(revision, {LABEL_ACTIVE: None})
        did = "activated" if active else "deactivated"
        log.info("%s %s/%s", did, revision.meta.namespace, revision.meta.name)

    async def _activated(self, procedure: Procedure, revision: Revision) -> None:
        """Let a revision be served. The span in which that happens is written in the same request."""
        meta = revision.meta
        review = review_for(self._known, meta.namespace, revision.procedure, revision.digest)
        reviewers = [each.reviewer for each in (review.decisions if review else ()) if each.decision == "Approve"]
        compiled = SpanReference.parse(revision.traceparent)
        with telemetry.activation(
            revision.procedure, revision.digest, meta.namespace, reviewers, compiled=compiled
        ) as span:
            where = telemetry.reference(span)
            annotations = {} if where is None else {ANNOTATION_ACTIVATION: where.traceparent}
            await self._patch_labels(revision, {LABEL_ACTIVE: "true", LABEL_POOL: procedure.pool}, annotations)

    async def _repool(self, procedure: Procedure, name: str) -> None:
        """Let a revision that is served be served by the pool that its procedure wants by now."""
        revision = self._known.revision(procedure.meta.namespace, name)
        if revision is not None and revision.active and revision.pool != procedure.pool:
            await self._patch_labels(revision, {LABEL_POOL: procedure.pool})

    async def _patch_labels(
        self, revision: Revision, labels: Mapping[str, str | None], annotations: Mapping[str, str] | None = None
    ) -> None:
        marks: dict[str, Any] = {"labels": labels, **({"annotations": annotations} if annotations else {})}
        body = {"metadata": {"uid": revision.meta.uid, **marks}}
        meta = revision.meta
        await self._context.client.patch(PROCEDURE_REVISION, meta.name, body, meta.namespace, manager=OPERATOR)
        self._context.metrics.writes.labels(PROCEDURE_REVISION.kind, "patch").inc()

    # What is said

    def _situation(self, procedure: Procedure, current: Current, served: _Served, runners: str | None) -> Situation:
        meta, digest = procedure.meta, current.digest
        name = revision_name(meta.name, digest) if digest else ""
        revision = self._known.revision(meta.namespace, name) if digest else None
        failed = [
            f"gate {gate.gate}: {gate.summary}" for gate in (revision.gates if revision else ()) if not gate.passed
        ]
        return Situation(
            problems=current.problems,
            digest=digest,
            authors=current.authors,
            foreign=current.foreign,
            verified=revision.verified if revision else None,
            failure="; ".join(failed) or "the gates found something wrong",
            review=self._standing(meta.namespace, meta.name, digest) if digest else None,
            review_name=name,
            overlaps=served.overlaps,
            activation=procedure.activation,
            active=served.active,
            runners=runners,
            after_shadow=procedure.after_shadow,
            origin=origin_of(self._known, procedure, digest) if digest else Origin.HERE,
            pack=self._of_pack(procedure),
        )

    def _of_pack(self, procedure: Procedure) -> str:
        """What the import says that a procedure is of."""
        if procedure.pack_import is None:
            return ""
        found = self._known.pack_import(procedure.meta.namespace, procedure.pack_import)
        return f"PackImport {procedure.pack_import}: {found.said if found else 'not known yet'}"

    async def _write(self, procedure: Procedure, situation: Situation) -> None:
        verdict, serves = decide(chain_of(situation), situation), serving(situation)
        conditions = [
            ready(verdict),
            condition(ConditionType.SERVING, serves.ready, serves.reason, serves.message),
            condition(
                ConditionType.STALLED,
                verdict.stalled,
                verdict.reason if verdict.stalled else Reason.PROGRESSING,
                verdict.message if verdict.stalled else "nothing waits for an edit",
            ),
        ]
        if situation.after_shadow:
            message = "reviewPolicy AfterShadow: shadow runs are not available in this version, so a person decides"
            conditions.append(condition("Shadow", False, "ShadowNotAvailable", message))
        meta = procedure.meta
        revisions = {revision.meta.name for revision in self._known.revisions(meta.namespace, meta.name)}
        made = situation.digest is not None and situation.foreign is None and situation.authors
        if made:
            revisions.add(situation.review_name)  # the watch may have yet to say so
        fields = {
            "digest": situation.digest,
            "activeDigest": situation.active,
            "active": hexadecimal(situation.active) if situation.active else None,
            "revisions": len(revisions),
            "review": situation.review_name if made else None,
        }
        await self._context.status.write(
            REASONING_PROCEDURE, meta, procedure.status, fields, conditions, warnings=WARNINGS
        )

    async def _clear_authors(self, procedure: Procedure) -> None:
        """What the authors wrote is served: the next ones answer for what is changed from here on."""
        meta = procedure.meta
        body = {"metadata": {"resourceVersion": meta.version, "annotations": {ANNOTATION_AUTHORS: ""}}}
        try:
            await self._context.client.patch(REASONING_PROCEDURE, meta.name, body, meta.namespace, manager=OPERATOR)
        except Conflict:
            return  # edited or written meanwhile; its own event brings the procedure again
        self._context.metrics.writes.labels(KIND, "patch").inc()

    async def _prune(self, procedure: Procedure, current: Current, served: _Served) -> None:
        """Delete old revisions past the limit."""
        candidates = list(self._candidates(procedure).values())
        keep = {current.digest, served.active, procedure.activation.digest}
        if current.digest is None:
            return
        for old in superfluous(candidates, keep, self._context.settings.history_limit):
            revision = self._known.revision(procedure.meta.namespace, old.name)
            if revision is None:
                continue
            try:
                await self._context.client.delete(
                    PROCEDURE_REVISION, old.name, procedure.meta.namespace, uid=revision.meta.uid
                )
            except Conflict:
                continue  # another object of this name by now
            self._context.metrics.writes.labels(PROCEDURE_REVISION.kind, "delete").inc()
            log.info("deleted the old revision %s/%s", procedure.meta.namespace, old.name)

    # How procedures are found

    def remember(self, found: Object, deleted: bool) -> None:
        """Take in what the watch brings."""
        procedure = procedure_from(found)
        if deleted:
            self._known.drop(*procedure.meta.key)
        else:
            self._known.put(procedure)

    async def everything(self) -> Iterable[Key]:
        """All procedures, read anew: what the watch may have missed is put right here."""
        before = {each.meta.key for each in self._known.procedures()}
        listed = set()
        for namespace in self._context.settings.watch_namespaces or (None,):
            async for page in self._context.client.pages(
                REASONING_PROCEDURE, Selection(namespace), decoder=procedure_of, limit=PAGE
            ):
                for procedure in page.items:
                    listed.add(procedure.meta.key)
                    self._known.put(procedure)
                await asyncio.sleep(0)
        for namespace_, name in before - listed:
            self._known.drop(namespace_, name)
        return [Key(KIND, *key) for key in sorted(before | listed)]


def controller(procedures: Procedures) -> Controller:
    """The controller of procedures."""
    watch = Watch(
        REASONING_PROCEDURE,
        keys=lambda found: [Key(KIND, found["metadata"]["namespace"], found["metadata"]["name"])],
        remember=procedures.remember,
    )
    return Controller(KIND, procedures.reconcile, (watch,), procedures.everything)
