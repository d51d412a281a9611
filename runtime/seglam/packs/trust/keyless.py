"""Keyless mode: sigstore's own verification, and what it leaves out.

sigstore-python checks certificate, timestamps, log entry and signature, but takes an authority or a log key at any time
once the trusted root lists it, and a certificate with several names. Here every authority and key counts only within
its `validFor`, and a certificate has exactly one name and one issuer. Nothing here uses the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from cryptography import x509
from cryptography.x509 import RFC822Name, SubjectAlternativeName, UniformResourceIdentifier
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify import policy as identities
from sigstore_models.trustroot import v1 as trustroot

from seglam.packs.trust.bundles import Envelope
from seglam.packs.trust.decision import Code, Refused, Signature

T = TypeVar("T")
Check = Callable[[Verifier, Bundle, identities.VerificationPolicy], T]
"""Verifies a bundle by sigstore and gives what was signed."""

_ISSUER, _ISSUER_RAW = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
# The members of a trusted root whose windows sigstore does not enforce, and what a closed one is called.
_WINDOWS: tuple[tuple[str, Code], ...] = (
    ("certificateAuthorities", "ca-window"),
    ("ctlogs", "log-window"),
    ("tlogs", "log-window"),
)
_WORDS: dict[str, str] = {
    "ca-window": "The certificate authority was not in force when this was signed: the time lies outside the window "
    "that the trust root gives it.",
    "log-window": "The key of a transparency log was not in force when this was signed: the time lies outside the "
    "window that the trust root gives it.",
}


def verify(envelope: Envelope, root: str) -> Signature:
    """Verify a keyless bundle against a trusted root (JSON text).

    Raises:
        Refused: `malformed`, `identity`, `ca-window`, `log-window`, `untrusted` or `signature`.
    """
    (payload_type, payload), signature = checked(envelope.raw, root, _dsse)
    if payload_type != envelope.payload_type or payload != envelope.payload:
        raise Refused("malformed", "Two readings of the bundle differ.")
    return signature


def checked(raw: bytes, root: str, check: Check[T]) -> tuple[T, Signature]:
    """What `check` gives with the authorities and logs that were in force, and who signed."""
    try:
        bundle = Bundle.from_json(raw)
        issuer, subject = signer_of(bundle.signing_certificate)
        times = _times(bundle, raw)
    except Refused:
        raise
    except Exception as error:  # sigstore, pydantic and cryptography raise all kinds: every one denies
        raise Refused("malformed", f"This is no keyless bundle: {_line(error)}.") from error
    if not times:
        raise Refused("signature", "The bundle holds no trusted time: neither a timestamp nor a log's promise.")
    policy = identities.AllOf([identities.Identity(identity=subject), _Issuer(issuer)])
    moments = [*times, bundle.signing_certificate.not_valid_before_utc]

    def judged(root_in_force: str) -> T:
        verifier = _verifier(root_in_force)
        found = check(verifier, bundle, policy)
        for each in _timed_singly(raw):
            check(verifier, Bundle.from_json(each), policy)
        return found

    try:
        found = judged(_in_force(root, moments))
    except Exception as error:  # as above
        raise _explained(judged, root, moments, error) from error
    return found, Signature("Keyless", issuer, subject, min(times), _log_index(raw))


def signer_of(certificate: x509.Certificate) -> tuple[str, str]:
    """Issuer and subject of a signing certificate.

    Raises:
        Refused: it does not have exactly one subject alternative name, an address or a URI, and one issuer.
    """
    try:
        names = list(certificate.extensions.get_extension_for_class(SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    match names:
        case [UniformResourceIdentifier(value=subject)] if "://" in subject:
            pass
        case [RFC822Name(value=subject)] if "://" not in subject and subject.count("@") == 1:
            pass
        case _:
            raise Refused("identity", "The certificate must name exactly one signer, by URI or e-mail address.")
    issuers = {
        _text(each.value.value, der=each.oid == _ISSUER)
        for each in certificate.extensions
        if each.oid in (_ISSUER, _ISSUER_RAW) and isinstance(each.value, x509.UnrecognizedExtension)
    }
    if len(issuers) != 1:
        raise Refused("issuer", "The certificate must name exactly one issuer.")
    return issuers.pop(), subject


class _Issuer:
    """The issuer must be this one in every extension that names it."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def verify(self, cert: x509.Certificate) -> None:
        if signer_of(cert)[0] != self._issuer:
            raise ValueError("another issuer")


def _dsse(verifier: Verifier, bundle: Bundle, policy: identities.VerificationPolicy) -> tuple[str, bytes]:
    return verifier.verify_dsse(bundle, policy)


def _text(value: bytes, *, der: bool) -> str:
    """The text of an extension: raw, or a DER UTF8String."""
    if not der:
        return value.decode()
    # X.690, 8.1.3: the length is one byte below 128, else a count of length bytes and these
    tag, first = value[0], value[1]
    start = 2 if first < 128 else 2 + first - 128
    length = first if first < 128 else int.from_bytes(value[2:start], "big")
    if tag != 0x0C or length != len(value) - start:
        raise Refused("issuer", "The certificate's issuer is not a UTF-8 string in DER.")
    return value[start:].decode()


def _times(bundle: Bundle, raw: bytes) -> list[datetime]:
    """Every time that the bundle claims: by timestamp authorities, and by a log of the first version."""
    stamps = bundle.verification_material.timestamp_verification_data
    times = [each.tst_info.gen_time for each in (stamps.rfc3161_timestamps if stamps else ())]
    entry = _entry(raw)
    if entry.get("inclusionPromise") and (integrated := int(entry.get("integratedTime") or 0)):
        times.append(datetime.fromtimestamp(integrated, UTC))
    return times


def _timed_singly(raw: bytes) -> Iterator[bytes]:
    """The bundle with one of its timestamps at a time, if it claims more than one time.

    sigstore is content when one of them is proven; anybody could add others, which no signature covers.
    """
    document = json.loads(raw)
    material = document["verificationMaterial"]
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or []
    entry = material["tlogEntries"][0]
    if len(stamps) + bool(entry.pop("inclusionPromise", None)) < 2:
        return
    for each in stamps:
        material["timestampVerificationData"] = {"rfc3161Timestamps": [each]}
        yield json.dumps(document).encode()


def _entry(raw: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(raw)["verificationMaterial"]["tlogEntries"][0]
    return entry


def _log_index(raw: bytes) -> int | None:
    index = _entry(raw).get("logIndex")
    return None if index is None else int(index)


# --- windows -----------------------------------------------------------------------------------------------------


def _explained(judged: Callable[[str], Any], root: str, moments: list[datetime], error: Exception) -> Refused:
    """Why it failed: whether it would have passed if a closed window were open. It does not pass either way."""
    opened: list[str] = []
    for member, code in _WINDOWS:
        opened.append(member)
        try:
            judged(_in_force(root, moments, opened=opened))
        except Exception:  # noqa: BLE001, S112  # still refused: the next window, or none, is the reason
            continue
        return Refused(code, _WORDS[code])
    words = _line(error)
    if "certificate chain" in words or "Fulcio certificates not found" in words or "no transparency log" in words:
        return Refused("untrusted", f"No authority of the trust root issued the certificate: {words}.")
    return Refused("signature", f"The signature or its proof does not hold: {words}.")


@lru_cache(maxsize=64)
def _verifier(root: str) -> Verifier:
    return Verifier(trusted_root=TrustedRoot(trustroot.TrustedRoot.from_json(root)))


def _in_force(root: str, moments: Iterable[datetime], *, opened: Iterable[str] = ()) -> str:
    """The trusted root without authorities and keys whose window misses a moment; both ends belong to a window.

    The windows of members in `opened` are thrown open instead: only to explain a refusal.
    """
    document = json.loads(root)
    for member, _ in _WINDOWS:
        entries = document.get(member) or []
        if member in opened:
            for each in entries:
                _holder(each)["validFor"] = {"start": "1970-01-01T00:00:00Z"}
        else:
            document[member] = [each for each in entries if all(_covers(_window(each), moment) for moment in moments)]
    return json.dumps(document, sort_keys=True)


def _holder(entry: dict[str, Any]) -> dict[str, Any]:
    """What has the window: a log's key, or the authority itself."""
    key = entry.get("publicKey")
    return key if isinstance(key, dict) else entry


def _window(entry: dict[str, Any]) -> dict[str, Any]:
    window = _holder(entry).get("validFor")
    return window if isinstance(window, dict) else {}


def _covers(window: dict[str, Any], moment: datetime) -> bool:
    start, end = window.get("start"), window.get("end")
    if not start or moment < datetime.fromisoformat(start):
        return False
    return end is None or moment <= datetime.fromisoformat(end)


def check_root(root: str) -> None:
    """Raise ValueError unless the text is a trusted root that sigstore reads."""
    try:
        _verifier(json.dumps(json.loads(root), sort_keys=True))
    except Exception as error:  # pydantic, sigstore and json raise all kinds
        raise ValueError(f"the sigstore trusted root cannot be used: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
