"""What happens to every request: a trace of its own that links to the caller's, and counts without callers' words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from seglam import telemetry
from seglam.registry.api.edge import Edge, Metrics
from seglam.registry.api.errors import add_handlers
from seglam.registry.limits import Limits, Rate

pytestmark = pytest.mark.anyio
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.use(provider)
    yield exporter
    telemetry.shutdown()


def application(metrics: Metrics, limits: Limits | None = None) -> FastAPI:
    app = FastAPI()
    add_handlers(app)

    @app.get("/api/v1/things/{name}")
    async def thing(name: str) -> dict[str, str]:
        return {"name": name}

    app.add_middleware(Edge, metrics=metrics, limits=limits, secure=True)
    return app


async def ask(app: FastAPI, *addresses: str, **headers: str) -> list[Any]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://registry") as client:
        return [await client.get(address, headers=headers) for address in addresses]


async def test_a_request_is_a_trace_of_its_own_that_links_to_the_callers(spans: InMemorySpanExporter) -> None:
    await ask(application(Metrics()), "/api/v1/things/secret-name", traceparent=CALLER)
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /api/v1/things/{name}"
    assert span.parent is None and span.context is not None
    assert f"{span.context.trace_id:032x}" != CALLER.split("-")[1]
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [CALLER.split("-")[1]]
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/things/{name}",
        "http.response.status_code": 200,
    }


async def test_addresses_of_callers_choice_become_no_labels() -> None:
    metrics = Metrics()
    await ask(application(metrics), "/api/v1/things/secret-name", "/secret-address", "/secret-address-2")
    text = metrics.text().decode()
    assert "secret" not in text
    assert 'seglam_registry_requests_total{method="GET",route="/api/v1/things/{name}",status="200"} 1.0' in text
    assert 'seglam_registry_requests_total{method="any",route="unknown",status="404"} 2.0' in text


async def test_what_is_refused_for_its_number_is_counted_and_told() -> None:
    metrics = Metrics()
    app = application(metrics, Limits({"read": Rate(2, 0.001)}))
    first, second, third = await ask(app, *["/api/v1/things/a"] * 3)
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert int(third.headers["retry-after"]) > 0
    assert third.headers["content-type"] == "application/problem+json"
    assert third.headers["strict-transport-security"] and third.headers["cache-control"] == "no-store"
    assert 'seglam_registry_limited_total{kind="read"} 1.0' in metrics.text().decode()
