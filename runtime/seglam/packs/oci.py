"""Packs and their bundles as OCI manifests (image-spec 1.1), byte for byte.

A pack's manifest is a function of its config and its content: there is one manifest for them, and another one is
refused. Bundles are attached as cosign 3 attaches them (its BUNDLE_SPEC), so that each finds the other's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seglam.packs import strictjson
from seglam.packs.names import is_digest
from seglam.packs.problems import PackInvalid

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
PACK = "application/vnd.seglam.pack.v1"
CONFIG = "application/vnd.seglam.pack.config.v1+json"
CONTENT = "application/vnd.seglam.pack.content.v1.tar"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

PREDICATE_TYPE = "dev.sigstore.bundle.predicateType"
BUNDLE_CONTENT = "dev.sigstore.bundle.content"
REF_NAME = "org.opencontainers.image.ref.name"

EMPTY_BYTES = b"{}"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""What the distribution specification asks registries to accept."""
MAX_BUNDLE_BYTES = 8 * 1024 * 1024
MAX_REFERRERS = 1000
MAX_BUNDLES_BYTES = 32 * 1024 * 1024
"""All bundles of one pack together, which are read at once."""

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def digest_of(data: bytes) -> str:
    """`sha256:` and the SHA-256 of `data` in hexadecimal."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_tag(text: str) -> bool:
    """Whether an OCI registry takes `text` as a tag."""
    return _TAG.fullmatch(text) is not None


def referrers_tag(digest: str) -> str:
    """The tag under which registries without the referrers API keep the referrers of `digest`."""
    return digest.replace(":", "-", 1)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at a blob or manifest by digest.

    Attributes:
        size: bytes.
        artifact_type: empty if none was said.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @classmethod
    def to(cls, media_type: str, data: bytes, artifact_type: str = "", **annotations: str) -> Descriptor:
        """The descriptor of some bytes."""
        return cls(media_type, digest_of(data), len(data), artifact_type, tuple(sorted(annotations.items())))

    @classmethod
    def read(cls, value: Any, where: str) -> Descriptor:
        """Read a descriptor; members that are not ours are passed over.

        Raises:
            PackInvalid: `descriptor`: a member is missing or has another type, or the digest is not SHA-256.
        """
        if not isinstance(value, dict):
            raise PackInvalid("descriptor", where, "a descriptor is an object")
        media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        artifact_type, annotations = value.get("artifactType", ""), value.get("annotations") or {}
        if not isinstance(media_type, str) or not isinstance(artifact_type, str):
            raise PackInvalid("descriptor", where, "mediaType and artifactType are texts")
        if not isinstance(digest, str) or not is_digest(digest):
            raise PackInvalid("descriptor", where, "digest is sha256: and 64 lower-case hexadecimal digits")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise PackInvalid("descriptor", where, "size is a number of bytes")
        if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
            raise PackInvalid("descriptor", where, "annotations are texts")
        return cls(media_type, digest, size, artifact_type, tuple(sorted(annotations.items())))

    def value(self) -> dict[str, object]:
        """As JSON."""
        value: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value

    def annotation(self, name: str) -> str:
        """One annotation, empty if it is not there."""
        return dict(self.annotations).get(name, "")

    def check(self, data: bytes, where: str) -> bytes:
        """`data`, if it is what the descriptor points at.

        Raises:
            PackInvalid: `blob-size` or `blob-digest`.
        """
        if len(data) != self.size:
            raise PackInvalid("blob-size", where, f"it has {len(data)} bytes instead of {self.size}")
        if digest_of(data) != self.digest:
            raise PackInvalid("blob-digest", where, f"its bytes do not have the digest {self.digest}")
        return data


def pack_manifest(config: bytes, content: bytes) -> bytes:
    """The manifest of a pack."""
    return strictjson.write(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": PACK,
            "config": Descriptor.to(CONFIG, config).value(),
            "layers": [Descriptor.to(CONTENT, content).value()],
        }
    )


def pack_parts(manifest: bytes) -> tuple[Descriptor, Descriptor]:
    """Config and content of a pack's manifest.

    Raises:
        PackInvalid: it is not canonical, or no manifest of a pack (`manifest`).
    """
    value = strictjson.read(manifest, "manifest", canonical=True, limit=MAX_MANIFEST_BYTES)
    layers = value.get("layers") if isinstance(value, dict) else None
    if not isinstance(layers, list) or len(layers) != 1:
        raise PackInvalid("manifest", "manifest", "a pack has exactly one layer")
    config = Descriptor.read(value.get("config"), "manifest: config")
    content = Descriptor.read(layers[0], "manifest: layers[0]")
    if value != {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": PACK,
        "config": Descriptor(CONFIG, config.digest, config.size).value(),
        "layers": [Descriptor(CONTENT, content.digest, content.size).value()],
    }:
        raise PackInvalid("manifest", "manifest", f"it is not the manifest of a pack ({PACK})")
    return config, content


def bundle_manifest(bundle: bytes, subject: Descriptor) -> bytes:
    """The manifest that attaches a bundle to `subject`.

    Raises:
        PackInvalid: `bundle`: the bundle holds no in-toto statement whose predicate type could be told.
    """
    return strictjson.write(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": BUNDLE,
            "config": Descriptor.to(EMPTY, EMPTY_BYTES).value(),
            "layers": [Descriptor.to(BUNDLE, bundle).value()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).value(),
            "annotations": {BUNDLE_CONTENT: "dsse-envelope", PREDICATE_TYPE: predicate_type(bundle)},
        }
    )


def referrer(manifest: bytes) -> Descriptor:
    """What points at a referrer's manifest that `bundle_manifest` made: with its artifact type and annotations, by
    which tools choose.
    """
    value = strictjson.read(manifest, "referrer", limit=MAX_MANIFEST_BYTES)
    annotations = tuple(sorted(value["annotations"].items()))
    return Descriptor(MANIFEST, digest_of(manifest), len(manifest), value["artifactType"], annotations)


def bundle_of(manifest: bytes, subject: str) -> Descriptor | None:
    """The bundle that a referrer's manifest attaches to the manifest with digest `subject`; None if it is no bundle.

    Others may have written it, so its bytes need not be canonical, and members that are not ours are passed over.

    Raises:
        PackInvalid: it is no manifest, or one of another subject (`referrer`).
    """
    value = strictjson.read(manifest, "referrer", limit=MAX_MANIFEST_BYTES)
    if not isinstance(value, dict):
        raise PackInvalid("referrer", "referrer", "a manifest is an object")
    target = value.get("subject")
    if target is None or Descriptor.read(target, "referrer: subject").digest != subject:
        raise PackInvalid("referrer", "referrer", f"its subject is not {subject}")
    if value.get("artifactType") != BUNDLE:
        return None
    layers = value.get("layers")
    if not isinstance(layers, list) or len(layers) != 1:
        raise PackInvalid("referrer", "referrer", "a bundle's manifest has exactly one layer")
    layer = Descriptor.read(layers[0], "referrer: layers[0]")
    if layer.media_type != BUNDLE:
        raise PackInvalid("referrer", "referrer", f"its layer is no bundle ({BUNDLE})")
    if layer.size > MAX_BUNDLE_BYTES:
        raise PackInvalid("bundle-size", "referrer", f"its bundle has more than {MAX_BUNDLE_BYTES} bytes")
    return layer


def check_bundles(bundles: Iterable[bytes]) -> None:
    """Refuse more bundles than are read at once.

    Raises:
        PackInvalid: `bundle-size`.
    """
    if sum(map(len, bundles)) > MAX_BUNDLES_BYTES:
        raise PackInvalid("bundle-size", "referrers", f"the bundles have more than {MAX_BUNDLES_BYTES} bytes together")


def index_manifest(manifests: list[Descriptor]) -> bytes:
    """An image index, as `index.json` and as the referrers of a manifest."""
    return strictjson.write(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor.value() for descriptor in manifests]}
    )


def index_entries(index: bytes, where: str) -> list[Descriptor]:
    """The descriptors of an image index, which others may have written.

    Raises:
        PackInvalid: `index`, `descriptor` or a code of `strictjson.read`.
    """
    return entries_of(strictjson.read(index, where, limit=MAX_MANIFEST_BYTES), where)


def entries_of(value: Any, where: str) -> list[Descriptor]:
    """As `index_entries`, of an index that was read."""
    entries = value.get("manifests") if isinstance(value, dict) else None
    if not isinstance(entries, list) or value.get("schemaVersion") != 2:
        raise PackInvalid("index", where, "it is no image index")
    return [Descriptor.read(entry, f"{where}: manifests[{number}]") for number, entry in enumerate(entries)]


def predicate_type(bundle: bytes) -> str:
    """The predicate type that a bundle's statement claims. It only helps to find a bundle; nothing is verified here.

    Raises:
        PackInvalid: `bundle`: it holds no DSSE envelope with an in-toto statement.
    """
    value = strictjson.read(bundle, "bundle", limit=MAX_BUNDLE_BYTES)
    envelope = value.get("dsseEnvelope") if isinstance(value, dict) else None
    payload = envelope.get("payload") if isinstance(envelope, dict) else None
    try:
        statement = json.loads(base64.b64decode(payload, validate=True)) if isinstance(payload, str) else None
    except (ValueError, binascii.Error, RecursionError):
        statement = None
    found = statement.get("predicateType") if isinstance(statement, dict) else None
    if not isinstance(found, str) or not 0 < len(found) <= 512 or not found.isprintable():
        raise PackInvalid("bundle", "bundle", "it holds no DSSE envelope with an in-toto statement")
    return found
