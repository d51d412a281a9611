"""What the feeds keep of Kubernetes objects: as little as is needed, decoded from the bytes that arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from seglam.procedures.document import Spec
from seglam.procedures.revision import Revision
from seglam.resources.names import ANNOTATION_ACTIVATION, ANNOTATION_TRACEPARENT, DEFAULT_POOL, LABEL_POOL
from seglam.sandbox import Address
from seglam.telemetry import SpanReference

SERVICE_NAME = "kubernetes.io/service-name"
RUNNER_PORT = 8443


class _Meta(msgspec.Struct):
    namespace: str
    name: str
    resource_version: str = msgspec.field(name="resourceVersion", default="0")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _RevisionSpec(msgspec.Struct):
    procedure: str
    digest: str
    document: msgspec.Raw


class _Revision(msgspec.Struct):
    metadata: _Meta
    spec: _RevisionSpec


class _Conditions(msgspec.Struct):
    ready: bool | None = None
    serving: bool | None = None


class _Endpoint(msgspec.Struct):
    addresses: list[str] = []
    conditions: _Conditions = msgspec.field(default_factory=_Conditions)


class _Port(msgspec.Struct):
    name: str | None = None
    port: int | None = None


class _Slice(msgspec.Struct):
    metadata: _Meta
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


_REVISION = msgspec.json.Decoder(_Revision)
_SLICE = msgspec.json.Decoder(_Slice)


@dataclass(slots=True)
class Announced:
    """An active revision as it was heard of. `content` is its document's text until somebody has read it; `compiled`
    and `activated` are the spans in which it was."""

    procedure: str
    digest: str
    pool: str
    version: int
    content: bytes | Revision
    compiled: SpanReference | None = None
    activated: SpanReference | None = None

    def revision(self) -> Revision:
        """The revision, read once. `ValueError` if it is no document that this release knows."""
        if isinstance(self.content, bytes):
            self.content = Revision(self.procedure, Spec.model_validate_json(self.content), self.digest)
        return self.content


def announced(raw: bytes, known: Callable[[str, str], Revision | None] = lambda _, __: None) -> Announced:
    """A ProcedureRevision. One that is `known` (by tenant and digest) is not read again."""
    found = _REVISION.decode(raw)
    meta, spec = found.metadata, found.spec
    before = known(meta.namespace, spec.digest)
    content = before if before is not None and before.name == spec.procedure else bytes(spec.document)
    version = int(meta.resource_version) if meta.resource_version.isdecimal() else 0
    pool, notes = meta.labels.get(LABEL_POOL, DEFAULT_POOL), meta.annotations
    compiled = SpanReference.parse(notes.get(ANNOTATION_TRACEPARENT))
    activated = SpanReference.parse(notes.get(ANNOTATION_ACTIVATION))
    return Announced(spec.procedure, spec.digest, pool, version, content, compiled, activated)


@dataclass(frozen=True, slots=True)
class Slice:
    """Addresses of one EndpointSlice: of pods that are ready, and of those that end but still answer."""

    pool: str
    ready: tuple[Address, ...]
    leaving: tuple[Address, ...]


def endpoint_slice(raw: bytes) -> Slice:
    """An EndpointSlice of runners."""
    found = _SLICE.decode(raw)
    port = _port(found.ports or [])
    ready: list[Address] = []
    leaving: list[Address] = []
    for endpoint in found.endpoints or []:
        if endpoint.conditions.ready in (True, None):  # unknown is to be taken as ready
            ready += [Address(address, port) for address in endpoint.addresses]
        elif endpoint.conditions.serving:
            leaving += [Address(address, port) for address in endpoint.addresses]
    return Slice(_pool(found.metadata.labels), tuple(ready), tuple(leaving))


def _pool(labels: Mapping[str, str]) -> str:
    return labels.get(SERVICE_NAME) or labels.get(LABEL_POOL, DEFAULT_POOL)


def _port(ports: list[_Port]) -> int:
    """The port of runs: the only one, or the usual one where a Service names several."""
    numbers = [each.port for each in ports if each.port is not None]
    return numbers[0] if len(numbers) == 1 else RUNNER_PORT
