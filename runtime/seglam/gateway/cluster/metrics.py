"""What Prometheus reads, and the counts from which savings are computed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client import Counter as Counted
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from seglam.gateway.ledger import Account, Ledger, today
from seglam.gateway.ledger.ledger import Key
from seglam.telemetry import SpanReference

MAX_TALLIES = 10_000
_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.hits = Counted("seglam_hits", "Requests that reviewed code answered.", registry=self.registry)
        self.misses = Counted("seglam_misses", "Requests that missed.", ["reason"], registry=self.registry)
        self.errors = Counted("seglam_request_errors", "Requests that were none.", registry=self.registry)
        self.hit_seconds = Histogram(
            "seglam_hit_duration_seconds",
            "Time of a hit: waiting for a thread, lookup, the call of the runner, post-conditions.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.runner_failures = Counted(
            "seglam_runner_failures", "Hits that no runner took or answered.", registry=self.registry
        )
        self.started = Counted(
            "seglam_compilations_started", "Attempts of compilations that misses caused.", registry=self.registry
        )
        self.tokens = Counted(
            "seglam_model_tokens", "Tokens that compile Jobs used through the gateway.", registry=self.registry
        )
        self.refused = Counted(
            "seglam_internal_refusals", "Calls of compile Jobs that were refused.", ["code"], registry=self.registry
        )

    def watch(self, gauges: Callable[[], Iterable[Metric]]) -> None:
        """Add gauges that are read when somebody asks."""
        self.registry.register(_Gauges(gauges))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """What is exposed and its media type: OpenMetrics, which has exemplars, for whoever takes it."""
        encode, media = choose_encoder(accept)
        return encode(self.registry), media

    def hit(self, seconds: float, trace: str | None) -> None:
        """A hit that took so many seconds; `trace` is the traceparent of its span, if it is recorded."""
        span = SpanReference.parse(trace)
        exemplar = None if span is None else {"trace_id": span.trace_id, "span_id": span.span_id}
        self.hit_seconds.observe(seconds, exemplar)


def gauge(name: str, words: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    """A gauge as it is now; with a label, one value for each of its values."""
    if isinstance(value, Mapping):
        family = GaugeMetricFamily(name, words, labels=[label])
        for key, number in value.items():
            family.add_metric([key], number)
        return family
    return GaugeMetricFamily(name, words, value=value)


class _Gauges:
    def __init__(self, gauges: Callable[[], Iterable[Metric]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """What the registry asks for."""
        return self._gauges()


class Tally:
    """Counts of one tenant, which are counted in the metrics as well: in the ledger, or without one in this process's
    memory since it began, by day and procedure."""

    def __init__(self, metrics: Metrics, account: Account | None = None) -> None:
        self._metrics = metrics
        self._account = account
        self._counts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def add(self, counts: Mapping[str, int], procedure: str = "") -> None:
        """Add to counters; see `seglam.gateway.answering.Counting`."""
        if self._account is not None:
            self._account.add(counts, procedure)
        else:
            day = today()
            with self._lock:
                for name, count in counts.items():
                    self._counts[(day, procedure, name)] += count
        for name, count in counts.items():
            if name == "hits":
                self._metrics.hits.inc(count)
            elif name == "errors":
                self._metrics.errors.inc(count)
            elif name.startswith("misses:"):
                self._metrics.misses.labels(name.removeprefix("misses:")).inc(count)
            elif name in ("input_tokens", "output_tokens"):
                self._metrics.tokens.inc(count)

    def totals(self, since: str | None = None, until: str | None = None) -> dict[Key, int]:
        """Counts between two days; asks the ledger where there is one, and then blocks."""
        if self._account is not None:
            return self._account.totals(since, until)
        with self._lock:
            counts = dict(self._counts)
        return {
            key: count
            for key, count in counts.items()
            if (since is None or since <= key[0]) and (until is None or key[0] <= until)
        }


class Tallies:
    """The tallies of all tenants.

    Args:
        ledger: None where none is configured.
    """

    def __init__(self, metrics: Metrics, ledger: Ledger | None = None) -> None:
        self.ledger = ledger
        self._metrics = metrics
        self._of: dict[str, Tally] = {}
        self._lock = threading.Lock()

    def of(self, tenant: str) -> Tally:
        """A tenant's tally."""
        found = self._of.get(tenant)
        if found is None:
            with self._lock:
                while len(self._of) >= MAX_TALLIES:
                    self._of.pop(next(iter(self._of)))
                account = None if self.ledger is None else self.ledger.of(tenant)
                found = self._of.setdefault(tenant, Tally(self._metrics, account))
        return found
