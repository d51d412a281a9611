"""The operator's own signed statement about an import: an SLSA verification summary of what the gate decided."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from seglam.cluster import AlreadyExists, Client
from seglam.cluster.kinds import SECRET
from seglam.operator.desired import imported
from seglam.operator.desired.common import Object
from seglam.operator.owned import NotOwned, is_owned
from seglam.operator.settings import Settings
from seglam.packs.trust.decision import Decision, PackFacts
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.summaries import verification_summary
from seglam.resources.imports import MAX_BUNDLE, ImportSummary
from seglam.resources.names import IMPORT_KEY, OPERATOR

if TYPE_CHECKING:
    from seglam.packs.trust.signing import Signer

log = logging.getLogger(__name__)

KEY = "tls.key"
PUBLIC = "public.pem"


class Unsigned(Exception):
    """A decision could not be signed. The message says why and what to do."""


class Summaries:
    """Signs decisions by the operator's key, which is made where there is none, or keyless by its service account."""

    def __init__(self, client: Client, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._signer: Signer | None = None
        self._lock = asyncio.Lock()

    async def sign(self, facts: PackFacts, decision: Decision, policies: Sequence[TrustPolicy]) -> ImportSummary:
        """The signed summary of a decision.

        Raises:
            Unsigned: nothing usable was signed.
            NotOwned: the Secret of the key is there and is somebody else's.
        """
        from seglam.packs.trust.signing import SigningFailed

        signer = await self._signing()
        statement = verification_summary(
            facts,
            decision,
            verifier=self._settings.imports.verifier,
            time=self._clock(),
            policy_digest=imported.policy_digest(policies),
        )
        try:
            bundle = await asyncio.to_thread(signer.sign, statement)
        except SigningFailed as problem:
            raise Unsigned(f"the decision could not be signed: {problem.words} ({problem.code})") from problem
        if len(bundle) > MAX_BUNDLE:
            raise Unsigned(f"the signed decision has {len(bundle)} bytes, more than {MAX_BUNDLE}")
        return ImportSummary(
            digest="sha256:" + hashlib.sha256(bundle).hexdigest(),
            of=imported.decided(facts, decision, policies, signer.mode),
            signer=signer.identity,
            bundle=bundle.decode(),
        )

    @property
    def mode(self) -> str:
        """How decisions are signed: Key or Keyless."""
        return "Keyless" if self._settings.imports.signing == "keyless" else "Key"

    async def _signing(self) -> Signer:
        async with self._lock:
            if self._signer is None:
                self._signer = await self._keyless() if self.mode == "Keyless" else await self._by_key()
            return self._signer

    async def _keyless(self) -> Signer:
        imports = self._settings.imports
        trust, token = imports.trust_file, imports.token_file
        if trust is None or token is None:
            raise Unsigned("keyless signing needs SEGLAM_IMPORT_TRUST_FILE and SEGLAM_IMPORT_TOKEN_FILE")

        def load() -> Signer:
            from sigstore.models import ClientTrustConfig

            from seglam.packs.trust.signing.keyless import KeylessSigner

            config = ClientTrustConfig.from_json(trust.read_text(encoding="utf-8"))
            # Read anew each time: the kubelet renews a projected token.
            return KeylessSigner(config, lambda: token.read_text(encoding="ascii").strip(), audience=imports.audience)

        try:
            return await asyncio.to_thread(load)
        except (OSError, ValueError) as problem:
            raise Unsigned(f"{trust} is no client trust configuration: {problem}") from problem

    async def _by_key(self) -> Signer:
        pem = await self._key()

        from seglam.packs.trust.signing import SigningFailed
        from seglam.packs.trust.signing.key import KeySigner

        try:
            return KeySigner(pem)
        except SigningFailed as problem:
            raise Unsigned(f"Secret {IMPORT_KEY}: {problem.words}") from problem

    async def _key(self) -> bytes:
        """The key of the Secret; made where there is none, so that two replicas never make two."""
        namespace = self._settings.namespace
        found = await self._client.find(SECRET, IMPORT_KEY, namespace)
        if found is None:
            body = await asyncio.to_thread(self._secret)
            try:
                found = await self._client.create(SECRET, body, manager=OPERATOR)
                log.info("made the key that import decisions are signed with, Secret %s/%s", namespace, IMPORT_KEY)
            except AlreadyExists:
                found = await self._client.get(SECRET, IMPORT_KEY, namespace)
        if not is_owned(found):
            raise NotOwned(SECRET, found)
        try:
            return base64.b64decode((found.get("data") or {})[KEY], validate=True)
        except (KeyError, binascii.Error) as problem:
            raise Unsigned(f"Secret {IMPORT_KEY} has no readable {KEY}; delete it, and a key is made anew") from problem

    def _secret(self) -> Object:
        from seglam.packs.trust.signing.key import KeySigner

        signer = KeySigner.generate()
        data = {KEY: signer.private_pem, PUBLIC: signer.public.pem.encode()}
        return imported.key_secret(self._settings.namespace, data)
