"""Who a certificate names. Fulcio makes certificates with one name; another authority of a root might not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from seglam.packs.trust.decision import Refused
from seglam.packs.trust.keyless import signer_of

ISSUER, RAW = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"
URI = x509.UniformResourceIdentifier("https://kubernetes.io/namespaces/shop/serviceaccounts/alice")
MAIL = x509.RFC822Name("alice@acme.example")


def der(text: str) -> bytes:
    """A UTF8String in DER."""
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 128 else b"\x82" + len(data).to_bytes(2, "big")
    return b"\x0c" + length + data


def certificate(names: list[x509.GeneralName], issuers: dict[str, bytes]) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(minutes=10))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=True)
    for oid, value in issuers.items():
        made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return made.sign(key, hashes.SHA256())


def refusal(names: list[x509.GeneralName], issuers: dict[str, bytes]) -> str:
    with pytest.raises(Refused) as caught:
        signer_of(certificate(names, issuers))
    return caught.value.code


BOTH = {ISSUER: der("https://issuer.example"), RAW: b"https://issuer.example"}


@pytest.mark.parametrize("issuers", [BOTH, {ISSUER: BOTH[ISSUER]}, {RAW: BOTH[RAW]}])
def test_one_signer_and_one_issuer(issuers: dict[str, bytes]) -> None:
    assert signer_of(certificate([URI], issuers)) == ("https://issuer.example", URI.value)
    assert signer_of(certificate([MAIL], issuers)) == ("https://issuer.example", "alice@acme.example")


@pytest.mark.parametrize(
    "names",
    [
        [],
        [URI, MAIL],
        [MAIL, x509.RFC822Name("bob@acme.example")],
        [x509.DNSName("alice.example")],
        [x509.UniformResourceIdentifier("alice@acme.example")],
        [x509.RFC822Name("https://kubernetes.io/namespaces/shop/serviceaccounts/alice")],
        [x509.RFC822Name("alice")],
        [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), der("alice!acme.example"))],
    ],
)
def test_a_certificate_names_exactly_one_signer(names: list[x509.GeneralName]) -> None:
    """sigstore would take a certificate with several names for each of them, and an address for a URI."""
    assert refusal(names, BOTH) == "identity"


@pytest.mark.parametrize(
    "issuers",
    [
        {},
        {ISSUER: der("https://issuer.example"), RAW: b"https://other.example"},
        {ISSUER: b"\x16" + der("https://issuer.example")[1:]},
        {ISSUER: der("https://issuer.example") + b"more"},
        {ISSUER: der("https://issuer.example")[:-1]},
    ],
)
def test_a_certificate_names_exactly_one_issuer(issuers: dict[str, bytes]) -> None:
    assert refusal([URI], issuers) == "issuer"


def test_a_long_issuer() -> None:
    long = "https://issuer.example/" + "x" * 300
    assert signer_of(certificate([URI], {ISSUER: der(long)}))[0] == long
