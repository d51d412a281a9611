"""A private sigstore from its real services: Fulcio, a CT log, Rekor v2, a timestamp authority and an OIDC issuer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sigstore.instance import Sigstore, SigstoreError
    from tests.sigstore.proxy import Fault

__all__ = ["Fault", "Sigstore", "SigstoreError"]

_PLACES = {"Fault": "proxy", "Sigstore": "instance", "SigstoreError": "instance"}


def __getattr__(name: str) -> Any:
    """Imported when they are used: building the services needs the standard library only."""
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"tests.sigstore.{_PLACES[name]}"), name)
