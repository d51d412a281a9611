"""An OpenID provider as people meet one: an authorization endpoint that agrees at once, a token endpoint that checks
code, client and PKCE, and the keys. What it answers can be forged, one thing at a time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.issuer import Issuer

CLIENT = "seglam-pages"
Claims = dict[str, Any]


@dataclass
class Provider:
    """The provider.

    Attributes:
        user: e-mail address of whoever signs in.
        forge: changes the claims before they are signed.
        sign: makes the token in the place of the provider's own key.
        codes: what was asked for, by the code that was given out.
        refused: why the token endpoint refused, in order.
    """

    issuer: Issuer
    url: str = ""
    user: str = "ada@acme.example"
    forge: Callable[[Claims], Claims] = dict
    sign: Callable[[Claims], str] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent; the code is good once."""
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code" and "openid" in asked["scope"]
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        given = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(given)}"

    def token(self, given: dict[str, str]) -> tuple[int, Any]:
        """What the token endpoint answers."""
        asked = self.codes.pop(given.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if asked is None or given.get("redirect_uri") != asked["redirect_uri"]:
            return self._refuse("code")
        if challenge.rstrip(b"=").decode() != asked["code_challenge"] or given.get("client_id", CLIENT) != CLIENT:
            return self._refuse("pkce")
        claims = {"iss": self.url, "nonce": asked["nonce"], "email": self.user, "email_verified": True}
        said = self.forge({**claims, "sub": f"id-of-{self.user}", "aud": CLIENT})
        if self.sign is not None:
            token = self.sign(said)
        else:
            token = self.issuer.token(said.pop("sub"), said.pop("aud"), **said)
        return 200, {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token}

    def _refuse(self, why: str) -> tuple[int, Any]:
        self.refused.append(why)
        return 400, {"error": "invalid_grant"}

    def reset(self) -> None:
        """Forge nothing any more."""
        self.forge, self.sign, self.user = dict, None, "ada@acme.example"


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider on a loopback port."""
    provider = Provider(Issuer())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(dict(parse_qsl(parts.query))))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if parts.path == "/.well-known/openid-configuration":
                names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "openid/v1/jwks"}
                document = {name: f"{provider.url}/{path}" for name, path in names.items()}
                self._say(200, {"issuer": provider.url, **document})
                return
            found = provider.issuer.reply(parts.path)
            self._say(200 if found else 404, found)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say(*provider.token(dict(parse_qsl(body))))

        def _say(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
