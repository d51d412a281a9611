"""Where code runs that nobody has approved: the verification runners, or engines in this process for development."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from seglam.cluster import Client, Selection, Watch
from seglam.cluster.kinds import ENDPOINT_SLICE
from seglam.compiler import Bench
from seglam.resources.names import VERIFICATION, runner_server_name
from seglam.sandbox import Address, Engine, RemoteSandbox, RunnersUnavailable, Sandbox
from seglam.sandbox.connections import TLS
from seglam.sandbox.tls import Identity, client_context

BUILDS = ("a", "b")
PORT = 8443


class Benches(Protocol):
    """Gives the bench that verifications run on."""

    async def bench(self) -> Bench:
        """A bench that is ready; `RunnersUnavailable` if there is none now."""


class LocalBenches:
    """Engines in this process. The code of tenants then runs here, sandboxed, beside the operator's credentials."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._bench: Bench | None = None
        self._lock = asyncio.Lock()

    async def bench(self) -> Bench:
        """The bench; `EngineError` if the engines cannot be loaded."""
        async with self._lock:
            if self._bench is None:
                self._bench = await asyncio.to_thread(self._load)
            return self._bench

    def _load(self) -> Bench:
        first, second = (Sandbox(Engine.load(self._directory, build=build)) for build in BUILDS)
        return Bench(first, second)


class _Conditions(msgspec.Struct):
    ready: bool | None = None


class _Endpoint(msgspec.Struct):
    addresses: list[str] = []
    conditions: _Conditions = msgspec.field(default_factory=_Conditions)


class _Slice(msgspec.Struct):
    endpoints: list[_Endpoint] | None = None


_SLICE = msgspec.json.Decoder(_Slice)


def addresses_of(raw: bytes) -> tuple[Address, ...]:
    """The addresses of an EndpointSlice that take requests. A readiness that is not stated counts as ready."""
    found = _SLICE.decode(raw)
    return tuple(
        Address(address, PORT)
        for endpoint in found.endpoints or ()
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
    )


class RunnerBenches:
    """The verification runners, by the addresses of their Service.

    Args:
        identity: gives the operator's certificate, renewed when it is time.
    """

    def __init__(self, client: Client, namespace: str, identity: Callable[[], Awaitable[Identity]]) -> None:
        self._watch: Watch[tuple[Address, ...]] = Watch(
            client,
            ENDPOINT_SLICE,
            addresses_of,
            selection=Selection(namespace, f"kubernetes.io/service-name={VERIFICATION}"),
        )
        self._read_identity = identity
        self._identity: Identity | None = None
        self._context: ssl.SSLContext | None = None
        tls = TLS(self._current_context, runner_server_name(None))
        first, second = (RemoteSandbox(self._addresses, tls, build=build) for build in BUILDS)
        self._bench = Bench(first, second)

    async def run(self) -> None:
        """Follow the runners' addresses until cancelled."""
        await self._watch.run()

    async def bench(self) -> Bench:
        """The bench; `RunnersUnavailable` while no runner is ready."""
        if not self._addresses():
            raise RunnersUnavailable("no verification runner is ready")
        identity = await self._read_identity()
        if identity != self._identity:
            self._identity, self._context = identity, await asyncio.to_thread(client_context, identity)
        return self._bench

    def _addresses(self) -> Sequence[Address]:
        return [address for addresses in self._watch for address in addresses]

    def _current_context(self) -> ssl.SSLContext:
        if self._context is None:
            raise RunnersUnavailable("the operator has no certificate yet")
        return self._context
