"""A registry put together: database, signing, index, publishing and the API over them."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO

from fastapi import FastAPI

from seglam.compiler import Bench
from seglam.registry import migrations
from seglam.registry.access.issuers import Issuers
from seglam.registry.access.issuers import load as load_issuers
from seglam.registry.access.local import FILE as LOCAL_TOKEN
from seglam.registry.access.local import LocalIssuer
from seglam.registry.access.login import logins
from seglam.registry.api import upkeep
from seglam.registry.api.assembly import install
from seglam.registry.api.parts import Parts
from seglam.registry.database import Database
from seglam.registry.faults import openable, taken
from seglam.registry.indexing.keeper import Keeper
from seglam.registry.indexing.routes import DatabaseFiles
from seglam.registry.indexing.routes import router as index_router
from seglam.registry.leases import Leases, owner_name
from seglam.registry.log_audit import LogAudit
from seglam.registry.mirror.mirror import Mirror
from seglam.registry.pages import Marketplace, RegistryCatalogue
from seglam.registry.pages.entrance import ANSWER, MemberEntrance
from seglam.registry.publishing import Publishing
from seglam.registry.publishing.queue import Queue
from seglam.registry.publishing.steps import Tools
from seglam.registry.settings import Settings, SettingsInvalid
from seglam.registry.signing import open_signing
from seglam.registry.trying import Trials
from seglam.sandbox import Engine, Sandbox
from seglam.web.pages import key_in

UPKEEP_S = 60.0
DAY_S, HOUR_S = 86_400.0, 3_600.0
_log = logging.getLogger("seglam.registry")


class Registry:
    """One registry, or one replica of it: what its API works with and what runs in the background.

    Raises:
        DatabaseError: the database cannot be used, is newer or damaged.
        SettingsInvalid: a setting cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opened = ExitStack()
        self._ended = threading.Event()
        self._making = threading.Lock()
        owner = owner_name()
        with ExitStack() as opened:
            self.database = Database(settings.database_url)
            opened.callback(self.database.close)
            if self.database.sqlite:
                opened.enter_context(_alone(Path(self.database.place)))
            migrations.upgrade(self.database)
            self.signing = open_signing(settings)
            self.index = Keeper.of(settings, self.database)
            self.mirror = _mirror(settings, self.database)
            if self.mirror is not None:
                opened.callback(self.mirror.close)
            self._queue = Queue(self.database, owner, lease_s=settings.lease_s, give_up_s=settings.publish_s)
            tools = Tools(settings.origin, self.database, self.signing, self.bench, self.index)
            self.log_audit = LogAudit(self.database, self.signing.keyless)
            self.publishing = Publishing(tools, self._queue, workers=settings.workers, lease_s=settings.lease_s)
            self.parts = Parts(
                settings=settings,
                database=self.database,
                signing=self.signing,
                publishing=self.publishing,
                issuers=_issuers(settings),
                index=self.index,
                mirror=self.mirror,
                checks=(("index", lambda: self.index.ready() is None), ("logs", self.log_audit.well)),
                log_audit=self.log_audit,
                trials=Trials(self.bench),
            )
            self._leases = Leases(self.database, owner, seconds=300)
            self._opened.push(opened.pop_all())
        self._upkeep = threading.Thread(target=self._keep_up, name="registry-upkeep", daemon=True)

    def start(self) -> None:
        """Begin the background's work, first with what an earlier process left."""
        if self.database.sqlite:
            self._queue.reclaim()
        self.index.start()
        self.publishing.start()
        if self.mirror is not None:
            self.mirror.start()
        self._upkeep.start()

    def close(self) -> None:
        """End after what is under way, and let go of the database."""
        self._ended.set()
        self.publishing.close()
        self.index.close()
        if self._upkeep.is_alive():
            self._upkeep.join()
        self._opened.close()

    def bench(self) -> Bench:
        """Two sandboxes on two builds of the engine, loaded at the first call. `EngineError` without engines."""
        with self._making:
            return self._bench

    @cached_property
    def _bench(self) -> Bench:
        builds = [Engine.load(self.settings.engine_dir, build) for build in ("a", "b")]
        first, second = (self._opened.enter_context(Sandbox(engine, budget_mib=64)) for engine in builds)
        return Bench(first, second)

    def _keep_up(self) -> None:
        while not self._ended.wait(UPKEEP_S):
            for work, every, do in self._upkeep_work():
                try:
                    fence = self._leases.take(work, every=every)
                    if fence is None:
                        continue
                    well = False
                    try:
                        do(self.parts)
                        well = True
                    finally:
                        self._leases.done(work, fence, well=well)
                except Exception:  # noqa: BLE001  # it is tried again in a minute
                    _log.exception("upkeep: %s", work)

    def _upkeep_work(self) -> Iterator[tuple[str, float, Callable[[Parts], object]]]:
        """What is due from time to time, and how often. An audit that finds something is due again at once."""
        yield "audit-head", DAY_S, upkeep.sign_audit_head
        yield "forget", HOUR_S, upkeep.forget
        if self.settings.log_audit_s:
            yield "log-audit", float(self.settings.log_audit_s), lambda _: self.log_audit.look()


def create_app(settings: Settings) -> FastAPI:
    """The registry as an application; `app.state.registry` is its `Registry`.

    A server with a lifespan starts and closes it; another one calls `start()` and `close()` itself.
    """
    registry = Registry(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(registry.start)
        keys = asyncio.create_task(registry.parts.issuers.run())
        try:
            yield
        finally:
            keys.cancel()
            with suppress(asyncio.CancelledError):
                await keys
            await asyncio.to_thread(registry.close)

    app = FastAPI(title="SEGLAM registry", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.registry = registry
    pages = Marketplace(RegistryCatalogue(registry.parts), _entrance(registry.parts))
    app.add_middleware(pages.beside)  # within what `install` puts before it
    install(app, registry.parts)
    mirrored = registry.mirror.files if registry.mirror is not None else {}
    own = {settings.origin: DatabaseFiles(registry.database, settings.origin)}
    app.include_router(index_router({**mirrored, **own}))
    return app


def _mirror(settings: Settings, database: Database) -> Mirror | None:
    try:
        return Mirror.of(settings, database) if settings.mirror_of else None
    except ValueError as error:
        raise SettingsInvalid(f"SEGLAM_REGISTRY_MIRROR_OF: {error}") from error


def _issuers(settings: Settings) -> Issuers:
    local = None
    if settings.local:
        local = LocalIssuer(settings.data / LOCAL_TOKEN)
        with openable(str(local.file)):
            local.create()
    return Issuers(load_issuers(settings.issuers_file) if settings.issuers_file else (), local)


def _entrance(parts: Parts) -> MemberEntrance | None:
    """Where people sign in to the pages; None where no issuer is for that."""
    settings = parts.settings
    offering = logins(parts.issuers, parts.database, settings.url + ANSWER)
    if not offering.offered:
        return None
    file = settings.pages_key or settings.data / "pages.key"
    with openable(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = key_in(file)
    return MemberEntrance(offering, key, secure=settings.url.startswith("https://"))


def _alone(path: Path) -> IO[str]:
    """The lock of an SQLite file, held until it is closed; the kernel lets go of it when a process dies.

    Several replicas need PostgreSQL: what a killed one left is taken up at once here, since nobody else can have it.
    """
    with openable(str(path)):
        file = path.with_name(path.name + ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise taken(str(path)) from None
    return file
