"""One other origin as this registry sees it: its packs, its index and its feed of changes, over guarded HTTP.

Addresses are configured, never taken from an answer: https and public addresses only unless private ones are allowed
(then http too), redirects stay at the host, a name is resolved once and the connection goes to the address that was
checked. What an origin calls its packs is not believed: names come from the pack's own bytes and its signed index.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

from seglam.packs import strictjson
from seglam.packs.client import OciClient
from seglam.packs.files import write_whole
from seglam.packs.index.client import Index
from seglam.packs.layout import Packed
from seglam.packs.names import NameInvalid, PackName
from seglam.packs.problems import PackInvalid, TransportError
from seglam.packs.transport import Settings as HttpSettings
from seglam.packs.transport import Transport
from seglam.packs.versions import Version, VersionInvalid

_log = logging.getLogger(__name__)

MAX_METADATA = 16_000_000
MAX_PAGE = 4 * 1024 * 1024
PAGE = 500
_SECONDS, _TOTAL = 10.0, 120.0
_METADATA_TOTAL = 30.0
"""Seconds for a file of metadata or a page of changes, which others wait for."""


@dataclass(frozen=True)
class Change:
    """An entry of the origin's feed that is about a version."""

    serial: int
    kind: str
    name: PackName
    version: Version


@dataclass(frozen=True)
class Page:
    """Entries after some serial. `next` is the serial up to which was read, `last` the feed's end."""

    changes: tuple[Change, ...]
    next: int
    last: int


class Upstream:
    """An origin's registry, or a mirror of it, by its address.

    Args:
        url: `https://HOST[:PORT]`, without path.
        directory: what is remembered of its index. A file `root.json` in it is the root that is believed.
        allow_private: whether the address may be private, and http.
        pinned: `sha256:` of the first root, which is fetched then; any other is refused.
        first_use: believe whatever root comes first, once and for good, where none is there or pinned.

    Raises:
        ValueError: the address is none, or http without `allow_private`.
    """

    def __init__(
        self,
        origin: str,
        url: str,
        directory: Path,
        *,
        allow_private: bool = False,
        pinned: str | None = None,
        first_use: bool = False,
    ) -> None:
        if urlsplit(url).scheme != "https" and not allow_private:
            raise ValueError(f"the mirror of {origin} would be asked at {url} without TLS: give an https address")
        self.origin = origin
        self.url = url
        self._directory = directory
        self._pinned = pinned
        self._first_use = first_use
        http = HttpSettings(public_only=not allow_private, timeout=_SECONDS, total=_METADATA_TOTAL, attempts=2)
        self._http = Transport(url, http)
        self._packs = OciClient(url, public_only=not allow_private, timeout=_SECONDS, total=_TOTAL)
        self._index: Index | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._packs.close()

    def index(self) -> Index:
        """Its index, from the root that is believed.

        Raises:
            TransportError: the first root cannot be fetched, is not the pinned one, or nobody said that it is right.
        """
        if self._index is None:
            root = self._directory / "root.json"
            if not root.exists():
                answer = self._http.get(f"/tuf/{self.origin}/1.root.json", MAX_METADATA)
                if answer.status != 200:
                    raise TransportError("index", f"{self.url} has no index of {self.origin} (status {answer.status})")
                self._check(f"sha256:{hashlib.sha256(answer.body).hexdigest()}", root)
                write_whole(root, answer.body)
            self._index = Index(
                self._directory,
                f"{self.url.rstrip('/')}/tuf/{self.origin}/",
                root.read_bytes(),
                origin=self.origin,
                fetcher=_Fetcher(self._http),
            )
        return self._index

    def _check(self, digest: str, root: Path) -> None:
        """Whether a first root may be believed; `TransportError` with its digest if nobody said so."""
        if self._pinned is not None:
            if digest != self._pinned:
                words = f"the first root of {self.origin} at {self.url} is {digest}, and {self._pinned} was pinned"
                raise TransportError("index-root", words)
            return
        if not self._first_use:
            raise TransportError(
                "index-root",
                f"nobody said that the first root of {self.origin} at {self.url}, {digest}, is the right one: compare "
                f"it with what its keepers publish, then write {self.origin}={self.url}#{digest} in "
                "SEGLAM_REGISTRY_MIRROR_OF, or set SEGLAM_REGISTRY_MIRROR_TRUST_ON_FIRST_USE=1 to believe what comes",
            )
        _log.warning(
            "the first root of %s that %s gives is believed from now on, unseen: %s; compare it with what its keepers "
            "publish, or pin it (it is kept at %s)",
            self.origin,
            self.url,
            digest,
            root,
        )

    def pull(self, name: PackName, digest: str) -> Packed:
        """A pack by its digest with its bundles; every blob is hashed.

        Raises:
            TransportError, PackInvalid: it cannot be had, or is another one.
        """
        pack = self._packs.pull(name, digest)
        return Packed(pack, self._packs.referrers(name, digest))

    def bundles(self, name: PackName, digest: str) -> tuple[bytes, ...]:
        """The bundles of a pack as they are now."""
        return self._packs.referrers(name, digest)

    def changes(self, since: int) -> Page:
        """What changed after a serial, at most a page of it. Entries of other origins and of no version are left out.

        Raises:
            TransportError: it cannot be had, or is no feed.
        """
        answer = self._http.get(f"/api/v1/changes?since={since}&limit={PAGE}", MAX_PAGE, accept="application/json")
        if answer.status != 200:
            raise TransportError(
                "changes", f"{self.url} gives no changes (status {answer.status})", status=answer.status
            )
        try:
            document = strictjson.read(answer.body, "changes", limit=MAX_PAGE)
            following, last = int(document["next"]), int(document["last"])
            found = tuple(change for item in document["items"] if (change := self._change(item)) is not None)
        except (PackInvalid, KeyError, TypeError, ValueError) as error:
            raise TransportError("changes", f"{self.url} answers with something that is no feed: {error}") from error
        if following < since or any(not since < change.serial <= following for change in found):
            raise TransportError("changes", f"{self.url} numbers its changes backwards")
        return Page(found, following, last)

    def _change(self, item: Any) -> Change | None:
        if item.get("version") is None:
            return None
        try:
            name, version = PackName.parse(item["name"]), Version.parse(item["version"])
        except (NameInvalid, VersionInvalid) as error:
            raise ValueError(f"a change names {item['name']!r} {item['version']!r}: {error}") from error
        return Change(int(item["serial"]), str(item["kind"]), name, version) if name.origin == self.origin else None


class _Fetcher(FetcherInterface):
    """python-tuf's requests by the guarded transport."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            answer = self._http.get(url, MAX_METADATA)
        except TransportError as error:
            kind = SlowRetrievalError if error.code == "timeout" else DownloadError
            raise kind(error.words) from error
        if answer.status != 200:
            raise DownloadHTTPError(f"{url}: status {answer.status}", answer.status)
        return iter([answer.body])
