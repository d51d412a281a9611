"""A private sigstore from its real services: Fulcio, a CT log, Rekor v2, a timestamp authority and an OIDC issuer."""

from __future__ import annotations

from tests.sigstore.instance import Sigstore, SigstoreError
from tests.sigstore.proxy import Fault

__all__ = ["Fault", "Sigstore", "SigstoreError"]
