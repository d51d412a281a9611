"""Packs in the cluster, from a publisher's service account to a hit, signed keyless by real authorities; and what is
refused on the way, with the condition that says which.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.statements import Statement
from seglam.resources import names
from tests import registries
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kinds import resource
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.node.layout import ADDRESS, APISERVER
from tests.cluster.tenant import Tenant, tenant_in
from tests.sigstore.build import missing
from tests.sigstore.instance import Sigstore

ORIGIN = registries.ORIGIN
NAME = f"{ORIGIN}/acme/basics"
QUESTION, ANSWER = "double 21", "42"
REGISTRY_SUBJECT = f"https://kubernetes.io/namespaces/{release.SYSTEM}/serviceaccounts/{names.REGISTRY}"
SERVICE = f"http://{names.REGISTRY}.{release.SYSTEM}.svc"
TRUST, DISCOVERY = "seglam-test-trust", "seglam-test-oidc-discovery"
REASON_S = 60


@pytest.fixture(scope="module")
def sigstore(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sigstore]:
    """Authorities that pods reach, and that take the cluster's own service account tokens."""
    if installed.node is None:
        pytest.skip("pods reach a private sigstore on this machine only from a node of our own")
    if reason := missing():
        pytest.skip(reason)
    anybody = {"kind": "Group", "name": "system:unauthenticated", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "system:service-account-issuer-discovery"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": DISCOVERY},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", **role},
        "subjects": [anybody],
    }
    kubectl = installed.kubectl
    kubectl.apply(binding)
    shown = kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    authority = base64.b64decode(shown["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    running = Sigstore(tmp_path_factory.mktemp("sigstore"), address=ADDRESS, issuers={APISERVER: authority})
    yield running
    running.close()
    kubectl("delete", "clusterrolebinding", DISCOVERY)


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


@contextmanager
def forwarded(kubectl: Kubectl) -> Iterator[str]:
    """The registry's address on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [kubectl.program, f"--kubeconfig={kubectl.kubeconfig}", f"--context={kubectl.context}", "port-forward"]
    command += ["-n", release.SYSTEM, f"service/{names.REGISTRY}", f"{port}:80"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually("the registry is reached", lambda: _reached(f"{url}/readyz"))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _reached(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


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


@pytest.fixture(scope="module")
def market(installed: Cluster, images: Images, sigstore: Sigstore) -> Iterator[Market]:
    """The chart with its registry, which signs by its service account; two versions published by another one."""
    kubectl, namespace = installed.kubectl, f"seglam-test-acme-{secrets.token_hex(3)}"
    trust = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": TRUST}}
    with ExitStack() as stack:
        liar = stack.enter_context(lying())
        kubectl.apply(trust | {"data": {"client_trust_config.json": sigstore.trust_config}}, namespace=release.SYSTEM)
        ports = sorted({proxy.port for proxy in sigstore.proxies.values()})
        registry = {
            "enabled": True,
            "origin": ORIGIN,
            "clusterIssuer": APISERVER,
            "persistence": {"enabled": False},
            "signing": {"mode": "keyless", "trustConfigMap": TRUST},
            "networkPolicy": {"cidrs": [f"{ADDRESS}/32"], "ports": ports},
            # A reviewer who was named just now counts at once.
            "env": [{"name": "SEGLAM_REGISTRY_COOLDOWN_SECONDS", "value": "0"}],
        }
        sources = {"cidrs": [f"{ADDRESS}/32"], "ports": [int(liar.url.rpartition(":")[2])]}
        values = release.values_of(images, {"registry": registry, "imports": {"sources": sources}})
        release.install(installed, values)
        release.ensure_namespace(kubectl, namespace)
        stack.callback(kubectl, "delete", "namespace", namespace, "--wait=false")
        stack.callback(kubectl, "delete", "trustpolicies,trustroots", "--selector=seglam.dev/test=packs")
        for account in ("publisher", "reviewer"):
            kubectl("create", "serviceaccount", account, "-n", namespace)
        url = stack.enter_context(forwarded(kubectl))
        liar.target = url
        made = Market(kubectl, url, sigstore, namespace, liar)
        eventually("the registry knows the cluster's keys", lambda: _claimed(made))
        for version in ("0.9.0", "1.0.0", "1.1.0"):
            made.publish(version)
        trusts(kubectl, made.root(TRUST, SERVICE), made.root(f"{TRUST}-liar", liar.url))
        yield made
        release.install(installed, release.values_of(images))
        kubectl("delete", "configmap", TRUST, "-n", release.SYSTEM)


def _claimed(market: Market) -> bool:
    """Whether the namespace is the publisher's; the keys of the cluster's tokens are fetched in the background."""
    try:
        market.claim()
    except AssertionError as problem:
        if "keys-missing" in str(problem):
            return False
        raise
    return True


def trusts(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    """Apply policies and roots, which stand in no namespace and are told apart by a label."""
    for each in objects:
        each["metadata"]["labels"] = {"seglam.dev/test": "packs"}
    kubectl.apply(*objects)


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images, market: Market) -> Iterator[Tenant]:
    """A tenant for whom the pack's own reviews are the approval."""
    with tenant_in(installed.kubectl, "seglam-test-shop", images.platform) as made:
        trusts(market.kubectl, market.policy(f"{TRUST}-shop", made.namespace, *market.usual, approval="Pack"))
        yield made


def until(kubectl: Kubectl, namespace: str, reason: str, name: str = "basics") -> dict[str, Any]:
    """The import once its condition Ready has a reason and is about what it asks for now."""

    def seen() -> dict[str, Any] | None:
        found = dict(kubectl.json("get", "pki", name, "-n", namespace))
        current = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
        return found if current and condition(found, "Ready").get("reason") == reason else None

    try:
        return dict(eventually(f"{namespace}/{name} is {reason}", seen, seconds=REASON_S))
    except AssertionError as problem:
        found = kubectl.json("get", "pki", name, "-n", namespace).get("status")
        raise AssertionError(f"{problem}: {json.dumps(found, indent=1)[:6000]}") from problem


def wants(namespace: str, **spec: Any) -> dict[str, Any]:
    return resource(names.PACK_IMPORT, namespace, "basics", {"pack": NAME, **spec})


def test_from_a_publisher_to_a_hit(market: Market, tenant: Tenant) -> None:
    assert tenant.caller.ask(QUESTION, only_if_cached=True)["status"] == 504
    tenant.apply(wants(tenant.namespace, version="^1.0"))
    found = until(market.kubectl, tenant.namespace, "Imported")
    pack = market.packs["1.1.0"]
    assert (found["status"]["release"], found["status"]["digest"]) == (str(pack.release), pack.digest)
    assert condition(found, "Verified")["status"] == "True"
    procedure = tenant.get("rp", "double")
    assert procedure["metadata"]["labels"][names.LABEL_PACK_IMPORT] == "basics"
    review = tenant.get("rpr", procedure["status"]["review"])
    assert review["spec"]["authors"] == ["alice"], "who asked for the import"
    assert "decisions" not in review["spec"]
    answer = tenant.wait_until_hit(QUESTION)
    assert (answer["answer"], answer["procedure"]) == (ANSWER, "double")
    [digest] = [each.digest for each in pack.manifest_model.procedures]
    assert answer["revision"] == digest, "what runs is what was signed"


def test_a_lower_version_is_refused_and_what_is_served_stays(market: Market, tenant: Tenant) -> None:
    tenant.apply(wants(tenant.namespace, version="1.0.0"))
    until(market.kubectl, tenant.namespace, "Downgrade")
    assert tenant.caller.ask(QUESTION, only_if_cached=True)["outcome"] == "hit"
    tenant.apply(wants(tenant.namespace, version="^1.0"))
    until(market.kubectl, tenant.namespace, "Imported")


@dataclass(frozen=True)
class Case:
    """A pack that must be refused: by a policy that is otherwise the usual one, or on its way from the registry."""

    reason: str
    require: Callable[[Market], tuple[dict[str, Any], ...]]
    more: dict[str, Any] = field(default_factory=dict)
    lie: Callable[[Market], None] | None = None
    version: str = "1.1.0"


def _usual(market: Market) -> tuple[dict[str, Any], ...]:
    return market.usual


def _with(
    predicate: str, identity: Callable[[Market], dict[str, str]]
) -> Callable[[Market], tuple[dict[str, Any], ...]]:
    def require(market: Market) -> tuple[dict[str, Any], ...]:
        others = tuple(each for each in market.usual if each["predicate"] != predicate)
        return (*others, needs(predicate, identity(market)))

    return require


def _by_key(market: Market) -> tuple[dict[str, Any], ...]:
    return ({"predicate": "release", "keys": [registries.ALICE.signer.identity]},)


def _flipped(market: Market) -> None:
    """In a version that the operator has not pulled before: what it has by its digest, it asks nobody for."""
    config = list(market.packs["0.9.0"].blobs)[1]

    def flip(body: bytes) -> bytes:
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]

    market.liar.changed[f"/v2/{NAME}/blobs/{config}"] = flip


def _older(market: Market) -> None:
    market.liar.moved[f"/v2/{NAME}/manifests/1.1.0"] = f"/v2/{NAME}/manifests/1.0.0"


LIAR = {"trustRoot": f"{TRUST}-liar"}
CASES = {
    "wrong-identity": Case("Identity", _with("review", lambda market: market.identity("publisher"))),
    "wrong-issuer": Case(
        "Issuer", _with("review", lambda market: market.identity("reviewer", market.sigstore.issuer.url))
    ),
    "wrong-mode": Case("Mode", _by_key, {"mode": "Key"}),
    "missing": Case("PredicateMissing", _with("verification-summary", lambda market: market.identity("reviewer"))),
    "other-version": Case("Version", _usual, {**LIAR, "index": "Ignored"}, _older),
    "one-byte": Case("BlobDigest", _usual, LIAR, _flipped, "0.9.0"),
    "no-policy": Case("NoPolicy", _usual, {"packs": [f"{ORIGIN}/other/*"]}),
}


@pytest.fixture(scope="module")
def refused(market: Market) -> Iterator[dict[str, str]]:
    """An import for each case, in a namespace of its own; they are decided beside each other."""
    spaces = {name: f"seglam-test-{name}-{secrets.token_hex(3)}" for name in CASES}
    for name, case in CASES.items():
        release.ensure_namespace(market.kubectl, spaces[name])
        policy = market.policy(f"{TRUST}-{name}", spaces[name], *case.require(market), **case.more)
        trusts(market.kubectl, policy)
        if case.lie is not None:
            case.lie(market)
    # The liar has one tongue for two cases, and neither path of a case is asked for by the other.
    market.kubectl.apply(*(wants(spaces[name], version=case.version) for name, case in CASES.items()))
    yield spaces
    market.kubectl("delete", "namespace", *spaces.values(), "--wait=false")


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_as_the_policy_wants_is_refused(market: Market, refused: dict[str, str], name: str) -> None:
    found = until(market.kubectl, refused[name], CASES[name].reason)
    assert condition(found, "Verified")["status"] == "False"
    assert condition(found, "Ready")["message"]
    assert not found["status"].get("accepted")
    assert not market.kubectl.json("get", "rp", "-n", refused[name])["items"]


def test_what_is_yanked_is_served_no_more(market: Market, tenant: Tenant) -> None:
    tenant.apply(wants(tenant.namespace, version="1.1.0"))
    until(market.kubectl, tenant.namespace, "Imported")
    market.yank("1.1.0")
    # Any change of the import makes the operator look at once instead of at its next round.
    market.kubectl("annotate", "pki", "basics", "-n", tenant.namespace, f"seglam.dev/looked={time.time():.0f}")
    until(market.kubectl, tenant.namespace, "Yanked")
    answer = eventually("requests miss", lambda: _missed(tenant))
    assert answer["status"] == 504


def _missed(tenant: Tenant) -> dict[str, Any] | None:
    answer = tenant.caller.ask(QUESTION, only_if_cached=True)
    return answer if answer.get("outcome") != "hit" else None
