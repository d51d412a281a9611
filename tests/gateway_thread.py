"""A cluster's gateway in a thread of the test, which tells it what an API server would tell."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from seglam.cluster import Change, Client, Key
from seglam.cluster.changes import Type
from seglam.gateway.cluster.decoding import announced, endpoint_slice
from seglam.gateway.cluster.process import Gateway
from seglam.gateway.cluster.settings import Settings
from seglam.procedures import Revision
from seglam.sandbox import Address
from tests.certificates import CLIENT, SERVER, Authority, write
from tests.gateways import revision_object, slice_object
from tests.issuer import Issuer
from tests.runners import Runner, eventually


class Running:
    """A gateway in a thread of its own.

    Args:
        tenant: whose procedures and requests they are.

    Attributes:
        http: calls its API.
    """

    def __init__(self, settings: Settings, issuer: Issuer, tenant: str = "tests") -> None:
        self.tenant = tenant
        self.settings = settings
        self._issuer = issuer
        self._started: Future[tuple[Gateway, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self.gateway, self._loop, self._stop = self._started.result(60)
        self.port = self.gateway.public.getsockname()[1]
        self.internal = Address("localhost", self.gateway.internal.getsockname()[1])
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        eventually(lambda: self.http.get("/healthz").status_code == 200)
        if not issuer.down:  # tokens are refused until the keys were fetched, which happens beside the start
            eventually(self.gateway.keyring.ready.is_set)

    async def _run(self) -> None:
        try:
            async with Client(self._issuer.connection, deadline=2) as client:
                gateway, stop = Gateway(self.settings, client), asyncio.Event()
                self._started.set_result((gateway, asyncio.get_running_loop(), stop))
                await gateway.run(stop)
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise

    def told(self, work: Callable[[], object]) -> None:
        """Do something on the gateway's loop, as its feeds do."""
        done: Future[None] = Future()

        def run() -> None:
            work()
            done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result(60)

    def serve(self, *revisions: Revision, pool: str = "default") -> None:
        """Let revisions be active."""
        changes = []
        for number, made in enumerate(revisions):
            raw = json.dumps(revision_object(self.tenant, made, pool=pool)).encode()
            changes.append(Change(Type.ADDED, Key(self.tenant, f"{made.name}-{number}"), None, announced(raw)))
        self.gateway.catalog.apply(changes)

    def know(self, namespace: str, pool: str, *runners: Runner | int) -> None:
        """Let runners, or whatever is at a port, be the ready pods of a pool."""
        changes = []
        for number, each in enumerate(runners):
            port = each if isinstance(each, int) else each.address.port
            raw = json.dumps(slice_object(namespace, pool, port, address="127.0.0.1")).encode()
            changes.append(Change(Type.ADDED, Key(namespace, f"{pool}-{number}"), None, endpoint_slice(raw)))
        self.gateway.endpoints.apply(changes)

    def settle(self) -> None:
        """Let the first lists be complete, which no API server gives here."""
        for feed in (self.gateway.revisions, self.gateway.slices, self.gateway.announcements):
            self.told(feed.applied.set)
        eventually(lambda: self.http.get("/readyz").status_code == 200)

    def ask(self, text: str, token: str | None = None, **headers: str) -> httpx2.Response:
        """Ask as Alice."""
        alice = f"system:serviceaccount:{self.tenant}:alice"
        stated = {"Authorization": f"Bearer {token or self._issuer.token(alice)}"}
        return self.http.post(
            "/v1/requests",
            json={"text": text},
            headers={**stated, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )

    def stop(self) -> None:
        """What SIGTERM does."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        """End it."""
        self.http.close()
        if self._thread.is_alive():
            self.stop()
        self._thread.join()


@contextmanager
def gateway(directory: Path, authority: Authority, issuer: Issuer, **settings: Any) -> Iterator[Running]:
    """A gateway with certificates of an authority and keys of an issuer."""
    chosen: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "internal_port": 0,
        "tls_dir": write(authority.identity("localhost", SERVER, CLIENT), directory / "tls"),
        "data_dir": directory / "data",
        "tenants_file": directory / "tenants.yaml",
        "drain_s": 0.0,
    }
    made = Running(Settings(**{**chosen, **settings}), issuer)
    try:
        yield made
    finally:
        made.close()
