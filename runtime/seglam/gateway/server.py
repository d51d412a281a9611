"""Serving the API on a socket of this machine."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from seglam.gateway.api import LOOPBACK_NAMES, create_app
from seglam.gateway.openai import UpstreamSettings
from seglam.gateway.service import Service
from seglam.gateway.serving import Dispatch
from seglam.gateway.serving.loop import KEEP_ALIVE_S, LOOP, PARSER, SWITCH_S
from seglam.gateway.serving.swift import PATH
from seglam.gateway.web import KnownHosts

GRACE_S = 30
"""Seconds that requests at work have when the server ends."""


class ListenError(OSError):
    """The address cannot be listened on; the message says why and what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free. `ListenError` says what is wrong."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise ListenError(error.errno, _words(host, port, error)) from error
    listening.setblocking(False)
    return listening


def server(
    service: Service,
    listening: socket.socket,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
    upstream: UpstreamSettings | None = None,
    names: Collection[str] = (),
) -> uvicorn.Server:
    """A server of a service; `run(sockets=[listening])` runs it until its `should_exit` is set.

    Args:
        around: puts the application into another one, whose lifespan is then kept.
        upstream: the model behind the OpenAI API. By default the service's own.
        names: by which it is reached besides those of loopback, where others are refused.
    """
    hosts = frozenset({*LOOPBACK_NAMES, *names}) if is_loopback(listening) else None
    made = create_app(service, hosts=None, upstream=upstream)
    app: ASGIApp = Dispatch(made.state.hot, made if around is None else around(made))
    if hosts is not None:
        app = KnownHosts(app, hosts)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off" if around is None else "on",
        ws="none",
        loop=LOOP,
        http=_protocol(made, hosts) or PARSER,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config, made.state.ending)


def _protocol(made: FastAPI, hosts: frozenset[str] | None) -> type[asyncio.Protocol] | None:
    """HTTP that answers swift hits at once, where there is a parser for it."""
    if made.state.at_once is None or PARSER != "httptools":
        return None
    from seglam.gateway.serving.protocol import protocol_of

    return protocol_of(PATH.encode(), made.state.at_once(hosts))


class _Server(uvicorn.Server):
    """A server that ends what belongs to its application when it has answered its last request."""

    def __init__(self, config: uvicorn.Config, ending: Sequence[Callable[[], Awaitable[None]]]) -> None:
        super().__init__(config)
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        sys.setswitchinterval(SWITCH_S)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is at work, at most for a while, on connections that end with their answers."""
        await super().shutdown(sockets)
        for end in self._ending:
            await end()


def is_loopback(listening: socket.socket) -> bool:
    """Whether a socket is reached from this machine only."""
    return ipaddress.ip_address(str(listening.getsockname()[0])).is_loopback


def serve(service: Service, host: str, port: int) -> None:
    """Serve until interrupted. `ListenError` if the address is taken."""
    listening = bind(host, port)
    server(service, listening).run(sockets=[listening])


def _words(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop the other program or choose another with SEGLAM_PORT"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} of {host} may not be used; choose one above 1023 with SEGLAM_PORT"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine; use 127.0.0.1"
    return f"{host}:{port} cannot be listened on: {error.strerror or error}"
