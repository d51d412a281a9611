"""The pull-through mirror: what is asked for of another origin is fetched once, checked and kept; changes are followed.

Each origin has one configured address, and a pack is only ever fetched from its own origin's: there is no order of
registries to be tricked by a higher version elsewhere. A version is kept only if the origin's signed index lists it
with the digest that its bytes have. When the origin is down, what is here is served.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from sqlmodel import Session

from seglam.packs.index.errors import IndexConflict, IndexRefused
from seglam.packs.index.layout import Listing, Status
from seglam.packs.names import NameInvalid, PackName, Release
from seglam.packs.oci import digest_of
from seglam.packs.problems import PackError, PackInvalid
from seglam.packs.versions import Version
from seglam.registry.database import Database
from seglam.registry.faults import DatabaseError
from seglam.registry.indexing.routes import VERSIONED, DatabaseFiles, Files
from seglam.registry.indexing.storage import SessionStorage
from seglam.registry.leases import Leases, owner_name
from seglam.registry.mirror import keeping
from seglam.registry.mirror.upstream import Upstream
from seglam.registry.settings import Settings
from seglam.registry.tables import MirrorStateRow, stamp
from seglam.web import Problem

_log = logging.getLogger(__name__)

FRESH_S = 15.0
"""The index of an origin is not asked for more often."""
AT_ONCE = 20
"""Versions that one request for a list brings; the rest follow in the background."""
MOST_PENDING = 1000
_LIES = frozenset({"index-rollback", "index-expired", "index-signature", "index-origin", "index-malformed"})
"""What waiting does not mend."""


class Mirror:
    """All mirrored origins of a registry.

    Args:
        every: seconds between two looks at the feeds.
    """

    def __init__(self, database: Database, upstreams: Mapping[str, Upstream], *, every: float = 30.0) -> None:
        self._sources = {origin: Source(database, upstream) for origin, upstream in upstreams.items()}
        self._leases = Leases(database, owner_name(), seconds=600)
        self._every = every
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Mirror:
        """The mirror that the settings describe. ValueError where an address cannot be used."""
        if settings.origin in settings.mirror_of:
            raise ValueError(f"a registry is no mirror of its own origin {settings.origin}")
        return cls(
            database,
            {
                origin: Upstream(
                    origin,
                    url.partition("#")[0],
                    settings.data / "mirrors" / origin,
                    allow_private=settings.mirror_allow_private,
                    pinned=url.partition("#")[2] or None,
                    first_use=settings.mirror_first_use,
                )
                for origin, url in settings.mirror_of.items()
            },
        )

    @property
    def files(self) -> Mapping[str, Files]:
        """The origins' indexes, for `/tuf/ORIGIN/`."""
        return self._sources

    def fetch(self, name: PackName, reference: str | None) -> None:
        """See that what is asked for of a pack is in the database, if it can be had.

        Raises:
            Problem: 404 if the origin is not mirrored, 502 or 503 where it cannot be asked and nothing is here.
        """
        source = self._sources.get(name.origin)
        if source is None:
            raise Problem(
                404,
                "origin-unknown",
                f"{name.origin} is not mirrored here; origins here are {', '.join(sorted(self._sources))}",
            )
        source.fetch(name, reference)

    def start(self) -> None:
        """Follow the feeds in a thread."""
        self._thread = threading.Thread(target=self._run, name="seglam-mirror", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after the pack that it is at."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for source in self._sources.values():
            source.close()

    def follow(self) -> None:
        """One look at every feed; what fails is logged and looked at again."""
        for origin, source in self._sources.items():
            if self._ended.is_set():
                return
            fence = None
            well = False
            try:
                fence = self._leases.take(f"mirror {origin}")
                if fence is not None:
                    source.follow(self._ended)
                    well = True
            except (PackError, IndexRefused, IndexConflict, DatabaseError) as error:
                _log.warning("the feed of %s could not be followed (%s): %s", origin, error.code, error.words)
            finally:
                if fence is not None:
                    self._leases.done(f"mirror {origin}", fence, well=well)

    def _run(self) -> None:
        while True:
            try:
                self.follow()
            except Exception:  # noqa: BLE001  # it is tried again
                _log.exception("following the feeds")
            if self._ended.wait(self._every):
                return


class Source:
    """One mirrored origin: brings packs, serves its index."""

    def __init__(self, database: Database, upstream: Upstream) -> None:
        self._database = database
        self._upstream = upstream
        self._origin = upstream.origin
        self._files = DatabaseFiles(database, upstream.origin)
        self._one = threading.Lock()
        self._refreshed = -FRESH_S
        self._kept: dict[str, str] = {}  # what is in the database already, by digest

    def close(self) -> None:
        """Close the connections."""
        self._upstream.close()

    # Packs

    def fetch(self, name: PackName, reference: str | None) -> None:
        """Bring what is asked for. What is here already costs no request."""
        with self._database.read() as session:
            if reference is not None and keeping.is_here(session, name, reference):
                return
            known = keeping.knows(session, name)
        try:
            listed = self._listings(name)
            for one in self._wanted(listed, reference):
                self._bring(name, one)
        except (PackError, IndexRefused, OSError) as error:
            words = error.words if isinstance(error, PackError | IndexRefused) else str(error)
            _log.warning("%s %s cannot be fetched from %s: %s", name, reference or "", self._upstream.url, words)
            if known and reference is None:
                return  # what is here is served
            lied = isinstance(error, PackInvalid) or getattr(error, "code", "") in _LIES
            status = 502 if lied else 503
            raise Problem(
                status,
                "origin-unavailable",
                f"{name} {reference or ''} is not here, and its origin cannot be believed or asked: {words}",
                headers={"Retry-After": "30"} if status == 503 else None,
            ) from error

    def follow(self, ended: threading.Event) -> int:
        """Take up the feed where the last look ended, until its end. Returns how many versions were looked at."""
        count = 0
        with self._database.read() as session:
            row = session.get(MirrorStateRow, self._origin)
            since = row.since if row else 0
            pending = [Release.parse(text) for text in json.loads(row.detail).get("pending", [])] if row else []
        while not ended.is_set():
            page = self._upstream.changes(since)
            wanted = dict.fromkeys([*pending, *(Release(change.name, change.version) for change in page.changes)])
            pending = [release for release in wanted if not self._sync(release)][:MOST_PENDING]
            count += len(wanted)
            since = page.next
            self._remember(since, pending)
            if since >= page.last:
                break
        return count

    # The index, for any TUF client

    def metadata(self, name: str) -> bytes | None:
        """A file of the origin's metadata; the newest timestamp that could be had and believed."""
        if name == "timestamp.json":
            self._try(lambda: self._keep_metadata(()))
        found = self._files.metadata(name)
        if found is None and (pack := self._pack_of(name)) is not None:
            self._try(lambda: self._listings(pack))
            found = self._files.metadata(name)
        elif found is None and self._files.metadata("timestamp.json") is None:
            self._try(lambda: self._keep_metadata(()))
            found = self._files.metadata(name)
        return found

    def target(self, path: str) -> bytes | None:
        """A file that the origin's index names."""
        return self._files.target(path)

    # Inside

    def _listings(self, name: PackName) -> Mapping[Version, Listing]:
        self._keep_metadata((name,))
        return self._upstream.index().listings(name)

    def _wanted(self, listed: Mapping[Version, Listing], reference: str | None) -> list[Listing]:
        servable = [one for one in listed.values() if one.status in (Status.LISTED, Status.YANKED)]
        if reference is None:
            return sorted(servable, key=lambda one: one.version, reverse=True)[:AT_ONCE]
        digest = reference.replace("sha256-", "sha256:", 1)
        return [one for one in servable if str(one.version) == reference or one.digest == digest]

    def _bring(self, name: PackName, one: Listing) -> None:
        with self._one:
            with self._database.read() as session:
                if keeping.is_here(session, name, str(one.version)):
                    return
            packed = self._upstream.pull(name, one.digest)
            if packed.pack.release != Release(name, one.version) or packed.pack.digest != one.digest:
                raise PackInvalid(
                    "digest",
                    str(name),
                    f"the index lists {one.digest} as {one.version}; what came is {packed.pack.release} "
                    f"{packed.pack.digest}",
                )
            self._database.transact(lambda session: keeping.keep(session, packed, self._upstream.url))
            _log.info("mirrored %s@%s from %s", name, one.version, self._upstream.url)

    def _sync(self, release: Release) -> bool:
        """Bring a version, or what changed about it. False if it cannot be had yet."""
        name = release.name
        try:
            listed = self._listings(name)
            one = listed.get(release.version)
            if one is not None and one.status in (Status.LISTED, Status.YANKED):
                with self._database.read() as session:
                    here = keeping.is_here(session, name, str(release.version))
                if here:
                    found = self._upstream.bundles(name, one.digest)
                    self._database.transact(lambda session: keeping.attach(session, name, release.version, found))
                else:
                    self._bring(name, one)
            self._database.transact(lambda session: keeping.follow_states(session, name, listed))
        except (PackError, IndexRefused) as error:
            _log.warning("%s is not mirrored yet (%s): %s", release, error.code, error.words)
            return False
        return True

    def _keep_metadata(self, names: tuple[PackName, ...]) -> None:
        """Refresh the index, not too often, and keep what was believed of it for others to read."""
        index = self._upstream.index()
        with self._one:
            if time.monotonic() - self._refreshed >= FRESH_S:
                index.refresh()
                self._refreshed = time.monotonic()
            files = {path: body for path, body in index.files(names).items() if self._kept.get(path) != digest_of(body)}
        if not files:
            return

        def kept(session: Session) -> None:
            storage = SessionStorage(session, self._origin)
            for path, body in files.items():
                if path.startswith("targets/"):
                    sha256, _, file = path.removeprefix("targets/").partition(".")
                    storage.put_file(file, sha256, body)
                elif path == "timestamp.json":
                    storage.keep("timestamp", int(json.loads(body)["signed"]["version"]), body)
                elif (found := VERSIONED.fullmatch(path)) is not None:
                    storage.keep(unquote(found[2]), int(found[1]), body)

        self._database.transact(kept)
        self._kept.update({path: digest_of(body) for path, body in files.items()})

    def _pack_of(self, file: str) -> PackName | None:
        """The pack whose role is in a file of metadata; for the roles above, one that leads through them."""
        found = VERSIONED.fullmatch(file)
        parts = unquote(found[2]).split(".") if found else []
        if not parts or parts[0] != "packs":
            return None
        namespace, pack = ([*parts[1:], "aa", "aa"])[:2]
        try:
            return PackName(self._origin, namespace, pack)
        except NameInvalid:
            return None

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (PackError, IndexRefused) as error:
            _log.warning("the index of %s is served as it is here (%s): %s", self._origin, error.code, error.words)

    def _remember(self, since: int, pending: list[Release]) -> None:
        def remembered(session: Session) -> None:
            row = session.get(MirrorStateRow, self._origin) or MirrorStateRow(origin=self._origin, since=0, time="")
            row.since, row.time = since, stamp()
            row.detail = json.dumps({"pending": [str(release) for release in pending]})
            session.add(row)

        self._database.transact(remembered)
