"""Spans and metrics of the whole loop, in memory and over OTLP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from seglam import telemetry
from seglam.gateway import Decision, Outcome, State
from seglam.gateway.outcomes import Answer
from seglam.gateway.serving.embedded import Decided, EmbeddedAnswers
from seglam.telemetry import names
from tests.compilations import SUM, procedure, scripted
from tests.documents import document
from tests.services import listening, running, text

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def where(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)


def test_from_any_answer_one_reaches_who_compiled_and_reviewed_it(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        service.handle(text(SUM), wait_s=120)
        (row,) = service.store.revisions(State.PROPOSED)
        service.decide(row.digest, "eve", Decision.APPROVE, "checked")
        before = len(named(exporter, "execute_tool sum-of-two"))
        assert service.handle(text(SUM)).outcome is Outcome.HIT
    runs = named(exporter, "execute_tool sum-of-two")[before:]
    (run,) = runs
    (compiled,), (reviewed,) = named(exporter, "seglam.compile"), named(exporter, "seglam.review")
    assert (row.trace_id, row.span_id) == where(compiled)
    assert {
        (link.attributes or {})[names.LINK]: (
            format_trace_id(link.context.trace_id),
            format_span_id(link.context.span_id),
        )
        for link in run.links
    } == {"compilation": where(compiled), "review": where(reviewed)}
    assert run.context is not None and format_trace_id(run.context.trace_id) != where(compiled)[0]
    attributes = run.attributes or {}
    assert attributes[names.REVISION] == row.digest
    assert str(attributes[names.ENGINE]).startswith("sha256:")
    assert attributes[names.OPERATION] == "execute_tool"

    with running(tmp_path) as again:
        exporter.clear()
        assert again.handle(text(SUM)).outcome is Outcome.HIT
    (run,) = named(exporter, "execute_tool sum-of-two")
    assert len(run.links) == 2, "the links outlive the process"


def test_the_spans_of_a_miss(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        service.handle(text(SUM), wait_s=120)
    spans = exporter.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans if span.context is not None}
    parents = {
        span.name: by_id[span.parent.span_id].name for span in spans if span.parent and span.parent.span_id in by_id
    }
    assert parents["seglam.lookup"] == "seglam.request"
    assert parents["seglam.compile"] == "seglam.request"
    gates = ("static", "examples", "differential", "match", "agreement")
    assert {parents[f"seglam.gate {gate}"] for gate in gates} == {"seglam.compile"}
    chats = named(exporter, "chat m")
    asked = {(span.attributes or {})[names.PURPOSE]: span for span in chats}
    assert asked.keys() == {"author", "implementation", "contrasts"}
    author = asked["author"].attributes or {}
    assert (author[names.INPUT_TOKENS], author[names.OUTPUT_TOKENS]) == (100, 20)
    assert (author[names.REQUEST_MODEL], author[names.RESPONSE_MODEL]) == ("m", "test-model")
    assert SUM not in "".join(span.to_json() for span in spans), "what users sent is opt-in"


def test_a_failed_gate_and_a_hit_that_is_not_served_keep_users_words_out(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    wrong = procedure(code="def solve(a, b):\n    return a + b + (a > 1000)\n")
    raising = document(code="def solve(n):\n    raise ValueError(f'word {n}')\n")
    with scripted([wrong]) as model, running(tmp_path, model, documents=[raising]) as service:
        assert service.handle(text("What is the sum of 48151 and 62342?"), wait_s=120).reason == "rejected"
        assert service.handle(text("double 48151"), only_if_cached=True).reason == "fault"
    (run,) = named(exporter, "execute_tool double")
    assert (run.attributes or {})[names.ERROR_TYPE] == "raised"
    failed = [
        span for span in named(exporter, "seglam.gate differential") if names.ERROR_TYPE in (span.attributes or {})
    ]
    assert failed
    assert "48151" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_a_request_over_http_goes_on_with_the_callers_trace(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    with running(tmp_path, documents=[document()]) as service, listening(service) as client:
        client.post("/v1/requests", json={"text": "double 4"}, headers={"traceparent": CALLER})
    (span,) = named(exporter, "seglam.request")
    (run,) = named(exporter, "execute_tool double")
    assert where(span)[0] == where(run)[0] == CALLER.split("-")[1]


def test_the_spans_of_a_swift_hit_are_those_of_any_other(
    tmp_path: Path, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made after it was answered; the first hits of a revision go the usual way."""
    swift: list[str] = []
    at_once = EmbeddedAnswers.at_once

    def seen(answers: EmbeddedAnswers, decided: Decided) -> Answer | None:
        answer = at_once(answers, decided)
        if answer is not None:
            swift.append(answer.id)
        return answer

    monkeypatch.setattr(EmbeddedAnswers, "at_once", seen)
    with running(tmp_path, documents=[document()]) as service, listening(service) as client:
        asked = [client.post("/v1/requests", json={"text": f"double {number}"}) for number in range(8)]
        for number, each in enumerate(asked):
            assert each.json()["answer"] == str(2 * number)
        found = client.get(f"/v1/answers/{asked[-1].json()['id']}").json()
    requests = {where(span): span for span in named(exporter, "seglam.request")}
    assert ["00-{}-{}-01".format(*each) for each in requests] == [each.headers["seglam-trace"] for each in asked]
    for name in ("seglam.lookup", "execute_tool double"):
        spans = named(exporter, name)
        assert len(spans) == 8
        assert {frozenset(span.attributes or ()) for span in spans} == {frozenset(spans[0].attributes or ())}
        for span, (trace, parent) in zip(spans, requests, strict=True):
            whole = requests[trace, parent]
            assert where(span)[0] == trace and span.parent and format_span_id(span.parent.span_id) == parent
            assert whole.start_time and span.start_time and span.end_time and whole.end_time
            assert whole.start_time <= span.start_time <= span.end_time <= whole.end_time
    assert {frozenset(span.attributes or ()) for span in requests.values()} == {
        frozenset({names.TENANT, names.REQUEST_ID, names.OUTCOME})
    }
    assert [each.headers["seglam-trace"].split("-")[1] for each in asked][-1] == found["traceId"]
    assert set(swift) < {each.json()["id"] for each in asked} and swift, "both ways were gone"


def test_an_answer_and_its_trace_are_found_again_over_http(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    with running(tmp_path, documents=[document()]) as service, listening(service) as client:
        asked = client.post("/v1/requests", json={"text": "double 4"})
        found = client.get(f"/v1/answers/{asked.json()['id']}")
        unknown = client.get(f"/v1/answers/{'0' * 32}")
    (span,) = named(exporter, "seglam.request")
    assert asked.headers["seglam-trace"] == "00-{}-{}-01".format(*where(span))
    content = found.json()
    assert (content["traceId"], content["spanId"]) == where(span)
    assert content["revision"] is not None and content["outcome"] == "hit"
    assert "double 4" not in found.text, "neither what was asked nor what was answered is recorded"
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-answer")


@contextmanager
def collecting() -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """A collector that keeps what it gets, by path."""
    got: dict[str, list[bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            got.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_endpoint_gets_spans_and_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as (address, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        assert telemetry.configure("seglam-test") is True
        assert telemetry.configure("seglam-test") is True, "a second call changes nothing"
        with running(tmp_path, documents=[document()]) as service:
            service.handle(text("double 4"))
        telemetry.shutdown()
        spans, services = set(), set()
        for body in got["/v1/traces"]:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
                for scope in resource.scope_spans:
                    assert scope.schema_url == names.SCHEMA_URL
                    spans |= {span.name for span in scope.spans}
        assert spans == {"seglam.request", "seglam.lookup", "execute_tool double"}
        assert services == {"seglam-test"}
        metrics = {
            metric.name
            for body in got["/v1/metrics"]
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }
        assert {names.REQUESTS, names.HITS, names.LOOKUP_DURATION, names.EXECUTION_DURATION} <= metrics


def test_nothing_is_sent_without_an_endpoint(tmp_path: Path) -> None:
    assert telemetry.configure("seglam-test") is False
    with collecting() as (_, got), running(tmp_path, documents=[document()]) as service:
        service.handle(text("double 4"))
    assert got == {}
