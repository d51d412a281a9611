"""The reading side of the index: what an origin lists, believed only if signed, fresh and not older than before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx2
from tuf.api.metadata import Root, Targets
from tuf.ngclient import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from seglam.packs.files import write_whole
from seglam.packs.index import layout
from seglam.packs.index.errors import IndexRefused
from seglam.packs.index.fetching import HttpFetcher, LocalFetcher, MappingFetcher
from seglam.packs.index.layout import Listing, Status
from seglam.packs.index.repository import read_listings
from seglam.packs.index.updater import IndexState as IndexState
from seglam.packs.index.updater import TrustedUpdater, refusing
from seglam.packs.names import PackName, Release
from seglam.packs.trust.decision import IndexFacts
from seglam.packs.versions import Version

_log = logging.getLogger(__name__)

_MAX_BYTES = 16_000_000
"""Of a snapshot or a role: some 80,000 versions of one pack, or 300,000 packs."""
_TURN_SECONDS = 0.05
_SEEN = "seen.json"
_WAIVER = "waiver.json"


@dataclass(frozen=True)
class Waiver:
    """Somebody's decision to believe metadata after its end, as an air gap may need. It is kept and logged.

    at: the time at which the metadata has to have been valid, when the air-gap file was written. until: the end of
    the waiver itself.
    """

    reason: str
    who: str
    at: datetime
    until: datetime

    @property
    def words(self) -> str:
        return f"{self.who}: {self.reason} (metadata of {self.at:%Y-%m-%d %H:%M} UTC, until {self.until:%Y-%m-%d})"


class Index:
    """The index of one origin as this machine knows it.

    Calls block (files, network), so event loops run them in threads; one Index may be shared by threads. Processes may
    share `directory`: they take turns.

    Args:
        directory: state of its own: metadata last seen, highest versions, a waiver. Losing it loses the memory of what
            was seen, so keep it on a volume that lasts.
        url: base of the TUF repository, `https://registry.example/tuf/ORIGIN/`. None: only what is here is used.
        bootstrap_root: the root.json that this machine was told to believe.
        origin: whose index it must be; the targets metadata says so under its signature.
        deadline: seconds for one call with all its requests.
    """

    def __init__(
        self,
        directory: Path,
        url: str | None,
        bootstrap_root: bytes,
        *,
        origin: str,
        deadline: float = 30.0,
        client: httpx2.Client | None = None,
        fetcher: FetcherInterface | None = None,
    ) -> None:
        self.directory = directory
        self.origin = origin
        self._url = url.rstrip("/") + "/" if url else None
        self._bootstrap = bootstrap_root
        self._deadline = deadline
        self._client = client
        self._fetcher = fetcher
        self._lock = threading.RLock()
        self._updater: TrustedUpdater | None = None

    # What callers ask

    def refresh(self) -> IndexState:
        """Fetch what is new, and check it against what was seen before.

        Raises:
            IndexRefused: nothing of it is believed; what was seen before stays.
        """
        with self._alone():
            if self._url is None and self._fetcher is None:
                return self._load()
            _log.debug("refreshing the index of %s", self.origin)
            return self._open(self._fetcher or self._http(), waiver=None)

    def facts(self, release: Release) -> IndexFacts:
        """What the index says of a release. Without a `refresh` by this object, from what is on this machine.

        Raises:
            IndexRefused: there is no index that can be believed.
        """
        with self._alone():
            found = self._listings(release.name).get(release.version)
            updater = self._ready()
            chain = [layout.PACKS, layout.namespace_role(release.name.namespace), layout.pack_role(release.name)]
            state = updater.state(chain)
            seen = self._seen()
            waiver = self._waiver()
            listed = found if found is not None and found.status is not Status.DELETED else None
            if found is not None:
                self._check_digest(release, found)
            return IndexFacts(
                listed_digest=listed.digest if listed else None,
                status=_status(listed.status) if listed else None,
                snapshot_version=state.snapshot_version,
                expires=state.expires,
                highest_seen_version=max(seen.get("snapshot", 0), state.snapshot_version),
                waiver=waiver.words if waiver and state.expires <= datetime.now(UTC) else None,
            )

    def versions(self, name: PackName) -> Sequence[Listing]:
        """Every version that the index lists, yanked and quarantined ones too, the highest first."""
        found = self.listings(name).values()
        return sorted(
            (one for one in found if one.status is not Status.DELETED), key=lambda one: one.version, reverse=True
        )

    def listings(self, name: PackName) -> Mapping[Version, Listing]:
        """All that the index says of a pack, deleted versions too."""
        with self._alone():
            return self._listings(name)

    def file(self, name: str) -> bytes:
        """A target that the index carries itself: `trusted_root.json`, `signing_config.v0.2.json`.

        Raises:
            IndexRefused: there is none, or it is not what was signed.
        """
        with self._alone():
            updater = self._ready()
            with refusing(self.origin):
                info = updater.get_targetinfo(name)
                if info is None:
                    raise IndexRefused("index-missing", f"the index of {self.origin} has no {name}")
                path = updater.find_cached_target(info) or updater.download_target(info)
                return Path(path).read_bytes()

    def files(self, names: Iterable[PackName]) -> dict[str, bytes]:
        """The metadata that another machine needs for these packs, by its path below the repository's address.

        Raises:
            IndexRefused: it is not here and cannot be fetched.
        """
        with self._alone():
            for name in names:
                self._listings(name)
            updater, metadata = self._ready(), self.directory / "metadata"
            with refusing(self.origin):
                found = {}
                for info in updater.role(Targets.type, Root.type).targets.values():
                    path = updater.find_cached_target(info) or updater.download_target(info)
                    found[f"targets/{info.hashes['sha256']}.{info.path}"] = Path(path).read_bytes()
            for root in sorted((metadata / "root_history").glob("*.root.json")):
                found[root.name] = root.read_bytes()
            for role, version in updater.loaded():
                file = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
                found[file] = (metadata / f"{role}.json").read_bytes()
            return found

    def take(self, files: Mapping[str, bytes], names: Iterable[PackName], *, waiver: Waiver | None = None) -> bool:
        """Refresh from files that another machine's `files` gave, as from a server: nothing goes back.

        Args:
            names: packs whose roles are kept for use without a network.
            waiver: used, kept and logged if the metadata has expired.

        Returns:
            whether the waiver was used.

        Raises:
            IndexRefused: it is not believed.
        """
        with self._alone():
            fetcher = MappingFetcher(self._base, files)
            used = False
            try:
                self._open(fetcher, waiver=None)
            except IndexRefused as error:
                if error.code != "index-expired" or waiver is None:
                    raise
                self._open(fetcher, waiver=waiver)
                self._keep(waiver)
                used = True
            updater = self._updater
            assert updater is not None
            for name in names:
                self._listings(name)
            with refusing(self.origin):
                for info in updater.role(Targets.type, Root.type).targets.values():
                    if updater.find_cached_target(info) is None:
                        updater.download_target(info)
            return used

    def waive(self, waiver: Waiver) -> None:
        """Keep a decision to believe expired metadata; every later decision names it."""
        with self._alone():
            self._keep(waiver)
            self._updater = None

    # Inside

    def _keep(self, waiver: Waiver) -> None:
        _log.warning("expired metadata of the index of %s is believed: %s", self.origin, waiver.words)
        document = {
            "reason": waiver.reason,
            "who": waiver.who,
            "at": waiver.at.isoformat(),
            "until": waiver.until.isoformat(),
        }
        write_whole(self.directory / _WAIVER, json.dumps(document).encode())

    @property
    def _base(self) -> str:
        return self._url or "local://index/"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, (self.directory / ".lock").open("w") as file:
            self._take_turn(file)
            if isinstance(self._fetcher, HttpFetcher):
                self._fetcher.restart(self._deadline)
            yield

    def _take_turn(self, file: IO[str]) -> None:
        until = time.monotonic() + self._deadline
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise IndexRefused(
                        "index-timeout",
                        f"another process holds {self.directory} for over {self._deadline:g} s: try again",
                    ) from error
                time.sleep(_TURN_SECONDS)

    def _http(self) -> FetcherInterface:
        client = self._client or httpx2.Client(trust_env=False)
        self._fetcher = HttpFetcher(client, self._deadline)
        return self._fetcher

    def _ready(self) -> TrustedUpdater:
        if self._updater is None:
            self._load()
        assert self._updater is not None
        return self._updater

    def _load(self) -> IndexState:
        if not (self.directory / "metadata" / "timestamp.json").exists():
            raise IndexRefused(
                "index-missing",
                f"nothing of the index of {self.origin} is on this machine: refresh it, or import an air-gap file",
            )
        return self._open(LocalFetcher(self.directory / "metadata"), waiver=self._waiver())

    def _open(self, fetcher: FetcherInterface, *, waiver: Waiver | None) -> IndexState:
        metadata, files = self.directory / "metadata", self.directory / "targets"
        metadata.mkdir(exist_ok=True)
        with refusing(self.origin):
            updater = TrustedUpdater(
                str(metadata),
                self._base,
                str(files),
                self._base + "targets/",
                fetcher=fetcher,
                config=UpdaterConfig(snapshot_max_length=_MAX_BYTES, targets_max_length=_MAX_BYTES),
                bootstrap=self._bootstrap,
            )
            if waiver is not None:
                updater.believe_at(waiver.at)
            updater.refresh()
            signed = updater.role(Targets.type, Root.type).unrecognized_fields.get(layout.ORIGIN_FIELD)
            state = updater.state(())
        if signed != self.origin:
            raise IndexRefused(
                "index-origin",
                f"this index was signed for {signed!r}, not for {self.origin!r}: the trust root names another "
                "registry's address or root",
            )
        seen = self._seen()
        if state.snapshot_version < seen.get("snapshot", 0) and state.root_version <= seen.get("root", 0):
            raise IndexRefused(
                "index-rollback",
                f"the index of {self.origin} shows snapshot {state.snapshot_version}; {seen['snapshot']} was seen "
                "before: it is not believed",
            )
        self._updater = updater
        self._remember({"root": state.root_version, "snapshot": state.snapshot_version})
        return state

    def _listings(self, name: PackName) -> dict[Version, Listing]:
        if name.origin != self.origin:
            raise IndexRefused(
                "index-origin", f"{name} is of {name.origin}; the index of {self.origin} says nothing about it"
            )
        updater = self._ready()
        with refusing(self.origin):
            signed = updater.walk(name)
            return read_listings(signed, name) if signed is not None else {}

    def _seen(self) -> dict[str, Any]:
        try:
            seen = json.loads((self.directory / _SEEN).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise IndexRefused(
                "index-malformed", f"{self.directory / _SEEN} cannot be read ({error}); restore it from a backup"
            ) from error
        return dict(seen)

    def _remember(self, facts: dict[str, Any]) -> None:
        seen = self._seen()
        if any(seen.get(key) != value for key, value in facts.items()):
            write_whole(self.directory / _SEEN, json.dumps({**seen, **facts}, sort_keys=True).encode())

    def _check_digest(self, release: Release, found: Listing) -> None:
        """A version that was once seen with another content is refused, even under valid signatures."""
        path = self.directory / "digests" / hashlib.sha256(str(release.name).encode()).hexdigest()
        known: dict[str, str] = json.loads(path.read_bytes()) if path.exists() else {}
        before = known.setdefault(str(release.version), found.digest)
        if before != found.digest:
            raise IndexRefused(
                "index-rollback",
                f"{release} was {before} when it was first seen here and is {found.digest} now: versions never "
                "change, so somebody altered the index; ask the registry's keepers before anything else",
            )
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or json.loads(path.read_bytes()) != known:
            write_whole(path, json.dumps(known, sort_keys=True).encode())

    def _waiver(self) -> Waiver | None:
        try:
            document = json.loads((self.directory / _WAIVER).read_bytes())
        except FileNotFoundError:
            return None
        waiver = Waiver(
            document["reason"],
            document["who"],
            datetime.fromisoformat(document["at"]),
            datetime.fromisoformat(document["until"]),
        )
        return waiver if datetime.now(UTC) < waiver.until else None


def _status(status: Status) -> Any:
    return status.value
