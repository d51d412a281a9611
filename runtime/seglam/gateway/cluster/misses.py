"""What a miss leads to: one ProcedureCompilation for its type, which names the request and never holds it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seglam import telemetry
from seglam.cluster import Client, ClusterError, ConfigurationError, Conflict, Forbidden, Invalid, NotFound
from seglam.compiler import Missed
from seglam.gateway.answering import Declined, Started
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.compilations import Compilations, Step, ended, next_step, outcome
from seglam.gateway.cluster.texts import Kept, StoreFull, Texts
from seglam.gateway.kinds import declined_at_once, kind_of
from seglam.gateway.outcomes import Reason
from seglam.gateway.web import Asked, Blocking
from seglam.gateway.wire import dump_request
from seglam.lookup import Miss
from seglam.resources import ProcedureCompilation
from seglam.resources.names import ANNOTATION_TRACEPARENT, API_VERSION, GATEWAY, PROCEDURE_COMPILATION, compilation_name

DEADLINE_S = 10.0
"""Seconds that the API server may take; the caller waits for them."""
SLOTS = 16
"""Announcements at one time, so that an API server that hangs leaves connections for the watches."""
TURNS = 3
"""Times that somebody else may be quicker to write."""

_log = logging.getLogger("seglam.gateway.misses")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A compilation that a miss asks for, and what its object is made of."""

    tenant: str
    name: str
    fingerprint: str
    request: str
    miss: str
    requester: str
    traceparent: str | None

    def spec(self, attempt: int, host: str) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(self.request.encode()).hexdigest()
        spec: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "requestDigest": digest,
            "requester": self.requester,
            "attempt": attempt,
            "reference": {"host": host, "id": self.name},
        }
        return spec if self.traceparent is None else {**spec, "traceparent": self.traceparent}

    def annotations(self) -> dict[str, str]:
        """Those of a new object."""
        return {} if self.traceparent is None else {ANNOTATION_TRACEPARENT: self.traceparent}


class Misses:
    """Starts compilations, one at a time for each type. Runs on the event loop.

    Args:
        host: address of this pod, under which Jobs find the text.
        strict: never compile.
        counted: called for each attempt that was started.
        held_back: why nothing is compiled for a tenant's type now, given why the request missed; blocks.
        ending: set once the process is to end, when nobody is to wait any more.
    """

    def __init__(
        self,
        client: Client,
        compilations: Compilations,
        catalog: Catalog,
        texts: Texts,
        blocking: Blocking,
        *,
        host: str,
        strict: bool = False,
        counted: Callable[[], None] = lambda: None,
        ending: asyncio.Event | None = None,
        held_back: Callable[[str, str, str], Declined | None] = lambda tenant, fingerprint, explanation: None,
    ) -> None:
        self._client = client
        self._compilations = compilations
        self._catalog = catalog
        self._texts = texts
        self._blocking = blocking
        self._host = host
        self._strict = strict
        self._counted = counted
        self._ending = ending or asyncio.Event()
        self._held_back = held_back
        self._slots = asyncio.Semaphore(SLOTS)
        self._flights: dict[tuple[str, str], asyncio.Task[Started | Declined]] = {}

    async def start(self, missed: Missed, asked: Asked) -> Started | Declined:
        """Start or join the compilation of a miss, or say why there is none.

        `ValueProblem` if the request holds a value that cannot be kept.
        """
        tenant = asked.caller.tenant
        restricted = asked.only_if_cached or self._strict
        negatives = self._compilations.negatives(tenant)
        declined = await self._blocking(declined_at_once, missed, negatives, only_if_cached=restricted)
        if isinstance(declined, Declined):
            return declined
        wanted = await self._blocking(_wanted, missed, asked)
        key = (tenant, wanted.name)
        if (flight := self._flights.get(key)) is not None:
            return _joined(await asyncio.shield(flight))
        step = self._step(wanted)
        if isinstance(step, Declined):
            return step
        if step is Step.JOIN:
            return Started(wanted.name, started=False)
        why = missed.miss.explanation
        held_back: Declined | None = await self._blocking(self._held_back, tenant, wanted.fingerprint, why)
        if held_back is not None:
            return held_back
        if (flight := self._flights.get(key)) is not None:  # somebody was quicker meanwhile
            return _joined(await asyncio.shield(flight))
        flight = asyncio.create_task(self._fly(wanted))
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # A caller that hangs up must not take the compilation with it.
        return await asyncio.shield(flight)

    async def followed(self, started: Started, tenant: str, seconds: float) -> Started | Declined:
        """Wait for the end of a compilation, but no longer than so many seconds and not beyond the process's own end.

        Returns:
            Why it answers nobody, if that has become known; else the compilation, which may have ended with a proposal.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended(tenant, started.id)
        known = self._compilations.get(tenant, started.id)
        return (outcome(known) if known is not None else None) or started

    async def _ended(self, tenant: str, name: str) -> None:
        ending = asyncio.create_task(self._ending.wait())
        try:
            while not self._ending.is_set():
                known = self._compilations.get(tenant, name)
                if known is not None and ended(known):
                    return
                heard = asyncio.create_task(self._compilations.heard(tenant, name))
                await asyncio.wait({ending, heard}, return_when=asyncio.FIRST_COMPLETED)
                heard.cancel()
        finally:
            ending.cancel()

    async def close(self) -> None:
        """Wait for what is being started."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _step(self, wanted: _Wanted) -> Step | Declined:
        known = self._compilations.get(wanted.tenant, wanted.name)
        return next_step(known, datetime.now(UTC), lambda digest: digest in self._catalog.index(wanted.tenant))

    async def _fly(self, wanted: _Wanted) -> Started | Declined:
        try:
            async with asyncio.timeout(DEADLINE_S), self._slots:
                return await self._announce(wanted)
        except (Forbidden, Invalid, NotFound) as error:
            _log.error("the API server refuses the compilation of a miss of %s: %s", wanted.tenant, error)
            words = f"the API server refuses compilations of the tenant {wanted.tenant}; the gateway's log says why"
            return Declined("failed", words)
        except (ClusterError, ConfigurationError, TimeoutError) as error:
            _log.warning("the compilation of a miss of %s was not announced: %s", wanted.tenant, error)
            return Declined(Reason.BUSY, "the API server does not take the compilation now; try again later")
        except StoreFull as error:
            return Declined(Reason.BUSY, f"the request cannot be kept for its compilation: {error}")

    async def _announce(self, wanted: _Wanted) -> Started | Declined:
        for _ in range(TURNS):
            step = self._step(wanted)
            if isinstance(step, Declined):
                return step
            if step is Step.JOIN:
                return Started(wanted.name, started=False)
            try:
                known = await (self._create(wanted) if step is Step.CREATE else self._retry(wanted))
            except (Conflict, NotFound) as error:
                if step is Step.CREATE and isinstance(error, NotFound):
                    raise  # it is the namespace that does not exist
                await self._look(wanted)
                continue
            self._compilations.note(known)
            self._counted()
            return Started(wanted.name, started=True)
        return Declined(Reason.BUSY, "others write to this type's compilation all the time; try again later")

    async def _look(self, wanted: _Wanted) -> None:
        """Learn what somebody else has written meanwhile."""
        found = await self._client.find(PROCEDURE_COMPILATION, wanted.name, wanted.tenant)
        if found is None:
            self._compilations.forget(wanted.tenant, wanted.name)
        else:
            self._compilations.note(ProcedureCompilation.model_validate(found))

    async def _create(self, wanted: _Wanted) -> ProcedureCompilation:
        await self._keep(wanted, 1)
        body = {
            "apiVersion": API_VERSION,
            "kind": PROCEDURE_COMPILATION.kind,
            "metadata": {"name": wanted.name, "namespace": wanted.tenant, "annotations": wanted.annotations()},
            "spec": wanted.spec(1, self._host),
        }
        made = await self._client.create(PROCEDURE_COMPILATION, body, manager=GATEWAY)
        return ProcedureCompilation.model_validate(made)

    async def _retry(self, wanted: _Wanted) -> ProcedureCompilation:
        known = self._compilations.get(wanted.tenant, wanted.name)
        assert known is not None
        attempt = known.spec.attempt + 1
        await self._keep(wanted, attempt)
        spec = {"traceparent": None, **wanted.spec(attempt, self._host)}
        body = {"metadata": {"resourceVersion": known.metadata.resource_version}, "spec": spec}
        made = await self._client.patch(PROCEDURE_COMPILATION, wanted.name, body, wanted.tenant, manager=GATEWAY)
        return ProcedureCompilation.model_validate(made)

    async def _keep(self, wanted: _Wanted, attempt: int) -> None:
        kept = Kept(
            wanted.name, attempt, wanted.tenant, wanted.fingerprint, wanted.requester, wanted.request, wanted.miss
        )
        await self._blocking(self._texts.keep, kept)


def fingerprint_of(missed: Missed) -> str:
    """The kind of a miss as 32 hexadecimal digits."""
    kind = kind_of(missed)
    return kind if re.fullmatch("[0-9a-f]{32}", kind) else hashlib.sha256(kind.encode()).hexdigest()[:32]


def _wanted(missed: Missed, asked: Asked) -> _Wanted:
    caller = asked.caller
    print_ = fingerprint_of(missed)
    return _Wanted(
        caller.tenant,
        compilation_name(caller.tenant, print_),
        print_,
        dump_request(missed.request),
        _miss(missed.miss),
        caller.requester,
        telemetry.carrier().get("traceparent"),  # the request's span, if it is recorded
    )


def _miss(miss: Miss) -> str:
    """Why a request missed, as `seglam.compiler.jobresult.MissRecord` reads it."""
    failed = miss.bindings[0].revision.digest if len(miss.bindings) == 1 else None
    return json.dumps({"reason": miss.reason, "explanation": miss.explanation, "revision": failed})


def _joined(result: Started | Declined) -> Started | Declined:
    return Started(result.id, started=False) if isinstance(result, Started) else result
