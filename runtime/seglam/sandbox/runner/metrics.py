"""What a runner counts, in Prometheus' text form. No label holds what users or procedures wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from seglam.sandbox.results import Run
from seglam.sandbox.runner.revisions import Revisions
from seglam.sandbox.runner.state import State
from seglam.sandbox.runner.workers import Workers
from seglam.sandbox.sandbox import Sandbox

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 100)


class Metrics:
    """The counters, and what is read when somebody asks."""

    def __init__(self, state: State, workers: Workers, revisions: Revisions, sandboxes: Sequence[Sandbox]) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "seglam_runner_calls",
            "Calls of solve by mode and outcome: answer, or the kind of fault.",
            ("mode", "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "seglam_runner_call_seconds",
            "Time of a call of solve.",
            ("mode",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refusals = Counter(
            "seglam_runner_refusals", "Requests refused, by the problem's type.", ("type",), registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_Now(state, workers, revisions, sandboxes))

    def ran(self, run: Run) -> None:
        """Count a call."""
        self._calls.labels(run.mode, "answer" if run.fault is None else run.fault.kind).inc()
        self._seconds.labels(run.mode).observe(run.elapsed_us / 1e6)

    def refused(self, kind: str) -> None:
        """Count a request that got a problem."""
        self._refusals.labels(kind).inc()

    def text(self) -> bytes:
        """All of them now."""
        return generate_latest(self._registry)


class _Now(Collector):
    def __init__(self, state: State, workers: Workers, revisions: Revisions, sandboxes: Sequence[Sandbox]) -> None:
        self._state, self._workers, self._revisions, self._sandboxes = state, workers, revisions, sandboxes

    def collect(self) -> Iterable[Metric]:
        """The state of things."""
        kept = [each.statistics for each in self._sandboxes]
        gauges = {
            "ready": ("Whether calls may be sent here.", self._state.unready is None),
            "egress_blocked": ("Whether the last attempt to leave the pod failed.", self._state.egress.blocked),
            "jobs": ("Requests at work or waiting for a thread.", self._workers.taken),
            "revisions": ("Admitted revisions.", len(self._revisions)),
            "revision_bytes": ("Size of their documents.", self._revisions.bytes),
            "instances_idle": ("Instances that wait for a call.", sum(each.instances_idle for each in kept)),
            "warm_bytes": (
                "Memory that idle warm instances count for.",
                sum(each.charged_mib for each in kept) * (1 << 20),
            ),
        }
        for name, (words, value) in gauges.items():
            yield GaugeMetricFamily(f"seglam_runner_{name}", words, value=float(value))
        counters = {
            "egress_attempts": ("Attempts to leave the pod.", self._state.egress.attempts),
            "warm_hits": ("Warm calls that found an instance.", sum(each.warm_hits for each in kept)),
            "instances_made": ("Instances made.", sum(each.instances_made for each in kept)),
            "instances_discarded": (
                "Instances ended by a fault or by a change that later calls would have seen.",
                sum(each.instances_discarded for each in kept),
            ),
            "instances_evicted": ("Warm instances closed to keep the budget.", sum(e.instances_evicted for e in kept)),
        }
        for name, (words, value) in counters.items():
            yield CounterMetricFamily(f"seglam_runner_{name}", words, value=float(value))
