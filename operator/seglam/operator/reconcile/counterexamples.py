"""ProcedureCounterexample: put to both implementations once, and what it amounts to by then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from seglam.operator.context import Context
from seglam.operator.controllers import Controller
from seglam.operator.examinations import Examinations
from seglam.operator.gather.documents import Documents, NotTheDocument
from seglam.operator.gather.known import Known
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.counterexample import NOT_ABOUT_IT, WAITING, State, Weighed, standing
from seglam.operator.seen import Counterexample, Revision
from seglam.operator.status import ready
from seglam.operator.weighing import Examination
from seglam.resources import ProcedureCounterexample, ProcedureRevision
from seglam.resources.conditions import Reason
from seglam.resources.names import PROCEDURE_COUNTEREXAMPLE, PROCEDURE_REVISION, revision_name
from seglam.sandbox import RunnersUnavailable

KIND = PROCEDURE_COUNTEREXAMPLE.kind
WAIT_S = 3.0
"""Seconds until a revision that is not there yet, or runners that are not, are asked for again."""
WARNINGS = frozenset({Reason.CONFIRMED, Reason.DOUBTFUL})
_KEPT = ("examined", "found", "given", "verified")


class Counterexamples:
    """Reconciles counterexamples. What follows from one is the procedure's to say."""

    def __init__(self, context: Context, known: Known, documents: Documents, examinations: Examinations) -> None:
        self._context = context
        self._known = known
        self._documents = documents
        self._examinations = examinations

    async def reconcile(self, key: Key) -> Result:
        """Examine a counterexample that nobody has looked at, and say what it amounts to."""
        seen = self._known.counterexample(key.namespace, key.name)
        if seen is None or seen.meta.deleting:
            self._context.status.forget(PROCEDURE_COUNTEREXAMPLE, key.namespace, key.name)
            return DONE
        status = self._context.status.latest(PROCEDURE_COUNTEREXAMPLE, seen.meta, seen.status)
        fields = {name: status.field(name) for name in _KEPT}
        if fields["examined"] is None:
            revision = self._revision(seen, seen.digest)
            if revision is None or revision.verified is None:  # its events bring this again
                waiting = Verdict(Reason.WAITING, f"{seen.procedure} has no verified revision {seen.digest[:19]} now")
                await self._context.status.write(PROCEDURE_COUNTEREXAMPLE, seen.meta, seen.status, {}, [ready(waiting)])
                return DONE
            try:
                found = await self._examined(seen, revision)
            except RunnersUnavailable as problem:
                waiting = Verdict(Reason.RUNNERS_NOT_READY, str(problem))
                await self._context.status.write(PROCEDURE_COUNTEREXAMPLE, seen.meta, seen.status, {}, [ready(waiting)])
                return Result(WAIT_S)
            if found is None:
                return DONE
            fields = {
                "examined": found.weighed.state.value,
                "found": found.weighed.message,
                "given": found.given,
                "verified": found.verified,
            }
        await self._write(seen, fields)
        return DONE

    async def _examined(self, seen: Counterexample, revision: Revision) -> Examination | None:
        """Ask both implementations; None if the counterexample or the revision is gone."""
        await self._examinations.available()
        found = await self._context.client.find(PROCEDURE_COUNTEREXAMPLE, seen.meta.name, seen.meta.namespace)
        if found is None:
            return None
        try:
            stated = ProcedureCounterexample.model_validate(found).spec
            document = await self._documents.revision(revision)
        except (ValidationError, NotTheDocument) as problem:
            return _nothing(f"it cannot be read: {problem}")
        if document is None:
            return None
        return await self._examinations.weighed(document, stated, await self._implementation(seen))

    async def _implementation(self, seen: Counterexample) -> str | None:
        """The verifier's implementation of a revision, or of one that it left unchanged but for its patterns."""
        digest: str | None = seen.digest
        asked: set[str] = set()
        while digest is not None and digest not in asked:
            asked.add(digest)
            revision = self._revision(seen, digest)
            if revision is None:
                return None
            found: dict[str, Any] | None = await self._context.client.find(
                PROCEDURE_REVISION, revision.meta.name, revision.meta.namespace
            )
            if found is None:
                return None
            code, digest = ProcedureRevision.model_validate(found).status.implementation()
            if code is not None:
                return code
        return None

    def _revision(self, seen: Counterexample, digest: str) -> Revision | None:
        found = self._known.revision(seen.meta.namespace, revision_name(seen.procedure, digest))
        if found is None or not found.managed or (found.procedure, found.digest) != (seen.procedure, digest):
            return None
        return found

    async def _write(self, seen: Counterexample, fields: dict[str, Any]) -> None:
        weighed = standing(str(fields["examined"]), str(fields["found"] or ""), seen.sender, seen.judgements)
        verdict = Verdict(Reason(weighed.state.value), weighed.message, ready=weighed.state not in WAITING)
        await self._context.status.write(
            PROCEDURE_COUNTEREXAMPLE,
            seen.meta,
            seen.status,
            {"state": weighed.state.value, **fields},
            [ready(verdict)],
            warnings=WARNINGS,
        )

    async def everything(self) -> Iterable[Key]:
        """All counterexamples."""
        return [Key(KIND, *each.meta.key) for each in self._known.all_counterexamples()]


def _nothing(why: str) -> Examination:
    return Examination(Weighed(State.REFUTED, f"{NOT_ABOUT_IT}: {why}"))


def controller(counterexamples: Counterexamples) -> Controller:
    """The controller of counterexamples, whose watch marks their keys."""
    return Controller(KIND, counterexamples.reconcile, (), counterexamples.everything)
