"""ProcedureCompilation: one Job for each attempt, and what its result leads to.

Nothing in a result is believed: it is parsed within bounds, its document's digest is computed here, and the gates run
again where no Job reaches. Every step finds what an earlier, interrupted one made: Jobs, procedures and revisions have
names that follow from what they stand for, and the outcome is written last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import ValidationError

from seglam.cluster import AlreadyExists, Change, ClusterError, Invalid, Listing, Selection, decode
from seglam.cluster import Watch as ClusterWatch
from seglam.cluster.kinds import CONFIG_MAP, JOB, POD
from seglam.compiler.jobresult import JobOutcome, JobResult, ResultInvalid, shortened
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Watch
from seglam.operator.desired.common import Object
from seglam.operator.desired.compile_job import LABEL_ATTEMPT, LABEL_UID, compile_job
from seglam.operator.gather.pools import meta_from, status_from
from seglam.operator.gather.unfinished import unfinished_of
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.owned import NotOwned, is_owned
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.compilation import (
    MAX_TEXT,
    UNSUCCESSFUL,
    Ended,
    Phase,
    ended,
    failure_of,
    phase_of,
    read_result,
    retry_after,
    stuck,
)
from seglam.operator.reconcile.afterwards import Afterwards
from seglam.operator.reconcile.proposals import Made, Proposals, Refused
from seglam.operator.reconcile.tenants import OWNED
from seglam.operator.seen import Meta, StatusSeen
from seglam.operator.status import ready
from seglam.resources import ProcedureCompilationSpec, timestamp
from seglam.resources.conditions import Reason
from seglam.resources.names import LABEL_COMPILATION, LABEL_TENANT, OPERATOR, PROCEDURE_COMPILATION, RESULT_KEY
from seglam.sandbox import RunnersUnavailable

KIND = PROCEDURE_COMPILATION.kind
OUTCOME = f"{OPERATOR}-outcome"
"""Field manager of the lists and objects of the status, which are written once for each attempt."""
LOOK_S = 15.0
"""Seconds between two looks at the pods of a Job: what keeps them from starting is no event of the Job."""
SOON_S = 1.0
WAIT_S = 3.0
WARNINGS = frozenset({Reason.FAILED, Reason.NOT_OWNED, Reason.INVALID})


@dataclass(frozen=True, slots=True)
class _Seen:
    """A compilation as it is now."""

    meta: Meta
    spec: ProcedureCompilationSpec
    status: StatusSeen

    @property
    def finished(self) -> bool:
        """Whether the attempt that is asked for has ended."""
        return self.status.field("attempt") == self.spec.attempt and self.status.field("outcome") is not None


class Compilations:
    """Reconciles compilations."""

    def __init__(self, context: Context, proposals: Proposals, afterwards: Afterwards) -> None:
        self._context = context
        self._afterwards = afterwards
        self._client = context.client
        self._settings = context.settings
        self._proposals = proposals
        selection = Selection(self._settings.compile_namespace, OWNED)
        self._jobs = ClusterWatch(self._client, JOB, decode, selection=selection, handler=self._jobs_changed)
        context.metrics.watch_age.labels(JOB.plural).set_function(lambda: self._jobs.age)

    async def reconcile(self, key: Key) -> Result:
        """Bring an attempt from its Job to its outcome."""
        found = await self._client.find(PROCEDURE_COMPILATION, key.name, key.namespace)
        if found is None or "deletionTimestamp" in found["metadata"]:
            await self._abandon(key)
            return DONE
        try:
            spec = ProcedureCompilationSpec.model_validate(found["spec"])
        except ValidationError as error:
            problem = f"spec.{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
            await self._write(meta_from(found), status_from(found), {}, Verdict(Reason.INVALID, problem))
            return DONE
        seen = _Seen(meta_from(found), spec, status_from(found))
        if seen.finished:
            self._context.status.count(PROCEDURE_COMPILATION, seen.meta, seen.status.conditions)
            return await self._afterwards.see_to(found)
        job = await self._client.find(JOB, key.name, self._settings.compile_namespace)
        if job is None:
            return await self._start(seen)
        if not is_owned(job):
            await self._say(seen, Verdict(Reason.NOT_OWNED, NotOwned(JOB, job).message))
            return DONE
        if not _of_attempt(job, seen) or "deletionTimestamp" in job["metadata"]:
            await self._delete(job)
            return Result(SOON_S)
        return await self._follow(seen, job)

    # The Job

    async def _start(self, seen: _Seen) -> Result:
        """Make the Job, unless as many run as may."""
        running = await self._running()
        if running >= self._settings.compiling.jobs:
            await self._say(seen, Verdict(Reason.WAITING, f"{running} other types are being compiled"))
            return Result(WAIT_S)
        meta = seen.meta
        # What an earlier attempt left behind may outlive its Job for a moment.
        await self._client.delete(CONFIG_MAP, meta.name, self._settings.compile_namespace)
        body = compile_job(meta.name, meta.namespace, meta.uid, seen.spec, self._settings)
        try:
            job = await self._client.create(JOB, body, manager=OPERATOR)
        except AlreadyExists:
            return Result(SOON_S)  # what is there is looked at next
        except Invalid as problem:
            return await self._finish(seen, Ended(JobOutcome.FAILED, f"the Job was refused: {problem.message}"))
        except ClusterError as problem:
            await self._say(seen, Verdict(Reason.WAITING, f"the Job cannot be made: {problem.message}"))
            raise
        self._context.metrics.writes.labels(JOB.kind, "create").inc()
        await self._clear(seen)
        await self._say_compiling(seen, job)
        return Result(LOOK_S)

    async def _running(self) -> int:
        found: Listing[Object] = await self._client.list(JOB, Selection(self._settings.compile_namespace, OWNED))
        return sum(phase_of(job) is Phase.RUNNING for job in found.items)

    async def _follow(self, seen: _Seen, job: Object) -> Result:
        phase = phase_of(job)
        if phase is Phase.RUNNING:
            await self._say_compiling(seen, job)
            if why := stuck(await self._pods(seen), self._context.clock()):
                await self._delete(job)
                return await self._finish(seen, Ended(JobOutcome.FAILED, shortened(why, MAX_TEXT)))
            return Result(LOOK_S)
        try:
            result = await self._result(seen, job)
            if result is None:
                words = failure_of(job, await self._pods(seen))
                return await self._finish(seen, Ended(JobOutcome.FAILED, shortened(words, MAX_TEXT)))
            how = ended(result, self._context.clock())
        except ResultInvalid as problem:
            words = f"what the Job left as its result is none: {problem}"
            return await self._finish(seen, Ended(JobOutcome.FAILED, shortened(words, MAX_TEXT)))
        return await self._take_in(seen, result, how)

    async def _result(self, seen: _Seen, job: Object) -> JobResult | None:
        """What the Job left; None if it left nothing."""
        meta = seen.meta
        found = await self._client.find(CONFIG_MAP, meta.name, self._settings.compile_namespace)
        if found is None:
            return None
        owners = [owner.get("uid") for owner in found["metadata"].get("ownerReferences") or ()]
        if owners != [job["metadata"]["uid"]]:
            raise ResultInvalid("its ConfigMap belongs to another Job")
        text = (found.get("data") or {}).get(RESULT_KEY)
        return await asyncio.to_thread(read_result, text, meta.name, seen.spec.attempt)

    async def _pods(self, seen: _Seen) -> list[Object]:
        selection = Selection(self._settings.compile_namespace, f"batch.kubernetes.io/job-name={seen.meta.name}")
        found: Listing[Object] = await self._client.list(POD, selection)
        return found.items

    async def _delete(self, job: Object) -> None:
        """Delete a Job; its pods go before it, so that the next one's are alone."""
        meta = job["metadata"]
        if "deletionTimestamp" not in meta:
            await self._client.delete(JOB, meta["name"], meta["namespace"], uid=meta["uid"], propagation="Foreground")
            self._context.metrics.writes.labels(JOB.kind, "delete").inc()

    async def _abandon(self, key: Key) -> None:
        """The compilation is gone: so goes its Job."""
        self._context.status.forget(PROCEDURE_COMPILATION, key.namespace, key.name)
        job = await self._client.find(JOB, key.name, self._settings.compile_namespace)
        if job is not None and is_owned(job) and _labels(job).get(LABEL_TENANT) == key.namespace:
            await self._delete(job)

    # The result

    async def _take_in(self, seen: _Seen, result: JobResult, how: Ended) -> Result:
        """Make what a result proposes, if it passes the gates, and then say how the attempt ended."""
        if result.document is None:
            return await self._finish(seen, how)
        try:
            await self._proposals.available()
            await self._say(seen, Verdict(Reason.VERIFYING, "what the Job proposes is being verified"))
            made = await self._proposals.make(seen.meta, seen.spec.requester, result, seen.spec.traceparent)
        except Refused as refusal:
            message = shortened(str(refusal), MAX_TEXT)
            return await self._finish(seen, Ended(refusal.outcome, message, calls=how.calls))
        except RunnersUnavailable as problem:
            await self._say(seen, Verdict(Reason.RUNNERS_NOT_READY, str(problem)))
            return Result(WAIT_S)
        return await self._finish(seen, how, made)

    async def _finish(self, seen: _Seen, how: Ended, made: Made | None = None) -> Result:
        """Write how the attempt ended: first the parts that nothing hangs on, the outcome last."""
        now = self._context.clock()
        again = retry_after(how.outcome, seen.spec.attempt, how.pause, self._settings.compiling.retry_s, now)
        calls = [call.model_dump(mode="json", by_alias=True) for call in how.calls]
        negative = how.negative.model_dump(mode="json", by_alias=True, exclude_none=True) if how.negative else None
        await self._write_parts(seen, {"calls": calls or None, "negative": negative})
        fields = {
            "attempt": seen.spec.attempt,
            "outcome": str(how.outcome),
            "message": how.message,
            "procedure": made.procedure if made else None,
            "digest": made.digest if made else None,
            "job": seen.meta.name,
            "startedAt": self._started(seen),
            "finishedAt": timestamp(now),
            "retryAfter": timestamp(again) if again else None,
        }
        failed = how.outcome in UNSUCCESSFUL
        reason = Reason.FAILED if failed else Reason.FINISHED
        message = f"{how.outcome}: {how.message}" if how.message else str(how.outcome)
        await self._write(seen.meta, seen.status, fields, Verdict(reason, message, ready=not failed))
        self._context.metrics.compilations.labels(str(how.outcome)).inc()
        return DONE

    # The status

    def _started(self, seen: _Seen) -> str | None:
        """When the attempt began, if that was written; what the status says of an earlier attempt does not count."""
        latest = self._context.status.latest(PROCEDURE_COMPILATION, seen.meta, seen.status)
        started = latest.field("startedAt")
        return started if latest.field("attempt") == seen.spec.attempt and isinstance(started, str) else None

    async def _say(self, seen: _Seen, verdict: Verdict, job: Object | None = None) -> None:
        """Where the attempt is."""
        started = ((job or {}).get("status") or {}).get("startTime") or self._started(seen)
        fields = {
            "attempt": seen.spec.attempt,
            "job": seen.meta.name if started else None,
            "startedAt": started,
        }
        await self._write(seen.meta, seen.status, fields, verdict)

    async def _say_compiling(self, seen: _Seen, job: Object) -> None:
        await self._say(seen, Verdict(Reason.COMPILING, f"attempt {seen.spec.attempt} is at work"), job)

    async def _clear(self, seen: _Seen) -> None:
        """Take away what is left of the attempt before."""
        if seen.spec.attempt > 1:
            await self._write_parts(seen, {})

    async def _write_parts(self, seen: _Seen, parts: Mapping[str, Any]) -> None:
        meta = seen.meta
        body = {
            "apiVersion": PROCEDURE_COMPILATION.api_version,
            "kind": KIND,
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "status": {name: value for name, value in parts.items() if value is not None},
        }
        await self._client.apply(PROCEDURE_COMPILATION, body, manager=OUTCOME, subresource="status")
        self._context.metrics.writes.labels(KIND, "status").inc()

    async def _write(self, meta: Meta, status: StatusSeen, fields: Mapping[str, Any], verdict: Verdict) -> None:
        await self._context.status.write(
            PROCEDURE_COMPILATION, meta, status, fields, [ready(verdict)], warnings=WARNINGS
        )

    # What marks compilations

    async def everything(self) -> Iterable[Key]:
        """Compilations with which something is to be done, and those of Jobs, which may outlive them."""
        keys = set()
        reading = partial(
            unfinished_of, now=self._context.clock(), keep=timedelta(seconds=self._settings.compiling.keep_s)
        )
        for namespace in self._settings.watch_namespaces or (None,):
            async for page in self._client.pages(PROCEDURE_COMPILATION, Selection(namespace), decoder=reading):
                keys |= {key for key in page.items if key is not None}
        jobs: Listing[Object] = await self._client.list(
            JOB, Selection(self._settings.compile_namespace, OWNED), metadata_only=True
        )
        for job in jobs.items:
            keys |= set(self._of_job(job))
        return sorted(keys)

    def watches(self) -> tuple[Watch, ...]:
        """Compilations. Their Jobs are followed by `follow_jobs`: the operator may see those of one namespace only."""
        return (Watch(PROCEDURE_COMPILATION, _of_compilation),)

    async def follow_jobs(self) -> None:
        """Mark the compilations whose Jobs change, until cancelled."""
        await self._jobs.run()

    def _jobs_changed(self, changes: Sequence[Change[Object]]) -> None:
        for change in changes:
            job = change.new or change.old
            for key in self._of_job(job) if job else ():
                self._context.mark(key)

    def _of_job(self, job: Mapping[str, Any]) -> Iterable[Key]:
        marks = _labels(job)
        tenant, name = marks.get(LABEL_TENANT), marks.get(LABEL_COMPILATION)
        if not tenant or not name:
            return ()
        watched = self._settings.watch_namespaces
        return (Key(KIND, tenant, name),) if not watched or tenant in watched else ()


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _of_attempt(job: Mapping[str, Any], seen: _Seen) -> bool:
    marks = _labels(job)
    return (marks.get(LABEL_UID), marks.get(LABEL_ATTEMPT)) == (seen.meta.uid, str(seen.spec.attempt))


def _of_compilation(obj: Mapping[str, Any]) -> Iterable[Key]:
    return (Key(KIND, obj["metadata"]["namespace"], obj["metadata"]["name"]),)


def controller(compilations: Compilations) -> Controller:
    """The controller of compilations."""
    return Controller(KIND, compilations.reconcile, compilations.watches(), compilations.everything)
