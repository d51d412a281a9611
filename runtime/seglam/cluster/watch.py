"""A cache of one kind's objects that a watch keeps fresh.

A list in pages fills it, a watch from that version keeps it. The API server sends bookmarks about once a minute, so
longer silence is a dead connection. A version that the server no longer keeps is listed again and swapped in whole: no
reader ever sees a half-filled cache. Where the API server is away, what is known stays and `age` grows.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from seglam.cluster.changes import Change, Entry, Key, Type, difference, disagreement
from seglam.cluster.client import PAGE, Client, Selection
from seglam.cluster.errors import ClusterError, ConfigurationError, Gone, Unauthorized
from seglam.cluster.kinds import Kind, path_of

SILENCE = 75.0
"""Seconds without a word after which a connection is dead: bookmarks come every 60."""
CROSS_CHECK = 300.0
"""Seconds between two comparisons of the cache with a list of names and versions."""
SETTLE = 10.0
"""Seconds that a difference must last: what is on its way arrives within milliseconds."""
FIRST_DELAY = 0.2
MAX_DELAY = 10.0
LIST_DEADLINE = 60.0

T = TypeVar("T")
Handler = Callable[[Sequence[Change[T]]], None]

_log = logging.getLogger(__name__)


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    version: str = msgspec.field(name="resourceVersion", default="")


class _Head(msgspec.Struct):
    metadata: _Meta


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Problem(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_EVENT = msgspec.json.Decoder(_Event)
_PROBLEM = msgspec.json.Decoder(_Problem)


class Watch(Generic[T]):
    """Keeps the objects of a kind, each decoded by `decoder`; run it as a task until it is cancelled.

    `handler` gets all changes, in batches and on the event loop: do little, or hand them on. What it raises ends
    `run`. An object that `decoder` refuses (by ValueError, as pydantic does, or an error of msgspec) is not kept, also
    not in its older version; `refused` has its key and version.

    Attributes, all to be read only: `synced` is set after the first complete list; `lists`, `events`, `reconnects` and
    `drifted` count; `last_error` says why the connection is down and is None while it is up.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        decoder: Callable[[bytes], T],
        *,
        selection: Selection | None = None,
        handler: Handler[T] | None = None,
        limit: int = PAGE,
        silence: float = SILENCE,
        cross_check: float = CROSS_CHECK,
        settle: float = SETTLE,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self.lists = self.events = self.reconnects = self.drifted = 0
        self.refused: dict[Key, str] = {}
        self.last_error: str | None = None
        self._client = client
        self._decoder = decoder
        self._selection = selection or Selection()
        self._handler = handler
        self._limit = limit
        self._silence = silence
        self._cross_check = cross_check
        self._settle = settle
        self._entries: dict[Key, Entry[T]] = {}
        self._version = ""
        self._fresh_token = False
        self._delay = FIRST_DELAY
        self._heard = time.monotonic()
        self._stream: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since the API server was last heard: how old the cache may be."""
        return time.monotonic() - self._heard

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        """The objects as of now; later changes do not reach the iterator."""
        return iter([entry.value for entry in self._entries.values()])

    def get(self, namespace: str, name: str) -> T | None:
        """The object of a name, if it is known."""
        entry = self._entries.get(Key(namespace, name))
        return entry.value if entry else None

    @property
    def entries(self) -> Mapping[Key, Entry[T]]:
        """All objects with their versions. A list that is swapped in makes a new mapping."""
        return self._entries

    async def run(self) -> None:
        """Follow the API server until cancelled. Its failures are waited out, with growing pauses."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._compare())

    async def _follow(self) -> None:
        while True:
            taken = self.events
            try:
                if not self._version:
                    await self._list()
                await self._watch_until_stopped()
                if self.events == taken:  # a stream that ends at once must not become a busy loop
                    await self._pause()
            except Gone as error:
                _log.info("watch of %s: %s; listing again", self.kind.plural, error.message)
                self._version = ""
            except (ClusterError, ConfigurationError, msgspec.DecodeError) as error:
                self._fresh_token = isinstance(error, Unauthorized)
                if self.last_error is None:
                    _log.warning("watch of %s is down: %s", self.kind.plural, error)
                self.last_error = str(error)
                await self._pause()
            self.reconnects += 1

    async def _pause(self) -> None:
        await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))
        self._delay = min(self._delay * 2, MAX_DELAY)

    async def _list(self) -> None:
        """Fill a new cache page by page and put it in the old one's place at once."""
        refused: dict[Key, str] = {}
        listing = await self._client.list(
            self.kind,
            self._selection,
            decoder=lambda raw: self._entry(raw, refused),
            limit=self._limit,
            deadline=LIST_DEADLINE,
        )
        fresh = {entry.key: entry for entry in listing.items if entry is not None}
        changes = list(difference(self._entries, fresh))
        self._entries, self._version, self.refused = fresh, listing.resource_version, refused
        self.lists += 1
        self._heard_now()
        self._tell(changes)
        self.synced.set()

    async def _watch_until_stopped(self) -> None:
        """Watch until the stream ends, or until the cross-check stops it."""
        self._stream = asyncio.create_task(self._watch())
        try:
            await asyncio.wait([self._stream])
        finally:
            self._stream.cancel()
            await asyncio.gather(self._stream, return_exceptions=True)
        if not self._stream.cancelled():
            self._stream.result()

    async def _watch(self) -> None:
        """Take in events until the API server ends the stream, as it does every few minutes."""
        query = self._selection.query() | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            # Spread, so that the watches of many clients do not end at one moment.
            "timeoutSeconds": str(random.randint(240, 300)),
        }
        path = path_of(self.kind, self._selection.namespace)
        buffer = bytearray()
        async with self._client.transport.stream(
            path, query=query, silence=self._silence, fresh=self._fresh_token
        ) as stream:
            self._fresh_token = False
            self._heard_now()
            async for chunk in stream.iter_any():
                self._heard_now()
                searched = len(buffer)
                buffer += chunk
                end = buffer.rfind(b"\n", searched)
                if end >= 0:
                    lines = bytes(buffer[:end]).split(b"\n")
                    del buffer[: end + 1]
                    self._take(lines)

    def _take(self, lines: Sequence[bytes]) -> None:
        """Carry out the events of some lines. `Gone` where the server has forgotten the version."""
        changes: list[Change[T]] = []
        try:
            for line in lines:
                if line:
                    self._event(_EVENT.decode(line), changes)
        finally:
            self._tell(changes)

    def _event(self, event: _Event, changes: list[Change[T]]) -> None:
        raw = bytes(event.object)
        if event.type == "ERROR":
            problem = _PROBLEM.decode(raw)
            error = Gone if problem.code == 410 else ClusterError
            raise error(problem.code, problem.reason, problem.message, f"watch of {self.kind.plural}")
        meta = _HEAD.decode(raw).metadata
        self.events += 1
        self._delay = FIRST_DELAY
        if event.type != "BOOKMARK":
            key = Key(meta.namespace, meta.name)
            old = self._entries.get(key)
            self.refused.pop(key, None)
            new = None if event.type == "DELETED" else self._entry(raw, self.refused)
            if new is not None:
                self._entries[key] = new
                kind = Type.CHANGED if old else Type.ADDED
                changes.append(Change(kind, key, old.value if old else None, new.value))
            elif old is not None:
                del self._entries[key]
                changes.append(Change(Type.DELETED, key, old.value, None))
        self._version = meta.version

    def _entry(self, raw: bytes, refused: dict[Key, str]) -> Entry[T] | None:
        meta = _HEAD.decode(raw).metadata
        key = Key(meta.namespace, meta.name)
        try:
            value = self._decoder(raw)
        except (ValueError, msgspec.MsgspecError) as error:
            _log.error("%s %s/%s cannot be read: %s", self.kind.kind, *key, error)
            refused[key] = meta.version
            return None
        return Entry(key, meta.uid, meta.version, value)

    def _tell(self, changes: Sequence[Change[T]]) -> None:
        if changes and self._handler is not None:
            self._handler(changes)

    def _heard_now(self) -> None:
        self._heard = time.monotonic()
        if self.last_error is not None:
            _log.info("watch of %s is up again", self.kind.plural)
            self.last_error = None

    async def _compare(self) -> None:
        """Compare names and versions with the API server's now and then: a watch that lies must not go unseen."""
        while True:
            await asyncio.sleep(self._cross_check * random.uniform(0.9, 1.1))
            try:
                lasting = await self._lasting_difference()
            except (ClusterError, ConfigurationError, msgspec.DecodeError) as error:
                _log.info("cross-check of %s was not possible: %s", self.kind.plural, error)
                continue
            if lasting:
                self.drifted += len(lasting)
                shown = ", ".join(f"{key.namespace}/{key.name}" for key in list(lasting)[:5])
                _log.error("the watch of %s missed changes of %s; listing again", self.kind.plural, shown)
                self._version = ""
                if self._stream is not None:
                    self._stream.cancel()

    async def _lasting_difference(self) -> set[Key]:
        """Objects that differ from the server's list, now and after a while, by the same version."""
        first = await self._disagreement()
        if not first:
            return set()
        await asyncio.sleep(self._settle)
        second = await self._disagreement()
        return {key for key, version in first.items() if key in second and second[key] == version}

    async def _disagreement(self) -> dict[Key, str | None]:
        listing = await self._client.list(
            self.kind, self._selection, decoder=_HEAD.decode, metadata_only=True, limit=1000, deadline=LIST_DEADLINE
        )
        listed = {Key(head.metadata.namespace, head.metadata.name): head.metadata.version for head in listing.items}
        known = {key: entry.resource_version for key, entry in self._entries.items()} | self.refused
        return disagreement(known, listed)
