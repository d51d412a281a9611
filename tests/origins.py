"""Whole registries over HTTP on loopback, into which packs are put by the publishing transaction itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from seglam.packs import oci
from seglam.packs.index.client import Index
from seglam.packs.layout import Packed
from seglam.packs.pack import Pack
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import Signature
from seglam.registry import bundles, changes
from seglam.registry.app import Registry, create_app
from seglam.registry.publishing.committing import publish
from seglam.registry.publishing.publication import Publication
from seglam.registry.settings import Settings
from seglam.registry.tables import PublicationState, VersionRow, VersionState, stamp
from tests.gateways import free_port


@dataclass
class Origin:
    """A running registry.

    Attributes:
        asked: requests that it got, as `GET /path`, in order.
        down: answer 503 to everything while it is set.
        lies: what is answered instead, by path.
    """

    registry: Registry
    url: str
    asked: list[str] = field(default_factory=list)
    down: threading.Event = field(default_factory=threading.Event)
    lies: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.registry.settings.origin

    def put(self, pack: Pack, signed: Sequence[bytes] = (), *, index: bool = True) -> Packed:
        """Publish without the steps before the last, and list it in the index."""
        release = pack.release
        now = stamp()
        publication = Publication(
            id="test",
            state=PublicationState.SIGNED,
            origin=release.name.origin,
            namespace=release.name.namespace,
            issuer="https://issuer.example",
            subject="alice",
            release=str(release),
            digest=pack.digest,
            steps=(),
            problem=None,
            created=now,
            changed=now,
        )
        facts = {
            oci.digest_of(raw): {
                "mode": opened(raw).mode,
                "issuer": "",
                "subject": opened(raw).hint,
                "log_index": None,
                "review": None,
            }
            for raw in signed
        }
        self.registry.database.transact(lambda session: publish(session, publication, pack, signed, facts, ()))
        if index:
            self.registry.index.update()
        return Packed(pack, tuple(signed))

    def set_state(self, pack: Pack, state: VersionState, kind: str) -> None:
        """Yank, quarantine or delete, as the transaction of a decision does."""

        def change(session: Any) -> None:
            row = session.get(VersionRow, (str(pack.release.name), str(pack.release.version)))
            row.state, row.revision = state.value, row.revision + 1
            session.add(row)
            changes.append(session, kind=kind, name=row.name, version=row.version, digest=row.digest)

        self.registry.database.transact(change)
        self.registry.index.update()

    def attach(self, pack: Pack, raw: bytes) -> None:
        """Add a bundle to a version, as the transaction of a review does."""

        def add(session: Any) -> None:
            row = session.get(VersionRow, (str(pack.release.name), str(pack.release.version)))
            envelope = opened(raw)
            bundles.add(session, row, raw, Signature(mode=envelope.mode, issuer="", subject=envelope.hint))
            changes.append(session, kind="attested", name=row.name, version=row.version, digest=row.digest)

        self.registry.database.transact(add)

    def root(self, origin: str | None = None) -> bytes:
        """The first root that the registry serves."""
        answer = httpx2.get(f"{self.url}/tuf/{origin or self.name}/1.root.json")
        assert answer.status_code == 200, answer.text
        return answer.content

    def index(self, directory: Path, *, origin: str | None = None, root: bytes | None = None) -> Index:
        """A client of the index, of this origin or of one that it mirrors."""
        name = origin or self.name
        return Index(directory, f"{self.url}/tuf/{name}/", root or self.root(name), origin=name)


class _Gate:
    """Notes requests, and refuses them all while the registry is `down`."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.origin: Origin | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and self.origin is not None:
            self.origin.asked.append(f"{scope['method']} {scope['path']}")
            lie = self.origin.lies.get(scope["path"])
            if lie is not None or self.origin.down.is_set():
                body, status = (b"", 503) if lie is None else (lie, 200)
                headers = [(b"content-length", str(len(body)).encode()), (b"content-type", oci.MANIFEST.encode())]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self.app(scope, receive, send)


@contextmanager
def serving(directory: Path, origin: str, *, follow: bool = True, **settings: Any) -> Iterator[Origin]:
    """Run a registry of an origin with its data below a directory.

    Args:
        follow: whether a mirror's thread follows the feeds; without it a test calls `follow` itself.
    """
    port = free_port()
    settings.setdefault("mirror_first_use", True)
    made = Settings(data=directory, origin=origin, port=port, rate_limits=False, local=True, cooldown_s=0, **settings)
    app = create_app(made)
    if not follow:
        app.state.registry.mirror.start = lambda: None
    gate = _Gate(app)
    server = uvicorn.Server(uvicorn.Config(gate, host="127.0.0.1", port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    running = Origin(app.state.registry, f"http://127.0.0.1:{port}")
    gate.origin = running
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        yield running
    finally:
        server.should_exit = True
        thread.join()
