"""A pack: manifest, config and content that agree with each other, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from seglam.packs import archive
from seglam.packs.manifest import MAX_CONTENT_BYTES, MAX_FILES, MAX_PROCEDURE_BYTES, PackManifest, PackProcedure
from seglam.packs.names import Release
from seglam.packs.oci import CONFIG, CONTENT, MANIFEST, PACK, Descriptor, digest_of, pack_manifest, pack_parts
from seglam.packs.problems import PackInvalid
from seglam.procedures import ReasoningProcedure, load_bytes
from seglam.procedures import digest as procedure_digest
from seglam.procedures.document import DEPLOYMENT_FIELDS, MAX_DOCUMENT_BYTES

MAX_NESTING = 24
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LIMITS = archive.Limits(total=MAX_CONTENT_BYTES, members=MAX_FILES, member=MAX_CONTENT_BYTES)


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

    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    content: bytes = field(repr=False)
    digest: str = field(init=False)
    manifest_model: PackManifest = field(init=False, repr=False, compare=False)
    _members: Mapping[str, archive.Member] = field(init=False, repr=False, compare=False)
    _documents: list[tuple[ReasoningProcedure, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        config, content = pack_parts(self.manifest)
        if content.size > MAX_CONTENT_BYTES:
            raise PackInvalid("content-size", "manifest", f"the content has more than {MAX_CONTENT_BYTES} bytes")
        config.check(self.config, "pack.json")
        content.check(self.content, "content")
        model = PackManifest.read(self.config)
        members = archive.contents(self.content, LIMITS)
        _compare(model, members, self.content)
        object.__setattr__(self, "digest", digest_of(self.manifest))
        object.__setattr__(self, "manifest_model", model)
        object.__setattr__(self, "_members", members)
        object.__setattr__(self, "_documents", [])

    @classmethod
    def read(cls, manifest: bytes, config: bytes, content: bytes, *, digest: str | None = None) -> Pack:
        """A pack of bytes that came from elsewhere, with its procedures read too.

        Args:
            digest: what the manifest must have, if it is known.

        Raises:
            PackInvalid: as for construction and `procedures`; `digest` if the manifest has another.
        """
        if digest is not None and digest_of(manifest) != digest:
            raise PackInvalid("digest", "manifest", f"its digest is {digest_of(manifest)} instead of {digest}")
        pack = cls(manifest, config, content)
        pack.procedures()
        return pack

    @classmethod
    def make(cls, model: PackManifest, files: Mapping[str, bytes]) -> Pack:
        """The pack of a description and its files.

        Raises:
            PackInvalid: they do not agree.
        """
        config, content = model.data(), archive.write(files)
        return cls.read(pack_manifest(config, content), config, content)

    @property
    def release(self) -> Release:
        """Name and version."""
        return self.manifest_model.release

    @property
    def descriptor(self) -> Descriptor:
        """What points at the manifest."""
        return Descriptor.to(MANIFEST, self.manifest, PACK)

    @property
    def parts(self) -> tuple[tuple[Descriptor, bytes], ...]:
        """Config and content, which a registry holds as blobs, with what points at them."""
        return (
            (Descriptor.to(CONFIG, self.config), self.config),
            (Descriptor.to(CONTENT, self.content), self.content),
        )

    @property
    def blobs(self) -> Mapping[str, bytes]:
        """Manifest, config and content by their digests."""
        return {digest_of(data): data for data in (self.manifest, self.config, self.content)}

    def paths(self) -> tuple[str, ...]:
        """Paths of the files, sorted by their bytes."""
        return tuple(self._members)

    def file(self, path: str) -> bytes:
        """Bytes of one file.

        Raises:
            KeyError: the pack has no such file.
        """
        member = self._members[path]
        return self.content[member.offset : member.offset + member.size]

    def procedures(self) -> tuple[ReasoningProcedure, ...]:
        """The documents, in order of their names; each has the digest that `pack.json` says, only a name as metadata
        and no deployment fields, so that an importer decides where and how it runs.

        Raises:
            PackInvalid: `procedure`: a file is no document, another one, or says more.
        """
        if not self._documents:
            self._documents.append(tuple(self._document(entry) for entry in self.manifest_model.procedures))
        return self._documents[0]

    def _document(self, entry: PackProcedure) -> ReasoningProcedure:
        data = self.file(entry.path)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise PackInvalid("procedure", entry.path, f"it has more than {MAX_DOCUMENT_BYTES} bytes")
        _check_shallow(data, entry.path)
        loaded, problems = load_bytes(data, entry.path)
        if problems or len(loaded) != 1:
            words = problems[0].message if problems else f"it holds {len(loaded)} documents instead of one"
            raise PackInvalid("procedure", entry.path, words)
        document = loaded[0].document
        if document.metadata.name != entry.name:
            raise PackInvalid("procedure", entry.path, f"its name is {document.metadata.name}, not {entry.name}")
        if document.metadata.model_extra:
            raise PackInvalid("procedure", entry.path, f"its metadata says more than a name: {_first(document)}")
        deployed = sorted(name for name in DEPLOYMENT_FIELDS if getattr(document.spec, name) is not None)
        if deployed:
            raise PackInvalid("procedure", entry.path, f"it says where or how it runs: {', '.join(deployed)}")
        if procedure_digest(document.spec) != entry.digest:
            raise PackInvalid("procedure", entry.path, "it has another digest than pack.json says")
        return document


def _check_shallow(data: bytes, path: str) -> None:
    """Refuse YAML that takes its reader minutes: PyYAML's own needs time by size and depth, so deep text is found by
    the C library first, which needs time by size alone. A procedure has no use for anchors either.
    """
    depth = 0
    try:
        for event in yaml.parse(data.decode(), Loader=_FAST):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_NESTING:
                raise PackInvalid("procedure", path, f"it is nested deeper than {MAX_NESTING} levels")
            if getattr(event, "anchor", None) is not None:
                raise PackInvalid("procedure", path, "it has an anchor or an alias")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PackInvalid("procedure", path, f"it is no YAML: {getattr(error, 'problem', None) or error}") from None


def _first(document: ReasoningProcedure) -> str:
    return min(document.metadata.model_extra or {"": None})[:80]


def _compare(model: PackManifest, members: Mapping[str, archive.Member], content: bytes) -> None:
    listed = {file.path: file for file in model.files}
    for path in members:
        if path not in listed:
            raise PackInvalid("file-unlisted", f"content: {path}", "pack.json does not list it")
    for path, file in listed.items():
        member = members.get(path)
        if member is None:
            raise PackInvalid("file-missing", f"content: {path}", "pack.json lists it, but it is not there")
        data = memoryview(content)[member.offset : member.offset + member.size]
        if member.size != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
            raise PackInvalid("file-digest", f"content: {path}", "its bytes are not those that pack.json says")
    if sum(listed[entry.path].size for entry in model.procedures) > MAX_PROCEDURE_BYTES:
        raise PackInvalid("content-size", "content", f"its procedures have more than {MAX_PROCEDURE_BYTES} bytes")
