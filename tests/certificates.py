"""Authorities and certificates for tests, made as the operator makes them: P-256, and a purpose in each certificate."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seglam.sandbox import Identity

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_NOW = datetime.datetime.now(datetime.UTC)
_SPAN = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> Authority:
        """One that nobody else knows."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("seglam test authority")
        made = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(key, made.sign(key, hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def identity(self, name: str, *purposes: x509.ObjectIdentifier) -> Identity:
        """A certificate for a DNS name and some purposes."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(_name(name), self.certificate.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        pem = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Identity(self.pem, pem, private)


def write(identity: Identity, directory: Path) -> Path:
    """An identity as the files of a mounted Secret."""
    directory.mkdir(exist_ok=True)
    for name, content in (
        ("ca.crt", identity.authority),
        ("tls.crt", identity.certificate),
        ("tls.key", identity.key),
    ):
        (directory / name).write_bytes(content)
    return directory


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW - _SPAN)
        .not_valid_after(_NOW + _SPAN)
    )
