"""Certificates of the cluster's own traffic, as pure functions from what a Secret holds to what it shall hold.

One authority signs everything: P-256 keys, an authority of ten years, certificates of 90 days that are made anew when
two thirds of their time are over (the rule of cert-manager and of the kubelet). Nothing here talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=90)
AUTHORITY_LIFETIME = timedelta(days=3650)
SKEW = timedelta(minutes=5)
"""How far clocks may differ: certificates are valid from that long ago."""

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
"""Keys of the Secrets' data. `ca.crt` holds every authority that is to be trusted, the signing one first."""

Data = Mapping[str, bytes]
"""What a Secret holds, by key, as bytes and not as base64."""


class Usage(StrEnum):
    """What a certificate may be used for."""

    SERVER = "server"
    CLIENT = "client"


_EXTENDED = {Usage.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Usage.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is for: a common name for people, DNS names that peers check, and what it may be used for."""

    name: str
    dns: tuple[str, ...]
    usages: tuple[Usage, ...]


def authority(existing: Data | None, now: datetime) -> Data:
    """The authority's data: what there is, as long as it outlives a certificate signed today; else a new one.

    A new authority keeps trusting the one before it while that is valid, so that what it signed is still accepted.
    """
    certificate, key = _pair(existing)
    if certificate and key and _signs(certificate) and _covers(certificate, now, now + LIFETIME):
        bundle = (existing or {}).get(AUTHORITY) or _pem(certificate)
        return {CERTIFICATE: _pem(certificate), KEY: _key_pem(key), AUTHORITY: bundle}
    made_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "seglam-ca")])
    builder = _builder(name, name, made_key, made_key, now, AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = builder.add_extension(_key_usage(signs=True), critical=True).sign(made_key, hashes.SHA256())
    before = _pem(certificate) if certificate and _covers(certificate, now, now) else b""
    return {CERTIFICATE: _pem(made), KEY: _key_pem(made_key), AUTHORITY: _pem(made) + before}


def issued(existing: Data | None, subject: Subject, by: Data, now: datetime) -> Data:
    """The data of a certificate that the authority `by` signed: what there is, if it is as wanted; else a new one.

    Raises ValueError if `by` is no authority.
    """
    signer, signer_key = _pair(by)
    if signer is None or signer_key is None:
        raise ValueError("the authority's data holds no certificate with its key")
    certificate, key = _pair(existing)
    if certificate and key and _as_wanted(certificate, subject, signer, now):
        return {CERTIFICATE: _pem(certificate), KEY: _key_pem(key), AUTHORITY: by[AUTHORITY]}
    made_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])
    builder = _builder(name, signer.subject, made_key, signer_key, now, LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs=False), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([_EXTENDED[usage] for usage in subject.usages]), critical=False
    )
    if subject.dns:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in subject.dns])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(signer_key, hashes.SHA256())
    return {CERTIFICATE: _pem(made), KEY: _key_pem(made_key), AUTHORITY: by[AUTHORITY]}


def renewal(data: Data) -> datetime:
    """When a certificate is to be made anew: after two thirds of its time. ValueError if there is none."""
    certificate, _ = _pair(data)
    if certificate is None:
        raise ValueError("there is no certificate with its key")
    return _renewal(certificate)


def _as_wanted(certificate: x509.Certificate, subject: Subject, signer: x509.Certificate, now: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(signer)
        usages = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return (
        usages == {_EXTENDED[usage] for usage in subject.usages}
        and _dns(certificate) == set(subject.dns)
        and _covers(certificate, now, now)
        and now < _renewal(certificate)
    )


def _dns(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return set(names.get_values_for_type(x509.DNSName))


def _signs(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _covers(certificate: x509.Certificate, start: datetime, end: datetime) -> bool:
    return certificate.not_valid_before_utc <= start and end < certificate.not_valid_after_utc


def _renewal(certificate: x509.Certificate) -> datetime:
    start = certificate.not_valid_before_utc
    return start + (certificate.not_valid_after_utc - start) * 2 / 3


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(data: Data | None) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None]:
    """Certificate and key of a Secret's data; nothing where they cannot be read or do not belong together."""
    if not data:
        return None, None
    try:
        certificate = x509.load_pem_x509_certificate(data[CERTIFICATE])
        key = load_pem_private_key(data[KEY], password=None)
    except (KeyError, ValueError, TypeError):
        return None, None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or _public(key.public_key()) != _public(
        certificate.public_key()
    ):
        return None, None
    return certificate, key


def _public(key: object) -> bytes | None:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def server(name: str, dns: Iterable[str]) -> Subject:
    """Of a server that is no client: runners."""
    return Subject(name, tuple(dns), (Usage.SERVER,))


def client(name: str) -> Subject:
    """Of a client that is no server: the operator."""
    return Subject(name, (), (Usage.CLIENT,))


def peer(name: str, dns: Iterable[str]) -> Subject:
    """Of a server that is a client of others: the gateway."""
    return Subject(name, tuple(dns), (Usage.SERVER, Usage.CLIENT))
