"""Sigstore bundles before anything in them is believed: their mode, their payload, and limits."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from seglam.packs import strictjson
from seglam.packs.problems import PackInvalid
from seglam.packs.trust.decision import Refused
from seglam.packs.trust.statements import PAYLOAD_TYPE

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Envelope:
    """A bundle with a DSSE envelope, opened and not yet verified.

    Attributes:
        raw: the bundle's bytes.
        digest: `sha256:...` of them.
        mode: Keyless for a certificate, Key for a hint at a public key.
        payload_type: what the envelope says its payload is.
        payload: the statement's bytes.
        signature: the only signature.
        hint: the key's id in key mode, else empty.
    """

    raw: bytes
    digest: str
    mode: Literal["Keyless", "Key"]
    payload_type: str
    payload: bytes
    signature: bytes
    hint: str = ""


def bundle_digest(raw: bytes) -> str:
    """`sha256:` and the SHA-256 of a bundle's bytes."""
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def opened(raw: bytes) -> Envelope:
    """Open a bundle that holds an in-toto statement.

    Raises:
        Refused: `too-large`, `malformed`, `duplicate-key` or `payload-type`.
    """
    document = _json(raw)
    match document:
        case {"mediaType": str(), "verificationMaterial": dict(material), "dsseEnvelope": dict(envelope), **more} if (
            not more
        ):
            payload_type, payload, signature = _envelope(envelope)
        case {"messageSignature": _} if "dsseEnvelope" not in document:
            raise Refused("payload-type", "The bundle signs bare bytes and no in-toto statement.")
        case _:
            raise Refused("malformed", "This is no sigstore bundle with a DSSE envelope.")
    certified = [name for name in ("certificate", "x509CertificateChain") if name in material]
    if ("publicKey" in material) == bool(certified):
        raise Refused("malformed", "A bundle has either a certificate or the hint of a public key, and one of them.")
    if certified:
        return Envelope(raw, bundle_digest(raw), "Keyless", payload_type, payload, signature)
    return Envelope(raw, bundle_digest(raw), "Key", payload_type, payload, signature, hint=_hint(document, material))


def _json(raw: bytes) -> Any:
    if len(raw) > MAX_BUNDLE_BYTES:
        raise Refused("too-large", f"The bundle has {len(raw)} bytes, at most {MAX_BUNDLE_BYTES} are read.")
    try:
        return strictjson.read(raw, "bundle", limit=MAX_BUNDLE_BYTES)
    except PackInvalid as error:
        code: Literal["duplicate-key", "malformed"] = (
            "duplicate-key" if error.code == "json-duplicate-key" else "malformed"
        )
        raise Refused(code, f"The bundle cannot be read: {error.words}.") from None


def _envelope(envelope: dict[str, Any]) -> tuple[str, bytes, bytes]:
    match envelope:
        case {
            "payload": str(payload),
            "payloadType": str(kind),
            "signatures": [{"sig": str(signature), **extra}],
            **more,
        }:
            if not more and not (set(extra) - {"keyid"}):
                if kind != PAYLOAD_TYPE:
                    raise Refused("payload-type", f"The signed payload is {kind[:80]!r}, not {PAYLOAD_TYPE}.")
                return kind, _base64(payload), _base64(signature)
    raise Refused("malformed", "The DSSE envelope must have a payload, its type and exactly one signature.")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("malformed", "The DSSE envelope holds something that is not base64.") from None


def _hint(document: dict[str, Any], material: dict[str, Any]) -> str:
    match material:
        case {"publicKey": {"hint": str(hint), **extra}, **more} if not extra and document["mediaType"] == BUNDLE_TYPE:
            # A log entry or a timestamp beside a key would be believed by nobody here: what is not checked is not taken
            if not any(more.values()) and set(more) <= {"tlogEntries", "timestampVerificationData"}:
                return hint
    raise Refused("malformed", f"A bundle in key mode is a {BUNDLE_TYPE} with the hint of a key and nothing else.")
