"""Packs in the cluster, from a publisher's service account to a hit, signed keyless by real authorities; and what is
refused on the way, with the condition that says which.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from seglam.packs.trust.decision import PackFacts
from seglam.packs.trust.gate import examine
from seglam.packs.trust.predicates import VerificationSummary
from seglam.packs.trust.roots import TrustRoot, TrustRootSpec
from seglam.resources import names
from tests import registries
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.databases import databases
from tests.cluster.forwarding import forwarded
from tests.cluster.images import Images
from tests.cluster.kinds import resource
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.liar import lying
from tests.cluster.market import NAME, ORIGIN, REGISTRY_SUBJECT, SERVICE, TRUST, Market, needs
from tests.cluster.node.layout import ADDRESS, APISERVER
from tests.cluster.tenant import Tenant, tenant_in
from tests.sigstore.build import missing
from tests.sigstore.instance import Sigstore

QUESTION, ANSWER = "double 21", "42"
OPERATOR_SUBJECT = f"https://kubernetes.io/namespaces/{release.SYSTEM}/serviceaccounts/{names.OPERATOR}"
DISCOVERY = "seglam-test-oidc-discovery"
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


@pytest.fixture(scope="module")
def market(
    installed: Cluster, images: Images, sigstore: Sigstore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Market]:
    """The chart with its registry on PostgreSQL; registry and operator sign by their service accounts; three versions
    published by another one. The gateways' record of answers is in PostgreSQL too."""
    kubectl, namespace = installed.kubectl, f"seglam-test-acme-{secrets.token_hex(3)}"
    trust = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": TRUST}}
    with ExitStack() as stack:
        liar = stack.enter_context(lying())
        kubectl.apply(trust | {"data": {"client_trust_config.json": sigstore.trust_config}}, namespace=release.SYSTEM)
        scratch = tmp_path_factory.mktemp("databases")
        kept = stack.enter_context(databases(kubectl, scratch, ORIGIN, sigstore.trust_config))
        ports = sorted({proxy.port for proxy in sigstore.proxies.values()})
        registry = {
            **kept.registry,
            "enabled": True,
            "origin": ORIGIN,
            "clusterIssuer": APISERVER,
            "signing": {"mode": "keyless", "trustConfigMap": TRUST},
            "networkPolicy": {"cidrs": [f"{ADDRESS}/32"], "ports": [*ports, kept.port]},
            # A reviewer who was named just now counts at once.
            "env": [{"name": "SEGLAM_REGISTRY_COOLDOWN_SECONDS", "value": "0"}],
        }
        sources = {"cidrs": [f"{ADDRESS}/32"], "ports": [*ports, int(liar.url.rpartition(":")[2])]}
        imports = {"signing": "keyless", "trustConfigMap": TRUST, "sources": sources}
        values = release.values_of(images, {"registry": registry, "imports": imports, "ledger": kept.ledger})
        release.install(installed, values)
        release.ensure_namespace(kubectl, namespace)
        stack.callback(kubectl, "delete", "namespace", namespace, "--wait=false")
        stack.callback(kubectl, "delete", "trustpolicies,trustroots", "--selector=seglam.dev/test=packs")
        for account in ("publisher", "reviewer"):
            kubectl("create", "serviceaccount", account, "-n", namespace)
        url = stack.enter_context(forwarded(kubectl, names.REGISTRY))
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


def test_the_operator_signs_its_decision_as_its_service_account(market: Market, tenant: Tenant) -> None:
    summary = tenant.get("pki", "basics")["status"]["summary"]
    root = TrustRoot("sigstore", TrustRootSpec(keyless=market.sigstore.trusted_root))
    found = examine(summary["bundle"].encode(), [root], PackFacts.of(market.packs["1.1.0"]))
    assert found.passed and found.verified is not None and found.signature is not None, found.words
    assert (found.signature.issuer, found.signature.subject) == (APISERVER, OPERATOR_SUBJECT)
    said = found.verified.statement.predicate
    assert isinstance(said, VerificationSummary)
    assert (said.verification_result, len(said.input_attestations)) == ("PASSED", 4)


def test_an_answer_is_followed_to_what_was_signed(market: Market, tenant: Tenant) -> None:
    """By whichever replica of the gateway: their record of answers is in one database."""
    with forwarded(market.kubectl, names.GATEWAY) as gateway:
        walked = tenant.trace(tenant.wait_until_hit(QUESTION)["id"], gateway, "--registry", market.url)
    assert walked["whole"], walked["checks"]
    assert walked["imports"][0]["importer"] == "alice"
    signers = {each["predicate"]: each["signer"] for each in walked["packs"][0]["statements"]}
    assert signers == {
        "release": REGISTRY_SUBJECT,
        "test-result": REGISTRY_SUBJECT,
        "provenance": market.subject("publisher"),
        "review": market.subject("reviewer"),
        "verification-summary": OPERATOR_SUBJECT,
    }
    links = {each["link"] for each in walked["checks"]}
    assert {"answer -> revision", "import -> decision", "import -> reviews", "revision -> provenance"} <= links


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
