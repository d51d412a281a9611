"""A registry in the cluster, those who publish there, and what administrators say of them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.statements import Statement
from seglam.resources import names
from tests import registries
from tests.cluster import release
from tests.cluster.kubectl import Kubectl
from tests.cluster.liar import Liar
from tests.cluster.node.layout import APISERVER
from tests.sigstore.instance import Sigstore

ORIGIN = registries.ORIGIN
NAME = f"{ORIGIN}/acme/basics"
REGISTRY_SUBJECT = f"https://kubernetes.io/namespaces/{release.SYSTEM}/serviceaccounts/{names.REGISTRY}"
SERVICE = f"http://{names.REGISTRY}.{release.SYSTEM}.svc"
TRUST = "seglam-test-trust"


@dataclass
class Market:
    """The registry in the cluster, people who publish there, and a liar in front of it."""

    kubectl: Kubectl
    url: str
    sigstore: Sigstore
    namespace: str
    liar: Liar
    packs: dict[str, Pack] = field(default_factory=dict)

    def subject(self, account: str) -> str:
        """A service account as certificates name it."""
        return f"https://kubernetes.io/namespaces/{self.namespace}/serviceaccounts/{account}"

    def identity(self, account: str, issuer: str = APISERVER) -> dict[str, str]:
        return {"issuer": issuer, "subject": self.subject(account)}

    def token(self, account: str, audience: str) -> str:
        """A token of a service account, as its pod would have it."""
        return self.kubectl("create", "token", account, "-n", self.namespace, f"--audience={audience}").strip()

    def sign(self, account: str, pack: Pack, predicate: Any) -> bytes:
        """A bundle that a service account signed keyless."""
        from sigstore.models import ClientTrustConfig

        from seglam.packs.trust.signing.keyless import KeylessSigner

        config = ClientTrustConfig.from_json(self.sigstore.trust_config)
        signer = KeylessSigner(config, lambda: self.token(account, "sigstore"))
        return signer.sign(Statement(pack.release.purl, pack.digest, predicate).to_bytes())

    def claim(self) -> None:
        """The publisher takes the namespace, and names who reviews for it."""
        self.call("POST", "/namespaces", {"name": "acme", "mode": "Keyless"}, self.allowed())
        tag = str(self.call("GET", "/namespaces/acme")["etag"])
        member = {**self.identity("reviewer"), "role": "reviewer"}
        self.call("POST", "/namespaces/acme/members", member, self.allowed() | {"If-Match": tag})

    def publish(self, version: str) -> Pack:
        """Publish a version as the publisher's service account, with a review by another one."""
        pack = registries.good_pack(version, documents=(registries.doubling(),))
        author, reviewer = self.subject("publisher"), self.subject("reviewer")
        bundles = (
            self.sign("publisher", pack, registries.provenance(pack, author)),
            self.sign("reviewer", pack, registries.review(pack, reviewer, author=author)),
        )
        headers = self.allowed() | {
            "Content-Type": "application/x-tar",
            "Idempotency-Key": f"publish-{version}",
            "Prefer": "wait=60",
        }
        done = self.call("POST", "/publications", tar_bytes([Packed(pack, bundles)]), headers)
        assert done["state"] == "published", done
        self.packs[version] = pack
        return pack

    def allowed(self) -> dict[str, str]:
        """The publisher's identity token, exchanged."""
        body = {"token": self.token("publisher", "seglam-registry"), "namespace": "acme"}
        return {"Authorization": f"Bearer {self.call('POST', '/tokens', body)['token']}"}

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask the registry's API."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        asked = urllib.request.Request(f"{self.url}/api/v1{path}", data, given, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=90) as answer:
                found: dict[str, Any] = json.loads(answer.read() or b"{}") | {"etag": answer.headers.get("ETag")}
                return found
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def yank(self, version: str) -> None:
        """Take a version back, as its publisher."""
        path = f"/packs/acme/basics/versions/{version}"
        tag = str(self.call("GET", path)["etag"])
        self.call("POST", f"{path}/yank", {"reason": "a test"}, self.allowed() | {"If-Match": tag})

    def root(self, name: str, url: str) -> dict[str, Any]:
        """A TrustRoot with these authorities and one source."""
        with urllib.request.urlopen(f"{self.url}/tuf/{ORIGIN}/1.root.json", timeout=20) as answer:
            bootstrap = answer.read().decode()
        spec = {
            "keyless": self.sigstore.trusted_root,
            "keys": [registries.ALICE.signer.public.model_dump(by_alias=True)],  # type: ignore[attr-defined]
            "sources": [{"origin": ORIGIN, "url": url}],
            "tuf": {"url": f"{SERVICE}/tuf/{ORIGIN}/", "root": bootstrap},
        }
        return of(names.TRUST_ROOT, name, spec)

    def policy(self, name: str, namespace: str, *require: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A TrustPolicy for the pack in one namespace."""
        spec = {"namespaces": [namespace], "packs": [f"{ORIGIN}/acme/*"], "trustRoot": TRUST, "mode": "Keyless"}
        return of(names.TRUST_POLICY, name, {**spec, "require": list(require), **changes})

    @property
    def usual(self) -> tuple[dict[str, Any], ...]:
        """Release and tests by the registry, provenance by the publisher, a review by the reviewer."""
        return (
            needs("release", {"issuer": APISERVER, "subject": REGISTRY_SUBJECT}),
            needs("test-result", {"issuer": APISERVER, "subject": REGISTRY_SUBJECT}),
            needs("provenance", self.identity("publisher")),
            needs("review", self.identity("reviewer")),
        )


def needs(predicate: str, identity: dict[str, str]) -> dict[str, Any]:
    return {"predicate": predicate, "identities": [identity]}


def of(kind: names.Kind, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "spec": spec}
