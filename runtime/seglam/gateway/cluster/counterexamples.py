"""Counterexamples in a cluster: stated by users through the gateway, examined by the operator, decided by people.

The gateway may only state them, under the name of whom it knows; what follows from one is the operator's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from seglam.cluster import AlreadyExists, Client, ClusterError, ConfigurationError, NotFound, Selection
from seglam.compiler.opinion import bound
from seglam.compiler.subjects import request_as_json
from seglam.gateway.answers import Recorded
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.wire import dump_request, dumps
from seglam.procedures import Request, Revision, TextError
from seglam.procedures.request import request_of
from seglam.resources import ProcedureCounterexample, ProcedureRevision
from seglam.resources.counterexample import STOPPING
from seglam.resources.names import (
    API_VERSION,
    GATEWAY,
    PROCEDURE_COUNTEREXAMPLE,
    PROCEDURE_REVISION,
    counterexample_name,
    revision_name,
)
from seglam.web import Problem

EXAMINED_S = 10.0
"""Seconds that whoever states a counterexample waits for the operator."""
LOOK_S = 0.5


class Counterexamples:
    """States and shows a tenant's counterexamples, and says what compilations must keep of them. Never on the hit path:
    every method asks the API server; `Problem` 503 if it does not answer."""

    def __init__(self, client: Client, catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog

    async def state(
        self, answer: Recorded, request: Request, expected: str | None, why: str, sender: str
    ) -> ProcedureCounterexample:
        """Somebody says that an answer is wrong. It is returned as soon as the operator has looked at it, or as it is
        after some seconds.

        Args:
            answer: as it is recorded; of the sender's tenant.
            request: what was asked, since the record of answers does not hold it.
            expected: the right answer; None if the procedure should not answer such a request.

        Raises:
            Problem: 409 `no-procedure` or `not-its-request`.
        """
        tenant, digest = answer.tenant, answer.revision
        revision = self._catalog.revision(tenant, digest) if digest else None
        if digest is None or revision is None:
            raise Problem(409, "no-procedure", "no procedure that is served now gave this answer")
        await asyncio.to_thread(_its_own, revision, request)
        body = _body(tenant, revision, request, expected, why, sender)
        name = body["metadata"]["name"]
        with _answering():
            with suppress(AlreadyExists):  # stated before, perhaps by somebody else
                await self._client.create(PROCEDURE_COUNTEREXAMPLE, body, manager=GATEWAY)
            until = asyncio.get_running_loop().time() + EXAMINED_S
            while True:
                found = await self._client.get(PROCEDURE_COUNTEREXAMPLE, name, tenant)
                read = ProcedureCounterexample.model_validate(found)
                if read.status.state is not None or asyncio.get_running_loop().time() > until:
                    return read
                await asyncio.sleep(LOOK_S)

    async def all(self, tenant: str) -> list[ProcedureCounterexample]:
        """All of a tenant, newest first. None where the cluster does not know the kind yet, in an upgrade."""
        with _answering():
            try:
                found = await self._client.list(
                    PROCEDURE_COUNTEREXAMPLE, Selection(tenant), decoder=ProcedureCounterexample.model_validate_json
                )
            except NotFound:
                return []
        return sorted(found.items, key=lambda each: each.metadata.creation_timestamp or "", reverse=True)

    async def one(self, tenant: str, name: str) -> ProcedureCounterexample | None:
        """The one of a name."""
        with _answering():
            found = await self._client.find(PROCEDURE_COUNTEREXAMPLE, name, tenant)
        return None if found is None else ProcedureCounterexample.model_validate(found)

    async def lessons(self, tenant: str, request: Request) -> dict[str, Any]:
        """What a compilation for a request must keep: members of `seglam.compiler.jobresult.Work`."""
        stopping = [each for each in await self.all(tenant) if each.status.state in STOPPING]
        withdrawn = await self._withdrawn(tenant, request, stopping)
        digest = None if withdrawn is None else withdrawn["digest"]
        corrections = [
            _correction(each, own=each.spec.digest == digest) for each in stopping if each.status.state == "Confirmed"
        ]
        return {"corrections": corrections, **({} if withdrawn is None else {"withdrawn": withdrawn})}

    async def _withdrawn(
        self, tenant: str, request: Request, stopping: Sequence[ProcedureCounterexample]
    ) -> dict[str, Any] | None:
        """The revision that was stopped last of those that bind a request, if its procedure serves nothing now."""
        served = {revision.name for revision in self._catalog.index(tenant)}
        changed = {each.spec.digest for each in stopping if any(d.rule_changed for d in each.spec.decisions or ())}
        for procedure, digest in dict.fromkeys((each.spec.procedure, each.spec.digest) for each in stopping):
            found = None if procedure in served else await self._revision(tenant, procedure, digest)
            if found is None:
                continue
            revision = Revision(procedure, found.spec.document, digest)
            if await asyncio.to_thread(bound, revision, request) is not None:
                code = None if digest in changed else await self._implementation(tenant, procedure, found)
                document = found.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
                return {"procedure": procedure, "digest": digest, "document": document, "implementation": code}
        return None

    async def _implementation(self, tenant: str, procedure: str, found: ProcedureRevision | None) -> str | None:
        """The verifier's implementation of a revision, or of the one that it was made from."""
        asked: set[str] = set()
        while found is not None:
            asked.add(found.spec.digest)
            code, base = found.status.implementation()
            if code is not None or base is None or base in asked:
                return code
            found = await self._revision(tenant, procedure, base)
        return None

    async def _revision(self, tenant: str, procedure: str, digest: str) -> ProcedureRevision | None:
        with _answering():
            found = await self._client.find(PROCEDURE_REVISION, revision_name(procedure, digest), tenant)
        read = None if found is None else ProcedureRevision.model_validate(found)
        if read is None or (read.spec.procedure, read.spec.digest) != (procedure, digest):
            return None
        return read


def as_json(found: ProcedureCounterexample) -> dict[str, Any]:
    """A counterexample as it is sent."""
    spec, status, ready = found.spec, found.status, found.status.condition("Ready")
    return {
        "id": found.metadata.name,
        "procedure": spec.procedure,
        "revision": spec.digest,
        "sender": spec.sender,
        "request": spec.asked.model_dump(mode="json", by_alias=True, exclude_none=True),
        "given": status.given,
        "expected": spec.expected,
        "verified": status.verified,
        "why": spec.why or "",
        "standing": (status.state or "Open").lower(),
        "said": ready.message if ready else "it was not looked at yet",
        "decidedBy": [each.reviewer for each in spec.decisions or ()],
        "created": found.metadata.creation_timestamp,
    }


def _its_own(revision: Revision, request: Request) -> None:
    try:
        binding = bound(revision, request)
    except TextError as error:
        raise Problem(409, "not-its-request", str(error)) from error
    if binding is None:
        words = f"this is no request that {revision.name} answers; give text, inputs and context as they were asked"
        raise Problem(409, "not-its-request", words)


def _body(
    tenant: str, revision: Revision, request: Request, expected: str | None, why: str, sender: str
) -> dict[str, Any]:
    stated = f"{dump_request(request)}/{expected}"
    spec: dict[str, Any] = {
        "procedure": revision.name,
        "digest": revision.digest,
        "sender": sender,
        "asked": _asked(request),
        **({"noAnswer": True} if expected is None else {"expected": expected}),
        **({"why": why[:1024]} if why else {}),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": PROCEDURE_COUNTEREXAMPLE.kind,
        "metadata": {"name": counterexample_name(revision.name, revision.digest, stated), "namespace": tenant},
        "spec": spec,
    }


def _asked(request: Request) -> dict[str, Any]:
    """A request as documents state it."""
    stated: dict[str, Any] = {"value": dumps(request.value)} if request.text is None else {"request": request.text}
    if request.inputs:
        stated["inputs"] = [
            {"name": name, "mediaType": item.media_type, "text": item.text} for name, item in request.inputs.items()
        ]
    if request.context:
        stated["context"] = [{"name": name, "value": value} for name, value in request.context.items()]
    return stated


def _correction(each: ProcedureCounterexample, *, own: bool) -> dict[str, Any]:
    asked = request_as_json(request_of(each.spec.asked))
    said = {"request": asked, "expected": each.spec.expected, "given": each.status.given, "own": own}
    return {name: value for name, value in said.items() if value is not None}


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (ClusterError, ConfigurationError, TimeoutError) as error:
        words = "the API server does not take or give counterexamples now; try again later"
        raise Problem(503, "unavailable", words, headers={"Retry-After": "5"}) from error
