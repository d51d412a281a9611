"""What may be asked of a runner without a certificate: whether it lives, whether it takes calls, and its metrics."""

from __future__ import annotations

from seglam.sandbox.runner.asgi import Problem, Receive, Response, Scope, Send
from seglam.sandbox.runner.metrics import CONTENT_TYPE, Metrics
from seglam.sandbox.runner.state import State

_TEXT = b"text/plain; charset=utf-8"


class Probes:
    """The application on the probe port."""

    def __init__(self, state: State, metrics: Metrics) -> None:
        self._state = state
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope["method"], scope["path"]).send(send)

    def _answer(self, method: str, path: str) -> Response:
        if method not in ("GET", "HEAD"):
            return Response.of(Problem(405, "method", "only GET", ((b"allow", b"GET"),)))
        if path == "/healthz":
            return Response(200, b"ok\n", _TEXT)
        if path == "/readyz":
            reason = self._state.unready
            return Response(200, b"ok\n", _TEXT) if reason is None else Response(503, f"{reason}\n".encode(), _TEXT)
        if path == "/metrics":
            return Response(200, self._metrics.text(), CONTENT_TYPE.encode())
        return Response.of(Problem(404, "path", "there are /healthz, /readyz and /metrics"))
