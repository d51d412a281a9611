"""The gateway as a process: its parts put together, two servers, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import aiohttp
import uvicorn
from prometheus_client.core import Metric
from starlette.types import ASGIApp

from seglam.cluster import Change, Client
from seglam.cluster.kinds import ENDPOINT_SLICE
from seglam.gateway.access import Caller
from seglam.gateway.access.door import Door
from seglam.gateway.access.file import USUAL, Rules
from seglam.gateway.access.keys import Keys
from seglam.gateway.answers import AnswerLog, AnswerSettings
from seglam.gateway.cluster import certificates, compilations
from seglam.gateway.cluster.api import Parting, create_app
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.compilations import Compilations, ended
from seglam.gateway.cluster.counterexamples import Counterexamples
from seglam.gateway.cluster.decoding import announced, endpoint_slice
from seglam.gateway.cluster.feeds import Feed
from seglam.gateway.cluster.health import Readiness
from seglam.gateway.cluster.internal.app import create_app as create_internal_app
from seglam.gateway.cluster.internal.forwarding import Verification
from seglam.gateway.cluster.internal.jobs import Jobs
from seglam.gateway.cluster.internal.model import Model, Used
from seglam.gateway.cluster.internal.spans import Spans
from seglam.gateway.cluster.keys import cluster_keyring
from seglam.gateway.cluster.metrics import Metrics, Tallies, gauge
from seglam.gateway.cluster.misses import Misses
from seglam.gateway.cluster.restraint import Restraint
from seglam.gateway.cluster.runners import Endpoints, Runners
from seglam.gateway.cluster.servers import listening, server
from seglam.gateway.cluster.service import ClusterService
from seglam.gateway.cluster.settings import Settings
from seglam.gateway.cluster.texts import Texts
from seglam.gateway.faults import StoreError
from seglam.gateway.ledger import Ledger, Ledgerbase
from seglam.gateway.ledger.prices import PriceBook
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
from seglam.telemetry import exported_to

ANONYMOUS = "system:anonymous"
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
        LedgerAddressInvalid: the ledger's address cannot be used.
        TLSError: there is no certificate that can be used.
        OSError: an address cannot be listened on, or the data directory cannot be written.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = settings
        self._api = client.connection
        self.metrics = Metrics()
        self.catalog = Catalog()
        self.endpoints = Endpoints()
        self.compilations = Compilations()
        self.keyring = cluster_keyring(client)
        self.answers = AnswerLog(AnswerSettings.of(settings.data_dir, os.environ))
        self._rules = Rules(settings.tenants_file, cluster=True)
        self._ledgerbase = Ledgerbase(settings.ledger_url) if settings.ledger_url else None
        self._ledger = None if self._ledgerbase is None else Ledger(self._ledgerbase, report=_log.warning)
        self._api_keys = None if self._ledgerbase is None else Keys(self._ledgerbase, _log.warning)
        self._tallies = Tallies(self.metrics, self._ledger)
        self._prices = settings.price_book or PriceBook()
        self._texts = Texts(settings.data_dir / "texts.sqlite3", ttl_s=settings.miss_ttl_s, limit=settings.miss_bytes)
        self._runners = Runners(self.catalog, self.endpoints, settings.tls_dir, self.metrics.runner_failures.inc)
        self._beside = threads(MISS_THREADS)
        self._counterexamples = Counterexamples(client, self.catalog)
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
        self._ending: list[Callable[[], Awaitable[None]]] = []
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
            held_back=Restraint(
                settings.hotness,
                lambda tenant: self._rules.limits_of(tenant).budget,
                self._prices,
                lambda tenant, since: self._tallies.of(tenant).totals(since),
            ).held_back,
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
                for end in self._ending:
                    await end()
            finally:
                for task in (background, stopping, *serving):
                    task.cancel()
                ended = await asyncio.gather(background, return_exceptions=True)
                self._runners.close()
                self._texts.close()
                await asyncio.to_thread(self.answers.close)
                await asyncio.to_thread(self._close_ledger)
        if isinstance(ended[0], Exception):
            raise ended[0]

    def _close_ledger(self) -> None:
        """Write the last counts; what the database does not take now is lost, and the log says so."""
        if self._ledgerbase is None or self._ledger is None or self._api_keys is None:
            return
        self._api_keys.close()
        try:
            self._ledger.close()
        except StoreError as error:
            _log.error("the last counts are lost: %s", error)
        self._ledgerbase.close()

    async def _background(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.revisions.run())
            tasks.create_task(self.slices.run())
            tasks.create_task(self.announcements.run())
            tasks.create_task(self.keyring.run())
            tasks.create_task(self._rules.run())
            if self._api_keys is not None:
                tasks.create_task(asyncio.to_thread(self._api_keys.start))
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
        anonymous = settings.anonymous_tenant
        identify = Door(
            self._rules,
            self._api_keys,
            stranger=None if anonymous is None else lambda _: Caller(anonymous, ANONYMOUS, USUAL),
            cluster=(self.keyring, settings.audience),
            replicas=settings.replicas,
        )
        service = ClusterService(
            self.catalog,
            self._runners,
            self._misses,
            self.metrics,
            Places(HIT_THREADS),
            self.answers,
            tallies=self._tallies,
            prices=self._prices,
        )
        app = create_app(
            service,
            self.compilations,
            self._counterexamples,
            identify,
            self.readiness,
            self.metrics,
            settings.openai,
            self._api_keys,
        )
        self._ending.extend(app.state.ending)
        shown = self._with_pages(app, identify, service)
        return server(Parting(Dispatch(app.state.hot, shown), self.readiness), settings.grace_s)

    def _with_pages(self, api: ASGIApp, door: Door, service: ClusterService) -> ASGIApp:
        """The API, with the console beside it if there is one."""
        settings = self.settings
        if settings.console is None:
            return api
        from seglam.gateway.cluster.console.mounting import console_of  # with all that renders pages
        from seglam.gateway.cluster.console.trials import Verifiers

        verifiers = Verifiers(
            lambda: self.endpoints.addresses(settings.verification_namespace, VERIFICATION), settings.tls_dir
        )
        self._ending.append(partial(asyncio.to_thread, verifiers.close))
        alone = self._ledger is None
        console = console_of(settings.console, self._api, door, service, verifiers, self._runners, alone=alone)
        return console.beside(api)

    def _internal_server(self, session: aiohttp.ClientSession) -> uvicorn.Server:
        settings = self.settings
        jobs = Jobs(self.keyring, settings.compile_namespace, settings.compile_account)
        verification = Verification(
            lambda: self.endpoints.addresses(settings.verification_namespace, VERIFICATION),
            certificates.for_clients(settings.tls_dir),
            runner_server_name(None),
            session,
        )
        model = Model(settings.upstream, self._texts, self._beside, session, self._count_call)
        spans = Spans(exported_to(), self.compilations.traceparent, session)
        app = create_internal_app(
            jobs,
            self._texts,
            self.catalog,
            verification,
            model,
            self.metrics,
            self._beside,
            spans,
            self._counterexamples,
        )
        return server(app, settings.grace_s, certificates.for_server(settings.tls_dir))

    def _count_call(self, tenant: str, used: Used) -> None:
        """A compile Job's call of the model, on its tenant's account."""
        counts = {
            "model_calls": 1,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "model_ms": used.elapsed_ms,
        }
        self._tallies.of(tenant).add({name: count for name, count in counts.items() if count})

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
