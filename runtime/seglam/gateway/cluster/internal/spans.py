"""Spans of compile Jobs on their way to the collector, which the Jobs' pods do not reach.

What a Job sends is its own word. It may speak of its compilation's trace only, so that it can add to the trace of the
request that it was made for and to no other.
"""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from seglam.gateway.cluster.internal.forwarding import Forwarded
from seglam.telemetry import Collector, SpanReference
from seglam.web import Problem

MEDIA = "application/x-protobuf"
MAX_SPANS = 1 << 20
"""Bytes of one call."""
CALL_S = 5.0


class Spans:
    """Passes spans on.

    Args:
        collector: where they go; None if nothing is exported.
        traceparent: of a compilation, by tenant and name; None for one that is not traced.
    """

    def __init__(
        self,
        collector: Collector | None,
        traceparent: Callable[[str, str], str | None],
        session: aiohttp.ClientSession,
    ) -> None:
        self._collector = collector
        self._traceparent = traceparent
        self._session = session

    async def take(self, tenant: str, name: str, media: str, body: bytes) -> Forwarded:
        """Pass on what a Job recorded of its compilation.

        Raises `Problem`: 404 where nothing is exported, 400 or 413 for what is no bounded OTLP, 403 for another trace.
        """
        allowed = SpanReference.parse(self._traceparent(tenant, name))
        if self._collector is None or allowed is None:
            raise Problem(404, "not-traced", "this compilation is not traced")
        if media.partition(";")[0].strip() != MEDIA:
            raise Problem(400, "bad-spans", f"send {MEDIA}")
        if len(body) > MAX_SPANS:
            raise Problem(413, "body-too-large", f"the body is larger than {MAX_SPANS} bytes")
        if not traces_of(body) <= {allowed.trace_id}:
            raise Problem(403, "not-your-trace", "a Job may record spans of its compilation's trace only")
        headers = {**self._collector.headers, "Content-Type": MEDIA}
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        try:
            async with self._session.post(
                self._collector.traces, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return await Forwarded.read(response, MAX_SPANS)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Problem(502, "collector", f"the collector cannot be reached: {type(error).__name__}") from error


def traces_of(body: bytes) -> set[str]:
    """The trace ids of the spans in an export request. `Problem` 400 if it is none."""
    try:
        found = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise Problem(400, "bad-spans", "the body is no ExportTraceServiceRequest") from None
    spans = (span for resource in found.resource_spans for scope in resource.scope_spans for span in scope.spans)
    return {span.trace_id.hex() for span in spans}
