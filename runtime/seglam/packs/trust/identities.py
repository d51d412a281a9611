"""Who a token's bearer is, in the words of the certificate that the bearer would get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seglam.packs.trust.policy import Identity


def service_account(namespace: str, name: str) -> str:
    """The subject of a Kubernetes service account, as Fulcio writes it."""
    return f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """The identity of the claims of a token that was verified before.

    A service account token gives the account's URI, a token with a verified e-mail address that address, any other its
    `sub`.

    Raises:
        ValueError: the claims name nobody.
    """
    issuer, subject = claims.get("iss"), claims.get("sub")
    match claims:
        case {"kubernetes.io": {"namespace": str(namespace), "serviceaccount": {"name": str(name)}}}:
            subject = service_account(namespace, name)
        case {"email": str(email), "email_verified": True}:
            subject = email
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise ValueError("the token names no issuer or no subject")
    return Identity(issuer=issuer, subject=subject)
