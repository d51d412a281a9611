"""Keeps the index of this registry's origin: lists what was published, renews what expires, forgets old files.

The index is derived. A version is published when its transaction ends; the index says it in a transaction of its own
afterwards, and marks there what it said. So a registry that was killed in between, a replica that lost a race and a
signing key that was not there are all mended by the next `update`, here or on another replica.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from seglam.packs.index.errors import IndexConflict, IndexFault, IndexNotReady
from seglam.packs.index.keys import KeyRing
from seglam.packs.index.layout import SIGNING_CONFIG, TRUSTED_ROOT
from seglam.packs.index.repository import Clock, Lifetimes, Repository, RoleState, utc_now
from seglam.registry.database import Database
from seglam.registry.faults import DatabaseError
from seglam.registry.indexing import releases, setup
from seglam.registry.indexing.storage import SessionStorage, take_turn
from seglam.registry.leases import Leases, owner_name
from seglam.registry.settings import Settings

T = TypeVar("T")
_log = logging.getLogger(__name__)

BATCH = 200
"""Packs that one transaction lists."""
KEEP = timedelta(days=2)
"""Old metadata stays longer than any timestamp lives, for clients that are in the middle of a refresh."""
FORGET = "index-forget"


class Keeper:
    """The index of one origin in a database, and the thread that keeps it fresh.

    Args:
        keys: directory of the private keys. Where root's and targets' lie there too, the index keeps itself.
        files: what the index carries besides packs where it keeps itself: `trusted_root.json` and the like.
        every: seconds between two looks of the thread.
    """

    def __init__(
        self,
        database: Database,
        *,
        origin: str,
        keys: Path,
        files: Mapping[str, bytes] | None = None,
        lifetimes: Lifetimes | None = None,
        every: float = 60.0,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self.origin = origin
        self._keys = keys
        self._files = dict(files or {})
        self._lifetimes = lifetimes or Lifetimes()
        self._every = every
        self._clock = clock
        self._leases = Leases(database, owner_name(), seconds=300)
        self._one = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Keeper:
        """The keeper that the settings describe. Without a directory of keys, one is made below the data directory."""
        keys = settings.index_keys or settings.data / "index-keys"
        if settings.index_keys is None:
            setup.make_keys(keys)
        files = trust_files(settings.trust_file) if settings.trust_file else {}
        return cls(database, origin=settings.origin, keys=keys, files=files)

    def start(self) -> None:
        """Mend what an earlier process left, then keep the index fresh in a thread."""
        self.look(thorough=True)
        self._thread = threading.Thread(target=self._run, name="seglam-index", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; a transaction under way ends first."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def update(self) -> int:
        """List everything that was committed before the call.

        Returns:
            how many packs were listed anew.

        Raises:
            IndexNotReady: no root is installed, or a key is missing; versions wait in the database.
            IndexConflict: the releases contradict the index; nothing is listed until somebody looks.
            DatabaseError: the database did not answer.
        """
        total = 0
        while found := self._write(self._list):
            total += found
            if found < BATCH:
                break
        return total

    def renew(self) -> tuple[str, ...]:
        """Sign anew what has less than half of its life left, some roles a transaction. Returns the roles."""
        with self._database.read() as session:
            old = SessionStorage(session, self.origin).older(self._clock() - self._lifetimes.packs / 2)
        written: list[str] = []
        for start in range(0, max(len(old), 1), BATCH):
            roles = old[start : start + BATCH]
            written += self._write(lambda session, roles=roles: self._repository(session)[0].renew(roles=roles))  # type: ignore[misc]
        return tuple(written)

    def mend(self) -> int:
        """Compare every pack with its role, and list what differs. Returns how many packs there are."""

        def mended(session: Session) -> int:
            repository, _ = self._repository(session)
            names = releases.every(session, self.origin)
            for start in range(0, len(names), BATCH):
                listed = {name: releases.versions(session, name) for name in names[start : start + BATCH]}
                repository.put(listed)
                for name, versions in listed.items():
                    releases.said(session, name, versions)
            return len(names)

        return self._write(mended)

    def install(self, *, roots: list[bytes], targets: bytes | None, files: Mapping[str, bytes] | None = None) -> None:
        """Take in what was signed offline; see `Repository.install`."""

        def installed(session: Session) -> None:
            self._repository(session)[0].install(roots=roots, targets=targets, files=files)

        self._write(installed)

    def states(self) -> list[RoleState]:
        """Versions, expiries and keys of the roles; IndexNotReady before there is a root."""
        with self._database.read() as session:
            return self._repository(session)[0].states()

    def ready(self) -> IndexFault | None:
        """Why nothing can be listed now, or None: for readiness and `keys status`."""
        try:
            for state in self.states():
                if state.expires <= self._clock():
                    return IndexNotReady("index-expired", f"{state.role} expired at {state.expires}: docs/keys.md")
        except IndexFault as error:
            return error
        return None

    def look(self, *, thorough: bool = False) -> None:
        """One look of the thread: everything that may be due. What goes wrong is logged and due again."""
        try:
            if setup.keeps_itself(self._keys):
                self._write(self._keep)
            with self._database.read() as session:
                complete = releases.is_complete(session, self.origin)
            if not complete:
                _log.warning("the index has lost roles that the database believes it has: listing all packs again")
                self.mend()
            self.update()
            self.renew()
            if thorough or self._daily():
                self._write(lambda session: self._repository(session)[1].forget(self._clock() - KEEP))
        except IndexNotReady as error:
            _log.warning("the index waits (%s): %s", error.code, error.words)
        except (IndexConflict, DatabaseError) as error:
            _log.error("the index could not be written (%s): %s", error.code, error.words)

    # Inside

    def _write(self, work: Callable[[Session], T]) -> T:
        """`work` in one transaction, while nobody else writes the index."""
        with self._one:

            def alone(session: Session) -> T:
                take_turn(session)
                return work(session)

            return self._database.transact(alone)

    def _repository(self, session: Session) -> tuple[Repository, SessionStorage]:
        storage = SessionStorage(session, self.origin)
        try:
            ring = KeyRing.read(self._keys)
        except (ValueError, OSError) as error:
            raise IndexNotReady(
                "index-key-unreadable", f"the directory of online keys cannot be used: {error}"
            ) from error
        return Repository(storage, ring, origin=self.origin, lifetimes=self._lifetimes, clock=self._clock), storage

    def _list(self, session: Session) -> int:
        names = releases.behind(session, self.origin, BATCH)
        if names:
            listed = {name: releases.versions(session, name) for name in names}
            self._repository(session)[0].put(listed)
            for name, versions in listed.items():
                releases.said(session, name, versions)
        return len(names)

    def _keep(self, session: Session) -> None:
        repository, storage = self._repository(session)
        if setup.keep(repository, storage, self._keys, files=self._files, now=self._clock()):
            _log.info("root and targets of the index of %s were signed anew", self.origin)

    def _daily(self) -> bool:
        fence = self._leases.take(FORGET, every=86_400)
        if fence is not None:
            self._leases.done(FORGET, fence, well=True)
        return fence is not None

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.look()
            except Exception:  # noqa: BLE001  # the next look may go well; a thread that ended renews nothing
                _log.exception("keeping the index of %s", self.origin)


def trust_files(trust: Path) -> dict[str, bytes]:
    """`trusted_root.json` and `signing_config.v0.2.json` of a sigstore client trust configuration."""
    document = json.loads(trust.read_bytes())
    return {
        TRUSTED_ROOT: json.dumps(document["trustedRoot"], sort_keys=True).encode(),
        SIGNING_CONFIG: json.dumps(document["signingConfig"], sort_keys=True).encode(),
    }
