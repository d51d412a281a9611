"""The gateway as a process: its parts put together, two servers, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import aiohttp
import uvicorn
from prometheus_client.core import Metric

from seglam.cluster import Change, Client
from seglam.cluster.kinds import ENDPOINT_SLICE
from seglam.gateway.answers import AnswerLog, AnswerSettings
from seglam.gateway.cluster import certificates, compilations
from seglam.gateway.cluster.api import Parting, create_app
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.compilations import Compilations, ended
from seglam.gateway.cluster.decoding import announced, endpoint_slice
from seglam.gateway.cluster.feeds import Feed
from seglam.gateway.cluster.health import Readiness
from seglam.gateway.cluster.identity import identification
from seglam.gateway.cluster.internal.app import create_app as create_internal_app
from seglam.gateway.cluster.internal.forwarding import Verification
from seglam.gateway.cluster.internal.jobs import Jobs
from seglam.gateway.cluster.internal.model import Model
from seglam.gateway.cluster.internal.spans import Spans
from seglam.gateway.cluster.keys import cluster_keyring
from seglam.gateway.cluster.metrics import Metrics, gauge
from seglam.gateway.cluster.misses import Misses
from seglam.gateway.cluster.runners import Endpoints, Runners
from seglam.gateway.cluster.servers import listening, server
from seglam.gateway.cluster.service import ClusterService
from seglam.gateway.cluster.settings import Settings
from seglam.gateway.cluster.tenants import Tenants
from seglam.gateway.cluster.texts import Texts
from seglam.gateway.serving import Dispatch
from seglam.gateway.serving.places import Places
from seglam.gateway.web import threads
from seglam.resources import ProcedureCompilation
from seglam.resources.names import (
    ACTIVE_SELECTOR,
    PROCEDURE_COMPILATION,
    PROCEDURE_REVISION,
    RUNNER_SELECTOR,
    VERIFICATION,
    runner_server_name,
)
from seglam.telemetry.collector import collector

HIT_THREADS = 64
MISS_THREADS = 16
"""Apart from those of hits, which nothing that waits for a disk may hold up."""
PRUNE_S = 60.0

_log = logging.getLogger("seglam.gateway")


class Gateway:
    """All parts of one replica. Made and run on one event loop.

    Args:
        client: of the API server; whoever made it closes it.

    Raises:
        SettingsInvalid: the file of tenants cannot be used.
        TLSError: there is no certificate that can be used.
        OSError: an address cannot be listened on, or the data directory cannot be written.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.catalog = Catalog()
        self.endpoints = Endpoints()
        self.compilations = Compilations()
        self.keyring = cluster_keyring(client)
        self.answers = AnswerLog(AnswerSettings.of(settings.data_dir, os.environ))
        self._tenants = Tenants(settings.tenants_file)
        self._texts = Texts(settings.data_dir / "texts.sqlite3", ttl_s=settings.miss_ttl_s, limit=settings.miss_bytes)
        self._runners = Runners(self.catalog, self.endpoints, settings.tls_dir, self.metrics.runner_failures.inc)
        self._beside = threads(MISS_THREADS)
        self.revisions = Feed(
            client,
            PROCEDURE_REVISION,
            partial(announced, known=self.catalog.revision),
            self.catalog.apply,
            labels=ACTIVE_SELECTOR,
        )
        self.slices = Feed(
            client, ENDPOINT_SLICE, endpoint_slice, self.endpoints.apply, labels=RUNNER_SELECTOR, threaded=False
        )
        self.announcements = Feed(
            client, PROCEDURE_COMPILATION, compilations.decode, self._hear_of_compilations, threaded=False
        )
        self._forgetting: set[asyncio.Task[None]] = set()
        self.readiness = Readiness(
            {
                "revisions": self.revisions.applied,
                "runners": self.slices.applied,
                "compilations": self.announcements.applied,
                "keys": self.keyring.ready,
            }
        )
        self._misses = Misses(
            client,
            self.compilations,
            self.catalog,
            self._texts,
            self._beside,
            host=settings.pod_ip,
            strict=settings.strict,
            counted=self.metrics.started.inc,
            ending=self.readiness.draining,
        )
        self.metrics.watch(self._gauges)
        self.public = listening(settings.host, settings.port)
        self.internal = listening(settings.host, settings.internal_port)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then finish what is at work. What ends a part unasked is raised."""
        connector = aiohttp.TCPConnector(limit=256)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            servers = [(self._public_server(), self.public), (self._internal_server(session), self.internal)]
            background = asyncio.create_task(self._background())
            serving = [asyncio.create_task(each.serve(sockets=[where])) for each, where in servers]
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({background, stopping, *serving}, return_when=asyncio.FIRST_COMPLETED)
                self.readiness.draining.set()
                if stop.is_set():
                    _log.info("draining for %g s", self.settings.drain_s)
                    await asyncio.sleep(self.settings.drain_s)
                for each, _ in servers:
                    each.should_exit = True
                await asyncio.gather(*serving)
                await self._misses.close()
                await asyncio.gather(*self._forgetting)
            finally:
                for task in (background, stopping, *serving):
                    task.cancel()
                ended = await asyncio.gather(background, return_exceptions=True)
                self._runners.close()
                self._texts.close()
                await asyncio.to_thread(self.answers.close)
        if isinstance(ended[0], Exception):
            raise ended[0]

    async def _background(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.revisions.run())
            tasks.create_task(self.slices.run())
            tasks.create_task(self.announcements.run())
            tasks.create_task(self.keyring.run())
            tasks.create_task(self._tenants.run())
            tasks.create_task(self._prune())
            tasks.create_task(self._settle())

    def _hear_of_compilations(self, changes: Sequence[Change[ProcedureCompilation]]) -> None:
        """Take in what became of compilations; the text of one that has ended is kept no longer."""
        self.compilations.apply(changes)
        over = {change.key.name: change.new.spec.attempt for change in changes if change.new and ended(change.new)}
        if over:
            task = asyncio.create_task(self._beside(self._texts.forget, over))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_S)
            await self._beside(self._texts.prune)

    async def _settle(self) -> None:
        await self.revisions.applied.wait()
        gc.freeze()  # what stays for good is not looked through again and again
        tenants, procedures = self.catalog.size()
        _log.info("%d procedures of %d tenants are served", procedures, tenants)

    def _public_server(self) -> uvicorn.Server:
        settings = self.settings
        identify = identification(self.keyring, self._tenants, settings.audience, settings.anonymous_tenant)
        service = ClusterService(
            self.catalog, self._runners, self._misses, self.metrics, Places(HIT_THREADS), self.answers
        )
        app = create_app(service, self.compilations, identify, self.readiness, self.metrics)
        return server(Parting(Dispatch(app.state.hot, app), self.readiness), settings.grace_s)

    def _internal_server(self, session: aiohttp.ClientSession) -> uvicorn.Server:
        settings = self.settings
        jobs = Jobs(self.keyring, settings.compile_namespace, settings.compile_account)
        verification = Verification(
            lambda: self.endpoints.addresses(settings.verification_namespace, VERIFICATION),
            certificates.for_clients(settings.tls_dir),
            runner_server_name(None),
            session,
        )
        model = Model(settings.upstream, self._texts, self._beside, session, self.metrics.tokens.inc)
        spans = Spans(collector(), self.compilations.traceparent, session)
        app = create_internal_app(
            jobs, self._texts, self.catalog, verification, model, self.metrics, self._beside, spans
        )
        return server(app, settings.grace_s, certificates.for_server(settings.tls_dir))

    def _gauges(self) -> Iterator[Metric]:
        feeds: dict[str, Feed[Any]] = {
            "revisions": self.revisions,
            "runners": self.slices,
            "compilations": self.announcements,
        }
        tenants, procedures = self.catalog.size()
        ages = {name: feed.age for name, feed in feeds.items()}
        reconnects = {name: float(feed.reconnects) for name, feed in feeds.items()}
        yield gauge("seglam_watch_age_seconds", "How long ago the API server was last heard.", ages, "feed")
        yield gauge("seglam_watch_reconnects", "How often the watch was begun again.", reconnects, "feed")
        yield gauge("seglam_index_procedures", "Procedures that are served.", procedures)
        yield gauge("seglam_index_tenants", "Tenants with procedures that are served.", tenants)
        yield gauge("seglam_revisions_unreadable", "Active revisions not served.", len(self.catalog.unreadable))
        yield gauge("seglam_runners", "Addresses of runner pods.", self.endpoints.size())
        yield gauge("seglam_compilations_at_work", "Compilations that have not ended.", self.compilations.at_work())
        yield gauge("seglam_answers_unrecorded", "Answers that were not recorded.", self.answers.dropped)
        yield gauge("seglam_ready", "Whether requests should be sent here.", float(self.readiness.ready))
