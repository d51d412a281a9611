"""What registries hold: indexes and packs, read in threads and kept as long as they are of use.

Nothing here decides. What cannot be reached is `Unreachable`, which is no denial; what came and is not what it must be
is `Refused`, with the code that says what is wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from seglam.packs.names import PackName, Release
from seglam.packs.problems import PackInvalid, TransportError
from seglam.packs.trust.roots import TrustRoot
from seglam.packs.versions import Version, VersionInvalid

if TYPE_CHECKING:  # their libraries are only loaded by who imports packs
    from seglam.packs.client import OciClient
    from seglam.packs.index.client import Index, IndexState
    from seglam.packs.pack import Pack
    from seglam.packs.trust.decision import IndexFacts

T = TypeVar("T")

MAX_PACKS = 16
"""Packs that are kept in memory, of at most 32 MiB each; usual ones have some KiB."""
MAX_KEPT_BYTES = 64 * 1024 * 1024
_OUT_OF_REACH = frozenset({"index-unreachable", "index-timeout", "index-missing"})


class Unreachable(Exception):
    """A source did not answer, or answered that it cannot now."""


class Refused(Exception):
    """What a source gave is not what it must be. `code` is stable kebab-case."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Listed:
    """What an index lists of a pack.

    Attributes:
        versions: each version, and whether it is neither yanked nor quarantined.
        snapshot: version of the index.
        expires: until when it holds.
        trouble: why it could not be refreshed just now, if it could not.
    """

    versions: Mapping[Version, bool]
    snapshot: int
    expires: datetime
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pack and the bundles that came with it."""

    pack: Pack
    bundles: tuple[bytes, ...]


class Registries:
    """Reads indexes and packs.

    Args:
        directory: where indexes keep what they have seen. It may be lost at a restart: the highest version of an index
            is also in the status of its TrustRoot.
    """

    def __init__(self, directory: Path, *, timeout: float = 15.0) -> None:
        self._directory = directory
        self._timeout = timeout
        self._indexes: dict[tuple[str, str, str, str], Index] = {}
        self._clients: dict[str, OciClient] = {}
        self._packs: OrderedDict[str, Pulled] = OrderedDict()
        self._locks: dict[tuple[str, str, str, str], asyncio.Lock] = {}

    async def listed(self, root: TrustRoot, name: PackName) -> Listed:
        """What the index of a trust root lists of a pack, refreshed if it can be.

        Raises:
            Unreachable: it cannot be asked, and nothing was seen of it here.
            Refused: what it says is not believed.
        """
        index = self._index(root, name.origin)
        return await self._locked(root, name.origin, lambda: _listed(index, name))

    async def refreshed(self, root: TrustRoot, origin: str) -> IndexState:
        """How new the index of an origin is, refreshed.

        Raises:
            Unreachable, Refused: as `listed`.
        """
        index = self._index(root, origin)
        return await self._locked(root, origin, lambda: _indexed(index.refresh))

    async def facts(self, root: TrustRoot, release: Release, seen: int) -> IndexFacts:
        """What the index says of a release. `seen` is the highest snapshot that was seen before this process began.

        Raises:
            Unreachable, Refused: as `listed`.
        """
        index = self._index(root, release.name.origin)
        facts = await self._locked(root, release.name.origin, lambda: _indexed(lambda: index.facts(release)))
        return replace(facts, highest_seen_version=max(facts.highest_seen_version, seen))

    async def tagged(self, url: str, name: PackName) -> Mapping[Version, bool]:
        """Versions by the tags of a registry, where a policy ignores the index."""
        client = self._client(url)
        tags = await asyncio.to_thread(_asked, lambda: client.tags(name))
        found = {}
        for tag in tags:
            try:
                found[Version.parse(tag)] = True
            except VersionInvalid:
                continue  # a tag of somebody else's making
        return found

    async def pull(self, url: str, name: PackName, reference: str) -> Pulled:
        """A pack by tag or digest, with the bundles that are there now; those that were there where nobody answers.

        Raises:
            Unreachable: the registry did not answer, and the pack is not here.
            Refused: it has no such pack, or what came is none.
        """
        client = self._client(url)
        kept = self._packs.get(reference)
        try:
            pulled = await asyncio.to_thread(_asked, lambda: _pulled(client, name, reference, kept))
        except Unreachable:
            if kept is None or kept.pack.release.name != name:
                raise
            return kept
        self._keep(pulled)
        return pulled

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _index(self, root: TrustRoot, origin: str) -> Index:
        from seglam.packs.index.client import Index

        if root.spec.tuf is None:
            raise Refused("index-missing", f"TrustRoot {root.name} has no tuf, and the policy requires an index")
        key = _key(root, origin)
        if key not in self._indexes:
            directory = self._directory / hashlib.sha256("\n".join(key).encode()).hexdigest()[:32]
            bootstrap = root.spec.tuf.root.encode()
            self._indexes[key] = Index(
                directory, root.spec.tuf.url, bootstrap, origin=origin, deadline=2 * self._timeout
            )
        return self._indexes[key]

    async def _locked(self, root: TrustRoot, origin: str, call: Callable[[], T]) -> T:
        """One caller at a time for each index: threads that only wait for another would be lost to others."""
        async with self._locks.setdefault(_key(root, origin), asyncio.Lock()):
            return await asyncio.to_thread(call)

    def _client(self, url: str) -> OciClient:
        from seglam.packs.client import OciClient

        if url not in self._clients:
            self._clients[url] = OciClient(url, timeout=self._timeout)
        return self._clients[url]

    def _keep(self, pulled: Pulled) -> None:
        self._packs[pulled.pack.digest] = pulled
        self._packs.move_to_end(pulled.pack.digest)
        while len(self._packs) > 1 and (len(self._packs) > MAX_PACKS or self._size() > MAX_KEPT_BYTES):
            self._packs.popitem(last=False)

    def _size(self) -> int:
        return sum(len(each.pack.content) + sum(map(len, each.bundles)) for each in self._packs.values())


def _key(root: TrustRoot, origin: str) -> tuple[str, str, str, str]:
    tuf = root.spec.tuf
    url, bootstrap = (tuf.url, tuf.root) if tuf is not None else ("", "")
    return root.name, origin, url, hashlib.sha256(bootstrap.encode()).hexdigest()


def _indexed(call: Callable[[], T]) -> T:
    from seglam.packs.index.errors import IndexRefused

    try:
        return call()
    except IndexRefused as problem:
        if problem.code in _OUT_OF_REACH:
            raise Unreachable(problem.words) from problem
        raise Refused(problem.code, problem.words) from problem


def _listed(index: Index, name: PackName) -> Listed:
    from seglam.packs.index.layout import Status

    trouble = None
    try:
        _indexed(index.refresh)
    except Unreachable as problem:
        trouble = str(problem)
    versions = _indexed(lambda: index.versions(name))
    # Facts of any release say how old the index is; this one need not be listed.
    facts = _indexed(lambda: index.facts(Release(name, Version(0, 0, 0))))
    usable = {each.version: each.status is Status.LISTED for each in versions}
    return Listed(usable, facts.snapshot_version, facts.expires, trouble)


def _pulled(client: OciClient, name: PackName, reference: str, kept: Pulled | None) -> Pulled:
    pack = kept.pack if kept is not None and kept.pack.release.name == name else client.pull(name, reference)
    return Pulled(pack, client.referrers(name, pack.digest))


def _asked(call: Callable[[], T]) -> T:
    try:
        return call()
    except PackInvalid as problem:
        raise Refused(problem.code, str(problem)) from problem
    except TransportError as problem:
        if problem.status == 404 or problem.code == "not-found":
            raise Refused("version-missing", problem.words) from problem
        raise Unreachable(problem.words) from problem
