"""What becomes of a compilation that has ended: its type may be compiled again, and at last it is collected."""

from __future__ import annotations

from datetime import timedelta

from seglam.cluster import Conflict
from seglam.operator.context import Context
from seglam.operator.desired.common import Object
from seglam.operator.gather.known import Known, review_for
from seglam.operator.gather.pools import meta_from, status_from
from seglam.operator.gather.standings import standing_of
from seglam.operator.gather.wire import procedure_from
from seglam.operator.keys import DONE, Result
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.compilation import PROPOSING, collected_at, pause_before
from seglam.operator.policies.review import State
from seglam.operator.status import ready
from seglam.resources import timestamp
from seglam.resources.conditions import Reason
from seglam.resources.names import PROCEDURE_COMPILATION, REASONING_PROCEDURE, revision_name

MOST_S = 3600.0
"""Seconds after which a compilation is looked at again at the latest, if it is to be collected at all."""


class Afterwards:
    """Looks after compilations that have ended.

    A proposal keeps its type from being compiled again while somebody may still decide about it. Once nobody will
    (it was decided, or its procedure is gone), requests that still miss may lead to another attempt.
    """

    def __init__(self, context: Context, known: Known) -> None:
        self._context = context
        self._known = known

    async def see_to(self, found: Object) -> Result:
        """Look after an ended compilation, given as it was just read."""
        status = found["status"]
        if status["outcome"] in PROPOSING and not status.get("retryAfter"):
            if await self._waits(found):
                return DONE
            return await self._free(found)
        due = collected_at(status, timedelta(seconds=self._context.settings.compiling.keep_s))
        left = (due - self._context.clock()).total_seconds() if due else None
        if left is None:
            return DONE
        if left > 0:
            return Result(min(left, MOST_S))
        meta = meta_from(found)
        try:
            await self._context.client.delete(
                PROCEDURE_COMPILATION, meta.name, meta.namespace, uid=meta.uid, resource_version=meta.version
            )
        except Conflict:
            return DONE  # it was asked for again, whose event marks it
        self._context.metrics.writes.labels(PROCEDURE_COMPILATION.kind, "delete").inc()
        return DONE

    async def _waits(self, found: Object) -> bool:
        """Whether somebody may still decide about what was proposed, or about what people have made of it."""
        status, namespace = found["status"], found["metadata"]["namespace"]
        name = status["procedure"]
        procedure = await self._context.client.find(REASONING_PROCEDURE, name, namespace)
        if procedure is None or "deletionTimestamp" in procedure["metadata"]:
            return False
        digests = {status["digest"]}
        seen = procedure_from(procedure)
        if status["outcome"] == "Proposed" and seen.compilation == found["metadata"]["name"] and seen.digest:
            digests.add(seen.digest)
        return any(self._undecided(namespace, name, digest) for digest in digests)

    def _undecided(self, namespace: str, procedure: str, digest: str) -> bool:
        review = review_for(self._known, namespace, procedure, digest)
        if review is None:  # about to be opened, if the revision is there or on its way
            other = self._known.review(namespace, revision_name(procedure, digest))
            return other is None
        stands = standing_of(self._known, self._context.settings.reviews, namespace, procedure, digest)
        return stands.state is State.PENDING

    async def _free(self, found: Object) -> Result:
        """Say from when on the type may be compiled again."""
        meta, seen = meta_from(found), status_from(found)
        attempt, settings = found["spec"]["attempt"], self._context.settings.compiling
        again = timestamp(self._context.clock() + pause_before(attempt + 1, settings.retry_s))
        outcome = found["status"]["outcome"]
        message = f"{outcome}: nobody is to decide about it any more; what still misses is compiled again after {again}"
        fields = {name: value for name, value in seen.fields if name != "observedGeneration"} | {"retryAfter": again}
        verdict = Verdict(Reason.FINISHED, message, ready=True)
        await self._context.status.write(PROCEDURE_COMPILATION, meta, seen, fields, [ready(verdict)])
        return DONE  # the event of this write marks it again
