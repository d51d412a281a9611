"""How organisation A signs: keyless by a private sigstore that is started for it, or by keys where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from examples.packs.organisation import Organisation
from seglam.packs.trust.signing.key import KeySigner

ORIGIN = "registry.acme.example"
PUBLISHER, REGISTRY = ("acme-build", "publisher"), ("acme-registry", "registry")
"""Namespace and name of the service accounts."""
EXCHANGE = "seglam-registry"
"""Audience of the tokens that a registry exchanges."""


class Backend(Protocol):
    """One way to sign.

    Attributes:
        mode: as trust policies name it.
        described: what it is, for people.
        settings: of A's registry.
        addresses: what is reached over the network to sign.
    """

    mode: str
    described: str
    settings: dict[str, str]
    addresses: list[tuple[str, int]]

    def sign_options(self) -> list[str]:
        """Options of `seglam pack sign`."""

    def publish_options(self, registry_data: Path) -> list[str]:
        """Options of `seglam pack publish`, with a fresh token."""

    def believed(self) -> dict[str, Any]:
        """What a trust root says of this backend."""

    def signers(self, who: str) -> dict[str, Any]:
        """The members of a policy's requirement that name the publisher or the registry."""

    def stop(self) -> None:
        """End what can be reached over the network."""


@dataclass
class Keyless:
    """A private sigstore from its real services, and two service accounts of one cluster."""

    owner: Organisation
    services: Any
    mode: str = "Keyless"
    described: str = "keyless: Fulcio, a CT log, Rekor and a timestamp authority, started from their Go modules"
    settings: dict[str, str] = field(default_factory=dict)
    addresses: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        issuer = self.services.issuer
        issuers = {"issuers": [{"issuer": issuer.url, "type": "kubernetes"}]}
        self.settings = {
            "SIGNING": "keyless",
            "TRUST_FILE": str(self.owner.write("trust_config.json", self.services.trust_config)),
            "TOKEN_FILE": str(self.owner.write("registry.token", issuer.token(*REGISTRY))),
            "ISSUERS_FILE": str(self.owner.write("issuers.yaml", json.dumps(issuers))),
        }
        self.addresses = [_address(issuer.url)]
        self.addresses += [("127.0.0.1", proxy.port) for proxy in self.services.proxies.values()]

    def sign_options(self) -> list[str]:
        token = self.owner.write("publisher.token", self.services.issuer.token(*PUBLISHER))
        return ["--identity-token-file", str(token)]

    def publish_options(self, registry_data: Path) -> list[str]:
        token = self.owner.write("exchange.token", self.services.issuer.token(*PUBLISHER, EXCHANGE))
        return ["--token-file", str(token)]

    def believed(self) -> dict[str, Any]:
        return {"keyless": self.services.trusted_root, "signingConfig": self.services.signing_config}

    def signers(self, who: str) -> dict[str, Any]:
        namespace, account = PUBLISHER if who == "publisher" else REGISTRY
        subject = f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{account}"
        return {"identities": [{"issuer": self.services.issuer.url, "subject": subject}]}

    def stop(self) -> None:
        self.services.close()


@dataclass
class Keys:
    """Two keys, and the registry's own issuer of this machine."""

    owner: Organisation
    reason: str
    mode: str = "Key"
    described: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    addresses: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.described = f"keys, since there is no private sigstore here: {self.reason}"
        self._publisher, self._registry = KeySigner.generate(), KeySigner.generate()
        self._file = self.owner.write("publisher.pem", self._publisher.private_pem)
        registry = self.owner.write("registry.pem", self._registry.private_pem)
        self.settings = {"SIGNING": "key", "KEY_FILE": str(registry), "LOCAL": "1", "COOLDOWN_SECONDS": "0"}

    def sign_options(self) -> list[str]:
        return ["--key", str(self._file)]

    def publish_options(self, registry_data: Path) -> list[str]:
        from seglam.registry.access.local import FILE, LocalIssuer

        token = self.owner.write("exchange.token", LocalIssuer(registry_data / FILE).mint(EXCHANGE, "publisher"))
        return ["--token-file", str(token), "--key", str(self._file)]

    def believed(self) -> dict[str, Any]:
        return {"keys": [{"id": key.id, "pem": key.pem} for key in (self._publisher.public, self._registry.public)]}

    def signers(self, who: str) -> dict[str, Any]:
        return {"keys": [(self._publisher if who == "publisher" else self._registry).identity]}

    def stop(self) -> None:
        """Nothing of it is on a network."""


@contextmanager
def backend(owner: Organisation, *, keys: bool = False) -> Iterator[Backend]:
    """The private sigstore where it is built or can be, else keys, which then say why."""
    from tests.sigstore.build import missing

    reason = "asked for" if keys else missing()
    if reason:
        yield Keys(owner, reason)
        return
    from tests.sigstore.instance import Sigstore

    directory = owner.directory / "sigstore"
    directory.mkdir()
    services = Sigstore(directory)
    try:
        yield Keyless(owner, services)
    finally:
        services.close()


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)
