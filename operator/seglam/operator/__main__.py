"""`python -m seglam.operator`: one replica of the operator, until it is told to stop or no longer leads."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from seglam import telemetry
from seglam.cluster import Client, ConfigurationError, Connection, NotFound, Selection, load
from seglam.operator import logs
from seglam.operator.assembly import Operator, assemble
from seglam.operator.election import ClusterLeases, Elector, Ended
from seglam.operator.health import HealthServer
from seglam.operator.metrics import Metrics
from seglam.operator.settings import Settings, SettingsInvalid
from seglam.resources.names import KINDS
from seglam.sandbox.recipe import default_directory

log = logging.getLogger("seglam.operator")

STALE_S = 150.0
"""Twice the silence after which a watch is made anew."""


class KindsMissing(Exception):
    """The CustomResourceDefinitions are not installed."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the operator; the exit code is 0 if it was told to stop."""
    given = _parser().parse_args(arguments)
    try:
        settings = replace(
            Settings.from_environ(), local_engines=given.local_engines, manage_runners=not given.without_runners
        )
        if given.namespace:
            settings = replace(settings, watch_namespaces=tuple(given.namespace))
        connection = load(given.context)
        telemetry.configure("seglam-operator")
    except (SettingsInvalid, ConfigurationError, telemetry.TelemetryError) as problem:
        sys.exit(f"seglam operator: {problem}")
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(_guarded(settings, connection))
    raise AssertionError("the process has ended")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m seglam.operator", description="Runs the operator of SEGLAM.")
    parser.add_argument("--namespace", action="append", help="look after this tenant only; may be repeated")
    parser.add_argument("--context", help="context of the kubeconfig (default: its current one)")
    development = parser.add_argument_group("for development, outside of a cluster")
    development.add_argument(
        "--local-engines",
        type=Path,
        nargs="?",
        const=default_directory(),
        metavar="DIRECTORY",
        help="verify with engines in this process, of this directory or the user's, instead of in runner pods",
    )
    development.add_argument(
        "--without-runners", action="store_true", help="make no runners and no certificates, and expect none"
    )
    return parser


async def _guarded(settings: Settings, connection: Connection) -> NoReturn:
    """Run, and end the process: threads may wait for a runner and kopf for its workers, but nobody waits for them, and
    after a lost lease there is no time to.
    """
    code = await _outcome(settings, connection)
    if code == 0:
        await asyncio.to_thread(telemetry.shutdown)
    logging.shutdown()
    os._exit(code)


async def _outcome(settings: Settings, connection: Connection) -> int:
    try:
        await run(settings, connection)
    except Ended as why:
        log.error("stopping: %s", why)
        return 1
    except KindsMissing as problem:
        log.error("%s", problem)
        return 1
    except Exception:
        log.exception("the operator failed")
        return 1
    return 0


async def run(settings: Settings, connection: Connection) -> None:
    """Serve health and metrics, wait for the lease, and lead until told to stop.

    Raises:
        Ended: the lease was lost; KindsMissing; whatever a part of the operator raised.
    """
    metrics = Metrics()
    health = HealthServer(settings.health_host, settings.health_port, metrics)
    async with Client(connection, agent="seglam-operator") as client, health:
        await _check_kinds(client, settings.watch_namespaces)
        leases = ClusterLeases(client, settings.namespace, settings.election.lease)
        elector = Elector(leases, settings.identity, settings.election)
        stop = asyncio.Event()
        _on_signals(stop)

        async def lead() -> None:
            async with Client(connection, agent="seglam-operator", may_write=lambda: elector.holds) as acting:
                operator = assemble(acting, settings, metrics)
                health.ready["watches"] = lambda: _fresh(operator)
                health.alive["resync"] = lambda: operator.works.stale
                await operator.run(settings.watched, lambda: _on_signals(stop))

        leading = asyncio.create_task(elector.lead(lead, lambda leads: metrics.leader.set(leads)))
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({leading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if leading in done:
            leading.result()
            return
        log.info("told to stop")
        leading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leading


def _on_signals(stop: asyncio.Event) -> None:
    """Stop at SIGTERM and SIGINT. kopf puts handlers of its own in place when it starts, so this is done again."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)


def _fresh(operator: Operator) -> str | None:
    age = operator.known.age
    return None if age < STALE_S else f"the API server has not been heard for {age:.0f} s"


async def _check_kinds(client: Client, namespaces: Sequence[str]) -> None:
    """Without its kinds the operator would wait for ever: kopf does not look for kinds that come later."""
    somewhere = Selection(namespaces[0] if namespaces else None)
    missing = []
    for kind in KINDS:
        selection = somewhere if kind.namespaced else Selection()
        try:
            await anext(client.pages(kind, selection, decoder=len, metadata_only=True, limit=1))
        except NotFound:
            missing.append(kind.crd)
    if missing:
        raise KindsMissing(f"the cluster has no {', '.join(missing)}; install the chart, or apply crds/ first")


if __name__ == "__main__":
    main()
