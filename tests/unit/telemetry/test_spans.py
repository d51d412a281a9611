"""Spans and metrics, read back from the SDK's exporters in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from seglam import telemetry
from seglam.telemetry import names

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def off() -> Iterator[None]:
    yield
    telemetry.shutdown()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    telemetry.use(provider)
    return spans


def test_nothing_is_recorded_unless_an_endpoint_is_set() -> None:
    assert telemetry.configure("seglam") is False
    assert telemetry.active() is None
    with telemetry.request("default") as first, telemetry.gate("static") as second:
        assert first is second
        assert not first.is_recording()
        assert telemetry.reference(first) is None
    telemetry.count_request("hit", None, "gcd", 0.1)
    assert not telemetry.tracer().start_span("x").is_recording()


def test_an_execution_links_to_its_compilation_and_review_and_is_not_their_child(
    exporter: InMemorySpanExporter,
) -> None:
    with telemetry.compilation("c1", "f" * 32) as span:
        compiled = telemetry.reference(span)
    with telemetry.review("gcd", DIGEST, "ana", "approve", compiled=compiled) as span:
        reviewed = telemetry.reference(span)
    with telemetry.request("default"), telemetry.execution("gcd", DIGEST, {}, compiled=compiled, reviewed=reviewed):
        pass
    spans = {span.name: span for span in exporter.get_finished_spans()}
    run = spans["execute_tool gcd"]
    assert run.parent is not None and run.context is not None and spans["seglam.request"].context is not None
    assert run.parent.span_id == spans["seglam.request"].context.span_id
    linked = {
        (link.attributes or {})[names.LINK]: (
            format_trace_id(link.context.trace_id),
            format_span_id(link.context.span_id),
        )
        for link in run.links
    }
    assert linked == {"compilation": compiled, "review": reviewed}
    assert compiled is not None and format_trace_id(run.context.trace_id) != compiled.trace_id
    assert [(link.attributes or {})[names.LINK] for link in spans["seglam.review"].links] == ["compilation"]


def test_the_tree_of_a_miss(exporter: InMemorySpanExporter) -> None:
    with telemetry.request("default"):
        with telemetry.lookup():
            pass
        with telemetry.compilation("c1", "f" * 32):
            with telemetry.chat("some-model", "author", "author"):
                pass
            with telemetry.gate("static"):
                pass
    spans = {span.name: span for span in exporter.get_finished_spans()}
    parents = {
        name: next(
            other.name for other in spans.values() if other.context and other.context.span_id == span.parent.span_id
        )
        for name, span in spans.items()
        if span.parent
    }
    assert parents == {
        "seglam.lookup": "seglam.request",
        "seglam.compile": "seglam.request",
        "chat some-model": "seglam.compile",
        "seglam.gate static": "seglam.compile",
    }


def test_what_users_sent_is_recorded_only_when_asked_for(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both() -> str:
        exporter.clear()
        with telemetry.request("default", text="secret text"), telemetry.execution("gcd", DIGEST, {"a": "secret"}):
            pass
        return json.dumps([dict(span.attributes or {}) for span in exporter.get_finished_spans()])

    assert "secret" not in both()
    monkeypatch.setenv("SEGLAM_TELEMETRY_VALUES", "1")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.use(provider)
    assert both().count("secret") == 2


def test_the_trace_of_the_caller_goes_on(exporter: InMemorySpanExporter) -> None:
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = telemetry.trace_headers([(b"traceparent", caller.encode()), (b"authorization", b"secret")])
    assert headers == {"traceparent": caller}
    with telemetry.request("default", headers=headers):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert format_trace_id(span.context.trace_id) == "0af7651916cd43dd8448eb211c80319c"


def test_a_failure_has_a_kind(exporter: InMemorySpanExporter) -> None:
    with telemetry.gate("static") as span:
        telemetry.failed(span, "rejected", "imports os")
    (finished,) = exporter.get_finished_spans()
    assert finished.status.status_code is StatusCode.ERROR
    assert (finished.attributes or {})[names.ERROR_TYPE] == "rejected"


def test_an_error_is_told_by_its_type_and_without_its_words(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), telemetry.gate("static"):
        raise ValueError("secret")
    (finished,) = exporter.get_finished_spans()
    assert (finished.attributes or {})[names.ERROR_TYPE] == "ValueError"
    assert "secret" not in finished.to_json()


def test_metrics_by_outcome_and_reason() -> None:
    reader = InMemoryMetricReader()
    telemetry.use(TracerProvider(), MeterProvider([reader]))
    telemetry.count_request("hit", None, "gcd", 0.0001)
    telemetry.count_request("miss", "unknown", None, 0.0002)
    telemetry.count_lookup(True, 0.00002)
    telemetry.count_execution("gcd", "fuel", 1.0)
    telemetry.count_model_call("m", "author", "author", input_tokens=10, output_tokens=5, seconds=2.0)
    telemetry.count_model_call("m", "author", "author", input_tokens=7, output_tokens=7, seconds=0.0, recorded=True)
    telemetry.count_compilation("proposed", 12.0)
    data = reader.get_metrics_data()
    assert data is not None
    points = {
        metric.name: [(dict(point.attributes or {}), point) for point in metric.data.data_points]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {
        (found[names.OUTCOME], found.get(names.REASON)): point.value  # type: ignore[union-attr]
        for found, point in points[names.REQUESTS]
    } == {("hit", None): 1, ("miss", "unknown"): 1}
    assert [found for found, _ in points[names.HITS]] == [{names.PROCEDURE: "gcd"}]
    assert sum(point.value for _, point in points[names.MODEL_CALLS]) == 2  # type: ignore[union-attr, misc]
    tokens = {found[names.TOKEN_TYPE]: point.sum for found, point in points[names.TOKENS]}  # type: ignore[union-attr]
    assert tokens == {"input": 10, "output": 5}, "a recorded completion used no tokens now"
    assert points[names.EXECUTION_DURATION][0][0][names.ERROR_TYPE] == "fuel"


def test_an_endpoint_with_another_protocol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(telemetry.TelemetryError, match="http/protobuf"):
        telemetry.configure("seglam")
    assert telemetry.active() is None
