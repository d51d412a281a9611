"""kopf as a watcher and nothing else: events mark keys, and kopf writes nothing, neither annotations nor finalizers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import aiohttp
import kopf

from seglam.cluster import Connection
from seglam.operator.controllers import Controller, Watch
from seglam.operator.queue import Mark
from seglam.resources.names import GROUP, OPERATOR

PAGE = 250
WORKERS = 50
IDLE_S = 0.1
"""A worker that has handled its object stays this long; kopf's own five seconds would hold up thousands of objects."""
IDENTITY: Any = OPERATOR
"""kopf would otherwise look up the user's name, and in a pod the user has none."""
INACTIVITY_S = 75.0
"""Silence after which a watch is made anew: bookmarks come every 60 seconds."""


class Watcher:
    """Follows everything that controllers want to hear of."""

    def __init__(self, connection: Connection, controllers: Sequence[Controller], mark: Mark, look_at: Mark) -> None:
        self._connection = connection
        self._mark = mark
        self._look_at = look_at
        self._watches: defaultdict[tuple[str, str, str], list[Watch]] = defaultdict(list)
        for controller in controllers:
            for watch in controller.watches:
                self._watches[watch.kind.group, watch.kind.version, watch.kind.plural].append(watch)
        for place, watches in self._watches.items():
            if len({watch.labels for watch in watches}) > 1:
                raise ValueError(f"the watches of {place[2]} have different label selectors")

    async def run(self, namespaces: Sequence[str], ready: asyncio.Event) -> None:
        """Watch until cancelled; `ready` is set when kopf is. Returns or raises when kopf ends, which nobody asked for.

        Args:
            namespaces: the namespaces to watch, all if there are none.
        """
        await kopf.operator(
            registry=self._registry(),
            settings=self._settings(),
            identity=IDENTITY,
            standalone=True,
            clusterwide=not namespaces,
            namespaces=list(namespaces),
            ready_flag=ready,
        )

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for (group, version, plural), watches in self._watches.items():
            kopf.on.event(group, version, plural, registry=registry, id=f"mark-{plural}")(self._handler(watches))
        return registry

    def _handler(self, watches: Sequence[Watch]) -> Any:
        async def handle(event: Any, **_: object) -> None:
            deleted = event["type"] == "DELETED"
            mark = self._look_at if event["type"] is None else self._mark  # no type: an object of the first list
            for watch in watches:
                if watch.remember is not None:
                    watch.remember(event["object"], deleted)
                for key in watch.keys(event["object"]):
                    mark(key)

        return handle

    async def _login(self, **_: object) -> kopf.AiohttpSession:
        """A session of our own connection, so that kopf reads neither environment nor files. kopf closes it, and asks
        for another when the API server no longer takes its token.
        """
        connection = self._connection
        headers = dict(connection.impersonate)
        if connection.credential is not None:
            headers["Authorization"] = f"Bearer {await asyncio.to_thread(connection.credential, True)}"
        context = connection.tls()
        connector = aiohttp.TCPConnector(limit=0, ssl=True if context is None else context)
        session = aiohttp.ClientSession(connector=connector, headers=headers)
        return kopf.AiohttpSession(
            server=connection.server, aiohttp_session=session, default_namespace=connection.namespace
        )

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.scanning.disabled = True
        settings.posting.enabled = False
        settings.persistence.finalizer = f"{GROUP}/none"
        settings.watching.chunk_size = PAGE
        settings.watching.inactivity_timeout = INACTIVITY_S
        settings.watching.server_timeout = 290
        settings.watching.client_timeout = 310
        settings.watching.connect_timeout = 5
        settings.watching.reconnect_backoff = 1.0
        settings.networking.request_timeout = 15
        settings.networking.connect_timeout = 5
        settings.queueing.worker_limit = WORKERS
        settings.queueing.idle_timeout = IDLE_S
        settings.queueing.exit_timeout = 1.0
        for watches in self._watches.values():
            if watches[0].labels is not None:
                settings.watching.label_selectors[watches[0].kind.plural] = watches[0].labels
        return settings
