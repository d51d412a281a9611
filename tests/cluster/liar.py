"""Stands between the operator and a registry, and gives other bytes where it was told to."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.cluster.node.layout import ADDRESS


@dataclass
class Liar:
    """Stands between the operator and the registry, and gives other bytes where it was told to."""

    url: str
    target: str = ""
    changed: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)


@contextmanager
def lying() -> Iterator[Liar]:
    """The liar, on an address that pods reach."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = liar.moved.get(self.path, self.path)
            asked = urllib.request.Request(liar.target + path, headers={"Accept": self.headers.get("Accept", "*/*")})
            try:
                with urllib.request.urlopen(asked, timeout=20) as answer:
                    status, body, kind = answer.status, answer.read(), answer.headers.get("Content-Type", "")
            except urllib.error.HTTPError as error:
                status, body, kind = error.code, error.read(), "application/json"
            if (change := liar.changed.get(path)) is not None:
                body = change(body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    liar = Liar(f"http://{ADDRESS}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join()
