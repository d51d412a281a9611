"""What an issuer publishes about itself (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

DISCOVERY = "/.well-known/openid-configuration"
ACCEPT = "application/json, application/jwk-set+json"
"""Kubernetes gives its keys as a JWK set only, and answers 406 to who wants other JSON."""
FETCH_S = 10.0
MAX_ANSWER = 1 << 20
FAILURES = (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, ssl.SSLError)
"""What asking an issuer may raise."""


async def discovered(issuer: str, base: str, ca_file: Path | None, *members: str) -> Mapping[str, str]:
    """Addresses of an issuer's discovery document. Raises `FAILURES`.

    Args:
        base: where that document is.
        ca_file: authorities that are believed of it, instead of the system's.
    """
    async with httpx2.AsyncClient(verify=authorities(ca_file), timeout=FETCH_S) as client:
        return await addresses(client, issuer, base, {"Accept": ACCEPT}, members)


async def addresses(
    client: httpx2.AsyncClient, issuer: str, base: str, headers: Mapping[str, str], members: Sequence[str]
) -> dict[str, str]:
    """As `discovered`, by a client that is there; each address is https, or lies where the document does."""
    document = await fetched(client, base.rstrip("/") + DISCOVERY, headers)
    if document["issuer"] != issuer:
        raise ValueError(f"{base} says that it is {str(document['issuer'])[:200]!r}")
    found = {member: str(document[member]) for member in members}
    for member, address in found.items():
        if not address.startswith("https://") and origin(address) != origin(base):
            raise ValueError(f"its {member} is {address[:200]!r}, which is not https")
    return found


async def fetched(client: httpx2.AsyncClient, address: str, headers: Mapping[str, str]) -> Any:
    """A JSON document of at most `MAX_ANSWER` bytes. Raises `FAILURES`."""
    async with client.stream("GET", address, headers=dict(headers)) as response:
        response.raise_for_status()
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise ValueError(f"{address} answers with more than {MAX_ANSWER} bytes")
    return json.loads(bytes(body))


def authorities(ca_file: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed of an issuer; its own file is read each time, since it is renewed."""
    return ssl.create_default_context(cafile=ca_file) if ca_file is not None else _public()


def origin(url: str) -> tuple[str, str]:
    """Scheme and host of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


@cache
def _public() -> ssl.SSLContext:
    return ssl.create_default_context()
