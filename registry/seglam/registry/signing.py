"""The registry's own signature: what signs, who that is for others, and that each signature holds before it is used."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import Refused
from seglam.packs.trust.examination import authentic
from seglam.packs.trust.identities import identity_of
from seglam.packs.trust.keys import KeyInvalid, PrivateKey, key_id, public_pem, read_private
from seglam.packs.trust.policy import Identity, Requirement, TrustPolicy, TrustPolicySpec
from seglam.packs.trust.predicates import Kind
from seglam.packs.trust.roots import PublicKey, TrustRoot, TrustRootSpec
from seglam.packs.trust.signing import Signer, SigningFailed
from seglam.registry.settings import PREFIX, Settings, SettingsInvalid

ROOT = "registry"
_log = logging.getLogger("seglam.registry.signing")


@dataclass(frozen=True)
class Signing:
    """Signs with the registry's own identity. Calls block for as long as services are asked.

    Attributes:
        signer: the backend.
        root: what others need to verify its signatures.
        who: the identity of the present token, or the key's id; raises `SigningFailed`.
    """

    signer: Signer
    root: TrustRoot
    who: Callable[[], Identity | str]

    @property
    def keyless(self) -> str | None:
        """The sigstore trusted root (JSON) that keyless signatures are verified with."""
        return self.root.spec.keyless

    def sign(self, statement: bytes) -> bytes:
        """A bundle of a statement.

        It is verified before it is returned: a service may answer and yet have signed nothing, or something else.

        Raises:
            SigningFailed: nothing usable was signed.
        """
        who = self.who()
        bundle = self.signer.sign(statement)
        try:
            envelope = opened(bundle)
            signature = authentic(envelope, self.root)
        except Refused as error:
            raise _useless(error.words) from error
        if envelope.payload != statement:
            raise _useless("it is of another statement")
        if envelope.mode != self.signer.mode or not _is(who, signature.issuer, signature.subject):
            raise _useless(f"it is one of {signature.words}")
        return bundle

    def requirement(self, kind: Kind) -> Requirement:
        """A policy's requirement that the registry signed a statement of a kind."""
        who = self.who()
        if isinstance(who, str):
            return Requirement(predicate=_required(kind), keys=[who])
        return Requirement(predicate=_required(kind), identities=[who])

    def policy(self, packs: str, *kinds: Kind) -> TrustPolicy:
        """A policy that asks for the registry's own statements."""
        spec = TrustPolicySpec(
            namespaces=["*"],
            packs=[packs],
            trust_root=ROOT,
            mode=self.signer.mode,
            require=[self.requirement(kind) for kind in kinds],
            index="Ignored",
        )
        return TrustPolicy(ROOT, spec)


def open_signing(settings: Settings) -> Signing:
    """The signing that the settings ask for. `SettingsInvalid` names what cannot be used."""
    trusted, config = _trusted(settings)
    if settings.signing == "key":
        return _by_key(settings, trusted)
    assert config is not None and settings.token_file is not None
    from sigstore.models import ClientTrustConfig  # takes a quarter of a second that key mode need not wait for

    from seglam.packs.trust.signing.keyless import KeylessSigner

    token = settings.token_file

    def read() -> str:
        try:
            return token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SigningFailed(
                "token-missing", f"the identity token {token} cannot be read ({error})", retriable=True
            ) from error

    try:
        trust = ClientTrustConfig.from_json(config)
    except Exception as error:  # pydantic and sigstore raise all kinds
        raise SettingsInvalid(f"{PREFIX}TRUST_FILE: {settings.trust_file} cannot be used ({error})") from error
    signer = KeylessSigner(trust, read, audience=settings.audience, deadline=settings.signing_s)
    root = TrustRoot(
        ROOT, TrustRootSpec(keyless=trusted, signing_config=json.dumps(json.loads(config)["signingConfig"]))
    )
    return Signing(signer, root, lambda: _bearer(read()))


def _bearer(token: str) -> Identity:
    """Whom a token names; it is our own, so its signature is for the authority to check."""
    try:
        return identity_of(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise SigningFailed("token-invalid", f"the identity token names nobody: {error}", retriable=True) from error


def _trusted(settings: Settings) -> tuple[str | None, str | None]:
    """The trusted root and the whole client trust configuration, as JSON; None without one."""
    if settings.trust_file is None:
        return None, None
    try:
        config = settings.trust_file.read_text(encoding="utf-8")
        return json.dumps(json.loads(config)["trustedRoot"]), config
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid(
            f"{PREFIX}TRUST_FILE: {settings.trust_file} is no sigstore client trust configuration ({error})"
        ) from error


def _by_key(settings: Settings, trusted: str | None) -> Signing:
    from seglam.packs.trust.signing.key import KeySigner

    key = _own_key(settings)
    public = key.public_key()
    listed = [PublicKey(id=key_id(public), pem=public_pem(public))]
    return Signing(KeySigner(key), TrustRoot(ROOT, TrustRootSpec(keyless=trusted, keys=listed)), lambda: listed[0].id)


def _own_key(settings: Settings) -> PrivateKey:
    file = settings.key_file or settings.data / "keys" / "registry.pem"
    try:
        if settings.key_file is None and not file.exists():
            _make_key(file)
        return read_private(file.read_bytes())
    except (OSError, KeyInvalid) as error:
        raise SettingsInvalid(
            f"{PREFIX}KEY_FILE: {file} cannot be used ({error}); give a private key in PEM, P-256 or Ed25519"
        ) from error


def _make_key(file: Path) -> None:
    """Make a key of our own; two processes that start together end with the same one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        _log.info("%s was made by another process", file)
    finally:
        fresh.unlink()


def _is(who: Identity | str, issuer: str, subject: str) -> bool:
    return (issuer, subject) == (("", who) if isinstance(who, str) else (who.issuer, who.subject))


def _required(kind: Kind) -> Any:
    assert kind != "status", "no policy requires a status"
    return kind


def _useless(words: str) -> SigningFailed:
    _log.error("the signing service answered with a signature of no use: %s", words)
    return SigningFailed(
        "internal", f"the signing service answered with a signature of no use: {words}", retriable=True
    )
