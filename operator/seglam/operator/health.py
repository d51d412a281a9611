"""Health, readiness and metrics over plain HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from seglam.operator.metrics import Metrics

CLOSE_S = 1.0
"""Seconds that an answer may take once the process is to end."""

Check = Callable[[], str | None]
"""Says what is wrong, or None."""


class HealthServer:
    """Serves /healthz, /readyz and /metrics while it is entered.

    /healthz fails where a restart helps, /readyz where the replica cannot do its work; both name what is wrong.
    """

    def __init__(self, host: str, port: int, metrics: Metrics) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self.alive: dict[str, Check] = {}
        self.ready: dict[str, Check] = {}
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._show_metrics),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_S)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on, also where any was asked for."""
        return int(self._runner.addresses[0][1])

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self.alive)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self.ready)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(checks: Mapping[str, Check]) -> web.Response:
    faults = [f"{name}: {fault}" for name, check in checks.items() if (fault := check()) is not None]
    return web.Response(status=503 if faults else 200, text="\n".join(faults or ["ok"]) + "\n")
