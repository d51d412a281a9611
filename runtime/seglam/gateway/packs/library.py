"""The packs that a data directory holds, with every statement about them: an OCI image layout in `packs/`.

Beside it, `index/ORIGIN/` holds what is known of the index of each origin. Nothing here is believed: digests are
computed anew whenever something is read, and the gate decides whenever something is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from seglam.packs.layout import ImageLayout, Packed, write_directory
from seglam.packs.pack import Pack

PACKS, INDEX = "packs", "index"


class Library:
    """The packs of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = data_dir / PACKS
        self._index = data_dir / INDEX

    def keep(self, pack: Pack, bundles: Iterable[bytes]) -> None:
        """Add a pack, or bundles to a pack that is there. What an interrupted call left is used by the next."""
        self.directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_directory(self.directory, [Packed(pack, tuple(bundles))])

    def packed(self, digest: str) -> Packed | None:
        """A pack with its bundles; None if it is not here. `PackInvalid` if what is here was changed."""
        if not (self.directory / "index.json").is_file():
            return None
        with ImageLayout.open(self.directory) as layout:
            if digest not in layout.digests():
                return None
            return Packed(layout.pack(digest), layout.bundles(digest))

    def digests(self) -> Sequence[str]:
        """Digests of the packs that are here."""
        if not (self.directory / "index.json").is_file():
            return ()
        with ImageLayout.open(self.directory) as layout:
            return layout.digests()

    def index_directory(self, origin: str) -> Path:
        """Where the index of an origin is kept."""
        return self._index / origin
