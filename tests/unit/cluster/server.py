"""An HTTP server that answers as a test says: for faults that a real API server does not show on demand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from seglam.cluster import Client, Connection

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Takes the next of `answers` for each request, the last one again and again."""

    answers: list[Answer]
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it."""
        self.requests.append(request)
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@asynccontextmanager
async def serving(*answers: Answer, **connection: Any) -> AsyncIterator[tuple[Server, Client]]:
    """A server on a loopback port, and a client of it."""
    server = Server(list(answers))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with Client(Connection(f"http://{host}:{port}", **connection)) as client:
            yield server, client
    finally:
        await runner.cleanup()


def says(status: int, body: Any = None, **headers: str) -> Answer:
    """Answers with a JSON body."""

    async def answer(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body if body is not None else {})
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, content_type="application/json", headers=fields)

    return answer


def refuses(status: int, reason: str, message: str = "said so", **headers: str) -> Answer:
    """Answers with the API server's `Status` object."""
    return says(status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message}, **headers)


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()
