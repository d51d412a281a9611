"""Signing when services are down, slow, or lie, and tokens that cannot be used: one clear error for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sigstore.models import ClientTrustConfig

from seglam.packs.trust import PackFacts, SigningFailed, TrustRoot, TrustRootSpec
from seglam.packs.trust.examination import examine
from seglam.packs.trust.signing.keyless import KeylessSigner, token_file, trust_config
from tests.sigstore import Fault, Sigstore
from tests.trust import PACK, release, statement

STATEMENT = statement(release())


def signer(sigstore: Sigstore, token: Callable[[], str] | None = None, **more: Any) -> KeylessSigner:
    source = token or (lambda: sigstore.issuer.token("shop", "compiler"))
    return KeylessSigner(ClientTrustConfig.from_json(sigstore.trust_config), source, **more)


def failure(made: KeylessSigner, data: bytes = STATEMENT) -> SigningFailed:
    with pytest.raises(SigningFailed) as caught:
        made.sign(data)
    assert caught.value.words.endswith("."), caught.value.words
    return caught.value


def signs(sigstore: Sigstore) -> bool:
    """Whether signing works again, so that the failure before was the fault's."""
    root = TrustRoot.of("sigstore", TrustRootSpec(keyless=sigstore.trusted_root))
    return examine(signer(sigstore).sign(STATEMENT), [root], PACK).passed


def garble(body: bytes) -> bytes:
    return b'{"surprise": [' + body[:10].hex().encode() + b"]}"


def reversed_hash(body: bytes) -> bytes:
    """An inclusion proof for another tree."""
    document = json.loads(body)
    document["inclusionProof"]["rootHash"] = document["inclusionProof"]["rootHash"][::-1].replace("=", "") + "="
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("service", "fault", "code", "retriable"),
    [
        ("fulcio", Fault(refuse=True), "authority-down", True),
        ("fulcio", Fault(status=503), "authority-down", True),
        ("fulcio", Fault(status=429), "authority-down", True),
        ("fulcio", Fault(status=400), "identity-refused", False),
        ("fulcio", Fault(lie=garble), "authority-down", True),
        ("fulcio", Fault(drop=True), "authority-down", True),
        ("tsa", Fault(refuse=True), "timestamp-down", True),
        ("tsa", Fault(status=500), "timestamp-down", True),
        ("tsa", Fault(lie=garble), "timestamp-down", True),
        ("rekor", Fault(refuse=True), "log-down", True),
        ("rekor", Fault(status=503), "log-down", True),
        ("rekor", Fault(status=400), "log-refused", False),
        ("rekor", Fault(lie=garble), "log-down", True),
        ("rekor", Fault(lie=reversed_hash), "unverifiable", True),
        ("rekor", Fault(drop=True), "log-down", True),
    ],
)
def test_a_service_that_fails(sigstore: Sigstore, service: str, fault: Fault, code: str, retriable: bool) -> None:
    with sigstore.proxies[service].faulty(fault):
        error = failure(signer(sigstore))
    assert (error.code, error.retriable) == (code, retriable), error.words


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("fulcio", Fault(delay=600)),
        ("rekor", Fault(delay=600)),
        ("ctlog", Fault(refuse=True)),  # Fulcio asks it again and again
    ],
)
def test_a_service_that_hangs_is_given_up_at_the_deadline(sigstore: Sigstore, service: str, fault: Fault) -> None:
    """sigstore-python itself would wait for ever."""
    with sigstore.proxies[service].faulty(fault):
        error = failure(signer(sigstore, deadline=0.5))
    assert (error.code, error.retriable) == ("deadline", True)


def test_it_signs_again_when_the_service_is_back(sigstore: Sigstore) -> None:
    with sigstore.proxies["rekor"].faulty(Fault(status=503, times=1)):
        made = signer(sigstore)
        assert failure(made).code == "log-down"
        made.sign(STATEMENT)
    assert signs(sigstore)


def test_nothing_is_written_when_the_timestamp_authority_is_down(sigstore: Sigstore) -> None:
    """An entry in the log without a timestamp is of no use to anybody, and stays for ever."""
    sigstore.proxies["rekor"].asked.clear()
    with sigstore.proxies["tsa"].faulty(Fault(refuse=True)):
        failure(signer(sigstore))
    assert sigstore.proxies["rekor"].asked == []


def test_a_timestamp_authority_that_fails_after_the_probe(sigstore: Sigstore) -> None:
    answered = iter([False, True])

    def second_only(body: bytes) -> bytes:
        return garble(body) if next(answered) else body

    with sigstore.proxies["tsa"].faulty(Fault(lie=second_only)):
        assert failure(signer(sigstore)).code == "timestamp-down"


def test_a_timestamp_for_something_else_is_found_before_it_is_handed_out(sigstore: Sigstore) -> None:
    kept: list[bytes] = []

    def same_again(body: bytes) -> bytes:
        kept.append(body)
        return kept[0]

    with sigstore.proxies["tsa"].faulty(Fault(lie=same_again)):
        error = failure(signer(sigstore))
    assert error.code == "unverifiable"


# --- tokens ------------------------------------------------------------------------------------------------------


def forged(sigstore: Sigstore) -> str:
    claims = jwt.decode(sigstore.issuer.token("shop", "compiler"), options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "test"})


@pytest.mark.parametrize(
    ("token", "code", "retriable"),
    [
        (lambda s: "", "token-invalid", False),
        (lambda s: "not.a.token", "token-invalid", False),
        (lambda s: s.issuer.token("shop", "compiler", audience="other"), "token-invalid", False),
        (lambda s: s.issuer.token("shop", "compiler", sub=None), "token-invalid", False),
        (lambda s: s.issuer.token("shop", "compiler", iat=1, nbf=1, exp=2), "token-expired", True),
        (forged, "identity-refused", False),
        (lambda s: s.issuer.token("shop", "compiler", iss="http://127.0.0.1:9"), "identity-refused", False),
    ],
)
def test_a_token_that_cannot_be_used(
    sigstore: Sigstore, token: Callable[[Sigstore], str], code: str, retriable: bool
) -> None:
    error = failure(signer(sigstore, lambda: token(sigstore)))
    assert (error.code, error.retriable) == (code, retriable), error.words


def test_a_projected_token_is_read_anew_each_time(sigstore: Sigstore, tmp_path: Path) -> None:
    path = tmp_path / "token"
    made = signer(sigstore, token_file(path))
    assert failure(made).code == "token-missing"
    path.write_text(sigstore.issuer.token("shop", "compiler") + "\n")
    assert made.identity.startswith("system:serviceaccount:shop:compiler ")
    path.write_text(sigstore.issuer.token("shop", "tester"))
    assert made.identity.startswith("system:serviceaccount:shop:tester ")
    made.sign(STATEMENT)


# --- configuration and statements --------------------------------------------------------------------------------


def test_what_is_no_statement_is_not_signed(sigstore: Sigstore) -> None:
    sigstore.proxies["fulcio"].asked.clear()
    for data in (b"", b"{}", STATEMENT.replace(b'"_type"', b'"_type":"","_type"')):
        assert failure(signer(sigstore), data).code == "statement"
    assert sigstore.proxies["fulcio"].asked == []


def test_a_configuration_that_cannot_sign(sigstore: Sigstore) -> None:
    for spec in (
        TrustRootSpec(keyless=sigstore.trusted_root),
        TrustRootSpec(keyless=sigstore.trusted_root, signing_config="{}"),
        TrustRootSpec(keyless="[]", signing_config=sigstore.signing_config),
    ):
        with pytest.raises(SigningFailed) as caught:
            trust_config(spec)
        assert caught.value.code == "configuration"
    document, signing = sigstore.trust()
    signing["tsaUrls"], signing["tsaConfig"] = [], {"selector": "ANY"}
    bare = TrustRootSpec(keyless=json.dumps(document), signing_config=json.dumps(signing))
    without = KeylessSigner(trust_config(bare), lambda: sigstore.issuer.token("shop", "compiler"))
    assert failure(without).code == "configuration"


def test_another_instances_trust_is_found_out(sigstore: Sigstore) -> None:
    """Services that are not those of the trusted root: the certificate's log is unknown."""
    document, signing = sigstore.trust()
    document["ctlogs"][0]["publicKey"]["rawBytes"] = document["tlogs"][0]["publicKey"]["rawBytes"]
    document["ctlogs"][0]["publicKey"]["keyDetails"] = "PKIX_ED25519"
    spec = TrustRootSpec(keyless=json.dumps(document), signing_config=json.dumps(signing))
    foreign = KeylessSigner(trust_config(spec), lambda: sigstore.issuer.token("shop", "compiler"))
    assert failure(foreign).code == "unverifiable"


def test_two_signers_at_once(sigstore: Sigstore) -> None:
    made = signer(sigstore)
    others = [PackFacts(PACK.name, f"1.0.{patch}", PACK.digest) for patch in range(4)]
    with ThreadPoolExecutor(4) as pool:
        bundles = list(pool.map(lambda each: made.sign(statement(release(each), each)), others))
    root = TrustRoot.of("sigstore", TrustRootSpec(keyless=sigstore.trusted_root))
    assert all(examine(bundle, [root], pack).passed for bundle, pack in zip(bundles, others, strict=True))
