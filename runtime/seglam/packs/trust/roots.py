"""Trust roots: which keys and authorities an organisation believes, and where it fetches packs of which origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from seglam.procedures.document import Model

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
"""SHA-256 of a public key's SPKI DER, in hexadecimal."""
Origin = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", max_length=253)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,500}$", max_length=512)]
_Json = Annotated[str, StringConstraints(min_length=2, max_length=262_144)]


class PublicKey(Model):
    """A key that may sign in key mode."""

    id: KeyId = Field(description="Id of the key: the SHA-256 of its SPKI DER in hexadecimal. It must match the PEM.")
    pem: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="The public key in PEM, P-256 or Ed25519."
    )


class Source(Model):
    """Where packs of an origin are fetched from."""

    origin: Origin = Field(description="Origin, the first part of a pack's name.")
    url: Url = Field(description="Base URL of the registry or mirror that serves packs of this origin.")


class TufRepository(Model):
    """A TUF repository that says which versions are listed."""

    url: Url = Field(description="Base URL of the repository's metadata.")
    root: _Json = Field(description="The first root.json that is believed, as text; later ones follow from it.")


class TrustRootSpec(Model):
    """Keys, authorities and sources that belong together."""

    keyless: _Json | None = Field(
        default=None, description="A sigstore trusted root (JSON text): authorities and logs of keyless signatures."
    )
    signing_config: _Json | None = Field(
        default=None, description="A sigstore signing config v0.2 (JSON text), for those who sign with this root."
    )
    keys: list[PublicKey] | None = Field(default=None, max_length=256, description="Keys of key mode.")
    sources: list[Source] | None = Field(
        default=None, max_length=256, description="Where packs of which origin are fetched from."
    )
    tuf: TufRepository | None = Field(
        default=None, description="The index: a TUF repository. Without it an origin's index is not checked."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.keyless is None and not self.keys and self.tuf is None:
            raise ValueError("a trust root needs keyless, keys or tuf: it believes nobody")
        ids = [key.id for key in self.keys or ()]
        if len(ids) != len(set(ids)):
            raise ValueError("keys: a key id is there twice")
        origins = [source.origin for source in self.sources or ()]
        if len(origins) != len(set(origins)):
            raise ValueError("sources: an origin is there twice")
        return self


@dataclass(frozen=True)
class TrustRoot:
    """A trust root by name."""

    name: str
    spec: TrustRootSpec

    @classmethod
    def of(cls, name: str, spec: TrustRootSpec) -> TrustRoot:
        """The root of a document: its name and its spec."""
        return cls(name, spec)

    @property
    def keyless(self) -> str | None:
        """The sigstore trusted root as JSON text."""
        return self.spec.keyless

    @property
    def keys(self) -> Mapping[str, str]:
        """PEM texts by key id."""
        return {key.id: key.pem for key in self.spec.keys or ()}

    def source(self, origin: str) -> str | None:
        """The base URL for packs of an origin, if the root names one."""
        return next((each.url for each in self.spec.sources or () if each.origin == origin), None)
