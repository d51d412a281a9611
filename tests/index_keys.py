"""Indexes for tests: made with real keys by the same ceremony as in docs/keys.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol
from urllib.parse import unquote, urlsplit

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from seglam.packs.index.ceremony import draft_root, draft_targets, sign
from seglam.packs.index.keys import KeyRing
from seglam.packs.index.layout import Listing, Status
from seglam.packs.index.repository import Clock, Lifetimes, Repository, utc_now
from seglam.packs.index.storage import MemoryStorage, Storage
from seglam.packs.versions import Version

ORIGIN = "registry.acme.example"


@dataclass
class Keys:
    """Private keys by role; two for root, whose threshold is two."""

    root: list[CryptoSigner] = field(default_factory=lambda: [CryptoSigner.generate_ed25519() for _ in range(2)])
    targets: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    snapshot: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    timestamp: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    packs: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)

    def online(self) -> KeyRing:
        return KeyRing([self.snapshot, self.timestamp, self.packs])


def later(days: float = 365) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def first_root(keys: Keys, *, expires: datetime | None = None) -> bytes:
    """A root of two of two keys."""
    root = draft_root(
        None,
        expires=expires or later(),
        add={
            "root": [signer.public_key for signer in keys.root],
            "targets": [keys.targets.public_key],
            "snapshot": [keys.snapshot.public_key],
            "timestamp": [keys.timestamp.public_key],
        },
        thresholds={"root": 2},
    )
    for signer in keys.root:
        root = sign(root, signer)
    return root


def first_targets(keys: Keys, root: bytes, *, origin: str = ORIGIN, files: Mapping[str, bytes] | None = None) -> bytes:
    targets = draft_targets(
        None, origin=origin, expires=later(), packs_keys=[keys.packs.public_key], files=dict(files or {})
    )
    return sign(targets, keys.targets, root=root)


def make(
    keys: Keys | None = None,
    *,
    storage: Storage | None = None,
    origin: str = ORIGIN,
    files: Mapping[str, bytes] | None = None,
    clock: Clock = utc_now,
    lifetimes: Lifetimes | None = None,
) -> tuple[Repository, Keys, bytes]:
    """A repository that is set up, its keys, and its first root."""
    keys = keys or Keys()
    root = first_root(keys)
    repository = Repository(
        storage if storage is not None else MemoryStorage(),
        keys.online(),
        origin=origin,
        clock=clock,
        lifetimes=lifetimes,
    )
    repository.install(roots=[root], targets=first_targets(keys, root, origin=origin, files=files), files=files)
    return repository, keys, root


def listing(version: str, *, digest: str | None = None, status: Status = Status.LISTED) -> Listing:
    """A version whose digest is told by its number unless given."""
    return Listing(
        Version.parse(version),
        digest or "sha256:" + sha256(version.encode()).hexdigest(),
        700,
        status,
        "2026-11-21T15:00:00Z",
    )


class StorageFetcher(FetcherInterface):
    """Serves a storage as a registry does, or as somebody in the way would: by an earlier copy, or with files replaced.

    `storage` may be exchanged at any time; `replaced` maps names below the base to other bytes, None to nothing.
    """

    def __init__(self, storage: MemoryStorage) -> None:
        self.storage = storage
        self.replaced: dict[str, bytes | None] = {}
        self.asked: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = urlsplit(url).path.removeprefix("/")
        self.asked.append(name)
        body = self.replaced[name] if name in self.replaced else self._read(name)
        if body is None:
            raise DownloadHTTPError(f"{name} is not here", 404)
        return iter([body])

    def _read(self, name: str) -> bytes | None:
        folder, _, file = name.rpartition("/")
        head, _, rest = file.partition(".")
        if folder:
            return self.storage.file(rest, head)
        if name == "timestamp.json":
            return self.storage.latest("timestamp")
        return self.storage.read(unquote(rest.removesuffix(".json")), int(head))


class Served(Protocol):
    """Files of an index, as a registry has them."""

    def metadata(self, name: str) -> bytes | None: ...

    def target(self, path: str) -> bytes | None: ...


class FilesFetcher(FetcherInterface):
    """Serves what a registry would over HTTP; `replaced` as in StorageFetcher."""

    def __init__(self, files: Served, replaced: Mapping[str, bytes | None] | None = None) -> None:
        self._files = files
        self._replaced = dict(replaced or {})

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = urlsplit(url).path.removeprefix("/")
        if name in self._replaced:
            body = self._replaced[name]
        elif name.startswith("targets/"):
            body = self._files.target(name.removeprefix("targets/"))
        else:
            body = self._files.metadata(name)
        if body is None:
            raise DownloadHTTPError(f"{name} is not here", 404)
        return iter([body])
