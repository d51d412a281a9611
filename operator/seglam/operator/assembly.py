"""All parts of the operator, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from seglam.cluster import Client
from seglam.operator.context import Context
from seglam.operator.controllers import Controller
from seglam.operator.events import Events
from seglam.operator.examinations import Examinations
from seglam.operator.gather.benches import Benches, LocalBenches, RunnerBenches
from seglam.operator.gather.documents import Documents
from seglam.operator.gather.known import Known
from seglam.operator.gather.neighbours import Neighbours
from seglam.operator.gather.registries import Registries
from seglam.operator.metrics import Metrics
from seglam.operator.owned import Owner
from seglam.operator.reconcile import (
    certificates,
    compilations,
    counterexamples,
    imports,
    procedures,
    reviews,
    revisions,
    tenants,
    trust,
    verification_runners,
)
from seglam.operator.reconcile.afterwards import Afterwards
from seglam.operator.reconcile.certificates import Authority
from seglam.operator.reconcile.deciding import Gatekeeper
from seglam.operator.reconcile.proposals import Proposals
from seglam.operator.reconcile.runners import RunnerNamespaces
from seglam.operator.reconcile.summaries import Summaries
from seglam.operator.runners import NoRunners, Runners
from seglam.operator.settings import Settings
from seglam.operator.status import StatusWriter
from seglam.operator.watching import Watcher
from seglam.operator.working import Works

Background = Callable[[], Awaitable[None]]
"""Runs beside the workers until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The parts that run while this replica leads."""

    works: Works
    known: Known
    watcher: Watcher
    controllers: tuple[Controller, ...]
    background: tuple[Background, ...]

    async def run(self, namespaces: tuple[str, ...], watching: Callable[[], None]) -> None:
        """Work until cancelled, or until one of the parts ends, which is an error.

        Args:
            watching: called once kopf watches.
        """
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for background in self.background:
                group.create_task(_endless(background))
            await self.known.synced()  # nothing is decided on half of what there is
            group.create_task(_endless(lambda: self.watcher.run(namespaces, ready)))
            group.create_task(_endless(self.works.run))
            await ready.wait()
            watching()


class PartEnded(Exception):
    """A part of the operator that runs for ever came to an end."""


async def _endless(part: Background) -> None:
    await part()
    raise PartEnded("a part of the operator ended")


def assemble(client: Client, settings: Settings, metrics: Metrics) -> Operator:
    """Everything that a leader needs."""
    works = Works(metrics, workers=settings.workers, resync_s=settings.resync_s)
    events = Events(client, metrics, settings.identity)
    context = Context(client, settings, metrics, events, StatusWriter(client, events, metrics), works.mark)
    known = Known(client, settings.watch_namespaces, works.mark, works.look_at, metrics)
    documents = Documents(client)
    neighbours = Neighbours(client, known, documents, works.mark)
    background: list[Background] = [events.run, known.run]
    authority = Authority(client, settings, context.clock)
    benches: Benches
    if settings.local_engines is not None:
        benches = LocalBenches(settings.local_engines)
    else:
        remote = RunnerBenches(client, settings.verification_namespace, authority.identity)
        benches, background = remote, [*background, remote.run]
    examinations = Examinations(benches, settings.verifications)
    runners: Runners = NoRunners()
    controllers: list[Controller] = []
    if settings.manage_runners:
        owner = Owner(client, metrics)
        namespaces = RunnerNamespaces(client, owner, authority, settings)
        runners = kept = tenants.Tenants(context, known, namespaces)
        controllers += [
            certificates.controller(context, authority, owner),
            verification_runners.controller(context, namespaces),
            tenants.controller(kept),
        ]
    proposals, afterwards = Proposals(client, known, documents, examinations), Afterwards(context, known)
    compiling = compilations.Compilations(context, proposals, afterwards)
    controllers += [
        procedures.controller(procedures.Procedures(context, known, documents, neighbours, runners)),
        revisions.controller(revisions.Revisions(context, known, documents, examinations)),
        reviews.controller(reviews.Reviews(context, known)),
        counterexamples.controller(counterexamples.Counterexamples(context, known, documents, examinations)),
        compilations.controller(compiling),
    ]
    registries = Registries(settings.imports.directory, timeout=settings.imports.timeout_s)
    summaries = Summaries(client, settings, context.clock)
    importing = imports.Imports(context, known, Gatekeeper(registries, context.clock), summaries)
    controllers += [
        imports.controller(importing),
        *trust.controllers(trust.Policies(context), trust.Roots(context, registries)),
    ]
    background.append(compiling.follow_jobs)
    works.take_on(controllers)
    watcher = Watcher(client.connection, controllers, works.mark, works.look_at)
    return Operator(works, known, watcher, tuple(controllers), tuple(background))
