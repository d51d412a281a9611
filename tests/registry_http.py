"""A registry over HTTP for tests: the whole application on a loopback port, over either database, and its callers."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from seglam.packs import oci
from seglam.packs.pack import Pack
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from seglam.registry.access.issuers import AUDIENCE
from seglam.registry.app import Registry, create_app
from seglam.registry.publishing import Publication
from seglam.registry.publishing.committing import publish
from seglam.registry.settings import Settings
from seglam.registry.tables import PublicationState, stamp
from tests.issuer import ISSUER, Issuer, issuing
from tests.registries import ORIGIN, provenance

ADMIN = "root"
API = "/api/v1"


def account(name: str) -> str:
    """The subject of a service account of the namespace `team`, as certificates name it."""
    return f"https://kubernetes.io/namespaces/team/serviceaccounts/{name}"


@dataclass
class Site:
    """A registry that is served.

    Attributes:
        issuer: signs identity tokens that the registry accepts.
        uids: each account's own id, as its issuer keeps it.
    """

    registry: Registry
    client: httpx2.Client
    issuer: Issuer
    uids: dict[str, str] = field(default_factory=dict)

    def identity_token(self, name: str, audience: str = AUDIENCE, **claims: Any) -> str:
        """A fresh identity token of a service account."""
        uid = self.uids.setdefault(name, f"uid-{name}")
        bound = {"namespace": "team", "serviceaccount": {"name": name, "uid": uid}}
        given = {"jti": secrets.token_hex(8), "kubernetes.io": bound, **claims}
        return self.issuer.token(f"system:serviceaccount:team:{name}", audience, **given)

    def exchange(
        self, name: str, namespace: str, scopes: Sequence[str] | None = None, **claims: Any
    ) -> httpx2.Response:
        """Ask for a token."""
        body = {"token": self.identity_token(name, **claims), "namespace": namespace}
        return self.client.post(f"{API}/tokens", json=body if scopes is None else {**body, "scopes": list(scopes)})

    def token(self, name: str, namespace: str, scopes: Sequence[str] | None = None) -> dict[str, str]:
        """The header with a token, for someone who gets one."""
        response = self.exchange(name, namespace, scopes)
        assert response.status_code == 201, response.text
        return {"Authorization": f"Bearer {response.json()['token']}"}

    def claim(self, name: str, namespace: str, **more: Any) -> httpx2.Response:
        """Claim a namespace."""
        given = {"name": namespace, **more}
        return self.client.post(f"{API}/namespaces", json=given, headers=self.token(name, namespace))

    def add_member(self, by: str, namespace: str, name: str, role: str) -> httpx2.Response:
        """Add a service account to a namespace."""
        body = {"issuer": ISSUER, "subject": account(name), "role": role}
        return self.change(by, namespace, "POST", "/members", body)

    def change(self, by: str, namespace: str, method: str, path: str, body: object = None) -> httpx2.Response:
        """Change a namespace as it is now."""
        address = f"{API}/namespaces/{namespace}"
        headers = {**self.token(by, namespace), "If-Match": self.client.get(address).headers["etag"]}
        return self.client.request(method, address + path, json=body, headers=headers)

    def put(self, pack: Pack, publisher: str = "alice", *bundles: bytes) -> Publication:
        """Publish without the steps before the last one: they have tests of their own."""
        made = stamp()
        publication = Publication(
            id=secrets.token_hex(8),
            state=PublicationState.SIGNED,
            origin=pack.release.name.origin,
            namespace=pack.release.name.namespace,
            issuer=ISSUER,
            subject=account(publisher),
            release=str(pack.release),
            digest=pack.digest,
            steps=(),
            problem=None,
            created=made,
            changed=made,
        )
        facts = {oci.digest_of(each): _facts(each) for each in bundles}
        engines = ["sha256:" + "e" * 64]
        self.registry.database.transact(
            lambda session: publish(session, publication, pack, list(bundles), facts, engines)
        )
        return publication


@contextmanager
def serving(url: str, directory: Path, **settings: Any) -> Iterator[Site]:
    """A registry over a database, on a loopback port, that believes an issuer of its own."""
    with issuing() as issuer:
        listed = directory / "issuers.yaml"
        listed.write_text(
            json.dumps(
                {
                    "issuers": [
                        {
                            "issuer": ISSUER,
                            "type": "kubernetes",
                            "jwks": f"http://127.0.0.1:{issuer.port}/openid/v1/jwks",
                        }
                    ]
                }
            )
        )
        given: dict[str, Any] = {
            "origin": ORIGIN,
            "issuers_file": listed,
            "admins": ((ISSUER, account(ADMIN)),),
            "rate_limits": False,
            "namespaces_each": 1000,
            "cooldown_s": 3600,
            "local": True,
            **settings,
        }
        app = create_app(Settings(data=directory / "data", database=url, **given))
        with listening(app) as client:
            yield Site(app.state.registry, client, issuer)


@contextmanager
def listening(app: Any) -> Iterator[httpx2.Client]:
    """A client of an application that is served in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended while it started"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def signed(pack: Pack, signer: KeySigner) -> bytes:
    """A provenance bundle of a pack."""
    return signer.sign(Statement(pack.release.purl, pack.digest, provenance(pack)).to_bytes())


def _facts(bundle: bytes) -> Mapping[str, Any]:
    hint = json.loads(bundle)["verificationMaterial"]["publicKey"]["hint"]
    return {"mode": "Key", "issuer": "", "subject": hint, "log_index": None, "review": None}
