"""Answers requests in a cluster: hits from the index and the runners, misses to compilations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

from seglam.gateway.access import Caller
from seglam.gateway.answering import Answering, Started, Unanswered, observed
from seglam.gateway.answers import AnswerLog, Recorded
from seglam.gateway.asking import Asked, Reply, new_id
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.metrics import Metrics, Tallies
from seglam.gateway.cluster.misses import Misses
from seglam.gateway.outcomes import Answer, Outcome
from seglam.gateway.running import Runner, Running, Served, program_of
from seglam.gateway.savings import PriceBook, savings
from seglam.gateway.serving.detached import Detached, Told
from seglam.gateway.serving.places import Places
from seglam.lookup import Hit, Miss
from seglam.procedures import Request, Revision
from seglam.procedures.values import ValueProblem


class ClusterService:
    """What stands behind the API; see `seglam.gateway.asking.Answers`.

    A miss returns as soon as its compilation is announced, or with `Prefer: wait` once that has ended: what a Job makes
    answers nobody before its review, but why a type is not compiled is known then.

    Args:
        hits: threads for what the hit path does, which nothing else may take.
        answers: where answers are recorded.
        tallies: what is counted; by default in memory.
    """

    def __init__(
        self,
        catalog: Catalog,
        running: Running,
        misses: Misses,
        metrics: Metrics,
        hits: Places,
        answers: AnswerLog | None = None,
        *,
        tallies: Tallies | None = None,
        prices: PriceBook | None = None,
    ) -> None:
        self.catalog = catalog
        self._misses = misses
        self._metrics = metrics
        self._hits = hits
        self._detached = Detached()
        self._answers = answers
        self._running = running
        self._tallies = tallies or Tallies(metrics)
        self._prices = prices or PriceBook()

    async def answer(self, asked: Asked) -> Reply:
        """Answer a request."""
        if asked.detached:
            return await self._detached.first(partial(self._answered, asked))
        return await self._answered(asked)

    async def _answered(self, asked: Asked, missed: Told | None = None) -> Reply:
        identity, tenant = new_id(), asked.caller.tenant
        answering = Answering(Runner(self._running, partial(self._served, tenant)), self._tallies.of(tenant))
        with observed(asked.request, identity, tenant, asked.headers, log=self._answers, source=asked.source) as told:
            index, began = self.catalog.index(tenant), perf_counter()
            decided: Answer | Unanswered = await self._hits.within(
                asked.deadline,
                answering.decide,
                asked.request,
                index,
                identity=identity,
                tenant=tenant,
                fits=asked.fits,
            )
            waited = 0
            if isinstance(decided, Unanswered):
                if missed is not None:
                    missed(decided.answer)
                answer, waited = await self._missed(answering, decided, asked)
            else:
                answer = decided
            answer = told(answer)
            if answer.outcome is Outcome.HIT:
                self._metrics.hit(perf_counter() - began, answer.trace)
        return Reply(answer, waited)

    @property
    def answers(self) -> AnswerLog | None:
        """Where answers are recorded."""
        return self._answers

    def behind(self, found: Recorded) -> dict[str, Any]:
        """The spans in which the revision of an answer was compiled and activated, as `traceparent`; the rest is in the
        resources that it names."""
        active = self.catalog.active(found.tenant, found.revision) if found.revision else None
        spans = {"compiled": active and active.compiled, "activated": active and active.activated}
        return {name: span.traceparent if span else None for name, span in spans.items()}

    def _served(self, tenant: str, revision: Revision) -> Served:
        """How a tenant's revision is run, and the spans in which it was compiled and activated."""
        active = self.catalog.active(tenant, revision.digest)
        if active is None:
            return Served(program_of(revision))
        return Served(program_of(revision), active.compiled, active.activated)

    async def revisions(self, caller: Caller) -> Sequence[Revision]:
        """What is active for a caller."""
        return list(self.catalog.index(caller.tenant))

    async def explain(self, request: Request, caller: Caller) -> Hit | Miss:
        """What the lookup decides."""
        return await self._hits(self.catalog.index(caller.tenant).find, request)

    def savings(self, tenant: str, since: str | None = None, until: str | None = None) -> dict[str, Any]:
        """What the model did not have to do for a tenant between two days; see `seglam.gateway.savings`. Blocks where
        there is a ledger; without one it is what this replica knows since it began."""
        scope = "this replica since its start" if self._tallies.ledger is None else "all replicas"
        totals = self._tallies.of(tenant).totals(since, until)
        return {**savings(totals, self._prices.of(tenant)), "scope": scope}

    async def _missed(self, answering: Answering, unanswered: Unanswered, asked: Asked) -> tuple[Answer, int]:
        """What a miss leads to, and the seconds that its caller was ready to wait for that."""
        waited = 0
        try:
            following = await self._misses.start(unanswered.missed, asked)
        except ValueProblem as problem:  # a value that cannot be kept
            return answering.refused(unanswered.answer.id, str(problem)), waited
        if isinstance(following, Started) and asked.wait_s:
            waited = asked.wait_s
            following = await self._misses.followed(following, asked.caller.tenant, waited)
        return answering.followed(unanswered, following), waited
