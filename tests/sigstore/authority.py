"""Keys and certificates of the private sigstore, and the trust documents that follow from them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

PASSWORD = "unused"  # Fulcio insists on an encrypted key file; this one lives and dies with the test services
_OWNER = {"organization": "seglam", "commonName": "seglam"}


@dataclass(frozen=True)
class Addresses:
    """URLs of the services as clients reach them, without a slash at the end."""

    fulcio: str
    ctlog: str
    rekor: str
    tsa: str
    issuer: str


def make_keys(directory: Path) -> None:
    """Write the keys of authority and logs, and the authority's certificate `root.pem`."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    authority, log = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    rekor = ed25519.Ed25519PrivateKey.generate()
    password = serialization.BestAvailableEncryption(PASSWORD.encode())
    _secret(directory / "root.key", _pem(authority, serialization.PrivateFormat.PKCS8, password))
    _secret(directory / "ctlog.key", _pem(log, serialization.PrivateFormat.TraditionalOpenSSL))
    _secret(directory / "rekor.key", _pem(rekor, serialization.PrivateFormat.PKCS8))
    publics: dict[str, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey]
    publics = {"ctlog": log.public_key(), "rekor": rekor.public_key()}
    for name, public in publics.items():
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        (directory / f"{name}.der").write_bytes(public.public_bytes(serialization.Encoding.DER, spki))
        (directory / f"{name}.pub").write_bytes(public.public_bytes(serialization.Encoding.PEM, spki))
    (directory / "root.pem").write_bytes(_root(authority).public_bytes(serialization.Encoding.PEM))


def _pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    form: serialization.PrivateFormat,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or serialization.NoEncryption())


def _secret(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "seglam"), x509.NameAttribute(NameOID.COMMON_NAME, "fulcio")]
    )
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage |= {"crl_sign": True, "key_cert_sign": True, "encipher_only": False, "decipher_only": False}
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def trusted_root(keys: Path, tsa_chain: bytes, at: Addresses, log_origin: str) -> dict[str, Any]:
    """What verifiers need: authorities and log keys (media type trustedroot v0.1)."""
    valid = {"start": "2024-01-01T00:00:00Z"}
    ctlog, rekor = (keys / "ctlog.der").read_bytes(), (keys / "rekor.der").read_bytes()
    # Id of an Ed25519 log key: as a signed note's (c2sp.org/signed-note), here in full length
    rekor_id = hashlib.sha256(log_origin.encode() + b"\n\x01" + rekor[-32:]).digest()
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(at.rekor, rekor, "PKIX_ED25519", rekor_id, valid)],
        "certificateAuthorities": [
            {
                "subject": _OWNER,
                "uri": at.fulcio,
                "validFor": valid,
                "certChain": _chain((keys / "root.pem").read_bytes()),
            }
        ],
        "ctlogs": [_log(at.ctlog, ctlog, "PKIX_ECDSA_P256_SHA_256", hashlib.sha256(ctlog).digest(), valid)],
        "timestampAuthorities": [{"subject": _OWNER, "uri": at.tsa, "certChain": _chain(tsa_chain), "validFor": valid}],
    }


def signing_config(at: Addresses) -> dict[str, Any]:
    """What signers need beside the trusted root: where the services are (media type signingconfig v0.2)."""

    def service(url: str, version: int) -> dict[str, Any]:
        valid = {"start": "2024-01-01T00:00:00Z"}
        return {"url": url, "majorApiVersion": version, "validFor": valid, "operator": "seglam"}

    return {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service(at.fulcio, 1)],
        "oidcUrls": [service(at.issuer, 1)],
        "rekorTlogUrls": [service(at.rekor, 2)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [service(f"{at.tsa}/api/v1/timestamp", 1)],
        "tsaConfig": {"selector": "ANY"},
    }


def trust_config(root: dict[str, Any], signing: dict[str, Any]) -> str:
    """Both in one document, as sigstore-python reads it."""
    kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    return json.dumps({"mediaType": kind, "trustedRoot": root, "signingConfig": signing})


def _log(url: str, key: bytes, details: str, id_: bytes, valid: dict[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "logId": {"keyId": _b64(id_)},
        "publicKey": {"rawBytes": _b64(key), "keyDetails": details, "validFor": valid},
    }


def _chain(data: bytes) -> dict[str, Any]:
    certificates = x509.load_pem_x509_certificates(data)
    return {"certificates": [{"rawBytes": _b64(c.public_bytes(serialization.Encoding.DER))} for c in certificates]}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
