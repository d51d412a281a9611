"""A pack: manifest, config and content that agree with each other, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seglam.packs.manifest import PackManifest
from seglam.packs.names import Release
from seglam.packs.oci import Descriptor
from seglam.procedures import ReasoningProcedure


@dataclass(frozen=True, slots=True)
class Pack:
    """An immutable pack. It cannot be made of parts that disagree.

    Attributes:
        manifest: OCI manifest; its digest is the pack's identity.
        config: `pack.json`.
        content: canonical tar of the files.

    Raises:
        PackInvalid: the parts do not agree, or one of them is not what it must be.
    """

    manifest: bytes
    config: bytes
    content: bytes
    manifest_model: PackManifest = field(init=False, repr=False, compare=False)

    @classmethod
    def read(cls, manifest: bytes, config: bytes, content: bytes, *, digest: str | None = None) -> Pack:
        """A pack of bytes that came from elsewhere, with its procedures read too.

        Args:
            digest: what the manifest must have, if it is known.

        Raises:
            PackInvalid: as for construction and `procedures`; `digest` if the manifest has another.
        """
        raise NotImplementedError

    @classmethod
    def make(cls, model: PackManifest, files: Mapping[str, bytes]) -> Pack:
        """The pack of a description and its files."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """Digest of the manifest: the pack's identity."""
        raise NotImplementedError

    @property
    def release(self) -> Release:
        """Name and version."""
        raise NotImplementedError

    @property
    def descriptor(self) -> Descriptor:
        """What points at the manifest."""
        raise NotImplementedError

    @property
    def blobs(self) -> Mapping[str, bytes]:
        """Manifest, config and content by their digests."""
        raise NotImplementedError

    def paths(self) -> tuple[str, ...]:
        """Paths of the files, sorted by their bytes."""
        raise NotImplementedError

    def file(self, path: str) -> bytes:
        """Bytes of one file.

        Raises:
            KeyError: the pack has no such file.
        """
        raise NotImplementedError

    def procedures(self) -> tuple[ReasoningProcedure, ...]:
        """The documents, in order of their names; each has the digest that `pack.json` says, only a name as metadata
        and no deployment fields, so that an importer decides where and how it runs.

        Raises:
            PackInvalid: `procedure`: a file is no document, another one, or says more.
        """
        raise NotImplementedError
