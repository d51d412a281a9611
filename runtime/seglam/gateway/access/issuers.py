"""Keys of OIDC issuers, by OpenID Connect Discovery 1.0 or from where the access file says."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx2

from seglam.gateway.access.file import IssuerSpec
from seglam.web.keyring import FetchFailed, Keyring, Published

DISCOVERY = "/.well-known/openid-configuration"
FETCH_S = 10.0
MAX_ANSWER = 1 << 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def keyring(spec: IssuerSpec) -> Keyring:
    """Checks tokens of an issuer."""

    async def fetch() -> Published:
        try:
            verify = True if spec.ca_file is None else ssl.create_default_context(cafile=spec.ca_file)
            async with httpx2.AsyncClient(verify=verify, timeout=FETCH_S) as client:
                where = spec.jwks_uri or await _discovered(client, spec.issuer)
                listed = (await _get(client, where))["keys"]
        except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from error
        return Published(spec.issuer, listed)

    return Keyring(fetch, spec.issuer)


async def _discovered(client: httpx2.AsyncClient, issuer: str) -> str:
    said = await _get(client, issuer.rstrip("/") + DISCOVERY)
    if said["issuer"] != issuer:
        raise ValueError(f"its discovery document is of {str(said['issuer'])[:200]!r}")
    return str(said["jwks_uri"])


async def _get(client: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url[:200]!r} is no address by which keys may be fetched; use https")
    reply = await client.get(url, headers={"Accept": "application/json, application/jwk-set+json"})
    reply.raise_for_status()
    if len(reply.content) > MAX_ANSWER:
        raise ValueError(f"{url[:200]!r} answers with more than {MAX_ANSWER} bytes")
    content = reply.json()
    if not isinstance(content, dict):
        raise ValueError(f"{url[:200]!r} answers with no JSON object")
    return content
