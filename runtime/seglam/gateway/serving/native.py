"""The native API of requests: one at a time, and in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from seglam import telemetry
from seglam.gateway.access import Caller
from seglam.gateway.access import Scope as Allowed
from seglam.gateway.asking import Answers, Asked
from seglam.gateway.bodies import MAX_BODY, check_media, decoded, request_from, request_of
from seglam.gateway.preferences import only_if_cached, timeout_of, wait_of
from seglam.gateway.serving.headers import Headers, Identify
from seglam.gateway.serving.idempotency import Idempotency, key_of
from seglam.gateway.serving.messages import read_body, send_bytes, watched
from seglam.gateway.serving.places import Places
from seglam.gateway.serving.rendering import JSON_TYPE, Sent, problem, render
from seglam.procedures import Request
from seglam.web import Problem

MAX_BATCH = 100
MAX_BATCH_BODY = 4 * MAX_BODY
AT_ONE_TIME = 8
"""Requests of one batch that are at work at one time, so that a batch takes no more than its share."""
LARGE_BODY = 16 << 10
"""Bytes of a body that is read in a thread: exact JSON takes about a millisecond for these."""

_encode = msgspec.json.Encoder().encode
_raw = msgspec.Raw


class Native:
    """Answers requests over HTTP; an ASGI callable for `POST /v1/requests`.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
    """

    def __init__(self, answers: Answers, identify: Identify) -> None:
        self._answers = answers
        self._identify = identify
        self._kept = Idempotency()
        self._reading = Places(1, 256)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        sent = await self.answered(Headers(scope["headers"]), receive)
        await send_bytes(send, sent.status, sent.headers, sent.body)

    async def answered(self, headers: Headers, receive: Receive) -> Sent:
        """The response to one request."""
        caller, body = await self._read(headers, receive, MAX_BODY)
        with watched(receive):
            key = key_of(headers)
            if key is None:
                return await self._one(headers, caller, body)
            return await self._kept.once(
                (caller.tenant, caller.requester, key), body, lambda: self._one(headers, caller, body)
            )

    async def batch(self, headers: Headers, receive: Receive) -> Sent:
        """The response to several requests."""
        caller, body = await self._read(headers, receive, MAX_BATCH_BODY)
        with watched(receive):
            key = key_of(headers)
            if key is None:
                return await self._several(headers, caller, body)
            return await self._kept.once(
                (caller.tenant, caller.requester, key), body, lambda: self._several(headers, caller, body)
            )

    async def _read(self, headers: Headers, receive: Receive, limit: int) -> tuple[Caller, bytes]:
        caller = await self._identify(headers)
        caller.need(Allowed.ASK)
        check_media(headers)
        return caller, await read_body(receive, headers, limit)

    async def _one(self, headers: Headers, caller: Caller, body: bytes) -> Sent:
        request = request_from(body) if len(body) <= LARGE_BODY else await self._reading(request_from, body)
        return await self._sent(_asked(request, caller, headers))

    async def _sent(self, asked: Asked) -> Sent:
        with asked.caller.turn():
            reply = await self._answers.answer(asked)
        return render(reply.answer, waited=reply.waited)

    async def _several(self, headers: Headers, caller: Caller, body: bytes) -> Sent:
        content = decoded(body) if len(body) <= LARGE_BODY else await self._reading(decoded, body)
        given = _requests(content)
        turns = asyncio.Semaphore(AT_ONE_TIME)

        async def outcome(each: object) -> Sent:
            async with turns:
                try:
                    if not isinstance(each, Mapping):
                        raise Problem(400, "bad-request", "the request is no JSON object")
                    return await self._sent(_asked(request_of(each), caller, headers))
                except Problem as error:
                    return problem(error)

        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(outcome(each)) for each in given]
        return Sent(200, [JSON_TYPE], _encode({"answers": [_shown(task.result()) for task in working]}))


def _asked(request: Request, caller: Caller, headers: Headers) -> Asked:
    cached = Allowed.COMPILE not in caller.scopes or only_if_cached(headers.getlist("cache-control"))
    wait = 0 if cached else wait_of(headers.getlist("prefer"))
    seconds = timeout_of(headers.get("seglam-timeout"))
    deadline = None if seconds is None else monotonic() + seconds
    return Asked(request, caller, cached, wait, telemetry.trace_headers(headers.raw), deadline=deadline)


def _requests(content: Mapping[str, Any]) -> list[object]:
    if unknown := sorted(content.keys() - {"requests"}):
        raise Problem(400, "bad-request", f"the batch has the unknown member {unknown[0]!r}; known is requests")
    given = content.get("requests")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_BATCH:
        raise Problem(400, "bad-request", f"requests is no list of 1 to {MAX_BATCH} requests")
    return given


def _shown(sent: Sent) -> dict[str, object]:
    """One outcome of a batch: what it would have been alone."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent.headers}
    return {"status": sent.status, "headers": headers, "body": _raw(sent.body)}
