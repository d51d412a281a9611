"""Who can sign a statement: the protocol and its failure. The backends are `keyless` and `key`."""

from __future__ import annotations

from seglam.packs.trust.signing.protocol import Signer, SigningFailed

__all__ = ["Signer", "SigningFailed"]
