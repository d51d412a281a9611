"""OCI image layouts (image-spec 1.1), as a directory or as one tar file: packs, their bundles, and files beside them.

`index.json` lists the manifests of packs, named `origin/namespace/pack:version`, those of their bundles, and for each
pack an index of its bundles under the name that the referrers tag scheme gives it, which is how tools that know no
referrers (crane, skopeo) copy them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seglam.packs.archive import Limits
from seglam.packs.pack import Pack

DEFAULT_LIMITS = Limits(total=4 * 1024**3, members=100_000, member=64 * 1024**2)


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack with the bundles that travel with it."""

    pack: Pack
    bundles: tuple[bytes, ...] = ()


class ImageLayout:
    """A layout that is read. Blobs are read when they are asked for, and hashed each time."""

    @classmethod
    def open(cls, path: Path, limits: Limits = DEFAULT_LIMITS) -> ImageLayout:
        """Open a directory or a tar file. Use it as a context, or close it.

        Raises:
            PackInvalid: it is no layout, or an archive that is not allowed.
            OSError: it cannot be read.
        """
        raise NotImplementedError

    @classmethod
    def read(cls, stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> ImageLayout:
        """Open a tar file that is already open (seekable); the caller closes it."""
        raise NotImplementedError

    def __enter__(self) -> ImageLayout:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what `open` opened."""
        raise NotImplementedError

    def digests(self) -> tuple[str, ...]:
        """Digests of the packs, in the order in which they are listed."""
        raise NotImplementedError

    def pack(self, digest: str | None = None) -> Pack:
        """One pack, or the only one.

        Raises:
            PackInvalid: `layout-pack`: it is not there, or none was named and there are several; and as `Pack.read`.
        """
        raise NotImplementedError

    def bundles(self, digest: str) -> tuple[bytes, ...]:
        """The bundles of a pack, in the order in which they are listed, each once.

        Raises:
            PackInvalid: a bundle is damaged or not allowed.
        """
        raise NotImplementedError

    def packed(self) -> tuple[Packed, ...]:
        """All packs with their bundles."""
        raise NotImplementedError

    def extras(self) -> tuple[str, ...]:
        """Paths of the files beside the layout, such as `tuf/root.json`."""
        raise NotImplementedError

    def extra(self, path: str) -> bytes:
        """Bytes of one file beside the layout.

        Raises:
            KeyError: there is no such file.
        """
        raise NotImplementedError


def write_tar(path: Path, packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> None:
    """Write a layout as one tar file, atomically: the file is there whole, or not at all."""
    raise NotImplementedError


def tar_bytes(packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> bytes:
    """A layout as one tar, in memory: what is posted to a registry."""
    raise NotImplementedError


def write_directory(path: Path, packs: Iterable[Packed], extras: Mapping[str, bytes] | None = None) -> None:
    """Write a layout as a directory, or add to the one that is there. Blobs come first and are kept, so that an
    interrupted call is resumed by the same call; `index.json` is replaced last, in one step.
    """
    raise NotImplementedError
