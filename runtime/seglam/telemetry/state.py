"""What is switched on in this process: nothing, until `configure` or `use` is called."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.metrics import Meter, MeterProvider, NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider, Tracer, TracerProvider

from seglam.telemetry.drawing import Draw
from seglam.telemetry.instruments import Direct, Instruments
from seglam.telemetry.names import SCHEMA_URL
from seglam.telemetry.tallied import Answers

SCOPE = "seglam"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
VALUES = "SEGLAM_TELEMETRY_VALUES"


class TelemetryError(RuntimeError):
    """Telemetry is asked for and cannot be set up; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Active:
    """What spans and metrics are recorded with.

    Attributes:
        values: whether they may hold what users sent.
        answers: counts answers.
        draw: which of the requests without a caller's trace get a span. It is drawn here, since the SDK takes longer to
            decide against a span than a hit takes to look up.
    """

    tracer: Tracer
    meter: Meter
    instruments: Instruments
    values: bool
    answers: Answers
    draw: Draw


@dataclass(slots=True)
class _State:
    active: Active | None = None
    stop: Callable[[], None] | None = field(default=None, repr=False)


_state = _State()


def active() -> Active | None:
    """What is in use, or None while telemetry is off; one attribute read."""
    return _state.active


def tracer() -> Tracer:
    """The tracer in use; one that records nothing while telemetry is off."""
    on = _state.active
    return on.tracer if on else NoOpTracerProvider().get_tracer(SCOPE)


def meter() -> Meter:
    """The meter in use; one that records nothing while telemetry is off."""
    on = _state.active
    return on.meter if on else NoOpMeterProvider().get_meter(SCOPE)


def configure(service_name: str) -> bool:
    """Export over OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; returns whether it is.

    Further `OTEL_*` variables are read by the SDK. What Python's `logging` is told goes there too. A second call
    changes nothing while the first is in force.

    Raises:
        TelemetryError: an endpoint is set, but the SDK is not installed or the protocol is another than HTTP.
    """
    if not os.environ.get(ENDPOINT, "").strip():
        return False
    if _state.stop is not None:
        return True
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        raise TelemetryError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; only http/protobuf is supported, on port 4318 of a collector"
        )
    try:
        from seglam.telemetry.export import providers
    except ImportError as error:
        raise TelemetryError(f"{ENDPOINT} is set but {error.name} is missing; install seglam[telemetry]") from error
    made = providers(service_name, values=os.environ.get(VALUES, "") == "1")
    _use(made.traces, made.metrics, made.answers, made.share)
    _state.stop = made.stop
    return True


def use(traces: TracerProvider, metrics: MeterProvider | None = None) -> None:
    """Record with the providers of an application that has its own; its sampler decides about every span."""
    _use(traces, metrics, None, 1.0)


def _use(traces: TracerProvider, metrics: MeterProvider | None, answers: Answers | None, share: float) -> None:
    release = _version()
    meters = (metrics or NoOpMeterProvider()).get_meter(SCOPE, release, SCHEMA_URL)
    _state.active = Active(
        traces.get_tracer(SCOPE, release, SCHEMA_URL),
        meters,
        Instruments.of(meters),
        os.environ.get(VALUES, "") == "1",
        answers or Direct(meters),
        Draw(share),
    )


def shutdown() -> None:
    """Send what waits and switch telemetry off."""
    stop, _state.stop, _state.active = _state.stop, None, None
    if stop is not None:
        stop()


def _version() -> str | None:
    try:
        return version("seglam")
    except PackageNotFoundError:  # run from its sources
        return None
