"""One bundle, looked at without any policy: is it authentic, who signed it, and what does it say of this pack?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seglam.packs.trust.bundles import Envelope, bundle_digest, opened
from seglam.packs.trust.decision import Code, PackFacts, Refused, Signature, Verified
from seglam.packs.trust.keys import KeyInvalid, key_id, pae, read_public, verifies
from seglam.packs.trust.predicates import PREDICATES, Kind
from seglam.packs.trust.roots import TrustRoot
from seglam.packs.trust.statements import Statement, StatementInvalid, claimed_type


@dataclass(frozen=True)
class Examined:
    """What one bundle is.

    Attributes:
        digest: `sha256:...` of its bytes.
        code: `allowed` if it is authentic and about this pack, else why not.
        words: the same for people.
        root: name of the trust root that vouches for it.
        claimed: kind of statement that it claims to hold; believed only with `verified`.
        signature: who signed it, once the signature held; set also when the statement is about something else.
        verified: the statement, when everything held.
    """

    digest: str
    code: Code
    words: str
    root: str | None = None
    claimed: Kind | None = None
    signature: Signature | None = None
    verified: Verified | None = None

    @property
    def passed(self) -> bool:
        """Whether it is authentic and about this pack."""
        return self.verified is not None


def examine(
    raw: bytes, roots: Iterable[TrustRoot], pack: PackFacts, *, mode: Literal["Keyless", "Key"] | None = None
) -> Examined:
    """Look at a bundle by the first trust root that vouches for it; never raises, uses no network.

    A policy decides afterwards whether the signer is one that counts. With `mode`, a bundle of the other mode is not
    even verified.
    """
    digest = bundle_digest(raw)
    claimed: Kind | None = None
    refusal = Refused("untrusted", "There is no trust root to judge it by.")
    try:
        envelope = opened(raw)
        claimed = _claimed(envelope)
        if mode not in (None, envelope.mode):
            raise Refused("mode", f"It is signed in mode {envelope.mode}; the policy takes {mode} only.")
        for root in roots:
            try:
                signature = authentic(envelope, root)
            except Refused as error:
                refusal = error
                continue
            return _read(envelope, pack, Examined(digest, "allowed", "", root.name, claimed, signature))
    except Refused as error:
        refusal = error
    except Exception as error:  # noqa: BLE001  # whatever it is, the bundle does not count
        refusal = Refused("internal", f"The bundle could not be judged: {type(error).__name__}: {error}")
    return Examined(digest, refusal.code, refusal.words, claimed=claimed)


def authentic(envelope: Envelope, root: TrustRoot) -> Signature:
    """Who signed the envelope, by what the root believes.

    Raises:
        Refused: nobody whom the root vouches for.
    """
    if envelope.mode == "Key":
        return _by_key(envelope, root)
    if root.keyless is None:
        raise Refused("untrusted", f"The trust root {root.name} believes no certificate authority.")
    from seglam.packs.trust import keyless  # sigstore takes a quarter of a second to import; key mode needs none of it

    return keyless.verify(envelope, root.keyless)


def _by_key(envelope: Envelope, root: TrustRoot) -> Signature:
    pem = root.keys.get(envelope.hint)
    if pem is None:
        raise Refused("key", f"The trust root {root.name} holds no key {envelope.hint[:64]}.")
    try:
        key = read_public(pem)
    except KeyInvalid as error:
        raise Refused(
            "key", f"The key {envelope.hint} of the trust root {root.name} cannot be used: {error}."
        ) from None
    if key_id(key) != envelope.hint:
        raise Refused("key", f"The trust root {root.name} lists another key under the id {envelope.hint}.")
    if not verifies(key, envelope.signature, pae(envelope.payload_type, envelope.payload)):
        raise Refused("signature", f"The signature is not one of the key {envelope.hint} over this statement.")
    return Signature("Key", "", envelope.hint)


def _claimed(envelope: Envelope) -> Kind | None:
    model = PREDICATES.get(claimed_type(envelope.payload) or "")
    return model.kind if model else None


def _read(envelope: Envelope, pack: PackFacts, found: Examined) -> Examined:
    """`found` with its statement, if that is one about this pack."""
    try:
        statement = Statement.read(envelope.payload)
        _about(statement, pack)
    except StatementInvalid as error:
        return _failed(found, error.code, f"The statement is not taken: {error}.")
    except Refused as error:
        return _failed(found, error.code, error.words)
    assert found.signature is not None
    kind = statement.predicate.kind
    verified = Verified(found.digest, kind, statement, found.signature)
    words = f"A {kind} statement about this pack by {found.signature.words}."
    return Examined(found.digest, "allowed", words, found.root, kind, found.signature, verified)


def _failed(found: Examined, code: Code, words: str) -> Examined:
    return Examined(found.digest, code, words, found.root, found.claimed, found.signature)


def _about(statement: Statement, pack: PackFacts) -> None:
    """Raise `Refused` unless the statement's only subject is this pack, by name, version and digest."""
    if statement.subject != pack.purl:
        name, _, version = statement.subject.removeprefix("pkg:seglam/").rpartition("@")
        code: Code = "version" if name == pack.name and version != pack.version else "name"
        raise Refused(code, f"It is about {statement.subject[:300]}, not {pack.purl}.")
    if statement.digest != pack.digest:
        raise Refused("digest", f"It is about the content {statement.digest}, not {pack.digest}.")
