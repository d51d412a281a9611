"""Two servers in one event loop: the API, and that for compile Jobs. Whoever runs them handles signals."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from seglam.gateway.serving.loop import KEEP_ALIVE_S, PARSER


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which drains before its servers end."""
        yield


def server(app: ASGIApp, grace_s: float, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    """A server, which `serve(sockets=[...])` runs until its `should_exit` is set; requests at work get `grace_s`."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        http=PARSER,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(round(grace_s), 1),
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    return _Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A listening socket on an address, or on all of them, IPv6 and IPv4, if `host` is empty. `OSError` if taken."""
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if dual:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((host, port))
        made.listen(512)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
