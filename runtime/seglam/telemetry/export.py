"""The OpenTelemetry SDK with OTLP over HTTP. Imported only when something is exported."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import time, time_ns
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from seglam.telemetry import names
from seglam.telemetry.instruments import TEXTS, attributes, bound
from seglam.telemetry.logs import Exporting
from seglam.telemetry.sampling import Sampling, share
from seglam.telemetry.tallied import BOUNDS, OTHER, Cell, Kind, Spread, Tallied, summed

_CUMULATIVE = AggregationTemporality.CUMULATIVE


@dataclass(frozen=True, slots=True)
class Providers:
    """What is recorded with. `stop` flushes and ends all of it."""

    traces: TracerProvider
    metrics: MeterProvider | None
    answers: Tallied
    share: float
    stop: Callable[[], None]


def providers(service_name: str, *, values: bool) -> Providers:
    """Providers that export in threads of their own. `OTEL_{TRACES,METRICS,LOGS}_EXPORTER=none` leaves one out."""
    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service_name})
    answers = Tallied()
    ends: list[Callable[[], object]] = []
    traces = TracerProvider(Sampling(), resource)
    if _wanted("TRACES"):
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    ends.append(traces.shutdown)
    metrics = None
    if _wanted("METRICS"):
        reader = PeriodicExportingMetricReader(WithAnswers(OTLPMetricExporter(), answers))
        metrics = MeterProvider([reader], resource=resource)
        _uptime(metrics)
        ends.append(metrics.shutdown)
    if _wanted("LOGS"):
        logs = LoggerProvider(resource)
        logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        handler = Exporting(logs.get_logger("seglam"), values=values)
        root = logging.getLogger()
        root.addHandler(handler)
        ends += [lambda: root.removeHandler(handler), logs.shutdown]

    def stop() -> None:
        for end in ends:
            end()

    return Providers(traces, metrics, answers, share() if _wanted("TRACES") else 0.0, stop)


def _wanted(signal: str) -> bool:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() != "none"


def _uptime(metrics: MeterProvider) -> None:
    """A metric that always has a value: without any the SDK exports nothing, and so no answers either."""
    began = time()

    def observed(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(time() - began)

    metrics.get_meter("seglam").create_observable_gauge("process.uptime", [observed], "s", "Time since the start.")


class WithAnswers(MetricExporter):
    """Adds the metrics of answers to what the SDK exports."""

    def __init__(self, exporter: MetricExporter, answers: Tallied) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self._answers = answers

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """See the SDK."""
        found = list(measured(self._answers))
        if found and metrics_data.resource_metrics:
            first, *others = metrics_data.resource_metrics
            scope = ScopeMetrics(InstrumentationScope("seglam", None, names.SCHEMA_URL), found, names.SCHEMA_URL)
            both = ResourceMetrics(first.resource, [*first.scope_metrics, scope], first.schema_url)
            metrics_data = MetricsData([both, *others])
        return self._exporter.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See the SDK."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """See the SDK."""
        self._exporter.shutdown(timeout_millis, **kwargs)


def measured(answers: Tallied) -> Iterator[Metric]:
    """The metrics of answers as the SDK holds metrics; nothing before the first answer."""
    cells, now = answers.cells(), time_ns()
    if not cells:
        return
    yield _counter(names.REQUESTS, answers.began, now, _counts(cells, (names.OUTCOME, names.REASON), _by_outcome))
    hits = {kind: cell for kind, cell in cells.items() if kind.outcome == "hit"}
    if hits:
        yield _counter(
            names.HITS, answers.began, now, _counts(hits, (names.PROCEDURE,), lambda kind: (kind.procedure,))
        )
    asked = [(_by(kind, kind.outcome), cell.request) for kind, cell in cells.items()]
    decided = [(_by(kind, bound(kind)), cell.lookup) for kind, cell in cells.items()]
    ran = [(_by(kind, kind.procedure, kind.reason), cell.execution) for kind, cell in cells.items()]
    spread = (
        (names.REQUEST_DURATION, (names.OUTCOME,), asked),
        (names.LOOKUP_DURATION, (names.OUTCOME,), decided),
        (names.EXECUTION_DURATION, (names.PROCEDURE, names.ERROR_TYPE), ran),
    )
    for name, labels, spreads in spread:
        points = [_point(labels, key, each, answers.began, now) for key, each in summed(spreads)]
        if points:
            yield Metric(name, TEXTS[name], "s", Histogram(points, _CUMULATIVE))


def _by(kind: Kind, *key: str | None) -> tuple[str | None, ...]:
    return () if kind is OTHER else key


def _by_outcome(kind: Kind) -> tuple[str | None, ...]:
    return (kind.outcome, kind.reason)


def _counts(
    cells: Mapping[Kind, Cell], labels: tuple[str, ...], key: Callable[[Kind], tuple[str | None, ...]]
) -> list[tuple[dict[str, Any], int]]:
    found: dict[tuple[str | None, ...], int] = {}
    for kind, cell in cells.items():
        by = _by(kind, *key(kind))
        found[by] = found.get(by, 0) + cell.count
    return [(_named(labels, by), count) for by, count in found.items()]


def _named(labels: tuple[str, ...], key: tuple[str | None, ...]) -> dict[str, Any]:
    return attributes(**dict(zip(labels, key, strict=True))) if key else {names.OVERFLOW: True}


def _counter(name: str, began: int, now: int, counts: list[tuple[dict[str, Any], int]]) -> Metric:
    points = [NumberDataPoint(stated, began, now, count) for stated, count in counts]
    return Metric(name, TEXTS[name], "{request}", Sum(points, _CUMULATIVE, is_monotonic=True))


def _point(
    labels: tuple[str, ...], key: tuple[str | None, ...], spread: Spread, began: int, now: int
) -> HistogramDataPoint:
    exemplars = [Exemplar({}, each.value, each.at, each.span_id, each.trace_id) for each in spread.exemplars.values()]
    return HistogramDataPoint(
        _named(labels, key),
        began,
        now,
        sum(spread.counts),
        spread.total,
        spread.counts,
        list(BOUNDS),
        spread.least,
        spread.most,
        exemplars,
    )
