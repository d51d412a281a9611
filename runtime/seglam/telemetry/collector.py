"""The collector that the environment names, for whoever passes on what others recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.util.re import parse_env_headers

from seglam.telemetry.state import ENDPOINT

TRACES = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Collector:
    """Where OTLP over HTTP goes, and with which headers."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def traces(self) -> str:
        """The address that takes spans."""
        return self.url.rstrip("/") + TRACES


def exported_to() -> Collector | None:
    """The collector of `OTEL_EXPORTER_OTLP_ENDPOINT`; None if none is named."""
    url = os.environ.get(ENDPOINT, "").strip()
    if not url:
        return None
    return Collector(url, parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True))
