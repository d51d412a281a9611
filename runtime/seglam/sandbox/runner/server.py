"""A runner from its first moment to its last: load, prove, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvicorn

from seglam.sandbox.engine import Engine
from seglam.sandbox.runner.api import Api
from seglam.sandbox.runner.egress import Egress
from seglam.sandbox.runner.memory import Memory, left_of_container
from seglam.sandbox.runner.metrics import Metrics
from seglam.sandbox.runner.probes import Probes
from seglam.sandbox.runner.revisions import Revisions
from seglam.sandbox.runner.settings import Settings
from seglam.sandbox.runner.state import State
from seglam.sandbox.runner.workers import Workers
from seglam.sandbox.sandbox import Sandbox
from seglam.sandbox.tls import CHECK_SECONDS, Identity, Renewed, server_context

_LOG = logging.getLogger("seglam.sandbox.runner")
KEEP_ALIVE_SECONDS = 75
"""For which an idle connection is kept; more than for which clients use one again."""
CLOSE_SECONDS = 1.0
"""For which a connection that is being closed may take at the end."""
_MIB = 1 << 20


async def serve(settings: Settings) -> bool:
    """Serve until SIGTERM or SIGINT; whether nothing was left at work then.

    Raises:
        EngineError: the engine cannot be loaded.
        TLSError: the certificates cannot be used.
        OSError: a port cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    with ExitStack() as stack:
        certificates = Renewed(lambda: Identity.read(settings.tls_dir), server_context)
        sandboxes = {
            build: stack.enter_context(
                Sandbox(await asyncio.to_thread(Engine.load, build=build), budget_mib=settings.warm_mib)
            )
            for build in settings.builds
        }
        state = State(Egress(settings.egress))
        workers = Workers(settings.concurrency, settings.queue)
        warm_mib = 0 if settings.verifies else settings.warm_mib
        memory = Memory(settings.calls_mib or left_of_container(warm_mib))
        revisions = Revisions(settings.revisions_mib * _MIB)
        metrics = Metrics(state, workers, revisions, list(sandboxes.values()))
        api = Api(
            sandboxes,
            workers,
            memory,
            revisions,
            state,
            metrics,
            warm=not settings.verifies,
            body_bytes=settings.body_mib * _MIB,
        )
        calls_on = stack.enter_context(_listening(settings.host, settings.port))
        probes_on = stack.enter_context(_listening(settings.host, settings.probe_port))
        calls = _server(api, settings.grace_s, certificates)
        probes = _server(Probes(state, metrics), 1)
        serving = [asyncio.create_task(calls.serve([calls_on])), asyncio.create_task(probes.serve([probes_on]))]
        watching = [asyncio.create_task(state.egress.watch()), asyncio.create_task(_renew(certificates))]
        if memory.mib is not None:
            _LOG.info("calls at work have %d MiB together", memory.mib)
        _LOG.info("calls on port %d, probes on port %d", calls_on.getsockname()[1], probes_on.getsockname()[1])
        await _until(stop, [*serving, *watching])
        state.draining = True
        _LOG.info("draining: calls are taken for %d s, and have %d s to end", settings.drain_s, settings.grace_s)
        await asyncio.sleep(settings.drain_s)
        calls.should_exit = True
        await serving[0]
        probes.should_exit = True
        await serving[1]
        for task in watching:
            task.cancel()
        idle = workers.close()
        _LOG.info("ended%s", "" if idle else " with calls at work that nobody waits for")
        if not idle:
            stack.pop_all()  # a sandbox at work is not closed; the process ends
        return idle


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Until stopped; an error of a task that the runner cannot do without is raised."""
    stopping = asyncio.create_task(stop.wait())
    waiting: set[asyncio.Task[Any]] = {stopping, *tasks}
    while not stopping.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the runner's, since it has two servers."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut connections that do not close: TLS waits for the other side's word, and an idle client does not look."""
        closing = asyncio.create_task(super().shutdown(sockets))
        await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
        while not closing.done():
            for each in list(self.server_state.connections):
                if each.transport.is_closing():
                    each.transport.abort()
            await asyncio.wait((closing,), timeout=0.1)
        await closing


def _server(app: object, grace_s: int, certificates: Renewed | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",
        ws="none",
        loop="asyncio",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=None if certificates is None else (lambda *_: _current(certificates)),
    )
    return _Server(config)


def _current(certificates: Renewed) -> ssl.SSLContext:
    """A context that hands each connection over to the one of the current files, authority included."""
    outer = server_context(certificates.identity)

    def choose(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = certificates.context

    outer.sni_callback = choose
    return outer


async def _renew(certificates: Renewed) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if await asyncio.to_thread(certificates.look):
            _LOG.info("certificates were renewed")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; of both families where no address is named and the machine has both."""
    with ExitStack() as stack:
        plain = stack.enter_context(_bound(host, port))
        # asyncio sets TCP_NODELAY only where the socket knows its protocol; without it a reply may wait for an ACK.
        with socket.socket(fileno=plain.detach()) as listening:
            listening.setblocking(False)
            yield listening


def _bound(host: str, port: int) -> socket.socket:
    if host:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError:  # the kernel knows the family, but this network namespace has no address of it
            _LOG.info("no IPv6 here")
    return socket.create_server(("", port))
