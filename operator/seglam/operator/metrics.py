"""The operator's own metrics, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """What is counted. Labels name kinds, reasons and resources, never objects, so that their number is bounded.

    Attributes:
        registry: what /metrics shows.
        reconciles: reconciles by kind and outcome (ok, requeued, error).
        durations: seconds of a reconcile by kind.
        writes: requests that change something, by kind of object and verb.
        conditions: objects by kind, condition, status and reason.
        verifications: verifications by outcome (passed, failed, unavailable).
        compilations: attempts at compilations that ended, by outcome.
        leader: whether this replica leads.
        queue_depth: keys that wait for a worker, by kind.
        watch_age: seconds since a watch was last heard of, by resource.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = self._counter("reconcile", "Reconciles.", "kind", "outcome")
        self.durations = Histogram(
            "seglam_operator_reconcile_duration_seconds",
            "Seconds of a reconcile.",
            ["kind"],
            registry=self.registry,
            buckets=DURATIONS,
        )
        self.writes = self._counter("writes", "Requests that change an object.", "kind", "verb")
        self.conditions = self._gauge("conditions", "Objects by condition.", "kind", "type", "status", "reason")
        self.verifications = self._counter("verifications", "Verifications of revisions.", "outcome")
        self.compilations = self._counter("compilations", "Attempts at compilations that ended.", "outcome")
        self.leader = self._gauge("leader", "Whether this replica leads.")
        self.leader.set(0)
        self.queue_depth = self._gauge("queue_depth", "Keys that wait for a worker.", "kind")
        self.watch_age = self._gauge("watch_age_seconds", "Seconds since a watch was last heard of.", "resource")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"seglam_operator_{name}", text, list(labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"seglam_operator_{name}", text, list(labels), registry=self.registry)
