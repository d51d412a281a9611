"""An issuer of identity tokens as a cluster's API server is one: tokens of service accounts, keys over HTTP."""

from __future__ import annotations

import json
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class Issuer:
    """Signs tokens and publishes its keys.

    Attributes:
        url: its name in tokens and certificates, and where it answers.
    """

    def __init__(self, address: str, keyfile: Path, *, tls: ssl.SSLContext | None = None) -> None:
        if keyfile.exists():
            self._key = read_key(keyfile)
        else:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            keyfile.touch(mode=0o600)
            keyfile.write_bytes(
                self._key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                found = issuer._reply(self.path)
                body = json.dumps(found or {}).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{address}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def token(self, namespace: str, account: str, audience: str = "sigstore", **claims: Any) -> str:
        """A token with the claims of a projected service account token, valid for ten minutes."""
        return service_account_token(self._key, self.url, namespace, account, audience, **claims)

    def _reply(self, path: str) -> object | None:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
            }
        if path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
            return {"keys": [{**key, "kid": "test", "use": "sig", "alg": "RS256"}]}
        return None


def read_key(path: Path) -> rsa.RSAPrivateKey:
    """An issuer's key."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def service_account_token(
    key: rsa.RSAPrivateKey, issuer: str, namespace: str, account: str, audience: str, **claims: Any
) -> str:
    """A signed token of a service account; claims that are None are left out."""
    now = int(time.time())
    stated = {
        "iss": issuer,
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "aud": [audience],
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": "test"}},
        **claims,
    }
    content = {name: value for name, value in stated.items() if value is not None}
    return jwt.encode(content, key, algorithm="RS256", headers={"kid": "test"})


def subject(namespace: str, account: str) -> str:
    """The name that Fulcio's certificate gives to a service account."""
    return f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{account}"
