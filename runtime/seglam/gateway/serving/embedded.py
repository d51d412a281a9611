"""An embedded service as the APIs of requests ask it: hits at once where they are swift, everything else in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from seglam import telemetry
from seglam.gateway.access import Caller
from seglam.gateway.answering import Found, Unanswered, observed
from seglam.gateway.asking import Asked, Reply, new_id
from seglam.gateway.outcomes import Answer
from seglam.gateway.refusals import of_store
from seglam.gateway.service import Pending, Service
from seglam.gateway.serving.detached import Detached, Told
from seglam.gateway.serving.places import Places
from seglam.gateway.store import StoreError
from seglam.gateway.tenancy import Tenant
from seglam.lookup import Hit, Miss
from seglam.procedures import Request, Revision
from seglam.telemetry import SpanReference

RETRY_S = "5"
"""Seconds after which a store that could not be read or written may be asked again."""


class Decided(NamedTuple):
    """A request, whose it is, and its hit."""

    request: Request
    tenant: Tenant
    found: Found


class EmbeddedAnswers:
    """See `seglam.gateway.asking.Answers`.

    A hit whose decision and run take few steps, as its earlier calls show, is answered on the event loop itself:
    handing it to a thread and back takes longer than the hit, and its steps are bounded by fuel. Whatever takes more
    steps than that, blocks, or misses has a thread of `places`.
    """

    def __init__(self, service: Service, places: Places) -> None:
        self._service = service
        self._places = places
        self._detached = Detached()

    async def answer(self, asked: Asked) -> Reply:
        """Answer a request."""
        try:
            return await self._answered(asked)
        except StoreError as error:
            problem = of_store(error)
            problem.headers["Retry-After"] = RETRY_S
            raise problem from error

    def found(self, request: Request, tenant: str) -> Decided | None:
        """See `seglam.gateway.serving.swift.Answers`."""
        known = self._service.known(tenant)
        found = None if known is None else known.answering.found(request, known.index)
        return None if known is None or found is None else Decided(request, known, found)

    def at_once(self, decided: Decided) -> Answer | None:
        """See `seglam.gateway.serving.swift.Answers`."""
        request, known, found = decided
        tenant = known.name
        answer = known.answering.answered_at_once(request, found, new_id(), tenant, None, telemetry.due())
        if answer is None:
            return None
        lookup_us, run_us = answer.timings
        where = None if answer.trace is None else SpanReference.parse(answer.trace)
        took_s = perf_counter() - found.began
        telemetry.count_hit(answer.procedure or "", took_s, lookup_us / 1e6, run_us / 1e6, where)
        if self._service.answers is not None:
            self._service.answers.add(answer, tenant, trace=where)
        return answer

    async def _answered(self, asked: Asked) -> Reply:
        tenant = self._service.known(asked.caller.tenant)
        if tenant is None:
            tenant = await self._places(self._service.tenant, asked.caller.tenant)
        if asked.detached:
            part = tenant
            return await self._detached.first(lambda missed: self._reply(asked, part, missed))
        pending = await self._begun(asked, tenant)
        if pending.flight is None or not asked.wait_s:
            return Reply(pending.answer, asked.wait_s)
        await asyncio.wait([asyncio.wrap_future(pending.flight.settled)], timeout=asked.wait_s)
        return Reply(await self._places(self._service.finish, pending), asked.wait_s)

    async def revisions(self, caller: Caller) -> Sequence[Revision]:
        """What is active for a caller."""
        tenant: Tenant | None = self._service.known(caller.tenant)
        if tenant is None:
            tenant = await self._places(self._service.tenant, caller.tenant)
        return list(tenant.index)

    async def explain(self, request: Request, caller: Caller) -> Hit | Miss:
        """What the lookup decides."""
        return await self._places(self._service.explain, request, caller.tenant)

    async def _reply(self, asked: Asked, tenant: Tenant, missed: Told) -> Reply:
        return Reply((await self._begun(asked, tenant, missed)).answer)

    async def _begun(self, asked: Asked, tenant: Tenant, missed: Told | None = None) -> Pending:
        """Answer a request as far as no model is needed. `missed` is told of a miss before anything follows from it."""
        request, name, identity = asked.request, asked.caller.tenant, new_id()
        with observed(request, identity, name, asked.headers, log=self._service.answers, source=asked.source) as told:
            index = tenant.index
            decided: Answer | Unanswered | None = None
            if not telemetry.recording():
                found = tenant.answering.found(request, index)
                if found is not None:
                    decided = tenant.answering.answered_at_once(request, found, identity, name, asked.fits)
            if decided is None:
                decided = await self._places.within(
                    asked.deadline,
                    tenant.answering.decide,
                    request,
                    index,
                    identity=identity,
                    tenant=name,
                    fits=asked.fits,
                )
            if isinstance(decided, Answer):
                return Pending(told(decided), None, request, name)
            if missed is not None:
                missed(decided.answer)
            pending = await self._places(
                self._service.missed, tenant, decided, asked.caller.requester, asked.only_if_cached
            )
            return Pending(told(pending.answer), pending.flight, request, name)
