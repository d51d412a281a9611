"""A proxy in front of a service that can be told to be slow, to refuse, or to lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


@dataclass(frozen=True)
class Fault:
    """How a service misbehaves. Several members may be set.

    Attributes:
        refuse: the connection is closed without an answer.
        delay: seconds before the service is asked.
        status: the answer is this status with an error in JSON; the service is not asked.
        drop: the service is asked, and its answer is thrown away: it did the work and nobody hears of it.
        lie: changes the body of the service's answer.
        paths: requests whose path starts so; all if empty.
        times: how many requests it hits; all if None.
    """

    refuse: bool = False
    delay: float = 0.0
    status: int | None = None
    drop: bool = False
    lie: Callable[[bytes], bytes] | None = None
    paths: str = ""
    times: int | None = None


class Proxy:
    """Forwards HTTP from an address of its own to a port of 127.0.0.1.

    Attributes:
        port: the port it listens on.
        asked: method and path of every request, in the order in which they came.
    """

    def __init__(self, address: str, target: int, port: int = 0) -> None:
        self.asked: list[str] = []
        self._fault: Fault | None = None
        self._hits = 0
        self._lock = threading.Lock()
        self._released = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                proxy._forward(self, target)

            do_POST = do_GET  # the base class names it so

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that has gone away is none of ours."""

        self._server = Server((address, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def set(self, fault: Fault | None) -> None:
        """Misbehave so from now on; None: behave. Requests that a delay holds are let go."""
        with self._lock:
            self._fault, self._hits = fault, 0
            self._released.set()
            self._released = threading.Event()

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[Proxy]:
        """Misbehave within the block."""
        self.set(fault)
        try:
            yield self
        finally:
            self.set(None)

    def close(self) -> None:
        """Stop listening."""
        self.set(None)
        self._server.shutdown()
        self._server.server_close()

    def _current(self, path: str) -> tuple[Fault, threading.Event]:
        with self._lock:
            fault = self._fault
            if fault is None or not path.startswith(fault.paths):
                return Fault(), self._released
            self._hits += 1
            return (Fault() if fault.times is not None and self._hits > fault.times else fault), self._released

    def _forward(self, handler: BaseHTTPRequestHandler, target: int) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault, released = self._current(handler.path)
        if fault.delay:
            released.wait(fault.delay)
        if fault.refuse:
            handler.close_connection = True
            return
        if fault.status is not None:
            _answer(
                handler, fault.status, {"Content-Type": "application/json"}, b'{"code":13,"message":"out of order"}'
            )
            return
        status, headers, answer = _ask(handler, target, body)
        if fault.drop:
            handler.close_connection = True
            return
        _answer(handler, status, headers, fault.lie(answer) if fault.lie else answer)


def _ask(handler: BaseHTTPRequestHandler, target: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", target, timeout=60)
    headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
    try:
        connection.request(handler.command, handler.path, body or None, headers)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        return answer.status, kept, answer.read()
    except (OSError, HTTPException) as error:
        return 502, {"Content-Type": "text/plain"}, f"the service did not answer: {error}".encode()
    finally:
        connection.close()


def _answer(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Return when `ready()`; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not answer within {seconds:.0f} s")
        time.sleep(0.02)
