"""A gateway and an API server for compile Jobs, over real TLS: real sandboxes behind the paths of runners, a scripted
model behind those of the model. What the cluster's own gateway does is tested with that gateway.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seglam.sandbox import Sandbox, wire
from tests.certificates import SERVER, Authority, write

NAME = "rpc-0123456789abcdef0123"
NAMESPACE = "seglam-compile"
TOKEN = "token-of-the-job"
ACCOUNT_TOKEN = "token-of-the-account"


@dataclass
class Stood:
    """The server's address, what it was told and what it says.

    `busy` is how many further calls of runners are answered with 503; `refusals` are statuses of the API server by
    method.
    """

    port: int
    directory: Path
    work: dict[str, Any] | None
    model: str | None
    sandboxes: dict[str, Sandbox]
    kept: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    asked: list[str] = field(default_factory=list)

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a Job's pod."""
        return {
            "SEGLAM_COMPILATION": NAME,
            "SEGLAM_ATTEMPT": "2",
            "SEGLAM_JOB_UID": "11111111-2222-3333-4444-555555555555",
            "SEGLAM_GATEWAY": f"https://localhost:{self.port}",
            "SEGLAM_CA_FILE": str(self.directory / "ca.crt"),
            "SEGLAM_TOKEN_FILE": str(self.directory / "job-token"),
            "SEGLAM_SERVICE_ACCOUNT_DIR": str(self.directory),
            "KUBERNETES_SERVICE_HOST": "localhost",
            "KUBERNETES_SERVICE_PORT": str(self.port),
            **more,
        }

    @property
    def result(self) -> dict[str, Any]:
        """The result that was kept last."""
        found: dict[str, Any] = json.loads(self.kept[-1][2]["data"]["result.json"])
        return found


@contextmanager
def standing(
    directory: Path, work: dict[str, Any] | None, sandboxes: dict[str, Sandbox], model: str | None = None
) -> Iterator[Stood]:
    """Serve until the block ends. `work` is None where the gateway holds nothing; `model` is an endpoint's URL."""
    identity = Authority.new().identity("localhost", SERVER)
    write(identity, directory)
    (directory / "job-token").write_text(TOKEN + "\n")
    (directory / "token").write_text(ACCOUNT_TOKEN)
    (directory / "namespace").write_text(NAMESPACE)
    stood = Stood(0, directory, work, model, sandboxes)
    server = ThreadingHTTPServer(("localhost", 0), _handler(stood))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    stood.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stood
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(stood: Stood) -> type[BaseHTTPRequestHandler]:
    prefix = f"/internal/v1/compilations/{NAME}"
    objects = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        do_PUT = do_POST

        def _answer(self, body: bytes) -> None:
            stood.asked.append(f"{self.command} {self.path}")
            api = self.path.startswith("/api/")
            if self.headers.get("Authorization") != f"Bearer {ACCOUNT_TOKEN if api else TOKEN}":
                self._send(401, json.dumps({"detail": "no such token"}).encode())
            elif api:
                self._keep(json.loads(body))
            elif self.path == prefix:
                missing = json.dumps({"detail": "no such compilation"}).encode()
                self._send(200 if stood.work else 404, json.dumps(stood.work).encode() if stood.work else missing)
            elif self.path.startswith(f"{prefix}/model/"):
                self._forward(self.path.removeprefix(f"{prefix}/model"), body)
            elif stood.busy > 0:
                stood.busy -= 1
                self._send(503, json.dumps({"detail": "full"}).encode())
            else:
                self._run(self.path.removeprefix(f"{prefix}/sandbox"), body)

        def _keep(self, content: dict[str, Any]) -> None:
            status = stood.refusals.get(self.command, 201 if self.command == "POST" else 200)
            if status < 300:
                stood.kept.append((self.command, self.path, content))
            assert self.path == (objects if self.command == "POST" else f"{objects}/{NAME}")
            self._send(status, json.dumps({"kind": "Status", "message": "said by the API server"}).encode())

        def _forward(self, path: str, body: bytes) -> None:
            assert stood.model is not None
            url = urlsplit(stood.model)
            connection = http.client.HTTPConnection(url.netloc, timeout=30)
            connection.request("POST", url.path + path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            self._send(reply.status, reply.read())
            connection.close()

        def _run(self, path: str, body: bytes) -> None:
            match path:
                case "/engines":
                    described = (
                        wire.EngineDescription(
                            build, one.engine.digest, one.engine.modules, one.engine.memory_floor_mib
                        )
                        for build, one in stood.sandboxes.items()
                    )
                    self._send(200, wire.write_engines(described))
                case "/inspections":
                    wanted = wire.read_examination(body)
                    found = stood.sandboxes[wanted.build].inspect(wanted.code, wanted.examples)
                    self._send(200, wire.write_inspection(found))
                case _:
                    assert path == "/batches"
                    batch = wire.read_batch(body)
                    sandbox = stood.sandboxes[batch.build]
                    runs = sandbox.run_many(batch.program, batch.arguments, mode=batch.mode)
                    self._send(200, wire.write_runs([wire.write_run(run) for run in runs]))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
