"""What happens to every request: limits, headers, counts, a span."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seglam import telemetry
from seglam.registry.api.errors import respond
from seglam.registry.limits import Limits, kind_of
from seglam.registry.log_audit import LogAudit
from seglam.web import Problem

MAX_BODY = 2 * 1024 * 1024
"""Bytes of a body, but for archives, which have a limit of their own."""
PREFIX = "/api/v1"
ARCHIVES = f"{PREFIX}/publications"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""What a browser may do with what is served here: nothing."""
TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class Metrics:
    """The counts of one registry's requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "seglam_registry_requests", "Requests.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "seglam_registry_request_duration_seconds",
            "Time until the first byte of the answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.limited = Counter(
            "seglam_registry_limited", "Requests refused for their number.", ["kind"], registry=self.registry
        )

    def watch(self, audit: LogAudit) -> None:
        """Also say what the last audit of the logs found, and when that was."""
        found = Gauge("seglam_registry_log_audit_findings", "Of the last audit of the logs.", registry=self.registry)
        found.set_function(lambda: len(audit.findings))
        ended = Gauge(
            "seglam_registry_log_audit_timestamp_seconds",
            "When this process last audited the logs; 0 if it did not.",
            registry=self.registry,
        )
        ended.set_function(lambda: audit.ended)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


class Edge:
    """Stands before the application.

    Args:
        limits: None for none.
        secure: whether the registry is reached by https.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Limits | None, *, secure: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._limits = limits
        self._headers = [*HEADERS, TRANSPORT] if secure else list(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._note(scope, status, time.perf_counter() - begun)
                _add(message, self._headers)
            await send(message)

        with telemetry.served(scope["method"], telemetry.trace_headers(scope["headers"])) as span:
            refusal = self._refused(scope)
            if refusal is not None:
                await respond(Request(scope), refusal)(scope, receive, sent)
            else:
                await self._app(scope, _bounded(scope, receive), sent)
            if span.is_recording():
                route = _route(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({telemetry.names.HTTP_ROUTE: route, telemetry.names.HTTP_STATUS: status})
                if status >= 500:
                    telemetry.failed(span, str(status), "")

    def _refused(self, scope: Scope) -> Problem | None:
        kind = kind_of(scope["method"], scope["path"])
        if self._limits is None or kind is None:
            return None
        client = scope.get("client")
        seconds = self._limits.take(kind, client[0] if client else "")
        if not seconds:
            return None
        self._metrics.limited.labels(kind).inc()
        words = f"too many requests of this kind; ask again in {seconds} s"
        return Problem(429, "too-many-requests", words, headers={"Retry-After": str(seconds)})

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.requests.labels(scope["method"] if route != "unknown" else "any", route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)


def _route(scope: Scope) -> str:
    """The pattern of the path, so that names of callers' choice never become labels."""
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return "unknown"
    # A router in a router knows only its own part of the path.
    return PREFIX + path if scope["path"].startswith(f"{PREFIX}/") and not path.startswith(PREFIX) else path


def _add(message: MutableMapping[str, Any], added: list[tuple[bytes, bytes]]) -> None:
    headers = list(message.get("headers", []))
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in added if name not in present]
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"no-store"))
    message["headers"] = headers


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Refuse bodies that are too large, whether or not they say so."""
    if scope["path"] == ARCHIVES:
        return receive
    counted = 0

    async def bounded() -> Message:
        nonlocal counted
        message = await receive()
        if message["type"] == "http.request":
            counted += len(message.get("body", b""))
            if counted > MAX_BODY:
                raise HTTPException(413, f"the body is larger than {MAX_BODY} bytes")
        return message

    return bounded
