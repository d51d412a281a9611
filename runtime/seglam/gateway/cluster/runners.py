"""Runner pods: their addresses as a watch tells of them, and the calls that go to the pool of a revision."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seglam import telemetry
from seglam.cluster import Change, Key
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.decoding import Slice
from seglam.gateway.running import Unavailable
from seglam.resources.names import runner_namespace, runner_server_name
from seglam.sandbox import TLS, Address, Mode, Program, RemoteSandbox, Run, RunnersUnavailable

Pool = tuple[str, str]
"""Namespace of runners and name of the pool."""


class Endpoints:
    """Addresses of runner pods by pool. Readers need no lock; changes come from one thread."""

    def __init__(self) -> None:
        self._slices: dict[Key, Slice] = {}
        self._addresses: Mapping[Pool, tuple[Address, ...]] = {}

    def addresses(self, namespace: str, pool: str) -> tuple[Address, ...]:
        """Pods of a pool that are ready; where none is, those that are ending but still answer."""
        return self._addresses.get((namespace, pool), ())

    def apply(self, changes: Sequence[Change[Slice]]) -> None:
        """Take in what a watch has learned."""
        for change in changes:
            if change.new is None:
                self._slices.pop(change.key, None)
            else:
                self._slices[change.key] = change.new
        ready: dict[Pool, dict[Address, None]] = defaultdict(dict)
        leaving: dict[Pool, dict[Address, None]] = defaultdict(dict)
        for key, each in self._slices.items():
            ready[(key.namespace, each.pool)].update(dict.fromkeys(each.ready))
            leaving[(key.namespace, each.pool)].update(dict.fromkeys(each.leaving))
        self._addresses = {pool: tuple(found or leaving[pool]) for pool, found in ready.items()}

    def size(self) -> int:
        """Number of addresses."""
        return sum(map(len, self._addresses.values()))


class Runners:
    """Runs programs in the pool of their revision. Thread-safe; a call blocks its thread.

    Args:
        tls_dir: this gateway's certificate, by which runners know it.
        failed: called for each call that no runner took.
    """

    def __init__(
        self, catalog: Catalog, endpoints: Endpoints, tls_dir: Path, failed: Callable[[], None] = lambda: None
    ) -> None:
        self._catalog = catalog
        self._endpoints = endpoints
        self._tls_dir = tls_dir
        self._failed = failed
        self._tls: dict[str, TLS] = {}
        self._sandboxes: dict[Pool, RemoteSandbox] = {}
        self._lock = threading.Lock()

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """One call; see `seglam.gateway.running.Running.run`."""
        active = self._catalog.active(tenant, program.digest)
        if active is None:
            raise Unavailable("it was taken out of service at this moment; ask again")
        try:
            return self._sandbox(tenant, active.pool).run(program, arguments, mode=mode, tenant=tenant)
        except RunnersUnavailable as error:
            self._failed()
            raise Unavailable(f"no runner of the pool {active.pool} answered: {error}") from error

    def swiftly(self, program: Program, arguments: Mapping[str, object], *, tenant: str = "default") -> Run | None:
        """Nothing that a network carries is sure to be swift."""
        return None

    def close(self) -> None:
        """Close kept connections."""
        with self._lock:
            for each in self._sandboxes.values():
                each.close()
            self._sandboxes.clear()

    def _sandbox(self, tenant: str, pool: str) -> RemoteSandbox:
        found = self._sandboxes.get((tenant, pool))
        return found if found is not None else self._made(tenant, pool)

    def _made(self, tenant: str, pool: str) -> RemoteSandbox:
        namespace = runner_namespace(tenant)
        with self._lock:
            if (found := self._sandboxes.get((tenant, pool))) is not None:
                return found
            if tenant not in self._tls:
                self._tls[tenant] = TLS.mutual(self._tls_dir, runner_server_name(tenant))
            made = RemoteSandbox(
                lambda: self._endpoints.addresses(namespace, pool),
                self._tls[tenant],
                documents=lambda digest: self._catalog.document(tenant, digest),
                headers=telemetry.carrier,
            )
            self._sandboxes[(tenant, pool)] = made
            return made
