"""Which part of the service answers: a table of hot routes, and an application for everything else."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seglam.gateway.serving.messages import ClientGone, send_problem
from seglam.web import Problem

Routes = Mapping[tuple[str, str], ASGIApp]
"""ASGI callables by method and exact path."""

_log = logging.getLogger("seglam.gateway")


class Dispatch:
    """An ASGI application. A `Problem` that a hot route raises is answered here, and so is its failure.

    Args:
        routes: what is answered without a framework.
        rest: what answers everything else.
    """

    def __init__(self, routes: Routes, rest: ASGIApp) -> None:
        self._routes = dict(routes)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._rest(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await route(scope, receive, sent)
        except ClientGone:
            return
        except Problem as problem:
            if begun:
                raise
            await send_problem(send, problem)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if begun:
                raise
            await send_problem(send, Problem(500, "internal", "the service failed; its log says why"))
