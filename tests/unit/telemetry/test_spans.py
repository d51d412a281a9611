"""Spans and metrics, read back from the SDK's exporters in memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from seglam import telemetry
from seglam.telemetry import names, state
from seglam.telemetry.drawing import Draw
from seglam.telemetry.export import measured
from seglam.telemetry.logs import Exporting, JsonLines
from seglam.telemetry.sampling import Sampling
from seglam.telemetry.tallied import MOST, Kind, Tallied

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
    telemetry.count_answer("hit", None, "gcd", request_s=0.1, lookup_s=0.01, run_s=0.05)
    assert telemetry.carrier() == {}
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
    with telemetry.compilation("c1", "f" * 32), telemetry.gate("static") as span:
        telemetry.failed(span, "rejected", "imports os")
    finished = exporter.get_finished_spans()[0]
    assert finished.status.status_code is StatusCode.ERROR
    assert (finished.attributes or {})[names.ERROR_TYPE] == "rejected"


def test_an_error_is_told_by_its_type_and_without_its_words(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), telemetry.review("gcd", DIGEST, "ana", "approve"):
        raise ValueError("secret")
    (finished,) = exporter.get_finished_spans()
    assert (finished.attributes or {})[names.ERROR_TYPE] == "ValueError"
    assert "secret" not in finished.to_json()


def test_metrics_by_outcome_and_reason() -> None:
    reader = InMemoryMetricReader()
    telemetry.use(TracerProvider(), MeterProvider([reader]))
    telemetry.count_answer("hit", None, "gcd", request_s=0.0001, lookup_s=0.00002, run_s=0.00005)
    telemetry.count_answer("miss", "unknown", None, request_s=0.0002, lookup_s=0.00002, run_s=0.0)
    telemetry.count_answer("miss", "limit", "gcd", request_s=1.1, lookup_s=0.00002, run_s=1.0)
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
    } == {("hit", None): 1, ("miss", "unknown"): 1, ("miss", "limit"): 1}
    assert [found for found, _ in points[names.HITS]] == [{names.PROCEDURE: "gcd"}]
    assert sum(point.value for _, point in points[names.MODEL_CALLS]) == 2  # type: ignore[union-attr, misc]
    tokens = {found[names.TOKEN_TYPE]: point.sum for found, point in points[names.TOKENS]}  # type: ignore[union-attr]
    assert tokens == {"input": 10, "output": 5}, "a recorded completion used no tokens now"
    runs = [found.get(names.ERROR_TYPE) for found, _ in points[names.EXECUTION_DURATION]]
    assert runs == [None, "limit"]


def test_a_share_of_the_requests_is_recorded_and_all_that_provenance_refers_to(
    monkeypatch: pytest.MonkeyPatch, exporter: InMemorySpanExporter
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.0")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    assert telemetry.configure("seglam-test")
    on = telemetry.active()
    assert on is not None and on.draw.share == 0.0
    provider = TracerProvider(Sampling())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("seglam")
    monkeypatch.setattr(state._state, "active", replace(on, tracer=tracer, draw=Draw(0.0)))

    def named() -> list[str]:
        found = [span.name for span in exporter.get_finished_spans()]
        exporter.clear()
        return found

    with telemetry.request("default") as span, telemetry.lookup(), telemetry.execution("gcd", DIGEST, {}):
        assert not span.is_recording() and telemetry.carrier() == {}
        with telemetry.compilation("c1", "f" * 32), telemetry.gate("static"):
            pass
    assert named() == ["seglam.gate static", "seglam.compile"]
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"
    with telemetry.request("default", headers={"traceparent": caller + "1"}), telemetry.lookup():
        pass
    assert named() == ["seglam.lookup", "seglam.request"], "who records a trace gets our part of it"
    with telemetry.request("default", headers={"traceparent": caller + "0"}), telemetry.lookup():
        assert telemetry.carrier()["traceparent"].startswith(caller[:35])
    assert named() == []


def test_answers_are_summed_up_with_the_spans_in_which_they_were_measured() -> None:
    answers = Tallied()
    answers.add(Kind("hit", None, "gcd"), 0.0001, 0.00002, 0.00005, (5, 7))
    answers.add(Kind("hit", None, "lcm"), 0.003, 0.00002, 0.00005, None)
    answers.add(Kind("miss", "unknown", None), 0.0002, 0.00002, 0.0, None)
    found = {metric.name: metric.data.data_points for metric in measured(answers)}
    assert {tuple((p.attributes or {}).items()): p.value for p in found[names.REQUESTS]} == {  # type: ignore[union-attr]
        ((names.OUTCOME, "hit"),): 2,
        ((names.OUTCOME, "miss"), (names.REASON, "unknown")): 1,
    }
    assert {(p.attributes or {})[names.PROCEDURE] for p in found[names.HITS]} == {"gcd", "lcm"}
    [hits] = [p for p in found[names.REQUEST_DURATION] if (p.attributes or {})[names.OUTCOME] == "hit"]
    assert (hits.count, round(hits.sum, 6), sum(hits.bucket_counts)) == (2, 0.0031, 2)  # type: ignore[union-attr]
    assert [(e.trace_id, e.span_id, e.value) for e in hits.exemplars] == [(5, 7, 0.0001)]
    [again] = [p for p in {m.name: m.data.data_points for m in measured(answers)}[names.LOOKUP_DURATION]
               if (p.attributes or {})[names.OUTCOME] == "hit"]  # fmt: skip
    assert again.exemplars == [], "an exemplar is given out once"


def test_too_many_kinds_of_answers_become_one() -> None:
    answers = Tallied()
    for number in range(MOST + 50):
        answers.add(Kind("hit", None, f"p{number}"), 0.1, 0.1, 0.1, None)
    found = {metric.name: metric.data.data_points for metric in measured(answers)}
    counts = {tuple((p.attributes or {}).items()): p.value for p in found[names.HITS]}  # type: ignore[union-attr]
    assert len(counts) <= MOST + 1
    assert sum(p.value for p in found[names.REQUESTS]) == MOST + 50  # type: ignore[union-attr, misc]


@pytest.mark.parametrize(
    "text", ["", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-1-1-01"]
)
def test_a_traceparent_that_is_none_names_no_span(text: str) -> None:
    assert telemetry.SpanReference.parse(text) is None


def test_exported_logs_have_the_trace_and_neither_secrets_nor_words_of_exceptions(
    monkeypatch: pytest.MonkeyPatch, exporter: InMemorySpanExporter
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "k-0123456789")
    sent = "what a user sent"
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    log = logging.Logger("seglam.test")
    log.addHandler(Exporting(provider.get_logger("seglam"), values=False))
    with telemetry.request("default") as span:
        try:
            raise ValueError(sent)
        except ValueError as error:
            log.exception("it failed with %s for k-0123456789, Bearer abcdefgh1234: %s", 7, error)
    [record] = [each.log_record for each in logs.get_finished_logs()]
    assert record.trace_id == span.get_span_context().trace_id
    assert record.body == "it failed with 7 for [secret], Bearer [secret]: ValueError"
    assert sent not in str(record.attributes)
    assert (record.attributes or {})["exception.type"] == "ValueError"


def test_lines_on_standard_error_have_the_trace_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, exporter: InMemorySpanExporter
) -> None:
    monkeypatch.setenv("SEGLAM_LEDGER_URL", "postgresql://ledger:pass-word@db/x")
    record = logging.makeLogRecord({"msg": "to postgresql://ledger:pass-word@db/x", "levelname": "INFO", "tenant": "a"})
    with telemetry.request("default") as span:
        line = json.loads(JsonLines().format(record))
    assert line["trace_id"] == format_trace_id(span.get_span_context().trace_id)
    assert line["tenant"] == "a" and "pass-word" not in line["message"]


def test_an_endpoint_with_another_protocol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(telemetry.TelemetryError, match="http/protobuf"):
        telemetry.configure("seglam")
    assert telemetry.active() is None


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.01, 680, 1320), (0.3, 28_500, 31_500)])
def test_requests_are_drawn_as_often_as_stated_and_it_is_known_before(share: float, least: int, most: int) -> None:
    """Ten standard deviations and more lie within the bounds of 100,000 requests."""
    draw = Draw(share)
    drawn = 0
    for _ in range(100_000):
        due = draw.due
        assert draw.taken() == due
        drawn += due
    assert least <= drawn <= most


def test_all_requests_are_drawn() -> None:
    draw = Draw(1.0)
    assert all(draw.due and draw.taken() for _ in range(100))
