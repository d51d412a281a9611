"""Logging to standard error: a line a record, as JSON for collectors or as text for people."""

from __future__ import annotations

from seglam import telemetry

QUIET = ("httpx2", "tuf", "sigstore", "kopf", "aiohttp.access", "asyncio")
"""Loggers that would tell of every event."""


def configure(form: str, level: str) -> None:
    """Log everything of `level` and above; what libraries say about every event, only if it is a warning."""
    telemetry.configure_logs(form, level, QUIET)
