"""Spans of compile Jobs on their way to the collector: of their own trace, bounded, and to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from seglam.gateway.cluster.internal.spans import MAX_SPANS, MEDIA, Spans
from seglam.telemetry.collector import Collector
from seglam.web import Problem

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def body(*traces: str) -> bytes:
    """An export of one span in each trace."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for trace in traces:
        scope.spans.add(trace_id=bytes.fromhex(trace), span_id=b"12345678", name="seglam.compile")
    return bytes(request.SerializeToString())


def taken(
    content: bytes, media: str = MEDIA, known: Callable[[str, str], str | None] = lambda *_: PARENT
) -> list[tuple[str, bytes]]:
    """What a collector received, with the header that it asks for."""
    got: list[tuple[str, bytes]] = []

    async def receive(request: web.Request) -> web.Response:
        got.append((request.headers.get("X-Key", ""), await request.read()))
        return web.Response()

    async def run() -> None:
        application = web.Application()
        application.add_routes([web.post("/v1/traces", receive)])
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as session:
                where = Collector(f"http://127.0.0.1:{runner.addresses[0][1]}", {"X-Key": "k"})
                await Spans(where, known, session).take("tests", "rpc-1", media, content)
        finally:
            await runner.cleanup()

    asyncio.run(run())
    return got


def test_spans_of_the_compilations_trace_go_on_with_the_gateways_own_headers() -> None:
    assert taken(body(TRACE, TRACE)) == [("k", body(TRACE, TRACE))]


@pytest.mark.parametrize(
    ("content", "media", "traced", "code"),
    [
        (body(TRACE, "1" * 32), MEDIA, PARENT, "not-your-trace"),
        (body(TRACE), MEDIA, None, "not-traced"),
        (body(TRACE), "application/json", PARENT, "bad-spans"),
        (b"\xff\xff\xff", MEDIA, PARENT, "bad-spans"),
        (b"\x00" * (MAX_SPANS + 1), MEDIA, PARENT, "body-too-large"),
    ],
)
def test_others_do_not(content: bytes, media: str, traced: str | None, code: str) -> None:
    with pytest.raises(Problem) as refused:
        taken(content, media, lambda *_: traced)
    assert refused.value.code == code
