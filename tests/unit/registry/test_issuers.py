"""Issuers of identity tokens: what their tokens say about who holds them, and how their keys are fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seglam.registry.access.identities import Identity
from seglam.registry.access.issuers import AUDIENCE, Issuers, IssuersInvalid, IssuerSpec, Type, load
from seglam.web.keyring import KeysMissing, TokenRefused
from tests.issuer import ISSUER, Issuer

pytestmark = pytest.mark.anyio


class Published:
    """What an issuer says over HTTP, as an API server does: keys only to who accepts their media type."""

    def __init__(self) -> None:
        self.tokens = Issuer()
        self.discovery: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False
        self.url = ""

    def reply(self, path: str, accept: str) -> tuple[int, object]:
        self.asked.append(path)
        if self.down:
            return 503, None
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": ISSUER, "jwks_uri": f"{self.url}/keys", **self.discovery}
        if path == "/keys":
            accepted = "application/jwk-set+json" in accept or "*/*" in accept
            return (200, self.tokens.reply("/openid/v1/jwks")) if accepted else (406, None)
        return 404, None


@pytest.fixture
def published() -> Iterator[Published]:
    made = Published()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            status, content = made.reply(self.path, self.headers.get("Accept", ""))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def issuers(published: Published, kind: Type = "plain", **more: Any) -> Issuers:
    return Issuers([IssuerSpec(issuer=ISSUER, type=kind, url=published.url, **more)])


@pytest.mark.parametrize(
    ("kind", "subject", "claims", "expected", "account"),
    [
        ("plain", "someone", {}, "someone", None),
        ("email", "12345", {"email": "a@b.example", "email_verified": True}, "a@b.example", "12345"),
        (
            "github",
            "repo:o/r:ref:refs/heads/main",
            {"job_workflow_ref": "o/r/.github/workflows/w.yml@refs/heads/main", "repository_id": "77"},
            "https://github.com/o/r/.github/workflows/w.yml@refs/heads/main",
            "77",
        ),
        (
            "kubernetes",
            "system:serviceaccount:team:ci",
            {"kubernetes.io": {"serviceaccount": {"uid": "u-1"}}},
            "https://kubernetes.io/namespaces/team/serviceaccounts/ci",
            "u-1",
        ),
    ],
)
async def test_the_subject_is_the_one_of_a_certificate(
    published: Published, kind: Type, subject: str, claims: dict[str, Any], expected: str, account: str | None
) -> None:
    found = await issuers(published, kind).verify(published.tokens.token(subject, AUDIENCE, **claims))
    assert found.identity == Identity(ISSUER, expected)
    assert found.account == account


@pytest.mark.parametrize(
    ("kind", "subject", "claims", "code"),
    [
        ("email", "1", {"email": "a@b.example", "email_verified": False}, "token-subject"),
        ("email", "1", {"email": "a@b.example", "email_verified": "true"}, "token-subject"),
        ("github", "1", {"repository_id": "1"}, "token-subject"),
        ("github", "1", {"job_workflow_ref": "w"}, "token-account"),
        ("kubernetes", "system:node:n", {"kubernetes.io": {"serviceaccount": {"uid": "u"}}}, "token-subject"),
        (
            "kubernetes",
            "system:serviceaccount:a:b:c",
            {"kubernetes.io": {"serviceaccount": {"uid": "u"}}},
            "token-subject",
        ),
        ("plain", "two words", {}, "token-subject"),
        ("plain", "x" * 513, {}, "token-subject"),
    ],
)
async def test_who_is_not_named_clearly_is_refused(
    published: Published, kind: Type, subject: str, claims: dict[str, Any], code: str
) -> None:
    with pytest.raises(TokenRefused) as refused:
        await issuers(published, kind).verify(published.tokens.token(subject, AUDIENCE, **claims))
    assert refused.value.code == code


async def test_another_claim_can_name_the_account(published: Published) -> None:
    token = published.tokens.token("x", AUDIENCE, **{"example.com/ids": {"number": 7}})
    found = await issuers(published, account_claim="example.com/ids/number").verify(token)
    assert found.account == "7"


async def test_keys_that_cannot_be_fetched_are_fetched_when_they_can(published: Published) -> None:
    made = issuers(published)
    published.down = True
    token = published.tokens.token("x", AUDIENCE)
    with pytest.raises(KeysMissing):
        await made.verify(token)
    assert made.ready() == {ISSUER: False}
    published.down = False
    assert (await made.verify(token)).identity.subject == "x"
    published.down = True
    assert (await made.verify(published.tokens.token("y", AUDIENCE))).identity.subject == "y"


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "https://elsewhere.example"}, {"jwks_uri": "http://127.0.0.1:1/keys"}, {"jwks_uri": None}],
)
async def test_a_discovery_document_of_somebody_else_is_not_believed(
    published: Published, discovery: dict[str, Any]
) -> None:
    published.discovery = discovery
    with pytest.raises(KeysMissing):
        await issuers(published).verify(published.tokens.token("x", AUDIENCE))
    assert "/keys" not in published.asked


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("issuers: 3", "issuers"),
        ("- x", "issuers"),
        ("issuers: [{issuer: nowhere}]", "issuer"),
        ("issuers: [{issuer: 'https://a.example', kind: plain}]", "kind"),
        ("issuers: [{issuer: 'https://a.example'}, {issuer: 'https://a.example'}]", "twice"),
    ],
)
async def test_a_list_that_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "issuers.yaml"
    file.write_text(content)
    with pytest.raises(IssuersInvalid, match=words):
        load(file)
