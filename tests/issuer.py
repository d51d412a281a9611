"""An issuer of tokens as an API server is one: its discovery document and keys over HTTP, and tokens signed by it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from seglam.cluster import Connection

ISSUER = "https://kubernetes.default.svc.cluster.local"


class Issuer:
    """Signs tokens and publishes its keys.

    Attributes:
        asked: paths that were asked for.
        down: whether every call fails.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.port = 0
        self._keys: dict[str, Any] = {}
        self._kid = ""
        self.rotate()

    def rotate(self, *, keep: bool = False) -> None:
        """Sign with a new key from now on; the one before is published no more unless `keep`."""
        if not keep:
            self._keys.clear()
        self._kid = f"key-{time.monotonic_ns()}"
        self._keys[self._kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def connection(self) -> Connection:
        """How the cluster's client reaches it."""
        return Connection(f"http://127.0.0.1:{self.port}")

    def token(self, subject: str, audience: str = "seglam", *, key: Any = None, **claims: Any) -> str:
        """A token; claims that are None are left out, and `key` signs in the place of the issuer's own."""
        now = int(time.time())
        stated = {"iss": ISSUER, "sub": subject, "aud": [audience], "iat": now, "exp": now + 600, **claims}
        content = {name: value for name, value in stated.items() if value is not None}
        return jwt.encode(content, key or self._keys[self._kid], algorithm="RS256", headers={"kid": self._kid})

    def job_token(self, pod: str, subject: str = "system:serviceaccount:seglam-compile:seglam-compile") -> str:
        """A token that is bound to a pod, as a compile Job's is."""
        bound = {"namespace": "seglam-compile", "pod": {"name": pod, "uid": "11111111-2222-3333-4444-555555555555"}}
        return self.token(subject, "seglam-gateway", **{"kubernetes.io": bound})

    def reply(self, path: str) -> object | None:
        """What is served at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/openid/v1/jwks"}
        if path == "/openid/v1/jwks":
            return {"keys": [_published(kid, key) for kid, key in self._keys.items()]}
        return None


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that answers until the block ends."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            found = None if issuer.down else issuer.reply(self.path)
            body = json.dumps(found).encode()
            self.send_response(503 if issuer.down else 200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stranger() -> rsa.RSAPrivateKey:
    """A key that the issuer does not publish."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _published(kid: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
