"""The Model Context Protocol over HTTP (streamable, without sessions), for each tenant apart."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from seglam.gateway.access import Caller
from seglam.gateway.access import Scope as Permission
from seglam.gateway.asking import Answers
from seglam.gateway.mcp.revisions import Revisions
from seglam.gateway.serving import Headers, Identify, send_problem
from seglam.web import Problem

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"


@dataclass(frozen=True, slots=True)
class _Tenant:
    manager: StreamableHTTPSessionManager
    ready: asyncio.Event
    serving: asyncio.Task[None]


class Endpoint:
    """The server of every tenant's tools at one address. For one event loop.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
    """

    def __init__(self, answers: Answers, revisions: Revisions, identify: Identify) -> None:
        self._answers = answers
        self._revisions = revisions
        self._identify = identify
        self._tenants: dict[str, _Tenant] = {}
        self._caller: ContextVar[Caller] = ContextVar("caller")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whose caller is known to all that it leads to."""
        try:
            caller = await self._identify(Headers(scope["headers"]))
            caller.need(Permission.ASK)
        except Problem as problem:
            await send_problem(send, problem)
            return
        self._caller.set(caller)
        found = self._tenants.get(caller.tenant) or self._begun(caller)
        await found.ready.wait()
        await found.manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End all."""
        tasks = [each.serving for each in self._tenants.values()]
        self._tenants.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begun(self, caller: Caller) -> _Tenant:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # not before somebody asks for it

        from seglam.gateway.mcp.server import Tools

        tools = Tools(self._answers, self._revisions, self._caller.get)
        manager = StreamableHTTPSessionManager(app=tools.server, stateless=True)
        ready = asyncio.Event()

        async def serve() -> None:
            async with manager.run():
                ready.set()
                await tools.watch()

        made = self._tenants[caller.tenant] = _Tenant(manager, ready, asyncio.create_task(serve()))
        return made


def add_mcp(app: FastAPI, answers: Answers, revisions: Revisions, identify: Identify) -> None:
    """Add the endpoint to an application whose state has `ending`, what is called at the end; nothing where the
    protocol's library is not installed."""
    if find_spec("mcp") is None:
        return
    endpoint = Endpoint(answers, revisions, identify)
    app.state.ending.append(endpoint.close)
    app.router.routes.append(Route(PATH, endpoint, methods=["GET", "POST", "DELETE"]))
