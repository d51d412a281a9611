"""OCI image layouts (image-spec 1.1), as a directory or as one tar file: packs, their bundles, and files beside them.

`index.json` lists the manifests of packs, named `origin/namespace/pack:version`, those of their bundles, and for each
pack an index of its bundles under the name that the referrers tag scheme gives it, which is how tools that know no
referrers (crane, skopeo) copy them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seglam.packs import archive, oci, strictjson
from seglam.packs.archive import Limits
from seglam.packs.files import alone, open_regular, read_regular, whole, write_whole
from seglam.packs.oci import Descriptor
from seglam.packs.pack import Pack
from seglam.packs.problems import PackInvalid
from seglam.packs.storage import DirectoryFiles, LayoutFiles, TarFiles

DEFAULT_LIMITS = Limits(total=4 * 1024**3, members=100_000, member=64 * 1024**2)
MAX_MANIFESTS = 50_000
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_OWN = ("oci-layout", "index.json")
_DEPTH = 2
_LEFT = re.compile(r"\.(?:oci-layout|index\.json|[0-9a-f]{64})\.[a-z0-9_]{8}")
"""Files of `files.whole` before they have their names."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack with the bundles that travel with it."""

    pack: Pack
    bundles: tuple[bytes, ...] = ()


class ImageLayout:
    """A layout that is read. Blobs are read when they are asked for, and hashed each time. One thread may use it."""

    def __init__(self, files: LayoutFiles) -> None:
        self._files = files
        marker = strictjson.read(self._own("oci-layout"), "oci-layout")
        if not isinstance(marker, dict) or marker.get("imageLayoutVersion") != "1.0.0":
            raise PackInvalid("layout", "oci-layout", "it is no image layout of version 1.0.0")
        self._packs: dict[str, Descriptor] = {}
        self._referrers: dict[str, dict[str, Descriptor]] = {}
        self._foreign: list[Descriptor] = []
        self._seen: dict[str, bool] = {}
        self._entries = oci.index_entries(self._own("index.json"), "index.json")
        for entry in self._entries:
            if not self._sort(entry, _DEPTH):
                self._foreign.append(entry)

    @classmethod
    def open(cls, path: Path, limits: Limits = DEFAULT_LIMITS) -> ImageLayout:
        """Open a directory or a tar file. Use it as a context, or close it.

        Raises:
            PackInvalid: it is no layout, or an archive that is not allowed.
            OSError: it cannot be read.
        """
        if path.is_dir():
            return cls(DirectoryFiles(path, limits))
        stream = open_regular(path.resolve())
        try:
            return cls(TarFiles(stream, limits, owned=True))
        except BaseException:
            stream.close()
            raise

    @classmethod
    def read(cls, stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> ImageLayout:
        """Open a tar file that is already open (seekable); the caller closes it.

        Raises:
            PackInvalid: it is no layout, or an archive that is not allowed.
        """
        return cls(TarFiles(stream, limits, owned=False))

    def __enter__(self) -> ImageLayout:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what `open` opened."""
        self._files.close()

    def digests(self) -> tuple[str, ...]:
        """Digests of the packs, in the order in which they are listed."""
        return tuple(self._packs)

    def pack(self, digest: str | None = None) -> Pack:
        """One pack, or the only one.

        Raises:
            PackInvalid: `layout-pack`: it is not there, or none was named and there are several; and as `Pack.read`.
        """
        if digest is None:
            if len(self._packs) != 1:
                raise PackInvalid("layout-pack", "index.json", f"it lists {len(self._packs)} packs; say which")
            digest = next(iter(self._packs))
        if digest not in self._packs:
            raise PackInvalid("layout-pack", "index.json", f"it lists no pack {digest}")
        manifest = self._blob(self._packs[digest])
        config, content = oci.pack_parts(manifest)
        return Pack.read(manifest, self._blob(config), self._blob(content), digest=digest)

    def bundles(self, digest: str) -> tuple[bytes, ...]:
        """The bundles of a pack, in the order in which they are listed, each once.

        Raises:
            PackInvalid: a bundle is damaged or not allowed.
        """
        found: dict[str, bytes] = {}
        for referrer in self._referrers.get(digest, {}).values():
            layer = oci.bundle_of(self._blob(referrer), digest)
            if layer is not None and layer.digest not in found:
                found[layer.digest] = self._blob(layer)
                oci.check_bundles(found.values())
        return tuple(found.values())

    def packed(self) -> Iterator[Packed]:
        """All packs with their bundles, one after the other."""
        for digest in self._packs:
            yield Packed(self.pack(digest), self.bundles(digest))

    def foreign(self) -> tuple[Descriptor, ...]:
        """Entries of `index.json` that are neither packs nor bundles."""
        return tuple(self._foreign)

    def replaced(self, packs: Mapping[str, list[Descriptor]]) -> list[Descriptor]:
        """The entries of `index.json` with those of some packs, by their digests, in place of what it says of them."""
        tags = tuple(oci.referrers_tag(digest) for digest in packs)
        old = {digest for pack in packs for digest in self._referrers.get(pack, ())}
        left = dict(packs)
        entries: list[Descriptor] = []
        for entry in self._entries:
            if entry.digest in packs:
                entries += left.pop(entry.digest, [])
            elif entry.digest not in old and not entry.annotation(oci.REF_NAME).endswith(tags):
                entries.append(entry)
        return entries + [entry for more in left.values() for entry in more]

    def extras(self) -> tuple[str, ...]:
        """Paths of the files beside the layout, such as `tuf/root.json`."""
        return tuple(path for path in self._files.paths() if path not in _OWN and not path.startswith("blobs/"))

    def extra(self, path: str) -> bytes:
        """Bytes of one file beside the layout.

        Raises:
            KeyError: there is no such file.
        """
        if path not in self.extras():
            raise KeyError(path)
        return self._files.read(path)

    def _own(self, path: str) -> bytes:
        try:
            return self._files.read(path)
        except KeyError:
            raise PackInvalid("layout", path, "it is missing, so this is no image layout") from None

    def _blob(self, descriptor: Descriptor) -> bytes:
        path = "blobs/" + descriptor.digest.replace(":", "/", 1)
        try:
            return descriptor.check(self._files.read(path), path)
        except KeyError:
            raise PackInvalid("blob-missing", path, "the layout lists this blob, but it is not there") from None

    def _sort(self, entry: Descriptor, depth: int) -> bool:
        """Note a pack, a referrer, or those of a nested index; whether it was one of them.

        Each manifest is read once, however often it is listed, so that the work is bounded by the layout's size.
        """
        if entry.digest not in self._seen:
            if len(self._seen) >= MAX_MANIFESTS:
                raise PackInvalid("index", "index.json", f"it lists more than {MAX_MANIFESTS} manifests")
            self._seen[entry.digest] = False
            self._seen[entry.digest] = self._note(entry, depth)
        return self._seen[entry.digest]

    def _note(self, entry: Descriptor, depth: int) -> bool:
        if entry.media_type not in (oci.MANIFEST, oci.INDEX) or entry.size > oci.MAX_MANIFEST_BYTES:
            return False
        data = self._blob(entry)
        where = f"blobs/{entry.digest}"
        if entry.media_type == oci.INDEX:
            nested = oci.index_entries(data, where) if depth else []
            known = [self._sort(inner, depth - 1) for inner in nested]
            return depth > 0 and all(known)
        value = strictjson.read(data, where, limit=oci.MAX_MANIFEST_BYTES)
        subject = value.get("subject") if isinstance(value, dict) else None
        if subject is not None:
            held = self._referrers.setdefault(Descriptor.read(subject, f"{where}: subject").digest, {})
            held.setdefault(entry.digest, entry)
            if len(held) > oci.MAX_REFERRERS:
                raise PackInvalid("referrers", where, f"its subject has more than {oci.MAX_REFERRERS} referrers")
            return True
        if isinstance(value, dict) and value.get("artifactType") == oci.PACK:
            self._packs.setdefault(entry.digest, entry)
            return True
        return False


_Put = Callable[[str, bytes], None]


def write_tar(path: Path, packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> None:
    """Write a layout as one tar file: it is there whole, or as before. `packs` may come from the file itself.

    Raises:
        PackInvalid: a path of `extras` is not allowed, or a bundle is none.
        OSError: it cannot be written.
    """
    with whole(path) as stream:
        _write(stream, packs, extras or {})


def tar_bytes(packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> bytes:
    """A layout as one tar, in memory: what is posted to a registry.

    Raises:
        PackInvalid: as `write_tar`.
    """
    stream = io.BytesIO()
    _write(stream, packs, extras or {})
    return stream.getvalue()


def write_directory(path: Path, packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> None:
    """Write a layout as a directory, or add to the one that is there. Several may add at once; each waits its turn.

    Blobs come first and those that are there are kept, if they are what they should be, so that an interrupted call is
    resumed by the same call; `index.json` is replaced last, in one step.

    Raises:
        PackInvalid: as `write_tar`, or the directory holds something else than a layout.
        OSError: it cannot be written.
    """
    beside = _beside(extras or {})
    path.mkdir(parents=True, exist_ok=True)

    def put(name: str, data: bytes) -> None:
        target = path / name
        if not _holds(target, data):
            write_whole(target, data)

    with alone(path):
        _sweep(path)
        if any(path.iterdir()) and not (path / "oci-layout").exists():
            raise PackInvalid("layout", str(path), "the directory holds something else than an image layout")
        put("oci-layout", MARKER)
        for name, data in beside:
            put(name, data)
        if not (path / "index.json").exists():
            put("index.json", oci.index_manifest(_flat(_blobs(put, packs))))
            return
        with ImageLayout.open(path) as layout:
            grown = [Packed(each.pack, (*layout.bundles(each.pack.digest), *each.bundles)) for each in merged(packs)]
            put("index.json", oci.index_manifest(layout.replaced(_blobs(put, grown))))


def _sweep(path: Path) -> None:
    """Remove what a killed call left: files that had not got their names yet. Nobody else writes here meanwhile."""
    for folder in (path, path / "blobs" / "sha256"):
        for left in folder.glob(".*"):
            if _LEFT.fullmatch(left.name) and not left.is_symlink():
                left.unlink(missing_ok=True)


def add_bundles(path: Path, digest: str, bundles: Iterable[bytes]) -> None:
    """Add bundles to a pack of a layout, directory or tar; those that it has stay as they are.

    Raises:
        PackInvalid: the layout has no such pack, or a bundle is none.
        OSError: it cannot be read or written.
    """
    with ImageLayout.open(path) as layout:
        added = Packed(layout.pack(digest), tuple(bundles))
        if path.is_dir():
            write_directory(path, [added])
        else:
            extras = {name: layout.extra(name) for name in layout.extras()}
            write_tar(path, merged([*layout.packed(), added]), extras)


def merged(packs: Iterable[Packed]) -> list[Packed]:
    """Each pack once, with all its bundles, each once, in the order in which they came."""
    found: dict[str, Packed] = {}
    for packed in packs:
        known = found.get(packed.pack.digest, Packed(packed.pack))
        found[packed.pack.digest] = Packed(packed.pack, tuple(dict.fromkeys((*known.bundles, *packed.bundles))))
    return list(found.values())


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_regular(path, DEFAULT_LIMITS.member) == data
    except FileNotFoundError:
        return False
    except PackInvalid:  # a link or device stands there: it is replaced
        return False


def _beside(extras: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """Files beside the layout, sorted; their paths are none of its own."""
    for name, data in extras.items():
        archive.header(name, len(data))  # refuses what is no path of ours
        if name in _OWN or name.startswith("blobs/"):
            raise PackInvalid("layout", name, "this path belongs to the layout itself")
    return sorted(extras.items(), key=lambda item: item[0].encode())


def _write(stream: BinaryIO, packs: Iterable[Packed], extras: Mapping[str, bytes]) -> None:
    written: set[str] = set()

    def put(name: str, data: bytes) -> None:
        if name not in written:
            written.add(name)
            archive.add(stream, name, data)

    put("oci-layout", MARKER)
    for name, data in _beside(extras):
        put(name, data)
    put("index.json", oci.index_manifest(_flat(_blobs(put, packs))))
    archive.finish(stream)


def _flat(packs: Mapping[str, list[Descriptor]]) -> list[Descriptor]:
    return [entry for entries in packs.values() for entry in entries]


def _blobs(put: _Put, packs: Iterable[Packed]) -> dict[str, list[Descriptor]]:
    """Write the blobs of packs and bundles; returns the entries of `index.json` by the digests of the packs."""

    def blob(data: bytes) -> None:
        put("blobs/" + oci.digest_of(data).replace(":", "/", 1), data)

    written: dict[str, list[Descriptor]] = {}
    for packed in packs:
        pack = packed.pack
        for data in pack.blobs.values():
            blob(data)
        entries = [_named(pack.descriptor, f"{pack.release.name}:{pack.release.tag}")]
        referrers = []
        for bundle in dict.fromkeys(packed.bundles):
            manifest = oci.bundle_manifest(bundle, pack.descriptor)
            for data in (oci.EMPTY_BYTES, bundle, manifest):
                blob(data)
            referrers.append(oci.referrer(manifest))
        if referrers:
            index = oci.index_manifest(referrers)
            blob(index)
            name = f"{pack.release.name}:{oci.referrers_tag(pack.digest)}"
            entries += [*referrers, _named(Descriptor.to(oci.INDEX, index), name)]
        written.setdefault(pack.digest, []).extend(entries)
    return written


def _named(descriptor: Descriptor, name: str) -> Descriptor:
    return Descriptor(
        descriptor.media_type,
        descriptor.digest,
        descriptor.size,
        descriptor.artifact_type,
        (*descriptor.annotations, (oci.REF_NAME, name)),
    )
