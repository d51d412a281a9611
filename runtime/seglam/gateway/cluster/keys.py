"""The cluster's public keys, as its API server publishes them."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from seglam.cluster import Client, ClusterError, ConfigurationError
from seglam.web.keyring import FetchFailed, Keyring, Published

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/openid/v1/jwks"
FETCH_S = 5.0


def cluster_keyring(client: Client, clock: Callable[[], float] = time.time) -> Keyring:
    """Checks tokens of the cluster's issuer.

    Args:
        client: of the API server that serves the keys.
        clock: seconds since the epoch.
    """

    async def fetch() -> Published:
        try:
            issuer = str(msgspec.json.decode(await client.raw(DISCOVERY, deadline=FETCH_S))["issuer"])
            listed = msgspec.json.decode(await client.raw(JWKS, deadline=FETCH_S))["keys"]
        except (ClusterError, ConfigurationError, msgspec.DecodeError, KeyError, TypeError) as error:
            raise FetchFailed(str(error)) from error
        return Published(issuer, listed)

    return Keyring(fetch, "the cluster", clock)
