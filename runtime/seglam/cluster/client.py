"""A small Kubernetes client: objects are dictionaries, calls have deadlines, refusals are typed errors."""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

import msgspec

from seglam.cluster.connection import Connection
from seglam.cluster.errors import Gone, NotFound, Unavailable
from seglam.cluster.kinds import Kind, path_of
from seglam.cluster.transport import DEADLINE, Counts, Transport

PAGE = 250
"""Objects of a page: small enough that a list of large objects never lies in memory twice."""
RELISTS = 3
_APPLY = "application/apply-patch+yaml"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}

Object = dict[str, Any]
PatchType = Literal["merge", "json", "strategic"]
Propagation = Literal["Background", "Foreground", "Orphan"]
T = TypeVar("T")


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    continuation: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None  # null for an empty list of metadata


_PAGE_DECODER = msgspec.json.Decoder(_Page)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Objects of a list, and the version from which a watch continues it."""

    items: list[T]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind: of one namespace or of all (None), by label and field selectors."""

    namespace: str | None = None
    labels: str = ""
    fields: str = ""

    def query(self) -> dict[str, str]:
        """The selectors as query parameters."""
        pairs = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: text for name, text in pairs.items() if text}


_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON may hold as they are, while YAML refuses them or takes them as line breaks."""


def decode(raw: bytes) -> Object:
    """An object as a dictionary."""
    value: Object = msgspec.json.decode(raw)
    return value


def yaml_safe(body: Any) -> bytes:
    """JSON that means the same to a YAML reader, which is what the API server reads an apply with.

    Characters beyond U+FFFF stand as they are: YAML refuses the surrogates by which JSON would escape them.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _read(call: str, decoder: Callable[[bytes], T], body: bytes) -> T:
    """The answer as `decoder` reads it. Something between us and the API server may answer in its place."""
    try:
        return decoder(body)
    except msgspec.DecodeError as error:
        raise Unavailable(0, "BadAnswer", f"the answer is not the API server's: {error}", call) from error


class Client:
    """Reads and writes objects. Use as an asynchronous context manager, or call `close`.

    All methods raise `ClusterError`s. `deadline` is in seconds, over all attempts; None takes the client's.

    Args:
        may_write: asked right before each request that changes something is sent; where it says no, `Fenced` is raised.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        agent: str = "seglam",
        deadline: float = DEADLINE,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self.connection = connection
        self.transport = Transport(connection, agent=agent, deadline=deadline, may_write=may_write)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. End watches first: a stream that is closed under its reader never ends."""
        await self.transport.close()

    @property
    def counts(self) -> Counts:
        """How many requests were sent, tried again, and failed."""
        return self.transport.counts

    async def get(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str = "",
        deadline: float | None = None,
    ) -> Object:
        """One object. `NotFound` if there is none."""
        path = path_of(kind, namespace, name, subresource)
        return _read(path, decode, await self.transport.call("GET", path, repeatable=True, deadline=deadline))

    async def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None if there is none."""
        try:
            return await self.get(kind, name, namespace)
        except NotFound:
            return None

    async def raw(self, path: str, *, deadline: float | None = None) -> bytes:
        """What the API server serves at a path that is no object, such as `/version` or `/openid/v1/jwks`."""
        return await self.transport.call("GET", path, accept="*/*", repeatable=True, deadline=deadline)

    async def pages(
        self,
        kind: Kind,
        selection: Selection | None = None,
        *,
        decoder: Callable[[bytes], T],
        metadata_only: bool = False,
        limit: int = PAGE,
        deadline: float | None = None,
    ) -> AsyncIterator[Listing[T]]:
        """The objects, page by page; all pages are of one version. `Gone` if the version ended on the way.

        `metadata_only` fetches metadata without spec and status. `deadline` is that of one page.
        """
        selection = selection or Selection()
        query = selection.query() | {"limit": str(limit)}
        path = path_of(kind, selection.namespace)
        accept = _METADATA_LIST if metadata_only else "application/json"
        while True:
            body = await self.transport.call(
                "GET", path, query=query, accept=accept, repeatable=True, deadline=deadline
            )
            page = _read(path, _PAGE_DECODER.decode, body)
            # Raw values are views that would keep the whole page alive: decoders copy what they need.
            yield Listing([decoder(bytes(item)) for item in page.items or ()], page.metadata.resource_version)
            if not page.metadata.continuation:
                return
            query = query | {"continue": page.metadata.continuation}

    @overload
    async def list(
        self,
        kind: Kind,
        selection: Selection | None = None,
        *,
        metadata_only: bool = False,
        limit: int = PAGE,
        deadline: float | None = None,
    ) -> Listing[Object]: ...

    @overload
    async def list(
        self,
        kind: Kind,
        selection: Selection | None = None,
        *,
        decoder: Callable[[bytes], T],
        metadata_only: bool = False,
        limit: int = PAGE,
        deadline: float | None = None,
    ) -> Listing[T]: ...

    async def list(
        self,
        kind: Kind,
        selection: Selection | None = None,
        *,
        decoder: Callable[[bytes], Any] = decode,
        metadata_only: bool = False,
        limit: int = PAGE,
        deadline: float | None = None,
    ) -> Listing[Any]:
        """All objects, as of one version. Begins again where the version ended on the way."""
        for attempt in range(RELISTS):
            items: builtins.list[Any] = []
            version = ""
            try:
                async for page in self.pages(
                    kind, selection, decoder=decoder, metadata_only=metadata_only, limit=limit, deadline=deadline
                ):
                    items += page.items
                    version = page.resource_version
                return Listing(items, version)
            except Gone:
                if attempt == RELISTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def create(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        name: str = "",
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        deadline: float | None = None,
    ) -> Object:
        """A new object; `AlreadyExists` if there is one of its name.

        `name` with `subresource` creates in an object, such as a token of a service account. A call whose answer is
        lost is not repeated, since the object may exist by then.
        """
        namespace = (body.get("metadata") or {}).get("namespace")
        return await self._write(
            "POST", path_of(kind, namespace, name, subresource), body, "application/json", manager, dry_run, deadline
        )

    async def replace(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        deadline: float | None = None,
    ) -> Object:
        """Replaces a whole object; `Conflict` unless its `resourceVersion`, where stated, is the current one."""
        meta = body["metadata"]
        path = path_of(kind, meta.get("namespace"), meta["name"], subresource)
        return await self._write("PUT", path, body, "application/json", manager, dry_run, deadline)

    async def apply(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = True,
        subresource: str = "",
        dry_run: bool = False,
        deadline: float | None = None,
    ) -> Object:
        """Server-side apply: `manager` owns exactly the fields of `body`, and those it no longer names go.

        Without `force`, `Conflict` where another manager owns a field with another value. A field that the kind does
        not have is `Invalid`. The call may be repeated: it says what shall be, not what shall happen.
        """
        meta = body["metadata"]
        path = path_of(kind, meta.get("namespace"), meta["name"], subresource)
        more = {"force": "true" if force else "false"}
        # A stated version makes a repeated call conflict with itself.
        repeatable = "resourceVersion" not in meta
        return await self._write("PATCH", path, body, _APPLY, manager, dry_run, deadline, more, repeatable)

    async def patch(
        self,
        kind: Kind,
        name: str,
        body: Any,
        namespace: str | None = None,
        *,
        type: PatchType = "merge",
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        deadline: float | None = None,
    ) -> Object:
        """Changes part of an object by a merge patch, a JSON patch (a list of operations) or a strategic one."""
        path = path_of(kind, namespace, name, subresource)
        return await self._write("PATCH", path, body, _PATCHES[type], manager, dry_run, deadline)

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
        grace: int | None = None,
        dry_run: bool = False,
        deadline: float | None = None,
    ) -> bool:
        """Deletes an object; False if there is none. `uid` and `resource_version` are preconditions: `Conflict`
        where the object is another.
        """
        stated = {"uid": uid, "resourceVersion": resource_version}
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if preconditions := {key: value for key, value in stated.items() if value is not None}:
            options["preconditions"] = preconditions
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if dry_run:
            options["dryRun"] = ["All"]
        path = path_of(kind, namespace, name)
        try:
            await self.transport.call(
                "DELETE", path, body=msgspec.json.encode(options), repeatable=True, deadline=deadline
            )
        except NotFound:
            return False
        return True

    async def _write(
        self,
        method: str,
        path: str,
        body: Any,
        content_type: str,
        manager: str,
        dry_run: bool,
        deadline: float | None,
        more: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Object:
        # Unknown fields are refused, not dropped without a word. Apply refuses them by itself.
        query = {} if content_type == _APPLY else {"fieldValidation": "Strict"}
        query |= {"fieldManager": manager} if manager else {}
        query |= {"dryRun": "All"} if dry_run else {}
        answer = await self.transport.call(
            method,
            path,
            query=query | dict(more or {}),
            body=yaml_safe(body) if content_type == _APPLY else msgspec.json.encode(body),
            content_type=content_type,
            repeatable=repeatable,
            deadline=deadline,
        )
        return _read(path, decode, answer)
