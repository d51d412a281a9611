"""The gate against real services: Fulcio's certificates, Rekor's log, a timestamp authority, two issuers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sigstore.models import ClientTrustConfig

from seglam.packs.trust import Asked, TrustRoot, TrustRootSpec
from seglam.packs.trust.examination import examine
from seglam.packs.trust.identities import identity_of, service_account
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.signing.keyless import KeylessSigner, trust_config
from tests.sigstore import Sigstore
from tests.sigstore.oidc import Issuer
from tests.trust import PACK, codes, judge, key_root, needs, policy, provenance, ran, release, review, statement, text

REGISTRY = service_account("seglam-system", "registry")


def signer(sigstore: Sigstore, namespace: str, account: str, issuer: Issuer | None = None) -> KeylessSigner:
    """A signer with tokens of a service account."""
    source = issuer or sigstore.issuer
    return KeylessSigner(ClientTrustConfig.from_json(sigstore.trust_config), lambda: source.token(namespace, account))


def identity(sigstore: Sigstore, namespace: str, account: str, issuer: Issuer | None = None) -> dict[str, str]:
    """The same as a policy names it."""
    return {"issuer": (issuer or sigstore.issuer).url, "subject": service_account(namespace, account)}


@pytest.fixture(scope="module")
def bundle(sigstore: Sigstore) -> bytes:
    """A release statement by the registry's service account."""
    return signer(sigstore, "seglam-system", "registry").sign(statement(release()))


@pytest.fixture(scope="module")
def root(sigstore: Sigstore) -> TrustRoot:
    return TrustRoot.of("sigstore", TrustRootSpec(keyless=sigstore.trusted_root))


def changed(sigstore: Sigstore, change: Callable[[dict[str, Any]], object]) -> TrustRoot:
    """The trust root with a change."""
    document, _ = sigstore.trust()
    change(document)
    return TrustRoot.of("sigstore", TrustRootSpec(keyless=json.dumps(document)))


def now() -> datetime:
    return datetime.now(UTC)


def test_keyless_bundles_of_four_identities_are_allowed(sigstore: Sigstore, root: TrustRoot, bundle: bytes) -> None:
    people = {"provenance": "compiler", "test-result": "tester", "review": "alice"}
    predicates = {"provenance": provenance(), "test-result": ran(), "review": review("alice")}
    bundles = [bundle] + [
        signer(sigstore, "shop", people[kind]).sign(statement(predicate)) for kind, predicate in predicates.items()
    ]
    required = [needs("release", identity(sigstore, "seglam-system", "registry"))]
    required += [needs(kind, identity(sigstore, "shop", account)) for kind, account in people.items()]
    decision = judge(bundles, policy(*required), root, now=now())
    assert decision.allowed, codes(decision)
    by_kind = {each.kind: each.signature for each in decision.verified}
    assert by_kind["release"].subject == REGISTRY
    assert by_kind["release"].issuer == sigstore.issuer.url
    assert by_kind["release"].time is not None
    assert now() - by_kind["release"].time < timedelta(hours=1)
    assert len({signature.log_index for signature in by_kind.values()}) == 4
    bare = judge(bundles[:3], policy(*required), root, now=now())
    assert bare.code == "predicate-missing", "without the review"


# --- identity confusion ------------------------------------------------------------------------------------------


def test_the_same_name_of_another_trusted_issuer_is_somebody_else(sigstore: Sigstore, root: TrustRoot) -> None:
    twin = signer(sigstore, "seglam-system", "registry", sigstore.second).sign(statement(release()))
    mine = policy(needs("release", identity(sigstore, "seglam-system", "registry")))
    theirs = policy(needs("release", identity(sigstore, "seglam-system", "registry", sigstore.second)))
    assert judge([twin], mine, root, now=now()).code == "issuer"
    assert judge([twin], theirs, root, now=now()).allowed


@pytest.mark.parametrize(
    "subject",
    [
        service_account("seglam-system", "registr"),
        service_account("seglam-system", "registry-2"),
        service_account("seglam", "registry"),
        REGISTRY.upper(),
        f"{REGISTRY}/",
        ".*",
        "https://kubernetes.io/namespaces/seglam-system/serviceaccounts/*",
        "system:serviceaccount:seglam-system:registry",
    ],
)
def test_a_subject_matches_letter_by_letter(sigstore: Sigstore, root: TrustRoot, bundle: bytes, subject: str) -> None:
    other = policy(needs("release", {"issuer": sigstore.issuer.url, "subject": subject}))
    assert judge([bundle], other, root, now=now()).code == "identity"


@pytest.mark.parametrize("suffix", ["/", "0", "@evil.example"])
def test_an_issuer_matches_letter_by_letter(sigstore: Sigstore, root: TrustRoot, bundle: bytes, suffix: str) -> None:
    other = policy(needs("release", {"issuer": sigstore.issuer.url + suffix, "subject": REGISTRY}))
    assert judge([bundle], other, root, now=now()).code == "issuer"


def test_the_identity_of_a_token_is_the_one_in_its_certificate(sigstore: Sigstore, root: TrustRoot) -> None:
    claims = {
        "iss": sigstore.issuer.url,
        "sub": "system:serviceaccount:shop:compiler",
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "compiler"}},
    }
    signed = examine(signer(sigstore, "shop", "compiler").sign(statement(provenance())), [root], PACK).signature
    assert signed is not None
    assert (signed.issuer, signed.subject) == (identity_of(claims).issuer, identity_of(claims).subject)


# --- downgrade ---------------------------------------------------------------------------------------------------


def test_a_mode_never_stands_in_for_the_other(sigstore: Sigstore, root: TrustRoot, bundle: bytes) -> None:
    key = KeySigner.generate()
    by_key = key.sign(statement(release()))
    both = TrustRoot.of("both", TrustRootSpec(keyless=sigstore.trusted_root, keys=[key.public]))
    keyless = policy(needs("release", identity(sigstore, "seglam-system", "registry")), trustRoot="both")
    keyed = policy(needs("release", key), trustRoot="both")
    assert judge([bundle], keyless, both, now=now()).allowed
    assert judge([by_key], keyed, both, now=now()).allowed
    assert judge([by_key], keyless, both, now=now()).code == "mode"
    assert judge([bundle], keyed, both, now=now()).code == "mode"
    assert judge([bundle], policy(needs("release", key)), key_root(key), now=now()).code == "mode"


@pytest.mark.parametrize(
    ("part", "code"),
    [("tlogEntries", "malformed"), ("timestampVerificationData", "malformed"), ("certificate", "malformed")],
)
def test_a_bundle_without_one_of_its_proofs_does_not_count(
    root: TrustRoot, bundle: bytes, part: str, code: str
) -> None:
    document = json.loads(bundle)
    del document["verificationMaterial"][part]
    assert examine(json.dumps(document).encode(), [root], PACK).code == code


def test_one_changed_byte_does_not_count(root: TrustRoot, bundle: bytes) -> None:
    document = json.loads(bundle)
    payload = bytearray(base64.b64decode(document["dsseEnvelope"]["payload"]))
    payload[-20] ^= 1
    document["dsseEnvelope"]["payload"] = base64.b64encode(bytes(payload)).decode()
    assert examine(json.dumps(document).encode(), [root], PACK).code == "signature"


# --- transplant --------------------------------------------------------------------------------------------------


def test_a_bundle_of_one_version_does_not_count_for_another(sigstore: Sigstore, root: TrustRoot, bundle: bytes) -> None:
    named = policy(needs("release", identity(sigstore, "seglam-system", "registry")))
    for other, code in (
        (replace(PACK, version="1.2.1"), "version"),
        (replace(PACK, name="registry.acme.example/tools/algebra"), "name"),
        (replace(PACK, digest="sha256:" + "b" * 64), "digest"),
    ):
        found = judge([bundle], named, root, pack=other, asked=Asked(name=other.name), now=now())
        assert (found.allowed, found.code) == (False, code)


# --- windows -----------------------------------------------------------------------------------------------------


def test_an_authority_counts_only_within_its_window(sigstore: Sigstore, bundle: bytes) -> None:
    """sigstore-python takes an authority of the trusted root whatever its window says."""

    def closed(member: str, **window: str) -> str:
        def change(document: dict[str, Any]) -> None:
            entry = document[member][0]
            (entry if "validFor" in entry else entry["publicKey"])["validFor"] = window

        return examine(bundle, [changed(sigstore, change)], PACK).code

    past = {"start": "2019-01-01T00:00:00Z", "end": "2020-01-01T00:00:00Z"}
    future = {"start": text(now() + timedelta(days=1))}
    around = {"start": "2019-01-01T00:00:00Z", "end": text(now() + timedelta(days=1))}
    assert closed("certificateAuthorities", **past) == "ca-window"
    assert closed("certificateAuthorities", **future) == "ca-window"
    assert closed("certificateAuthorities") == "ca-window", "no window at all"
    assert closed("certificateAuthorities", **around) == "allowed"
    assert closed("ctlogs", **past) == "log-window"
    assert closed("tlogs", **past) == "log-window"
    assert closed("tlogs", **around) == "allowed"
    assert closed("timestampAuthorities", **past) == "signature"


def test_a_rotated_authority_leaves_old_bundles_valid(sigstore: Sigstore, bundle: bytes) -> None:
    """The old authority's window ends after it signed; a new one stands beside it."""

    def rotate(document: dict[str, Any]) -> None:
        old = document["certificateAuthorities"][0]
        document["certificateAuthorities"].append({**old, "validFor": {"start": text(now() + timedelta(days=1))}})
        old["validFor"]["end"] = text(now() + timedelta(minutes=1))

    assert examine(bundle, [changed(sigstore, rotate)], PACK).passed


@pytest.mark.parametrize("member", ["certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities"])
def test_an_authority_that_is_not_listed_vouches_for_nobody(sigstore: Sigstore, bundle: bytes, member: str) -> None:
    found = examine(bundle, [changed(sigstore, lambda document: document.update({member: []}))], PACK)
    assert not found.passed
    assert found.code in ("untrusted", "signature")


def test_the_gate_asks_no_service(sigstore: Sigstore, root: TrustRoot, bundle: bytes) -> None:
    for proxy in sigstore.proxies.values():
        proxy.asked.clear()
    named = policy(needs("release", identity(sigstore, "seglam-system", "registry")))
    assert judge([bundle], named, root, now=now()).allowed
    assert [proxy.asked for proxy in sigstore.proxies.values()] == [[], [], [], []]


def test_a_trust_root_signs_by_its_own_configuration(sigstore: Sigstore, root: TrustRoot) -> None:
    spec = TrustRootSpec(keyless=sigstore.trusted_root, signing_config=sigstore.signing_config)
    signed = KeylessSigner(trust_config(spec), lambda: sigstore.issuer.token("shop", "alice"))
    assert examine(signed.sign(statement(review())), [root], PACK).passed
    assert signed.identity == f"system:serviceaccount:shop:alice (issuer {sigstore.issuer.url})"


def test_a_timestamp_that_proves_nothing_is_not_taken_along(sigstore: Sigstore, root: TrustRoot, bundle: bytes) -> None:
    """No signature covers the list of timestamps, so anybody can add one of another time; sigstore needs only one."""
    other = json.loads(signer(sigstore, "shop", "compiler").sign(statement(provenance())))
    document = json.loads(bundle)
    stamps = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    stamps += other["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    assert len(stamps) == 2
    assert examine(json.dumps(document).encode(), [root], PACK).code == "signature"
